// SPDX-License-Identifier: EUPL-1.2
//! The output clock: ticks counted, and when the next one is due.

use std::time::{Duration, Instant};

/// Time between ticks.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// A tick that is later than this has lost some before it.
const MISSED_AFTER: f64 = 0.030;

#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Ticks so far, those that were missed included.
    ticks: i64,
    /// When the last tick was, by the even beat (time).
    beat: Option<Instant>,
    /// How far ticks stray from the beat, on average (s).
    straying: f64,
}

impl Clock {
    /// Begins a tick and returns its number.
    pub(super) fn tick(&mut self, now: Instant) -> i64 {
        if let Some(beat) = self.beat {
            let due = beat + TICK;
            let mut error = signed_seconds(now, due);
            let mut reference = due;
            if error > MISSED_AFTER {
                let missed = (error / TICK.as_secs_f64()).round();
                self.ticks += missed as i64;
                reference = now;
                error = 0.0;
            } else if error < -MISSED_AFTER {
                reference = now;
                error = 0.0;
            }
            self.straying += (error.abs() - self.straying) / 16.0;
            self.beat = Some(shifted(reference, error / 8.0));
        } else {
            self.beat = Some(now);
        }
        let number = self.ticks;
        self.ticks += 1;
        number
    }

    /// Returns the number of the tick that can count on a packet which arrives now.
    ///
    /// A packet that arrives right before a tick may as well arrive right after it the next time.
    pub(super) fn usable_at(&self, now: Instant) -> i64 {
        let Some(beat) = self.beat else { return self.ticks };
        let left = signed_seconds(beat + TICK, now);
        if left < -MISSED_AFTER {
            return self.ticks + (-left / TICK.as_secs_f64()).round() as i64;
        }
        let margin = 0.002 + 2.0 * self.straying;
        self.ticks + i64::from(left < margin.min(0.010))
    }

    /// Tells whether there was a tick yet.
    pub(super) fn has_begun(&self) -> bool {
        self.beat.is_some()
    }
}

fn signed_seconds(later: Instant, earlier: Instant) -> f64 {
    match later.checked_duration_since(earlier) {
        Some(ahead) => ahead.as_secs_f64(),
        None => -earlier.duration_since(later).as_secs_f64(),
    }
}

fn shifted(instant: Instant, seconds: f64) -> Instant {
    let by = Duration::from_secs_f64(seconds.abs());
    if seconds >= 0.0 {
        instant + by
    } else {
        instant.checked_sub(by).unwrap_or(instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_that_stray_by_5_ms_count_as_one_each_and_a_stall_counts_what_it_missed() {
        let start = Instant::now();
        let mut clock = Clock::default();
        for tick in 0..500_u64 {
            let astray = [5, 10, 0, 7, 2][tick as usize % 5];
            assert_eq!(
                clock.tick(start + Duration::from_millis(20 * tick + astray)),
                tick as i64
            );
        }
        assert_eq!(clock.tick(start + Duration::from_millis(20 * 510 + 5)), 510);
    }

    #[test]
    fn a_packet_right_before_a_tick_counts_for_the_next() {
        let start = Instant::now();
        let mut clock = Clock::default();
        clock.tick(start);
        assert_eq!(clock.usable_at(start + Duration::from_millis(10)), 1);
        assert_eq!(clock.usable_at(start + Duration::from_millis(19)), 2);
        assert_eq!(clock.usable_at(start + Duration::from_millis(21)), 2);
    }
}
