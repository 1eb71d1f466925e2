// SPDX-License-Identifier: EUPL-1.2
//! What else a room elsewhere has to do with partners: who they are, and one queue of hands.

use super::RemoteRoom;
use super::guest::Phase;
use crate::call::LegId;
use crate::room::{JointPartner, Notice, Output};

impl RemoteRoom {
    /// Takes in the partners as they are now, and tells our own guests what it means for them.
    pub(super) fn set_joint(&mut self, partners: Vec<JointPartner>) {
        let told = self.joint.take(self.clock, partners);
        if told.is_new {
            self.say(Output::RosterAtOnce);
        }
        self.changed |= told.is_changed;
        self.tell_inside(told.notices);
    }

    /// Tells what was held back because too much had been told of a partner.
    pub(super) fn tell_joint(&mut self) {
        let notices = self.joint.due(self.clock);
        self.tell_inside(notices);
    }

    fn tell_inside(&mut self, notices: Vec<Notice>) {
        if notices.is_empty() {
            return;
        }
        let inside = self.guests.iter();
        let inside = inside.filter(|guest| !guest.is_far && guest.phase == Phase::Inside);
        let inside: Vec<LegId> = inside.map(|guest| guest.leg).collect();
        // Our guests are nobody's moderators here.
        for notice in notices.into_iter().filter(|notice| !notice.is_for_moderators()) {
            for person in &inside {
                self.tell(*person, notice);
            }
        }
    }

    /// Tells a newcomer with which partners the room is shared.
    pub(super) fn tell_partners(&mut self, person: LegId) {
        let up: Vec<_> = self.joint.up().collect();
        for id in up {
            self.tell(person, Notice::PartnerJoined(id));
        }
    }

    /// Keeps the queue of hands up to date: whoever raised one stands behind those who had.
    pub(super) fn see_to_queue(&mut self) {
        let mut others: Vec<_> = self.others.iter().map(|other| &other.person).collect();
        others.sort_by_key(|person| person.hand);
        let others = others.into_iter().filter(|person| person.hand.is_some());
        let others = others.map(|person| person.leg);
        let ours = self.guests.iter().filter(|guest| guest.hand && !guest.is_far);
        let far = self.far.iter().filter(|far| far.hand).map(|far| far.leg);
        let up: Vec<LegId> = others.chain(ours.map(|guest| guest.leg)).chain(far).collect();
        self.queue.retain(|leg| up.contains(leg));
        for leg in up {
            if !self.queue.contains(&leg) {
                self.queue.push(leg);
            }
        }
    }

    /// Brings the raised hands into the order that holds in all halves of the joint session; hands that are not named
    /// follow in the order they have.
    pub(super) fn arrange_hands(&mut self, order: &[LegId]) {
        let before = self.queue.clone();
        let place = |leg: &LegId| order.iter().position(|named| named == leg).unwrap_or(usize::MAX);
        self.queue.sort_by_cached_key(place);
        self.changed |= self.queue != before;
    }

    /// Returns a raised hand's place, counted from 1.
    pub(super) fn place_in_queue(&self, person: LegId) -> Option<usize> {
        self.queue.iter().position(|leg| *leg == person).map(|place| place + 1)
    }
}
