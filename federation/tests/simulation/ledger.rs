// SPDX-License-Identifier: EUPL-1.2
//! What was said and done, and how often it arrived: the books of "exactly once".

use std::collections::{BTreeMap, BTreeSet};

use landbridge_federation::{Act, Far, FarPerson, Person, PersonId, Whom};

use crate::cast::letter;
use crate::house::{House, index};

/// The books.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) lines: Vec<Line>,
    by_marker: BTreeMap<String, usize>,
    /// The last line that each house heard of each other, in each life of both.
    last: BTreeMap<(usize, u32, usize), usize>,
    issued: BTreeMap<(usize, String, Deed), Count>,
    /// Acts that count already where they were done, and whose effect has not come back: how many of each.
    pending: BTreeMap<(usize, Far, Deed), u32>,
    targets: BTreeMap<(usize, Far), (usize, String)>,
    /// By what each of the people is known to the books.
    identities: BTreeMap<Target, String>,
    /// Who is carried from one house to another under which SSRC.
    ssrcs: BTreeMap<(usize, usize, u32), Target>,
    erased: BTreeSet<String>,
    removed: BTreeSet<(usize, String)>,
    /// Pairs whose link was ended or restarted, or whose terms changed: what was said before may be lost, never doubled.
    pub(crate) breaks: BTreeMap<(usize, usize), u32>,
}

/// A chat line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) house: usize,
    identity: String,
    /// Houses that must hear it, and how often the link was broken when it was said.
    pub(crate) to: BTreeMap<usize, u32>,
    heard: BTreeSet<usize>,
    /// It was said by somebody who was removed or is to be forgotten: it may stay unheard.
    pub(crate) may_vanish: bool,
}

/// One of a house's people in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) house: usize,
    pub(crate) life: u32,
    pub(crate) person: PersonId,
}

/// What is done to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Mute,
    LowerHand,
    Remove,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    issued: u32,
    done: u32,
    denied: u32,
    /// By whom, as a set of bits.
    by: u8,
    /// The breaks of all pairs concerned when it was first issued.
    breaks: u32,
}

impl Deed {
    pub(crate) fn of(act: &Act) -> Deed {
        match act {
            Act::Mute(_) => Deed::Mute,
            Act::LowerHand(_) => Deed::LowerHand,
            _ => Deed::Remove,
        }
    }
}

impl Ledger {
    /// Takes note of a line that was said.
    pub(crate) fn say(&mut self, marker: String, house: &House, author: PersonId, to: BTreeMap<usize, u32>) {
        let target = Target {
            house: house.index,
            life: house.life,
            person: author,
        };
        let identity = self.identities.get(&target).cloned().unwrap_or_default();
        let house = house.index;
        self.by_marker.insert(marker, self.lines.len());
        self.lines.push(Line {
            house,
            to,
            heard: BTreeSet::new(),
            may_vanish: self.removed.contains(&(house, identity.clone())),
            identity,
        });
    }

    /// Takes note of a line that was heard.
    ///
    /// # Errors
    ///
    /// It was heard before, or not in order, or is of somebody else.
    pub(crate) fn hear(&mut self, houses: &[House], at: usize, origin: usize, text: &str) -> Result<(), String> {
        let marker = text.split(' ').next().unwrap_or_default();
        let number = *self
            .by_marker
            .get(marker)
            .ok_or_else(|| format!("{at}: {text:?} was never said"))?;
        let line = &mut self.lines[number];
        if line.house != origin || at == origin || !marker.starts_with(&format!("zqc{}", letter(origin))) {
            return Err(format!(
                "{at}: {text:?} is heard as of {origin}, and is of {}",
                line.house
            ));
        }
        if !line.heard.insert(at) {
            return Err(format!("{at}: {text:?} is heard twice"));
        }
        let last = self.last.insert((at, houses[at].life, origin), number);
        match last.is_some_and(|last| last > number) {
            true => Err(format!("{at}: {text:?} is heard after what was said later")),
            false => Ok(()),
        }
    }

    /// Takes note of what a moderator of `house` does to a far person; says whether the person is known to the books.
    pub(crate) fn issue(&mut self, house: usize, person: &FarPerson, deed: Deed) -> bool {
        let key = person.stream.map(|ssrc| (index(&person.origin), house, ssrc));
        let Some(target) = key.and_then(|key| self.ssrcs.get(&key)).copied() else {
            return false;
        };
        let identity = self.identities.get(&target).cloned().unwrap_or_default();
        let breaks = self.breaks_of(target.house);
        let count = self
            .issued
            .entry((target.house, identity.clone(), deed))
            .or_insert(Count {
                breaks,
                ..Count::default()
            });
        count.issued += 1;
        count.by |= 1 << house;
        *self.pending.entry((house, person.who, deed)).or_default() += 1;
        self.targets
            .insert((house, person.who), (target.house, identity.clone()));
        if deed == Deed::Remove {
            // Who was removed is not heard there any more, even if it has not arrived at home.
            self.removed.insert((target.house, identity.clone()));
            let is_it = |line: &&mut Line| line.house == target.house && line.identity == identity;
            self.lines
                .iter_mut()
                .filter(is_it)
                .for_each(|line| line.may_vanish = true);
        }
        true
    }

    /// Takes note of what was done to one of a house's people.
    ///
    /// # Errors
    ///
    /// Nobody did it, or not so often.
    pub(crate) fn done(&mut self, target: Target, deed: Deed, by: Option<usize>) -> Result<(), String> {
        let is_broken = self.breaks_of(target.house) > 0;
        let identity = self.identities.get(&target).cloned().unwrap_or_default();
        let whom = (target.house, identity);
        let count = self.issued.get_mut(&(whom.0, whom.1.clone(), deed));
        let count = count.ok_or_else(|| format!("{deed:?} {target:?}: nobody did it"))?;
        count.done += 1;
        if count.done > count.issued && !is_broken {
            return Err(format!(
                "{deed:?} {target:?}: done {} times for {}",
                count.done, count.issued
            ));
        }
        let targets = &self.targets;
        let is_it = |(house, far, of): &(usize, Far, Deed)| {
            *of == deed && by.is_none_or(|by| by == *house) && targets.get(&(*house, *far)) == Some(&whom)
        };
        for (_, pending) in self.pending.iter_mut().filter(|(key, _)| is_it(key)) {
            *pending = pending.saturating_sub(1);
        }
        Ok(())
    }

    /// Takes note that an act has arrived: from now on the home decides how its person is shown, for better or worse.
    pub(crate) fn arrived(&mut self, from: usize, to: usize) {
        let targets = &self.targets;
        self.pending.retain(|(house, far, deed), _| {
            let is_of = targets.get(&(*house, *far)).is_some_and(|(house, _)| *house == to);
            *house != from || *deed == Deed::Remove || !is_of
        });
    }

    /// Takes note of a refusal.
    pub(crate) fn denied(&mut self, house: usize, act: Act) {
        let Some(Whom::Far(far)) = act.whom() else { return };
        let deed = Deed::of(&act);
        if let Some(pending) = self.pending.get_mut(&(house, far, deed)) {
            // A refusal takes back what others of the same kind let count here: no more is asked of these.
            *pending = 0;
        }
        if let Some((at, identity)) = self.targets.get(&(house, far)).cloned()
            && let Some(count) = self.issued.get_mut(&(at, identity, deed))
        {
            count.denied += 1;
        }
    }

    /// What a moderator did counts at once, until it was done or refused.
    pub(crate) fn check_overlay(&self, house: usize, person: &FarPerson) -> Result<(), String> {
        let is_pending = |deed| {
            self.pending
                .get(&(house, person.who, deed))
                .is_some_and(|count| *count > 0)
        };
        if is_pending(Deed::Remove) {
            return Err(format!("{house}: {} was removed and is shown", person.name));
        }
        if is_pending(Deed::Mute) && (person.audio || person.speaking) {
            return Err(format!("{house}: {} was muted and is shown as speaking", person.name));
        }
        if is_pending(Deed::LowerHand) && person.hand {
            return Err(format!(
                "{house}: the hand of {} was lowered and is shown as raised",
                person.name
            ));
        }
        Ok(())
    }

    /// Takes note of who sits where: who has a stable identity is the same person after having left and come back, and
    /// what was done to the person goes on.
    pub(crate) fn seat(&mut self, house: usize, life: u32, person: &Person) {
        let target = Target {
            house,
            life,
            person: person.id,
        };
        let identity = person
            .subject
            .clone()
            .unwrap_or_else(|| format!("{life}/{}", person.id.0));
        self.identities.insert(target, identity);
    }

    /// Takes note of who is carried under which SSRC.
    ///
    /// # Errors
    ///
    /// The SSRC is somebody else's, in either direction.
    pub(crate) fn ssrc(&mut self, house: &House, partner: usize, person: PersonId, ssrc: u32) -> Result<(), String> {
        let target = Target {
            house: house.index,
            life: house.life,
            person,
        };
        if self.ssrcs.contains_key(&(partner, house.index, ssrc)) {
            return Err(format!("{}: SSRC {ssrc} comes from both ends", house.name));
        }
        match self.ssrcs.insert((house.index, partner, ssrc), target) {
            Some(other) if other.life == target.life && other.person != person => {
                let is_here = house.people.contains_key(&other.person);
                if is_here {
                    Err(format!("{}: two speak as SSRC {ssrc}", house.name))
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    /// Returns who speaks under an SSRC.
    pub(crate) fn speaker(&self, from: usize, to: usize, ssrc: u32) -> Option<Target> {
        self.ssrcs.get(&(from, to, ssrc)).copied()
    }

    /// Takes note that somebody shall be forgotten: the name and what was written.
    pub(crate) fn erase(&mut self, house: &House, person: PersonId, name: &str) {
        let marker = name.split(' ').next().unwrap_or_default();
        self.erased.insert(marker.to_owned());
        let target = Target {
            house: house.index,
            life: house.life,
            person,
        };
        let identity = self.identities.get(&target);
        let is_it = |line: &&mut Line| line.house == target.house && Some(&line.identity) == identity;
        self.lines
            .iter_mut()
            .filter(is_it)
            .for_each(|line| line.may_vanish = true);
    }

    pub(crate) fn is_erased(&self, marker: &str) -> bool {
        self.erased.contains(marker)
    }

    /// Takes note that a link was interrupted by more than the border.
    pub(crate) fn break_pair(&mut self, one: usize, other: usize) {
        for pair in [(one, other), (other, one)] {
            *self.breaks.entry(pair).or_default() += 1;
        }
        self.pending.retain(|(house, far, _), _| {
            let target = self.targets.get(&(*house, *far)).map(|(house, _)| *house);
            !((*house == one && target == Some(other)) || (*house == other && target == Some(one)))
        });
    }

    pub(crate) fn breaks(&self, from: usize, to: usize) -> u32 {
        self.breaks.get(&(from, to)).copied().unwrap_or(0)
    }

    fn breaks_of(&self, house: usize) -> u32 {
        self.breaks
            .iter()
            .filter(|((from, _), _)| *from == house)
            .map(|(_, count)| *count)
            .sum()
    }

    /// Checks at the end that all has arrived that must have, each once.
    pub(crate) fn close(&self) -> Result<(), String> {
        for (marker, number) in &self.by_marker {
            let line = &self.lines[*number];
            for (to, breaks) in &line.to {
                let was_heard = line.heard.contains(to) || line.may_vanish || self.breaks(line.house, *to) != *breaks;
                if !was_heard {
                    return Err(format!("{to}: {marker} was not heard"));
                }
            }
        }
        for ((house, identity, deed), count) in &self.issued {
            let arrived = count.done + count.denied;
            if self.breaks_of(*house) == count.breaks && arrived != count.issued {
                return Err(format!("{deed:?} {identity} of {house}: {count:?}"));
            }
        }
        Ok(())
    }
}
