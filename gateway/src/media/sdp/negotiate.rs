// SPDX-License-Identifier: EUPL-1.2
//! Offer and answer (RFC 3264): which line, codec, direction and key both sides use.

use std::net::{IpAddr, SocketAddr};

use landbridge_codecs::Codec;

use super::crypto::{CryptoLine, LocalKeys, Suite};
use super::description::{Description, Direction, MediaLine, Profile};
use super::format::{self, FormatKind};
use super::write;
use crate::media::words::{Encryption, PhonePolicy, Refusal, VideoLine};

/// What both sides agreed on: everything the media thread needs to run the leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The codec we send, and its payload type.
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    /// Payload types that may arrive, with what they mean.
    pub(crate) receive: Vec<(u8, Codec)>,
    /// Payload types of digits that may arrive, with their clock rate [Hz].
    pub(crate) digits: Vec<(u8, u32)>,
    /// Payload type and clock rate of the digits we send.
    pub(crate) send_digits: Option<(u8, u32)>,
    /// Payload types of comfort noise that may arrive.
    pub(crate) comfort_noise: Vec<u8>,
    /// Packet time we send [ms].
    pub(crate) ptime_ms: u16,
    /// Where our RTP goes; `None` while the far end has no usable address.
    pub(crate) remote_rtp: Option<SocketAddr>,
    /// Where our RTCP goes.
    pub(crate) remote_rtcp: Option<SocketAddr>,
    pub(crate) rtcp_mux: bool,
    /// The flow as we see it.
    pub(crate) direction: Direction,
    /// The far end holds the call: what it still sends is not speech, and silence is no fault.
    pub(crate) held: bool,
    /// SRTP, or `None` for plain RTP.
    pub(crate) keys: Option<Keys>,
    /// Video sections that were negotiated and carry nothing now.
    pub(crate) video: Vec<VideoLine>,
    /// Payload type of redundant audio data (RFC 2198), on a border.
    pub(crate) red: Option<u8>,
}

impl Session {
    /// Says what a remote track of an SFU is: Opus that we only receive.
    pub(crate) fn of_track() -> Session {
        Session {
            codec: Codec::Opus,
            payload_type: format::OPUS,
            receive: vec![(format::OPUS, Codec::Opus)],
            digits: Vec::new(),
            send_digits: None,
            comfort_noise: Vec::new(),
            ptime_ms: 20,
            remote_rtp: None,
            remote_rtcp: None,
            rtcp_mux: true,
            direction: Direction::RecvOnly,
            held: false,
            keys: None,
            video: Vec::new(),
            red: None,
        }
    }
}

/// The keys of one SRTP session: master key followed by master salt.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) suite: Suite,
    pub(crate) local: Vec<u8>,
    pub(crate) remote: Vec<u8>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({}, hidden)", self.suite.name())
    }
}

/// What we bring to a negotiation.
pub(crate) struct Local<'a> {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// Session id and version of our o= line (RFC 8866 §5.2).
    pub(crate) session_id: u64,
    pub(crate) version: u64,
    pub(crate) policy: &'a PhonePolicy,
    pub(crate) keys: &'a LocalKeys,
}

/// Answers an offer: one audio line is taken, every other line is refused with port 0 (RFC 3264 §6).
pub(crate) fn answer(offer: &Description, local: &Local<'_>) -> Result<(String, Session), Refusal> {
    let (index, line, chosen) = choose(offer, local.policy)?;
    let session = session(line, &chosen, line.direction.reversed(), local);
    let body = write::answer(offer, index, &session, chosen.crypto.map(|c| c.tag), local);
    Ok((body, session))
}

/// Builds an offer with all codecs of the policy.
pub(crate) fn offer(local: &Local<'_>) -> String {
    write::offer(local)
}

/// Takes the answer to [`offer`].
pub(crate) fn accept(answer: &Description, local: &Local<'_>) -> Result<Session, Refusal> {
    let line = answer
        .media
        .iter()
        .find(|line| line.kind == "audio")
        .ok_or(Refusal::NoCommonCodec)?;
    if line.port == 0 {
        return Err(Refusal::NoCommonCodec);
    }
    let crypto = match (local.policy.encryption, line.crypto.first()) {
        (Encryption::Off, _) => None,
        (_, Some(crypto)) => Some(crypto),
        (Encryption::Require, None) => return Err(Refusal::EncryptionRequired),
        (Encryption::Prefer, None) if line.profile == Profile::Plain => None,
        (Encryption::Prefer, None) => return Err(Refusal::EncryptionUnavailable),
    };
    let codecs = line.formats.iter().filter_map(|f| match f.kind {
        FormatKind::Audio(codec) if local.policy.codecs.contains(&codec) => Some((f.payload_type, codec)),
        _ => None,
    });
    let codecs: Vec<(u8, Codec)> = codecs.collect();
    let &(payload_type, codec) = codecs.first().ok_or(Refusal::NoCommonCodec)?;
    let mut session = session(
        line,
        &Chosen {
            codec,
            payload_type,
            crypto,
        },
        line.direction.reversed(),
        local,
    );
    // The far end sends with the numbers of our offer (RFC 3264 §5.1); some use their own.
    session.receive.extend(codecs.iter().copied());
    session.receive.extend(
        codecs
            .iter()
            .map(|(_, codec)| (format::own_payload_type(*codec), *codec)),
    );
    session.receive.dedup();
    for digits in [(format::EVENTS_8000, 8000), (format::EVENTS_48000, 48_000)] {
        let taken = session
            .digits
            .iter()
            .chain(session.send_digits.as_ref())
            .any(|(pt, _)| *pt == digits.0)
            || session.receive.iter().any(|(pt, _)| *pt == digits.0);
        if !taken {
            session.digits.push(digits);
        }
    }
    Ok(session)
}

struct Chosen<'a> {
    codec: Codec,
    payload_type: u8,
    crypto: Option<&'a CryptoLine>,
}

/// Takes the first audio line that policy and codecs allow; secure lines are tried before plain ones.
fn choose<'a>(offer: &'a Description, policy: &PhonePolicy) -> Result<(usize, &'a MediaLine, Chosen<'a>), Refusal> {
    let audio = || {
        offer
            .media
            .iter()
            .enumerate()
            .filter(|(_, line)| line.kind == "audio" && line.port != 0)
    };
    let encrypts = |line: &MediaLine| {
        policy.encryption != Encryption::Off && line.profile != Profile::Other && !line.crypto.is_empty()
    };
    // Keys sent in clear over an untrusted network protect nothing.
    let keys_are_safe = policy.secure_signalling || policy.trusted;
    if policy.encryption == Encryption::Require && !keys_are_safe {
        return Err(Refusal::EncryptionRequired);
    }
    let mut candidates: Vec<(usize, &MediaLine)> = audio().filter(|(_, line)| encrypts(line)).collect();
    if policy.encryption != Encryption::Require {
        candidates.extend(audio().filter(|(_, line)| line.profile == Profile::Plain && !encrypts(line)));
    }
    if candidates.is_empty() {
        return Err(match (audio().next(), policy.encryption) {
            (None, _) => Refusal::NoCommonCodec,
            (Some(_), Encryption::Require) => Refusal::EncryptionRequired,
            (Some(_), _) => Refusal::EncryptionUnavailable,
        });
    }
    for (index, line) in candidates {
        let found = policy.codecs.iter().find_map(|codec| {
            let format = line.formats.iter().find(|f| f.kind == FormatKind::Audio(*codec))?;
            Some((*codec, format.payload_type))
        });
        if let Some((codec, payload_type)) = found {
            let crypto = if encrypts(line) { line.crypto.first() } else { None };
            return Ok((
                index,
                line,
                Chosen {
                    codec,
                    payload_type,
                    crypto,
                },
            ));
        }
    }
    Err(Refusal::NoCommonCodec)
}

fn session(line: &MediaLine, chosen: &Chosen<'_>, direction: Direction, local: &Local<'_>) -> Session {
    let digits: Vec<(u8, u32)> = line
        .formats
        .iter()
        .filter_map(|f| match f.kind {
            FormatKind::TelephoneEvent(rate) => Some((f.payload_type, rate)),
            _ => None,
        })
        .collect();
    let rate = chosen.codec.rtp_clock_rate();
    let send_digits = digits.iter().find(|(_, r)| *r == rate).or(digits.first()).copied();
    let remote_rtp = line
        .address
        .filter(|_| line.port > 1)
        .map(|ip| SocketAddr::new(ip, line.port));
    let remote_rtcp = match (line.rtcp_mux, line.rtcp) {
        (true, _) => remote_rtp,
        (false, Some((port, ip))) => ip
            .filter(|ip| !ip.is_unspecified())
            .or(line.address)
            .map(|ip| SocketAddr::new(ip, port)),
        (false, None) => remote_rtp.and_then(|rtp| Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?))),
    };
    let direction = if line.unspecified {
        // RFC 2543 hold: nowhere to send to.
        if direction.receives() {
            Direction::RecvOnly
        } else {
            Direction::Inactive
        }
    } else {
        direction
    };
    let held = line.unspecified || !line.direction.receives();
    Session {
        codec: chosen.codec,
        payload_type: chosen.payload_type,
        receive: vec![(chosen.payload_type, chosen.codec)],
        digits,
        send_digits,
        comfort_noise: line
            .formats
            .iter()
            .filter(|f| matches!(f.kind, FormatKind::ComfortNoise(_)))
            .map(|f| f.payload_type)
            .collect(),
        ptime_ms: ptime(line, chosen.codec, local.policy),
        remote_rtp,
        remote_rtcp,
        rtcp_mux: line.rtcp_mux,
        direction,
        held,
        keys: chosen.crypto.map(|crypto| Keys {
            suite: crypto.suite,
            local: local.keys.of(crypto.suite).to_vec(),
            remote: crypto.key_and_salt.clone(),
        }),
        video: Vec::new(),
        red: None,
    }
}

/// The packet time the far end would like to receive, within what we can build.
fn ptime(line: &MediaLine, codec: Codec, policy: &PhonePolicy) -> u16 {
    if codec == Codec::Opus {
        return 20;
    }
    let wanted = line.ptime_ms.unwrap_or(policy.ptime_ms).clamp(10, 60);
    let limit = line.max_ptime_ms.unwrap_or(60).clamp(10, 60);
    wanted.min(limit) / 10 * 10
}
