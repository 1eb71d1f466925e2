// SPDX-License-Identifier: EUPL-1.2
use super::*;
use crate::{PersonKind, Role};

#[test]
fn a_token_becomes_an_address_without_subprotocols() {
    let (_, outputs) = Play::begin(roomserver("a-token"));
    let url = "wss://rooms.example/v1/signaling/a-token".to_owned();
    let subprotocols = Vec::new();
    assert_eq!(outputs, [Output::Connect { url, subprotocols }]);
}

#[test]
fn an_address_in_the_clear_and_with_a_path_stays_so() {
    let (_, outputs) = Play::begin(Admission::Roomserver {
        address: "HTTP://127.0.0.1:11333/rooms".into(),
        token: "t".into(),
    });
    let url = "ws://127.0.0.1:11333/rooms/v1/signaling/t".to_owned();
    assert!(
        matches!(&outputs[..], [Output::Connect { url: to, .. }] if *to == url),
        "{outputs:?}"
    );
}

#[test]
fn the_first_generation_lets_zoe_in_at_once() {
    let mut play = Play::connected();
    let joined = play.joined();
    assert_eq!(joined.id, ZOE);
    assert_eq!(joined.room_id.as_deref(), Some("00000004-0000-4000-8000-000000000004"));
    assert!(!joined.alone && joined.hands_enabled && !joined.microphone_restricted);
    assert_eq!(
        (joined.recorded, joined.closes_in, &joined.breakout),
        (None, None, &None)
    );
    let alice = &joined.people[0];
    assert_eq!((alice.id.as_str(), alice.name.as_str()), (ALICE, "Alice Adams"));
    assert_eq!((alice.role, alice.kind), (Role::Moderator, PersonKind::Registered));
    assert_eq!((alice.hand, alice.connections.len()), (false, 1));
    let Credentials { room, token, url } = joined.credentials.unwrap();
    assert_eq!(room, "00000004-0000-4000-8000-000000000004:main");
    assert_eq!(
        (token.as_str(), url.as_str()),
        ("a-livekit-token", "http://127.0.0.1:7880/")
    );
}

#[test]
fn the_public_address_is_used_if_there_is_none_for_services() {
    let mut play = Play::connected();
    let message = join_success(|payload| {
        payload["module_data"]["livekit"]
            .as_object_mut()
            .unwrap()
            .remove("service_url");
    });
    let outputs = play.gets(Input::Text(&message));
    let Output::Event(Event::Joined(joined)) = &outputs[0] else {
        panic!("{outputs:?}")
    };
    assert_eq!(joined.credentials.as_ref().unwrap().url, "ws://127.0.0.1:7880");
}

#[test]
fn the_second_generation_is_told_the_name_in_its_lobby() {
    let mut play = Play::connected();
    let lobby = json!({"message": "joined_lobby", "connection_id": "c", "participant_id": ZOE, "can_enter": true});
    says(
        &play.hears("core", lobby),
        "core",
        json!({"action": "enter_room", "display_name": "+4936112345"}),
    );
    let message = join_success(|payload| {
        for field in ["id", "connection_id", "device_id"] {
            payload.as_object_mut().unwrap().remove(field);
        }
    });
    let outputs = play.gets(Input::Text(&message));
    let Output::Event(Event::Joined(joined)) = &outputs[0] else {
        panic!("{outputs:?}")
    };
    assert_eq!(joined.id, ZOE);
    // Zoe's own connection is not somebody else.
    let connected = json!({"message": "participant_connected", "participant_id": ZOE, "connection_id": "c"});
    assert_eq!(play.hears("core", connected), []);
}

#[test]
fn a_name_that_the_lobby_knows_is_not_told_again() {
    let mut play = Play::connected();
    let lobby = json!({"message": "joined_lobby", "participant_id": ZOE, "can_enter": true, "display_name": "Zoe"});
    says(&play.hears("core", lobby), "core", json!({"action": "enter_room"}));
    let already = json!({"message": "error", "error": "display_name_required"});
    let name = json!({"action": "enter_room", "display_name": "+4936112345"});
    says(&play.hears("core", already), "core", name);
}

#[test]
fn the_second_generations_waiting_room() {
    let mut play = Play::connected();
    let lobby = json!({"message": "joined_lobby", "participant_id": ZOE, "can_enter": false});
    let waiting = json!({"action": "enter_waiting_room", "display_name": "+4936112345"});
    says(&play.hears("core", lobby), "core", waiting);
    tells(
        &play.hears("core", json!({"message": "in_waiting_room"})),
        Event::Waiting,
    );
    let outputs = play.hears("moderation", json!({"message": "accepted"}));
    assert_eq!(outputs[0], Output::Event(Event::Accepted));
    says(&outputs[1..], "core", json!({"action": "enter_room"}));
    assert_eq!(play.joined().id, ZOE);
}

#[test]
fn the_second_generations_door_may_close_while_zoe_enters() {
    let mut play = Play::connected();
    let lobby = json!({"message": "joined_lobby", "participant_id": ZOE, "can_enter": true});
    play.hears("core", lobby);
    let outputs = play.hears("core", json!({"message": "error", "error": "not_accepted"}));
    says(&outputs, "core", json!({"action": "enter_waiting_room"}));
    tells(
        &play.hears("core", json!({"message": "in_waiting_room"})),
        Event::Waiting,
    );
}

#[test]
fn the_first_generations_waiting_room() {
    let mut play = Play::connected();
    let waiting = json!({"message": "in_waiting_room", "connection_id": "c", "participant_id": ZOE});
    tells(&play.hears("core", waiting), Event::Waiting);
    // Hours may pass, and what Zoe presses meanwhile is not sent.
    assert_eq!(play.waits(seconds(7200)), []);
    assert_eq!(play.wants(Command::RaiseHand), []);
    let outputs = play.hears("moderation", json!({"message": "accepted"}));
    assert_eq!(outputs[0], Output::Event(Event::Accepted));
    says(&outputs[1..], "core", json!({"action": "enter_room"}));
    // A moderator changed their mind in between.
    tells(
        &play.hears("core", json!({"message": "error", "error": "not_accepted"})),
        Event::Waiting,
    );
    play.hears("moderation", json!({"message": "accepted"}));
    assert_eq!(play.joined().id, ZOE);
}

#[test]
fn a_full_room_is_left() {
    let mut play = Play::connected();
    let blocked = json!({"message": "join_blocked", "reason": "participant_limit_reached"});
    let outputs = play.hears("core", blocked);
    ends(&mut play, &outputs, Ending::RoomFull);
}

#[test]
fn an_unknown_obstacle_is_named() {
    let mut play = Play::connected();
    let outputs = play.hears("core", json!({"message": "join_blocked", "reason": "full_moon"}));
    ends(&mut play, &outputs, Ending::Blocked("full_moon".into()));
}

#[test]
fn an_encrypted_room_is_left_before_anything_else() {
    let mut play = Play::connected();
    let message = join_success(|payload| payload["event_info"] = json!({"title": "x", "e2e_encryption": true}));
    let outputs = play.gets(Input::Text(&message));
    ends(&mut play, &outputs, Ending::EndToEndEncrypted);
}

#[test]
fn joining_under_a_microphone_restriction_is_told() {
    for (unrestricted, restricted) in [(json!([]), true), (json!([ALICE, ZOE]), false)] {
        let mut play = Play::connected();
        let message = join_success(|payload| {
            payload["module_data"]["livekit"]["microphone_restriction_state"] =
                json!({"type": "enabled", "unrestricted_participants": unrestricted});
        });
        let outputs = play.gets(Input::Text(&message));
        let Output::Event(Event::Joined(joined)) = &outputs[0] else {
            panic!("{outputs:?}")
        };
        assert_eq!(joined.microphone_restricted, restricted);
    }
}

#[test]
fn without_a_livekit_token_one_is_asked_for() {
    let mut play = Play::connected();
    let message = join_success(|payload| payload["module_data"]["livekit"] = json!({}));
    let outputs = play.gets(Input::Text(&message));
    says(&outputs[1..], "livekit", json!({"action": "create_new_access_token"}));
    let credentials = json!({"message": "credentials", "room": "r:main", "token": "t2", "public_url": "wss://sfu"});
    let (room, token, url) = ("r:main".into(), "t2".into(), "wss://sfu".into());
    tells(
        &play.hears("livekit", credentials),
        Event::Credentials(Credentials { room, token, url }),
    );
}

#[test]
fn a_greeting_too_long_to_be_read_is_not_asked_for_again() {
    let why = "rooms.example: sent a message of 5000000 octets, and 4 MiB is the limit";
    let mut play = Play::connected();
    let outputs = play.gets(Input::TooLong(why));
    ends(&mut play, &outputs, Ending::Blocked(why.into()));
    // Later messages differ from try to try.
    let mut play = Play::inside();
    tells(&play.gets(Input::TooLong(why)), Event::Reconnecting);
}
