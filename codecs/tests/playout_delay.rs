// SPDX-License-Identifier: EUPL-1.2
//! The delay of the jitter buffer, measured in virtual time from a packet's arrival to its sound in a pulled frame.
#![allow(clippy::unwrap_used)]

mod world;

use landbridge_codecs::{Codec, EncoderOptions, Pulled};
use world::{Dice, delays, play, quantile, send, staircase};

const SECOND: usize = 50;

fn phases() -> impl Iterator<Item = f64> {
    (0..20).map(|at| f64::from(at) + 0.3)
}

#[test]
fn a_clean_line_has_a_median_delay_below_30_ms_and_95_percent_below_45_ms_at_every_phase_of_the_tick() {
    let mut all = Vec::new();
    for phase in phases() {
        let flights = send(Codec::Pcmu, staircase(10 * SECOND), &EncoderOptions::default(), 0.0);
        let heard = play(Codec::Pcmu, flights.clone(), 10_000.0, phase, 0.0);
        let delays = delays(&flights, &heard, 5);
        assert!(delays.len() > 480, "{phase}: {} heard", delays.len());
        assert_eq!(heard.count(Pulled::Concealed), 0, "phase {phase}");
        all.extend(delays);
    }
    all.sort_by(f64::total_cmp);
    let (p50, p95) = (quantile(&all, 0.5), quantile(&all, 0.95));
    println!(
        "clean line: p50 {p50:.1} ms, p95 {p95:.1} ms, most {:.1} ms",
        quantile(&all, 1.0)
    );
    assert!(p50 <= 30.0 && p95 <= 45.0, "p50 {p50}, p95 {p95}");
}

#[test]
fn ticks_that_stray_by_5_ms_keep_the_delay_and_hardly_conceal() {
    let mut all = Vec::new();
    for phase in phases() {
        let flights = send(Codec::Pcmu, staircase(10 * SECOND), &EncoderOptions::default(), 0.0);
        let heard = play(Codec::Pcmu, flights.clone(), 10_000.0, phase, 5.0);
        assert!(
            heard.count(Pulled::Concealed) <= 5,
            "phase {phase}: {}",
            heard.count(Pulled::Concealed)
        );
        all.extend(delays(&flights, &heard, 5));
    }
    all.sort_by(f64::total_cmp);
    let (p50, p95) = (quantile(&all, 0.5), quantile(&all, 0.95));
    println!("straying ticks: p50 {p50:.1} ms, p95 {p95:.1} ms");
    assert!(p50 <= 30.0 && p95 <= 45.0, "p50 {p50}, p95 {p95}");
}

#[test]
fn jitter_of_30_ms_has_95_percent_below_80_ms() {
    let mut all = Vec::new();
    let mut concealed = 0;
    for phase in phases().step_by(4) {
        let mut dice = Dice(77 + phase as u64);
        let mut flights = send(Codec::Pcmu, staircase(20 * SECOND), &EncoderOptions::default(), 0.0);
        for flight in &mut flights {
            flight.arrival_ms += 30.0 * dice.roll();
        }
        let heard = play(Codec::Pcmu, flights.clone(), 20_000.0, phase, 0.0);
        concealed += heard.count(Pulled::Concealed);
        all.extend(delays(&flights, &heard, 100));
    }
    all.sort_by(f64::total_cmp);
    let (p50, p95) = (quantile(&all, 0.5), quantile(&all, 0.95));
    println!("30 ms of jitter: p50 {p50:.1} ms, p95 {p95:.1} ms, {concealed} of 5000 frames concealed");
    assert!(p95 <= 80.0, "p95 {p95}");
    assert!(concealed < 100, "{concealed}");
}

#[test]
fn after_an_episode_of_jitter_the_delay_comes_back_within_seconds() {
    let mut dice = Dice(99);
    let mut flights = send(Codec::Pcmu, staircase(40 * SECOND), &EncoderOptions::default(), 0.0);
    for flight in &mut flights[10 * SECOND..20 * SECOND] {
        flight.arrival_ms += 100.0 * dice.roll();
    }
    let heard = play(Codec::Pcmu, flights.clone(), 40_000.0, 7.0, 0.0);
    let during = delays(&flights[..20 * SECOND], &heard, 15 * SECOND);
    let after = delays(&flights, &heard, 26 * SECOND);
    println!(
        "p50 during {:.1} ms, 6 s later {:.1} ms",
        quantile(&during, 0.5),
        quantile(&after, 0.5)
    );
    assert!(quantile(&during, 0.5) > 40.0);
    assert!(quantile(&after, 0.95) < 45.0, "{:.1}", quantile(&after, 0.95));
}

#[test]
fn clocks_that_drift_by_200_ppm_for_10_minutes_never_run_dry() {
    for drift in [-200.0, 200.0] {
        let flights = send(Codec::Pcmu, staircase(600 * SECOND), &EncoderOptions::default(), drift);
        let heard = play(Codec::Pcmu, flights.clone(), 599_000.0, 11.0, 0.0);
        let delays = delays(&flights, &heard, 5);
        let (p50, p95, most) = (quantile(&delays, 0.5), quantile(&delays, 0.95), quantile(&delays, 1.0));
        let stats = heard.stats;
        println!(
            "{drift} ppm: p50 {p50:.1}, p95 {p95:.1}, most {most:.1} ms, measured {} ppm",
            stats.drift_ppm
        );
        assert_eq!(heard.count(Pulled::Concealed), 0, "{stats:?}");
        assert_eq!((stats.late, stats.discarded), (0, 0));
        assert!(p50 <= 30.0 && p95 <= 45.0, "p50 {p50}, p95 {p95}");
        assert!((f64::from(stats.drift_ppm) - drift).abs() < 20.0, "{}", stats.drift_ppm);
    }
}
