// SPDX-License-Identifier: EUPL-1.2
//! A partner that does what it may not.
#![allow(clippy::unwrap_used)]

use super::play::{SECOND, World, deeds, deployment, lines, open_terms, person};
use crate::frame::{Invitation, News, WireAct, Word};
use crate::{
    Act, Consent, Epoch, Fault, Frame, Input, Lamport, LinkState, Output, PersonId, Pseudonym, Recording, Sequence,
    Subject, Told, Whom, Why, wire,
};

/// A world in which th listens, and sh is played by the test.
struct Stage {
    world: World,
    number: u64,
    sequence: u64,
}

impl Stage {
    fn new() -> Stage {
        let mut world = World::apart(&["th"]);
        world.input("th", Input::Partner(deployment("sh"), Box::new(open_terms("sh"))));
        let mut stage = Stage {
            world,
            number: 0,
            sequence: 0,
        };
        stage.say(vec![News::Anew, News::Whole]);
        assert_eq!(stage.world.state("th", "sh"), LinkState::Up);
        stage.world.seen("th");
        stage
    }

    fn frame(&mut self, news: Vec<News>) -> Frame {
        self.number += 1;
        let first = Sequence(self.sequence + 1);
        self.sequence += news.len() as u64;
        Frame {
            from: deployment("sh"),
            to: deployment("th"),
            room: "crisis-team".parse().unwrap(),
            epoch: Epoch(77),
            number: self.number,
            toward: Some(Epoch(1000)),
            heard: Sequence(0),
            again: false,
            time: Lamport(1),
            word: None,
            first,
            news,
        }
    }

    fn say(&mut self, news: Vec<News>) {
        let frame = self.frame(news);
        self.send(frame);
    }

    fn send(&mut self, frame: Frame) {
        self.world.input("th", Input::Frame(deployment("sh"), frame));
    }

    fn faults(&mut self) -> Vec<Fault> {
        let fault = |output| match output {
            Output::Trouble(_, fault) => Some(fault),
            _ => None,
        };
        self.world.seen("th").into_iter().filter_map(fault).collect()
    }
}

fn somebody(id: u128) -> Told {
    Told {
        stream: Some(7),
        ..Told::nobody(Pseudonym(id))
    }
}

fn comes(id: u128) -> News {
    News::Person(Box::new(somebody(id)))
}

#[test]
fn a_third_origin_is_forged() {
    let mut stage = Stage::new();
    for (from, to) in [("by", "th"), ("th", "th"), ("sh", "by")] {
        let frame = Frame {
            from: deployment(from),
            to: deployment(to),
            ..stage.frame(vec![comes(1)])
        };
        stage.send(frame);
        assert_eq!(stage.faults(), [Fault::ForgedOrigin], "{from} {to}");
    }
    stage.world.input(
        "th",
        Input::Frame(
            deployment("by"),
            Frame {
                from: deployment("by"),
                ..Stage::new().frame(vec![])
            },
        ),
    );
    assert_eq!(stage.faults(), [Fault::NotPermitted]);
    assert!(stage.world.shows("th", "sh").is_empty());
}

#[test]
fn an_old_epoch_a_replay_and_an_impossible_sequence_are_refused() {
    let mut stage = Stage::new();
    let frame = stage.frame(vec![comes(1)]);
    stage.send(frame.clone());
    stage.send(frame.clone());
    assert_eq!(stage.faults(), [Fault::Replay]);
    stage.send(Frame {
        epoch: Epoch(76),
        number: 99,
        ..frame.clone()
    });
    assert_eq!(stage.faults(), [Fault::OldEpoch]);
    let ahead = Frame {
        heard: Sequence(1 << 40),
        ..stage.frame(vec![])
    };
    stage.send(ahead);
    let absurd = Frame {
        first: Sequence(u64::MAX),
        ..stage.frame(vec![News::Anew, News::Anew])
    };
    stage.send(absurd);
    let beyond = Frame {
        epoch: Epoch(u64::MAX),
        ..stage.frame(vec![])
    };
    stage.send(beyond);
    assert_eq!(
        stage.faults(),
        [Fault::BadSequence, Fault::BadSequence, Fault::WrongType]
    );
    let room = Frame {
        room: "another".parse().unwrap(),
        ..stage.frame(vec![])
    };
    stage.send(room);
    assert_eq!(stage.faults(), [Fault::UnknownRoom]);
}

#[test]
fn ten_thousand_joins_in_a_second_are_a_flood_and_too_many_people() {
    let mut stage = Stage::new();
    for at in 0..100u128 {
        stage.say((0..100).map(|id| comes(at * 100 + id)).collect());
    }
    let faults = stage.faults();
    assert!(faults.contains(&Fault::Flood) && faults.contains(&Fault::TooManyPeople));
    assert_eq!(stage.world.shows("th", "sh").len(), 200);
    let status = stage.world.houses[&deployment("th")].joint.status();
    assert!(status[0].refused[&Fault::Flood] > 50);
}

#[test]
fn a_loop_is_refused_by_name() {
    let mut stage = Stage::new();
    let invitation = Invitation {
        authority: "SH".to_owned(),
        home: deployment("th"),
        path: vec![deployment("sh"), deployment("th")],
    };
    let frame = Frame {
        word: Some(Word::Invite(invitation)),
        ..stage.frame(vec![])
    };
    stage.send(frame);
    assert_eq!(stage.faults(), [Fault::Loop]);
    assert_eq!(stage.world.state("th", "sh"), LinkState::Refused(Fault::Loop));
    let last = wire::read(stage.world.tap.last().unwrap()).unwrap();
    assert_eq!(last.word, Some(Word::Refuse(Fault::Loop)));
    stage
        .world
        .input("th", Input::Partner(deployment("th"), Box::default()));
    assert_eq!(stage.faults(), [Fault::Loop]);
}

#[test]
fn acts_without_right_or_aim_are_denied() {
    let mut stage = Stage::new();
    stage.world.input("th", Input::Person(person(1, "Ada", false)));
    let ada = stage.world.houses[&deployment("th")].joint.told(&deployment("sh"))[0].id;
    let participant = Told {
        role: Some(crate::Role::Participant),
        ..somebody(5)
    };
    let act = |by, act| News::Act { by, act };
    stage.say(vec![
        News::Person(Box::new(participant)),
        act(Some(Pseudonym(5)), WireAct::Mute(ada)),
        act(None, WireAct::Remove(Pseudonym(9))),
        News::Said {
            by: Pseudonym(9),
            text: "nobody".to_owned(),
        },
    ]);
    let seen = stage.world.seen("th");
    assert!(deeds(&seen).is_empty() && lines(&seen).is_empty());
    let troubles: Vec<_> = seen
        .iter()
        .filter(|output| matches!(output, Output::Trouble(..)))
        .collect();
    assert_eq!(troubles.len(), 3);
    stage.say(vec![act(None, WireAct::Mute(ada))]);
    assert_eq!(deeds(&stage.world.seen("th")), [Act::Mute(Whom::Ours(PersonId(1)))]);
}

#[test]
fn an_absurd_time_does_not_end_the_order_of_hands_and_locks() {
    let mut stage = Stage::new();
    let absurd = Frame {
        time: Lamport(1 << 53),
        ..stage.frame(vec![News::Person(Box::new(Told {
            hand: Some(Lamport(1 << 53)),
            ..somebody(1)
        }))])
    };
    stage.send(absurd);
    stage.world.input("th", Input::Locked(true));
    stage.world.input("th", Input::Locked(false));
    stage.world.pass(SECOND);
    let read = |text: &String| wire::read(text).unwrap();
    let states = stage.world.tap.iter().map(read).flat_map(|frame| frame.news);
    let mut locks = states.filter_map(|news| match news {
        News::Room(state) => state.lock,
        _ => None,
    });
    let last = locks.next_back().unwrap();
    assert!(!last.locked && last.at < Lamport(1 << 40), "{last:?}");
}

#[test]
fn what_could_not_be_done_after_all_is_denied() {
    let mut stage = Stage::new();
    stage.world.input("th", Input::Person(person(1, "Ada", false)));
    let ada = stage.world.houses[&deployment("th")].joint.told(&deployment("sh"))[0].id;
    let (by, act) = (None, WireAct::Remove(ada));
    stage.say(vec![News::Act { by, act }]);
    let done = stage.world.seen("th").into_iter().find_map(|output| match output {
        Output::Do { partner, at, .. } => Some((partner, at)),
        _ => None,
    });
    let ((partner, at), why) = (done.unwrap(), Fault::NotPermitted);
    for _ in 0..2 {
        let partner = partner.clone();
        stage.world.input("th", Input::Undone { partner, at, why });
    }
    stage.world.pass(SECOND / 2);
    let news = stage.world.tap.iter().flat_map(|text| wire::read(text).unwrap().news);
    assert_eq!(news.filter(|news| *news == News::Denied { act: at, why }).count(), 1);
}

#[test]
fn two_cannot_claim_one_stream() {
    let mut stage = Stage::new();
    stage.say(vec![comes(1), comes(2)]);
    let roster = stage.world.houses[&deployment("th")].joint.roster();
    let streams: Vec<_> = roster[&deployment("sh")].iter().map(|person| person.stream).collect();
    assert_eq!(streams, [Some(7), None]);
    assert_eq!(stage.world.shows("th", "sh"), ["Gast 1 (SH)", "Gast 2 (SH)"]);
}

#[test]
fn nobody_is_heard_by_a_recording_before_consent() {
    let mut world = World::apart(&["th", "sh"]);
    let mut recordable = open_terms("sh");
    recordable.policy.recording = crate::RecordingRule::WithConsent;
    world.input("th", Input::Partner(deployment("sh"), Box::new(recordable)));
    world.input("sh", Input::Partner(deployment("th"), Box::new(open_terms("th"))));
    world.comes("th", 1, "Ada");
    world.pass(SECOND);
    world.input("sh", Input::Recording(Recording::Active));
    world.pass(SECOND);
    let is_over = |output: &Output| matches!(output, Output::StreamOver { .. });
    assert!(world.seen("th").iter().any(is_over));
    let mut ada = person(1, "Ada", false);
    ada.consent = Consent::Given(1);
    world.input("th", Input::Person(ada));
    assert!(
        world
            .seen("th")
            .iter()
            .any(|output| matches!(output, Output::Stream { .. }))
    );
}

#[test]
fn an_erasure_crosses_the_border_and_comes_back_with_a_receipt() {
    let mut world = World::new(&["th", "sh"]);
    world.comes("th", 1, "Ada");
    world.comes("th", 2, "Eve");
    world.pass(SECOND);
    let ada = world.far("sh", "th", "Ada");
    world.cut("th", "sh");
    world.pass(SECOND * 3);
    world.says("th", 1, "forget me");
    for subject in [Subject::Named("Ada@home".to_owned()), Subject::Person(PersonId(2))] {
        world.input("th", Input::Erase(subject));
    }
    world.repair();
    world.pass(SECOND * 3);
    let seen = world.seen("sh");
    assert!(lines(&seen).is_empty());
    assert!(seen.contains(&Output::Went(ada, Why::Erased)));
    assert!(
        seen.iter()
            .any(|output| matches!(output, Output::Erased { who: Some(who), .. } if *who == ada))
    );
    assert!(world.shows("sh", "th").is_empty());
    let receipts = world
        .seen("th")
        .iter()
        .filter(|output| matches!(output, Output::Receipt { .. }))
        .count();
    assert_eq!(receipts, 2);
}
