// SPDX-License-Identifier: EUPL-1.2
//! One partner of a joint room.
//!
//! ```text
//!            Input::Partner          heard with our epoch         silent for away_after
//!   (none) ────────────────▶ Calling ──────────────────▶ Up ◀──────────────────────────▶ Away
//!                               │                         │         heard again            │
//!                               └─────────── Part, End, Refuse, from either end ───────────┘
//!                                                         ▼
//!                                                  Parted, Refused
//! ```
//!
//! - `hear`: takes frames.
//! - `tell`: makes frames.
//! - `outbox`: what the partner still has to be told.
//! - `inbox`: what was heard of the partner.
//! - `crowd`: the partner's people.
//! - `names`: what our people are called there.
//! - `bucket`: how much may come and go per second.

mod bucket;
mod crowd;
mod hear;
mod inbox;
mod names;
mod outbox;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::frame::{News, Word};
use crate::joint::room::{Ours, Room};
use crate::{
    Act, Deployment, Epoch, FarPerson, Fault, Field, Fingerprint, LinkState, LinkStatus, Output, PersonId, Pseudonym,
    Recording, Role, Sequence, Subject, Terms, Why,
};
use bucket::Bucket;
pub(crate) use crowd::Crowd;
use crowd::Progress;
use inbox::Inbox;
pub(crate) use names::Names;
use outbox::Outbox;

/// One partner of a joint room.
pub(crate) struct Link {
    pub(crate) partner: Deployment,
    pub(crate) terms: Terms,
    pub(crate) crowd: Crowd,
    pub(crate) names: Names,
    state: LinkState,
    phase: Phase,
    /// Our life of the room, as this partner knows it.
    epoch: Epoch,
    inbox: Inbox,
    outbox: Outbox,
    /// The partner has told how its room is: sound may go there.
    met: bool,
    /// Our people whose sound goes there.
    streams: BTreeSet<PersonId>,
    /// The partner went, and may come back without being asked.
    left_by_itself: bool,
    sound: Option<Fingerprint>,
    far_sound: Option<Fingerprint>,
    far_recording: Recording,
    /// Erasures that are not confirmed yet, by what the person is called there.
    erasures: BTreeMap<Pseudonym, Subject>,
    /// People who shall not be told of any more.
    erased: BTreeSet<Pseudonym>,
    /// Acts of the partner that were passed on and can still turn out to be impossible.
    asked: BTreeSet<Sequence>,
    // When what is due.
    number: u64,
    /// The earliest time of the next frame.
    slot: Instant,
    last_sent: Option<Instant>,
    last_heard: Instant,
    /// The partner waits for a sign of ours.
    owes: bool,
    // How much may come, and how much may go.
    events: Bucket,
    octets: Bucket,
    pace: Bucket,
    sent: u64,
    taken: u64,
    refused: BTreeMap<Fault, u64>,
}

/// Whether the link is meant to be.
#[derive(Clone, Debug)]
enum Phase {
    Live,
    /// It is over, and the partner is told so a few times.
    Leaving {
        word: Word,
        left: u8,
        next: Instant,
    },
    Over,
}

impl Link {
    /// Begins a link: it calls the partner if that is agreed, and otherwise waits.
    pub(crate) fn new(now: Instant, partner: Deployment, terms: Terms, room: &mut Room) -> Link {
        let quotas = terms.quotas;
        let mut link = Link {
            crowd: Crowd::new(partner.clone(), &terms.authority),
            names: Names::new(&room.charter, &partner),
            state: LinkState::Calling,
            phase: Phase::Live,
            epoch: room.charter.epoch,
            inbox: Inbox::default(),
            outbox: Outbox::new(quotas.journal),
            met: false,
            streams: BTreeSet::new(),
            left_by_itself: false,
            sound: None,
            far_sound: None,
            far_recording: Recording::Off,
            erasures: BTreeMap::new(),
            erased: BTreeSet::new(),
            asked: BTreeSet::new(),
            number: 0,
            slot: now,
            last_sent: None,
            last_heard: now,
            owes: terms.invites,
            events: Bucket::new(now, quotas.events, quotas.event_burst),
            octets: Bucket::new(now, quotas.octets, quotas.octet_burst),
            pace: Bucket::new(now, EVENTS_PER_SECOND, EVENTS_AT_ONCE),
            sent: 0,
            taken: 0,
            refused: BTreeMap::new(),
            partner,
            terms,
        };
        room.say(Output::Link(link.partner.clone(), LinkState::Calling));
        link.enrol_everybody(room);
        link
    }

    /// Returns the partner's people who are shown.
    pub(crate) fn people(&self) -> Vec<FarPerson> {
        self.crowd.shown().cloned().collect()
    }

    /// Returns what operators see.
    pub(crate) fn status(&self) -> LinkStatus {
        LinkStatus {
            partner: self.partner.clone(),
            authority: self.terms.authority.clone(),
            state: self.state,
            epoch: self.inbox.epoch,
            people: self.crowd.shown().count(),
            unheard: self.outbox.unheard(),
            dropped: self.outbox.dropped,
            sent: self.sent,
            taken: self.taken,
            refused: self.refused.clone(),
        }
    }

    /// Returns whether nothing will be said on this link any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Returns whether the link is meant to be.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    /// Returns when [`Link::handle_timeout`] is due.
    pub(crate) fn deadline(&self, room: &Room) -> Option<Instant> {
        let silence = match self.state {
            LinkState::Up => Some(self.last_heard + room.charter.away_after),
            LinkState::Away if !self.crowd.lost => Some(self.last_heard + room.charter.remove_after),
            _ => None,
        };
        let overdue = self.outbox.overdue.filter(|_| self.converses());
        [self.next_frame(room), silence, overdue].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, room: &mut Room) {
        if self.state == LinkState::Up && now >= self.last_heard + room.charter.away_after {
            self.turn_away(room);
        }
        let is_lost = self.state == LinkState::Away && now >= self.last_heard + room.charter.remove_after;
        if is_lost && !self.crowd.lost {
            self.crowd.lost = true;
            self.crowd.show_all(Why::Lost, room);
        }
        if self.converses() && self.outbox.overdue.is_some_and(|at| now >= at) {
            self.outbox.repeat_overdue();
        }
        self.send_what_is_due(now, room);
    }

    /// Takes other terms, or begins again a link that was over.
    pub(crate) fn agree(&mut self, now: Instant, terms: Terms, room: &mut Room) {
        let quotas = terms.quotas;
        self.events.limit(quotas.events, quotas.event_burst);
        self.octets.limit(quotas.octets, quotas.octet_burst);
        self.outbox.journal = quotas.journal;
        self.crowd.set_authority(&terms.authority);
        let is_other = self.terms.policy != terms.policy;
        self.terms = terms;
        if is_other {
            // What waits or is on its way was written under the policy before.
            self.outbox.withdraw(self.terms.policy.tells(Field::Chat));
        }
        if self.is_live() {
            self.crowd.show_all(Why::Left, room);
            self.stream_all(room);
            return;
        }
        self.reopen(now, room);
    }

    /// Ends the link, and tells the partner by `word`.
    pub(crate) fn leave(&mut self, now: Instant, word: Word, state: LinkState, room: &mut Room) {
        self.left_by_itself = false;
        if !self.is_live() {
            return;
        }
        self.phase = Phase::Leaving {
            word,
            left: FAREWELLS,
            next: now,
        };
        self.dissolve(state, room);
        self.send_what_is_due(now, room);
    }

    /// Begins again a link that was over, in a new life: what is still under way about the old one is no longer believed.
    fn reopen(&mut self, now: Instant, room: &mut Room) {
        self.phase = Phase::Live;
        self.raise_epoch(Epoch(self.epoch.0.saturating_add(1)));
        self.owes = self.terms.invites || self.inbox.epoch.is_some();
        self.slot = self.slot.max(now);
        self.crowd.away = false;
        self.crowd.lost = false;
        self.turn(LinkState::Calling, room);
    }

    /// Learns from the carrier that the way is open again, or broken: tries it at once.
    pub(crate) fn probe(&mut self) {
        if self.is_live() && (self.terms.invites || self.inbox.epoch.is_some()) {
            self.owes = true;
        }
    }

    /// Takes note that one of our people came or changed.
    pub(crate) fn person(&mut self, person: PersonId, room: &mut Room) {
        let Some(ours) = room.people.get(&person) else { return };
        self.names.add(&room.charter, &self.partner, &ours.person);
        let Some(name) = self.names.get(person) else { return };
        if self.erased.contains(&name.id) {
            return;
        }
        self.outbox.person(person, name.id);
        self.stream(person, room);
    }

    /// Takes note that one of our people left.
    pub(crate) fn went(&mut self, person: PersonId, room: &mut Room) {
        let last = self.picture(person, room);
        let Some(name) = self.names.remove(person) else { return };
        if let Some(last) = last.or(name.told)
            && !self.erased.remove(&name.id)
        {
            self.outbox.gone(person, last);
        }
        self.stream(person, room);
    }

    /// Tells what one of our people wrote.
    pub(crate) fn said(&mut self, by: PersonId, text: String, room: &mut Room) {
        let Some(by) = self.names.get(by).map(|name| name.id) else {
            return;
        };
        if !self.erased.contains(&by) && self.terms.policy.tells(Field::Chat) {
            self.once(News::Said { by, text }, None, room);
        }
    }

    /// Tells what one of our moderators does there, and lets it count here at once.
    pub(crate) fn act(&mut self, by: PersonId, act: Act, room: &mut Room) {
        let Some(wire) = self.wire_act(act, room) else { return };
        // An operator acts in the name of whoever is there: a participant does not, and is not named.
        let moderates = |ours: &Ours| ours.person.role == Role::Moderator;
        let by = self
            .names
            .get(by)
            .filter(|_| room.people.get(&by).is_some_and(moderates));
        let by = by.map(|name| name.id);
        self.crowd.act(act, Progress::Done, room);
        self.once(News::Act { by, act: wire }, Some(act), room);
    }

    /// Refuses an act of the partner that could not be done after all.
    pub(crate) fn undone(&mut self, act: Sequence, why: Fault, room: &mut Room) {
        if self.asked.remove(&act) {
            self.once(News::Denied { act, why }, None, room);
        }
    }

    /// Marks the state of our room as changed.
    pub(crate) fn room_changed(&mut self) {
        self.outbox.room();
    }

    /// Takes the certificate of our end of the border leg.
    pub(crate) fn sound(&mut self, fingerprint: Fingerprint) {
        if self.sound.as_ref() != Some(&fingerprint) {
            self.sound = Some(fingerprint);
            self.outbox.room();
        }
    }

    /// Asks the partner to delete all that it keeps of one of our people, and tells it no more of that person.
    pub(crate) fn erase(&mut self, subject: &Subject, room: &mut Room) {
        let ids: BTreeSet<Pseudonym> = match subject {
            Subject::Person(person) => self.names.ever(*person).into_iter().collect(),
            Subject::Named(name) => self.names.of_subject(&room.charter, &self.partner, name),
        };
        for id in ids {
            self.outbox.erase(id);
            if let Some(person) = self.names.person(id) {
                self.erased.insert(id);
                self.stream(person, room);
            }
            self.erasures.insert(id, subject.clone());
            self.once(News::Erase(id), None, room);
        }
    }

    /// Queues what happens once; an act that has to be given up for it is reported and taken back.
    fn once(&mut self, news: News, act: Option<Act>, room: &mut Room) {
        if let Some(act) = self.outbox.once(news, act) {
            self.denied(act, Fault::Undelivered, room);
        }
    }

    fn denied(&mut self, act: Act, why: Fault, room: &mut Room) {
        let progress = match why {
            Fault::Undelivered => Progress::GivenUp,
            _ => Progress::Refused,
        };
        self.crowd.act(act, progress, room);
        let partner = self.partner.clone();
        room.say(Output::Denied { partner, act, why });
    }

    /// Names all of our people for this partner; they are told of by the snapshot.
    fn enrol_everybody(&mut self, room: &mut Room) {
        for ours in room.people.values() {
            self.names.add(&room.charter, &self.partner, &ours.person);
        }
    }

    fn turn(&mut self, state: LinkState, room: &mut Room) {
        if self.state != state {
            self.state = state;
            room.say(Output::Link(self.partner.clone(), state));
        }
    }

    fn turn_up(&mut self, now: Instant, room: &mut Room) {
        if self.state != LinkState::Up {
            // What either of us said while the other did not hear it is said again now.
            self.outbox.repeat_now(now);
            self.inbox.again = true;
            self.owes = true;
        }
        self.turn(LinkState::Up, room);
        if self.crowd.away || self.crowd.lost {
            self.crowd.away = false;
            self.crowd.lost = false;
            self.crowd.show_all(Why::Left, room);
        }
    }

    fn turn_away(&mut self, room: &mut Room) {
        self.turn(LinkState::Away, room);
        self.crowd.away = true;
        self.crowd.show_all(Why::Left, room);
    }

    /// Lets the partner's people go, and our sound there end.
    fn dissolve(&mut self, state: LinkState, room: &mut Room) {
        let why = match state {
            LinkState::Parted(why) => why,
            _ => Why::Parted,
        };
        self.crowd.begin_anew();
        self.crowd.end_anew(why, room);
        self.far_sound = None;
        if std::mem::take(&mut self.far_recording) != Recording::Off {
            room.say(Output::Recording(self.partner.clone(), Recording::Off));
        }
        self.met = false;
        self.stream_all(room);
        self.turn(state, room);
    }

    /// Lets the sound of all our people go there, or not.
    fn stream_all(&mut self, room: &mut Room) {
        let all: Vec<PersonId> = self.names.iter().map(|(person, _)| person).collect();
        all.into_iter().for_each(|person| self.stream(person, room));
    }

    /// Lets the sound of one of our people go there, or not: never of who is to be forgotten, and not into a recording
    /// that the person has not consented to.
    fn stream(&mut self, person: PersonId, room: &mut Room) {
        let name = self
            .names
            .get(person)
            .filter(|name| self.met && !self.erased.contains(&name.id));
        let carries = |ours: &Ours| self.terms.policy.carries(&ours.person, self.far_recording);
        let name = name.filter(|_| room.people.get(&person).is_some_and(carries));
        let partner = self.partner.clone();
        match name {
            Some(name) if self.streams.insert(person) => {
                let ssrc = name.stream;
                room.say(Output::Stream { person, partner, ssrc });
            }
            None if self.streams.remove(&person) => room.say(Output::StreamOver { person, partner }),
            _ => {}
        }
    }

    /// Goes on in a new life of ours with this partner.
    fn raise_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.outbox.restart();
        self.inbox.forget_events();
    }

    /// Returns whether events can be told: the partner's life is known, and it is not away.
    fn converses(&self) -> bool {
        self.is_live() && self.inbox.epoch.is_some() && matches!(self.state, LinkState::Calling | LinkState::Up)
    }

    fn trouble(&mut self, fault: Fault, room: &mut Room) {
        let count = self.refused.entry(fault).or_default();
        *count = count.saturating_add(1);
        room.say(Output::Trouble(self.partner.clone(), fault));
    }
}

/// How many acts of the partner can still turn out to be impossible.
const MOST_ASKED: usize = 256;
/// How often a farewell is said to a partner that does not answer it.
const FAREWELLS: u8 = 5;
/// How much we tell at most: well below [`Quotas`](crate::Quotas), so that two of us never refuse each other.
const EVENTS_PER_SECOND: u32 = 250;
const EVENTS_AT_ONCE: u32 = 1500;
/// Frames with events follow each other no faster: 20 per second.
const FRAME_GAP: Duration = Duration::from_millis(50);
