// SPDX-License-Identifier: EUPL-1.2
//! The table of server transactions, and where their responses go: RFC 3261 §18.2.2, RFC 3581 §4.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::{Alarm, Arrival, CallId, Destination, Endpoint, SendId, Target, Transport};
use crate::message::{HeaderName, Headers, Method, Request, Response, StatusCode, Via};
use crate::parse::ParseError;
use crate::timer::Timers;
use crate::transaction::{Effects, Failure, MergeKey, ServerInvite, ServerKey, ServerNonInvite, Transmit};

/// Holds one of the two machines.
#[derive(Debug)]
enum Machine {
    Invite(ServerInvite),
    Other(ServerNonInvite),
}

impl Machine {
    fn new(method: &Method, timers: Timers, reliable: bool) -> Machine {
        match method {
            Method::Invite => Machine::Invite(ServerInvite::new(timers, reliable)),
            _ => Machine::Other(ServerNonInvite::new(timers, reliable)),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Machine::Invite(m) => m.deadline(),
            Machine::Other(m) => m.deadline(),
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Machine::Invite(m) => m.is_terminated(),
            Machine::Other(m) => m.is_terminated(),
        }
    }

    fn handle_request(&mut self) -> Effects {
        match self {
            Machine::Invite(m) => m.handle_request(),
            Machine::Other(m) => m.handle_request(),
        }
    }

    fn handle_response(&mut self, now: Instant, status: u16) -> Effects {
        match self {
            Machine::Invite(m) => m.handle_response(now, status),
            Machine::Other(m) => m.handle_response(now, status),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Effects {
        match self {
            Machine::Invite(m) => m.handle_timeout(now),
            Machine::Other(m) => m.handle_timeout(now),
        }
    }

    fn handle_transport_error(&mut self) -> Effects {
        match self {
            Machine::Invite(m) => m.handle_transport_error(),
            Machine::Other(m) => m.handle_transport_error(),
        }
    }
}

#[derive(Debug)]
struct Server {
    machine: Machine,
    key: ServerKey,
    merge: Option<MergeKey>,
    /// What responses are made of; gone after the final one.
    request: Option<Request>,
    to_tag: String,
    last: Vec<u8>,
    to: Destination,
    /// Where to try when the connection is gone.
    fallback: Option<Destination>,
    call: Option<CallId>,
}

/// Holds the server transactions.
#[derive(Debug, Default)]
pub(super) struct Servers {
    by_key: HashMap<ServerKey, u64>,
    by_id: HashMap<u64, Server>,
    merges: HashMap<MergeKey, u64>,
}

impl Servers {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn find(&self, key: &ServerKey) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    /// Tells whether the same request is being served already, having come another way (RFC 3261 §8.2.2.2).
    pub(super) fn is_merged(&self, key: &MergeKey) -> bool {
        self.merges.contains_key(key)
    }

    /// Ties an INVITE transaction to the call that it is about.
    pub(super) fn tie(&mut self, id: u64, call: CallId) {
        if let Some(server) = self.by_id.get_mut(&id) {
            server.call = Some(call);
        }
    }

    /// Returns the call of an INVITE transaction that has no final response yet.
    pub(super) fn open_call(&self, id: u64) -> Option<CallId> {
        let server = self.by_id.get(&id)?;
        server.request.as_ref()?;
        server.call
    }

    /// Returns the tag that the responses of this transaction carry.
    pub(super) fn to_tag(&self, id: u64) -> Option<&str> {
        self.by_id.get(&id).map(|server| server.to_tag.as_str())
    }

    /// Returns what responses of this transaction are made of.
    pub(super) fn request(&self, id: u64) -> Option<&Request> {
        self.by_id.get(&id)?.request.as_ref()
    }
}

impl Endpoint {
    /// Begins a server transaction.
    pub(super) fn begin_server(
        &mut self,
        arrival: &Arrival,
        request: &Request,
        via: &Via,
        key: ServerKey,
        merge: Option<MergeKey>,
    ) -> u64 {
        let id = self.fresh_id();
        let (to, fallback) = way_back(arrival, via);
        let tag = request.headers.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let server = Server {
            machine: Machine::new(&request.method, self.config.timers, arrival.transport.is_reliable()),
            key: key.clone(),
            merge: merge.clone(),
            request: Some(slim(request)),
            to_tag: tag.unwrap_or_else(|| self.random.tag()),
            last: Vec::new(),
            to,
            fallback,
            call: None,
        };
        self.servers.by_key.insert(key, id);
        if let Some(merge) = merge {
            self.servers.merges.insert(merge, id);
        }
        self.servers.by_id.insert(id, server);
        id
    }

    /// Takes a request that came again.
    pub(super) fn receive_again(&mut self, id: u64) {
        if let Some(server) = self.servers.by_id.get_mut(&id) {
            let effects = server.machine.handle_request();
            self.run_server(id, effects);
        }
    }

    /// Takes an ACK; true if it belonged to a final response other than 2xx.
    pub(super) fn receive_rejection_ack(&mut self, now: Instant, key: &ServerKey) -> bool {
        let Some(id) = self.servers.find(key) else { return false };
        let Some(Server {
            machine: Machine::Invite(machine),
            ..
        }) = self.servers.by_id.get_mut(&id)
        else {
            return false;
        };
        let effects = machine.handle_ack(now);
        self.run_server(id, effects);
        !effects.deliver
    }

    /// Begins a response to the request of a transaction; `None` once the final response is out.
    pub(super) fn reply(&self, id: u64, status: StatusCode) -> Option<Response> {
        let server = self.servers.by_id.get(&id)?;
        let request = server.request.as_ref()?;
        // RFC 3261 §8.2.6.2: "with the exception of the 100 response, in which a tag MAY be present"
        let tag = (status != StatusCode::TRYING).then_some(server.to_tag.as_str());
        let mut response = Response::to_request(request, status, tag);
        if status == StatusCode::TRYING {
            // §8.2.6.1: "any Timestamp header field present in the request MUST be copied into this 100"
            response.headers.copy_from(&request.headers, &HeaderName::Timestamp);
        } else {
            self.stamp_response(&mut response);
        }
        Some(response)
    }

    /// Sends a response through its transaction.
    pub(super) fn respond(&mut self, now: Instant, id: u64, response: &Response) {
        let Some(server) = self.servers.by_id.get_mut(&id) else {
            return;
        };
        let effects = server.machine.handle_response(now, response.status.code());
        if effects.transmit.is_some() {
            server.last = response.to_bytes();
        }
        if response.status.is_final() {
            server.request = None;
            if response.status == StatusCode::SERVICE_UNAVAILABLE
                && let Some(merge) = server.merge.take()
            {
                // the same request may well come back by another way
                self.servers.merges.remove(&merge);
            }
        }
        self.run_server(id, effects);
    }

    /// Sends the plain response `status`.
    pub(super) fn respond_status(&mut self, now: Instant, id: u64, status: StatusCode) {
        if let Some(response) = self.reply(id, status) {
            self.respond(now, id, &response);
        }
    }

    /// Sends the last response of an INVITE transaction again: the user agent's repetition of a 2xx or reliable 1xx.
    pub(super) fn repeat_response(&mut self, id: u64, bytes: Vec<u8>) {
        if let Some(server) = self.servers.by_id.get(&id) {
            let to = server.to.clone();
            self.send(id, to, bytes);
        }
    }

    /// Sends the last response of a transaction again.
    pub(super) fn repeat_last(&mut self, id: u64) {
        if let Some(server) = self.servers.by_id.get(&id).filter(|server| !server.last.is_empty()) {
            let (to, bytes) = (server.to.clone(), server.last.clone());
            self.send(id, to, bytes);
        }
    }

    /// Answers a request for which no transaction is kept (RFC 3261 §8.2.7).
    pub(super) fn respond_stateless(&mut self, arrival: &Arrival, request: &Request, via: &Via, status: StatusCode) {
        if request.method == Method::Ack {
            return;
        }
        let call_id = request.headers.call_id().unwrap_or_default();
        let tag = format!("{:016x}", self.random.keyed(&[&call_id, via.branch().unwrap_or("")]));
        let mut response = Response::to_request(request, status, Some(&tag));
        self.stamp_response(&mut response);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers
                .push_value(HeaderName::RetryAfter, &self.config.retry_after);
        }
        let (to, _) = way_back(arrival, via);
        self.send(0, to, response.to_bytes());
    }

    /// Answers what could not be read, if it can be answered.
    pub(super) fn receive_malformed(&mut self, arrival: &Arrival, error: &ParseError) {
        self.turned_away.malformed += 1;
        let call_id = error.salvage.headers.call_id().unwrap_or_default();
        let tag = format!("{:016x}", self.random.keyed(&[&call_id]));
        let Some(mut response) = refusal(error, &tag) else {
            return;
        };
        // a Via that cannot be read shows no better way than back to the source
        let mut to = Destination::Flow {
            flow: arrival.flow,
            remote: arrival.remote,
        };
        if let Ok(mut via) = response.headers.top_via() {
            via.note_source(arrival.remote);
            to = way_back(arrival, &via).0;
            // where a later Via is broken, all stay as they came
            let _unreadable = response.headers.set_top_via(&via);
        }
        self.stamp_response(&mut response);
        self.send(0, to, response.to_bytes());
    }

    /// Fires the timers of a server transaction.
    pub(super) fn server_timeout(&mut self, now: Instant, id: u64) {
        if let Some(server) = self.servers.by_id.get_mut(&id) {
            let effects = server.machine.handle_timeout(now);
            self.run_server(id, effects);
        }
    }

    /// Takes the news that a response could not be sent.
    pub(super) fn server_send_failed(&mut self, id: SendId) {
        let Some(server) = self.servers.by_id.get_mut(&id.0) else {
            return;
        };
        // RFC 3261 §18.2.2: if the connection is no longer open, "the server SHOULD open a connection to the IP address in
        // the received parameter, if present, using the port in the sent-by value"
        if let Some(fallback) = server.fallback.take() {
            server.to = fallback;
            if !server.last.is_empty() {
                let (to, bytes) = (server.to.clone(), server.last.clone());
                self.send(id.0, to, bytes);
            }
            return;
        }
        let effects = server.machine.handle_transport_error();
        self.run_server(id.0, effects);
    }

    fn run_server(&mut self, id: u64, effects: Effects) {
        let Some(server) = self.servers.by_id.get(&id) else {
            return;
        };
        if effects.transmit == Some(Transmit::Response) && !server.last.is_empty() {
            let (to, bytes) = (server.to.clone(), server.last.clone());
            self.send(id, to, bytes);
        }
        let Some(server) = self.servers.by_id.get(&id) else {
            return;
        };
        if !server.machine.is_terminated() {
            let deadline = server.machine.deadline();
            self.schedule.set(Alarm::Server(id), deadline);
            return;
        }
        self.schedule.set(Alarm::Server(id), None);
        if let Some(server) = self.servers.by_id.remove(&id) {
            self.servers.by_key.remove(&server.key);
            if let Some(merge) = server.merge {
                self.servers.merges.remove(&merge);
            }
            // without a transaction nobody could take the gateway's answer any more
            if let (Some(Failure::Transport), Some(call)) = (effects.failure, server.call) {
                self.way_back_lost(call, id);
            }
        }
    }
}

/// Builds the refusal of what could not be read, also where it is the Via that could not.
fn refusal(error: &ParseError, tag: &str) -> Option<Response> {
    if let Some(response) = error.answer(tag) {
        return Some(response);
    }
    let salvage = &error.salvage;
    if salvage.is_response || salvage.method == Some(Method::Ack) || !salvage.headers.contains(&HeaderName::Via) {
        return None;
    }
    let mut response = Response::new(error.status?);
    response.headers = salvage.headers.clone();
    Some(response)
}

/// Returns where responses go, and where to try when the connection is gone.
fn way_back(arrival: &Arrival, via: &Via) -> (Destination, Option<Destination>) {
    let default_port = Transport::parse(via.transport())
        .unwrap_or(arrival.transport)
        .default_port();
    let sent_by = via.port().unwrap_or(default_port);
    let flow = arrival.flow;
    if arrival.transport.is_reliable() {
        // RFC 3261 §18.2.2: "If the sent-protocol is a reliable transport protocol … the response MUST be sent using the
        // existing connection to the source of the original request"
        let tls_name = (arrival.transport == Transport::Tls).then(|| via.host().to_string());
        let address = SocketAddr::new(arrival.remote.ip(), sent_by);
        let fallback = Target {
            transport: arrival.transport,
            address,
            tls_name,
        };
        return (
            Destination::Flow {
                flow,
                remote: arrival.remote,
            },
            Some(Destination::Target(fallback)),
        );
    }
    let remote = if via.wants_rport() {
        // RFC 3581 §4: "it MUST be sent to the IP address and port … from which the request was received", from the same socket
        arrival.remote
    } else if let Some(maddr) = via
        .maddr()
        .and_then(|m| m.parse::<IpAddr>().ok())
        .filter(|ip| !is_forbidden(ip))
    {
        // "if the Via header field value contains an maddr parameter, the response MUST be forwarded to the address listed"
        SocketAddr::new(maddr, sent_by)
    } else {
        // "if the top Via has a received parameter, the response MUST be sent to the address in the received parameter,
        // using the port indicated in the sent-by value"
        SocketAddr::new(arrival.remote.ip(), sent_by)
    };
    (Destination::Flow { flow, remote }, None)
}

/// A response must not be aimed at many hosts or at ourselves by a forged maddr.
fn is_forbidden(ip: &IpAddr) -> bool {
    ip.is_multicast() || ip.is_unspecified() || ip.is_loopback() || matches!(ip, IpAddr::V4(v4) if v4.is_broadcast())
}

/// Keeps of a request what its responses are made of.
fn slim(request: &Request) -> Request {
    const KEPT: [HeaderName; 7] = [
        HeaderName::Via,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
        HeaderName::RecordRoute,
        HeaderName::Timestamp,
    ];
    let mut headers = Headers::new();
    for name in &KEPT {
        headers.copy_from(&request.headers, name);
    }
    Request {
        method: request.method.clone(),
        uri: request.uri.clone(),
        headers,
        body: Vec::new(),
    }
}
