// SPDX-License-Identifier: EUPL-1.2
//! A payload becomes samples at the codec's own rate.

use audio_codec::Decoder as _;
use audio_codec::{g722::G722Decoder, pcma::PcmaDecoder, pcmu::PcmuDecoder};

use crate::{Codec, CodecError, SAMPLE_RATE};

/// Longest sound in one packet (ms); a longer packet is not believed.
pub(crate) const MAX_PACKET_MS: usize = 200;

/// Decodes a whole recording of Opus packets to 48 kHz mono; stereo is folded.
///
/// # Errors
/// [`CodecError::Opus`] if a packet is not valid, or if there are more than `max_samples`.
pub fn decode_opus_packets<'a>(
    packets: impl IntoIterator<Item = &'a [u8]>,
    max_samples: usize,
) -> Result<Vec<i16>, CodecError> {
    let mut decoder = opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono)?;
    let mut samples = Vec::new();
    // RFC 6716 §3.4: a packet holds at most 120 ms.
    let mut packet_samples = [0; SAMPLE_RATE as usize * 120 / 1000];
    for packet in packets.into_iter().filter(|packet| !packet.is_empty()) {
        let count = decoder.decode(packet, &mut packet_samples, false)?;
        samples.extend_from_slice(packet_samples.get(..count).unwrap_or_default());
        if samples.len() > max_samples {
            return Err(CodecError::Opus(format!(
                "the recording is longer than {max_samples} samples"
            )));
        }
    }
    Ok(samples)
}

/// Decodes one stream of one codec.
pub(crate) enum Decoder {
    Pcma(PcmaDecoder),
    Pcmu(PcmuDecoder),
    G722(Box<G722Decoder>),
    Opus(opus::Decoder),
}

impl Decoder {
    pub(crate) fn new(codec: Codec) -> Result<Decoder, CodecError> {
        Ok(match codec {
            Codec::Pcma => Decoder::Pcma(PcmaDecoder::new()),
            Codec::Pcmu => Decoder::Pcmu(PcmuDecoder::new()),
            Codec::G722 => Decoder::G722(Box::new(G722Decoder::new())),
            // A mono decoder folds stereo streams by itself.
            Codec::Opus => Decoder::Opus(opus::Decoder::new(codec.sample_rate(), opus::Channels::Mono)?),
        })
    }

    /// Decodes a payload and returns how many samples it held, or `None` where it is not valid.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Option<usize> {
        match self {
            Decoder::Pcma(decoder) => decoder.decode_into(payload, out).ok(),
            Decoder::Pcmu(decoder) => decoder.decode_into(payload, out).ok(),
            Decoder::G722(decoder) => decoder.decode_into(payload, out).ok(),
            Decoder::Opus(decoder) => decoder.decode(payload, out, false).ok(),
        }
    }

    /// Decodes, from the packet that follows a lost one, the lost one: all of `out`, a multiple of 2.5 ms.
    pub(crate) fn decode_lost(&mut self, successor: &[u8], out: &mut [i16]) -> Option<usize> {
        match self {
            Decoder::Opus(decoder) => decoder.decode(successor, out, true).ok(),
            _ => None,
        }
    }

    /// Lets Opus imagine what was lost: all of `out`, a multiple of 2.5 ms up to 120 ms. `None` for other codecs.
    pub(crate) fn conceal(&mut self, out: &mut [i16]) -> Option<usize> {
        match self {
            Decoder::Opus(decoder) => decoder.decode(&[], out, false).ok(),
            _ => None,
        }
    }

    /// Forgets the stream, as after a restart of the sender.
    pub(crate) fn reset(&mut self) {
        match self {
            Decoder::Pcma(_) | Decoder::Pcmu(_) => {}
            Decoder::G722(decoder) => **decoder = G722Decoder::new(),
            Decoder::Opus(decoder) => {
                // Resetting the state of a valid decoder has no way to fail.
                let _ = decoder.reset_state();
            }
        }
    }
}

/// Returns how many samples at the codec's rate a payload holds, or `None` where it is not a valid payload.
pub(crate) fn samples_in(codec: Codec, payload: &[u8]) -> Option<usize> {
    let samples = match codec {
        Codec::Pcma | Codec::Pcmu => payload.len(),
        Codec::G722 => payload.len() * 2,
        Codec::Opus => opus::packet::get_nb_samples(payload, codec.sample_rate()).ok()?,
    };
    let longest = codec.sample_rate() as usize / 1000 * MAX_PACKET_MS;
    (1..=longest).contains(&samples).then_some(samples)
}

/// Tells whether an Opus packet repeats its predecessor at low rate (the LBRR flag of RFC 6716 §4.2.4).
pub(crate) fn mends_predecessor(codec: Codec, payload: &[u8]) -> bool {
    let (Codec::Opus, [toc, first, ..]) = (codec, payload) else {
        return false;
    };
    let config = toc >> 3;
    let single_frame = toc & 0b11 == 0;
    let stereo = toc & 0b100 != 0;
    // Configurations 16 and above are CELT only: they hold no SILK frame, hence no redundancy.
    if config >= 16 || !single_frame {
        return false;
    }
    let silk_frames = match config {
        0..=11 if config % 4 == 2 => 2,
        0..=11 if config % 4 == 3 => 3,
        _ => 1,
    };
    let flag = |shift: u32| (first >> shift) & 1 == 1;
    flag(7 - silk_frames) || (stereo && flag(6 - 2 * silk_frames))
}
