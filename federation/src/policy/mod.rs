// SPDX-License-Identifier: EUPL-1.2
//! Which fields may leave, and what a partner's moderators may do here. Nothing unless listed.
//!
//! - `tell`: turns one of our people into what a partner is told; the only way out.
//! - `name`: names that may leave, and their initials.
//! - `explain`: says in words what leaves and which key of the configuration lets it.

mod explain;
mod name;
mod tell;

use std::collections::BTreeSet;

use crate::{Consent, Deployment, Origin, Person, Recording, RoomAlias};

pub use explain::Line;
pub use tell::Telling;

/// A fact that a partner may be told. What is not listed here never leaves: numbers, addresses, devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Moderator or participant.
    Role,
    /// The microphone is open.
    Audio,
    /// The camera is on.
    Video,
    /// The hand, and its place in the queue.
    Hand,
    /// Who speaks just now.
    Speaking,
    /// What is written.
    Chat,
    /// That the room is recorded.
    Recording,
    /// The language of the person's prompts.
    Language,
    /// Needs for access that the person has set.
    Accessibility,
    /// Whether the person may be recorded.
    Consent,
}

/// What a partner's moderators may do to our people, or to our side of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deed {
    /// Close a microphone.
    Mute,
    /// Lower a hand.
    LowerHand,
    /// Remove a person.
    Remove,
    /// Lock and unlock the room.
    Lock,
    /// End the room for all.
    End,
}

/// The form in which names leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameForm {
    /// Not at all: the partner numbers our people, "Gast 3 (Thüringen)".
    #[default]
    None,
    /// Made from the pseudonym, "Gast Kamorilu (Thüringen)": the same person has it again next time in this room.
    Pseudonym,
    /// "A. M. (Thüringen)".
    InitialsAndAuthority,
    /// As in our own roster; who is called by a number or an address there leaves without a name.
    Full,
}

/// What is done with the partner's invitations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Invite {
    /// Refused.
    #[default]
    Refuse,
    /// Accepted.
    Accept,
}

/// Whether the partner may record our people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RecordingRule {
    /// Nobody.
    #[default]
    Never,
    /// Those who have consented.
    WithConsent,
}

/// What one partner is told and may do; by default it is told that somebody is there, and may do nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The rooms that may be shared.
    pub rooms: BTreeSet<RoomAlias>,
    /// What is done with invitations.
    pub invite: Invite,
    /// The form in which names leave.
    pub name: NameForm,
    /// The fields that leave.
    pub fields: BTreeSet<Field>,
    /// What the partner's moderators may do here.
    pub may: BTreeSet<Deed>,
    /// How many people the partner may bring; 0 stands for 200.
    pub max_people: usize,
    /// How many streams of sound are sent at once; 0 stands for 3.
    pub max_streams: usize,
    /// The most that is sent for sound [kbit/s].
    pub max_kbit: Option<u32>,
    /// Whether the partner may record our people.
    pub recording: RecordingRule,
}

impl Policy {
    /// Returns whether a field may leave.
    pub fn tells(&self, field: Field) -> bool {
        self.fields.contains(&field)
    }

    /// Returns whether the partner is told that our people locked or unlocked the room: who may lock it, and who is told
    /// who moderates.
    pub fn tells_lock(&self) -> bool {
        self.permits(Deed::Lock) || self.tells(Field::Role)
    }

    /// Returns whether the partner's moderators may do this here.
    pub fn permits(&self, deed: Deed) -> bool {
        self.may.contains(&deed)
    }

    /// Returns whether the partner may record one of our people: nobody before the person's own consent.
    pub fn may_record(&self, person: &Person) -> bool {
        self.recording == RecordingRule::WithConsent && matches!(person.consent, Consent::Given(_))
    }

    /// Returns whether a person's sound may go to the partner while its room is recorded like this. A recorder there
    /// would take whatever arrives, so what it may not take does not go.
    pub fn carries(&self, person: &Person, recording: Recording) -> bool {
        recording != Recording::Active || self.may_record(person)
    }
}

impl Field {
    /// All of them, in the order in which they are explained.
    pub const ALL: [Field; 10] = [
        Field::Role,
        Field::Audio,
        Field::Video,
        Field::Hand,
        Field::Speaking,
        Field::Chat,
        Field::Recording,
        Field::Language,
        Field::Accessibility,
        Field::Consent,
    ];

    /// Returns the word for it in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Role => "role",
            Field::Audio => "audio",
            Field::Video => "video",
            Field::Hand => "hand",
            Field::Speaking => "speaking",
            Field::Chat => "chat",
            Field::Recording => "recording",
            Field::Language => "language",
            Field::Accessibility => "accessibility",
            Field::Consent => "consent",
        }
    }
}

impl Deed {
    /// All of them, in the order in which they are explained.
    pub const ALL: [Deed; 5] = [Deed::Mute, Deed::LowerHand, Deed::Remove, Deed::Lock, Deed::End];

    /// Returns the word for it in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Deed::Mute => "mute",
            Deed::LowerHand => "lower_hand",
            Deed::Remove => "remove",
            Deed::Lock => "lock",
            Deed::End => "end",
        }
    }
}

/// The loop guard of a link: only our own people are told to a partner, so nothing can travel in a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stance {
    /// This deployment.
    pub us: Deployment,
    /// The deployment at the other end.
    pub partner: Deployment,
}

impl Stance {
    /// Returns whether the partner is told of people of this origin.
    pub fn tells(&self, origin: &Origin) -> bool {
        *origin == self.us && self.us != self.partner
    }

    /// Returns whether the partner is believed about people of this origin.
    pub fn believes(&self, origin: &Origin) -> bool {
        *origin == self.partner && self.us != self.partner
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::PersonId;

    #[test]
    fn only_our_own_people_are_told_and_only_theirs_believed() {
        let [us, partner, third]: [Deployment; 3] =
            ["th.example", "sh.example", "by.example"].map(|name| name.parse().unwrap());
        let stance = Stance {
            us: us.clone(),
            partner: partner.clone(),
        };
        assert_eq!(
            [&us, &partner, &third].map(|origin| stance.tells(origin)),
            [true, false, false]
        );
        assert_eq!(
            [&us, &partner, &third].map(|origin| stance.believes(origin)),
            [false, true, false]
        );
    }

    #[test]
    fn nobody_is_recorded_before_consent_and_nobody_at_all_by_default() {
        let person = |consent| Person {
            consent,
            ..Person::new(PersonId(1), "Ada Lovelace")
        };
        let asks = Policy {
            recording: RecordingRule::WithConsent,
            ..Policy::default()
        };
        let given = person(Consent::Given(1));
        assert!(asks.may_record(&given) && !Policy::default().may_record(&given));
        for consent in [Consent::Unknown, Consent::Refused] {
            assert!(!asks.may_record(&person(consent)));
            assert!(!asks.carries(&person(consent), Recording::Active));
            assert!(asks.carries(&person(consent), Recording::Requested));
        }
        assert!(asks.carries(&given, Recording::Active));
    }
}
