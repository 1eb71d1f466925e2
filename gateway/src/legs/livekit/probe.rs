// SPDX-License-Identifier: EUPL-1.2
//! Asks a server whether it takes our key: one call of its room service (Twirp, JSON over HTTP).

use std::error::Error as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livekit_token::{AccessToken, VideoGrants};
use rustls::ClientConfig;

use super::mint::Mint;
use super::signalling::{host_of, origin, refused, tls_trouble};
use super::ticket::{Trouble, TroubleKind};
use crate::net::dial::tls_cause;

const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer that is looked at [bytes].
const MOST: usize = 2_000;
/// Tokens tolerate clocks that differ by a little.
const CLOCKS: Duration = Duration::from_secs(60);

impl Mint {
    /// Asks the server whether it takes this key; says what is wrong with URL, name, certificate, key or clock.
    pub async fn probe(&self, tls: &ClientConfig) -> Result<(), Trouble> {
        let mut url = origin(&self.url)?;
        let host = host_of(&url);
        let scheme = if url.scheme() == "wss" { "https" } else { "http" };
        let path = format!(
            "{}/twirp/livekit.RoomService/ListRooms",
            url.path().trim_end_matches('/')
        );
        url.set_path(&path);
        let url = url.as_str().replacen(url.scheme(), scheme, 1);
        let grants = VideoGrants {
            room_list: true,
            ..VideoGrants::default()
        };
        let internal = |what: String| Trouble::new(TroubleKind::Internal, what);
        let token = AccessToken::with_api_key(&self.api_key, &self.api_secret)
            .with_ttl(Duration::from_secs(60))
            .with_grants(grants)
            .to_jwt()
            .map_err(|error| internal(format!("cannot make a LiveKit token: {error}")))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            // As the calls do, without a proxy.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(|error| internal(format!("no HTTP client: {error}")))?;
        let sent = client
            .post(url)
            .bearer_auth(token)
            .header("Content-Type", "application/json")
            // A name that no room has: whether the key is taken is all we want to know.
            .body(r#"{"names":["landbridge-probe"]}"#)
            .send()
            .await;
        let mut response = sent.map_err(|error| unreachable(&host, &error))?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(());
        }
        let there = response
            .headers()
            .get("date")
            .and_then(|date| date.to_str().ok())
            .and_then(http_date);
        let body = match response.chunk().await {
            Ok(Some(body)) => {
                String::from_utf8_lossy(body.get(..MOST.min(body.len())).unwrap_or_default()).into_owned()
            }
            _ => String::new(),
        };
        let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match there.map(|there| there.abs_diff(here)) {
            Some(apart) if status == 401 && apart > CLOCKS => {
                let what = format!(
                    "our clock and that of {host} differ by {} s; set both by NTP",
                    apart.as_secs()
                );
                Err(Trouble::new(TroubleKind::Clock, what))
            }
            _ => Err(refused(&host, status, body.trim())),
        }
    }
}

fn unreachable(host: &str, error: &reqwest::Error) -> Trouble {
    if error.is_timeout() {
        let what = format!("{host} did not answer within {} s", PATIENCE.as_secs());
        return Trouble::new(TroubleKind::Timeout, what);
    }
    if tls_cause(error).is_some() {
        return tls_trouble(host, error);
    }
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if text.contains("dns error") {
            return Trouble::new(TroubleKind::Dns, format!("{host}: the name has no address"));
        }
        source = cause.source();
    }
    Trouble::new(
        TroubleKind::Connect,
        format!("{host}: no connection; is the server running there?"),
    )
}

/// Reads an HTTP date (RFC 9110 §5.6.7, the preferred form) as time since 1970.
fn http_date(text: &str) -> Option<Duration> {
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    u64::try_from(time.timestamp().as_second())
        .ok()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_http_is_read() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(784_111_777))
        );
        assert_eq!(http_date("yesterday"), None);
    }
}
