// SPDX-License-Identifier: EUPL-1.2
//! How calls begin and end.

use super::*;
use crate::calls::SessionInfo;
use crate::reason::Reason;

const FULL: &str = "12345678@meet.example/4711";

#[test]
fn a_proposed_call_rings_is_answered_and_hung_up() {
    let mut world = World::new(1);
    let (call, room) = world.connect();
    let offered = &world.sides[ROOM].offered[0].1;
    assert_eq!(offered.to.to_string(), "12345678@meet.example");
    assert_eq!(offered.from.to_string(), "1@alice.example/x");
    let sdp = String::from_utf8(offered.sdp.clone()).unwrap();
    for line in [
        "a=setup:actpass",
        "a=ice-ufrag:alice4",
        "a=rtpmap:111 opus/48000/2",
        "a=group:BUNDLE 0",
        "a=sendrecv",
    ] {
        assert!(sdp.contains(line), "{line} in {sdp}");
    }
    let events = world.sides[ALICE].events_of(call);
    assert_eq!(events[0], &CallEvent::Ringing);
    let CallEvent::Accepted { sdp, by } = events[1] else {
        panic!("{events:?}")
    };
    assert_eq!(by.to_string(), "12345678@meet.example/landbridge");
    assert!(String::from_utf8_lossy(sdp).contains("a=setup:active"));
    world.command(ALICE, call, Command::HangUp(Reason::Success));
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::Success));
    assert_eq!(world.sides[ROOM].last(room), &CallEvent::Ended(Reason::Success));
    assert!(
        world.sides[ALICE]
            .sent
            .iter()
            .any(|stanza| stanza.children().any(|child| child.name() == "finish"))
    );
    world.wait(Duration::from_secs(120));
    assert_eq!((world.sides[ALICE].calls.len(), world.sides[ROOM].calls.len()), (0, 0));
    assert_eq!(
        (world.sides[ALICE].calls.deadline(), world.sides[ROOM].calls.deadline()),
        (None, None)
    );
}

#[test]
fn a_full_address_is_called_at_once_and_its_resource_is_told() {
    let mut world = World::new(2);
    let call = world.place(FULL, &offer("alice"));
    let (room, offered) = world.sides[ROOM].offered[0].clone();
    assert_eq!(offered.to.to_string(), FULL);
    world.command(ROOM, room, Command::Ring);
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ringing);
    world.command(
        ROOM,
        room,
        Command::Reject {
            cause: Reason::Busy,
            text: Some("full".into()),
        },
    );
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::Busy));
    assert!(!world.sides[ALICE].sent.iter().any(|stanza| stanza.name() == "message"));
}

#[test]
fn nobody_answers_for_a_minute() {
    let mut world = World::new(3);
    world.sides[ALICE].deaf = true;
    let call = world.place("bob@b.example", &offer("alice"));
    world.wait(Duration::from_secs(59));
    assert!(world.sides[ALICE].events_of(call).is_empty());
    world.wait(Duration::from_secs(2));
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::Timeout));
    assert!(
        world.sides[ALICE]
            .sent
            .iter()
            .any(|stanza| stanza.children().any(|child| child.name() == "retract"))
    );
    let mut world = World::new(3);
    let call = world.place(FULL, &offer("alice"));
    world.wait(Duration::from_secs(61));
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::Timeout));
}

/// Says a message of XEP-0353 from one of Bob's devices.
fn bob(world: &mut World, resource: &str, word: &str, more: &str) {
    let sid = world.sides[ALICE].sent.iter().find_map(|stanza| {
        stanza
            .children()
            .find(|child| child.name() == "propose")
            .and_then(|child| child.attr("id").map(str::to_owned))
    });
    let message: Element = format!(
        "<message xmlns='jabber:component:accept' type='chat' from='bob@b.example/{resource}' to='1@alice.example/x'>\
         <{word} xmlns='urn:xmpp:jingle-message:0' id='{}'>{more}</{word}></message>",
        sid.unwrap()
    )
    .parse()
    .unwrap();
    assert_eq!(world.handle(ALICE, CallsInput::Stanza(&message)), Taken::Yes);
}

#[test]
fn of_several_devices_the_first_to_proceed_is_called() {
    let mut world = World::new(4);
    world.sides[ALICE].deaf = true;
    let call = world.place("bob@b.example", &offer("alice"));
    bob(&mut world, "phone", "ringing", "");
    bob(&mut world, "desk", "ringing", "");
    assert_eq!(world.sides[ALICE].events_of(call), [&CallEvent::Ringing]);
    bob(&mut world, "desk", "proceed", "");
    bob(&mut world, "phone", "proceed", "");
    assert_eq!(world.sides[ALICE].acts("session-initiate"), 1);
    let initiate = world.sides[ALICE].sent.last().unwrap();
    assert_eq!(initiate.attr("to"), Some("bob@b.example/desk"));
    let jingle = initiate.get_child("jingle", crate::ns::JINGLE).unwrap();
    assert_eq!(jingle.attr("initiator"), Some("1@alice.example/x"));
}

#[test]
fn a_callee_declines_or_is_busy_and_a_stranger_cannot() {
    for (more, reason) in [
        ("", Reason::Decline),
        ("<reason xmlns='urn:xmpp:jingle:1'><busy/></reason>", Reason::Busy),
        (
            "<tie-break/><reason xmlns='urn:xmpp:jingle:1'><expired/></reason>",
            Reason::AlternativeSession,
        ),
    ] {
        let mut world = World::new(5);
        world.sides[ALICE].deaf = true;
        let call = world.place("bob@b.example", &offer("alice"));
        let stranger = String::from(world.sides[ALICE].sent.last().unwrap()).replace("propose", "reject");
        let mut stranger: Element = stranger.parse().unwrap();
        for (name, value) in [("from", "eve@b.example/x"), ("to", "1@alice.example/x")] {
            let name = minidom::rxml::NcName::try_from(name).unwrap();
            stranger.set_attr(minidom::rxml::Namespace::NONE, name, value);
        }
        assert_eq!(world.handle(ALICE, CallsInput::Stanza(&stranger)), Taken::Yes);
        assert!(world.sides[ALICE].events_of(call).is_empty());
        bob(&mut world, "x", "reject", more);
        assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(reason));
    }
}

#[test]
fn a_proposal_that_bounces_ends_the_call() {
    let mut world = World::new(6);
    world.sides[ALICE].deaf = true;
    let call = world.place("bob@b.example", &offer("alice"));
    let id = world.sides[ALICE].sent.last().unwrap().attr("id").unwrap().to_owned();
    let bounce: Element = format!(
        "<message xmlns='jabber:component:accept' type='error' from='bob@b.example' to='1@alice.example/x' id='{id}'><error type='cancel'>\
         <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    )
    .parse()
    .unwrap();
    assert_eq!(world.handle(ALICE, CallsInput::Stanza(&bounce)), Taken::Yes);
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Ended(Reason::Gone));
}

#[test]
fn a_caller_who_gives_up_before_the_answer_is_heard() {
    let mut world = World::new(7);
    let call = world.place("12345678@meet.example", &offer("alice"));
    let room = world.sides[ROOM].offered[0].0;
    world.command(ALICE, call, Command::HangUp(Reason::Cancel));
    assert_eq!(world.sides[ROOM].last(room), &CallEvent::Ended(Reason::Cancel));
    world.command(
        ROOM,
        room,
        Command::Accept {
            sdp: answer("room").into(),
        },
    );
    assert_eq!(world.sides[ROOM].acts("session-accept"), 0);
}

#[test]
fn both_call_each_other_and_one_call_remains() {
    let mut world = World::new(8);
    let (alice, room) = (world.sides[ALICE].calls.reserve(), world.sides[ROOM].calls.reserve());
    let (a, r) = (world.sides[ALICE].own.clone(), world.sides[ROOM].own.clone());
    for (side, call, to, from) in [(ALICE, alice, &r, &a), (ROOM, room, &a, &r)] {
        let to = Jid::from(to.jid().to_bare());
        let _ = world.handle(
            side,
            CallsInput::Place {
                call,
                to,
                from: from.clone(),
                sdp: offer("x").into(),
            },
        );
    }
    world.run();
    let ended = [(ALICE, alice), (ROOM, room)].map(|(side, call)| {
        world.sides[side]
            .events_of(call)
            .contains(&&CallEvent::Ended(Reason::AlternativeSession))
    });
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1, "{ended:?}");
    assert_eq!(world.sides[ALICE].offered.len() + world.sides[ROOM].offered.len(), 1);
}

#[test]
fn what_is_said_of_a_session_is_heard() {
    let mut world = World::new(9);
    let (call, room) = world.connect();
    for info in [
        SessionInfo::Hold,
        SessionInfo::Unhold,
        SessionInfo::Active,
        SessionInfo::Mute(crate::calls::Track::Audio),
        SessionInfo::Unmute(crate::calls::Track::All),
    ] {
        world.command(ALICE, call, Command::Info(info));
        assert_eq!(world.sides[ROOM].last(room), &CallEvent::Info(info));
    }
    let to = Jid::new("87654321@meet.example").unwrap();
    world.command(ROOM, room, Command::Transfer(to.clone()));
    assert_eq!(world.sides[ALICE].last(call), &CallEvent::Transfer(to));
}

#[test]
fn candidates_come_late_early_and_twice() {
    let mut world = World::new(10);
    let call = world.place("12345678@meet.example", &offer("alice"));
    let room = world.sides[ROOM].offered[0].0;
    let late = |port: u16| Command::Candidate {
        mid: "0".into(),
        candidate: format!("7 1 udp 1 10.55.0.1 {port} typ host"),
    };
    world.command(ALICE, call, late(1));
    world.command(ALICE, call, late(1));
    let told = CallEvent::Candidate {
        mid: "0".into(),
        candidate: "7 1 udp 1 10.55.0.1 1 typ host".into(),
    };
    assert_eq!(world.sides[ROOM].events_of(room), [&told]);
    world.command(
        ROOM,
        room,
        Command::Accept {
            sdp: answer("room").into(),
        },
    );
    world.command(ROOM, room, late(2));
    assert!(matches!(world.sides[ALICE].last(call), CallEvent::Candidate { .. }));
}

#[test]
fn a_group_call_is_told_and_heard() {
    let mut world = World::new(11);
    let call = world.sides[ALICE].calls.reserve();
    let muji = Jid::new("0815@conference.a.example").unwrap();
    world.sides[ALICE]
        .calls
        .join_group(call, muji.clone(), crate::ns::MUJI_TELEPATHY);
    let (to, from) = (Jid::new(FULL).unwrap(), world.sides[ALICE].own.clone());
    let _ = world.handle(
        ALICE,
        CallsInput::Place {
            call,
            to,
            from,
            sdp: offer("alice").into(),
        },
    );
    world.run();
    assert_eq!(world.sides[ROOM].offered[0].1.muji, Some(muji));
    assert_eq!(
        String::from(world.sides[ALICE].sent.last().unwrap())
            .matches("<muji")
            .count(),
        2
    );
}

#[test]
fn what_the_room_plays_has_a_stream_and_a_place() {
    let mut world = World::new(12);
    let ours = offer("alice") + "a=msid:room landbridge\r\na=ssrc:77 cname:room\r\na=end-of-candidates\r\n";
    world.place(FULL, &ours);
    let initiate = String::from(world.sides[ALICE].sent.last().unwrap());
    assert!(
        initiate.contains("room landbridge") && !initiate.contains("gathering-complete"),
        "{initiate}"
    );
}

#[test]
fn a_medium_that_is_not_answered_is_no_part_of_the_call() {
    let mut world = World::new(13);
    let video = offer("alice").replace("BUNDLE 0", "X 0") + &medium("video", "video", "alice", "actpass", "sendrecv");
    let call = world.place(FULL, &video);
    let room = world.sides[ROOM].offered[0].0;
    let sound_only =
        answer("room") + &medium("video", "video", "room", "active", "inactive").replace("m=video 9", "m=video 0");
    world.command(ROOM, room, Command::Accept { sdp: sound_only.into() });
    let CallEvent::Accepted { sdp, .. } = world.sides[ALICE].last(call) else {
        panic!()
    };
    assert!(String::from_utf8_lossy(sdp).contains("m=video 0"));
    let candidate = "7 1 udp 1 10.55.0.1 7 typ host".to_owned();
    world.command(
        ALICE,
        call,
        Command::Candidate {
            mid: "video".into(),
            candidate,
        },
    );
    assert!(
        world.sides[ROOM].events_of(room).is_empty(),
        "{:?}",
        world.sides[ROOM].events_of(room)
    );
}

#[test]
fn nothing_is_held_before_the_answer() {
    let mut world = World::new(14);
    let call = world.place(FULL, &offer("alice"));
    let room = world.sides[ROOM].offered[0].0;
    world.command(ALICE, call, Command::Info(SessionInfo::Hold));
    assert!(world.sides[ROOM].events_of(room).is_empty());
    world.command(
        ROOM,
        room,
        Command::Accept {
            sdp: answer("room").into(),
        },
    );
    world.command(ALICE, call, Command::Info(SessionInfo::Hold));
    assert_eq!(world.sides[ROOM].events_of(room), [&CallEvent::Info(SessionInfo::Hold)]);
}
