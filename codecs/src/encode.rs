// SPDX-License-Identifier: EUPL-1.2
//! A frame becomes a payload.

use audio_codec::Encoder as _;
use audio_codec::{g722::G722Encoder, pcma::PcmaEncoder, pcmu::PcmuEncoder};

use crate::frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE};
use crate::{Codec, CodecError, Resampler};

/// Size of the buffer that holds any payload (bytes): the largest Opus frame (RFC 6716 §3.4).
pub const MAX_PAYLOAD: usize = 1275;

/// Tells how to encode; all of it concerns Opus only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderOptions {
    /// Bit rate (bit/s), 6 000..=128 000; for a voice, 24 000..=32 000 is transparent enough.
    pub opus_bitrate_bps: u32,
    /// Rate of the sound worth keeping (Hz): 8 000 for a telephone's, 16 000 for wideband, 48 000 for all; narrower
    /// sound costs less than half.
    pub opus_sound_rate: u32,
    /// Whether each packet repeats the one before it at low rate, so that a single loss can be mended.
    pub fec: bool,
    /// Whether silence is sent as one packet in 400 ms.
    pub dtx: bool,
    /// Loss to prepare for (%), 0..=100.
    pub expected_loss_percent: u8,
    /// Effort, 0..=10: 5 costs three quarters of 10, and sounds alike.
    pub complexity: u8,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        EncoderOptions {
            opus_bitrate_bps: 28_000,
            opus_sound_rate: SAMPLE_RATE,
            fec: true,
            dtx: false,
            expected_loss_percent: 5,
            complexity: 5,
        }
    }
}

/// Encodes frames of 20 ms as one stream of one codec.
pub struct Encoder {
    codec: Codec,
    kind: Kind,
    narrower: Option<Resampler>,
    narrow: [i16; 320],
    dtx: bool,
}

enum Kind {
    Pcma(PcmaEncoder),
    Pcmu(PcmuEncoder),
    G722(Box<G722Encoder>),
    Opus(opus::Encoder),
}

impl Encoder {
    /// Makes an encoder; the only call here that allocates.
    pub fn new(codec: Codec, options: &EncoderOptions) -> Result<Encoder, CodecError> {
        let kind = match codec {
            Codec::Pcma => Kind::Pcma(PcmaEncoder::new()),
            Codec::Pcmu => Kind::Pcmu(PcmuEncoder::new()),
            Codec::G722 => Kind::G722(Box::new(G722Encoder::new())),
            Codec::Opus => Kind::Opus(opus_encoder(options)?),
        };
        let narrower = match codec.sample_rate() {
            SAMPLE_RATE => None,
            rate => Some(Resampler::new(SAMPLE_RATE, rate)?),
        };
        Ok(Encoder {
            codec,
            kind,
            narrower,
            narrow: [0; 320],
            dtx: options.dtx,
        })
    }

    /// Makes an Opus encoder for sound that came in another codec: what that one left out is not spent bits on.
    pub fn opus_for(origin: Codec) -> Result<Encoder, CodecError> {
        let (opus_sound_rate, opus_bitrate_bps) = match origin {
            Codec::Pcma | Codec::Pcmu => (8_000, 18_000),
            Codec::G722 => (16_000, 24_000),
            Codec::Opus => (SAMPLE_RATE, EncoderOptions::default().opus_bitrate_bps),
        };
        let options = EncoderOptions {
            opus_sound_rate,
            opus_bitrate_bps,
            ..EncoderOptions::default()
        };
        Encoder::new(Codec::Opus, &options)
    }

    /// Returns the codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Encodes 20 ms into `out` and returns the payload's length (bytes).
    ///
    /// Give it [`MAX_PAYLOAD`] bytes. Returns 0 where nothing needs to be sent: `out` is too small for the payload,
    /// or Opus with `dtx` hears silence (RFC 6716 §2.1.9); the RTP timestamp advances all the same.
    pub fn encode(&mut self, frame: &Frame, out: &mut [u8]) -> usize {
        let samples: &[i16] = match &mut self.narrower {
            None => &frame.0,
            Some(narrower) => {
                let count = narrower.process(&frame.0, &mut self.narrow);
                &self.narrow[..count]
            }
        };
        match &mut self.kind {
            Kind::Pcma(encoder) => encoder.encode_into(samples, out).unwrap_or(0),
            Kind::Pcmu(encoder) => encoder.encode_into(samples, out).unwrap_or(0),
            Kind::G722(encoder) => encoder.encode_into(samples, out).unwrap_or(0),
            Kind::Opus(encoder) => {
                debug_assert_eq!(samples.len(), FRAME_SAMPLES);
                match encoder.encode(samples, out) {
                    // A packet of one or two bytes "does not need to be transmitted (DTX)", says libopus.
                    Ok(length) if self.dtx && length <= 2 => 0,
                    Ok(length) => length,
                    Err(_) => 0,
                }
            }
        }
    }

    /// Changes the bit rate (bit/s), 6 000..=128 000; it concerns Opus alone.
    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        if let Kind::Opus(encoder) = &mut self.kind {
            // Only a value outside the range can be refused.
            let _ = encoder.set_bitrate(opus::Bitrate::Bits(bits_per_second.clamp(6_000, 128_000) as i32));
        }
    }

    /// Tells the encoder what the far end loses (%), so that Opus spends bits on redundancy only where it helps.
    pub fn set_expected_loss(&mut self, percent: u8) {
        if let Kind::Opus(encoder) = &mut self.kind {
            // Only a value outside 0..=100 can be refused.
            let _ = encoder.set_packet_loss_perc(i32::from(percent.min(100)));
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}

fn opus_encoder(options: &EncoderOptions) -> Result<opus::Encoder, CodecError> {
    let mut encoder = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip)?;
    let bitrate = options.opus_bitrate_bps.clamp(6_000, 128_000);
    encoder.set_bitrate(opus::Bitrate::Bits(bitrate as i32))?;
    encoder.set_max_bandwidth(match options.opus_sound_rate {
        ..=8_000 => opus::Bandwidth::Narrowband,
        8_001..=16_000 => opus::Bandwidth::Wideband,
        _ => opus::Bandwidth::Fullband,
    })?;
    encoder.set_inband_fec(options.fec)?;
    encoder.set_dtx(options.dtx)?;
    encoder.set_packet_loss_perc(i32::from(options.expected_loss_percent.min(100)))?;
    encoder.set_complexity(i32::from(options.complexity.min(10)))?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Tone;

    #[test]
    fn no_bits_are_spent_on_what_the_first_codec_left_out() {
        for (origin, widest) in [(Codec::Pcma, 0), (Codec::G722, 2)] {
            let mut encoder = Encoder::opus_for(origin).expect("valid options");
            let (mut tone, mut payload, mut bytes) = (Tone::sine(1_000.0, 6_000), [0; MAX_PAYLOAD], 0);
            for _ in 0..100 {
                let length = encoder.encode(&tone.next_frame(), &mut payload);
                bytes += length;
                // RFC 6716 §3.1, table 2: four modes of SILK for each bandwidth from narrow on, and of CELT likewise.
                let bandwidth = match payload[0] >> 3 {
                    silk @ ..12 => silk / 4,
                    12..16 => 3,
                    16..20 => 0,
                    celt => (celt - 12) / 4,
                };
                assert!(bandwidth <= widest, "{origin}: {bandwidth}");
            }
            assert!((2_000..7_000).contains(&bytes), "{origin}: {bytes} bytes in 2 s");
        }
    }
}
