// SPDX-License-Identifier: EUPL-1.2
//! RFC 8842 and XEP-0320, each rule broken once: the call ends, and nobody is told that it was accepted.

use super::*;
use crate::reason::Reason;

/// Lets the room answer with something else than it meant to.
fn answered_with(change: impl Fn(String) -> String) -> (World, CallId) {
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
    let accept = world.sides[ROOM]
        .sent
        .iter()
        .find(|stanza| stanza.name() == "iq" && stanza.attr("type") == Some("set"));
    let accept: Element = change(String::from(accept.unwrap())).parse().unwrap();
    assert_eq!(world.handle(ALICE, CallsInput::Stanza(&accept)), Taken::Yes);
    (world, call)
}

fn never_accepted(world: &World, call: CallId, reason: Reason) {
    let events = world.sides[ALICE].events_of(call);
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, CallEvent::Accepted { .. } | CallEvent::Answered { .. })),
        "{events:?}"
    );
    assert_eq!(events.last(), Some(&&CallEvent::Ended(reason)));
    let told = world.sides[ALICE]
        .sent
        .iter()
        .any(|stanza| String::from(stanza).contains(&format!("<{}", reason.name())));
    assert!(told, "the peer learns why");
}

#[test]
fn an_answer_that_says_actpass() {
    let (world, call) = answered_with(|accept| {
        accept
            .replace("setup='active'", "setup='actpass'")
            .replace("setup=\"active\"", "setup=\"actpass\"")
    });
    never_accepted(&world, call, Reason::SecurityError);
}

#[test]
fn an_answer_that_says_holdconn() {
    let (world, call) = answered_with(|accept| {
        accept
            .replace("'active'", "'holdconn'")
            .replace("\"active\"", "\"holdconn\"")
    });
    never_accepted(&world, call, Reason::SecurityError);
}

fn without_fingerprint(accept: &str) -> String {
    let (head, rest) = accept.split_once("<fingerprint").unwrap();
    let (_, tail) = rest.split_once("</fingerprint>").unwrap();
    format!("{head}{tail}")
}

#[test]
fn an_answer_without_a_fingerprint_and_one_that_comes_late() {
    let (mut world, call) = answered_with(|accept| without_fingerprint(&accept));
    never_accepted(&world, call, Reason::SecurityError);
    let sid = world.sides[ROOM].offered[0].1.sid.clone();
    let late: Element = format!(
        "<iq xmlns='jabber:component:accept' type='set' id='late' from='12345678@meet.example/landbridge' to='1@alice.example/x'>\
         <jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='{sid}'><content creator='initiator' name='0'>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' \
         hash='sha-256' setup='active'>AA:BB</fingerprint></transport></content></jingle></iq>"
    )
    .parse()
    .unwrap();
    assert_eq!(world.handle(ALICE, CallsInput::Stanza(&late)), Taken::Yes);
    never_accepted(&world, call, Reason::SecurityError);
    assert!(String::from(world.sides[ALICE].sent.last().unwrap()).contains("unknown-session"));
}

#[test]
fn a_fingerprint_that_is_no_fingerprint() {
    let (world, call) = answered_with(|accept| {
        let (head, rest) = accept.split_once("<fingerprint").unwrap();
        let (tag, rest) = rest.split_once('>').unwrap();
        let (_, tail) = rest.split_once("</fingerprint>").unwrap();
        format!("{head}<fingerprint{tag}>not hexadecimal</fingerprint>{tail}")
    });
    never_accepted(&world, call, Reason::SecurityError);
}

#[test]
fn an_answer_without_ice() {
    let (world, call) = answered_with(|accept| accept.replace("ice-udp:1", "raw-udp:1"));
    never_accepted(&world, call, Reason::UnsupportedTransports);
    let (world, call) = answered_with(|accept| accept.replace("ufrag", "uflag"));
    never_accepted(&world, call, Reason::FailedTransport);
}

#[test]
fn an_answer_that_takes_nothing() {
    let (world, call) = answered_with(|accept| {
        accept
            .replace("name='0'", "name='z'")
            .replace("name=\"0\"", "name=\"z\"")
    });
    never_accepted(&world, call, Reason::IncompatibleParameters);
}

/// Sends the room an offer that was changed on its way.
fn offered_with(change: impl Fn(String) -> String) -> World {
    let mut world = World::new(2);
    world.sides[ALICE].deaf = true;
    world.place("12345678@meet.example/x", &offer("alice"));
    let initiate: Element = change(String::from(&world.sides[ALICE].sent[0])).parse().unwrap();
    assert_eq!(world.handle(ROOM, CallsInput::Stanza(&initiate)), Taken::Yes);
    world
}

#[test]
fn offers_that_are_not_secure_are_turned_away() {
    let reason = |world: &World| {
        assert!(world.sides[ROOM].offered.is_empty());
        assert_eq!(world.sides[ROOM].acts("session-terminate"), 1);
        let jingle = world.sides[ROOM]
            .sent
            .last()
            .unwrap()
            .get_child("jingle", crate::ns::JINGLE)
            .unwrap();
        Reason::read(jingle.get_child("reason", crate::ns::JINGLE).unwrap())
    };
    assert_eq!(
        reason(&offered_with(|offer| without_fingerprint(&offer))),
        Reason::SecurityError
    );
    assert_eq!(
        reason(&offered_with(|offer| offer.replace("actpass", "holdconn"))),
        Reason::SecurityError
    );
    assert_eq!(
        reason(&offered_with(|offer| offer.replace("ice-udp:1", "raw-udp:1"))),
        Reason::UnsupportedTransports
    );
    assert_eq!(
        reason(&offered_with(|offer| offer.replace("ice-udp:1", "ibb:1"))),
        Reason::UnsupportedTransports
    );
    assert_eq!(
        reason(&offered_with(
            |offer| offer.replace("apps:rtp:1", "apps:file-transfer:5")
        )),
        Reason::UnsupportedApplications
    );
    assert_eq!(
        reason(&offered_with(|offer| offer
            .replace("'audio'", "'video'")
            .replace("\"audio\"", "\"video\""))),
        Reason::UnsupportedApplications
    );
    assert_eq!(offered_with(|offer| offer).sides[ROOM].offered.len(), 1);
}

#[test]
fn another_certificate_while_the_call_lasts_ends_it() {
    for ufrag in ["ufrag='room4'", ""] {
        let mut world = World::new(3);
        let (call, _) = world.connect();
        let sid = world.sides[ROOM].offered[0].1.sid.clone();
        let other: Element = format!(
            "<iq xmlns='jabber:component:accept' type='set' id='o' from='12345678@meet.example/landbridge' to='1@alice.example/x'>\
             <jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='{sid}'><content creator='initiator' name='0'>\
             <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' {ufrag}><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' \
             hash='sha-256' setup='active'>AA:BB</fingerprint></transport></content></jingle></iq>"
        )
        .parse()
        .unwrap();
        assert_eq!(world.handle(ALICE, CallsInput::Stanza(&other)), Taken::Yes);
        assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::SecurityError));
    }
}

#[test]
fn siskin_is_understood() {
    let (world, call) = answered_with(|accept| {
        let accept = accept
            .replace("creator='initiator'", "creator='responder'")
            .replace("senders='both'", "senders='initiator'");
        accept
            .replace("creator=\"initiator\"", "creator=\"responder\"")
            .replace("senders=\"both\"", "senders=\"initiator\"")
    });
    let Some(CallEvent::Accepted { sdp, .. }) = world.sides[ALICE].events_of(call).last() else {
        panic!()
    };
    assert!(String::from_utf8_lossy(sdp).contains("a=sendrecv"));
}
