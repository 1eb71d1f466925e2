// SPDX-License-Identifier: EUPL-1.2
//! Adding without wrap-around: 32 bit inside, a soft knee at the top on the way out.

use super::Ramp;
use crate::frame::{FRAME_SAMPLES, Frame};

/// Up to here the sum is passed on as it is: -2.5 dBov.
const KNEE: i32 = 24_576;

/// The sum of some frames.
pub(super) struct Sum(Box<[i32; FRAME_SAMPLES]>);

impl Sum {
    pub(super) fn new() -> Sum {
        Sum(Box::new([0; FRAME_SAMPLES]))
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn add(&mut self, frame: &Frame, ramp: Ramp) {
        if ramp == Ramp::Steady {
            for (sum, sample) in self.0.iter_mut().zip(&frame.0) {
                *sum += i32::from(*sample);
            }
        } else {
            for (at, (sum, sample)) in self.0.iter_mut().zip(&frame.0).enumerate() {
                *sum += ramp.apply(at, *sample);
            }
        }
    }

    pub(super) fn write(&self, out: &mut Frame) {
        write_limited(&self.0, out);
    }

    /// Writes the sum without one of the frames that were added, with the ramp it was added with.
    pub(super) fn write_without(&self, frame: &Frame, ramp: Ramp, out: &mut Frame) {
        let mut rest = *self.0;
        if ramp == Ramp::Steady {
            for (rest, sample) in rest.iter_mut().zip(&frame.0) {
                *rest -= i32::from(*sample);
            }
        } else {
            for (at, (rest, sample)) in rest.iter_mut().zip(&frame.0).enumerate() {
                *rest -= ramp.apply(at, *sample);
            }
        }
        write_limited(&rest, out);
    }
}

/// Most frames stay below the knee: then there is nothing to bend.
fn write_limited(sums: &[i32; FRAME_SAMPLES], out: &mut Frame) {
    let peak = sums.iter().fold(0, |peak, sum| sum.abs().max(peak));
    if peak <= KNEE {
        for (out, sum) in out.0.iter_mut().zip(sums) {
            *out = *sum as i16;
        }
    } else {
        for (out, sum) in out.0.iter_mut().zip(sums) {
            *out = limit(*sum);
        }
    }
}

/// Bends what is above the knee towards, and never to, full scale.
fn limit(sum: i32) -> i16 {
    if (-KNEE..=KNEE).contains(&sum) {
        return sum as i16;
    }
    let room = f32::from(i16::MAX) - KNEE as f32;
    let over = (sum.abs() - KNEE) as f32 / room;
    let bent = KNEE as f32 + room * over / (1.0 + over);
    (bent * sum.signum() as f32) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limiter_is_monotone_symmetric_and_never_wraps() {
        let mut last = i16::MIN;
        for sum in (-64 * 32_768..64 * 32_768).step_by(97) {
            let limited = limit(sum);
            assert!(limited >= last, "{sum} -> {limited} after {last}");
            assert_eq!(limit(-sum), -limited);
            last = limited;
        }
        assert_eq!(limit(20_000), 20_000);
    }
}
