// SPDX-License-Identifier: EUPL-1.2
//! One schedule: who comes, speaks, acts and goes, and what breaks, all from a seed; then the border heals, and within
//! 2 s everything has to be true.

use std::collections::BTreeMap;

use landbridge_federation::{
    Act, Field, Fingerprint, Input, LinkState, Person, PersonId, Recording, Role, Subject, Terms, Way, Whom,
};

use crate::cast;
use crate::dice::Dice;
use crate::house::{AUTHORITIES, deployment};
use crate::ledger::Deed;
use crate::truth;
use crate::world::{WALL, World};

/// Plays a schedule; `is_logged` keeps a readable log.
pub(crate) fn play(seed: u64, is_logged: bool) -> (World, Result<(), String>) {
    let mut dice = Dice::new(seed);
    let (is_open, faults) = (dice.percent(50), dice.percent(85));
    play_as(dice, is_open, faults, is_logged)
}

/// Plays a schedule in which all tell and permit everything, or what the dice say; with or without faults.
pub(crate) fn play_as(mut dice: Dice, is_open: bool, faults: bool, is_logged: bool) -> (World, Result<(), String>) {
    let houses = if dice.percent(60) { 2 } else { 3 };
    let mut stage = Stage {
        world: World::new(dice, houses, is_logged),
        is_open,
        restarts: 0,
        changes: 0,
        cast: 0,
    };
    let result = stage.run(faults);
    (stage.world, result)
}

/// A schedule that is being played.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// All tell and permit everything.
    pub(crate) is_open: bool,
    pub(crate) restarts: u32,
    /// How often terms changed, or a link was ended.
    pub(crate) changes: u32,
    cast: u64,
}

impl Stage {
    fn run(&mut self, faults: bool) -> Result<(), String> {
        if !faults {
            self.world.paths.values_mut().for_each(super::border::Path::heal);
        }
        for house in 0..self.world.houses.len() {
            for _ in 0..self.world.dice.between(1, 3) {
                self.come(house)?;
            }
            for partner in 0..self.world.houses.len() {
                if partner != house {
                    self.agree(house, partner)?;
                }
            }
            self.wait(300_000)?;
        }
        let steps = self.world.dice.between(8, 32);
        for _ in 0..steps {
            self.wait(300_000)?;
            match self.world.dice.below(100) {
                0..72 => self.live()?,
                72..76 => self.rule()?,
                _ if faults => self.fail()?,
                _ => {}
            }
        }
        self.heal()?;
        let until = self.world.now + CONVERGENCE;
        self.world.pass(until)?;
        truth::check(self)
    }

    fn wait(&mut self, most: u64) -> Result<(), String> {
        let until = self.world.now + self.world.dice.below(most);
        self.world.pass(until)
    }

    fn house(&mut self) -> usize {
        self.world.dice.below(self.world.houses.len() as u64) as usize
    }

    /// Returns two different houses.
    fn pair(&mut self) -> (usize, usize) {
        let one = self.house();
        let step = self.world.dice.below(self.world.houses.len() as u64 - 1) as usize + 1;
        (one, (one + step) % self.world.houses.len())
    }

    fn someone(&mut self, house: usize) -> Option<Person> {
        let people: Vec<&Person> = self.world.houses[house].people.values().collect();
        self.world.dice.pick(&people).map(|person| (*person).clone())
    }

    fn come(&mut self, house: usize) -> Result<(), String> {
        self.cast += 1;
        let id = PersonId(self.world.houses[house].next_person);
        let person = cast::person(&mut self.world.dice, house, id, self.cast);
        self.seat(house, person)
    }

    fn seat(&mut self, house: usize, mut person: Person) -> Result<(), String> {
        person.id = PersonId(self.world.houses[house].next_person);
        person.speaking &= person.audio;
        self.world.houses[house].next_person += 1;
        self.world.note(|| format!("{house}: {person:?}"));
        self.world.houses[house].people.insert(person.id, person.clone());
        self.world.input(house, Input::Person(person))
    }

    /// What people do.
    fn live(&mut self) -> Result<(), String> {
        let house = self.house();
        match self.world.dice.below(20) {
            0 | 1 if self.world.houses[house].people.len() < 8 => self.come(house),
            2 => self.go(house),
            3..9 => self.change(house),
            9..13 => self.say(house),
            13..18 => self.act(),
            18 => self.lock(house),
            _ => self.erase(house),
        }
    }

    fn go(&mut self, house: usize) -> Result<(), String> {
        let Some(person) = self.someone(house) else {
            return Ok(());
        };
        let returns = self.world.dice.percent(40)
            && person.subject.is_some()
            && !self.world.houses[house].erased.contains(&person.id);
        self.world
            .note(|| format!("{house}: {} leaves, and comes back: {returns}", person.name));
        self.world.input(house, Input::Went(person.id))?;
        // Who comes back has the same identity, and so the same pseudonym.
        if returns {
            self.wait(100_000)?;
            self.seat(house, person)?;
        }
        Ok(())
    }

    fn change(&mut self, house: usize) -> Result<(), String> {
        let Some(mut person) = self.someone(house) else {
            return Ok(());
        };
        let dice = &mut self.world.dice;
        match dice.below(12) {
            0..3 => person.audio = !person.audio,
            3 => person.video = !person.video,
            4..8 => person.hand = !person.hand,
            8 => person.consent = cast::consent(dice),
            9 => {
                person.role = if person.role == Role::Moderator {
                    Role::Participant
                } else {
                    Role::Moderator
                }
            }
            _ => person.speaking = !person.speaking,
        }
        person.speaking &= person.audio;
        self.world.note(|| format!("{house}: {person:?}"));
        self.world.houses[house].people.insert(person.id, person.clone());
        self.world.input(house, Input::Person(person))
    }

    fn say(&mut self, house: usize) -> Result<(), String> {
        let Some(person) = self.someone(house) else {
            return Ok(());
        };
        self.cast += 1;
        let marker = cast::marker('c', house, self.cast);
        let here = &self.world.houses[house];
        let tells = |(_, terms): &(&usize, &Terms)| terms.policy.tells(Field::Chat);
        let to: BTreeMap<usize, u32> = match here.erased.contains(&person.id) {
            true => BTreeMap::new(),
            false => {
                let partners = here.terms.iter().filter(tells).map(|(partner, _)| *partner);
                let known = partners.filter(|partner| self.world.is_known(house, *partner));
                known
                    .map(|partner| (partner, self.world.ledger.breaks(house, partner)))
                    .collect()
            }
        };
        let text = format!("{marker} is <said> & 'heard'");
        self.world.note(|| format!("{house}: {} says {text:?}", person.name));
        self.world.ledger.say(marker, &self.world.houses[house], person.id, to);
        self.world.input(house, Input::Said { by: person.id, text })
    }

    fn act(&mut self) -> Result<(), String> {
        let house = self.house();
        let far: Vec<_> = self.world.houses[house].far.values().cloned().collect();
        let (Some(by), Some(far)) = (self.someone(house), self.world.dice.pick(&far).cloned()) else {
            return Ok(());
        };
        let (act, deed) = match self.world.dice.below(5) {
            0 | 1 => (Act::Mute(Whom::Far(far.who)), Deed::Mute),
            2 | 3 => (Act::LowerHand(Whom::Far(far.who)), Deed::LowerHand),
            _ => (Act::Remove(Whom::Far(far.who)), Deed::Remove),
        };
        if self.world.ledger.issue(house, &far, deed) {
            self.world
                .note(|| format!("{house}: {} does {act:?} to {}", by.name, far.name));
            self.world.input(house, Input::Act { by: by.id, act })?;
        }
        Ok(())
    }

    fn lock(&mut self, house: usize) -> Result<(), String> {
        let locked = !self.world.houses[house].is_locked;
        self.world.note(|| format!("{house}: locks {locked}"));
        self.world.houses[house].is_locked = locked;
        self.world.input(house, Input::Locked(locked))
    }

    fn erase(&mut self, house: usize) -> Result<(), String> {
        if !self.world.dice.percent(40) {
            return Ok(());
        }
        let Some(person) = self.someone(house) else {
            return Ok(());
        };
        if !self.world.houses[house].erased.insert(person.id) {
            return Ok(());
        }
        let subject = match person.subject.clone().filter(|_| self.world.dice.percent(50)) {
            Some(subject) => Subject::Named(subject),
            None => Subject::Person(person.id),
        };
        self.world
            .note(|| format!("{house}: asks to forget {} as {subject:?}", person.name));
        self.world
            .ledger
            .erase(&self.world.houses[house], person.id, &person.name);
        self.world.input(house, Input::Erase(subject))
    }

    /// What houses do: they record, send sound, change their mind, part.
    fn rule(&mut self) -> Result<(), String> {
        let (house, partner) = self.pair();
        match self.world.dice.below(6) {
            0 | 1 => {
                let states = [Recording::Off, Recording::Requested, Recording::Active];
                let recording = *self.world.dice.pick(&states).expect("three states");
                self.world.note(|| format!("{house}: recording {recording:?}"));
                self.world.houses[house].recording = recording;
                self.world.input(house, Input::Recording(recording))
            }
            2 | 3 => {
                let print = format!("sha-256 {:02X}:{:02X}", house, self.world.dice.below(256));
                self.world
                    .input(house, Input::Sound(deployment(partner), Fingerprint(vec![print])))
            }
            4 if !self.is_open => self.agree(house, partner),
            5 if self.world.dice.percent(40) => {
                self.world.note(|| format!("{house}: parts from {partner}"));
                self.world.ledger.break_pair(house, partner);
                self.changes += 1;
                self.world.input(house, Input::Part(deployment(partner)))
            }
            _ => Ok(()),
        }
    }

    /// Calls a partner, or changes the terms towards it.
    fn agree(&mut self, house: usize, partner: usize) -> Result<(), String> {
        let invites = house < partner || self.world.dice.percent(50);
        let terms = cast::terms(&mut self.world.dice, AUTHORITIES[partner], invites, self.is_open);
        self.world
            .note(|| format!("{house}: terms towards {partner}: {terms:?}"));
        if self.world.houses[house].terms.insert(partner, terms.clone()).is_some() {
            self.changes += 1;
            self.world.ledger.break_pair(house, partner);
        }
        self.world
            .input(house, Input::Partner(deployment(partner), Box::new(terms)))
    }

    /// What breaks.
    fn fail(&mut self) -> Result<(), String> {
        let (from, to) = self.pair();
        match self.world.dice.below(12) {
            0..3 => self.cut(&[(from, to), (to, from)]),
            3 => self.cut(&[(from, to)]),
            4 => self.restart(from)?,
            5..7 => {
                let path = super::border::Path::new(&mut self.world.dice);
                self.world.note(|| format!("border {from} → {to}: {path:?}"));
                self.world.paths.insert((from, to), path);
            }
            7..9 => self.world.replay(),
            9 => {
                let way = if self.world.dice.percent(50) {
                    Way::Down
                } else {
                    Way::Up
                };
                self.world.note(|| format!("{from}: the way to {to} is {way:?}"));
                self.world.input(from, Input::Path(deployment(to), way))?;
            }
            10 => self.wait(6_000_000)?,
            _ => {
                for path in self.world.paths.values_mut() {
                    path.is_cut = false;
                }
                self.world.note(|| "border: open".to_owned());
            }
        }
        Ok(())
    }

    fn cut(&mut self, pairs: &[(usize, usize)]) {
        for (from, to) in pairs {
            self.world.note(|| format!("border {from} → {to}: cut"));
            if let Some(path) = self.world.paths.get_mut(&(*from, *to)) {
                path.is_cut = true;
            }
        }
    }

    /// A house dies and begins anew, with a clock that may have been set back; its people call again.
    fn restart(&mut self, house: usize) -> Result<(), String> {
        let epoch = WALL + self.world.now / 1_000 + self.world.dice.below(120_000);
        self.world.note(|| format!("{house}: restarts with epoch {epoch}"));
        self.restarts += 1;
        for partner in 0..self.world.houses.len() {
            if partner != house {
                self.world.ledger.break_pair(house, partner);
            }
        }
        let people = std::mem::take(&mut self.world.houses[house].people);
        let erased = std::mem::take(&mut self.world.houses[house].erased);
        let now = self.world.now;
        self.world.houses[house].restart(now, epoch);
        for (partner, terms) in self.world.houses[house].terms.clone() {
            self.world
                .input(house, Input::Partner(deployment(partner), Box::new(terms)))?;
        }
        for person in people.into_values().filter(|person| !erased.contains(&person.id)) {
            if self.world.dice.percent(80) {
                self.seat(house, person)?;
            }
        }
        Ok(())
    }

    /// Ends all faults, and lets those who parted call each other again.
    fn heal(&mut self) -> Result<(), String> {
        self.world.note(|| "border: healed".to_owned());
        self.world.paths.values_mut().for_each(super::border::Path::heal);
        // The last farewells arrive, and those who parted agree again.
        for _ in 0..14 {
            if !self
                .pairs()
                .iter()
                .any(|(one, other)| self.is_over(*one, *other) != self.is_over(*other, *one))
            {
                break;
            }
            let until = self.world.now + 500_000;
            self.world.pass(until)?;
        }
        for (one, other) in self.pairs() {
            if self.is_over(one, other) {
                self.agree(one, other)?;
            }
        }
        Ok(())
    }

    fn pairs(&self) -> Vec<(usize, usize)> {
        self.world.paths.keys().copied().collect()
    }

    fn is_over(&self, house: usize, partner: usize) -> bool {
        let state = self.world.houses[house].states.get(&partner);
        matches!(state, Some(LinkState::Parted(_) | LinkState::Refused(_)))
    }
}

/// How long the truth may take after the last fault [µs].
const CONVERGENCE: u64 = 2_000_000;
