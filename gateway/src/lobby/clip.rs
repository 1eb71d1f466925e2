// SPDX-License-Identifier: EUPL-1.2
//! Reads recordings: Ogg Opus (RFC 7845) and WAV to 48 kHz mono.

use std::fmt;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use landbridge_codecs::{SAMPLE_RATE, decode_opus_packets};
use ogg::PacketReader;

use crate::media::Clip;

/// The longest recording [s].
const MAX_SECONDS: usize = 60;
/// The largest file, in bytes: a minute of 48 kHz stereo.
const MAX_BYTES: u64 = 16 << 20;

/// Says what is wrong with a recording and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub remedy: String,
}

impl fmt::Display for ClipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file.display(), self.what, self.remedy)
    }
}

impl std::error::Error for ClipError {}

/// Reads a recording of at most 60 s: `.wav` (48 kHz, mono, 16 bit) or `.opus` (mono).
///
/// # Errors
/// [`ClipError`] with file and remedy.
pub fn read_clip(file: impl AsRef<Path>) -> Result<Clip, ClipError> {
    let file = file.as_ref();
    let error = |(what, remedy): (String, String)| ClipError {
        file: file.to_owned(),
        what,
        remedy,
    };
    let read = || {
        let size = std::fs::metadata(file)?.len();
        if size > MAX_BYTES {
            Ok(None)
        } else {
            std::fs::read(file).map(Some)
        }
    };
    let bytes = read().map_err(|e| error((format!("cannot be read: {e}"), "check name and permissions".into())))?;
    let bytes = bytes.ok_or_else(|| error(("is larger than 16 MiB".into(), format!("cut it to {MAX_SECONDS} s"))))?;
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("wav") => decode_wav(&bytes),
        Some("opus" | "ogg") => decode_opus(&bytes),
        _ => Err(("is neither .wav nor .opus".into(), convert())),
    }
    .map_err(error)
}

/// Decodes an Ogg Opus file in memory.
pub(super) fn decode_opus(bytes: &[u8]) -> Result<Clip, (String, String)> {
    let broken = |what: String| (format!("is no Ogg Opus file: {what}"), convert());
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut head = None;
    let mut end = 0_u64;
    // RFC 7845 §3: the head, the tags, then the sound.
    let mut index = 0_usize;
    while let Some(packet) = reader.read_packet().map_err(|e| broken(e.to_string()))? {
        match index {
            0 => head = Some(read_head(&packet.data).ok_or_else(|| broken("the first packet is no OpusHead".into()))?),
            1 => {}
            _ => {
                end = packet.absgp_page();
                packets.push(packet.data);
            }
        }
        index += 1;
        // The shortest packet is 2.5 ms.
        if packets.len() > MAX_SECONDS * 400 {
            return Err(too_long());
        }
    }
    let Some((channels, pre_skip)) = head else {
        return Err(broken("it is empty".into()));
    };
    if channels != 1 {
        return Err((format!("has {channels} channels"), convert()));
    }
    let samples = decode_opus_packets(
        packets.iter().map(Vec::as_slice),
        MAX_SECONDS * SAMPLE_RATE as usize + pre_skip,
    );
    let samples = samples.map_err(|e| broken(e.to_string()))?;
    // RFC 7845 §4: the last page says how much of the last packet is meant.
    let meant = usize::try_from(end)
        .unwrap_or(usize::MAX)
        .clamp(pre_skip, samples.len().max(pre_skip));
    let samples = samples.get(pre_skip..meant.min(samples.len())).unwrap_or_default();
    checked(samples.into())
}

/// Returns channel count and pre-skip [samples] (RFC 7845 §5.1).
fn read_head(packet: &[u8]) -> Option<(u8, usize)> {
    let rest = packet.strip_prefix(b"OpusHead")?;
    let [_version, channels, low, high, ..] = *rest else {
        return None;
    };
    Some((channels, usize::from(u16::from_le_bytes([low, high]))))
}

fn decode_wav(bytes: &[u8]) -> Result<Clip, (String, String)> {
    let broken = |e: hound::Error| (format!("is no WAV file: {e}"), convert());
    let reader = hound::WavReader::new(Cursor::new(bytes)).map_err(broken)?;
    let spec = reader.spec();
    if (
        spec.sample_rate,
        spec.channels,
        spec.bits_per_sample,
        spec.sample_format,
    ) != (SAMPLE_RATE, 1, 16, hound::SampleFormat::Int)
    {
        let found = format!(
            "is {} Hz, {} channels, {} bit",
            spec.sample_rate, spec.channels, spec.bits_per_sample
        );
        return Err((found, convert()));
    }
    if reader.duration() as usize > MAX_SECONDS * SAMPLE_RATE as usize {
        return Err(too_long());
    }
    let samples = reader
        .into_samples::<i16>()
        .collect::<Result<Vec<i16>, _>>()
        .map_err(broken)?;
    checked(samples.into())
}

fn checked(clip: Arc<[i16]>) -> Result<Clip, (String, String)> {
    if clip.is_empty() {
        return Err(("is empty".into(), "record it again".into()));
    }
    if clip.len() > MAX_SECONDS * SAMPLE_RATE as usize {
        Err(too_long())
    } else {
        Ok(clip)
    }
}

fn too_long() -> (String, String) {
    (
        format!("is longer than {MAX_SECONDS} s"),
        format!("cut it to {MAX_SECONDS} s"),
    )
}

fn convert() -> String {
    "convert it: ffmpeg -i IN -ac 1 -ar 48000 -sample_fmt s16 OUT.wav, or opusenc --downmix-mono IN OUT.opus".into()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use landbridge_codecs::{Codec, Encoder, EncoderOptions, Frame, MAX_PAYLOAD, tone::Tone};

    /// Writes an Ogg Opus file of a tone.
    pub(crate) fn ogg_opus(channels: u8, frames: usize) -> Vec<u8> {
        use ogg::writing::{PacketWriteEndInfo, PacketWriter};
        let mut bytes = Vec::new();
        let mut writer = PacketWriter::new(&mut bytes);
        let mut head = b"OpusHead\x01".to_vec();
        head.extend([channels, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, 0]);
        writer.write_packet(head, 1, PacketWriteEndInfo::EndPage, 0).unwrap();
        writer
            .write_packet(b"OpusTags\0\0\0\0\0\0\0\0".to_vec(), 1, PacketWriteEndInfo::EndPage, 0)
            .unwrap();
        let mut encoder = Encoder::new(Codec::Opus, &EncoderOptions::default()).unwrap();
        let mut tone = Tone::sine(440.0, 8_000);
        for i in 0..frames {
            let frame: Frame = tone.next_frame();
            let mut payload = [0; MAX_PAYLOAD];
            let length = encoder.encode(&frame, &mut payload);
            let last = i + 1 == frames;
            let info = if last {
                PacketWriteEndInfo::EndStream
            } else {
                PacketWriteEndInfo::NormalPacket
            };
            let position = (i as u64 + 1) * 960 - if last { 480 } else { 0 };
            writer
                .write_packet(payload[..length].to_vec(), 1, info, position)
                .unwrap();
        }
        drop(writer);
        bytes
    }

    /// Writes a WAV file of silence.
    pub(crate) fn wav(rate: u32, channels: u16, seconds: f32) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for _ in 0..(rate as f32 * seconds) as usize * usize::from(channels) {
            writer.write_sample(100_i16).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn an_opus_file_gives_its_tone_without_lead_in_and_padding() {
        let clip = decode_opus(&ogg_opus(1, 50)).unwrap();
        assert_eq!(clip.len(), 50 * 960 - 480 - 312);
        let found = landbridge_codecs::tone::spectrum::heard(&clip[4_800..], SAMPLE_RATE, &[440.0, 660.0]);
        assert_eq!(found, [440.0]);
    }

    #[test]
    fn a_wav_file_of_the_right_shape_is_taken() {
        assert_eq!(decode_wav(&wav(48_000, 1, 0.5)).unwrap().len(), 24_000);
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_a_remedy() {
        for (result, what) in [
            (decode_wav(&wav(44_100, 1, 0.1)), "is 44100 Hz, 1 channels"),
            (decode_wav(&wav(48_000, 2, 0.1)), "is 48000 Hz, 2 channels"),
            (decode_wav(&wav(48_000, 1, 60.5)), "longer than 60 s"),
            (decode_wav(&wav(48_000, 1, 0.0)), "is empty"),
            (decode_wav(b"RIFF"), "no WAV"),
            (decode_opus(&ogg_opus(2, 5)), "2 channels"),
            (decode_opus(b"OggS"), "no Ogg Opus"),
            (decode_opus(b""), "no Ogg Opus"),
        ] {
            let (found, remedy) = result.unwrap_err();
            assert!(found.contains(what) && !remedy.is_empty(), "{found} v {what}");
        }
    }

    #[test]
    fn a_broken_opus_file_never_panics() {
        let whole = ogg_opus(1, 20);
        for cut in (0..whole.len()).step_by(7) {
            let _ = decode_opus(&whole[..cut]);
            let mut broken = whole.clone();
            broken[cut] ^= 0x55;
            let _ = decode_opus(&broken);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read_clip("/no/such/file.wav").unwrap_err().to_string();
        assert!(error.starts_with("/no/such/file.wav: cannot be read"), "{error}");
    }
}
