// SPDX-License-Identifier: EUPL-1.2
//! Receiver statistics (RFC 3550 appendix A) for our own reports.

use std::time::{Duration, Instant};

use super::rtcp::Block;

/// Counts what arrives of one stream.
pub(crate) struct Receipts {
    ssrc: u32,
    clock_rate: u32,
    start: Instant,
    first: u16,
    highest: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    jitter: f64,
    transit: Option<f64>,
    last_report: Option<(u32, Instant)>,
}

impl Receipts {
    /// Begins with the first packet of a stream.
    pub(crate) fn new(now: Instant, ssrc: u32, sequence: u16, clock_rate: u32) -> Receipts {
        Receipts {
            ssrc,
            clock_rate,
            start: now,
            first: sequence,
            highest: u32::from(sequence),
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter: 0.0,
            transit: None,
            last_report: None,
        }
    }

    /// Returns the stream counted.
    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Counts one packet.
    pub(crate) fn packet(&mut self, now: Instant, sequence: u16, timestamp: u32) {
        self.received = self.received.wrapping_add(1);
        let step = sequence.wrapping_sub(self.highest as u16) as i16;
        if step > 0 {
            self.highest = self.highest.wrapping_add(step as u32);
        }
        // RFC 3550 §6.4.1: the mean deviation of the transit time, in timestamp units.
        let arrival = now.saturating_duration_since(self.start).as_secs_f64() * f64::from(self.clock_rate);
        let transit = (arrival - f64::from(timestamp)).rem_euclid(4_294_967_296.0);
        if let Some(before) = self.transit.replace(transit) {
            let mut deviation = (transit - before).abs();
            deviation = deviation.min(4_294_967_296.0 - deviation);
            self.jitter += (deviation - self.jitter) / 16.0;
        }
    }

    /// Remembers a sender report, for the round trip time at the far end; `ntp_middle` is the middle of its NTP time.
    pub(crate) fn sender_report(&mut self, now: Instant, ntp_middle: u32) {
        self.last_report = Some((ntp_middle, now));
    }

    /// Builds the report block and begins the next interval.
    pub(crate) fn report(&mut self, now: Instant) -> Block {
        let expected = self.highest.wrapping_sub(u32::from(self.first)).wrapping_add(1);
        let expected_now = expected.wrapping_sub(self.expected_before);
        let received_now = self.received.wrapping_sub(self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (u64::from(lost_now) * 256)
            .checked_div(u64::from(expected_now))
            .unwrap_or(0)
            .min(255) as u8;
        let (last_report, delay) = match self.last_report {
            Some((ntp, at)) => (ntp, units_65536(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        Block {
            ssrc: self.ssrc,
            fraction_lost: fraction,
            lost: expected.saturating_sub(self.received).min(0x7f_ffff),
            highest: self.highest,
            jitter: self.jitter as u32,
            last_report,
            delay,
        }
    }
}

/// Expresses a duration in units of 1/65536 s.
pub(crate) fn units_65536(duration: Duration) -> u32 {
    (duration.as_micros() * 65_536 / 1_000_000).min(u128::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_lost_is_reported_as_64_of_256() {
        let start = Instant::now();
        let mut receipts = Receipts::new(start, 1, 65_500, 8000);
        for i in 0..100u32 {
            if i % 4 != 3 {
                receipts.packet(
                    start + Duration::from_millis(u64::from(i) * 20),
                    65_500u16.wrapping_add(i as u16),
                    i * 160,
                );
            }
        }
        let block = receipts.report(start);
        assert_eq!((block.lost, block.jitter), (24, 0));
        assert!((60..=64).contains(&block.fraction_lost), "{block:?}");
        assert_eq!(block.highest, 65_500 + 98);
        assert_eq!(receipts.report(start).fraction_lost, 0);
    }
}
