// SPDX-License-Identifier: EUPL-1.2
//! What an endpoint is told once, when it is made.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Arrival, Transport};
use crate::message::Host;
use crate::timer::Timers;

/// Describes one address we can be reached at.
#[derive(Clone, Debug)]
pub struct Local {
    /// The transport.
    pub transport: Transport,
    /// The address a socket is bound to; may be unspecified (`0.0.0.0`, `::`).
    pub bound: SocketAddr,
    /// The host for Via and Contact; `None` takes the address itself, and so is not for unspecified addresses.
    pub host: Option<Host>,
    /// Whether `host` holds for all peers; if not, a peer that reached us at an address of ours is shown that address.
    pub is_named: bool,
    /// The port for Via and Contact.
    pub port: u16,
}

/// Configures an endpoint; start from [`EndpointConfig::new`].
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// The value of the User-Agent and Server headers.
    pub user_agent: String,
    /// Where we can be reached.
    pub locals: Vec<Local>,
    /// T1, T2 and T4.
    pub timers: Timers,
    /// Most client and, apart from them, most server transactions at a time; beyond, requests get 503.
    pub max_transactions: usize,
    /// Most calls at a time; beyond, INVITE gets 503.
    pub max_calls: usize,
    /// Longest ringing, in and out, before the call ends.
    pub ring_timeout: Duration,
    /// Session interval to ask for (RFC 4028) \[s\]; 0 asks for none.
    pub session_expires: u32,
    /// Greatest request that goes over UDP \[bytes\]; greater ones try TCP first (RFC 3261 §18.1.1).
    pub max_udp_request: usize,
    /// Value of Retry-After in a 503 \[s\].
    pub retry_after: u32,
}

impl EndpointConfig {
    /// Makes a configuration with the standard's timers and modest limits.
    pub fn new(user_agent: &str, locals: Vec<Local>) -> EndpointConfig {
        EndpointConfig {
            user_agent: user_agent.to_owned(),
            locals,
            timers: Timers::default(),
            max_transactions: 50_000,
            max_calls: 10_000,
            ring_timeout: Duration::from_secs(180),
            session_expires: 1800,
            max_udp_request: 1300,
            retry_after: 5,
        }
    }

    /// Returns host and port for a Via or Contact on `transport`, seen from a peer that reached us at `local`.
    pub(super) fn reached_at(&self, transport: Transport, local: SocketAddr) -> (Host, u16) {
        let fits = |l: &&Local| {
            l.transport == transport
                && (l.bound == local || (l.bound.ip().is_unspecified() && l.bound.port() == local.port()))
        };
        match self.locals.iter().find(fits) {
            Some(found) => {
                let host = found
                    .host
                    .clone()
                    .filter(|_| found.is_named || local.ip().is_unspecified());
                (host.unwrap_or_else(|| Host::from(local.ip())), found.port)
            }
            None => self.reachable_by(transport, local.is_ipv6()),
        }
    }

    /// Returns host and port for a Via or Contact on `transport` towards a peer of one address family.
    pub(super) fn reachable_by(&self, transport: Transport, ipv6: bool) -> (Host, u16) {
        let same = |l: &&Local| l.transport == transport && l.bound.is_ipv6() == ipv6;
        let found = self
            .locals
            .iter()
            .find(same)
            .or_else(|| self.locals.iter().find(|l| l.transport == transport));
        match found.or(self.locals.first()) {
            Some(l) => (l.host.clone().unwrap_or_else(|| Host::from(l.bound.ip())), l.port),
            None => (Host::from(IpAddr::from([127, 0, 0, 1])), transport.default_port()),
        }
    }

    /// Tells whether we have a socket or may open a connection on `transport`.
    pub(super) fn speaks(&self, transport: Transport) -> bool {
        self.locals.iter().any(|l| l.transport == transport)
    }

    pub(super) fn reached_by(&self, arrival: &Arrival) -> (Host, u16) {
        self.reached_at(arrival.transport, arrival.local)
    }
}
