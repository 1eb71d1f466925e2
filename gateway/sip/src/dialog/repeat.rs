// SPDX-License-Identifier: EUPL-1.2
//! When to send a response again until the peer confirms it: 2xx to INVITE (RFC 3261 §13.3.1.4) and reliable provisional
//! responses (RFC 3262 §3).

use std::time::{Duration, Instant};

use crate::timer::Timers;

/// Says what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Send the response again.
    Again,
    /// 64*T1 have passed: stop.
    GiveUp,
}

/// Counts the repetitions of one response.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    interval: Duration,
    longest: Duration,
    next_at: Instant,
    end_at: Instant,
}

impl Repeat {
    /// Starts repeating a 2xx that was sent at `now`: "an interval that starts at T1 seconds and doubles for each
    /// retransmission until it reaches T2 seconds", whatever the transport.
    pub fn success(now: Instant, timers: &Timers) -> Repeat {
        Repeat::new(now, timers, timers.t2)
    }

    /// Starts repeating a reliable provisional response: "starts at T1 seconds and doubles for each retransmission".
    pub fn provisional(now: Instant, timers: &Timers) -> Repeat {
        Repeat::new(now, timers, timers.patience())
    }

    fn new(now: Instant, timers: &Timers, longest: Duration) -> Repeat {
        Repeat {
            interval: timers.t1,
            longest,
            next_at: now + timers.t1,
            end_at: now + timers.patience(),
        }
    }

    /// Returns when `handle_timeout` wants to be called.
    pub fn deadline(&self) -> Instant {
        self.next_at.min(self.end_at)
    }

    /// Tells what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Due {
        if now >= self.end_at {
            return Due::GiveUp;
        }
        if now < self.next_at {
            return Due::Nothing;
        }
        self.interval = self.interval.saturating_mul(2).min(self.longest);
        self.next_at = now + self.interval;
        Due::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_at(mut repeat: Repeat, start: Instant) -> (Vec<u128>, u128) {
        let mut sent = Vec::new();
        loop {
            let at = repeat.deadline();
            match repeat.handle_timeout(at) {
                Due::Again => sent.push((at - start).as_millis()),
                Due::GiveUp => return (sent, (at - start).as_millis()),
                Due::Nothing => unreachable!("a deadline is due"),
            }
        }
    }

    #[test]
    fn a_2xx_is_repeated_up_to_every_t2_for_64_t1() {
        let now = Instant::now();
        let (sent, end) = sent_at(Repeat::success(now, &Timers::default()), now);
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn a_reliable_provisional_response_doubles_without_end_for_64_t1() {
        let now = Instant::now();
        let (sent, end) = sent_at(Repeat::provisional(now, &Timers::default()), now);
        assert_eq!(sent, [500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(end, 32_000);
    }
}
