// SPDX-License-Identifier: EUPL-1.2
//! What moderators do across the border.

use crate::{Deed, Far, PersonId};

/// A person of the room, wherever at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Whom {
    /// One of our own people.
    Ours(PersonId),
    /// One of a partner's.
    Far(Far),
}

/// What a moderator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Closes a microphone.
    Mute(Whom),
    /// Lowers a hand.
    LowerHand(Whom),
    /// Removes a person.
    Remove(Whom),
    /// Locks or unlocks the room on both sides.
    Lock(bool),
    /// Ends the room for all.
    End,
}

impl Act {
    /// Returns what has to be permitted for it.
    pub fn deed(&self) -> Deed {
        match self {
            Act::Mute(_) => Deed::Mute,
            Act::LowerHand(_) => Deed::LowerHand,
            Act::Remove(_) => Deed::Remove,
            Act::Lock(_) => Deed::Lock,
            Act::End => Deed::End,
        }
    }

    /// Returns to whom it is done; `None` if to the room.
    pub fn whom(&self) -> Option<Whom> {
        match self {
            Act::Mute(whom) | Act::LowerHand(whom) | Act::Remove(whom) => Some(*whom),
            Act::Lock(_) | Act::End => None,
        }
    }
}
