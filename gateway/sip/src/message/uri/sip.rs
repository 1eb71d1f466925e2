// SPDX-License-Identifier: EUPL-1.2
//! `sip:` and `sips:` URIs (RFC 3261 §19.1).

use super::escape::{UriParams, canonical, decode, encode, is_unreserved};
use crate::message::Host;
use crate::parse::ValueError;
use crate::parse::scan::Scan;
use std::borrow::Cow;
use std::fmt;

/// Names a resource reached by SIP; parts are kept as they were spelt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipUri {
    secure: bool,
    user: Option<Box<str>>,
    password: Option<Box<str>>,
    host: Host,
    port: Option<u16>,
    params: UriParams,
    headers: Option<Box<str>>,
}

/// These parameters never match when only one of two URIs has them (RFC 3261 §19.1.4).
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl SipUri {
    /// Makes `sip:host`, or `sips:host` when `secure`.
    pub fn new(secure: bool, host: impl Into<Host>) -> SipUri {
        SipUri {
            secure,
            user: None,
            password: None,
            host: host.into(),
            port: None,
            params: UriParams::new(),
            headers: None,
        }
    }

    /// Sets the user part; characters that may not stand there are escaped.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> SipUri {
        self.user = Some(encode(user, is_user_char).into());
        self
    }

    /// Sets or clears the port.
    #[must_use]
    pub fn with_port(mut self, port: Option<u16>) -> SipUri {
        self.port = port;
        self
    }

    /// Sets a parameter; characters that may not stand there are escaped.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> SipUri {
        self.params.set(name, value);
        self
    }

    /// Takes a parameter out.
    #[must_use]
    pub fn without_param(mut self, name: &str) -> SipUri {
        self.params.remove(name);
        self
    }

    /// Takes the headers (`?name=value`) out, as a Request-URI must have none.
    #[must_use]
    pub fn without_headers(mut self) -> SipUri {
        self.headers = None;
        self
    }

    /// Tells whether this is `sips:`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Gives the user part without escapes; it may hold any character, NUL too.
    pub fn user(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(decode)
    }

    /// Gives the user part as it was spelt.
    pub fn raw_user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Gives the password without escapes.
    pub fn password(&self) -> Option<Cow<'_, str>> {
        self.password.as_deref().map(decode)
    }

    /// Gives the host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Gives the port, if it is named.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Gives the parameters.
    pub fn params(&self) -> &UriParams {
        &self.params
    }

    /// Gives the value of `transport=`, if there.
    pub fn transport(&self) -> Option<&str> {
        self.params.value("transport")
    }

    /// Tells whether `;lr` marks a loose router (RFC 3261 §16.12).
    pub fn is_loose_router(&self) -> bool {
        self.params.contains("lr")
    }

    /// Tells whether the URI carries headers (`?name=value`).
    pub fn has_headers(&self) -> bool {
        self.headers.is_some()
    }

    /// Walks over the headers of the URI, escapes undone.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.headers
            .as_deref()
            .unwrap_or("")
            .split('&')
            .filter(|p| !p.is_empty())
            .map(|piece| {
                let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
                (decode(name), decode(value))
            })
    }

    /// Tells whether both mean the same resource (RFC 3261 §19.1.4); not transitive.
    pub fn equivalent(&self, other: &SipUri) -> bool {
        let same = |a: &Option<Box<str>>, b: &Option<Box<str>>| match (a, b) {
            (Some(a), Some(b)) => canonical(a) == canonical(b),
            (None, None) => true,
            _ => false,
        };
        self.secure == other.secure
            && same(&self.user, &other.user)
            && same(&self.password, &other.password)
            && self.host == other.host
            && self.port == other.port
            && self.params_match(other)
            && other.params_match(self)
            && self.sorted_headers() == other.sorted_headers()
    }

    fn params_match(&self, other: &SipUri) -> bool {
        self.params.iter().all(|(name, value)| match other.params.get(name) {
            Some(theirs) => {
                let value = value.map(|v| decode(v).to_ascii_lowercase());
                value == theirs.map(|v| decode(v).to_ascii_lowercase())
            }
            None => !NEVER_IGNORED.iter().any(|n| n.eq_ignore_ascii_case(name)),
        })
    }

    fn sorted_headers(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = self
            .headers()
            .map(|(n, v)| (n.to_ascii_lowercase(), v.into_owned()))
            .collect();
        all.sort();
        all
    }

    /// Reads what follows `sip:` or `sips:`.
    pub(super) fn parse_rest(secure: bool, rest: &str) -> Result<SipUri, ValueError> {
        let (userinfo, hostport) = match rest.split_once('@') {
            Some((userinfo, hostport)) => (Some(userinfo), hostport),
            None => (None, rest),
        };
        let base = rest.len() - hostport.len();
        let (user, password) = match userinfo {
            Some("") => {
                return Err(ValueError {
                    what: "empty user part",
                    at: 0,
                });
            }
            Some(info) => match info.split_once(':') {
                Some((user, password)) => (Some(user.into()), Some(password.into())),
                None => (Some(info.into()), None),
            },
            None => (None, None),
        };
        let mut scan = Scan::new(hostport);
        let shift = |e: ValueError| ValueError { at: e.at + base, ..e };
        let host = Host::scan(&mut scan).map_err(shift)?;
        let port = Host::scan_port(&mut scan).map_err(shift)?;
        let at = base + scan.at();
        let (params, headers) = match scan.rest().split_once('?') {
            Some((params, headers)) => (params, Some(headers)),
            None => (scan.rest(), None),
        };
        let params = match params.strip_prefix(';') {
            Some(params) => UriParams::parse(params, at)?,
            None if params.is_empty() => UriParams::new(),
            None => {
                return Err(ValueError {
                    what: "unexpected text after the host",
                    at,
                });
            }
        };
        if headers.is_some_and(|h| h.bytes().any(|b| matches!(b, b';' | b'@' | b','))) {
            return Err(ValueError {
                what: "character that no URI header may hold",
                at,
            });
        }
        Ok(SipUri {
            secure,
            user,
            password,
            host,
            port,
            params,
            headers: headers.map(Into::into),
        })
    }
}

/// `unreserved / user-unreserved` of RFC 3261 §25.1.
const fn is_user_char(b: u8) -> bool {
    is_unreserved(b) || matches!(b, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/')
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        self.host.fmt(f)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)?;
        if let Some(headers) = &self.headers {
            write!(f, "?{headers}")?;
        }
        Ok(())
    }
}
