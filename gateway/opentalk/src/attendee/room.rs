// SPDX-License-Identifier: EUPL-1.2
//! Where the phone is, and what it finds there.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Attendee;
use super::link::Stage;
use crate::wire::events::{BreakoutStarted, Switched};
use crate::wire::join::{JoinSuccess, LiveKit, rooms};
use crate::wire::{say, until};
use crate::{Breakout, Command, Ending, Event, Joined, Place};

/// Time before the end of the meeting at which the caller is warned.
const WARNINGS: [Duration; 2] = [Duration::from_secs(300), Duration::from_secs(60)];
/// Time before the end of breakout rooms at which the caller is warned.
const ROOMS_WARNING: Duration = Duration::from_secs(60);

impl Attendee {
    /// The phone is in the room: for the first time, from the waiting room, or after an outage.
    pub(super) fn joined(&mut self, now: Instant, at: Option<Timestamp>, mut success: JoinSuccess) {
        if success.event_info.e2e_encryption {
            return self.end(Ending::EndToEndEncrypted);
        }
        let modules = success.modules();
        if !success.id.is_empty() {
            self.me = std::mem::take(&mut success.id);
        }
        self.stage = Stage::Inside;
        self.named = true;
        self.settled(now);
        let is_back = std::mem::take(&mut self.told_lost);
        self.roster.replace(now, success.participants, &self.me);
        self.recording_at_join(modules.recording);

        let closes_in = until(at, success.closes_at.as_deref());
        self.closes_at = closes_in.map(|left| now + left);
        self.warnings = closes_in.map_or(0, |left| WARNINGS.iter().filter(|warning| left <= **warning).count());

        let breakout = modules.breakout.unwrap_or_default();
        self.place = breakout.room.place().unwrap_or_default();
        self.rooms = rooms(breakout.rooms);
        let breakout = (!self.rooms.is_empty()).then(|| Breakout {
            rooms: self.rooms.clone(),
            mine: None,
            expires_in: until(at, breakout.expires.as_deref()),
        });
        self.warn_of_rooms(now, breakout.as_ref().and_then(|breakout| breakout.expires_in));

        let hands = modules.raise_hands.unwrap_or(modules.moderation);
        self.hand.enabled = hands.raise_hands_enabled.unwrap_or(true);
        let was_up = std::mem::replace(&mut self.hand.up, hands.state.is_some());
        let is_lowered = was_up && !self.hand.up;

        let has_livekit = modules.livekit.is_some();
        let livekit = modules.livekit.unwrap_or_default();
        self.restricted = livekit.microphone_restriction_state.restricts(&self.me);
        let credentials = livekit.access.credentials();
        let has_none = has_livekit && credentials.is_none();
        let joined = Joined {
            room_id: Some(success.room_info.id.0).filter(|id| !id.is_empty()),
            id: self.me.0.clone(),
            alone: self.roster.is_alone(),
            people: self.roster.list(),
            microphone_restricted: self.restricted,
            hands_enabled: self.hand.enabled,
            recorded: self.consent.running(),
            consent: self.consent.answer(),
            closes_in,
            breakout,
            place: self.place,
            credentials,
        };
        self.tell(if is_back {
            Event::Restored(joined)
        } else {
            Event::Joined(joined)
        });
        if has_none {
            self.want(now, Command::NewCredentials);
        }
        if is_lowered && is_back && self.hand.enabled {
            self.hand.up = true;
            self.hand.quietly = true;
            self.say_hand(true);
        } else if is_lowered {
            self.tell(Event::HandLowered { by_moderator: true });
        }
    }

    pub(super) fn sent_to_waiting_room(&mut self) {
        if self.stage == Stage::Waiting {
            return;
        }
        self.stage = Stage::Waiting;
        self.switching = false;
        self.token_wanted = None;
        self.tell(Event::SentToWaitingRoom);
    }

    /// Notes whether moderators keep the phone from speaking.
    pub(super) fn restrict(&mut self, restricted: bool) {
        if std::mem::replace(&mut self.restricted, restricted) != restricted {
            self.tell(Event::MicrophoneRestricted(restricted));
        }
    }

    /// Notes the phone's own hand.
    pub(super) fn hand_moved(&mut self, up: bool, by_moderator: bool) {
        let was_up = std::mem::replace(&mut self.hand.up, up);
        let is_quiet = std::mem::take(&mut self.hand.quietly);
        match up {
            true if !(is_quiet && was_up) => self.tell(Event::HandRaised),
            false if was_up || !by_moderator => self.tell(Event::HandLowered { by_moderator }),
            _ => {}
        }
    }

    /// Notes whether hands may be raised; none stays up when they may not.
    pub(super) fn hands_enabled(&mut self, now: Instant, enabled: bool) {
        self.hand.enabled = enabled;
        if !enabled {
            self.hand.quietly = false;
            if std::mem::take(&mut self.hand.up) {
                self.tell(Event::HandLowered { by_moderator: true });
            }
            self.roster.change_all(now, |person| person.hand = false);
        }
        self.tell(Event::HandsEnabled(enabled));
    }

    pub(super) fn say_hand(&mut self, up: bool) {
        let namespace = if self.is_legacy { "control" } else { "raise_hands" };
        self.say(say::hand(namespace, up));
    }

    pub(super) fn breakout_started(&mut self, now: Instant, at: Option<Timestamp>, started: BreakoutStarted) {
        let rooms = rooms(started.rooms);
        // The legacy signalling has rooms of another kind, which telephones can not change to.
        if rooms.is_empty() {
            return;
        }
        let expires_in = until(at, started.expires_at.as_deref());
        let mine = started
            .assignment
            .filter(|mine| rooms.iter().any(|room| room.id == *mine));
        self.rooms.clone_from(&rooms);
        self.warn_of_rooms(now, expires_in);
        self.tell(Event::BreakoutOpened(Breakout {
            rooms,
            mine,
            expires_in,
        }));
    }

    pub(super) fn breakout_closing(&mut self, within: Option<Duration>) {
        self.rooms_warn_at = None;
        self.tell(Event::BreakoutClosing { within });
    }

    /// The phone is in another room: as it wanted, or because the breakout rooms closed.
    pub(super) fn switched(&mut self, now: Instant, switched: Switched) {
        let Some(to) = switched.new_room.place() else { return };
        let LiveKit {
            access,
            microphone_restriction_state,
        } = switched.own_data.livekit.unwrap_or_default();
        self.switching = false;
        self.place = to;
        self.restricted = microphone_restriction_state.restricts(&self.me);
        let credentials = access.credentials();
        let has_none = credentials.is_none();
        let name = self.rooms.iter().find(|room| Place::Breakout(room.id) == to);
        self.tell(Event::Switched {
            to,
            name: name.map(|room| room.name.clone()),
            credentials,
            microphone_restricted: self.restricted,
        });
        if has_none {
            self.want(now, Command::NewCredentials);
        }
    }

    /// Says when the caller is next to be warned of the end of the meeting.
    pub(super) fn next_warning(&self) -> Option<Instant> {
        let before = WARNINGS.get(self.warnings)?;
        self.closes_at?.checked_sub(*before)
    }

    pub(super) fn room_alarms(&mut self, now: Instant) {
        while let (Some(at), Some(closes_at)) = (self.next_warning(), self.closes_at) {
            if at > now {
                break;
            }
            self.warnings += 1;
            let left = closes_at.saturating_duration_since(now);
            self.tell(Event::TimeLimit { left });
        }
        if self.rooms_warn_at.is_some_and(|at| at <= now) {
            self.breakout_closing(Some(ROOMS_WARNING));
        }
    }

    fn warn_of_rooms(&mut self, now: Instant, expires_in: Option<Duration>) {
        let wait = expires_in.and_then(|left| left.checked_sub(ROOMS_WARNING));
        self.rooms_warn_at = wait.filter(|wait| !wait.is_zero()).map(|wait| now + wait);
    }
}
