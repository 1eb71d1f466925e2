// SPDX-License-Identifier: EUPL-1.2
//! The operator's API: who is where, moderation from outside, health and numbers.
//!
//! By default it listens on the loopback address alone. A web page that the operator happens to visit could still send
//! requests there, so requests that come from another site, or (without a token) by a foreign host name, are refused.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::admin::limits::{Bearer, JsonBody, timely};
use crate::admin::view::{OperatorView, leg};
use crate::admin::{Inviter, Joints, Problem, Readiness, federation, health, inviting, joint, numbers, public};
use crate::call::LegId;
use crate::room::{By, Input, Rooms};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// What the operator's listener needs.
#[derive(Clone)]
pub struct Operator {
    /// All live rooms.
    pub rooms: Rooms,
    /// Calls people into meetings.
    pub inviter: Arc<dyn Inviter>,
    /// Shares rooms with partners.
    pub joints: Arc<dyn Joints>,
    /// Which parts can serve.
    pub readiness: Readiness,
    /// The numbers, if a recorder is installed.
    pub numbers: Option<PrometheusHandle>,
    /// What `/api` and `/metrics` ask for, if anything; health is open to all who reach the listener.
    pub token: Option<String>,
}

/// Builds health, metrics and the operator's API.
pub fn operator_router(operator: Operator) -> Router {
    let operator = Arc::new(operator);
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/rooms", get(rooms))
        .route("/api/rooms/{id}", get(room))
        .route("/api/rooms/{id}/participants/{person}/mute", post(mute))
        .route("/api/rooms/{id}/participants/{person}/remove", post(remove))
        .route("/api/rooms/{id}/end", post(end))
        .route("/api/rooms/{id}/invite", post(inviting::invite_as_operator))
        .route("/api/rooms/{id}/joint", get(joint::list_as_operator))
        .route("/api/rooms/{id}/joint/invite", post(joint::invite_as_operator))
        .route("/api/rooms/{id}/joint/part", post(joint::part_as_operator))
        .route("/api/rooms/{id}/joint/end", post(joint::end_as_operator))
        .route("/api/rooms/{id}/joint/erase", post(federation::erase))
        .route("/api/rooms/{id}/joint/erasures", get(federation::erasures))
        .route("/api/federation", get(federation::status))
        .route_layer(from_fn_with_state(Arc::clone(&operator), guard));
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(readyz))
        .merge(guarded)
        .fallback(public::not_found)
        .method_not_allowed_fallback(public::method_not_allowed)
        .with_state(operator)
}

type Shared = State<Arc<Operator>>;

async fn guard(State(operator): Shared, request: Request, next: Next) -> Response {
    if is_foreign(request.headers(), operator.token.is_none()) {
        let what = "this API is not for web pages; ask from the operator's machine by address or localhost";
        return Problem::new(StatusCode::FORBIDDEN, "foreign_origin", what).into_response();
    }
    if let Some(token) = &operator.token {
        let shown = Bearer::of(request.headers()).map(|bearer| bearer.0).unwrap_or_default();
        if !bool::from(shown.as_bytes().ct_eq(token.as_bytes())) {
            return Problem::unauthorized().into_response();
        }
    }
    let mut response = timely(REQUEST_TIMEOUT, next.run(request)).await;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_foreign(headers: &HeaderMap, check_host: bool) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let from_a_page = headers.contains_key(ORIGIN)
        || matches!(text(axum::http::HeaderName::from_static("sec-fetch-site")), Some(site) if site != "none");
    let host = text(HOST).unwrap_or("localhost");
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_own_name = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok();
    from_a_page || (check_host && !is_own_name)
}

async fn readyz(State(operator): Shared) -> Response {
    health::readyz(&operator.readiness, operator.rooms.is_draining())
}

async fn metrics(State(operator): Shared) -> Response {
    match &operator.numbers {
        Some(handle) => (
            [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            numbers::render(handle),
        )
            .into_response(),
        None => public::not_found().await.into_response(),
    }
}

async fn rooms(State(operator): Shared) -> Response {
    let rosters = operator.rooms.list();
    let rooms: Vec<_> = rosters.iter().map(|roster| OperatorView::of(roster, false)).collect();
    Json(json!({ "rooms": rooms })).into_response()
}

async fn room(State(operator): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    let roster = operator.rooms.roster(&id).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_room",
            "no such live room; see GET /api/rooms",
        )
    })?;
    let roster = Arc::clone(&roster.borrow());
    Ok(Json(OperatorView::of(&roster, true)).into_response())
}

#[derive(Deserialize)]
struct Muted {
    muted: bool,
}

async fn mute(
    State(operator): Shared,
    Path((id, person)): Path<(String, String)>,
    JsonBody(wish): JsonBody<Muted>,
) -> Result<StatusCode, Problem> {
    let person = leg(&person).unwrap_or(LegId(0));
    ask(
        &operator,
        &id,
        Input::SetMuted {
            by: By::Operator,
            person,
            muted: wish.muted,
        },
    )
    .await
}

async fn remove(State(operator): Shared, Path((id, person)): Path<(String, String)>) -> Result<StatusCode, Problem> {
    let person = leg(&person).unwrap_or(LegId(0));
    ask(
        &operator,
        &id,
        Input::Remove {
            by: By::Operator,
            person,
        },
    )
    .await
}

async fn end(State(operator): Shared, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    ask(&operator, &id, Input::End { by: By::Operator }).await
}

async fn ask(operator: &Operator, id: &str, input: Input) -> Result<StatusCode, Problem> {
    operator.rooms.ask(id, input).await?;
    Ok(StatusCode::NO_CONTENT)
}
