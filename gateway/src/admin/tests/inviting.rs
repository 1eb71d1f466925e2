// SPDX-License-Identifier: EUPL-1.2
//! Who may call whom into a meeting by HTTP.

use super::*;
use crate::room::{Input, InviteState};

#[tokio::test]
async fn a_moderator_calls_whom_the_operator_allows_and_nobody_else_does() {
    let stage = Stage::new();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let alice = stage.join_as("Alice", PIN).await;
    let call = |token: String, address: &str| {
        let body = json!({ "address": address });
        let stage = &stage;
        async move { stage.post("/api/invite", &token, body).await }
    };
    let called = call(mo.token.clone(), "bob@a.example").await;
    assert_eq!(
        (called.status, called.json()["invitation"].as_u64()),
        (StatusCode::ACCEPTED, Some(7))
    );
    let refused = call(mo.token.clone(), "x@evil.example").await;
    assert_eq!(refused.error(), (403, "not_allowed".to_owned()));
    let refused = call(alice.token, "bob@a.example").await;
    assert_eq!(refused.error(), (403, "not_moderator".to_owned()));
    assert_eq!(call("wrong".to_owned(), "bob@a.example").await.status, 401);
}

#[tokio::test]
async fn the_page_of_a_moderator_alone_offers_to_call() {
    let stage = Stage::new();
    for (pin, offered) in [(MODERATOR_PIN, true), (PIN, false)] {
        let wish = json!({ "meeting": MEETING, "pin": pin, "name": "x" });
        assert_eq!(stage.post("/api/join", "", wish).await.json()["invite"], offered);
    }
}

#[tokio::test]
async fn the_operator_calls_into_a_live_room_alone() {
    let stage = Stage::new();
    for (room, status) in [(MEETING, 202), ("999", 404)] {
        let body = json!({ "address": "bob@a.example" });
        let request = json_request("POST", &format!("/api/rooms/{room}/invite"), "", &body);
        assert_eq!(Answer::of(&stage.operator, request).await.status, status, "{room}");
    }
}

#[tokio::test]
async fn the_inviter_is_told_what_becomes_of_the_call() {
    let stage = Stage::new();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let mut events = stage.watch(&mo.token).await;
    events.next_of("roster").await;
    let news = Input::Invitation {
        person: stage.rooms.list()[0].people[0].leg,
        number: 7,
        state: InviteState::NoAnswer,
    };
    stage.rooms.ask(MEETING, news).await.unwrap();
    let told = loop {
        let notice = events.next_of("notice").await;
        if notice["notice"] == "invitation" {
            break notice;
        }
    };
    assert_eq!(
        told,
        json!({ "notice": "invitation", "invitation": 7, "state": "no_answer" })
    );
}
