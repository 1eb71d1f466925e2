// SPDX-License-Identifier: EUPL-1.2
//! How true the sound is after encoder, network and jitter buffer.
#![allow(clippy::unwrap_used)]

mod world;

use landbridge_codecs::tone::{Tone, spectrum::tone_level};
use landbridge_codecs::{Codec, EncoderOptions, Frame, Pulled, Resampler};
use world::{Dice, play, send};

/// Returns how far a sine of `hertz` stands above everything else in `sound` [dB], whatever its phase and level.
fn signal_to_noise(sound: &[i16], hertz: f64) -> f64 {
    let (mut sine, mut cosine, mut total) = (0.0, 0.0, 0.0);
    let turn = |at: usize| (std::f64::consts::TAU * hertz * at as f64 / 48_000.0).sin_cos();
    for (at, sample) in sound.iter().enumerate() {
        let (s, c) = turn(at);
        sine += f64::from(*sample) * s;
        cosine += f64::from(*sample) * c;
        total += f64::from(*sample).powi(2);
    }
    let signal = (sine * sine + cosine * cosine) * 2.0 / sound.len() as f64;
    10.0 * (signal / (total - signal).max(1e-9)).log10()
}

fn tone(hertz: f64, amplitude: i16, ticks: usize) -> impl Iterator<Item = Frame> {
    let mut tone = Tone::sine(hertz, amplitude);
    (0..ticks).map(move |_| tone.next_frame())
}

/// Returns the largest step between two samples: a sine of 440 Hz at 8 000 makes 461, a click thousands.
fn steepest(sound: &[i16]) -> i32 {
    sound
        .windows(2)
        .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
        .max()
        .unwrap()
}

/// Tones of whole periods in 20 ms, so that a second holds no edge.
fn sweep(highest: f64) -> Vec<f64> {
    [350.0, 500.0, 800.0, 1_250.0, 2_000.0, 3_150.0, 5_000.0, 6_300.0]
        .into_iter()
        .filter(|hertz| *hertz < highest)
        .collect()
}

#[test]
fn every_codec_keeps_a_sine_above_its_floor_of_noise() {
    let floors = [
        (Codec::Pcma, 3_400.0, 32.0),
        (Codec::Pcmu, 3_400.0, 32.0),
        (Codec::G722, 7_000.0, 20.0),
        (Codec::Opus, 7_000.0, 12.0),
    ];
    for (codec, highest, floor) in floors {
        for hertz in sweep(highest) {
            let flights = send(codec, tone(hertz, 8_000, 100), &EncoderOptions::default(), 0.0);
            let sound = play(codec, flights, 1_990.0, 9.0, 0.0).sound();
            let last = &sound[sound.len() - 48_000..];
            let quality = signal_to_noise(last, hertz);
            let gain = tone_level(last, 48_000, hertz) - (-3.01 + 20.0 * (8_000.0_f64 / 32_768.0).log10());
            println!("{codec} {hertz} Hz: {quality:.1} dB, gain {gain:.2} dB");
            assert!(quality > floor, "{codec} {hertz} Hz: {quality:.1} dB");
            assert!(gain.abs() < 1.0, "{codec} {hertz} Hz: {gain:.2} dB");
        }
    }
}

#[test]
fn resampling_has_unit_gain_and_keeps_aliases_and_images_50_db_down() {
    for low in [8_000_u32, 16_000, 24_000] {
        let nyquist = f64::from(low) / 2.0;
        let mut down = Resampler::new(48_000, low).unwrap();
        let mut up = Resampler::new(low, 48_000).unwrap();
        for share in [0.05, 0.25, 0.5, 0.75] {
            let (mut high_rate, mut low_rate) = (vec![0; 48_000], vec![0; low as usize]);
            Tone::sine(share * nyquist, 16_000).fill(&mut high_rate, 48_000);
            assert_eq!(down.process(&high_rate, &mut low_rate), low as usize);
            let level = tone_level(&low_rate, low, share * nyquist);
            assert!((level + 9.24).abs() < 0.3, "{low} down {share}: {level:.2}");
            assert_eq!(up.process(&low_rate, &mut high_rate), 48_000);
            let level = tone_level(&high_rate, 48_000, share * nyquist);
            assert!((level + 9.24).abs() < 0.3, "{low} up {share}: {level:.2}");
            let image = tone_level(&high_rate[4_800..], 48_000, f64::from(low) - share * nyquist);
            assert!(image < -59.0, "{low} image of {share}: {image:.1}");
        }
        for share in [1.25, 1.4, 1.7] {
            let (mut high_rate, mut low_rate) = (vec![0; 48_000], vec![0; low as usize]);
            Tone::sine(share * nyquist, 16_000).fill(&mut high_rate, 48_000);
            down.process(&high_rate, &mut low_rate);
            let alias = tone_level(&low_rate[low as usize / 10..], low, f64::from(low) - share * nyquist);
            assert!(alias < -59.0, "{low} alias of {share}: {alias:.1}");
        }
    }
}

#[test]
fn a_tenth_of_the_packets_lost_keeps_a_tone_within_3_db() {
    for codec in Codec::ALL {
        let mut dice = Dice(4_711);
        let mut flights = send(codec, tone(440.0, 8_000, 500), &EncoderOptions::default(), 0.0);
        flights.retain(|_| dice.roll() > 0.1);
        let heard = play(codec, flights, 9_990.0, 9.0, 0.0);
        let sound = heard.sound();
        let before = -3.01 + 20.0 * (8_000.0_f64 / 32_768.0).log10();
        // Piece by piece, so that the phase that a stretch shifts does not count.
        let pieces: Vec<f64> = sound[48_000..]
            .chunks_exact(2_400)
            .map(|piece| tone_level(piece, 48_000, 440.0))
            .collect();
        let mean = pieces.iter().sum::<f64>() / pieces.len() as f64;
        let worst = pieces.iter().copied().fold(0.0, f64::min);
        println!(
            "{codec}: mean {:.2} dB, worst 50 ms {:.1} dB, {:?}",
            mean - before,
            worst - before,
            heard.stats
        );
        assert!((mean - before).abs() < 3.0, "{codec}: {:.2} dB", mean - before);
        assert!(heard.stats.lost > 20);
        println!("{codec}: steepest {}", steepest(&sound));
        assert!(
            steepest(&sound[9_600..]) < 1_500,
            "{codec}: {}",
            steepest(&sound[9_600..])
        );
    }
}

#[test]
fn jitter_that_comes_and_goes_stretches_a_tone_without_a_click() {
    for codec in Codec::ALL {
        let mut dice = Dice(5);
        let mut flights = send(codec, tone(440.0, 8_000, 1_500), &EncoderOptions::default(), 0.0);
        for (at, flight) in flights.iter_mut().enumerate() {
            let jitter = if at / 400 % 2 == 1 { 60.0 } else { 1.0 };
            flight.arrival_ms += jitter * dice.roll();
        }
        let heard = play(codec, flights, 29_900.0, 9.0, 0.0);
        let sound = &heard.sound()[9_600..];
        let level = tone_level(&sound[sound.len() - 48_000..], 48_000, 440.0);
        println!(
            "{codec}: steepest {}, {level:.1} dBov, {:?}",
            steepest(sound),
            heard.stats
        );
        assert!(heard.stats.accelerated_samples > 1_000, "{codec}: {:?}", heard.stats);
        assert!(steepest(sound) < 600, "{codec}: {}", steepest(sound));
        assert!((level + 15.2).abs() < 1.0, "{codec}: {level:.1}");
    }
}

#[test]
fn opus_mends_most_single_losses_once_it_has_seen_some() {
    // A voice: redundancy is not spent on steady tones.
    let flights = send(
        Codec::Opus,
        voice(1_000),
        &EncoderOptions {
            expected_loss_percent: 10,
            ..Default::default()
        },
        0.0,
    );
    let kept = flights
        .iter()
        .enumerate()
        .filter(|(at, _)| at % 10 != 5)
        .map(|(_, flight)| flight.clone())
        .collect();
    let heard = play(Codec::Opus, kept, 19_990.0, 9.0, 0.0);
    println!("{:?}", heard.stats);
    assert!(heard.stats.lost >= 98, "{:?}", heard.stats);
    // Opus leaves the redundancy out where it thinks that a loss is hard to hear.
    assert!(heard.stats.recovered_by_fec >= 60, "{:?}", heard.stats);
    assert!(heard.count(Pulled::Concealed) <= 40);
    assert!(
        heard.stats.accelerated_samples < 4_800,
        "the delay flaps: {:?}",
        heard.stats
    );
}

/// Returns something like a voice: a buzz whose pitch and loudness move, through two resonances.
fn voice(ticks: usize) -> impl Iterator<Item = Frame> {
    let mut at = 0_u64;
    let mut turn = 0.0_f64;
    let mut states = [[0.0_f64; 2]; 2];
    (0..ticks).map(move |_| {
        let mut frame = Frame::SILENCE;
        for sample in &mut frame.0 {
            let time = at as f64 / 48_000.0;
            at += 1;
            turn += (120.0 + 25.0 * (time * 5.0).sin()) / 48_000.0;
            let pulse = if turn >= 1.0 { 1.0 } else { 0.0 };
            turn = turn.fract();
            let mut sound = 0.0;
            for (state, (hertz, width)) in states
                .iter_mut()
                .zip([(500.0 + 200.0 * (time * 9.0).sin(), 80.0), (1_500.0, 120.0)])
            {
                let radius = (-std::f64::consts::PI * width / 48_000.0_f64).exp();
                let next = pulse + 2.0 * radius * (std::f64::consts::TAU * hertz / 48_000.0).cos() * state[0]
                    - radius * radius * state[1];
                *state = [next, state[0]];
                sound += next;
            }
            *sample = (sound * 300.0 * (1.2 + (time * 14.0).sin())).clamp(-30_000.0, 30_000.0) as i16;
        }
        frame
    })
}
