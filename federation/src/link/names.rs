// SPDX-License-Identifier: EUPL-1.2
//! What our people are called towards one partner: pseudonyms, and SSRCs of their sound.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::random::Random;
use crate::{Charter, Deployment, Person, PersonId, Pseudonym, Told};

/// The names of our people towards one partner.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    known: BTreeMap<PersonId, Name>,
    back: BTreeMap<Pseudonym, PersonId>,
    /// Of people who left, for requests to erase them.
    past: VecDeque<(PersonId, Option<String>, Pseudonym)>,
    streams: BTreeSet<u32>,
    random: Random,
    /// The half of all SSRCs that is ours, so that the two ends of a border leg never choose the same (RFC 3550 §8.2).
    half: u32,
}

/// One of our people towards one partner.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) id: Pseudonym,
    pub(crate) stream: u32,
    /// What the partner was told last.
    pub(crate) told: Option<Told>,
    subject: Option<String>,
}

impl Names {
    pub(crate) fn new(charter: &Charter, partner: &Deployment) -> Names {
        Names {
            known: BTreeMap::new(),
            back: BTreeMap::new(),
            past: VecDeque::new(),
            streams: BTreeSet::new(),
            random: Random::new(charter.seed, &format!("{} {partner}", charter.us)),
            half: if charter.us < *partner { 0 } else { UPPER_HALF },
        }
    }

    pub(crate) fn get(&self, person: PersonId) -> Option<&Name> {
        self.known.get(&person)
    }

    pub(crate) fn get_mut(&mut self, person: PersonId) -> Option<&mut Name> {
        self.known.get_mut(&person)
    }

    /// Returns all who are here.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PersonId, &Name)> {
        self.known.iter().map(|(person, name)| (*person, name))
    }

    /// Returns who is called this.
    pub(crate) fn person(&self, id: Pseudonym) -> Option<PersonId> {
        self.back.get(&id).copied()
    }

    /// Names somebody who was not here; says whether that is so.
    pub(crate) fn add(&mut self, charter: &Charter, partner: &Deployment, person: &Person) -> bool {
        if self.known.contains_key(&person.id) {
            return false;
        }
        let make = |key: &str| Pseudonym::new(&charter.secret, partner, &charter.alias, key);
        let free = |id: &Pseudonym| !self.back.contains_key(id);
        let of_subject = person
            .subject
            .iter()
            .flat_map(|subject| (0..MOST_DEVICES).map(move |device| key_of_subject(subject, device)));
        let alone = format!("\u{1}{}\u{1}{}", charter.epoch.0, person.id.0);
        let Some(id) = of_subject.chain([alone]).map(|key| make(&key)).find(free) else {
            return false;
        };
        let stream = self.free_stream();
        self.back.insert(id, person.id);
        self.known.insert(
            person.id,
            Name {
                id,
                stream,
                told: None,
                subject: person.subject.clone(),
            },
        );
        true
    }

    /// Forgets somebody who left.
    pub(crate) fn remove(&mut self, person: PersonId) -> Option<Name> {
        let name = self.known.remove(&person)?;
        self.back.remove(&name.id);
        self.streams.remove(&name.stream);
        self.past.push_back((person, name.subject.clone(), name.id));
        if self.past.len() > MOST_PAST {
            self.past.pop_front();
        }
        Some(name)
    }

    /// Returns what one of our people is or was called.
    pub(crate) fn ever(&self, person: PersonId) -> Option<Pseudonym> {
        let past = || self.past.iter().rfind(|(past, ..)| *past == person).map(|(.., id)| *id);
        self.get(person).map(|name| name.id).or_else(past)
    }

    /// Returns all that a subject may be called, here or in an earlier life.
    pub(crate) fn of_subject(&self, charter: &Charter, partner: &Deployment, subject: &str) -> BTreeSet<Pseudonym> {
        let is_it = |known: &Option<String>| known.as_deref() == Some(subject);
        let here = self
            .known
            .values()
            .filter(|name| is_it(&name.subject))
            .map(|name| name.id);
        let past = self
            .past
            .iter()
            .filter(|(_, known, _)| is_it(known))
            .map(|(.., id)| *id);
        let key = key_of_subject(subject, 0);
        let first = Pseudonym::new(&charter.secret, partner, &charter.alias, &key);
        here.chain(past).chain([first]).collect()
    }

    fn free_stream(&mut self) -> u32 {
        loop {
            let stream = (self.random.next() as u32 & !UPPER_HALF) | self.half;
            if stream & !UPPER_HALF != 0 && self.streams.insert(stream) {
                return stream;
            }
        }
    }
}

/// A person with a telephone and a browser is two people of the roster, each with a pseudonym of its own.
fn key_of_subject(subject: &str, device: usize) -> String {
    match device {
        0 => subject.to_owned(),
        device => format!("{subject}\u{1}{device}"),
    }
}

const UPPER_HALF: u32 = 0x8000_0000;
/// How many of the roster one subject may be under its own pseudonyms.
const MOST_DEVICES: usize = 8;
/// How many who left are remembered.
const MOST_PAST: usize = 4096;
