// SPDX-License-Identifier: EUPL-1.2
//! What may have happened while nobody was listening.

use super::*;

/// Loses signalling and gets it back, with the peer connections up all the while.
fn away_and_back(stage: &mut Stage, meanwhile: impl FnOnce(&mut Stage)) {
    stage.taken();
    stage.give(Input::Closed(trouble(TroubleKind::Connect)));
    meanwhile(stage);
    stage.connects();
    stage.open(true);
    stage.said(Response::Reconnect(ReconnectResponse::default()));
}

fn microphone(muted: bool) -> ParticipantInfo {
    ParticipantInfo {
        tracks: vec![TrackInfo {
            sid: "TR_me".to_owned(),
            muted,
            ..TrackInfo::default()
        }],
        ..me(true)
    }
}

fn mutes(stage: &mut Stage) -> Vec<bool> {
    let sent = stage.sent().into_iter();
    sent.filter_map(|request| match request {
        Request::Mute(mute) => Some(mute.muted),
        _ => None,
    })
    .collect()
}

#[test]
fn a_mute_by_others_during_a_gap_stands() {
    let mut stage = Stage::joined();
    away_and_back(&mut stage, |_| {});
    assert!(mutes(&mut stage).is_empty(), "nothing opens the microphone by itself");
    stage.said(Response::Update(ParticipantUpdate {
        participants: vec![microphone(true)],
    }));
    assert_eq!(stage.events(), [SessionEvent::MutedByServer]);
    let mut stage = Stage::joined();
    away_and_back(&mut stage, |_| {});
    stage.said(Response::Update(ParticipantUpdate {
        participants: vec![microphone(false)],
    }));
    assert_eq!(stage.events(), []);
}

#[test]
fn the_owners_word_during_a_gap_is_told_afterwards() {
    for muted in [true, false] {
        let mut stage = Stage::joined();
        if !muted {
            stage.give(Input::Mute(true));
        }
        away_and_back(&mut stage, |stage| stage.give(Input::Mute(muted)));
        assert_eq!(mutes(&mut stage), [muted]);
    }
}

#[test]
fn a_right_that_changed_over_a_new_session_is_told() {
    let mut stage = Stage::joined();
    stage.said(Response::Leave(LeaveRequest {
        action: leave_request::Action::Reconnect.into(),
        ..LeaveRequest::default()
    }));
    stage.pass(Duration::from_secs(1));
    stage.give(Input::Ticket(Ok(ticket(1))));
    stage.open(true);
    stage.events();
    stage.join(me(false));
    assert_eq!(stage.events(), [SessionEvent::MaySpeak(false)]);
}

#[test]
fn a_token_for_another_room_ends_the_session() {
    let mut stage = Stage::joined();
    stage.said(Response::Leave(LeaveRequest {
        action: leave_request::Action::Reconnect.into(),
        ..LeaveRequest::default()
    }));
    stage.pass(Duration::from_secs(1));
    let elsewhere = Ticket {
        room: "r:1".to_owned(),
        ..ticket(1)
    };
    stage.give(Input::Ticket(Ok(elsewhere)));
    let events = stage.events();
    assert!(matches!(events[..], [SessionEvent::Gone(Gone::Lost(_))]), "{events:?}");
}

#[test]
fn who_left_during_a_gap_is_forgotten() {
    let other = |name: &str| ParticipantInfo {
        sid: format!("PA_{name}"),
        identity: name.to_owned(),
        state: participant_info::State::Active.into(),
        tracks: vec![TrackInfo {
            sid: format!("TR_{name}"),
            ..TrackInfo::default()
        }],
        ..ParticipantInfo::default()
    };
    let mut stage = Stage::listening(vec![other("anna"), other("ben")]);
    assert!(stage.core.wants("TR_anna") && stage.core.wants("TR_ben"));
    away_and_back(&mut stage, |_| {});
    stage.said(Response::Update(ParticipantUpdate {
        participants: vec![other("ben")],
    }));
    stage.pass(Duration::from_secs(4));
    assert!(!stage.core.wants("TR_anna") && stage.core.wants("TR_ben"));
    assert!(
        stage
            .taken()
            .iter()
            .any(|output| matches!(output, Output::TrackGone(sid) if sid == "TR_anna"))
    );
}

#[test]
fn a_proxy_that_finds_nothing_while_the_server_starts_is_asked_again() {
    let mut stage = Stage::joined();
    stage.give(Input::Closed(trouble(TroubleKind::NotFound)));
    for _ in 0..10 {
        stage.pass(Duration::from_secs(3));
        stage.give(Input::Ticket(Ok(ticket(1))));
        stage.give(Input::Opened(Err(trouble(TroubleKind::NotFound))));
    }
    assert_eq!(
        stage.events(),
        [SessionEvent::Reconnecting],
        "nobody is dropped after half a minute"
    );
}
