// SPDX-License-Identifier: EUPL-1.2
//! One deployment: the real `Joint`, the people who sit before it, and what they have seen. What a gateway would do
//! with an output is done here; what no output may say is refused at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use landbridge_federation::{
    Charter, Deployment, Epoch, Far, FarPerson, Input, Joint, LinkState, Output, Person, PersonId, Recording, Terms,
    Whom,
};

/// A deployment.
pub(crate) struct House {
    pub(crate) name: Deployment,
    pub(crate) index: usize,
    pub(crate) joint: Joint,
    /// Counts restarts.
    pub(crate) life: u32,
    /// Counts inputs, so that only the last deadline is kept.
    pub(crate) turn: u64,
    clock: Clock,
    pub(crate) people: BTreeMap<PersonId, Person>,
    pub(crate) next_person: u64,
    /// The terms towards each partner that was called.
    pub(crate) terms: BTreeMap<usize, Terms>,
    /// People who shall be forgotten, and are still here.
    pub(crate) erased: BTreeSet<PersonId>,
    pub(crate) streams: BTreeMap<(PersonId, usize), u32>,
    pub(crate) far: BTreeMap<Far, FarPerson>,
    pub(crate) queue: Vec<Whom>,
    pub(crate) states: BTreeMap<usize, LinkState>,
    pub(crate) recording: Recording,
    pub(crate) far_recording: BTreeMap<usize, Recording>,
    pub(crate) is_locked: bool,
    authority: String,
    secret: [u8; 32],
}

/// A clock that is wrong and does not run evenly.
#[derive(Clone, Copy)]
struct Clock {
    base: Instant,
    /// [µs]
    ahead: u64,
    /// [millionths]
    fast: i64,
}

impl Clock {
    fn read(self, now: u64) -> Instant {
        let drift = now as i64 * self.fast / 1_000_000;
        self.base + Duration::from_micros((self.ahead as i64 + now as i64 + drift) as u64)
    }

    /// Returns the first time of the world at which the clock shows at least this.
    fn when(self, at: Instant) -> u64 {
        let local = at.saturating_duration_since(self.base).as_nanos() as i64 - self.ahead as i64 * 1_000;
        let mut world = (local * 1_000 / (1_000_000 + self.fast)).max(0) as u64;
        while self.read(world) < at {
            world += 1;
        }
        world
    }
}

impl House {
    /// Opens a house; `ahead` [µs] and `fast` [millionths] say how wrong its clock is, `epoch` its wall clock [ms].
    pub(crate) fn new(base: Instant, index: usize, (ahead, fast): (u64, i64), epoch: u64) -> House {
        let clock = Clock { base, ahead, fast };
        let name = deployment(index);
        let (authority, secret) = (AUTHORITIES[index].to_owned(), [index as u8 + 1; 32]);
        House {
            joint: Joint::new(clock.read(0), charter(index, epoch, secret)),
            name,
            index,
            life: 0,
            turn: 0,
            clock,
            people: BTreeMap::new(),
            next_person: 1,
            terms: BTreeMap::new(),
            erased: BTreeSet::new(),
            streams: BTreeMap::new(),
            far: BTreeMap::new(),
            queue: Vec::new(),
            states: BTreeMap::new(),
            recording: Recording::Off,
            far_recording: BTreeMap::new(),
            is_locked: false,
            authority,
            secret,
        }
    }

    /// Dies and begins a new life: nothing is remembered, everybody is gone, only what is configured stays.
    pub(crate) fn restart(&mut self, now: u64, epoch: u64) {
        let terms = std::mem::take(&mut self.terms);
        let (life, turn) = (self.life + 1, self.turn + 1);
        *self = House {
            joint: Joint::new(self.clock.read(now), charter(self.index, epoch, self.secret)),
            life,
            turn,
            terms,
            ..House::new(self.clock.base, self.index, (self.clock.ahead, self.clock.fast), epoch)
        };
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Hands an input to the core and returns what it says.
    pub(crate) fn handle(&mut self, now: u64, input: Input) -> Vec<Output> {
        self.turn += 1;
        self.joint.handle(self.clock.read(now), input);
        std::iter::from_fn(|| self.joint.poll()).collect()
    }

    /// Returns when the core wants to be called again [µs].
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.joint.deadline().map(|at| self.clock.when(at))
    }

    /// Takes note of what the core says about the partners' people and the links.
    ///
    /// # Errors
    ///
    /// What it must not say.
    pub(crate) fn see(&mut self, output: &Output) -> Result<(), String> {
        match output {
            Output::Came(person) => {
                self.check_origin(person)?;
                if let Some(old) = self.far.insert(person.who, person.clone()) {
                    return Err(format!("{} came twice", old.name));
                }
            }
            Output::Changed(person) => {
                self.check_origin(person)?;
                if self.far.insert(person.who, person.clone()).is_none() {
                    return Err(format!("{} changed and never came", person.name));
                }
            }
            Output::Went(far, _) => {
                self.far
                    .remove(far)
                    .ok_or_else(|| format!("{far:?} went and was not here"))?;
            }
            Output::Queue(queue) => self.queue.clone_from(queue),
            Output::Link(partner, state) => {
                self.states.insert(index(partner), *state);
            }
            Output::Recording(partner, recording) => {
                self.far_recording.insert(index(partner), *recording);
            }
            Output::Stream { person, partner, ssrc } => {
                if !self.people.contains_key(person) {
                    return Err(format!("{person:?} is carried and is not one of ours"));
                }
                if self.streams.insert((*person, index(partner)), *ssrc).is_some() {
                    return Err(format!("{person:?} is carried twice to {partner}"));
                }
            }
            Output::StreamOver { person, partner } => {
                let before = self.streams.remove(&(*person, index(partner)));
                before.ok_or_else(|| format!("{person:?} is no longer carried to {partner} and was not"))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn check_origin(&self, person: &FarPerson) -> Result<(), String> {
        match self.terms.contains_key(&index(&person.origin)) && person.origin != self.name {
            true => Ok(()),
            false => Err(format!("a person of {} is shown at {}", person.origin, self.name)),
        }
    }
}

pub(crate) fn charter(index: usize, epoch: u64, secret: [u8; 32]) -> Charter {
    Charter {
        us: deployment(index),
        authority: AUTHORITIES[index].to_owned(),
        alias: "joint".parse().expect("an alias"),
        home: deployment(0),
        epoch: Epoch(epoch),
        secret,
        seed: epoch ^ index as u64,
        away_after: Duration::from_secs(2),
        remove_after: Duration::from_secs(4),
        via: Vec::new(),
    }
}

pub(crate) fn deployment(index: usize) -> Deployment {
    NAMES[index].parse().expect("a name")
}

/// Returns which house this is; one behind the last if it is none.
pub(crate) fn index(name: &Deployment) -> usize {
    NAMES
        .iter()
        .position(|known| *known == name.as_str())
        .unwrap_or(NAMES.len())
}

const NAMES: [&str; 3] = ["th.example", "sh.example", "by.example"];
pub(crate) const AUTHORITIES: [&str; 3] = ["Thüringen", "Schleswig-Holstein", "Bayern"];
