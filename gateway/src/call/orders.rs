// SPDX-License-Identifier: EUPL-1.2
//! Joins rooms and media: orders one way, speakers the other.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use super::LegId;
use super::house::House;
use crate::media::{Chime, Plane, RoomKey};
use crate::room::MediaOrders;

/// Carries rooms' orders to the media plane.
pub struct Orders(pub Plane);

impl MediaOrders for Orders {
    fn enter(&self, leg: LegId, room: RoomKey) {
        self.0.enter(leg, room);
    }

    fn leave(&self, leg: LegId) {
        self.0.leave(leg);
    }

    fn mute(&self, leg: LegId, muted: bool) {
        self.0.mute(leg, muted);
    }

    fn chime(&self, room: RoomKey, chime: Chime) {
        self.0.chime(room, chime);
    }
}

/// Tells rooms who speaks, for as long as the plane lives.
pub async fn forward_speakers(house: Arc<House>) {
    let mut speakers = house.plane.watch_speakers();
    loop {
        match speakers.recv().await {
            Ok((room, legs)) => house.rooms.speaking(room, legs),
            // The next update tells the state anew; a lost one needs no repair.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
