// SPDX-License-Identifier: EUPL-1.2
//! Which candidates may be talked to.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Candidates taken of one description.
pub(super) const MAX_CANDIDATES: usize = 20;
/// A longer candidate is none [bytes].
const MAX_BYTES: usize = 512;

/// The candidates that a peer has given: how many places a stranger may have us knock at.
#[derive(Default)]
pub(super) struct Given {
    /// In the whole call.
    known: HashSet<String>,
    /// Since the last ICE restart, which asks for all of them again.
    current: HashSet<String>,
}

/// Candidates of one generation.
const MOST_AT_ONCE: usize = 2 * MAX_CANDIDATES;
/// Candidates of one call.
const MOST: usize = 100;

impl Given {
    /// Begins a new generation.
    pub(super) fn restart(&mut self) {
        self.current.clear();
    }

    /// Takes a candidate; returns whether it is to be tried: `None` when there are too many.
    pub(super) fn take(&mut self, candidate: &str) -> Option<bool> {
        if self.current.contains(candidate) {
            // Some send the candidates of a bundle once for each of its sections.
            return Some(false);
        }
        let is_known = self.known.contains(candidate);
        if self.current.len() >= MOST_AT_ONCE || (!is_known && self.known.len() >= MOST) {
            return None;
        }
        self.current.insert(candidate.to_owned());
        self.known.insert(candidate.to_owned());
        Some(true)
    }
}

/// Whom this gateway may be asked to send to.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// Addresses of our own.
    own: Vec<IpAddr>,
    /// Our own media ports.
    ports: RangeInclusive<u16>,
    loopback: bool,
    private: bool,
}

impl Reach {
    /// Knows it by our own addresses: who listens in a private network is called from there, and who listens on all
    /// addresses may be; nobody else sends there because a stranger wants it.
    pub(in crate::media) fn new(listen: &[IpAddr], public: Option<IpAddr>, ports: RangeInclusive<u16>) -> Reach {
        Reach {
            own: listen.iter().copied().chain(public).collect(),
            ports,
            loopback: listen.iter().any(IpAddr::is_loopback),
            private: listen
                .iter()
                .any(|ip| is_private(ip.to_canonical()) || ip.is_unspecified() || ip.is_loopback()),
        }
    }
}

/// Tells whether something may be sent to a candidate (RFC 8839 §5.1: foundation component transport priority address
/// port); the peer-reflexive ones come by themselves.
pub(super) fn is_admissible(candidate: &str, reach: &Reach) -> bool {
    if candidate.len() > MAX_BYTES || candidate.contains(|c: char| c.is_control() || !c.is_ascii()) {
        return false;
    }
    let mut words = candidate.split_ascii_whitespace();
    // With rtcp-mux there is one component (RFC 8834 §4.5).
    let rtp = words.nth(1).is_some_and(|component| component == "1");
    let udp = words
        .next()
        .is_some_and(|transport| transport.eq_ignore_ascii_case("udp"));
    let Some(Ok(ip)) = words.nth(1).map(str::parse::<IpAddr>) else {
        return false;
    };
    let port = words.next().and_then(|port| port.parse::<u16>().ok());
    let ip = ip.to_canonical();
    // What listens on our own media ports is ourselves.
    let is_ours = |port: u16| reach.ports.contains(&port) && reach.own.contains(&ip);
    rtp && udp && port.is_some_and(|port| port > 1023 && !is_ours(port)) && may_be_sent_to(ip, reach)
}

/// RFC 1918, RFC 6598 (carrier-grade NAT), RFC 4193.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64),
        IpAddr::V6(v6) => v6.segments()[0] & 0xfe00 == 0xfc00,
    }
}

fn may_be_sent_to(ip: IpAddr, reach: &Reach) -> bool {
    if ip.is_loopback() {
        return reach.loopback;
    }
    if is_private(ip) && !reach.private {
        return false;
    }
    match ip {
        IpAddr::V4(v4) => {
            !(v4.is_unspecified()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            // 6to4 (2002::/16), NAT64 (64:ff9b::/96) and site-local addresses hide others.
            !(v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || first == 0x2002
                || first == 0x64
                || first & 0xffc0 == 0xfec0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(listen: &str) -> Reach {
        Reach::new(&[listen.parse().expect("literal")], None, 40_000..=40_999)
    }

    #[test]
    fn nobody_is_sent_into_a_private_network_that_we_are_not_in_nor_to_ourselves() {
        for (ip, port) in [
            ("10.0.0.1", 5000),
            ("172.20.0.1", 5000),
            ("192.168.1.1", 5000),
            ("100.64.0.1", 5000),
            ("fd00::1", 5000),
            ("198.51.100.1", 40_010),
        ] {
            let candidate = format!("1 1 udp 2113937151 {ip} {port} typ host");
            assert!(!is_admissible(&candidate, &reach("198.51.100.1")), "{ip}");
            let inside = is_admissible(&candidate, &reach("10.1.2.3"));
            assert!(inside, "{ip}");
        }
        assert!(is_admissible(
            "1 1 udp 1 198.51.100.1 5000 typ host",
            &reach("198.51.100.1")
        ));
    }

    #[test]
    fn restarts_do_not_make_us_knock_at_ever_more_places() {
        let mut given = Given::default();
        let mut tried = 0;
        for generation in 0..20 {
            given.restart();
            for n in 0..60 {
                tried += usize::from(given.take(&format!("{generation} {n}")) == Some(true));
            }
        }
        assert_eq!(tried, MOST);
        given.restart();
        assert_eq!(given.take("0 1"), Some(true), "the old ones serve again");
        assert_eq!(given.take("0 1"), Some(false));
    }

    #[test]
    fn only_harmless_udp_candidates_of_the_first_component_pass() {
        for (ip, admitted) in [
            ("192.0.2.1", true),
            ("10.0.0.1", true),
            ("2001:db8::1", true),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("169.254.169.254", false),
            ("0.1.2.3", false),
            ("224.0.0.1", false),
            ("fe80::1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("7d6a.local", false),
        ] {
            let candidate = format!("1 1 udp 2113937151 {ip} 54321 typ host");
            assert_eq!(is_admissible(&candidate, &reach("10.1.2.3")), admitted, "{ip}");
        }
        for candidate in [
            "1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
            "1 1 udp 1 192.0.2.1 53 typ host",
            "1 2 udp 1 192.0.2.1 54321 typ host",
            "1 1 udp 1 192.0.2.1 54321 typ host\r\na=sendonly",
            "",
        ] {
            assert!(!is_admissible(candidate, &reach("127.0.0.1")), "{candidate}");
        }
        let long = format!("1 1 udp 1 192.0.2.1 54321 typ host {}", "x".repeat(600));
        assert!(!is_admissible(&long, &reach("127.0.0.1")));
    }
}
