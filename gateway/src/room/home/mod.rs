// SPDX-License-Identifier: EUPL-1.2
//! Where a room lives. A home decides who is in, who is heard and who is told; its room's task only carries it out.

use std::time::Instant;

use crate::room::{Input, Output, Residence, RoomConfig, Roster};

/// The gateway's own room: no other server is asked.
mod local;
/// A room of LiveKit or a meeting of OpenTalk, as our phones are in it.
pub mod remote;

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

/// Opens a room where its meeting lives.
pub(super) fn open(now: Instant, config: RoomConfig, residence: &Residence) -> Box<dyn Home> {
    match residence {
        Residence::Local => local::open(now, config),
        Residence::Livekit { .. } | Residence::Opentalk => remote::open(now, config, residence.clone()),
    }
}
