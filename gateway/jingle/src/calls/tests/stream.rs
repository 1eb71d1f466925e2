// SPDX-License-Identifier: EUPL-1.2
//! The stream breaks: nothing gets lost, nothing happens twice.

use super::*;
use crate::calls::SessionInfo;
use crate::packet::COMPONENT;
use crate::reason::Reason;
use crate::xml::Build;

#[test]
fn what_was_not_acknowledged_is_sent_again_with_the_same_id() {
    let mut world = World::new(1);
    let call = world.place("12345678@meet.example", &offer("alice"));
    let room = world.sides[ROOM].offered[0].0;
    world.sides[ROOM].deaf = true;
    world.command(
        ROOM,
        room,
        Command::Accept {
            sdp: answer("room").into(),
        },
    );
    let first = world.sides[ROOM].sent.last().unwrap().clone();
    let _ = world.handle(ROOM, CallsInput::StreamDown);
    world.command(ROOM, room, Command::Info(SessionInfo::Active));
    assert_eq!(
        world.sides[ROOM].sent.last(),
        Some(&first),
        "nothing is sent while there is no stream"
    );
    world.wait(Duration::from_secs(5));
    world.sides[ROOM].deaf = false;
    let _ = world.handle(ROOM, CallsInput::StreamUp);
    world.run();
    assert_eq!(
        world.sides[ROOM].sent.iter().filter(|stanza| **stanza == first).count(),
        2
    );
    let accepted = |world: &World| {
        world.sides[ALICE]
            .events_of(call)
            .iter()
            .filter(|event| matches!(event, CallEvent::Accepted { .. }))
            .count()
    };
    assert_eq!(accepted(&world), 1);
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Info(SessionInfo::Active));
    let _ = world.handle(ROOM, CallsInput::StreamUp);
    world.run();
    assert_eq!(accepted(&world), 1);
    assert_eq!(
        world.sides[ROOM].acts("session-accept"),
        2,
        "what was acknowledged stays so"
    );
}

#[test]
fn an_answer_that_got_lost_is_given_again() {
    let mut world = World::new(2);
    let (call, room) = world.connect();
    world.sides[ROOM].deaf = true;
    world.command(ALICE, call, Command::Info(SessionInfo::Hold));
    world.sides[ROOM].deaf = false;
    let _ = world.handle(ALICE, CallsInput::StreamUp);
    world.run();
    assert_eq!(world.sides[ROOM].events_of(room), [&CallEvent::Info(SessionInfo::Hold)]);
    world.wait(Duration::from_secs(70));
    assert_eq!(world.sides[ALICE].calls.len(), 1);
}

#[test]
fn a_minute_without_an_answer_to_the_accept_ends_the_call() {
    let mut world = World::new(3);
    world.place("12345678@meet.example", &offer("alice"));
    let room = world.sides[ROOM].offered[0].0;
    world.sides[ROOM].deaf = true;
    world.command(
        ROOM,
        room,
        Command::Accept {
            sdp: answer("room").into(),
        },
    );
    world.wait(Duration::from_secs(61));
    assert_eq!(world.sides[ROOM].last(room), &CallEvent::Ended(Reason::Timeout));
}

#[test]
fn a_hang_up_without_a_stream_is_told_when_it_is_back() {
    let mut world = World::new(4);
    let (call, room) = world.connect();
    let _ = world.handle(ROOM, CallsInput::StreamDown);
    world.command(ROOM, room, Command::HangUp(Reason::Success));
    assert_eq!(world.sides[ROOM].last(room), &CallEvent::Ended(Reason::Success));
    let _ = world.handle(ROOM, CallsInput::StreamUp);
    world.run();
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::Success));
}

#[test]
fn a_gateway_that_forgot_everything_says_so_and_the_peer_hangs_up() {
    let mut world = World::new(5);
    let (call, _) = world.connect();
    world.sides[ROOM].calls = Calls::new(Domain::new("meet.example").unwrap(), 99, Options::default());
    world.command(ALICE, call, Command::Info(SessionInfo::Active));
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::Gone));
}

#[test]
fn a_channel_that_repeats_and_loses_carries_every_call() {
    for seed in 0..60 {
        let mut world = World::new(seed);
        world.twice = 90;
        let call = world.place("12345678@meet.example", &offer("alice"));
        let room = world.sides[ROOM].offered[0].0;
        // The stream breaks at different places, with what was just sent.
        let lossy = [ALICE, ROOM][seed as usize % 2];
        world.sides[lossy].deaf = seed % 3 == 0;
        world.command(
            ROOM,
            room,
            Command::Accept {
                sdp: answer("room").into(),
            },
        );
        world.sides[lossy].deaf = false;
        let _ = world.handle(lossy, CallsInput::StreamDown);
        world.command(ALICE, call, Command::Info(SessionInfo::Hold));
        world.wait(Duration::from_secs(4));
        let _ = world.handle(lossy, CallsInput::StreamUp);
        world.run();
        let _ = world.handle(1 - lossy, CallsInput::StreamUp);
        world.run();
        let accepted = world.sides[ALICE]
            .events_of(call)
            .iter()
            .filter(|event| matches!(event, CallEvent::Accepted { .. }))
            .count();
        assert_eq!(accepted, 1, "seed {seed}");
        assert_eq!(
            world.sides[ROOM].events_of(room),
            [&CallEvent::Info(SessionInfo::Hold)],
            "seed {seed}"
        );
        assert_eq!(world.sides[ROOM].offered.len(), 1, "seed {seed}");
        world.command(ALICE, call, Command::HangUp(Reason::Success));
        assert_eq!(
            world.sides[ROOM].last(room),
            &CallEvent::Ended(Reason::Success),
            "seed {seed}"
        );
        world.wait(Duration::from_secs(130));
        assert_eq!(
            world.sides[ALICE].calls.len() + world.sides[ROOM].calls.len(),
            0,
            "seed {seed}"
        );
    }
}

#[test]
fn a_client_that_starts_anew_with_its_old_ids_is_served() {
    let mut world = World::new(6);
    world.sides[ALICE].deaf = true;
    world.place("12345678@meet.example/x", &offer("alice"));
    let initiate = world.sides[ALICE].sent[0].clone();
    let sid = initiate.children().next().unwrap().attr("sid").unwrap().to_owned();
    for round in 0..3 {
        let other: Element = String::from(&initiate)
            .replace(&sid, &format!("s{round}"))
            .parse()
            .unwrap();
        assert_eq!(world.handle(ROOM, CallsInput::Stanza(&other)), Taken::Yes);
        assert_eq!(world.handle(ROOM, CallsInput::Stanza(&other)), Taken::Yes);
        assert_eq!(world.sides[ROOM].offered.len(), round + 1);
    }
}

#[test]
fn what_waited_is_sent_in_its_order_and_the_end_is_told_last() {
    let mut world = World::new(7);
    let (_, room) = world.connect();
    let _ = world.handle(ROOM, CallsInput::StreamDown);
    world.command(ROOM, room, Command::Info(SessionInfo::Hold));
    world.command(ROOM, room, Command::HangUp(Reason::Success));
    let before = world.sides[ROOM].sent.len();
    let _ = world.handle(ROOM, CallsInput::StreamUp);
    world.run();
    let sent = |stanza: &Element| {
        stanza
            .children()
            .next()
            .map(|child| child.attr("action").unwrap_or(child.name()).to_owned())
    };
    let sent: Vec<Option<String>> = world.sides[ROOM].sent[before..].iter().map(sent).collect();
    let sent: Vec<String> = sent.into_iter().flatten().collect();
    assert_eq!(sent, ["session-terminate", "finish"]);
}

#[test]
fn an_accept_that_is_known_already_ends_nothing() {
    let mut world = World::new(8);
    world.place("12345678@meet.example", &offer("alice"));
    let room = world.sides[ROOM].offered[0].0;
    // The accept arrives, its result does not.
    world.sides[ALICE].deaf = true;
    world.command(
        ROOM,
        room,
        Command::Accept {
            sdp: answer("room").into(),
        },
    );
    let accept = world.sides[ROOM].sent.last().unwrap().clone();
    let _ = world.handle(ROOM, CallsInput::StreamDown);
    let _ = world.handle(ROOM, CallsInput::StreamUp);
    let error = Build::new("error", COMPONENT)
        .attr("type", "wait")
        .child(Build::new("unexpected-request", crate::packet::STANZAS))
        .child(Build::new("out-of-order", crate::ns::ERRORS));
    let error = Build::new("iq", COMPONENT)
        .attr("type", "error")
        .attr("id", accept.attr("id").unwrap())
        .attr("from", accept.attr("to").unwrap())
        .attr("to", accept.attr("from").unwrap())
        .child(error)
        .build();
    assert_eq!(world.handle(ROOM, CallsInput::Stanza(&error)), Taken::Yes);
    assert!(world.sides[ROOM].events_of(room).is_empty());
    world.wait(Duration::from_secs(70));
    assert_eq!(world.sides[ROOM].calls.len(), 1);
}

#[test]
fn an_accept_whose_media_flow_is_not_sent_again() {
    let mut world = World::new(9);
    world.place("12345678@meet.example", &offer("alice"));
    let room = world.sides[ROOM].offered[0].0;
    world.sides[ROOM].deaf = true;
    world.sides[ALICE].deaf = true;
    world.command(
        ROOM,
        room,
        Command::Accept {
            sdp: answer("room").into(),
        },
    );
    world.sides[ROOM].calls.connected(room);
    let _ = world.handle(ROOM, CallsInput::StreamUp);
    assert_eq!(world.sides[ROOM].acts("session-accept"), 1);
    world.wait(Duration::from_secs(70));
    assert!(world.sides[ROOM].events_of(room).is_empty());
}

#[test]
fn words_that_were_lost_with_the_stream_are_said_again() {
    let mut world = World::new(10);
    let said = |world: &World, side: usize, word: &str| {
        let is = |stanza: &&Element| stanza.children().any(|child| child.name() == word);
        world.sides[side].sent.iter().filter(is).count()
    };
    // The room's proceed is lost.
    world.sides[ROOM].deaf = true;
    let call = world.place("12345678@meet.example", &offer("alice"));
    let _ = world.handle(ROOM, CallsInput::StreamDown);
    world.wait(Duration::from_secs(3));
    world.sides[ROOM].deaf = false;
    let _ = world.handle(ROOM, CallsInput::StreamUp);
    world.run();
    assert_eq!(world.sides[ROOM].offered.len(), 1);
    // Alice's retract of another call is lost.
    world.sides[ALICE].deaf = true;
    let other = world.place("87654321@meet.example", &offer("alice"));
    world.command(ALICE, other, Command::HangUp(Reason::Cancel));
    let _ = world.handle(ALICE, CallsInput::StreamUp);
    assert_eq!((said(&world, ALICE, "retract"), said(&world, ALICE, "propose")), (2, 2));
    // What nobody rings for is proposed again, what was lost long ago is not.
    let third = world.place("11112222@meet.example", &offer("alice"));
    let _ = world.handle(ALICE, CallsInput::StreamUp);
    assert_eq!(said(&world, ALICE, "propose"), 4);
    world.wait(Duration::from_secs(20));
    let _ = world.handle(ALICE, CallsInput::StreamUp);
    assert_eq!(said(&world, ALICE, "propose"), 4);
    assert!(world.sides[ALICE].events_of(third).is_empty() && world.sides[ALICE].events_of(call).is_empty());
}
