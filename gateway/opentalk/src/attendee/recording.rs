// SPDX-License-Identifier: EUPL-1.2
//! Whether the phone may be recorded.
//!
//! The caller is asked for each recording anew, before its first word is kept. OpenTalk has one consent for recordings
//! and streams together.

use std::collections::BTreeSet;

use super::Attendee;
use crate::wire::events::StreamUpdated;
use crate::wire::{Id, join, say};
use crate::{Event, Recorded};

/// Most streams that are kept.
const MOST_STREAMS: usize = 64;

/// What is recorded, and what the caller said to it.
#[derive(Debug, Default)]
pub(super) struct Consent {
    recording: bool,
    streams: BTreeSet<Id>,
    /// Legacy: targets that are recordings.
    recordings: BTreeSet<Id>,
    /// The caller's answer for what runs now.
    answer: Option<bool>,
    /// What the server holds, as far as it is known.
    held: bool,
}

impl Consent {
    /// Returns what runs; a recording before a stream.
    pub(super) fn running(&self) -> Option<Recorded> {
        if self.recording {
            return Some(Recorded::Recording);
        }
        (!self.streams.is_empty()).then_some(Recorded::Stream)
    }

    /// Returns what the caller said to what runs.
    pub(super) fn answer(&self) -> Option<bool> {
        self.answer
    }

    fn has_stream(&self) -> bool {
        !self.streams.is_empty()
    }

    fn set_stream(&mut self, id: Id, status: &join::Status) {
        if status.is_recording() && self.recordings.len() < MOST_STREAMS {
            self.recordings.insert(id.clone());
        }
        if self.recordings.contains(&id) {
            self.recording = status.is_on();
        } else if !status.is_on() {
            self.streams.remove(&id);
        } else if self.streams.len() < MOST_STREAMS {
            self.streams.insert(id);
        }
    }
}

impl Attendee {
    /// Takes what the server says at a join. A no from before an outage still holds; a yes was given to a participant
    /// that is gone, and nobody knows whether it is the same recording: the caller is asked again.
    pub(super) fn recording_at_join(&mut self, said: Option<join::Recording>) {
        let Some(said) = said else {
            self.consent = Consent::default();
            return;
        };
        let consent = &mut self.consent;
        consent.recording = said.recording_state.is_on();
        consent.streams.clear();
        consent.held = said.consents_recording;
        for (id, status) in said.stream_states.into_iter().chain(said.targets) {
            consent.set_stream(id, &status);
        }
        consent.answer = match (consent.running(), consent.answer) {
            (None, _) => None,
            (Some(_), Some(false)) => Some(false),
            (Some(_), _) => consent.held.then_some(true),
        };
        if consent.answer == Some(false) && consent.held {
            // The caller knows already: the server's confirmation is no news.
            consent.held = false;
            self.say(say::consent(false));
        }
    }

    pub(super) fn recording_updated(&mut self, status: &join::Status) {
        self.with_recording(|consent| consent.recording = status.is_on());
    }

    pub(super) fn stream_updated(&mut self, said: StreamUpdated) {
        self.with_recording(|consent| consent.set_stream(said.target_id, &said.status));
    }

    fn with_recording(&mut self, change: impl FnOnce(&mut Consent)) {
        let (recorded, streamed) = (self.consent.recording, self.consent.has_stream());
        change(&mut self.consent);
        let begun = if self.consent.recording && !recorded {
            Some(Recorded::Recording)
        } else {
            (self.consent.has_stream() && !streamed).then_some(Recorded::Stream)
        };
        match (begun, self.consent.running()) {
            // A yes to a recording is none to a broadcast, nor the other way round.
            (Some(what), _) => {
                self.consent.answer = None;
                self.tell(Event::ConsentAsked(what));
            }
            (None, None) if recorded || streamed => {
                self.consent.answer = None;
                self.tell(Event::RecordingStopped);
            }
            _ => {}
        }
    }

    /// Takes the caller's answer: a no at any time, a yes where it can be said.
    pub(super) fn answer_consent(&mut self, is_inside: bool, consents: bool) {
        if !consents && self.consent.running().is_some() {
            self.consent.answer = Some(false);
        }
        if !is_inside || !self.say(say::consent(consents)) {
            return;
        }
        self.consent.answer = Some(consents);
        // Without a change the server confirms nothing, nor does the legacy signalling.
        if self.consent.held == consents || self.is_legacy {
            self.consent.held = consents;
            self.tell(Event::ConsentStored(consents));
        }
    }

    /// Notes what the server holds of this phone.
    pub(super) fn consent_held(&mut self, consents: bool) {
        if self.consent.held == consents {
            return;
        }
        self.consent.held = consents;
        if self.consent.running().is_some() {
            self.consent.answer = Some(consents);
        }
        self.tell(Event::ConsentStored(consents));
    }
}
