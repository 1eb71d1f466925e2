// SPDX-License-Identifier: EUPL-1.2
//! What to play in place of what did not come, for codecs that cannot tell themselves.
//!
//! In the spirit of ITU-T G.711 Appendix I: the last period is repeated, then the last two and three so that it does
//! not buzz, and fades within 60 ms into the line's background noise. When the sound returns, it is faded in.

use super::noise::Noise;
use super::pitch;

/// Milliseconds that are repeated at full level.
const HOLD_MS: usize = 10;
/// Milliseconds after which only noise is left.
const FADED_MS: usize = 60;
/// Longest period (ms) and shortest period (samples per second ÷ this): 66 Hz and 200 Hz.
const LONGEST_MS: usize = 15;
const SHORTEST: usize = 200;
/// Sound in which the period is searched (ms).
const WINDOW_MS: usize = 20;
/// Cross-fade on recovery (samples per second ÷ this): 5 ms.
const RECOVERY: usize = 200;
/// Below this likeness the sound has no pitch: then a long period, whose repetition is not heard as a tone.
const VOICED: f32 = 0.4;

/// Sound before the gap that [`Concealer::begin`] makes use of (ms).
pub(super) const HISTORY_MS: usize = 50;

#[derive(Debug)]
pub(super) struct Concealer {
    rate: usize,
    history: Vec<i16>,
    lag: usize,
    /// Samples imagined since the gap began; `None` while there is no gap.
    imagined: Option<usize>,
    loop_length: usize,
    next_loop_length: usize,
    at: usize,
    /// The step at the start of the gap, which decays within a few samples.
    step: f32,
}

impl Concealer {
    pub(super) fn new(rate: u32) -> Concealer {
        let rate = rate as usize;
        Concealer {
            rate,
            history: Vec::with_capacity(rate / 1_000 * HISTORY_MS),
            lag: rate / SHORTEST,
            imagined: None,
            loop_length: 0,
            next_loop_length: 0,
            at: 0,
            step: 0.0,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.imagined.is_some()
    }

    /// Tells whether nothing is left of the sound before the gap.
    pub(super) fn has_faded(&self) -> bool {
        self.imagined.is_some_and(|imagined| imagined >= self.ms(FADED_MS))
    }

    /// Begins a gap after `heard`, of which the last [`HISTORY_MS`] count.
    pub(super) fn begin(&mut self, heard: &[i16]) {
        let kept = heard.len().min(self.ms(HISTORY_MS));
        self.history.clear();
        self.history.extend_from_slice(&heard[heard.len() - kept..]);
        let window = self.ms(WINDOW_MS);
        let at = self.history.len().saturating_sub(window);
        let longest = self.ms(LONGEST_MS);
        self.lag = match pitch::find(&self.history, at, window, self.rate / SHORTEST, longest, self.rate) {
            Some(lag) if lag.likeness >= VOICED => lag.samples,
            _ => longest,
        };
        self.imagined = Some(0);
        self.at = 0;
        self.loop_length = self.lag.min(self.history.len());
        self.next_loop_length = self.loop_length;
        let last = self.history.last().copied().unwrap_or(0);
        self.step = f32::from(last) - self.sample_before_loop();
    }

    /// Begins a silence: there is nothing to repeat, only noise.
    pub(super) fn begin_silence(&mut self) {
        self.imagined = Some(self.ms(FADED_MS));
    }

    /// Imagines the next samples.
    pub(super) fn fill(&mut self, out: &mut [i16], noise: &mut Noise) {
        let Some(mut imagined) = self.imagined else { return };
        let (hold, faded) = (self.ms(HOLD_MS), self.ms(FADED_MS));
        let decay = 1.0 - 1_500.0 / self.rate as f32;
        let noise_gain = noise.gain();
        for out in out {
            let share = match imagined {
                at if at < hold => 1.0,
                at if at < faded => (faded - at) as f32 / (faded - hold) as f32,
                _ => 0.0,
            };
            let hiss = noise.sample(noise_gain) * (1.0 - share);
            let repeated = if share > 0.0 {
                self.next_repeated(imagined) * share
            } else {
                0.0
            };
            *out = (repeated + hiss) as i16;
            self.step *= decay;
            imagined += 1;
        }
        // Counting ends long before the counter does.
        self.imagined = Some(imagined.min(usize::MAX / 2));
    }

    /// Ends the gap: fades from what would have been imagined into `sound`, which comes next.
    pub(super) fn recover(&mut self, sound: &mut [i16], noise: &mut Noise) {
        let mut imagined = [0_i16; 48_000 / RECOVERY];
        let length = (self.rate / RECOVERY).min(sound.len()).min(imagined.len());
        self.fill(&mut imagined[..length], noise);
        for (at, (sound, imagined)) in sound.iter_mut().zip(&imagined[..length]).enumerate() {
            let share = (at + 1) as f32 / (length + 1) as f32;
            *sound = (f32::from(*imagined) * (1.0 - share) + f32::from(*sound) * share) as i16;
        }
        self.imagined = None;
    }

    /// Ends the gap where the sound that comes next joins by itself.
    pub(super) fn end(&mut self) {
        self.imagined = None;
    }

    fn next_repeated(&mut self, imagined: usize) -> f32 {
        let total = self.history.len();
        let quarter = self.lag / 4;
        let length = self.loop_length.max(1);
        if self.at == 0 {
            // One period for the first 10 ms, then two, then three.
            let periods = (1 + (imagined + length) / self.ms(HOLD_MS)).min(3);
            let most = total.saturating_sub(quarter);
            self.next_loop_length = (periods * self.lag).min(most).max(1);
        }
        let sample = |at: usize| self.history.get(at).copied().map_or(0.0, f32::from);
        let mut value = sample((total + self.at).saturating_sub(length));
        // The end of a loop fades into what precedes the start of the next.
        if let Some(into) = (self.at + quarter).checked_sub(length) {
            let share = (into + 1) as f32 / (quarter + 1) as f32;
            let before_next = (total + into)
                .checked_sub(self.next_loop_length + quarter)
                .map_or(0.0, sample);
            value = value * (1.0 - share) + before_next * share;
        }
        self.at += 1;
        if self.at >= length {
            self.at = 0;
            self.loop_length = self.next_loop_length;
        }
        value + self.step
    }

    fn sample_before_loop(&self) -> f32 {
        let before = self.history.len().checked_sub(self.loop_length + 1);
        before
            .and_then(|at| self.history.get(at))
            .copied()
            .map_or(0.0, f32::from)
    }

    fn ms(&self, ms: usize) -> usize {
        self.rate / 1_000 * ms
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::level_of;
    use super::*;
    use crate::tone::Tone;
    use crate::tone::spectrum::tone_level;

    #[test]
    fn a_tone_goes_on_through_a_gap_of_20_ms_and_is_gone_after_60_ms() {
        let (rate, hertz) = (8_000, 230.0);
        let mut tone = Tone::sine(hertz, 8_000);
        let mut heard = [0; 800];
        tone.fill(&mut heard, rate);
        let (mut concealer, mut noise) = (Concealer::new(rate), Noise::new());
        concealer.begin(&heard);
        let mut imagined = [0; 800];
        concealer.fill(&mut imagined, &mut noise);
        let true_level = tone_level(&heard[640..], rate, hertz);
        let made_level = tone_level(&imagined[..160], rate, hertz);
        assert!((true_level - made_level).abs() < 2.0, "{true_level} {made_level}");
        assert!(concealer.has_faded() && level_of(&imagined[480..]).0 > 60);
        let step = (i32::from(imagined[0]) - i32::from(heard[799])).abs();
        assert!(step < 2_000, "{step}");
    }

    #[test]
    fn recovery_is_without_a_step() {
        let rate = 8_000;
        let (mut concealer, mut noise) = (Concealer::new(rate), Noise::new());
        concealer.begin(&[0; 400]);
        let mut sound = [10_000; 160];
        concealer.recover(&mut sound, &mut noise);
        assert!(sound[0] < 600 && sound[159] == 10_000);
        assert!(sound.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 600));
    }
}
