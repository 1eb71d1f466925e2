// SPDX-License-Identifier: EUPL-1.2
//! Names where a URI or a Via points.

use crate::parse::ValueError;
use crate::parse::scan::Scan;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names a host: a DNS name, an IPv4 address or an IPv6 reference (RFC 3261 §25.1, RFC 5954).
#[derive(Debug, Clone)]
pub enum Host {
    /// A DNS name as it was spelt.
    Name(Box<str>),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; in brackets on the wire.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host; an IPv6 address may come with or without brackets.
    pub fn parse(text: &str) -> Result<Host, ValueError> {
        if let Ok(v6) = text.parse() {
            return Ok(Host::V6(v6));
        }
        let mut scan = Scan::new(text);
        let host = Host::scan(&mut scan)?;
        if scan.done() {
            Ok(host)
        } else {
            Err(scan.error("unexpected text after the host"))
        }
    }

    /// Gives the address when the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(v4) => Some(IpAddr::V4(*v4)),
            Host::V6(v6) => Some(IpAddr::V6(*v6)),
        }
    }

    pub(crate) fn scan(scan: &mut Scan<'_>) -> Result<Host, ValueError> {
        let at = scan.at();
        if scan.eat(b'[') {
            let inner = scan.take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
            let v6 = parse_v6(inner).ok_or(ValueError {
                what: "not an IPv6 address",
                at,
            })?;
            if !scan.eat(b']') {
                return Err(scan.error("IPv6 reference not closed"));
            }
            return Ok(Host::V6(v6));
        }
        let name = scan.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        if name.is_empty() || name.len() > 255 {
            return Err(ValueError {
                what: "expected a host",
                at,
            });
        }
        if let Ok(v4) = name.parse() {
            return Ok(Host::V4(v4));
        }
        if name.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(ValueError {
                what: "not an IPv4 address",
                at,
            });
        }
        Ok(Host::Name(name.into()))
    }

    /// Reads `[ COLON port ]`.
    pub(crate) fn scan_port(scan: &mut Scan<'_>) -> Result<Option<u16>, ValueError> {
        if !scan.eat(b':') {
            return Ok(None);
        }
        let port = scan.number(u64::from(u16::MAX), "not a port")?;
        Ok(u16::try_from(port).ok())
    }
}

/// RFC 5118 §4.10: the grammar of RFC 3261 yields three colons before an embedded IPv4 address.
fn parse_v6(text: &str) -> Option<Ipv6Addr> {
    if let Ok(v6) = text.parse() {
        return Some(v6);
    }
    let (before, after) = text.split_once(":::")?;
    let _: Ipv4Addr = after.parse().ok()?;
    format!("{before}::{after}").parse().ok()
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Host {
        match ip {
            IpAddr::V4(v4) => Host::V4(v4),
            IpAddr::V6(v6) => Host::V6(v6),
        }
    }
}

/// Names are equal in any case (RFC 3261 §19.1.4).
impl PartialEq for Host {
    fn eq(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::V4(a), Host::V4(b)) => a == b,
            (Host::V6(a), Host::V6(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Host {}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(v4) => write!(f, "{v4}"),
            Host::V6(v6) => write!(f, "[{v6}]"),
        }
    }
}
