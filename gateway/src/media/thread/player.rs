// SPDX-License-Identifier: EUPL-1.2
//! Prompts and chimes: clips played frame by frame.

use landbridge_codecs::{FRAME_SAMPLES, Frame};

use crate::media::words::{Clip, Loudness, PlayId};

/// Plays clips one after the other.
pub(super) struct Player {
    pub(super) id: PlayId,
    clips: Vec<Clip>,
    clip: usize,
    sample: usize,
    loudness: Loudness,
}

/// How much a room is turned down under a prompt: a quarter, −12 dB.
const DUCKING: i32 = 4;

impl Player {
    /// Begins at the first clip.
    pub(super) fn new(id: PlayId, clips: Vec<Clip>, loudness: Loudness) -> Player {
        Player {
            id,
            clips,
            clip: 0,
            sample: 0,
            loudness,
        }
    }

    /// Writes the next 20 ms over the ducked `background`; returns whether anything is left to play after it.
    pub(super) fn next(&mut self, background: Option<&Frame>, out: &mut Frame) -> bool {
        match background {
            Some(background) => {
                for (out, heard) in out.0.iter_mut().zip(&background.0) {
                    *out = (i32::from(*heard) / DUCKING) as i16;
                }
            }
            None => out.0.fill(0),
        }
        self.add_to(out)
    }

    /// Adds the next 20 ms to a frame; returns whether anything is left to play after it.
    pub(super) fn add_to(&mut self, out: &mut Frame) -> bool {
        let halve = u32::from(self.loudness == Loudness::Quiet);
        let mut filled = 0;
        while filled < FRAME_SAMPLES {
            let Some(clip) = self.clips.get(self.clip) else {
                return false;
            };
            let rest = clip.get(self.sample..).unwrap_or_default();
            if rest.is_empty() {
                (self.clip, self.sample) = (self.clip + 1, 0);
                continue;
            }
            let count = rest.len().min(FRAME_SAMPLES - filled);
            for (out, sample) in out.0.iter_mut().skip(filled).zip(rest.iter().take(count)) {
                *out = out.saturating_add(*sample >> halve);
            }
            filled += count;
            self.sample += count;
        }
        self.clips
            .get(self.clip)
            .is_some_and(|clip| self.sample < clip.len() || self.clip + 1 < self.clips.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_follow_each_other_without_a_gap_and_then_it_ends() {
        let clips: Vec<Clip> = vec![vec![4; 1000].into(), Vec::new().into(), vec![8; 920].into()];
        let mut player = Player::new(PlayId(1), clips, Loudness::Quiet);
        let mut frame = Frame::SILENCE;
        assert!(player.next(None, &mut frame));
        assert!(frame.0.iter().all(|s| *s == 2));
        assert!(!player.next(Some(&Frame([100; FRAME_SAMPLES])), &mut frame));
        assert_eq!((frame.0[0], frame.0[39], frame.0[40], frame.0[959]), (27, 27, 29, 29));
        assert!(!player.next(None, &mut frame));
        assert_eq!(frame, Frame::SILENCE);
    }
}
