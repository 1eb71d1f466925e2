// SPDX-License-Identifier: EUPL-1.2
//! What happens while a call lasts.

use super::*;
use crate::reason::Reason;

fn text(sdp: &[u8]) -> String {
    String::from_utf8(sdp.to_vec()).unwrap()
}

fn reoffered(world: &World, side: usize, call: CallId) -> String {
    let CallEvent::Reoffered { sdp } = world.sides[side].last(call) else {
        panic!("{:?}", world.sides[side].events_of(call))
    };
    text(sdp)
}

fn answered(world: &World, side: usize, call: CallId) -> String {
    let CallEvent::Answered { sdp } = world.sides[side].last(call) else {
        panic!("{:?}", world.sides[side].events_of(call))
    };
    text(sdp)
}

#[test]
fn hold_by_direction_and_back() {
    let mut world = World::new(1);
    let (call, room) = world.connect();
    world.command(
        ALICE,
        call,
        Command::Offer {
            sdp: session("alice", "actpass", "sendonly").into(),
        },
    );
    assert!(reoffered(&world, ROOM, room).contains("a=sendonly"));
    world.command(
        ROOM,
        room,
        Command::Answer {
            sdp: session("room", "active", "recvonly").into(),
        },
    );
    assert!(answered(&world, ALICE, call).contains("a=recvonly"));
    world.command(
        ROOM,
        room,
        Command::Offer {
            sdp: session("room", "actpass", "sendrecv").into(),
        },
    );
    assert!(reoffered(&world, ALICE, call).contains("a=sendrecv"));
    world.command(
        ALICE,
        call,
        Command::Answer {
            sdp: session("alice", "passive", "sendrecv").into(),
        },
    );
    assert!(answered(&world, ROOM, room).contains("a=sendrecv"));
    assert!(answered(&world, ROOM, room).contains("a=setup:passive"));
}

#[test]
fn ice_starts_anew_from_either_side() {
    for (first, second) in [(ALICE, ROOM), (ROOM, ALICE)] {
        let mut world = World::new(2);
        let (call, room) = world.connect();
        let (ours, theirs) = if first == ALICE { (call, room) } else { (room, call) };
        let fresh =
            |who: &str, setup: &str| session(who, setup, "sendrecv").replace("4\r\na=ice-pwd", "NEW\r\na=ice-pwd");
        let who = ["alice", "room"];
        world.command(
            first,
            ours,
            Command::Offer {
                sdp: fresh(who[first], "actpass").into(),
            },
        );
        let offer = world.sides[second]
            .events_of(theirs)
            .into_iter()
            .find_map(|event| match event {
                CallEvent::Reoffered { sdp } => Some(text(sdp)),
                _ => None,
            });
        let offer = offer.unwrap();
        assert!(offer.contains(&format!("a=ice-ufrag:{}NEW", who[first])), "{offer}");
        assert!(
            offer.contains("a=setup:actpass") && offer.contains("a=fingerprint"),
            "{offer}"
        );
        let role = if second == ROOM { "active" } else { "passive" };
        world.command(
            second,
            theirs,
            Command::Answer {
                sdp: fresh(who[second], role).into(),
            },
        );
        let answer = answered(&world, first, ours);
        assert!(answer.contains(&format!("a=ice-ufrag:{}NEW", who[second])), "{answer}");
        assert!(
            answer.contains(&format!("a=setup:{role}")) && answer.contains("10.55.0.1 50000"),
            "{answer}"
        );
        assert_eq!(world.sides[first].acts("transport-info"), 2);
    }
}

#[test]
fn candidates_of_the_restarted_session_follow_its_offer() {
    let mut world = World::new(3);
    let (call, room) = world.connect();
    let fresh = session("alice", "actpass", "sendrecv").replace("alice4", "aliceNEW");
    world.command(ALICE, call, Command::Offer { sdp: fresh.into() });
    let events = world.sides[ROOM].events_of(room);
    // The offer has none; they come before the gateway answered, and are for what it is about to take.
    assert!(matches!(events[0], CallEvent::Reoffered { .. }), "{events:?}");
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(matches!(events[2], CallEvent::Candidate { .. }));
}

fn with_video(who: &str, setup: &str) -> String {
    session(who, setup, "sendrecv").replace("BUNDLE 0", "BUNDLE 0 1") + &medium("video", "1", who, setup, "sendrecv")
}

#[test]
fn a_picture_comes_and_goes() {
    let mut world = World::new(4);
    let (call, room) = world.connect();
    world.command(
        ROOM,
        room,
        Command::Offer {
            sdp: with_video("room", "actpass").into(),
        },
    );
    let offer = reoffered(&world, ALICE, call);
    assert!(
        offer.contains("m=video 9") && offer.contains("a=group:BUNDLE 0 1"),
        "{offer}"
    );
    world.command(
        ALICE,
        call,
        Command::Answer {
            sdp: with_video("alice", "passive").into(),
        },
    );
    assert_eq!(world.sides[ALICE].acts("content-accept"), 1);
    assert!(answered(&world, ROOM, room).contains("m=video 9"));
    let gone = with_video("alice", "actpass").replace("m=video 9", "m=video 0");
    world.command(ALICE, call, Command::Offer { sdp: gone.into() });
    assert!(reoffered(&world, ROOM, room).contains("m=video 0"));
    world.command(
        ROOM,
        room,
        Command::Answer {
            sdp: with_video("room", "active").replace("m=video 9", "m=video 0").into(),
        },
    );
    assert!(answered(&world, ALICE, call).contains("m=video 0"));
}

#[test]
fn a_picture_that_nobody_wants_is_rejected_and_the_call_goes_on() {
    for refuse in [true, false] {
        let mut world = World::new(5);
        let (call, room) = world.connect();
        world.command(
            ALICE,
            call,
            Command::Offer {
                sdp: with_video("alice", "actpass").into(),
            },
        );
        let command = match refuse {
            true => Command::Refuse,
            false => Command::Answer {
                sdp: with_video("room", "active").replace("m=video 9", "m=video 0").into(),
            },
        };
        world.command(ROOM, room, command);
        assert_eq!(world.sides[ROOM].acts("content-reject"), 1);
        assert!(answered(&world, ALICE, call).contains("m=video 0"));
        world.command(ALICE, call, Command::HangUp(Reason::Success));
        assert_eq!(world.sides[ROOM].last(room), &CallEvent::Ended(Reason::Success));
    }
}

#[test]
fn the_same_change_from_both_sides_is_the_initiator_s() {
    let mut world = World::new(6);
    let (call, room) = world.connect();
    let hold = |who: &str| Command::Offer {
        sdp: session(who, "actpass", "inactive").into(),
    };
    let _ = world.handle(ALICE, CallsInput::Command(call, hold("alice")));
    let _ = world.handle(ROOM, CallsInput::Command(room, hold("room")));
    world.run();
    assert!(world.sides[ROOM].events_of(room).contains(&&CallEvent::Refused));
    assert!(reoffered(&world, ROOM, room).contains("a=inactive"));
    assert!(answered(&world, ALICE, call).contains("a=inactive"));
    assert_eq!(
        world.sides[ALICE]
            .events_of(call)
            .iter()
            .filter(|event| matches!(event, CallEvent::Reoffered { .. }))
            .count(),
        0
    );
}

#[test]
fn changes_wait_for_each_other() {
    let mut world = World::new(7);
    let (call, room) = world.connect();
    world.command(
        ALICE,
        call,
        Command::Offer {
            sdp: session("alice", "actpass", "sendonly").into(),
        },
    );
    world.command(
        ALICE,
        call,
        Command::Offer {
            sdp: session("alice", "actpass", "sendrecv").into(),
        },
    );
    let count = |world: &World| {
        world.sides[ROOM]
            .events_of(room)
            .iter()
            .filter(|event| matches!(event, CallEvent::Reoffered { .. }))
            .count()
    };
    assert_eq!(count(&world), 1);
    world.command(
        ROOM,
        room,
        Command::Answer {
            sdp: session("room", "active", "recvonly").into(),
        },
    );
    assert_eq!(count(&world), 2);
    assert!(reoffered(&world, ROOM, room).contains("a=sendrecv"));
}

#[test]
fn a_peer_that_does_not_answer_a_change_keeps_the_call() {
    let mut world = World::new(8);
    let (call, room) = world.connect();
    world.command(
        ALICE,
        call,
        Command::Offer {
            sdp: with_video("alice", "actpass").into(),
        },
    );
    world.wait(Duration::from_secs(25));
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Refused);
    world.command(ROOM, room, Command::HangUp(Reason::Success));
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::Success));
}

#[test]
fn a_replaced_transport_is_answered() {
    let mut world = World::new(9);
    let (_, room) = world.connect();
    let sid = world.sides[ROOM].offered[0].1.sid.clone();
    let replace: Element = format!(
        "<iq xmlns='jabber:component:accept' type='set' id='r1' from='1@alice.example/x' to='12345678@meet.example/landbridge'>\
         <jingle xmlns='urn:xmpp:jingle:1' action='transport-replace' sid='{sid}'><content creator='initiator' name='0'>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='other' pwd='otherotherotherotherother'>\
         <candidate component='1' foundation='1' generation='1' id='a' ip='10.55.0.1' network='0' port='40000' \
         priority='1' protocol='udp' type='host'/></transport></content></jingle></iq>"
    )
    .parse()
    .unwrap();
    assert_eq!(world.handle(ROOM, CallsInput::Stanza(&replace)), Taken::Yes);
    let offer = reoffered(&world, ROOM, room);
    assert!(
        offer.contains("a=ice-ufrag:other") && offer.contains("10.55.0.1 40000") && offer.contains("a=fingerprint")
    );
    let fresh = session("room", "active", "sendrecv").replace("room4", "roomNEW");
    let _ = world.handle(ROOM, CallsInput::Command(room, Command::Answer { sdp: fresh.into() }));
    assert_eq!(world.sides[ROOM].acts("transport-accept"), 1);
}

#[test]
fn a_camera_of_dino_is_accepted_under_the_creator_it_names() {
    // COMPAT(dino 0.4): calls the initiator the creator of everything, and knows a content by its creator.
    let mut world = World::new(10);
    let call = world.place("12345678@meet.example/x", &offer("alice"));
    let room = world.sides[ROOM].offered[0].0;
    world.command(
        ROOM,
        room,
        Command::Accept {
            sdp: answer("room").into(),
        },
    );
    let sid = world.sides[ROOM].offered[0].1.sid.clone();
    let fingerprint = vec!["AA"; 32].join(":");
    let add: Element = format!(
        "<iq xmlns='jabber:component:accept' type='set' id='v' from='12345678@meet.example/x' to='1@alice.example/x'>\
         <jingle xmlns='urn:xmpp:jingle:1' action='content-add' sid='{sid}'><content creator='initiator' name='video' senders='responder'>\
         <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'><payload-type id='98' clockrate='90000' name='VP8'/><rtcp-mux/></description>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='vvvv' pwd='vvvvvvvvvvvvvvvvvvvvvv'>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>{fingerprint}</fingerprint></transport></content></jingle></iq>"
    )
    .parse()
    .unwrap();
    assert_eq!(world.handle(ALICE, CallsInput::Stanza(&add)), Taken::Yes);
    let offer = reoffered(&world, ALICE, call);
    assert!(
        offer.contains("a=mid:video") && offer.contains("a=group:BUNDLE 0\r\n"),
        "{offer}"
    );
    let taken = session("alice", "passive", "sendrecv") + &medium("video", "video", "alice", "passive", "recvonly");
    let _ = world.handle(ALICE, CallsInput::Command(call, Command::Answer { sdp: taken.into() }));
    let accept = world.sides[ALICE]
        .sent
        .last()
        .unwrap()
        .get_child("jingle", crate::ns::JINGLE)
        .unwrap();
    let content = accept.get_child("content", crate::ns::JINGLE).unwrap();
    assert_eq!(
        (accept.attr("action"), content.attr("creator"), content.attr("name")),
        (Some("content-accept"), Some("initiator"), Some("video"))
    );
}

#[test]
fn a_restart_of_one_content_is_one_of_its_bundle() {
    // COMPAT(conversations 2.10): answers a restart with candidates of the bundle's first content.
    let mut world = World::new(11);
    let (call, room) = world.connect();
    world.command(
        ROOM,
        room,
        Command::Offer {
            sdp: with_video("room", "actpass").into(),
        },
    );
    world.command(
        ALICE,
        call,
        Command::Answer {
            sdp: with_video("alice", "passive").into(),
        },
    );
    let fresh = with_video("alice", "actpass").replace("alice4", "aliceNEW");
    let (first, second) = fresh.split_at(fresh.find("m=video").unwrap());
    let one = format!("{first}{}", second.replace("aliceNEW", "alice4"));
    world.command(ALICE, call, Command::Offer { sdp: one.into() });
    assert_eq!(reoffered_first(&world, room).matches("a=ice-ufrag:aliceNEW").count(), 2);
}

fn reoffered_first(world: &World, room: CallId) -> String {
    let events = world.sides[ROOM].events_of(room);
    let sdp = events.iter().find_map(|event| match event {
        CallEvent::Reoffered { sdp } => Some(text(sdp)),
        _ => None,
    });
    sdp.unwrap()
}

#[test]
fn a_restart_that_the_peer_does_not_know_is_refused_at_once() {
    let mut world = World::new(12);
    let (call, _) = world.connect();
    world.sides[ALICE].deaf = true;
    let fresh = session("alice", "actpass", "sendrecv").replace("alice4", "aliceNEW");
    world.command(ALICE, call, Command::Offer { sdp: fresh.into() });
    let id = world.sides[ALICE].sent.last().unwrap().attr("id").unwrap().to_owned();
    let error: Element = format!(
        "<iq xmlns='jabber:component:accept' type='error' id='{id}' from='12345678@meet.example/landbridge' to='1@alice.example/x'>\
         <error type='cancel'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
    .parse()
    .unwrap();
    assert_eq!(world.handle(ALICE, CallsInput::Stanza(&error)), Taken::Yes);
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Refused);
}

#[test]
fn a_restart_behind_a_hold_waits_with_its_candidates() {
    let mut world = World::new(13);
    let (call, room) = world.connect();
    let sid = world.sides[ROOM].offered[0].1.sid.clone();
    let act = |world: &mut World, id: &str, action: &str, content: &str| {
        let stanza: Element = format!(
            "<iq xmlns='jabber:component:accept' type='set' id='{id}' from='1@alice.example/x' to='12345678@meet.example/landbridge'>\
             <jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='{sid}'>{content}</jingle></iq>"
        )
        .parse()
        .unwrap();
        assert_eq!(world.handle(ROOM, CallsInput::Stanza(&stanza)), Taken::Yes);
    };
    let transport = |candidate: &str| {
        format!(
            "<content creator='initiator' name='0'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='NEWW' \
             pwd='newnewnewnewnewnewnewnew'>{candidate}</transport></content>"
        )
    };
    act(
        &mut world,
        "1",
        "content-modify",
        "<content creator='initiator' name='0' senders='initiator'/>",
    );
    act(&mut world, "2", "transport-info", &transport(""));
    let candidate =
        "<candidate component='1' foundation='1' ip='10.55.0.9' port='40000' priority='1' protocol='udp' type='host'/>";
    act(&mut world, "3", "transport-info", &transport(candidate));
    let answer = |direction: &str| Command::Answer {
        sdp: session("room", "active", direction).into(),
    };
    world.command(ROOM, room, answer("recvonly"));
    assert!(reoffered(&world, ROOM, room).contains("a=ice-ufrag:NEWW"));
    world.command(ROOM, room, answer("recvonly"));
    assert!(matches!(world.sides[ROOM].last(room), CallEvent::Candidate { .. }));
    assert_eq!(world.sides[ROOM].events_of(room).len(), 3);
    assert!(!matches!(world.sides[ALICE].last(call), CallEvent::Ended(_)));
}
