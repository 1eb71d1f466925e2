// SPDX-License-Identifier: EUPL-1.2
//! No server of this dialect can be had for tests: the messages are written from its published types.

use super::*;
use crate::{PersonKind, Recorded};

fn connected() -> Play {
    let (mut play, outputs) = Play::begin(Admission::Legacy {
        controller: "https://controller.example".into(),
        ticket: "a-ticket".into(),
    });
    let url = "wss://controller.example/signaling".to_owned();
    let subprotocols = [
        "opentalk-signaling-json-v1.0",
        "k3k-signaling-json-v1.0",
        "ticket#a-ticket",
    ];
    let subprotocols = subprotocols.map(str::to_owned).into();
    assert_eq!(outputs, [Output::Connect { url, subprotocols }]);
    let outputs = play.gets(Input::Opened);
    says(
        &outputs,
        "control",
        json!({"action": "join", "display_name": "+4936112345"}),
    );
    play
}

fn join() -> Value {
    json!({"message": "join_success", "id": ZOE, "display_name": "+4936112345", "role": "guest",
        "tariff": {"id": "t", "name": "t", "quotas": {}, "modules": {}}, "closes_at": "2026-11-23T11:40:10Z",
        "participants": [
            {"id": ALICE, "control": {"display_name": "Alice Adams", "role": "moderator", "participation_kind": "user",
                "hand_is_up": true, "joined_at": "2026-11-23T10:40:00Z"}},
            {"id": "gone", "control": {"display_name": "Bob", "role": "user", "participation_kind": "sip",
                "hand_is_up": false, "left_at": "2026-11-23T10:40:00Z"}}],
        "livekit": {"room": "r:main", "token": "t", "public_url": "wss://sfu", "service_url": "http://sfu",
            "microphone_restriction_state": {"type": "disabled"}},
        "moderation": {"raise_hands_enabled": true},
        "recording": {"targets": {"rec": {"name": "Recording", "streaming_kind": "recording", "status": "inactive"}}},
        "event_info": null, "room_info": {"id": "r"}, "is_room_owner": false})
}

fn inside() -> Play {
    let mut play = connected();
    play.hears("control", join());
    play
}

#[test]
fn zoe_joins() {
    let mut play = connected();
    let outputs = play.hears("control", join());
    let [Output::Event(Event::Joined(joined))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!((joined.id.as_str(), joined.people.len()), (ZOE, 1));
    assert_eq!(
        (joined.people[0].hand, joined.people[0].kind),
        (true, PersonKind::Registered)
    );
    assert_eq!(joined.credentials.as_ref().unwrap().url, "http://sfu");
    assert_eq!((joined.closes_in, joined.recorded), (Some(seconds(3600)), None));
}

#[test]
fn zoe_waits_and_is_accepted() {
    let mut play = connected();
    tells(
        &play.hears("moderation", json!({"message": "in_waiting_room"})),
        Event::Waiting,
    );
    let outputs = play.hears("moderation", json!({"message": "accepted"}));
    assert_eq!(outputs[0], Output::Event(Event::Accepted));
    says(&outputs[1..], "control", json!({"action": "enter_room"}));
    let outputs = play.hears("control", join());
    assert!(matches!(&outputs[..], [Output::Event(Event::Joined(_))]), "{outputs:?}");
    let sent = json!({"message": "sent_to_waiting_room"});
    tells(&play.hears("moderation", sent), Event::SentToWaitingRoom);
}

#[test]
fn an_encrypted_meeting_is_left() {
    let mut play = connected();
    let mut message = join();
    message["event_info"] = json!({"e2e_encryption": true});
    let outputs = play.hears("control", message);
    ends(&mut play, &outputs, Ending::EndToEndEncrypted);
}

#[test]
fn hands_are_part_of_the_control_module() {
    let mut play = inside();
    says(
        &play.wants(Command::RaiseHand),
        "control",
        json!({"action": "raise_hand"}),
    );
    tells(
        &play.hears("control", json!({"message": "hand_raised"})),
        Event::HandRaised,
    );
    let reset = json!({"message": "raised_hand_reset_by_moderator", "issued_by": ALICE});
    tells(
        &play.hears("moderation", reset),
        Event::HandLowered { by_moderator: true },
    );
    let outputs = play.hears("control", json!({"message": "error", "error": "raise_hands_disabled"}));
    assert_eq!(outputs[0], Output::Event(Event::HandsEnabled(false)));
}

#[test]
fn people_join_change_and_leave() {
    let mut play = inside();
    let bob = |message: &str, up: bool| {
        json!({"message": message, "id": "bob", "control": {"display_name": "Bob", "role": "user",
            "participation_kind": "sip", "hand_is_up": up}, "chat": {"groups": []}})
    };
    play.hears("control", bob("joined", false));
    play.hears("control", bob("update", true));
    let outputs = play.waits(seconds(1));
    let [Output::Event(Event::People(people))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    let bob = people.iter().find(|person| person.id == "bob").unwrap();
    assert!(bob.hand && bob.kind == PersonKind::Phone);
    let outputs = play.hears("control", json!({"message": "left", "id": "bob", "reason": "quit"}));
    let Some(Output::Event(Event::People(people))) = outputs.last() else {
        panic!("{outputs:?}")
    };
    assert_eq!(people.len(), 1);
}

#[test]
fn microphones_are_the_livekit_modules() {
    let mut play = inside();
    let muted = json!({"message": "force_muted", "moderator": ALICE});
    tells(&play.hears("livekit", muted), Event::MutedByModerator);
    let restricted = json!({"message": "microphone_restrictions_enabled", "unrestricted_participants": []});
    tells(&play.hears("livekit", restricted), Event::MicrophoneRestricted(true));
    let freed = json!({"message": "microphone_restrictions_disabled"});
    tells(&play.hears("livekit", freed), Event::MicrophoneRestricted(false));
}

#[test]
fn recordings_and_streams_are_targets() {
    let mut play = inside();
    let updated = |id: &str, status: &str| json!({"message": "stream_updated", "target_id": id, "status": status});
    let asked = Event::ConsentAsked(Recorded::Recording);
    tells(&play.hears("recording", updated("rec", "active")), asked);
    let outputs = play.wants(Command::Consent(true));
    assert_eq!(outputs[0], Output::Event(Event::ConsentStored(true)));
    assert_eq!(
        said(&outputs[1]),
        ("recording".into(), json!({"action": "set_consent", "consent": true}))
    );
    // The confirmation comes with what the server tells about Zoe, and is no news.
    let update = json!({"message": "update", "id": ZOE, "recording": {"consents_recording": true}});
    assert_eq!(play.hears("control", update), []);
    tells(
        &play.hears("recording", updated("rec", "inactive")),
        Event::RecordingStopped,
    );
    tells(
        &play.hears("recording", updated("live", "active")),
        Event::ConsentAsked(Recorded::Stream),
    );
}

#[test]
fn how_a_meeting_ends() {
    let endings = [
        (
            "moderation",
            json!({"message": "session_ended", "issued_by": ALICE}),
            Ending::SessionEnded,
        ),
        ("moderation", json!({"message": "kicked"}), Ending::Kicked),
        ("moderation", json!({"message": "banned"}), Ending::Banned),
        (
            "control",
            json!({"message": "time_limit_quota_elapsed"}),
            Ending::TimeLimit,
        ),
        ("control", json!({"message": "room_deleted"}), Ending::RoomDeleted),
    ];
    for (namespace, payload, ending) in endings {
        let mut play = inside();
        let outputs = play.hears(namespace, payload);
        ends(&mut play, &outputs, ending);
    }
}

#[test]
fn breakout_rooms_of_another_kind_are_not_offered() {
    let mut play = inside();
    let started = json!({"message": "started", "rooms": [{"id": "00000008-0000-4000-8000-000000000008", "name": "A"}],
        "expires": null, "assignment": null});
    assert_eq!(play.hears("breakout", started), []);
    assert_eq!(play.hears("breakout", json!({"message": "stopped"})), []);
}
