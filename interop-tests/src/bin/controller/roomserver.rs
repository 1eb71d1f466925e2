// SPDX-License-Identifier: EUPL-1.2
//! Asks the roomserver for a token, as the controller does: `POST /v1/rooms/{id}/token`, with the room's parameters if
//! the room is not running.

use std::time::Duration;

use landbridge_interop_tests::peers::token;
use serde_json::{Value, json};

use crate::http::Answer;

/// Lets a phone into a room.
pub(crate) fn admit(table: &Value, room: &Value, name: &str) -> Answer {
    let mut client = json!({"device_secret": device_secret(), "role": "user", "kind": "call_in"});
    if table["roomserver"]["generation"] != "0.10" {
        client["display_name"] = json!(name);
    }
    let mut answer = ask(
        table,
        room,
        &json!({"client_parameters": client, "room_parameters": null}),
    );
    if let Ok((422, _)) = answer {
        let parameters = parameters(table, room);
        answer = ask(
            table,
            room,
            &json!({"client_parameters": client, "room_parameters": parameters}),
        );
    }
    match answer {
        Ok((200, body)) => Answer::ok(&json!({"token": body["token"], "roomserver_address": body["public_url"]})),
        Ok((403, body)) if body["code"] == "guest_access_disabled" => crate::no_call_in("rooms without guest access"),
        Ok((status, body)) => Answer::error(500, "roomserver", &format!("{status} {body}")),
        Err(what) => Answer::error(500, "roomserver", &what),
    }
}

fn ask(table: &Value, room: &Value, body: &Value) -> Result<(u16, Value), String> {
    let at = |name: &str| table["roomserver"][name].as_str().unwrap_or("").to_owned();
    let url = format!(
        "{}/v1/rooms/{}/token",
        at("url").trim_end_matches('/'),
        room["room_id"].as_str().unwrap_or("")
    );
    let now = token::now();
    let jwt = token::sign(
        Some(&at("key_id")),
        &json!({"iat": now, "exp": now + 60}),
        &at("key_secret"),
    );
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent
        .post(url)
        .header("Authorization", format!("Bearer {jwt}"))
        .send_json(body)
        .map_err(|e| e.to_string())?;
    let body = response.body_mut().read_json().unwrap_or(Value::Null);
    Ok((response.status().as_u16(), body))
}

/// Writes what a room is created with: what the controller would take from its database.
fn parameters(table: &Value, room: &Value) -> Value {
    let owner = json!({"id": "00000000-0000-0000-0000-0000000a11c3", "email": "alice@example.org", "title": "",
        "firstname": "Alice", "lastname": "Adams", "display_name": "Alice Adams",
        "avatar_url": "https://example.org/alice", "timezone": "Europe/Berlin"});
    let tariff = json!({"id": "00000000-0000-0000-0000-000000007a1f", "name": "tests", "quotas": {}, "used_quota": {},
        "disabled_features": []});
    let mut parameters = json!({
        "created_by": owner, "password": null, "guest_access": true, "waiting_room": "disabled", "event": null,
        "call_in": {"tel": "+4930123456", "id": room["id"], "password": room["pin"]},
        "tariff": tariff, "streaming_targets": [], "show_meeting_details": true, "e2e_encryption": false,
        "module_settings": {"livekit": table["livekit"], "moderation": {}, "raise_hands": {}, "chat": {}},
        "preferred_language": "de", "fallback_language": "en", "allowed_origins": ["http://localhost"],
        "ws_rate_limit": {"tokens_per_second": 10, "token_bucket_size": 30}, "room_idle_timeout": 60_000,
    });
    if table["roomserver"]["generation"] == "0.10" {
        parameters["call_in"]["mask_unmapped_phone_numbers"] = json!(true);
        parameters["call_in"]["default_country_code"] = json!("DE");
    } else {
        parameters["invite_code"] = json!(null);
    }
    for (name, value) in room["parameters"].as_object().into_iter().flatten() {
        parameters[name] = value.clone();
    }
    parameters
}

/// Makes each call a new participant.
fn device_secret() -> String {
    let mut bytes = [0u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
