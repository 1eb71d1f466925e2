// SPDX-License-Identifier: EUPL-1.2
//! People, as we know our own and as partners tell of theirs.

use std::sync::Arc;

use crate::{Deployment, Lamport, Pseudonym};

/// Names one of our own people; it never leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonId(pub u64);

/// Names one person of a partner, unique in its [`Joint`](crate::Joint).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Far(pub u64);

/// What a person may do at home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// May mute and remove others.
    Moderator,
    /// May speak.
    #[default]
    Participant,
}

/// Whether a person may be recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Consent {
    /// Not asked, or no answer yet.
    #[default]
    Unknown,
    /// Given, to this version of the text.
    Given(u32),
    /// Refused or withdrawn.
    Refused,
}

/// What a person needs for access, as far as the person has set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Accessibility {
    /// Reads what is said.
    pub captions: bool,
    /// Watches an interpreter of sign language.
    pub sign_language: bool,
    /// Writes instead of speaking (RFC 4103).
    pub real_time_text: bool,
}

/// One of our own people. Only [`Policy::tell`](crate::Policy::tell) turns this into something that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Our own number for the person.
    pub id: PersonId,
    /// The name shown in the roster.
    pub name: String,
    /// Moderator or participant.
    pub role: Role,
    /// The microphone is open.
    pub audio: bool,
    /// The camera is on.
    pub video: bool,
    /// The hand is raised.
    pub hand: bool,
    /// Speaks just now.
    pub speaking: bool,
    /// The language of the person's prompts (RFC 5646).
    pub language: Option<String>,
    /// Needs for access.
    pub accessibility: Accessibility,
    /// Whether the person may be recorded.
    pub consent: Consent,
    /// A stable identity, from which pseudonyms are made; never sent.
    pub subject: Option<String>,
}

impl Person {
    /// Makes a participant of whom nothing but the name is known: microphone closed, hand down, not asked for consent.
    pub fn new(id: PersonId, name: &str) -> Person {
        Person {
            id,
            name: name.to_owned(),
            role: Role::Participant,
            audio: false,
            video: false,
            hand: false,
            speaking: false,
            language: None,
            accessibility: Accessibility::default(),
            consent: Consent::Unknown,
            subject: None,
        }
    }
}

/// One of our people as a partner is told: what is `None` stays at home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What the person is called towards this partner.
    pub id: Pseudonym,
    /// The name, in the form that was agreed.
    pub name: Option<String>,
    /// Moderator or participant.
    pub role: Option<Role>,
    /// The microphone is open.
    pub audio: Option<bool>,
    /// The camera is on.
    pub video: Option<bool>,
    /// When the hand was raised, if it is.
    pub hand: Option<Lamport>,
    /// Speaks just now.
    pub speaking: Option<bool>,
    /// The language of the person's prompts.
    pub language: Option<String>,
    /// Needs for access.
    pub accessibility: Option<Accessibility>,
    /// Whether the person may be recorded.
    pub consent: Option<Consent>,
    /// Under which SSRC the person's sound comes (RFC 3550 §8).
    pub stream: Option<u32>,
}

impl Told {
    /// Tells no more than that somebody is there.
    pub(crate) fn nobody(id: Pseudonym) -> Told {
        Told {
            id,
            name: None,
            role: None,
            audio: None,
            video: None,
            hand: None,
            speaking: None,
            language: None,
            accessibility: None,
            consent: None,
            stream: None,
        }
    }
}

/// A person of a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarPerson {
    /// Our key for the person.
    pub who: Far,
    /// Where the person is at home.
    pub origin: Deployment,
    /// The authority there, as people read and hear it.
    pub authority: Arc<str>,
    /// The name as told, or "Gast 3 (Schleswig-Holstein)".
    pub name: String,
    /// Moderator or participant.
    pub role: Role,
    /// The microphone is open.
    pub audio: bool,
    /// The camera is on.
    pub video: bool,
    /// The hand is raised.
    pub hand: bool,
    /// Speaks just now.
    pub speaking: bool,
    /// The language of the person's prompts.
    pub language: Option<String>,
    /// Needs for access.
    pub accessibility: Accessibility,
    /// Whether the person may be recorded.
    pub consent: Consent,
    /// The link to the partner is cut.
    pub away: bool,
    /// Under which SSRC the person's sound comes.
    pub stream: Option<u32>,
}
