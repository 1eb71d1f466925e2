// SPDX-License-Identifier: EUPL-1.2
//! From a leg to the borders of its room, packet by packet.

use std::collections::HashMap;

use super::border::Border;
use super::leg::Leg;
use super::phone::Phone;
use super::room::Room;
use crate::media::words::RoomKey;

/// The way of one leg's packets, while the leg itself is taken out of its slot.
pub(super) struct Onward<'a> {
    pub(super) rooms: &'a HashMap<RoomKey, Room>,
    pub(super) legs: &'a mut [Option<Box<Leg>>],
    /// The leg's own.
    pub(super) slot: usize,
}

impl Onward<'_> {
    /// Does something with each border of a room.
    pub(super) fn each(&mut self, room: Option<RoomKey>, mut act: impl FnMut(&mut Border, &mut Phone)) {
        let Some(room) = room.and_then(|room| self.rooms.get(&room)) else {
            return;
        };
        for slot in room.borders() {
            if let Some(leg) = self.legs.get_mut(*slot).and_then(Option::as_deref_mut)
                && let Some((border, phone)) = leg.as_border()
            {
                act(border, phone);
            }
        }
    }
}
