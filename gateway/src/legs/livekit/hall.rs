// SPDX-License-Identifier: EUPL-1.2
//! One LiveKit room as this node is in it: its members, who of them listens for all, and the tracks that are heard.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use super::session::{Order, RemotePerson};
use crate::call::{LegId, Voices};
use crate::media::{Plane, RoomKey, SfuTrack, TrackSink};

/// Names a member of a hall: a phone's session, or the hall's own listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct MemberId(pub(super) u64);

/// One LiveKit room as this node is in it.
pub(super) struct Hall {
    pub(super) room: RoomKey,
    plane: Plane,
    /// A hidden participant listens; otherwise one of the phones does.
    has_ear: bool,
    voices: Voices,
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
    /// Our own identities, also those that left: the server may go on speaking of them for a moment.
    identities: HashMap<String, LegId>,
    /// Dropping it makes the hall's listener leave.
    ear: Option<mpsc::Sender<Order>>,
}

struct Member {
    leg: LegId,
    errands: mpsc::Sender<bool>,
    may_listen: bool,
    whole: bool,
}

/// A remote track that is heard.
struct Heard {
    leg: LegId,
    /// Whose it is.
    speaker: String,
    owner: MemberId,
    track: SfuTrack,
    sink: TrackSink,
}

/// The most identities of ours that are remembered beyond those that are in.
const MOST_IDENTITIES: usize = 4096;

impl Hall {
    /// Opens a room of the media plane for it; each remote participant is heard under the leg that `voices` knows.
    pub(super) fn new(plane: Plane, has_ear: bool, room: RoomKey, voices: Voices) -> Hall {
        Hall {
            room,
            plane,
            has_ear,
            voices,
            state: Mutex::default(),
            ours: watch::Sender::new(Arc::default()),
            roster: watch::Sender::new(Arc::from([])),
        }
    }

    /// Says whether a hidden participant listens.
    pub(super) fn has_ear(&self) -> bool {
        self.has_ear
    }

    /// Takes in a phone's session; returns the errands it will be sent. An identity that is known beforehand is never
    /// taken for somebody else's, however early the server speaks of it.
    pub(super) fn admit(&self, member: MemberId, leg: LegId, identity: Option<String>) -> mpsc::Receiver<bool> {
        let (errands, receiver) = mpsc::channel(16);
        let newcomer = Member {
            leg,
            errands,
            may_listen: false,
            whole: false,
        };
        let mut state = self.state();
        state.members.insert(member, newcomer);
        if let Some(identity) = identity {
            self.is_ours(&mut state, identity, leg);
        }
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
            entry.may_listen = may_listen;
            let leg = entry.leg;
            self.is_ours(&mut state, identity.to_owned(), leg);
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
    }

    /// Lets everyone hear a participant's track, in place of the same track from another member and under its leg.
    pub(super) fn hear(&self, owner: MemberId, speaker: &str, track: SfuTrack) {
        let mut state = self.state();
        let rightful = self.has_ear || state.elected == Some(owner);
        if !rightful {
            return;
        }
        let (leg, sink) = match state.tracks.remove(&track.id) {
            Some(before) => {
                if before.owner != owner {
                    before.track.route(None);
                }
                (before.leg, before.sink)
            }
            None => {
                let own = self.voices.leg(speaker);
                // A second track of the same participant is heard, too, but it is not its voice.
                let is_taken = speaker.is_empty() || state.tracks.values().any(|heard| heard.leg == own);
                let leg = if is_taken { LegId::next() } else { own };
                (leg, self.plane.open_track(leg, self.room))
            }
        };
        track.route(Some(sink.clone()));
        let heard = Heard {
            leg,
            speaker: speaker.to_owned(),
            owner,
            track: track.clone(),
            sink,
        };
        state.tracks.insert(track.id, heard);
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
            heard.track.route(None);
            // Whoever publishes anew before the old track ends goes on under the same leg.
            let own = self.voices.leg(&heard.speaker);
            let mut others = state.tracks.values_mut();
            let other = others.find(|other| other.speaker == heard.speaker && heard.leg == own);
            match other {
                Some(other) => {
                    other.track.route(Some(heard.sink.clone()));
                    self.plane.close(std::mem::replace(&mut other.leg, heard.leg));
                    other.sink = heard.sink;
                }
                None => self.plane.close(heard.leg),
            }
        }
    }

    fn drop_tracks(&self, state: &mut State, over: impl Fn(&Heard) -> bool) {
        let ended = state.tracks.extract_if(|_, heard| over(heard));
        for (_, heard) in ended {
            heard.track.route(None);
            self.plane.close(heard.leg);
        }
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

    /// Notes an identity of ours; none is ever anybody else's.
    fn is_ours(&self, state: &mut State, identity: String, leg: LegId) {
        if state.identities.len() >= MOST_IDENTITIES {
            let members = &state.members;
            state
                .identities
                .retain(|_, leg| members.values().any(|member| member.leg == *leg));
        }
        state.identities.insert(identity, leg);
        self.ours.send_if_modified(|known| {
            let changed = **known != state.identities;
            if changed {
                *known = Arc::new(state.identities.clone());
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
