// SPDX-License-Identifier: EUPL-1.2
//! What the network does to packets, and the delay that this asks for.
//!
//! A packet's delay here is the output clock at the tick which can first use it, less its position on the sender's
//! time line. Had playing this delay, the packet would be just in time: so the delay to play with is a high quantile
//! of those seen lately. Both clocks count samples, hence drift is no more than a delay that slowly moves.

use std::time::{Duration, Instant};

/// Packets remembered at most.
const WINDOW: usize = 256;
/// Packets older than this are forgotten (ticks): 4 s ...
const FORGET_TICKS: i64 = 200;
/// ... but after a silence at least this many are remembered.
const KEEP: usize = 50;
/// One packet in this many may be late: the quantile is 98 %.
const ONE_IN: usize = 50;
/// Drift is measured between the fastest packets of blocks this long.
const DRIFT_BLOCK: Duration = Duration::from_secs(5);
const DRIFT_BLOCKS: usize = 12;

#[derive(Debug)]
pub(super) struct Arrivals {
    /// (tick, delay in samples), a ring.
    seen: Vec<(i64, i64)>,
    next: usize,
    sorted: Vec<i64>,
    stale: bool,
    sample_rate: f64,
    origin: Option<Instant>,
    transit: Option<f64>,
    jitter: f64,
    /// (middle of the block (s), least transit in it (s)).
    blocks: Vec<(f64, f64)>,
}

impl Arrivals {
    pub(super) fn new(sample_rate: u32) -> Arrivals {
        Arrivals {
            seen: Vec::with_capacity(WINDOW),
            next: 0,
            sorted: Vec::with_capacity(WINDOW),
            stale: false,
            sample_rate: f64::from(sample_rate),
            origin: None,
            transit: None,
            jitter: 0.0,
            blocks: Vec::with_capacity(DRIFT_BLOCKS + 1),
        }
    }

    /// Learns from a packet: the tick that can use it, and its delay (samples).
    pub(super) fn learn(&mut self, now: Instant, tick: i64, delay: i64, position: i64) {
        if self.seen.len() < WINDOW {
            self.seen.push((tick, delay));
        } else {
            self.seen[self.next] = (tick, delay);
        }
        self.next = (self.next + 1) % WINDOW;
        self.stale = true;
        self.learn_transit(now, position);
    }

    /// Forgets how the clocks relate, as after a jump of the sender's.
    pub(super) fn forget_transit(&mut self) {
        self.transit = None;
        self.blocks.clear();
    }

    /// Returns the least and the largest recent delay (samples).
    pub(super) fn range(&mut self) -> Option<(i64, i64)> {
        self.refresh();
        Some((*self.sorted.first()?, *self.sorted.last()?))
    }

    /// Returns the delay for which all but a few recent packets were in time (samples).
    pub(super) fn quantile(&mut self) -> Option<i64> {
        self.refresh();
        let count = self.sorted.len();
        self.sorted.get(count.checked_sub(1 + count / ONE_IN)?).copied()
    }

    /// Returns the interarrival jitter (RFC 3550 §6.4.1).
    pub(super) fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter.clamp(0.0, 1_000.0))
    }

    /// Returns how much faster the sender's clock runs than ours (ppm); 0 until it is known (after some 15 s).
    pub(super) fn drift_ppm(&self) -> i32 {
        let known = self.blocks.len().saturating_sub(1);
        if known < 3 {
            return 0;
        }
        let blocks = &self.blocks[..known];
        let count = known as f64;
        let (mean_time, mean_transit) = blocks
            .iter()
            .fold((0.0, 0.0), |sum, b| (sum.0 + b.0 / count, sum.1 + b.1 / count));
        let (mut covariance, mut variance) = (0.0, 0.0);
        for (time, transit) in blocks {
            covariance += (time - mean_time) * (transit - mean_transit);
            variance += (time - mean_time).powi(2);
        }
        (-1e6 * covariance / variance).clamp(-100_000.0, 100_000.0).round() as i32
    }

    fn learn_transit(&mut self, now: Instant, position: i64) {
        let origin = *self.origin.get_or_insert(now);
        let time = now.saturating_duration_since(origin).as_secs_f64();
        let transit = time - position as f64 / self.sample_rate;
        if let Some(before) = self.transit.replace(transit) {
            self.jitter += ((transit - before).abs() - self.jitter) / 16.0;
        }
        let middle = ((time / DRIFT_BLOCK.as_secs_f64()).floor() + 0.5) * DRIFT_BLOCK.as_secs_f64();
        match self.blocks.last_mut() {
            Some(block) if block.0 == middle => block.1 = block.1.min(transit),
            _ => {
                if self.blocks.len() > DRIFT_BLOCKS {
                    self.blocks.remove(0);
                }
                self.blocks.push((middle, transit));
            }
        }
    }

    fn refresh(&mut self) {
        if !self.stale {
            return;
        }
        self.stale = false;
        self.sorted.clear();
        let newest = (self.next + WINDOW - 1) % WINDOW;
        let latest = self.seen.get(newest).map_or(0, |(tick, _)| *tick);
        for back in 0..self.seen.len() {
            let (tick, delay) = self.seen[(newest + WINDOW - back) % WINDOW];
            if back < KEEP || latest - tick <= FORGET_TICKS {
                self.sorted.push(delay);
            }
        }
        self.sorted.sort_unstable();
    }
}
