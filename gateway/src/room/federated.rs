// SPDX-License-Identifier: EUPL-1.2
//! People of partners in a room of the gateway's own.
//!
//! A far person is let in by its own authority: neither lock nor waiting room, PIN nor `max_people` of this room stand
//! in its way; how many there may be is agreed with the partner. It is nobody's moderator here, whatever it is there:
//! what its moderators may do comes as the operator's word, after the policy was asked.

use std::time::{Duration, Instant};

use crate::call::{LegId, Role};
use crate::room::seat::FarEntrant;
use crate::room::state::{Member, Room};
use crate::room::{Denial, JointPartner, Notice, Output, chat, names};

/// The least time between two tones for far people: a whole partner may come at once.
const TONES: Duration = Duration::from_secs(2);

/// What a room knows of a far person beyond what it knows of everybody.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) entrant: FarEntrant,
    pub(super) away: bool,
}

impl From<FarEntrant> for Far {
    fn from(entrant: FarEntrant) -> Far {
        Far { entrant, away: false }
    }
}

impl Room {
    /// Counts those present whom this room's own limit counts.
    pub(super) fn ours_present(&self) -> usize {
        self.present.iter().filter(|member| member.far.is_none()).count()
    }

    /// Tells whether a tone may say that a far person comes or goes.
    pub(super) fn may_chime_for_far(&mut self) -> bool {
        let is_due = self
            .last_far_tone
            .is_none_or(|last| self.clock.saturating_duration_since(last) >= TONES);
        if is_due {
            self.last_far_tone = Some(self.clock);
        }
        is_due
    }

    /// Marks a far person as out of reach, or as back.
    pub(super) fn set_away(&mut self, person: LegId, away: bool) -> Result<(), Denial> {
        let member = self.far_member(person)?;
        let Some(far) = &mut member.far else {
            return Err(Denial::NotOffered);
        };
        let was_away = std::mem::replace(&mut far.away, away);
        if away {
            member.speaking = false;
        }
        self.changed |= was_away != away;
        Ok(())
    }

    /// Shows a far person by another name or role.
    pub(super) fn introduce(&mut self, person: LegId, name: &str, is_moderator: bool) -> Result<(), Denial> {
        let kind = self.far_member(person)?.kind;
        let cleaned = names::clean(name);
        let name = match self.member(person) {
            // Its own name is no other's.
            Some(member) if member.name == cleaned => cleaned,
            _ => self.free_name_but_for(&cleaned, kind, Some(person)),
        };
        let member = self.far_member(person)?;
        let mut is_changed = member.name != name;
        member.name = name;
        if let Some(far) = &mut member.far {
            is_changed |= far.entrant.is_moderator != is_moderator;
            far.entrant.is_moderator = is_moderator;
        }
        self.changed |= is_changed;
        Ok(())
    }

    /// Shows a line that was written while its writer was out of reach; the link has bounded how many there are.
    pub(super) fn write_unpaced(&mut self, person: LegId, text: &str) -> Result<(), Denial> {
        let name = self.far_member(person)?.name.clone();
        let text = chat::clean(text)?;
        self.show_line(Some(person), name, text);
        Ok(())
    }

    /// Brings the raised hands into the order that holds in all halves of the joint session. Hands that are not named
    /// follow in the order they have; nobody's hand goes up or down by it.
    pub(super) fn arrange_hands(&mut self, order: &[LegId]) {
        let before = self.hands.clone();
        let place = |leg: &LegId| order.iter().position(|named| named == leg).unwrap_or(usize::MAX);
        self.hands.sort_by_cached_key(place);
        self.changed |= self.hands != before;
    }

    /// Takes in the partners as they are now, and tells those present what it means for them.
    pub(super) fn set_joint(&mut self, partners: Vec<JointPartner>) {
        let told = self.joint.take(self.clock, partners);
        if told.is_new {
            self.say(Output::RosterAtOnce);
        }
        self.changed |= told.is_changed;
        for notice in told.notices {
            self.tell_ours(notice);
        }
    }

    /// Tells what was held back because too much had been told of a partner.
    pub(super) fn tell_joint(&mut self, now: Instant) {
        for notice in self.joint.due(now) {
            self.tell_ours(notice);
        }
    }

    /// Tells moderators that a partner did not do what one of them asked for.
    pub(super) fn denied_by(&mut self, deployment: &str) -> Result<(), Denial> {
        let id = self.joint.id_of(deployment).ok_or(Denial::NoSuchPerson)?;
        self.tell_ours(Notice::PartnerDenied(id));
        Ok(())
    }

    /// Tells a newcomer with which partners the room is shared.
    pub(super) fn tell_partners(&mut self, person: LegId) {
        let up: Vec<_> = self.joint.up().collect();
        for id in up {
            self.tell(person, Notice::PartnerJoined(id));
        }
    }

    fn tell_ours(&mut self, notice: Notice) {
        let for_all = !notice.is_for_moderators();
        let ours: Vec<LegId> = self
            .present
            .iter()
            .filter(|member| member.far.is_none() && (for_all || member.role == Role::Moderator))
            .map(|member| member.leg)
            .collect();
        for person in ours {
            self.tell(person, notice);
        }
    }

    fn far_member(&mut self, person: LegId) -> Result<&mut Member, Denial> {
        let member = self.present_member(person)?;
        if member.far.is_some() {
            Ok(member)
        } else {
            Err(Denial::NotOffered)
        }
    }
}

impl Member {
    /// Tells whether the person is in a half that is out of reach.
    pub(super) fn is_away(&self) -> bool {
        self.far.as_ref().is_some_and(|far| far.away)
    }

    /// Returns what is shown as the person's role; a far moderator is one, but not here.
    pub(super) fn shown_role(&self) -> Role {
        match &self.far {
            Some(far) if far.entrant.is_moderator => Role::Moderator,
            _ => self.role,
        }
    }
}

/// When a far person last came or went with a tone.
pub(super) type LastTone = Option<Instant>;
