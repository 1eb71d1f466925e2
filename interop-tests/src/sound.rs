// SPDX-License-Identifier: EUPL-1.2
//! What a recording holds: which tones, how loud.

use std::f64::consts::TAU;
use std::path::Path;
use std::time::Duration;

/// A recording, mixed down to one channel.
pub struct Recording {
    rate: u32,
    samples: Vec<f64>,
}

impl Recording {
    /// Reads a 16-bit WAV file.
    pub fn read(path: &Path) -> Recording {
        let mut reader = hound::WavReader::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let spec = reader.spec();
        let samples: Vec<f64> = reader
            .samples::<i16>()
            .map_while(Result::ok)
            .map(|s| f64::from(s) / 32768.0)
            .collect();
        let mono = samples
            .chunks(usize::from(spec.channels))
            .map(|c| c.iter().sum::<f64>() / c.len() as f64)
            .collect();
        Recording {
            rate: spec.sample_rate,
            samples: mono,
        }
    }

    /// Reads a WAV file whose writer still runs, so that its header does not tell the length yet.
    pub fn read_growing(path: &Path) -> Recording {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        assert!(
            bytes.len() >= 44 && bytes.starts_with(b"RIFF"),
            "{} is no WAV file",
            path.display()
        );
        let (channels, rate) = (usize::from(number(22)), u32::from(number(24)));
        let data = bytes.windows(4).position(|w| w == b"data").map_or(44, |at| at + 8);
        let sample = |b: &[u8]| f64::from(i16::from_le_bytes([b[0], b[1]])) / 32768.0;
        let samples: Vec<f64> = bytes[data..].chunks_exact(2).map(sample).collect();
        let mono = samples
            .chunks_exact(channels.max(1))
            .map(|c| c.iter().sum::<f64>() / c.len() as f64)
            .collect();
        Recording { rate, samples: mono }
    }

    /// Wraps samples that are in memory already.
    pub fn new(rate: u32, samples: Vec<f64>) -> Recording {
        Recording { rate, samples }
    }

    /// Returns its samples, full scale = 1.
    pub fn samples(&self) -> &[f64] {
        &self.samples
    }

    /// Returns its sample rate [Hz].
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Returns its length.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate))
    }

    /// Cuts a part out; a part beyond the end is shortened.
    pub fn part(&self, from: Duration, length: Duration) -> Recording {
        let at = |d: Duration| ((d.as_secs_f64() * f64::from(self.rate)) as usize).min(self.samples.len());
        Recording {
            rate: self.rate,
            samples: self.samples[at(from)..at(from + length)].to_vec(),
        }
    }

    /// Cuts the last `length` out, leaving `before_end` away.
    pub fn last(&self, length: Duration, before_end: Duration) -> Recording {
        let end = self.duration().saturating_sub(before_end);
        self.part(end.saturating_sub(length), length)
    }

    /// Returns the level of one frequency [dBFS of a sine], the loudest of 0.5 s windows' median.
    pub fn level(&self, hz: f64) -> f64 {
        let window = self.rate as usize / 2;
        let mut levels: Vec<f64> = self
            .samples
            .chunks_exact(window)
            .map(|chunk| goertzel(chunk, self.rate, hz))
            .collect();
        levels.sort_by(f64::total_cmp);
        levels.get(levels.len() / 2).copied().unwrap_or(-120.0)
    }

    /// Returns how long one frequency was missing: 50 ms windows in which it is more than 15 dB below its usual level.
    pub fn gaps(&self, hz: f64) -> Duration {
        let window = self.rate as usize / 20;
        let usual = self.level(hz);
        let missing = |chunk: &&[f64]| goertzel(chunk, self.rate, hz) < usual - 15.0;
        Duration::from_millis(50) * self.samples.chunks_exact(window).filter(missing).count() as u32
    }

    /// Returns how long there was anything but these tones: 100 ms windows with more than −40 dBFS of something else.
    pub fn words(&self, tones: &[f64]) -> Duration {
        let window = self.rate as usize / 10;
        let count = self
            .samples
            .chunks_exact(window)
            .filter(|chunk| rest(chunk, self.rate, tones) > -40.0)
            .count();
        Duration::from_millis(100) * count as u32
    }

    /// Returns the root mean square (dBFS).
    pub fn rms(&self) -> f64 {
        let mean = self.samples.iter().map(|s| s * s).sum::<f64>() / self.samples.len().max(1) as f64;
        10.0 * mean.max(1e-12).log10()
    }

    /// Asserts that exactly `heard` of the tones `all` are in it: each ≥ −45 dBFS and 20 dB above every other of `all`.
    pub fn hears_exactly(&self, who: &str, heard: &[f64], all: &[f64]) {
        let level = |hz: &f64| self.level(*hz);
        let table: Vec<String> = all
            .iter()
            .map(|hz| format!("{hz} Hz {:.1} dBFS", self.level(*hz)))
            .collect();
        let quietest = heard.iter().map(level).fold(f64::INFINITY, f64::min);
        let others = all
            .iter()
            .filter(|hz| !heard.contains(hz))
            .map(level)
            .fold(-120.0, f64::max);
        assert!(
            (heard.is_empty() || quietest > -45.0) && (heard.is_empty() || quietest - others > 20.0) && others < -45.0,
            "{who} should hear exactly {heard:?} and hears {table:?} in {:?}",
            self.duration()
        );
    }
}

/// Tells whether a list of peaks, as peers print it, holds exactly `heard` of the tones `all`: each within 8 Hz, above
/// `floor` [dB], and 20 dB above every other of `all`.
pub fn peaks_are_exactly(peaks: &serde_json::Value, heard: &[f64], all: &[f64], floor: f64) -> bool {
    let Some(peaks) = peaks.as_array() else { return false };
    let level = |hz: &f64| {
        let near = peaks
            .iter()
            .filter(|p| (p["hz"].as_f64().unwrap_or(0.0) - hz).abs() < 8.0);
        near.filter_map(|p| p["db"].as_f64()).fold(-120.0, f64::max)
    };
    let quietest = heard.iter().map(level).fold(f64::INFINITY, f64::min);
    let others = all.iter().filter(|hz| !heard.contains(hz)).map(level);
    let others = others.fold(-120.0, f64::max);
    if heard.is_empty() {
        return others < floor;
    }
    quietest > floor && quietest - others > 20.0
}

/// Writes a sine of 12 s, 48 kHz mono, amplitude −11 dBFS.
pub fn write_tone(path: &Path, hz: f64, rate: u32, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("the scratch folder is writable");
    for n in 0..rate * seconds {
        let sample = 9000.0 * (TAU * hz * f64::from(n) / f64::from(rate)).sin();
        writer
            .write_sample(sample as i16)
            .expect("the scratch folder is writable");
    }
    writer.finalize().expect("the scratch folder is writable");
}

/// Returns the level of one frequency in a Hann window [dBFS of a sine].
fn goertzel(samples: &[f64], rate: u32, hz: f64) -> f64 {
    let n = samples.len() as f64;
    let coefficient = 2.0 * (TAU * hz / f64::from(rate)).cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for (i, sample) in samples.iter().enumerate() {
        let hann = 0.5 - 0.5 * (TAU * i as f64 / n).cos();
        let s = sample * hann + coefficient * s1 - s2;
        s2 = s1;
        s1 = s;
    }
    let power = (s1 * s1 + s2 * s2 - coefficient * s1 * s2).max(1e-20);
    // A Hann window halves the amplitude; a sine of amplitude a gives a·n/4.
    20.0 * (power.sqrt() * 4.0 / n).max(1e-6).log10()
}

/// Returns what is left without some tones (dBFS): each is fitted and taken away.
fn rest(samples: &[f64], rate: u32, tones: &[f64]) -> f64 {
    let mut rest = samples.to_vec();
    // Tones that are not orthogonal in the window disturb each other's fit; a second round settles that.
    for hz in tones.iter().chain(tones) {
        let angle = |i: usize| TAU * hz * i as f64 / f64::from(rate);
        let share = |wave: fn(f64) -> f64| {
            let product: f64 = rest.iter().enumerate().map(|(i, s)| s * wave(angle(i))).sum();
            2.0 * product / rest.len() as f64
        };
        let (sine, cosine) = (share(f64::sin), share(f64::cos));
        for (i, sample) in rest.iter_mut().enumerate() {
            *sample -= sine * angle(i).sin() + cosine * angle(i).cos();
        }
    }
    10.0 * (rest.iter().map(|s| s * s).sum::<f64>() / rest.len().max(1) as f64)
        .max(1e-12)
        .log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, amplitude: f64) -> Vec<f64> {
        (0..48_000)
            .map(|n| amplitude * (TAU * hz * f64::from(n) / 48_000.0).sin())
            .collect()
    }

    #[test]
    fn a_tone_is_found_at_its_level_and_nowhere_else() {
        let recording = Recording::new(48_000, sine(440.0, 0.5));
        assert!((recording.level(440.0) + 6.0).abs() < 0.3, "{}", recording.level(440.0));
        assert!(recording.level(660.0) < -60.0);
        recording.hears_exactly("test", &[440.0], &[440.0, 660.0]);
    }

    #[test]
    fn a_gap_is_measured() {
        let mut samples = sine(440.0, 0.5);
        samples[12_000..24_000].fill(0.0);
        let gap = Recording::new(48_000, samples).gaps(440.0);
        assert!((200..=300).contains(&gap.as_millis()), "{gap:?}");
    }

    #[test]
    fn words_are_what_is_no_tone() {
        let tones = sine(440.0, 0.3)
            .iter()
            .zip(sine(1000.0, 0.3))
            .map(|(a, b)| a + b)
            .collect();
        let tones = Recording::new(48_000, tones);
        assert_eq!(tones.words(&[440.0, 1000.0]), Duration::ZERO);
        assert_eq!(tones.words(&[440.0]), Duration::from_secs(1));
    }

    #[test]
    #[should_panic(expected = "should hear exactly")]
    fn a_missing_tone_fails() {
        Recording::new(48_000, sine(440.0, 0.5)).hears_exactly("test", &[440.0, 660.0], &[440.0, 660.0]);
    }

    #[test]
    #[should_panic(expected = "should hear exactly")]
    fn a_tone_too_many_fails() {
        let both = sine(440.0, 0.3)
            .iter()
            .zip(sine(660.0, 0.3))
            .map(|(a, b)| a + b)
            .collect();
        Recording::new(48_000, both).hears_exactly("test", &[440.0], &[440.0, 660.0]);
    }
}
