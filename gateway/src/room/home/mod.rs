// SPDX-License-Identifier: EUPL-1.2
//! Where a room lives. A home decides who is in, who is heard and who is told; its room's task only carries it out.

use std::time::Instant;

use crate::room::{Input, Output, RoomConfig, Roster};

/// The gateway's own room: no other server is asked.
mod local;

/// One room, wherever it lives: a core with the three verbs, and a roster to look at.
pub trait Home: Send {
    /// Takes in one event.
    fn handle(&mut self, now: Instant, input: Input);
    /// Returns the next thing to do, until there is none.
    fn poll(&mut self) -> Option<Output>;
    /// Returns when `handle(now, Input::Timeout)` is due.
    fn deadline(&self) -> Option<Instant>;
    /// Takes a snapshot for those who look on.
    fn roster(&self) -> Roster;
}

/// Opens a room in the only home there is.
pub(super) fn open(now: Instant, config: RoomConfig) -> Box<dyn Home> {
    local::open(now, config)
}
