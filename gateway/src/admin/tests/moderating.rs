// SPDX-License-Identifier: EUPL-1.2
//! What people may do to themselves, to others and to the room.

use super::*;

#[tokio::test]
async fn without_a_token_nothing_may_be_done() {
    let stage = Stage::new();
    stage.join_as("Mo", MODERATOR_PIN).await;
    for path in [
        "/api/me/mute",
        "/api/me/leave",
        "/api/participants/leg-1/remove",
        "/api/room/end",
    ] {
        for token in ["", "wrong", MODERATOR_PIN] {
            let answer = stage.post(path, token, json!({ "muted": true })).await;
            assert_eq!(answer.error(), (401, "unauthorized".to_owned()), "{path}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
}

#[tokio::test]
async fn participants_may_not_moderate() {
    let stage = Stage::new();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let alice = stage.join_as("Alice", PIN).await;
    let id = &mo.id;
    for (path, body) in [
        (format!("/api/participants/{id}/mute"), json!({ "muted": true })),
        (format!("/api/participants/{id}/hand"), json!({ "raised": false })),
        (format!("/api/participants/{id}/remove"), json!({})),
        (format!("/api/participants/{id}/admit"), json!({})),
        ("/api/participants/leg-0/remove".to_owned(), json!({})),
        ("/api/room/lock".to_owned(), json!({ "locked": true })),
        ("/api/room/waiting-room".to_owned(), json!({ "enabled": true })),
        ("/api/room/admit-all".to_owned(), json!({})),
        ("/api/room/end".to_owned(), json!({})),
    ] {
        let answer = stage.post(&path, &alice.token, body).await;
        assert_eq!(answer.error(), (403, "not_moderator".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_moderator_mutes_lowers_and_removes_and_cannot_open_a_microphone() {
    let stage = Stage::new();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let alice = stage.join_as("Alice", PIN).await;
    let mut events = stage.watch(&alice.token).await;
    let at = |what: &str| format!("/api/participants/{}/{what}", alice.id);

    assert_eq!(
        stage
            .post(&at("mute"), &mo.token, json!({ "muted": true }))
            .await
            .status,
        204
    );
    assert_eq!(
        events.next_of("notice").await,
        json!({ "notice": "muted", "by_moderator": true })
    );
    let answer = stage.post(&at("mute"), &mo.token, json!({ "muted": false })).await;
    assert_eq!(answer.error(), (403, "may_not_unmute_others".to_owned()));
    assert_eq!(
        stage
            .post("/api/me/mute", &alice.token, json!({ "muted": false }))
            .await
            .status,
        204
    );
    assert_eq!(events.next_of("notice").await, json!({ "notice": "unmuted" }));

    assert_eq!(
        stage
            .post("/api/me/hand", &alice.token, json!({ "raised": true }))
            .await
            .status,
        204
    );
    let roster = events
        .roster_where(|roster| roster["participants"][1]["hand"] == 1)
        .await;
    assert_eq!(roster["participants"][1]["name"], "Alice");
    assert_eq!(
        stage
            .post(&at("hand"), &mo.token, json!({ "raised": true }))
            .await
            .error()
            .0,
        400
    );
    assert_eq!(
        stage
            .post(&at("hand"), &mo.token, json!({ "raised": false }))
            .await
            .status,
        204
    );
    assert_eq!(
        events.next_of("notice").await,
        json!({ "notice": "hand_lowered", "by_moderator": true })
    );

    assert_eq!(stage.post(&at("remove"), &mo.token, json!({})).await.status, 204);
    assert_eq!(events.next_of("ended").await, json!({ "cause": "removed" }));
    assert!(events.next().await.is_none());
    assert_eq!(
        stage.post(&at("remove"), &mo.token, json!({})).await.error(),
        (404, "no_such_participant".to_owned())
    );
    let answer = stage
        .post("/api/me/mute", &alice.token, json!({ "muted": false }))
        .await;
    assert_eq!(answer.error(), (410, "ended".to_owned()));
}

#[tokio::test]
async fn those_who_wait_see_only_themselves_until_they_are_admitted() {
    let stage = Stage::with_waiting_room();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let alice = stage.join_as("Alice", PIN).await;
    let bob = stage.join_as("Bob", PIN).await;
    assert_eq!((alice.state.as_str(), mo.state.as_str()), ("waiting", "joined"));
    let mut alices = stage.watch(&alice.token).await;
    let names = |roster: &Value| {
        let people = roster["participants"].as_array().unwrap();
        people
            .iter()
            .map(|person| person["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&alices.next_of("roster").await), ["Alice"]);
    let seen_by_mo = stage.watch(&mo.token).await.next_of("roster").await;
    assert_eq!(names(&seen_by_mo), ["Mo", "Alice", "Bob"]);
    assert_eq!(seen_by_mo["participants"][1]["waiting"], true);

    let admit = format!("/api/participants/{}/admit", alice.id);
    assert_eq!(stage.post(&admit, &mo.token, json!({})).await.status, 204);
    let notice = alices.next_of("notice").await;
    assert_eq!(notice, json!({ "notice": "admitted", "first": false, "muted": false }));
    let roster = alices.next_of("roster").await;
    assert_eq!(
        names(&roster),
        ["Mo", "Alice"],
        "Bob waits, which is the moderators' business"
    );

    let mut bobs = stage.watch(&bob.token).await;
    assert_eq!(
        stage
            .post(&format!("/api/participants/{}/remove", bob.id), &mo.token, json!({}))
            .await
            .status,
        204
    );
    assert_eq!(bobs.next_of("ended").await, json!({ "cause": "declined" }));
}

#[tokio::test]
async fn the_end_reaches_everybody_and_the_room_can_be_entered_anew() {
    let stage = Stage::new();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let alice = stage.join_as("Alice", PIN).await;
    let mut events = stage.watch(&alice.token).await;
    assert_eq!(
        stage
            .post("/api/room/lock", &mo.token, json!({ "locked": true }))
            .await
            .status,
        204
    );
    events.roster_where(|roster| roster["room"]["locked"] == true).await;
    assert_eq!(stage.post("/api/room/end", &mo.token, json!({})).await.status, 204);
    assert_eq!(events.next_of("ended").await, json!({ "cause": "room_ended" }));
    let again = stage.join_as("Alice", PIN).await;
    let roster = stage.watch(&again.token).await.next_of("roster").await;
    assert_eq!(roster["participants"].as_array().unwrap().len(), 1);
    assert_eq!(roster["room"]["locked"], false);
}
