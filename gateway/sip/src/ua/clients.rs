// SPDX-License-Identifier: EUPL-1.2
//! The table of client transactions, and what comes back to them.

use std::collections::HashMap;
use std::time::Instant;

use super::launch::{Hop, Lost, Outgoing, Purpose};
use super::{Alarm, Arrival, Destination, Endpoint, SendId};
use crate::message::{CSeq, HeaderName, Method, Request, Response, StatusCode};
use crate::timer::Timers;
use crate::transaction::{ClientInvite, ClientKey, ClientNonInvite, Effects, Failure, Transmit};

/// Most forks of one INVITE whose 2xx is acknowledged; more are ignored.
const MAX_FORKS: usize = 8;

/// Holds one of the two machines.
#[derive(Debug)]
pub(super) enum Machine {
    Invite(ClientInvite),
    Other(ClientNonInvite),
}

impl Machine {
    fn new(now: Instant, method: &Method, timers: Timers, reliable: bool) -> Machine {
        match method {
            Method::Invite => Machine::Invite(ClientInvite::new(now, timers, reliable)),
            _ => Machine::Other(ClientNonInvite::new(now, timers, reliable)),
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

/// Remembers the ACK of one fork's 2xx, to send it again whenever that 2xx comes again (RFC 3261 §13.2.2.4).
#[derive(Debug)]
struct SentAck {
    tag: String,
    sent: Option<(Destination, Vec<u8>)>,
}

#[derive(Debug)]
pub(super) struct Client {
    machine: Machine,
    key: ClientKey,
    pub(super) outgoing: Outgoing,
    pub(super) hop: Hop,
    bytes: Vec<u8>,
    acks: Vec<SentAck>,
    provisional: bool,
}

/// Says what a 2xx to INVITE is to its transaction.
pub(super) enum Fork {
    /// The first 2xx of this callee.
    New,
    /// A 2xx that came before; its ACK was sent again, if it was sent at all.
    Known,
    /// One fork too many.
    TooMany,
}

/// Holds the client transactions.
#[derive(Debug, Default)]
pub(super) struct Clients {
    by_key: HashMap<ClientKey, u64>,
    by_id: HashMap<u64, Client>,
}

impl Clients {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Client> {
        self.by_id.get(&id)
    }

    /// Tells whether the peer has answered provisionally, so that CANCEL may be sent (RFC 3261 §9.1).
    pub(super) fn is_proceeding(&self, id: u64) -> bool {
        self.by_id.get(&id).is_some_and(|client| client.provisional)
    }

    /// Gives up on an INVITE that was cancelled in vain.
    pub(super) fn abandon(&mut self, id: u64) {
        if let Some(Client {
            machine: Machine::Invite(machine),
            ..
        }) = self.by_id.get_mut(&id)
        {
            machine.abandon();
        }
    }
}

impl Endpoint {
    /// Begins a client transaction whose request has its Via already, and sends it.
    pub(super) fn begin_client(
        &mut self,
        now: Instant,
        id: u64,
        branch: &str,
        outgoing: Outgoing,
        hop: Hop,
        bytes: Vec<u8>,
    ) {
        let method = outgoing.request.method.clone();
        let key = ClientKey::new(branch, method.clone());
        let machine = Machine::new(now, &method, self.config.timers, hop.transport.is_reliable());
        self.schedule.set(Alarm::Client(id), machine.deadline());
        self.clients.by_key.insert(key.clone(), id);
        self.send(id, hop.to.clone(), bytes.clone());
        let client = Client {
            machine,
            key,
            outgoing,
            hop,
            bytes,
            acks: Vec::new(),
            provisional: false,
        };
        self.clients.by_id.insert(id, client);
    }

    /// Takes a response from the network.
    pub(super) fn receive_response(&mut self, now: Instant, arrival: &Arrival, response: Response) {
        let found = ClientKey::of_response(&response).and_then(|key| self.clients.by_key.get(&key).copied());
        let Some((id, client)) = found.and_then(|id| Some((id, self.clients.by_id.get_mut(&id)?))) else {
            // RFC 6026 §8.6: responses that match no client transaction "MUST be dropped"
            self.turned_away.dropped += 1;
            return;
        };
        // RFC 3261 §8.1.3.3: "If more than one Via header field value is present in a response, the UAC SHOULD discard"
        if response.headers.vias().map_or(0, |v| v.len()) != 1 {
            self.turned_away.dropped += 1;
            return;
        }
        client.provisional |= response.status.is_provisional();
        let effects = client.machine.handle_response(now, response.status.code());
        self.run_client(now, id, effects, Some((arrival, response)));
    }

    /// Fires the timers of a client transaction.
    pub(super) fn client_timeout(&mut self, now: Instant, id: u64) {
        if let Some(client) = self.clients.by_id.get_mut(&id) {
            let effects = client.machine.handle_timeout(now);
            self.run_client(now, id, effects, None);
        }
    }

    /// Takes the news that a request could not be sent; false if `id` is no client transaction.
    pub(super) fn client_send_failed(&mut self, now: Instant, id: SendId) -> bool {
        let Some(client) = self.clients.by_id.get_mut(&id.0) else {
            return false;
        };
        let effects = client.machine.handle_transport_error();
        self.run_client(now, id.0, effects, None);
        true
    }

    /// Ends an INVITE transaction that was cancelled in vain.
    pub(super) fn abandon_client(&mut self, id: u64) {
        self.clients.abandon(id);
        self.tidy_client(id);
    }

    /// Looks whether a 2xx is new, and sends its ACK again if it is not.
    pub(super) fn note_fork(&mut self, id: u64, tag: &str) -> Fork {
        let Some(client) = self.clients.by_id.get_mut(&id) else {
            return Fork::TooMany;
        };
        if let Some(ack) = client.acks.iter().find(|ack| ack.tag == tag) {
            if let Some((to, bytes)) = ack.sent.clone() {
                self.send(0, to, bytes);
            }
            return Fork::Known;
        }
        if client.acks.len() >= MAX_FORKS {
            return Fork::TooMany;
        }
        client.acks.push(SentAck {
            tag: tag.to_owned(),
            sent: None,
        });
        Fork::New
    }

    /// Remembers an ACK that was sent just now.
    pub(super) fn note_ack(&mut self, id: u64, tag: &str, to: Destination, bytes: Vec<u8>) {
        if let Some(client) = self.clients.by_id.get_mut(&id)
            && let Some(ack) = client.acks.iter_mut().find(|ack| ack.tag == tag)
        {
            ack.sent = Some((to, bytes));
        }
    }

    fn run_client(&mut self, now: Instant, id: u64, effects: Effects, response: Option<(&Arrival, Response)>) {
        let Some(client) = self.clients.by_id.get(&id) else {
            return;
        };
        let to = client.hop.to.clone();
        match (effects.transmit, &response) {
            (Some(Transmit::Request), _) => {
                let bytes = client.bytes.clone();
                self.send(id, to, bytes);
            }
            (Some(Transmit::Ack), Some((_, response))) => {
                let bytes = rejection_ack(&client.outgoing.request, response).to_bytes();
                self.send(id, to, bytes);
            }
            _ => {}
        }
        let lost = effects.failure.and_then(|failure| {
            let client = self.clients.by_id.get(&id)?;
            let status = match failure {
                // RFC 3261 §8.1.3.1: a timeout counts as 408, a transport error as 503
                Failure::TimedOut => StatusCode::REQUEST_TIMEOUT,
                Failure::Transport => StatusCode::SERVICE_UNAVAILABLE,
            };
            Some(Lost {
                outgoing: client.outgoing.clone(),
                status,
            })
        });
        if let (true, Some((arrival, response))) = (effects.deliver, response) {
            self.deliver_response(now, id, arrival, response);
        }
        self.tidy_client(id);
        if let Some(lost) = lost {
            self.lost.push_back(lost);
        }
    }

    fn tidy_client(&mut self, id: u64) {
        let Some(client) = self.clients.by_id.get(&id) else {
            return;
        };
        if client.machine.is_terminated() {
            self.schedule.set(Alarm::Client(id), None);
            if let Some(client) = self.clients.by_id.remove(&id) {
                self.clients.by_key.remove(&client.key);
            }
        } else {
            self.schedule.set(Alarm::Client(id), client.machine.deadline());
        }
    }

    fn deliver_response(&mut self, now: Instant, id: u64, arrival: &Arrival, response: Response) {
        let Some(client) = self.clients.by_id.get(&id) else {
            return;
        };
        let purpose = client.outgoing.purpose.clone();
        // RFC 3263 §4.3: a 503 is a failure of this target; the next one is tried
        if response.status == StatusCode::SERVICE_UNAVAILABLE && client.outgoing.has_more() {
            let lost = Lost {
                outgoing: client.outgoing.clone(),
                status: response.status,
            };
            self.lost.push_back(lost);
            return;
        }
        match purpose {
            Purpose::Invite(call) => self.invite_answered(now, id, call, arrival, response),
            Purpose::Reinvite(call) => self.reinvite_answered(now, id, call, arrival, response),
            Purpose::Update(call) => self.update_answered(now, id, call, response),
            Purpose::Bye(call) => self.bye_answered(now, id, call, &response),
            Purpose::Prack(_) | Purpose::Cancel | Purpose::Ack { .. } | Purpose::Stray => {}
        }
    }
}

/// Builds the ACK for a final response other than 2xx (RFC 3261 §17.1.1.3).
fn rejection_ack(invite: &Request, response: &Response) -> Request {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    // "The ACK MUST contain a single Via header field … equal to the top Via header field of the original request"
    if let Ok(via) = invite.headers.top_via() {
        ack.headers.push_value(HeaderName::Via, &via);
    }
    // "If the INVITE request whose response is being acknowledged had Route header fields, those header fields MUST appear"
    ack.headers.copy_from(&invite.headers, &HeaderName::Route);
    ack.headers.push_static(HeaderName::MaxForwards, "70");
    ack.headers.copy_from(&invite.headers, &HeaderName::From);
    // "The To header field in the ACK MUST equal the To header field in the response being acknowledged"
    ack.headers.copy_from(&response.headers, &HeaderName::To);
    ack.headers.copy_from(&invite.headers, &HeaderName::CallId);
    let number = invite.headers.cseq().map(|c| c.number).unwrap_or_default();
    ack.headers
        .push_value(HeaderName::CSeq, &CSeq::new(number, Method::Ack));
    ack
}
