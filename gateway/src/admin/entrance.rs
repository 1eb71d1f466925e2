// SPDX-License-Identifier: EUPL-1.2
//! Joining, with the same answer for every wrong credential.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::json;

use crate::admin::limits::{JsonBody, Source};
use crate::admin::{Problem, Public};
use crate::call::{Cause, Kind, LegId, Role};
use crate::legs::whip::{Session, Stay};
use crate::room::{Entrant, Notice, Papers};

/// The longest meeting id and PIN [bytes]; anything longer is no credential.
const MAX_CREDENTIAL: usize = 64;

/// Slows down those who guess, without locking out those who know.
pub trait Gatekeeper: Send + Sync + 'static {
    /// Asks before credentials are looked at; `Err` tells how long to wait.
    fn allow(&self, source: IpAddr, meeting: &str) -> Result<(), Duration>;
    /// Learns that credentials were wrong.
    fn record_failure(&self, source: IpAddr, meeting: &str);
}

/// Who came in.
#[derive(Debug)]
pub struct Entered {
    /// The bearer token of the stay.
    pub token: String,
    /// The stay.
    pub session: Arc<Session>,
    /// Whether the person waits to be let in.
    pub is_waiting: bool,
}

/// Checks the credentials of a browser and brings its person into the room.
pub async fn enter(
    public: &Public,
    source: IpAddr,
    meeting: &str,
    pin: &str,
    name: &str,
    stay: Stay,
) -> Result<Entered, Problem> {
    let (meeting, pin) = (without_spaces(meeting), without_spaces(pin));
    if meeting.len() > MAX_CREDENTIAL || pin.len() > MAX_CREDENTIAL {
        return Err(Problem::bad_request(
            "meeting id or PIN is longer than any of ours; check both",
        ));
    }
    if let Err(wait) = public.gate.allow(source, &meeting) {
        count("throttled");
        return Err(Problem::too_many_tries(wait));
    }
    let Some((entry, role)) = public.meetings.check(&meeting, &pin) else {
        public.gate.record_failure(source, &meeting);
        count(Cause::WrongCredentials.as_str());
        return Err(Problem::wrong_credentials());
    };
    if !public.sessions.has_room() {
        return Err(Problem::not_admitted(Cause::Overloaded));
    }
    let entrant = Entrant {
        leg: LegId::next(),
        name: name.to_owned(),
        kind: Kind::Browser,
        role,
        attached: false,
        papers: Papers::None,
        far: None,
    };
    let admitted = public.rooms.join(&entry, entrant).await;
    let mut seat = admitted.map_err(|cause| {
        count(cause.as_str());
        Problem::not_admitted(cause)
    })?;
    let is_waiting = match seat.next_notice().await {
        Some(Notice::Waiting) => true,
        Some(Notice::Ended(cause)) => return Err(Problem::ended(cause)),
        Some(_) => false,
        None => return Err(Problem::internal()),
    };
    count(if is_waiting { "waiting" } else { "joined" });
    let (token, session) = public.sessions.begin(seat, &entry.id, stay);
    Ok(Entered {
        token,
        session,
        is_waiting,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    meeting: String,
    #[serde(default)]
    pin: String,
    #[serde(default)]
    name: String,
    /// Kept for prompts that a later page may play; the room speaks no language itself.
    #[serde(default, rename = "language")]
    _language: Option<String>,
}

/// `POST /api/join`
pub(super) async fn join(
    State(public): State<Arc<Public>>,
    Extension(Source(source)): Extension<Source>,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<impl IntoResponse, Problem> {
    let entered = enter(&public, source, &wish.meeting, &wish.pin, &wish.name, Stay::Page).await?;
    let control = entered.session.control();
    let answer = json!({
        "participant": control.person().to_string(),
        "token": entered.token,
        "role": control.role().as_str(),
        "state": if entered.is_waiting { "waiting" } else { "joined" },
        "media": format!("/whip/{}", entered.session.meeting()),
        "events": "/api/events",
        "joint": control.role() == Role::Moderator && public.joints.federation().is_some(),
        "invite": control.role() == Role::Moderator && public.inviter.is_open(),
    });
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)))
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn count(result: &'static str) {
    metrics::counter!("landbridge_web_joins_total", "result" => result).increment(1);
}
