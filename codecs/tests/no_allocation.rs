// SPDX-License-Identifier: EUPL-1.2
//! The steady tick of a room asks the heap for nothing.

#![allow(clippy::disallowed_methods, reason = "a test chooses its start")]
#![allow(clippy::unwrap_used)]

use std::alloc::System;
use std::time::{Duration, Instant};

use landbridge_codecs::tone::Tone;
use landbridge_codecs::{
    Codec, Encoder, EncoderOptions, Frame, Level, MAX_PAYLOAD, Mix, Playout, PlayoutOptions, RtpPayload, SourceId,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Leg {
    encoder: Encoder,
    playout: Playout,
    tone: Tone,
    step: u32,
}

#[test]
fn a_room_of_eight_with_losses_and_jitter_runs_without_allocation() {
    let start = Instant::now();
    let mut legs: Vec<Leg> = [Codec::ALL, Codec::ALL]
        .concat()
        .into_iter()
        .enumerate()
        .map(|(at, codec)| Leg {
            encoder: Encoder::new(codec, &EncoderOptions::default()).unwrap(),
            playout: Playout::new(codec, PlayoutOptions::default()).unwrap(),
            tone: Tone::sine(300.0 + 100.0 * at as f64, 6_000),
            step: codec.timestamp_step(),
        })
        .collect();
    let mut mix = Mix::new(4);
    let mut tick = |at: u32| {
        mix.begin();
        let mut payload = [0; MAX_PAYLOAD];
        let mut frame = Frame::SILENCE;
        for (id, leg) in legs.iter_mut().enumerate() {
            let beat = start + Duration::from_millis(20 * u64::from(at));
            // Every 17th packet is lost, every 11th is late by more than a tick.
            let arrivals = match at % 187 {
                lost if lost % 17 == 3 => 0,
                late if late % 11 == 5 => 0,
                next if next % 11 == 6 => 2,
                _ => 1,
            };
            for back in (0..arrivals).rev() {
                let length = leg.encoder.encode(&leg.tone.next_frame(), &mut payload);
                let at = at - back;
                let packet = RtpPayload {
                    sequence: at as u16,
                    timestamp: at.wrapping_mul(leg.step),
                    marker: false,
                    payload: &payload[..length],
                };
                leg.playout.insert(beat, packet);
            }
            leg.playout.pull(beat + Duration::from_millis(8), &mut frame);
            mix.add(SourceId(id as u32), &frame, Level::of(&frame));
        }
        mix.finish();
        assert!(mix.speakers().len() <= 4);
    };
    for at in 1..600 {
        tick(at);
    }
    let region = Region::new(HEAP);
    for at in 600..1_600 {
        tick(at);
    }
    let change = region.change();
    assert_eq!(
        (change.allocations, change.reallocations, change.deallocations),
        (0, 0, 0),
        "{change:?}"
    );
}
