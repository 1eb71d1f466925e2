// SPDX-License-Identifier: EUPL-1.2
//! The state of one dialog, and the requests it makes.

use crate::message::{CSeq, HeaderName, Headers, Method, NameAddr, Request, Response, SipUri, Uri};

/// Most Record-Route entries that are taken into a route set.
const MAX_ROUTES: usize = 32;

/// Finds a dialog: Call-ID and both tags (RFC 3261 §12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty if it has none (RFC 2543).
    pub remote_tag: String,
}

impl DialogId {
    /// Names the dialog that a request is sent in: To is us, From is the peer.
    pub fn of_request(headers: &Headers) -> Option<DialogId> {
        let to = headers.to().ok()?;
        let from = headers.from().ok()?;
        Some(DialogId {
            call_id: headers.call_id().ok()?.into_owned(),
            local_tag: to.tag()?.to_owned(),
            remote_tag: from.tag().unwrap_or("").to_owned(),
        })
    }
}

/// Says that a request is older than one that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleCSeq;

/// Holds what a caller knows before anybody answered; every answering fork makes a [`Dialog`] of it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The Call-ID.
    pub call_id: String,
    /// From, with our tag.
    pub local: NameAddr,
    /// To, without a tag.
    pub remote: NameAddr,
    /// Request-URI of the INVITE.
    pub target: Uri,
    /// CSeq of the last request sent.
    pub cseq: u32,
}

impl Draft {
    /// Builds a request outside of a dialog with the next CSeq number (RFC 3261 §8.1.1).
    pub fn request(&mut self, method: Method) -> Request {
        self.cseq = self.cseq.saturating_add(1);
        let mut request = Request::new(method.clone(), without_headers(&self.target));
        start(
            &mut request,
            &self.local,
            &self.remote,
            &self.call_id,
            CSeq::new(self.cseq, method),
        );
        request
    }

    /// Makes the dialog that a 101–299 response begins (RFC 3261 §12.1.2).
    pub fn dialog(&self, response: &Response) -> Dialog {
        let to = response.headers.to().unwrap_or_else(|_| self.remote.clone());
        let mut route_set: Vec<NameAddr> = response.headers.record_routes().unwrap_or_default();
        route_set.truncate(MAX_ROUTES);
        // RFC 3261 §12.1.2: "The route set MUST be set to the list of URIs in the Record-Route header field from the
        // response, taken in reverse order and preserving all URI parameters."
        route_set.reverse();
        let contact = response
            .headers
            .contacts()
            .ok()
            .and_then(|c| c.first().map(|c| c.uri().clone()));
        Dialog {
            id: DialogId {
                call_id: self.call_id.clone(),
                local_tag: self.local.tag().unwrap_or("").to_owned(),
                remote_tag: to.tag().unwrap_or("").to_owned(),
            },
            local: self.local.clone(),
            remote: to,
            remote_target: contact.unwrap_or_else(|| self.target.clone()),
            route_set,
            local_cseq: self.cseq,
            remote_cseq: None,
        }
    }
}

/// Holds one dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    id: DialogId,
    local: NameAddr,
    remote: NameAddr,
    remote_target: Uri,
    route_set: Vec<NameAddr>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

impl Dialog {
    /// Makes the dialog that an INVITE begins at the callee (RFC 3261 §12.1.1); `None` if its headers cannot be read.
    pub fn of_invite(request: &Request, local_tag: &str, first_cseq: u32) -> Option<Dialog> {
        let from = request.headers.from().ok()?;
        let to = request.headers.to().ok()?;
        let contact = request
            .headers
            .contacts()
            .ok()
            .and_then(|c| c.first().map(|c| c.uri().clone()));
        // "The route set MUST be set to the list of URIs in the Record-Route header field from the request, taken in order"
        let mut route_set = request.headers.record_routes().ok()?;
        route_set.truncate(MAX_ROUTES);
        Some(Dialog {
            id: DialogId {
                call_id: request.headers.call_id().ok()?.into_owned(),
                local_tag: local_tag.to_owned(),
                // "A UAS MUST be prepared to receive a request without a tag in the From field"
                remote_tag: from.tag().unwrap_or("").to_owned(),
            },
            local: to.with_tag(local_tag),
            // COMPAT: a caller without Contact can still be reached by its From
            remote_target: contact.unwrap_or_else(|| from.uri().clone()),
            remote: from,
            route_set,
            local_cseq: first_cseq,
            remote_cseq: Some(request.headers.cseq().ok()?.number),
        })
    }

    /// Returns the name of the dialog.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Returns where the peer wants requests.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// Tells whether proxies stay on the way.
    pub fn is_routed(&self) -> bool {
        !self.route_set.is_empty()
    }

    /// Returns the URI whose host the next request is sent to.
    pub fn next_hop(&self) -> &Uri {
        self.route_set.first().map_or(&self.remote_target, NameAddr::uri)
    }

    /// Takes note of a request of the peer.
    pub fn receive(&mut self, cseq: u32) -> Result<(), StaleCSeq> {
        match self.remote_cseq {
            // RFC 3261 §12.2.2: "If the remote sequence number was not empty, but the sequence number of the request is
            // lower than the remote sequence number, the request is out of order and MUST be rejected with a 500"
            Some(last) if cseq < last => Err(StaleCSeq),
            _ => {
                self.remote_cseq = Some(cseq);
                Ok(())
            }
        }
    }

    /// Takes the Contact of a target refresh request or its 2xx: "MUST replace the dialog's remote target URI" (§12.2).
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(contact) = headers.contacts().ok().and_then(|c| c.first().map(|c| c.uri().clone())) {
            self.remote_target = contact;
        }
    }

    /// Takes the route set of the 2xx, which may differ from that of the 1xx that began the dialog (§13.2.2.4).
    pub fn refresh_routes(&mut self, headers: &Headers) {
        if let Ok(mut routes) = headers.record_routes() {
            routes.truncate(MAX_ROUTES);
            routes.reverse();
            self.route_set = routes;
        }
    }

    /// Raises our CSeq to that of a request that was sent again from the draft.
    pub fn raise_cseq(&mut self, cseq: u32) {
        self.local_cseq = self.local_cseq.max(cseq);
    }

    /// Returns the CSeq number of our last request.
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Builds a request with the next CSeq number (RFC 3261 §12.2.1.1).
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.numbered(method, self.local_cseq)
    }

    /// Builds the ACK for a 2xx: "The sequence number … MUST be the same as the INVITE being acknowledged" (§13.2.2.4).
    pub fn ack(&self, cseq: u32) -> Request {
        self.numbered(Method::Ack, cseq)
    }

    fn numbered(&self, method: Method, cseq: u32) -> Request {
        let target = without_headers(&self.remote_target);
        let mut routes: Vec<NameAddr> = self.route_set.clone();
        let strict = routes
            .first()
            .and_then(|r| r.uri().as_sip())
            .is_some_and(|uri| !uri.is_loose_router());
        let uri = if strict {
            // RFC 3261 §12.2.1.1: "If the route set is not empty, and its first URI does not contain the lr parameter, the
            // UAC MUST place the first URI from the route set into the Request-URI, stripping any parameters that are not
            // allowed … then place the remote target URI into the Route header field as the last value."
            let first = routes.remove(0);
            routes.push(NameAddr::new(target));
            without_headers(first.uri())
        } else {
            target
        };
        let mut request = Request::new(method.clone(), uri);
        for route in &routes {
            request.headers.push_value(HeaderName::Route, route);
        }
        start(
            &mut request,
            &self.local,
            &self.remote,
            &self.id.call_id,
            CSeq::new(cseq, method),
        );
        request
    }
}

fn start(request: &mut Request, from: &NameAddr, to: &NameAddr, call_id: &str, cseq: CSeq) {
    request.headers.push_static(HeaderName::MaxForwards, "70");
    request.headers.push_value(HeaderName::From, from);
    request.headers.push_value(HeaderName::To, to);
    // a Call-ID is ours or came through the parser: neither holds a line break
    let _refused = request.headers.push(HeaderName::CallId, call_id);
    request.headers.push_value(HeaderName::CSeq, &cseq);
}

fn without_headers(uri: &Uri) -> Uri {
    match uri {
        Uri::Sip(sip) => Uri::Sip(SipUri::without_headers(sip.clone()).without_param("method")),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::message::StatusCode;

    fn invite(record_routes: &[&str]) -> Request {
        let mut request = Request::new(Method::Invite, Uri::parse("sip:b@example.org").unwrap());
        for route in record_routes {
            request.headers.push(HeaderName::RecordRoute, route).unwrap();
        }
        request
            .headers
            .push(HeaderName::From, "<sip:a@example.org>;tag=f")
            .unwrap();
        request.headers.push(HeaderName::To, "<sip:b@example.org>").unwrap();
        request.headers.push(HeaderName::CallId, "c").unwrap();
        request.headers.push(HeaderName::CSeq, "5 INVITE").unwrap();
        request
            .headers
            .push(HeaderName::Contact, "<sip:a@10.0.0.1:5070>")
            .unwrap();
        request
    }

    fn routes(request: &Request) -> Vec<String> {
        request
            .headers
            .routes()
            .unwrap()
            .iter()
            .map(|r| r.uri().to_string())
            .collect()
    }

    #[test]
    fn a_callee_sends_by_the_recorded_routes_in_order() {
        let mut dialog = Dialog::of_invite(&invite(&["<sip:p2;lr>", "<sip:p1;lr>"]), "t", 1).unwrap();
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.to_string(), "sip:a@10.0.0.1:5070");
        assert_eq!(routes(&bye), ["sip:p2;lr", "sip:p1;lr"]);
        assert_eq!(dialog.next_hop().to_string(), "sip:p2;lr");
        assert_eq!(bye.headers.cseq().unwrap().number, 2);
        assert_eq!(bye.headers.from().unwrap().tag(), Some("t"));
        assert_eq!(bye.headers.to().unwrap().tag(), Some("f"));
    }

    #[test]
    fn a_strict_router_is_addressed_in_the_request_uri() {
        let mut dialog = Dialog::of_invite(&invite(&["<sip:p2?x=y>", "<sip:p1;lr>"]), "t", 1).unwrap();
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.to_string(), "sip:p2");
        assert_eq!(routes(&bye), ["sip:p1;lr", "sip:a@10.0.0.1:5070"]);
    }

    #[test]
    fn a_caller_reverses_the_recorded_routes() {
        let mut draft = Draft {
            call_id: "c".into(),
            local: NameAddr::parse("<sip:a@example.org>;tag=f").unwrap(),
            remote: NameAddr::parse("<sip:b@example.org>").unwrap(),
            target: Uri::parse("sip:b@example.org").unwrap(),
            cseq: 0,
        };
        let request = draft.request(Method::Invite);
        let mut response = Response::to_request(&request, StatusCode::OK, Some("t"));
        response
            .headers
            .push(HeaderName::RecordRoute, "<sip:p2;lr>, <sip:p1;lr>")
            .unwrap();
        response.headers.push(HeaderName::Contact, "<sip:b@10.0.0.2>").unwrap();
        let dialog = draft.dialog(&response);
        let ack = dialog.ack(1);
        assert_eq!(routes(&ack), ["sip:p1;lr", "sip:p2;lr"]);
        assert_eq!(ack.headers.cseq().unwrap(), CSeq::new(1, Method::Ack));
        assert_eq!(dialog.id().remote_tag, "t");
    }

    #[test]
    fn an_older_request_is_refused_and_a_newer_one_taken() {
        let mut dialog = Dialog::of_invite(&invite(&[]), "t", 1).unwrap();
        assert_eq!(dialog.receive(4), Err(StaleCSeq));
        assert_eq!(dialog.receive(6), Ok(()));
        assert_eq!(dialog.receive(5), Err(StaleCSeq));
    }

    #[test]
    fn a_target_refresh_moves_the_peer() {
        let mut dialog = Dialog::of_invite(&invite(&[]), "t", 1).unwrap();
        let mut moved = Headers::new();
        moved.push(HeaderName::Contact, "<sip:a@10.0.0.9>").unwrap();
        dialog.refresh_target(&moved);
        assert_eq!(dialog.request(Method::Bye).uri.to_string(), "sip:a@10.0.0.9");
    }
}
