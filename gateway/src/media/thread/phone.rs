// SPDX-License-Identifier: EUPL-1.2
//! The sockets, encryption and reports of a phone, or of a WebRTC peer whose way and keys an engine finds.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use landbridge_codecs::Level;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use tokio::sync::mpsc;

use super::clock::Clock;
use super::engine::{Datagram, EngineSide, Found, Port};
use super::wire::BrowserWire;
use crate::media::Latch;
use crate::media::ports::{Lease, PortPair};
use crate::media::rtp::packet::{self, EXTENSION, HEADER, Outgoing, Packet, Sort};
use crate::media::rtp::receipts::{Receipts, units_65536};
use crate::media::rtp::rtcp::{self, Said, SenderInfo};
use crate::media::rtp::source::Source;
use crate::media::rtp::srtp::{Opener, Sealer};
use crate::media::sdp::negotiate::Keys;
use crate::media::sdp::{Session, Suite};

/// One phone's side of the wire.
pub(crate) struct Phone {
    /// RTP and RTCP; of a peer one for each address, for both.
    sockets: Vec<UdpSocket>,
    /// The one that RTP leaves from.
    rtp: usize,
    /// Declared after the sockets, so that the port is closed before it drains.
    _lease: Option<Lease>,
    /// Of a peer: what the engine is told, socket by socket, and what it found.
    inboxes: Vec<(SocketAddr, mpsc::Sender<Datagram>)>,
    engine: Option<EngineSide>,
    source: Source,
    rtcp_remote: Option<SocketAddr>,
    rtcp_mux: bool,
    /// Every sealer ever used: a key that comes back continues its packet index, so no keystream is used twice.
    sealers: Vec<(Suite, Vec<u8>, Sealer)>,
    sealing: Option<usize>,
    /// The session has keys: nothing is sent in clear.
    secure: bool,
    opener: Option<(Vec<u8>, Opener)>,
    /// The far end sends many streams at the same time.
    many: bool,
    receipts: Option<Receipts>,
    newest: Option<u16>,
    next_report: Instant,
    pub(super) counts: Counts,
    pub(super) rtt: Option<Duration>,
    /// Share of our packets that the far end lost [1/256], smoothed.
    loss: f32,
    cname: [u8; 16],
    /// Our own stream, as reports name it.
    pub(super) ssrc: u32,
}

/// What a phone's sockets dropped and why.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) foreign: u64,
    pub(super) unauthenticated: u64,
    pub(super) malformed: u64,
    pub(super) other_stream: u64,
}

/// Sockets of one leg at most; more addresses are not listened to.
pub(super) const SOCKETS: usize = 8;
const RTP: usize = 0;
const RTCP: usize = 1;
/// What is as loud as this is called a voice [-dBov].
const VOICE: u8 = 50;

/// What a datagram turned out to be.
pub(super) enum Arrival<'a> {
    /// A packet, and its RFC 6464 level.
    Rtp(Packet<'a>, Option<u8>),
    Rtcp,
    Dropped,
}

impl Phone {
    /// Takes over two bound sockets.
    pub(super) fn new(pair: PortPair, latch: Latch) -> Phone {
        let PortPair { rtp, rtcp, lease } = pair;
        Phone {
            _lease: Some(lease),
            ..Phone::of(vec![UdpSocket::from_std(rtp), UdpSocket::from_std(rtcp)], latch)
        }
    }

    /// Takes over the sockets of a peer's connection.
    pub(super) fn of_peer(ports: Vec<Port>, engine: EngineSide) -> Phone {
        let (mut sockets, mut inboxes) = (Vec::new(), Vec::new());
        for port in ports.into_iter().take(SOCKETS) {
            sockets.push(UdpSocket::from_std(port.socket));
            inboxes.push((port.local, port.inbox));
        }
        Phone {
            inboxes,
            ssrc: engine.ssrc,
            engine: Some(engine),
            rtcp_mux: true,
            secure: true,
            ..Phone::of(sockets, Latch::Nobody)
        }
    }

    fn of(sockets: Vec<UdpSocket>, latch: Latch) -> Phone {
        Phone {
            sockets,
            rtp: RTP,
            _lease: None,
            inboxes: Vec::new(),
            engine: None,
            source: Source::new(None, latch),
            rtcp_remote: None,
            rtcp_mux: false,
            sealers: Vec::new(),
            sealing: None,
            secure: false,
            opener: None,
            many: false,
            receipts: None,
            newest: None,
            next_report: Instant::now() + Duration::from_millis(1500),
            counts: Counts::default(),
            rtt: None,
            loss: 0.0,
            cname: cname(),
            ssrc: rand::random(),
        }
    }

    /// Returns where RTP goes.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.source.remote()
    }

    /// Returns the share of our packets that the far end reports as lost [%].
    pub(super) fn loss_percent(&self) -> u8 {
        (self.loss / 2.56).round().clamp(0.0, 100.0) as u8
    }

    /// Watches both sockets.
    pub(super) fn register(&mut self, registry: &Registry, slot: usize) -> io::Result<()> {
        for (at, socket) in self.sockets.iter_mut().enumerate() {
            registry.register(socket, Token(SOCKETS * slot + at), Interest::READABLE)?;
        }
        Ok(())
    }

    /// Stops watching.
    pub(super) fn deregister(&mut self, registry: &Registry) {
        for socket in &mut self.sockets {
            // Fails only for a socket that was never watched.
            let _ = registry.deregister(socket);
        }
    }

    /// Takes addresses and keys of a new session; returns whether the remote key changed.
    pub(super) fn configure(&mut self, session: &Session) -> bool {
        if self.engine.is_some() {
            return false;
        }
        self.source.redescribe(session.remote_rtp);
        self.rtcp_mux = session.rtcp_mux;
        self.rtcp_remote = session.remote_rtcp;
        self.secure = session.keys.is_some();
        match &session.keys {
            Some(keys) => self.use_keys(keys),
            None => {
                self.sealing = None;
                self.opener.take().is_some()
            }
        }
    }

    /// Seals and opens with these keys from now on; returns whether the remote one changed.
    fn use_keys(&mut self, keys: &Keys) -> bool {
        let known = self
            .sealers
            .iter()
            .position(|(suite, key, _)| *suite == keys.suite && *key == keys.local);
        self.sealing = known.or_else(|| {
            let sealer = Sealer::new(keys.suite, &keys.local)?;
            self.sealers.push((keys.suite, keys.local.clone(), sealer));
            Some(self.sealers.len() - 1)
        });
        if self.opener.as_ref().is_some_and(|(remote, _)| *remote == keys.remote) {
            return false;
        }
        let opener = if self.many { Opener::of_many } else { Opener::new };
        self.opener = opener(keys.suite, &keys.remote).map(|opener| (keys.remote.clone(), opener));
        true
    }

    /// Tells whether this is a WebRTC peer.
    pub(super) fn is_peer(&self) -> bool {
        self.engine.is_some()
    }

    /// Tells whether the sound goes through the engine.
    pub(super) fn is_relayed(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.relayed)
    }

    /// Returns the way of the sound through the engine, where it has to go there.
    pub(super) fn relay(&mut self) -> Option<&mut BrowserWire> {
        self.engine
            .as_mut()
            .filter(|engine| engine.relayed)
            .map(|engine| &mut engine.relay)
    }

    /// Learns what the engine found out; call it every tick.
    pub(super) fn learn(&mut self) {
        while let Some(found) = self.engine.as_ref().and_then(|engine| engine.found.try_recv().ok()) {
            match found {
                Found::Keys(keys) => {
                    self.use_keys(&keys);
                }
                Found::Way { local, remote } => {
                    let family = |(at, _): &(SocketAddr, _)| at.is_ipv4() == remote.is_ipv4();
                    // Behind 1:1 NAT the candidate's address is not the socket's.
                    let of_local = self.inboxes.iter().position(|(at, _)| *at == local);
                    self.rtp = of_local.or_else(|| self.inboxes.iter().position(family)).unwrap_or(RTP);
                    self.source.redescribe(Some(remote));
                }
                Found::Relay => {
                    if let Some(engine) = &mut self.engine {
                        engine.relayed = true;
                    }
                }
            }
        }
    }

    /// Hands a datagram on to the engine when it is not sound; returns whether it did.
    pub(super) fn hand_on(&mut self, socket: usize, from: SocketAddr, datagram: &[u8]) -> bool {
        let Some(engine) = &self.engine else { return false };
        if !engine.relayed && packet::sort(datagram) != Sort::Neither {
            return false;
        }
        if let Some((_, inbox)) = self.inboxes.get(socket) {
            // An engine that does not keep up is asked again by its peer.
            let _ = inbox.try_send(Datagram {
                from,
                bytes: datagram.to_vec(),
            });
        }
        true
    }

    /// Reads one datagram; `None` when there is none.
    pub(super) fn read(&self, socket: usize, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let socket = self.sockets.get(socket)?;
        loop {
            match socket.recv_from(buffer) {
                Ok(read) => return Some(read),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // An unreachable peer is told on the next read; what came is still there.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return None,
            }
        }
    }

    /// Lets many streams come at the same time: this is a partner.
    pub(super) fn expect_many(&mut self) {
        self.many = true;
    }

    /// Opens a partner's packet or compound; `None` when it is not authentic or was seen before.
    pub(super) fn open(&mut self, datagram: &[u8]) -> Option<BytesMut> {
        if self.opener.is_none() {
            self.learn();
        }
        let opened = self
            .opener
            .as_mut()
            .and_then(|(_, opener)| match packet::sort(datagram) {
                Sort::Rtp => opener.open_rtp(datagram),
                Sort::Rtcp => opener.open_rtcp(datagram),
                Sort::Neither => None,
            });
        self.counts.unauthenticated += u64::from(opened.is_none());
        opened
    }

    /// Returns the id of the RFC 6464 level.
    pub(super) fn level_id(&self) -> Option<u8> {
        self.engine.as_ref().and_then(EngineSide::level_id)
    }

    /// Returns our name in reports.
    pub(super) fn cname(&self) -> &[u8; 16] {
        &self.cname
    }

    /// Sends a partner a compound; never in clear.
    pub(super) fn send_compound(&mut self, plain: &[u8]) {
        let (Some(to), Some(socket)) = (self.source.remote(), self.sockets.get(self.rtp)) else {
            return;
        };
        let sealer = self.sealing.and_then(|at| self.sealers.get_mut(at));
        if let Some(sealed) = sealer.and_then(|(_, _, sealer)| sealer.seal_rtcp(plain)) {
            // A report that is lost is followed by another.
            let _ = socket.send_to(&sealed, to);
        }
    }

    /// Authenticates a datagram, then learns from it. `opened` holds the plain text where there was cipher text.
    pub(super) fn take<'a>(
        &mut self,
        now: Instant,
        clock: &Clock,
        from: SocketAddr,
        datagram: &'a [u8],
        opened: &'a mut BytesMut,
        session: &Session,
    ) -> Arrival<'a> {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        match packet::sort(datagram) {
            Sort::Neither => {
                self.counts.malformed += 1;
                return Arrival::Dropped;
            }
            Sort::Rtcp => return self.take_rtcp(now, clock, from, datagram),
            Sort::Rtp => {}
        }
        let secure = session.keys.is_some() || self.engine.is_some();
        if self.engine.is_some() && self.opener.is_none() {
            self.learn();
        }
        let plain: &'a [u8] = if secure {
            let Some(text) = self.opener.as_mut().and_then(|(_, opener)| opener.open_rtp(datagram)) else {
                self.counts.unauthenticated += 1;
                return Arrival::Dropped;
            };
            *opened = text;
            opened
        } else {
            datagram
        };
        let Some(packet) = Packet::parse(plain) else {
            self.counts.malformed += 1;
            return Arrival::Dropped;
        };
        // After parsing: what is no RTP must not take the one latch.
        if !secure && !self.source.believes(from) {
            self.counts.foreign += 1;
            return Arrival::Dropped;
        }
        // A packet that the network held back must not move the address back.
        let newer = self
            .newest
            .is_none_or(|newest| packet.sequence.wrapping_sub(newest) as i16 > 0);
        if newer {
            self.newest = Some(packet.sequence);
            // To a peer's address nothing goes that ICE has not asked for (RFC 7675).
            if secure && self.engine.is_none() {
                self.source.authenticated(from);
            }
        }
        let level = self.engine.as_ref().and_then(EngineSide::level_id);
        Arrival::Rtp(packet, level.and_then(|id| packet::extension(plain, id)))
    }

    /// Counts an accepted packet; `fresh` when it begins a new stream.
    pub(super) fn accepted(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32, fresh: bool) {
        self.counts.accepted += 1;
        // Two seconds of sound: by now a latched address has proved itself.
        if self.counts.accepted == 100 {
            self.source.lock();
        }
        if fresh {
            self.receipts = None;
            self.newest = Some(packet.sequence);
        }
        self.receipts
            .get_or_insert_with(|| Receipts::new(now, packet.ssrc, packet.sequence, clock_rate))
            .packet(now, packet.sequence, packet.timestamp);
    }

    /// Sends one packet; what the network does not take at once is dropped.
    pub(super) fn send(&mut self, header: Outgoing, level: Level, payload: &[u8]) {
        let Some(remote) = self.source.remote() else { return };
        // RFC 6464 §3: a voice flag and seven bits of level.
        let level = level.0.min(127) | u8::from(level.0 <= VOICE) << 7;
        let extension = self
            .engine
            .as_ref()
            .and_then(EngineSide::level_id)
            .map(|id| (id, level));
        let mut buffer = [0u8; HEADER + EXTENSION + landbridge_codecs::MAX_PAYLOAD];
        let len = header.write(extension, payload, &mut buffer);
        let plain = &buffer[..len];
        let Some(socket) = self.sockets.get(self.rtp) else {
            return;
        };
        let sent = match self.sealing.and_then(|at| self.sealers.get_mut(at)) {
            Some((_, _, sealer)) => match sealer.seal_rtp(plain) {
                Some(sealed) => socket.send_to(&sealed, remote),
                None => return,
            },
            // A session with keys that has no sealer must stay silent rather than speak in clear.
            None if self.secure => return,
            None => socket.send_to(plain, remote),
        };
        // Loss is what the far end's jitter buffer is for.
        let _ = sent;
    }

    /// Sends a report when it is time (RFC 3550 §6.2: five seconds, give or take half).
    pub(super) fn report(&mut self, now: Instant, clock: &Clock, sender: Option<(u32, u64, u64)>) {
        if now < self.next_report {
            return;
        }
        let spread = u64::from(
            self.ssrc
                .wrapping_mul(0x9e37_79b9)
                .wrapping_add(self.counts.accepted as u32)
                % 5000,
        );
        self.next_report = now + Duration::from_millis(2500 + spread);
        self.send_report(now, clock, sender, false);
    }

    /// Says good-bye.
    pub(super) fn bye(&mut self, now: Instant, clock: &Clock) {
        self.send_report(now, clock, None, true);
    }

    fn send_report(&mut self, now: Instant, clock: &Clock, sender: Option<(u32, u64, u64)>, bye: bool) {
        let to = if self.rtcp_mux {
            self.source.remote()
        } else {
            self.rtcp_remote
        };
        let Some(to) = to else { return };
        let sender = sender.map(|(timestamp, packets, bytes)| SenderInfo {
            ntp: clock.ntp(now),
            timestamp,
            packets: packets as u32,
            bytes: bytes as u32,
        });
        let block = self.receipts.as_mut().map(|receipts| receipts.report(now));
        let mut buffer = [0; rtcp::MAX];
        let len = rtcp::write(self.ssrc, sender, block, &self.cname, bye, &mut buffer);
        let socket = self.sockets.get(if self.rtcp_mux { self.rtp } else { RTCP });
        let Some(socket) = socket else { return };
        let plain = &buffer[..len];
        let _ = match self.sealing.and_then(|at| self.sealers.get_mut(at)) {
            Some((_, _, sealer)) => match sealer.seal_rtcp(plain) {
                Some(sealed) => socket.send_to(&sealed, to),
                None => return,
            },
            None if self.secure => return,
            None => socket.send_to(plain, to),
        };
    }

    fn take_rtcp(&mut self, now: Instant, clock: &Clock, from: SocketAddr, datagram: &[u8]) -> Arrival<'static> {
        let opened;
        let compound = match &mut self.opener {
            Some((_, opener)) => match opener.open_rtcp(datagram) {
                Some(text) => {
                    opened = text;
                    &opened[..]
                }
                None => {
                    self.counts.unauthenticated += 1;
                    return Arrival::Dropped;
                }
            },
            None => {
                // Plain reports are believed from the address that the sound comes from, or from the one described.
                let known = self.source.remote().is_some_and(|remote| remote.ip() == from.ip())
                    || self.rtcp_remote == Some(from);
                if !known {
                    self.counts.foreign += 1;
                    return Arrival::Dropped;
                }
                datagram
            }
        };
        let (receipts, rtt, loss, ssrc) = (&mut self.receipts, &mut self.rtt, &mut self.loss, self.ssrc);
        let good = rtcp::read(compound, |said| match said {
            Said::Sender(sender, info) => {
                if let Some(receipts) = receipts.as_mut().filter(|r| r.ssrc() == sender) {
                    receipts.sender_report(now, (info.ntp >> 16) as u32);
                }
            }
            Said::Report(block) if block.ssrc == ssrc => {
                *loss += (f32::from(block.fraction_lost) - *loss) * 0.5;
                if block.last_report != 0 {
                    let elapsed = clock
                        .ntp_middle(now)
                        .wrapping_sub(block.last_report)
                        .wrapping_sub(block.delay);
                    let trip = Duration::from_micros(u64::from(elapsed) * 1_000_000 / 65_536);
                    // A far end whose clock arithmetic is wrong would otherwise claim hours.
                    if trip < Duration::from_secs(10) && units_65536(trip) < u32::MAX / 2 {
                        *rtt = Some(trip);
                    }
                }
            }
            Said::Report(_) | Said::Bye(_) => {}
        });
        if !good {
            self.counts.malformed += 1;
            return Arrival::Dropped;
        }
        // Behind NAT the reports come from a port of their own.
        if self.rtcp_remote != Some(from)
            && self
                .rtcp_remote
                .is_none_or(|r| self.opener.is_some() || r.ip() != from.ip())
        {
            self.rtcp_remote = Some(from);
        }
        Arrival::Rtcp
    }
}

fn cname() -> [u8; 16] {
    // RFC 7022 §4.2: a fresh random name for each session, which tells nothing about the machine.
    let random: [u8; 16] = rand::random();
    random.map(|byte| b"abcdefghijklmnopqrstuvwxyz012345"[usize::from(byte & 31)])
}
