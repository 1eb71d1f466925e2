// SPDX-License-Identifier: EUPL-1.2
//! Says why a message was refused, with what is needed to answer it.

use crate::message::{HeaderName, Headers, Method, Response, StatusCode};
use std::fmt;

/// Says why octets were not a message that may be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What was wrong, in a few words.
    pub what: &'static str,
    /// The header field it was in, if in one.
    pub field: Option<HeaderName>,
    /// Octets from the start of the message, or of the field's value if `field` is named.
    pub at: usize,
    /// The answer that the standards ask for; `None` when there can be none, as for a response.
    pub status: Option<StatusCode>,
    /// Whether two readers could disagree about where the message ends: a stream must be closed.
    pub framing_lost: bool,
    /// What was read before and after the fault.
    pub salvage: Box<Salvage>,
}

/// Holds what could be read of a refused message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvage {
    /// The method, if the start line was readable that far.
    pub method: Option<Method>,
    /// Whether it was a response.
    pub is_response: bool,
    /// Via, and of From, To, Call-ID and CSeq the first, octet for octet.
    pub headers: Headers,
}

impl ParseError {
    /// Builds the refusal; `None` for what cannot be answered: responses, ACK, and requests without Via.
    ///
    /// The Via may itself be unreadable: then only the address the request came from is known.
    /// The reason phrase names the fault (RFC 3261 §21.4.1).
    pub fn answer(&self, to_tag: &str) -> Option<Response> {
        let status = self.status?;
        if self.salvage.is_response || self.salvage.method == Some(Method::Ack) {
            return None;
        }
        if !self.salvage.headers.contains(&HeaderName::Via) {
            return None;
        }
        let mut response = Response::new(status);
        response.reason = format!("{} ({self})", status.reason());
        response.headers = self.salvage.headers.clone();
        if let Ok(to) = response.headers.to()
            && to.tag().is_none()
        {
            response.headers.set_value(HeaderName::To, &to.with_tag(to_tag));
        }
        Some(response)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{}: {} at octet {}", field, self.what, self.at),
            None => write!(f, "{} at octet {}", self.what, self.at),
        }
    }
}

impl std::error::Error for ParseError {}
