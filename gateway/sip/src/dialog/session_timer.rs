// SPDX-License-Identifier: EUPL-1.2
//! Session timers: RFC 4028.

use std::time::{Duration, Instant};

/// Shortest session interval that anybody may ask for (RFC 4028 §5) \[s\].
pub const MIN_SE: u32 = 90;

/// Longest interval that is honoured \[s\]; a peer that asks for more gets this.
pub const MAX_SE: u32 = 86_400;

/// Says what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// We refresh.
    Refresh,
    /// The peer failed to refresh: send BYE.
    Expired,
}

/// Watches one running session interval.
#[derive(Clone, Copy, Debug)]
pub struct SessionTimer {
    interval: Duration,
    we_refresh: bool,
    refreshed_at: Instant,
    asked: bool,
}

impl SessionTimer {
    /// Starts, or starts again, an interval of `seconds` at `now`.
    pub fn new(now: Instant, seconds: u32, we_refresh: bool) -> SessionTimer {
        let seconds = seconds.clamp(1, MAX_SE);
        SessionTimer {
            interval: Duration::from_secs(u64::from(seconds)),
            we_refresh,
            refreshed_at: now,
            asked: false,
        }
    }

    /// Returns the session interval \[s\].
    pub fn seconds(&self) -> u32 {
        u32::try_from(self.interval.as_secs()).unwrap_or(MAX_SE)
    }

    /// Tells whether our side refreshes.
    pub fn we_refresh(&self) -> bool {
        self.we_refresh
    }

    /// Returns when `handle_timeout` wants to be called.
    pub fn deadline(&self) -> Instant {
        if self.we_refresh && !self.asked {
            // RFC 4028 §10: "it is RECOMMENDED that the refresh be sent once half the session interval has elapsed"
            self.refreshed_at + self.interval / 2
        } else {
            // "the UA … SHOULD send a BYE … slightly before the session expiration. The minimum of 32 seconds and one
            // third of the session interval is RECOMMENDED."
            self.refreshed_at + self.interval - (self.interval / 3).min(Duration::from_secs(32))
        }
    }

    /// Tells what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Due {
        if now < self.deadline() {
            Due::Nothing
        } else if self.we_refresh && !self.asked {
            self.asked = true;
            Due::Refresh
        } else {
            Due::Expired
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refresher_refreshes_at_half_time_and_ends_the_call_if_that_fails() {
        let now = Instant::now();
        let mut timer = SessionTimer::new(now, 90, true);
        assert_eq!(timer.handle_timeout(now + Duration::from_secs(44)), Due::Nothing);
        assert_eq!(timer.handle_timeout(now + Duration::from_secs(45)), Due::Refresh);
        assert_eq!(timer.handle_timeout(now + Duration::from_secs(59)), Due::Nothing);
        assert_eq!(timer.handle_timeout(now + Duration::from_secs(60)), Due::Expired);
    }

    #[test]
    fn the_other_side_waits_until_slightly_before_the_end() {
        let now = Instant::now();
        let mut timer = SessionTimer::new(now, 1800, false);
        assert_eq!(timer.deadline(), now + Duration::from_secs(1768));
        assert_eq!(timer.handle_timeout(now + Duration::from_secs(1768)), Due::Expired);
    }
}
