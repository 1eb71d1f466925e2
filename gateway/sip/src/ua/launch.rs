// SPDX-License-Identifier: EUPL-1.2
//! From a request to the place it is sent to: RFC 3263 with fail-over (§4.3), flow reuse, RFC 3261 §18.1.1.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::{Alarm, Arrival, CallId, Destination, Endpoint, Lookup, Output, QueryId, SendId, Target, Transport};
use crate::message::{HeaderName, Method, NameAddr, Request, StatusCode, Uri, Via};

/// Most targets of one request that are tried.
const MAX_TARGETS: usize = 8;

/// Room that our Via takes \[bytes\].
const VIA_ROOM: usize = 160;

/// Says what a request is for, and so who hears of its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The INVITE that begins a call.
    Invite(CallId),
    /// An INVITE inside a call.
    Reinvite(CallId),
    /// An UPDATE that refreshes a session.
    Update(CallId),
    /// The BYE that ends a call.
    Bye(CallId),
    /// The PRACK of a reliable provisional response.
    Prack(CallId),
    /// The CANCEL of an INVITE.
    Cancel,
    /// The ACK of a 2xx, remembered at the INVITE's transaction.
    Ack { client: u64, tag: String },
    /// The BYE of a fork that nobody wants.
    Stray,
}

/// Names one place to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) to: Destination,
    pub(super) transport: Transport,
    /// Our own address, where the flow shows it.
    pub(super) local: Option<SocketAddr>,
}

impl Hop {
    pub(super) fn target(target: Target) -> Hop {
        Hop {
            transport: target.transport,
            to: Destination::Target(target),
            local: None,
        }
    }

    pub(super) fn flow(arrival: &Arrival) -> Hop {
        Hop {
            to: Destination::Flow {
                flow: arrival.flow,
                remote: arrival.remote,
            },
            transport: arrival.transport,
            local: Some(arrival.local),
        }
    }

    pub(super) fn remote(&self) -> SocketAddr {
        match &self.to {
            Destination::Flow { remote, .. } => *remote,
            Destination::Target(target) => target.address,
        }
    }
}

/// Holds a request without our Via, and where it may still be tried.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) request: Request,
    pub(super) purpose: Purpose,
    hops: VecDeque<Hop>,
    /// What to look up when all hops failed.
    fallback: Option<Uri>,
}

impl Outgoing {
    pub(super) fn has_more(&self) -> bool {
        !self.hops.is_empty() || self.fallback.is_some()
    }
}

/// Holds a request that one hop did not carry, and how that counts.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) outgoing: Outgoing,
    pub(super) status: StatusCode,
}

impl Endpoint {
    /// Sends a request to where `next_hop` leads, or first over `hop` if there is one.
    pub(super) fn launch(&mut self, now: Instant, request: Request, purpose: Purpose, next_hop: Uri, hop: Option<Hop>) {
        let mut outgoing = Outgoing {
            request,
            purpose,
            hops: VecDeque::new(),
            fallback: None,
        };
        match hop {
            Some(hop) => {
                outgoing.hops.push_back(hop);
                outgoing.fallback = Some(next_hop);
                self.attempt(now, outgoing);
            }
            None => self.look_up(now, outgoing, &next_hop),
        }
    }

    /// Sends a request to exactly one place, under a branch that is given (CANCEL).
    pub(super) fn launch_to(&mut self, now: Instant, request: Request, purpose: Purpose, hop: Hop, branch: &str) {
        if self.clients.len() >= self.config.max_transactions {
            return;
        }
        let bytes = request.to_bytes();
        let outgoing = Outgoing {
            request,
            purpose,
            hops: VecDeque::new(),
            fallback: None,
        };
        let id = self.fresh_id();
        self.begin_client(now, id, branch, outgoing, hop, bytes);
    }

    /// Sends a request to a place that the operator named, without looking anything up.
    pub(super) fn launch_via(&mut self, now: Instant, request: Request, purpose: Purpose, target: Target) {
        let mut outgoing = Outgoing {
            request,
            purpose,
            hops: VecDeque::new(),
            fallback: None,
        };
        self.add_targets(&mut outgoing, vec![target]);
        self.attempt(now, outgoing);
    }

    /// Takes the answer of the resolver.
    pub(super) fn resolved(&mut self, now: Instant, query: QueryId, targets: Vec<Target>) {
        if let Some(mut outgoing) = self.queries.remove(&query.0) {
            self.schedule.set(Alarm::Query(query.0), None);
            if !self.is_wanted(&outgoing.purpose) {
                self.lost.push_back(Lost {
                    outgoing,
                    status: StatusCode::REQUEST_TERMINATED,
                });
                return;
            }
            self.add_targets(&mut outgoing, targets);
            self.attempt(now, outgoing);
        }
    }

    /// Gives up on a lookup.
    pub(super) fn query_timeout(&mut self, query: u64) {
        if let Some(outgoing) = self.queries.remove(&query) {
            self.lost.push_back(Lost {
                outgoing,
                status: StatusCode::SERVICE_UNAVAILABLE,
            });
        }
    }

    /// Takes the news that bytes could not be sent.
    pub(super) fn send_failed(&mut self, now: Instant, id: SendId) {
        if !self.client_send_failed(now, id) {
            self.server_send_failed(id);
        }
    }

    /// Tries the next place of every request that one place did not carry, or tells that it failed.
    pub(super) fn settle_lost(&mut self, now: Instant) {
        // each round uses up a hop or ends the request, so this ends
        while let Some(Lost { mut outgoing, status }) = self.lost.pop_front() {
            if status == StatusCode::REQUEST_TIMEOUT {
                // the flow carried the request: nobody is there, elsewhere neither
                outgoing.fallback = None;
            }
            if self.is_wanted(&outgoing.purpose) {
                if !outgoing.hops.is_empty() {
                    self.attempt(now, outgoing);
                    continue;
                }
                if let Some(uri) = outgoing.fallback.take() {
                    self.look_up(now, outgoing, &uri);
                    continue;
                }
            }
            match outgoing.purpose {
                Purpose::Invite(call) => self.invite_failed(call, status),
                Purpose::Reinvite(call) => self.reinvite_failed(now, call, status),
                Purpose::Update(call) => self.update_failed(now, call, status),
                Purpose::Bye(call) => self.forget_call(call),
                Purpose::Prack(_) | Purpose::Cancel | Purpose::Ack { .. } | Purpose::Stray => {}
            }
        }
    }

    fn is_wanted(&self, purpose: &Purpose) -> bool {
        match purpose {
            Purpose::Invite(call) => self.calls.get(call).is_some_and(|call| call.hang_up.is_none()),
            Purpose::Reinvite(call) | Purpose::Update(call) | Purpose::Bye(call) | Purpose::Prack(call) => {
                self.calls.contains_key(call)
            }
            Purpose::Cancel => false,
            Purpose::Ack { .. } | Purpose::Stray => true,
        }
    }

    fn look_up(&mut self, now: Instant, mut outgoing: Outgoing, uri: &Uri) {
        let Some(sip) = uri.as_sip() else {
            self.lost.push_back(Lost {
                outgoing,
                status: StatusCode::UNSUPPORTED_URI_SCHEME,
            });
            return;
        };
        let transport = sip.transport().and_then(Transport::parse);
        // RFC 3261 §26.2.2: sips with transport=tcp means TLS over TCP
        let transport = if sip.is_secure() {
            Some(Transport::Tls)
        } else {
            transport
        };
        let maddr = sip
            .params()
            .value("maddr")
            .and_then(|m| crate::message::Host::parse(m).ok());
        let host = maddr.unwrap_or_else(|| sip.host().clone());
        if let Some(ip) = host.ip() {
            // RFC 3263 §4.1: "if the TARGET is a numeric IP address, the client SHOULD use UDP for a SIP URI, and TCP for a
            // SIPS URI"
            let transport = transport.unwrap_or(Transport::Udp);
            let address = SocketAddr::new(ip, sip.port().unwrap_or(transport.default_port()));
            let tls_name = (transport == Transport::Tls).then(|| ip.to_string());
            self.add_targets(
                &mut outgoing,
                vec![Target {
                    transport,
                    address,
                    tls_name,
                }],
            );
            self.attempt(now, outgoing);
            return;
        }
        if self.queries.len() >= self.config.max_transactions {
            self.lost.push_back(Lost {
                outgoing,
                status: StatusCode::SERVICE_UNAVAILABLE,
            });
            return;
        }
        let query = self.fresh_id();
        self.schedule
            .set(Alarm::Query(query), Some(now + self.config.timers.patience()));
        self.queries.insert(query, outgoing);
        let lookup = Lookup {
            host,
            port: sip.port(),
            transport,
            secure: sip.is_secure(),
        };
        self.outputs.push_back(Output::Resolve {
            query: QueryId(query),
            lookup,
        });
    }

    fn add_targets(&self, outgoing: &mut Outgoing, targets: Vec<Target>) {
        let headers: usize = outgoing
            .request
            .headers
            .iter()
            .map(|h| h.name().as_str().len() + h.value().len() + 4)
            .sum();
        let size = headers + outgoing.request.body.len() + VIA_ROOM;
        for target in targets.into_iter().take(MAX_TARGETS) {
            // RFC 3261 §18.1.1: "If a request is within 200 bytes of the path MTU, or if it is larger than 1300 bytes and the
            // path MTU is unknown, the request MUST be sent using an RFC 2914 congestion controlled transport protocol, such
            // as TCP"; if that fails, "the element SHOULD retry the request, using UDP"
            if target.transport == Transport::Udp
                && size > self.config.max_udp_request
                && self.config.speaks(Transport::Tcp)
            {
                let stream = Target {
                    transport: Transport::Tcp,
                    ..target.clone()
                };
                outgoing.hops.push_back(Hop::target(stream));
            }
            outgoing.hops.push_back(Hop::target(target));
        }
    }

    /// Sends a request to its next hop under a new branch: every hop is a transaction of its own.
    fn attempt(&mut self, now: Instant, mut outgoing: Outgoing) {
        let Some(hop) = outgoing.hops.pop_front() else {
            self.lost.push_back(Lost {
                outgoing,
                status: StatusCode::SERVICE_UNAVAILABLE,
            });
            return;
        };
        if outgoing.request.method != Method::Ack && self.clients.len() >= self.config.max_transactions {
            outgoing.hops.clear();
            outgoing.fallback = None;
            self.lost.push_back(Lost {
                outgoing,
                status: StatusCode::SERVICE_UNAVAILABLE,
            });
            return;
        }
        let branch = self.random.branch(&outgoing.request.uri.to_string());
        let (host, port) = match hop.local {
            Some(local) => self.config.reached_at(hop.transport, local),
            None => self.config.reachable_by(hop.transport, hop.remote().is_ipv6()),
        };
        // RFC 3581 §3: the client asks for rport on every request
        let via = Via::new(hop.transport.as_str(), host, Some(port), &branch).with_rport();
        outgoing.request.headers.remove(&HeaderName::Via);
        outgoing.request.headers.push_front_value(HeaderName::Via, &via);
        self.fit_contact(&mut outgoing.request, &hop);
        let bytes = outgoing.request.to_bytes();
        if let Purpose::Ack { client, tag } = &outgoing.purpose {
            self.note_ack(*client, tag, hop.to.clone(), bytes.clone());
            self.send(0, hop.to, bytes);
            return;
        }
        let id = self.fresh_id();
        self.note_attempt(id, &outgoing.purpose);
        self.begin_client(now, id, &branch, outgoing, hop, bytes);
    }

    /// Makes the Contact of a request name the transport that carries it.
    fn fit_contact(&self, request: &mut Request, hop: &Hop) {
        if !matches!(request.method, Method::Invite | Method::Update) {
            return;
        }
        let from = request.headers.from().ok();
        let user = from.as_ref().and_then(|f| f.uri().user());
        let secure = request.uri.is_secure();
        let (host_port, transport) = match hop.local {
            Some(local) => (self.config.reached_at(hop.transport, local), hop.transport),
            None => (
                self.config.reachable_by(hop.transport, hop.remote().is_ipv6()),
                hop.transport,
            ),
        };
        let contact: NameAddr = super::stamp::contact(transport, host_port.0, host_port.1, user.as_deref(), secure);
        request.headers.set_value(HeaderName::Contact, &contact);
    }

    fn note_attempt(&mut self, id: u64, purpose: &Purpose) {
        if let Purpose::Invite(call) | Purpose::Reinvite(call) = purpose {
            self.invites.insert(*call, id);
        }
    }
}
