// SPDX-License-Identifier: EUPL-1.2
//! Signalling against stand-ins that misbehave in one way each.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use livekit_protocol::{LeaveRequest, Ping, SignalResponse};
use prost::Message as _;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::{Call, Request, Response, Signalling as _, Wire};
use crate::legs::livekit::mint::Mint;
use crate::legs::livekit::ticket::{Trouble, TroubleKind};

fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn wire() -> Wire {
    Wire::new(trusting(RootCertStore::empty()), Duration::from_secs(1), true)
}

fn call(url: &str) -> Call {
    Call {
        url: url.to_owned(),
        token: "token".to_owned(),
        resume: None,
    }
}

/// Serves each connection as `serve` says; returns the URL.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    url
}

/// Reads a request's head and answers with a status and a body.
async fn refuse(mut stream: TcpStream, status: &str, body: &str) -> String {
    let mut head = vec![0; 8192];
    let read = stream.read(&mut head).await.unwrap();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    String::from_utf8_lossy(&head[..read]).into_owned()
}

async fn first_trouble(url: &str) -> Trouble {
    let mut channel = wire().connect(call(url)).await.unwrap();
    let first = tokio::time::timeout(Duration::from_secs(5), channel.responses.recv()).await;
    first.expect("in time").expect("a word").expect_err("trouble")
}

#[tokio::test]
async fn a_server_without_v1_is_spoken_to_over_two_connections_and_remembered() {
    let url = server(|stream| async move {
        let mut head = [0; 64];
        let read = stream.peek(&mut head).await.unwrap();
        if head[..read].starts_with(b"GET /rtc/v1?") {
            refuse(stream, "404 Not Found", "").await;
            return;
        }
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            let _ = socket.send(message).await;
        }
    })
    .await;
    let wire = wire();
    for _ in 0..2 {
        let channel = wire.connect(call(&url)).await.unwrap();
        assert!(!channel.single);
        let ping = Request::PingReq(Ping { timestamp: 1, rtt: 0 });
        channel.requests.send(ping).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_of_ten_megabytes_is_not_taken() {
    let url = server(|stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let _ = socket.send(Message::binary(vec![0; 10 << 20])).await;
        let _ = socket.next().await;
    })
    .await;
    let trouble = first_trouble(&url).await;
    assert_eq!(trouble.kind, TroubleKind::Protocol);
    assert!(trouble.what.contains("1024 KiB"), "{trouble}");
}

#[tokio::test]
async fn what_is_no_signalling_is_named_as_such() {
    let url = server(|stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let _ = socket.send(Message::binary(vec![0xff; 64])).await;
        let _ = socket.next().await;
    })
    .await;
    assert_eq!(first_trouble(&url).await.kind, TroubleKind::Protocol);
}

#[tokio::test]
async fn refusals_are_sorted_by_their_remedy() {
    for (status, body, kind) in [
        ("401 Unauthorized", "invalid API key: APIx", TroubleKind::Unauthorised),
        ("401 Unauthorized", "token is expired (exp)", TroubleKind::Clock),
        ("403 Forbidden", "permission denied", TroubleKind::Forbidden),
        ("404 Not Found", "404 page not found", TroubleKind::NotFound),
        ("503 Service Unavailable", "", TroubleKind::Connect),
        ("200 OK", "<html>", TroubleKind::Protocol),
    ] {
        let url = server(move |stream| async move {
            refuse(stream, status, body).await;
        })
        .await;
        let trouble = wire().connect(call(&url)).await.err().unwrap();
        assert_eq!(trouble.kind, kind, "{status} {body}: {trouble}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_and_one_that_is_not_there_are_told_apart() {
    let url = server(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let kind = |trouble: Option<Trouble>| trouble.unwrap().kind;
    assert_eq!(kind(wire().connect(call(&url)).await.err()), TroubleKind::Timeout);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(
        kind(wire().connect(call(&format!("ws://{closed}"))).await.err()),
        TroubleKind::Connect
    );
    assert_eq!(
        kind(wire().connect(call("ws://nobody.invalid")).await.err()),
        TroubleKind::Dns
    );
    assert_eq!(kind(wire().connect(call("ftp://lk")).await.err()), TroubleKind::BadUrl);
}

/// Serves WebSockets over TLS as `name`; returns the URL (of localhost) and what to trust.
async fn tls_server(name: &str) -> (String, RootCertStore) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let url = server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust us breaks off.
            if let Ok(stream) = acceptor.accept(stream).await {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let _ = socket.next().await;
            }
        }
    })
    .await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    (url.replace("http:", "https:").replace("127.0.0.1", "localhost"), roots)
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to_over_tls() {
    let (url, roots) = tls_server("localhost").await;
    let wire = Wire::new(trusting(roots), Duration::from_secs(2), true);
    assert!(wire.connect(call(&url)).await.unwrap().single);
}

#[tokio::test]
async fn a_certificate_of_another_name_and_of_an_unknown_authority_are_told_apart() {
    let (url, roots) = tls_server("other.example").await;
    for (roots, word) in [(roots, "another name"), (RootCertStore::empty(), "not trusted")] {
        let tls = trusting(roots);
        let wire = Wire::new(tls.clone(), Duration::from_secs(2), true);
        let trouble = wire.connect(call(&url)).await.err().unwrap();
        assert!(
            trouble.kind == TroubleKind::Tls && trouble.what.contains(word),
            "{trouble:?}"
        );
        let trouble = Mint::new(&url, "key", "secret").probe(&tls).await.unwrap_err();
        assert!(
            trouble.kind == TroubleKind::Tls && trouble.what.contains(word),
            "{trouble:?}"
        );
    }
}

#[tokio::test]
async fn the_probe_tells_a_clock_that_is_off_from_a_wrong_key() {
    let answer = |date: &'static str| {
        server(move |mut stream| async move {
            let mut head = [0; 8192];
            let _ = stream.read(&mut head).await;
            let body = "invalid token";
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 401 Unauthorized\r\nDate: {date}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        })
    };
    let tls = trusting(RootCertStore::empty());
    let mint = |url: String| Mint::new(&url, "key", "secret");
    let off = mint(answer("Sun, 06 Nov 1994 08:49:37 GMT").await)
        .probe(&tls)
        .await
        .unwrap_err();
    assert_eq!(off.kind, TroubleKind::Clock);
    let wrong = mint(answer("no date").await).probe(&tls).await.unwrap_err();
    assert_eq!(wrong.kind, TroubleKind::Unauthorised);
}

#[tokio::test]
async fn a_farewell_is_sent_even_while_the_server_is_talking() {
    let (told, mut farewells) = tokio::sync::mpsc::channel(8);
    let url = server(move |stream| {
        let told = told.clone();
        async move {
            let (mut to, mut from) = tokio_tungstenite::accept_async(stream).await.unwrap().split();
            let pong = SignalResponse {
                message: Some(Response::Pong(1)),
            };
            let pong = Message::binary(pong.encode_to_vec());
            for _ in 0..400 {
                if to.send(pong.clone()).await.is_err() {
                    break;
                }
            }
            let mut left = false;
            while let Some(Ok(said)) = from.next().await {
                left |= said.is_binary();
            }
            let _ = told.send(left).await;
        }
    })
    .await;
    let wire = wire();
    for round in 0..5 {
        let mut channel = wire.connect(call(&url)).await.unwrap();
        channel.responses.recv().await.unwrap().unwrap();
        // More comes than is read.
        tokio::time::sleep(Duration::from_millis(20)).await;
        channel
            .requests
            .try_send(Request::Leave(LeaveRequest::default()))
            .unwrap();
        drop(channel);
        assert_eq!(farewells.recv().await, Some(true), "round {round}");
    }
}
