// SPDX-License-Identifier: EUPL-1.2
//! What one occupant is and has.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;

use super::words::OccupantId;
use crate::view::PersonKind;

/// Most clients of one user under one nickname.
pub(super) const MOST_SESSIONS: usize = 8;
/// How long the meeting may take to admit somebody.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How long the room may take to show a line.
pub(super) const SHOWING: Duration = Duration::from_secs(10);

/// Somebody who came over XMPP.
#[derive(Debug)]
pub(super) struct Occupant {
    pub id: OccupantId,
    pub nick: String,
    /// The clients, the first of which came first; all of one user.
    pub sessions: Vec<Session>,
    /// While the meeting has not let the occupant in: until when it may take.
    pub pending: Option<Instant>,
    /// From when on it has been in, which is from when on it may read.
    pub since: Option<Instant>,
    pub moderator: bool,
    pub state: State,
    /// What it wrote and the room has not shown yet.
    pub written: VecDeque<Written>,
    pub messages: Pace,
    pub presences: Pace,
}

/// A message on its way through the room.
#[derive(Debug)]
pub(super) struct Written {
    /// The client that sent it.
    pub from: Jid,
    pub id: Option<String>,
    pub children: Vec<Element>,
    pub until: Option<Instant>,
}

/// One client of an occupant.
#[derive(Debug)]
pub(super) struct Session {
    pub jid: Jid,
    /// What the client says about itself, without what is ours to say.
    pub presence: Vec<Element>,
    /// What history it asked for.
    pub wanted: Wanted,
    /// The id of the presence that it joined with.
    pub id: Option<String>,
    /// Whether the nickname is not the one that it asked for.
    pub renamed: bool,
}

/// A person of the room who did not come over XMPP.
#[derive(Debug)]
pub(super) struct Shown {
    pub nick: String,
    pub name: String,
    pub moderator: bool,
    pub state: State,
}

/// What we tell about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct State {
    pub kind: Option<PersonKind>,
    pub muted: bool,
    pub hand: bool,
    pub talks: bool,
    pub away: bool,
}

/// How much history a client wants (XEP-0045 §7.2.15).
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub stanzas: Option<usize>,
    pub chars: Option<usize>,
    pub since: Option<std::time::SystemTime>,
    pub seconds: Option<u64>,
}

/// So many things in so much time.
#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    within: Duration,
    times: VecDeque<Instant>,
}

impl Pace {
    pub(super) fn new(most: usize, within: Duration) -> Pace {
        Pace {
            most,
            within,
            times: VecDeque::new(),
        }
    }

    /// Takes one; `false` if it is one too many.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        while self
            .times
            .front()
            .is_some_and(|time| now.saturating_duration_since(*time) >= self.within)
        {
            self.times.pop_front();
        }
        if self.times.len() >= self.most {
            return false;
        }
        self.times.push_back(now);
        true
    }
}

impl Occupant {
    pub(super) fn new(id: OccupantId, nick: String, session: Session, now: Instant) -> Occupant {
        Occupant {
            id,
            nick,
            sessions: vec![session],
            pending: now.checked_add(PATIENCE),
            since: None,
            moderator: false,
            written: VecDeque::new(),
            state: State {
                kind: Some(PersonKind::Xmpp),
                ..State::default()
            },
            messages: Pace::new(10, Duration::from_secs(5)),
            presences: Pace::new(20, Duration::from_secs(10)),
        }
    }

    pub(super) fn is_in(&self) -> bool {
        self.pending.is_none()
    }

    pub(super) fn session(&self, jid: &Jid) -> Option<&Session> {
        self.sessions.iter().find(|session| session.jid == *jid)
    }

    pub(super) fn session_mut(&mut self, jid: &Jid) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.jid == *jid)
    }

    /// Returns what the newest client says about itself.
    pub(super) fn presence(&self) -> &[Element] {
        self.sessions
            .last()
            .map(|session| session.presence.as_slice())
            .unwrap_or_default()
    }

    pub(super) fn is_user(&self, jid: &Jid) -> bool {
        self.sessions
            .first()
            .is_some_and(|session| session.jid.to_bare() == jid.to_bare())
    }
}
