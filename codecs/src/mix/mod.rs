// SPDX-License-Identifier: EUPL-1.2
//! Who has the floor, and what each ear hears.
//!
//! The loudest few speakers make the floor. A speaker hears the floor without itself; everybody else hears all of it,
//! as one shared frame, so that a thousand silent listeners cost one mix (and one encoder).
//!
//! - `floor`: who is on the floor, with hysteresis.
//! - `sum`: adding without wrap-around.

mod floor;
mod sum;

use crate::{Frame, Level};
use floor::{Floor, Ramp};
use sum::Sum;

/// Names one that can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Tells what is heard: the floor, with or without one of its speakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ear {
    /// The whole floor: for everyone who is not on it.
    Everyone,
    /// The floor without one speaker: for this speaker.
    AllBut(SourceId),
}

/// Mixes one room, one tick at a time: [`begin`](Mix::begin), [`add`](Mix::add) for each source,
/// [`finish`](Mix::finish), then [`heard_by`](Mix::heard_by) for each ear.
pub struct Mix {
    floor: Floor,
    everyone: Box<Frame>,
    /// What each member of the floor hears, in the floor's order.
    members: Vec<Frame>,
    total: Sum,
    finished: usize,
}

impl Mix {
    /// Makes a mix in which up to `max_speakers` are heard at once (at least 1; 3 to 5 is usual).
    pub fn new(max_speakers: usize) -> Mix {
        let max_speakers = max_speakers.clamp(1, 64);
        let floor = Floor::new(max_speakers);
        let members = vec![Frame::SILENCE; floor.most_members()];
        Mix {
            floor,
            everyone: Box::new(Frame::SILENCE),
            members,
            total: Sum::new(),
            finished: 0,
        }
    }

    /// Begins a tick.
    pub fn begin(&mut self) {
        self.floor.begin();
        self.finished = 0;
    }

    /// Adds 20 ms of one source; a source that speaks twice in a tick is heard once.
    pub fn add(&mut self, source: SourceId, frame: &Frame, level: Level) {
        self.floor.add(source, frame, level);
    }

    /// Decides who has the floor and computes what each ear hears.
    pub fn finish(&mut self) {
        self.floor.decide();
        self.total.clear();
        let mut heard = 0;
        for member in self.floor.members() {
            self.total.add(&member.frame, member.ramp);
            heard += 1;
        }
        self.total.write(&mut self.everyone);
        for (ear, member) in self.members.iter_mut().zip(self.floor.members()) {
            if heard == 1 {
                *ear = Frame::SILENCE;
            } else {
                self.total.write_without(&member.frame, member.ramp, ear);
            }
        }
        self.finished = heard;
    }

    /// Returns what an ear hears in this tick.
    pub fn heard_by(&self, ear: Ear) -> &Frame {
        match ear {
            Ear::Everyone => &self.everyone,
            Ear::AllBut(source) => {
                let place = self
                    .floor
                    .members()
                    .take(self.finished)
                    .position(|member| member.source == source);
                place
                    .and_then(|place| self.members.get(place))
                    .unwrap_or(&self.everyone)
            }
        }
    }

    /// Returns the ear of a source: its own while it is on the floor, else everyone's.
    pub fn ear_of(&self, source: SourceId) -> Ear {
        if self.floor.members().any(|member| member.source == source) {
            Ear::AllBut(source)
        } else {
            Ear::Everyone
        }
    }

    /// Returns who has the floor, the longest there first.
    pub fn speakers(&self) -> &[SourceId] {
        self.floor.speakers()
    }
}

impl std::fmt::Debug for Mix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mix")
            .field("speakers", &self.speakers())
            .finish_non_exhaustive()
    }
}
