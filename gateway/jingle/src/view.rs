// SPDX-License-Identifier: EUPL-1.2
//! The people of a room, as rooms on XMPP show them.

use crate::muc::OccupantId;

/// Everybody in a room, with names as policy permits them to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// What the room is called; may be empty.
    pub title: String,
    /// The people, in the order in which they came.
    pub people: Vec<Person>,
}

/// One person in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Tells this person from all others in the room's life.
    pub id: u64,
    /// The name to show: any text.
    pub name: String,
    /// How the person takes part.
    pub kind: PersonKind,
    /// Whether the person may moderate.
    pub moderator: bool,
    /// Whether the microphone is closed.
    pub muted: bool,
    /// Whether a hand is raised.
    pub hand: bool,
    /// Whether the person holds the floor right now.
    pub speaking: bool,
    /// Whether there is sound to and from this person; without it somebody only chats.
    pub talks: bool,
    /// Whether the person is in another half of a joint session, which cannot be reached just now.
    pub away: bool,
    /// The occupant of our multi-user chat that this person is, if any: such a person is not shown twice.
    pub occupant: Option<OccupantId>,
}

/// How a person takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PersonKind {
    /// By telephone.
    Phone,
    /// With a browser.
    Browser,
    /// With an XMPP client.
    Xmpp,
    /// In the half of a joint session that another deployment holds.
    Federated,
}

impl PersonKind {
    /// Returns the word for it in our own elements.
    pub fn as_str(self) -> &'static str {
        match self {
            PersonKind::Phone => "phone",
            PersonKind::Browser => "browser",
            PersonKind::Xmpp => "xmpp",
            PersonKind::Federated => "federated",
        }
    }
}

impl Person {
    /// Makes a person who talks, with nothing else to say about.
    pub fn new(id: u64, name: &str, kind: PersonKind) -> Person {
        Person {
            id,
            name: name.to_owned(),
            kind,
            moderator: false,
            muted: false,
            hand: false,
            speaking: false,
            talks: true,
            away: false,
            occupant: None,
        }
    }
}
