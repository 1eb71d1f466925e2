// SPDX-License-Identifier: EUPL-1.2
//! A phone made of a plain socket: it offers, sends a tone, and remembers what it hears.

use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use landbridge_codecs::tone::{Tone, spectrum};
use landbridge_codecs::{Codec, Encoder, EncoderOptions, Frame, MAX_PAYLOAD, Playout, PlayoutOptions, RtpPayload};

use crate::call::LegId;
use crate::media::rtp::digits::{DigitSender, Tick};
use crate::media::rtp::packet::{self, Outgoing, Packet, Sort};
use crate::media::rtp::srtp::{Opener, Sealer};
use crate::media::sdp::crypto::CryptoLine;
use crate::media::sdp::format::{self, FormatKind};
use crate::media::sdp::{Description, LocalKeys, Suite};
use crate::media::words::{Encryption, Latch, LegEvents, MediaConfig, PhonePolicy};
use crate::media::{Event, Plane, Refusal};

/// How a phone calls.
#[derive(Clone)]
pub(in crate::media) struct Call {
    pub(in crate::media) codec: Codec,
    pub(in crate::media) suite: Option<Suite>,
    pub(in crate::media) hertz: f64,
    pub(in crate::media) amplitude: i16,
    pub(in crate::media) digits: (u8, u32),
    pub(in crate::media) ptime_ms: u16,
    pub(in crate::media) trusted: bool,
    /// Offers another address than it sends from, as behind NAT.
    pub(in crate::media) behind_nat: bool,
}

impl Call {
    pub(in crate::media) fn new(codec: Codec, hertz: f64) -> Call {
        Call {
            codec,
            suite: None,
            hertz,
            amplitude: 6000,
            digits: (101, 8000),
            ptime_ms: 20,
            trusted: true,
            behind_nat: false,
        }
    }
}

pub(in crate::media) struct Far {
    pub(in crate::media) leg: LegId,
    pub(in crate::media) events: LegEvents,
    pub(in crate::media) socket: UdpSocket,
    pub(in crate::media) remote: SocketAddr,
    pub(in crate::media) speaking: bool,
    pub(in crate::media) sealer: Option<Sealer>,
    pub(in crate::media) packets: usize,
    pub(in crate::media) payload_bytes: usize,
    pub(in crate::media) first_packet: Option<Instant>,
    pub(in crate::media) digits_heard: Vec<u8>,
    pub(in crate::media) ssrc: u32,
    call: Call,
    opener: Option<Opener>,
    payload_type: u8,
    pub(in crate::media) tone: Tone,
    encoder: Encoder,
    playout: Playout,
    sequence: u16,
    timestamp: u32,
    keys: DigitSender,
    heard: Vec<i16>,
}

/// Starts a plane of two threads on loopback with ports of its own.
pub(in crate::media) fn plane(ports: RangeInclusive<u16>) -> Plane {
    Plane::start(config(ports)).unwrap()
}

pub(in crate::media) fn config(ports: RangeInclusive<u16>) -> MediaConfig {
    MediaConfig {
        ports,
        threads: 2,
        max_speakers: 4,
        ..MediaConfig::default()
    }
}

impl Far {
    /// Calls in and is answered.
    pub(in crate::media) fn call(plane: &Plane, call: Call) -> Far {
        Far::try_call(plane, call, &PhonePolicy::default()).unwrap()
    }

    pub(in crate::media) fn try_call(plane: &Plane, call: Call, policy: &PhonePolicy) -> Result<Far, Refusal> {
        let policy = PhonePolicy {
            trusted: call.trusted,
            latch: if call.trusted { Latch::Anyone } else { Latch::Nobody },
            secure_signalling: true,
            ..policy.clone()
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let keys = LocalKeys::new(rand::random::<[[u8; 32]; 3]>().map(|half| {
            let mut key = [9; 44];
            key[..32].copy_from_slice(&half);
            key
        }));
        let leg = LegId::next();
        let offer = call.offer(&socket, &keys, "sendrecv");
        let (answer, events) = plane.answer(leg, offer.as_bytes(), &policy)?;
        let answer = Description::parse(&answer)?;
        let line = &answer.media[0];
        let theirs = line.crypto.first();
        assert_eq!(
            theirs.map(|c| c.suite),
            call.suite.filter(|_| policy.encryption != Encryption::Off)
        );
        let payload_type = line
            .formats
            .iter()
            .find(|f| f.kind == FormatKind::Audio(call.codec))
            .map(|f| f.payload_type)
            .unwrap();
        Ok(Far {
            leg,
            events,
            remote: SocketAddr::new(line.address.unwrap(), line.port),
            speaking: true,
            sealer: theirs.and_then(|c| Sealer::new(c.suite, keys.of(c.suite))),
            opener: theirs.and_then(|c| Opener::new(c.suite, &c.key_and_salt)),
            packets: 0,
            payload_bytes: 0,
            first_packet: None,
            digits_heard: Vec::new(),
            ssrc: rand::random(),
            payload_type,
            tone: Tone::sine(call.hertz, call.amplitude),
            encoder: Encoder::new(call.codec, &EncoderOptions::default()).unwrap(),
            playout: Playout::new(call.codec, PlayoutOptions::default()).unwrap(),
            sequence: 0,
            timestamp: rand::random(),
            keys: DigitSender::default(),
            heard: Vec::new(),
            socket,
            call,
        })
    }

    /// Offers again with another direction, as hold and resume do.
    pub(in crate::media) fn reoffer(&self, plane: &Plane, direction: &str) -> String {
        let offer = self.call.offer(&self.socket, &LocalKeys::new([[0; 44]; 3]), direction);
        String::from_utf8(plane.reoffer(self.leg, Some(offer.as_bytes())).unwrap()).unwrap()
    }

    pub(in crate::media) fn press(&mut self, digits: &str) {
        self.keys.queue(digits);
    }

    /// Returns which of some tones were heard since the last [`forget`](Far::forget).
    pub(in crate::media) fn hears(&self, candidates: &[f64]) -> Vec<f64> {
        let skip = self.heard.len().saturating_sub(48_000);
        spectrum::heard(&self.heard[skip..], 48_000, candidates)
    }

    pub(in crate::media) fn forget(&mut self) {
        self.heard.clear();
    }

    /// Sends and receives what belongs to one tick.
    pub(in crate::media) fn tick(&mut self, now: Instant) {
        self.send();
        self.receive(now);
        let mut frame = Frame::SILENCE;
        self.playout.pull(now, &mut frame);
        self.heard.extend(frame.0);
    }

    pub(in crate::media) fn send(&mut self) {
        let mut payload = [0; MAX_PAYLOAD];
        let step = self.call.codec.timestamp_step();
        let mut header = Outgoing {
            payload_type: self.payload_type,
            marker: false,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        let digit = self.keys.tick(self.timestamp, (self.call.digits.1 / 50) as u16);
        if let Tick::Send(digit) = digit {
            header = Outgoing {
                payload_type: self.call.digits.0,
                timestamp: digit.timestamp,
                marker: digit.marker,
                ..header
            };
            self.transmit(header, &digit.payload);
        } else if self.speaking {
            let len = self.encoder.encode(&self.tone.next_frame(), &mut payload);
            self.transmit(header, &payload[..len]);
        }
        self.timestamp = self.timestamp.wrapping_add(step);
    }

    pub(in crate::media) fn transmit(&mut self, header: Outgoing, payload: &[u8]) {
        let mut buffer = [0; 1500];
        let len = header.write(None, payload, &mut buffer);
        match &mut self.sealer {
            Some(sealer) => self
                .socket
                .send_to(&sealer.seal_rtp(&buffer[..len]).unwrap(), self.remote)
                .unwrap(),
            None => self.socket.send_to(&buffer[..len], self.remote).unwrap(),
        };
        self.sequence = self.sequence.wrapping_add(1);
    }

    pub(in crate::media) fn receive(&mut self, now: Instant) {
        let mut buffer = [0; 2048];
        while let Ok((len, _)) = self.socket.recv_from(&mut buffer) {
            if packet::sort(&buffer[..len]) != Sort::Rtp {
                continue;
            }
            let opened;
            let plain = match &mut self.opener {
                Some(opener) => {
                    opened = opener.open_rtp(&buffer[..len]).unwrap();
                    &opened[..]
                }
                None => &buffer[..len],
            };
            let packet = Packet::parse(plain).unwrap();
            self.packets += 1;
            self.payload_bytes = packet.payload.len();
            self.first_packet.get_or_insert(Instant::now());
            if packet.payload_type != self.payload_type {
                self.digits_heard.push(packet.payload[0]);
                continue;
            }
            let Packet {
                sequence,
                timestamp,
                marker,
                payload,
                ..
            } = packet;
            self.playout.insert(
                now,
                RtpPayload {
                    sequence,
                    timestamp,
                    marker,
                    payload,
                },
            );
        }
    }

    /// Returns the events so far.
    pub(in crate::media) fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

impl Call {
    fn offer(&self, socket: &UdpSocket, keys: &LocalKeys, direction: &str) -> String {
        let address = socket.local_addr().unwrap();
        let ip = if self.behind_nat {
            "10.1.2.3".to_owned()
        } else {
            address.ip().to_string()
        };
        let number = format::own_payload_type(self.codec);
        let proto = if self.suite.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
        let (digits, rate) = self.digits;
        let mut offer = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} {proto} {number} {digits}\r\na=rtpmap:{number} {}\r\na=rtpmap:{digits} telephone-event/{rate}\r\na=ptime:{}\r\na={direction}\r\na=rtcp-mux\r\n",
            address.port(),
            format::rtpmap(self.codec),
            self.ptime_ms,
        );
        if let Some(suite) = self.suite {
            offer += &format!(
                "a=crypto:1 {}\r\n",
                CryptoLine::write(1, suite, keys.of(suite)).split_once(' ').unwrap().1
            );
        }
        offer
    }
}

/// Lets some phones live for a while.
pub(in crate::media) fn live(fars: &mut [&mut Far], time: Duration) {
    let start = Instant::now();
    let mut next = start;
    while next < start + time {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        for far in fars.iter_mut() {
            far.tick(Instant::now());
        }
        next += Duration::from_millis(20);
    }
    std::thread::sleep(next.saturating_duration_since(Instant::now()));
}

/// Waits for an asynchronous answer without a runtime around the scene.
pub(in crate::media) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
