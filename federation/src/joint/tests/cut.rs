// SPDX-License-Identifier: EUPL-1.2
//! What a cut, a restart and a wrong clock leave behind.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::play::{OURS, SECOND, World, deeds, deployment, lines, open_terms, person};
use crate::{Act, Input, LinkState, Output, PersonId, Whom, Why};

fn pair() -> World {
    let mut world = World::new(&["th", "sh"]);
    world.comes("th", 1, "Ada");
    world.comes("sh", 1, "Bo");
    world.pass(SECOND);
    world
}

#[test]
fn a_cut_shows_after_two_seconds_and_heals_within_two() {
    let mut world = pair();
    world.cut("th", "sh");
    world.pass(Duration::from_millis(1200));
    assert_eq!(world.shows("th", "sh"), ["Bo"]);
    world.pass(Duration::from_millis(900));
    assert_eq!(world.shows("th", "sh"), ["(Bo)"]);
    assert_eq!(world.state("sh", "th"), LinkState::Away);
    world.pass(SECOND * 57);
    world.repair();
    world.pass(SECOND);
    assert_eq!(world.shows("th", "sh"), ["Bo"]);
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
}

#[test]
fn who_is_away_for_long_is_removed_and_comes_back_as_the_same() {
    let mut world = pair();
    let before = world.far("th", "sh", "Bo");
    world.cut("th", "sh");
    world.pass(SECOND * 303);
    assert!(world.shows("th", "sh").is_empty());
    assert!(world.seen("th").contains(&Output::Went(before, Why::Lost)));
    world.repair();
    world.pass(SECOND * 2);
    assert_eq!(world.far("th", "sh", "Bo"), before);
}

#[test]
fn what_was_said_during_a_cut_is_heard_once_and_in_order() {
    let mut world = pair();
    world.says("th", 1, "0");
    world.pass(Duration::from_millis(10));
    world.cut("th", "sh");
    for line in 1..20 {
        world.says("th", 1, &line.to_string());
        world.comes("th", 100 + line, &format!("P{line}"));
        world.says("th", 100 + line, &format!("by P{line}"));
        world.input("th", Input::Went(PersonId(100 + line)));
        world.pass(SECOND / 3);
    }
    world.repair();
    world.pass(SECOND * 2);
    let seen = world.seen("sh");
    let own: Vec<String> = (0..20).map(|line| line.to_string()).collect();
    let others: Vec<String> = (1..20).map(|line| format!("by P{line}")).collect();
    let (by_guests, by_ada): (Vec<&str>, Vec<&str>) = lines(&seen).into_iter().partition(|line| line.starts_with("by"));
    assert_eq!(by_ada, own);
    assert_eq!(by_guests, others);
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
}

#[test]
fn a_journal_that_is_full_gives_up_the_oldest_lines_and_counts_them() {
    let mut world = pair();
    world.cut("th", "sh");
    world.pass(SECOND * 3);
    for line in 0..300 {
        world.says("th", 1, &line.to_string());
    }
    world.repair();
    world.pass(SECOND * 2);
    let (seen, status) = (world.seen("sh"), world.houses[&deployment("th")].joint.status());
    assert_eq!(status[0].dropped, 44);
    let kept: Vec<String> = (44..300).map(|line| line.to_string()).collect();
    assert_eq!(lines(&seen), kept);
}

#[test]
fn a_thousand_changes_during_a_cut_end_in_a_snapshot() {
    let mut world = pair();
    world.cut("th", "sh");
    world.pass(SECOND * 3);
    for id in 0..3000 {
        world.comes("th", 1000 + id, "passer-by");
        world.says("th", 1000 + id, &format!("I was {id}"));
        world.input("th", Input::Went(PersonId(1000 + id)));
    }
    world.repair();
    world.pass(SECOND * 3);
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
    assert_eq!(lines(&world.seen("sh")).len(), 256);
}

#[test]
fn mute_and_removal_of_both_halves_win_after_the_cut() {
    let mut world = pair();
    world.comes("sh", 2, "Cy");
    world.pass(SECOND);
    let (ada, bo, cy) = (
        world.far("sh", "th", "Ada"),
        world.far("th", "sh", "Bo"),
        world.far("th", "sh", "Cy"),
    );
    world.cut("th", "sh");
    world.pass(SECOND * 3);
    world.acts("th", Act::Mute(Whom::Far(bo)));
    world.acts("th", Act::Remove(Whom::Far(cy)));
    world.acts("sh", Act::Remove(Whom::Far(ada)));
    let muted = |world: &World| {
        let roster = world.houses[&deployment("th")].joint.roster();
        roster[&deployment("sh")]
            .iter()
            .all(|person| person.who != bo || !person.audio)
    };
    assert!(muted(&world), "at once where it was done");
    assert_eq!(world.shows("th", "sh"), ["(Bo)"]);
    world.input("sh", Input::Person(person(1, "Bo", true)));
    world.repair();
    world.pass(SECOND * 2);
    assert_eq!(
        deeds(&world.seen("sh")),
        [Act::Mute(OURS), Act::Remove(Whom::Ours(PersonId(2)))]
    );
    assert_eq!(deeds(&world.seen("th")), [Act::Remove(OURS)]);
    assert_eq!(world.shows("th", "sh"), ["Bo"], "Cy is not seen again");
}

#[test]
fn the_homes_lock_counts_after_a_cut() {
    let mut world = pair();
    world.cut("th", "sh");
    world.pass(SECOND * 3);
    world.input("sh", Input::Locked(true));
    world.input("sh", Input::Locked(false));
    world.input("sh", Input::Locked(true));
    world.input("th", Input::Locked(true));
    world.input("th", Input::Locked(false));
    world.repair();
    world.pass(SECOND * 2);
    assert_eq!(deeds(&world.seen("sh")), [Act::Lock(false)]);
    assert!(deeds(&world.seen("th")).is_empty());
}

#[test]
fn a_new_life_is_told_everything_anew() {
    let mut world = pair();
    world.says("th", 1, "before");
    world.pass(SECOND);
    world.restart("sh", 5000, &["th"]);
    world.comes("sh", 7, "Di");
    world.pass(SECOND * 2);
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
    assert_eq!(world.shows("th", "sh"), ["Di"]);
    assert!(lines(&world.seen("sh")).is_empty());
    world.says("th", 1, "after");
    world.pass(SECOND);
    assert_eq!(lines(&world.seen("sh")), ["after"]);
}

#[test]
fn a_life_with_a_clock_that_was_turned_back_goes_above_the_one_before() {
    let mut world = pair();
    world.restart("sh", 3, &["th"]);
    world.comes("sh", 7, "Di");
    world.pass(SECOND * 2);
    assert_eq!(world.shows("th", "sh"), ["Di"]);
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
    let status = world.houses[&deployment("th")].joint.status();
    assert!(status[0].epoch.unwrap().0 > 1001);
}

#[test]
fn a_room_that_was_empty_for_a_while_invites_again() {
    let mut world = pair();
    world.input("sh", Input::Part(deployment("th")));
    world.pass(SECOND * 10);
    assert_eq!(world.state("th", "sh"), LinkState::Parted(Why::Parted));
    world.restart("sh", 9000, &["th"]);
    world.comes("sh", 1, "Bo");
    world.pass(SECOND * 2);
    assert_eq!(world.state("th", "sh"), LinkState::Up);
    assert_eq!(world.shows("th", "sh"), ["Bo"]);
    assert_eq!(world.shows("sh", "th"), ["Ada"]);
}

#[test]
fn whom_we_sent_away_is_not_let_in_by_its_own_invitation() {
    let mut world = pair();
    world.input("th", Input::Part(deployment("sh")));
    world.pass(SECOND * 10);
    world.input("sh", Input::Partner(deployment("th"), Box::new(open_terms("th"))));
    world.pass(SECOND * 10);
    assert_eq!(world.state("th", "sh"), LinkState::Parted(Why::Parted));
    assert_eq!(world.state("sh", "th"), LinkState::Parted(Why::Parted));
}

#[test]
fn three_deployments_lose_one_way_and_keep_the_others() {
    let mut world = World::new(&["th", "sh", "by"]);
    for us in ["th", "sh", "by"] {
        world.comes(us, 1, us);
    }
    world.pass(SECOND);
    world.cut("th", "sh");
    world.pass(SECOND * 10);
    assert_eq!(
        (world.shows("th", "sh"), world.shows("th", "by")),
        (vec!["(sh)".to_owned()], vec!["by".to_owned()])
    );
    assert_eq!(world.shows("by", "sh"), ["sh"]);
    world.repair();
    world.pass(SECOND * 2);
    assert_eq!(world.shows("th", "sh"), ["sh"]);
}

#[test]
fn two_lives_with_clocks_that_were_both_turned_back_find_each_other() {
    let mut world = pair();
    world.cut("th", "sh");
    world.restart("sh", 3, &["th"]);
    world.restart("th", 5, &["sh"]);
    world.repair();
    world.comes("sh", 7, "Di");
    world.pass(SECOND);
    assert_eq!(world.shows("th", "sh"), ["Di"]);
}
