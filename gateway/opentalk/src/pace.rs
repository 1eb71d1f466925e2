// SPDX-License-Identifier: EUPL-1.2
//! How fast we may speak.

use std::time::{Duration, Instant};

/// Messages that may follow each other at once.
const BURST: u32 = 5;
/// Time between messages after that.
const INTERVAL: Duration = Duration::from_millis(110);
/// Silence after the server asked for it.
const PENANCE: Duration = Duration::from_secs(2);

/// Keeps what we send below a roomserver's limit, which by default is 10 messages a second after a burst of 30.
#[derive(Clone, Debug)]
pub struct Pace {
    /// When the bucket will be full again; a message may be sent if that is less than a burst away.
    full: Instant,
}

impl Pace {
    /// Starts with a full burst.
    pub fn new(now: Instant) -> Pace {
        Pace { full: now }
    }

    /// Says when the next message may be sent: a time that has passed if it may be sent at once.
    pub fn next(&self) -> Instant {
        let burst = INTERVAL * (BURST - 1);
        // An Instant that cannot be reduced lies before every other one.
        self.full.checked_sub(burst).unwrap_or(self.full)
    }

    /// Counts a message as sent.
    pub fn sent(&mut self, now: Instant) {
        self.full = self.full.max(now) + INTERVAL;
    }

    /// Takes the burst away and is silent for a while: the server said that we are too fast.
    pub fn slow_down(&mut self, now: Instant) {
        self.full = self.full.max(now + INTERVAL * BURST + PENANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as it may for some seconds, and returns how many messages went in each.
    fn greedy(pace: &mut Pace, start: Instant, seconds: u64) -> Vec<u32> {
        let mut counts = Vec::new();
        let mut now = start;
        for second in 1..=seconds {
            let end = start + Duration::from_secs(second);
            let mut count = 0;
            while now < end {
                if pace.next() <= now {
                    pace.sent(now);
                    count += 1;
                } else {
                    now += Duration::from_millis(1);
                }
            }
            counts.push(count);
        }
        counts
    }

    #[test]
    fn no_more_than_ten_messages_a_second_are_sent_after_a_small_burst() {
        let start = Instant::now();
        let counts = greedy(&mut Pace::new(start), start, 5);
        assert!(counts[0] <= 14 && counts[0] >= 12, "{counts:?}");
        assert!(counts[1..].iter().all(|count| (9..=10).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_server_that_asks_for_it_gets_silence() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.slow_down(start);
        let counts = greedy(&mut pace, start, 4);
        assert_eq!(&counts[..2], &[0, 0]);
        assert!((8..=10).contains(&counts[3]), "{counts:?}");
    }
}
