// SPDX-License-Identifier: EUPL-1.2
//! Changing and refreshing a running session: re-INVITE (RFC 3261 §14), UPDATE (RFC 3311), refresh (RFC 4028).

use std::time::{Duration, Instant};

use super::accept::Inbound;
use super::call::{AckLater, Call, Change, Pending, Phase};
use super::clients::Fork as Answer;
use super::incoming::{flow_back, note_peer, set_description, stamp_timer};
use super::launch::Purpose;
use super::stamp::ACCEPT;
use super::{Arrival, CallId, EndedBy, Endpoint, Event, OfferReply, body};
use crate::message::{HeaderName, Headers, Method, Refresher, Response, SessionExpires, StatusCode};
use crate::offer_answer::{Conflict, State, glare_delay};

impl Endpoint {
    /// Offers a changed session as soon as the protocol allows it; a newer offer takes the place of one that waits.
    pub(super) fn offer(&mut self, now: Instant, id: CallId, sdp: Vec<u8>) {
        self.with_call(id, |core, call| {
            if matches!(call.phase, Phase::Connected | Phase::Offered | Phase::Calling) && !call.is_told() {
                call.wanted = Some(Change::Offer(sdp));
                core.pump(now, call);
            }
        });
    }

    /// Answers, or refuses, what the peer offered.
    pub(super) fn answer_offer(&mut self, now: Instant, id: CallId, reply: OfferReply) {
        self.with_call(id, |core, call| {
            if call.phase != Phase::Connected {
                return;
            }
            if let Some(later) = call.ack_later.take() {
                core.answer_late(now, call, &later, reply);
                return;
            }
            let Some(pending) = call.pending.take() else { return };
            match reply {
                OfferReply::Accept(sdp) => {
                    if call.turns.state() == State::RemoteOffer {
                        call.turns.answer();
                    } else {
                        // the peer asked us to offer; no other offer is open, or it would have been refused
                        let _fits = call.turns.offer();
                    }
                    core.accept_change(now, call, pending, Some(&sdp));
                }
                OfferReply::Refuse(status) => {
                    call.turns.withdraw();
                    let status = if status.code() < 300 {
                        StatusCode::NOT_ACCEPTABLE_HERE
                    } else {
                        status
                    };
                    core.respond_status(now, pending.server, status);
                    core.pump(now, call);
                }
            }
        });
    }

    /// Takes an INVITE inside a call.
    pub(super) fn receive_reinvite(&mut self, now: Instant, call: &mut Call, inbound: Inbound, cseq: u32) {
        let server = inbound.server;
        let headers = &inbound.request.headers;
        if call.phase != Phase::Connected || call.pending.is_some() || call.unacked.is_some() {
            // RFC 3261 §14.2: "A UAS that receives a second INVITE before it sends the final response to a first INVITE with
            // a lower CSeq sequence number on the same dialog MUST return a 500 … and MUST include a Retry-After header field
            // with a randomly chosen value of between 0 and 10 seconds."
            self.refuse_for_now(now, server);
            return;
        }
        let sdp = match body::description(headers, &inbound.request.body) {
            Ok(sdp) => sdp,
            Err(refused) => return self.refuse_body(now, server, refused, ACCEPT),
        };
        if self.refuse_short_session(now, server, headers) {
            return;
        }
        // §14.2: "A UAS that receives an INVITE on a dialog while an INVITE it had sent on that dialog is in progress MUST
        // return a 491 (Request Pending) response"
        if call.under_way.is_some() || call.ack_later.is_some() {
            self.respond_status(now, server, StatusCode::REQUEST_PENDING);
            return;
        }
        if sdp.is_some()
            && let Err(conflict) = call.turns.receive_offer()
        {
            self.refuse_conflict(now, server, conflict);
            return;
        }
        let pending = Pending {
            server,
            cseq,
            is_invite: true,
            asks: headers.session_expires().ok().flatten(),
        };
        self.respond_status(now, server, StatusCode::TRYING);
        self.await_gateway(call, &inbound, pending, sdp);
    }

    /// Takes an UPDATE.
    pub(super) fn receive_update(&mut self, now: Instant, call: &mut Call, inbound: Inbound, cseq: u32) {
        let server = inbound.server;
        let headers = &inbound.request.headers;
        let sdp = match body::description(headers, &inbound.request.body) {
            Ok(sdp) => sdp,
            Err(refused) => return self.refuse_body(now, server, refused, ACCEPT),
        };
        if self.refuse_short_session(now, server, headers) {
            return;
        }
        let pending = Pending {
            server,
            cseq,
            is_invite: false,
            asks: headers.session_expires().ok().flatten(),
        };
        if sdp.is_none() {
            note_peer(call, headers);
            if let Some(dialog) = call.dialog.as_mut() {
                dialog.refresh_target(headers);
            }
            self.accept_change(now, call, pending, None);
            return;
        }
        if call.phase != Phase::Connected || call.pending.is_some() {
            // RFC 3311 §5.2: "If an UPDATE is received that contains an offer, and the UAS has not yet answered …, the UAS MUST
            // reject the UPDATE with a 500 response, and MUST include a Retry-After header field"
            self.refuse_for_now(now, server);
            return;
        }
        if call.under_way.is_some() || call.ack_later.is_some() {
            self.respond_status(now, server, StatusCode::REQUEST_PENDING);
            return;
        }
        if let Err(conflict) = call.turns.receive_offer() {
            self.refuse_conflict(now, server, conflict);
            return;
        }
        self.await_gateway(call, &inbound, pending, sdp);
    }

    /// Takes the response to a re-INVITE of ours.
    pub(super) fn reinvite_answered(
        &mut self,
        now: Instant,
        client: u64,
        id: CallId,
        arrival: &Arrival,
        response: Response,
    ) {
        if response.status.is_provisional() {
            return;
        }
        let Some(request) = self.clients.get(client).map(|client| client.outgoing.request.clone()) else {
            return;
        };
        if response.status.is_success() {
            let tag = response
                .headers
                .to()
                .ok()
                .and_then(|to| to.tag().map(str::to_owned))
                .unwrap_or_default();
            if !matches!(self.note_fork(client, &tag), Answer::New) {
                return;
            }
            let cseq = request.headers.cseq().map(|c| c.number).unwrap_or_default();
            self.with_call(id, |core, call| {
                core.invites.remove(&id);
                let Some(dialog) = call.dialog.as_mut() else { return };
                dialog.refresh_target(&response.headers);
                let dialog = dialog.clone();
                let later = AckLater {
                    client,
                    tag: tag.clone(),
                    cseq,
                };
                core.send_ack(now, &dialog, call.hop.clone(), &later, None);
                core.change_accepted(now, call, &response);
            });
            return;
        }
        self.with_call(id, |core, call| {
            core.invites.remove(&id);
            core.change_refused(now, call, &request, &response, arrival, Method::Invite);
        });
    }

    /// Takes the response to an UPDATE of ours.
    pub(super) fn update_answered(&mut self, now: Instant, client: u64, id: CallId, response: Response) {
        if response.status.is_provisional() {
            return;
        }
        let Some((request, remote)) = self
            .clients
            .get(client)
            .map(|client| (client.outgoing.request.clone(), client.hop.remote()))
        else {
            return;
        };
        self.with_call(id, |core, call| {
            if response.status.is_success() {
                if let Some(dialog) = call.dialog.as_mut() {
                    dialog.refresh_target(&response.headers);
                }
                core.change_accepted(now, call, &response);
                return;
            }
            if matches!(response.status.code(), 405 | 501) {
                call.peer_takes_update = false;
                call.wanted = call.under_way.take();
                core.pump(now, call);
                return;
            }
            let arrival = Arrival {
                flow: super::FlowId(0),
                transport: super::Transport::Udp,
                local: remote,
                remote,
                identity: None,
            };
            core.change_refused(now, call, &request, &response, &arrival, Method::Update);
        });
    }

    /// Ends a call whose re-INVITE reached nobody.
    pub(super) fn reinvite_failed(&mut self, now: Instant, id: CallId, status: StatusCode) {
        self.with_call(id, |core, call| {
            core.invites.remove(&id);
            core.peer_is_gone(now, call, status);
        });
    }

    /// Ends a call whose UPDATE reached nobody.
    pub(super) fn update_failed(&mut self, now: Instant, id: CallId, status: StatusCode) {
        self.with_call(id, |core, call| core.peer_is_gone(now, call, status));
    }

    /// Sends the change that waits, if no other is open.
    pub(super) fn pump(&mut self, now: Instant, call: &mut Call) {
        let free = call.phase == Phase::Connected
            && call.pending.is_none()
            && call.unacked.is_none()
            && call.ack_later.is_none()
            && call.under_way.is_none()
            && call.retry_at.is_none()
            && call.hang_up.is_none();
        if !free {
            return;
        }
        let Some(change) = call.wanted.take() else { return };
        let by_update = change == Change::Refresh && call.peer_takes_update;
        if !by_update && call.turns.offer().is_err() {
            call.wanted = Some(change);
            return;
        }
        let Some(dialog) = call.dialog.as_mut() else { return };
        let method = if by_update { Method::Update } else { Method::Invite };
        let mut request = dialog.request(method);
        let next_hop = dialog.next_hop().clone();
        self.stamp_request(&mut request);
        if let Some(timer) = &call.timer {
            // RFC 4028 §7.4: the refresh names the refresher as this transaction sees it
            let refresher = if timer.we_refresh() {
                Refresher::Uac
            } else {
                Refresher::Uas
            };
            let seconds = timer.seconds().max(call.min_se);
            request.headers.push_value(
                HeaderName::SessionExpires,
                &SessionExpires {
                    seconds,
                    refresher: Some(refresher),
                },
            );
            request.headers.push_value(HeaderName::MinSe, &call.min_se);
        }
        if !by_update {
            let sdp = match &change {
                Change::Offer(sdp) => sdp.clone(),
                Change::Refresh => call.local_sdp.clone(),
            };
            request.headers.push_static(HeaderName::ContentType, "application/sdp");
            request.body = sdp;
        }
        call.under_way = Some(change);
        let purpose = if by_update {
            Purpose::Update(call.id)
        } else {
            Purpose::Reinvite(call.id)
        };
        self.launch(now, request, purpose, next_hop, call.hop.clone());
    }

    fn await_gateway(&mut self, call: &mut Call, inbound: &Inbound, pending: Pending, sdp: Option<Vec<u8>>) {
        note_peer(call, &inbound.request.headers);
        if let Some(dialog) = call.dialog.as_mut() {
            dialog.refresh_target(&inbound.request.headers);
            // a phone that connected anew, or whose NAT binding moved, is reached by the flow that it uses now
            match flow_back(&inbound.arrival, &inbound.request, dialog, inbound.hops) {
                None if !call.is_incoming() => {}
                hop => call.hop = hop,
            }
        }
        call.pending = Some(pending);
        self.servers.tie(pending.server, call.id);
        if let Some(sdp) = &sdp {
            call.remote_sdp.clone_from(sdp);
        }
        self.tell(Event::Reoffered { call: call.id, sdp });
    }

    fn accept_change(&mut self, now: Instant, call: &mut Call, pending: Pending, sdp: Option<&[u8]>) {
        let expires = match call.phase {
            Phase::Connected => self.agree_timer(now, call, pending.asks),
            _ => None,
        };
        if pending.is_invite {
            self.accept_invite(now, call, pending, sdp, expires);
            return;
        }
        let Some(mut response) = self.dialog_response(call, pending.server, StatusCode::OK) else {
            return;
        };
        if let Some(expires) = expires {
            stamp_timer(&mut response.headers, expires);
        }
        if let Some(sdp) = sdp {
            set_description(&mut response, sdp);
            call.local_sdp = sdp.to_vec();
        }
        self.respond(now, pending.server, &response);
        self.pump(now, call);
    }

    fn answer_late(&mut self, now: Instant, call: &mut Call, later: &AckLater, reply: OfferReply) {
        let Some(dialog) = call.dialog.clone() else { return };
        match reply {
            OfferReply::Accept(sdp) => {
                call.turns.answer();
                self.send_ack(now, &dialog, call.hop.clone(), later, Some(&sdp));
                call.local_sdp = sdp;
                self.pump(now, call);
            }
            OfferReply::Refuse(status) => {
                // RFC 3261 §13.2.2.4: "If the offer in the 2xx response is not acceptable, the UAC core MUST generate a valid
                // answer in the ACK and then send a BYE"; without an answer, ACK and BYE is what is left
                call.ack_later = Some(later.clone());
                let by = EndedBy::Failed(status, status.reason().to_owned());
                self.end_call(now, call, by, None, status);
            }
        }
    }

    fn change_accepted(&mut self, now: Instant, call: &mut Call, response: &Response) {
        if call.phase != Phase::Connected {
            return;
        }
        let change = call.under_way.take();
        note_peer(call, &response.headers);
        if response.headers.contains(&HeaderName::SessionExpires) || call.timer.is_some() {
            self.take_timer(now, call, &response.headers);
        }
        if call.turns.state() == State::LocalOffer {
            let sdp = body::description(&response.headers, &response.body).ok().flatten();
            let Some(sdp) = sdp else {
                call.turns.withdraw();
                self.tell(Event::OfferRefused {
                    call: call.id,
                    status: StatusCode::NOT_ACCEPTABLE_HERE,
                });
                return self.pump(now, call);
            };
            call.turns.receive_answer();
            let changed = call.remote_sdp != sdp;
            call.remote_sdp.clone_from(&sdp);
            match change {
                Some(Change::Offer(offer)) => {
                    call.local_sdp = offer;
                    self.tell(Event::OfferAnswered { call: call.id, sdp });
                }
                _ if changed => self.tell(Event::OfferAnswered { call: call.id, sdp }),
                _ => {}
            }
        }
        self.pump(now, call);
    }

    fn change_refused(
        &mut self,
        now: Instant,
        call: &mut Call,
        request: &crate::message::Request,
        response: &Response,
        arrival: &Arrival,
        method: Method,
    ) {
        if call.phase != Phase::Connected {
            return;
        }
        if method == Method::Invite {
            call.turns.withdraw();
        }
        let status = response.status;
        // RFC 3261 §12.2.1.2: "If the response for a request within a dialog is a 481 … or a 408 …, the UAC SHOULD terminate
        // the dialog."
        if status == StatusCode::CALL_DOES_NOT_EXIST || status == StatusCode::REQUEST_TIMEOUT {
            return self.peer_is_gone(now, call, status);
        }
        let cseq = call
            .dialog
            .as_ref()
            .map_or(1, |dialog| dialog.local_cseq().saturating_add(1));
        if let Some(again) = self.with_credentials(call, request, response, arrival.remote.ip(), cseq)
            && let Some(dialog) = call.dialog.as_mut()
        {
            dialog.raise_cseq(cseq);
            let next_hop = dialog.next_hop().clone();
            if method == Method::Invite {
                let _reopened = call.turns.offer();
            }
            let purpose = if method == Method::Invite {
                Purpose::Reinvite(call.id)
            } else {
                Purpose::Update(call.id)
            };
            return self.launch(now, again, purpose, next_hop, call.hop.clone());
        }
        let change = call.under_way.take();
        if status == StatusCode::REQUEST_PENDING {
            // §14.1: "If a UAC receives a 491 response to a re-INVITE, it SHOULD start a timer with a value T"
            call.retry_at = Some(now + glare_delay(!call.is_incoming(), self.random.number()));
            call.wanted = call.wanted.take().or(change);
            return;
        }
        if status == StatusCode::SESSION_INTERVAL_TOO_SMALL
            && let Some(min_se) = response.headers.min_se().ok().flatten()
            && min_se > call.min_se
            && min_se <= crate::dialog::session_timer::MAX_SE
        {
            call.min_se = min_se;
            call.wanted = call.wanted.take().or(change);
            return self.pump(now, call);
        }
        if let Some(wait) = short_wait(&response.headers) {
            call.retry_at = Some(now + wait);
            call.wanted = call.wanted.take().or(change);
            return;
        }
        if let Some(Change::Offer(_)) = change {
            self.tell(Event::OfferRefused { call: call.id, status });
        }
        self.pump(now, call);
    }

    fn peer_is_gone(&mut self, now: Instant, call: &mut Call, status: StatusCode) {
        call.under_way = None;
        call.turns.withdraw();
        let by = if status == StatusCode::REQUEST_TIMEOUT {
            EndedBy::Timeout
        } else {
            EndedBy::Failed(status, status.reason().to_owned())
        };
        self.end_call(now, call, by, None, status);
    }

    fn refuse_conflict(&mut self, now: Instant, server: u64, conflict: Conflict) {
        match conflict {
            Conflict::Glare => self.respond_status(now, server, StatusCode::REQUEST_PENDING),
            Conflict::Unanswered => self.refuse_for_now(now, server),
        }
    }

    fn refuse_for_now(&mut self, now: Instant, server: u64) {
        let seconds = u32::try_from(self.random.number() % 11).unwrap_or(0);
        if let Some(mut response) = self.reply(server, StatusCode::SERVER_INTERNAL_ERROR) {
            response.headers.push_value(HeaderName::RetryAfter, &seconds);
            self.respond(now, server, &response);
        }
    }
}

/// Reads the short wait that a 500 asks for when two requests crossed (RFC 3261 §14.2).
fn short_wait(headers: &Headers) -> Option<Duration> {
    let seconds = headers.retry_after().ok().flatten()?;
    (seconds <= 10).then(|| Duration::from_secs(u64::from(seconds)).max(Duration::from_millis(10)))
}
