// SPDX-License-Identifier: EUPL-1.2
//! What people do to themselves, to others and to the room; the room itself decides who may.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::admin::limits::{Caller, JsonBody};
use crate::admin::view::leg;
use crate::admin::{Problem, Public};
use crate::call::{Cause, LegId};
use crate::room::{By, Denial, Input};

type Done = Result<StatusCode, Problem>;

#[derive(Deserialize)]
pub(super) struct Muted {
    muted: bool,
}

#[derive(Deserialize)]
pub(super) struct Raised {
    raised: bool,
}

#[derive(Deserialize)]
pub(super) struct Written {
    text: String,
}

#[derive(Deserialize)]
pub(super) struct Locked {
    locked: bool,
}

#[derive(Deserialize)]
pub(super) struct Enabled {
    enabled: bool,
}

/// `POST /api/me/mute`
pub(super) async fn mute_me(caller: Caller, JsonBody(wish): JsonBody<Muted>) -> Done {
    done(caller.0.control().set_muted(wish.muted).await)
}

/// `POST /api/me/hand`
pub(super) async fn my_hand(caller: Caller, JsonBody(wish): JsonBody<Raised>) -> Done {
    done(caller.0.control().set_hand(wish.raised).await)
}

/// `POST /api/chat`
pub(super) async fn chat(caller: Caller, JsonBody(wish): JsonBody<Written>) -> Done {
    done(caller.0.control().say(&wish.text).await)
}

/// `POST /api/me/leave`; without a body, so that a closing page can still send it.
pub(super) async fn leave(State(public): State<Arc<Public>>, caller: Caller) -> Done {
    let result = caller.0.control().leave(Cause::Left).await;
    public.sessions.detach(&caller.0).await;
    done(result)
}

/// `POST /api/participants/{id}/mute`
pub(super) async fn mute(caller: Caller, Path(id): Path<String>, JsonBody(wish): JsonBody<Muted>) -> Done {
    to_person(&caller, &id, |by, person| Input::SetMuted {
        by,
        person,
        muted: wish.muted,
    })
    .await
}

/// `POST /api/participants/{id}/hand`
pub(super) async fn hand(caller: Caller, Path(id): Path<String>, JsonBody(wish): JsonBody<Raised>) -> Done {
    if wish.raised {
        return Err(Problem::bad_request(
            "nobody can raise another person's hand; send {\"raised\":false} to lower it",
        ));
    }
    to_person(&caller, &id, |by, person| Input::LowerHand { by, person }).await
}

/// `POST /api/participants/{id}/remove`
pub(super) async fn remove(caller: Caller, Path(id): Path<String>) -> Done {
    to_person(&caller, &id, |by, person| Input::Remove { by, person }).await
}

/// `POST /api/participants/{id}/admit`
pub(super) async fn admit(caller: Caller, Path(id): Path<String>) -> Done {
    to_person(&caller, &id, |by, person| Input::Admit { by, person }).await
}

/// `POST /api/room/lock`
pub(super) async fn lock(caller: Caller, JsonBody(wish): JsonBody<Locked>) -> Done {
    to_room(&caller, |by| Input::Lock {
        by,
        locked: wish.locked,
    })
    .await
}

/// `POST /api/room/waiting-room`
pub(super) async fn waiting_room(caller: Caller, JsonBody(wish): JsonBody<Enabled>) -> Done {
    to_room(&caller, |by| Input::WaitingRoom {
        by,
        enabled: wish.enabled,
    })
    .await
}

/// `POST /api/room/admit-all`
pub(super) async fn admit_all(caller: Caller) -> Done {
    to_room(&caller, |by| Input::AdmitAll { by }).await
}

/// `POST /api/room/end`
pub(super) async fn end(caller: Caller) -> Done {
    to_room(&caller, |by| Input::End { by }).await
}

async fn to_person(caller: &Caller, id: &str, input: impl FnOnce(By, LegId) -> Input) -> Done {
    let control = caller.0.control();
    // An id of another shape names nobody; the room still says first whether one may ask.
    let person = leg(id).unwrap_or(LegId(0));
    done(control.ask(input(control.by(), person)).await)
}

async fn to_room(caller: &Caller, input: impl FnOnce(By) -> Input) -> Done {
    let control = caller.0.control();
    done(control.ask(input(control.by())).await)
}

fn done(result: Result<(), Denial>) -> Done {
    result.map(|()| StatusCode::NO_CONTENT).map_err(Problem::from)
}
