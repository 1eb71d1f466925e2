// SPDX-License-Identifier: EUPL-1.2
//! Makes frames: when the next is due, and what it says.

use std::time::{Duration, Instant};

use super::outbox::{Draft, MOST_IN_FRAME};
use super::{FRAME_GAP, Link, Phase};
use crate::frame::{Invitation, News, RoomState, WireAct, Word};
use crate::joint::room::Room;
use crate::policy::Telling;
use crate::{Act, Field, Frame, Lamport, LinkState, Output, PersonId, Sequence, Told, Whom, text};

impl Link {
    /// Returns when the next frame is due.
    pub(super) fn next_frame(&self, room: &Room) -> Option<Instant> {
        match &self.phase {
            Phase::Over => None,
            Phase::Leaving { next, .. } => Some(*next),
            Phase::Live => {
                let urgent = self.owes || (self.converses() && self.outbox.is_due());
                let beat = self.last_sent.map(|at| at + beat(room)).filter(|_| self.keeps_alive());
                urgent.then_some(self.slot).into_iter().chain(beat).min()
            }
        }
    }

    /// Sends the next frame if it is due.
    pub(super) fn send_what_is_due(&mut self, now: Instant, room: &mut Room) {
        if self.next_frame(room).is_none_or(|at| now < at) {
            return;
        }
        let word = match &mut self.phase {
            Phase::Over => return,
            Phase::Leaving { word, left, next } => {
                let word = word.clone();
                *left = left.saturating_sub(1);
                *next = now + FAREWELL_GAP;
                if *left == 0 {
                    self.phase = Phase::Over;
                }
                Some(word)
            }
            Phase::Live => self.invitation(room),
        };
        let is_beat_due = self.owes || !self.is_live() || self.last_sent.is_none_or(|at| now >= at + beat(room));
        let (first, news) = self.next_news(now, room);
        self.slot = now + FRAME_GAP;
        if news.is_empty() && word.is_none() && !is_beat_due {
            return;
        }
        self.owes = false;
        self.last_sent = Some(now);
        self.number = self.number.saturating_add(1);
        self.sent = self.sent.saturating_add(1);
        let frame = Frame {
            from: room.charter.us.clone(),
            to: self.partner.clone(),
            room: room.charter.alias.clone(),
            epoch: self.epoch,
            number: self.number,
            toward: self.inbox.epoch,
            heard: self.inbox.heard,
            again: std::mem::take(&mut self.inbox.again),
            time: self.time(room),
            word,
            first,
            news,
        };
        room.say(Output::Send(self.partner.clone(), frame));
    }

    /// Returns what this partner is told of one of our people; nothing of who is to be forgotten.
    pub(super) fn picture(&self, person: PersonId, room: &Room) -> Option<Told> {
        let (ours, name) = (room.people.get(&person)?, self.names.get(person)?);
        if self.erased.contains(&name.id) {
            return None;
        }
        let telling = Telling {
            id: name.id,
            authority: &room.charter.authority,
            hand: ours.hand,
            stream: name.stream,
        };
        let mut told = self.terms.policy.tell(&ours.person, telling);
        told.name = told.name.as_deref().map(text::name);
        told.language = told.language.as_deref().map(text::tag);
        Some(told)
    }

    /// Returns what this partner is told of all our people.
    pub(crate) fn pictures(&self, room: &Room) -> Vec<Told> {
        room.people
            .keys()
            .filter_map(|person| self.picture(*person, room))
            .collect()
    }

    /// Returns an act as it is on the wire; `None` if it is none for this partner.
    pub(super) fn wire_act(&self, act: Act, room: &Room) -> Option<WireAct> {
        let id = |whom| match whom {
            Whom::Far(far) => self.crowd.pseudonym(far),
            Whom::Ours(_) => None,
        };
        Some(match act {
            Act::Mute(whom) => WireAct::Mute(id(whom)?),
            Act::LowerHand(whom) => WireAct::LowerHand(id(whom)?),
            Act::Remove(whom) => WireAct::Remove(id(whom)?),
            Act::Lock(_) => WireAct::Lock(room.our_lock?),
            Act::End => WireAct::End,
        })
    }

    /// Returns the state of our room as far as this partner is told.
    fn room_state(&self, room: &Room) -> RoomState {
        RoomState {
            recording: self.terms.policy.tells(Field::Recording).then_some(room.recording),
            sound: self.sound.clone(),
            lock: room.our_lock.filter(|_| self.terms.policy.tells_lock()),
        }
    }

    /// Returns our time, if it orders anything that this partner is told; it would tell when hands go up.
    fn time(&self, room: &Room) -> Lamport {
        let policy = &self.terms.policy;
        match policy.tells(Field::Hand) || policy.tells_lock() {
            true => room.clock,
            false => Lamport(room.charter.epoch.0),
        }
    }

    /// Returns the invitation, as long as it is ours to send and the partner does not hear us.
    fn invitation(&self, room: &Room) -> Option<Word> {
        let charter = &room.charter;
        (self.terms.invites && self.state != LinkState::Up).then(|| {
            Word::Invite(Invitation {
                authority: charter.authority.clone(),
                home: charter.home.clone(),
                path: std::iter::once(&charter.us).chain(&charter.via).cloned().collect(),
            })
        })
    }

    /// Returns whether we speak even when there is nothing to say.
    fn keeps_alive(&self) -> bool {
        self.terms.invites || self.inbox.epoch.is_some()
    }

    /// Returns the events of the next frame.
    fn next_news(&mut self, now: Instant, room: &Room) -> (Sequence, Vec<News>) {
        if !self.converses() {
            return (Sequence(0), Vec::new());
        }
        self.write_down(room);
        let most = self.pace.available(now).min(MOST_IN_FRAME);
        let (first, news) = self.outbox.batch(now, most);
        self.pace.take(now, news.len());
        (first, news)
    }

    /// Turns what waits into events, as many as may leave before others are acknowledged.
    fn write_down(&mut self, room: &Room) {
        if self.outbox.anew && self.outbox.has_room() {
            self.write_anew(room);
        }
        while self.outbox.has_room()
            && let Some(draft) = self.outbox.next()
        {
            match draft {
                Draft::Person(person) => {
                    let now = self.picture(person, room);
                    if let (Some(now), Some(name)) = (now, self.names.get_mut(person))
                        && name.told.as_ref() != Some(&now)
                    {
                        name.told = Some(now.clone());
                        self.outbox.launch(News::Person(Box::new(now)), None);
                    }
                }
                Draft::Late(told) => self.outbox.launch(News::Person(told), None),
                Draft::Gone(told) => self.outbox.launch(News::Gone(told.id), None),
                Draft::Room => self.outbox.launch(News::Room(self.room_state(room)), None),
                Draft::Once(news, act) => self.outbox.launch(news, act),
            }
        }
    }

    fn write_anew(&mut self, room: &Room) {
        let names = &self.names;
        let ghosts = self.outbox.begin_anew(|id| names.person(id).is_some());
        self.outbox.launch(News::Anew, None);
        self.outbox.launch(News::Room(self.room_state(room)), None);
        for told in self.pictures(room) {
            if let Some(name) = names_entry(&mut self.names, &told) {
                name.told = Some(told.clone());
            }
            self.outbox.launch(News::Person(Box::new(told)), None);
        }
        for told in ghosts {
            self.outbox.launch(News::Person(Box::new(told)), None);
        }
        self.outbox.launch(News::Whole, None);
    }
}

fn names_entry<'a>(names: &'a mut super::Names, told: &Told) -> Option<&'a mut super::names::Name> {
    names.person(told.id).and_then(|person| names.get_mut(person))
}

/// How often something is said even when there is nothing to say: three signs before the partner takes us for away.
fn beat(room: &Room) -> Duration {
    (room.charter.away_after / 3).clamp(Duration::from_millis(100), Duration::from_secs(1))
}

/// Farewells follow each other in this time.
pub(super) const FAREWELL_GAP: Duration = Duration::from_secs(1);
