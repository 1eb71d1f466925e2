// SPDX-License-Identifier: EUPL-1.2
//! The headers that we add to what we send.

use super::{Arrival, Endpoint, Transport};
use crate::message::{HeaderName, Headers, Host, Method, NameAddr, Request, Response, SipUri, StatusCode, Uri};

/// The methods that are answered with something else than 405 or 501.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK";

/// The extensions that work.
pub(super) const SUPPORTED: &str = "100rel, timer";

/// The option tags that a peer may require.
pub(super) const UNDERSTOOD: [&str; 2] = ["100rel", "timer"];

/// The bodies that an INVITE or UPDATE may carry.
pub(super) const ACCEPT: &str = "application/sdp, multipart/mixed";

/// The bodies that an INFO may carry.
pub(super) const ACCEPT_INFO: &str = "application/dtmf-relay, application/dtmf";

impl Endpoint {
    /// Adds what every response of ours carries.
    pub(super) fn stamp_response(&self, response: &mut Response) {
        push_text(&mut response.headers, HeaderName::Server, &self.config.user_agent);
        if response.status == StatusCode::METHOD_NOT_ALLOWED || response.status == StatusCode::NOT_IMPLEMENTED {
            // RFC 3261 §8.2.1: "The UAS MUST also add an Allow header field to the 405"
            response.headers.push_static(HeaderName::Allow, ALLOW);
        }
    }

    /// Adds what a request that begins or refreshes a dialog carries.
    pub(super) fn stamp_request(&self, request: &mut Request) {
        push_text(&mut request.headers, HeaderName::UserAgent, &self.config.user_agent);
        if matches!(request.method, Method::Invite | Method::Update) {
            request.headers.push_static(HeaderName::Allow, ALLOW);
            request.headers.push_static(HeaderName::Supported, SUPPORTED);
        }
    }

    /// Makes our Contact for a peer that reached us by `arrival`.
    pub(super) fn contact_of_arrival(&self, arrival: &Arrival, user: Option<&str>, secure: bool) -> NameAddr {
        let (host, port) = self.config.reached_by(arrival);
        contact(arrival.transport, host, port, user, secure)
    }
}

/// Adds a header of text that the operator or the gateway gave; what could end its line is left out.
pub(super) fn push_text(headers: &mut Headers, name: HeaderName, text: &str) {
    if text.is_empty() {
        return;
    }
    if headers.push(name.clone(), text).is_err() {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        // nothing that push refuses is left in the value
        let _cannot_fail = headers.push(name, clean);
    }
}

pub(super) fn contact(transport: Transport, host: Host, port: u16, user: Option<&str>, secure: bool) -> NameAddr {
    // RFC 3261 §12.1.1: with a SIPS URI in the request "the Contact header field in the response MUST be a SIPS URI"
    let mut uri = SipUri::new(secure, host).with_port((port != transport.default_port()).then_some(port));
    if let Some(user) = user.filter(|u| !u.is_empty() && u.len() <= 128) {
        uri = uri.with_user(user);
    }
    match transport {
        Transport::Tcp => uri = uri.with_param("transport", Some("tcp")),
        // COMPAT: transport=tls is deprecated (RFC 3261 §26.2.2), yet the only word for TLS without sips that peers know;
        // a sip URI must not name the port 5061 by default
        Transport::Tls if !secure => uri = uri.with_port(Some(port)).with_param("transport", Some("tls")),
        _ => {}
    }
    NameAddr::new(Uri::Sip(uri))
}
