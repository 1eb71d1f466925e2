// SPDX-License-Identifier: EUPL-1.2
//! What 20 ms cost, step by step [µs]: `cargo bench -p landbridge-codecs`.

#![allow(clippy::disallowed_methods, reason = "a bench measures")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use landbridge_codecs::tone::Tone;
use landbridge_codecs::{
    Codec, Ear, Encoder, EncoderOptions, Frame, Level, MAX_PAYLOAD, Mix, Playout, PlayoutOptions, Resampler,
    RtpPayload, SourceId,
};

const ROUNDS: usize = 4_000;
const BATCH: usize = 20;

fn main() {
    let frames = sound();
    for codec in Codec::ALL {
        let mut encoder = Encoder::new(codec, &EncoderOptions::default()).unwrap();
        let mut payload = [0; MAX_PAYLOAD];
        let mut packets = Vec::new();
        measure(&format!("{codec}: Encoder::encode"), |at| {
            let length = encoder.encode(&frames[at % frames.len()], &mut payload);
            packets.push(payload[..length].to_vec());
        });
        for (name, lost_one_in) in [("Playout insert + pull", usize::MAX), ("the same with 10 % lost", 10)] {
            let mut playout = Playout::new(codec, PlayoutOptions::default()).unwrap();
            let start = Instant::now();
            measure(&format!("{codec}: {name}"), |at| {
                let now = start + Duration::from_millis(20 * at as u64);
                if at % lost_one_in != 5 {
                    let timestamp = (at as u32).wrapping_mul(codec.timestamp_step());
                    let packet = RtpPayload {
                        sequence: at as u16,
                        timestamp,
                        marker: false,
                        payload: &packets[at],
                    };
                    playout.insert(now, packet);
                }
                let mut frame = Frame::SILENCE;
                playout.pull(now + Duration::from_millis(10), &mut frame);
                black_box(&frame);
            });
        }
    }
    for (from, to) in [(8_000, 48_000), (48_000, 8_000), (16_000, 48_000), (48_000, 16_000)] {
        let mut resampler = Resampler::new(from, to).unwrap();
        let input = &frames[0].0[..from as usize / 50];
        let mut out = [0; 960];
        measure(&format!("Resampler {from} -> {to}"), |_| {
            black_box(resampler.process(black_box(input), &mut out));
        });
    }
    measure("Level::of", |at| {
        black_box(Level::of(black_box(&frames[at % frames.len()])));
    });
    for (sources, speakers) in [(20, 5), (1_000, 5)] {
        let mut mix = Mix::new(speakers);
        measure(&format!("Mix of {sources}, {speakers} on the floor, all ears"), |at| {
            mix.begin();
            for source in 0..sources {
                let frame = &frames[(at + source as usize) % frames.len()];
                mix.add(SourceId(source), frame, Level(20 + source as u8 % 30));
            }
            mix.finish();
            black_box(mix.heard_by(Ear::Everyone));
        });
    }
}

/// Prints the median of batches, which a busy machine hardly moves.
fn measure(name: &str, mut step: impl FnMut(usize)) {
    let mut batches: Vec<f64> = (0..ROUNDS / BATCH)
        .map(|batch| {
            let start = Instant::now();
            for at in batch * BATCH..(batch + 1) * BATCH {
                step(at);
            }
            start.elapsed().as_secs_f64() * 1e6 / BATCH as f64
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    println!(
        "{:7.2} µs (least {:.2})  {name}",
        batches[batches.len() / 2],
        batches[0]
    );
}

/// Returns two seconds of a sound that is neither steady nor noise.
fn sound() -> Vec<Frame> {
    let mut tones = [
        Tone::dual(180.0, 720.0, 5_000),
        Tone::dual(240.0, 2_300.0, 3_000),
        Tone::sine(90.0, 6_000),
    ];
    (0..100).map(|at| tones[at / 7 % 3].next_frame()).collect()
}
