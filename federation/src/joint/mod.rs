// SPDX-License-Identifier: EUPL-1.2
//! One room and all its partners.
//!
//! - `room`: what all links share.
//! - `hands`: the one queue of all raised hands.

mod hands;
pub(crate) mod room;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::frame::Word;
use crate::link::Link;
use crate::{
    Act, Charter, Deployment, FarPerson, Fault, Frame, Input, LinkState, LinkStatus, Output, Terms, Told, Way, Whom,
    Why, text,
};
use room::Room;

/// One of our rooms that is shared with partners.
pub struct Joint {
    room: Room,
    links: BTreeMap<Deployment, Link>,
    queue: Vec<Whom>,
}

impl Joint {
    /// Opens the room; partners follow as [`Input::Partner`].
    pub fn new(now: Instant, charter: Charter) -> Joint {
        Joint {
            room: Room::new(now, charter),
            links: BTreeMap::new(),
            queue: Vec::new(),
        }
    }

    /// Returns what the room started with.
    pub fn charter(&self) -> &Charter {
        &self.room.charter
    }

    /// Returns the far people who are shown, by their origin.
    pub fn roster(&self) -> BTreeMap<Deployment, Vec<FarPerson>> {
        let people = self.links.values().map(|link| (link.partner.clone(), link.people()));
        people.filter(|(_, people)| !people.is_empty()).collect()
    }

    /// Returns what a partner is told of our people; nothing if it is none.
    pub fn told(&self, partner: &Deployment) -> Vec<Told> {
        let link = self.links.get(partner).filter(|link| link.is_live());
        link.map(|link| link.pictures(&self.room)).unwrap_or_default()
    }

    /// Returns how the links stand.
    pub fn status(&self) -> Vec<LinkStatus> {
        self.links.values().map(Link::status).collect()
    }

    /// Returns all raised hands, in the order in which all deployments see them.
    pub fn queue(&self) -> &[Whom] {
        &self.queue
    }

    /// Returns whether nothing will be said any more: the room can be forgotten.
    pub fn is_over(&self) -> bool {
        self.links.values().all(Link::is_over)
    }

    /// Returns when [`Input::Timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.links.values().filter_map(|link| link.deadline(&self.room)).min()
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.room.pass(now);
        self.take(now, input);
        for link in self.links.values_mut() {
            link.handle_timeout(now, &mut self.room);
        }
        let queue = hands::queue(&self.room, self.links.values());
        if queue != self.queue {
            self.queue.clone_from(&queue);
            self.room.say(Output::Queue(queue));
        }
    }

    /// Returns what is to be done; to be called until it returns `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.room.outputs.pop_front()
    }

    fn take(&mut self, now: Instant, input: Input) {
        let room = &mut self.room;
        match input {
            Input::Timeout => {}
            Input::Partner(partner, terms) => self.agree(now, partner, *terms),
            Input::Part(partner) => {
                if let Some(link) = self.links.get_mut(&partner) {
                    link.leave(now, Word::Part, LinkState::Parted(Why::Parted), room);
                }
            }
            Input::End => {
                for link in self.links.values_mut() {
                    link.leave(now, Word::End, LinkState::Parted(Why::Ended), room);
                }
            }
            Input::Frame(partner, frame) => self.hear(now, partner, frame),
            Input::Path(partner, Way::Up | Way::Down) => {
                if let Some(link) = self.links.get_mut(&partner) {
                    link.probe();
                }
            }
            Input::Person(person) => {
                let id = person.id;
                room.seat(person);
                self.links.values_mut().for_each(|link| link.person(id, room));
            }
            Input::Went(person) => {
                self.links.values_mut().for_each(|link| link.went(person, room));
                room.people.remove(&person);
            }
            Input::Said { by, text } => {
                let text = text::line(&text);
                self.links
                    .values_mut()
                    .for_each(|link| link.said(by, text.clone(), room));
            }
            Input::Act { by, act } => {
                if let Act::Lock(locked) = act {
                    room.lock_ourselves(locked);
                }
                self.links.values_mut().for_each(|link| link.act(by, act, room));
            }
            Input::Undone { partner, at, why } => {
                if let Some(link) = self.links.get_mut(&partner) {
                    link.undone(at, why, room);
                }
            }
            Input::Locked(locked) => {
                if room.lock.locked != locked {
                    room.lock_ourselves(locked);
                    self.links.values_mut().for_each(Link::room_changed);
                }
            }
            Input::Recording(recording) => {
                if std::mem::replace(&mut room.recording, recording) != recording {
                    self.links.values_mut().for_each(Link::room_changed);
                }
            }
            Input::Erase(subject) => self.links.values_mut().for_each(|link| link.erase(&subject, room)),
            Input::Sound(partner, fingerprint) => {
                if let Some(link) = self.links.get_mut(&partner) {
                    link.sound(fingerprint);
                }
            }
        }
    }

    fn agree(&mut self, now: Instant, partner: Deployment, terms: Terms) {
        let room = &mut self.room;
        if partner == room.charter.us || room.charter.via.contains(&partner) {
            room.say(Output::Trouble(partner.clone(), Fault::Loop));
            room.say(Output::Link(partner, LinkState::Refused(Fault::Loop)));
            return;
        }
        match self.links.get_mut(&partner) {
            Some(link) => link.agree(now, terms, room),
            None => {
                let link = Link::new(now, partner.clone(), terms, room);
                self.links.insert(partner, link);
            }
        }
    }

    fn hear(&mut self, now: Instant, partner: Deployment, frame: Frame) {
        match self.links.get_mut(&partner) {
            Some(link) => link.take(now, frame, &mut self.room),
            None => self.room.say(Output::Trouble(partner, Fault::NotPermitted)),
        }
    }
}
