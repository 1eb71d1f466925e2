// SPDX-License-Identifier: EUPL-1.2
//! Requests inside a call, and how a call ends from either side: RFC 3261 §12.2.2 and §15.

use std::time::Instant;

use super::accept::Inbound;
use super::call::{Call, Phase};
use super::launch::Purpose;
use super::stamp::{ACCEPT_INFO, ALLOW, SUPPORTED};
use super::{CallId, EndedBy, Endpoint, Event, body};
use crate::message::{HeaderName, Method, Reason, Response, StatusCode};

impl Endpoint {
    /// Takes a request that matches a dialog.
    pub(super) fn receive_in_dialog(&mut self, now: Instant, id: CallId, inbound: Inbound) {
        let server = inbound.server;
        let known = self.with_call(id, |core, call| {
            let Ok(cseq) = inbound.request.headers.cseq() else {
                core.respond_status(now, server, StatusCode::BAD_REQUEST);
                return;
            };
            let tag = inbound
                .request
                .headers
                .from()
                .ok()
                .and_then(|f| f.tag().map(str::to_owned))
                .unwrap_or_default();
            let early = call.forks.iter_mut().map(|fork| &mut fork.dialog);
            let dialog = call
                .dialog
                .iter_mut()
                .chain(early)
                .find(|dialog| dialog.id().remote_tag == tag);
            if dialog.is_none_or(|dialog| dialog.receive(cseq.number).is_err()) {
                // §12.2.2: a request that is out of order "MUST be rejected with a 500 (Server Internal Error) response"
                core.respond_status(now, server, StatusCode::SERVER_INTERNAL_ERROR);
                return;
            }
            match inbound.request.method {
                Method::Bye => core.receive_bye(now, call, &inbound),
                Method::Options => core.receive_options_in_dialog(now, server),
                _ if call.phase == Phase::Ending || call.is_told() => {
                    core.respond_status(now, server, StatusCode::CALL_DOES_NOT_EXIST);
                }
                Method::Invite => core.receive_reinvite(now, call, inbound, cseq.number),
                Method::Update => core.receive_update(now, call, inbound, cseq.number),
                Method::Info => core.receive_info(now, call, &inbound),
                Method::Prack => core.receive_prack(now, call, &inbound),
                _ => core.respond_status(now, server, StatusCode::METHOD_NOT_ALLOWED),
            }
        });
        if known.is_none() {
            self.respond_status(now, server, StatusCode::CALL_DOES_NOT_EXIST);
        }
    }

    /// Ends a call in whatever state it is.
    pub(super) fn hang_up(&mut self, now: Instant, id: CallId, reason: Option<Reason>) {
        self.with_call(id, |core, call| {
            core.end_call(now, call, EndedBy::Local, reason, StatusCode::TEMPORARILY_UNAVAILABLE);
        });
    }

    /// Ends a call from our side; `refusal` answers an INVITE that still awaits the gateway.
    pub(super) fn end_call(
        &mut self,
        now: Instant,
        call: &mut Call,
        by: EndedBy,
        reason: Option<Reason>,
        refusal: StatusCode,
    ) {
        self.finish(call, by, None);
        if let (Phase::Offered | Phase::Connected, Some(pending)) = (call.phase, call.pending.take()) {
            let status = if call.phase == Phase::Offered {
                refusal
            } else {
                StatusCode::REQUEST_TERMINATED
            };
            if let Some(mut response) = self.reply(pending.server, status) {
                if let Some(reason) = &reason {
                    response.headers.push_value(HeaderName::Reason, reason);
                }
                self.respond(now, pending.server, &response);
            }
        }
        match call.phase {
            Phase::Calling => self.cancel(now, call, reason),
            Phase::Offered => call.over = true,
            Phase::Connected => {
                // RFC 3261 §15: the callee "MUST NOT send a BYE on a confirmed dialog until it has received an ACK for its
                // 2xx response or until the server transaction times out"
                if call.unacked.is_some() {
                    call.hang_up.get_or_insert(reason);
                } else {
                    self.send_bye(now, call, reason);
                }
            }
            Phase::Ending => {}
        }
    }

    /// Sends BYE; the call is forgotten once that is answered or given up.
    pub(super) fn send_bye(&mut self, now: Instant, call: &mut Call, reason: Option<Reason>) {
        let later = call.ack_later.take();
        let (Some(dialog), hop) = (call.dialog.as_mut(), call.hop.clone()) else {
            call.over = true;
            return;
        };
        let mut bye = dialog.request(Method::Bye);
        let next_hop = dialog.next_hop().clone();
        if let Some(reason) = &reason {
            bye.headers.push_value(HeaderName::Reason, reason);
        }
        self.stamp_request(&mut bye);
        let dialog = dialog.clone();
        if let Some(later) = later {
            // the peer's 2xx wants its ACK first
            self.send_ack(now, &dialog, hop.clone(), &later, None);
        }
        call.phase = Phase::Ending;
        call.retry_at = None;
        self.launch(now, bye, Purpose::Bye(call.id), next_hop, hop);
    }

    /// Takes the answer to our BYE.
    pub(super) fn bye_answered(&mut self, now: Instant, client: u64, id: CallId, response: &Response) {
        if response.status.is_provisional() {
            return;
        }
        let retry = self
            .clients
            .get(client)
            .map(|client| (client.outgoing.request.clone(), client.hop.clone()));
        self.with_call(id, |core, call| {
            if let (Some((request, hop)), Some(cseq)) =
                (retry, call.dialog.as_ref().map(|d| d.local_cseq().saturating_add(1)))
                && let Some(again) = core.with_credentials(call, &request, response, hop.remote().ip(), cseq)
                && let Some(dialog) = call.dialog.as_mut()
            {
                dialog.raise_cseq(cseq);
                let next_hop = dialog.next_hop().clone();
                core.launch(now, again, Purpose::Bye(id), next_hop, Some(hop));
                return;
            }
            call.over = true;
        });
    }

    /// Forgets a call.
    pub(super) fn forget_call(&mut self, id: CallId) {
        self.with_call(id, |_, call| call.over = true);
    }

    /// Tells the gateway, once, that a call is over.
    pub(super) fn finish(&mut self, call: &mut Call, by: EndedBy, reason: Option<Reason>) {
        if let Some(event) = call.end(by, reason) {
            self.tell(event);
        }
    }

    fn receive_bye(&mut self, now: Instant, call: &mut Call, inbound: &Inbound) {
        if call.phase == Phase::Calling {
            // RFC 3261 §15: "the callee's UA MUST NOT send a BYE on early dialogs"
            self.respond_status(now, inbound.server, StatusCode::CALL_DOES_NOT_EXIST);
            return;
        }
        self.respond_status(now, inbound.server, StatusCode::OK);
        if let Some(pending) = call.pending.take() {
            // §15.1.2: "The UAS MUST still respond to any pending requests received for that dialog. It is RECOMMENDED that a
            // 487 (Request Terminated) response be generated"
            self.respond_status(now, pending.server, StatusCode::REQUEST_TERMINATED);
        }
        let reason = inbound
            .request
            .headers
            .reasons()
            .ok()
            .and_then(|r| r.into_iter().next());
        self.finish(call, EndedBy::Remote, reason);
        call.over = true;
    }

    fn receive_options_in_dialog(&mut self, now: Instant, server: u64) {
        if let Some(mut response) = self.reply(server, StatusCode::OK) {
            response.headers.push_static(HeaderName::Allow, ALLOW);
            response.headers.push_static(HeaderName::Supported, SUPPORTED);
            self.respond(now, server, &response);
        }
    }

    fn receive_info(&mut self, now: Instant, call: &mut Call, inbound: &Inbound) {
        if inbound.request.headers.contains(&HeaderName::InfoPackage) {
            // RFC 6086 §4.2.2: an unknown package gets 469 with Recv-Info, here an empty list
            if let Some(status) = StatusCode::new(469)
                && let Some(mut response) = self.reply(inbound.server, status)
            {
                response.reason = "Bad Info Package".to_owned();
                response.headers.push_static(HeaderName::RecvInfo, "");
                self.respond(now, inbound.server, &response);
            }
            return;
        }
        match body::digit(&inbound.request.headers, &inbound.request.body) {
            Ok(digit) => {
                self.respond_status(now, inbound.server, StatusCode::OK);
                if let Some((digit, duration)) = digit {
                    self.tell(Event::Digit {
                        call: call.id,
                        digit,
                        duration,
                    });
                }
            }
            Err(refused) => self.refuse_body(now, inbound.server, refused, ACCEPT_INFO),
        }
    }

    fn receive_prack(&mut self, now: Instant, call: &mut Call, inbound: &Inbound) {
        let rack = inbound.request.headers.rack().ok().flatten();
        let fits = match (&call.reliable, rack) {
            (Some(reliable), Some(rack)) => {
                rack.response == reliable.rseq
                    && rack.cseq.method == Method::Invite
                    && call.pending.is_some_and(|pending| pending.cseq == rack.cseq.number)
            }
            _ => false,
        };
        if !fits {
            // RFC 3262 §3: "If a PRACK request is received by the UA core that does not match any unacknowledged reliable
            // provisional response, the UAS MUST respond to the PRACK with a 481 response."
            self.respond_status(now, inbound.server, StatusCode::CALL_DOES_NOT_EXIST);
            return;
        }
        call.reliable = None;
        self.respond_status(now, inbound.server, StatusCode::OK);
        self.answer_after_prack(now, call);
    }
}
