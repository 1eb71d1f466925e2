// SPDX-License-Identifier: EUPL-1.2
//! Partners, links and erasures, as operators see them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::admin::joint::not_offered;
use crate::admin::limits::JsonBody;
use crate::admin::{Operator, Problem, view};
use crate::call::federation::{Erasure, JointLink};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Erase {
    /// The participant's id, as in `GET /api/rooms/{id}`.
    person: String,
}

/// `GET /api/federation` of the operator
pub(super) async fn status(State(operator): State<Arc<Operator>>) -> Result<Response, Problem> {
    let outlook = operator.joints.outlook().ok_or_else(not_offered)?;
    let federation = operator.joints.federation();
    let links = federation.map(|federation| federation.status()).unwrap_or_default();
    let links: Vec<_> = links.iter().map(link).collect();
    Ok(Json(json!({ "us": outlook, "links": links })).into_response())
}

/// `POST /api/rooms/{id}/joint/erase` of the operator
pub(super) async fn erase(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
    JsonBody(wish): JsonBody<Erase>,
) -> Result<StatusCode, Problem> {
    let federation = operator.joints.federation().ok_or_else(not_offered)?;
    let person = view::leg(&wish.person)
        .ok_or_else(|| Problem::bad_request("this is no participant's id; see GET /api/rooms/{id}"))?;
    federation.erase(&id, person)?;
    Ok(StatusCode::ACCEPTED)
}

/// `GET /api/rooms/{id}/joint/erasures` of the operator
pub(super) async fn erasures(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let federation = operator.joints.federation().ok_or_else(not_offered)?;
    let erasures: Vec<_> = federation.erasures(&id).iter().map(erasure).collect();
    Ok(Json(json!({ "erasures": erasures })).into_response())
}

fn erasure(erasure: &Erasure) -> serde_json::Value {
    json!({
        "person": format!("leg-{}", erasure.person.0),
        "partner": &*erasure.deployment,
        "receipt_after_ms": erasure.receipt_after.map(|after| after.as_millis() as u64),
    })
}

fn link(link: &JointLink) -> serde_json::Value {
    json!({
        "meeting": &*link.meeting,
        "partner": &*link.deployment,
        "authority": &*link.authority,
        "state": link.state.as_str(),
        "why": link.why,
        "people": link.people,
        "media": link.has_media,
    })
}
