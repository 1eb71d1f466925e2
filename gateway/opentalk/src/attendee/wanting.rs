// SPDX-License-Identifier: EUPL-1.2
//! What the phone wants.

use std::time::{Duration, Instant};

use super::Attendee;
use super::link::Stage;
use crate::wire::say;
use crate::{Command, Ending, Event, Place};

/// How long a LiveKit token may take.
const TOKEN: Duration = Duration::from_secs(10);

impl Attendee {
    /// Takes in what the phone wants; outside of the room, only to leave.
    pub(super) fn want(&mut self, now: Instant, command: Command) {
        let is_inside = self.stage == Stage::Inside;
        match command {
            Command::Leave => self.end(Ending::Left),
            Command::NewCredentials if is_inside && self.say(say::new_access_token()) => {
                self.token_wanted = Some(now + TOKEN);
            }
            Command::NewCredentials => self.tell(Event::CredentialsUnavailable),
            Command::Switch(to) if is_inside && self.can_switch(to) && self.say(say::switch(to)) => {
                self.switching = true;
            }
            Command::Switch(_) => self.tell(Event::SwitchRefused),
            Command::RaiseHand if is_inside && !self.hand.enabled => self.tell(Event::HandsEnabled(false)),
            Command::RaiseHand if is_inside => self.say_hand(true),
            Command::LowerHand if is_inside => self.say_hand(false),
            Command::Consent(consents) => self.answer_consent(is_inside, consents),
            Command::Chat(text) if is_inside => {
                if let Some(text) = say::chat(&text, self.place) {
                    self.say(text);
                }
            }
            Command::RaiseHand | Command::LowerHand | Command::Chat(_) => {}
        }
    }

    /// Tells whether there is such a room, and the phone is not in it or on its way.
    fn can_switch(&self, to: Place) -> bool {
        let exists = match to {
            Place::Main => true,
            Place::Breakout(id) => self.rooms.iter().any(|room| room.id == id),
        };
        exists && to != self.place && !self.switching
    }
}
