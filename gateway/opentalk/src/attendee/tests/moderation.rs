// SPDX-License-Identifier: EUPL-1.2
use super::*;

#[test]
fn zoe_is_kicked() {
    let mut play = Play::inside();
    let outputs = play.hears("moderation", json!({"message": "kicked", "reason": "kicked"}));
    ends(&mut play, &outputs, Ending::Kicked);
    let closed = Input::Closed {
        code: Some(1000),
        reason: "closed by server",
    };
    assert_eq!(play.gets(closed), []);
}

#[test]
fn zoe_is_debriefed() {
    let mut play = Play::inside();
    let outputs = play.hears(
        "moderation",
        json!({"message": "debriefing_started", "issued_by": ALICE}),
    );
    assert_eq!(outputs, []);
    let outputs = play.hears("moderation", json!({"message": "kicked", "reason": "debriefed"}));
    ends(&mut play, &outputs, Ending::Debriefed);
}

#[test]
fn zoe_is_banned() {
    let mut play = Play::inside();
    let outputs = play.hears("moderation", json!({"message": "banned"}));
    ends(&mut play, &outputs, Ending::Banned);
}

#[test]
fn zoe_is_kicked_out_of_the_waiting_room() {
    let mut play = Play::connected();
    play.hears("core", json!({"message": "in_waiting_room", "participant_id": ZOE}));
    let outputs = play.hears("moderation", json!({"message": "kicked", "reason": "kicked"}));
    ends(&mut play, &outputs, Ending::Kicked);
}

#[test]
fn the_room_excludes_guests_from_now_on() {
    let mut play = Play::inside();
    let gone = |id| json!({"message": "participant_disconnected", "participant_id": id, "connection_id": "c", "reason": "guest_access_disabled"});
    assert_eq!(play.hears("core", gone("somebody")), []);
    let outputs = play.hears("core", gone(ZOE));
    ends(&mut play, &outputs, Ending::GuestsExcluded);
}

#[test]
fn zoe_is_muted() {
    let mut play = Play::inside();
    let muted = json!({"message": "muted", "moderator": ALICE});
    tells(&play.hears("moderation", muted), Event::MutedByModerator);
}

#[test]
fn zoe_is_sent_to_the_waiting_room_and_comes_back_with_a_new_token() {
    let mut play = Play::inside();
    let updated = json!({"message": "waiting_room_updated", "new_state": "for_guests"});
    assert_eq!(play.hears("moderation", updated), []);
    let sent = json!({"message": "sent_to_waiting_room"});
    tells(&play.hears("moderation", sent), Event::SentToWaitingRoom);
    let waiting = json!({"message": "in_waiting_room", "participant_id": ZOE});
    assert_eq!(play.hears("core", waiting), []);
    assert_eq!(play.waits(seconds(600)), []);
    tells(&play.wants(Command::NewCredentials), Event::CredentialsUnavailable);
    let outputs = play.hears("moderation", json!({"message": "accepted"}));
    assert_eq!(outputs[0], Output::Event(Event::Accepted));
    says(&outputs[1..], "core", json!({"action": "enter_room"}));
    let message = join_success(|payload| payload["module_data"]["livekit"]["token"] = json!("new"));
    let outputs = play.gets(Input::Text(&message));
    let [Output::Event(Event::Joined(joined))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(joined.credentials.as_ref().unwrap().token, "new");
}

#[test]
fn microphones_are_restricted_and_freed_again() {
    let mut play = Play::inside();
    let enabled =
        |who: &[&str]| json!({"message": "microphone_restrictions_enabled", "unrestricted_participants": who});
    // Zoe is among those who may speak: nothing changes for her.
    assert_eq!(play.hears("moderation", enabled(&[ALICE, ZOE])), []);
    tells(
        &play.hears("moderation", enabled(&[ALICE])),
        Event::MicrophoneRestricted(true),
    );
    assert_eq!(play.hears("moderation", enabled(&[])), []);
    tells(
        &play.hears("moderation", enabled(&[ZOE])),
        Event::MicrophoneRestricted(false),
    );
    play.hears("moderation", enabled(&[]));
    let disabled = json!({"message": "microphone_restrictions_disabled"});
    tells(&play.hears("moderation", disabled), Event::MicrophoneRestricted(false));
}

#[test]
fn a_hand_goes_up_and_down_when_the_server_says_so() {
    let mut play = Play::inside();
    says(
        &play.wants(Command::RaiseHand),
        "raise_hands",
        json!({"action": "raise_hand"}),
    );
    tells(
        &play.hears("raise_hands", json!({"message": "hand_raised", "participant": ZOE})),
        Event::HandRaised,
    );
    says(
        &play.wants(Command::LowerHand),
        "raise_hands",
        json!({"action": "lower_hand"}),
    );
    let lowered = json!({"message": "hand_lowered", "participant": ZOE});
    tells(
        &play.hears("raise_hands", lowered),
        Event::HandLowered { by_moderator: false },
    );
}

#[test]
fn a_hand_is_lowered_by_a_moderator() {
    let mut play = Play::inside();
    play.hears("raise_hands", json!({"message": "hand_raised", "participant": ZOE}));
    let reset =
        |who: &[&str]| json!({"message": "raised_hand_reset_by_moderator", "issued_by": ALICE, "participants": who});
    assert_eq!(play.hears("raise_hands", reset(&[ALICE])), []);
    tells(
        &play.hears("raise_hands", reset(&[ALICE, ZOE])),
        Event::HandLowered { by_moderator: true },
    );
    // It was down already.
    assert_eq!(play.hears("raise_hands", reset(&[ZOE])), []);
}

#[test]
fn hands_are_disabled() {
    let mut play = Play::inside();
    play.hears("raise_hands", json!({"message": "hand_raised", "participant": ZOE}));
    let outputs = play.hears(
        "raise_hands",
        json!({"message": "raise_hands_disabled", "issued_by": ALICE}),
    );
    assert_eq!(
        outputs[..2],
        [
            Output::Event(Event::HandLowered { by_moderator: true }),
            Output::Event(Event::HandsEnabled(false))
        ]
    );
    tells(&play.wants(Command::RaiseHand), Event::HandsEnabled(false));
    play.waits(seconds(1));
    let outputs = play.hears(
        "raise_hands",
        json!({"message": "raise_hands_enabled", "issued_by": ALICE}),
    );
    tells(&outputs, Event::HandsEnabled(true));
    says(
        &play.wants(Command::RaiseHand),
        "raise_hands",
        json!({"action": "raise_hand"}),
    );
}

#[test]
fn a_hand_that_the_server_refuses_is_told() {
    let mut play = Play::inside();
    play.wants(Command::RaiseHand);
    let outputs = play.hears(
        "raise_hands",
        json!({"message": "error", "error": "raise_hands_disabled"}),
    );
    assert!(
        outputs.contains(&Output::Event(Event::HandsEnabled(false))),
        "{outputs:?}"
    );
}
