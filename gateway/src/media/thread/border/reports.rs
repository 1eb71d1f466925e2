// SPDX-License-Identifier: EUPL-1.2
//! Reports of a border (RTCP): how its streams arrive, both ways.

use std::time::{Duration, Instant};

use super::super::clock::Clock;
use super::super::phone::Phone;
use super::Border;
use crate::media::rtp::receipts::units_65536;
use crate::media::rtp::rtcp::{self, Block, MAX_BLOCKS, MAX_MANY, Said, SenderInfo};

/// What is known of the way.
pub(super) struct Reports {
    next: Instant,
    /// Share of our packets that the partner lost [1/256], smoothed.
    loss: f32,
    pub(super) rtt: Option<Duration>,
}

/// RFC 4585 §3.5.2 lets reports go more often than every five seconds; the way's loss is to be known soon.
const EVERY: Duration = Duration::from_secs(1);
const FIRST: Duration = Duration::from_millis(300);

impl Reports {
    pub(super) fn new() -> Reports {
        Reports {
            next: Instant::now() + FIRST,
            loss: 0.0,
            rtt: None,
        }
    }

    /// Returns the share of our packets that the partner reports as lost [%].
    pub(super) fn loss_percent(&self) -> u8 {
        (self.loss / 2.56).round().clamp(0.0, 100.0) as u8
    }

    fn learn(&mut self, now: Instant, clock: &Clock, block: &Block) {
        if block.last_report == 0 {
            return;
        }
        let elapsed = clock
            .ntp_middle(now)
            .wrapping_sub(block.last_report)
            .wrapping_sub(block.delay);
        let trip = Duration::from_micros(u64::from(elapsed) * 1_000_000 / 65_536);
        // A partner whose clock arithmetic is wrong would otherwise claim hours.
        if trip < Duration::from_secs(10) && units_65536(trip) < u32::MAX / 2 {
            self.rtt = Some(trip);
        }
    }
}

impl Border {
    /// Takes one authentic compound.
    pub(in crate::media::thread) fn take_report(&mut self, now: Instant, clock: &Clock, compound: &[u8]) {
        let (mut lost, mut streams) = (0u32, 0u32);
        let good = rtcp::read(compound, |said| match said {
            Said::Sender(ssrc, info) => self.listening.sender_report(now, ssrc, (info.ntp >> 16) as u32),
            Said::Report(block) => {
                if self.streams.iter().any(|stream| stream.ssrc == block.ssrc) {
                    lost += u32::from(block.fraction_lost);
                    streams += 1;
                    self.reports.learn(now, clock, &block);
                }
            }
            Said::Bye(_) => {}
        });
        if !good {
            self.malformed();
        }
        if streams > 0 {
            self.reports.loss += (lost as f32 / streams as f32 - self.reports.loss) * 0.5;
            self.width.set_loss(self.reports.loss_percent());
        }
    }

    /// Sends a report when it is time; call it every tick.
    pub(in crate::media::thread) fn report(&mut self, now: Instant, clock: &Clock, phone: &mut Phone) {
        if now >= self.reports.next {
            // RFC 3550 §6.2: spread, lest all of them go at once.
            let spread = u64::from(phone.ssrc.wrapping_mul(0x9e37_79b9) >> 24);
            self.reports.next = now + EVERY + Duration::from_millis(spread);
            self.send_report(now, clock, phone, false);
        }
    }

    /// Says good-bye.
    pub(in crate::media::thread) fn bye(&mut self, now: Instant, clock: &Clock, phone: &mut Phone) {
        self.send_report(now, clock, phone, true);
    }

    fn send_report(&mut self, now: Instant, clock: &Clock, phone: &mut Phone, bye: bool) {
        let mut blocks = [Block::default(); MAX_BLOCKS];
        let count = self.listening.report(now, &mut blocks);
        let ntp = clock.ntp(now);
        let senders = self.streams.iter_mut().filter_map(|stream| {
            let news = stream.packets != stream.reported;
            stream.reported = stream.packets;
            news.then(|| {
                let info = SenderInfo {
                    ntp,
                    timestamp: stream.numbering.timestamp_at(now),
                    packets: stream.packets as u32,
                    bytes: stream.octets as u32,
                };
                (stream.ssrc, info)
            })
        });
        let mut buffer = [0; MAX_MANY];
        let blocks = blocks.get(..count).unwrap_or_default();
        let len = rtcp::write_many(phone.ssrc, blocks, senders, phone.cname(), bye, &mut buffer);
        phone.send_compound(buffer.get(..len).unwrap_or_default());
    }
}
