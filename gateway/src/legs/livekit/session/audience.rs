// SPDX-License-Identifier: EUPL-1.2
//! Who is in the room, which tracks are subscribed, and who speaks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit_protocol::{
    ParticipantInfo, ParticipantTracks, SpeakerInfo, TrackSource, TrackType, UpdateSubscription, participant_info,
};

use super::event::{PersonKind, RemotePerson};
use crate::call::LegId;

/// The roster is told at most this often.
const PACE: Duration = Duration::from_millis(200);
/// Participants remembered of one room; further ones are neither heard nor shown.
const MOST: usize = 5_000;
/// How long after a resumption the server may take to speak of everybody.
const GRACE: Duration = Duration::from_secs(3);
/// Tracks remembered of one participant.
const MOST_TRACKS: usize = 16;

/// What is known of the others in a room.
pub(super) struct Audience {
    /// This session subscribes for the hall.
    pub(super) listens: bool,
    pub(super) ours: Arc<HashMap<String, LegId>>,
    people: BTreeMap<String, Person>,
    /// Track to participant.
    subscribed: HashMap<String, String>,
    changed: bool,
    next: Instant,
    /// Whom the server has not spoken of since a resumption, and until when it may.
    doubted: Option<(HashSet<String>, Instant)>,
}

struct Person {
    identity: String,
    name: String,
    kind: PersonKind,
    sounds: Vec<String>,
    muted: bool,
    video: bool,
    speaking: bool,
}

impl Audience {
    pub(super) fn new(now: Instant) -> Audience {
        Audience {
            listens: false,
            ours: Arc::default(),
            people: BTreeMap::new(),
            subscribed: HashMap::new(),
            changed: false,
            next: now,
            doubted: None,
        }
    }

    /// Knows no longer who speaks; returns the roster when that is news.
    pub(super) fn hush(&mut self) -> Option<Vec<RemotePerson>> {
        let spoke = self.listens && self.people.values().any(|person| person.speaking);
        for person in self.people.values_mut() {
            person.speaking = false;
        }
        spoke.then(|| self.roster())
    }

    /// Begins anew; returns the tracks that were subscribed.
    pub(super) fn forget(&mut self) -> Vec<String> {
        self.people.clear();
        self.doubted = None;
        self.subscribed.drain().map(|(track, _)| track).collect()
    }

    /// Doubts that everybody is still there: after a resumption the server speaks of those who are.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.doubted = Some((self.people.keys().cloned().collect(), now + GRACE));
    }

    /// Forgets whom the server has not spoken of in time; returns whether there was anybody.
    pub(super) fn settle_doubts(&mut self, now: Instant) -> bool {
        let Some((gone, _)) = self.doubted.take_if(|(_, until)| *until <= now) else {
            return false;
        };
        let before = self.people.len();
        self.people.retain(|sid, _| !gone.contains(sid));
        let changed = self.people.len() < before;
        self.changed |= changed;
        changed
    }

    /// Takes in how participants are now.
    pub(super) fn update(&mut self, participants: Vec<ParticipantInfo>) {
        for participant in participants {
            if let Some((doubted, _)) = &mut self.doubted {
                doubted.remove(&participant.sid);
            }
            let gone = participant.state == i32::from(participant_info::State::Disconnected);
            if gone {
                self.changed |= self.people.remove(&participant.sid).is_some();
                continue;
            }
            if self.people.len() >= MOST && !self.people.contains_key(&participant.sid) {
                continue;
            }
            let speaking = self.people.get(&participant.sid).is_some_and(|person| person.speaking);
            let sid = participant.sid.clone();
            self.people.insert(sid, Person::new(participant, speaking));
            self.changed = true;
        }
    }

    /// Takes in who speaks.
    pub(super) fn speakers(&mut self, speakers: &[SpeakerInfo]) {
        for speaker in speakers {
            if let Some(person) = self.people.get_mut(&speaker.sid) {
                self.changed |= std::mem::replace(&mut person.speaking, speaker.active) != speaker.active;
            }
        }
    }

    /// Returns when the roster is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let roster = (self.changed && self.listens).then_some(self.next);
        let doubts = self.doubted.as_ref().map(|(_, until)| *until);
        [roster, doubts].into_iter().flatten().min()
    }

    /// Returns the roster when it is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<Vec<RemotePerson>> {
        if !self.changed || !self.listens || self.next > now {
            return None;
        }
        self.changed = false;
        self.next = now + PACE;
        Some(self.roster())
    }

    fn roster(&self) -> Vec<RemotePerson> {
        let told = self.people.values().map(|person| RemotePerson {
            identity: person.identity.clone(),
            name: person.name.clone(),
            kind: person.kind,
            muted: person.muted,
            speaking: person.speaking,
            video: person.video,
            ours: self.ours.get(&person.identity).copied(),
        });
        told.collect()
    }

    /// Brings subscriptions up to what is there: what to tell the server, and the tracks that are over.
    pub(super) fn follow(&mut self) -> (Vec<UpdateSubscription>, Vec<String>) {
        let mut wanted: HashMap<&str, &str> = HashMap::new();
        if self.listens {
            for (sid, person) in &self.people {
                if !self.ours.contains_key(&person.identity) {
                    wanted.extend(person.sounds.iter().map(|track| (track.as_str(), sid.as_str())));
                }
            }
        }
        let over: Vec<(String, String)> = self
            .subscribed
            .iter()
            .filter(|(track, _)| !wanted.contains_key(track.as_str()))
            .map(|(track, sid)| (track.clone(), sid.clone()))
            .collect();
        let new: Vec<(String, String)> = wanted
            .into_iter()
            .filter(|(track, _)| !self.subscribed.contains_key(*track))
            .map(|(track, sid)| (track.to_owned(), sid.to_owned()))
            .collect();
        for (track, _) in &over {
            self.subscribed.remove(track);
        }
        self.subscribed.extend(new.iter().cloned());
        let updates = [(true, &new), (false, &over)]
            .into_iter()
            .filter(|(_, tracks)| !tracks.is_empty())
            .map(|(subscribe, tracks)| subscription(subscribe, tracks));
        let updates = updates.collect();
        (updates, over.into_iter().map(|(track, _)| track).collect())
    }

    /// Returns all subscriptions, as a resumed session tells them.
    pub(super) fn subscription(&self) -> UpdateSubscription {
        let all: Vec<_> = self.subscribed.iter().map(|(t, p)| (t.clone(), p.clone())).collect();
        subscription(true, &all)
    }

    /// Returns the identity of the participant whose subscribed track this is.
    pub(super) fn speaker(&self, track: &str) -> Option<&str> {
        let sid = self.subscribed.get(track)?;
        self.people.get(sid).map(|person| person.identity.as_str())
    }

    /// Says whether a track is subscribed.
    pub(super) fn wants(&self, track: &str) -> bool {
        self.subscribed.contains_key(track)
    }
}

impl Person {
    fn new(participant: ParticipantInfo, speaking: bool) -> Person {
        let mut sounds = Vec::new();
        let (mut muted, mut video) = (true, false);
        let mut seen = HashSet::new();
        for track in participant.tracks.into_iter().take(MOST_TRACKS) {
            if track.r#type == i32::from(TrackType::Video) {
                video |= !track.muted;
            } else if track.r#type == i32::from(TrackType::Audio) && seen.insert(track.sid.clone()) {
                muted &= track.muted || track.source == i32::from(TrackSource::ScreenShareAudio);
                // What is encrypted from end to end would be noise here.
                if track.encryption == i32::from(livekit_protocol::encryption::Type::None) {
                    sounds.push(track.sid);
                }
            }
        }
        let kind = match participant_info::Kind::try_from(participant.kind) {
            Ok(participant_info::Kind::Standard) => PersonKind::Standard,
            Ok(participant_info::Kind::Sip) => PersonKind::Sip,
            Ok(participant_info::Kind::Agent) => PersonKind::Agent,
            _ => PersonKind::Other,
        };
        Person {
            identity: participant.identity,
            name: participant.name,
            kind,
            sounds,
            muted,
            video,
            speaking,
        }
    }
}

fn subscription(subscribe: bool, tracks: &[(String, String)]) -> UpdateSubscription {
    let mut by_participant: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (track, sid) in tracks {
        by_participant.entry(sid).or_default().push(track.clone());
    }
    UpdateSubscription {
        track_sids: tracks.iter().map(|(track, _)| track.clone()).collect(),
        subscribe,
        participant_tracks: by_participant
            .into_iter()
            .map(|(sid, track_sids)| ParticipantTracks {
                participant_sid: sid.to_owned(),
                track_sids,
            })
            .collect(),
    }
}
