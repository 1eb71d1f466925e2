// SPDX-License-Identifier: EUPL-1.2
//! What was heard of a partner: its life, the last event taken, and which frames were there before.

use crate::{Epoch, Fault, Sequence};

/// The receiving end of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox {
    /// The partner's life, once known.
    pub(crate) epoch: Option<Epoch>,
    /// The last event that was taken.
    pub(crate) heard: Sequence,
    /// Something behind it is missing.
    pub(crate) again: bool,
    /// The highest number of a frame, and which of the [`WINDOW`] up to it were seen.
    newest: u64,
    seen: u128,
}

/// How a frame relates to the life that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// The partner began anew, or is heard for the first time.
    New,
    /// The same as before.
    Same,
}

impl Inbox {
    /// Takes note of a frame's epoch and number.
    ///
    /// # Errors
    ///
    /// [`Fault::OldEpoch`], [`Fault::Replay`]; [`Fault::WrongType`] for an epoch beyond all reason.
    pub(crate) fn note(&mut self, epoch: Epoch, number: u64) -> Result<Life, Fault> {
        if epoch > LAST_EPOCH {
            return Err(Fault::WrongType);
        }
        if self.epoch.is_some_and(|known| epoch < known) {
            return Err(Fault::OldEpoch);
        }
        if self.epoch == Some(epoch) {
            return self.number(number).map(|()| Life::Same);
        }
        *self = Inbox {
            epoch: Some(epoch),
            newest: number,
            seen: 1,
            ..Inbox::default()
        };
        Ok(Life::New)
    }

    /// Begins a new life of ours, to which the partner tells everything anew.
    pub(crate) fn forget_events(&mut self) {
        self.heard = Sequence(0);
        self.again = false;
    }

    /// Anti-replay as in RFC 4303 §3.4.3: a frame counts once, and not at all if it is too old to tell.
    fn number(&mut self, number: u64) -> Result<(), Fault> {
        if number > self.newest {
            let ahead = number - self.newest;
            self.seen = if ahead < WINDOW { self.seen << ahead } else { 0 } | 1;
            self.newest = number;
            return Ok(());
        }
        let behind = self.newest - number;
        if behind >= WINDOW || self.seen & (1 << behind) != 0 {
            return Err(Fault::Replay);
        }
        self.seen |= 1 << behind;
        Ok(())
    }
}

/// The highest epoch that is believed; milliseconds reach it in the year 287396.
pub(crate) const LAST_EPOCH: Epoch = Epoch(1 << 53);
/// How far back frames may be late.
const WINDOW: u64 = 128;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_frame_counts_once_whatever_the_order() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.note(Epoch(5), 1), Ok(Life::New));
        assert_eq!(inbox.note(Epoch(5), 3), Ok(Life::Same));
        assert_eq!(inbox.note(Epoch(5), 2), Ok(Life::Same));
        for number in [1, 2, 3] {
            assert_eq!(inbox.note(Epoch(5), number), Err(Fault::Replay), "{number}");
        }
        assert_eq!(inbox.note(Epoch(5), 500), Ok(Life::Same));
        assert_eq!(inbox.note(Epoch(5), 4), Err(Fault::Replay));
    }

    #[test]
    fn an_older_life_is_over() {
        let mut inbox = Inbox::default();
        inbox.note(Epoch(5), 9).unwrap();
        inbox.heard = Sequence(7);
        assert_eq!(inbox.note(Epoch(4), 10), Err(Fault::OldEpoch));
        assert_eq!(inbox.note(Epoch(6), 1), Ok(Life::New));
        assert_eq!(inbox.heard, Sequence(0));
        assert_eq!(inbox.note(Epoch(u64::MAX), 1), Err(Fault::WrongType));
    }
}
