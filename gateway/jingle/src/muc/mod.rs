// SPDX-License-Identifier: EUPL-1.2
//! A room's chat and people as a multi-user chat (XEP-0045), hosted at the room's own address.
//!
//! [`Muc`] is the host: XMPP clients join it, the room's telephones and browsers are shown in it, chat goes both ways,
//! and raised hands and closed microphones are seen and changed. [`Mirror`] shows the same room in a multi-user chat of a
//! server instead.
//!
//! - [`host`]: the host as a core: who is in, what happens on input
//! - [`words`]: what goes in and what comes out
//! - [`nick`]: any name as a nickname
//! - [`command`]: what is typed in order to be done
//! - [`mirror`]: one occupant of ours per person in a foreign multi-user chat
//!
//! Not implemented: room creation and configuration (§10: rooms are the meeting's), invitations by the room (§7.8), voice
//! requests (§7.13), registration (§7.10), changes of nickname and of affiliation, occupant ids (XEP-0421), archives
//! (XEP-0313).

pub mod command;
pub mod host;
pub mod mirror;
pub mod nick;
pub mod words;

/// Questions to a room: lists, forms, pings.
mod admin;
/// Messages to a room, and its history.
mod chat;
/// Joining, changing, leaving.
mod door;
/// Ids for stanzas.
mod ids;
/// One occupant of ours in a foreign chat.
mod member;
/// Moments on the wall's clock.
mod moment;
/// What one occupant is and has.
mod occupant;
/// Presence as a room sends it.
mod presence;

#[cfg(test)]
mod tests;

pub use crate::calls::Taken;
pub use host::{Muc, stranger};
pub use mirror::{Mirror, MirrorInput, MirrorOptions, MirrorOutput};
pub use words::{Denial, Language, MucInput, MucOptions, MucOutput, OccupantId, Refusal, Removal, Target, Wish};

/// Namespace of joining (XEP-0045).
pub(crate) const MUC: &str = "http://jabber.org/protocol/muc";
/// Namespace of what a room tells (XEP-0045).
pub(crate) const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// Namespace of moderation (XEP-0045).
pub(crate) const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
/// Namespace of configuration (XEP-0045).
pub(crate) const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// Namespace of ids of stanzas (XEP-0359).
pub(crate) const STANZA_ID: &str = "urn:xmpp:sid:0";
/// Namespace of delayed delivery (XEP-0203).
pub(crate) const DELAY: &str = "urn:xmpp:delay";
/// Namespace of what we alone tell about a person: how it takes part, whether it is muted, whether a hand is raised.
pub const STATE: &str = "urn:landbridge:room:0";
