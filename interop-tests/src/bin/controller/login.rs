// SPDX-License-Identifier: EUPL-1.2
//! Who may ask: service API keys (controllers from 0.34) and OIDC clients with a realm role (up to 0.33).

use landbridge_interop_tests::peers::token;
use serde_json::{Value, json};

use crate::http::{Answer, Request};
use crate::jwt;

/// How far the clocks may be apart [s].
const LEEWAY_S: i64 = 5;
/// The realm role that call-in needs.
const ROLE: &str = "opentalk-call-in";
/// Signs the access tokens of the stand-in's own realm.
const REALM: (&str, &str) = ("realm", "the stand-in's own secret");

/// Checks the JWT of a service.
pub(crate) fn api_key(table: &Value, request: &Request) -> Result<(), Answer> {
    let token = bearer(request)?;
    let keys = table["api_keys"].as_array().map_or(&[][..], Vec::as_slice);
    let secret_of = |id: &str| {
        let key = keys.iter().find(|key| key["id"] == id)?;
        key["secret"].as_str().map(str::to_owned)
    };
    let claims = jwt::verify(token, secret_of).map_err(unauthorised)?;
    in_time(table, &claims)
}

/// Checks the access token of an OIDC client, and its role.
pub(crate) fn oidc(table: &Value, request: &Request) -> Result<(), Answer> {
    let token = bearer(request)?;
    let secret_of = |id: &str| (id == REALM.0).then(|| REALM.1.to_owned());
    let claims = jwt::verify(token, secret_of).map_err(unauthorised)?;
    in_time(table, &claims)?;
    let roles = claims["realm_access"]["roles"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    match roles.iter().any(|role| role == ROLE) {
        true => Ok(()),
        false => Err(Answer::error(
            403,
            "forbidden",
            "the client lacks the role opentalk-call-in",
        )),
    }
}

/// Answers the token endpoint: grant `client_credentials` (RFC 6749 §4.4), with Basic or form credentials.
pub(crate) fn access_token(table: &Value, request: &Request) -> Answer {
    let body = String::from_utf8_lossy(&request.body);
    let field = |name: &str| {
        let of = |pair: &str| {
            pair.split_once('=')
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| decoded(value))
        };
        body.split('&').find_map(of).unwrap_or_default()
    };
    let basic = request.authorization.strip_prefix("Basic ").and_then(decoded_basic);
    let (id, secret) = basic.unwrap_or_else(|| (field("client_id"), field("client_secret")));
    let client = &table["oidc"];
    if field("grant_type") != "client_credentials" {
        return Answer::error(400, "unsupported_grant_type", "client_credentials only");
    }
    if client["client_id"] != id || client["client_secret"] != secret {
        return Answer::error(401, "invalid_client", "no such client, or another secret");
    }
    let (now, life) = (now(table), client["life_s"].as_i64().unwrap_or(300));
    let claims = json!({"iat": now, "exp": now + life, "realm_access": {"roles": client["roles"]}});
    let token = token::sign(Some(REALM.0), &claims, REALM.1);
    Answer::ok(&json!({"access_token": token, "token_type": "Bearer", "expires_in": life}))
}

fn bearer(request: &Request) -> Result<&str, Answer> {
    let token = request.authorization.strip_prefix("Bearer ");
    token.ok_or_else(|| Answer::error(401, "missing_api_token", "missing api token in authorization header"))
}

fn in_time(table: &Value, claims: &Value) -> Result<(), Answer> {
    let now = now(table);
    let (issued, expires) = (claims["iat"].as_i64(), claims["exp"].as_i64());
    match (issued, expires) {
        (_, Some(expires)) if expires + LEEWAY_S < now => Err(unauthorised("expired")),
        (Some(issued), Some(_)) if issued - LEEWAY_S > now => Err(unauthorised("issued in the future")),
        (Some(_), Some(_)) => Ok(()),
        _ => Err(unauthorised("iat or exp is missing")),
    }
}

/// Returns the stand-in's time, which the table can shift.
fn now(table: &Value) -> i64 {
    i64::try_from(token::now()).expect("fits for a long time") + table["clock_ahead_s"].as_i64().unwrap_or(0)
}

fn unauthorised(what: &'static str) -> Answer {
    Answer::error(401, "unauthorized", what)
}

fn decoded_basic(text: &str) -> Option<(String, String)> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    // RFC 6749 §2.3.1: both are form-encoded first.
    Some((decoded(id), decoded(secret)))
}

/// Undoes form encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte.unwrap_or(b'0')).to_digit(16).unwrap_or(0);
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
