// SPDX-License-Identifier: EUPL-1.2
//! Test tones, chimes, and the spectrum of what is heard.
//!
//! - [`chime`]: what a room plays when someone joins or leaves.
//! - [`spectrum`]: which tones are in a piece of sound.

pub mod chime;
pub mod spectrum;

use std::f64::consts::TAU;

use crate::frame::{Frame, SAMPLE_RATE};

/// Sounds one steady sine, or two at once, frame after frame without a seam.
#[derive(Clone, Debug)]
pub struct Tone {
    partials: [(f64, f64); 2],
    amplitude: f64,
}

impl Tone {
    /// Makes a sine of `hertz` at a peak amplitude of 0..=32 767.
    pub fn sine(hertz: f64, amplitude: i16) -> Tone {
        Tone {
            partials: [(hertz, 0.0), (0.0, 0.0)],
            amplitude: f64::from(amplitude),
        }
    }

    /// Makes two sines at once, each of a peak amplitude of 0..=16 383, as telephone signals are.
    pub fn dual(low_hertz: f64, high_hertz: f64, amplitude: i16) -> Tone {
        Tone {
            partials: [(low_hertz, 0.0), (high_hertz, 0.0)],
            amplitude: f64::from(amplitude),
        }
    }

    /// Returns the next 20 ms at 48 kHz.
    pub fn next_frame(&mut self) -> Frame {
        let mut frame = Frame::SILENCE;
        self.fill(&mut frame.0, SAMPLE_RATE);
        frame
    }

    /// Writes the next samples at a rate (Hz).
    pub fn fill(&mut self, out: &mut [i16], sample_rate: u32) {
        for sample in out {
            let mut sum = 0.0;
            for (hertz, turns) in &mut self.partials {
                sum += (*turns * TAU).sin();
                *turns = (*turns + *hertz / f64::from(sample_rate)).fract();
            }
            *sample = (sum * self.amplitude).round() as i16;
        }
    }
}
