// SPDX-License-Identifier: EUPL-1.2
//! Proves who we are: signed tokens of a service key, access tokens of an OIDC client.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use landbridge_opentalk::StartError;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::form_urlencoded;

use super::http::{Http, http_address, plain};

/// How long a signed token is good [s].
const LIFE_S: u64 = 60;
/// An access token is replaced this long before its end, or half of its life if that is less.
const EARLY: Duration = Duration::from_secs(60);
/// Life of an access token whose server does not say.
const UNTOLD: Duration = Duration::from_secs(60);
/// How long a failure to take one out is the answer to everybody: who waited for it does not try in turn.
const FAILED: Duration = Duration::from_secs(2);
/// The realm role that call-in needs.
const ROLE: &str = "opentalk-call-in";

/// Writes a token for one request: HS256 (RFC 7515), with the key's name and a nonce in its header.
pub(super) fn service_token(key_id: &str, secret: &str) -> Result<String, StartError> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": key_id, "nonce": nonce()?});
    Ok(signed(&header, &json!({"iat": now, "exp": now + LIFE_S}), secret))
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{signature}")
}

/// Draws 16 letters and digits.
fn nonce() -> Result<String, StartError> {
    let mut bytes = [0u8; 8];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| StartError::Bad("the system gives no random numbers".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A client of an identity provider that takes out access tokens for itself (RFC 6749 §4.4).
pub(super) struct OidcClient {
    issuer: String,
    id: String,
    secret: String,
    held: Mutex<Option<Held>>,
}

/// What came of taking a token out, and until when that counts.
struct Held {
    result: Result<String, StartError>,
    until: Instant,
}

impl OidcClient {
    pub(super) fn new(issuer: &str, id: String, secret: String) -> Result<OidcClient, StartError> {
        Ok(OidcClient {
            issuer: http_address(issuer)?,
            id,
            secret,
            held: Mutex::new(None),
        })
    }

    /// Returns an access token: the one at hand, or a new one. Who asks meanwhile waits for the same, or for the same
    /// failure.
    pub(super) async fn token(&self, http: &Http) -> Result<String, StartError> {
        let mut held = self.held.lock().await;
        if let Some(Held { result, until }) = held.as_ref()
            && *until > Instant::now()
        {
            return result.clone();
        }
        let asked = Instant::now();
        let (result, until) = match self.take_out(http).await {
            Ok((token, life)) => (Ok(token), asked + usable(life)),
            Err(error) => (Err(error), Instant::now() + FAILED),
        };
        *held = Some(Held {
            result: result.clone(),
            until,
        });
        result
    }

    /// Gives a token up because it was refused, unless another has taken its place.
    pub(super) async fn forget(&self, refused: &str) {
        let mut held = self.held.lock().await;
        held.take_if(|held| held.result.as_ref().is_ok_and(|token| token == refused));
    }

    async fn take_out(&self, http: &Http) -> Result<(String, Duration), StartError> {
        let issuer = &self.issuer;
        // OpenID Connect Discovery 1.0 §4.
        let found = http.get(&format!("{issuer}/.well-known/openid-configuration")).await?;
        if let Some(error) = found.away(issuer) {
            return Err(error);
        }
        let endpoint = found.body["token_endpoint"].as_str().ok_or_else(|| {
            StartError::Bad(format!(
                "{issuer} tells no token endpoint (it answered {}): is this the realm's address?",
                found.status.as_u16()
            ))
        })?;
        let endpoint = http_address(endpoint)?;
        // RFC 6749 §2.3.1: both are form-encoded before they are joined.
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = STANDARD.encode(format!("{}:{}", encoded(&self.id), encoded(&self.secret)));
        let form = "grant_type=client_credentials";
        let answer = http.post_form(&endpoint, &format!("Basic {basic}"), form).await?;
        let token = answer.body["access_token"]
            .as_str()
            .filter(|_| answer.status.is_success());
        let Some(token) = token else {
            if let Some(error) = answer.away(issuer) {
                return Err(error);
            }
            return Err(match answer.status.as_u16() {
                400 | 401 | 403 if answer.clocks_differ => StartError::Clock,
                status => StartError::Unauthorised(format!(
                    "{issuer} answered {status} {}: check client_id and client_secret of [opentalk], and that the client \
                     may use its service account",
                    plain(answer.body["error"].as_str().unwrap_or(""))
                )),
            });
        };
        check_role(token, &self.id)?;
        let life = answer.body["expires_in"].as_u64().map_or(UNTOLD, Duration::from_secs);
        Ok((token.to_owned(), life.min(Duration::from_secs(24 * 3600))))
    }
}

/// Says for how long a token is used of its life.
fn usable(life: Duration) -> Duration {
    life - EARLY.min(life / 2)
}

/// Looks into an access token for the role that the controller will ask for: so the operator hears what is missing.
fn check_role(token: &str, client_id: &str) -> Result<(), StartError> {
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let Some(claims) = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok()) else {
        return Ok(());
    };
    let has_role = |roles: &Vec<Value>| roles.iter().any(|role| role == ROLE);
    match claims["realm_access"]["roles"].as_array().is_some_and(has_role) {
        true => Ok(()),
        false => Err(StartError::Unauthorised(format!(
            "the client {client_id} lacks the realm role {ROLE}: add it to its service account"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_signed_as_others_sign_it() {
        // `printf %s HEADER.CLAIMS | openssl dgst -sha256 -hmac secret -binary | basenc --base64url`.
        let token = signed(&json!({"alg": "HS256"}), &json!({"iat": 1}), "secret");
        assert_eq!(
            token,
            "eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjF9.8XbaqKrRPB-_CQqvl-UNqT-qE9R6AlHiH463wRlstHU"
        );
    }

    #[test]
    fn each_token_has_its_own_nonce_and_a_minute_to_live() {
        let read = |token: &str, part: usize| -> Value {
            let part = token.split('.').nth(part).unwrap().to_owned();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let (one, two) = (service_token("key", "s").unwrap(), service_token("key", "s").unwrap());
        let (header, claims) = (read(&one, 0), read(&one, 1));
        assert_eq!((&header["kid"], &header["alg"]), (&json!("key"), &json!("HS256")));
        assert_eq!(header["nonce"].as_str().unwrap().len(), 16);
        assert_ne!(header["nonce"], read(&two, 0)["nonce"]);
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
    }

    #[test]
    fn a_token_is_used_for_most_of_its_life_but_never_for_none_of_it() {
        for (life, used) in [(0, 0), (1, 500), (60, 30_000), (120, 60_000), (300, 240_000)] {
            assert_eq!(usable(Duration::from_secs(life)).as_millis(), used, "of {life} s");
        }
    }

    #[tokio::test]
    async fn only_the_refused_token_is_given_up() {
        let client = OidcClient::new("https://realm.example", "c".into(), "s".into()).unwrap();
        *client.held.lock().await = Some(Held {
            result: Ok("new".to_owned()),
            until: Instant::now() + FAILED,
        });
        client.forget("old").await;
        assert!(client.held.lock().await.is_some());
        client.forget("new").await;
        assert!(client.held.lock().await.is_none());
    }

    #[test]
    fn a_client_without_the_role_is_told_which() {
        let token = |roles: Value| signed(&json!({}), &json!({"realm_access": {"roles": roles}}), "s");
        assert_eq!(check_role(&token(json!(["opentalk-call-in"])), "c"), Ok(()));
        let error = check_role(&token(json!(["other"])), "c").unwrap_err().to_string();
        assert!(error.contains("opentalk-call-in"), "{error}");
        assert_eq!(check_role("opaque", "c"), Ok(()));
    }
}
