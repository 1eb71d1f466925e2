// SPDX-License-Identifier: EUPL-1.2
//! The world of the tests: th, sh and by, each with a joint room, and ways between them that can be cut.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::{
    Accessibility, Act, Charter, Consent, Deed, Deployment, Epoch, Far, Field, Frame, Input, Joint, LinkState,
    NameForm, Output, Person, PersonId, Policy, Role, Terms, Whom, wire,
};

pub(crate) fn deployment(name: &str) -> Deployment {
    format!("{name}.example").parse().expect("a plain name")
}

pub(crate) fn charter(us: &str, home: &str, epoch: u64) -> Charter {
    Charter {
        us: deployment(us),
        authority: us.to_uppercase(),
        alias: "crisis-team".parse().expect("a plain alias"),
        home: deployment(home),
        epoch: Epoch(epoch),
        secret: [us.len() as u8 + us.as_bytes()[0]; 32],
        seed: epoch,
        away_after: Duration::from_secs(2),
        remove_after: Duration::from_secs(300),
        via: Vec::new(),
    }
}

pub(crate) fn person(id: u64, name: &str, hand: bool) -> Person {
    Person {
        id: PersonId(id),
        name: name.to_owned(),
        role: Role::Moderator,
        audio: true,
        video: false,
        hand,
        speaking: false,
        language: Some("de".to_owned()),
        accessibility: Accessibility::default(),
        consent: Consent::Unknown,
        subject: Some(format!("{name}@home")),
    }
}

/// Terms under which everything is told and permitted.
pub(crate) fn open_terms(partner: &str) -> Terms {
    use Field::{Accessibility, Audio, Chat, Consent, Hand, Language, Recording, Role, Speaking, Video};
    let fields = [
        Role,
        Audio,
        Video,
        Hand,
        Speaking,
        Chat,
        Recording,
        Language,
        Accessibility,
        Consent,
    ];
    Terms {
        policy: Policy {
            name: NameForm::Full,
            fields: fields.into_iter().collect(),
            may: [Deed::Mute, Deed::LowerHand, Deed::Remove, Deed::Lock, Deed::End]
                .into_iter()
                .collect(),
            ..Policy::default()
        },
        authority: partner.to_uppercase(),
        invites: true,
        ..Terms::default()
    }
}

/// One deployment: its room, and what it has seen.
pub(crate) struct House {
    pub(crate) joint: Joint,
    pub(crate) seen: Vec<Output>,
}

/// Deployments, and frames on their way.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) houses: BTreeMap<Deployment, House>,
    pub(crate) delay: Duration,
    way: VecDeque<(Instant, Deployment, Deployment, Frame)>,
    cut: BTreeSet<(Deployment, Deployment)>,
    /// Loses, doubles and delays frames.
    pub(crate) weather: Option<Random>,
    /// All that crossed a border, as text.
    pub(crate) tap: Vec<String>,
}

impl World {
    /// Opens the room at all of these; the first is the home. Each has all others for partners.
    pub(crate) fn new(names: &[&str]) -> World {
        let mut world = World::apart(names);
        for us in names {
            for partner in names.iter().filter(|partner| *partner != us) {
                world.input(us, Input::Partner(deployment(partner), Box::new(open_terms(partner))));
            }
        }
        world
    }

    /// Opens the room at all of these; nobody has a partner.
    pub(crate) fn apart(names: &[&str]) -> World {
        let now = Instant::now();
        let house = |(at, name): (usize, &&str)| {
            let joint = Joint::new(now, charter(name, names[0], 1000 + at as u64));
            (
                deployment(name),
                House {
                    joint,
                    seen: Vec::new(),
                },
            )
        };
        World {
            now,
            houses: names.iter().enumerate().map(house).collect(),
            delay: Duration::from_millis(20),
            way: VecDeque::new(),
            cut: BTreeSet::new(),
            weather: None,
            tap: Vec::new(),
        }
    }

    pub(crate) fn input(&mut self, us: &str, input: Input) {
        let us = deployment(us);
        let house = self.houses.get_mut(&us).expect("is there");
        house.joint.handle(self.now, input);
        self.drain(&us);
    }

    /// Lets a deployment begin a new life, with this epoch.
    pub(crate) fn restart(&mut self, us: &str, epoch: u64, partners: &[&str]) {
        let old = self.houses.remove(&deployment(us)).expect("is there");
        let home = old.joint.charter().home.clone();
        let charter = Charter {
            home,
            ..charter(us, us, epoch)
        };
        let joint = Joint::new(self.now, charter);
        self.houses.insert(
            deployment(us),
            House {
                joint,
                seen: Vec::new(),
            },
        );
        for partner in partners {
            self.input(us, Input::Partner(deployment(partner), Box::new(open_terms(partner))));
        }
    }

    pub(crate) fn cut(&mut self, a: &str, b: &str) {
        self.cut.insert((deployment(a), deployment(b)));
        self.cut.insert((deployment(b), deployment(a)));
    }

    pub(crate) fn repair(&mut self) {
        self.cut.clear();
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let frame = self.way.front().map(|(at, ..)| *at);
            let due = self.houses.values().filter_map(|house| house.joint.deadline()).min();
            let Some(next) = frame.into_iter().chain(due).min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(next);
            while let Some((_, from, to, frame)) = self.way.pop_front_if(|(at, ..)| *at <= self.now) {
                if let Some(house) = self.houses.get_mut(&to) {
                    house.joint.handle(self.now, Input::Frame(from, frame));
                    self.drain(&to);
                }
            }
            let due = |house: &House| house.joint.deadline().is_some_and(|at| at <= self.now);
            let late: Vec<Deployment> = self
                .houses
                .iter()
                .filter(|(_, house)| due(house))
                .map(|(us, _)| us.clone())
                .collect();
            for us in late {
                self.houses
                    .get_mut(&us)
                    .expect("is there")
                    .joint
                    .handle(self.now, Input::Timeout);
                self.drain(&us);
            }
        }
        self.now = end;
    }

    fn drain(&mut self, us: &Deployment) {
        let house = self.houses.get_mut(us).expect("is there");
        while let Some(output) = house.joint.poll() {
            if let Output::Send(to, frame) = &output {
                let text = wire::write(frame);
                assert!(text.len() <= wire::LONGEST, "{} octets", text.len());
                let read = wire::read(&text).expect("we can read what we write");
                assert_eq!(&read, frame);
                self.tap.push(text);
                let copies = match &mut self.weather {
                    _ if self.cut.contains(&(us.clone(), to.clone())) => 0,
                    None => 1,
                    Some(dice) => [0, 1, 1, 1, 1, 1, 1, 2][(dice.next() % 8) as usize],
                };
                for _ in 0..copies {
                    let late = self.weather.as_mut().map_or(0, |dice| dice.next() % 200);
                    let at = self.now + self.delay + Duration::from_millis(late);
                    let place = self.way.partition_point(|(other, ..)| *other <= at);
                    self.way.insert(place, (at, us.clone(), to.clone(), read.clone()));
                }
                continue;
            }
            house.seen.push(output);
        }
    }

    /// Takes what a deployment has seen since the last time.
    pub(crate) fn seen(&mut self, us: &str) -> Vec<Output> {
        std::mem::take(&mut self.houses.get_mut(&deployment(us)).expect("is there").seen)
    }

    /// Returns the names that a deployment shows of another's people; those who are away in brackets.
    pub(crate) fn shows(&self, us: &str, origin: &str) -> Vec<String> {
        let roster = self.houses[&deployment(us)].joint.roster();
        let people = roster.get(&deployment(origin)).cloned().unwrap_or_default();
        let mut names: Vec<String> = people
            .iter()
            .map(|person| {
                if person.away {
                    format!("({})", person.name)
                } else {
                    person.name.clone()
                }
            })
            .collect();
        names.sort();
        names
    }

    /// Returns the key of a far person.
    pub(crate) fn far(&self, us: &str, origin: &str, name: &str) -> Far {
        let roster = self.houses[&deployment(us)].joint.roster();
        let person = roster[&deployment(origin)].iter().find(|person| person.name == name);
        person.expect("is there").who
    }

    pub(crate) fn state(&self, us: &str, partner: &str) -> LinkState {
        let status = self.houses[&deployment(us)].joint.status();
        let link = status.into_iter().find(|link| link.partner == deployment(partner));
        link.expect("has a link").state
    }

    pub(crate) fn comes(&mut self, us: &str, id: u64, name: &str) {
        self.input(us, Input::Person(person(id, name, false)));
    }

    pub(crate) fn says(&mut self, us: &str, id: u64, text: &str) {
        let (by, text) = (PersonId(id), text.to_owned());
        self.input(us, Input::Said { by, text });
    }

    pub(crate) fn acts(&mut self, us: &str, act: Act) {
        self.input(us, Input::Act { by: PersonId(1), act });
    }
}

/// Returns the chat lines among what was seen.
pub(crate) fn lines(seen: &[Output]) -> Vec<&str> {
    fn line(output: &Output) -> Option<&str> {
        match output {
            Output::Said { text, .. } => Some(text),
            _ => None,
        }
    }
    seen.iter().filter_map(line).collect()
}

/// Returns what our house was asked to do to its own people or room.
pub(crate) fn deeds(seen: &[Output]) -> Vec<Act> {
    let deed = |output| match output {
        &Output::Do { act, .. } => Some(act),
        _ => None,
    };
    seen.iter().filter_map(deed).collect()
}

pub(crate) const OURS: Whom = Whom::Ours(PersonId(1));
pub(crate) const SECOND: Duration = Duration::from_secs(1);
