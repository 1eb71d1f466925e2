// SPDX-License-Identifier: EUPL-1.2
//! One LiveKit room as this node is in it: its members, who of them listens for all, and the tracks that are heard.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use super::session::{Order, RemotePerson};
use crate::call::LegId;
use crate::media::{Plane, RoomKey, SfuTrack};

/// Names a member of a hall: a phone's session, or the hall's own listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct MemberId(pub(super) u64);

/// One LiveKit room as this node is in it.
pub(super) struct Hall {
    pub(super) room: RoomKey,
    plane: Plane,
    /// A hidden participant listens; otherwise one of the phones does.
    has_ear: bool,
    state: Mutex<State>,
    pub(super) ours: watch::Sender<Arc<HashMap<String, LegId>>>,
    pub(super) roster: watch::Sender<Arc<[RemotePerson]>>,
}

#[derive(Default)]
struct State {
    members: BTreeMap<MemberId, Member>,
    elected: Option<MemberId>,
    /// Who waits for the elected one to hear everything.
    handing_over: Option<oneshot::Sender<()>>,
    tracks: HashMap<String, Heard>,
    /// Dropping it makes the hall's listener leave.
    ear: Option<mpsc::Sender<Order>>,
}

struct Member {
    leg: LegId,
    identity: Option<String>,
    errands: mpsc::Sender<bool>,
    may_listen: bool,
    whole: bool,
}

/// A remote track that is heard.
struct Heard {
    leg: LegId,
    owner: MemberId,
    track: SfuTrack,
}

impl Hall {
    pub(super) fn new(plane: Plane, has_ear: bool) -> Hall {
        Hall {
            room: RoomKey::next(),
            plane,
            has_ear,
            state: Mutex::default(),
            ours: watch::Sender::new(Arc::default()),
            roster: watch::Sender::new(Arc::from([])),
        }
    }

    /// Says whether a hidden participant listens.
    pub(super) fn has_ear(&self) -> bool {
        self.has_ear
    }

    /// Takes in a phone's session; returns the errands it will be sent.
    pub(super) fn admit(&self, member: MemberId, leg: LegId) -> mpsc::Receiver<bool> {
        let (errands, receiver) = mpsc::channel(16);
        let newcomer = Member {
            leg,
            identity: None,
            errands,
            may_listen: false,
            whole: false,
        };
        self.state().members.insert(member, newcomer);
        receiver
    }

    /// Makes the hall's listener live as long as there are phones; `None` when it lives already.
    pub(super) fn want_ear(&self) -> Option<mpsc::Receiver<Order>> {
        let mut state = self.state();
        if !self.has_ear || state.ear.is_some() {
            return None;
        }
        let (orders, receiver) = mpsc::channel(1);
        state.ear = Some(orders);
        Some(receiver)
    }

    /// Learns under which identity a phone is in the room; its track will not be subscribed.
    pub(super) fn entered(&self, member: MemberId, identity: &str, may_listen: bool) {
        let mut state = self.state();
        if let Some(entry) = state.members.get_mut(&member) {
            entry.identity = Some(identity.to_owned());
            entry.may_listen = may_listen;
            self.tell_ours(&state);
        }
    }

    /// A member's signalling and media are up: it may listen for all.
    pub(super) fn whole(&self, member: MemberId) {
        let mut state = self.state();
        if let Some(entry) = state.members.get_mut(&member) {
            entry.whole = true;
            self.elect(&mut state, true);
        }
    }

    /// A member hears nothing at the moment: another listens for all, if there is one.
    pub(super) fn faltered(&self, member: MemberId) {
        let mut state = self.state();
        if let Some(entry) = state.members.get_mut(&member) {
            entry.whole = false;
            self.elect(&mut state, true);
        }
    }

    /// Prepares for a member's leaving. When it listens for all, returns what fires as soon as its successor hears
    /// everything.
    pub(super) fn retire(&self, member: MemberId) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state();
        state.members.get_mut(&member)?.whole = false;
        if state.elected != Some(member) {
            return None;
        }
        self.elect(&mut state, false);
        let successor = state.elected.filter(|elected| *elected != member)?;
        if state.tracks.values().all(|heard| heard.owner == successor) {
            return None;
        }
        let (done, waiting) = oneshot::channel();
        state.handing_over = Some(done);
        Some(waiting)
    }

    /// Lets a member go; the hall's listener goes with the last phone.
    pub(super) fn left(&self, member: MemberId) {
        let mut state = self.state();
        state.members.remove(&member);
        if state.members.is_empty() {
            state.ear = None;
        }
        if state.elected == Some(member) {
            state.elected = None;
            self.elect(&mut state, true);
        }
        self.drop_tracks(&mut state, |heard| heard.owner == member);
        self.tell_ours(&state);
    }

    /// Lets everyone hear a track, in place of the same track from another member.
    pub(super) fn hear(&self, owner: MemberId, track: SfuTrack) {
        let mut state = self.state();
        let rightful = self.has_ear || state.elected == Some(owner);
        if !rightful {
            return;
        }
        let leg = LegId::next();
        let sink = self.plane.open_track(leg, self.room);
        track.route(Some(sink));
        let heard = Heard {
            leg,
            owner,
            track: track.clone(),
        };
        if let Some(before) = state.tracks.insert(track.id, heard) {
            self.silence(&before, before.owner != owner);
        }
        if state.tracks.values().all(|heard| heard.owner == owner)
            && let Some(waiting) = state.handing_over.take()
        {
            // Whoever waited may be gone already.
            let _ = waiting.send(());
        }
    }

    /// Ends a track, unless another member brings it meanwhile.
    pub(super) fn unhear(&self, owner: MemberId, id: &str) {
        let mut state = self.state();
        if state.tracks.get(id).is_some_and(|heard| heard.owner == owner)
            && let Some(heard) = state.tracks.remove(id)
        {
            self.silence(&heard, true);
        }
    }

    fn drop_tracks(&self, state: &mut State, over: impl Fn(&Heard) -> bool) {
        let ended = state.tracks.extract_if(|_, heard| over(heard));
        for (_, heard) in ended {
            self.silence(&heard, true);
        }
    }

    fn silence(&self, heard: &Heard, unroute: bool) {
        if unroute {
            heard.track.route(None);
        }
        self.plane.close(heard.leg);
    }

    /// Sees to it that somebody who can listens for all; the one before is told to stop, unless its successor is to hear
    /// everything first.
    fn elect(&self, state: &mut State, stop: bool) {
        if self.has_ear {
            return;
        }
        let fit = |member: &Member| member.whole && member.may_listen;
        let before = state.elected;
        if before.and_then(|elected| state.members.get(&elected)).is_some_and(fit) {
            return;
        }
        let next = state.members.iter().find(|(_, member)| fit(member)).map(|(id, _)| *id);
        let Some(next) = next else { return };
        state.elected = Some(next);
        for (id, listens) in [(Some(next), true), (before.filter(|_| stop), false)] {
            if let Some(member) = id.and_then(|id| state.members.get(&id)) {
                // A session with this many unread errands is about to end, and then another is elected.
                let _ = member.errands.try_send(listens);
            }
        }
    }

    fn tell_ours(&self, state: &State) {
        let ours = state.members.values();
        let ours = ours.filter_map(|member| Some((member.identity.clone()?, member.leg)));
        let ours: HashMap<String, LegId> = ours.collect();
        self.ours.send_if_modified(|known| {
            let changed = **known != ours;
            if changed {
                *known = Arc::new(ours);
            }
            changed
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        let mut state = std::mem::take(&mut *self.state());
        self.drop_tracks(&mut state, |_| true);
    }
}
