// SPDX-License-Identifier: EUPL-1.2
//! Sharing a room with other authorities: by a moderator from the page, or by the operator.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::admin::limits::{Caller, JsonBody};
use crate::admin::{Operator, Problem, Public};
use crate::call::Role;
use crate::call::federation::{Federation, FederationRefusal, JointLink};
use crate::call::vouching::Outlook;
use crate::room::{Denial, Rooms, Roster};

/// Knows who shares rooms with partners.
pub trait Joints: Send + Sync + 'static {
    /// Returns what shares rooms, if this gateway shares any.
    fn federation(&self) -> Option<&dyn Federation>;
    /// Returns what is configured and what partners publish, if this gateway shares any rooms.
    fn outlook(&self) -> Option<Outlook> {
        None
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// The DNS name of the partner's deployment.
    partner: String,
}

/// One partner of a room, invited or not.
#[derive(Serialize)]
struct PartnerView<'a> {
    partner: &'a str,
    authority: &'a str,
    /// Configured for this room, so that key 8 of a moderator's telephone invites it.
    usual: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<bool>,
}

type Done = Result<StatusCode, Problem>;

/// `GET /api/joint`
pub(super) async fn list(State(public): State<Arc<Public>>, caller: Caller) -> Result<Response, Problem> {
    let (federation, meeting) = moderated(&public, &caller)?;
    let roster = Arc::clone(&caller.0.control().roster().borrow());
    Ok(partners(federation, meeting, &roster, &[]))
}

/// `POST /api/joint/invite`
pub(super) async fn invite(State(public): State<Arc<Public>>, caller: Caller, JsonBody(wish): JsonBody<Wish>) -> Done {
    let (federation, meeting) = moderated(&public, &caller)?;
    accepted(federation.invite(meeting, &wish.partner))
}

/// `POST /api/joint/part`
pub(super) async fn part(State(public): State<Arc<Public>>, caller: Caller, JsonBody(wish): JsonBody<Wish>) -> Done {
    let (federation, meeting) = moderated(&public, &caller)?;
    accepted(federation.part(meeting, &wish.partner))
}

/// `POST /api/joint/end`
pub(super) async fn end(State(public): State<Arc<Public>>, caller: Caller) -> Done {
    let (federation, meeting) = moderated(&public, &caller)?;
    accepted(federation.end_for_all(meeting))
}

/// `GET /api/rooms/{id}/joint` of the operator
pub(super) async fn list_as_operator(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let federation = operator.joints.federation().ok_or_else(not_offered)?;
    let roster = live(&operator.rooms, &id)?;
    let links = federation.status();
    Ok(partners(federation, &id, &roster, &links))
}

/// `POST /api/rooms/{id}/joint/invite` of the operator
pub(super) async fn invite_as_operator(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
    JsonBody(wish): JsonBody<Wish>,
) -> Done {
    let federation = operator.joints.federation().ok_or_else(not_offered)?;
    live(&operator.rooms, &id)?;
    accepted(federation.invite(&id, &wish.partner))
}

/// `POST /api/rooms/{id}/joint/part` of the operator
pub(super) async fn part_as_operator(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
    JsonBody(wish): JsonBody<Wish>,
) -> Done {
    let federation = operator.joints.federation().ok_or_else(not_offered)?;
    accepted(federation.part(&id, &wish.partner))
}

/// `POST /api/rooms/{id}/joint/end` of the operator
pub(super) async fn end_as_operator(State(operator): State<Arc<Operator>>, Path(id): Path<String>) -> Done {
    let federation = operator.joints.federation().ok_or_else(not_offered)?;
    accepted(federation.end_for_all(&id))
}

/// Lets moderators who are in the room pass.
fn moderated<'a>(public: &'a Public, caller: &'a Caller) -> Result<(&'a dyn Federation, &'a str), Problem> {
    let control = caller.0.control();
    if control.role() != Role::Moderator {
        return Err(Denial::NotModerator.into());
    }
    if control
        .roster()
        .borrow()
        .person(control.person())
        .is_none_or(|me| me.waiting)
    {
        return Err(FederationRefusal::NoSuchRoom.into());
    }
    let federation = public.joints.federation().ok_or_else(not_offered)?;
    Ok((federation, caller.0.meeting()))
}

fn live(rooms: &Rooms, id: &str) -> Result<Arc<Roster>, Problem> {
    let roster = rooms.roster(id).ok_or(FederationRefusal::NoSuchRoom)?;
    let roster = Arc::clone(&roster.borrow());
    Ok(roster)
}

/// Shows whom a room may be shared with, and with whom it is.
fn partners(federation: &dyn Federation, meeting: &str, roster: &Roster, links: &[JointLink]) -> Response {
    let known = federation.partners(meeting);
    let link = |name: &str| {
        links
            .iter()
            .find(|link| &*link.meeting == meeting && &*link.deployment == name)
    };
    let mut shown: BTreeMap<&str, PartnerView<'_>> = BTreeMap::new();
    for partner in &known {
        let view = PartnerView {
            partner: &partner.deployment,
            authority: &partner.authority,
            usual: partner.is_usual,
            state: None,
            why: None,
            people: None,
            media: None,
        };
        shown.insert(&partner.deployment, view);
    }
    for joint in &roster.joint {
        let view = shown.entry(&joint.deployment).or_insert(PartnerView {
            partner: &joint.deployment,
            authority: &joint.authority,
            usual: false,
            state: None,
            why: None,
            people: None,
            media: None,
        });
        view.state = Some(joint.state.as_str());
        view.why = joint.why;
        if let Some(link) = link(&joint.deployment) {
            view.people = Some(link.people);
            view.media = Some(link.has_media);
        }
    }
    let mut shown: Vec<_> = shown.into_values().collect();
    shown.sort_by_key(|view| (!view.usual, view.authority));
    Json(json!({ "partners": shown })).into_response()
}

/// Answers a wish that is on its way; what becomes of it shows in the roster.
fn accepted(result: Result<(), FederationRefusal>) -> Done {
    result.map(|()| StatusCode::ACCEPTED).map_err(Problem::from)
}

pub(super) fn not_offered() -> Problem {
    let what = "this gateway shares no rooms; it needs [federation] in its configuration";
    Problem::new(StatusCode::CONFLICT, "not_offered", what)
}

impl From<FederationRefusal> for Problem {
    fn from(refusal: FederationRefusal) -> Problem {
        let (status, code, what) = match refusal {
            FederationRefusal::NoSuchRoom => {
                let what = "no such live room; see GET /api/rooms";
                (StatusCode::NOT_FOUND, "no_such_room", what)
            }
            FederationRefusal::NoSuchPartner => {
                let what = "no such partner for this room; see the list of partners";
                (StatusCode::NOT_FOUND, "no_such_partner", what)
            }
            FederationRefusal::NotJoint => {
                let what = "the room is not shared with that partner; nothing was changed";
                (StatusCode::CONFLICT, "not_joint", what)
            }
            FederationRefusal::NotAllowed => {
                let what = "this partner may not be invited here; the operator's [[federation.partner]] says who may";
                (StatusCode::FORBIDDEN, "not_allowed", what)
            }
            FederationRefusal::TooMany => {
                let what = "too many invitations of this partner; wait 20 seconds";
                (StatusCode::TOO_MANY_REQUESTS, "too_many_invitations", what)
            }
            FederationRefusal::Draining => {
                let what = "the gateway is shutting down; try again in a minute";
                (StatusCode::SERVICE_UNAVAILABLE, "draining", what)
            }
        };
        Problem::new(status, code, what)
    }
}
