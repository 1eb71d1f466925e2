// SPDX-License-Identifier: EUPL-1.2
//! Sessions in virtual time, against a server made of its messages.
#![allow(clippy::unwrap_used)]

/// What may have happened while nobody was listening.
mod back;
/// Whatever a server says, in whatever order.
mod chaos;
/// Getting in, staying in, coming back.
mod life;
/// What is said while signalling is open.
mod talk;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit_protocol::{
    DataPacket, DisconnectReason, JoinResponse, LeaveRequest, MediaSectionsRequirement, MuteTrackRequest,
    ParticipantInfo, ParticipantPermission, ParticipantUpdate, ReconnectResponse, SessionDescription, SipDtmf,
    SpeakerInfo, SpeakersChanged, TrackInfo, TrackPublishedResponse, TrackUnpublishedResponse, TrickleRequest,
    data_packet, leave_request, participant_info,
};
use prost::Message as _;

use super::core::Core;
use super::event::{Gone, SessionEvent};
use super::words::{CoreOptions, Input, News, Output, Side};
use crate::call::LegId;
use crate::legs::livekit::signalling::{Call, Request, Response};
use crate::legs::livekit::ticket::{Ticket, Trouble, TroubleKind};

/// A core and the clock it is told.
struct Stage {
    core: Core,
    now: Instant,
    out: Vec<Output>,
    tickets: u32,
    cid: String,
}

fn options(speaks: bool) -> CoreOptions {
    CoreOptions {
        speaks,
        watches: true,
        muted: false,
        track_name: "phone".to_owned(),
        timeout: Duration::from_secs(5),
        outage: Duration::from_secs(60),
        entry: Duration::from_secs(15),
        seed: 7,
        tcp: false,
    }
}

fn ticket(number: u32) -> Ticket {
    Ticket {
        url: "ws://lk".to_owned(),
        token: format!("token-{number}"),
        room: "r".to_owned(),
    }
}

fn trouble(kind: TroubleKind) -> Trouble {
    Trouble::new(kind, "lk: as asked for")
}

impl Stage {
    fn new(options: CoreOptions) -> Stage {
        #[allow(clippy::disallowed_methods, reason = "a virtual clock begins somewhere")]
        let now = Instant::now();
        Stage {
            core: Core::new(now, Some(ticket(0)), options),
            now,
            out: Vec::new(),
            tickets: 0,
            cid: String::new(),
        }
    }

    /// A phone that has joined over one peer connection and publishes.
    fn joined() -> Stage {
        let mut stage = Stage::new(options(true));
        stage.connects();
        stage.open(true);
        stage.join(me(true));
        stage.publishes();
        assert_eq!(stage.events(), [SessionEvent::Joined { may_speak: true }]);
        stage
    }

    /// A listener over two peer connections, with its subscriber up.
    fn listening(others: Vec<ParticipantInfo>) -> Stage {
        let mut stage = Stage::new(options(false));
        stage.core.listen();
        stage.connects();
        stage.open(false);
        let join = JoinResponse {
            participant: Some(me(false)),
            other_participants: others,
            subscriber_primary: true,
            ping_interval: 5,
            ping_timeout: 15,
            ..JoinResponse::default()
        };
        stage.said(Response::Join(join));
        stage.said(Response::Offer(description("offer", "their offer", 3)));
        stage.link(
            Side::Subscriber,
            News::Answer {
                id: 3,
                sdp: "our answer".to_owned(),
            },
        );
        stage.link(Side::Subscriber, News::Up);
        stage
    }

    fn give(&mut self, input: Input) {
        self.core.handle(self.now, input);
        while let Some(output) = self.core.poll() {
            self.out.push(output);
        }
    }

    fn said(&mut self, response: Response) {
        self.give(Input::Said(Box::new(response)));
    }

    fn link(&mut self, side: Side, news: News) {
        self.give(Input::Link(side, news));
    }

    fn open(&mut self, single: bool) {
        self.give(Input::Opened(Ok(single)));
    }

    fn join(&mut self, participant: ParticipantInfo) {
        self.said(Response::Join(JoinResponse {
            participant: Some(participant),
            ping_interval: 5,
            ping_timeout: 15,
            ..JoinResponse::default()
        }));
    }

    /// Plays the server's part until the phone's track is up.
    fn publishes(&mut self) {
        let asked = self.sent().into_iter().find_map(|request| match request {
            Request::AddTrack(asked) => Some(asked),
            _ => None,
        });
        let asked = asked.expect("the track is asked for");
        self.cid = asked.cid.clone();
        self.said(Response::TrackPublished(TrackPublishedResponse {
            cid: asked.cid,
            track: Some(TrackInfo {
                sid: "TR_me".to_owned(),
                muted: asked.muted,
                ..TrackInfo::default()
            }),
        }));
        self.link(Side::Publisher, News::Offer("our offer".to_owned()));
        let id = self.core.links.offer_id;
        self.said(Response::Answer(description("answer", "their answer", id)));
        self.link(Side::Publisher, News::Up);
    }

    /// Lets time pass to each deadline on the way.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.core.deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.give(Input::Timeout);
            if self.core.deadline().is_some_and(|next| next <= self.now && next == due) {
                panic!("a deadline that was served is still due");
            }
        }
        self.now = end;
    }

    /// Takes what was put out.
    fn taken(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    fn sent(&mut self) -> Vec<Request> {
        let sent = self.out.extract_if(.., |output| matches!(output, Output::Send(_)));
        sent.filter_map(|output| match output {
            Output::Send(request) => Some(*request),
            _ => None,
        })
        .collect()
    }

    fn events(&mut self) -> Vec<SessionEvent> {
        let events = self.out.extract_if(.., |output| matches!(output, Output::Event(_)));
        events
            .filter_map(|output| match output {
                Output::Event(event) => Some(event),
                _ => None,
            })
            .collect()
    }

    /// Waits for the next attempt to connect, handing out tickets on the way.
    fn connects(&mut self) -> Call {
        for _ in 0..100 {
            while let Some(output) = self.core.poll() {
                self.out.push(output);
            }
            if let Some(at) = self.out.iter().position(|output| matches!(output, Output::Connect(_))) {
                let Output::Connect(call) = self.out.remove(at) else {
                    unreachable!()
                };
                return call;
            }
            if let Some(at) = self.out.iter().position(|output| matches!(output, Output::GetTicket)) {
                self.out.remove(at);
                self.tickets += 1;
                self.give(Input::Ticket(Ok(ticket(self.tickets))));
            } else {
                self.pass(Duration::from_millis(100));
            }
        }
        panic!("no attempt within ten seconds");
    }

    fn gone(&mut self) -> Option<Gone> {
        self.events().into_iter().find_map(|event| match event {
            SessionEvent::Gone(gone) => Some(gone),
            _ => None,
        })
    }
}

fn me(may_publish: bool) -> ParticipantInfo {
    ParticipantInfo {
        sid: "PA_me".to_owned(),
        identity: "me".to_owned(),
        permission: Some(ParticipantPermission {
            can_publish: may_publish,
            can_subscribe: true,
            ..ParticipantPermission::default()
        }),
        ..ParticipantInfo::default()
    }
}

fn somebody(name: &str, muted: bool) -> ParticipantInfo {
    ParticipantInfo {
        sid: format!("PA_{name}"),
        identity: name.to_owned(),
        tracks: vec![TrackInfo {
            sid: format!("TR_{name}"),
            muted,
            ..TrackInfo::default()
        }],
        ..ParticipantInfo::default()
    }
}

fn description(kind: &str, sdp: &str, id: u32) -> SessionDescription {
    SessionDescription {
        r#type: kind.to_owned(),
        sdp: sdp.to_owned(),
        id,
        ..SessionDescription::default()
    }
}

fn leave(reason: DisconnectReason, action: leave_request::Action) -> Response {
    Response::Leave(LeaveRequest {
        reason: reason.into(),
        action: action.into(),
        ..LeaveRequest::default()
    })
}

fn subscribed(sent: &[Request]) -> Vec<(bool, Vec<String>)> {
    let updates = sent.iter().filter_map(|request| match request {
        Request::Subscription(update) => Some((update.subscribe, update.track_sids.clone())),
        _ => None,
    });
    updates.collect()
}
