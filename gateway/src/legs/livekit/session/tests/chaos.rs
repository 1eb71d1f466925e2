// SPDX-License-Identifier: EUPL-1.2
//! Whatever a server says, and in whatever order: a session neither panics nor hangs, and it ends once.

use proptest::prelude::*;

use super::*;

fn anything() -> impl Strategy<Value = u8> {
    0u8..24
}

fn input(stage: &Stage, what: u8, number: i32, name: &str) -> Input {
    let said = |response| Input::Said(Box::new(response));
    match what {
        0 => Input::Opened(Ok(number % 2 == 0)),
        1 => Input::Opened(Err(trouble(TroubleKind::Connect))),
        2 => Input::Closed(trouble(TroubleKind::Timeout)),
        3 => Input::Ticket(Ok(ticket(9))),
        4 => Input::Ticket(Err(trouble(TroubleKind::Unauthorised))),
        5 | 6 => said(Response::Join(JoinResponse {
            participant: (number != 0).then(|| me(number % 3 != 0)),
            other_participants: vec![somebody(name, false)],
            subscriber_primary: number % 2 == 0,
            ping_interval: number,
            ping_timeout: number.wrapping_neg(),
            ..JoinResponse::default()
        })),
        7 => said(Response::Reconnect(ReconnectResponse::default())),
        8 => said(Response::Leave(LeaveRequest {
            reason: number,
            action: number % 3,
            ..LeaveRequest::default()
        })),
        9 => said(Response::TrackPublished(TrackPublishedResponse {
            cid: if number % 2 == 0 {
                stage.cid.clone()
            } else {
                name.to_owned()
            },
            track: None,
        })),
        10 => said(Response::TrackUnpublished(TrackUnpublishedResponse {
            track_sid: name.to_owned(),
        })),
        11 => said(Response::Answer(description("answer", name, number.unsigned_abs()))),
        12 => said(Response::Offer(description("offer", name, number.unsigned_abs()))),
        13 => said(Response::Update(ParticipantUpdate {
            participants: vec![somebody(name, number % 2 == 0), me(number % 2 == 0)],
        })),
        14 => said(Response::MediaSectionsRequirement(MediaSectionsRequirement {
            num_audios: number.unsigned_abs(),
            num_videos: 1,
        })),
        15 => said(Response::Trickle(TrickleRequest {
            candidate_init: name.to_owned(),
            target: number,
            ..TrickleRequest::default()
        })),
        16 => Input::Link(side(number), News::Up),
        17 => Input::Link(side(number), News::Lost),
        18 => Input::Link(side(number), News::Failed),
        19 => Input::Link(side(number), News::Broken(name.to_owned())),
        20 => Input::Link(side(number), News::Offer(name.to_owned())),
        21 => Input::Listen(number % 2 == 0),
        22 => Input::Mute(number % 2 == 0),
        _ => Input::Link(side(number), News::Data(name.as_bytes().to_vec())),
    }
}

fn side(number: i32) -> Side {
    if number % 2 == 0 {
        Side::Publisher
    } else {
        Side::Subscriber
    }
}

proptest! {
    #[test]
    fn any_order_of_events_ends_at_most_once_and_never_hangs(
        steps in prop::collection::vec((anything(), any::<i32>(), "[a-c]", 0u64..3_000), 1..80),
        speaks: bool,
    ) {
        let mut stage = Stage::new(options(speaks));
        let mut over = 0;
        for (what, number, name, wait) in steps {
            let ended = over > 0;
            let input = input(&stage, what, number, &name);
            stage.give(input);
            stage.pass(Duration::from_millis(wait));
            let out = stage.taken();
            prop_assert!(!ended || out.is_empty());
            prop_assert!(out.len() < 2_000, "{}", out.len());
            for output in out {
                match output {
                    Output::Event(SessionEvent::Gone(_)) => over += 1,
                    Output::Send(request) => if let Request::AddTrack(asked) = *request {
                        stage.cid = asked.cid;
                    },
                    _ => {}
                }
            }
        }
        prop_assert!(over <= 1);
        stage.give(Input::Leave);
        prop_assert_eq!(stage.core.deadline(), None);
    }
}
