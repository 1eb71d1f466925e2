// SPDX-License-Identifier: EUPL-1.2
//! Who is on the floor, with hysteresis, so that it does not flap between two who talk at once.

use super::SourceId;
use crate::{FRAME_SAMPLES, Frame, Level};

/// A challenger takes a speaking member's place when it is this much louder (dB) ...
const LOUDER_BY: f32 = 6.0;
/// ... for this many ticks in a row.
const CHALLENGE_TICKS: u32 = 4;
/// A member gives way to any speaker after being quiet for this many ticks (300 ms: longer than a pause in a word).
const YIELD_TICKS: u32 = 15;
/// A member leaves a floor that nobody wants after being quiet for this many ticks (1 s).
const LEAVE_TICKS: u32 = 50;
/// A remembered challenger is forgotten after this many ticks without a word.
const FORGET_TICKS: u32 = 5;

/// Tells how a frame's gain moves within a tick, so that nobody enters or leaves with a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ramp {
    Steady,
    Rising,
    Falling,
}

impl Ramp {
    /// Samples of a ramp up: 1 ms, so that no beginning of a word is lost.
    const RISE: i32 = 48;

    pub(super) fn apply(self, at: usize, sample: i16) -> i32 {
        let sample = i32::from(sample);
        match self {
            Ramp::Steady => sample,
            Ramp::Rising => sample * (at as i32 + 1).min(Ramp::RISE) / Ramp::RISE,
            Ramp::Falling => sample * (FRAME_SAMPLES - at) as i32 / FRAME_SAMPLES as i32,
        }
    }
}

/// One who is heard in this tick.
pub(super) struct Member {
    pub(super) source: SourceId,
    pub(super) frame: Frame,
    pub(super) ramp: Ramp,
    /// Recent loudness (-dBov): rises at once, falls slowly.
    loudness: f32,
    quiet_ticks: u32,
    present: bool,
}

/// One who speaks and is not on the floor.
struct Challenger {
    source: SourceId,
    frame: Frame,
    level: Level,
    louder_ticks: u32,
    absent_ticks: u32,
}

pub(super) struct Floor {
    max_speakers: usize,
    /// Those on the floor, and behind `speakers` those who leave it in this tick.
    members: Vec<Member>,
    challengers: Vec<Challenger>,
    speakers: Vec<SourceId>,
}

impl Floor {
    pub(super) fn new(max_speakers: usize) -> Floor {
        let most = 2 * max_speakers;
        Floor {
            max_speakers,
            members: Vec::with_capacity(most),
            challengers: Vec::with_capacity(most),
            speakers: Vec::with_capacity(most),
        }
    }

    /// Returns how many can be heard in one tick: a whole floor leaving and a whole floor entering.
    pub(super) fn most_members(&self) -> usize {
        2 * self.max_speakers
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub(super) fn speakers(&self) -> &[SourceId] {
        &self.speakers
    }

    pub(super) fn begin(&mut self) {
        self.members.retain(|member| member.ramp != Ramp::Falling);
        for member in &mut self.members {
            member.present = false;
        }
        for challenger in &mut self.challengers {
            challenger.absent_ticks += 1;
        }
    }

    pub(super) fn add(&mut self, source: SourceId, frame: &Frame, level: Level) {
        if let Some(member) = self.members.iter_mut().find(|member| member.source == source) {
            if !member.present {
                member.hear(frame, level);
            }
        } else if let Some(known) = self
            .challengers
            .iter_mut()
            .find(|challenger| challenger.source == source)
        {
            if known.absent_ticks > 0 && level.is_speech() {
                known.frame.0.copy_from_slice(&frame.0);
                known.level = level;
                known.absent_ticks = 0;
            }
        } else if level.is_speech() {
            self.remember(source, frame, level);
        }
    }

    /// Makes room among the challengers, if need be at the cost of the quietest.
    fn remember(&mut self, source: SourceId, frame: &Frame, level: Level) {
        let challenger = Challenger {
            source,
            frame: frame.clone(),
            level,
            louder_ticks: 0,
            absent_ticks: 0,
        };
        if self.challengers.len() < self.challengers.capacity() {
            self.challengers.push(challenger);
            return;
        }
        let quietest = self
            .challengers
            .iter_mut()
            .max_by_key(|known| (known.absent_ticks, known.level));
        if let Some(quietest) = quietest
            && (quietest.absent_ticks > 0 || quietest.level > level)
        {
            *quietest = challenger;
        }
    }

    pub(super) fn decide(&mut self) {
        self.members.retain(|member| member.present);
        self.challengers
            .retain(|challenger| challenger.absent_ticks <= FORGET_TICKS);
        // The loudest challenger tries first; the sort is in place.
        self.challengers
            .sort_unstable_by_key(|challenger| (challenger.level, challenger.source));
        let mut place = 0;
        while place < self.challengers.len() {
            if self.challengers[place].absent_ticks == 0 && self.admit(place) {
                self.challengers.remove(place);
            } else {
                place += 1;
            }
        }
        for member in &mut self.members {
            if member.quiet_ticks >= LEAVE_TICKS {
                member.ramp = Ramp::Falling;
            }
        }
        self.speakers.clear();
        let speaking = self.members.iter().filter(|member| member.ramp != Ramp::Falling);
        self.speakers.extend(speaking.map(|member| member.source));
    }

    fn admit(&mut self, place: usize) -> bool {
        let staying = self
            .members
            .iter()
            .filter(|member| member.ramp != Ramp::Falling)
            .count();
        if staying >= self.max_speakers && !self.displace(place) {
            return false;
        }
        if self.members.len() >= self.most_members() {
            return false;
        }
        let challenger = &self.challengers[place];
        self.members.push(Member {
            source: challenger.source,
            frame: challenger.frame.clone(),
            ramp: Ramp::Rising,
            loudness: f32::from(challenger.level.0),
            quiet_ticks: 0,
            present: true,
        });
        true
    }

    /// Makes the quietest member leave, if the challenger has earned its place.
    fn displace(&mut self, place: usize) -> bool {
        let challenger = &mut self.challengers[place];
        let weakest = self
            .members
            .iter_mut()
            .filter(|member| member.ramp != Ramp::Falling)
            .max_by(|a, b| {
                (a.quiet_ticks >= YIELD_TICKS, a.loudness)
                    .partial_cmp(&(b.quiet_ticks >= YIELD_TICKS, b.loudness))
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
        let Some(weakest) = weakest else { return true };
        let louder = f32::from(challenger.level.0) + LOUDER_BY <= weakest.loudness;
        challenger.louder_ticks = if louder { challenger.louder_ticks + 1 } else { 0 };
        let earned = weakest.quiet_ticks >= YIELD_TICKS || challenger.louder_ticks >= CHALLENGE_TICKS;
        if earned {
            weakest.ramp = Ramp::Falling;
        }
        earned
    }
}

impl Member {
    fn hear(&mut self, frame: &Frame, level: Level) {
        self.frame.0.copy_from_slice(&frame.0);
        self.present = true;
        self.ramp = Ramp::Steady;
        let level_now = f32::from(level.0);
        let pace = if level_now < self.loudness { 0.5 } else { 0.1 };
        self.loudness += pace * (level_now - self.loudness);
        self.quiet_ticks = if level.is_speech() {
            0
        } else {
            self.quiet_ticks.saturating_add(1)
        };
    }
}
