// SPDX-License-Identifier: EUPL-1.2
//! Event streams, and what happens when nobody listens any more.

use super::*;

#[tokio::test]
async fn the_first_event_is_the_roster_with_me_in_it() {
    let stage = Stage::new();
    let alice = stage.join_as("Al\u{202e}ice<script>", PIN).await;
    let (name, roster) = stage.watch(&alice.token).await.next().await.unwrap();
    assert_eq!(name, "roster");
    assert_eq!(roster["me"], alice.id);
    assert_eq!(roster["role"], "participant");
    assert_eq!(roster["room"]["id"], MEETING);
    assert_eq!(roster["room"]["name"], "Demo");
    let me = json!({
        "id": alice.id, "name": "Alice<script>", "kind": "browser", "role": "participant", "muted": false,
        "muted_by_moderator": false, "hand": null, "speaking": false, "waiting": false,
    });
    assert_eq!(roster["participants"], json!([me]));
}

#[tokio::test]
async fn speakers_are_marked_as_the_media_plane_reports_them() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    assert_eq!(stage.offer(&alice.token, OFFER).await.status, 201);
    let mut events = stage.watch(&alice.token).await;
    let room = stage.rooms.list()[0].clone();
    stage.rooms.speaking(room.key, vec![room.people[0].leg]);
    events
        .roster_where(|roster| roster["participants"][0]["speaking"] == true)
        .await;
    stage.rooms.speaking(room.key, Vec::new());
    events
        .roster_where(|roster| roster["participants"][0]["speaking"] == false)
        .await;
}

#[tokio::test(start_paused = true)]
async fn rosters_come_at_most_ten_times_a_second_and_the_last_one_is_right() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let mut events = stage.watch(&alice.token).await;
    events.next_of("roster").await;
    for turn in 0..101 {
        let answer = stage
            .post("/api/me/mute", &alice.token, json!({ "muted": turn % 2 == 0 }))
            .await;
        assert_eq!(answer.status, 204);
    }
    let (start, mut rosters) = (tokio::time::Instant::now(), 0);
    let last = loop {
        match tokio::time::timeout(Duration::from_secs(1), events.next()).await {
            Ok(Some((name, roster))) if name == "roster" => {
                rosters += 1;
                if roster["participants"][0]["muted"] == true {
                    break roster;
                }
            }
            Ok(_) => {}
            Err(_) => panic!("the last state never came"),
        }
    };
    assert!(rosters <= 2, "{rosters} rosters in {:?}", start.elapsed());
    assert_eq!(last["participants"][0]["muted"], true);
}

#[tokio::test]
async fn a_stream_needs_a_token_and_one_person_gets_only_a_few() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let get = |query: String| stage.send(Request::get(format!("/api/events{query}")).body(Body::empty()).unwrap());
    assert_eq!(get(String::new()).await.error().0, 401);
    assert_eq!(get("?token=wrong".to_owned()).await.error().0, 401);
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(stage.watch(&alice.token).await);
    }
    assert_eq!(
        get(format!("?token={}", alice.token)).await.error(),
        (429, "too_many_streams".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_person_without_events_and_media_leaves_after_the_grace_time() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let mut bobs = {
        let bob = stage.join_as("Bob", PIN).await;
        stage.watch(&bob.token).await
    };
    let alices = stage.watch(&alice.token).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.rooms.list()[0].people.len(), 2);
    drop(alices);
    let gone_at = tokio::time::Instant::now();
    bobs.roster_where(|roster| roster["participants"].as_array().unwrap().len() == 1)
        .await;
    let grace = gone_at.elapsed();
    assert!(
        grace >= Duration::from_secs(15) && grace < Duration::from_secs(30),
        "{grace:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_that_comes_back_within_the_grace_time_stays_and_later_learns_how_it_ended() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    drop(stage.watch(&alice.token).await);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let again = stage.watch(&alice.token).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.rooms.list()[0].people.len(), 1);
    drop(again);
    tokio::time::sleep(Duration::from_secs(25)).await;
    let mut late = stage.watch(&alice.token).await;
    assert_eq!(
        late.next().await.unwrap(),
        ("ended".to_owned(), json!({ "cause": "media_timeout" }))
    );
    drop(late);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(stage.sessions.is_empty(), "an ended stay is forgotten");
    assert!(stage.rooms.is_empty(), "an empty room is forgotten");
}

#[tokio::test]
async fn leaving_is_told_and_ends_the_stream() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let mut events = stage.watch(&alice.token).await;
    let leave = Request::post("/api/me/leave").header("authorization", format!("Bearer {}", alice.token));
    assert_eq!(stage.send(leave.body(Body::empty()).unwrap()).await.status, 204);
    assert_eq!(events.next_of("ended").await, json!({ "cause": "left" }));
    assert!(events.next().await.is_none());
}
