// SPDX-License-Identifier: EUPL-1.2
//! A sender, a network and a free-running tick in virtual time.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use landbridge_codecs::{
    Codec, Encoder, EncoderOptions, Frame, Playout, PlayoutOptions, PlayoutStats, Pulled, RtpPayload,
};

/// A reproducible source of chance.
pub struct Dice(pub u64);

impl Dice {
    /// Returns a number in 0.0..1.0.
    pub fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// One packet on its way.
#[derive(Clone)]
pub struct Flight {
    pub arrival_ms: f64,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Vec<u8>,
}

/// What was pulled at one tick.
pub struct Tick {
    pub at_ms: f64,
    pub frame: Frame,
    pub pulled: Pulled,
    pub delay: Duration,
}

pub struct Heard {
    pub ticks: Vec<Tick>,
    pub stats: PlayoutStats,
}

impl Heard {
    pub fn sound(&self) -> Vec<i16> {
        self.ticks.iter().flat_map(|tick| tick.frame.0).collect()
    }

    pub fn count(&self, pulled: Pulled) -> usize {
        self.ticks.iter().filter(|tick| tick.pulled == pulled).count()
    }
}

/// Encodes frames as packets of one codec, 20 ms each, sent every 20 ms of the sender's own clock.
pub fn send(
    codec: Codec,
    frames: impl Iterator<Item = Frame>,
    options: &EncoderOptions,
    drift_ppm: f64,
) -> Vec<Flight> {
    let mut encoder = Encoder::new(codec, options).unwrap();
    let mut buffer = [0; landbridge_codecs::MAX_PAYLOAD];
    let beat_ms = 20.0 / (1.0 + drift_ppm * 1e-6);
    let mut flights = Vec::new();
    for (at, frame) in frames.enumerate() {
        let length = encoder.encode(&frame, &mut buffer);
        if length > 0 {
            flights.push(Flight {
                arrival_ms: at as f64 * beat_ms,
                sequence: (65_000 + flights.len()) as u16,
                timestamp: (at as u32).wrapping_mul(codec.timestamp_step()).wrapping_sub(5_000),
                marker: at == 0,
                payload: buffer[..length].to_vec(),
            });
        }
    }
    flights
}

/// Plays packets with a tick every 20 ms from `phase_ms` on; ticks stray by up to `stray_ms` to both sides.
#[allow(clippy::disallowed_methods, reason = "a test chooses its own start of time")]
pub fn play(codec: Codec, mut flights: Vec<Flight>, until_ms: f64, phase_ms: f64, stray_ms: f64) -> Heard {
    flights.sort_by(|a, b| a.arrival_ms.total_cmp(&b.arrival_ms));
    let origin = Instant::now();
    let instant = |ms: f64| origin + Duration::from_secs_f64((ms + 1_000.0) / 1_000.0);
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    let mut playout = Playout::new(codec, PlayoutOptions::default()).unwrap();
    let mut waiting = flights.into_iter().peekable();
    let mut ticks = Vec::new();
    for beat in 0.. {
        let at_ms = phase_ms + 20.0 * f64::from(beat) + stray_ms * (2.0 * dice.roll() - 1.0);
        if at_ms > until_ms {
            break;
        }
        while let Some(flight) = waiting.next_if(|flight| flight.arrival_ms <= at_ms) {
            let Flight {
                sequence,
                timestamp,
                marker,
                payload,
                ..
            } = &flight;
            let packet = RtpPayload {
                sequence: *sequence,
                timestamp: *timestamp,
                marker: *marker,
                payload,
            };
            playout.insert(instant(flight.arrival_ms), packet);
        }
        let mut frame = Frame::SILENCE;
        let pulled = playout.pull(instant(at_ms), &mut frame);
        ticks.push(Tick {
            at_ms,
            frame,
            pulled,
            delay: playout.stats().delay,
        });
    }
    Heard {
        ticks,
        stats: playout.stats(),
    }
}

/// Steps of the staircase that tells which packet is heard.
const STEPS: usize = 16;

/// Returns frames of which each holds one constant value, so that a listener can tell packets apart.
pub fn staircase(count: usize) -> impl Iterator<Item = Frame> {
    (0..count).map(|at| Frame([step(at); 960]))
}

fn step(at: usize) -> i16 {
    // Neighbours are far apart, so that an edge is seen clearly.
    ((at * 7 % STEPS) as i16 - 8) * 1_600 + 800
}

/// Returns, for each packet of a staircase that was heard, (its number, when it was first heard [ms]).
///
/// "Heard" is the time of the tick and the place in its frame: the filters' delay is part of it.
pub fn first_heard(heard: &Heard) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, f64)> = Vec::new();
    let mut next = 0;
    let mut stable = 0;
    for tick in &heard.ticks {
        for (place, sample) in tick.frame.0.iter().enumerate() {
            let candidate = (next..next + 3).find(|at| (step(*at) - sample).abs() < 600);
            match candidate {
                Some(at) => {
                    stable += 1;
                    // A step that only passes by on an edge does not stay.
                    if stable == 96 {
                        found.push((at, tick.at_ms + (place as f64 - 95.0) / 48.0));
                        next = at + 1;
                        stable = 0;
                    }
                }
                None => stable = 0,
            }
        }
    }
    found
}

/// Returns the delays [ms] of a staircase from arrival to hearing, sorted; `skip` packets at the start are left out.
pub fn delays(flights: &[Flight], heard: &Heard, skip: usize) -> Vec<f64> {
    let first_sequence = 65_000_u16;
    let arrival = |number: usize| {
        let sequence = first_sequence.wrapping_add(number as u16);
        flights
            .get(number)
            .filter(|flight| flight.sequence == sequence)
            .map(|flight| flight.arrival_ms)
    };
    let mut delays: Vec<f64> = first_heard(heard)
        .into_iter()
        .filter(|(number, _)| *number >= skip)
        .filter_map(|(number, at)| arrival(number).map(|arrival| at - arrival))
        .collect();
    delays.sort_by(f64::total_cmp);
    delays
}

pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
