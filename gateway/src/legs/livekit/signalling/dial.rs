// SPDX-License-Identifier: EUPL-1.2
//! Streams to a server: TCP, TLS, the WebSocket upgrade, and what each refusal means.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rustls::{CertificateError, ClientConfig};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use url::Url;

use crate::legs::livekit::ticket::{Trouble, TroubleKind};
use crate::net::dial::{DialError, Wire, dial, tls_cause};

/// Longest message taken from a server [bytes].
pub(super) const MAX_MESSAGE: usize = 1 << 20;

/// Words of a server that are quoted at most, and their greatest length [bytes].
const MOST_WORDS: usize = 24;
const LONGEST_WORD: usize = 32;

/// Reads a server's URL; `http` and `https` stand for `ws` and `wss`, as OpenTalk writes them.
pub(in crate::legs::livekit) fn origin(text: &str) -> Result<Url, Trouble> {
    let bad = |why: &str| {
        let what = format!("`{text}` is no LiveKit URL: {why}; write it as wss://livekit.example.org");
        Err(Trouble::new(TroubleKind::BadUrl, what))
    };
    let Ok(mut url) = Url::parse(text) else {
        return bad("it cannot be parsed");
    };
    let scheme = match url.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return bad("its scheme is none of ws, wss, http, https"),
    };
    if url.host_str().is_none_or(str::is_empty) || url.set_scheme(scheme).is_err() {
        return bad("it names no host");
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Opens a WebSocket, within `timeout` altogether.
pub(super) async fn websocket(
    url: &Url,
    token: &str,
    tls: &Arc<ClientConfig>,
    timeout: Duration,
) -> Result<WebSocketStream<Box<dyn Wire>>, Trouble> {
    let host = host_of(url);
    let attempt = async {
        let stream = stream(url, &host, tls).await?;
        upgrade(url, &host, token, stream).await
    };
    tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| {
        let what = format!("{host} did not answer within {} s", timeout.as_secs());
        Err(Trouble::new(TroubleKind::Timeout, what))
    })
}

async fn stream(url: &Url, host: &str, tls: &Arc<ClientConfig>) -> Result<Box<dyn Wire>, Trouble> {
    dial(url, tls).await.map_err(|error| match &error {
        DialError::Address(why) => Trouble::new(TroubleKind::BadUrl, format!("{host}: {why}")),
        DialError::Lookup(_) => Trouble::new(TroubleKind::Dns, format!("{host}: {error}")),
        DialError::Connect(_) => Trouble::new(
            TroubleKind::Connect,
            format!("{host}: {error}; is the server running there?"),
        ),
        DialError::Tls(error) => tls_trouble(host, error),
    })
}

async fn upgrade(
    url: &Url,
    host: &str,
    token: &str,
    stream: Box<dyn Wire>,
) -> Result<WebSocketStream<Box<dyn Wire>>, Trouble> {
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| Trouble::new(TroubleKind::BadUrl, format!("{host}: {error}")))?;
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Trouble::new(TroubleKind::Unauthorised, format!("the token for {host} is no token")))?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(ws_trouble(host, error)),
    }
}

/// Says what a broken or refused WebSocket means.
pub(super) fn ws_trouble(host: &str, error: WsError) -> Trouble {
    match error {
        WsError::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let body: String = String::from_utf8_lossy(body).chars().take(MOST_BODY).collect();
            refused(host, response.status().as_u16(), &body)
        }
        WsError::Capacity(_) => Trouble::new(
            TroubleKind::Protocol,
            format!("{host} sent a message of more than {} KiB", MAX_MESSAGE / 1024),
        ),
        WsError::ConnectionClosed | WsError::AlreadyClosed => {
            Trouble::new(TroubleKind::Connect, format!("{host} closed the signalling connection"))
        }
        WsError::Io(error) => Trouble::new(TroubleKind::Connect, format!("{host}: {error}")),
        WsError::Tls(error) => Trouble::new(TroubleKind::Tls, format!("{host}: {error}")),
        other => Trouble::new(
            TroubleKind::Protocol,
            format!("{host} does not speak WebSocket: {other}"),
        ),
    }
}

/// Characters read of a refusal; the token that some servers repeat is shorter.
const MOST_BODY: usize = 4096;

/// Says what an HTTP status in place of an upgrade means.
pub(in crate::legs::livekit) fn refused(host: &str, status: u16, body: &str) -> Trouble {
    let said = body;
    let body = &quotable(body);
    match status {
        401 => unauthorised(host, said),
        403 => Trouble::new(TroubleKind::Forbidden, format!("{host} forbids this: {body}")),
        404 => Trouble::new(
            TroubleKind::NotFound,
            format!("{host} knows neither room nor path (404 {body}); does the URL lead to LiveKit?"),
        ),
        429 | 503 => Trouble::new(
            TroubleKind::Connect,
            format!("{host} takes nobody now ({status} {body})"),
        ),
        status => Trouble::new(
            TroubleKind::Protocol,
            format!("{host} answered {status} {body}; does the URL lead to LiveKit?"),
        ),
    }
}

/// Returns what may be quoted of a server's words: a few of them, and none that could be a token or a secret.
fn quotable(body: &str) -> String {
    let harmless = |word: &&str| word.len() <= LONGEST_WORD && !word.contains("eyJ");
    let words: Vec<&str> = body.split_whitespace().filter(harmless).take(MOST_WORDS).collect();
    words.join(" ")
}

/// Tells a wrong key from a clock that is off, as far as the server's words go.
fn unauthorised(host: &str, body: &str) -> Trouble {
    let said = body.to_ascii_lowercase();
    if [
        "expired",
        "(exp)",
        "not valid yet",
        "(nbf)",
        "issued in the future",
        "(iat)",
    ]
    .iter()
    .any(|word| said.contains(word))
    {
        let what = format!("{host} finds our token expired or not valid yet; set the clocks of both machines by NTP");
        return Trouble::new(TroubleKind::Clock, what);
    }
    let what = format!(
        "{host} does not take our token ({}); check API key and secret",
        quotable(body)
    );
    Trouble::new(TroubleKind::Unauthorised, what)
}

/// Says why TLS with a server did not come about.
pub(in crate::legs::livekit) fn tls_trouble(host: &str, error: &(dyn Error + 'static)) -> Trouble {
    let what = match tls_cause(error) {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => {
            format!("{host}: the certificate belongs to another name; check the URL, or the server's certificate")
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            format!("{host}: the certificate's authority is not trusted; add it to the authorities for this server")
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => {
            format!("{host}: the certificate is expired, or our clock is off")
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => {
            format!("{host}: the certificate is not valid yet, or our clock is off")
        }
        Some(other) => format!("{host}: {other}"),
        None => {
            return Trouble::new(
                TroubleKind::Connect,
                format!("{host}: TLS broke off ({error}); does it speak TLS there?"),
            );
        }
    };
    Trouble::new(TroubleKind::Tls, what)
}

/// Names a server for people: host and port, nothing else of the URL.
pub(in crate::legs::livekit) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_of_any_of_the_four_schemes_leads_to_a_websocket() {
        for (text, wanted) in [
            ("http://livekit:7880", "ws://livekit:7880/"),
            ("https://lk.example.org/sfu/", "wss://lk.example.org/sfu/"),
            ("wss://lk.example.org?access_token=secret", "wss://lk.example.org/"),
        ] {
            assert_eq!(origin(text).unwrap().as_str(), wanted);
        }
        for text in ["", "lk.example.org", "ftp://lk.example.org", "ws://"] {
            assert_eq!(origin(text).unwrap_err().kind, TroubleKind::BadUrl, "{text}");
        }
    }

    #[test]
    fn a_wrong_key_and_a_wrong_clock_are_told_apart() {
        let kind = |body| unauthorised("lk", body).kind;
        assert_eq!(kind("invalid API key: APIx"), TroubleKind::Unauthorised);
        assert_eq!(kind("validation failed, token is expired (exp)"), TroubleKind::Clock);
        assert_eq!(kind("validation failed, token not valid yet (nbf)"), TroubleKind::Clock);
        let long = format!("invalid token: eyJ{}, error: token is expired (exp)", "a".repeat(400));
        assert_eq!(refused("lk", 401, &long).kind, TroubleKind::Clock);
        let trouble = refused(
            "lk",
            401,
            "invalid token: eyJhbGciOiJIUzI1NiJ9.e30.x, error: \"eyJx\" bad",
        );
        assert!(
            trouble.what.contains("invalid token: error: bad") && !trouble.what.contains("eyJ"),
            "{trouble}"
        );
    }
}
