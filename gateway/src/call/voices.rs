// SPDX-License-Identifier: EUPL-1.2
//! Under which leg each participant of a conference elsewhere is heard and listed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::LegId;
use crate::media::RoomKey;

/// The most participants that are remembered; one that is forgotten gets another leg when it is heard of again.
const MOST: usize = 10_000;

/// Knows the leg of each participant, the same for its entry in the roster and for its sound; shared by both.
#[derive(Clone, Debug, Default)]
pub struct Voices(Arc<Mutex<HashMap<String, LegId>>>);

impl Voices {
    /// Returns a participant's leg, the same as before if there was one. `id` is a LiveKit identity, or an OpenTalk
    /// participant's id, with which LiveKit's identities begin there.
    pub fn leg(&self, id: &str) -> LegId {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = id.split(':').next().unwrap_or(id);
        if let Some(leg) = known.get(id) {
            return *leg;
        }
        if known.len() >= MOST {
            known.clear();
        }
        let leg = LegId::next();
        known.insert(id.to_owned(), leg);
        leg
    }
}

/// A room of the media plane, as a conference elsewhere fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The room.
    pub room: RoomKey,
    /// Under which legs the participants elsewhere are heard there.
    pub voices: Voices,
}

/// The same if they are shared.
impl PartialEq for Voices {
    fn eq(&self, other: &Voices) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Voices {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participant_keeps_its_leg_whoever_asks_and_however_it_is_connected() {
        let (roster, others) = (Voices::default(), Voices::default());
        let hall = roster.clone();
        let leg = roster.leg("4ed0cd91");
        assert_eq!(hall.leg("4ed0cd91:dc9c287f"), leg);
        assert_ne!(hall.leg("5ed0cd91"), leg);
        assert_eq!(roster, hall);
        assert_ne!(roster, others);
    }

    #[test]
    fn the_memory_is_bounded() {
        let voices = Voices::default();
        for number in 0..=MOST {
            voices.leg(&number.to_string());
        }
        assert!(voices.0.lock().is_ok_and(|known| known.len() <= MOST));
    }
}
