// SPDX-License-Identifier: EUPL-1.2
//! Whatever a peer sends and however ticks fall: no panic, always 20 ms, bounded memory and delay.

#![allow(clippy::disallowed_methods, reason = "a test chooses its start")]
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use landbridge_codecs::{Codec, Ear, Frame, Level, Mix, Playout, PlayoutOptions, RtpPayload, SourceId};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Packet {
        sequence: u16,
        timestamp: u32,
        marker: bool,
        payload: Vec<u8>,
    },
    Next {
        samples: u32,
        payload: Vec<u8>,
    },
    Noise {
        sequence: u16,
        timestamp: u32,
        level: u8,
    },
    Event {
        sequence: u16,
        timestamp: u32,
    },
    Pull,
    Skip,
    Wait(u32),
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..340),
        1 => prop::collection::vec(any::<u8>(), 0..3_000),
        4 => prop::collection::vec(any::<u8>(), 160..=160),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (any::<u16>(), any::<u32>(), any::<bool>(), payload())
            .prop_map(|(sequence, timestamp, marker, payload)| Act::Packet { sequence, timestamp, marker, payload }),
        8 => (prop_oneof![Just(160_u32), Just(960), 0..100_000_u32], payload())
            .prop_map(|(samples, payload)| Act::Next { samples, payload }),
        1 => (any::<u16>(), any::<u32>(), any::<u8>())
            .prop_map(|(sequence, timestamp, level)| Act::Noise { sequence, timestamp, level }),
        1 => (any::<u16>(), any::<u32>()).prop_map(|(sequence, timestamp)| Act::Event { sequence, timestamp }),
        8 => Just(Act::Pull),
        1 => Just(Act::Skip),
        4 => prop_oneof![0..30_u32, 0..5_000_u32].prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_playout_survives_any_peer(codec in prop::sample::select(&Codec::ALL[..]), acts in prop::collection::vec(act(), 1..300)) {
        let mut playout = Playout::new(codec, PlayoutOptions::default()).unwrap();
        let mut now = Instant::now();
        let (mut sequence, mut timestamp) = (0_u16, 0_u32);
        for act in acts {
            let mut frame = Frame([12_345; 960]);
            match act {
                Act::Packet { sequence, timestamp, marker, payload } => {
                    playout.insert(now, RtpPayload { sequence, timestamp, marker, payload: &payload });
                }
                Act::Next { samples, payload } => {
                    sequence = sequence.wrapping_add(1);
                    timestamp = timestamp.wrapping_add(samples);
                    playout.insert(now, RtpPayload { sequence, timestamp, marker: false, payload: &payload });
                }
                Act::Noise { sequence, timestamp, level } => playout.insert_comfort_noise(now, sequence, timestamp, level),
                Act::Event { sequence, timestamp } => playout.insert_event(now, sequence, timestamp),
                Act::Pull => {
                    playout.pull(now, &mut frame);
                    // Every sample was written: 960 equal ones would be left over.
                    prop_assert!(frame.0.iter().any(|sample| *sample != 12_345));
                    now += Duration::from_millis(20);
                }
                Act::Skip => {
                    playout.skip(now);
                    now += Duration::from_millis(20);
                }
                Act::Wait(ms) => now += Duration::from_millis(u64::from(ms)),
            }
        }
        playout.stats();
    }

    #[test]
    fn a_mix_survives_any_room(ticks in prop::collection::vec(prop::collection::vec((0..40_u32, 0..=127_u8, any::<i16>()), 0..40), 1..60), max in 0..8_usize) {
        let mut mix = Mix::new(max);
        for voices in ticks {
            mix.begin();
            for (id, level, value) in &voices {
                mix.add(SourceId(*id), &Frame([*value; 960]), Level(*level));
            }
            mix.finish();
            prop_assert!(mix.speakers().len() <= max.max(1));
            for (id, _, _) in voices {
                mix.heard_by(mix.ear_of(SourceId(id)));
            }
            mix.heard_by(Ear::AllBut(SourceId(1_000)));
        }
    }
}

#[test]
fn a_flood_without_a_single_tick_stays_within_its_bounds() {
    let start = Instant::now();
    let mut playout = Playout::new(Codec::G722, PlayoutOptions::default()).unwrap();
    for at in 0..200_000_u32 {
        let now = start + Duration::from_micros(u64::from(at));
        let packet = RtpPayload {
            sequence: at as u16,
            timestamp: at.wrapping_mul(800),
            marker: false,
            payload: &[0x55; 1_600],
        };
        playout.insert(now, packet);
        if at % 1_000 == 999 {
            playout.pull(now, &mut Frame::SILENCE.clone());
        }
    }
    assert!(playout.stats().discarded > 190_000, "{:?}", playout.stats());
}
