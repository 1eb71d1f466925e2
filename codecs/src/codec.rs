// SPDX-License-Identifier: EUPL-1.2
//! Which codecs there are, and their names, rates and payload types (RFC 3551, RFC 7587).

use std::fmt;

/// Names an audio codec of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 A-law, the codec of European telephony.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// G.722 at 64 kbit/s, wideband.
    G722,
    /// Opus (RFC 6716), full band.
    Opus,
}

impl Codec {
    /// Every codec, best sound first.
    pub const ALL: [Codec; 4] = [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu];

    /// Returns the encoding name of `a=rtpmap`.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// Finds the codec of an `a=rtpmap` encoding name (in any case) and RTP clock rate (Hz).
    pub fn from_name(name: &str, clock_rate: u32) -> Option<Codec> {
        Codec::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name) && codec.rtp_clock_rate() == clock_rate)
    }

    /// Finds the codec of a static payload type (RFC 3551 §6).
    pub fn from_static_payload_type(payload_type: u8) -> Option<Codec> {
        Codec::ALL
            .into_iter()
            .find(|codec| codec.static_payload_type() == Some(payload_type))
    }

    /// Returns the rate of RTP timestamps (Hz).
    ///
    /// RFC 3551 §4.5.2: G.722 samples at 16 kHz and yet counts at 8 kHz.
    pub fn rtp_clock_rate(self) -> u32 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
        }
    }

    /// Returns the rate of the sound (Hz).
    pub fn sample_rate(self) -> u32 {
        match self {
            Codec::Pcma | Codec::Pcmu => 8_000,
            Codec::G722 => 16_000,
            Codec::Opus => 48_000,
        }
    }

    /// Returns the payload type that RFC 3551 §6 assigns; Opus has none.
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Codec::Pcmu => Some(0),
            Codec::Pcma => Some(8),
            Codec::G722 => Some(9),
            Codec::Opus => None,
        }
    }

    /// Returns how far the RTP timestamp advances in one 20 ms frame.
    pub fn timestamp_step(self) -> u32 {
        self.rtp_clock_rate() / 50
    }

    pub(crate) fn frame_samples(self) -> usize {
        self.sample_rate() as usize / 50
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells why a codec or a resampler could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// libopus refused to start, or refused an option.
    Opus(String),
    /// There is no integer ratio between the two rates (Hz), or one is not served.
    Rates {
        /// Rate of the input (Hz).
        from: u32,
        /// Rate of the output (Hz).
        to: u32,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Opus(cause) => write!(f, "Opus codec: {cause}"),
            CodecError::Rates { from, to } => {
                write!(f, "cannot resample from {from} Hz to {to} Hz")
            }
        }
    }
}

impl std::error::Error for CodecError {}

impl From<opus::Error> for CodecError {
    fn from(error: opus::Error) -> Self {
        CodecError::Opus(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_is_found_by_its_name_in_any_case_and_its_clock_rate() {
        assert_eq!(Codec::from_name("pcma", 8_000), Some(Codec::Pcma));
        assert_eq!(Codec::from_name("OPUS", 48_000), Some(Codec::Opus));
        assert_eq!(Codec::from_name("G722", 8_000), Some(Codec::G722));
        assert_eq!(Codec::from_name("G722", 16_000), None);
        assert_eq!(Codec::from_name("PCMA/8000", 8_000), None);
    }

    #[test]
    fn static_payload_types_are_those_of_rfc_3551() {
        assert_eq!(Codec::from_static_payload_type(0), Some(Codec::Pcmu));
        assert_eq!(Codec::from_static_payload_type(8), Some(Codec::Pcma));
        assert_eq!(Codec::from_static_payload_type(9), Some(Codec::G722));
        assert_eq!(Codec::from_static_payload_type(13), None);
        assert_eq!(Codec::Opus.static_payload_type(), None);
    }
}
