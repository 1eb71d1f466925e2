// SPDX-License-Identifier: EUPL-1.2
//! What operators and pages see of links: each joint room writes its own lines.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use landbridge_federation::{Deployment, LinkState, Why};

use crate::call::LegId;
use crate::call::federation::{Erasure, JointLink};
use crate::room::JointState;

/// Most requests to delete that are remembered of one room.
const ERASURES: usize = 1000;

/// The links of all joint rooms, by meeting.
#[derive(Default)]
pub(super) struct Board {
    rooms: Mutex<BTreeMap<String, (u64, Vec<JointLink>)>>,
    count: AtomicU64,
    erasures: Mutex<BTreeMap<String, VecDeque<Asked>>>,
}

/// A request to delete, with the time of it.
struct Asked {
    erasure: Erasure,
    at: Instant,
}

/// One room's lines; they go when it does.
pub(super) struct Lines {
    board: Arc<Board>,
    meeting: String,
    /// Which life of the room this is: an older one takes nothing away.
    number: u64,
}

impl Board {
    /// Returns all links, ordered by meeting and deployment.
    pub(super) fn links(&self) -> Vec<JointLink> {
        self.rooms().values().flat_map(|(_, links)| links).cloned().collect()
    }

    /// Tells whether a meeting is shared, with this partner or with anybody.
    pub(super) fn is_joint(&self, meeting: &str, deployment: Option<&str>) -> bool {
        let is_there = |link: &JointLink| {
            let is_over = matches!(link.state, JointState::Parted | JointState::Refused);
            !is_over && deployment.is_none_or(|name| name == &*link.deployment)
        };
        self.rooms()
            .get(meeting)
            .is_some_and(|(_, links)| links.iter().any(is_there))
    }

    /// Returns what a meeting's partners were asked to delete.
    pub(super) fn erased(&self, meeting: &str) -> Vec<Erasure> {
        let erasures = self.erasures();
        let asked = erasures.get(meeting).into_iter().flatten();
        asked.map(|asked| asked.erasure.clone()).collect()
    }

    fn erasures(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<Asked>>> {
        self.erasures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a room's lines.
    pub(super) fn lines(self: &Arc<Self>, meeting: &str) -> Lines {
        Lines {
            board: Arc::clone(self),
            meeting: meeting.to_owned(),
            number: self.count.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn rooms(&self) -> MutexGuard<'_, BTreeMap<String, (u64, Vec<JointLink>)>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Replaces what the room says of its links.
    pub(super) fn write(&self, links: Vec<JointLink>) {
        let mut rooms = self.board.rooms();
        let is_older = rooms
            .get(&self.meeting)
            .is_some_and(|(number, _)| *number > self.number);
        if !is_older {
            rooms.insert(self.meeting.clone(), (self.number, links));
        }
    }

    /// Notes that partners were asked to delete what they keep of a person.
    pub(super) fn ask<'a>(&self, person: LegId, partners: impl Iterator<Item = &'a Deployment>, at: Instant) {
        let mut erasures = self.board.erasures();
        let asked = erasures.entry(self.meeting.clone()).or_default();
        for partner in partners {
            let erasure = Erasure {
                person,
                deployment: partner.as_str().into(),
                receipt_after: None,
            };
            asked.push_back(Asked { erasure, at });
        }
        while asked.len() > ERASURES {
            asked.pop_front();
        }
    }

    /// Notes a partner's receipt.
    pub(super) fn receipt(&self, person: LegId, partner: &Deployment, at: Instant) {
        let mut erasures = self.board.erasures();
        let asked = erasures.get_mut(&self.meeting).into_iter().flatten();
        for asked in asked {
            let erasure = &mut asked.erasure;
            if erasure.person == person && *erasure.deployment == *partner.as_str() && erasure.receipt_after.is_none() {
                erasure.receipt_after = Some(at.saturating_duration_since(asked.at));
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let mut rooms = self.board.rooms();
        if rooms
            .get(&self.meeting)
            .is_some_and(|(number, _)| *number == self.number)
        {
            rooms.remove(&self.meeting);
            drop(rooms);
            self.board.erasures().remove(&self.meeting);
        }
    }
}

/// Says how a link stands, and why it is out.
pub(super) fn shown(state: LinkState) -> (JointState, Option<&'static str>) {
    match state {
        LinkState::Calling => (JointState::Calling, None),
        LinkState::Up => (JointState::Up, None),
        LinkState::Away => (JointState::Away, None),
        LinkState::Parted(why) => (JointState::Parted, Some(word(why))),
        LinkState::Refused(fault) => (JointState::Refused, Some(fault.as_str())),
    }
}

fn word(why: Why) -> &'static str {
    match why {
        Why::Left => "left",
        Why::Removed => "removed",
        Why::Lost => "lost",
        Why::Parted => "parted",
        Why::Ended => "ended",
        Why::Erased => "erased",
    }
}
