// SPDX-License-Identifier: EUPL-1.2
//! After how many samples a piece of sound resembles itself.

/// Rate at which the search looks first (Hz); finer rates refine its result.
const COARSE_RATE: usize = 8_000;
/// Most samples of the coarse search: 50 ms.
const COARSE_MAX: usize = 400;
/// Mean square below which everything resembles everything: -70 dBov.
const QUIET: f32 = 107.0;

/// A lag and how well the sound agrees with itself at that lag (1: entirely, 0: not at all).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lag {
    pub(super) samples: usize,
    pub(super) likeness: f32,
}

/// Finds the lag in `least..=most` at which `sound[at - lag..][..window]` is most like `sound[at..][..window]`.
///
/// Returns `None` where `sound` is too short for `least`; `most` is cut to what it holds.
pub(super) fn find(sound: &[i16], at: usize, window: usize, least: usize, most: usize, rate: usize) -> Option<Lag> {
    let most = most.min(at);
    if window == 0 || least == 0 || least > most || at + window > sound.len() {
        return None;
    }
    let step = (rate / COARSE_RATE).max(1);
    let coarse = coarse_lag(&sound[at - most..at + window], most, window, least, most, step);
    let lags = coarse.saturating_sub(step - 1).max(least)..=(coarse + step - 1).min(most);
    let likeness = |lag: usize| likeness(&sound[at..at + window], &sound[at - lag..at - lag + window], step);
    lags.map(|samples| Lag {
        samples,
        likeness: likeness(samples),
    })
    .max_by(|a, b| a.likeness.total_cmp(&b.likeness))
}

fn coarse_lag(sound: &[i16], at: usize, window: usize, least: usize, most: usize, step: usize) -> usize {
    let mut thin = [0_i16; COARSE_MAX];
    let count = (sound.len() / step).min(COARSE_MAX);
    for (thin, group) in thin.iter_mut().zip(sound.chunks_exact(step)) {
        *thin = (group.iter().map(|sample| i32::from(*sample)).sum::<i32>() / step as i32) as i16;
    }
    let thin = &thin[..count];
    let at = at / step;
    let window = (window / step).min(count.saturating_sub(at));
    let lags = (least / step).max(1)..=(most / step).min(at).max(1);
    let best = lags
        .map(|lag| {
            (
                lag,
                likeness(&thin[at..at + window], &thin[at.saturating_sub(lag)..][..window], 1),
            )
        })
        .max_by(|a, b| a.1.total_cmp(&b.1));
    best.map_or(least, |(lag, _)| (lag * step).clamp(least, most))
}

/// Normalised correlation of two pieces of the same length, looking at every `stride`-th sample.
fn likeness(a: &[i16], b: &[i16], stride: usize) -> f32 {
    let (mut product, mut energy_a, mut energy_b) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (a, b) in a.iter().step_by(stride).zip(b.iter().step_by(stride)) {
        let (a, b) = (f32::from(*a), f32::from(*b));
        product += a * b;
        energy_a += a * a;
        energy_b += b * b;
    }
    let floor = QUIET * (a.len() / stride).max(1) as f32;
    if energy_a < floor && energy_b < floor {
        return 1.0;
    }
    product / (energy_a.max(floor) * energy_b.max(floor)).sqrt()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tone::Tone;

    #[test]
    fn the_lag_of_a_tone_is_a_whole_number_of_its_periods() {
        for rate in [8_000, 16_000, 48_000] {
            let mut sound = vec![0; rate / 20];
            Tone::sine(200.0, 8_000).fill(&mut sound, rate as u32);
            let lag = find(&sound, rate / 50, rate / 100, rate / 400, rate * 15 / 1_000, rate).unwrap();
            let periods = lag.samples as f64 * 200.0 / rate as f64;
            assert!(
                (periods - periods.round()).abs() < 0.02 && periods > 0.9,
                "{rate}: {lag:?}"
            );
            assert!(lag.likeness > 0.99, "{lag:?}");
        }
    }
}
