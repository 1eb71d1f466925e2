// SPDX-License-Identifier: EUPL-1.2
use super::*;
use crate::Recorded;

const LOST: Input<'_> = Input::Failed("connection reset");

/// Lets the next attempt get as far as an open socket.
fn comes_back(play: &mut Play) {
    assert_eq!(play.waits(seconds(6))[..1], [Output::Start]);
    assert!(matches!(
        play.gets(Input::Started(roomserver("again")))[..],
        [Output::Connect { .. }]
    ));
    assert_eq!(play.gets(Input::Opened), []);
}

#[test]
fn a_lost_socket_begins_anew_as_another_participant() {
    let mut play = Play::inside();
    tells(&play.gets(LOST), Event::Reconnecting);
    let outputs = play.waits(Duration::from_millis(199));
    assert_eq!(outputs, []);
    comes_back(&mut play);
    let message = join_success(|payload| payload["id"] = json!("00000009-0000-4000-8000-000000000009"));
    let outputs = play.gets(Input::Text(&message));
    let [Output::Event(Event::Restored(joined))] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(joined.id, "00000009-0000-4000-8000-000000000009");
    assert!(joined.credentials.is_some());
}

#[test]
fn waits_grow_and_the_call_is_told_once() {
    let mut play = Play::inside();
    let (mut events, mut starts) = (Vec::new(), Vec::new());
    let begin = play.now;
    let mut outputs = play.gets(LOST);
    while play.now < begin + seconds(60) {
        for output in outputs.drain(..) {
            match output {
                Output::Event(event) => events.push(event),
                Output::Start => starts.push(play.now - begin),
                other => panic!("{other:?}"),
            }
        }
        match play.attendee.stage {
            Stage::Starting => outputs = play.gets(Input::StartFailed(StartError::Unreachable("down".into()))),
            _ => {
                play.now = play.attendee.deadline().unwrap();
                outputs = play.gets(Input::Timeout);
            }
        }
    }
    assert_eq!(events, [Event::Reconnecting]);
    assert_eq!(starts[0], Duration::from_millis(200));
    assert!((40..100).contains(&starts.len()), "{starts:?}");
    let longest = starts.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    assert!(longest <= seconds(2), "{starts:?}");
}

#[test]
fn a_controller_that_is_there_but_does_not_let_us_in_is_asked_less_often() {
    let busy = |wait| StartError::Busy {
        what: "429".into(),
        wait: seconds(wait),
    };
    let cases = [
        (StartError::Unauthorised("the key".into()), 5, 9),
        (StartError::Tls("expired".into()), 5, 9),
        (StartError::Bad("a page".into()), 5, 9),
        (StartError::Clock, 5, 9),
        (busy(20), 20, 27),
        (busy(86_400), 60, 77),
        (StartError::Unreachable("down".into()), 0, 2),
    ];
    for (error, shortest, longest) in cases {
        let mut play = Play::inside();
        play.gets(LOST);
        assert_eq!(play.waits(seconds(1)), [Output::Start]);
        while play.attendee.stage == Stage::Starting {
            assert_eq!(play.gets(Input::StartFailed(error.clone())), []);
            let asked = play.now;
            play.now = play.attendee.deadline().unwrap();
            if let [Output::Start] = play.gets(Input::Timeout)[..] {
                let wait = play.now - asked;
                assert!(
                    (seconds(shortest)..=seconds(longest)).contains(&wait),
                    "{error}: {wait:?}"
                );
            }
        }
    }
}

#[test]
fn after_two_minutes_it_is_given_up() {
    let mut play = Play::inside();
    let begin = play.now;
    play.gets(LOST);
    loop {
        let outputs = match play.attendee.stage {
            Stage::Starting => play.gets(Input::StartFailed(StartError::Unreachable(
                "controller.example is down".into(),
            ))),
            _ => {
                play.now = play.attendee.deadline().unwrap();
                play.gets(Input::Timeout)
            }
        };
        if let Some(Output::Event(Event::Ended(ending))) = outputs.last() {
            assert_eq!(*ending, Ending::Lost("controller.example is down".into()));
            break;
        }
    }
    assert_eq!(play.now - begin, seconds(120));
}

#[test]
fn a_first_connection_that_does_not_come_is_given_up_sooner() {
    let (mut play, _) = Play::begin(roomserver("t"));
    let outputs = play.waits(seconds(15));
    let Some(Output::Event(Event::Ended(Ending::Lost(why)))) = outputs.last() else {
        panic!("{outputs:?}")
    };
    assert!(why.contains("in time"), "{why}");
    assert_eq!(play.attendee.deadline(), None);
}

#[test]
fn a_used_up_token_is_replaced_before_the_first_join() {
    let (mut play, _) = Play::begin(roomserver("t"));
    assert_eq!(play.gets(Input::Failed("401 Unauthorized")), []);
    comes_back(&mut play);
    assert_eq!(play.joined().id, ZOE);
}

#[test]
fn a_server_that_says_nothing_is_left() {
    let mut play = Play::inside();
    play.gets(LOST);
    comes_back(&mut play);
    let outputs = play.waits(seconds(22));
    assert_eq!(outputs[..2], [Output::Close, Output::Start]);
}

#[test]
fn a_connection_that_does_not_hold_is_no_new_beginning() {
    let mut play = Play::inside();
    play.waits(seconds(60));
    let mut ended = None;
    let begin = play.now;
    for _ in 0..200 {
        let outputs = play.gets(LOST);
        if let Some(Output::Event(Event::Ended(ending))) = outputs.last() {
            ended = Some(ending.clone());
            break;
        }
        let outputs = play.waits(seconds(6));
        if let Some(Output::Event(Event::Ended(ending))) = outputs.last() {
            ended = Some(ending.clone());
            break;
        }
        play.gets(Input::Started(roomserver("t")));
        play.gets(Input::Opened);
        play.gets(Input::Text(JOIN_SUCCESS));
    }
    assert_eq!(ended, Some(Ending::Lost("connection reset".into())));
    assert!((seconds(100)..seconds(140)).contains(&(play.now - begin)));
}

#[test]
fn two_outages_an_hour_apart_have_each_their_two_minutes() {
    let mut play = Play::inside();
    for _ in 0..3 {
        tells(&play.gets(LOST), Event::Reconnecting);
        comes_back(&mut play);
        play.joined();
        play.waits(seconds(3600));
    }
    assert_eq!(play.attendee.unsteady_since, None);
}

#[test]
fn a_room_that_is_gone_or_closed_to_telephones_meanwhile_is_not_tried_again() {
    let endings = [
        (
            StartError::WrongCredentials,
            Ending::Refused(StartError::WrongCredentials),
        ),
        (StartError::CallInDisabled, Ending::Refused(StartError::CallInDisabled)),
        (StartError::EncryptedRoom, Ending::EndToEndEncrypted),
        (StartError::NoGuests, Ending::GuestsExcluded),
    ];
    for (error, ending) in endings {
        let mut play = Play::inside();
        play.gets(LOST);
        play.waits(seconds(1));
        tells(&play.gets(Input::StartFailed(error)), Event::Ended(ending));
    }
}

#[test]
fn a_raised_hand_is_brought_along_and_a_given_consent_is_asked_for_again() {
    let mut play = Play::inside();
    play.hears("raise_hands", json!({"message": "hand_raised", "participant": ZOE}));
    play.hears("recording", json!({"message": "recording_updated", "status": "active"}));
    play.wants(Command::Consent(true));
    play.hears(
        "recording",
        json!({"message": "consent_updated", "participant": ZOE, "consents": true}),
    );
    play.gets(LOST);
    comes_back(&mut play);
    let message = join_success(|payload| {
        payload["module_data"]["recording"] =
            json!({"consents_recording": false, "recording_state": {"status": "active"}, "stream_states": {}});
    });
    let outputs = play.gets(Input::Text(&message));
    let Output::Event(Event::Restored(joined)) = &outputs[0] else {
        panic!("{outputs:?}")
    };
    assert_eq!((joined.recorded, joined.consent), (Some(Recorded::Recording), None));
    let spoken: Vec<_> = outputs[1..].iter().map(said).collect();
    let expected = [("raise_hands", json!({"action": "raise_hand"}))];
    assert_eq!(
        spoken,
        expected.map(|(namespace, payload)| (namespace.to_owned(), payload))
    );
    // The server's confirmations are no news to Zoe.
    let raised = json!({"message": "hand_raised", "participant": ZOE});
    assert_eq!(play.hears("raise_hands", raised), []);
}

#[test]
fn a_refusal_outlives_an_outage_even_when_it_was_given_in_one() {
    let mut play = Play::inside();
    play.hears("recording", json!({"message": "recording_updated", "status": "active"}));
    play.wants(Command::Consent(true));
    play.hears(
        "recording",
        json!({"message": "consent_updated", "participant": ZOE, "consents": true}),
    );
    play.gets(LOST);
    play.wants(Command::Consent(false));
    comes_back(&mut play);
    let message = join_success(|payload| {
        payload["module_data"]["recording"] =
            json!({"consents_recording": false, "recording_state": {"status": "active"}, "stream_states": {}});
    });
    let outputs = play.gets(Input::Text(&message));
    let Output::Event(Event::Restored(joined)) = &outputs[0] else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        (joined.recorded, joined.consent),
        (Some(Recorded::Recording), Some(false))
    );
}

#[test]
fn an_outage_may_end_in_the_waiting_room() {
    let mut play = Play::inside();
    play.gets(LOST);
    comes_back(&mut play);
    tells(
        &play.hears("core", json!({"message": "in_waiting_room", "participant_id": ZOE})),
        Event::Waiting,
    );
    play.hears("moderation", json!({"message": "accepted"}));
    let outputs = play.gets(Input::Text(JOIN_SUCCESS));
    assert!(matches!(&outputs[..], [Output::Event(Event::Joined(_))]), "{outputs:?}");
}

#[test]
fn a_server_that_goes_is_not_the_end_of_the_meeting() {
    for reason in [
        "graceful_shutdown",
        "immediate_shutdown",
        "fatal_error",
        "something_new",
    ] {
        let mut play = Play::inside();
        let outputs = play.hears("core", json!({"message": "closing", "reason": reason}));
        assert_eq!(outputs, [Output::Close, Output::Event(Event::Reconnecting)]);
        comes_back(&mut play);
        assert_eq!(play.joined().id, ZOE);
    }
}

#[test]
fn a_meeting_that_ends_is() {
    let endings = [
        ("time_limit_reached", Ending::TimeLimit),
        ("idle_timeout_reached", Ending::IdleTimeout),
        ("room_deleted", Ending::RoomDeleted),
    ];
    for (reason, ending) in endings {
        let mut play = Play::inside();
        let outputs = play.hears("core", json!({"message": "closing", "reason": reason}));
        ends(&mut play, &outputs, ending);
    }
}

#[test]
fn zoe_may_leave_at_any_time() {
    let mut play = Play::inside();
    let outputs = play.wants(Command::Leave);
    ends(&mut play, &outputs, Ending::Left);
    let mut play = Play::inside();
    play.gets(LOST);
    tells(&play.wants(Command::Leave), Event::Ended(Ending::Left));
}
