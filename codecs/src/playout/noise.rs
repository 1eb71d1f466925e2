// SPDX-License-Identifier: EUPL-1.2
//! Comfort noise: what a silent line sounds like, so that nobody thinks it is dead (RFC 3389 in spirit).

#[cfg(test)]
use crate::Level;

/// Loudest noise that is ever made (-dBov): a peer cannot make us roar, nor take the floor with it.
const LOUDEST: u8 = 55;
/// What is assumed of a line that was not heard yet (-dBov).
const UNKNOWN: u8 = 78;
/// How fast the estimate of the background rises towards what is heard, per frame: 3 dB in 2 s.
const RISE: f32 = 1.007;

#[derive(Debug)]
pub(super) struct Noise {
    seed: u32,
    last: f32,
    /// Mean square of the quietest sound of late.
    background: f32,
    /// Level that the sender asked for (-dBov).
    told: Option<u8>,
}

impl Noise {
    pub(super) fn new() -> Noise {
        Noise {
            seed: 0x9E37_79B9,
            last: 0.0,
            background: mean_square(UNKNOWN),
            told: None,
        }
    }

    /// Learns the background from sound that was heard.
    pub(super) fn listen(&mut self, sound: &[i16]) {
        if sound.is_empty() {
            return;
        }
        let sum: f32 = sound.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
        let heard = sum / sound.len() as f32;
        self.background = heard
            .min(self.background * RISE)
            .clamp(mean_square(90), mean_square(LOUDEST));
    }

    /// Obeys a comfort noise packet (RFC 3389 §3.1).
    pub(super) fn obey(&mut self, level: u8) {
        self.told = Some(level.clamp(LOUDEST, 127));
    }

    /// Forgets the sender's wish, because it speaks again.
    pub(super) fn release(&mut self) {
        self.told = None;
    }

    /// Returns the next sample.
    pub(super) fn sample(&mut self, gain: f32) -> f32 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        let white = self.seed as f32 / u32::MAX as f32 * 2.0 - 1.0;
        // A gentle low pass: white noise hisses.
        self.last = 0.5 * self.last + 0.5 * white;
        self.last * gain
    }

    /// Returns the gain that gives the noise its level; ask once per piece.
    pub(super) fn gain(&self) -> f32 {
        let power = self.told.map_or(self.background, mean_square);
        // The filtered noise has a mean square of 1/3 (uniform) · 1/3 (filter).
        (power * 9.0).sqrt()
    }
}

/// Returns the mean square of a level (-dBov).
fn mean_square(level: u8) -> f32 {
    32_768.0_f32 * 32_768.0 * 10.0_f32.powf(-f32::from(level) / 10.0)
}

#[cfg(test)]
pub(super) fn level_of(sound: &[i16]) -> Level {
    let sum: f32 = sound.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
    Level::of_mean_square(sum / sound.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_level_that_was_asked_for_and_never_so_much_that_it_passes_for_speech() {
        for (asked, made) in [(60, 60), (70, 70), (0, 55)] {
            let mut noise = Noise::new();
            noise.obey(asked);
            let gain = noise.gain();
            let sound: Vec<i16> = (0..8_000).map(|_| noise.sample(gain) as i16).collect();
            let level = level_of(&sound).0;
            assert!(level.abs_diff(made) <= 1, "{asked}: {level}");
        }
    }
}
