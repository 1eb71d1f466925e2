// SPDX-License-Identifier: EUPL-1.2
//! Wall clock as RTCP counts it (RFC 3550 §4): read once, then carried on by the steady clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Translates steady time to NTP time.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    since_1900: Duration,
}

/// Seconds between 1900 and 1970.
const NTP_UNIX: u64 = 2_208_988_800;

impl Clock {
    /// Reads the wall clock.
    pub(super) fn new() -> Clock {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            start: Instant::now(),
            since_1900: since_1970 + Duration::from_secs(NTP_UNIX),
        }
    }

    /// Returns NTP time as 32.32 fixed point.
    pub(super) fn ntp(&self, now: Instant) -> u64 {
        let time = self.since_1900 + now.saturating_duration_since(self.start);
        let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
        (time.as_secs() << 32) | fraction
    }

    /// Returns the middle 32 bits of NTP time [1/65536 s].
    pub(super) fn ntp_middle(&self, now: Instant) -> u32 {
        (self.ntp(now) >> 16) as u32
    }
}
