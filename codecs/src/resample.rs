// SPDX-License-Identifier: EUPL-1.2
//! Between 8, 16, 24 and 48 kHz: one polyphase filter (Kaiser window, linear phase), streaming, without allocation.

use crate::CodecError;

/// Filters are this many periods of the lower rate long; delay is half of it.
const PERIODS_NARROW: usize = 24;
const PERIODS_WIDE: usize = 32;

/// Position of the -6 dB point, as a share of the lower rate's Nyquist frequency.
const CUTOFF: f64 = 0.95;

/// Kaiser window for 60 dB of stop-band attenuation.
const KAISER_BETA: f64 = 5.65;

/// Most input samples per pass.
const BLOCK: usize = 960;

/// Dot products are taken this many lanes at a time.
const LANES: usize = 8;

/// Upwards, this many outputs are computed at once.
const WIDE: usize = 16;

/// Converts a stream from one sample rate to another by an integer ratio.
///
/// Gain is 1; what would alias is at least 50 dB down, except for the transition band (about 0.8..1.2 of the lower
/// rate's Nyquist frequency). Delay: 1.5 ms with 8 kHz, 1 ms with 16 kHz, 0.7 ms with 24 kHz.
pub struct Resampler {
    direction: Direction,
    ratio: usize,
    /// Up: `ratio` phases one after the other. Down: one filter. Each is in reversed order, oldest sample first.
    taps: Vec<f32>,
    /// Length of one filter in input samples.
    length: usize,
    /// The last `length - 1` inputs, then room for a block.
    window: Vec<f32>,
    /// Down: inputs to skip until the next output.
    skip: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
    Same,
}

impl Resampler {
    /// Makes a resampler between two of 8 000, 16 000, 24 000 and 48 000 Hz of which one is a multiple of the other.
    pub fn new(from: u32, to: u32) -> Result<Resampler, CodecError> {
        const SERVED: [u32; 4] = [8_000, 16_000, 24_000, 48_000];
        let (low, high) = (from.min(to), from.max(to));
        if !SERVED.contains(&low) || !SERVED.contains(&high) || !high.is_multiple_of(low) {
            return Err(CodecError::Rates { from, to });
        }
        let ratio = (high / low) as usize;
        let periods = if low == 8_000 { PERIODS_NARROW } else { PERIODS_WIDE };
        let direction = match from.cmp(&to) {
            std::cmp::Ordering::Less => Direction::Up,
            std::cmp::Ordering::Greater => Direction::Down,
            std::cmp::Ordering::Equal => Direction::Same,
        };
        let prototype = low_pass(periods * ratio, ratio);
        let (taps, length) = match direction {
            Direction::Up => (polyphase(&prototype, ratio), periods),
            Direction::Down => (prototype.iter().map(|tap| *tap as f32).collect(), prototype.len()),
            Direction::Same => (Vec::new(), 1),
        };
        Ok(Resampler {
            direction,
            ratio,
            taps,
            length,
            window: vec![0.0; length - 1 + BLOCK],
            skip: 0,
        })
    }

    /// Converts all of `input` and returns how many samples it wrote to `out`.
    ///
    /// Upwards that is `input.len() * ratio`, downwards `input.len() / ratio`, where the remainder is carried over to
    /// the next call. Samples that do not fit into `out` are lost.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        if self.direction == Direction::Same {
            let count = input.len().min(out.len());
            out[..count].copy_from_slice(&input[..count]);
            return count;
        }
        let mut written = 0;
        for block in input.chunks(BLOCK) {
            let kept = self.length - 1;
            for (slot, sample) in self.window[kept..].iter_mut().zip(block) {
                *slot = f32::from(*sample);
            }
            written += match self.direction {
                Direction::Up => self.up(block.len(), &mut out[written..]),
                _ => self.down(block.len(), &mut out[written..]),
            };
            self.window.copy_within(block.len()..block.len() + kept, 0);
        }
        written
    }

    /// Forgets the sound so far.
    pub fn reset(&mut self) {
        self.window.fill(0.0);
        self.skip = 0;
    }

    fn up(&self, count: usize, out: &mut [i16]) -> usize {
        let count = count.min(out.len() / self.ratio);
        for (phase, taps) in self.taps.chunks_exact(self.length).enumerate() {
            let mut at = 0;
            while at + WIDE <= count {
                // Neighbouring outputs of one phase share the taps: that many sums stay in registers.
                let mut sums = [0.0_f32; WIDE];
                for (tap, samples) in taps.iter().zip(self.window[at..].windows(WIDE)) {
                    for lane in 0..WIDE {
                        sums[lane] += tap * samples[lane];
                    }
                }
                for (sum, group) in sums.iter().zip(out[at * self.ratio..].chunks_exact_mut(self.ratio)) {
                    group[phase] = rounded(*sum);
                }
                at += WIDE;
            }
            for at in at..count {
                out[at * self.ratio + phase] = rounded(dot(&self.window[at..at + self.length], taps));
            }
        }
        count * self.ratio
    }

    fn down(&mut self, count: usize, out: &mut [i16]) -> usize {
        let mut written = 0;
        let mut at = self.skip;
        while at < count {
            if let Some(sample) = out.get_mut(written) {
                *sample = rounded(dot(&self.window[at..at + self.length], &self.taps));
                written += 1;
            }
            at += self.ratio;
        }
        self.skip = at - count;
        written
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("ratio", &self.ratio)
            .finish_non_exhaustive()
    }
}

/// Multiplies and adds in [`LANES`] independent sums, which the compiler turns into vector instructions.
fn dot(samples: &[f32], taps: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (samples, taps) in samples.chunks_exact(LANES).zip(taps.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += samples[lane] * taps[lane];
        }
    }
    sums.iter().sum()
}

/// Rounds; the cast saturates by itself.
fn rounded(sum: f32) -> i16 {
    (sum + 0.5_f32.copysign(sum)) as i16
}

/// Designs a symmetric low pass at the higher rate with unit gain.
fn low_pass(length: usize, ratio: usize) -> Vec<f64> {
    let centre = (length as f64 - 1.0) / 2.0;
    let cutoff = CUTOFF / ratio as f64;
    let mut taps: Vec<f64> = (0..length)
        .map(|at| {
            let x = at as f64 - centre;
            let angle = std::f64::consts::PI * x * cutoff;
            let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
            let edge = x / (centre + 1.0);
            sinc * bessel_i0(KAISER_BETA * (1.0 - edge * edge).sqrt())
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= sum);
    taps
}

/// Splits the low pass into its phases, each with unit gain of its own, so that a constant has no image.
fn polyphase(prototype: &[f64], ratio: usize) -> Vec<f32> {
    let mut taps = Vec::with_capacity(prototype.len());
    for phase in 0..ratio {
        let part: Vec<f64> = prototype.iter().skip(phase).step_by(ratio).copied().collect();
        let sum: f64 = part.iter().sum();
        taps.extend(part.iter().rev().map(|tap| (tap / sum) as f32));
    }
    taps
}

/// Modified Bessel function of the first kind, order zero.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= quarter / (k * k) as f64;
        sum += term;
    }
    sum
}
