// SPDX-License-Identifier: EUPL-1.2
//! What goes into a multi-user chat and what comes out of it.

use std::time::{Instant, SystemTime};

use jid::Jid;
use minidom::Element;

use crate::invites::Invitation;
use crate::packet::Packet;
use crate::view::View;

/// Names one occupant of ours-hosted chat, for the life of the [`super::Muc`]; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OccupantId(pub u64);

/// Settings of a hosted chat.
#[derive(Clone, Debug)]
pub struct MucOptions {
    /// The room's title; may be empty.
    pub title: String,
    /// The language of what the room itself says.
    pub language: Language,
    /// Whether occupants see each other's addresses, as clients want before they offer group calls; else only moderators do.
    pub open_addresses: bool,
    /// Whether clients choose their nicknames; else it is the part of the address before the `@`.
    pub free_nicks: bool,
    /// Whether the gateway itself is shown as an occupant (`landbridge`), which group calls invite.
    pub bridge: bool,
    /// Most occupants that come over XMPP; more are refused.
    pub most_occupants: usize,
    /// Most people of the room that are shown; more take part unseen.
    pub most_shown: usize,
    /// What the wall's clock says at this moment of the other clock; for stamps in history.
    pub clock: (Instant, SystemTime),
}

impl MucOptions {
    /// Gives the defaults: 200 occupants, 500 shown people, addresses open, nicknames free, the gateway shown, English.
    pub fn new(now: Instant, wall: SystemTime) -> MucOptions {
        MucOptions {
            title: String::new(),
            language: Language::English,
            open_addresses: true,
            free_nicks: true,
            bridge: true,
            most_occupants: 200,
            most_shown: 500,
            clock: (now, wall),
        }
    }
}

/// In which language a room speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

/// What happens to a hosted chat.
#[derive(Debug)]
pub enum MucInput<'a> {
    /// A stanza came that is addressed to our domain.
    Stanza(&'a Element),
    /// The people of the room are these.
    Roster(&'a View),
    /// Somebody who is no occupant wrote in the room's chat.
    Chat {
        /// Who reads it; everybody, if nobody is named.
        to: Option<OccupantId>,
        /// Who, if the person is in the last [`View`].
        person: Option<u64>,
        /// The name that the room's chat shows; empty for the room itself.
        name: &'a str,
        /// What was written.
        text: &'a str,
    },
    /// The room's chat shows what an occupant wrote: what came out as [`MucOutput::Said`], or what the same person wrote
    /// elsewhere.
    Shown {
        /// Who wrote it.
        occupant: OccupantId,
        /// What the room shows.
        text: &'a str,
        /// Whether the others are told by the room, each of them apart.
        apart: bool,
    },
    /// The room's chat does not show what came out first of an occupant as [`MucOutput::Said`].
    Denied(OccupantId, Denial),
    /// An occupant is in the meeting no more, but may come back at once: it neither reads nor is seen until `Admitted`.
    Suspended(OccupantId),
    /// The meeting lets an occupant in that was announced by [`MucOutput::Entering`].
    Admitted(OccupantId),
    /// The meeting does not.
    Refused(OccupantId, Refusal),
    /// The meeting puts an occupant out.
    Removed(OccupantId, Removal),
    /// The room ends: everybody leaves.
    Closed,
    /// The deadline has passed.
    Timeout,
}

/// What a hosted chat wants.
#[derive(Debug)]
pub enum MucOutput {
    /// Send this.
    Send(Packet),
    /// Somebody wants in: answer with `Admitted` or `Refused`.
    Entering {
        /// Who, from now on.
        occupant: OccupantId,
        /// The client's full address.
        jid: Jid,
        /// The nickname, cleaned.
        nick: String,
        /// The PIN, if one was given.
        password: Option<String>,
    },
    /// Somebody left, or gave up waiting.
    Left(OccupantId),
    /// An occupant wants to write this to everybody: answer with `Shown` or `Denied`; without one for ten seconds it is
    /// denied.
    Said {
        /// Who.
        occupant: OccupantId,
        /// What; at most 4 KiB, no control characters but line feeds and tabs.
        text: String,
    },
    /// An occupant wants something done.
    Wish(OccupantId, Wish),
    /// An occupant called everybody to a group call.
    Invited(Invitation),
}

/// What an occupant may want of the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Close my microphone.
    Mute,
    /// Open my microphone.
    Unmute,
    /// Raise my hand, or lower it.
    Hand(bool),
    /// Put somebody out (only from moderators).
    Remove(Target),
    /// Close somebody's microphone (only from moderators).
    Silence(Target),
    /// Let somebody speak again (only from moderators).
    Voice(Target),
}

/// Whom a moderator means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A person of the [`View`].
    Person(u64),
    /// An occupant.
    Occupant(OccupantId),
}

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The PIN is missing or wrong (or the room does not exist, which nobody need know).
    Password,
    /// The dial plan does not let this address in.
    Forbidden,
    /// There is no such room.
    NoSuchRoom,
    /// The room is full or locked.
    Full,
    /// Too many tries, or no capacity: later.
    Busy,
}

/// Why a line is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Too many lines, or nothing works just now: later.
    Busy,
    /// The text cannot be shown.
    Unfit,
    /// The writer may not write.
    Forbidden,
}

/// Why somebody is put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A moderator wants it.
    Kicked,
    /// A moderator wants it for good.
    Banned,
    /// Something of ours ends.
    Ended,
}
