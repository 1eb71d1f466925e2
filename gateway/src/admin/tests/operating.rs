// SPDX-License-Identifier: EUPL-1.2
//! The operator's listener.

use super::*;

async fn ask(stage: &Stage, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(&stage.operator, request.body(Body::from("{\"muted\":true}")).unwrap()).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn readiness_names_what_is_not_ready_and_liveness_does_not_care() {
    let stage = Stage::new();
    assert_eq!(ask(&stage, "GET", "/readyz", &[]).await.status, 200);
    stage
        .readiness
        .not_ready("sip", "tls:127.0.0.1:5061: certificate expired");
    let answer = ask(&stage, "GET", "/readyz", &[]).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["not_ready"][0]["part"], "sip");
    assert_eq!(ask(&stage, "GET", "/healthz", &[]).await.status, 200);
    stage.readiness.ready("sip");
    assert_eq!(ask(&stage, "GET", "/readyz", &[]).await.status, 200);
    stage.rooms.set_draining(true);
    let answer = ask(&stage, "GET", "/readyz", &[]).await;
    assert_eq!(answer.json()["not_ready"][0]["why"], "draining");
}

#[tokio::test]
async fn the_operator_sees_rooms_and_moderates_them() {
    let stage = Stage::new();
    assert_eq!(
        ask(&stage, "GET", "/api/rooms", &[]).await.json(),
        json!({ "rooms": [] })
    );
    let alice = stage.join_as("Alice", PIN).await;
    let list = ask(&stage, "GET", "/api/rooms", &[]).await.json();
    assert_eq!(list["rooms"][0]["id"], MEETING);
    assert_eq!(list["rooms"][0]["browsers"], 1);
    assert!(list["rooms"][0].get("participants").is_none());

    let path = format!("/api/rooms/{MEETING}/participants/{}/mute", alice.id);
    assert_eq!(ask(&stage, "POST", &path, &[JSON]).await.status, 204);
    let mut events = stage.watch(&alice.token).await;
    events
        .roster_where(|roster| roster["participants"][0]["muted_by_moderator"] == true)
        .await;
    let detail = ask(&stage, "GET", &format!("/api/rooms/{MEETING}"), &[]).await.json();
    assert_eq!(detail["participants"][0]["name"], "Alice");
    assert_eq!(detail["participants"][0]["muted"], true);

    let remove = format!("/api/rooms/{MEETING}/participants/leg-0/remove");
    assert_eq!(
        ask(&stage, "POST", &remove, &[]).await.error(),
        (404, "no_such_participant".to_owned())
    );
    assert_eq!(
        ask(&stage, "POST", &format!("/api/rooms/{MEETING}/end"), &[])
            .await
            .status,
        204
    );
    assert_eq!(events.next_of("ended").await, json!({ "cause": "room_ended" }));
    assert_eq!(
        ask(&stage, "POST", "/api/rooms/0/end", &[]).await.error(),
        (404, "no_such_room".to_owned())
    );
    assert_eq!(
        ask(&stage, "GET", "/api/rooms/0", &[]).await.error(),
        (404, "no_such_room".to_owned())
    );
}

#[tokio::test]
async fn with_a_token_the_api_asks_for_it_and_health_does_not() {
    let stage = Stage::with(|_| {}, PublicConfig::default(), Some("secret"));
    assert_eq!(ask(&stage, "GET", "/api/rooms", &[]).await.error().0, 401);
    assert_eq!(
        ask(&stage, "GET", "/metrics", &[("authorization", "Bearer secre")])
            .await
            .error()
            .0,
        401
    );
    assert_eq!(
        ask(&stage, "GET", "/api/rooms", &[("authorization", "Bearer secret")])
            .await
            .status,
        200
    );
    assert_eq!(ask(&stage, "GET", "/healthz", &[]).await.status, 200);
}

#[tokio::test]
async fn a_web_page_on_the_operators_machine_can_ask_for_nothing() {
    let stage = Stage::new();
    for header in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("host", "evil.example:9090"),
    ] {
        let answer = ask(&stage, "GET", "/api/rooms", &[header]).await;
        assert_eq!(answer.error(), (403, "foreign_origin".to_owned()), "{header:?}");
    }
    for host in ["127.0.0.1:9090", "localhost:9090", "[::1]:9090", "localhost"] {
        assert_eq!(
            ask(&stage, "GET", "/api/rooms", &[("host", host)]).await.status,
            200,
            "{host}"
        );
    }
}

#[tokio::test]
async fn the_numbers_are_described_and_hold_nothing_personal() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let numbers = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    crate::admin::numbers::describe();
    let stage = Stage::new();
    let operator = Operator {
        rooms: stage.rooms.clone(),
        inviter: Arc::new(NobodyCalls),
        joints: Arc::new(joint::OnePartner::default()),
        readiness: Readiness::default(),
        numbers: Some(numbers),
        token: None,
    };
    let alice = stage.join_as("Alice", PIN).await;
    let wrong = json!({ "meeting": MEETING, "pin": "0000000000", "name": "Eve" });
    stage.post("/api/join", "", wrong).await;
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let text = Answer::of(&operator_router(operator), request).await.text;
    for line in [
        "# HELP landbridge_rooms ",
        "# TYPE landbridge_people gauge",
        "landbridge_rooms 1",
        "landbridge_people{kind=\"browser\"} 1",
        "landbridge_people{kind=\"phone\"} 0",
        "landbridge_web_joins_total{result=\"joined\"} 1",
        "landbridge_web_joins_total{result=\"wrong_credentials\"} 1",
        "# HELP landbridge_sfu_tracks ",
        "# HELP landbridge_opentalk_starts_total ",
        "landbridge_opentalk_starts_total{outcome=\"refused\"} 0",
        "# HELP landbridge_opentalk_restarts_total ",
        "# HELP landbridge_opentalk_attendees ",
        "landbridge_opentalk_attendees 0",
        "process_resident_memory_bytes",
    ] {
        assert!(text.contains(line), "{line} in:\n{text}");
    }
    for personal in ["Alice", MEETING, PIN, &alice.id, &alice.token] {
        assert!(!text.contains(personal), "{personal} in:\n{text}");
    }
}
