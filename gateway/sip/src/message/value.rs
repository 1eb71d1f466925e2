// SPDX-License-Identifier: EUPL-1.2
//! Holds the smaller header values: media types, reasons, session intervals.

use super::Params;
use super::typed::seconds;
use crate::parse::ValueError;
use crate::parse::scan::Scan;
use std::fmt;

/// Holds `type/subtype` and parameters (RFC 3261 §20.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    kind: Box<str>,
    subtype: Box<str>,
    params: Params,
}

impl MediaType {
    /// Reads a media type or range.
    pub fn parse(text: &str) -> Result<MediaType, ValueError> {
        let mut scan = Scan::new(text);
        scan.skip_space();
        let kind = scan.token("expected a media type")?.into();
        if !scan.eat_spaced(b'/') {
            return Err(scan.error("media type without a subtype"));
        }
        let subtype = scan.token("media type without a subtype")?.into();
        let params = Params::scan(&mut scan)?;
        scan.finish("unexpected text after the media type")?;
        Ok(MediaType { kind, subtype, params })
    }

    /// Tells whether this is the media type `essence`, such as `application/sdp`, in any case.
    pub fn is(&self, essence: &str) -> bool {
        essence.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// Tells whether this range (`*/*`, `application/*`) admits the media type `essence`.
    pub fn admits(&self, essence: &str) -> bool {
        essence.split_once('/').is_some_and(|(kind, subtype)| {
            (&*self.kind == "*" || self.kind.eq_ignore_ascii_case(kind))
                && (&*self.subtype == "*" || self.subtype.eq_ignore_ascii_case(subtype))
        })
    }

    /// Gives the type.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Gives the subtype.
    pub fn subtype(&self) -> &str {
        &self.subtype
    }

    /// Gives the parameters, such as `boundary`.
    pub fn params(&self) -> &Params {
        &self.params
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.kind, self.subtype, self.params)
    }
}

/// Says why a request was sent (RFC 3326).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    protocol: Box<str>,
    params: Params,
}

impl Reason {
    /// Makes a reason such as `Q.850;cause=16;text="…"`; `None` when the protocol is not a token.
    pub fn new(protocol: &str, cause: Option<u32>, text: Option<&str>) -> Option<Reason> {
        if !crate::parse::scan::is_token_text(protocol.as_bytes()) {
            return None;
        }
        let mut params = Params::new();
        if let Some(cause) = cause {
            params.set("cause", Some(&cause.to_string())).expect("digits");
        }
        if let Some(text) = text {
            params.set_quoted("text", &text.replace(['\r', '\n', '\0'], " "));
        }
        Some(Reason {
            protocol: protocol.into(),
            params,
        })
    }

    /// Gives the protocol: `SIP`, `Q.850` or another.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Gives the cause.
    pub fn cause(&self) -> Option<u32> {
        self.params.value("cause")?.parse().ok()
    }

    /// Gives the text.
    pub fn text(&self) -> Option<&str> {
        self.params.value("text")
    }

    pub(crate) fn scan(scan: &mut Scan<'_>) -> Result<Reason, ValueError> {
        scan.skip_space();
        let protocol = scan.token("Reason without a protocol")?.into();
        let params = Params::scan(scan)?;
        Ok(Reason { protocol, params })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.protocol, self.params)
    }
}

/// Names who refreshes a session (RFC 4028 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The one that sent the request.
    Uac,
    /// The one that answers.
    Uas,
}

/// Holds the session interval (RFC 4028 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval, in seconds.
    pub seconds: u32,
    /// Who refreshes, if it is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads a Session-Expires.
    pub fn parse(text: &str) -> Result<SessionExpires, ValueError> {
        let mut scan = Scan::new(text);
        scan.skip_space();
        let seconds = seconds(scan.take_while(|b| b.is_ascii_digit()))?;
        let params = Params::scan(&mut scan)?;
        scan.finish("unexpected text after the interval")?;
        let refresher = match params.value("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Ok(SessionExpires { seconds, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// Splits at commas that are not quoted; empty pieces are left out.
pub(crate) fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    })
    .map(str::trim)
    .filter(|piece| !piece.is_empty())
}
