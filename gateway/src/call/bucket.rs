// SPDX-License-Identifier: EUPL-1.2
//! How much may come: a token bucket, for whoever counts what strangers send.

use std::time::Instant;

/// A token bucket, full at first.
pub(crate) struct Bucket {
    tokens: f64,
    most: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    /// Makes a full bucket.
    pub(crate) fn new(now: Instant, most: f64, per_second: f64) -> Bucket {
        Bucket {
            tokens: most,
            most,
            per_second,
            at: now,
        }
    }

    /// Takes so many tokens, all or none; returns false if there are fewer.
    pub(crate) fn take(&mut self, now: Instant, tokens: f64) -> bool {
        self.refill(now);
        let fits = self.tokens >= tokens;
        if fits {
            self.tokens -= tokens;
        }
        fits
    }

    /// Tells whether nothing was taken of late.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= self.most
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.most);
        self.at = now;
    }
}
