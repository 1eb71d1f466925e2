// SPDX-License-Identifier: EUPL-1.2
//! What borders count.

use metrics::Counter;

/// What a border counts.
#[derive(Clone, Copy, Default)]
pub(in crate::media::thread) struct Tally {
    pub(super) forwarded: u64,
    pub(super) encoded: u64,
    pub(super) redundant: u64,
    pub(super) sent_octets: u64,
    pub(super) switches: u64,
    pub(super) received: u64,
    pub(super) received_octets: u64,
    pub(super) recovered: u64,
    pub(super) unknown: u64,
    pub(super) unauthenticated: u64,
    pub(super) malformed: u64,
}

/// The counters of one thread, found once: looking one up takes a lock.
pub(in crate::media::thread) struct Numbers {
    each: [Counter; COUNTS],
}

const COUNTS: usize = 11;

impl Numbers {
    /// Finds the counters.
    pub(in crate::media::thread) fn new() -> Numbers {
        let sent = |how: &'static str| metrics::counter!("landbridge_border_sent_packets_total", "how" => how);
        let dropped = |why: &'static str| metrics::counter!("landbridge_border_dropped_packets_total", "why" => why);
        Numbers {
            each: [
                sent("forwarded"),
                sent("encoded"),
                metrics::counter!("landbridge_border_redundant_packets_total"),
                metrics::counter!("landbridge_border_sent_bytes_total"),
                metrics::counter!("landbridge_border_switches_total"),
                metrics::counter!("landbridge_border_received_packets_total"),
                metrics::counter!("landbridge_border_received_bytes_total"),
                metrics::counter!("landbridge_border_recovered_packets_total"),
                dropped("unknown_source"),
                dropped("unauthenticated"),
                dropped("malformed"),
            ],
        }
    }

    /// Adds what happened in a tick.
    pub(in crate::media::thread) fn count(&self, mut tally: Tally) {
        for (counter, more) in self.each.iter().zip(tally.each()) {
            if *more > 0 {
                counter.increment(*more);
            }
        }
    }
}

impl Tally {
    /// Adds what another counted.
    pub(in crate::media::thread) fn add(&mut self, mut other: Tally) {
        for (sum, more) in self.each().into_iter().zip(other.each()) {
            *sum += *more;
        }
    }

    /// Returns what was counted since.
    pub(super) fn minus(mut self, mut before: Tally) -> Tally {
        for (now, before) in self.each().into_iter().zip(before.each()) {
            *now -= *before;
        }
        self
    }

    /// In the order of [`Numbers`].
    fn each(&mut self) -> [&mut u64; COUNTS] {
        [
            &mut self.forwarded,
            &mut self.encoded,
            &mut self.redundant,
            &mut self.sent_octets,
            &mut self.switches,
            &mut self.received,
            &mut self.received_octets,
            &mut self.recovered,
            &mut self.unknown,
            &mut self.unauthenticated,
            &mut self.malformed,
        ]
    }
}
