// SPDX-License-Identifier: EUPL-1.2
//! Sequence numbers: unwrapping, duplicates, and a sender that begins anew (RFC 3550 §A.1).

/// A jump forwards of more than this is not believed at once.
const MAX_DROPOUT: i16 = 3_000;
/// A packet that is older than this is not believed at once.
const MAX_MISORDER: i16 = 100;

/// Tells what a sequence number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A packet that was not seen before, with its unwrapped number.
    New(i64),
    /// The same, after the sender began its numbering anew.
    Restarted(i64),
    /// A packet that was seen before.
    Duplicate,
    /// A packet from nowhere: believed when its successor arrives.
    Doubtful,
}

#[derive(Debug, Default)]
pub(super) struct Order {
    highest: Option<i64>,
    first: i64,
    /// Bit n: `highest - n` has arrived.
    seen: u128,
    awaited_after_jump: Option<u16>,
    received: u64,
    received_since_restart: u64,
    lost_before_restart: u64,
}

impl Order {
    pub(super) fn place(&mut self, sequence: u16) -> Place {
        let Some(highest) = self.highest else {
            return Place::New(self.begin_at(i64::from(sequence)));
        };
        let step = sequence.wrapping_sub(highest as u16) as i16;
        let number = highest + i64::from(step);
        if (1..=MAX_DROPOUT).contains(&step) {
            self.seen = self.seen.checked_shl(step as u32).unwrap_or(0) | 1;
            self.highest = Some(number);
        } else if (-MAX_MISORDER..=0).contains(&step) {
            let bit = 1_u128 << step.unsigned_abs();
            if self.seen & bit != 0 {
                return Place::Duplicate;
            }
            self.seen |= bit;
            self.first = self.first.min(number);
        } else if self.awaited_after_jump == Some(sequence) {
            self.lost_before_restart = self.lost();
            // Numbers go on upwards, two cycles on, so that old packets stay older.
            return Place::Restarted(self.begin_at(((highest >> 16) + 2) << 16 | i64::from(sequence)));
        } else {
            self.awaited_after_jump = Some(sequence.wrapping_add(1));
            return Place::Doubtful;
        }
        self.awaited_after_jump = None;
        self.received += 1;
        self.received_since_restart += 1;
        Place::New(number)
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn lost(&self) -> u64 {
        let expected = self.highest.map_or(0, |highest| (highest - self.first + 1) as u64);
        self.lost_before_restart + expected.saturating_sub(self.received_since_restart)
    }

    fn begin_at(&mut self, number: i64) -> i64 {
        self.highest = Some(number);
        self.first = number;
        self.seen = 1;
        self.awaited_after_jump = None;
        self.received += 1;
        self.received_since_restart = 1;
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_across_the_wrap() {
        let mut order = Order::default();
        assert_eq!(order.place(65_534), Place::New(65_534));
        assert_eq!(order.place(0), Place::New(65_536));
        assert_eq!(order.place(65_535), Place::New(65_535));
        assert_eq!(order.place(65_535), Place::Duplicate);
        assert_eq!((order.received(), order.lost()), (3, 0));
    }

    #[test]
    fn what_is_missing_is_lost() {
        let mut order = Order::default();
        for sequence in [10, 11, 13, 17] {
            order.place(sequence);
        }
        assert_eq!(order.lost(), 4);
    }

    #[test]
    fn a_single_stray_packet_does_not_restart_the_stream_and_two_in_a_row_do() {
        let mut order = Order::default();
        order.place(100);
        assert_eq!(order.place(40_000), Place::Doubtful);
        assert_eq!(order.place(101), Place::New(101));
        assert_eq!(order.place(40_000), Place::Doubtful);
        let Place::Restarted(number) = order.place(40_001) else {
            panic!("no restart")
        };
        assert!(number > 101 && number as u16 == 40_001);
        assert_eq!(order.lost(), 0);
    }
}
