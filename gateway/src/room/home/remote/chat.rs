// SPDX-License-Identifier: EUPL-1.2
//! What guests and their conference write to each other.
//!
//! Each guest has a conference signalling of its own, so each is told each line once, and reads the room that it is in:
//! the main room or a breakout room. LiveKit alone has no chat that all clients share; there our guests read each other.

use std::time::Instant;

use landbridge_opentalk::{Command, Place};

use super::guest::{CHAT_PACE, Guest, Phase};
use super::{Deed, RemoteRoom};
use crate::call::{Kind, LegId};
use crate::room::chat::{clean, clipped};
use crate::room::{Denial, Notice, Output, Residence, names};

impl RemoteRoom {
    /// Hands on what a guest writes.
    pub(super) fn write(&mut self, now: Instant, person: LegId, text: &str) -> Result<(), Denial> {
        let guest = self.guest(person)?;
        if guest.phase != Phase::Inside {
            return Err(Denial::Waiting);
        }
        let (name, is_lost) = (guest.name.clone(), guest.conference_lost);
        let text = clean(text)?;
        if is_lost {
            return Err(Denial::NotNow);
        }
        self.pace.count(now, person)?;
        let mut readers = vec![person];
        if self.residence == Residence::Opentalk {
            // OpenTalk tells everybody but the writer.
            self.abroad(person, Deed::Say(Command::Chat(text.clone())));
        } else {
            let inside = self.guests.iter().filter(|guest| guest.phase == Phase::Inside);
            readers = inside.map(|guest| guest.leg).collect();
            readers.sort_unstable();
        }
        self.say(Output::Chat {
            from: Some(person),
            name,
            text,
            readers: readers.into(),
        });
        Ok(())
    }

    /// Tells a guest what somebody wrote in its conference: a phone that there is something, others what; and once, by
    /// the guest who reports, those who look on.
    pub(super) fn wrote(&mut self, now: Instant, person: LegId, by: &str, name: &str, text: &str) {
        let announce = self.config.announce_chat;
        let Ok(guest) = self.guest(person) else { return };
        if guest.phase != Phase::Inside {
            return;
        }
        // What those of the partners write is shown without this detour.
        let is_far = |guest: &Guest| guest.is_far && guest.id.as_deref() == Some(by);
        if self.guests.iter().any(is_far) {
            return;
        }
        self.report(person, by, text);
        let Ok(guest) = self.guest(person) else { return };
        if guest.is_far {
            return;
        }
        if guest.kind == Kind::Phone {
            let is_due = guest.last_chat.is_none_or(|last| last + CHAT_PACE <= now);
            if is_due && announce {
                guest.last_chat = Some(now);
                self.tell(person, Notice::ChatMessage);
            }
            return;
        }
        let Ok(text) = clean(clipped(text)) else { return };
        self.say(Output::Chat {
            from: None,
            name: names::clean(name),
            text,
            readers: [person].into(),
        });
    }

    /// Shows a line of a participant elsewhere to those who look on and to nobody in the room. Of all guests in the main
    /// room, each of whom is told each line, the first one reports.
    fn report(&mut self, person: LegId, by: &str, text: &str) {
        let reports =
            |guest: &&Guest| guest.phase == Phase::Inside && guest.place == Place::Main && !guest.conference_lost;
        if self.guests.iter().find(reports).map(|guest| guest.leg) != Some(person) {
            return;
        }
        let Some(other) = self.others.iter().find(|other| other.id == by) else {
            return;
        };
        let Ok(text) = clean(clipped(text)) else { return };
        let (from, name) = (Some(other.person.leg), other.person.name.clone());
        self.say(Output::Chat {
            from,
            name,
            text,
            readers: [].into(),
        });
    }
}
