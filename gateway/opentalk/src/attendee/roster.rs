// SPDX-License-Identifier: EUPL-1.2
//! Who else is there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::wire::join::{MOST_PEOPLE, Participant, Peer};
use crate::wire::{Id, clean_name, join};
use crate::{Person, PersonKind, Place, Role};

/// Shortest time between two lists.
const BETWEEN: Duration = Duration::from_millis(500);
/// Most connections that are kept of one person.
const MOST_CONNECTIONS: usize = 16;

/// The others, by their ids; changes are told together.
#[derive(Debug, Default)]
pub(super) struct Roster {
    people: BTreeMap<Id, Person>,
    /// When the changes are due to be told.
    tell_at: Option<Instant>,
    told_at: Option<Instant>,
}

impl Roster {
    /// Says when the changes are due.
    pub(super) fn tell_at(&self) -> Option<Instant> {
        self.tell_at
    }

    /// Tells whether there is no person, programs that record aside.
    pub(super) fn is_alone(&self) -> bool {
        self.people.values().all(|person| person.kind == PersonKind::Recorder)
    }

    /// Returns everybody.
    pub(super) fn list(&self) -> Vec<Person> {
        self.people.values().cloned().collect()
    }

    /// Returns somebody's name.
    pub(super) fn name(&self, id: &Id) -> Option<&str> {
        self.people.get(id).map(|person| person.name.as_str())
    }

    /// Takes the list from a join, which is told with it.
    pub(super) fn replace(&mut self, now: Instant, participants: Vec<Participant>, me: &Id) {
        self.people.clear();
        for participant in participants {
            self.add(participant, me);
        }
        self.tell_at = None;
        self.told_at = Some(now);
    }

    /// Notes what is told of somebody with all their data.
    pub(super) fn update(&mut self, now: Instant, participant: Participant, me: &Id) {
        self.add(participant, me);
        self.changed(now);
    }

    /// Notes a connection of somebody.
    pub(super) fn connected(&mut self, now: Instant, id: Id, connection: Id, peer: &Peer) {
        if id.is_empty() || (self.people.len() >= MOST_PEOPLE && !self.people.contains_key(&id)) {
            return;
        }
        let person = self.people.entry(id).or_insert_with_key(nobody_yet);
        describe(person, peer);
        let Id(connection) = connection;
        let is_new = !connection.is_empty() && !person.connections.contains(&connection);
        if is_new && person.connections.len() < MOST_CONNECTIONS {
            person.connections.push(connection);
        }
        self.changed(now);
    }

    /// Notes that a connection of somebody is gone, and with the last one the person.
    pub(super) fn disconnected(&mut self, now: Instant, id: &Id, connection: &Id) {
        let Some(person) = self.people.get_mut(id) else { return };
        person.connections.retain(|known| *known != connection.0);
        if person.connections.is_empty() {
            self.people.remove(id);
        }
        self.changed(now);
    }

    /// Notes that somebody is gone.
    pub(super) fn left(&mut self, now: Instant, id: &Id) {
        if self.people.remove(id).is_some() {
            self.changed(now);
        }
    }

    /// Changes somebody who is known.
    pub(super) fn change(&mut self, now: Instant, id: &Id, change: impl FnOnce(&mut Person)) {
        if let Some(person) = self.people.get_mut(id) {
            let before = person.clone();
            change(person);
            if *person != before {
                self.changed(now);
            }
        }
    }

    /// Changes everybody.
    pub(super) fn change_all(&mut self, now: Instant, change: impl Fn(&mut Person)) {
        let ids: Vec<Id> = self.people.keys().cloned().collect();
        for id in ids {
            self.change(now, &id, &change);
        }
    }

    /// Returns the list if it is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<Vec<Person>> {
        self.tell_at.take_if(|at| *at <= now)?;
        self.told_at = Some(now);
        Some(self.list())
    }

    fn changed(&mut self, now: Instant) {
        let earliest = self.told_at.map_or(now, |told| now.max(told + BETWEEN));
        self.tell_at.get_or_insert(earliest);
    }

    fn add(&mut self, participant: Participant, me: &Id) {
        let Participant {
            id,
            connections,
            module_data,
            control,
            ..
        } = participant;
        let has_left = control.as_ref().is_some_and(|person| person.left_at.is_some());
        let is_full = self.people.len() >= MOST_PEOPLE && !self.people.contains_key(&id);
        if id.is_empty() || id == *me || is_full {
            return;
        }
        if has_left {
            self.people.remove(&id);
            return;
        }
        let person = self.people.entry(id).or_insert_with_key(nobody_yet);
        describe(person, &module_data);
        if let Some(control) = control {
            person.hand = control.hand_is_up;
            identify(person, &control);
        }
        if !connections.is_empty() {
            person.connections = connections.into_iter().map(|known| known.connection_id.0).collect();
        }
    }
}

fn nobody_yet(id: &Id) -> Person {
    Person {
        id: id.0.clone(),
        name: String::new(),
        role: Role::default(),
        kind: PersonKind::default(),
        hand: false,
        place: Place::Main,
        connections: Vec::new(),
    }
}

fn describe(person: &mut Person, peer: &Peer) {
    if let Some(core) = &peer.core {
        identify(person, core);
    }
    if let Some(place) = peer.breakout.as_ref().and_then(|breakout| breakout.room.place()) {
        person.place = place;
    }
    if let Some(hand) = &peer.raise_hands {
        person.hand = hand.raised_at.is_some();
    }
}

fn identify(person: &mut Person, said: &join::Person) {
    person.name = clean_name(&said.display_name);
    person.role = said.role();
    person.kind = said.kind();
}
