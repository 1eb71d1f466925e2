// SPDX-License-Identifier: EUPL-1.2
//! What moderators may do to others and to the room; and muting, which everybody may do to itself.

use crate::call::{Cause, LegId};
use crate::room::state::Room;
use crate::room::{By, Denial, MediaOrder, Notice, Output};

impl Room {
    /// Mutes or unmutes. Whoever was muted by a moderator may unmute itself, as OpenTalk's users know it.
    pub(super) fn set_muted(&mut self, by: By, person: LegId, muted: bool) -> Result<(), Denial> {
        let by_moderator = by != By::Person(person);
        if by_moderator {
            self.require_moderator(by)?;
            self.present_member(person)?;
            if !muted {
                return Err(Denial::MayNotUnmuteOthers);
            }
        }
        let is_present = self.is_present(person);
        let member = self.member_mut(person).ok_or(Denial::NoSuchPerson)?;
        if member.muted == muted {
            return Ok(());
        }
        member.muted = muted;
        member.muted_by_moderator = muted && by_moderator;
        member.speaking = false;
        let is_heard_of = is_present && member.is_attached();
        self.changed = true;
        if is_heard_of {
            self.say(Output::Media(MediaOrder::Mute(person, muted)));
        }
        self.tell(
            person,
            if muted {
                Notice::Muted { by_moderator }
            } else {
                Notice::Unmuted
            },
        );
        Ok(())
    }

    /// Takes a hand down; a hand that is not up stays down without a word.
    pub(super) fn lower_hand(&mut self, by: By, person: LegId) -> Result<(), Denial> {
        let by_moderator = by != By::Person(person);
        if by_moderator {
            self.require_moderator(by)?;
        }
        self.present_member(person)?;
        let before = self.hands.len();
        self.hands.retain(|leg| *leg != person);
        if self.hands.len() != before {
            self.tell(person, Notice::HandLowered { by_moderator });
            self.changed = true;
        }
        Ok(())
    }

    /// Sends a person out of the room or out of the waiting room.
    pub(super) fn remove(&mut self, by: By, person: LegId) -> Result<(), Denial> {
        self.require_moderator(by)?;
        let cause = if self.is_present(person) {
            Cause::Removed
        } else {
            Cause::Declined
        };
        self.leave(person, cause)
    }

    /// Closes or opens the door.
    pub(super) fn lock(&mut self, by: By, locked: bool) -> Result<(), Denial> {
        self.require_moderator(by)?;
        self.changed |= self.locked != locked;
        self.locked = locked;
        Ok(())
    }

    /// Switches the waiting room; switching it off lets in all who wait.
    pub(super) fn set_waiting_room(&mut self, by: By, enabled: bool) -> Result<(), Denial> {
        self.require_moderator(by)?;
        self.changed |= self.config.waiting_room != enabled;
        self.config.waiting_room = enabled;
        if !enabled {
            self.admit_while_there_is_room();
        }
        Ok(())
    }

    /// Lets one waiting person in; letting in who is in already is no fault (two moderators may click at once).
    pub(super) fn admit(&mut self, by: By, person: LegId) -> Result<(), Denial> {
        self.require_moderator(by)?;
        if self.is_present(person) {
            return Ok(());
        }
        let place = self
            .waiting
            .iter()
            .position(|member| member.leg == person)
            .ok_or(Denial::NoSuchPerson)?;
        if self.ours_present() >= self.config.max_people {
            return Err(Denial::Refused(Cause::Full));
        }
        self.admit_at(place);
        Ok(())
    }

    /// Lets all in, in the order they came.
    pub(super) fn admit_all(&mut self, by: By) -> Result<(), Denial> {
        self.require_moderator(by)?;
        self.admit_while_there_is_room();
        if self.waiting.is_empty() {
            Ok(())
        } else {
            Err(Denial::Refused(Cause::Full))
        }
    }

    /// Ends the room for everybody.
    pub(super) fn end(&mut self, by: By) -> Result<(), Denial> {
        self.require_moderator(by)?;
        self.close(Cause::RoomEnded);
        Ok(())
    }

    /// Sends everybody out and closes for good.
    pub(super) fn close(&mut self, cause: Cause) {
        let present = std::mem::take(&mut self.present);
        let waiting = std::mem::take(&mut self.waiting);
        self.hands.clear();
        self.readers = None;
        for member in present.iter().filter(|member| member.is_attached()) {
            self.say(Output::Media(MediaOrder::Leave(member.leg)));
        }
        for member in present.iter().chain(&waiting) {
            self.tell(member.leg, Notice::Ended(cause));
        }
        self.changed = true;
        self.closed = true;
    }

    fn admit_while_there_is_room(&mut self) {
        while !self.waiting.is_empty() && self.ours_present() < self.config.max_people {
            self.admit_at(0);
        }
    }

    fn admit_at(&mut self, place: usize) {
        let member = self.waiting.remove(place);
        let first = self.present.is_empty();
        self.tell(
            member.leg,
            Notice::Admitted {
                first,
                muted: member.muted,
            },
        );
        self.seat(member);
    }
}
