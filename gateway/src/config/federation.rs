// SPDX-License-Identifier: EUPL-1.2
//! Rooms shared with other deployments: `[federation]`, its partners and its rooms. Nothing is shared unless it stands here.

/// The section's shape, and the walk from it to the checked tree.
mod read;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use landbridge_federation::{Deed, Field, Invite, NameForm, Policy, RecordingRule};
use landbridge_federation::{Deployment, RoomAlias};

use crate::legs::federated::seal::{Pinned, Seal};
pub(super) use read::{FederationPart, Ground};

/// What we are to other deployments, and what they are to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// Our name.
    pub name: Deployment,
    /// What people read and hear about us, as in "Thüringen".
    pub authority: String,
    /// Where the private key lies.
    pub key_file: PathBuf,
    /// Signs what leaves.
    pub seal: Arc<Seal>,
    /// Silence of a partner after which its people are shown as away.
    pub away_after: Duration,
    /// Silence of a partner after which its people leave the room.
    pub remove_after: Duration,
    /// Most far people who are guests of their own in a room of LiveKit or OpenTalk at a time.
    pub guests_at_once: usize,
    /// Those with whom rooms may be shared.
    pub partners: Vec<Partner>,
    /// The rooms that may be shared.
    pub rooms: Vec<JointRoom>,
}

/// A deployment with which rooms may be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Its name.
    pub name: Deployment,
    /// What people read and hear about it.
    pub authority: String,
    /// The domain of its gateway's XMPP component.
    pub address: String,
    /// The keys that it is known by.
    pub keys: Pinned,
    /// What it is told, what its moderators may do, and how much it may send; in which rooms stands with the rooms.
    pub policy: Policy,
    /// Whether nothing is sent before DNSSEC vouches for a published TLSA record (RFC 7673).
    pub require_dane: bool,
    /// Where its settings stand in the file.
    pub lines: Lines,
}

/// A room that may be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JointRoom {
    /// Its name towards partners; the same at all of them.
    pub alias: RoomAlias,
    /// Which of our meetings it is.
    pub meeting: String,
    /// With whom.
    pub partners: Vec<Deployment>,
    /// The deployment whose epoch settles conflicts.
    pub home: Deployment,
    /// When partners are called.
    pub join: Join,
    /// PIN by which far people enter a meeting of OpenTalk in which no telephone of ours is; never shown.
    pub pin: Option<Pin>,
    /// Line of the meeting's id in the file.
    pub line: usize,
}

/// A PIN that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(pub String);

/// Shows no secret.
impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin")
    }
}

/// When the partners of a room are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// As soon as somebody is in the room.
    Always,
    /// When a moderator asks for it.
    Invited,
}

/// Lines of a partner's settings, from 1; none where the default stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Line of the partner's name.
    pub partner: usize,
    /// Line of `name_form`.
    pub name_form: Option<usize>,
    /// Line of `tells`.
    pub tells: Option<usize>,
    /// Lines of the words of `tells`.
    pub fields: Vec<(Field, usize)>,
    /// Line of `may`.
    pub may: Option<usize>,
    /// Lines of the words of `may`.
    pub deeds: Vec<(Deed, usize)>,
    /// Line of `recording`.
    pub recording: Option<usize>,
}

impl Federation {
    /// Finds a partner by its name.
    pub fn partner(&self, name: &Deployment) -> Option<&Partner> {
        self.partners.iter().find(|partner| partner.name == *name)
    }

    /// Finds a partner by the domain of its component.
    pub fn partner_at(&self, address: &str) -> Option<&Partner> {
        self.partners.iter().find(|partner| partner.address == address)
    }

    /// Finds a room by its name towards partners.
    pub fn room(&self, alias: &RoomAlias) -> Option<&JointRoom> {
        self.rooms.iter().find(|room| room.alias == *alias)
    }

    /// Finds the room that a meeting is.
    pub fn room_of(&self, meeting: &str) -> Option<&JointRoom> {
        self.rooms.iter().find(|room| room.meeting == meeting)
    }
}

impl Partner {
    /// Returns what holds in one room: shared with nobody but its partners, and one that is always shared needs no
    /// invitation to be accepted.
    pub fn policy_in(&self, room: &JointRoom) -> Policy {
        let mut policy = self.policy.clone();
        if room.partners.contains(&self.name) {
            policy.rooms = [room.alias.clone()].into();
            if room.join == Join::Always {
                policy.invite = Invite::Accept;
            }
        }
        policy
    }
}

impl Join {
    /// Returns the word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Join::Always => "always",
            Join::Invited => "invited",
        }
    }
}
