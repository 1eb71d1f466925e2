// SPDX-License-Identifier: EUPL-1.2
//! Payload types, codecs and their rtpmap and fmtp lines.

use landbridge_codecs::Codec;

/// What one payload type of an m-line stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) payload_type: u8,
    pub(crate) kind: FormatKind,
}

/// The payload formats that matter to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatKind {
    Audio(Codec),
    /// RFC 4733 digits at this clock rate [Hz].
    TelephoneEvent(u32),
    /// RFC 3389 comfort noise at this clock rate [Hz].
    ComfortNoise(u32),
    Unknown,
}

impl FormatKind {
    /// Reads an rtpmap encoding such as `PCMA/8000/1`.
    pub(crate) fn from_rtpmap(encoding: &str) -> FormatKind {
        let mut parts = encoding.trim().split('/');
        let name = parts.next().unwrap_or_default();
        let rate = parts
            .next()
            .and_then(|rate| rate.trim().parse::<u32>().ok())
            .unwrap_or(8000);
        let channels = parts.next().and_then(|n| n.trim().parse::<u32>().ok());
        if name.eq_ignore_ascii_case("telephone-event") {
            return FormatKind::TelephoneEvent(rate);
        }
        if name.eq_ignore_ascii_case("CN") {
            return FormatKind::ComfortNoise(rate);
        }
        let codec = ALL.into_iter().find(|codec| name.eq_ignore_ascii_case(codec.name()));
        match codec {
            // RFC 7587 §7: the channel count is always 2. COMPAT(old softphones): opus/48000 and opus/48000/1 are taken too.
            Some(Codec::Opus) if rate == 48_000 && channels.unwrap_or(2) <= 2 => FormatKind::Audio(Codec::Opus),
            // RFC 3551 §4.5.2: G722 is named with 8000 though it samples at 16000. COMPAT(some phones): G722/16000.
            Some(Codec::G722) if matches!(rate, 8000 | 16_000) && channels.unwrap_or(1) == 1 => {
                FormatKind::Audio(Codec::G722)
            }
            Some(codec @ (Codec::Pcma | Codec::Pcmu)) if rate == 8000 && channels.unwrap_or(1) == 1 => {
                FormatKind::Audio(codec)
            }
            _ => FormatKind::Unknown,
        }
    }

    /// Reads a static payload type (RFC 3551 §6) that has no rtpmap.
    pub(crate) fn from_static(payload_type: u8) -> FormatKind {
        if payload_type == 13 {
            return FormatKind::ComfortNoise(8000);
        }
        ALL.into_iter()
            .find(|codec| codec.static_payload_type() == Some(payload_type))
            .map_or(FormatKind::Unknown, FormatKind::Audio)
    }
}

/// Returns the rtpmap encoding of a codec.
pub(crate) fn rtpmap(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcma => "PCMA/8000",
        Codec::Pcmu => "PCMU/8000",
        Codec::G722 => "G722/8000",
        Codec::Opus => "opus/48000/2",
    }
}

/// Returns the payload type used for a codec in our own offers.
pub(crate) fn own_payload_type(codec: Codec) -> u8 {
    codec.static_payload_type().unwrap_or(OPUS)
}

/// Payload type of Opus in our own offers.
pub(crate) const OPUS: u8 = 111;
/// Payload type of telephone-event/8000 in our own offers.
pub(crate) const EVENTS_8000: u8 = 101;
/// Payload type of telephone-event/48000 in our own offers.
pub(crate) const EVENTS_48000: u8 = 110;

const ALL: [Codec; 4] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
