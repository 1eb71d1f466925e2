// SPDX-License-Identifier: EUPL-1.2
//! Timestamps: unwrapping, and what to make of a jump.
//!
//! A position counts samples at the codec's rate along the sender's time line. It never wraps; where the sender's
//! timestamps jump although its sound goes on, the time line goes on.

/// A packet this much earlier or later than its recent fellows tells of a jump, not of the network (ms).
const EARLY_MS: i64 = 300;
const LATE_MS: i64 = 1_000;
/// The same for a packet with the marker bit: senders set it when they begin anew.
const MARKED_MS: i64 = 200;
/// After a jump, a packet that is this close to the end of its predecessor follows it without a gap (ms).
const SEAM_MS: i64 = 60;
/// An old packet that is further back belongs to a time line of the past (ms).
const OLDEST_MS: i64 = 5_000;

/// What is known about the recent network when a packet is placed; all in samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expectation {
    /// The output clock at the tick that can first use the packet.
    pub(super) usable_at: i64,
    /// Smallest and largest recent `usable_at - position`, if any are known.
    pub(super) recent: Option<(i64, i64)>,
    /// The delay `usable_at - position` that playing aims for.
    pub(super) target: i64,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    number: i64,
    timestamp: u32,
    position: i64,
    end: i64,
}

#[derive(Debug)]
pub(super) struct Timeline {
    /// Samples per unit of the RTP timestamp.
    samples_per_unit: i64,
    samples_per_ms: i64,
    last: Option<Last>,
}

impl Timeline {
    pub(super) fn new(sample_rate: u32, clock_rate: u32) -> Timeline {
        Timeline {
            samples_per_unit: i64::from(sample_rate / clock_rate),
            samples_per_ms: i64::from(sample_rate / 1_000),
            last: None,
        }
    }

    /// Places a packet on the time line and tells whether the timestamps jumped; `None` where it is from a time line
    /// of the past.
    pub(super) fn place(
        &mut self,
        number: i64,
        timestamp: u32,
        samples: i64,
        marker: bool,
        expectation: Expectation,
    ) -> Option<(i64, bool)> {
        let Some(last) = self.last else {
            let position = 0;
            self.last = Some(Last {
                number,
                timestamp,
                position,
                end: samples,
            });
            return Some((position, false));
        };
        let mut position = self.beside(last, timestamp);
        if number < last.number {
            let back = last.position - position;
            return (0..OLDEST_MS * self.samples_per_ms)
                .contains(&back)
                .then_some((position, false));
        }
        let jumped = self.is_jump(position, marker, expectation);
        if jumped {
            let by_arrival = expectation.usable_at - expectation.target;
            let seam = (by_arrival - last.end).abs() < SEAM_MS * self.samples_per_ms;
            position = if seam { last.end } else { by_arrival.max(last.end) };
        }
        self.last = Some(Last {
            number,
            timestamp,
            position,
            end: position + samples,
        });
        Some((position, jumped))
    }

    /// Returns where a timestamp lies, without learning from it.
    pub(super) fn peek(&self, timestamp: u32) -> i64 {
        self.last.map_or(0, |last| self.beside(last, timestamp))
    }

    fn beside(&self, last: Last, timestamp: u32) -> i64 {
        let step = timestamp.wrapping_sub(last.timestamp) as i32;
        last.position + i64::from(step) * self.samples_per_unit
    }

    fn is_jump(&self, position: i64, marker: bool, expectation: Expectation) -> bool {
        let Some((least, most)) = expectation.recent else {
            return false;
        };
        let (early, late) = if marker {
            (MARKED_MS, MARKED_MS)
        } else {
            (EARLY_MS, LATE_MS)
        };
        let delay = expectation.usable_at - position;
        delay < least - early * self.samples_per_ms || delay > most + late * self.samples_per_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_time(usable_at: i64) -> Expectation {
        Expectation {
            usable_at,
            recent: Some((0, 0)),
            target: 0,
        }
    }

    #[test]
    fn g722_counts_two_samples_for_each_unit_and_the_timestamp_may_wrap() {
        let mut timeline = Timeline::new(16_000, 8_000);
        timeline.place(
            1,
            u32::MAX - 79,
            320,
            false,
            Expectation {
                usable_at: 0,
                recent: None,
                target: 0,
            },
        );
        assert_eq!(timeline.place(2, 80, 320, false, on_time(320)), Some((320, false)));
    }

    #[test]
    fn a_jump_of_the_timestamp_does_not_tear_the_sound() {
        let mut timeline = Timeline::new(8_000, 8_000);
        timeline.place(
            1,
            0,
            160,
            false,
            Expectation {
                usable_at: 0,
                recent: None,
                target: 0,
            },
        );
        assert_eq!(
            timeline.place(2, 3_000_000_000, 160, true, on_time(160)),
            Some((160, true))
        );
        assert_eq!(
            timeline.place(3, 3_000_000_160, 160, false, on_time(320)),
            Some((320, false))
        );
    }

    #[test]
    fn silence_that_the_timestamp_counts_is_a_gap_and_not_a_jump() {
        let mut timeline = Timeline::new(8_000, 8_000);
        timeline.place(
            1,
            0,
            160,
            false,
            Expectation {
                usable_at: 0,
                recent: None,
                target: 0,
            },
        );
        assert_eq!(
            timeline.place(2, 80_000, 160, true, on_time(80_000)),
            Some((80_000, false))
        );
    }
}
