// SPDX-License-Identifier: EUPL-1.2
//! How a call begins and ends at the caller: RFC 3261 §13.2 and §9.1, forks (§13.2.2.4), PRACK (RFC 3262 §4).

use std::time::Instant;

use super::call::{AckLater, Call, Fork, Phase};
use super::clients::Fork as Answer;
use super::incoming::{add_headers, note_peer};
use super::launch::{Hop, Purpose};
use super::{Arrival, CallId, EndedBy, Endpoint, Event, Target, body};
use crate::dialog::session_timer::{MAX_SE, MIN_SE, SessionTimer};
use crate::dialog::{Dialog, Draft};
use crate::digest::Login;
use crate::message::{
    CSeq, HeaderName, Headers, Method, NameAddr, RAck, Reason, Refresher, Request, Response, SessionExpires,
    StatusCode, Uri,
};

/// Most early dialogs of one INVITE.
const MAX_FORKS: usize = 8;

/// Holds what the gateway wants of a new call.
pub(super) struct Wish {
    pub(super) to: Uri,
    pub(super) from: NameAddr,
    pub(super) via: Option<Target>,
    pub(super) sdp: Vec<u8>,
    pub(super) auth: Option<Login>,
    pub(super) max_forwards: Option<u8>,
    pub(super) headers: Vec<(String, String)>,
}

impl Endpoint {
    /// Places a call.
    pub(super) fn place_call(&mut self, now: Instant, id: CallId, wish: Wish) {
        let refusal = if id.is_incoming() || self.calls.contains_key(&id) {
            Some(StatusCode::SERVER_INTERNAL_ERROR)
        } else if self.calls.len() >= self.config.max_calls {
            Some(StatusCode::SERVICE_UNAVAILABLE)
        } else if wish.max_forwards == Some(0) {
            // RFC 7332 §4: a back-to-back user agent that would continue a call with no hops left answers 483
            Some(StatusCode::TOO_MANY_HOPS)
        } else {
            None
        };
        if let Some(status) = refusal {
            let by = EndedBy::Failed(status, status.reason().to_owned());
            self.tell(Event::Ended {
                call: id,
                by,
                reason: None,
            });
            return;
        }
        let tag = self.random.tag();
        let mut draft = Draft {
            call_id: self.random.call_id(),
            local: wish.from.with_tag(&tag),
            remote: NameAddr::new(wish.to.clone()),
            target: wish.to,
            cseq: 0,
        };
        let mut request = draft.request(Method::Invite);
        if let Some(hops) = wish.max_forwards {
            request
                .headers
                .set_value(HeaderName::MaxForwards, &u32::from(hops.saturating_sub(1)));
        }
        self.stamp_request(&mut request);
        if self.config.session_expires >= MIN_SE {
            let expires = SessionExpires {
                seconds: self.config.session_expires,
                refresher: None,
            };
            request.headers.push_value(HeaderName::SessionExpires, &expires);
        }
        add_headers(&mut request.headers, &wish.headers);
        let mut call = Call::new(id, Phase::Calling);
        if wish.sdp.is_empty() {
            // an offer in a reliable provisional response would want its answer in the PRACK, which is not done here
            request.headers.remove(&HeaderName::Supported);
            request.headers.push_static(HeaderName::Supported, "timer");
        } else {
            // the first offer of a session cannot be in conflict
            let _first = call.turns.offer();
            request.headers.push_static(HeaderName::ContentType, "application/sdp");
            request.body.clone_from(&wish.sdp);
            call.local_sdp = wish.sdp;
        }
        call.ring_until = Some(now + self.config.ring_timeout);
        call.login = wish.auth;
        call.proxy = wish.via;
        let target = draft.target.clone();
        call.draft = Some(draft);
        self.calls.insert(id, Box::new(call));
        self.with_call(id, |core, call| core.launch_invite(now, call, request, target, None));
    }

    /// Takes a response to the INVITE that begins a call.
    pub(super) fn invite_answered(
        &mut self,
        now: Instant,
        client: u64,
        id: CallId,
        arrival: &Arrival,
        response: Response,
    ) {
        if response.status.is_success() {
            self.invite_accepted(now, client, id, arrival, &response);
            return;
        }
        self.with_call(id, |core, call| {
            if call.phase != Phase::Calling {
                return;
            }
            if response.status.is_provisional() {
                core.invite_progress(now, client, call, &response);
            } else {
                core.invite_refused(now, client, call, arrival, &response);
            }
        });
    }

    /// Ends a call whose INVITE reached nobody.
    pub(super) fn invite_failed(&mut self, id: CallId, status: StatusCode) {
        self.with_call(id, |core, call| {
            if call.phase == Phase::Calling {
                core.finish(call, EndedBy::Failed(status, status.reason().to_owned()), None);
                call.over = true;
            }
        });
    }

    /// Cancels an INVITE, or notes that it is to be cancelled as soon as the peer has answered provisionally.
    pub(super) fn cancel(&mut self, now: Instant, call: &mut Call, reason: Option<Reason>) {
        call.hang_up.get_or_insert(reason.clone());
        let Some(client) = self.invites.get(&call.id).copied() else {
            // nothing was sent yet
            call.over = true;
            return;
        };
        // RFC 3261 §9.1: "If no provisional response has been received, the CANCEL request MUST NOT be sent; rather, the
        // client MUST wait for the arrival of a provisional response before sending the request."
        if call.cancel_sent || !self.clients.is_proceeding(client) {
            return;
        }
        let Some(invite) = self.clients.get(client) else { return };
        let Ok(via) = invite.outgoing.request.headers.top_via() else {
            return;
        };
        let mut request = cancel_of(&invite.outgoing.request);
        let hop = invite.hop.clone();
        if let Some(reason) = &reason {
            request.headers.push_value(HeaderName::Reason, reason);
        }
        self.launch_to(now, request, Purpose::Cancel, hop, via.branch().unwrap_or(""));
        call.cancel_sent = true;
        call.cancel_until = Some(now + self.config.timers.patience());
    }

    /// Sends the ACK of a 2xx.
    pub(super) fn send_ack(
        &mut self,
        now: Instant,
        dialog: &Dialog,
        hop: Option<Hop>,
        later: &AckLater,
        sdp: Option<&[u8]>,
    ) {
        let mut ack = dialog.ack(later.cseq);
        if let Some(sdp) = sdp {
            ack.headers.push_static(HeaderName::ContentType, "application/sdp");
            ack.body = sdp.to_vec();
        }
        let purpose = Purpose::Ack {
            client: later.client,
            tag: later.tag.clone(),
        };
        self.launch(now, ack, purpose, dialog.next_hop().clone(), hop);
    }

    /// Takes the session timer that a 2xx agrees to (RFC 4028 §7.2).
    pub(super) fn take_timer(&mut self, now: Instant, call: &mut Call, headers: &Headers) {
        call.timer = headers.session_expires().ok().flatten().map(|expires| {
            let we_refresh = expires.refresher != Some(Refresher::Uas);
            SessionTimer::new(now, expires.seconds.clamp(MIN_SE, MAX_SE), we_refresh)
        });
    }

    fn launch_invite(&mut self, now: Instant, call: &mut Call, request: Request, target: Uri, hop: Option<Hop>) {
        match (hop, call.proxy.clone()) {
            (None, Some(proxy)) => self.launch_via(now, request, Purpose::Invite(call.id), proxy),
            (hop, _) => self.launch(now, request, Purpose::Invite(call.id), target, hop),
        }
    }

    fn invite_progress(&mut self, now: Instant, client: u64, call: &mut Call, response: &Response) {
        if let Some(reason) = call.hang_up.clone() {
            self.cancel(now, call, reason);
            return;
        }
        let tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let (Some(tag), Some(draft), true) = (tag, &call.draft, response.status != StatusCode::TRYING) else {
            return;
        };
        let at = match call.forks.iter().position(|fork| fork.dialog.id().remote_tag == tag) {
            Some(at) => at,
            None if call.forks.len() >= MAX_FORKS => return,
            None => {
                let dialog = draft.dialog(response);
                self.dialogs.insert(dialog.id().clone(), call.id);
                call.forks.push(Fork {
                    dialog,
                    rseq: None,
                    early_sdp: None,
                });
                call.forks.len() - 1
            }
        };
        let invite = self.clients.get(client).map(|client| &client.outgoing.request.headers);
        call.contact = invite.and_then(|headers| headers.contacts().ok()?.first().cloned());
        let Some(fork) = call.forks.get_mut(at) else { return };
        note_early_peer(&mut call.peer_takes_update, &response.headers);
        let reliable = response
            .headers
            .require()
            .iter()
            .any(|tag| tag.eq_ignore_ascii_case("100rel"));
        let mut sdp = body::description(&response.headers, &response.body).ok().flatten();
        if let (true, Ok(Some(rseq)), Ok(cseq)) = (reliable, response.headers.rseq(), response.headers.cseq()) {
            // RFC 3262 §4: "the client MUST NOT … acknowledge" out of order: only the next RSeq counts
            if fork.rseq.is_some_and(|last| last.checked_add(1) != Some(rseq)) {
                return;
            }
            fork.rseq = Some(rseq);
            let mut prack = fork.dialog.request(Method::Prack);
            prack
                .headers
                .push_value(HeaderName::RAck, &RAck { response: rseq, cseq });
            self.stamp_request(&mut prack);
            let next_hop = fork.dialog.next_hop().clone();
            let hop = self
                .clients
                .get(client)
                .map(|client| client.hop.clone())
                .filter(|hop| leads_to(hop, &next_hop));
            if call.turns.state() == crate::offer_answer::State::LocalOffer {
                fork.early_sdp.clone_from(&sdp);
            } else {
                // an offer in a reliable response would want its answer in the PRACK; the 2xx repeats it
                sdp = None;
            }
            self.launch(now, prack, Purpose::Prack(call.id), next_hop, hop);
        }
        self.tell(Event::Ringing {
            call: call.id,
            status: response.status,
            sdp,
        });
    }

    fn invite_refused(&mut self, now: Instant, client: u64, call: &mut Call, arrival: &Arrival, response: &Response) {
        self.invites.remove(&call.id);
        call.cancel_until = None;
        let retry = match (self.clients.get(client), &call.hang_up) {
            (Some(client), None) => Some((client.outgoing.request.clone(), client.hop.clone())),
            _ => None,
        };
        if let Some((request, hop)) = retry
            && let Some(again) = self.second_try(call, &request, response, arrival)
        {
            for fork in call.forks.drain(..) {
                self.dialogs.remove(fork.dialog.id());
            }
            let target = request.uri.clone();
            self.launch_invite(now, call, again, target, Some(hop));
            return;
        }
        let reason = response.headers.reasons().ok().and_then(|r| r.into_iter().next());
        self.finish(call, EndedBy::Failed(response.status, response.reason.clone()), reason);
        call.over = true;
    }

    /// Builds the INVITE again if the refusal says how (401, 407, 422).
    fn second_try(
        &mut self,
        call: &mut Call,
        request: &Request,
        response: &Response,
        arrival: &Arrival,
    ) -> Option<Request> {
        let cseq = call.draft.as_ref()?.cseq.saturating_add(1);
        let again = if response.status == StatusCode::SESSION_INTERVAL_TOO_SMALL {
            // RFC 4028 §7.3: the retry has "a Session-Expires … equal to or greater than the Min-SE"
            let min_se = response.headers.min_se().ok().flatten()?;
            if min_se <= call.min_se || min_se > MAX_SE {
                return None;
            }
            call.min_se = min_se;
            let mut again = request.clone();
            again.headers.remove(&HeaderName::Via);
            let seconds = self.config.session_expires.max(min_se);
            again.headers.set_value(
                HeaderName::SessionExpires,
                &SessionExpires {
                    seconds,
                    refresher: None,
                },
            );
            again.headers.set_value(HeaderName::MinSe, &min_se);
            again
                .headers
                .set_value(HeaderName::CSeq, &CSeq::new(cseq, Method::Invite));
            again
        } else {
            self.with_credentials(call, request, response, arrival.remote.ip(), cseq)?
        };
        call.draft.as_mut()?.cseq = cseq;
        Some(again)
    }

    fn invite_accepted(&mut self, now: Instant, client: u64, id: CallId, arrival: &Arrival, response: &Response) {
        let Ok(to) = response.headers.to() else { return };
        let tag = to.tag().unwrap_or("").to_owned();
        match self.note_fork(client, &tag) {
            Answer::New => {}
            Answer::Known | Answer::TooMany => return,
        }
        let Some(invite) = self.clients.get(client).map(|client| client.outgoing.request.clone()) else {
            return;
        };
        let taken = self.with_call(id, |core, call| {
            if call.phase != Phase::Calling {
                return false;
            }
            if call.hang_up.is_some() {
                // the 2xx overtook our CANCEL
                call.over = true;
                return false;
            }
            core.invites.remove(&id);
            core.begin_session(now, client, call, arrival, &invite, response);
            true
        });
        if taken != Some(true) {
            self.dismiss(now, client, &tag, &invite, arrival, response);
        }
    }

    fn begin_session(
        &mut self,
        now: Instant,
        client: u64,
        call: &mut Call,
        arrival: &Arrival,
        invite: &Request,
        response: &Response,
    ) {
        let Some(draft) = &call.draft else { return };
        let mut dialog = draft.dialog(response);
        let tag = dialog.id().remote_tag.clone();
        let mut early_sdp = None;
        // RFC 3261 §13.2.2.4: the first 2xx wins; the other early dialogs are given up (a late 2xx gets ACK and BYE)
        for fork in call.forks.drain(..) {
            self.dialogs.remove(fork.dialog.id());
            if fork.dialog.id().remote_tag == tag {
                dialog.raise_cseq(fork.dialog.local_cseq());
                early_sdp = fork.early_sdp;
            }
        }
        self.dialogs.insert(dialog.id().clone(), call.id);
        call.phase = Phase::Connected;
        call.ring_until = None;
        call.contact = invite.headers.contacts().ok().and_then(|c| c.first().cloned());
        call.hop = flow_there(arrival, &dialog);
        note_peer(call, &response.headers);
        self.take_timer(now, call, &response.headers);
        let cseq = invite.headers.cseq().map(|c| c.number).unwrap_or_default();
        let later = AckLater { client, tag, cseq };
        let sdp = body::description(&response.headers, &response.body)
            .ok()
            .flatten()
            .or(early_sdp);
        if call.turns.state() == crate::offer_answer::State::LocalOffer {
            self.send_ack(now, &dialog, call.hop.clone(), &later, None);
            call.dialog = Some(dialog);
            match sdp {
                Some(sdp) => {
                    call.turns.receive_answer();
                    call.remote_sdp.clone_from(&sdp);
                    self.tell(Event::Answered {
                        call: call.id,
                        sdp: Some(sdp),
                    });
                }
                None => {
                    let by = EndedBy::Failed(StatusCode::NOT_ACCEPTABLE_HERE, "no answer in the 2xx".to_owned());
                    self.end_call(now, call, by, None, StatusCode::NOT_ACCEPTABLE_HERE);
                }
            }
            return;
        }
        // we brought no offer: the 2xx does, and the ACK waits for the gateway's answer
        call.dialog = Some(dialog);
        call.ack_later = Some(later);
        match sdp {
            Some(sdp) => {
                let _first = call.turns.receive_offer();
                call.remote_sdp.clone_from(&sdp);
                self.tell(Event::Answered {
                    call: call.id,
                    sdp: Some(sdp),
                });
            }
            None => {
                let by = EndedBy::Failed(StatusCode::NOT_ACCEPTABLE_HERE, "no offer in the 2xx".to_owned());
                self.end_call(now, call, by, None, StatusCode::NOT_ACCEPTABLE_HERE);
            }
        }
    }

    /// Acknowledges a 2xx that nobody wants any more, and hangs up.
    fn dismiss(
        &mut self,
        now: Instant,
        client: u64,
        tag: &str,
        invite: &Request,
        arrival: &Arrival,
        response: &Response,
    ) {
        let (Ok(local), Ok(remote), Ok(cseq), Ok(call_id)) = (
            invite.headers.from(),
            invite.headers.to(),
            invite.headers.cseq(),
            invite.headers.call_id(),
        ) else {
            return;
        };
        let draft = Draft {
            call_id: call_id.into_owned(),
            local,
            remote,
            target: invite.uri.clone(),
            cseq: cseq.number,
        };
        let mut dialog = draft.dialog(response);
        let hop = flow_there(arrival, &dialog);
        let later = AckLater {
            client,
            tag: tag.to_owned(),
            cseq: cseq.number,
        };
        self.send_ack(now, &dialog, hop.clone(), &later, None);
        let mut bye = dialog.request(Method::Bye);
        self.stamp_request(&mut bye);
        self.launch(now, bye, Purpose::Stray, dialog.next_hop().clone(), hop);
    }
}

/// Builds the CANCEL of an INVITE: "The Request-URI, Call-ID, To, the numeric part of CSeq, and From header fields … MUST be
/// identical to those in the request being cancelled, including tags" (RFC 3261 §9.1).
fn cancel_of(invite: &Request) -> Request {
    let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
    if let Ok(via) = invite.headers.top_via() {
        // "A CANCEL constructed by a client MUST have only a single Via header field value matching the top Via value"
        cancel.headers.push_value(HeaderName::Via, &via);
    }
    cancel.headers.copy_from(&invite.headers, &HeaderName::Route);
    cancel.headers.push_static(HeaderName::MaxForwards, "70");
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
        cancel.headers.copy_from(&invite.headers, &name);
    }
    let number = invite.headers.cseq().map(|c| c.number).unwrap_or_default();
    cancel
        .headers
        .push_value(HeaderName::CSeq, &CSeq::new(number, Method::Cancel));
    cancel
}

fn note_early_peer(takes_update: &mut bool, headers: &Headers) {
    if headers.contains(&HeaderName::Allow) {
        *takes_update = headers.allow().iter().any(|method| method == Method::Update.as_str());
    }
}

/// Tells whether a hop that was used before leads to `uri` as well.
fn leads_to(hop: &Hop, uri: &Uri) -> bool {
    let host = uri.host().and_then(|host| host.ip());
    hop.transport.is_reliable() && host == Some(hop.remote().ip())
}

/// Decides whether requests of ours go over the connection that the 2xx came by.
fn flow_there(arrival: &Arrival, dialog: &Dialog) -> Option<Hop> {
    let hop = Hop::flow(arrival);
    leads_to(&hop, dialog.next_hop()).then_some(hop)
}
