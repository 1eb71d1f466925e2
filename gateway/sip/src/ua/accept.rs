// SPDX-License-Identifier: EUPL-1.2
//! What every request passes before it is acted upon: RFC 3261 §8.2.

use std::time::Instant;

use super::body::Refused;
use super::stamp::{ACCEPT, ALLOW, SUPPORTED, UNDERSTOOD};
use super::{Arrival, Endpoint};
use crate::dialog::DialogId;
use crate::message::{HeaderName, Method, Request, StatusCode, Uri, Via};
use crate::transaction::{MergeKey, ServerKey};

/// Holds a request that has a transaction.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) server: u64,
    pub(super) arrival: Arrival,
    pub(super) request: Request,
    /// How many proxies and user agents it passed.
    pub(super) hops: usize,
}

impl Endpoint {
    /// Takes a request from the network.
    pub(super) fn receive_request(&mut self, now: Instant, arrival: Arrival, mut request: Request) {
        let Ok(vias) = request.headers.vias() else {
            self.turned_away.malformed += 1;
            return;
        };
        let Some(mut via) = vias.first().cloned() else { return };
        via.note_source(arrival.remote);
        if request.headers.set_top_via(&via).is_err() {
            return;
        }
        let key = ServerKey::of_request(&request, &via);
        if request.method == Method::Ack {
            if !self.receive_rejection_ack(now, &key) {
                self.receive_ack(now, &request);
            }
            return;
        }
        if let Some(id) = self.servers.find(&key) {
            self.receive_again(id);
            return;
        }
        // an eighth of the table is kept for requests inside of calls, so that a flood from outside cannot keep calls up
        let is_inside = request.headers.to().is_ok_and(|to| to.tag().is_some()) || request.method == Method::Cancel;
        let reserve = if is_inside { 0 } else { self.config.max_transactions / 8 };
        if self.servers.len() + reserve >= self.config.max_transactions {
            self.turned_away.overloaded += 1;
            self.respond_stateless(&arrival, &request, &via, StatusCode::SERVICE_UNAVAILABLE);
            return;
        }
        let merge = if is_inside {
            None
        } else {
            MergeKey::of_request(&request)
        };
        if merge.as_ref().is_some_and(|key| self.servers.is_merged(key)) {
            // RFC 3261 §8.2.2.2: "the UAS core SHOULD generate a 482 (Loop Detected) response"
            self.respond_stateless(&arrival, &request, &via, StatusCode::LOOP_DETECTED);
            return;
        }
        if request.method == Method::Invite && !is_inside && self.calls.len() >= self.config.max_calls {
            self.turned_away.overloaded += 1;
            self.respond_stateless(&arrival, &request, &via, StatusCode::SERVICE_UNAVAILABLE);
            return;
        }
        let server = self.begin_server(&arrival, &request, &via, key.clone(), merge);
        if request.method == Method::Cancel {
            self.receive_cancel(now, server, &key, &request);
            return;
        }
        if !self.is_acceptable(now, server, &request, &vias) {
            return;
        }
        let inbound = Inbound {
            server,
            arrival,
            request,
            hops: vias.len(),
        };
        if inbound.request.headers.to().is_ok_and(|to| to.tag().is_some()) {
            let call = DialogId::of_request(&inbound.request.headers).and_then(|id| self.dialogs.get(&id).copied());
            match call {
                Some(call) => self.receive_in_dialog(now, call, inbound),
                // RFC 3261 §12.2.2: "the UAS … does not match any existing dialogs … SHOULD respond with a 481"
                None => self.respond_status(now, server, StatusCode::CALL_DOES_NOT_EXIST),
            }
            return;
        }
        match inbound.request.method {
            Method::Invite => self.receive_invite(now, inbound),
            Method::Options => self.receive_options(now, server),
            // outside of a dialog BYE, INFO, UPDATE and PRACK are about nothing that we know
            _ => self.respond_status(now, server, StatusCode::CALL_DOES_NOT_EXIST),
        }
    }

    /// Checks method, Request-URI, loops and required extensions in the order of RFC 3261 §8.2.
    fn is_acceptable(&mut self, now: Instant, server: u64, request: &Request, vias: &[Via]) -> bool {
        let refusal = match &request.method {
            Method::Invite | Method::Bye | Method::Options | Method::Info | Method::Update | Method::Prack => None,
            // RFC 3261 §21.5.2: 501 "when a UAS does not recognize the request method", 405 when it does but does not allow it
            Method::Other(_) => Some(StatusCode::NOT_IMPLEMENTED),
            _ => Some(StatusCode::METHOD_NOT_ALLOWED),
        };
        let refusal = refusal.or(match &request.uri {
            // §8.2.2.1: "If the Request-URI uses a scheme not supported by the UAS, it SHOULD reject the request with a 416"
            Uri::Other(_) => Some(StatusCode::UNSUPPORTED_URI_SCHEME),
            _ => None,
        });
        let refusal = refusal.or_else(|| {
            let uri = request.uri.to_string();
            let looped = vias
                .iter()
                .filter_map(Via::branch)
                .any(|branch| self.random.is_own_loop(branch, &uri));
            looped.then_some(StatusCode::LOOP_DETECTED)
        });
        if let Some(status) = refusal {
            self.respond_status(now, server, status);
            return false;
        }
        let unknown: Vec<String> = request
            .headers
            .require()
            .into_iter()
            .filter(|tag| !UNDERSTOOD.iter().any(|u| u.eq_ignore_ascii_case(tag)))
            .collect();
        if unknown.is_empty() && !takes_description(request) {
            // RFC 4475 §3.3.15: whoever calls and takes no session description can only get 406
            self.respond_status(now, server, StatusCode::NOT_ACCEPTABLE);
            return false;
        }
        if unknown.is_empty() {
            return true;
        }
        if let Some(mut response) = self.reply(server, StatusCode::BAD_EXTENSION) {
            // §8.2.2.3: "This response MUST include an Unsupported header field listing those options it does not understand"
            super::stamp::push_text(&mut response.headers, HeaderName::Unsupported, &unknown.join(", "));
            self.respond(now, server, &response);
        }
        false
    }

    fn receive_options(&mut self, now: Instant, server: u64) {
        if let Some(mut response) = self.reply(server, StatusCode::OK) {
            // RFC 3261 §11.2: "Allow, Accept, Accept-Encoding, Accept-Language, and Supported header fields SHOULD be present"
            response.headers.push_static(HeaderName::Allow, ALLOW);
            response.headers.push_static(HeaderName::Accept, ACCEPT);
            response.headers.push_static(HeaderName::AcceptEncoding, "identity");
            response.headers.push_static(HeaderName::AcceptLanguage, "en, de");
            response.headers.push_static(HeaderName::Supported, SUPPORTED);
            self.respond(now, server, &response);
        }
    }

    /// Refuses a body with 415 and says what would be taken (RFC 3261 §8.2.3).
    pub(super) fn refuse_body(&mut self, now: Instant, server: u64, refused: Refused, accept: &'static str) {
        if let Some(mut response) = self.reply(server, StatusCode::UNSUPPORTED_MEDIA_TYPE) {
            match refused {
                Refused::Type => response.headers.push_static(HeaderName::Accept, accept),
                Refused::Encoding => response.headers.push_static(HeaderName::AcceptEncoding, "identity"),
            }
            self.respond(now, server, &response);
        }
    }

    fn receive_cancel(&mut self, now: Instant, server: u64, key: &ServerKey, request: &Request) {
        let Some(invite) = self.servers.find(&key.cancelled()) else {
            // RFC 3261 §9.2: "If the UAS did not find a matching transaction … it SHOULD respond to the CANCEL with a 481"
            self.respond_status(now, server, StatusCode::CALL_DOES_NOT_EXIST);
            return;
        };
        // §9.2: "the To tag of the response to the CANCEL and the To tag in the response to the original request SHOULD be
        // the same"
        let tag = self.servers.to_tag(invite).unwrap_or("").to_owned();
        if let Some(mut response) = self.reply(server, StatusCode::OK) {
            if let Ok(to) = response.headers.to() {
                response.headers.set_value(HeaderName::To, &to.with_tag(&tag));
            }
            self.respond(now, server, &response);
        }
        // "If it has already sent a final response for the original request … the CANCEL request has no effect"
        if let Some(call) = self.servers.open_call(invite) {
            let reason = request.headers.reasons().ok().and_then(|r| r.into_iter().next());
            self.cancelled(now, call, invite, reason);
        }
    }
}

fn takes_description(request: &Request) -> bool {
    if request.method != Method::Invite {
        return true;
    }
    match request.headers.accept() {
        Ok(Some(ranges)) => ranges.iter().any(|range| range.admits("application/sdp")),
        // RFC 3261 §20.1: without Accept, application/sdp is assumed
        Ok(None) | Err(_) => true,
    }
}
