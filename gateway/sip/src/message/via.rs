// SPDX-License-Identifier: EUPL-1.2
//! Holds one hop of a request's way.

use super::{Host, Params};
use crate::parse::ValueError;
use crate::parse::scan::{Scan, is_token};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Every branch of RFC 3261 starts with these seven characters (§8.1.1.7).
pub const BRANCH_COOKIE: &str = "z9hG4bK";

/// Holds one hop (RFC 3261 §20.42).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    transport: Box<str>,
    host: Host,
    port: Option<u16>,
    params: Params,
}

impl Via {
    /// Makes `SIP/2.0/<transport> host:port;branch=<branch>`; characters that are no token are left out.
    pub fn new(transport: &str, host: Host, port: Option<u16>, branch: &str) -> Via {
        let token = |text: &str| {
            text.chars()
                .filter(|c| u8::try_from(*c).is_ok_and(is_token))
                .collect::<String>()
        };
        let mut params = Params::new();
        params.set("branch", Some(&token(branch))).expect("filtered to a token");
        Via {
            transport: token(transport).into(),
            host,
            port,
            params,
        }
    }

    /// Asks the next hop to answer to where the request came from (RFC 3581).
    #[must_use]
    pub fn with_rport(mut self) -> Via {
        self.params.set("rport", None).expect("a constant token");
        self
    }

    /// Notes where the request came from: `received`, and `rport` if it was asked for (RFC 3261 §18.2.1, RFC 3581 §4).
    pub fn note_source(&mut self, source: SocketAddr) {
        let wants_rport = self.params.contains("rport");
        if wants_rport {
            self.params
                .set("rport", Some(&source.port().to_string()))
                .expect("digits");
        }
        if wants_rport || self.host.ip() != Some(source.ip()) {
            self.params
                .set("received", Some(&source.ip().to_string()))
                .expect("an address");
        }
    }

    /// Reads exactly one hop.
    pub fn parse(text: &str) -> Result<Via, ValueError> {
        let mut scan = Scan::new(text);
        let via = Via::scan(&mut scan)?;
        scan.finish("unexpected text after the Via")?;
        Ok(via)
    }

    /// Gives the transport as it was spelt: `UDP`, `TCP`, `TLS` or another.
    pub fn transport(&self) -> &str {
        &self.transport
    }

    /// Gives the host of sent-by.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Gives the port of sent-by, if it is named.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Gives the branch.
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }

    /// Tells whether the branch names a transaction by itself (RFC 3261 §17.2.3).
    ///
    /// A bare cookie names none.
    pub fn has_cookie(&self) -> bool {
        self.branch().is_some_and(|b| {
            let mark = BRANCH_COOKIE.len();
            b.len() > mark && b.get(..mark).is_some_and(|c| c.eq_ignore_ascii_case(BRANCH_COOKIE))
        })
    }

    /// Gives `received`, with or without the brackets that RFC 5118 §4.5 asks to tolerate.
    pub fn received(&self) -> Option<IpAddr> {
        let value = self.params.value("received")?;
        let bare = value
            .strip_prefix('[')
            .and_then(|v| v.strip_suffix(']'))
            .unwrap_or(value);
        bare.parse().ok()
    }

    /// Gives the port that `rport` was filled with.
    pub fn rport(&self) -> Option<u16> {
        self.params.value("rport")?.parse().ok()
    }

    /// Tells whether `rport` is there, filled or not.
    pub fn wants_rport(&self) -> bool {
        self.params.contains("rport")
    }

    /// Gives `maddr` (RFC 3261 §18.2.2).
    pub fn maddr(&self) -> Option<&str> {
        self.params.value("maddr")
    }

    /// Gives all parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Gives all parameters to change.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    pub(crate) fn scan(scan: &mut Scan<'_>) -> Result<Via, ValueError> {
        scan.skip_space();
        let name = scan.token("Via without a protocol")?;
        if !name.eq_ignore_ascii_case("SIP") || !scan.eat_spaced(b'/') {
            return Err(scan.error("Via of another protocol"));
        }
        let version = scan.token("Via without a version")?;
        if version != "2.0" || !scan.eat_spaced(b'/') {
            return Err(scan.error("Via of another version"));
        }
        let transport = scan.token("Via without a transport")?.into();
        if !scan.skip_space() {
            return Err(scan.error("Via without space before its host"));
        }
        let host = Host::scan(scan)?;
        let before_colon = scan.at();
        let port = if scan.eat_spaced(b':') {
            let port = scan.number(u64::from(u16::MAX), "not a port")?;
            u16::try_from(port).ok()
        } else {
            scan.rewind(before_colon);
            None
        };
        let params = Params::scan(scan)?;
        Ok(Via {
            transport,
            host,
            port,
            params,
        })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)
    }
}
