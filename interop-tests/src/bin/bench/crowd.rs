// SPDX-License-Identifier: EUPL-1.2
//! Many WebRTC callers on one socket: the sans-IO engine for ICE, DTLS and what they send; what they hear is read by its
//! level (RFC 6464), which is not encrypted.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use rtc::sansio::Protocol as _;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

/// Id of the level in our offers.
const LEVEL: u8 = 1;
const LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub(crate) const OPUS: u8 = 111;
/// What is louder than this is sound [-dBov].
const SOUND: u8 = 70;
/// 20 ms of silence in Opus.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
/// Callers send in so many turns of 1 ms.
const TURNS: usize = 20;

/// A caller's side of its transport, for its offer.
pub(crate) struct Offer {
    pub(crate) ufrag: String,
    pub(crate) password: String,
    pub(crate) fingerprint: String,
    pub(crate) ssrc: u32,
}

/// What the answer says.
pub(crate) struct Answer<'a> {
    pub(crate) ufrag: &'a str,
    pub(crate) password: &'a str,
    pub(crate) fingerprint: &'a str,
    pub(crate) setup: &'a str,
    pub(crate) address: SocketAddr,
}

/// What one caller has heard so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) connected: Option<Instant>,
    pub(crate) first_packet: Option<Instant>,
    pub(crate) first_sound: Option<Instant>,
    pub(crate) packets: u64,
    pub(crate) sounding: u64,
}

/// All callers; they fall silent when it is dropped.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    /// Where all of them are reached.
    pub(crate) address: SocketAddr,
}

struct Shared {
    socket: UdpSocket,
    callers: Mutex<Callers>,
    stop: AtomicBool,
}

#[derive(Default)]
struct Callers {
    all: Vec<Option<Caller>>,
    by_address: HashMap<SocketAddr, usize>,
}

struct Caller {
    engine: RTCPeerConnection,
    sender: RTCRtpSenderId,
    ssrc: u32,
    sequence: u16,
    words: Option<Arc<Vec<Vec<u8>>>>,
    wakes: Instant,
    remote: Option<SocketAddr>,
    heard: Heard,
}

impl Crowd {
    /// Opens the socket and begins to serve it.
    pub(crate) fn open() -> Crowd {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
        let options = socket2::SockRef::from(&socket);
        let _ = options.set_recv_buffer_size(8 << 20);
        let address = socket.local_addr().expect("a bound socket has an address");
        socket
            .set_read_timeout(Some(Duration::from_micros(300)))
            .expect("a bound socket takes options");
        let shared = Arc::new(Shared {
            socket,
            callers: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let serving = shared.clone();
        std::thread::spawn(move || serving.serve(address));
        Crowd { shared, address }
    }

    /// Adds a caller who says these Opus payloads over and over, or is silent.
    pub(crate) fn add(&self, words: Option<Arc<Vec<Vec<u8>>>>) -> (usize, Offer) {
        let mut callers = self.shared.callers();
        let number = callers.all.len();
        let (caller, offer) = caller(0x10_0000 + number as u32, self.address, words);
        callers.all.push(Some(caller));
        (number, offer)
    }

    /// Gives a caller the answer to its offer.
    pub(crate) fn accept(&self, number: usize, answer: &Answer<'_>) {
        let mut callers = self.shared.callers();
        callers.by_address.insert(answer.address, number);
        let Some(Some(caller)) = callers.all.get_mut(number) else {
            return;
        };
        let now = Instant::now();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF {OPUS}\r\n\
             c=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:{}\r\na=rtpmap:{OPUS} opus/48000/2\r\na=extmap:{LEVEL} {LEVEL_URI}\r\n\
             a=candidate:1 1 udp 2130706431 {} {} typ host\r\n",
            answer.ufrag,
            answer.password,
            answer.fingerprint,
            answer.setup,
            answer.address.ip(),
            answer.address.port(),
        );
        let answered =
            RTCSessionDescription::answer(sdp).and_then(|answer| caller.engine.set_remote_description(now, answer));
        assert!(answered.is_ok(), "{answered:?}");
        caller.remote = Some(answer.address);
        caller.wakes = now;
    }

    /// Returns what a caller has heard.
    pub(crate) fn heard(&self, number: usize) -> Heard {
        let callers = self.shared.callers();
        let caller = callers.all.get(number).and_then(Option::as_ref);
        caller.map(|caller| caller.heard).unwrap_or_default()
    }

    /// Takes a caller away.
    pub(crate) fn remove(&self, number: usize) {
        let mut callers = self.shared.callers();
        if let Some(caller) = callers.all.get_mut(number).and_then(Option::take)
            && let Some(remote) = caller.remote
        {
            callers.by_address.remove(&remote);
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn callers(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, own: SocketAddr) {
        let (start, mut turn) = (Instant::now(), 0u32);
        let mut buffer = [0; 2048];
        while !self.stop.load(Ordering::Relaxed) {
            let due = start + Duration::from_millis(u64::from(turn));
            while Instant::now() < due {
                if let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
                    self.take(own, from, &buffer[..len]);
                }
            }
            self.turn(turn as usize % TURNS, turn / TURNS as u32);
            turn += 1;
        }
    }

    fn take(&self, own: SocketAddr, from: SocketAddr, datagram: &[u8]) {
        let mut callers = self.callers();
        let Some(number) = callers.by_address.get(&from).copied() else {
            return;
        };
        let Some(Some(caller)) = callers.all.get_mut(number) else {
            return;
        };
        let now = Instant::now();
        if let Some(level) = level(datagram) {
            let heard = &mut caller.heard;
            heard.packets += 1;
            heard.first_packet.get_or_insert(now);
            if level < SOUND {
                heard.sounding += 1;
                heard.first_sound.get_or_insert(now);
            }
            return;
        }
        if matches!(datagram.first(), Some(128..=191)) {
            return;
        }
        // What the engine does not like is not the load's concern.
        let _ = caller.engine.handle_read(TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: own,
                peer_addr: from,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            },
            message: BytesMut::from(datagram),
        });
        caller.flush(&self.socket, now);
    }

    /// Serves the callers of one turn: timers, and the packet of this tick.
    fn turn(&self, turn: usize, tick: u32) {
        let mut callers = self.callers();
        for caller in callers.all.iter_mut().skip(turn).step_by(TURNS).flatten() {
            let now = Instant::now();
            if now >= caller.wakes {
                let _ = caller.engine.handle_timeout(now);
            }
            if caller.heard.connected.is_some() {
                caller.speak(now, tick);
            }
            caller.flush(&self.socket, now);
        }
    }
}

impl Caller {
    fn speak(&mut self, now: Instant, tick: u32) {
        let (payload, level) = match &self.words {
            Some(words) => {
                let payload = words
                    .get(tick as usize % words.len().max(1))
                    .map_or(&[][..], Vec::as_slice);
                (payload, 0x80 | 25)
            }
            None => (&SILENCE[..], 127),
        };
        if payload.is_empty() {
            return;
        }
        let mut header = rtp::Header {
            version: 2,
            payload_type: OPUS,
            sequence_number: self.sequence,
            timestamp: tick.wrapping_mul(960),
            ssrc: self.ssrc,
            ..Default::default()
        };
        let payload = Bytes::copy_from_slice(payload);
        if header.set_extension(LEVEL, Bytes::copy_from_slice(&[level])).is_ok()
            && let Some(mut sender) = self.engine.rtp_sender(self.sender)
            && sender.write_rtp(now, rtp::Packet { header, payload }).is_ok()
        {
            self.sequence = self.sequence.wrapping_add(1);
        }
    }

    fn flush(&mut self, socket: &UdpSocket, now: Instant) {
        while let Some(out) = self.engine.poll_write() {
            // Loss is what retransmissions are for.
            let _ = socket.send_to(&out.message, out.transport.peer_addr);
        }
        while let Some(event) = self.engine.poll_event() {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) = event {
                self.heard.connected.get_or_insert(now);
            }
        }
        while self.engine.poll_read().is_some() {}
        self.wakes = self.engine.poll_timeout().unwrap_or(now + Duration::from_secs(1));
    }
}

/// Reads the level of an RTP packet (RFC 8285, one-byte form).
fn level(datagram: &[u8]) -> Option<u8> {
    let &[first, kind, ..] = datagram else { return None };
    if first >> 6 != 2 || first & 0x10 == 0 || (192..=223).contains(&kind) {
        return None;
    }
    let extension = datagram.get(12..18)?;
    let [0xbe, 0xde, _, _, id, level] = extension else {
        return None;
    };
    (id >> 4 == LEVEL).then_some(level & 0x7f)
}

fn caller(ssrc: u32, own: SocketAddr, words: Option<Arc<Vec<Vec<u8>>>>) -> (Caller, Offer) {
    build(ssrc, own, words).expect("the engine makes an offer")
}

fn build(
    ssrc: u32,
    own: SocketAddr,
    words: Option<Arc<Vec<Vec<u8>>>>,
) -> Result<(Caller, Offer), rtc::shared::error::Error> {
    let now = Instant::now();
    let codec = RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: Vec::new(),
    };
    let mut media = MediaEngine::default();
    let parameters = RTCRtpCodecParameters {
        rtp_codec: codec.clone(),
        payload_type: OPUS,
    };
    media.register_codec(parameters, RtpCodecKind::Audio)?;
    let level = RTCRtpHeaderExtensionCapability {
        uri: LEVEL_URI.to_owned(),
    };
    media.register_header_extension(level, RtpCodecKind::Audio, None)?;
    let settings = SettingEngineBuilder::new()
        // RFC 8445 §14.2: 50 ms between checks.
        .with_ice_connection_attempts(Some(Duration::from_millis(50)), Some(60))
        .with_include_loopback_candidate(true)
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
        .build();
    let mut engine = RTCPeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_setting_engine(settings)
        .build(now)?;
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            ..Default::default()
        },
        codec,
        ..Default::default()
    };
    let track = MediaStreamTrack::new(
        "load".into(),
        "load".into(),
        "load".into(),
        RtpCodecKind::Audio,
        vec![encoding],
    );
    let sender = engine.add_track(track)?;
    engine.add_local_candidate(RTCIceCandidateInit {
        candidate: format!("candidate:1 1 udp 2130706431 {} {} typ host", own.ip(), own.port()),
        ..Default::default()
    })?;
    let offer = engine.create_offer(None)?;
    let value = |name: &str| {
        let found = offer.sdp.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().trim().to_owned()
    };
    let described = Offer {
        ufrag: value("a=ice-ufrag:"),
        password: value("a=ice-pwd:"),
        fingerprint: value("a=fingerprint:sha-256 "),
        ssrc,
    };
    engine.set_local_description(now, offer)?;
    let caller = Caller {
        engine,
        sender,
        ssrc,
        sequence: 0,
        words,
        wakes: now + Duration::from_secs(3600),
        remote: None,
        heard: Heard::default(),
    };
    Ok((caller, described))
}
