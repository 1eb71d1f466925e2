// SPDX-License-Identifier: EUPL-1.2
//! What a room plays when someone joins or leaves: two soft notes, rising or falling, 48 kHz, about a third of a second.

use std::f64::consts::TAU;

use crate::frame::SAMPLE_RATE;

/// Loudest sample of a chime: -20 dBov, well below speech.
const PEAK: f64 = 3_276.0;
/// How long a note rings before it has fallen to 1/e (s).
const DECAY: f64 = 0.09;
/// When the second note is struck (s).
const SECOND_NOTE: f64 = 0.13;
/// How long the chime is (s).
const LENGTH: f64 = 0.42;

const E5: f64 = 659.26;
const A5: f64 = 880.0;

/// Returns the chime of someone who joins: a fourth upwards.
pub fn joined() -> Vec<i16> {
    ring([E5, A5])
}

/// Returns the chime of someone who leaves: a fourth downwards.
pub fn left() -> Vec<i16> {
    ring([A5, E5])
}

fn ring(notes: [f64; 2]) -> Vec<i16> {
    let samples = (LENGTH * f64::from(SAMPLE_RATE)) as usize;
    let raw: Vec<f64> = (0..samples)
        .map(|at| {
            let time = at as f64 / f64::from(SAMPLE_RATE);
            let end = ((LENGTH - time) / 0.03).clamp(0.0, 1.0);
            (note(notes[0], time) + note(notes[1], time - SECOND_NOTE)) * end
        })
        .collect();
    let peak = raw.iter().fold(f64::EPSILON, |peak, sample| peak.max(sample.abs()));
    raw.iter().map(|sample| (sample / peak * PEAK) as i16).collect()
}

/// A struck note: a sine and a little of its octave, with 6 ms of attack.
fn note(hertz: f64, time: f64) -> f64 {
    if time < 0.0 {
        return 0.0;
    }
    let attack = (time / 0.006).min(1.0);
    let envelope = attack * (-time / DECAY).exp();
    envelope * ((hertz * time * TAU).sin() + 0.2 * (2.0 * hertz * time * TAU).sin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::spectrum::tone_level;

    #[test]
    fn the_chimes_are_short_soft_and_begin_and_end_in_silence() {
        for chime in [joined(), left()] {
            assert!(chime.len() < 24_000);
            assert!(chime.iter().all(|sample| sample.abs() <= 3_276));
            assert!(chime[0].abs() < 10 && chime[chime.len() - 1].abs() < 10);
        }
    }

    #[test]
    fn joining_rises_and_leaving_falls() {
        let early = |chime: &[i16], hertz| tone_level(&chime[..4_800], SAMPLE_RATE, hertz);
        assert!(early(&joined(), E5) > early(&joined(), A5) + 20.0);
        assert!(early(&left(), A5) > early(&left(), E5) + 20.0);
    }
}
