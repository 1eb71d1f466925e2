// SPDX-License-Identifier: EUPL-1.2
//! WHIP (RFC 9725), for pages that joined before and for clients that speak nothing else.

use super::*;

async fn at(stage: &Stage, method: &str, path: &str, bearer: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {bearer}"));
    stage.send(request.body(Body::empty()).unwrap()).await
}

fn leg(person: &Person) -> LegId {
    LegId(person.id.strip_prefix("leg-").unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_page_gives_its_person_media_and_takes_it_away_and_the_person_stays() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    assert_eq!(stage.media.take_orders(), Vec::<String>::new());
    let answer = stage.offer(&alice.token, OFFER).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.headers["content-type"], "application/sdp");
    assert!(answer.headers["etag"].to_str().unwrap().starts_with('"'));
    assert!(answer.text.starts_with("v=0"));
    let id = &alice.id;
    assert_eq!(stage.media.take_orders(), [format!("open {id}"), format!("enter {id}")]);

    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("/whip/{MEETING}/")));
    assert_eq!(at(&stage, "DELETE", location, &alice.token).await.status, 200);
    assert_eq!(
        stage.media.take_orders(),
        [format!("leave {id}"), format!("close {id}")]
    );
    assert_eq!(stage.rooms.list()[0].people.len(), 1);
    assert_eq!(at(&stage, "DELETE", location, &alice.token).await.status, 404);
}

#[tokio::test]
async fn a_second_offer_takes_the_place_of_the_first() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let first = stage.offer(&alice.token, OFFER).await.headers["location"].clone();
    stage.media.take_orders();
    let second = stage.offer(&alice.token, OFFER).await;
    assert_eq!(second.status, 201);
    let id = &alice.id;
    let orders = ["leave", "close", "open", "enter"].map(|order| format!("{order} {id}"));
    assert_eq!(stage.media.take_orders(), orders);
    assert_eq!(
        at(&stage, "DELETE", first.to_str().unwrap(), &alice.token).await.status,
        404
    );
}

#[tokio::test]
async fn a_whip_client_joins_with_its_pin_alone_and_leaves_by_delete() {
    let stage = Stage::new();
    let answer = stage.offer(PIN, OFFER).await;
    assert_eq!(answer.status, 201);
    let room = stage.rooms.list()[0].clone();
    assert_eq!(room.people.len(), 1);
    let location = answer.headers["location"].to_str().unwrap();
    for stranger in ["wrong", MODERATOR_PIN] {
        assert_eq!(at(&stage, "DELETE", location, stranger).await.error().0, 404);
    }
    assert_eq!(at(&stage, "DELETE", location, PIN).await.status, 200);
    let id = room.people[0].leg;
    assert_eq!(
        stage.media.take_orders(),
        ["open", "enter", "leave", "close"].map(|order| format!("{order} {id}"))
    );
    assert_eq!(stage.rooms.roster(MEETING).unwrap().borrow().key, room.key);
    assert_eq!(
        stage.offer("0000000000", OFFER).await.error(),
        (403, "wrong_credentials".to_owned())
    );
}

#[tokio::test]
async fn one_whip_client_cannot_end_another_that_knows_the_same_pin() {
    let stage = Stage::new();
    let first = stage.offer(PIN, OFFER).await.headers["location"].clone();
    let second = stage.offer(PIN, OFFER).await.headers["location"].clone();
    assert_ne!(first, second);
    let guessed = format!("/whip/{MEETING}/{}", stage.rooms.list()[0].people[0].leg);
    assert_eq!(at(&stage, "DELETE", &guessed, PIN).await.status, 404);
    let elsewhere = first.to_str().unwrap().replace(MEETING, "9999999999");
    assert_eq!(at(&stage, "DELETE", &elsewhere, PIN).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn bad_offers_get_a_clear_error_and_leave_nobody_behind() {
    let stage = Stage::new();
    for (sdp, error) in [
        ("", (400, "bad_request")),
        ("{}", (400, "bad_request")),
        ("v=0\r\n", (400, "bad_request")),
        ("v=0\r\nm=audio H263\r\n", (406, "no_common_codec")),
    ] {
        let (status, code) = stage.offer(PIN, sdp).await.error();
        assert_eq!((status, code.as_str()), error, "{sdp}");
    }
    let huge = format!("v=0\r\n{}", "a=x\r\n".repeat(20_000));
    assert_eq!(stage.offer(PIN, &huge).await.error(), (413, "too_large".to_owned()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(stage.rooms.list().iter().all(|room| room.people.is_empty()));
    let untyped = Request::post(format!("/whip/{MEETING}")).header("authorization", format!("Bearer {PIN}"));
    assert_eq!(
        stage.send(untyped.body(Body::from(OFFER)).unwrap()).await.error().0,
        415
    );
    let unsigned = Request::post(format!("/whip/{MEETING}")).header("content-type", "application/sdp");
    assert_eq!(
        stage.send(unsigned.body(Body::from(OFFER)).unwrap()).await.error().0,
        401
    );
}

#[tokio::test]
async fn the_reserved_methods_are_refused_and_options_tells_what_is_taken() {
    let stage = Stage::new();
    let location = stage.offer(PIN, OFFER).await.headers["location"]
        .to_str()
        .unwrap()
        .to_owned();
    let endpoint = format!("/whip/{MEETING}");
    for (methods, path) in [
        (["GET", "HEAD", "PUT", "PATCH"], &endpoint),
        (["GET", "HEAD", "PUT", "PATCH"], &location),
    ] {
        for method in methods {
            let answer = at(&stage, method, path, PIN).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.headers.contains_key("allow"));
        }
    }
    let answer = at(&stage, "OPTIONS", &endpoint, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["accept-post"], "application/sdp");
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert!(
        answer.headers["access-control-expose-headers"]
            .to_str()
            .unwrap()
            .contains("Location")
    );
    assert_eq!(
        at(&stage, "OPTIONS", &location, "").await.headers["access-control-allow-methods"],
        "DELETE, OPTIONS"
    );
}

#[tokio::test]
async fn broken_media_is_told_to_the_page_which_may_offer_again() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let mut events = stage.watch(&alice.token).await;
    stage.offer(&alice.token, OFFER).await;
    stage.media.take_orders();
    stage.media.lose(leg(&alice)).await;
    assert_eq!(events.next_of("notice").await, json!({ "notice": "media_failed" }));
    assert_eq!(stage.offer(&alice.token, OFFER).await.status, 201);
    let id = &alice.id;
    let orders = ["leave", "close", "open", "enter"].map(|order| format!("{order} {id}"));
    assert_eq!(stage.media.take_orders(), orders);
}

#[tokio::test(start_paused = true)]
async fn a_whip_client_whose_media_breaks_is_out_and_living_media_alone_keeps_a_page_in() {
    let stage = Stage::new();
    let page = stage.join_as("Alice", PIN).await;
    stage.offer(&page.token, OFFER).await;
    stage.offer(PIN, OFFER).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let people = stage.rooms.list()[0].people.clone();
    assert_eq!(people.len(), 2);
    stage.media.lose(people[1].leg).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.rooms.list()[0].people.len(), 1);
    assert_eq!(stage.rooms.list()[0].people[0].leg, leg(&page));
}

#[tokio::test]
async fn a_whip_client_that_must_wait_is_heard_once_it_is_admitted() {
    let stage = Stage::with_waiting_room();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    assert_eq!(stage.offer(PIN, OFFER).await.status, 201);
    let leg = stage.rooms.list()[0].people[1].leg;
    assert_eq!(stage.media.take_orders(), [format!("open {leg}")]);
    assert_eq!(
        stage
            .post(&format!("/api/participants/{leg}/admit"), &mo.token, json!({}))
            .await
            .status,
        204
    );
    assert_eq!(
        stage.media.take_orders(),
        ["chime Joined".to_owned(), format!("enter {leg}")]
    );
}

#[tokio::test]
async fn a_token_of_one_meeting_opens_no_other() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let request = Request::post("/whip/9999999999")
        .header("authorization", format!("Bearer {}", alice.token))
        .header("content-type", "application/sdp");
    let answer = stage.send(request.body(Body::from(OFFER)).unwrap()).await;
    assert_eq!(answer.error(), (403, "wrong_credentials".to_owned()));
}

#[tokio::test]
async fn a_removed_person_loses_its_media() {
    let stage = Stage::new();
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    let alice = stage.join_as("Alice", PIN).await;
    stage.offer(&alice.token, OFFER).await;
    let mut events = stage.watch(&alice.token).await;
    stage.media.take_orders();
    stage
        .post(&format!("/api/participants/{}/remove", alice.id), &mo.token, json!({}))
        .await;
    events.next_of("ended").await;
    let answer = stage.offer(&alice.token, OFFER).await;
    assert_eq!(answer.error(), (410, "ended".to_owned()));
    let id = &alice.id;
    let orders = [format!("leave {id}"), "chime Left".to_owned(), format!("close {id}")];
    assert_eq!(stage.media.take_orders(), orders);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_half_way_leaves_nothing_half_done() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let _events = stage.watch(&alice.token).await;
    let location = stage.offer(&alice.token, OFFER).await.headers["location"]
        .to_str()
        .unwrap()
        .to_owned();
    stage.media.take_orders();
    tokio::select! {
        biased;
        _ = at(&stage, "DELETE", &location, &alice.token) => panic!("too fast to be given up"),
        () = std::future::ready(()) => {}
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let id = &alice.id;
    assert_eq!(
        stage.media.take_orders(),
        ["leave", "close"].map(|order| format!("{order} {id}"))
    );
    tokio::select! {
        biased;
        _ = stage.offer(&alice.token, OFFER) => panic!("too fast to be given up"),
        () = std::future::ready(()) => {}
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        stage.media.take_orders(),
        ["open", "enter"].map(|order| format!("{order} {id}"))
    );
    stage.media.lose(leg(&alice)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        stage.media.take_orders(),
        ["leave", "close"].map(|order| format!("{order} {id}"))
    );
}
