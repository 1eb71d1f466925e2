// SPDX-License-Identifier: EUPL-1.2
//! What must not get lost or happen twice when the stream breaks: actions of ours that nobody acknowledged, and our
//! answers to the peers' actions.
//!
//! Servers keep nothing for a component that is away (there is no XEP-0198 for components). So an iq of ours stays
//! here until its result or error comes, and is sent again with the same id when the stream is back; a peer who
//! repeats an iq gets the same answer again and nothing else happens.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use jid::Jid;

use crate::calls::CallId;
use crate::packet::Packet;
use crate::session::jingle::Action;

/// An action of ours that was not acknowledged yet.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) call: CallId,
    pub(crate) action: Action,
    pub(crate) packet: Packet,
    /// What is said when it was acknowledged, or is given up.
    pub(crate) then: Option<Packet>,
    /// It was sent more than once.
    pub(crate) repeated: bool,
    since: Instant,
}

/// Which action an iq was about, and in which session: an id that is used for something else is no repetition.
pub(crate) type Mark = (Option<Action>, String);

/// Actions of ours and answers of ours.
#[derive(Debug)]
pub(crate) struct Journal {
    patience: Duration,
    pending: VecDeque<(String, Pending)>,
    answers: HashMap<(Jid, String), (Mark, Packet)>,
    order: VecDeque<(Instant, (Jid, String))>,
}

impl Journal {
    pub(crate) fn new(patience: Duration) -> Journal {
        Journal {
            patience,
            pending: VecDeque::new(),
            answers: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Returns when [`Journal::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let pending = self.pending.front().map(|(_, pending)| pending.since + self.patience);
        let answered = self.order.front().map(|(at, _)| *at + self.patience);
        pending.into_iter().chain(answered).min()
    }

    /// Keeps an iq until it is acknowledged.
    pub(crate) fn keep(&mut self, now: Instant, id: &str, call: CallId, action: Action, packet: Packet) {
        self.pending.push_back((
            id.to_owned(),
            Pending {
                call,
                action,
                packet,
                then: None,
                repeated: false,
                since: now,
            },
        ));
        if self.pending.len() > MOST_PENDING {
            self.pending.pop_front();
        }
    }

    /// Says `packet` behind the end of a call.
    pub(crate) fn then(&mut self, call: CallId, packet: Packet) {
        let is_end = |pending: &Pending| pending.call == call && pending.action == Action::SessionTerminate;
        let end = self
            .pending
            .iter_mut()
            .map(|(_, pending)| pending)
            .rfind(|pending| is_end(pending));
        if let Some(end) = end {
            end.then = Some(packet);
        }
    }

    /// Takes out what a result or error answers: the id and the address it comes from must be those of the iq.
    pub(crate) fn acknowledge(&mut self, from: &Jid, id: &str) -> Option<Pending> {
        let matches = |(known, pending): &(String, Pending)| known == id && pending.packet.to() == from;
        let position = self.pending.iter().position(matches)?;
        self.pending.remove(position).map(|(_, pending)| pending)
    }

    /// Returns all that was not acknowledged, in order.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = &Packet> {
        self.pending.iter().map(|(_, pending)| &pending.packet)
    }

    /// Notes that this action is sent once more.
    pub(crate) fn repeat(&mut self, id: &str) {
        let known = self.pending.iter_mut().filter(|(known, _)| known == id);
        known.for_each(|(_, pending)| pending.repeated = true);
    }

    /// Takes an action of a call for acknowledged: the peer did what it could not have done without it.
    pub(crate) fn imply(&mut self, call: CallId, action: Action) {
        self.pending
            .retain(|(_, pending)| pending.call != call || pending.action != action);
    }

    /// Forgets what a call that is over has no use for: all but its end.
    pub(crate) fn forget(&mut self, call: CallId) {
        self.pending
            .retain(|(_, pending)| pending.call != call || pending.action == Action::SessionTerminate);
    }

    /// Returns the answer that this iq of a peer got already.
    pub(crate) fn answer(&self, from: &Jid, id: &str, mark: &Mark) -> Option<&Packet> {
        let (known, answer) = self.answers.get(&(from.clone(), id.to_owned()))?;
        (known == mark).then_some(answer)
    }

    /// Keeps an answer, for the case that the peer repeats the iq.
    pub(crate) fn answered(&mut self, now: Instant, (from, id): (&Jid, &str), mark: Mark, answer: Packet) {
        let key = (from.clone(), id.to_owned());
        if self.answers.insert(key.clone(), (mark, answer)).is_none() {
            self.order.push_back((now, key));
        }
        while self.order.len() > MOST_ANSWERS {
            if let Some((_, key)) = self.order.pop_front() {
                self.answers.remove(&key);
            }
        }
    }

    /// Returns what nobody acknowledged in time, and forgets old answers.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Pending> {
        let old = |at: Instant| now.saturating_duration_since(at) >= self.patience;
        let mut lost = Vec::new();
        while self.order.front().is_some_and(|(at, _)| old(*at)) {
            if let Some((_, key)) = self.order.pop_front() {
                self.answers.remove(&key);
            }
        }
        while self.pending.front().is_some_and(|(_, pending)| old(pending.since)) {
            lost.extend(self.pending.pop_front().map(|(_, pending)| pending));
        }
        lost
    }
}

const MOST_PENDING: usize = 16_384;
const MOST_ANSWERS: usize = 8_192;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::own::Domain;
    use crate::packet::Iq;

    fn packet(to: &Jid, id: &str) -> Packet {
        let own = Domain::new("meet.example").unwrap().address("1", "x").unwrap();
        Packet::iq(own, to.clone(), Iq::Set, id, None).unwrap()
    }

    #[test]
    fn only_the_addressee_acknowledges_and_only_once() {
        let (now, bob, eve) = (
            Instant::now(),
            Jid::new("bob@b.example/x").unwrap(),
            Jid::new("eve@b.example/x").unwrap(),
        );
        let mut journal = Journal::new(Duration::from_secs(60));
        journal.keep(now, "1", CallId(1), Action::SessionInfo, packet(&bob, "1"));
        assert!(journal.acknowledge(&eve, "1").is_none());
        assert!(journal.acknowledge(&bob, "2").is_none());
        assert_eq!(journal.unacknowledged().count(), 1);
        assert!(journal.acknowledge(&bob, "1").is_some());
        assert!(journal.acknowledge(&bob, "1").is_none());
    }

    #[test]
    fn patience_ends() {
        let (now, bob) = (Instant::now(), Jid::new("bob@b.example/x").unwrap());
        let mut journal = Journal::new(Duration::from_secs(60));
        journal.keep(now, "1", CallId(1), Action::SessionInfo, packet(&bob, "1"));
        let mark = (Some(Action::SessionInfo), "s".to_owned());
        journal.answered(now, (&bob, "9"), mark.clone(), packet(&bob, "9"));
        assert!(
            journal
                .answer(&bob, "9", &(Some(Action::SessionInfo), "t".into()))
                .is_none()
        );
        assert!(journal.answer(&bob, "9", &mark).is_some());
        assert!(journal.expire(now + Duration::from_secs(59)).is_empty());
        assert_eq!(journal.deadline(), Some(now + Duration::from_secs(60)));
        assert_eq!(journal.expire(now + Duration::from_secs(60)).len(), 1);
        assert!(journal.answer(&bob, "9", &mark).is_none());
        assert_eq!(journal.deadline(), None);
    }

    #[test]
    fn a_flood_of_iqs_is_remembered_up_to_a_bound() {
        let (now, bob) = (Instant::now(), Jid::new("bob@b.example/x").unwrap());
        let mut journal = Journal::new(Duration::from_secs(60));
        for i in 0..MOST_ANSWERS + 100 {
            journal.answered(now, (&bob, &i.to_string()), (None, String::new()), packet(&bob, "x"));
        }
        assert_eq!(
            (journal.answers.len(), journal.order.len()),
            (MOST_ANSWERS, MOST_ANSWERS)
        );
    }
}
