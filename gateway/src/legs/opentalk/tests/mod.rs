// SPDX-License-Identifier: EUPL-1.2
//! A controller and a roomserver of a few lines each, on real sockets: what goes wrong below the rules.
#![allow(clippy::unwrap_used)]

/// What the controller may answer.
mod asking;
/// What may happen on a phone's socket.
mod attending;
/// Many phones at once.
mod crowds;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

/// A controller that answers what it is told to, in turn, and remembers what it was asked.
#[derive(Clone, Default)]
struct Controller {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<(String, HeaderMap, String)>>>,
    /// Headers of its answers.
    headers: Arc<Mutex<HeaderMap>>,
}

impl Controller {
    /// Starts it with some answers, of which a string is no JSON but a page; the last one is for everything after.
    async fn start(answers: impl IntoIterator<Item = (u16, Value)>) -> (Controller, SocketAddr) {
        let controller = Controller::default();
        controller.answers.lock().unwrap().extend(answers);
        let routes = Router::new().fallback(answer).with_state(controller.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (controller, address)
    }

    /// Lets it answer with a header from now on.
    fn adds(&self, name: &'static str, value: &str) {
        self.headers.lock().unwrap().insert(name, value.parse().unwrap());
    }

    /// Returns what it was asked: path, headers, body.
    fn asked(&self) -> Vec<(String, HeaderMap, String)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn answer(
    State(controller): State<Controller>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, String) {
    let body = String::from_utf8_lossy(&body).into_owned();
    controller
        .asked
        .lock()
        .unwrap()
        .push((uri.path().to_owned(), headers, body));
    let mut answers = controller.answers.lock().unwrap();
    let (status, body) = match answers.len() {
        1 => answers[0].clone(),
        _ => answers.pop_front().unwrap(),
    };
    let headers = controller.headers.lock().unwrap().clone();
    let body = match body {
        Value::String(page) => page,
        json => json.to_string(),
    };
    (StatusCode::from_u16(status).unwrap(), headers, body)
}

fn api_key() -> Login {
    let (id, secret) = ("landbridge".into(), "s3cr3t".into());
    Login::ApiKey { id, secret }
}

fn desk_at(address: &str, login: Login) -> Desk {
    let tls = crate::net::tls::https_config(None).unwrap();
    let mut options = DeskOptions::new(address, login, tls);
    options.timeout = Duration::from_secs(2);
    Desk::new(options).unwrap()
}

fn desk(address: SocketAddr) -> Desk {
    desk_at(&format!("http://{address}/"), api_key())
}

fn zoe() -> Caller {
    Caller {
        id: "1234567890".into(),
        pin: "0987654321".into(),
        name: Name::new("Zoë", "+4936112345"),
    }
}
