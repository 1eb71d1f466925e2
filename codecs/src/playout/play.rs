// SPDX-License-Identifier: EUPL-1.2
//! The way out of the jitter buffer: decides, tick by tick, what the next 20 ms are made of.

use std::time::{Duration, Instant};

use super::packets::{Content, MAX_PACKETS};
use super::stretch::{self, Care};
use super::{Playout, Pulled};
use crate::SAMPLE_RATE;
use crate::decode::mends_predecessor;

/// More delay than needed is worth a stretch from here on (ms), and only if it lasts for this many ticks.
const EXCESS_MS: i64 = 5;
const EXCESS_TICKS: u32 = 3;
/// Less delay than needed is worth a stretch from here on (ms).
const DEFICIT_MS: i64 = 1;
/// Longest piece that a stretch leaves out or repeats (ms).
const STRETCH_MS: i64 = 15;
/// Ticks between two stretches, and where much is to be caught up with.
const PAUSE_TICKS: u32 = 3;
const HURRIED_PAUSE_TICKS: u32 = 1;
/// From here on there is much to be caught up with (ms).
const MUCH_MS: i64 = 60;
/// How alike the sides of a seam have to be, and by how much less with each tick of waiting for such a place.
const CARE: f32 = 0.85;
const CARE_LESS: f32 = 0.03;
const CARE_LEAST: f32 = 0.2;
/// A numbering that is this far ahead is a new one, not a loss.
const NEW_NUMBERING: i64 = 65_536;
/// Share of lost packets from which on one packet is held back so that Opus can mend losses, and up to which.
const RESERVE_FROM: f32 = 0.02;
const RESERVE_TO: f32 = 0.005;
/// Packets for which one with redundancy lets hope for more: 5 s. Opus spends it on what is hard to conceal.
const REDUNDANT_FOR: u32 = 250;

/// Where playing stands.
#[derive(Debug, Default)]
pub(super) struct Play {
    /// Position after the last sample that was decoded or imagined in a gap.
    next_position: Option<i64>,
    next_number: i64,
    /// Samples imagined while nothing came, which a gap may yet account for.
    held: i64,
    /// Samples of the last packet.
    packet_samples: i64,
    /// The sender said that it is silent.
    resting: bool,
    /// Packets since the last one that brought its predecessor along; `None` before any did.
    since_redundant: Option<u32>,
    reserving: bool,
    loss: f32,
    excess_ticks: u32,
    waited_ticks: u32,
    pause_ticks: u32,
    delay_seconds: f64,
    made: Made,
}

/// What went into the frame.
#[derive(Debug, Default)]
struct Made {
    decoded: bool,
    imagined: bool,
    quiet: bool,
    before: Option<Pulled>,
}

impl Play {
    /// Tells whether the place of a packet was played already.
    pub(super) fn is_past(&self, number: i64) -> bool {
        self.next_position.is_some() && number < self.next_number
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.delay_seconds.clamp(0.0, 100.0))
    }

    /// Returns the delay to add so that a lost packet's successor is there in time (samples).
    pub(super) fn reserve(&self) -> i64 {
        let redundant = self.since_redundant.is_some_and(|packets| packets < REDUNDANT_FOR);
        if self.reserving && redundant {
            self.packet_samples
        } else {
            0
        }
    }

    /// Learns whether a packet brought its predecessor along.
    pub(super) fn learn_redundancy(&mut self, redundant: bool) {
        let before = self.since_redundant.map(|packets| packets.saturating_add(1));
        self.since_redundant = if redundant { Some(0) } else { before };
    }

    fn learn_loss(&mut self, lost: i64) {
        for _ in 0..lost.min(10) {
            self.loss += (1.0 - self.loss) / 64.0;
        }
        self.loss -= self.loss / 64.0;
        self.reserving = self.loss > if self.reserving { RESERVE_TO } else { RESERVE_FROM };
    }

    fn stretched(&mut self, hurried: bool) {
        self.pause_ticks = if hurried { HURRIED_PAUSE_TICKS } else { PAUSE_TICKS };
        self.waited_ticks = 0;
        self.excess_ticks = 0;
    }

    fn care(&mut self, hurried: bool) -> Care {
        self.waited_ticks = self.waited_ticks.saturating_add(1);
        let pace = if hurried { 3.0 } else { 1.0 };
        Care((CARE - CARE_LESS * pace * (self.waited_ticks - 1) as f32).max(CARE_LEAST))
    }
}

impl Made {
    fn verdict(&mut self) -> Pulled {
        let verdict = match self {
            Made { imagined: true, .. } => Pulled::Concealed,
            Made { decoded: true, .. } => Pulled::Speech,
            Made { quiet: true, .. } => Pulled::Silence,
            Made { before, .. } => before.unwrap_or(Pulled::Silence),
        };
        *self = Made {
            before: Some(if self.decoded { Pulled::Speech } else { verdict }),
            ..Made::default()
        };
        verdict
    }
}

impl Playout {
    /// Makes at least 20 ms of sound ready.
    pub(super) fn play(&mut self, now: Instant) -> Pulled {
        let frame = self.codec.frame_samples();
        let clock = self.clock.tick(now) * frame as i64;
        if let Some(target) = self.target() {
            self.trim(target);
            self.stretch(now, clock, target);
        }
        // Each round makes sound or uses up a packet, so this is enough of them.
        for _ in 0..2 * MAX_PACKETS + frame {
            let ahead = self.line.ahead();
            if ahead >= frame {
                break;
            }
            self.fill(now, clock, frame - ahead);
        }
        self.line.hush(frame.saturating_sub(self.line.ahead()));
        self.play.made.verdict()
    }

    /// Returns the delay that is being played with: output clock less position (samples).
    fn playing_delay(&self, clock: i64, next_position: i64) -> i64 {
        clock - (next_position - self.line.ahead() as i64)
    }

    /// Drops the oldest packets where more waits than the longest delay allows.
    fn trim(&mut self, target: i64) {
        let (Some(next), Some(end)) = (self.play.next_position, self.packets.end()) else {
            return;
        };
        let frame = self.codec.frame_samples() as i64;
        let slack = 2 * self.play.packet_samples.max(frame) + frame;
        let most = self.ms(self.options.max_delay.as_millis().min(10_000) as i64) + slack;
        if end - next + self.line.ahead() as i64 <= most {
            return;
        }
        let least = self.arrivals.range().map_or(target, |(least, _)| least);
        let enough = (target - least + slack).min(most);
        let mut position = next;
        while let Some(first) = self.packets.first() {
            if end - first.position <= enough {
                position = first.position;
                break;
            }
            self.play.next_number = first.number + 1;
            self.packets.drop_first();
            self.stats.discarded += 1;
        }
        self.play.next_position = Some(position.max(next));
        self.play.held = 0;
        self.line.tear();
    }

    /// Brings the delay nearer to the target by a piece of sound more or less.
    fn stretch(&mut self, now: Instant, clock: i64, target: i64) {
        self.play.pause_ticks = self.play.pause_ticks.saturating_sub(1);
        let Some(next) = self.play.next_position else { return };
        if !self.line.is_sounding() {
            return;
        }
        let excess = self.playing_delay(clock, next) - target;
        let hurried = excess.abs() > self.ms(MUCH_MS);
        self.play.excess_ticks = if excess > self.ms(EXCESS_MS) {
            self.play.excess_ticks + 1
        } else {
            0
        };
        if self.play.pause_ticks > 0 {
            return;
        }
        if excess < -self.ms(DEFICIT_MS) {
            self.decode_ahead(now, self.ms(10) as usize);
            let most = (-excess + self.ms(5)).clamp(self.ms(5), self.ms(STRETCH_MS)) as usize;
            let care = self.play.care(true);
            let added = self.line.lengthen(most, care);
            if added > 0 {
                self.stats.decelerated_samples += self.at_48_khz(added);
                self.play.stretched(true);
            }
        } else if self.play.excess_ticks >= EXCESS_TICKS {
            let frame = self.codec.frame_samples();
            let most = excess.min(self.ms(STRETCH_MS)) as usize;
            let needed = frame + stretch::needs_ahead(self.codec.sample_rate() as usize, most);
            self.decode_ahead(now, needed);
            // What is left after it has to last for this tick.
            let most = most.min(self.line.ahead().saturating_sub(frame));
            let care = self.play.care(hurried);
            let removed = self.line.shorten(most, care);
            if removed > 0 {
                self.stats.accelerated_samples += self.at_48_khz(removed);
                self.play.stretched(hurried);
            }
        } else {
            self.play.waited_ticks = 0;
        }
    }

    /// Decodes packets that follow without a gap until so many samples are ahead.
    fn decode_ahead(&mut self, now: Instant, samples: usize) {
        while self.line.ahead() < samples {
            let follows = self.packets.first().is_some_and(|first| {
                first.content == Content::Sound
                    && first.number == self.play.next_number
                    && Some(first.position) == self.play.next_position
            });
            if !follows {
                break;
            }
            self.decode_first(now);
        }
    }

    /// Takes one step towards a full frame: `missing` samples are still wanted.
    fn fill(&mut self, now: Instant, clock: i64, missing: usize) {
        let Some(first) = self.packets.first() else {
            return self.wait(missing);
        };
        let next = match self.play.next_position {
            Some(next) => next,
            None => {
                self.play.next_number = first.number;
                first.position
            }
        };
        let lost = match first.number - self.play.next_number {
            ahead if ahead >= NEW_NUMBERING => 0,
            ahead => ahead,
        };
        self.play.next_position = Some(next);
        if let Content::ComfortNoise(_) | Content::Event = first.content {
            return self.rest();
        }
        let mut gap = first.position - next;
        let covered = gap.min(self.play.held).max(0);
        gap -= covered;
        self.play.held -= covered;
        self.play.next_position = Some(next + covered);
        let is_silence = lost <= 0 || self.play.resting;
        let target = self.target();
        let excess = target.map_or(0, |target| self.playing_delay(clock, next + covered) - target);
        if gap <= 0 {
            if excess < 0 && self.line.is_quiet() {
                // Sound begins after silence: the time to wait a little costs nothing.
                self.imagine(missing.min(excess.unsigned_abs() as usize));
            } else {
                self.decode_first(now);
            }
        } else if is_silence && excess > 0 {
            // Silence is also the time to catch up.
            self.play.next_position = Some(next + covered + gap.min(excess));
        } else if is_silence {
            let made = self.imagine(missing.min(gap as usize));
            self.advance(made);
        } else {
            self.bridge(gap, missing);
        }
    }

    /// Fills a gap that a loss has left before the first packet.
    fn bridge(&mut self, gap: i64, missing: usize) {
        let Some(first) = self.packets.first() else { return };
        let mendable = mends_predecessor(self.codec, &first.payload);
        if mendable && gap <= self.play.packet_samples {
            let made = self.line.mend(&first.payload, gap as usize);
            if made > 0 {
                self.stats.recovered_by_fec += 1;
                self.play.made.decoded = true;
                return self.advance(made);
            }
        }
        let unmendable = if mendable && gap > self.play.packet_samples {
            gap - self.play.packet_samples
        } else {
            gap
        };
        let made = self.imagine(missing.min(unmendable as usize));
        self.advance(made);
    }

    /// Nothing is there to be played: imagines something, and waits.
    fn wait(&mut self, missing: usize) {
        if self.play.next_position.is_none() {
            self.line.hush(missing);
            self.play.made.quiet = true;
            return;
        }
        let made = self.imagine(missing);
        self.play.held = self.play.held.saturating_add(made as i64);
    }

    /// Uses up a packet that says that there is no sound.
    fn rest(&mut self) {
        let Some(first) = self.packets.first() else { return };
        if let Content::ComfortNoise(level) = first.content {
            self.line.set_noise(level);
        }
        self.play.resting = true;
        self.play.next_number = first.number + 1;
        self.packets.drop_first();
    }

    fn decode_first(&mut self, now: Instant) {
        let Some(first) = self.packets.first() else { return };
        let lost = first.number - self.play.next_number;
        if lost >= NEW_NUMBERING {
            self.line.restart();
        } else {
            self.play.learn_loss(lost.max(0));
        }
        let ahead = self.line.ahead() as f64 / f64::from(self.codec.sample_rate());
        let delay = now.saturating_duration_since(first.arrival).as_secs_f64() + ahead;
        self.play.delay_seconds += (delay - self.play.delay_seconds) / 16.0;
        if self.line.decode(&first.payload, first.samples as usize) {
            self.play.made.decoded = true;
        } else {
            self.stats.malformed += 1;
            self.line.imagine(first.samples as usize);
            self.play.made.imagined = true;
        }
        self.play.next_position = Some(first.position + first.samples);
        self.play.next_number = first.number + 1;
        self.play.packet_samples = first.samples;
        self.play.held = 0;
        self.play.resting = false;
        self.packets.drop_first();
    }

    fn imagine(&mut self, samples: usize) -> usize {
        let made = self.line.imagine(samples);
        if self.play.resting || self.line.is_quiet() {
            self.play.made.quiet = true;
        } else {
            self.play.made.imagined = true;
        }
        made
    }

    fn advance(&mut self, samples: usize) {
        if let Some(next) = &mut self.play.next_position {
            *next += samples as i64;
        }
    }

    fn ms(&self, ms: i64) -> i64 {
        ms * i64::from(self.codec.sample_rate() / 1_000)
    }

    fn at_48_khz(&self, samples: usize) -> u64 {
        samples as u64 * u64::from(SAMPLE_RATE / self.codec.sample_rate())
    }
}
