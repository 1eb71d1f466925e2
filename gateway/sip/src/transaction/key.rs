// SPDX-License-Identifier: EUPL-1.2
//! What makes two messages belong to one transaction: RFC 3261 §17.1.3, §17.2.3 and §8.2.2.2.

use crate::message::{HeaderName, Method, Request, Response, Via};

/// Finds the client transaction of a response.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey {
    branch: String,
    method: Method,
}

impl ClientKey {
    /// Names the transaction of a request of ours.
    pub fn new(branch: &str, method: Method) -> ClientKey {
        ClientKey {
            branch: branch.to_owned(),
            method,
        }
    }

    /// Names the transaction that `response` belongs to, if its Via and CSeq can be read.
    pub fn of_response(response: &Response) -> Option<ClientKey> {
        // RFC 3261 §17.1.3: "the branch parameter in the top Via header field" and "the method parameter in the CSeq"
        let via = response.headers.top_via().ok()?;
        let cseq = response.headers.cseq().ok()?;
        Some(ClientKey {
            branch: via.branch()?.to_owned(),
            method: cseq.method,
        })
    }
}

/// Finds the server transaction of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerKey {
    identity: String,
    method: Method,
}

impl ServerKey {
    /// Names the transaction that `request` belongs to; ACK belongs to the INVITE's.
    pub fn of_request(request: &Request, via: &Via) -> ServerKey {
        let method = if request.method == Method::Ack {
            Method::Invite
        } else {
            request.method.clone()
        };
        ServerKey {
            identity: identity(request, via),
            method,
        }
    }

    /// Names the INVITE transaction that a CANCEL is for: "the same … but with method INVITE" (RFC 3261 §9.2).
    pub fn cancelled(&self) -> ServerKey {
        ServerKey {
            identity: self.identity.clone(),
            method: Method::Invite,
        }
    }
}

fn identity(request: &Request, via: &Via) -> String {
    let port = via.port().map(|p| p.to_string()).unwrap_or_default();
    match via.branch() {
        // "The branch parameter in the request is equal to the one in the top Via header field of the request that created
        // the transaction, and the sent-by value in the top Via of the request is equal"
        Some(branch) if via.has_cookie() => format!("{branch}\n{}:{port}", via.host()).to_ascii_lowercase(),
        // RFC 2543 peers: Request-URI, From tag, Call-ID, CSeq number and top Via (the To tag of the ACK is that of the
        // response, so it is left out for all).
        _ => {
            let headers = &request.headers;
            let tag = headers
                .from()
                .ok()
                .and_then(|f| f.tag().map(str::to_owned))
                .unwrap_or_default();
            let number = headers.cseq().map(|c| c.number).unwrap_or_default();
            let call_id = headers.text(&HeaderName::CallId).unwrap_or_default();
            format!(
                "{}\n{tag}\n{call_id}\n{number}\n{}:{port}\n{}",
                request.uri,
                via.host(),
                via.branch().unwrap_or("")
            )
        }
    }
}

/// Tells one request from itself having come another way: From tag, Call-ID and CSeq (RFC 3261 §8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MergeKey(String);

impl MergeKey {
    /// Names the request; `None` if it has a To tag, or cannot be read.
    pub fn of_request(request: &Request) -> Option<MergeKey> {
        if request.headers.to().ok()?.tag().is_some() {
            return None;
        }
        let from = request.headers.from().ok()?;
        let cseq = request.headers.cseq().ok()?;
        let call_id = request.headers.call_id().ok()?;
        Some(MergeKey(format!("{}\n{call_id}\n{cseq}", from.tag()?)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::message::{CSeq, NameAddr, Uri};

    fn request(method: Method, via: &str) -> (Request, Via) {
        let via = Via::parse(via).unwrap();
        let mut request = Request::new(method.clone(), Uri::parse("sip:b@example.org").unwrap());
        request.headers.push_value(HeaderName::Via, &via);
        request
            .headers
            .push_value(HeaderName::From, &NameAddr::parse("<sip:a@example.org>;tag=1").unwrap());
        request
            .headers
            .push_value(HeaderName::To, &NameAddr::parse("<sip:b@example.org>").unwrap());
        request.headers.push(HeaderName::CallId, "c").unwrap();
        request.headers.push_value(HeaderName::CSeq, &CSeq::new(7, method));
        (request, via)
    }

    fn key(method: Method, via: &str) -> ServerKey {
        let (request, via) = request(method, via);
        ServerKey::of_request(&request, &via)
    }

    #[test]
    fn an_ack_and_a_cancel_find_their_invite() {
        for via in [
            "SIP/2.0/UDP a.example:5060;branch=z9hG4bK1",
            "SIP/2.0/UDP a.example;branch=1",
        ] {
            let invite = key(Method::Invite, via);
            assert_eq!(key(Method::Ack, via), invite);
            assert_ne!(key(Method::Cancel, via), invite);
            assert_eq!(key(Method::Cancel, via).cancelled(), invite);
        }
    }

    #[test]
    fn the_same_branch_of_another_sender_is_another_transaction() {
        let one = key(Method::Invite, "SIP/2.0/UDP a.example;branch=z9hG4bK1");
        let two = key(Method::Invite, "SIP/2.0/UDP b.example;branch=z9hG4bK1");
        assert_ne!(one, two);
    }

    #[test]
    fn a_request_that_comes_two_ways_has_one_merge_key() {
        let (one, _) = request(Method::Invite, "SIP/2.0/UDP a.example;branch=z9hG4bK1");
        let (two, _) = request(Method::Invite, "SIP/2.0/UDP b.example;branch=z9hG4bK2");
        assert!(MergeKey::of_request(&one).is_some());
        assert_eq!(MergeKey::of_request(&one), MergeKey::of_request(&two));
    }
}
