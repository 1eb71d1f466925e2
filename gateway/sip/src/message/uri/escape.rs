// SPDX-License-Identifier: EUPL-1.2
//! Undoes and makes `%HH`, and holds the parameters of a URI.

use crate::message::params::MOST_PARAMS;
use crate::parse::ValueError;
use std::borrow::Cow;
use std::fmt;

/// Undoes `%HH`; what is not an escape stays, what is not UTF-8 then becomes U+FFFD.
pub fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('%') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((b, tail)) = rest.split_first() {
        match escaped_octet(rest) {
            Some((octet, tail)) => {
                out.push(octet);
                rest = tail;
            }
            None => {
                out.push(*b);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Makes `%HH` of every octet for which `plain` does not hold.
pub fn encode(text: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii() && plain(b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// `unreserved` of RFC 3261 §25.1: equal to its own escape.
pub(super) const fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// `paramchar` of RFC 3261 §25.1.
const fn is_paramchar(b: u8) -> bool {
    is_unreserved(b) || matches!(b, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
}

/// Brings a component to the one spelling under which RFC 3261 §19.1.4 compares octets.
pub(super) fn canonical(raw: &str) -> Cow<'_, str> {
    if !raw.contains('%') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((b, tail)) = rest.split_first() {
        match escaped_octet(rest) {
            Some((octet, tail)) => {
                if is_unreserved(octet) {
                    out.push(octet);
                } else {
                    out.extend_from_slice(format!("%{octet:02X}").as_bytes());
                }
                rest = tail;
            }
            None => {
                out.push(*b);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

fn escaped_octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, tail @ ..] = text else {
        return None;
    };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    Some((u8::try_from(high * 16 + low).ok()?, tail))
}

/// Holds the parameters of a URI as they were spelt, in their order; names match in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UriParams(Vec<(Box<str>, Option<Box<str>>)>);

impl UriParams {
    /// Makes an empty list.
    pub const fn new() -> Self {
        UriParams(Vec::new())
    }

    /// Gives a parameter: `None` if absent, `Some(None)` if it has no value; escapes are not undone.
    pub fn get(&self, name: &str) -> Option<Option<&str>> {
        self.0
            .iter()
            .find(|(n, _)| same_name(n, name))
            .map(|(_, v)| v.as_deref())
    }

    /// Gives the value of a parameter that has one.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name).flatten()
    }

    /// Tells whether the parameter is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a parameter, in place if it is there; characters that may not stand are escaped.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|v| encode(v, is_paramchar).into_boxed_str());
        match self.0.iter_mut().find(|(n, _)| same_name(n, name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((encode(name, is_paramchar).into(), value)),
        }
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !same_name(n, name));
    }

    /// Walks over names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(n, v)| (&**n, v.as_deref()))
    }

    /// Reads `name[=value]` pieces between semicolons; `text` starts after the first semicolon.
    pub(super) fn parse(text: &str, at: usize) -> Result<UriParams, ValueError> {
        let mut params = UriParams::new();
        for piece in text.split(';') {
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (piece, None),
            };
            if name.is_empty() {
                return Err(ValueError {
                    what: "URI parameter without a name",
                    at,
                });
            }
            if piece.bytes().any(|b| matches!(b, b'@' | b',' | b'?')) {
                return Err(ValueError {
                    what: "character that no URI parameter may hold",
                    at,
                });
            }
            // COMPAT(baresip 1.0): what its account says is appended to a dialled URI that says it already.
            if params.get(name) == Some(value) {
                continue;
            }
            if params.contains(name) || params.0.len() >= MOST_PARAMS {
                return Err(ValueError {
                    what: "URI parameter given twice, or too many",
                    at,
                });
            }
            params.0.push((name.into(), value.map(Into::into)));
        }
        Ok(params)
    }
}

fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || ((a.contains('%') || b.contains('%')) && decode(a).eq_ignore_ascii_case(&decode(b)))
}

impl fmt::Display for UriParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}
