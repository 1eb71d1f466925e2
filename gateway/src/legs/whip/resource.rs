// SPDX-License-Identifier: EUPL-1.2
//! The HTTP resources of RFC 9725: the endpoint `/whip/{meeting}` and the session `/whip/{meeting}/{resource}`.
//!
//! Authority travels in the Authorization header alone, never in cookies, so any origin may ask (RFC 9725 §4.2, CORS).

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CONTENT_TYPE, ETAG, LOCATION,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde::Deserialize;

use crate::admin::{Bearer, Problem, Public, Source, enter, read_body};
use crate::call::Cause;
use crate::legs::whip::{AttachError, PeerRefusal, Session, Stay};

/// The longest offer [bytes]; a browser's is about 5 KiB.
const MAX_OFFER: usize = 64 * 1024;

const SDP: &str = "application/sdp";

/// Builds the routes; `Public` holds what they need.
pub fn router() -> Router<Arc<Public>> {
    Router::new()
        .route("/whip/{meeting}", any(endpoint))
        .route("/whip/{meeting}/{resource}", any(resource))
        .layer(map_response(allow_any_origin))
}

#[derive(Deserialize)]
struct Wish {
    #[serde(default)]
    name: String,
}

/// RFC 9725 §4.2: POST with an offer makes a session; GET, HEAD and PUT are kept for later versions (405).
async fn endpoint(
    State(public): State<Arc<Public>>,
    Extension(Source(source)): Extension<Source>,
    Path(meeting): Path<String>,
    wish: Query<Wish>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    match method {
        Method::POST => {}
        Method::OPTIONS => return Ok(options("POST, OPTIONS", true)),
        _ => return Ok(method_not_allowed("POST, OPTIONS")),
    }
    let bearer = Bearer::of(&headers)?;
    if !is_sdp(&headers) {
        let what = "the body must be a session description; set Content-Type: application/sdp";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            what,
        ));
    }
    let offer = read_body(body, MAX_OFFER).await?;
    if !offer.starts_with(b"v=0") {
        return Err(Problem::bad_request(
            "the body is not a session description (RFC 8866); it must begin with v=0",
        ));
    }
    let (session, is_new) = match public.sessions.by_bearer(&bearer.0) {
        Some(session) if session.meeting() == meeting => (session, false),
        Some(_) => return Err(Problem::wrong_credentials()),
        None => {
            let entered = enter(&public, source, &meeting, &bearer.0, &wish.name, Stay::Media).await?;
            (entered.session, true)
        }
    };
    match public.sessions.attach(&session, &offer, &bearer.0).await {
        Ok((answer, resource)) => created(&meeting, &resource, answer),
        Err(error) => {
            if is_new {
                // An error means that the person is out already.
                let _ = session.control().leave(Cause::BadDescription).await;
            }
            Err(refused(&error))
        }
    }
}

/// RFC 9725 §4.2 and §4.3: DELETE ends the session; without Trickle ICE and ICE restarts PATCH is not allowed.
async fn resource(
    State(public): State<Arc<Public>>,
    Path((meeting, resource)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match method {
        Method::DELETE => {}
        Method::OPTIONS => return Ok(options("DELETE, OPTIONS", false)),
        _ => return Ok(method_not_allowed("DELETE, OPTIONS")),
    }
    let bearer = Bearer::of(&headers)?;
    let session: Arc<Session> = public
        .sessions
        .by_resource(&meeting, &resource, &bearer.0)
        .await
        .ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "no_such_session",
                "no such session, or it is not yours",
            )
        })?;
    public.sessions.detach(&session).await;
    Ok(StatusCode::OK.into_response())
}

fn created(meeting: &str, resource: &str, answer: Vec<u8>) -> Result<Response, Problem> {
    let location = HeaderValue::from_str(&format!("/whip/{meeting}/{resource}"))
        .map_err(|_| Problem::bad_request("the meeting id does not fit into a URL"))?;
    let etag = HeaderValue::from_str(&format!("\"{}\"", resource.get(..16).unwrap_or(resource)))
        .map_err(|_| Problem::internal())?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(SDP)),
        (LOCATION, location),
        (ETAG, etag),
    ];
    Ok((StatusCode::CREATED, headers, answer).into_response())
}

fn refused(error: &AttachError) -> Problem {
    match error {
        AttachError::Ended(cause) => Problem::ended(*cause),
        AttachError::Refused(refusal) => match refusal {
            PeerRefusal::BadOffer(_) => Problem::bad_request(refusal.to_string()),
            PeerRefusal::NoCommonCodec => {
                Problem::new(StatusCode::NOT_ACCEPTABLE, "no_common_codec", refusal.to_string())
            }
            PeerRefusal::Overloaded => Problem::overloaded(refusal.to_string()),
            PeerRefusal::Internal(why) => {
                tracing::error!(why, "the media plane failed to answer a browser");
                Problem::internal()
            }
        },
    }
}

fn is_sdp(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SDP))
}

/// Answers a CORS preflight and the question what is taken (RFC 9725 §4.2: Accept-Post).
fn options(allowed: &'static str, takes_offers: bool) -> Response {
    let mut response = (
        StatusCode::OK,
        [
            (ALLOW, allowed),
            (ACCESS_CONTROL_ALLOW_METHODS, allowed),
            (ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"),
            (ACCESS_CONTROL_MAX_AGE, "600"),
        ],
    )
        .into_response();
    if takes_offers {
        response
            .headers_mut()
            .insert("accept-post", HeaderValue::from_static(SDP));
    }
    response
}

fn method_not_allowed(allowed: &'static str) -> Response {
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("this resource takes {allowed}; Trickle ICE and ICE restarts are not supported"),
    );
    ([(ALLOW, allowed)], problem).into_response()
}

async fn allow_any_origin(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Location, ETag, Retry-After"),
    );
    response
}
