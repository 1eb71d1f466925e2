// SPDX-License-Identifier: EUPL-1.2
use super::*;
use crate::{Breakout, BreakoutRoom};

fn switched(to: Value, room: &str) -> Value {
    json!({"message": "switched_room", "old_room": {"kind": "main"}, "new_room": to, "peer_data": {},
        "own_data": {"livekit": {"room": room, "token": "t", "public_url": "ws://sfu", "service_url": "http://sfu",
            "microphone_restriction_state": {"type": "disabled"}}}})
}

fn credentials(room: &str) -> Option<Credentials> {
    let (room, token, url) = (room.into(), "t".into(), "http://sfu".into());
    Some(Credentials { room, token, url })
}

fn opened() -> Play {
    let mut play = Play::inside();
    let outputs = play.gets(Input::Text(BREAKOUT_STARTED));
    let room = |id, name: &str| BreakoutRoom { id, name: name.into() };
    let [Output::Event(Event::BreakoutOpened(breakout))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        (&breakout.rooms[..], breakout.mine),
        (&[room(0, "A"), room(1, "B")][..], Some(0))
    );
    assert_eq!(breakout.expires_in.unwrap().as_secs(), 119);
    play
}

#[test]
fn zoe_goes_to_a_breakout_room_and_back() {
    let mut play = opened();
    let outputs = play.wants(Command::Switch(Place::Breakout(0)));
    says(
        &outputs,
        "breakout",
        json!({"action": "switch_room", "kind": "breakout", "id": 0}),
    );
    let outputs = play.hears("breakout", switched(json!({"kind": "breakout", "id": 0}), "r:0"));
    tells(
        &outputs,
        Event::Switched {
            to: Place::Breakout(0),
            name: Some("A".into()),
            credentials: credentials("r:0"),
            microphone_restricted: false,
        },
    );
    // What Zoe writes stays in the room.
    let outputs = play.wants(Command::Chat("Hallo".into()));
    says(
        &outputs,
        "chat",
        json!({"action": "send_message", "scope": "breakout", "target": 0, "content": "Hallo"}),
    );
    let outputs = play.wants(Command::Switch(Place::Main));
    says(&outputs, "breakout", json!({"action": "switch_room", "kind": "main"}));
    let outputs = play.hears("breakout", switched(json!({"kind": "main"}), "r:main"));
    assert!(
        matches!(
            &outputs[..],
            [Output::Event(Event::Switched {
                to: Place::Main,
                name: None,
                ..
            })]
        ),
        "{outputs:?}"
    );
}

#[test]
fn an_assignment_alone_moves_nobody() {
    let mut play = opened();
    assert_eq!(play.waits(seconds(30)), []);
}

#[test]
fn without_an_assignment_there_are_rooms_to_choose_from() {
    let mut play = Play::inside();
    let rooms = json!([{"id": 3, "name": "C\u{7}"}, {"id": "x", "name": "no number"}]);
    let outputs = play.hears(
        "breakout",
        json!({"message": "started", "started_by": ALICE, "rooms": rooms}),
    );
    let rooms = vec![BreakoutRoom {
        id: 3,
        name: "C".into(),
    }];
    let (mine, expires_in) = (None, None);
    tells(
        &outputs,
        Event::BreakoutOpened(Breakout {
            rooms,
            mine,
            expires_in,
        }),
    );
}

#[test]
fn when_the_rooms_close_everybody_is_moved_back() {
    let mut play = opened();
    play.wants(Command::Switch(Place::Breakout(0)));
    play.hears("breakout", switched(json!({"kind": "breakout", "id": 0}), "r:0"));
    let notice = json!({"message": "close_notice", "issued_by": ALICE, "stops_at": "2026-11-23T10:40:40Z"});
    let within = Some(seconds(30));
    tells(&play.hears("breakout", notice), Event::BreakoutClosing { within });
    let closing = json!({"message": "closing", "issued_by": ALICE});
    tells(
        &play.hears("breakout", closing),
        Event::BreakoutClosing { within: None },
    );
    let outputs = play.hears("breakout", switched(json!({"kind": "main"}), "r:main"));
    let back = Event::Switched {
        to: Place::Main,
        name: None,
        credentials: credentials("r:main"),
        microphone_restricted: false,
    };
    tells(&outputs, back);
    let outputs = play.hears("breakout", json!({"message": "closed"}));
    assert_eq!(outputs[0], Output::Event(Event::BreakoutClosed));
    tells(&play.wants(Command::Switch(Place::Breakout(0))), Event::SwitchRefused);
}

#[test]
fn rooms_that_expire_are_announced_a_minute_before() {
    let mut play = opened();
    assert_eq!(play.waits(seconds(59)), []);
    let within = Some(seconds(60));
    tells(&play.waits(seconds(2)), Event::BreakoutClosing { within });
    assert_eq!(play.waits(seconds(100)), []);
}

#[test]
fn a_switch_that_makes_no_sense_is_refused_here() {
    let mut play = opened();
    for to in [Place::Main, Place::Breakout(7)] {
        tells(&play.wants(Command::Switch(to)), Event::SwitchRefused);
    }
}

#[test]
fn a_switch_that_the_server_refuses_is_told() {
    let mut play = opened();
    play.wants(Command::Switch(Place::Breakout(1)));
    let error = json!({"message": "error", "error": "unknown_breakout_id"});
    tells(&play.hears("breakout", error.clone()), Event::SwitchRefused);
    assert_eq!(play.hears("breakout", error), []);
}

#[test]
fn one_who_joins_late_is_told_of_the_rooms() {
    let mut play = Play::connected();
    let message = join_success(|payload| {
        payload["module_data"]["breakout"] = json!({"room": {"kind": "main"}, "rooms": [{"id": 1, "name": "B"}],
            "expires": "2026-11-23T10:45:09.021674518Z"});
    });
    let outputs = play.gets(Input::Text(&message));
    let [Output::Event(Event::Joined(joined))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    let breakout = joined.breakout.as_ref().unwrap();
    assert_eq!((breakout.rooms[0].id, breakout.mine), (1, None));
    assert_eq!(breakout.expires_in, Some(seconds(300)));
}

#[test]
fn others_are_seen_where_they_are() {
    let mut play = opened();
    let moved = json!({"message": "participant_switched_room", "participant_id": ALICE, "old_room": {"kind": "main"},
        "new_room": {"kind": "breakout", "id": 1}});
    play.waits(seconds(1));
    let outputs = play.hears("breakout", moved);
    let [Output::Event(Event::People(people))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(people[0].place, Place::Breakout(1));
}
