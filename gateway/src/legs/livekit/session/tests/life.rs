// SPDX-License-Identifier: EUPL-1.2
//! Getting in, staying in, coming back.

use super::*;

#[test]
fn lost_signalling_is_resumed_without_a_word_when_it_is_quick() {
    let mut stage = Stage::joined();
    stage.said(Response::RefreshToken("newer".to_owned()));
    stage.taken();
    stage.give(Input::Closed(trouble(TroubleKind::Connect)));
    let call = stage.connects();
    assert_eq!(
        (call.token.as_str(), call.resume.unwrap().sid.as_str()),
        ("newer", "PA_me")
    );
    stage.open(true);
    stage.said(Response::Reconnect(ReconnectResponse::default()));
    let out = stage.taken();
    assert!(
        out.iter()
            .any(|o| matches!(o, Output::Send(sent) if matches!(&**sent, Request::SyncState(state) if state.publish_tracks.len() == 1)))
    );
    assert!(out.iter().any(|o| matches!(o, Output::Offer { restart: true })));
    assert!(!out.iter().any(|o| matches!(o, Output::CloseLinks | Output::Event(_))));
}

#[test]
fn a_server_that_forgot_us_is_entered_anew_with_a_fresh_ticket() {
    let mut stage = Stage::joined();
    stage.taken();
    stage.give(Input::Closed(trouble(TroubleKind::Connect)));
    assert!(stage.connects().resume.is_some());
    stage.open(true);
    stage.said(leave(DisconnectReason::StateMismatch, leave_request::Action::Reconnect));
    let began = stage.now;
    let call = stage.connects();
    assert!(call.resume.is_none() && call.token == "token-1");
    assert!(stage.now - began <= Duration::from_millis(300));
    stage.open(true);
    stage.join(me(true));
    stage.publishes();
    assert_eq!(stage.events(), [], "quicker than it is told");
}

#[test]
fn a_dead_server_is_tried_often_enough_and_its_return_is_told() {
    let mut stage = Stage::joined();
    stage.taken();
    stage.link(Side::Publisher, News::Lost);
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let began = stage.now;
        stage.connects();
        longest = longest.max(stage.now - began);
        stage.give(Input::Opened(Err(trouble(TroubleKind::Connect))));
    }
    assert!(longest <= Duration::from_millis(2100), "{longest:?}");
    assert_eq!(stage.events(), [SessionEvent::Reconnecting]);
    stage.connects();
    stage.open(true);
    stage.join(me(true));
    stage.publishes();
    assert_eq!(stage.events(), [SessionEvent::Restored]);
}

#[test]
fn an_outage_ends_the_session_after_its_time_and_a_ticket_is_not_used_for_long() {
    let mut stage = Stage::joined();
    stage.link(Side::Publisher, News::Failed);
    let mut gone = None;
    while gone.is_none() {
        stage.connects();
        stage.give(Input::Opened(Err(trouble(TroubleKind::Connect))));
        gone = stage.gone();
    }
    assert!(matches!(gone, Some(Gone::Lost(trouble)) if trouble.kind == TroubleKind::Connect));
    assert!((3..=6).contains(&stage.tickets), "{}", stage.tickets);
    assert_eq!(stage.core.deadline(), None);
}

#[test]
fn a_wrong_key_ends_a_first_entry_at_once_and_a_dead_server_after_a_while() {
    let mut stage = Stage::new(options(true));
    stage.connects();
    stage.give(Input::Opened(Err(trouble(TroubleKind::Unauthorised))));
    assert!(matches!(stage.gone(), Some(Gone::Refused(t)) if t.kind == TroubleKind::Unauthorised));
    let mut stage = Stage::new(options(true));
    let began = stage.now;
    let mut gone = None;
    while gone.is_none() {
        stage.connects();
        stage.give(Input::Opened(Err(trouble(TroubleKind::Connect))));
        gone = stage.gone();
    }
    assert!(matches!(gone, Some(Gone::Refused(t)) if t.kind == TroubleKind::Connect));
    assert!((15..18).contains(&(stage.now - began).as_secs()));
}

#[test]
fn the_servers_last_words_are_told_apart() {
    use leave_request::Action::{Disconnect, Reconnect};
    for (reason, gone) in [
        (DisconnectReason::DuplicateIdentity, Gone::Duplicate),
        (DisconnectReason::ParticipantRemoved, Gone::Removed),
        (DisconnectReason::RoomDeleted, Gone::RoomDeleted),
        (DisconnectReason::RoomClosed, Gone::RoomDeleted),
    ] {
        let mut stage = Stage::joined();
        stage.said(leave(reason, Disconnect));
        assert_eq!(stage.gone(), Some(gone));
    }
    for (reason, action) in [
        (DisconnectReason::ServerShutdown, Disconnect),
        (DisconnectReason::Migration, Reconnect),
    ] {
        let mut stage = Stage::joined();
        stage.said(leave(reason, action));
        assert_eq!(stage.gone(), None);
        assert!(stage.connects().resume.is_none());
    }
}

#[test]
fn a_server_that_falls_silent_is_noticed_and_one_that_says_nothing_first_is_given_up() {
    let mut stage = Stage::joined();
    stage.taken();
    stage.pass(Duration::from_secs(16));
    let pings = stage
        .sent()
        .iter()
        .filter(|request| matches!(request, Request::PingReq(_)))
        .count();
    assert!(pings >= 2, "{pings}");
    assert!(stage.connects().resume.is_some());
    stage.open(true);
    stage.pass(Duration::from_secs(6));
    assert!(stage.connects().resume.is_some(), "media is up: try to resume again");
}

#[test]
fn media_that_never_comes_up_is_tried_over_tcp() {
    let mut stage = Stage::new(options(true));
    stage.connects();
    stage.open(true);
    stage.join(me(true));
    assert!(
        stage
            .taken()
            .iter()
            .any(|o| matches!(o, Output::OpenLink { tcp: false, .. }))
    );
    stage.pass(Duration::from_secs(7));
    stage.connects();
    stage.open(true);
    stage.join(me(true));
    assert!(
        stage
            .taken()
            .iter()
            .any(|o| matches!(o, Output::OpenLink { tcp: true, .. }))
    );
}

#[test]
fn nonsense_from_a_server_does_no_harm() {
    let mut stage = Stage::new(options(true));
    stage.connects();
    stage.open(true);
    stage.said(Response::Join(JoinResponse::default()));
    assert!(stage.connects().resume.is_none(), "tried again");
    let mut stage = Stage::joined();
    for response in [
        Response::Join(JoinResponse::default()),
        Response::Answer(description("offer", "", u32::MAX)),
        Response::MediaSectionsRequirement(MediaSectionsRequirement {
            num_audios: u32::MAX,
            num_videos: u32::MAX,
        }),
        Response::Leave(LeaveRequest {
            reason: 9999,
            action: 9999,
            ..LeaveRequest::default()
        }),
    ] {
        stage.said(response);
    }
    let widest = stage
        .taken()
        .iter()
        .filter_map(|o| match o {
            Output::Widen(tracks) => Some(*tracks),
            _ => None,
        })
        .max();
    assert!(widest.is_some_and(|tracks| tracks <= 500));
}
