// SPDX-License-Identifier: EUPL-1.2
//! Takes frames of a partner. All in them is the partner's word and no more: whatever it is, it is refused by name or
//! stays within the partner's own people, rights and quotas.

use std::time::Instant;

use super::crowd::Progress;
use super::inbox::{LAST_EPOCH, Life};
use super::{Link, Phase};
use crate::frame::{Invitation, News, RoomState, WireAct, Word};
use crate::joint::room::Room;
use crate::policy::Stance;
use crate::{
    Act, Epoch, Fault, Frame, Invite, LinkState, Output, PersonId, Pseudonym, Recording, Role, Sequence, Told, Whom,
    Why,
};

impl Link {
    /// Takes a frame that came from the partner under its seal.
    pub(crate) fn take(&mut self, now: Instant, frame: Frame, room: &mut Room) {
        let is_first = self.inbox.epoch.is_none();
        let life = match self.admit(now, &frame, room) {
            Ok(life) => life,
            Err(fault) => return self.trouble(fault, room),
        };
        self.taken = self.taken.saturating_add(1);
        room.hear(frame.time);
        if life == Life::New && self.comes_back(&frame) {
            self.reopen(now, room);
        }
        // The partner has taken events of a life in which we have told it none: an earlier one had the same epoch.
        if is_first && frame.toward == Some(self.epoch) && frame.heard > Sequence(0) {
            return self.outgrow(self.epoch, room);
        }
        match self.phase {
            Phase::Live => self.take_live(now, frame, room),
            Phase::Leaving { .. } | Phase::Over => self.take_late(now, &frame),
        }
        self.send_what_is_due(now, room);
    }

    /// Checks whose frame it is, how much has come already, and that it is of now.
    fn admit(&mut self, now: Instant, frame: &Frame, room: &Room) -> Result<Life, Fault> {
        let stance = Stance {
            us: room.charter.us.clone(),
            partner: self.partner.clone(),
        };
        if !stance.believes(&frame.from) || frame.to != room.charter.us {
            return Err(Fault::ForgedOrigin);
        }
        if frame.room != room.charter.alias {
            return Err(Fault::UnknownRoom);
        }
        let octets = frame
            .news
            .iter()
            .map(News::weight)
            .fold(FRAME_WEIGHT, usize::saturating_add);
        if !self.events.take(now, frame.news.len().saturating_add(1)) || !self.octets.take(now, octets) {
            return Err(Fault::Flood);
        }
        match self.inbox.note(frame.epoch, frame.number) {
            Ok(Life::Same) => Ok(Life::Same),
            Ok(Life::New) => {
                self.outbox.restart();
                self.asked.clear();
                Ok(Life::New)
            }
            Err(fault) => {
                // A partner whose clock was turned back learns from our next frame above which epoch it has to go. If
                // both clocks were, this is all that either hears of the other: a frame that is repeated by somebody
                // else names no life that we did not have.
                if fault == Fault::OldEpoch && self.is_live() {
                    self.owes = true;
                    if let Some(epoch) = frame.toward.filter(|epoch| *epoch > self.epoch && *epoch <= LAST_EPOCH) {
                        self.outgrow(epoch, room);
                    }
                }
                Err(fault)
            }
        }
    }

    /// Returns whether a link that is over begins again with this frame of a new life: the partner left by itself and
    /// is there again, or invites us and is welcome to.
    fn comes_back(&self, frame: &Frame) -> bool {
        let is_welcome = match frame.word {
            Some(Word::Invite(_)) => self.left_by_itself || self.terms.policy.invite == Invite::Accept,
            Some(_) => false,
            None => self.left_by_itself,
        };
        !self.is_live() && is_welcome && matches!(self.state, LinkState::Parted(_))
    }

    fn take_live(&mut self, now: Instant, frame: Frame, room: &mut Room) {
        self.last_heard = now;
        if let Some(Word::Invite(invitation)) = &frame.word
            && !self.take_invitation(now, invitation, room)
        {
            return;
        }
        match frame.toward {
            Some(epoch) if epoch == self.epoch => {}
            Some(epoch) if epoch > self.epoch && epoch <= LAST_EPOCH => return self.outgrow(epoch, room),
            // The partner does not know our life yet: a sign of ours tells it.
            _ => {
                self.owes = true;
                if !frame.news.is_empty() {
                    self.trouble(Fault::OldEpoch, room);
                }
                return;
            }
        }
        match frame.word {
            Some(Word::Refuse(why)) => {
                self.phase = Phase::Over;
                return self.dissolve(LinkState::Refused(why), room);
            }
            Some(Word::Part) => return self.farewell(now, Why::Parted, room),
            Some(Word::End) => {
                if self.terms.policy.permits(crate::Deed::End) {
                    room.say(Output::Do {
                        act: Act::End,
                        by: None,
                        partner: self.partner.clone(),
                        at: Sequence(0),
                    });
                }
                return self.farewell(now, Why::Ended, room);
            }
            Some(Word::Invite(_)) | None => {}
        }
        self.turn_up(now, room);
        match self.outbox.acknowledge(now, frame.heard) {
            Some(acts) => acts
                .into_iter()
                .for_each(|act| self.crowd.act(act, Progress::Heard, room)),
            None => return self.trouble(Fault::BadSequence, room),
        }
        if frame.again {
            self.outbox.repeat_now(now);
        }
        self.take_news(now, frame.first, frame.news, room);
    }

    /// Takes a frame for a link that is over: a partner that has not understood is told once more.
    fn take_late(&mut self, now: Instant, frame: &Frame) {
        let understood = matches!(frame.word, Some(Word::Part | Word::End | Word::Refuse(_)));
        match (&self.phase, understood) {
            (Phase::Leaving { .. }, true) if frame.toward == Some(self.epoch) => self.phase = Phase::Over,
            (Phase::Over, false) => {
                let word = match self.state {
                    LinkState::Refused(why) => Word::Refuse(why),
                    _ => Word::Part,
                };
                let next = self.slot.max(now);
                self.slot = next + super::tell::FAREWELL_GAP;
                self.phase = Phase::Leaving { word, left: 1, next };
            }
            _ => {}
        }
    }

    /// Answers the partner's farewell with one of ours.
    fn farewell(&mut self, now: Instant, why: Why, room: &mut Room) {
        self.phase = Phase::Leaving {
            word: Word::Part,
            left: 1,
            next: now,
        };
        self.left_by_itself = true;
        self.dissolve(LinkState::Parted(why), room);
    }

    /// Checks an invitation; says whether the link goes on.
    fn take_invitation(&mut self, now: Instant, invitation: &Invitation, room: &mut Room) -> bool {
        if invitation.path.contains(&room.charter.us) {
            self.trouble(Fault::Loop, room);
            self.leave(now, Word::Refuse(Fault::Loop), LinkState::Refused(Fault::Loop), room);
            return false;
        }
        if invitation.home != room.charter.home {
            self.trouble(Fault::WrongHome, room);
        }
        true
    }

    /// Goes above an epoch of ours that the partner knows from an earlier life: by how much is chance, so that two
    /// lives that follow each other quickly do not land on the same.
    fn outgrow(&mut self, known: Epoch, room: &Room) {
        let step = 1 + room.charter.seed % 1024;
        self.raise_epoch(Epoch(known.0.saturating_add(step)));
        self.owes = true;
    }

    /// Takes events in the order of their sequence, each once.
    fn take_news(&mut self, now: Instant, first: Sequence, news: Vec<News>, room: &mut Room) {
        if news.is_empty() {
            return;
        }
        self.owes = true;
        if first > LAST_SEQUENCE {
            return self.trouble(Fault::BadSequence, room);
        }
        for (sequence, news) in (first.0..).map(Sequence).zip(news) {
            if sequence <= self.inbox.heard {
                continue;
            }
            // In a new life the stream begins with a snapshot, wherever it stands.
            let begins = self.inbox.heard == Sequence(0) && news == News::Anew;
            if sequence.0 != self.inbox.heard.0 + 1 && !begins {
                self.inbox.again = true;
                return;
            }
            self.inbox.heard = sequence;
            if let Err(fault) = self.take_one(now, sequence, news, room) {
                self.trouble(fault, room);
            }
        }
    }

    fn take_one(&mut self, now: Instant, sequence: Sequence, news: News, room: &mut Room) -> Result<(), Fault> {
        match news {
            News::Anew => self.crowd.begin_anew(),
            News::Whole => self.crowd.end_anew(Why::Left, room),
            News::Person(told) => return self.take_person(*told, room),
            News::Gone(id) => self.crowd.forget(id, Why::Left, room),
            News::Room(state) => self.take_room(state, room),
            News::Said { by, text } => {
                let Some(by) = self.crowd.far(by) else {
                    // Who was removed here is not heard; who never was there is a mistake of the partner.
                    return if self.crowd.contains(by) {
                        Ok(())
                    } else {
                        Err(Fault::UnknownPerson)
                    };
                };
                room.say(Output::Said { by, text });
            }
            News::Act { by, act } => {
                if let Err(why) = self.take_act(now, sequence, by, act, room) {
                    self.once(News::Denied { act: sequence, why }, None, room);
                    return Err(why);
                }
            }
            News::Denied { act, why } => {
                if let Some(act) = self.outbox.refused(act) {
                    self.denied(act, why, room);
                }
            }
            News::Erase(id) => {
                let who = self.crowd.erase(id, room);
                let partner = self.partner.clone();
                room.say(Output::Erased { partner, who });
                self.once(News::Erased(id), None, room);
            }
            News::Erased(id) => self.take_receipt(id, room),
            News::Void => {}
        }
        Ok(())
    }

    fn take_person(&mut self, told: Told, room: &mut Room) -> Result<(), Fault> {
        let most = match self.terms.policy.max_people {
            0 => DEFAULT_PEOPLE,
            most => most,
        };
        if self.crowd.len() >= most && !self.crowd.contains(told.id) {
            return Err(Fault::TooManyPeople);
        }
        if let Some(time) = told.hand {
            room.hear(time);
        }
        self.crowd.tell(told, room);
        Ok(())
    }

    fn take_room(&mut self, state: RoomState, room: &mut Room) {
        let partner = self.partner.clone();
        let recording = state.recording.unwrap_or(Recording::Off);
        if recording != std::mem::replace(&mut self.far_recording, recording) {
            room.say(Output::Recording(partner.clone(), recording));
        }
        self.met = true;
        self.stream_all(room);
        if let Some(sound) = state.sound
            && self.far_sound.as_ref() != Some(&sound)
        {
            self.far_sound = Some(sound.clone());
            room.say(Output::FarSound(partner, sound));
        }
        if let Some(lock) = state.lock
            && self.terms.policy.permits(crate::Deed::Lock)
        {
            self.follow_lock(lock, None, room);
        }
    }

    fn take_act(
        &mut self,
        now: Instant,
        at: Sequence,
        by: Option<Pseudonym>,
        act: WireAct,
        room: &mut Room,
    ) -> Result<(), Fault> {
        let deed = match act {
            WireAct::Mute(_) => crate::Deed::Mute,
            WireAct::LowerHand(_) => crate::Deed::LowerHand,
            WireAct::Remove(_) => crate::Deed::Remove,
            WireAct::Lock(_) => crate::Deed::Lock,
            WireAct::End => crate::Deed::End,
        };
        let is_participant = by.is_some_and(|by| self.crowd.role(by) == Some(Role::Participant));
        if !self.terms.policy.permits(deed) || is_participant {
            return Err(Fault::NotPermitted);
        }
        let by = by.and_then(|by| self.crowd.far(by));
        let whom = |id| self.names.person(id).map(Whom::Ours).ok_or(Fault::UnknownPerson);
        let act = match act {
            WireAct::Mute(id) => Act::Mute(whom(id)?),
            WireAct::LowerHand(id) => Act::LowerHand(whom(id)?),
            WireAct::Remove(id) => Act::Remove(whom(id)?),
            WireAct::Lock(lock) => {
                self.follow_lock(lock, by, room);
                return Ok(());
            }
            WireAct::End => Act::End,
        };
        if let Some(Whom::Ours(person)) = act.whom() {
            self.retell(now, person);
        }
        self.asked.insert(at);
        if self.asked.len() > super::MOST_ASKED {
            self.asked.pop_first();
        }
        let partner = self.partner.clone();
        room.say(Output::Do { act, by, partner, at });
        Ok(())
    }

    /// Tells of a person again, even if nothing changes: the partner shows what it did until it hears what came of it.
    /// A little later, so that something has.
    fn retell(&mut self, now: Instant, person: PersonId) {
        if let Some(name) = self.names.get_mut(person) {
            name.told = None;
            self.outbox.person(person, name.id);
            self.slot = self.slot.max(now + super::FRAME_GAP);
        }
    }

    /// Locks or unlocks as the partner did, unless ours counts.
    fn follow_lock(&mut self, lock: crate::frame::Locking, by: Option<crate::Far>, room: &mut Room) {
        let before = room.lock.locked;
        if room.hear_lock(lock) && lock.locked != before {
            let (act, partner) = (Act::Lock(lock.locked), self.partner.clone());
            let at = Sequence(0);
            room.say(Output::Do { act, by, partner, at });
        }
    }

    /// Takes a receipt; the subject's is complete when none is missing.
    fn take_receipt(&mut self, id: Pseudonym, room: &mut Room) {
        let Some(subject) = self.erasures.remove(&id) else {
            return;
        };
        if self.erasures.values().all(|open| *open != subject) {
            let partner = self.partner.clone();
            room.say(Output::Receipt { partner, subject });
        }
    }
}

/// What a frame without events counts for, in octets.
const FRAME_WEIGHT: usize = 512;
/// The highest sequence that is believed.
const LAST_SEQUENCE: Sequence = Sequence(1 << 53);
/// How many people a partner may bring if its policy does not say.
const DEFAULT_PEOPLE: usize = 200;
