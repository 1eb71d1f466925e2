// SPDX-License-Identifier: EUPL-1.2
//! Joining: who gets in, who does not, and what strangers learn from it.

use super::*;

async fn try_join(stage: &Stage, meeting: &str, pin: &str) -> Answer {
    stage
        .post(
            "/api/join",
            "",
            json!({ "meeting": meeting, "pin": pin, "name": "Eve" }),
        )
        .await
}

#[tokio::test]
async fn the_pin_decides_the_role_and_every_answer_names_where_to_go_on() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let mo = stage.join_as("Mo", "11111 22222").await;
    assert_eq!((alice.role.as_str(), alice.state.as_str()), ("participant", "joined"));
    assert_eq!(mo.role, "moderator");
    assert_ne!(alice.token, mo.token);
    let answer = try_join(&stage, MEETING, PIN).await.json();
    assert_eq!(answer["media"], format!("/whip/{MEETING}"));
    assert_eq!(answer["events"], "/api/events");
}

#[tokio::test]
async fn an_unknown_room_and_a_wrong_pin_get_the_same_answer() {
    let stage = Stage::new();
    let unknown = try_join(&stage, "9999999999", PIN).await;
    let wrong = try_join(&stage, MEETING, "0000000000").await;
    assert_eq!(unknown.error(), (403, "wrong_credentials".to_owned()));
    assert_eq!((unknown.status, &unknown.text), (wrong.status, &wrong.text));
    assert_eq!(unknown.headers, wrong.headers);
}

#[tokio::test]
async fn an_unknown_room_and_a_wrong_pin_take_the_same_time() {
    let meetings = Meetings::new(vec![Meeting {
        id: MEETING.to_owned(),
        pin: Some(PIN.to_owned()),
        moderator_pin: None,
        name: String::new(),
        waiting_room: false,
        max_people: 1,
        residence: crate::room::Residence::Local,
    }]);
    let median = |id: &str| {
        let mut times: Vec<_> = (0..501)
            .map(|_| {
                let start = std::time::Instant::now();
                assert!(std::hint::black_box(meetings.check(id, "0000000000")).is_none());
                start.elapsed()
            })
            .collect();
        times.sort();
        times[250]
    };
    let (unknown, wrong) = (median("9999999999"), median(MEETING));
    assert!(
        unknown.abs_diff(wrong) < Duration::from_millis(5),
        "{unknown:?} against {wrong:?}"
    );
}

#[tokio::test]
async fn whoever_guesses_must_wait_and_is_told_how_long() {
    let stage = Stage::new();
    for _ in 0..3 {
        try_join(&stage, MEETING, "0000000000").await;
    }
    let answer = try_join(&stage, MEETING, "0000000000").await;
    assert_eq!(answer.error(), (429, "too_many_tries".to_owned()));
    assert_eq!(answer.headers["retry-after"], "60");
}

#[tokio::test]
async fn a_source_that_floods_is_slowed_down() {
    let config = PublicConfig {
        per_second: 1,
        burst: 2,
        ..PublicConfig::default()
    };
    let stage = Stage::with(|_| {}, config, None);
    let get = || stage.send(Request::get("/").body(Body::empty()).unwrap());
    assert_eq!(get().await.status, 200);
    assert_eq!(get().await.status, 200);
    let answer = get().await;
    assert_eq!(answer.error(), (429, "too_many_tries".to_owned()));
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_full_a_locked_and_a_draining_gateway_say_so() {
    let stage = Stage::with(|meeting| meeting.max_people = 1, PublicConfig::default(), None);
    let mo = stage.join_as("Mo", MODERATOR_PIN).await;
    assert_eq!(try_join(&stage, MEETING, PIN).await.error(), (503, "full".to_owned()));
    assert_eq!(
        stage
            .post("/api/room/lock", &mo.token, json!({ "locked": true }))
            .await
            .status,
        204
    );
    assert_eq!(try_join(&stage, MEETING, PIN).await.error(), (423, "locked".to_owned()));
    stage.rooms.set_draining(true);
    let answer = try_join(&stage, MEETING, PIN).await;
    assert_eq!(answer.error(), (503, "draining".to_owned()));
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn malformed_bodies_get_a_clear_error_that_does_not_repeat_them() {
    let stage = Stage::new();
    let send = |kind: &'static str, body: String| {
        stage.send(
            Request::post("/api/join")
                .header("content-type", kind)
                .body(Body::from(body))
                .unwrap(),
        )
    };
    let json = "application/json";
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"meeting\":1}",
        "{\"pin\":\"0987654321\"}",
        "\u{0}",
        "{\"meeting\":\"1\",\"x\":1}",
    ] {
        let answer = send(json, body.to_owned()).await;
        assert_eq!(answer.error(), (400, "bad_request".to_owned()), "{body}");
        assert!(!answer.text.contains(PIN));
    }
    let deep = format!("{{\"meeting\":{}", "[".repeat(10_000));
    assert_eq!(send(json, deep).await.error().0, 400);
    let long = json!({ "meeting": "1".repeat(65), "pin": "" }).to_string();
    assert_eq!(send(json, long).await.error().0, 400);
    assert_eq!(
        send(json, " ".repeat(1 << 20)).await.error(),
        (413, "too_large".to_owned())
    );
    assert_eq!(
        send("text/plain", "{}".to_owned()).await.error(),
        (415, "unsupported_media_type".to_owned())
    );
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let stage = Stage::new();
    let endless = tokio_stream::iter((0..10_000).map(|_| Ok::<_, std::io::Error>("x".repeat(1024))));
    let request = Request::post("/api/join")
        .header("content-type", "application/json")
        .body(Body::from_stream(endless))
        .unwrap();
    assert_eq!(stage.send(request).await.error(), (413, "too_large".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_stalls_is_answered_with_a_timeout() {
    let stage = Stage::new();
    let (_open, stalled) = mpsc::channel::<Result<String, std::io::Error>>(1);
    let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(stalled));
    let request = Request::post("/api/join")
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    assert_eq!(stage.send(request).await.error(), (408, "timeout".to_owned()));
}

#[tokio::test]
async fn the_page_comes_with_headers_that_forbid_foreign_code() {
    let stage = Stage::new();
    let page = stage.send(Request::get("/").body(Body::empty()).unwrap()).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"));
    assert!(policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    assert!(
        page.headers["permissions-policy"]
            .to_str()
            .unwrap()
            .contains("microphone=(self)")
    );
    let again = Request::get("/")
        .header("if-none-match", &page.headers["etag"])
        .body(Body::empty())
        .unwrap();
    assert_eq!(stage.send(again).await.status, 304);
    let script = stage
        .send(Request::get("/assets/app.js").body(Body::empty()).unwrap())
        .await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
}

#[tokio::test]
async fn unknown_paths_and_methods_get_json_and_the_headers_too() {
    let stage = Stage::new();
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("GET", "/assets/..%2f..%2fCargo.toml", 404),
        ("GET", "/api/join", 405),
        ("DELETE", "/", 405),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = stage.send(request).await;
        assert_eq!(answer.error().0, status, "{method} {path}");
        assert!(answer.headers.contains_key("content-security-policy"));
    }
}
