// SPDX-License-Identifier: EUPL-1.2
//! HTTPS to the controller and to the identity provider, and why there is no answer.

use std::error::Error;
use std::time::Duration;

use landbridge_opentalk::StartError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde_json::Value;

use crate::net::dial::tls_cause;
use crate::room::names::is_unfit;

/// Longest answer that is read [octets].
const LONGEST_ANSWER: usize = 64 * 1024;
/// Who logs a client in, for texts.
const IDENTITY: &str = "identity provider";
/// How long a server that was asked too often is left alone, at least.
const TOO_OFTEN: Duration = Duration::from_secs(5);
/// Difference of clocks from which a refused login is put down to them.
const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

/// Our HTTP client: no redirects, no proxies, short answers.
pub(super) struct Http {
    client: Client,
}

impl Http {
    pub(super) fn new(tls: rustls::ClientConfig, timeout: Duration) -> Result<Http, StartError> {
        let client = Client::builder()
            .use_preconfigured_tls(tls)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .user_agent(concat!("Landbridge/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| StartError::Bad(format!("the HTTP client cannot be set up: {e}")))?;
        Ok(Http { client })
    }

    /// Posts JSON to the controller with a bearer token.
    pub(super) async fn post(&self, url: &str, token: &str, body: &Value) -> Result<Answer, StartError> {
        let request = self.client.post(url).bearer_auth(token).json(body);
        self.send(url, "controller", request).await
    }

    /// Posts a form to the identity provider with an Authorization header.
    pub(super) async fn post_form(&self, url: &str, authorization: &str, form: &str) -> Result<Answer, StartError> {
        let request = self
            .client
            .post(url)
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned());
        self.send(url, IDENTITY, request).await
    }

    /// Gets JSON from the identity provider.
    pub(super) async fn get(&self, url: &str) -> Result<Answer, StartError> {
        self.send(url, IDENTITY, self.client.get(url)).await
    }

    async fn send(&self, url: &str, who: &str, request: reqwest::RequestBuilder) -> Result<Answer, StartError> {
        let response = request.send().await.map_err(|e| failure(url, &e))?;
        let status = response.status();
        let clocks_differ = clocks_differ(&response);
        let retry_after = retry_after(&response);
        let body = read(response).await.map_err(|e| failure(url, &e))?;
        let body = match body {
            Some(body) => serde_json::from_slice(&body).map_err(|_| "what is no JSON".to_owned()),
            None => Err(format!("more than {} KiB", LONGEST_ANSWER / 1024)),
        };
        let body = match body {
            Ok(body) => body,
            // What else the status says matters more than what an error page looks like.
            Err(_) if !status.is_success() => Value::Null,
            Err(what) => {
                let host = origin(url);
                let text = format!("{host} answered {what}: is this the {who}?");
                return Err(StartError::Bad(text));
            }
        };
        Ok(Answer {
            status,
            body,
            clocks_differ,
            retry_after,
        })
    }
}

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Null if it was an error without JSON.
    pub(super) body: Value,
    /// Its Date header is far from our clock.
    pub(super) clocks_differ: bool,
    /// How long it wants to be left alone.
    retry_after: Option<Duration>,
}

impl Answer {
    /// Says what is wrong if nobody is behind the server now, or if it wants to be left alone for a while (RFC 6585 §4,
    /// RFC 9110 §15.6.4).
    pub(super) fn away(&self, server: &str) -> Option<StartError> {
        let status = self.status.as_u16();
        let wait = match (status, self.retry_after) {
            (429, wait) => wait.unwrap_or_default().max(TOO_OFTEN),
            (503, Some(wait)) => wait,
            (500.., _) => return Some(StartError::Unreachable(format!("{server} answered {status}"))),
            _ => return None,
        };
        let what = format!("{server} answered {status}: it wants fewer requests for a while");
        Some(StartError::Busy { what, wait })
    }
}

/// Reads an answer; `None` if it is too long.
async fn read(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Compares the Date header with our clock.
fn clocks_differ(response: &Response) -> bool {
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else {
        return false;
    };
    let apart = theirs.timestamp().duration_since(jiff::Timestamp::now()).unsigned_abs();
    apart > CLOCKS_DIFFER
}

/// Reads Retry-After (RFC 9110 §10.2.3): seconds, or a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let told = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = told.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(told).ok()?.timestamp();
    Duration::try_from(date.duration_since(jiff::Timestamp::now())).ok()
}

/// Says why there is no answer, without what was asked.
fn failure(url: &str, error: &reqwest::Error) -> StartError {
    let host = origin(url);
    if error.is_timeout() {
        return StartError::Unreachable(format!("{host} did not answer in time"));
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match tls_cause(error) {
        Some(tls) => StartError::Tls(format!("{host}: {}", tls_remedy(tls))),
        None => StartError::Unreachable(format!("{host}: {cause}")),
    }
}

/// Writes scheme, host and port of an address.
fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(
        |_| "the controller".to_owned(),
        |url| url.origin().ascii_serialization(),
    )
}

/// Says what an operator can do about a failure of TLS.
pub(super) fn tls_remedy(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    use rustls::Error::InvalidCertificate;
    let remedy = match error {
        InvalidCertificate(Bad::UnknownIssuer) => "name the authority that signed it in the configuration",
        InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the certificate is another host's: use the name that is in it"
        }
        InvalidCertificate(
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. },
        ) => "renew the certificate, or set this machine's clock",
        _ => "TLS 1.2 or 1.3 with AEAD is needed on both sides",
    };
    // The names in a certificate are its owner's.
    let error: String = legible(&error.to_string()).take(300).collect();
    format!("{error}; {remedy}")
}

/// Checks an address of HTTP and takes the slash from its end.
pub(super) fn http_address(address: &str) -> Result<String, StartError> {
    let url = Url::parse(address).ok();
    let is_fine = |url: &Url| matches!(url.scheme(), "https" | "http") && url.has_host() && url.query().is_none();
    match url.filter(is_fine) {
        Some(url) if url.username().is_empty() && url.password().is_none() => {
            Ok(url.as_str().trim_end_matches('/').to_owned())
        }
        _ => Err(StartError::Bad(format!(
            "\"{}\" is no address: give one like https://controller.example",
            plain(address)
        ))),
    }
}

/// Shortens what a server said, for a log: nothing in it hides or reorders what is around it.
pub(super) fn plain(text: &str) -> String {
    legible(text).take(100).collect()
}

/// Returns the characters of a text that are what they look like, in one line.
fn legible(text: &str) -> impl Iterator<Item = char> {
    let fit = text.chars().filter(|c| !is_unfit(*c));
    fit.map(|c| if c.is_whitespace() { ' ' } else { c })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_shown_as_one_short_line_in_its_order() {
        let said = "no\u{202e}such\u{200b} key\u{2028}\u{feff}{\u{2066}x\u{2069}}\r\n\u{1b}[2Jüß";
        assert_eq!(plain(said), "nosuch key {x}[2Jüß");
        assert_eq!(plain(&"x".repeat(1000)).len(), 100);
    }
}
