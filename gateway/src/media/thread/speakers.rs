// SPDX-License-Identifier: EUPL-1.2
//! Who speaks, told without flapping: at most five times a second, after 60 ms of speech, until 600 ms of silence.

use crate::call::LegId;

/// Follows the speakers of one room.
#[derive(Default)]
pub(super) struct Speakers {
    voices: Vec<Voice>,
    tick: u64,
    changed: bool,
    told_at: u64,
}

struct Voice {
    leg: LegId,
    loud_ticks: u8,
    quiet_ticks: u16,
    /// Speaks since this tick.
    since: Option<u64>,
}

const BEGIN: u8 = 3;
const END: u16 = 30;
const TELL_EVERY: u64 = 10;

impl Speakers {
    /// Takes what one leg did in this tick.
    pub(super) fn heard(&mut self, leg: LegId, speech: bool) {
        let place = self.voices.iter().position(|voice| voice.leg == leg);
        let Some(voice) = place.and_then(|place| self.voices.get_mut(place)) else {
            if speech {
                self.voices.push(Voice {
                    leg,
                    loud_ticks: 1,
                    quiet_ticks: 0,
                    since: None,
                });
            }
            return;
        };
        if speech {
            voice.quiet_ticks = 0;
            voice.loud_ticks = voice.loud_ticks.saturating_add(1);
            if voice.since.is_none() && voice.loud_ticks >= BEGIN {
                voice.since = Some(self.tick);
                self.changed = true;
            }
        } else {
            voice.quiet_ticks = voice.quiet_ticks.saturating_add(1);
            if voice.quiet_ticks >= 3 {
                voice.loud_ticks = 0;
            }
            if voice.quiet_ticks >= END && voice.since.take().is_some() {
                self.changed = true;
            }
        }
    }

    /// Forgets a leg that left.
    pub(super) fn remove(&mut self, leg: LegId) {
        let spoke = self
            .voices
            .iter()
            .any(|voice| voice.leg == leg && voice.since.is_some());
        self.voices.retain(|voice| voice.leg != leg);
        self.changed |= spoke;
    }

    /// Ends a tick; returns the speakers, the longest first, when there is news to tell.
    pub(super) fn tick(&mut self) -> Option<Vec<LegId>> {
        self.tick += 1;
        if !self.changed || self.tick < self.told_at + TELL_EVERY {
            return None;
        }
        self.changed = false;
        self.told_at = self.tick;
        let mut speaking: Vec<(u64, LegId)> = self
            .voices
            .iter()
            .filter_map(|voice| Some((voice.since?, voice.leg)))
            .collect();
        speaking.sort_unstable();
        Some(speaking.into_iter().map(|(_, leg)| leg).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cough_is_no_speech_and_a_pause_for_breath_no_silence() {
        let mut speakers = Speakers::default();
        let mut told = Vec::new();
        let mut run = |speakers: &mut Speakers, speech: bool, ticks: usize| {
            for _ in 0..ticks {
                speakers.heard(LegId(1), speech);
                told.extend(speakers.tick());
            }
        };
        run(&mut speakers, false, 20);
        run(&mut speakers, true, 2);
        run(&mut speakers, false, 20);
        run(&mut speakers, true, 50);
        run(&mut speakers, false, 20);
        run(&mut speakers, true, 50);
        run(&mut speakers, false, 50);
        assert_eq!(told, [vec![LegId(1)], vec![]]);
    }

    #[test]
    fn news_is_told_at_most_five_times_a_second() {
        let mut speakers = Speakers::default();
        let mut told = 0;
        for tick in 0..500u64 {
            for leg in 0..8 {
                speakers.heard(LegId(leg), (tick / 35 + leg).is_multiple_of(2));
            }
            told += usize::from(speakers.tick().is_some());
        }
        assert!(told > 5 && told <= 50, "{told}");
    }
}
