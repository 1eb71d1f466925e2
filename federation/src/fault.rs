// SPDX-License-Identifier: EUPL-1.2
//! The names of refusals: why a frame, an event or an act of a partner was not taken.

use std::fmt;

/// Says why something of a partner was refused. Its name is what the partner, the log and the metrics see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Speaks for a deployment that is not the sender, or is not meant for us.
    ForgedOrigin,
    /// Belongs to an older life of the room, at either end.
    OldEpoch,
    /// Was there before.
    Replay,
    /// More than was agreed, in events or octets per second.
    Flood,
    /// A field holds what it cannot hold.
    WrongType,
    /// A version of the format that we do not speak.
    UnknownVersion,
    /// A text, a list or a frame is longer than it may be.
    TooLong,
    /// More people than were agreed.
    TooManyPeople,
    /// Our policy towards this partner says no.
    NotPermitted,
    /// Names a person that is not there.
    UnknownPerson,
    /// Names a room that is not shared with this partner.
    UnknownRoom,
    /// The room would be joined with itself.
    Loop,
    /// A sequence that cannot follow what came before.
    BadSequence,
    /// Another deployment is taken for the room's home there.
    WrongHome,
    /// It waited for a partner that was away for too long.
    Undelivered,
}

impl Fault {
    /// All of them, for metrics.
    pub const ALL: [Fault; 15] = [
        Fault::ForgedOrigin,
        Fault::OldEpoch,
        Fault::Replay,
        Fault::Flood,
        Fault::WrongType,
        Fault::UnknownVersion,
        Fault::TooLong,
        Fault::TooManyPeople,
        Fault::NotPermitted,
        Fault::UnknownPerson,
        Fault::UnknownRoom,
        Fault::Loop,
        Fault::BadSequence,
        Fault::WrongHome,
        Fault::Undelivered,
    ];

    /// Returns the name on the wire, in logs and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::ForgedOrigin => "forged-origin",
            Fault::OldEpoch => "old-epoch",
            Fault::Replay => "replay",
            Fault::Flood => "flood",
            Fault::WrongType => "wrong-type",
            Fault::UnknownVersion => "unknown-version",
            Fault::TooLong => "too-long",
            Fault::TooManyPeople => "too-many-people",
            Fault::NotPermitted => "not-permitted",
            Fault::UnknownPerson => "unknown-person",
            Fault::UnknownRoom => "unknown-room",
            Fault::Loop => "loop",
            Fault::BadSequence => "bad-sequence",
            Fault::WrongHome => "wrong-home",
            Fault::Undelivered => "undelivered",
        }
    }

    /// Returns the fault of this name.
    pub fn named(name: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.as_str() == name)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        for fault in Fault::ALL {
            assert_eq!(Fault::named(fault.as_str()), Some(fault));
        }
    }
}
