// SPDX-License-Identifier: EUPL-1.2
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test]
async fn sixteen_phones_ask_at_once_and_the_others_wait_their_turn() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    async fn slow() -> String {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        NOW.fetch_sub(1, Ordering::SeqCst);
        json!({"token": "t", "roomserver_address": "https://rooms.example/"}).to_string()
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let desk = desk(listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(slow)).await });
    let phones: Vec<_> = (0..40)
        .map(|_| {
            let desk = desk.clone();
            tokio::spawn(async move { desk.start(&zoe()).await })
        })
        .collect();
    for phone in phones {
        phone.await.unwrap().unwrap();
    }
    assert_eq!(MOST.load(Ordering::SeqCst), 16);
}

#[tokio::test]
async fn a_phone_does_not_wait_for_its_turn_for_ever() {
    // Nobody is ever answered.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let desk = desk(listener.local_addr().unwrap());
    let others: Vec<_> = (0..16)
        .map(|_| {
            let desk = desk.clone();
            tokio::spawn(async move { desk.start(&zoe()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let start = std::time::Instant::now();
    let error = desk.start(&zoe()).await.unwrap_err();
    assert!(matches!(&error, StartError::Unreachable(_)), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    others.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_controller_that_wants_fewer_requests_is_left_alone_as_long_as_it_says() {
    let cases = [
        (429, None, Some(5)),
        (429, Some("1"), Some(5)),
        (429, Some("20"), Some(20)),
        (429, Some("nonsense"), Some(5)),
        (429, Some("Mon, 23 Nov 2020 10:40:07 GMT"), Some(5)),
        (503, Some("3600"), Some(60)),
        (503, None, None),
    ];
    for (status, retry_after, expected) in cases {
        let (controller, address) = Controller::start([(status, json!(null))]).await;
        if let Some(told) = retry_after {
            controller.adds("retry-after", told);
        }
        let error = desk(address).start(&zoe()).await.unwrap_err();
        let is_busy = matches!(&error, StartError::Busy { .. });
        assert_eq!(is_busy, expected.is_some(), "{error:?}");
        let wait = Duration::from_secs(expected.unwrap_or(0));
        assert_eq!(error.wait(), wait, "{status} {retry_after:?}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}
