// SPDX-License-Identifier: EUPL-1.2
//! Calling somebody into a meeting: by a moderator from the page, or by the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::admin::limits::{Caller, JsonBody};
use crate::admin::{Operator, Problem, Public};
use crate::call::invite::InviteRefusal;
use crate::room::Control;

/// Calls people into meetings.
pub trait Inviter: Send + Sync + 'static {
    /// Tells whether anybody at all may be called.
    fn is_open(&self) -> bool;
    /// Calls an address into a live meeting and returns the number of the call; the inviter is told by notices what
    /// becomes of it.
    fn invite(&self, meeting: &str, address: &str, inviter: Option<Control>) -> Result<u64, InviteRefusal>;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    address: String,
}

/// `POST /api/invite`
pub(super) async fn invite(
    State(public): State<Arc<Public>>,
    caller: Caller,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Response, Problem> {
    let (control, meeting) = (caller.0.control().clone(), caller.0.meeting());
    answer(public.inviter.invite(meeting, &wish.address, Some(control)))
}

/// `POST /api/rooms/{id}/invite` of the operator
pub(super) async fn invite_as_operator(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Response, Problem> {
    answer(operator.inviter.invite(&id, &wish.address, None))
}

fn answer(invited: Result<u64, InviteRefusal>) -> Result<Response, Problem> {
    let number = invited.map_err(Problem::from)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "invitation": number }))).into_response())
}

impl From<InviteRefusal> for Problem {
    fn from(refusal: InviteRefusal) -> Problem {
        let (status, code, what) = match refusal {
            InviteRefusal::BadAddress => {
                let what = "this is no address of a person; write it as in alice@a.example";
                (StatusCode::BAD_REQUEST, "bad_address", what)
            }
            InviteRefusal::NotAllowed => {
                let what = "this address may not be called; the operator's [xmpp] invite says who may";
                (StatusCode::FORBIDDEN, "not_allowed", what)
            }
            InviteRefusal::TooMany => {
                let what = "too many calls out of this room; wait until one is answered, or some minutes";
                (StatusCode::TOO_MANY_REQUESTS, "too_many_invitations", what)
            }
            InviteRefusal::NoSuchRoom => {
                let what = "no such live room; see GET /api/rooms";
                (StatusCode::NOT_FOUND, "no_such_room", what)
            }
            InviteRefusal::Locked => {
                let what = "the room is locked; open it first";
                (StatusCode::LOCKED, "locked", what)
            }
            InviteRefusal::NotOffered => {
                let what = "nobody can be called into this room; it needs [xmpp] and a [[meeting]] of the gateway";
                (StatusCode::CONFLICT, "not_offered", what)
            }
            InviteRefusal::NotModerator => {
                let what = "only moderators may do that; join with the moderator PIN";
                (StatusCode::FORBIDDEN, "not_moderator", what)
            }
            InviteRefusal::Draining => {
                let what = "the gateway is shutting down; try again in a minute";
                (StatusCode::SERVICE_UNAVAILABLE, "draining", what)
            }
        };
        Problem::new(status, code, what)
    }
}
