// SPDX-License-Identifier: EUPL-1.2
//! What happens when a timer fires.

use std::time::{Duration, Instant};

use super::call::{Call, Change, Phase};
use super::{Alarm, EndedBy, Endpoint};
use crate::dialog::{repeat, session_timer};
use crate::message::StatusCode;

/// How often a ringing callee says so again, lest a proxy gives up (RFC 3261 §13.3.1.1).
const RING_AGAIN: Duration = Duration::from_secs(60);

impl Endpoint {
    /// Fires all timers that are due at `now`.
    pub(super) fn ring_alarms(&mut self, now: Instant) {
        while let Some(alarm) = self.schedule.pop(now) {
            match alarm {
                Alarm::Client(id) => self.client_timeout(now, id),
                Alarm::Server(id) => self.server_timeout(now, id),
                Alarm::Query(id) => self.query_timeout(id),
                Alarm::Call(id) => {
                    self.with_call(id, |core, call| core.call_timeout(now, call));
                }
            }
            self.settle_lost(now);
        }
    }

    fn call_timeout(&mut self, now: Instant, call: &mut Call) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(call.cancel_until) {
            // RFC 3261 §9.1: "If there is no final response for the original request in 64*T1 seconds … the client SHOULD
            // then consider the original transaction cancelled"
            call.cancel_until = None;
            if let Some(client) = self.invites.remove(&call.id) {
                self.abandon_client(client);
            }
            call.over = true;
            return;
        }
        if due(call.ring_until) {
            call.ring_until = None;
            self.end_call(now, call, EndedBy::Timeout, None, StatusCode::TEMPORARILY_UNAVAILABLE);
        }
        if due(call.ring_again_at) {
            call.ring_again_at = Some(now + RING_AGAIN);
            if let Some(pending) = call.pending {
                self.repeat_last(pending.server);
            }
        }
        self.reliable_timeout(now, call);
        self.unacked_timeout(now, call);
        if due(call.retry_at) {
            call.retry_at = None;
            self.pump(now, call);
        }
        if call.phase != Phase::Connected {
            return;
        }
        match call.timer.as_mut().map(|timer| timer.handle_timeout(now)) {
            Some(session_timer::Due::Refresh) => {
                // an offer of the gateway refreshes as well
                call.wanted.get_or_insert(Change::Refresh);
                self.pump(now, call);
            }
            Some(session_timer::Due::Expired) => {
                call.timer = None;
                self.end_call(now, call, EndedBy::Timeout, None, StatusCode::REQUEST_TIMEOUT);
            }
            Some(session_timer::Due::Nothing) | None => {}
        }
    }

    fn unacked_timeout(&mut self, now: Instant, call: &mut Call) {
        let Some(unacked) = &mut call.unacked else { return };
        match unacked.repeat.handle_timeout(now) {
            repeat::Due::Nothing => {}
            repeat::Due::Again => {
                let (server, bytes) = (unacked.server, unacked.bytes.clone());
                self.repeat_response(server, bytes);
            }
            repeat::Due::GiveUp => {
                // RFC 3261 §13.3.1.4: "If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK
                // … the session SHOULD be terminated. This is accomplished with a BYE"
                call.unacked = None;
                self.end_call(now, call, EndedBy::Timeout, None, StatusCode::REQUEST_TIMEOUT);
            }
        }
    }

    fn reliable_timeout(&mut self, now: Instant, call: &mut Call) {
        let Some(reliable) = &mut call.reliable else { return };
        match reliable.repeat.handle_timeout(now) {
            repeat::Due::Nothing => {}
            repeat::Due::Again => {
                let (server, bytes) = (reliable.server, reliable.bytes.clone());
                self.repeat_response(server, bytes);
            }
            repeat::Due::GiveUp => {
                // RFC 3262 §3: "If a reliable provisional response is retransmitted for 64*T1 seconds without reception of a
                // corresponding PRACK, the UAS SHOULD reject the original request with a 5xx response."
                call.reliable = None;
                self.end_call(now, call, EndedBy::Timeout, None, StatusCode::SERVER_TIMEOUT);
            }
        }
    }

    /// Remembers to say again that it rings.
    pub(super) fn keep_ringing(now: Instant, call: &mut Call) {
        call.ring_again_at = Some(now + RING_AGAIN);
    }
}
