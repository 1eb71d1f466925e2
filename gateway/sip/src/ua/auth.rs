// SPDX-License-Identifier: EUPL-1.2
//! Answers to challenges: RFC 3261 §22, once per call and only to the host that was called.

use std::net::IpAddr;

use super::Endpoint;
use super::call::Call;
use crate::message::{CSeq, HeaderName, Request, Response, StatusCode};

/// Challenges of one call that are answered, so that a refreshed nonce inside a long call still works.
const MAX_ANSWERS: u8 = 16;

impl Endpoint {
    /// Builds the request again with credentials and CSeq `cseq`; `None` if the challenge is not to be answered.
    pub(super) fn with_credentials(
        &mut self,
        call: &mut Call,
        request: &Request,
        response: &Response,
        from: IpAddr,
        cseq: u32,
    ) -> Option<Request> {
        let (challenges, name) = match response.status {
            StatusCode::UNAUTHORIZED => (response.headers.www_authenticate(), HeaderName::Authorization),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                (response.headers.proxy_authenticate(), HeaderName::ProxyAuthorization)
            }
            _ => return None,
        };
        // a request that was refused with its credentials is not tried again, unless only the nonce was too old
        let stale = challenges.iter().any(crate::digest::Challenge::is_stale);
        if call.challenges_answered >= MAX_ANSWERS || (request.headers.contains(&name) && !stale) {
            return None;
        }
        // a stranger inside the dialog must not learn an answer
        if call.challenger.is_some_and(|host| host != from) || (call.challenger.is_none() && call.dialog.is_some()) {
            return None;
        }
        let cnonce = self.random.tag();
        let login = call.login.as_ref()?;
        let credentials = login.answer(&challenges, &request.method, &request.uri, &cnonce, 1)?;
        call.challenger = Some(from);
        call.challenges_answered += 1;
        let mut request = request.clone();
        request.headers.remove(&HeaderName::Via);
        request.headers.set_value(name, &credentials);
        let method = request.method.clone();
        // RFC 3261 §8.1.3.5: the retry has "the same value of the Call-ID, To, and From … but the CSeq should contain a new
        // sequence number that is one higher than the previous"
        request.headers.set_value(HeaderName::CSeq, &CSeq::new(cseq, method));
        Some(request)
    }
}
