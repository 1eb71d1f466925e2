// SPDX-License-Identifier: EUPL-1.2
//! The gateway's own room: no other server is asked.

use std::time::Instant;

use super::Home;
use crate::room::{Input, Output, Room, RoomConfig, Roster};

/// Opens a room of the gateway's own.
pub(super) fn open(now: Instant, config: RoomConfig) -> Box<dyn Home> {
    Box::new(Room::new(now, config))
}

impl Home for Room {
    fn handle(&mut self, now: Instant, input: Input) {
        Room::handle(self, now, input);
    }

    fn poll(&mut self) -> Option<Output> {
        Room::poll(self)
    }

    fn deadline(&self) -> Option<Instant> {
        Room::deadline(self)
    }

    fn roster(&self) -> Roster {
        Room::roster(self)
    }
}
