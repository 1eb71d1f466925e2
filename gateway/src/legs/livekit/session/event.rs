// SPDX-License-Identifier: EUPL-1.2
//! What a session tells its owner.

use std::sync::Arc;

use crate::call::LegId;
use crate::legs::livekit::Trouble;

/// What a session tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The participant is in the room.
    Joined {
        /// Whether it may publish sound.
        may_speak: bool,
    },
    /// The way to the server is lost; the phone hears only the other phones of this node until [`SessionEvent::Restored`].
    Reconnecting,
    /// The way to the server is whole again.
    Restored,
    /// The server muted the track; told only when somebody else did it.
    MutedByServer,
    /// The server unmuted the track; told only when somebody else did it.
    UnmutedByServer,
    /// The right to publish sound changed.
    MaySpeak(bool),
    /// Who is in the room, this phone among them; told on change, at most five times a second.
    People(Arc<[RemotePerson]>),
    /// Somebody in the room sent a key (SipDTMF).
    Digit(char),
    /// The session is over; nothing follows.
    Gone(Gone),
}

/// Somebody in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemotePerson {
    /// Unique in the room.
    pub identity: String,
    /// As shown to people.
    pub name: String,
    /// What the participant is.
    pub kind: PersonKind,
    /// No open microphone.
    pub muted: bool,
    /// Speaks now.
    pub speaking: bool,
    /// Sends a camera or screen.
    pub video: bool,
    /// The phone of this node that this participant is.
    pub ours: Option<LegId>,
}

/// What a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonKind {
    /// A person with an ordinary client.
    Standard,
    /// A telephone.
    Sip,
    /// A program that takes part.
    Agent,
    /// A recorder, a stream, or something newer than this program.
    Other,
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The owner left.
    Left,
    /// A moderator removed the participant.
    Removed,
    /// The room was deleted or closed.
    RoomDeleted,
    /// The same identity entered a second time.
    Duplicate,
    /// The server never let the participant in.
    Refused(Trouble),
    /// The server could not be reached again in the time allowed.
    Lost(Trouble),
}
