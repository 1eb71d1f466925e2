// SPDX-License-Identifier: EUPL-1.2
//! What the server says.
//!
//! One table serves all dialects: where two of them say the same, it is the same line. What is not in the table is not
//! for telephones, or not known yet, and is skipped.

use std::time::Instant;

use super::Attendee;
use super::link::{ANSWER, Stage};
use crate::wire::events::{
    BreakoutStarted, CloseNotice, Connected, ConsentUpdated, Disconnected, Failure, HandMoved, HandsReset, LegacyLeft,
    MessageSent, NameChanged, OtherSwitched, Reason, RoleUpdated, StreamUpdated, Switched, Unrestricted,
};
use crate::wire::join::{Access, JoinSuccess, Lobby, Participant, Status};
use crate::wire::{Envelope, Id, clean_name, join, say};
use crate::{Ending, Event, Place};

impl Attendee {
    /// Takes in one message.
    pub(super) fn heard(&mut self, now: Instant, text: &str) {
        if !self.is_open() {
            return;
        }
        let Some(said) = Envelope::parse(text) else { return };
        match said.namespace.as_str() {
            "core" | "control" => self.heard_core(now, said),
            "moderation" => self.heard_moderation(now, said),
            "raise_hands" => self.heard_hands(now, said),
            "livekit" => self.heard_livekit(now, said),
            "breakout" => self.heard_breakout(now, said),
            "recording" => self.heard_recording(said),
            "chat" => self.heard_chat(said),
            "error" => self.failed(now, &said.read::<Failure>().error),
            _ => {}
        }
    }

    fn heard_core(&mut self, now: Instant, said: Envelope) {
        match said.message.as_str() {
            "joined_lobby" => self.in_lobby(now, said.read()),
            "in_waiting_room" => self.in_waiting_room(now, said.read()),
            "join_success" => {
                let at = said.at;
                self.joined(now, at, said.read::<JoinSuccess>());
            }
            "join_blocked" => match said.read::<Reason>().reason.as_str() {
                "participant_limit_reached" => self.end(Ending::RoomFull),
                other => self.end(Ending::Blocked(clean_name(other))),
            },
            "participant_connected" => {
                let Connected {
                    participant_id,
                    connection_id,
                    peer_data,
                } = said.read();
                if participant_id != self.me {
                    self.roster.connected(now, participant_id, connection_id, &peer_data);
                }
            }
            "participant_disconnected" => {
                let gone: Disconnected = said.read();
                match gone.reason.as_str() {
                    "guest_access_disabled" if gone.participant_id == self.me => self.end(Ending::GuestsExcluded),
                    _ => self.roster.disconnected(now, &gone.participant_id, &gone.connection_id),
                }
            }
            "closing" => self.closing(now, &said.read::<Reason>().reason),
            "error" => self.failed(now, &said.read::<Failure>().error),
            "joined" | "update" => {
                let participant: Participant = said.read();
                match (participant.id == self.me, &participant.recording) {
                    (true, Some(recording)) => self.consent_held(recording.consents_recording),
                    (true, None) => {}
                    (false, _) => self.roster.update(now, participant, &self.me),
                }
            }
            "left" => self.roster.left(now, &said.read::<LegacyLeft>().id),
            "hand_raised" | "hand_lowered" | "raise_hands_enabled" | "raise_hands_disabled" => {
                self.heard_hands(now, said);
            }
            "time_limit_quota_elapsed" => self.end(Ending::TimeLimit),
            "room_deleted" => self.end(Ending::RoomDeleted),
            _ => {}
        }
    }

    /// In the second generation's lobby: the name is told here.
    fn in_lobby(&mut self, now: Instant, lobby: Lobby) {
        if !matches!(self.stage, Stage::Greeting { .. }) {
            return;
        }
        self.me = lobby.participant_id;
        self.named = lobby.display_name.is_some();
        match lobby.can_enter {
            true => self.enter(now, false),
            false => self.enter_waiting_room(now),
        }
    }

    fn in_waiting_room(&mut self, now: Instant, lobby: Lobby) {
        if self.stage == Stage::Waiting {
            return;
        }
        if !lobby.participant_id.is_empty() {
            self.me = lobby.participant_id;
        }
        // The first generation has the name from the token, the second from the lobby.
        self.named = true;
        self.told_lost = false;
        self.stage = Stage::Waiting;
        self.settled(now);
        self.tell(Event::Waiting);
    }

    /// Asks to be let into the room.
    fn enter(&mut self, now: Instant, waited: bool) {
        let until = now + ANSWER;
        self.stage = Stage::Entering { until, waited };
        self.say_enter(false);
    }

    /// Asks to be let into the waiting room.
    fn enter_waiting_room(&mut self, now: Instant) {
        self.stage = Stage::Greeting { until: now + ANSWER };
        self.say_enter(true);
    }

    fn say_enter(&mut self, waiting: bool) {
        let namespace = if self.is_legacy { "control" } else { "core" };
        let name = (!self.named).then_some(&self.options.name);
        let text = say::enter(namespace, waiting, name);
        self.named = true;
        self.say(text);
    }

    fn failed(&mut self, now: Instant, error: &str) {
        match (error, self.stage) {
            ("not_accepted", Stage::Entering { waited: true, .. }) => {
                self.stage = Stage::Waiting;
                self.tell(Event::Waiting);
            }
            ("not_accepted", Stage::Entering { waited: false, .. }) => self.enter_waiting_room(now),
            ("already_accepted", Stage::Greeting { .. }) => self.enter(now, false),
            // Said again with or without the name; the time to get in goes on.
            ("display_name_required" | "display_name_already_provided", stage) => {
                self.named = error == "display_name_already_provided";
                match stage {
                    Stage::Greeting { .. } => self.say_enter(true),
                    Stage::Entering { .. } => self.say_enter(false),
                    _ => {}
                }
            }
            ("unknown_participant" | "unknown_connection", _) => {
                self.drop_link(now, "OpenTalk does not know the phone any more");
            }
            ("raise_hands_disabled", _) => self.hands_enabled(now, false),
            ("slow_down", _) => self.pace.slow_down(now),
            _ => {}
        }
    }

    fn closing(&mut self, now: Instant, reason: &str) {
        match reason {
            "time_limit_reached" => self.end(Ending::TimeLimit),
            "idle_timeout_reached" => self.end(Ending::IdleTimeout),
            "room_deleted" => self.end(Ending::RoomDeleted),
            // The server goes, not the meeting: another takes over, or the same when it is back.
            other => self.drop_link(now, &format!("OpenTalk closes the room ({})", clean_name(other))),
        }
    }

    fn heard_moderation(&mut self, now: Instant, said: Envelope) {
        match said.message.as_str() {
            "in_waiting_room" => self.in_waiting_room(now, said.read()),
            "accepted" if self.stage == Stage::Waiting => {
                self.tell(Event::Accepted);
                self.enter(now, true);
            }
            "sent_to_waiting_room" => self.sent_to_waiting_room(),
            "kicked" => match said.read::<Reason>().reason.as_str() {
                "debriefed" => self.end(Ending::Debriefed),
                _ => self.end(Ending::Kicked),
            },
            "banned" => self.end(Ending::Banned),
            "session_ended" => self.end(Ending::SessionEnded),
            "muted" => self.tell(Event::MutedByModerator),
            "microphone_restrictions_enabled" => {
                let Unrestricted {
                    unrestricted_participants,
                } = said.read();
                self.restrict(!unrestricted_participants.contains(&self.me));
            }
            "microphone_restrictions_disabled" => self.restrict(false),
            "role_updated" => {
                let RoleUpdated {
                    participant_id,
                    new_role,
                } = said.read();
                let role = join::role(&new_role);
                self.roster.change(now, &participant_id, |person| person.role = role);
            }
            "display_name_changed" => {
                let NameChanged { target, new_name } = said.read();
                let name = clean_name(&new_name);
                self.roster.change(now, &target, |person| person.name = name);
            }
            "raise_hands_enabled" | "raise_hands_disabled" | "raised_hand_reset_by_moderator" => {
                self.heard_hands(now, said);
            }
            _ => {}
        }
    }

    fn heard_hands(&mut self, now: Instant, said: Envelope) {
        match said.message.as_str() {
            message @ ("hand_raised" | "hand_lowered") => {
                let up = message == "hand_raised";
                let whose = said.read::<HandMoved>().participant;
                match whose.filter(|id| *id != self.me) {
                    Some(id) => self.roster.change(now, &id, |person| person.hand = up),
                    None => self.hand_moved(up, false),
                }
            }
            "raised_hand_reset_by_moderator" => {
                let HandsReset { participants } = said.read();
                if participants.is_empty() || participants.contains(&self.me) {
                    self.hand_moved(false, true);
                }
                for id in participants {
                    self.roster.change(now, &id, |person| person.hand = false);
                }
            }
            "raise_hands_enabled" => self.hands_enabled(now, true),
            "raise_hands_disabled" => self.hands_enabled(now, false),
            "error" => self.failed(now, &said.read::<Failure>().error),
            _ => {}
        }
    }

    fn heard_livekit(&mut self, now: Instant, said: Envelope) {
        match said.message.as_str() {
            "credentials" => {
                if let Some(credentials) = said.read::<Access>().credentials() {
                    self.token_wanted = None;
                    self.tell(Event::Credentials(credentials));
                }
            }
            // Also said of itself when LiveKit is away for a while: then nobody waits for it.
            "error" if self.token_wanted.take().is_some() => self.tell(Event::CredentialsUnavailable),
            "force_muted" => self.tell(Event::MutedByModerator),
            "microphone_restrictions_enabled" | "microphone_restrictions_disabled" => self.heard_moderation(now, said),
            _ => {}
        }
    }

    fn heard_breakout(&mut self, now: Instant, said: Envelope) {
        match said.message.as_str() {
            "started" => {
                let at = said.at;
                self.breakout_started(now, at, said.read::<BreakoutStarted>());
            }
            "switched_room" => self.switched(now, said.read::<Switched>()),
            "participant_switched_room" => {
                let OtherSwitched {
                    participant_id,
                    new_room,
                } = said.read();
                if let Some(place) = new_room.place() {
                    self.roster.change(now, &participant_id, |person| person.place = place);
                }
            }
            "close_notice" if !self.rooms.is_empty() => {
                let at = said.at;
                let notice: CloseNotice = said.read();
                self.breakout_closing(crate::wire::until(at, notice.stops_at.as_deref()));
            }
            "closing" if !self.rooms.is_empty() => self.breakout_closing(None),
            "closed" if !self.rooms.is_empty() => {
                self.rooms.clear();
                self.rooms_warn_at = None;
                self.roster.change_all(now, |person| person.place = Place::Main);
                self.tell(Event::BreakoutClosed);
            }
            "error" if std::mem::take(&mut self.switching) => self.tell(Event::SwitchRefused),
            _ => {}
        }
    }

    fn heard_recording(&mut self, said: Envelope) {
        match said.message.as_str() {
            "recording_updated" => {
                let status: Status = said.read();
                self.recording_updated(&status);
            }
            "stream_updated" => self.stream_updated(said.read::<StreamUpdated>()),
            "consent_updated" => {
                let ConsentUpdated { participant, consents } = said.read();
                if participant == self.me {
                    self.consent_held(consents);
                }
            }
            _ => {}
        }
    }

    fn heard_chat(&mut self, said: Envelope) {
        if said.message != "message_sent" {
            return;
        }
        let MessageSent { source, content, scope } = said.read();
        let is_for_all = matches!(scope.as_str(), "global" | "breakout");
        let text = say::clean_chat(&content);
        if source == self.me || !is_for_all || text.is_empty() {
            return;
        }
        let from = self.roster.name(&source).unwrap_or("").to_owned();
        let Id(by) = source;
        self.tell(Event::Chat { by, from, text });
    }
}
