// SPDX-License-Identifier: EUPL-1.2
//! Origin, epoch and sequence, which make every event happen once.

use crate::Deployment;

/// The deployment at whose participants an event happened.
pub type Origin = Deployment;

/// Counts the lives of a room at its origin; a new life makes all events of an older one void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// Counts the events of one epoch, from 1; 0 stands before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(pub u64);

/// Names one event for all time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Where it happened.
    pub origin: Origin,
    /// In which life of the room.
    pub epoch: Epoch,
    /// As which event of that life.
    pub sequence: Sequence,
}

impl EventId {
    /// Returns whether the event comes after what was last taken from its origin; an older or equal one is a repetition.
    pub fn is_after(&self, epoch: Epoch, sequence: Sequence) -> bool {
        (self.epoch, self.sequence) > (epoch, sequence)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_repeated_event_and_one_of_an_older_life_are_not_new() {
        let event = |epoch, sequence| EventId {
            origin: "a.example".parse().unwrap(),
            epoch: Epoch(epoch),
            sequence: Sequence(sequence),
        };
        let last = (Epoch(2), Sequence(7));
        assert!(event(2, 8).is_after(last.0, last.1));
        assert!(event(3, 1).is_after(last.0, last.1));
        assert!(!event(2, 7).is_after(last.0, last.1));
        assert!(!event(1, 99).is_after(last.0, last.1));
    }
}
