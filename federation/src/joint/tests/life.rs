// SPDX-License-Identifier: EUPL-1.2
//! A joint room from the invitation to the end.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::play::{OURS, SECOND, World, deeds, deployment, lines, open_terms};
use crate::{Act, Input, LinkState, Output, PersonId, Terms, Whom, Why};

#[test]
fn two_rooms_become_one_and_everybody_sees_the_same() {
    let mut world = World::new(&["th", "sh"]);
    world.comes("th", 1, "Ada");
    world.comes("sh", 1, "Bo");
    world.pass(SECOND);
    assert_eq!(world.state("th", "sh"), LinkState::Up);
    assert_eq!(world.state("sh", "th"), LinkState::Up);
    assert_eq!(world.shows("th", "sh"), ["Bo"]);
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
    world.says("th", 1, "Moin");
    world.pass(SECOND);
    assert_eq!(lines(&world.seen("sh")), ["Moin"]);
    world.input("th", Input::Went(PersonId(1)));
    world.pass(SECOND);
    assert!(world.shows("sh", "th").is_empty());
    assert!(
        world
            .seen("sh")
            .iter()
            .any(|output| matches!(output, Output::Went(_, Why::Left)))
    );
}

#[test]
fn a_change_is_known_within_100_ms() {
    let mut world = World::new(&["th", "sh"]);
    world.comes("sh", 1, "Bo");
    world.pass(SECOND);
    world.comes("th", 1, "Ada");
    world.pass(Duration::from_millis(100));
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
}

#[test]
fn one_who_waits_is_called_and_joins() {
    let mut world = World::apart(&["th", "sh"]);
    let waiting = Terms {
        invites: false,
        ..open_terms("th")
    };
    world.input("sh", Input::Partner(deployment("th"), Box::new(waiting)));
    world.pass(SECOND);
    assert!(world.tap.is_empty());
    world.input("th", Input::Partner(deployment("sh"), Box::new(open_terms("sh"))));
    world.pass(SECOND);
    assert_eq!(world.state("sh", "th"), LinkState::Up);
    assert_eq!(world.state("th", "sh"), LinkState::Up);
}

#[test]
fn an_idle_link_says_little() {
    let mut world = World::new(&["th", "sh"]);
    world.pass(SECOND * 5);
    let before = world.tap.len();
    world.pass(SECOND * 60);
    let frames = world.tap.len() - before;
    assert!((120..=240).contains(&frames), "{frames} frames a minute both ways");
}

#[test]
fn moderators_act_across_the_border() {
    let mut world = World::new(&["th", "sh"]);
    world.comes("th", 1, "Ada");
    world.comes("sh", 1, "Bo");
    world.pass(SECOND);
    let bo = world.far("th", "sh", "Bo");
    for act in [Act::Mute, Act::LowerHand, Act::Remove] {
        world.acts("th", act(Whom::Far(bo)));
    }
    world.acts("th", Act::Lock(true));
    assert!(world.shows("th", "sh").is_empty(), "removed at once where it was done");
    world.pass(SECOND);
    let done = deeds(&world.seen("sh"));
    assert_eq!(
        done,
        [
            Act::Mute(OURS),
            Act::LowerHand(OURS),
            Act::Remove(OURS),
            Act::Lock(true)
        ]
    );
}

#[test]
fn what_policy_does_not_permit_is_denied_and_taken_back() {
    let mut world = World::apart(&["th", "sh"]);
    world.input("th", Input::Partner(deployment("sh"), Box::new(open_terms("sh"))));
    let mut strict = open_terms("th");
    strict.policy.may.clear();
    world.input("sh", Input::Partner(deployment("th"), Box::new(strict)));
    world.comes("th", 1, "Ada");
    world.comes("sh", 1, "Bo");
    world.pass(SECOND);
    let act = Act::Remove(Whom::Far(world.far("th", "sh", "Bo")));
    world.acts("th", act);
    world.pass(SECOND);
    assert!(deeds(&world.seen("sh")).is_empty());
    assert_eq!(world.shows("th", "sh"), ["Bo"]);
    let denied = |output: &Output| matches!(output, Output::Denied { act: denied, .. } if *denied == act);
    assert!(world.seen("th").iter().any(denied));
}

#[test]
fn hands_stand_in_one_queue_everywhere() {
    let mut world = World::new(&["th", "sh", "by"]);
    for (at, us) in ["sh", "th", "by"].into_iter().enumerate() {
        world.comes(us, 1, &format!("{at}"));
    }
    world.pass(SECOND);
    for us in ["sh", "th", "by"] {
        let name = ["sh", "th", "by"]
            .iter()
            .position(|name| *name == us)
            .unwrap()
            .to_string();
        world.input(us, Input::Person(super::play::person(1, &name, true)));
        world.pass(SECOND);
    }
    for us in ["th", "sh", "by"] {
        let roster = world.houses[&deployment(us)].joint.roster();
        let seen = world.seen(us);
        let queue = seen.iter().rev().find_map(|output| match output {
            Output::Queue(queue) => Some(queue.clone()),
            _ => None,
        });
        let name = |whom: &Whom| match whom {
            Whom::Ours(_) => us.to_owned(),
            Whom::Far(far) => {
                let person = roster.values().flatten().find(|person| person.who == *far).unwrap();
                person.origin.as_str().trim_end_matches(".example").to_owned()
            }
        };
        assert_eq!(
            queue.unwrap().iter().map(name).collect::<Vec<_>>(),
            ["sh", "th", "by"],
            "as {us} sees it"
        );
    }
}

#[test]
fn a_partner_parts_and_comes_back() {
    let mut world = World::new(&["th", "sh"]);
    world.comes("th", 1, "Ada");
    world.comes("sh", 1, "Bo");
    world.pass(SECOND);
    world.input("th", Input::Part(deployment("sh")));
    world.pass(SECOND * 10);
    assert_eq!(world.state("sh", "th"), LinkState::Parted(Why::Parted));
    assert!(world.shows("th", "sh").is_empty() && world.shows("sh", "th").is_empty());
    assert!(world.houses.values().all(|house| house.joint.is_over()));
    let quiet = world.tap.len();
    world.pass(SECOND * 60);
    assert_eq!(world.tap.len(), quiet);
    for (us, partner) in [("sh", "th"), ("th", "sh")] {
        world.input(us, Input::Partner(deployment(partner), Box::new(open_terms(partner))));
    }
    world.pass(SECOND);
    assert_eq!(world.shows("th", "sh"), ["Bo"]);
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
}

#[test]
fn the_end_for_all_is_told_and_the_rooms_are_over() {
    let mut world = World::new(&["th", "sh"]);
    world.comes("sh", 1, "Bo");
    world.pass(SECOND);
    world.input("sh", Input::End);
    world.pass(SECOND * 3);
    assert_eq!(deeds(&world.seen("th")), [Act::End]);
    assert!(world.houses.values().all(|house| house.joint.is_over()));
}

#[test]
fn sound_has_an_ssrc_for_each_person_and_none_is_taken_twice() {
    let mut world = World::new(&["th", "sh"]);
    for id in 0..50 {
        world.comes("th", id, &format!("{id}"));
        world.comes("sh", id, &format!("{id}"));
    }
    world.pass(SECOND);
    let given = |seen: Vec<Output>| -> std::collections::BTreeSet<u32> {
        let ssrc = |output: &Output| match output {
            Output::Stream { ssrc, .. } => Some(*ssrc),
            _ => None,
        };
        seen.iter().filter_map(ssrc).collect()
    };
    let (th, sh) = (given(world.seen("th")), given(world.seen("sh")));
    assert_eq!((th.len(), sh.len(), th.intersection(&sh).count()), (50, 50, 0));
    let roster = world.houses[&deployment("sh")].joint.roster();
    let told: std::collections::BTreeSet<u32> = roster[&deployment("th")]
        .iter()
        .filter_map(|person| person.stream)
        .collect();
    assert_eq!(told, th);
}
