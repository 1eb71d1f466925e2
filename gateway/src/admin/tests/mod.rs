// SPDX-License-Identifier: EUPL-1.2
//! The routers, driven in-process. Media plane and throttle are stand-ins that record what they are asked.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tower::ServiceExt;

use crate::admin::{Gatekeeper, Inviter, Operator, Public, PublicConfig, Readiness, operator_router, public_router};
use crate::call::invite::InviteRefusal;
use crate::call::{LegId, Role};
use crate::legs::whip::{BrowserMedia, PeerEvent, PeerRefusal, Sessions, SessionsConfig};
use crate::room::{Chime, Control, MediaOrders, Meeting, Meetings, RoomKey, Rooms, RoomsConfig};

mod chatting;
mod inviting;
mod joining;
mod joint;
mod listening;
mod moderating;
mod operating;
mod watching;
mod whip;

pub(super) const MEETING: &str = "1234567890";
pub(super) const PIN: &str = "0987654321";
pub(super) const MODERATOR_PIN: &str = "1111122222";

/// Stands in for the media plane: writes down orders, answers every offer that begins well.
#[derive(Default)]
pub(super) struct MediaStandIn {
    orders: Mutex<Vec<String>>,
    peers: Mutex<HashMap<LegId, mpsc::Sender<PeerEvent>>>,
}

impl MediaStandIn {
    fn note(&self, order: String) {
        self.orders.lock().unwrap().push(order);
    }

    fn take_orders(&self) -> Vec<String> {
        std::mem::take(&mut self.orders.lock().unwrap())
    }

    async fn lose(&self, leg: LegId) {
        let peer = self.peers.lock().unwrap().get(&leg).unwrap().clone();
        peer.send(PeerEvent::Lost("ice".to_owned())).await.unwrap();
    }
}

impl MediaOrders for MediaStandIn {
    fn enter(&self, leg: LegId, _: RoomKey) {
        self.note(format!("enter {leg}"));
    }

    fn leave(&self, leg: LegId) {
        self.note(format!("leave {leg}"));
    }

    fn mute(&self, leg: LegId, muted: bool) {
        self.note(format!("mute {leg} {muted}"));
    }

    fn chime(&self, _: RoomKey, chime: Chime) {
        self.note(format!("chime {chime:?}"));
    }
}

#[async_trait]
impl BrowserMedia for MediaStandIn {
    async fn answer_browser(
        &self,
        leg: LegId,
        offer: &[u8],
    ) -> Result<(Vec<u8>, mpsc::Receiver<PeerEvent>), PeerRefusal> {
        let offer = String::from_utf8_lossy(offer);
        if offer.contains("H263") {
            return Err(PeerRefusal::NoCommonCodec);
        }
        if !offer.contains("m=audio") {
            return Err(PeerRefusal::BadOffer("no m=audio".to_owned()));
        }
        self.note(format!("open {leg}"));
        let (peer, events) = mpsc::channel(4);
        self.peers.lock().unwrap().insert(leg, peer);
        Ok((b"v=0\r\nanswer".to_vec(), events))
    }

    fn close(&self, leg: LegId) {
        if self.peers.lock().unwrap().remove(&leg).is_some() {
            self.note(format!("close {leg}"));
        }
    }
}

/// Stands in for the lobby's throttle: three failures of a source, then a minute's wait.
#[derive(Default)]
struct GateStandIn {
    failures: Mutex<HashMap<IpAddr, u32>>,
}

impl Gatekeeper for GateStandIn {
    fn allow(&self, source: IpAddr, _: &str) -> Result<(), Duration> {
        let failures = self.failures.lock().unwrap().get(&source).copied().unwrap_or_default();
        if failures < 3 {
            Ok(())
        } else {
            Err(Duration::from_secs(60))
        }
    }

    fn record_failure(&self, source: IpAddr, _: &str) {
        *self.failures.lock().unwrap().entry(source).or_default() += 1;
    }
}

/// Stands in for the calls out of a meeting: one address may be called.
struct NobodyCalls;

impl Inviter for NobodyCalls {
    fn is_open(&self) -> bool {
        true
    }

    fn invite(&self, meeting: &str, address: &str, inviter: Option<Control>) -> Result<u64, InviteRefusal> {
        if inviter.is_some_and(|control| control.role() != Role::Moderator) {
            return Err(InviteRefusal::NotModerator);
        }
        match (meeting, address) {
            (MEETING, "bob@a.example") => Ok(7),
            (MEETING, _) => Err(InviteRefusal::NotAllowed),
            _ => Err(InviteRefusal::NoSuchRoom),
        }
    }
}

/// One gateway with one meeting.
pub(super) struct Stage {
    media: Arc<MediaStandIn>,
    rooms: Rooms,
    sessions: Sessions,
    readiness: Readiness,
    public: Router,
    operator: Router,
}

impl Stage {
    fn new() -> Stage {
        Stage::with(|_| {}, PublicConfig::default(), None)
    }

    fn with_waiting_room() -> Stage {
        Stage::with(|meeting| meeting.waiting_room = true, PublicConfig::default(), None)
    }

    fn with(adapt: impl FnOnce(&mut Meeting), config: PublicConfig, token: Option<&str>) -> Stage {
        let mut meeting = Meeting {
            id: MEETING.to_owned(),
            pin: Some(PIN.to_owned()),
            moderator_pin: Some(MODERATOR_PIN.to_owned()),
            name: "Demo".to_owned(),
            waiting_room: false,
            max_people: 50,
            residence: crate::room::Residence::Local,
        };
        adapt(&mut meeting);
        let media = Arc::new(MediaStandIn::default());
        let rooms = Rooms::new(RoomsConfig::default(), media.clone());
        let sessions = Sessions::new(SessionsConfig::default(), media.clone());
        let readiness = Readiness::default();
        let meetings = Meetings::new(vec![meeting]);
        let gate = Arc::new(GateStandIn::default());
        let public = Public::new(
            config,
            rooms.clone(),
            meetings,
            sessions.clone(),
            gate,
            Arc::new(NobodyCalls),
            Arc::new(joint::OnePartner::default()),
        );
        let operator = Operator {
            rooms: rooms.clone(),
            inviter: Arc::new(NobodyCalls),
            joints: Arc::new(joint::OnePartner::default()),
            readiness: readiness.clone(),
            numbers: None,
            token: token.map(str::to_owned),
        };
        Stage {
            media,
            rooms,
            sessions,
            readiness,
            public: public_router(public),
            operator: operator_router(operator),
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.public, request).await
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(json_request("POST", path, token, &body)).await
    }

    async fn join_as(&self, name: &str, pin: &str) -> Person {
        let wish = json!({ "meeting": MEETING, "pin": pin, "name": name, "language": "de" });
        let answer = self.post("/api/join", "", wish).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let json = answer.json();
        let text = |key: &str| json[key].as_str().unwrap().to_owned();
        Person {
            id: text("participant"),
            token: text("token"),
            state: text("state"),
            role: text("role"),
        }
    }

    async fn offer(&self, bearer: &str, sdp: &str) -> Answer {
        let request = Request::post(format!("/whip/{MEETING}"))
            .header("authorization", format!("Bearer {bearer}"))
            .header("content-type", "application/sdp")
            .body(Body::from(sdp.to_owned()))
            .unwrap();
        self.send(request).await
    }

    async fn watch(&self, token: &str) -> Events {
        let request = Request::get(format!("/api/events?token={token}"))
            .body(Body::empty())
            .unwrap();
        let response = self.public.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            stream: Box::pin(response.into_body().into_data_stream()),
            text: String::new(),
        }
    }
}

pub(super) struct Person {
    id: String,
    token: String,
    state: String,
    role: String,
}

pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn of(router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error"].as_str().unwrap().to_owned())
    }
}

/// Reads server-sent events.
pub(super) struct Events {
    stream: std::pin::Pin<Box<axum::body::BodyDataStream>>,
    text: String,
}

impl Events {
    /// Returns the next event's name and data; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |key: &str| event.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
                if let Some(name) = field("event:") {
                    return Some((name.to_owned(), serde_json::from_str(field("data:").unwrap()).unwrap()));
                }
                continue;
            }
            let bytes = self.stream.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// Skips to the next event of this name.
    async fn next_of(&mut self, name: &str) -> Value {
        loop {
            let (found, data) = self.next().await.expect("the stream goes on");
            if found == name {
                return data;
            }
        }
    }

    /// Skips rosters until one fits.
    async fn roster_where(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let roster = self.next_of("roster").await;
            if fits(&roster) {
                return roster;
            }
        }
    }
}

pub(super) fn json_request(method: &str, path: &str, token: &str, body: &Value) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

pub(super) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
