// SPDX-License-Identifier: EUPL-1.2
//! Any packets in any order at any time: the jitter buffer gives a whole frame at each tick, and its delay is bounded.
//!
//! The first octet chooses the codec; then each command is an octet, its argument, and for a packet its payload.
#![no_main]

use std::time::{Duration, Instant};

use landbridge_codecs::{Codec, Frame, Playout, PlayoutOptions, RtpPayload};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, mut rest)) = bytes.split_first() else {
        return;
    };
    let codec = Codec::ALL[usize::from(*choice) % Codec::ALL.len()];
    let mut playout = Playout::new(codec, PlayoutOptions::default()).expect("the defaults are good");
    let mut now = Instant::now();
    let (mut sequence, mut timestamp) = (65_530_u16, u32::MAX - 1000);
    while let Some((command, more)) = rest.split_first() {
        let (argument, more) = more.split_first().unwrap_or((&0, more));
        rest = more;
        match command % 8 {
            0 | 1 => {
                now += Duration::from_millis(20);
                let mut frame = Frame([12_345; 960]);
                playout.pull(now, &mut frame);
                assert!(frame.0.iter().any(|sample| *sample != 12_345), "nothing was written");
            }
            2 => {
                now += Duration::from_millis(20);
                playout.skip(now);
            }
            3 => now += Duration::from_millis(u64::from(*argument) * 4),
            4 => sequence = sequence.wrapping_add_signed(i16::from(argument.cast_signed()) * 64),
            5 => timestamp = timestamp.wrapping_add_signed(i32::from(argument.cast_signed()) << 16),
            6 if command & 0x10 == 0 => playout.insert_comfort_noise(now, sequence, timestamp, *argument),
            6 => playout.insert_event(now, sequence, timestamp),
            _ => {
                let length = usize::from(*argument) * if command & 0x10 == 0 { 1 } else { 8 };
                let (payload, after) = rest.split_at(length.min(rest.len()));
                rest = after;
                let marker = command & 0x20 != 0;
                playout.insert(
                    now,
                    RtpPayload {
                        sequence,
                        timestamp,
                        marker,
                        payload,
                    },
                );
                sequence = sequence.wrapping_add(1);
                timestamp = timestamp.wrapping_add(codec.rtp_clock_rate() / 50);
            }
        }
    }
    let stats = playout.stats();
    assert!(stats.delay < Duration::from_secs(10), "{stats:?}");
});
