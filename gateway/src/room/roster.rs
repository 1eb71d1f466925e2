// SPDX-License-Identifier: EUPL-1.2
//! What everybody may know about a room at one moment.

use std::sync::Arc;
use std::time::SystemTime;

use crate::call::{Kind, LegId, Role};
use crate::room::{JointPartner, PartnerId, RoomKey};

/// A snapshot of one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// This life of the room, as the media plane knows it.
    pub key: RoomKey,
    /// The meeting id.
    pub id: String,
    /// The meeting's name.
    pub name: String,
    /// Where the room lives, as [`Residence::as_str`](crate::room::Residence::as_str) says.
    pub home: &'static str,
    /// Whether newcomers are refused.
    pub locked: bool,
    /// Whether newcomers wait for a moderator.
    pub waiting_room: bool,
    /// Whether the room is recorded or streamed where it lives.
    pub recorded: bool,
    /// When this life of the room began.
    pub started: SystemTime,
    /// All who are present, in the order they came, then all who wait, in the order they came.
    pub people: Vec<Person>,
    /// All partners that the room is or was shared with; their places are their [`PartnerId`]s.
    pub joint: Vec<JointPartner>,
}

impl Roster {
    /// Returns one person's entry.
    pub fn person(&self, leg: LegId) -> Option<&Person> {
        self.people.iter().find(|person| person.leg == leg)
    }

    /// Returns a partner's entry.
    pub fn partner(&self, id: PartnerId) -> Option<&JointPartner> {
        self.joint.get(usize::try_from(id.0).ok()?)
    }

    /// Iterates over those who are in the room.
    pub fn present(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| !person.waiting)
    }

    /// Iterates over those who wait to be let in.
    pub fn waiting(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.waiting)
    }
}

/// One person of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The person's leg; its display form is the participant id of the API.
    pub leg: LegId,
    /// The cleaned, unique name.
    pub name: String,
    /// How the person takes part.
    pub kind: Kind,
    /// What the person may do.
    pub role: Role,
    /// Whether the microphone is closed.
    pub muted: bool,
    /// Whether a moderator closed it last.
    pub muted_by_moderator: bool,
    /// The place in the queue of hands, counted from 1.
    pub hand: Option<usize>,
    /// Whether the person holds the floor right now.
    pub speaking: bool,
    /// Whether the person waits to be let in.
    pub waiting: bool,
    /// The authority in whose half of the joint session the person is, if not in ours.
    pub origin: Option<Arc<str>>,
    /// Whether that half is out of reach.
    pub away: bool,
    /// What the person said to being recorded, as far as it was asked and answered.
    pub consent: Option<bool>,
}
