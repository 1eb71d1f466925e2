// SPDX-License-Identifier: EUPL-1.2
//! What senders and networks do to a stream, and what is heard of it.

#![allow(clippy::disallowed_methods, reason = "a test chooses its start")]
#![allow(clippy::unwrap_used)]

mod world;

use std::time::{Duration, Instant};

use landbridge_codecs::tone::{Tone, spectrum};
use landbridge_codecs::{Codec, EncoderOptions, Frame, Level, Playout, PlayoutOptions, Pulled, RtpPayload};
use world::{Flight, play, send};

fn tone(ticks: usize) -> impl Iterator<Item = Frame> {
    let mut tone = Tone::sine(440.0, 8_000);
    (0..ticks).map(move |_| tone.next_frame())
}

fn phone(ticks: usize) -> Vec<Flight> {
    send(Codec::Pcmu, tone(ticks), &EncoderOptions::default(), 0.0)
}

/// Cuts or joins the packets of a codec with a fixed rate into packets of another length.
fn repacked(flights: &[Flight], ptime_ms: usize) -> Vec<Flight> {
    let bytes: Vec<u8> = flights.iter().flat_map(|flight| flight.payload.clone()).collect();
    let first = &flights[0];
    let pieces = bytes.chunks_exact(ptime_ms * 8).enumerate();
    pieces
        .map(|(at, piece)| Flight {
            // A packet leaves when its last sample is there.
            arrival_ms: ((at + 1) * ptime_ms) as f64,
            sequence: first.sequence.wrapping_add(at as u16),
            timestamp: first.timestamp.wrapping_add((at * ptime_ms * 8) as u32),
            marker: at == 0,
            payload: piece.to_vec(),
        })
        .collect()
}

#[test]
fn packets_of_10_to_200_ms_are_all_heard_whole() {
    for codec in [Codec::Pcma, Codec::G722] {
        for ptime in [5, 10, 20, 30, 40, 60, 100, 200] {
            let flights = repacked(&send(codec, tone(500), &EncoderOptions::default(), 0.0), ptime);
            let heard = play(codec, flights, 9_700.0, 13.0, 0.0);
            let concealed = heard.count(Pulled::Concealed);
            assert!(concealed <= 4, "{codec} {ptime} ms: {concealed} concealed");
            let level = Level::of(&heard.ticks[400].frame);
            assert!(level.0.abs_diff(15) <= 1, "{codec} {ptime} ms: {level:?}");
            println!(
                "{codec} {ptime} ms: {concealed} concealed, delay {:?}",
                heard.stats.delay
            );
        }
    }
}

#[test]
fn duplicates_and_packets_in_the_wrong_order_are_sorted_out() {
    let mut flights = phone(500);
    for at in (100..400).step_by(10) {
        flights[at].arrival_ms += 45.0;
        let again = flights[at + 1].clone();
        flights.push(again);
    }
    let heard = play(Codec::Pcmu, flights, 9_990.0, 9.0, 0.0);
    assert_eq!(
        (heard.stats.duplicated, heard.stats.lost, heard.stats.received),
        (30, 0, 500)
    );
    assert!(heard.stats.late <= 4, "{:?}", heard.stats);
    assert!(heard.count(Pulled::Concealed) <= 8, "{:?}", heard.stats);
}

#[test]
fn a_jump_of_the_timestamp_or_of_the_numbering_is_hardly_heard() {
    for (sequence_jump, timestamp_jump) in [
        (0, 3_000_000_000),
        (0, 80_000),
        (20_000, 0),
        (40_000, 123_456_789),
        (0, u32::MAX - 40_000),
    ] {
        let mut flights = phone(500);
        for flight in &mut flights[250..] {
            flight.sequence = flight.sequence.wrapping_add(sequence_jump);
            flight.timestamp = flight.timestamp.wrapping_add(timestamp_jump);
        }
        flights[250].marker = true;
        let heard = play(Codec::Pcmu, flights, 9_990.0, 9.0, 0.0);
        let unheard = heard.ticks[20..]
            .iter()
            .filter(|tick| tick.pulled != Pulled::Speech)
            .count();
        assert!(
            unheard <= 3,
            "{sequence_jump} {timestamp_jump}: {unheard} {:?}",
            heard.stats
        );
        assert!(
            heard.stats.restarts >= 1 && heard.stats.delay < Duration::from_millis(45),
            "{:?}",
            heard.stats
        );
    }
}

#[test]
fn a_pause_with_comfort_noise_is_low_noise_without_a_click_and_the_next_word_is_whole() {
    let flights: Vec<Flight> = phone(300)
        .into_iter()
        .filter(|flight| !(1_000.0..3_000.0).contains(&flight.arrival_ms))
        .collect();
    let start = Instant::now();
    let at = |ms: f64| start + Duration::from_secs_f64(ms / 1_000.0);
    let mut playout = Playout::new(Codec::Pcmu, PlayoutOptions::default()).unwrap();
    let mut flights = flights.into_iter().enumerate().peekable();
    let mut sound = Vec::new();
    let mut verdicts = Vec::new();
    for tick in 0..280 {
        let now = 9.0 + 20.0 * f64::from(tick);
        while let Some((number, flight)) = flights.next_if(|(_, flight)| flight.arrival_ms <= now) {
            // The comfort noise packet took number 50.
            let sequence = number as u16 + u16::from(number >= 50);
            let marker = number == 50;
            let packet = RtpPayload {
                sequence,
                timestamp: flight.timestamp,
                marker,
                payload: &flight.payload,
            };
            playout.insert(at(flight.arrival_ms), packet);
            if number == 49 {
                playout.insert_comfort_noise(at(flight.arrival_ms), 50, flight.timestamp.wrapping_add(160), 65);
            }
        }
        let mut frame = Frame::SILENCE;
        verdicts.push(playout.pull(at(now), &mut frame));
        sound.push(frame);
    }
    let pause: Vec<&Frame> = sound[56..148].iter().collect();
    assert!(
        pause.iter().all(|frame| (58..=72).contains(&Level::of(frame).0)),
        "{:?}",
        pause.iter().map(|f| Level::of(f)).collect::<Vec<_>>()
    );
    assert!(
        pause
            .iter()
            .all(|frame| frame.0.iter().all(|sample| sample.abs() < 200))
    );
    assert!(verdicts[52..148].iter().all(|verdict| *verdict == Pulled::Silence));
    assert!(
        verdicts[152..].iter().all(|verdict| *verdict == Pulled::Speech),
        "{:?}",
        &verdicts[145..160]
    );
    assert_eq!(playout.stats().concealed_frames, 0);
}

#[test]
fn opus_that_stops_sending_in_silence_is_not_taken_for_lossy() {
    let mut tone = Tone::sine(440.0, 8_000);
    let frames = (0..500).map(|at| {
        if at % 200 < 100 {
            tone.next_frame()
        } else {
            Frame::SILENCE
        }
    });
    let flights = send(
        Codec::Opus,
        frames,
        &EncoderOptions {
            dtx: true,
            ..Default::default()
        },
        0.0,
    );
    assert!(flights.len() < 450, "{}", flights.len());
    let heard = play(Codec::Opus, flights, 9_990.0, 9.0, 0.0);
    println!("{:?}", heard.stats);
    assert_eq!(heard.stats.lost, 0);
    assert!(Level::of(&heard.ticks[180].frame) > Level(60) && Level::of(&heard.ticks[280].frame) < Level(20));
    assert!(heard.stats.concealed_frames < 60);
}

#[test]
fn keypresses_that_replace_the_sound_are_not_taken_for_losses() {
    let start = Instant::now();
    let mut playout = Playout::new(Codec::Pcmu, PlayoutOptions::default()).unwrap();
    for (at, flight) in phone(200).iter().enumerate() {
        let now = start + Duration::from_millis(20 * at as u64);
        let sequence = flight.sequence;
        if (100..110).contains(&at) {
            playout.insert_event(now, sequence, (100_u32 * 160).wrapping_sub(5_000));
        } else {
            playout.insert(
                now,
                RtpPayload {
                    sequence,
                    timestamp: flight.timestamp,
                    marker: false,
                    payload: &flight.payload,
                },
            );
        }
        let pulled = playout.pull(now + Duration::from_millis(9), &mut Frame::SILENCE.clone());
        let expected = if (100..110).contains(&at) {
            Pulled::Silence
        } else {
            Pulled::Speech
        };
        assert_eq!(pulled, expected, "{at}");
    }
    assert_eq!((playout.stats().lost, playout.stats().concealed_frames), (0, 0));
}

#[test]
fn a_stall_of_the_network_is_caught_up_with_and_the_delay_comes_back() {
    let mut flights = phone(1_000);
    for flight in &mut flights[200..215] {
        flight.arrival_ms = 215.0 * 20.0;
    }
    let heard = play(Codec::Pcmu, flights, 19_990.0, 9.0, 0.0);
    assert!(heard.ticks[990].delay < Duration::from_millis(45), "{:?}", heard.stats);
    assert!(
        heard.count(Pulled::Concealed) <= 8,
        "{}",
        heard.count(Pulled::Concealed)
    );
}

#[test]
fn ten_seconds_in_which_nobody_listened_do_not_pile_up() {
    let start = Instant::now();
    for with_skip in [true, false] {
        let mut playout = Playout::new(Codec::Opus, PlayoutOptions::default()).unwrap();
        let flights = send(Codec::Opus, tone(800), &EncoderOptions::default(), 0.0);
        let mut frame = Frame::SILENCE;
        for (at, flight) in flights.iter().enumerate() {
            let now = start + Duration::from_millis(20 * at as u64);
            let Flight {
                sequence,
                timestamp,
                marker,
                payload,
                ..
            } = flight;
            playout.insert(
                now,
                RtpPayload {
                    sequence: *sequence,
                    timestamp: *timestamp,
                    marker: *marker,
                    payload,
                },
            );
            let now = now + Duration::from_millis(9);
            if (100..600).contains(&at) {
                if with_skip {
                    playout.skip(now);
                }
            } else {
                playout.pull(now, &mut frame);
            }
        }
        assert!(
            playout.stats().delay < Duration::from_millis(60),
            "{with_skip}: {:?}",
            playout.stats()
        );
        assert!(
            playout.stats().concealed_frames <= 6,
            "{with_skip}: {:?}",
            playout.stats()
        );
        assert!(spectrum::tone_level(&frame.0, 48_000, 440.0) > -18.0);
    }
}

#[test]
fn a_stereo_stream_is_heard_in_mono_and_garbage_is_counted() {
    let mut playout = Playout::new(Codec::Opus, PlayoutOptions::default()).unwrap();
    let now = Instant::now();
    playout.insert(
        now,
        RtpPayload {
            sequence: 1,
            timestamp: 0,
            marker: true,
            payload: &[],
        },
    );
    playout.insert(
        now,
        RtpPayload {
            sequence: 2,
            timestamp: 960,
            marker: true,
            payload: &[0xFF; 3],
        },
    );
    assert_eq!(playout.stats().malformed, 2);
    // A packet that says "stereo, CELT, 20 ms" with nothing in it is a valid one.
    playout.insert(
        now,
        RtpPayload {
            sequence: 3,
            timestamp: 1_920,
            marker: true,
            payload: &[0xFC],
        },
    );
    assert_eq!(playout.stats().malformed, 2);
    playout.pull(now, &mut Frame::SILENCE.clone());
}
