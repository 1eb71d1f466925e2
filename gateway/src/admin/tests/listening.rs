// SPDX-License-Identifier: EUPL-1.2
//! The listeners themselves: real sockets on the loopback address.

use std::io;
use std::net::SocketAddr;

use axum_server::Handle;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::admin::listen;

const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> io::Result<String> {
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn a_plain_listener_answers_and_refuses_an_endless_head() {
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let handle = Handle::<SocketAddr>::new();
    let server = tokio::spawn(listen::serve(listener, None, Stage::new().operator, handle.clone()));
    let answer = exchange(TcpStream::connect(address).await.unwrap(), GET).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"),
        "{answer}"
    );
    let endless = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 100_000]].concat();
    let refused = exchange(TcpStream::connect(address).await.unwrap(), &endless).await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.is_empty() || answer.contains(" 431 ")));
    let garbage = exchange(
        TcpStream::connect(address).await.unwrap(),
        b"\x16\x03\x01\x00garbage\r\n\r\n",
    )
    .await;
    assert!(garbage.is_err() || garbage.is_ok_and(|answer| !answer.contains(" 200 ")));
    handle.shutdown();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_tls_listener_answers_with_its_certificate_and_names_a_missing_file() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("landbridge-listen-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = listen::tls(&certificate, &key).unwrap();
    let missing = listen::tls(&folder.join("none.pem"), &key).unwrap_err();
    assert!(missing.to_string().contains("none.pem"));
    std::fs::remove_dir_all(&folder).unwrap();

    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let handle = Handle::<SocketAddr>::new();
    let server = tokio::spawn(listen::serve(
        listener,
        Some(tls),
        Stage::new().operator,
        handle.clone(),
    ));
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await
        .unwrap();
    let answer = exchange(stream, GET).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    handle.shutdown();
    server.await.unwrap().unwrap();
}
