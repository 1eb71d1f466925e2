// SPDX-License-Identifier: EUPL-1.2
//! A partner that lies, repeats and floods: refused by name, within bounds of memory and time, and the house goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use landbridge_federation::frame::{Invitation, News, WireAct, Word};
use landbridge_federation::{
    Epoch, Fault, Field, Frame, Input, Joint, Lamport, LinkState, NameForm, Output, Person, PersonId, Policy,
    Pseudonym, Sequence, Terms, Told, wire,
};

use crate::house::{charter, deployment};
use crate::world::base;

/// A house, th, and its partner, sh, whose frames are written by hand.
struct Siege {
    joint: Joint,
    now: Instant,
    number: u64,
    sequence: u64,
    faults: BTreeMap<Fault, u64>,
    came: usize,
    done: usize,
    states: Vec<LinkState>,
}

impl Siege {
    fn new() -> Siege {
        let mut siege = Siege {
            joint: Joint::new(base(), charter(0, EPOCH, [1; 32])),
            now: base(),
            number: 0,
            sequence: 0,
            faults: BTreeMap::new(),
            came: 0,
            done: 0,
            states: Vec::new(),
        };
        let terms = Terms {
            policy: Policy {
                fields: [Field::Audio, Field::Chat].into(),
                name: NameForm::Full,
                ..Policy::default()
            },
            authority: "Schleswig-Holstein".to_owned(),
            invites: true,
            ..Terms::default()
        };
        siege.input(Input::Partner(deployment(1), Box::new(terms)));
        siege.input(Input::Person(Person::new(PersonId(1), "Ada Lovelace")));
        siege.news(vec![News::Anew, News::Whole]);
        assert_eq!(siege.states.last(), Some(&LinkState::Up));
        siege
    }

    fn input(&mut self, input: Input) {
        self.joint.handle(self.now, input);
        while let Some(output) = self.joint.poll() {
            match output {
                Output::Trouble(_, fault) => *self.faults.entry(fault).or_default() += 1,
                Output::Came(_) => self.came += 1,
                Output::Do { .. } => self.done += 1,
                Output::Link(_, state) => self.states.push(state),
                _ => {}
            }
        }
    }

    fn frame(&mut self, news: Vec<News>) -> Frame {
        self.number += 1;
        let first = Sequence(if news.is_empty() { 0 } else { self.sequence + 1 });
        self.sequence += news.len() as u64;
        Frame {
            from: deployment(1),
            to: deployment(0),
            room: "joint".parse().unwrap(),
            epoch: Epoch(EPOCH),
            number: self.number,
            toward: Some(Epoch(EPOCH)),
            heard: Sequence(0),
            again: false,
            time: Lamport(EPOCH),
            word: None,
            first,
            news,
        }
    }

    fn news(&mut self, news: Vec<News>) {
        let frame = self.frame(news);
        self.input(Input::Frame(deployment(1), frame));
    }

    fn count(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or(0)
    }

    fn is_well(&mut self) {
        self.now += Duration::from_secs(60);
        let before = self.came;
        self.news(vec![News::Anew, someone(u128::MAX), News::Whole]);
        assert_eq!(
            self.came,
            before + 1,
            "an honest frame is taken afterwards: {:?}",
            self.faults
        );
    }
}

fn someone(id: u128) -> News {
    News::Person(Box::new(Told {
        id: Pseudonym(id),
        name: Some("Mallory".to_owned()),
        role: None,
        audio: None,
        video: None,
        hand: None,
        speaking: None,
        language: None,
        accessibility: None,
        consent: None,
        stream: Some(id as u32),
    }))
}

#[test]
fn nobody_speaks_for_a_third() {
    let mut siege = Siege::new();
    let mut frame = siege.frame(vec![someone(1)]);
    frame.from = deployment(2);
    siege.input(Input::Frame(deployment(1), frame.clone()));
    siege.input(Input::Frame(deployment(2), frame.clone()));
    (frame.from, frame.to) = (deployment(1), deployment(2));
    siege.input(Input::Frame(deployment(1), frame));
    assert_eq!(siege.count(Fault::ForgedOrigin), 2);
    assert_eq!(siege.count(Fault::NotPermitted), 1, "a partner that is none");
    assert_eq!(siege.came, 0);
}

#[test]
fn old_lives_and_repetitions_are_refused() {
    let mut siege = Siege::new();
    let frame = siege.frame(vec![someone(1)]);
    siege.input(Input::Frame(deployment(1), frame.clone()));
    siege.input(Input::Frame(deployment(1), frame.clone()));
    assert_eq!((siege.count(Fault::Replay), siege.came), (1, 1));
    let mut old = frame;
    old.epoch = Epoch(EPOCH - 1);
    siege.input(Input::Frame(deployment(1), old));
    assert_eq!((siege.count(Fault::OldEpoch), siege.came), (1, 1));
}

#[test]
fn a_room_that_leads_back_here_is_refused_as_a_loop() {
    let mut siege = Siege::new();
    let mut frame = siege.frame(Vec::new());
    frame.word = Some(Word::Invite(Invitation {
        authority: "Schleswig-Holstein".to_owned(),
        home: deployment(0),
        path: vec![deployment(1), deployment(2), deployment(0)],
    }));
    siege.input(Input::Frame(deployment(1), frame));
    assert_eq!(siege.count(Fault::Loop), 1);
    assert_eq!(siege.states.last(), Some(&LinkState::Refused(Fault::Loop)));
}

#[test]
fn acts_that_are_not_permitted_are_not_done() {
    let mut siege = Siege::new();
    siege.news(vec![someone(1)]);
    let acts = (0..50u32).map(|whom| News::Act {
        by: Some(Pseudonym(1)),
        act: if whom == 0 {
            WireAct::End
        } else {
            WireAct::Remove(Pseudonym(u128::from(whom)))
        },
    });
    siege.news(acts.collect());
    assert_eq!((siege.done, siege.count(Fault::NotPermitted)), (0, 50));
}

#[test]
fn ten_thousand_joins_a_second_stay_within_the_quota() {
    let mut siege = Siege::new();
    for join in 0..30_000u128 {
        siege.now += Duration::from_micros(100);
        siege.news(vec![someone(join + 1)]);
    }
    assert!(siege.count(Fault::Flood) > 20_000, "{:?}", siege.faults);
    assert!(siege.came <= 200 && siege.joint.roster().values().all(|people| people.len() <= 200));
    siege.now += Duration::from_secs(60);
    assert!(
        siege
            .joint
            .status()
            .iter()
            .all(|status| status.people <= 200 && status.unheard < 1000)
    );
}

#[test]
fn a_gigabyte_of_events_changes_nothing_and_costs_little() {
    let mut siege = Siege::new();
    siege.news(vec![someone(1)]);
    let line = News::Said {
        by: Pseudonym(1),
        text: "x".repeat(4000),
    };
    let news = vec![line; 14];
    let started = Instant::now();
    let mut octets = 0u64;
    while octets < 1_000_000_000 {
        siege.now += Duration::from_micros(50);
        octets += 14 * 4000;
        siege.news(news.clone());
    }
    assert!(siege.count(Fault::Flood) > 10_000, "{:?}", siege.faults);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let status = siege.joint.status();
    assert!(status.iter().all(|status| status.unheard < 1000), "{status:?}");
}

#[test]
fn sequences_and_times_beyond_belief_do_no_harm() {
    let mut siege = Siege::new();
    for first in [0, 1 << 52, u64::MAX - 1, u64::MAX] {
        let mut frame = siege.frame(vec![News::Anew, someone(7), News::Whole]);
        (frame.first, frame.heard, frame.time) = (Sequence(first), Sequence(u64::MAX), Lamport(u64::MAX));
        siege.input(Input::Frame(deployment(1), frame));
    }
    for epoch in [0, 1 << 53, u64::MAX] {
        let mut frame = siege.frame(Vec::new());
        (frame.toward, frame.number) = (Some(Epoch(epoch)), u64::MAX);
        siege.input(Input::Frame(deployment(1), frame));
    }
    assert!(!siege.faults.is_empty());
}

#[test]
fn an_honest_frame_after_a_flood_is_taken() {
    let mut siege = Siege::new();
    for _ in 0..10_000 {
        siege.input(Input::Frame(deployment(2), siege.frame_of_nobody()));
    }
    siege.is_well();
}

impl Siege {
    fn frame_of_nobody(&self) -> Frame {
        Frame {
            from: deployment(2),
            to: deployment(0),
            room: "joint".parse().unwrap(),
            epoch: Epoch(1),
            number: 1,
            toward: None,
            heard: Sequence(0),
            again: false,
            time: Lamport(0),
            word: None,
            first: Sequence(0),
            news: Vec::new(),
        }
    }
}

#[test]
fn texts_of_the_wrong_type_and_of_unknown_versions_are_refused_by_name() {
    let good = wire::write(&Siege::new().frame(Vec::new()));
    assert!(wire::read(&good).is_ok());
    for (from, to, why) in [
        ("version='1.0'", "version='2.0'", Fault::UnknownVersion),
        ("version='1.0'", "version='x'", Fault::UnknownVersion),
        ("heard='0'", "heard='many'", Fault::WrongType),
        ("heard='0'", "heard='-1'", Fault::WrongType),
        ("from='sh.example'", "from='sh example'", Fault::WrongType),
        ("urn:landbridge:federation:1", "urn:else", Fault::WrongType),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good);
        assert_eq!(wire::read(&text), Err(why), "{to}");
    }
    assert!(wire::read(&good.replace("version='1.0'", "version='1.9' colour='red'")).is_ok());
    assert_eq!(wire::read(&"<a>".repeat(100_000)), Err(Fault::TooLong));
}

/// [ms since 1970]
const EPOCH: u64 = 1_790_000_000_000;
