// SPDX-License-Identifier: EUPL-1.2
//! How much may come or go per second: a bucket of tokens that fills by itself.

use std::time::{Duration, Instant};

/// Tokens: so many per second, and at most so many at once.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: u32,
    burst: u32,
    /// In millionths of a token.
    level: u64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(now: Instant, rate: u32, burst: u32) -> Bucket {
        Bucket {
            rate,
            burst,
            level: u64::from(burst) * MILLION,
            filled: now,
        }
    }

    /// Takes other limits from now on.
    pub(crate) fn limit(&mut self, rate: u32, burst: u32) {
        (self.rate, self.burst) = (rate, burst);
    }

    /// Takes tokens out, all or none; says whether they were there.
    pub(crate) fn take(&mut self, now: Instant, tokens: usize) -> bool {
        self.fill(now);
        let cost = (tokens as u64).saturating_mul(MILLION);
        let enough = cost <= self.level;
        if enough {
            self.level -= cost;
        }
        enough
    }

    /// Returns how many tokens are there.
    pub(crate) fn available(&mut self, now: Instant) -> usize {
        self.fill(now);
        usize::try_from(self.level / MILLION).unwrap_or(usize::MAX)
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).min(LONG);
        let micros = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        let more = micros.saturating_mul(u64::from(self.rate));
        self.level = self.level.saturating_add(more).min(u64::from(self.burst) * MILLION);
        self.filled = self.filled.max(now);
    }
}

const MILLION: u64 = 1_000_000;
/// Longer pauses fill no more than this one: any bucket is full by then, and nothing overflows.
const LONG: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_allows_a_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, 10, 20);
        assert!(bucket.take(start, 20) && !bucket.take(start, 1));
        let later = start + Duration::from_millis(500);
        assert_eq!(bucket.available(later), 5);
        assert!(bucket.take(later, 5) && !bucket.take(later, 1));
    }
}
