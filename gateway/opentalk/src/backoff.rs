// SPDX-License-Identifier: EUPL-1.2
//! When to try again after a failure.

use std::time::Duration;

/// First wait.
const FIRST: Duration = Duration::from_millis(200);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(2);

/// Waits longer after each failure, 0.2 s to 2 s, each time a little differently: after a failure of the server its
/// many phones must not come back in step.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    failures: u32,
    state: u64,
}

impl Backoff {
    /// Starts with the shortest wait.
    pub(crate) fn new(seed: u64) -> Backoff {
        Backoff {
            failures: 0,
            state: seed,
        }
    }

    /// Says how long to wait now: between half of the step and the whole.
    pub(crate) fn next(&mut self) -> Duration {
        let step = FIRST.saturating_mul(1 << self.failures.min(5)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let spread = u32::try_from(self.random() % 1000).unwrap_or(0);
        let wait = step / 2 + step / 2 * spread / 1000;
        wait.max(FIRST)
    }

    /// Says how long to wait now if it must be a certain time: up to a quarter more, and the step.
    pub(crate) fn next_beyond(&mut self, wait: Duration) -> Duration {
        let spread = u32::try_from(self.random() % 1000).unwrap_or(0);
        wait + wait / 4 * spread / 1000 + self.next()
    }

    /// Begins again with the shortest wait.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns the next number of a SplitMix64 sequence.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn waits_grow_from_a_fifth_of_a_second_to_five_seconds() {
        let mut backoff = Backoff::new(1);
        let waits: Vec<Duration> = (0..12).map(|_| backoff.next()).collect();
        assert_eq!(waits[0], FIRST);
        assert!(waits.iter().all(|wait| (FIRST..=LONGEST).contains(wait)), "{waits:?}");
        assert!(waits[8] >= LONGEST / 2, "{waits:?}");
        backoff.reset();
        assert_eq!(backoff.next(), FIRST);
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_and_spread() {
        let minute = Duration::from_secs(60);
        let waits: Vec<Duration> = (0..100).map(|seed| Backoff::new(seed).next_beyond(minute)).collect();
        let (first, last) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
        assert!(first >= minute && last <= Duration::from_secs(76), "{waits:?}");
        assert!(last - first > Duration::from_secs(10), "{waits:?}");
    }

    #[test]
    fn two_phones_do_not_wait_equally_long() {
        let (mut alice, mut bob) = (Backoff::new(1), Backoff::new(2));
        assert!((0..8).any(|_| alice.next() != bob.next()));
    }
}
