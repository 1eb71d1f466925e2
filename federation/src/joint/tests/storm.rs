// SPDX-License-Identifier: EUPL-1.2
//! Seeds of bad weather: frames are lost, late, doubled and out of order, ways are cut, deployments begin anew.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::play::{SECOND, World, deployment, lines, person};
use crate::random::Random;
use crate::{Input, LinkState, PersonId, Whom};

const NAMES: [&str; 3] = ["th", "sh", "by"];

struct Storm {
    world: World,
    dice: Random,
    houses: usize,
    /// Who is in which room.
    people: BTreeMap<(usize, u64), bool>,
    said: u64,
    lives: u64,
    restarts: bool,
    heard: BTreeMap<&'static str, Vec<String>>,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let mut dice = Random::new(seed, "storm");
        let houses = 2 + (dice.next() % 2) as usize;
        let restarts = dice.next().is_multiple_of(2);
        let mut world = World::new(&NAMES[..houses]);
        world.weather = Some(Random::new(seed, "weather"));
        Storm {
            world,
            dice,
            houses,
            people: BTreeMap::new(),
            said: 0,
            lives: 2000,
            restarts,
            heard: BTreeMap::new(),
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.next() % sides
    }

    fn step(&mut self) {
        let house = self.roll(self.houses as u64) as usize;
        let (us, id) = (NAMES[house], self.roll(5));
        match self.roll(12) {
            0..=2 => {
                let hand = self.roll(2) == 0;
                self.people.insert((house, id), hand);
                self.world
                    .input(us, Input::Person(person(id, &format!("{us}{id}"), hand)));
            }
            3 => {
                self.people.remove(&(house, id));
                self.world.input(us, Input::Went(PersonId(id)));
            }
            4..=6 if self.people.contains_key(&(house, id)) => {
                self.said += 1;
                self.world.says(us, id, &format!("{us} {}", self.said));
            }
            7 => {
                let locked = self.roll(2) == 0;
                self.world.input(us, Input::Locked(locked));
            }
            8 => {
                let other = NAMES[(house + 1) % self.houses];
                self.world.cut(us, other);
            }
            9 => self.world.repair(),
            10 if self.restarts && self.roll(4) == 0 => {
                self.gather();
                self.lives = self.lives + 100 - self.roll(200);
                let partners: Vec<&str> = NAMES[..self.houses]
                    .iter()
                    .copied()
                    .filter(|name| *name != us)
                    .collect();
                self.world.restart(us, self.lives, &partners);
                self.people.retain(|(at, _), _| *at != house);
            }
            _ => {}
        }
        let pause = Duration::from_millis(1 << self.roll(13));
        self.world.pass(pause);
    }

    fn gather(&mut self) {
        for us in &NAMES[..self.houses] {
            let seen = self.world.seen(us);
            self.heard
                .entry(us)
                .or_default()
                .extend(lines(&seen).into_iter().map(str::to_owned));
        }
    }

    fn check(&mut self, seed: u64) {
        self.world.repair();
        self.world.weather = None;
        self.world.pass(SECOND * 10);
        let mut queues = Vec::new();
        for us in &NAMES[..self.houses] {
            for (at, origin) in NAMES[..self.houses]
                .iter()
                .enumerate()
                .filter(|(_, origin)| *origin != us)
            {
                assert_eq!(self.world.state(us, origin), LinkState::Up, "seed {seed}");
                let there = self.people.keys().filter(|(house, _)| *house == at);
                let names: Vec<String> = there.map(|(_, id)| format!("{origin}{id}")).collect();
                assert_eq!(
                    self.world.shows(us, origin),
                    names,
                    "seed {seed}: {origin} as {us} sees it"
                );
            }
            queues.push(self.queue(us));
        }
        assert!(
            queues.windows(2).all(|pair| pair[0] == pair[1]),
            "seed {seed}: {queues:?}"
        );
        self.gather();
        for (us, heard) in &self.heard {
            for origin in NAMES {
                let number = |line: &String| Some(line.strip_prefix(origin)?.trim().parse::<u64>().unwrap());
                let numbers: Vec<u64> = heard.iter().filter_map(number).collect();
                assert!(
                    numbers.is_sorted_by(|a, b| a < b),
                    "seed {seed}: {us} heard {origin} say {numbers:?}"
                );
            }
            assert!(heard.iter().all(|line| !line.starts_with(us)), "seed {seed}: an echo");
        }
        if !self.restarts {
            let heard: usize = self.heard.values().map(Vec::len).sum();
            assert_eq!(heard as u64, self.said * (self.houses as u64 - 1), "seed {seed}");
        }
    }

    fn queue(&self, us: &str) -> Vec<String> {
        let house = &self.world.houses[&deployment(us)];
        let roster = house.joint.roster();
        let name = |whom: &Whom| match whom {
            Whom::Ours(person) => format!("{us}{}", person.0),
            Whom::Far(far) => roster
                .values()
                .flatten()
                .find(|person| person.who == *far)
                .unwrap()
                .name
                .clone(),
        };
        house.joint.queue().iter().map(name).collect()
    }
}

#[test]
fn whatever_the_weather_all_see_the_same_in_the_end() {
    for seed in 360..400 {
        let mut storm = Storm::new(seed);
        for _ in 0..40 {
            storm.step();
        }
        storm.check(seed);
    }
}

#[test]
fn the_same_seed_plays_the_same() {
    let play = |seed| {
        let mut storm = Storm::new(seed);
        (0..40).for_each(|_| storm.step());
        storm.world.tap
    };
    assert_eq!(play(3), play(3));
}
