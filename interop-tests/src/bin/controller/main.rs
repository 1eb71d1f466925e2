// SPDX-License-Identifier: EUPL-1.2
//! A stand-in for OpenTalk's controller, which can not be had without a database, a broker and an identity provider:
//! the two call-in APIs and a token endpoint, nothing else. Rooms and signalling are a real roomserver's.
//!
//! For the test of the older login (an OIDC client, controllers up to 0.33), and to try a gateway by hand. Tests of the
//! newer login and of faults (TLS, clocks, stalls) have `peers/controller.py`.
//!
//! ```text
//! controller ADDRESS TABLE.json     e.g. controller 127.0.0.1:11311 table.json; port 0 takes any
//! ```
//!
//! It prints `controller: listening on http://…`. The table is read anew for each request, so a test can change it:
//!
//! ```json
//! { "api_keys": [{ "id": "landbridge", "secret": "…" }],
//!   "oidc": { "client_id": "Landbridge", "client_secret": "…", "roles": ["opentalk-call-in"] },
//!   "roomserver": { "url": "http://127.0.0.1:11333", "key_id": "controller", "key_secret": "…", "generation": "0.1" },
//!   "livekit": { "api_key": "devkey", "api_secret": "…", "public_url": "ws://…", "service_url": "http://…" },
//!   "clock_ahead_s": 0,
//!   "rooms": [{ "id": "1234567890", "pin": "0987654321", "room_id": "<uuid>",
//!               "parameters": { "waiting_room": "for_guests" }, "answer": "encrypted" }] }
//! ```
//!
//! `generation` is `0.1` or `0.10`. `parameters` overrides what the room is created with. `answer` makes the room answer
//! an error: `encrypted`, `no_guests`, `feature_disabled`, `broken` (500), `silent` (no answer for a minute).

/// HTTP/1.1, one request per connection.
mod http;
/// JSON Web Tokens.
mod jwt;
/// Who may ask.
mod login;
/// Asks the roomserver for a token.
mod roomserver;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use http::{Answer, Request};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, table] = &arguments[..] else {
        eprintln!("controller ADDRESS TABLE.json");
        return ExitCode::from(2);
    };
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(e) => {
            eprintln!("controller: cannot listen on {address}: {e}");
            return ExitCode::FAILURE;
        }
    };
    let bound = listener.local_addr().expect("a listener has an address");
    println!("controller: listening on http://{bound}");
    let house = Arc::new(House {
        table: table.clone(),
        issuer: format!("http://{bound}/realms/opentalk"),
    });
    http::serve(&listener, move |request| house.answer(request));
    ExitCode::SUCCESS
}

/// What all requests know.
struct House {
    table: String,
    issuer: String,
}

impl House {
    fn answer(&self, request: &Request) -> Answer {
        let table: Value = match std::fs::read_to_string(&self.table).map(|text| serde_json::from_str(&text)) {
            Ok(Ok(table)) => table,
            Ok(Err(e)) => return Answer::error(500, "table", &e.to_string()),
            Err(e) => return Answer::error(500, "table", &e.to_string()),
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/realms/opentalk/.well-known/openid-configuration") => {
                let token = format!("{}/protocol/openid-connect/token", self.issuer);
                Answer::ok(&json!({"issuer": self.issuer, "token_endpoint": token}))
            }
            ("POST", "/realms/opentalk/protocol/openid-connect/token") => login::access_token(&table, request),
            ("POST", "/internal/call_in/start") => match login::api_key(&table, request) {
                Err(answer) => answer,
                Ok(()) => call_in(&table, request, |table, room, name| {
                    roomserver::admit(table, room, name)
                }),
            },
            ("POST", "/v1/services/call_in/start") => match login::oidc(&table, request) {
                Err(answer) => answer,
                Ok(()) => call_in(&table, request, |_, _, _| {
                    Answer::ok(&json!({"ticket": "a-ticket-for-nobody", "resumption": "none"}))
                }),
            },
            _ => Answer::error(404, "not_found", "no such path"),
        }
    }
}

/// Finds the room of id and PIN, and lets the phone in or says why not.
fn call_in(table: &Value, request: &Request, admit: impl Fn(&Value, &Value, &str) -> Answer) -> Answer {
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return Answer::error(400, "invalid_json", "the body is no JSON");
    };
    let field = |name: &str| body[name].as_str().unwrap_or("");
    let is_ten_digits = |text: &str| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_ten_digits(field("id")) || !is_ten_digits(field("pin")) {
        return Answer::error(400, "invalid_json", "id and pin are strings of ten digits");
    }
    let rooms = table["rooms"].as_array().map_or(&[][..], Vec::as_slice);
    let called = |room: &&Value| room["id"] == field("id") && room["pin"] == field("pin");
    let Some(room) = rooms.iter().find(called) else {
        return Answer::error(
            400,
            "invalid_credentials",
            "given call-in id & pin combination is not valid",
        );
    };
    match room["answer"].as_str() {
        Some("encrypted") => no_call_in("encrypted rooms"),
        Some("no_guests") => no_call_in("rooms without guest access"),
        Some("feature_disabled") => Answer::error(403, "feature_disabled", "core::call_in is disabled"),
        Some("broken") => Answer::error(500, "internal", "told to be broken"),
        Some("silent") => {
            std::thread::sleep(std::time::Duration::from_secs(60));
            Answer::error(500, "internal", "told to be silent")
        }
        _ => admit(table, room, field("display_name")),
    }
}

/// Says which rooms have no telephones.
fn no_call_in(rooms: &str) -> Answer {
    Answer::error(
        403,
        "service_unavailable",
        &format!("call-in is not available for {rooms}"),
    )
}
