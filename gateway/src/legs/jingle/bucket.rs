// SPDX-License-Identifier: EUPL-1.2
//! How many stanzas one user may send: a flood hurts the one who sends it.

use std::collections::HashMap;
use std::time::Instant;

use crate::call::bucket::Bucket;

/// Stanzas that a user may send at once: a call begins with dozens of candidates.
const BURST: f64 = 500.0;
/// Stanzas per second after that.
const RATE: f64 = 100.0;
/// Users who are counted; more, and all start afresh.
const USERS: usize = 8192;

/// A token bucket for each user.
pub(super) struct Buckets {
    users: HashMap<String, Bucket>,
    most: f64,
    per_second: f64,
}

impl Buckets {
    /// Counts single users.
    pub(super) fn of_users() -> Buckets {
        Buckets {
            users: HashMap::new(),
            most: BURST,
            per_second: RATE,
        }
    }

    /// Counts chats elsewhere in which several of ours are: each of them is sent everything.
    pub(super) fn of_chats() -> Buckets {
        Buckets {
            users: HashMap::new(),
            most: BURST * 10.0,
            per_second: RATE * 10.0,
        }
    }

    /// Counts partner deployments: each sends the frames of all joint rooms, and answers ours.
    pub(super) fn of_partners() -> Buckets {
        Buckets {
            users: HashMap::new(),
            most: BURST * 4.0,
            per_second: RATE * 5.0,
        }
    }

    /// Counts one stanza of a user (a bare address); returns false if it is one too many.
    pub(super) fn take(&mut self, now: Instant, user: &str) -> bool {
        if !self.users.contains_key(user) && self.users.len() >= USERS {
            self.users.retain(|_, bucket| !bucket.is_full(now));
            if self.users.len() >= USERS {
                self.users.clear();
            }
        }
        let (most, per_second) = (self.most, self.per_second);
        let new = || Bucket::new(now, most, per_second);
        self.users.entry(user.to_owned()).or_insert_with(new).take(now, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::house::now;

    #[test]
    fn a_flood_costs_its_sender_alone() {
        let (mut buckets, start) = (Buckets::of_users(), now());
        let passed = (0..10_000).filter(|_| buckets.take(start, "eve@e.example")).count();
        assert_eq!(passed, 500);
        assert!(buckets.take(start, "alice@a.example"));
        let later = start + Duration::from_secs(1);
        let passed = (0..10_000).filter(|_| buckets.take(later, "eve@e.example")).count();
        assert_eq!(passed, 100);
    }

    #[test]
    fn ten_thousand_users_take_bounded_memory() {
        let (mut buckets, start) = (Buckets::of_users(), now());
        for user in 0..100_000 {
            assert!(buckets.take(start, &format!("u{user}@e.example")));
        }
        assert!(buckets.users.len() <= USERS);
    }
}
