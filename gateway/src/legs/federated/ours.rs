// SPDX-License-Identifier: EUPL-1.2
//! Our own people, as the partners may be told of them: what of a roster changed.

use std::collections::BTreeMap;

use landbridge_federation::{Accessibility, Consent, Input, Person, PersonId, Recording, Role};

use crate::call::{self, LegId};
use crate::room::{self, Roster};

/// Nobody of ours: no leg has this number.
const OPERATOR: PersonId = PersonId(u64::MAX);

/// What was told last.
#[derive(Default)]
pub(super) struct Ours {
    people: BTreeMap<PersonId, Person>,
    locked: bool,
    recorded: bool,
}

impl Ours {
    /// Returns what is new in a roster.
    pub(super) fn changes(&mut self, roster: &Roster) -> Vec<Input> {
        let now: BTreeMap<PersonId, Person> = people(roster).map(|person| (id(person.leg), told(person))).collect();
        let gone = self.people.keys().filter(|id| !now.contains_key(id));
        let gone = gone.map(|id| Input::Went(*id));
        let news = now.iter().filter(|(id, person)| self.people.get(id) != Some(person));
        let news = news.map(|(_, person)| Input::Person(person.clone()));
        let mut inputs: Vec<Input> = gone.chain(news).collect();
        if std::mem::replace(&mut self.locked, roster.locked) != roster.locked {
            inputs.push(Input::Locked(roster.locked));
        }
        if std::mem::replace(&mut self.recorded, roster.recorded) != roster.recorded {
            inputs.push(Input::Recording(match roster.recorded {
                true => Recording::Active,
                false => Recording::Off,
            }));
        }
        self.people = now;
        inputs
    }

    /// Tells whether somebody is ours.
    pub(super) fn has(&self, leg: LegId) -> bool {
        self.people.contains_key(&id(leg))
    }

    /// Returns on whose authority the room acts: its first moderator's, or the operator's, whom no partner is told of.
    pub(super) fn moderator(&self) -> PersonId {
        let mut moderators = self.people.values().filter(|person| person.role == Role::Moderator);
        moderators.next().map_or(OPERATOR, |person| person.id)
    }
}

/// Counts our own people in a room.
pub(super) fn count(roster: &Roster) -> usize {
    people(roster).count()
}

/// Returns the number under which the joint room knows one of ours.
pub(super) fn id(leg: LegId) -> PersonId {
    PersonId(leg.0)
}

/// Returns whose number this is.
pub(super) fn leg(id: PersonId) -> LegId {
    LegId(id.0)
}

fn people(roster: &Roster) -> impl Iterator<Item = &room::Person> {
    roster.present().filter(|person| person.origin.is_none())
}

fn told(person: &room::Person) -> Person {
    Person {
        id: id(person.leg),
        name: person.name.clone(),
        role: match person.role {
            call::Role::Moderator => Role::Moderator,
            call::Role::Participant => Role::Participant,
        },
        audio: !person.muted,
        video: false,
        hand: person.hand.is_some(),
        speaking: person.speaking,
        language: None,
        accessibility: Accessibility::default(),
        consent: match person.consent {
            None => Consent::Unknown,
            // Rooms ask by one text.
            Some(true) => Consent::Given(1),
            Some(false) => Consent::Refused,
        },
        // A name is no identity: two callers without a name have the same one after each other.
        subject: None,
    }
}
