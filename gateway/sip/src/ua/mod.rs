// SPDX-License-Identifier: EUPL-1.2
//! The user agent core: everything that RFC 3261 asks of an endpoint, without sockets, clock or threads.
//!
//! ```text
//! network ── Input::Received ──▶ servers / clients (transactions) ──▶ calls (dialogs, offer/answer) ── Event ──▶ gateway
//! network ◀── Output::Send ───── servers / clients ◀──────────────── calls ◀──────────────────────── Command ── gateway
//! ```
//! - [`seam`]: the words between core, network and gateway
//! - [`config`]: what an endpoint is told once
//! - `clients`, `launch`: requests of ours, the places they are tried at, and their transactions
//! - `servers`: requests of peers and where their responses go
//! - `accept`: the checks of RFC 3261 §8.2 that every request passes
//! - `incoming`, `outgoing`: how a call begins, at the callee and at the caller
//! - `in_dialog`, `reoffer`: requests inside a call; changing its session
//! - `call`, `alarms`: the state of a call, and its timers
//! - `body`, `stamp`, `random`: bodies, the headers we add, identifiers
//!
//! Implemented: RFC 3261 (user agent), 3262 (100rel), 3264 and 6337 (turns), 3311 (UPDATE), 3326, 3581, 4028, 5393 (own loops),
//! 6026. Not implemented: REFER (3515), SUBSCRIBE (6665), REGISTER (§10), S/MIME (§23), forking and other proxy work (§16),
//! 3xx are not followed, SDP in PRACK, offers in UPDATE of early dialogs.

pub mod config;
pub mod seam;

mod accept;
mod alarms;
mod auth;
mod body;
mod call;
mod clients;
mod in_dialog;
mod incoming;
mod launch;
mod outgoing;
mod random;
mod reoffer;
mod servers;
mod stamp;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

pub use config::{EndpointConfig, Local};
pub use seam::{
    Arrival, CallId, Command, Destination, EndedBy, Event, FlowId, Input, Lookup, OfferReply, Offered, Output, QueryId,
    SendId, Target, Transport,
};

use crate::dialog::DialogId;
use crate::message::Message;
use crate::timer::Schedule;
use call::Call;
use clients::Clients;
use launch::{Lost, Outgoing};
use random::Random;
use servers::Servers;

/// Counts what is held now and what was turned away since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Client transactions held.
    pub client_transactions: usize,
    /// Server transactions held.
    pub server_transactions: usize,
    /// Calls held.
    pub calls: usize,
    /// Dialogs held.
    pub dialogs: usize,
    /// Lookups under way.
    pub lookups: usize,
    /// Timers set.
    pub timers: usize,
    /// Requests answered 503 because a table was full.
    pub overloaded: u64,
    /// Bytes that were no message.
    pub malformed: u64,
    /// Messages that belonged to nothing.
    pub dropped: u64,
}

/// Names a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Alarm {
    Client(u64),
    Server(u64),
    Call(CallId),
    Query(u64),
}

/// Is one user agent with all its calls.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    random: Random,
    clients: Clients,
    servers: Servers,
    calls: HashMap<CallId, Box<Call>>,
    dialogs: HashMap<DialogId, CallId>,
    /// The client transaction of the INVITE that a call has under way.
    invites: HashMap<CallId, u64>,
    queries: HashMap<u64, Outgoing>,
    /// Requests that could not be sent; worked off before `handle` returns.
    lost: VecDeque<Lost>,
    schedule: Schedule<Alarm>,
    outputs: VecDeque<Output>,
    next_id: u64,
    turned_away: Stats,
}

impl Endpoint {
    /// Makes an endpoint; `seed` must be random in operation, as tags and branches are drawn from it.
    pub fn new(mut config: EndpointConfig, seed: [u8; 32]) -> Endpoint {
        // a timer of zero length would be due for ever
        config.timers.t1 = config.timers.t1.max(Duration::from_millis(1));
        config.timers.t2 = config.timers.t2.max(config.timers.t1);
        Endpoint {
            config,
            random: Random::new(seed),
            clients: Clients::default(),
            servers: Servers::default(),
            calls: HashMap::new(),
            dialogs: HashMap::new(),
            invites: HashMap::new(),
            queries: HashMap::new(),
            lost: VecDeque::new(),
            schedule: Schedule::default(),
            outputs: VecDeque::new(),
            next_id: 0,
            turned_away: Stats::default(),
        }
    }

    /// Returns the counts.
    pub fn stats(&self) -> Stats {
        Stats {
            client_transactions: self.clients.len(),
            server_transactions: self.servers.len(),
            calls: self.calls.len(),
            dialogs: self.dialogs.len(),
            lookups: self.queries.len(),
            timers: self.schedule.len(),
            ..self.turned_away
        }
    }

    /// Takes one input; whatever it makes the core want is then to be polled.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Received(arrival, Message::Request(request)) => self.receive_request(now, arrival, request),
            Input::Received(arrival, Message::Response(response)) => self.receive_response(now, &arrival, response),
            Input::Malformed(arrival, error) => self.receive_malformed(&arrival, &error),
            // What goes to a closed flow comes back as SendFailed and then finds another way; nothing is held per flow.
            Input::FlowClosed(_) => {}
            Input::SendFailed(id) => self.send_failed(now, id),
            Input::Resolved { query, targets } => self.resolved(now, query, targets),
            Input::Timeout => {}
            Input::Command(command) => self.command(now, command),
        }
        self.settle_lost(now);
        self.ring_alarms(now);
    }

    /// Returns the next thing to do; call until `None` after every `handle`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when `handle` wants to be called with [`Input::Timeout`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.schedule.next()
    }

    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Call {
                call,
                to,
                from,
                via,
                sdp,
                auth,
                max_forwards,
                headers,
            } => {
                self.place_call(
                    now,
                    call,
                    outgoing::Wish {
                        to,
                        from,
                        via,
                        sdp,
                        auth,
                        max_forwards,
                        headers,
                    },
                );
            }
            Command::Ring { call, status, sdp } => self.ring(now, call, status, sdp),
            Command::Answer { call, sdp } => self.answer(now, call, sdp),
            Command::Reject {
                call,
                status,
                reason,
                headers,
            } => self.reject(now, call, status, reason, headers),
            Command::Offer { call, sdp } => self.offer(now, call, sdp),
            Command::AnswerOffer { call, reply } => self.answer_offer(now, call, reply),
            Command::HangUp { call, reason } => self.hang_up(now, call, reason),
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn send(&mut self, id: u64, to: Destination, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Send {
            id: SendId(id),
            to,
            bytes,
        });
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Works on one call while the rest of the endpoint stays at hand, then sets its alarm or forgets it.
    fn with_call<R>(&mut self, id: CallId, work: impl FnOnce(&mut Endpoint, &mut Call) -> R) -> Option<R> {
        let mut call = self.calls.remove(&id)?;
        let result = work(self, &mut call);
        if call.over {
            self.schedule.set(Alarm::Call(id), None);
            self.invites.remove(&id);
            for dialog in call.dialog_ids() {
                self.dialogs.remove(dialog);
            }
        } else {
            self.schedule.set(Alarm::Call(id), call.deadline());
            self.calls.insert(id, call);
        }
        Some(result)
    }
}
