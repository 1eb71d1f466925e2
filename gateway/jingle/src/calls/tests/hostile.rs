// SPDX-License-Identifier: EUPL-1.2
//! Strangers: what they send costs little, and changes nothing for others.

use super::*;
use crate::ns;
use crate::packet::COMPONENT;
use crate::reason::Reason;
use crate::xml::Build;

fn iq(from: &str, to: &str, id: &str, jingle: Element) -> Element {
    Build::new("iq", COMPONENT)
        .attr("type", "set")
        .attr("id", id)
        .attr("from", from)
        .attr("to", to)
        .child(jingle)
        .build()
}

fn jingle(action: &str, sid: &str) -> Build {
    Build::new("jingle", ns::JINGLE).attr("action", action).attr("sid", sid)
}

#[test]
fn a_thousand_contents_and_ten_thousand_candidates_are_cut() {
    let mut world = World::new(1);
    let (call, room) = world.connect();
    world.sides[ALICE].deaf = true;
    world.place("12345678@meet.example/x", &offer("eve"));
    let initiate = world.sides[ALICE].sent.last().unwrap().clone();
    let content = initiate
        .get_child("jingle", ns::JINGLE)
        .unwrap()
        .get_child("content", ns::JINGLE)
        .unwrap()
        .clone();
    let started = Instant::now();
    let contents = (0..1_000).map(|i| {
        let mut content = content.clone();
        let name = minidom::rxml::NcName::try_from("name").unwrap();
        content.set_attr(minidom::rxml::Namespace::NONE, name, i.to_string());
        content
    });
    let many = iq(
        "eve@b.example/x",
        "1@meet.example",
        "1",
        jingle("session-initiate", "many").children(contents).build(),
    );
    let mut wide = content.clone();
    let transport = wide.get_child_mut("transport", ns::ICE_UDP).unwrap();
    let candidate = transport.get_child("candidate", ns::ICE_UDP).unwrap().clone();
    for _ in 0..10_000 {
        transport.append_child(candidate.clone());
    }
    let wide = iq(
        "eve@b.example/x",
        "1@meet.example",
        "2",
        jingle("session-initiate", "wide").child(wide).build(),
    );
    let built = started.elapsed();
    let started = Instant::now();
    for stanza in [&many, &wide] {
        assert_eq!(world.handle(ROOM, CallsInput::Stanza(stanza)), Taken::Yes);
    }
    // Reading is bounded: it takes no longer than making what is read, by far.
    assert!(
        started.elapsed() < built.max(Duration::from_millis(500)),
        "{:?}",
        started.elapsed()
    );
    let sdp = |at: usize| String::from_utf8(world.sides[ROOM].offered[at].1.sdp.clone()).unwrap();
    assert_eq!(sdp(1).matches("\r\nm=").count(), 16);
    assert_eq!(sdp(2).matches("a=candidate:").count(), 20);
    assert_eq!(
        world.sides[ROOM].events_of(room).len() + world.sides[ALICE].events_of(call).len(),
        2
    );
}

#[test]
fn ten_thousand_attributes_are_nothing() {
    let mut world = World::new(2);
    let mut element = jingle("session-initiate", "s").build();
    for i in 0..10_000 {
        let name = minidom::rxml::NcName::try_from(format!("a{i}")).unwrap();
        element.set_attr(minidom::rxml::Namespace::NONE, name, "x");
    }
    assert_eq!(
        world.handle(
            ROOM,
            CallsInput::Stanza(&iq("eve@b.example/x", "1@meet.example", "1", element))
        ),
        Taken::Yes
    );
    assert!(world.sides[ROOM].offered.is_empty());
}

#[test]
fn nobody_speaks_in_another_one_s_session() {
    let mut world = World::new(3);
    let (_, room) = world.connect();
    let sid = world.sides[ROOM].offered[0].1.sid.clone();
    for (from, to) in [
        ("eve@b.example/x", "12345678@meet.example/landbridge"),
        ("1@alice.example/other", "12345678@meet.example/landbridge"),
        ("1@alice.example", "12345678@meet.example/landbridge"),
        ("1@alice.example/x", "87654321@meet.example/landbridge"),
    ] {
        let stanza = iq(from, to, "t", jingle("session-terminate", &sid).build());
        assert_eq!(world.handle(ROOM, CallsInput::Stanza(&stanza)), Taken::Yes);
        let answer = String::from(world.sides[ROOM].sent.last().unwrap());
        assert!(
            answer.contains("unknown-session") && answer.contains("item-not-found"),
            "{answer}"
        );
    }
    assert!(world.sides[ROOM].events_of(room).is_empty());
}

#[test]
fn results_that_nobody_asked_for_are_dropped() {
    let mut world = World::new(4);
    let (call, _) = world.connect();
    world.sides[ROOM].deaf = true;
    world.command(ALICE, call, Command::Info(crate::calls::SessionInfo::Hold));
    let id = world.sides[ALICE].sent.last().unwrap().attr("id").unwrap().to_owned();
    for kind in ["result", "error"] {
        let forged = Build::new("iq", COMPONENT)
            .attr("type", kind)
            .attr("id", &id)
            .attr("from", "eve@b.example/x");
        let forged = forged.attr("to", "1@alice.example/x").build();
        assert_eq!(world.handle(ALICE, CallsInput::Stanza(&forged)), Taken::Yes);
    }
    let stray = Build::new("iq", COMPONENT)
        .attr("type", "result")
        .attr("id", "x")
        .attr("from", "eve@b.example/x");
    let stray = stray.attr("to", "1@alice.example/x").build();
    assert_eq!(world.handle(ALICE, CallsInput::Stanza(&stray)), Taken::No);
    assert_eq!(world.sides[ALICE].calls.len(), 1);
}

#[test]
fn nonsense_is_answered_and_forgotten() {
    let mut world = World::new(6);
    let (call, room) = world.connect();
    let sid = world.sides[ROOM].offered[0].1.sid.clone();
    let to = "12345678@meet.example/landbridge";
    for (number, element) in [
        jingle("session-explode", &sid).build(),
        jingle("session-accept", &sid).build(),
        jingle("content-add", &sid).build(),
        jingle("content-accept", &sid)
            .child(Build::new("content", ns::JINGLE).attr("name", "no"))
            .build(),
        jingle("transport-accept", &sid).build(),
        jingle("security-info", &sid).build(),
        jingle("session-info", &sid).child(Build::new("x", "urn:x")).build(),
        jingle("session-info", &sid)
            .child(Build::new("x", ns::RTP_INFO))
            .build(),
        jingle("transport-replace", &sid)
            .child(Build::new("content", ns::JINGLE).attr("name", "no"))
            .build(),
    ]
    .into_iter()
    .enumerate()
    {
        let stanza = iq("1@alice.example/x", to, &format!("n{number}"), element);
        assert_eq!(world.handle(ROOM, CallsInput::Stanza(&stanza)), Taken::Yes);
        assert_eq!(
            world.sides[ROOM].sent.last().unwrap().attr("type"),
            Some("error"),
            "{number}"
        );
    }
    let unknown = jingle("content-modify", &sid)
        .child(Build::new("content", ns::JINGLE).attr("name", "no"))
        .build();
    let unknown = iq("1@alice.example/x", to, "m", unknown);
    assert_eq!(world.handle(ROOM, CallsInput::Stanza(&unknown)), Taken::Yes);
    assert!(
        world.sides[ROOM].events_of(room).is_empty(),
        "{:?}",
        world.sides[ROOM].events_of(room)
    );
    for stanza in [
        "<iq xmlns='jabber:component:accept'/>",
        "<message xmlns='jabber:component:accept' from='@@@'/>",
        "<x xmlns='y'/>",
    ] {
        assert_eq!(
            world.handle(ROOM, CallsInput::Stanza(&stanza.parse().unwrap())),
            Taken::No
        );
    }
    world.command(ALICE, call, Command::HangUp(Reason::Success));
    assert_eq!(world.sides[ROOM].last(room), &CallEvent::Ended(Reason::Success));
}

#[test]
fn an_id_of_a_hundred_kilobytes_is_not_kept() {
    let mut world = World::new(7);
    for i in 0..20 {
        let id = format!("{i}{}", "&".repeat(100_000));
        let stanza = iq(
            "eve@b.example/x",
            "1@meet.example",
            &id,
            jingle("session-terminate", "s").build(),
        );
        assert_eq!(world.handle(ROOM, CallsInput::Stanza(&stanza)), Taken::Yes);
    }
    assert_eq!(world.sides[ROOM].calls.deadline(), None);
}

#[test]
fn proposals_do_not_take_the_place_of_calls() {
    let mut world = World::new(8);
    world.sides[ROOM].deaf = true;
    for i in 0..5_000 {
        let from = format!("eve{i}@b.example/x");
        let propose = Build::new("propose", ns::JMI)
            .attr("id", "p")
            .child(Build::new("description", ns::RTP).attr("media", "audio"));
        let message = Build::new("message", COMPONENT)
            .attr("from", from)
            .attr("to", "1@meet.example")
            .child(propose);
        assert_eq!(world.handle(ROOM, CallsInput::Stanza(&message.build())), Taken::Yes);
    }
    assert_eq!(world.sides[ROOM].calls.len(), 2_048);
    world.sides[ROOM].deaf = false;
    world.place("12345678@meet.example", &offer("alice"));
    assert_eq!(world.sides[ROOM].offered.len(), 1);
    world.wait(Duration::from_secs(62));
    assert_eq!(world.sides[ROOM].calls.len(), 0);
}
