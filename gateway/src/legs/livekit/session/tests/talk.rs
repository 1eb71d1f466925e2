// SPDX-License-Identifier: EUPL-1.2
//! What a session and its server say to each other.

use super::*;

#[test]
fn a_phone_asks_for_its_track_publishes_it_and_is_joined_when_media_is_up() {
    let mut stage = Stage::joined();
    let out = stage.taken();
    assert!(
        out.iter()
            .any(|o| matches!(o, Output::Publish(cid) if *cid == stage.cid))
    );
    assert!(
        out.iter()
            .any(|o| matches!(o, Output::Entered { identity, .. } if identity == "me"))
    );
    assert!(out.iter().any(|o| matches!(o, Output::Whole)));
}

#[test]
fn a_server_without_numbers_on_its_answers_is_understood() {
    let mut stage = Stage::joined();
    stage.taken();
    stage.said(Response::MediaSectionsRequirement(MediaSectionsRequirement::default()));
    stage.link(Side::Publisher, News::Offer("second offer".to_owned()));
    stage.said(Response::Answer(description("answer", "stale", 1)));
    assert!(!stage.taken().iter().any(|o| matches!(o, Output::Accept(_))));
    stage.said(Response::Answer(description("answer", "fresh", 0)));
    assert!(
        stage
            .taken()
            .iter()
            .any(|o| matches!(o, Output::Accept(sdp) if sdp == "fresh"))
    );
}

#[test]
fn the_answer_echoes_the_offers_number_and_early_candidates_wait_for_it() {
    let mut stage = Stage::new(options(false));
    stage.connects();
    stage.open(false);
    stage.said(Response::Join(JoinResponse {
        participant: Some(me(false)),
        subscriber_primary: true,
        ..JoinResponse::default()
    }));
    stage.said(Response::Trickle(TrickleRequest {
        candidate_init: "early".to_owned(),
        target: 1,
        ..TrickleRequest::default()
    }));
    stage.said(Response::Offer(description("offer", "theirs", 42)));
    assert!(!stage.taken().iter().any(|o| matches!(o, Output::Candidate(..))));
    stage.link(
        Side::Subscriber,
        News::Answer {
            id: 42,
            sdp: "ours".to_owned(),
        },
    );
    let out = stage.taken();
    assert!(
        out.iter()
            .any(|o| matches!(o, Output::Send(sent) if matches!(&**sent, Request::Answer(answer) if answer.id == 42)))
    );
    assert!(
        out.iter()
            .any(|o| matches!(o, Output::Candidate(Side::Subscriber, early) if early == "early"))
    );
}

#[test]
fn muting_goes_both_ways_and_only_the_servers_own_is_told() {
    let mut stage = Stage::joined();
    stage.taken();
    stage.give(Input::Mute(true));
    assert!(matches!(stage.sent().as_slice(), [Request::Mute(mute)] if mute.muted && mute.sid == "TR_me"));
    let forced = |muted| {
        Response::Mute(MuteTrackRequest {
            sid: "TR_me".to_owned(),
            muted,
        })
    };
    stage.said(forced(true));
    assert_eq!(stage.events(), []);
    stage.said(forced(false));
    stage.said(forced(true));
    assert_eq!(
        stage.events(),
        [SessionEvent::UnmutedByServer, SessionEvent::MutedByServer]
    );
    stage.give(Input::Mute(false));
    assert!(matches!(stage.sent().as_slice(), [Request::Mute(mute)] if !mute.muted));
}

#[test]
fn a_right_to_speak_that_goes_and_comes_takes_the_track_away_and_back() {
    let mut stage = Stage::joined();
    stage.taken();
    let update = |may| {
        Response::Update(ParticipantUpdate {
            participants: vec![me(may)],
        })
    };
    stage.said(update(false));
    stage.said(Response::TrackUnpublished(TrackUnpublishedResponse {
        track_sid: "TR_me".to_owned(),
    }));
    assert_eq!(stage.events(), [SessionEvent::MaySpeak(false)]);
    assert!(stage.taken().iter().any(|o| matches!(o, Output::Unpublish)));
    let before = stage.cid.clone();
    stage.link(Side::Publisher, News::Offer("without".to_owned()));
    stage.said(Response::Answer(description("answer", "", 0)));
    stage.said(update(true));
    stage.publishes();
    assert_ne!(stage.cid, before);
    assert_eq!(stage.events(), [SessionEvent::MaySpeak(true)]);
}

#[test]
fn keys_travel_as_sip_dtmf() {
    let mut stage = Stage::joined();
    stage.taken();
    stage.give(Input::Digit('#'));
    stage.give(Input::Digit('!'));
    let out = stage.taken();
    let [Output::SendData(bytes)] = out.as_slice() else {
        panic!("one key")
    };
    let packet = DataPacket::decode(bytes.as_slice()).unwrap();
    assert_eq!(
        packet.value,
        Some(data_packet::Value::SipDtmf(SipDtmf {
            code: 11,
            digit: "#".to_owned()
        }))
    );
    stage.link(Side::Publisher, News::Data(bytes.clone()));
    stage.link(Side::Publisher, News::Data(vec![0xff; 40]));
    assert_eq!(stage.events(), [SessionEvent::Digit('#')]);
}

#[test]
fn a_listener_subscribes_to_everyone_but_this_nodes_phones() {
    let mut stage = Stage::listening(vec![somebody("alice", false), somebody("ours", false)]);
    let ours = HashMap::from([("ours".to_owned(), LegId(5))]);
    stage.give(Input::Ours(Arc::new(ours)));
    let sent = subscribed(&stage.sent());
    let alone = |name: &str| vec![format!("TR_{name}")];
    assert!(sent.contains(&(false, alone("ours"))), "{sent:?}");
    assert!(stage.core.wants("TR_alice") && !stage.core.wants("TR_ours"));
    stage.said(Response::Update(ParticipantUpdate {
        participants: vec![somebody("bob", true)],
    }));
    assert_eq!(subscribed(&stage.sent()), [(true, alone("bob"))]);
    let mut gone = somebody("bob", true);
    gone.state = participant_info::State::Disconnected.into();
    stage.said(Response::Update(ParticipantUpdate {
        participants: vec![gone],
    }));
    assert!(
        stage
            .taken()
            .iter()
            .any(|o| matches!(o, Output::TrackGone(sid) if sid == "TR_bob"))
    );
}

#[test]
fn the_roster_is_told_on_change_and_at_most_five_times_a_second() {
    let mut stage = Stage::listening(vec![somebody("alice", false)]);
    stage.pass(Duration::from_secs(1));
    stage.taken();
    for i in 0..100 {
        stage.said(Response::SpeakersChanged(SpeakersChanged {
            speakers: vec![SpeakerInfo {
                sid: "PA_alice".to_owned(),
                active: i % 2 == 0,
                level: 0.5,
            }],
        }));
        stage.pass(Duration::from_millis(10));
    }
    let told = stage
        .taken()
        .into_iter()
        .filter(|o| matches!(o, Output::Roster(_)))
        .count();
    assert!((4..=6).contains(&told), "{told}");
}
