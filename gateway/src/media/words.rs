// SPDX-License-Identifier: EUPL-1.2
//! The words of the media plane: what it is told, what it tells, and why it refuses.

/// The words of the border leg.
mod border;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use landbridge_codecs::{Codec, PlayoutStats};

pub use border::{BorderStats, BorderStream, BorderTerms};

/// Says where media is sent and received, and within which limits.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Local addresses to bind; the first of each family serves phones, all of them serve browsers.
    pub listen: Vec<IpAddr>,
    /// Address written into session descriptions instead of the IPv4 listen address (1:1 NAT).
    pub public_address: Option<IpAddr>,
    /// UDP ports for phones; an even port carries RTP and the next odd one RTCP.
    pub ports: RangeInclusive<u16>,
    /// Media threads; 0 means one per core.
    pub threads: usize,
    /// Media threads go before other work of the machine, where the system allows it.
    pub realtime: bool,
    /// Ends a leg after this much silence on the wire.
    pub timeout: Duration,
    /// Keeps a closed port out of use for this long, so that late packets of the old call reach nobody.
    pub drain: Duration,
    /// People heard at the same time in one room.
    pub max_speakers: usize,
}

impl Default for MediaConfig {
    fn default() -> MediaConfig {
        MediaConfig {
            listen: vec![IpAddr::from([127, 0, 0, 1])],
            public_address: None,
            ports: 40_000..=40_999,
            threads: 0,
            realtime: false,
            timeout: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            max_speakers: 4,
        }
    }
}

/// Says whether media must, should or must not be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Refuse a call without SRTP.
    Require,
    /// Take SRTP where the far end offers it.
    Prefer,
    /// Speak plain RTP alone.
    Off,
}

/// Says what a phone's trunk allows.
#[derive(Clone, Debug)]
pub struct PhonePolicy {
    /// Whether media is encrypted.
    pub encryption: Encryption,
    /// Codecs in order of preference.
    pub codecs: Vec<Codec>,
    /// Packet time asked for in our own offers, in ms.
    pub ptime_ms: u16,
    /// The signalling that carries the SDES keys is itself encrypted (TLS).
    pub secure_signalling: bool,
    /// The trunk's network is trusted: SDES keys may travel in clear signalling.
    pub trusted: bool,
    /// Who may claim a leg's plain RTP once, instead of the described address.
    pub latch: Latch,
}

impl Default for PhonePolicy {
    fn default() -> PhonePolicy {
        PhonePolicy {
            encryption: Encryption::Prefer,
            codecs: vec![Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu],
            ptime_ms: 20,
            secure_signalling: false,
            trusted: true,
            latch: Latch::Anyone,
        }
    }
}

/// Says what a WebRTC peer is offered and may negotiate.
#[derive(Clone, Debug)]
pub struct PeerTerms {
    /// Keys are taken and sent as RFC 4733 events.
    pub digits: bool,
    /// Video sections of the peer are kept, without pictures for now; else they are refused.
    pub video: bool,
    /// Servers that help to find a way to the peer.
    pub ice_servers: Vec<IceServer>,
}

impl Default for PeerTerms {
    fn default() -> PeerTerms {
        PeerTerms {
            digits: true,
            video: true,
            ice_servers: Vec::new(),
        }
    }
}

/// Names a STUN or TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// As in RFC 7064 and RFC 7065: `stun:host:port`, `turn:host:port?transport=udp`.
    pub urls: Vec<String>,
    /// Name for TURN; empty for STUN.
    pub username: String,
    /// Password for TURN; empty for STUN.
    pub credential: String,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

/// Names one video section that a peer negotiated and that carries nothing now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoLine {
    /// The section's `a=mid`.
    pub mid: String,
    /// Payload types and codecs in the peer's order: `VP8`, `H264`.
    pub codecs: Vec<(u8, String)>,
}

/// Says whose plain RTP may take the place of the described address, once (symmetric RTP behind NAT, RFC 4961).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latch {
    /// Only the described address is believed.
    Nobody,
    /// Packets from the address that the signalling came from, too.
    Signalling(IpAddr),
    /// Whoever comes first; for networks that are trusted.
    Anyone,
}

/// Carries what a leg's media has to say; see [`Event`].
pub type LegEvents = tokio::sync::mpsc::Receiver<Event>;

/// What the media of one leg has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key was pressed: `0`–`9`, `*`, `#`, `A`–`D`.
    Digit(char),
    /// A prompt was played to its end (not sent when it was stopped or replaced).
    PlayEnded(PlayId),
    /// Nothing came for the configured time-out; sent once.
    TimedOut,
    /// The transport is up: the first authenticated packet (phones) or ICE and DTLS (browsers).
    Connected,
    /// The transport cannot come up or broke for good.
    Failed(String),
    /// The far end closed the transport.
    Closed,
    /// The first RTP packet of this leg was accepted.
    FirstPacket,
}

/// Names one order to play, so that its end can be told apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlayId(pub u64);

impl PlayId {
    /// Takes the next free id.
    pub fn next() -> PlayId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        PlayId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Names a room inside the media plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey(pub u64);

impl RoomKey {
    /// Takes the next free key.
    pub fn next() -> RoomKey {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        RoomKey(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Holds one recorded prompt: 48 kHz, mono, signed 16 bit.
pub type Clip = Arc<[i16]>;

/// Says how loud a prompt is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Loudness {
    /// As recorded.
    #[default]
    Normal,
    /// At half the amplitude (−6 dB), for asides inside a room.
    Quiet,
}

/// Short tones that everyone in a room hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chime {
    /// Somebody came in.
    Joined,
    /// Somebody left.
    Left,
}

/// Why the plane will not open or change a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Offer and policy share no codec.
    NoCommonCodec,
    /// The policy asks for SRTP and the far end offers none that we speak.
    EncryptionRequired,
    /// The far end insists on encryption of a kind that the policy switches off or that we do not speak.
    EncryptionUnavailable,
    /// The session description cannot be understood; says what is wrong.
    BadSdp(String),
    /// Every media port is in use or draining.
    NoPorts,
    /// No listen address of the family that the far end uses.
    NoAddress,
    /// The plane does not know this leg.
    UnknownLeg,
    /// The media plane cannot take the leg now; says why.
    Internal(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoCommonCodec => write!(
                f,
                "the far end offers no codec that this trunk allows; see `codecs` of the trunk"
            ),
            Refusal::EncryptionRequired => {
                write!(
                    f,
                    "this trunk requires SRTP and the far end offers none over secure signalling; see `encryption` of the trunk"
                )
            }
            Refusal::EncryptionUnavailable => {
                write!(
                    f,
                    "the far end insists on a kind of encryption that this trunk does not speak; offer RTP/SAVP with a=crypto, or see `encryption` of the trunk"
                )
            }
            Refusal::BadSdp(what) => write!(f, "the session description cannot be understood: {what}"),
            Refusal::NoPorts => write!(f, "every media port is in use; widen `ports` of [media]"),
            Refusal::NoAddress => write!(
                f,
                "no media address of the far end's family; add one to `listen` of [media]"
            ),
            Refusal::UnknownLeg => write!(f, "the leg has no media"),
            Refusal::Internal(what) => write!(f, "media plane: {what}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What is known about one leg's media at one moment.
#[derive(Clone, Debug)]
pub struct LegStats {
    /// The codec in use; `None` before an answer.
    pub codec: Option<Codec>,
    /// `"none"`, or the protocol and suite: `"SRTP AES_CM_128_HMAC_SHA1_80"`, `"DTLS-SRTP"`.
    pub encryption: String,
    /// The receive side: jitter buffer, loss, concealment.
    pub playout: Option<PlayoutStats>,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP payload bytes sent.
    pub bytes_sent: u64,
    /// RTP packets accepted.
    pub packets_received: u64,
    /// Opus packets forwarded to an SFU as they came.
    pub packets_forwarded: u64,
    /// Frames of 20 ms decoded for the room.
    pub frames_decoded: u64,
    /// Packets dropped because they came from an address that is not the peer's.
    pub dropped_foreign: u64,
    /// Packets dropped because they failed authentication or were replayed.
    pub dropped_unauthenticated: u64,
    /// Packets dropped because they were malformed or of an unknown payload type.
    pub dropped_malformed: u64,
    /// Packets dropped because they belong to another stream (SSRC).
    pub dropped_other_stream: u64,
    /// Round trip time from RTCP.
    pub rtt: Option<Duration>,
    /// Share of our packets that the far end reports as lost [%].
    pub remote_loss_percent: u8,
    /// Our synchronisation source.
    pub ssrc: u32,
    /// The peer's synchronisation source, once a packet was accepted.
    pub remote_ssrc: Option<u32>,
    /// Where packets go.
    pub remote: Option<SocketAddr>,
    /// The far end holds the call.
    pub held: bool,
    /// Video sections that a peer negotiated.
    pub video: Vec<VideoLine>,
}
