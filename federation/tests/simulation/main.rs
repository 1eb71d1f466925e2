// SPDX-License-Identifier: EUPL-1.2
//! Two and three deployments with the real code, in virtual time: thousands of schedules of people who come, speak, act
//! and go while the border is cut, delays, reorders, doubles and loses, and houses restart with wrong clocks.
//!
//! - `dice`: chance from a seed.
//! - `cast`: people and policies; every text about a person is a marker.
//! - `house`: one deployment.
//! - `border`: the ways between them, and the tap that searches all that crosses.
//! - `ledger`: what was said and done, and how often it arrived.
//! - `world`: virtual time, and what is true all the time.
//! - `play`: one schedule.
//! - `truth`: what is true at its end.
//! - `hostile`: a partner that lies, repeats and floods.
//! - `roundtrip`: what is written reads back.
//!
//! A seed that fails is printed with the command that plays it again and prints its log:
//! `SEED=7 cargo test -p landbridge-federation --test simulation replay -- --nocapture`.
//! `SCHEDULES=1000000` plays so many; `FIRST=5000` begins there.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "seeds come from the environment")]

mod border;
mod cast;
mod dice;
mod hostile;
mod house;
mod ledger;
mod play;
mod roundtrip;
mod truth;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use border::Found;

#[test]
fn schedules_of_the_first_quarter_hold() {
    play_quarter(0);
}

#[test]
fn schedules_of_the_second_quarter_hold() {
    play_quarter(1);
}

#[test]
fn schedules_of_the_third_quarter_hold() {
    play_quarter(2);
}

#[test]
fn schedules_of_the_fourth_quarter_hold() {
    play_quarter(3);
}

#[test]
fn a_seed_plays_the_same_twice() {
    for seed in 0..50 {
        let (first, _) = play::play(seed, false);
        let (second, _) = play::play(seed, true);
        assert_eq!(first.digest, second.digest, "seed {seed}");
        assert_eq!(first.found.frames, second.found.frames, "seed {seed}");
    }
}

#[test]
fn ten_thousand_policies_let_nothing_out_that_they_keep_at_home() {
    let mut found = Found::default();
    for seed in 0..10_000 {
        let (world, result) = play::play_as(dice::Dice::new(!seed), false, false, false);
        assert_eq!(result, Ok(()), "seed {seed}");
        found.add(&world.found);
    }
    assert!(
        found.names > 0 && found.lines > 0 && found.fields.iter().all(|count| *count > 0),
        "{found:?}"
    );
    println!("{} frames, {} octets searched", found.frames, found.octets);
}

/// Plays `SEED` and prints its log.
#[test]
fn replay() {
    let Some(seed) = number("SEED") else { return };
    let (world, result) = play::play(seed, true);
    println!("{}\n{result:?}, digest {:016x}", world.log(), world.digest);
    assert_eq!(result, Ok(()));
}

fn play_quarter(quarter: u64) {
    let (first, schedules) = (number("FIRST").unwrap_or(0), number("SCHEDULES").unwrap_or(100_000));
    let mut found = Found::default();
    for seed in (first..first + schedules).filter(|seed| seed % 4 == quarter) {
        play_one(seed, &mut found);
    }
    println!(
        "{} schedules, {} frames, {} octets crossed the border",
        schedules / 4,
        found.frames,
        found.octets
    );
    // A tap that finds nothing where it may find something is blind.
    if schedules >= 1000 {
        assert!(
            found.names > 0 && found.lines > 0 && found.fields.iter().all(|count| *count > 0),
            "{found:?}"
        );
    }
}

fn play_one(seed: u64, total: &mut Found) {
    let played = catch_unwind(AssertUnwindSafe(|| play::play(seed, false)));
    let wrong = match played {
        Ok((world, Ok(()))) => return total.add(&world.found),
        Ok((_, Err(wrong))) => wrong,
        Err(_) => "it panicked".to_owned(),
    };
    panic!(
        "seed {seed}: {wrong}\nSEED={seed} cargo test -p landbridge-federation --test simulation replay -- --nocapture"
    );
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
