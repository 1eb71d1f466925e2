// SPDX-License-Identifier: EUPL-1.2
//! What people write to each other by the page.

use super::*;

#[tokio::test]
async fn all_who_are_inside_read_what_one_writes() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    let bob = stage.join_as("Bob", PIN).await;
    let (mut alices, mut bobs) = (stage.watch(&alice.token).await, stage.watch(&bob.token).await);
    let text = json!({ "text": " <b>Gr\u{fc}\u{df}e</b>\u{202e}\n" });
    assert_eq!(stage.post("/api/chat", &alice.token, text).await.status, 204);
    for events in [&mut alices, &mut bobs] {
        let line = events.next_of("chat").await;
        assert_eq!(
            (line["id"].as_u64(), line["from"].as_str()),
            (Some(1), Some(alice.id.as_str()))
        );
        assert_eq!(
            (line["name"].as_str(), line["text"].as_str()),
            (Some("Alice"), Some("<b>Gr\u{fc}\u{df}e</b>"))
        );
        assert!(line["at"].as_u64().unwrap() > 1_700_000_000);
    }
}

#[tokio::test]
async fn a_page_that_comes_back_finds_what_it_missed_and_a_newcomer_finds_nothing() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    for text in ["one", "two"] {
        assert_eq!(
            stage
                .post("/api/chat", &alice.token, json!({ "text": text }))
                .await
                .status,
            204
        );
    }
    let mut again = stage.watch(&alice.token).await;
    assert_eq!(again.next_of("chat").await["text"], "one");
    assert_eq!(again.next_of("chat").await["text"], "two");
    let bob = stage.join_as("Bob", PIN).await;
    let mut bobs = stage.watch(&bob.token).await;
    assert_eq!(
        stage
            .post("/api/chat", &alice.token, json!({ "text": "three" }))
            .await
            .status,
        204
    );
    assert_eq!(bobs.next_of("chat").await["text"], "three");
}

#[tokio::test]
async fn floods_and_what_is_no_text_are_refused_with_a_remedy() {
    let stage = Stage::new();
    let alice = stage.join_as("Alice", PIN).await;
    for text in ["", "\u{200b}", "x".repeat(5000).as_str()] {
        let answer = stage.post("/api/chat", &alice.token, json!({ "text": text })).await;
        assert_eq!(answer.error(), (400, "unfit_text".to_owned()), "{}", text.len());
    }
    for _ in 0..5 {
        stage.post("/api/chat", &alice.token, json!({ "text": "x" })).await;
    }
    let answer = stage.post("/api/chat", &alice.token, json!({ "text": "x" })).await;
    assert_eq!(answer.error(), (429, "too_fast".to_owned()));
    assert_eq!(
        stage.post("/api/chat", "wrong", json!({ "text": "x" })).await.status,
        401
    );
}
