// SPDX-License-Identifier: EUPL-1.2
//! What a partner still has to be told: the journal of a link.
//!
//! State (people, the room) waits as a mark and is written down when it leaves, so that ten changes cost one event.
//! What happens once (chat, acts) waits in order, bounded. An event gets its sequence when it first leaves, and is kept
//! until it is acknowledged. A life of the partner that knows nothing yet is told everything anew, in a snapshot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::frame::News;
use crate::{Act, PersonId, Pseudonym, Sequence, Told};

/// What waits to be told.
#[derive(Clone, Debug)]
pub(crate) enum Draft {
    /// How a person is, as soon as there is room for it.
    Person(PersonId),
    /// How a person was who has left meanwhile.
    Late(Box<Told>),
    /// A person left; as told last, for the case that somebody has to be named after all.
    Gone(Box<Told>),
    /// How the room is.
    Room,
    /// What happens once; an act of ours with what it was here.
    Once(News, Option<Act>),
}

/// The sending end of a link.
#[derive(Debug)]
pub(crate) struct Outbox {
    last: Sequence,
    flight: VecDeque<(Sequence, News)>,
    /// How many of `flight` were sent since the last repetition began.
    sent: usize,
    waiting: VecDeque<Draft>,
    marked: BTreeSet<PersonId>,
    room_marked: bool,
    /// The partner knows nothing: a snapshot is due.
    pub(crate) anew: bool,
    /// Acts of ours by their sequence, until the partner can no longer refuse them.
    acts: BTreeMap<Sequence, Act>,
    /// When the partner should have acknowledged.
    pub(crate) overdue: Option<Instant>,
    repeated: Option<Instant>,
    /// How much that happens once may wait.
    pub(crate) journal: usize,
    /// How much of it was given up.
    pub(crate) dropped: u64,
}

impl Outbox {
    pub(crate) fn new(journal: usize) -> Outbox {
        Outbox {
            last: Sequence(0),
            flight: VecDeque::new(),
            sent: 0,
            waiting: VecDeque::new(),
            marked: BTreeSet::new(),
            room_marked: false,
            anew: true,
            acts: BTreeMap::new(),
            overdue: None,
            repeated: None,
            journal,
            dropped: 0,
        }
    }

    /// Returns how many events the partner has not acknowledged, sent or not.
    pub(crate) fn unheard(&self) -> usize {
        self.flight.len() + self.waiting.len()
    }

    /// Returns whether there is something to send.
    pub(crate) fn is_due(&self) -> bool {
        self.sent < self.flight.len() || (self.has_room() && (self.anew || !self.waiting.is_empty()))
    }

    /// Returns whether one more event may leave before others were acknowledged.
    pub(crate) fn has_room(&self) -> bool {
        self.flight.len() < MOST_FLYING
    }

    /// Marks a person as changed.
    pub(crate) fn person(&mut self, person: PersonId, id: Pseudonym) {
        if self.anew {
            self.waiting
                .retain(|draft| !matches!(draft, Draft::Gone(told) if told.id == id));
        } else if self.marked.insert(person) {
            self.waiting.push_back(Draft::Person(person));
        }
    }

    /// Takes note that a person left; `last` is how the person was.
    pub(crate) fn gone(&mut self, person: PersonId, last: Told) {
        let id = last.id;
        let last = Box::new(last);
        if self.marked.remove(&person) {
            let is_it = |draft: &Draft| matches!(draft, Draft::Person(marked) if *marked == person);
            if let Some(draft) = self.waiting.iter_mut().find(|draft| is_it(draft)) {
                *draft = Draft::Late(last.clone());
            }
        }
        if !self.anew || self.speaks(id) {
            self.waiting.push_back(Draft::Gone(last));
        }
        if self.waiting.len() > MOST_WAITING {
            self.collapse();
        }
    }

    /// Marks the room as changed.
    pub(crate) fn room(&mut self) {
        if !self.anew && !std::mem::replace(&mut self.room_marked, true) {
            self.waiting.push_back(Draft::Room);
        }
    }

    /// Adds what happens once; returns the acts that had to be given up for it.
    pub(crate) fn once(&mut self, news: News, act: Option<Act>) -> Option<Act> {
        self.waiting.push_back(Draft::Once(news, act));
        let is_once = |draft: &&Draft| matches!(draft, Draft::Once(..));
        if self.waiting.iter().filter(is_once).count() <= self.journal {
            return None;
        }
        let is_line = |draft: &Draft| matches!(draft, Draft::Once(News::Said { .. }, _));
        let oldest = self.waiting.iter().position(is_line);
        let oldest = oldest.or_else(|| self.waiting.iter().position(|draft| is_once(&draft)))?;
        self.dropped = self.dropped.saturating_add(1);
        match self.waiting.remove(oldest) {
            Some(Draft::Once(_, act)) => act,
            _ => None,
        }
    }

    /// Removes what a person has written and was not acknowledged; an event that left keeps its place.
    pub(crate) fn erase(&mut self, id: Pseudonym) {
        self.waiting.retain(|draft| match draft {
            Draft::Once(News::Said { by, .. }, _) => *by != id,
            Draft::Late(told) => told.id != id,
            _ => true,
        });
        for draft in &mut self.waiting {
            match draft {
                Draft::Gone(told) if told.id == id => **told = Told::nobody(id),
                _ => {}
            }
        }
        for (_, news) in &mut self.flight {
            match news {
                News::Said { by, .. } if *by == id => *news = News::Void,
                News::Person(told) if told.id == id => *news = News::Void,
                _ => {}
            }
        }
    }

    /// Withdraws all that a policy has let out, because it is another now; a snapshot tells what the new one lets out.
    pub(crate) fn withdraw(&mut self, chat: bool) {
        for (_, news) in &mut self.flight {
            match news {
                News::Person(_) | News::Room(_) => *news = News::Void,
                News::Said { .. } if !chat => {
                    *news = News::Void;
                    self.dropped = self.dropped.saturating_add(1);
                }
                _ => {}
            }
        }
        let before = self.waiting.len();
        self.waiting
            .retain(|draft| chat || !matches!(draft, Draft::Once(News::Said { .. }, _)));
        self.dropped = self.dropped.saturating_add((before - self.waiting.len()) as u64);
        self.collapse();
        for draft in &mut self.waiting {
            if let Draft::Gone(told) = draft {
                **told = Told::nobody(told.id);
            }
        }
    }

    /// Takes out what waits longest; nothing while there is no room for it.
    pub(crate) fn next(&mut self) -> Option<Draft> {
        let draft = self.waiting.pop_front()?;
        match &draft {
            Draft::Person(person) => {
                self.marked.remove(person);
            }
            Draft::Room => self.room_marked = false,
            Draft::Late(_) | Draft::Gone(_) | Draft::Once(..) => {}
        }
        Some(draft)
    }

    /// Gives an event its sequence.
    pub(crate) fn launch(&mut self, news: News, act: Option<Act>) {
        self.last = Sequence(self.last.0.saturating_add(1));
        self.flight.push_back((self.last, news));
        if let Some(act) = act {
            self.acts.insert(self.last, act);
            if self.acts.len() > MOST_ACTS {
                self.acts.pop_first();
            }
        }
    }

    /// Begins the snapshot: what waits as a mark is part of it. Returns those who left and are named by what follows.
    pub(crate) fn begin_anew(&mut self, is_here: impl Fn(Pseudonym) -> bool) -> Vec<Told> {
        self.collapse();
        self.anew = false;
        self.waiting
            .retain(|draft| !matches!(draft, Draft::Gone(told) if is_here(told.id)));
        let ghost = |draft: &Draft| match draft {
            Draft::Gone(told) => Some(told.as_ref().clone()),
            _ => None,
        };
        self.waiting.iter().filter_map(ghost).collect()
    }

    /// Returns the next events to send and the sequence of the first, as many as fit.
    pub(crate) fn batch(&mut self, now: Instant, most: usize) -> (Sequence, Vec<News>) {
        let mut octets = 0usize;
        let mut batch = Vec::new();
        let first = self
            .flight
            .get(self.sent)
            .map_or(Sequence(0), |(sequence, _)| *sequence);
        for (_, news) in self.flight.iter().skip(self.sent).take(most.min(MOST_IN_FRAME)) {
            octets = octets.saturating_add(news.weight());
            if octets > HEAVIEST && !batch.is_empty() {
                break;
            }
            batch.push(news.clone());
        }
        self.sent += batch.len();
        if !batch.is_empty() {
            self.overdue = Some(now + PATIENCE);
        }
        (first, batch)
    }

    /// Hears how far the partner has come; returns the acts that it has heard of, or `None` for what was never sent.
    pub(crate) fn acknowledge(&mut self, now: Instant, heard: Sequence) -> Option<Vec<Act>> {
        if heard > self.last {
            return None;
        }
        let before = self.flight.len();
        let mut acts = Vec::new();
        while let Some((sequence, _)) = self.flight.front().filter(|(sequence, _)| *sequence <= heard) {
            acts.extend(self.acts.get(sequence).copied());
            self.flight.pop_front();
        }
        let gone = before - self.flight.len();
        self.sent = self.sent.saturating_sub(gone);
        if gone > 0 {
            self.overdue = (self.sent > 0).then(|| now + PATIENCE);
        }
        Some(acts)
    }

    /// Returns the act that the partner refuses.
    pub(crate) fn refused(&mut self, sequence: Sequence) -> Option<Act> {
        self.acts.remove(&sequence)
    }

    /// Repeats from the first that was not acknowledged: it is overdue.
    pub(crate) fn repeat_overdue(&mut self) {
        self.sent = 0;
        self.overdue = None;
    }

    /// Repeats because the partner misses something or is back; not more often than it makes sense.
    pub(crate) fn repeat_now(&mut self, now: Instant) {
        if self.repeated.is_none_or(|at| now >= at + LEAST_PAUSE) {
            self.repeated = Some(now);
            self.sent = 0;
            self.overdue = None;
        }
    }

    /// Begins a new life with the partner: all is told anew. Chat that was on its way may have been taken by the life
    /// before: it is given up rather than doubled. Acts and erasures are the same done twice, and go again.
    pub(crate) fn restart(&mut self) {
        for (sequence, news) in std::mem::take(&mut self.flight).into_iter().rev() {
            let act = self.acts.remove(&sequence);
            match news {
                News::Act { .. } | News::Erase(_) | News::Erased(_) => self.waiting.push_front(Draft::Once(news, act)),
                News::Said { .. } => self.dropped = self.dropped.saturating_add(1),
                _ => {}
            }
        }
        self.acts.clear();
        self.sent = 0;
        self.overdue = None;
        self.waiting
            .retain(|draft| !matches!(draft, Draft::Once(News::Denied { .. }, _)));
        self.collapse();
    }

    /// Gives up the marks for a snapshot; who left stays only to be named.
    fn collapse(&mut self) {
        self.anew = true;
        self.marked.clear();
        self.room_marked = false;
        let named: BTreeSet<Pseudonym> = self.waiting.iter().filter_map(author).collect();
        self.waiting.retain(|draft| match draft {
            Draft::Person(_) | Draft::Late(_) | Draft::Room => false,
            Draft::Gone(told) => named.contains(&told.id),
            Draft::Once(..) => true,
        });
    }

    /// Returns whether something waits that names this person as its author.
    fn speaks(&self, id: Pseudonym) -> bool {
        self.waiting.iter().filter_map(author).any(|by| by == id)
    }
}

fn author(draft: &Draft) -> Option<Pseudonym> {
    match draft {
        Draft::Once(News::Said { by, .. }, _) => Some(*by),
        Draft::Once(News::Act { by, .. }, _) => *by,
        _ => None,
    }
}

/// How long an acknowledgement may take. It does not grow: a way that is cut makes the partner away, and who hears
/// nothing is sent no events.
const PATIENCE: Duration = Duration::from_secs(1);
/// How soon the partner may make us repeat again.
const LEAST_PAUSE: Duration = Duration::from_millis(250);
/// Events that were not acknowledged, but for a snapshot that is longer.
const MOST_FLYING: usize = 512;
/// What waits, before a snapshot is shorter.
const MOST_WAITING: usize = 2048;
/// Events in one frame, and their octets as XML, so that it stays below 64 KiB.
pub(crate) const MOST_IN_FRAME: usize = 256;
const HEAVIEST: usize = 48 * 1024;
/// Acts of ours that a partner can still refuse.
const MOST_ACTS: usize = 1024;
