// SPDX-License-Identifier: EUPL-1.2
//! UDP sockets.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use landbridge_sip::parse::{self, Limits};
use landbridge_sip::ua::{Arrival, FlowId, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::Arrived;

/// Kernel buffer of a SIP socket: bursts of calls wait here, not in us [bytes].
const KERNEL_BUFFER: usize = 4 << 20;

pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The system may grant less; that is no reason not to start.
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
    let _ = socket.set_send_buffer_size(KERNEL_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Sends a datagram without waiting; UDP may lose it, the transaction's timers know.
pub(super) fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) -> bool {
    match socket.try_send_to(bytes, to) {
        Ok(_) => true,
        Err(e) => e.kind() == io::ErrorKind::WouldBlock,
    }
}

/// Reads datagrams for ever; what the driver cannot take is dropped here.
pub(super) async fn receive(socket: Arc<UdpSocket>, flow: FlowId, local: SocketAddr, inbox: mpsc::Sender<Arrived>) {
    let limits = Limits::default();
    let mut routes = Routes::default();
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, remote) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // An ICMP error of an earlier datagram; the socket lives on.
            Err(_) => continue,
        };
        let Some(bytes) = buffer.get(..length) else { continue };
        // RFC 5626 §4.4.1: a datagram of CRLF alone is a keep-alive.
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            continue;
        }
        let arrival = Arrival {
            flow,
            transport: Transport::Udp,
            local: routes.local(local, remote),
            remote,
            identity: None,
        };
        let arrived = match parse::datagram(bytes, &limits) {
            Ok(message) => Arrived::Message(arrival, message, None),
            Err(error) => Arrived::Malformed(arrival, error, None),
        };
        if inbox.try_send(arrived).is_err() {
            metrics::counter!("landbridge_sip_dropped_total").increment(1);
        }
    }
}

/// Our own addresses towards peers, for a socket that listens on all of them: Contact must name one that the peer can
/// reach, and a machine with a foot in two networks has two.
#[derive(Default)]
struct Routes {
    towards: HashMap<IpAddr, (IpAddr, Instant)>,
}

/// Peers whose route is remembered; more, and all are asked for anew.
const MAX_ROUTES: usize = 4096;
/// How long a route is taken for granted.
const ROUTE_HOLDS: Duration = Duration::from_secs(60);

impl Routes {
    /// Returns the address that a peer at `remote` reaches us at.
    fn local(&mut self, bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
        if !bound.ip().is_unspecified() {
            return bound;
        }
        let now = Instant::now();
        let known = self.towards.get(&remote.ip()).filter(|(_, until)| *until > now);
        let ip = match known {
            Some((ip, _)) => *ip,
            None => {
                let ip = super::address_towards(remote).unwrap_or(bound.ip());
                if self.towards.len() >= MAX_ROUTES {
                    self.towards.clear();
                }
                self.towards.insert(remote.ip(), (ip, now + ROUTE_HOLDS));
                ip
            }
        };
        SocketAddr::new(ip, bound.port())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_peer_on_this_machine_reaches_a_socket_on_all_addresses_at_the_loopback_one() {
        let mut routes = Routes::default();
        let local = |routes: &mut Routes, bound: &str| {
            routes
                .local(bound.parse().unwrap(), "127.0.0.1:5062".parse().unwrap())
                .to_string()
        };
        assert_eq!(local(&mut routes, "0.0.0.0:5060"), "127.0.0.1:5060");
        assert_eq!(
            local(&mut routes, "0.0.0.0:5060"),
            "127.0.0.1:5060",
            "and again from memory"
        );
        assert_eq!(local(&mut routes, "192.0.2.7:5060"), "192.0.2.7:5060");
    }
}
