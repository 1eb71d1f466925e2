// SPDX-License-Identifier: EUPL-1.2
//! What one deployment says to another at once.
//!
//! Every frame carries who speaks in which life, how far the partner was heard, and any number of news in the order
//! of their sequence. So every frame acknowledges, keeps the link alive, and repeats as much as is needed.

use crate::words::{Fingerprint, Recording};
use crate::{Deployment, Epoch, Fault, Lamport, Pseudonym, RoomAlias, Sequence, Told};

/// One frame, before it is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Who speaks.
    pub from: Deployment,
    /// Who is spoken to.
    pub to: Deployment,
    /// In which room.
    pub room: RoomAlias,
    /// The life of the room at the sender.
    pub epoch: Epoch,
    /// Counts the frames of this life from 1, so that none is taken twice.
    pub number: u64,
    /// The life of the room at the receiver, as far as the sender knows it; news are for this life alone. A receiver that
    /// is told a higher one than its own goes above it: its clock was turned back.
    pub toward: Option<Epoch>,
    /// The last event of the receiver's life `toward` that the sender has taken.
    pub heard: Sequence,
    /// Something behind `heard` is missing: the receiver repeats it now.
    pub again: bool,
    /// The time at the sender.
    pub time: Lamport,
    /// What is said about the link itself.
    pub word: Option<Word>,
    /// The sequence of the first of `news`.
    pub first: Sequence,
    /// Events of the sender, with consecutive sequences.
    pub news: Vec<News>,
}

/// What is said about the link itself; repeated until it has an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Joins the rooms.
    Invite(Invitation),
    /// Declines an invitation, or ends a link that is not wanted.
    Refuse(Fault),
    /// Leaves: the link is over, and no error.
    Part,
    /// Leaves, and the room is over for all if the receiver's policy permits it.
    End,
}

/// What an invitation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The inviting authority, as people read it.
    pub authority: String,
    /// The deployment whose epoch settles conflicts.
    pub home: Deployment,
    /// The deployments over which the room reaches us already; one with the receiver in it is a loop.
    pub path: Vec<Deployment>,
}

/// One event at the sender, or a part of its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A snapshot begins: until [`News::Whole`] all people follow who are there. It may stand at any sequence.
    Anew,
    /// The snapshot ends: who was not named in it is not there.
    Whole,
    /// A person came or changed.
    Person(Box<Told>),
    /// A person left.
    Gone(Pseudonym),
    /// The state of the room at the sender changed.
    Room(RoomState),
    /// Somebody wrote.
    Said {
        /// Who.
        by: Pseudonym,
        /// What.
        text: String,
    },
    /// A moderator of the sender acts on the receiver's people or room.
    Act {
        /// The moderator, if it is one of the people.
        by: Option<Pseudonym>,
        /// What is done.
        act: WireAct,
    },
    /// The receiver's act of this sequence was refused.
    Denied {
        /// Which act.
        act: Sequence,
        /// Why.
        why: Fault,
    },
    /// All that is kept of a person of the sender shall be deleted.
    Erase(Pseudonym),
    /// It was deleted.
    Erased(Pseudonym),
    /// Nothing any more: keeps the place of an event that was erased, or that we do not know.
    Void,
}

/// An act, with people named as they are on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireAct {
    /// Closes a microphone.
    Mute(Pseudonym),
    /// Lowers a hand.
    LowerHand(Pseudonym),
    /// Removes a person.
    Remove(Pseudonym),
    /// Locks or unlocks the room on both sides.
    Lock(Locking),
    /// Ends the room for all.
    End,
}

/// The state of the room at the sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomState {
    /// Whether the room is recorded there; `None` is not told.
    pub recording: Option<Recording>,
    /// The fingerprints of the sender's end of the border leg.
    pub sound: Option<Fingerprint>,
    /// The last lock, or its opposite, by the sender's own people.
    pub lock: Option<Locking>,
}

/// A lock or its opposite, and what its author knew; of two the greater one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locking {
    /// The last change by the home that the author knew of, or this change if the author is the home.
    pub home: Lamport,
    /// When it was changed.
    pub at: Lamport,
    /// Whether the room is locked.
    pub locked: bool,
}

impl Frame {
    /// Returns whether this invites us to a room.
    pub fn invitation(&self) -> Option<&Invitation> {
        match &self.word {
            Some(Word::Invite(invitation)) => Some(invitation),
            _ => None,
        }
    }

    /// Makes the answer that refuses what a frame wants, for rooms that have no [`Joint`](crate::Joint) here.
    pub fn refusal(&self, us: Deployment, epoch: Epoch, why: Fault) -> Frame {
        Frame {
            from: us,
            to: self.from.clone(),
            room: self.room.clone(),
            epoch,
            number: self.number,
            toward: Some(self.epoch),
            heard: Sequence(0),
            again: false,
            time: Lamport(0),
            word: Some(Word::Refuse(why)),
            first: Sequence(0),
            news: Vec::new(),
        }
    }
}

impl News {
    /// Returns how many octets of XML it takes at most.
    pub(crate) fn weight(&self) -> usize {
        let escaped = |text: &str| text.len().saturating_mul(LONGEST_ESCAPE);
        match self {
            News::Person(told) => {
                let texts = told.name.iter().chain(&told.language);
                400 + texts.map(|text| escaped(text)).sum::<usize>()
            }
            News::Said { text, .. } => 100 + escaped(text),
            News::Room(state) => {
                let fingerprints = state.sound.iter().flat_map(|sound| &sound.0);
                200 + fingerprints.map(|text| 40 + escaped(text)).sum::<usize>()
            }
            News::Act { .. } => 250,
            _ => 100,
        }
    }
}

/// Octets of `&quot;` (XML 1.0 §4.6).
const LONGEST_ESCAPE: usize = 6;
