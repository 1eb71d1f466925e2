// SPDX-License-Identifier: EUPL-1.2
//! Which tones are in a piece of sound: the ears of the tests.

use std::f64::consts::{PI, TAU};

/// Tells one tone of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Frequency (Hz).
    pub hertz: f64,
    /// Level of the sine (dBov); a full-scale sine has -3.
    pub level: f64,
}

/// Measures how loud a tone of `hertz` is in `samples` [dBov; a full-scale sine has -3] (Goertzel, Hann window).
pub fn tone_level(samples: &[i16], sample_rate: u32, hertz: f64) -> f64 {
    let count = samples.len();
    if count < 2 {
        return -127.0;
    }
    let coefficient = 2.0 * (TAU * hertz / f64::from(sample_rate)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let now = f64::from(*sample) * hann(at, count) + coefficient * last - before;
        before = last;
        last = now;
    }
    let power = last * last + before * before - coefficient * last * before;
    sine_level(power.max(0.0).sqrt(), count)
}

/// Finds the tones of `samples` that are louder than `floor` (dBov), the loudest first (Fourier transform, Hann
/// window, over the largest power of two of samples).
///
/// One second at 48 kHz separates tones that are 10 Hz apart, and shows levels to a few tenths of a decibel.
pub fn peaks(samples: &[i16], sample_rate: u32, floor: f64) -> Vec<Peak> {
    if samples.len() < 16 {
        return Vec::new();
    }
    let count = 1 << samples.len().ilog2();
    let levels: Vec<f64> = magnitudes(&samples[..count])
        .iter()
        .map(|magnitude| sine_level(*magnitude, count))
        .collect();
    let bin = f64::from(sample_rate) / count as f64;
    let mut found: Vec<Peak> = (2..levels.len().saturating_sub(2))
        .filter(|at| levels[*at] > floor && (at - 2..=at + 2).all(|near| near == *at || levels[near] < levels[*at]))
        .map(|at| {
            // A parabola through three levels in decibels finds the true top between the bins.
            let (left, top, right) = (levels[at - 1], levels[at], levels[at + 1]);
            let shift = 0.5 * (left - right) / (left - 2.0 * top + right);
            Peak {
                hertz: (at as f64 + shift) * bin,
                level: top - 0.25 * (left - right) * shift,
            }
        })
        .collect();
    found.sort_by(|a, b| b.level.total_cmp(&a.level));
    found
}

/// Tells which of the `candidates` (Hz) are heard: those louder than -50 dBov and within 30 dB of the loudest of them.
pub fn heard(samples: &[i16], sample_rate: u32, candidates: &[f64]) -> Vec<f64> {
    let levels: Vec<f64> = candidates
        .iter()
        .map(|hertz| tone_level(samples, sample_rate, *hertz))
        .collect();
    let loudest = levels.iter().copied().fold(f64::MIN, f64::max);
    let limit = (loudest - 30.0).max(-50.0);
    candidates
        .iter()
        .zip(&levels)
        .filter(|(_, level)| **level > limit)
        .map(|(hertz, _)| *hertz)
        .collect()
}

/// Returns the level of a sine whose windowed transform has this magnitude.
fn sine_level(magnitude: f64, count: usize) -> f64 {
    // A sine of amplitude a gives a/2 per sample, and the window halves it once more.
    let amplitude = magnitude * 4.0 / count as f64;
    let root_mean_square = amplitude / std::f64::consts::SQRT_2 / 32_768.0;
    (20.0 * root_mean_square.max(1e-9).log10()).max(-127.0)
}

fn hann(at: usize, count: usize) -> f64 {
    0.5 - 0.5 * (TAU * at as f64 / count as f64).cos()
}

/// Returns the magnitudes of the lower half of the transform of a power of two of samples.
fn magnitudes(samples: &[i16]) -> Vec<f64> {
    let count = samples.len();
    let bits = count.ilog2();
    let mut values = vec![(0.0_f64, 0.0_f64); count];
    for (at, sample) in samples.iter().enumerate() {
        let place = at.reverse_bits() >> (usize::BITS - bits);
        values[place].0 = f64::from(*sample) * hann(at, count);
    }
    let mut half = 1;
    while half < count {
        let (turn_re, turn_im) = ((PI / half as f64).cos(), -(PI / half as f64).sin());
        for group in values.chunks_exact_mut(2 * half) {
            let (even, odd) = group.split_at_mut(half);
            let (mut re, mut im) = (1.0, 0.0);
            for (a, b) in even.iter_mut().zip(odd) {
                let product = (b.0 * re - b.1 * im, b.0 * im + b.1 * re);
                *b = (a.0 - product.0, a.1 - product.1);
                *a = (a.0 + product.0, a.1 + product.1);
                (re, im) = (re * turn_re - im * turn_im, re * turn_im + im * turn_re);
            }
        }
        half *= 2;
    }
    values[..count / 2].iter().map(|(re, im)| re.hypot(*im)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Tone;

    #[test]
    fn a_full_scale_sine_is_found_at_its_frequency_with_minus_3_dbov() {
        let mut samples = vec![0; 48_000];
        Tone::sine(1_234.5, 32_767).fill(&mut samples, 48_000);
        let found = peaks(&samples, 48_000, -60.0);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0].hertz - 1_234.5).abs() < 0.5, "{found:?}");
        assert!((found[0].level + 3.0).abs() < 0.2, "{found:?}");
        assert!((tone_level(&samples, 48_000, 1_234.5) + 3.0).abs() < 0.1);
        assert!(tone_level(&samples, 48_000, 1_500.0) < -80.0);
    }

    #[test]
    fn two_tones_are_told_apart() {
        let mut samples = vec![0; 48_000];
        Tone::dual(697.0, 1_209.0, 8_000).fill(&mut samples, 48_000);
        assert_eq!(
            heard(&samples, 48_000, &[697.0, 770.0, 1_209.0, 1_336.0]),
            [697.0, 1_209.0]
        );
    }
}
