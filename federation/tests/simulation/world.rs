// SPDX-License-Identifier: EUPL-1.2
//! Two or three houses, the border between them, and what has to be true of them all the time.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

use landbridge_federation::frame::News;
use landbridge_federation::{Act, Epoch, Far, Frame, Input, Output, Recording, Whom, wire};

use crate::border::{Found, Path, search};
use crate::dice::Dice;
use crate::house::{House, index};
use crate::ledger::{Deed, Ledger, Target};

/// A world in virtual time [µs].
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) dice: Dice,
    pub(crate) houses: Vec<House>,
    pub(crate) paths: BTreeMap<(usize, usize), Path>,
    pub(crate) ledger: Ledger,
    pub(crate) found: Found,
    agenda: BTreeMap<(u64, u64), Event>,
    order: u64,
    /// Frames travel as text, and are not only searched as such.
    reads: bool,
    /// The last epoch that each house told each other.
    epochs: BTreeMap<(usize, usize), Epoch>,
    /// What crossed, for replays.
    tape: Vec<(usize, usize, Rc<Frame>)>,
    log: Option<Vec<String>>,
    /// Far people who were shown anew by the last input.
    touched: Vec<Far>,
    /// Of all that crossed and was seen, to compare two runs (FNV-1a).
    pub(crate) digest: u64,
}

enum Event {
    Arrival { from: usize, to: usize, frame: Rc<Frame> },
    Deadline { house: usize, turn: u64 },
}

impl World {
    pub(crate) fn new(mut dice: Dice, houses: usize, is_logged: bool) -> World {
        let base = base();
        let reads = dice.percent(25);
        let open = |index| {
            let wrong = (dice.below(3_600_000_000), dice.between(0, 400) as i64 - 200);
            House::new(base, index, wrong, WALL + dice.below(120_000))
        };
        let opened: Vec<House> = (0..houses).map(open).collect();
        let pairs = (0..houses).flat_map(|from| (0..houses).map(move |to| (from, to)));
        let paths = pairs
            .filter(|(from, to)| from != to)
            .map(|pair| (pair, Path::new(&mut dice)))
            .collect();
        World {
            now: 0,
            dice,
            houses: opened,
            paths,
            ledger: Ledger::default(),
            found: Found::default(),
            agenda: BTreeMap::new(),
            order: 0,
            reads,
            epochs: BTreeMap::new(),
            tape: Vec::new(),
            log: is_logged.then(Vec::new),
            touched: Vec::new(),
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Writes a line of the readable log.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:>9.3} s  {}", self.now as f64 / 1e6, line()));
        }
    }

    pub(crate) fn log(&self) -> String {
        self.log.as_deref().unwrap_or_default().join("\n")
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, until: u64) -> Result<(), String> {
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), event) = entry.remove_entry();
            self.now = self.now.max(at);
            match event {
                Event::Deadline { house, turn } if self.houses[house].turn == turn => {
                    self.input(house, Input::Timeout)?
                }
                Event::Deadline { .. } => {}
                Event::Arrival { from, to, frame } => self.arrive(from, to, &frame)?,
            }
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// Gives an input to a house, and does what it says, and what its people do then.
    pub(crate) fn input(&mut self, house: usize, input: Input) -> Result<(), String> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let input = match input {
                // Who was removed by the same frame is not there any more; who is there is as the last act left it.
                Input::Person(person) => match self.houses[house].people.get(&person.id) {
                    Some(person) => Input::Person(person.clone()),
                    None => continue,
                },
                other => other,
            };
            if let Input::Person(person) = &input {
                self.ledger.seat(house, self.houses[house].life, person);
            }
            if let Input::Went(person) = &input {
                self.houses[house].people.remove(person);
                self.houses[house].erased.remove(person);
            }
            let outputs = self.houses[house].handle(self.now, input);
            for output in outputs {
                self.houses[house].see(&output)?;
                self.follow(house, output, &mut inputs)?;
            }
        }
        for far in std::mem::take(&mut self.touched) {
            if let Some(person) = self.houses[house].far.get(&far) {
                self.ledger.check_overlay(house, person)?;
            }
        }
        let turn = self.houses[house].turn;
        if let Some(at) = self.houses[house].deadline() {
            if at < self.now {
                return Err(format!("{} is late for its own deadline", self.houses[house].name));
            }
            self.put(at, Event::Deadline { house, turn });
        }
        self.check_recorders(house)
    }

    /// Lets something that once crossed arrive again.
    pub(crate) fn replay(&mut self) {
        let Some((from, to, frame)) = self.dice.pick(&self.tape).cloned() else {
            return;
        };
        self.note(|| format!("{from} → {to}: an old frame comes again"));
        self.put(self.now + 1_000, Event::Arrival { from, to, frame });
    }

    fn put(&mut self, at: u64, event: Event) {
        self.order += 1;
        self.agenda.insert((at, self.order), event);
    }

    fn arrive(&mut self, from: usize, to: usize, frame: &Frame) -> Result<(), String> {
        self.note(|| format!("    {from} → {to} #{} of life {} arrives", frame.number, frame.epoch.0));
        if frame.news.iter().any(|news| matches!(news, News::Act { .. })) {
            self.ledger.arrived(from, to);
        }
        let partner = self.houses[from].name.clone();
        self.input(to, Input::Frame(partner, frame.clone()))
    }

    /// Does what a gateway does with an output.
    fn follow(&mut self, house: usize, output: Output, inputs: &mut VecDeque<Input>) -> Result<(), String> {
        match output {
            Output::Send(partner, frame) => self.send(house, index(&partner), &frame),
            Output::Said { by, text } => {
                let origin = self.origin(house, by)?;
                self.note(|| format!("{house}: hears {text:?} from {origin}"));
                let houses = &self.houses;
                self.ledger.hear(houses, house, origin, &text)
            }
            Output::Do { act, by, .. } => self.undergo(house, act, by, inputs),
            Output::Denied { partner, act, why } => {
                self.note(|| format!("{house}: {act:?} was denied by {partner}: {why}"));
                self.ledger.denied(house, act);
                Ok(())
            }
            Output::Came(person) | Output::Changed(person) => {
                self.note(|| {
                    format!(
                        "{house}: sees {} audio {} hand {} away {}",
                        person.name, person.audio, person.hand, person.away
                    )
                });
                self.touched.push(person.who);
                Ok(())
            }
            Output::Receipt { partner, subject } => {
                self.note(|| format!("{house}: has a receipt of {partner} for {subject:?}"));
                Ok(())
            }
            Output::Stream { person, partner, ssrc } => {
                self.ledger.ssrc(&self.houses[house], index(&partner), person, ssrc)
            }
            other => {
                self.note(|| format!("{house}: {other:?}"));
                Ok(())
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, frame: &Frame) -> Result<(), String> {
        let text = wire::write(frame);
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if self
            .epochs
            .insert((from, to), frame.epoch)
            .is_some_and(|before| before != frame.epoch)
        {
            self.ledger.break_pair(from, to);
        }
        let terms = self.houses[from].terms.get(&to).ok_or("a frame to nobody's partner")?;
        let ledger = &self.ledger;
        search(
            &text,
            from,
            &terms.policy,
            |marker| ledger.is_erased(marker),
            &mut self.found,
        )
        .map_err(|leak| format!("{from} → {to}: {leak}: {text}"))?;
        let arrivals = self.paths[&(from, to)].arrivals(&mut self.dice);
        self.note(|| {
            format!(
                "    {from} → {to} #{} heard {} first {} {:?} {:?}{}",
                frame.number,
                frame.heard.0,
                frame.first.0,
                frame.word,
                frame.news,
                if arrivals.is_empty() { " LOST" } else { "" }
            )
        });
        // What arrives is what was read from the text; a quarter of the schedules shows that it is the same.
        let frame = match self.reads {
            true => wire::read(&text).map_err(|fault| format!("{fault}: a frame of ours is not read: {text}"))?,
            false => frame.clone(),
        };
        let frame = Rc::new(frame);
        if self.tape.len() < 256 {
            self.tape.push((from, to, frame.clone()));
        }
        for delay in arrivals {
            let frame = frame.clone();
            self.put(self.now + delay, Event::Arrival { from, to, frame });
        }
        Ok(())
    }

    /// One of our people, or our room, undergoes what a far moderator does.
    fn undergo(&mut self, house: usize, act: Act, by: Option<Far>, inputs: &mut VecDeque<Input>) -> Result<(), String> {
        self.note(|| format!("{house}: undergoes {act:?} by {by:?}"));
        let by = by.map(|far| self.origin(house, far)).transpose()?;
        let permits = |partner: &usize| {
            let terms = self.houses[house].terms.get(partner);
            terms.is_some_and(|terms| terms.policy.permits(act.deed()))
        };
        let could: Vec<usize> = by.map_or_else(|| (0..self.houses.len()).collect(), |by| vec![by]);
        if !could.iter().any(permits) {
            return Err(format!("{house}: {act:?} is done and not permitted"));
        }
        let whom = match act {
            Act::Lock(locked) => {
                self.houses[house].is_locked = locked;
                return Ok(());
            }
            Act::End => return Err("nobody ended the room".to_owned()),
            Act::Mute(whom) | Act::LowerHand(whom) | Act::Remove(whom) => whom,
        };
        let Whom::Ours(id) = whom else {
            return Err(format!("{house}: {act:?} is done to a far person"));
        };
        let life = self.houses[house].life;
        self.ledger.done(
            Target {
                house,
                life,
                person: id,
            },
            Deed::of(&act),
            by,
        )?;
        let Some(person) = self.houses[house].people.get_mut(&id) else {
            return Err(format!("{house}: {act:?} is done to nobody"));
        };
        match act {
            Act::Remove(_) => {
                inputs.push_back(Input::Went(id));
                return Ok(());
            }
            Act::Mute(_) => (person.audio, person.speaking) = (false, false),
            _ => person.hand = false,
        }
        inputs.push_back(Input::Person(person.clone()));
        Ok(())
    }

    /// Returns whether a house knows the present life of another, or has never heard of any: then nothing that it says
    /// is lost with a life that is over.
    pub(crate) fn is_known(&self, house: usize, partner: usize) -> bool {
        let status = self.houses[house].joint.status();
        let known = status
            .iter()
            .find(|status| index(&status.partner) == partner)
            .and_then(|status| status.epoch);
        match known {
            Some(known) => self.epochs.get(&(partner, house)) == Some(&known),
            None => self.ledger.breaks(house, partner) == 0,
        }
    }

    fn origin(&self, house: usize, far: Far) -> Result<usize, String> {
        let person = self.houses[house].far.get(&far);
        person
            .map(|person| index(&person.origin))
            .ok_or_else(|| format!("{house}: {far:?} acts and is not here"))
    }

    /// No sound of a person may go where it would be recorded before the person's consent.
    fn check_recorders(&self, house: usize) -> Result<(), String> {
        let house = &self.houses[house];
        for (id, partner) in house.streams.keys() {
            let recording = house.far_recording.get(partner).copied().unwrap_or(Recording::Off);
            let (Some(person), Some(terms)) = (house.people.get(id), house.terms.get(partner)) else {
                continue;
            };
            if !terms.policy.carries(person, recording) {
                return Err(format!("{}: {id:?} goes to a recorder without consent", house.name));
            }
        }
        Ok(())
    }
}

/// The start of virtual time; nothing that is measured depends on it.
pub(crate) fn base() -> Instant {
    static BASE: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

/// The wall clock at the start of virtual time [ms since 1970].
pub(crate) const WALL: u64 = 1_790_000_000_000;
