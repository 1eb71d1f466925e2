// SPDX-License-Identifier: EUPL-1.2
//! The public router and what it needs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

use crate::admin::{
    Gatekeeper, Inviter, Joints, Problem, SourceLimit, entrance, events, inviting, joint, limits, moderation, page,
};
use crate::legs::whip::{self, Sessions};
use crate::room::{Meetings, Rooms};

/// How the public listener behaves.
#[derive(Clone, Debug)]
pub struct PublicConfig {
    /// Requests per second from one source.
    pub per_second: u32,
    /// Requests at once from one source.
    pub burst: u32,
    /// How long a request may take; event streams are answered within it and then live on.
    pub request_timeout: Duration,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether browsers are told to come by HTTPS only (RFC 6797).
    pub is_tls: bool,
}

impl Default for PublicConfig {
    fn default() -> PublicConfig {
        PublicConfig {
            per_second: 100,
            burst: 400,
            request_timeout: Duration::from_secs(15),
            trusted_proxies: Vec::new(),
            is_tls: false,
        }
    }
}

/// What the public listener needs.
pub struct Public {
    pub(crate) rooms: Rooms,
    pub(crate) meetings: Meetings,
    pub(crate) sessions: Sessions,
    pub(crate) gate: Arc<dyn Gatekeeper>,
    pub(super) inviter: Arc<dyn Inviter>,
    pub(super) joints: Arc<dyn Joints>,
    pub(super) limit: SourceLimit,
    pub(super) config: PublicConfig,
}

impl Public {
    /// Gathers what the public listener needs.
    pub fn new(
        config: PublicConfig,
        rooms: Rooms,
        meetings: Meetings,
        sessions: Sessions,
        gate: Arc<dyn Gatekeeper>,
        inviter: Arc<dyn Inviter>,
        joints: Arc<dyn Joints>,
    ) -> Arc<Public> {
        let limit = SourceLimit::new(config.per_second, config.burst);
        Arc::new(Public {
            rooms,
            meetings,
            sessions,
            gate,
            inviter,
            joints,
            limit,
            config,
        })
    }
}

/// Builds the page, its API, its events and WHIP.
pub fn public_router(public: Arc<Public>) -> Router {
    let is_tls = public.config.is_tls;
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .route("/api/join", post(entrance::join))
        .route("/api/events", get(events::events))
        .route("/api/me/mute", post(moderation::mute_me))
        .route("/api/me/hand", post(moderation::my_hand))
        .route("/api/me/leave", post(moderation::leave))
        .route("/api/chat", post(moderation::chat))
        .route("/api/invite", post(inviting::invite))
        .route("/api/joint", get(joint::list))
        .route("/api/joint/invite", post(joint::invite))
        .route("/api/joint/part", post(joint::part))
        .route("/api/joint/end", post(joint::end))
        .route("/api/participants/{id}/mute", post(moderation::mute))
        .route("/api/participants/{id}/hand", post(moderation::hand))
        .route("/api/participants/{id}/remove", post(moderation::remove))
        .route("/api/participants/{id}/admit", post(moderation::admit))
        .route("/api/room/lock", post(moderation::lock))
        .route("/api/room/waiting-room", post(moderation::waiting_room))
        .route("/api/room/admit-all", post(moderation::admit_all))
        .route("/api/room/end", post(moderation::end))
        .merge(whip::resource::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&public), limits::guard))
        .layer(from_fn(move |request, next| harden(is_tls, request, next)))
        .with_state(public)
}

pub(super) async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing here; the page is at /",
    )
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "not with this method; see Allow",
    )
}

/// Tells browsers to run nothing but our own files, to be framed by nobody and to leak no address.
async fn harden(is_tls: bool, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if is_tls {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    media-src 'self' blob: mediastream:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const PERMISSIONS: &str = "microphone=(self), speaker-selection=(self), camera=(), geolocation=(), display-capture=()";
