// SPDX-License-Identifier: EUPL-1.2
//! What a page is told while its person is in a room (server-sent events): `roster`, `notice`, `chat` and at last
//! `ended`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::admin::view::PageView;
use crate::admin::{Problem, Public};
use crate::call::Cause;
use crate::legs::whip::{Presence, Session};
use crate::room::{ChatLine, Notice, Roster};

/// How many events wait for a slow page; rosters beyond that are skipped, for a newer one follows.
const WAITING_EVENTS: usize = 8;

const KEEP_ALIVE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
pub(super) struct Ticket {
    #[serde(default)]
    token: String,
}

/// `GET /api/events?token=…` (an EventSource cannot send headers)
pub(super) async fn events(
    State(public): State<Arc<Public>>,
    Query(ticket): Query<Ticket>,
) -> Result<Response, Problem> {
    let session = public
        .sessions
        .by_bearer(&ticket.token)
        .ok_or_else(Problem::unauthorized)?;
    let presence = session.be_present(&public.sessions).ok_or_else(|| {
        let what = "too many event streams of one participant; close another tab";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", what)
    })?;
    let (events, stream) = mpsc::channel(WAITING_EVENTS);
    tokio::spawn(follow(session, presence, events));
    let stream = Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, stream).into_response())
}

type Events = mpsc::Sender<Result<Event, Infallible>>;

async fn follow(session: Arc<Session>, _presence: Presence, events: Events) {
    let mut news = session.news();
    let mut end = session.watch_end();
    let mut roster = session.control().roster();
    let mut room_lives = true;
    let (mut past, mut chat) = session.control().chat_so_far();
    let mut chat_lives = true;
    let (mut written, mut missed) = (0, true);
    let first = Arc::clone(&roster.borrow_and_update());
    if session.ended().is_none() && !send(&events, roster_event(&session, &first)).await {
        return;
    }
    let cause = loop {
        // A page that was away or slow finds what it missed; it knows each line by its number.
        if std::mem::take(&mut missed) && !catch_up(&events, std::mem::take(&mut past), &mut written).await {
            return;
        }
        let event = tokio::select! {
            biased;
            () = events.closed() => return,
            notice = news.recv() => match notice {
                Ok(notice) => notice_event(&session, notice),
                // The roster tells the state that the lost notices led to.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
            ended = end.wait_for(Option::is_some) => {
                break ended.ok().and_then(|cause| *cause).unwrap_or(Cause::Internal);
            }
            changed = roster.changed(), if room_lives => match changed {
                Ok(()) => {
                    let roster = Arc::clone(&roster.borrow_and_update());
                    roster_event(&session, &roster)
                }
                Err(_) => { room_lives = false; continue }
            },
            line = chat.recv(), if chat_lives => match line {
                Ok(line) if line.id > written => {
                    written = line.id;
                    chat_event(&line)
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(_)) => {
                    (past, chat) = session.control().chat_so_far();
                    missed = true;
                    continue;
                }
                Err(RecvError::Closed) => { chat_lives = false; continue }
            },
        };
        if !send(&events, event).await {
            return;
        }
    };
    send(&events, ended_event(cause)).await;
}

async fn send(events: &Events, event: Event) -> bool {
    events.send(Ok(event)).await.is_ok()
}

/// Tells the lines that were not told yet; returns false if the page is gone.
async fn catch_up(events: &Events, past: Vec<Arc<ChatLine>>, written: &mut u64) -> bool {
    for line in past {
        if line.id > *written {
            *written = line.id;
            if !send(events, chat_event(&line)).await {
                return false;
            }
        }
    }
    true
}

fn chat_event(line: &ChatLine) -> Event {
    let seconds = line.at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let line = json!({
        "id": line.id,
        "from": line.from.map(|leg| leg.to_string()),
        "name": line.name,
        "text": line.text,
        "at": seconds,
    });
    event("chat", &line)
}

fn roster_event(session: &Session, roster: &Roster) -> Event {
    let control = session.control();
    event("roster", &PageView::of(roster, control.person(), control.role()))
}

fn notice_event(session: &Session, notice: Notice) -> Event {
    let word = notice.as_str();
    if let Some(id) = notice.partner() {
        let roster = Arc::clone(&session.control().roster().borrow());
        let partner = roster.partner(id);
        let (name, authority) = partner.map_or(("", ""), |partner| (&*partner.deployment, &*partner.authority));
        return event(
            "notice",
            &json!({ "notice": word, "partner": name, "authority": authority }),
        );
    }
    match notice {
        Notice::Muted { by_moderator } | Notice::HandLowered { by_moderator } => {
            event("notice", &json!({ "notice": word, "by_moderator": by_moderator }))
        }
        Notice::Joined { first, muted } | Notice::Admitted { first, muted } => {
            event("notice", &json!({ "notice": word, "first": first, "muted": muted }))
        }
        Notice::Invitation { number, state } => {
            let state = state.as_str();
            event(
                "notice",
                &json!({ "notice": word, "invitation": number, "state": state }),
            )
        }
        _ => event("notice", &json!({ "notice": word })),
    }
}

fn ended_event(cause: Cause) -> Event {
    event("ended", &json!({ "cause": cause.as_str() }))
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // Our views hold nothing but strings, numbers and flags.
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(data)
}
