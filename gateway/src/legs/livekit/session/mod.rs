// SPDX-License-Identifier: EUPL-1.2
//! One phone's participant, as its owner holds it.

/// Who is in the room, which tracks are subscribed, and who speaks.
mod audience;
/// How a session gets in, stays in, and comes back.
mod core;
/// What a session tells its owner.
mod event;
/// The phone's own track on the server.
mod microphone;
/// What a session and its server say to each other.
mod talk;
/// Drives a session's core.
mod task;
#[cfg(test)]
mod tests;
/// The words between a session's core and its task.
mod words;

use tokio::sync::mpsc;

use super::halls::Standing;
use crate::call::LegId;
use crate::media::RoomKey;

pub(super) use self::core::Core;
pub use event::{Gone, PersonKind, RemotePerson, SessionEvent};
pub(super) use task::{Seat, run};
pub(super) use words::CoreOptions;

/// Holds one phone's participant in a LiveKit room; dropping it leaves the room.
pub struct Session {
    pub(super) room: RoomKey,
    pub(super) standing: Standing,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) events: mpsc::Receiver<SessionEvent>,
}

/// What the owner asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Mute(bool),
    Digit(char),
}

impl Session {
    /// Returns the phone's leg.
    pub fn leg(&self) -> LegId {
        self.standing.leg
    }

    /// Returns the hall's room in the media plane; it stays the same while the session lasts.
    pub fn room(&self) -> RoomKey {
        self.room
    }

    /// Shows the phone as muted or not; the plane's own mute is the owner's business.
    pub fn set_muted(&self, muted: bool) {
        // A session that does not keep up with its owner's keys is about to end.
        let _ = self.orders.try_send(Order::Mute(muted));
    }

    /// Sends a key to the room as SipDTMF; ignored for what is no key, and where the token forbids data.
    pub fn send_digit(&self, digit: char) {
        // As above.
        let _ = self.orders.try_send(Order::Digit(digit));
    }

    /// Waits for the next event; `None` after [`SessionEvent::Gone`]. May be cancelled.
    pub async fn next_event(&mut self) -> Option<SessionEvent> {
        self.events.recv().await
    }

    /// Leaves the room.
    pub fn leave(self) {}
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("leg", &self.leg())
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}
