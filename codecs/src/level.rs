// SPDX-License-Identifier: EUPL-1.2
//! Loudness as RFC 6464 tells it.

use crate::frame::{FRAME_SAMPLES, Frame};

/// Below this loudness a frame is taken for background (-dBov).
const SPEECH_LIMIT: u8 = 50;

/// Tells how loud a frame is, in -dBov (RFC 6464 §3): 0 is the loudest, 127 is silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level(pub u8);

impl Level {
    /// The level of digital silence.
    pub const SILENCE: Level = Level(127);

    /// Measures a frame: its root mean square against the overload point of 16 bit.
    pub fn of(frame: &Frame) -> Level {
        let energy: u64 = frame
            .0
            .iter()
            .map(|sample| (i64::from(*sample) * i64::from(*sample)) as u64)
            .sum();
        Level::of_mean_square(energy as f32 / FRAME_SAMPLES as f32)
    }

    /// Returns whether the frame is loud enough to be speech rather than background (-50 dBov).
    pub fn is_speech(self) -> bool {
        self.0 <= SPEECH_LIMIT
    }

    pub(crate) fn of_mean_square(mean_square: f32) -> Level {
        if mean_square < 1e-3 {
            return Level::SILENCE;
        }
        let overload = 32_768.0_f32 * 32_768.0;
        let attenuation = -10.0 * (mean_square / overload).log10();
        Level(attenuation.round().clamp(0.0, 127.0) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_square_is_0_silence_is_127_and_a_full_scale_sine_is_3() {
        assert_eq!(Level::of(&Frame([i16::MIN; FRAME_SAMPLES])), Level(0));
        assert_eq!(Level::of(&Frame::SILENCE), Level(127));
        let mut sine = Frame::SILENCE;
        for (at, sample) in sine.0.iter_mut().enumerate() {
            *sample = (32_767.0 * (at as f64 * std::f64::consts::TAU / 48.0).sin()) as i16;
        }
        assert_eq!(Level::of(&sine), Level(3));
    }

    #[test]
    fn a_tenth_of_the_amplitude_is_20_db_less() {
        assert_eq!(Level::of(&Frame([3_277; FRAME_SAMPLES])), Level(20));
        assert_eq!(Level::of(&Frame([33; FRAME_SAMPLES])), Level(60));
        assert!(!Level(60).is_speech() && Level(30).is_speech());
    }
}
