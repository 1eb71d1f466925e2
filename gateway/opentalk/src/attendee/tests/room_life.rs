// SPDX-License-Identifier: EUPL-1.2
use super::*;
use crate::{PersonKind, Recorded};

fn recording(status: &str) -> Value {
    json!({"message": "recording_updated", "status": status})
}

fn stream(status: &str) -> Value {
    json!({"message": "stream_updated", "target_id": "00000008-0000-4000-8000-000000000008", "status": status})
}

#[test]
fn zoe_is_asked_before_the_first_word_is_kept_and_agrees() {
    let mut play = Play::inside();
    tells(
        &play.hears("recording", recording("requested")),
        Event::ConsentAsked(Recorded::Recording),
    );
    assert_eq!(play.hears("recording", recording("active")), []);
    let outputs = play.wants(Command::Consent(true));
    says(&outputs, "recording", json!({"action": "set_consent", "consent": true}));
    let stored = |who| json!({"message": "consent_updated", "participant": who, "consents": true});
    assert_eq!(play.hears("recording", stored(ALICE)), []);
    tells(&play.hears("recording", stored(ZOE)), Event::ConsentStored(true));
    assert_eq!(play.hears("recording", recording("paused")), []);
    tells(&play.hears("recording", recording("inactive")), Event::RecordingStopped);
}

#[test]
fn zoe_refuses_which_the_server_does_not_confirm() {
    let mut play = Play::inside();
    play.hears("recording", recording("active"));
    let outputs = play.wants(Command::Consent(false));
    assert_eq!(
        said(&outputs[1]),
        ("recording".into(), json!({"action": "set_consent", "consent": false}))
    );
    assert_eq!(outputs[0], Output::Event(Event::ConsentStored(false)));
}

#[test]
fn zoe_changes_her_mind() {
    let mut play = Play::inside();
    play.hears("recording", recording("active"));
    play.wants(Command::Consent(true));
    play.hears(
        "recording",
        json!({"message": "consent_updated", "participant": ZOE, "consents": true}),
    );
    let outputs = play.wants(Command::Consent(false));
    says(
        &outputs,
        "recording",
        json!({"action": "set_consent", "consent": false}),
    );
    let withdrawn = json!({"message": "consent_updated", "participant": ZOE, "consents": false});
    tells(&play.hears("recording", withdrawn), Event::ConsentStored(false));
}

#[test]
fn each_recording_is_asked_for_anew() {
    let mut play = Play::inside();
    for _ in 0..2 {
        let asked = Event::ConsentAsked(Recorded::Recording);
        tells(&play.hears("recording", recording("active")), asked);
        play.wants(Command::Consent(false));
        tells(&play.hears("recording", recording("inactive")), Event::RecordingStopped);
    }
}

#[test]
fn a_stream_is_asked_for_like_a_recording() {
    let mut play = Play::inside();
    tells(
        &play.hears("recording", stream("requested")),
        Event::ConsentAsked(Recorded::Stream),
    );
    assert_eq!(play.hears("recording", stream("active")), []);
    let also = Event::ConsentAsked(Recorded::Recording);
    tells(&play.hears("recording", recording("active")), also);
    assert_eq!(play.hears("recording", stream("inactive")), []);
    let failed = json!({"message": "recording_updated", "status": "error", "reason": {"code": "c", "message": "m"}});
    tells(&play.hears("recording", failed), Event::RecordingStopped);
}

#[test]
fn one_who_joins_a_recorded_meeting_is_asked() {
    for (consents, answer) in [(false, None), (true, Some(true))] {
        let mut play = Play::connected();
        let message = join_success(|payload| {
            payload["module_data"]["recording"] = json!({"consents_recording": consents,
                "recording_state": {"status": "inactive"}, "service": null,
                "stream_states": {"s": {"name": "n", "public_url": "https://x", "status": "active"}}});
        });
        let outputs = play.gets(Input::Text(&message));
        let [Output::Event(Event::Joined(joined))] = &outputs[..] else {
            panic!("{outputs:?}")
        };
        assert_eq!((joined.recorded, joined.consent), (Some(Recorded::Stream), answer));
    }
}

#[test]
fn what_others_write_is_told_without_control_characters() {
    let mut play = Play::inside();
    let wrote = |who: &str, scope: &str| json!({"message": "message_sent", "id": "m", "source": who, "content": "Hallo\u{7}\nZoe", "scope": scope});
    let (by, from, text) = (ALICE.to_owned(), "Alice Adams".to_owned(), "Hallo\nZoe".to_owned());
    tells(
        &play.hears("chat", wrote(ALICE, "global")),
        Event::Chat { by, from, text },
    );
    // Her own words come back, and private ones are not read out.
    assert_eq!(play.hears("chat", wrote(ZOE, "global")), []);
    assert_eq!(play.hears("chat", wrote(ALICE, "private")), []);
}

#[test]
fn zoe_writes() {
    let mut play = Play::inside();
    let outputs = play.wants(Command::Chat("Gr\u{fc}\u{df}e".into()));
    let content = json!({"action": "send_message", "scope": "global", "content": "Gr\u{fc}\u{df}e"});
    says(&outputs, "chat", content);
    assert_eq!(play.wants(Command::Chat(" \u{7} ".into())), []);
}

#[test]
fn the_end_of_the_meeting_is_announced() {
    let mut play = Play::connected();
    let message = join_success(|payload| payload["closes_at"] = json!("2026-11-23T11:10:09.021674518Z"));
    let outputs = play.gets(Input::Text(&message));
    let [Output::Event(Event::Joined(joined))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(joined.closes_in, Some(seconds(1800)));
    assert_eq!(play.waits(seconds(1499)), []);
    tells(&play.waits(seconds(2)), Event::TimeLimit { left: seconds(300) });
    tells(&play.waits(seconds(240)), Event::TimeLimit { left: seconds(60) });
    assert_eq!(play.waits(seconds(100)), []);
}

#[test]
fn one_who_joins_late_hears_only_the_warnings_that_are_left() {
    let mut play = Play::connected();
    let message = join_success(|payload| payload["closes_at"] = json!("2026-11-23T10:43:09.021674518Z"));
    play.gets(Input::Text(&message));
    tells(&play.waits(seconds(200)), Event::TimeLimit { left: seconds(60) });
}

#[test]
fn people_come_and_go_and_are_told_together() {
    let mut play = Play::inside();
    let bob = json!({"core": {"display_name": "+493***678", "participation_kind": "call_in", "role": "user"},
        "breakout": {"room": {"kind": "main"}}, "chat": {"groups": []}});
    let connected = |id: &str, connection: &str| json!({"message": "participant_connected", "participant_id": id, "connection_id": connection, "peer_data": bob});
    assert_eq!(play.hears("core", connected("bob", "c1")), []);
    assert_eq!(play.hears("core", connected("bob", "c2")), []);
    assert_eq!(
        play.hears("raise_hands", json!({"message": "hand_raised", "participant": "bob"})),
        []
    );
    let outputs = play.waits(seconds(1));
    let [Output::Event(Event::People(people))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    let bob = people.iter().find(|person| person.id == "bob").unwrap();
    assert_eq!(
        (bob.name.as_str(), bob.kind, bob.hand),
        ("+493***678", PersonKind::Phone, true)
    );
    assert_eq!(bob.connections, ["c1", "c2"]);
    let gone = |connection: &str| json!({"message": "participant_disconnected", "participant_id": "bob", "connection_id": connection, "reason": "leave"});
    play.hears("core", gone("c1"));
    play.hears("core", gone("c2"));
    let outputs = play.waits(seconds(1));
    let Some(Output::Event(Event::People(people))) = outputs.last() else {
        panic!("{outputs:?}")
    };
    assert_eq!(people.len(), 1);
}

#[test]
fn names_and_roles_change() {
    let mut play = Play::inside();
    let renamed = json!({"message": "display_name_changed", "target": ALICE, "issued_by": ALICE, "old_name": "Alice Adams",
        "new_name": "Alice"});
    play.hears("moderation", renamed);
    let updated = json!({"message": "role_updated", "participant_id": ALICE, "new_role": "user", "issued_by": ALICE});
    play.hears("moderation", updated);
    let outputs = play.waits(seconds(1));
    let [Output::Event(Event::People(people))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!((people[0].name.as_str(), people[0].role), ("Alice", crate::Role::User));
}

#[test]
fn a_recorder_is_no_company() {
    let mut play = Play::connected();
    let message = join_success(|payload| {
        payload["participants"][0]["module_data"]["core"]["participation_kind"] = json!("recorder");
    });
    let outputs = play.gets(Input::Text(&message));
    let [Output::Event(Event::Joined(joined))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert!(joined.alone);
}

#[test]
fn livekit_may_be_away_for_a_while() {
    let mut play = Play::inside();
    let unavailable = json!({"message": "error", "error": "livekit_unavailable"});
    assert_eq!(play.hears("livekit", unavailable.clone()), []);
    says(
        &play.wants(Command::NewCredentials),
        "livekit",
        json!({"action": "create_new_access_token"}),
    );
    tells(&play.hears("livekit", unavailable), Event::CredentialsUnavailable);
    play.wants(Command::NewCredentials);
    tells(&play.waits(seconds(11)), Event::CredentialsUnavailable);
}
