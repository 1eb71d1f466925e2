// SPDX-License-Identifier: EUPL-1.2
//! Playing faster and slower without changing the pitch: one period is left out, or played twice, and the seam is
//! cross-faded where the sound resembles itself (WSOLA).

use super::pitch;

/// Shortest piece that is left out or played twice (samples per second ÷ this): 2.5 ms.
const LEAST: usize = 400;
/// Length of the cross-fade: 5 ms.
const SEAM: usize = 200;

/// Says how alike the two sides of a seam have to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Care(pub(super) f32);

/// Returns how many samples from `at` on a piece to leave out may need.
pub(super) fn needs_ahead(rate: usize, most: usize) -> usize {
    most + rate / SEAM
}

/// Leaves out up to `most` samples right after `at` and returns how many.
pub(super) fn shorten(sound: &mut Vec<i16>, at: usize, most: usize, rate: usize, care: Care) -> usize {
    let seam = rate / SEAM;
    let most = most.min(sound.len().saturating_sub(at + seam));
    // Looking back from the far side: the sound there resembles the sound here.
    let Some(lag) = best_lag_forwards(sound, at, seam, rate / LEAST, most, rate) else {
        return 0;
    };
    if lag.likeness < care.0 {
        return 0;
    }
    for i in 0..seam {
        sound[at + i] = fade(sound[at + i], sound[at + lag.samples + i], i, seam);
    }
    sound.drain(at + seam..at + seam + lag.samples);
    lag.samples
}

/// Plays up to `most` samples before `at` once more and returns how many.
pub(super) fn lengthen(sound: &mut Vec<i16>, at: usize, most: usize, rate: usize, care: Care) -> usize {
    let seam = rate / SEAM;
    let Some(lag) = pitch::find(sound, at, seam, rate / LEAST, most, rate) else {
        return 0;
    };
    if lag.likeness < care.0 || sound.len() + lag.samples > sound.capacity() {
        return 0;
    }
    // Make room, then write from the seam on: the old sound from `at - lag` follows on `at`.
    let old_length = sound.len();
    sound.resize(old_length + lag.samples, 0);
    sound.copy_within(at..old_length, at + lag.samples);
    for i in 0..lag.samples {
        sound[at + i] = sound[at - lag.samples + i];
    }
    // `at + lag.samples + i` holds what would have come next; fade from it to the repetition.
    for i in 0..seam.min(lag.samples) {
        let natural = sound[at + lag.samples + i];
        sound[at + i] = fade(natural, sound[at + i], i, seam.min(lag.samples));
    }
    lag.samples
}

fn best_lag_forwards(
    sound: &[i16],
    at: usize,
    seam: usize,
    least: usize,
    most: usize,
    rate: usize,
) -> Option<pitch::Lag> {
    if least > most {
        return None;
    }
    // `pitch::find` looks backwards, so it looks at the sound in reverse: the window's end stands in for its start.
    let ahead = sound.get(at..at + most + seam)?;
    let mut reversed = [0_i16; 48_000 / 20];
    let reversed = reversed.get_mut(..ahead.len())?;
    for (slot, sample) in reversed.iter_mut().zip(ahead.iter().rev()) {
        *slot = *sample;
    }
    pitch::find(reversed, most, seam, least, most, rate)
}

fn fade(from: i16, to: i16, at: usize, length: usize) -> i16 {
    let share = (at + 1) as f32 / (length + 1) as f32;
    (f32::from(from) * (1.0 - share) + f32::from(to) * share) as i16
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tone::Tone;

    /// Largest step between neighbours, which a click would raise.
    fn roughness(sound: &[i16]) -> i32 {
        sound
            .windows(2)
            .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
            .max()
            .unwrap()
    }

    #[test]
    fn a_tone_is_shortened_and_lengthened_without_a_click() {
        for rate in [8_000_usize, 16_000, 48_000] {
            let mut sound = Vec::with_capacity(rate);
            sound.resize(rate / 10, 0);
            Tone::sine(310.0, 10_000).fill(&mut sound, rate as u32);
            let (before, length) = (roughness(&sound), sound.len());
            let removed = shorten(&mut sound, rate / 20, rate * 12 / 1_000, rate, Care(0.9));
            assert!(
                removed >= rate / LEAST && sound.len() == length - removed,
                "{rate}: {removed}"
            );
            assert!(
                roughness(&sound) < before * 11 / 10,
                "{rate}: {} {before}",
                roughness(&sound)
            );
            let added = lengthen(&mut sound, rate / 20, rate * 12 / 1_000, rate, Care(0.9));
            assert!(added >= rate / LEAST && sound.len() == length - removed + added);
            assert!(
                roughness(&sound) < before * 11 / 10,
                "{rate}: {} {before}",
                roughness(&sound)
            );
        }
    }
}
