// SPDX-License-Identifier: EUPL-1.2
//! Errors as clients see them: `{"error":"<stable word>","message":"<what happened; what to do>"}`.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::call::Cause;
use crate::room::Denial;
use crate::room::chat::MAX_TEXT;

/// One error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// Makes an answer of any kind; `message` is English and ends with what to do.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Problem {
        Problem {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Answers input that cannot be understood.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// Answers an unknown meeting and a wrong PIN alike.
    pub fn wrong_credentials() -> Problem {
        let what = "meeting id or PIN is wrong; check both with your invitation";
        Problem::new(StatusCode::FORBIDDEN, "wrong_credentials", what)
    }

    /// Answers a request without a token that is known.
    pub fn unauthorized() -> Problem {
        let what = "no valid token; send Authorization: Bearer with the token of your join";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", what)
    }

    /// Answers someone who must slow down.
    pub fn too_many_tries(retry_after: Duration) -> Problem {
        let what = "too many tries; wait as long as Retry-After says";
        let mut problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", what);
        problem.retry_after = Some(retry_after);
        problem
    }

    /// Answers when a limit of the gateway is reached.
    pub fn overloaded(message: impl Into<Cow<'static, str>>) -> Problem {
        let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
        problem.retry_after = Some(Duration::from_secs(10));
        problem
    }

    /// Answers when the gateway itself failed; the log says more.
    pub fn internal() -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the gateway failed; try again, or ask the operator",
        )
    }

    /// Answers someone whose stay is over.
    pub fn ended(cause: Cause) -> Problem {
        Problem::new(
            StatusCode::GONE,
            "ended",
            format!("your stay is over ({}); join again", cause.as_str()),
        )
    }

    /// Answers someone whom a room does not let in.
    pub fn not_admitted(cause: Cause) -> Problem {
        match cause {
            Cause::Locked => Problem::new(
                StatusCode::LOCKED,
                "locked",
                "the room is locked; ask a moderator to open it",
            ),
            Cause::Full => Problem::full(),
            Cause::Draining => {
                let what = "the gateway is shutting down; join again in a minute";
                let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", what);
                problem.retry_after = Some(Duration::from_secs(60));
                problem
            }
            Cause::Overloaded => Problem::overloaded("the gateway has no room for more; try again later"),
            _ => Problem::internal(),
        }
    }

    fn full() -> Problem {
        let mut problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "full",
            "the room is full; try again when somebody has left",
        );
        problem.retry_after = Some(Duration::from_secs(30));
        problem
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Problem {
        match denial {
            Denial::NotModerator => Problem::new(
                StatusCode::FORBIDDEN,
                "not_moderator",
                "only moderators may do that; join with the moderator PIN",
            ),
            Denial::MayNotUnmuteOthers => {
                let what = "nobody may open another person's microphone; ask the person to unmute";
                Problem::new(StatusCode::FORBIDDEN, "may_not_unmute_others", what)
            }
            Denial::NoSuchPerson => Problem::new(
                StatusCode::NOT_FOUND,
                "no_such_participant",
                "no such participant in this room; see the roster",
            ),
            Denial::Waiting => Problem::new(
                StatusCode::CONFLICT,
                "waiting",
                "this participant is in the waiting room; admit first",
            ),
            Denial::NotOffered => Problem::new(
                StatusCode::CONFLICT,
                "not_offered",
                "this room has no such thing; a room of LiveKit or OpenTalk is moderated there",
            ),
            Denial::Unfit => Problem::new(
                StatusCode::BAD_REQUEST,
                "unfit_text",
                format!("the text is empty or longer than {MAX_TEXT} bytes; write at least one letter, or less"),
            ),
            Denial::TooFast => {
                let mut problem = Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_fast",
                    "so much was written that this is not shown; wait a moment",
                );
                problem.retry_after = Some(Duration::from_secs(2));
                problem
            }
            Denial::NotNow => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_now",
                "the meeting's server cannot be reached just now; try again",
            ),
            Denial::Refused(Cause::Full) => Problem::full(),
            Denial::Refused(Cause::NotFound) => Problem::new(
                StatusCode::NOT_FOUND,
                "no_such_room",
                "no such live room; see GET /api/rooms",
            ),
            Denial::Refused(cause) => Problem::ended(cause),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "message": self.message });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(retry_after) = self.retry_after {
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
