// SPDX-License-Identifier: EUPL-1.2
//! The protocol's timer values (RFC 3261 §17 Table 4) and the list of what is due when.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Holds T1, T2 and T4, from which every timer of RFC 3261 and RFC 6026 follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Round-trip estimate; 500 ms by default.
    pub t1: Duration,
    /// Longest retransmission interval of non-INVITE requests and INVITE responses; 4 s by default.
    pub t2: Duration,
    /// Longest life of a message in the network; 5 s by default.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// Returns 64*T1, the length of timers B, D, F, H, J, L and M.
    pub fn patience(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Doubles a retransmission interval without passing T2 (timers E and G).
    pub fn back_off(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }
}

/// Returns the earlier of two optional instants.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Keeps at most one due time for each key, so that it never outgrows the tables it serves.
#[derive(Debug)]
pub struct Schedule<K> {
    order: BTreeSet<(Instant, K)>,
    due: HashMap<K, Instant>,
}

impl<K> Default for Schedule<K> {
    fn default() -> Schedule<K> {
        Schedule {
            order: BTreeSet::new(),
            due: HashMap::new(),
        }
    }
}

impl<K: Copy + Ord + Hash> Schedule<K> {
    /// Sets, moves or (with `None`) removes the due time of `key`.
    pub fn set(&mut self, key: K, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.due.insert(key, at),
            None => self.due.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, key));
        }
        if let Some(at) = at {
            self.order.insert((at, key));
        }
    }

    /// Returns the earliest due time.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one key that is due at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        self.due.remove(&key);
        Some(key)
    }

    /// Returns how many keys have a due time.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Tells whether nothing is due at any time.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_moves_is_due_only_once() {
        let start = Instant::now();
        let mut schedule = Schedule::default();
        schedule.set(1_u8, Some(start));
        schedule.set(1, Some(start + Duration::from_secs(1)));
        assert_eq!(schedule.len(), 1);
        assert_eq!(schedule.pop(start), None);
        assert_eq!(schedule.pop(start + Duration::from_secs(1)), Some(1));
        assert!(schedule.is_empty());
    }

    #[test]
    fn the_earliest_key_comes_first() {
        let start = Instant::now();
        let mut schedule = Schedule::default();
        schedule.set(1_u8, Some(start + Duration::from_secs(2)));
        schedule.set(2, Some(start + Duration::from_secs(1)));
        assert_eq!(schedule.next(), Some(start + Duration::from_secs(1)));
        assert_eq!(schedule.pop(start + Duration::from_secs(9)), Some(2));
        schedule.set(1, None);
        assert_eq!(schedule.next(), None);
    }
}
