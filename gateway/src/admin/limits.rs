// SPDX-License-Identifier: EUPL-1.2
//! How much one source may ask, how long a request may take, and who the source is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::admin::{Problem, Public};
use crate::legs::whip::Session;

/// The longest JSON body [bytes].
const MAX_JSON: usize = 16 * 1024;

/// The network source of a request, as the throttle counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(pub IpAddr);

/// Allows each source a rate of requests with bursts; an IPv6 source is a /64.
#[derive(Debug)]
pub struct SourceLimit {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// How many sources are remembered; full buckets are forgotten first.
const MAX_SOURCES: usize = 10_000;

impl SourceLimit {
    /// Makes a limit; an office behind one address must still fit into it.
    pub fn new(per_second: u32, burst: u32) -> SourceLimit {
        SourceLimit {
            per_second: per_second.into(),
            burst: burst.into(),
            buckets: Mutex::default(),
        }
    }

    /// Counts one request; `Err` tells how long to wait.
    pub fn allow(&self, source: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_SOURCES {
            buckets.retain(|_, bucket| self.tokens(bucket, now) < self.burst);
            if buckets.len() >= MAX_SOURCES {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(network(source)).or_insert(Bucket {
            tokens: self.burst,
            at: now,
        });
        let tokens = self.tokens(bucket, now);
        *bucket = Bucket { tokens, at: now };
        if tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - tokens) / self.per_second.max(0.001)));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    fn tokens(&self, bucket: &Bucket, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + elapsed * self.per_second).min(self.burst)
    }
}

/// Names the source, holds it to its limit, and gives every request a deadline.
pub(super) async fn guard(State(public): State<Arc<Public>>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip().to_canonical());
    let source = source(peer, request.headers(), &public.config.trusted_proxies);
    request.extensions_mut().insert(Source(source));
    if let Err(wait) = public.limit.allow(source, Instant::now()) {
        return Problem::too_many_tries(wait).into_response();
    }
    timely(public.config.request_timeout, next.run(request)).await
}

/// Gives a request a deadline.
pub(super) async fn timely(limit: Duration, response: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(limit, response).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "the request took too long; send it again",
        )
        .into_response(),
    }
}

/// Trusts X-Forwarded-For only as far as it was written by trusted proxies: the last address that is none of them.
fn source(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let Some(peer) = peer else {
        return IpAddr::from(Ipv6Addr::UNSPECIFIED);
    };
    if !trusted.contains(&peer) {
        return peer;
    }
    let lines: Vec<_> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    hops.map_while(|hop| hop.trim().parse::<IpAddr>().ok())
        .map(|hop| hop.to_canonical())
        .find(|hop| !trusted.contains(hop))
        .unwrap_or(peer)
}

fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
    }
}

/// Reads a body of at most `limit` bytes.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let what = format!("the body is larger than {limit} bytes; send less");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
    };
    if http_body_lower_bound(&body) > limit as u64 {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|_| too_large())
}

fn http_body_lower_bound(body: &Body) -> u64 {
    axum::body::HttpBody::size_hint(body).lower()
}

/// A JSON body of bounded size. The content type is required, so that no foreign page can send one without asking.
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if !kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        {
            let what = "the body must be JSON; set Content-Type: application/json";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                what,
            ));
        }
        let body = read_body(request.into_body(), MAX_JSON).await?;
        serde_json::from_slice(&body)
            .map(JsonBody)
            .map_err(|error| Problem::bad_request(format!("the body does not fit: {}", describe(&error))))
    }
}

/// Says where a body is wrong without repeating it: it may hold a PIN.
fn describe(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing, unknown or of the wrong type",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// A bearer token (RFC 6750 §2.1).
pub struct Bearer(pub String);

impl Bearer {
    /// Takes the token from the Authorization header.
    pub fn of(headers: &HeaderMap) -> Result<Bearer, Problem> {
        let value = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(Problem::unauthorized)?;
        let (scheme, token) = value.split_once(' ').ok_or_else(Problem::unauthorized)?;
        if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() || token.len() > 256 {
            return Err(Problem::unauthorized());
        }
        Ok(Bearer(token.trim().to_owned()))
    }
}

/// The stay that a request's token belongs to, and that is not over.
pub(super) struct Caller(pub(super) Arc<Session>);

impl FromRequestParts<Arc<Public>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, public: &Arc<Public>) -> Result<Self, Problem> {
        let bearer = Bearer::of(&parts.headers)?;
        let session = public.sessions.by_bearer(&bearer.0).ok_or_else(Problem::unauthorized)?;
        match session.ended() {
            Some(cause) => Err(Problem::ended(cause)),
            None => Ok(Caller(session)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_source_that_floods_waits_and_others_do_not() {
        let limit = SourceLimit::new(10, 3);
        let now = Instant::now();
        let (flood, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..3 {
            limit.allow(flood, now).unwrap();
        }
        let wait = limit.allow(flood, now).unwrap_err();
        assert!(wait <= Duration::from_millis(100));
        limit.allow(other, now).unwrap();
        limit.allow(flood, now + wait).unwrap();
    }

    #[test]
    fn an_ipv6_source_cannot_multiply_itself_within_its_network() {
        let limit = SourceLimit::new(1, 1);
        let now = Instant::now();
        limit.allow("2001:db8::1".parse().unwrap(), now).unwrap();
        assert!(limit.allow("2001:db8::2".parse().unwrap(), now).is_err());
        limit.allow("2001:db8:1::2".parse().unwrap(), now).unwrap();
    }

    #[test]
    fn forwarded_addresses_count_only_when_a_trusted_proxy_wrote_them() {
        let [proxy, client, liar]: [IpAddr; 3] =
            ["10.0.0.1", "192.0.2.1", "198.51.100.9"].map(|ip| ip.parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "198.51.100.9, 192.0.2.1".parse().unwrap());
        assert_eq!(source(Some(proxy), &headers, &[proxy]), client);
        assert_eq!(source(Some(liar), &headers, &[proxy]), liar);
        assert_eq!(source(Some(proxy), &HeaderMap::new(), &[proxy]), proxy);
    }
}
