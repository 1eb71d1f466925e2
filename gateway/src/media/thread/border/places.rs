// SPDX-License-Identifier: EUPL-1.2
//! Who is carried: the loudest few of our people, with hysteresis.
//!
//! A place that is free is taken with the first loud packet. Where all are taken, one who is clearly louder than the
//! quietest takes over within two ticks; loudness rises at once and falls by 105 dB a second, so that the end of a word
//! makes room. Who has just come stays for a moment.

use landbridge_codecs::Level;

use super::history::History;
use crate::call::LegId;

/// Those who are carried now, and those who want to be.
pub(super) struct Places {
    most: usize,
    pub(super) taken: Vec<Place>,
    rivals: Vec<Rival>,
    pub(super) switches: u64,
}

/// One who is carried.
pub(super) struct Place {
    pub(super) leg: LegId,
    /// Where the leg was in the last tick.
    pub(super) slot: usize,
    /// Index of the stream that carries the sound.
    pub(super) out: usize,
    /// What was sent last, for redundancy.
    pub(super) history: History,
    /// The sound cannot go as it came: too long, or too much for the way.
    pub(super) too_long: bool,
    pub(super) too_much: bool,
    /// What would go over the wire as it comes [bit/s], smoothed, and its octets in this tick.
    pub(super) rate: f32,
    pub(super) octets: usize,
    /// Recent loudness [-dBov].
    loudness: f32,
    quiet_ticks: u16,
    absent_ticks: u16,
    age: u16,
}

struct Rival {
    leg: LegId,
    slot: usize,
    out: usize,
    level: Level,
}

/// A rival takes a place when it is this much louder than the quietest [dB].
const LOUDER_BY: f32 = 4.0;
/// How fast loudness falls [dB/tick].
const FALL: f32 = 2.1;
/// Who has just come stays this long [ticks] ...
const STAY: u16 = 15;
/// ... unless silent for this long [ticks].
const SILENT: u16 = 3;
/// Who was quiet this long leaves though nobody wants the place [ticks].
const LEAVE: u16 = 100;
/// Who was not there this long has left, or is muted [ticks].
const ABSENT: u16 = 3;
/// Most streams of one border, whatever its terms say.
const MOST: usize = 16;

impl Places {
    /// Makes room for a few.
    pub(super) fn new(streams: usize) -> Places {
        let most = streams.clamp(1, MOST);
        Places {
            most,
            taken: Vec::with_capacity(most),
            rivals: Vec::with_capacity(2 * most),
            switches: 0,
        }
    }

    /// Returns the most that may be carried.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Finds the place of a leg.
    pub(super) fn of(&mut self, leg: LegId) -> Option<&mut Place> {
        self.taken.iter_mut().find(|place| place.leg == leg)
    }

    /// Begins a tick.
    pub(super) fn begin(&mut self) {
        self.rivals.clear();
        for place in &mut self.taken {
            place.absent_ticks = place.absent_ticks.saturating_add(1);
            place.age = place.age.saturating_add(1);
        }
    }

    /// Takes how loud a leg that may speak is in this tick; returns whether it has a place.
    pub(super) fn heard(&mut self, leg: LegId, slot: usize, level: Level) -> bool {
        let Some(place) = self.of(leg) else { return false };
        (place.slot, place.absent_ticks) = (slot, 0);
        place.loudness = f32::from(level.0).min(place.loudness + FALL);
        place.quiet_ticks = if level.is_speech() {
            0
        } else {
            place.quiet_ticks.saturating_add(1)
        };
        true
    }

    /// Notes one who speaks and has no place, if need be in the place of a quieter one.
    pub(super) fn challenge(&mut self, leg: LegId, slot: usize, out: usize, level: Level) {
        let rival = Rival { leg, slot, out, level };
        if self.rivals.len() < self.rivals.capacity() {
            self.rivals.push(rival);
        } else if let Some(quietest) = self.rivals.iter_mut().max_by_key(|rival| rival.level)
            && quietest.level > level
        {
            *quietest = rival;
        }
    }

    /// Takes a place that is free, at once.
    pub(super) fn take_free(
        &mut self,
        leg: LegId,
        slot: usize,
        out: usize,
        level: Level,
        most: usize,
    ) -> Option<&mut Place> {
        if self.taken.len() >= most {
            return None;
        }
        self.admit(&Rival { leg, slot, out, level });
        self.taken.last_mut()
    }

    /// Decides who is carried from now on, at most `most`; tells whose stream pauses.
    pub(super) fn decide(&mut self, most: usize, mut left: impl FnMut(usize)) {
        self.taken.retain(|place| {
            let stays = place.absent_ticks < ABSENT && place.quiet_ticks < LEAVE;
            if !stays {
                left(place.out);
            }
            stays
        });
        while self.taken.len() > most.max(1)
            && let Some(weakest) = self.weakest()
        {
            left(self.taken.swap_remove(weakest).out);
        }
        // The loudest tries first; the sort is in place.
        self.rivals.sort_unstable_by_key(|rival| (rival.level, rival.leg));
        let mut rivals = std::mem::take(&mut self.rivals);
        for rival in &rivals {
            if self.taken.len() >= most.max(1) {
                let Some(weakest) = self.weakest().filter(|at| self.yields(*at, rival)) else {
                    break;
                };
                left(self.taken.swap_remove(weakest).out);
            }
            self.admit(rival);
        }
        // Put back, so that nothing is allocated in the next tick.
        rivals.clear();
        self.rivals = rivals;
    }

    /// Gives up the place of a leg; returns its stream.
    pub(super) fn release(&mut self, leg: LegId) -> Option<usize> {
        let at = self.taken.iter().position(|place| place.leg == leg)?;
        Some(self.taken.swap_remove(at).out)
    }

    fn weakest(&self) -> Option<usize> {
        let quietest = |(_, a): &(usize, &Place), (_, b): &(usize, &Place)| a.loudness.total_cmp(&b.loudness);
        self.taken.iter().enumerate().max_by(quietest).map(|(at, _)| at)
    }

    fn yields(&self, at: usize, rival: &Rival) -> bool {
        self.taken.get(at).is_some_and(|place| {
            let may_go = place.age >= STAY || place.quiet_ticks >= SILENT || place.absent_ticks > 0;
            may_go && f32::from(rival.level.0) + LOUDER_BY <= place.loudness
        })
    }

    fn admit(&mut self, rival: &Rival) {
        self.switches += 1;
        self.taken.push(Place {
            leg: rival.leg,
            slot: rival.slot,
            out: rival.out,
            history: History::default(),
            too_long: false,
            too_much: false,
            rate: 0.0,
            octets: 0,
            loudness: f32::from(rival.level.0),
            quiet_ticks: 0,
            absent_ticks: 0,
            age: 0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lives through one tick in which each leg is as loud as said.
    fn tick(places: &mut Places, levels: &[u8]) -> Vec<u64> {
        places.begin();
        for (at, level) in levels.iter().enumerate() {
            let (leg, level) = (LegId(at as u64), Level(*level));
            if !places.heard(leg, at, level) && level.is_speech() {
                places.challenge(leg, at, at, level);
            }
        }
        let most = places.most();
        places.decide(most, |_| ());
        let mut carried: Vec<u64> = places.taken.iter().map(|place| place.leg.0).collect();
        carried.sort_unstable();
        carried
    }

    #[test]
    fn the_loudest_are_carried_and_no_more_than_agreed() {
        let mut places = Places::new(2);
        assert_eq!(tick(&mut places, &[127, 30, 20, 25]), [2, 3]);
        assert!(tick(&mut Places::new(0), &[20, 10]) == [1], "one at least");
    }

    #[test]
    fn who_is_about_as_loud_does_not_push_anybody_out() {
        let mut places = Places::new(1);
        tick(&mut places, &[20, 127]);
        for n in 0..200u8 {
            assert_eq!(tick(&mut places, &[20 + n % 3, 19]), [0]);
        }
        assert_eq!(places.switches, 1);
    }

    #[test]
    fn after_a_word_the_next_speaker_is_carried_within_40_ms() {
        let mut places = Places::new(1);
        for _ in 0..50 {
            tick(&mut places, &[20, 127]);
        }
        let ticks = (1..).find(|_| tick(&mut places, &[127, 20]) == [1]);
        assert!(ticks.is_some_and(|ticks| ticks <= 2), "{ticks:?}");
        // In the gaps within a word of the one the other does not get in and out.
        let before = places.switches;
        for n in 0..100 {
            tick(&mut places, if n % 5 == 0 { &[20, 127] } else { &[127, 20] });
        }
        assert!(places.switches - before <= 2, "{}", places.switches - before);
    }

    #[test]
    fn silence_and_absence_free_a_place() {
        let mut places = Places::new(3);
        tick(&mut places, &[20, 20]);
        for _ in 0..LEAVE {
            tick(&mut places, &[127, 20]);
        }
        assert_eq!(tick(&mut places, &[127, 20]), [1]);
        for _ in 0..ABSENT {
            tick(&mut places, &[]);
        }
        assert!(tick(&mut places, &[]).is_empty());
    }
}
