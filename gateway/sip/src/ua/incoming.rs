// SPDX-License-Identifier: EUPL-1.2
//! How a call begins and ends at the callee: RFC 3261 §13.3, RFC 3262 §3.

use std::time::{Duration, Instant};

use super::accept::Inbound;
use super::call::{Call, Pending, Phase, Reliable, Unacked};
use super::launch::Hop;
use super::stamp::{ACCEPT, ALLOW, SUPPORTED, push_text};
use super::{CallId, EndedBy, Endpoint, Event, Offered, body};
use crate::dialog::repeat::Repeat;
use crate::dialog::session_timer::{MAX_SE, MIN_SE, SessionTimer};
use crate::dialog::{Dialog, DialogId};
use crate::message::{
    HeaderName, Headers, Host, Method, Reason, Refresher, Request, Response, SessionExpires, StatusCode,
};

impl Endpoint {
    /// Takes the INVITE that begins a call.
    pub(super) fn receive_invite(&mut self, now: Instant, inbound: Inbound) {
        let Inbound {
            server,
            arrival,
            request,
            hops,
        } = inbound;
        let sdp = match body::description(&request.headers, &request.body) {
            Ok(sdp) => sdp,
            Err(refused) => return self.refuse_body(now, server, refused, ACCEPT),
        };
        if self.refuse_short_session(now, server, &request.headers) {
            return;
        }
        let tag = self.servers.to_tag(server).unwrap_or("").to_owned();
        let first_cseq = u32::try_from(self.random.number() & 0xffff).unwrap_or(1);
        let Some(dialog) = Dialog::of_invite(&request, &tag, first_cseq) else {
            return self.respond_status(now, server, StatusCode::BAD_REQUEST);
        };
        let (Ok(from), Ok(to), Ok(cseq)) = (request.headers.from(), request.headers.to(), request.headers.cseq())
        else {
            return self.respond_status(now, server, StatusCode::BAD_REQUEST);
        };
        let id = CallId(self.fresh_id() | CallId::INCOMING);
        let mut call = Call::new(id, Phase::Offered);
        call.hop = flow_back(&arrival, &request, &dialog, hops);
        let asks = request.headers.session_expires().ok().flatten();
        call.pending = Some(Pending {
            server,
            cseq: cseq.number,
            is_invite: true,
            asks,
        });
        let secure = request.uri.is_secure();
        call.contact = Some(self.contact_of_arrival(&arrival, request.uri.user().as_deref(), secure));
        call.peer_wants_reliable = request
            .headers
            .require()
            .iter()
            .any(|tag| tag.eq_ignore_ascii_case("100rel"));
        note_peer(&mut call, &request.headers);
        if let Some(sdp) = &sdp {
            // the first offer of a session cannot be in conflict
            let _first = call.turns.receive_offer();
            call.remote_sdp.clone_from(sdp);
        }
        let expires = request
            .headers
            .expires()
            .ok()
            .flatten()
            .map(|s| Duration::from_secs(u64::from(s)));
        call.ring_until = Some(
            now + expires
                .unwrap_or(self.config.ring_timeout)
                .min(self.config.ring_timeout),
        );
        self.dialogs.insert(dialog.id().clone(), id);
        call.dialog = Some(dialog);
        self.servers.tie(server, id);
        // RFC 3261 §17.2.1: "The server transaction MUST generate a 100 (Trying) response unless it knows that the TU will
        // generate a provisional or final response within 200 ms"
        self.respond_status(now, server, StatusCode::TRYING);
        let max_forwards = request
            .headers
            .max_forwards()
            .ok()
            .flatten()
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or(70);
        self.schedule.set(super::Alarm::Call(id), call.deadline());
        self.calls.insert(id, Box::new(call));
        let Request { uri, headers, .. } = request;
        self.tell(Event::Offered(Box::new(Offered {
            call: id,
            arrival,
            from,
            to,
            request_uri: uri,
            max_forwards,
            headers,
            sdp,
        })));
    }

    /// Sends 180 or 183 for an incoming call.
    pub(super) fn ring(&mut self, now: Instant, id: CallId, status: StatusCode, sdp: Option<Vec<u8>>) {
        if !(101..=199).contains(&status.code()) {
            return;
        }
        self.with_call(id, |core, call| {
            let (Phase::Offered, Some(pending)) = (call.phase, call.pending) else {
                return;
            };
            let Some(mut response) = core.dialog_response(call, pending.server, status) else {
                return;
            };
            // only an answer may go here: an offer of ours, or a second answer, waits for the 2xx
            let sdp = sdp.filter(|_| call.turns.state() == crate::offer_answer::State::RemoteOffer);
            if let Some(sdp) = &sdp {
                set_description(&mut response, sdp);
                call.early_sdp = Some(sdp.clone());
            }
            let reliable = call.peer_wants_reliable;
            if reliable {
                // RFC 3262 §3: "The UAS MUST NOT send a second reliable provisional response until the first is acknowledged"
                if call.reliable.is_some() {
                    return;
                }
                let rseq = call.next_rseq;
                call.next_rseq = call.next_rseq.saturating_add(1);
                response.headers.push_static(HeaderName::Require, "100rel");
                response.headers.push_value(HeaderName::RSeq, &rseq);
                if sdp.is_some() {
                    call.early_sdp_was_reliable = true;
                    call.turns.answer();
                }
                call.reliable = Some(Reliable {
                    server: pending.server,
                    rseq,
                    bytes: response.to_bytes(),
                    repeat: Repeat::provisional(now, &core.config.timers),
                });
            } else {
                Endpoint::keep_ringing(now, call);
            }
            core.respond(now, pending.server, &response);
        });
    }

    /// Answers an incoming call with 200.
    pub(super) fn answer(&mut self, now: Instant, id: CallId, sdp: Option<Vec<u8>>) {
        self.with_call(id, |core, call| {
            if call.phase != Phase::Offered {
                return;
            }
            if call.reliable.is_some() && call.early_sdp_was_reliable {
                // RFC 3262 §3: "the UAS MUST NOT send the 2xx until the reliable provisional responses with a description
                // are acknowledged"
                call.answer_later = Some(sdp);
                return;
            }
            core.send_answer(now, call, sdp);
        });
    }

    /// Refuses an incoming call.
    pub(super) fn reject(
        &mut self,
        now: Instant,
        id: CallId,
        status: StatusCode,
        reason: String,
        headers: Vec<(String, String)>,
    ) {
        if status.code() < 300 {
            return;
        }
        self.with_call(id, |core, call| {
            let (Phase::Offered, Some(pending)) = (call.phase, call.pending) else {
                return;
            };
            call.pending = None;
            if let Some(mut response) = core.reply(pending.server, status) {
                if !reason.is_empty() {
                    response.reason.clone_from(&reason);
                }
                add_headers(&mut response.headers, &headers);
                core.respond(now, pending.server, &response);
            }
            core.finish(call, EndedBy::Local, None);
            call.over = true;
        });
    }

    /// Takes a CANCEL for an INVITE that has no final response yet.
    pub(super) fn cancelled(&mut self, now: Instant, id: CallId, server: u64, reason: Option<Reason>) {
        // RFC 3261 §9.2: the UAS "SHOULD immediately respond to the original request with a 487 (Request Terminated)"
        self.respond_status(now, server, StatusCode::REQUEST_TERMINATED);
        self.with_call(id, |core, call| {
            if call.pending.is_none_or(|pending| pending.server != server) {
                return;
            }
            call.pending = None;
            if call.phase == Phase::Offered {
                core.finish(call, EndedBy::Cancelled, reason);
                call.over = true;
            } else {
                call.turns.withdraw();
                core.tell(Event::OfferWithdrawn { call: id });
                core.pump(now, call);
            }
        });
    }

    /// Takes the ACK of a 2xx.
    pub(super) fn receive_ack(&mut self, now: Instant, request: &Request) {
        let call = DialogId::of_request(&request.headers).and_then(|id| self.dialogs.get(&id).copied());
        let Some((id, Ok(cseq))) = call.map(|id| (id, request.headers.cseq())) else {
            // an ACK is never answered
            self.turned_away.dropped += 1;
            return;
        };
        self.with_call(id, |core, call| {
            if call.unacked.as_ref().is_none_or(|unacked| unacked.cseq != cseq.number) {
                return;
            }
            call.unacked = None;
            let mut sdp = None;
            if call.turns.state() == crate::offer_answer::State::LocalOffer && call.under_way.is_none() {
                sdp = body::description(&request.headers, &request.body).ok().flatten();
                match &sdp {
                    Some(sdp) => {
                        call.turns.receive_answer();
                        call.remote_sdp.clone_from(sdp);
                    }
                    None => {
                        // RFC 3261 §13.2.1: an offer in the 2xx "MUST" be answered in the ACK: there is no session without
                        let by = EndedBy::Failed(StatusCode::NOT_ACCEPTABLE_HERE, "no answer in the ACK".to_owned());
                        core.end_call(now, call, by, None, StatusCode::NOT_ACCEPTABLE_HERE);
                        return;
                    }
                }
            }
            if let Some(reason) = call.hang_up.take() {
                core.send_bye(now, call, reason);
                return;
            }
            core.tell(Event::Confirmed { call: id, sdp });
            core.pump(now, call);
        });
    }

    /// Sends the 2xx of an INVITE, first or later, and watches for its ACK.
    pub(super) fn accept_invite(
        &mut self,
        now: Instant,
        call: &mut Call,
        pending: Pending,
        sdp: Option<&[u8]>,
        headers: Option<SessionExpires>,
    ) {
        let Some(mut response) = self.dialog_response(call, pending.server, StatusCode::OK) else {
            return;
        };
        if let Some(expires) = headers {
            stamp_timer(&mut response.headers, expires);
        }
        if let Some(sdp) = sdp {
            set_description(&mut response, sdp);
            call.local_sdp = sdp.to_vec();
        }
        self.respond(now, pending.server, &response);
        call.unacked = Some(Unacked {
            server: pending.server,
            cseq: pending.cseq,
            bytes: response.to_bytes(),
            repeat: Repeat::success(now, &self.config.timers),
        });
    }

    /// Begins a 101–299 response that makes or keeps a dialog (RFC 3261 §12.1.1).
    pub(super) fn dialog_response(&self, call: &Call, server: u64, status: StatusCode) -> Option<Response> {
        let request = self.servers.request(server)?;
        let mut response = self.reply(server, status)?;
        // "The UAS MUST add a Contact header field to the response" and "copy all Record-Route header field values"
        response.headers.copy_from(&request.headers, &HeaderName::RecordRoute);
        if let Some(contact) = &call.contact {
            response.headers.push_value(HeaderName::Contact, contact);
        }
        response.headers.push_static(HeaderName::Allow, ALLOW);
        response.headers.push_static(HeaderName::Supported, SUPPORTED);
        Some(response)
    }

    /// Agrees on a session timer for a request of the peer (RFC 4028 §9).
    pub(super) fn agree_timer(
        &mut self,
        now: Instant,
        call: &mut Call,
        asks: Option<SessionExpires>,
    ) -> Option<SessionExpires> {
        let expires = match asks {
            Some(asked) => SessionExpires {
                seconds: asked.seconds.min(MAX_SE),
                // a peer that does not know the timer cannot refresh; else the peer may, unless it asked us
                refresher: Some(match asked.refresher {
                    _ if !call.peer_takes_timer => Refresher::Uas,
                    Some(refresher) => refresher,
                    None => Refresher::Uac,
                }),
            },
            None if call.peer_takes_timer && self.config.session_expires >= MIN_SE => SessionExpires {
                seconds: self.config.session_expires,
                refresher: Some(Refresher::Uac),
            },
            None => {
                call.timer = None;
                return None;
            }
        };
        call.timer = Some(SessionTimer::new(
            now,
            expires.seconds,
            expires.refresher == Some(Refresher::Uas),
        ));
        Some(expires)
    }

    /// Answers 422 to a session interval below 90 s (RFC 4028 §9); true if it did.
    pub(super) fn refuse_short_session(&mut self, now: Instant, server: u64, headers: &Headers) -> bool {
        let short = headers
            .session_expires()
            .ok()
            .flatten()
            .is_some_and(|expires| expires.seconds < MIN_SE);
        if short && let Some(mut response) = self.reply(server, StatusCode::SESSION_INTERVAL_TOO_SMALL) {
            response.headers.push_value(HeaderName::MinSe, &MIN_SE);
            self.respond(now, server, &response);
        }
        short
    }

    /// Forgets a call whose caller cannot be answered any more.
    pub(super) fn way_back_lost(&mut self, id: CallId, server: u64) {
        self.with_call(id, |core, call| {
            if call.phase == Phase::Offered && call.pending.is_some_and(|pending| pending.server == server) {
                let by = EndedBy::Failed(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the caller cannot be reached".to_owned(),
                );
                core.finish(call, by, None);
                call.over = true;
            }
        });
    }

    /// Sends the held-back 2xx after a PRACK.
    pub(super) fn answer_after_prack(&mut self, now: Instant, call: &mut Call) {
        if let Some(sdp) = call.answer_later.take() {
            self.send_answer(now, call, sdp);
        }
    }

    fn send_answer(&mut self, now: Instant, call: &mut Call, sdp: Option<Vec<u8>>) {
        use crate::offer_answer::State;
        let Some(pending) = call.pending.take() else { return };
        // after a reliable answer the 2xx carries none (RFC 6337 §2.2); after an unreliable one it repeats it
        let sdp = if call.early_sdp_was_reliable {
            None
        } else {
            sdp.or_else(|| call.early_sdp.clone())
        };
        match (call.turns.state(), &sdp) {
            (State::RemoteOffer, Some(_)) => {
                call.turns.answer();
            }
            (State::Initial, Some(_)) => {
                // the caller brought no offer: ours is in the 2xx, and the answer will be in the ACK
                let _first = call.turns.offer();
            }
            (State::Stable, _) => {}
            (_, _) => {
                // a 2xx without a description would leave no session
                self.respond_status(now, pending.server, StatusCode::SERVER_INTERNAL_ERROR);
                let by = EndedBy::Failed(
                    StatusCode::SERVER_INTERNAL_ERROR,
                    "answered without a description".to_owned(),
                );
                self.finish(call, by, None);
                call.over = true;
                return;
            }
        }
        call.reliable = None;
        call.ring_until = None;
        call.ring_again_at = None;
        call.phase = Phase::Connected;
        let expires = self.agree_timer(now, call, pending.asks);
        self.accept_invite(now, call, pending, sdp.as_deref(), expires);
    }
}

/// Adds Session-Expires, and Require where the peer must refresh (RFC 4028 §9).
pub(super) fn stamp_timer(headers: &mut Headers, expires: SessionExpires) {
    headers.push_value(HeaderName::SessionExpires, &expires);
    if expires.refresher == Some(Refresher::Uac) {
        headers.push_static(HeaderName::Require, "timer");
    }
}

/// Puts a session description into a response.
pub(super) fn set_description(response: &mut Response, sdp: &[u8]) {
    response.body = sdp.to_vec();
    response.headers.push_static(HeaderName::ContentType, "application/sdp");
}

/// Adds headers of the gateway's, except those that the protocol itself writes.
pub(super) fn add_headers(headers: &mut Headers, extra: &[(String, String)]) {
    for (name, value) in extra {
        let Some(name) = HeaderName::parse(name.as_bytes()) else {
            continue;
        };
        let is_ours = matches!(
            name,
            HeaderName::Via
                | HeaderName::From
                | HeaderName::To
                | HeaderName::CallId
                | HeaderName::CSeq
                | HeaderName::MaxForwards
                | HeaderName::Route
                | HeaderName::RecordRoute
                | HeaderName::Contact
                | HeaderName::ContentLength
                | HeaderName::ContentType
        );
        if !is_ours {
            push_text(headers, name, value);
        }
    }
}

/// Notes what the peer can do.
pub(super) fn note_peer(call: &mut Call, headers: &Headers) {
    call.peer_takes_timer = headers.has_option("timer");
    if headers.contains(&HeaderName::Allow) {
        call.peer_takes_update = headers.allow().iter().any(|method| method == Method::Update.as_str());
    }
}

/// Decides whether requests of ours go back over the flow that the INVITE came by.
pub(super) fn flow_back(arrival: &super::Arrival, request: &Request, dialog: &Dialog, hops: usize) -> Option<Hop> {
    let is_neighbour = hops == 1;
    if arrival.transport.is_reliable() {
        // RFC 5923: a connection from the next element itself serves both ways
        return (is_neighbour || dialog.is_routed()).then(|| Hop::flow(arrival));
    }
    // A phone behind NAT names a private address in its Contact; it asked for symmetric signalling (RFC 3581), so use it.
    let symmetric = request.headers.top_via().is_ok_and(|via| via.wants_rport());
    let contact = dialog.remote_target().host().and_then(Host::ip);
    let elsewhere = contact.is_none_or(|ip| ip != arrival.remote.ip());
    (is_neighbour && symmetric && elsewhere && !dialog.is_routed()).then(|| Hop::flow(arrival))
}
