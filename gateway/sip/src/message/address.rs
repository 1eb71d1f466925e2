// SPDX-License-Identifier: EUPL-1.2
//! Holds a name-addr: who a From, To, Contact or Route speaks of.

use super::{Params, Uri};
use crate::parse::ValueError;
use crate::parse::scan::{Scan, is_token, write_quoted};
use std::fmt;

/// Holds a display name, a URI and header parameters (RFC 3261 §20.10, §25.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    display: Option<String>,
    uri: Uri,
    params: Params,
}

impl NameAddr {
    /// Makes `<uri>`.
    pub fn new(uri: impl Into<Uri>) -> NameAddr {
        NameAddr {
            display: None,
            uri: uri.into(),
            params: Params::new(),
        }
    }

    /// Sets the display name; the writer quotes it, line breaks become spaces.
    #[must_use]
    pub fn with_display(mut self, name: &str) -> NameAddr {
        self.display = Some(name.replace(['\r', '\n', '\0'], " "));
        self
    }

    /// Sets the tag; characters that may not stand in a tag are left out.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> NameAddr {
        let tag: String = tag.chars().filter(|c| u8::try_from(*c).is_ok_and(is_token)).collect();
        self.params.set("tag", Some(&tag)).expect("filtered to a token");
        self
    }

    /// Reads exactly one name-addr or addr-spec with its parameters.
    pub fn parse(text: &str) -> Result<NameAddr, ValueError> {
        let mut scan = Scan::new(text);
        let addr = NameAddr::scan(&mut scan)?;
        scan.finish("unexpected text after the address")?;
        Ok(addr)
    }

    /// Gives the display name without quotes and backslashes.
    pub fn display(&self) -> Option<&str> {
        self.display.as_deref()
    }

    /// Gives the URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Gives the header parameters, which are not the URI's.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Gives the header parameters to change.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// Gives the tag.
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }

    pub(crate) fn scan(scan: &mut Scan<'_>) -> Result<NameAddr, ValueError> {
        scan.skip_space();
        let start = scan.at();
        let display = if scan.peek() == Some(b'"') {
            let name = scan.quoted()?.into_owned();
            scan.skip_space();
            if scan.peek() != Some(b'<') {
                return Err(scan.error("expected < after the display name"));
            }
            Some(name)
        } else {
            // COMPAT: octets above 0x7f and dots in an unquoted name are common and harm nobody.
            let name = scan.take_while(|b| is_token(b) || b == b' ' || b == b'\t' || b >= 0x80);
            let name = name.trim_end();
            if scan.peek() == Some(b'<') {
                (!name.is_empty()).then(|| name.to_owned())
            } else {
                scan.rewind(start);
                None
            }
        };
        let uri = if scan.eat(b'<') {
            let at = scan.at();
            let text = scan.take_while(|b| b != b'>');
            let uri = Uri::parse(text).map_err(|e| ValueError { at: e.at + at, ..e })?;
            if !scan.eat(b'>') {
                return Err(scan.error("missing > after the URI"));
            }
            uri
        } else {
            let at = scan.at();
            let text = scan.take_while(|b| !matches!(b, b';' | b',' | b' ' | b'\t' | b'<' | b'"'));
            // RFC 3261 §20: a URI with comma, question mark or semicolon MUST be in angle brackets.
            if let Some(offset) = text.find('?') {
                return Err(ValueError {
                    what: "URI with ? not in angle brackets",
                    at: at + offset,
                });
            }
            Uri::parse(text).map_err(|e| ValueError { at: e.at + at, ..e })?
        };
        let params = Params::scan(scan)?;
        Ok(NameAddr { display, uri, params })
    }
}

impl std::str::FromStr for NameAddr {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<NameAddr, ValueError> {
        NameAddr::parse(text)
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display {
            write_quoted(name, f)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}
