// SPDX-License-Identifier: EUPL-1.2
use proptest::prelude::*;

use super::*;

proptest! {
    /// Names are ASCII or E.164, which every client shows alike.
    #[test]
    fn whatever_zoe_is_called_only_ascii_is_sent(called in "\\PC*|.*") {
        let options = AttendeeOptions::new(Name::new(&called, ""), 7);
        let now = Instant::now();
        let legacy = Admission::Legacy { controller: "https://c".into(), ticket: "t".into() };
        let mut play = Play { attendee: Attendee::new(now, legacy, options.clone()), now };
        play.drain();
        let mut sent = play.gets(Input::Opened);
        for can_enter in [true, false] {
            let mut play = Play { attendee: Attendee::new(now, roomserver("t"), options.clone()), now };
            play.drain();
            play.gets(Input::Opened);
            sent.extend(play.hears("core", json!({"message": "joined_lobby", "participant_id": ZOE, "can_enter": can_enter})));
        }
        prop_assert_eq!(sent.len(), 3);
        for output in &sent {
            let Output::Send(text) = output else { panic!("{output:?}") };
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", text);
            prop_assert!(!said(output).1["display_name"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn what_is_unknown_or_broken_is_skipped() {
    let mut play = Play::inside();
    for text in [
        "",
        "{",
        "null",
        "[]",
        "\u{0}",
        "{\"namespace\":\"core\"}",
        "{\"namespace\":\"core\",\"payload\":[]}",
    ] {
        assert_eq!(play.gets(Input::Text(text)), [], "{text}");
    }
    for namespace in [
        "core",
        "control",
        "moderation",
        "raise_hands",
        "livekit",
        "breakout",
        "recording",
        "chat",
        "error",
        "timer",
    ] {
        for payload in [
            json!(null),
            json!({}),
            json!({"message": 7}),
            json!({"message": "brand_new", "x": [{}]}),
        ] {
            assert_eq!(play.hears(namespace, payload), []);
        }
    }
    tells(
        &play.hears("raise_hands", json!({"message": "hand_raised", "participant": ZOE})),
        Event::HandRaised,
    );
}

#[test]
fn a_message_of_another_shape_does_what_is_left_of_it() {
    let mut play = Play::connected();
    let message = json!({"message": "join_success", "id": 7, "participants": {"a": 1}, "event_info": "no",
        "module_data": {"livekit": [], "breakout": {"room": 3, "rooms": [1, {"id": -1}]}, "recording": {"stream_states": 4}},
        "closes_at": {}});
    let outputs = play.hears("core", message);
    let [Output::Event(Event::Joined(joined))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        *joined,
        Joined {
            alone: true,
            hands_enabled: true,
            ..Joined::default()
        }
    );
}

#[test]
fn no_more_than_ten_messages_a_second_are_sent_and_the_flood_is_dropped() {
    let mut play = Play::inside();
    let mut sent = Vec::new();
    for _ in 0..60 {
        sent.extend(play.wants(Command::LowerHand));
    }
    assert_eq!(sent.len(), 5);
    let in_first_second = play.waits(seconds(1)).len();
    assert!((8..=10).contains(&in_first_second), "{in_first_second}");
    let rest = play.waits(seconds(60)).len();
    assert_eq!(sent.len() + in_first_second + rest, 5 + OUTBOX);
}

#[test]
fn slow_down_is_obeyed() {
    let mut play = Play::inside();
    assert_eq!(play.hears("error", json!({"error": "slow_down"})), []);
    assert_eq!(play.wants(Command::RaiseHand), []);
    assert_eq!(play.waits(seconds(1)), []);
    says(&play.waits(seconds(2)), "raise_hands", json!({"action": "raise_hand"}));
}

#[test]
fn a_server_that_invents_people_is_believed_up_to_a_limit() {
    let mut play = Play::inside();
    for number in 0..6_000 {
        let connected =
            json!({"message": "participant_connected", "participant_id": number.to_string(), "connection_id": "c"});
        play.hears("core", connected);
    }
    for number in 0..100 {
        let connection = format!("c{number}");
        let connected =
            json!({"message": "participant_connected", "participant_id": ALICE, "connection_id": connection});
        play.hears("core", connected);
    }
    let long = "x".repeat(100_000);
    play.hears(
        "core",
        json!({"message": "participant_connected", "participant_id": long, "connection_id": "c"}),
    );
    let renamed = json!({"message": "display_name_changed", "target": ALICE, "new_name": long});
    play.hears("moderation", renamed);
    let outputs = play.waits(seconds(1));
    let Some(Output::Event(Event::People(people))) = outputs.last() else {
        panic!("{outputs:?}")
    };
    assert_eq!(people.len(), 5_000);
    let alice = people.iter().find(|person| person.id == ALICE).unwrap();
    assert_eq!((alice.connections.len(), alice.name.len()), (16, 200));
}

#[test]
fn a_lobby_that_argues_about_the_name_does_not_keep_us_for_ever() {
    let mut play = Play::connected();
    play.hears(
        "core",
        json!({"message": "joined_lobby", "participant_id": ZOE, "can_enter": true}),
    );
    let begin = play.now;
    while play.now < begin + seconds(20) && play.attendee.is_open() {
        for error in ["display_name_required", "display_name_already_provided"] {
            play.hears("core", json!({"message": "error", "error": error}));
        }
        play.waits(Duration::from_millis(500));
    }
    assert!(play.now <= begin + seconds(16));
}

#[test]
fn an_acceptance_that_nobody_asked_for_is_skipped() {
    let mut play = Play::inside();
    assert_eq!(play.hears("moderation", json!({"message": "accepted"})), []);
    assert_eq!(
        play.hears("core", json!({"message": "joined_lobby", "can_enter": true})),
        []
    );
}

#[test]
fn what_arrives_on_a_socket_that_is_closed_is_skipped() {
    let mut play = Play::inside();
    play.gets(Input::Failed("reset"));
    assert_eq!(play.gets(Input::Text(JOIN_SUCCESS)), []);
    assert_eq!(play.gets(Input::Opened), []);
    assert_eq!(play.gets(Input::Started(roomserver("unasked"))), []);
}
