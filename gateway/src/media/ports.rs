// SPDX-License-Identifier: EUPL-1.2
//! UDP port pairs, and the draining of those just closed, so that late packets of an old call reach nobody.

use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::words::Refusal;

/// Hands out port pairs of one range.
#[derive(Clone)]
pub(crate) struct Ports(Arc<Mutex<State>>);

struct State {
    /// The even ports whose odd neighbour is in the range too.
    first: u16,
    pairs: u16,
    next: u16,
    drain: Duration,
    taken: HashSet<u16>,
    draining: VecDeque<(Instant, u16)>,
}

/// Two bound sockets on neighbouring ports: RTP on the even one, RTCP on the odd one.
pub(crate) struct PortPair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    pub(crate) lease: Lease,
}

/// Keeps a pair out of use; when dropped, the pair drains before it is used again.
pub(crate) struct Lease {
    ports: Ports,
    port: u16,
    drains: bool,
}

impl Ports {
    /// Makes an allocator.
    pub(crate) fn new(range: RangeInclusive<u16>, drain: Duration) -> Ports {
        let first = u32::from(*range.start()).next_multiple_of(2);
        let end = u32::from(*range.end()) + 1;
        let pairs = end.saturating_sub(first) / 2;
        Ports(Arc::new(Mutex::new(State {
            first: first.min(65_534) as u16,
            pairs: pairs.min(32_767) as u16,
            next: 0,
            drain,
            taken: HashSet::new(),
            draining: VecDeque::new(),
        })))
    }

    /// Binds the next free pair on an address; pairs that another process holds are stepped over.
    pub(crate) fn bind(&self, ip: IpAddr) -> Result<PortPair, Refusal> {
        let pairs = self.state().pairs;
        for _ in 0..pairs {
            let Some(lease) = self.next_lease() else { break };
            if let Some((rtp, rtcp)) = bind_pair(ip, lease.port) {
                return Ok(PortPair { rtp, rtcp, lease });
            }
            lease.discard();
        }
        Err(Refusal::NoPorts)
    }

    /// Takes the next pair that is free on all addresses, for somebody who binds it himself.
    pub(crate) fn reserve(&self, addresses: &[IpAddr]) -> Result<Lease, Refusal> {
        let pairs = self.state().pairs;
        for _ in 0..pairs {
            let Some(lease) = self.next_lease() else { break };
            if addresses.iter().all(|ip| bind_pair(*ip, lease.port).is_some()) {
                return Ok(lease);
            }
            lease.discard();
        }
        Err(Refusal::NoPorts)
    }

    fn next_lease(&self) -> Option<Lease> {
        let mut state = self.state();
        let now = Instant::now();
        while state.draining.front().is_some_and(|(free_at, _)| *free_at <= now) {
            if let Some((_, port)) = state.draining.pop_front() {
                state.taken.remove(&port);
            }
        }
        for _ in 0..state.pairs {
            let port = state.first + 2 * state.next;
            state.next = (state.next + 1) % state.pairs;
            if state.taken.insert(port) {
                return Some(Lease {
                    ports: self.clone(),
                    port,
                    drains: true,
                });
            }
        }
        None
    }

    /// A poisoned lock only means that another thread panicked; the state is whole between two statements.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Returns the even port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Gives back a pair that no far end ever learned of, without draining.
    pub(crate) fn discard(mut self) {
        self.drains = false;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.ports.state();
        if self.drains && !state.drain.is_zero() {
            let free_at = Instant::now() + state.drain;
            state.draining.push_back((free_at, self.port));
        } else {
            state.taken.remove(&self.port);
        }
    }
}

fn bind_pair(ip: IpAddr, port: u16) -> Option<(UdpSocket, UdpSocket)> {
    let bind = |port| {
        let socket = UdpSocket::bind(SocketAddr::new(ip, port)).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(socket)
    };
    Some((bind(port)?, bind(port.checked_add(1)?)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn pairs_are_even_and_odd_and_end_with_the_range() {
        let ports = Ports::new(45_001..=45_006, Duration::from_secs(30));
        let (a, b) = (
            ports.bind(LOOPBACK).expect("first"),
            ports.bind(LOOPBACK).expect("second"),
        );
        assert_eq!((a.lease.port(), b.lease.port()), (45_002, 45_004));
        assert_eq!(a.rtcp.local_addr().expect("bound").port(), 45_003);
        assert!(matches!(ports.bind(LOOPBACK), Err(Refusal::NoPorts)));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the ports know only the real clock")]
    fn a_closed_pair_drains_before_it_is_used_again() {
        let ports = Ports::new(45_010..=45_011, Duration::from_millis(60));
        drop(ports.bind(LOOPBACK).expect("free"));
        assert!(ports.bind(LOOPBACK).is_err());
        std::thread::sleep(Duration::from_millis(80));
        let pair = ports.bind(LOOPBACK).expect("drained");
        let PortPair { rtp, rtcp, lease } = pair;
        drop((rtp, rtcp));
        lease.discard();
        assert!(ports.bind(LOOPBACK).is_ok());
    }

    #[test]
    fn a_pair_that_somebody_else_holds_is_stepped_over() {
        let _foreign = UdpSocket::bind((LOOPBACK, 45_021)).expect("free");
        let ports = Ports::new(45_020..=45_023, Duration::from_secs(30));
        assert_eq!(ports.bind(LOOPBACK).expect("second pair").lease.port(), 45_022);
    }
}
