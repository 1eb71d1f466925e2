// SPDX-License-Identifier: EUPL-1.2
//! Holds the header fields of a message in their order.
//!
//! Values are octets without line breaks: folding is undone when they are read, and a value with a
//! line break cannot be put in. What each known field says is read by the accessors in [`super::typed`].

use super::{CSeq, HeaderName, NameAddr, Via};
use std::borrow::Cow;
use std::fmt;

/// Holds one header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    name: HeaderName,
    value: Box<[u8]>,
}

impl Header {
    /// Gives the name.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// Gives the value, without folding and space around it.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// Gives the value as text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

/// Says why a header field was not put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderRefused {
    /// The name is not a token.
    Name,
    /// The value holds CR, LF or NUL at this octet: it could start a header field of its own.
    LineBreak {
        /// Octets from the start of the value.
        at: usize,
    },
}

impl fmt::Display for HeaderRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderRefused::Name => f.write_str("header name is not a token"),
            HeaderRefused::LineBreak { at } => {
                write!(f, "line break or NUL at octet {at} of the header value")
            }
        }
    }
}

impl std::error::Error for HeaderRefused {}

/// Is a value that cannot hold a line break, so that putting it in cannot fail.
pub trait Value: sealed::Sealed + fmt::Display {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! clean_values {
    ($($type:ty),*) => {$(
        impl sealed::Sealed for $type {}
        impl Value for $type {}
    )*};
}
clean_values!(
    NameAddr,
    Via,
    CSeq,
    super::RAck,
    super::Method,
    super::SessionExpires,
    super::MediaType,
    super::Reason,
    u32
);
clean_values!(crate::digest::Credentials);

/// Holds header fields in their order; a name may come many times (RFC 3261 §7.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// Makes an empty list.
    pub const fn new() -> Headers {
        Headers(Vec::new())
    }

    /// Walks over all fields.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Header> {
        self.0.iter()
    }

    /// Tells how many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Walks over the values of one name.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.0.iter().filter(move |h| h.name == *name).map(|h| &*h.value)
    }

    /// Gives the first value of a name.
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        self.0.iter().find(|h| h.name == *name).map(|h| &*h.value)
    }

    /// Gives the first value of a name as text.
    pub fn text(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        self.0.iter().find(|h| h.name == *name).map(Header::text)
    }

    /// Tells whether the name is there.
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|h| h.name == *name)
    }

    /// Adds a field at the end; refuses what could start a field of its own.
    pub fn push(&mut self, name: HeaderName, value: impl AsRef<[u8]>) -> Result<(), HeaderRefused> {
        let header = checked(name, value.as_ref())?;
        self.0.push(header);
        Ok(())
    }

    /// Adds a field at the end whose name is only known as text.
    pub fn push_named(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderRefused> {
        self.push(HeaderName::parse(name.as_bytes()).ok_or(HeaderRefused::Name)?, value)
    }

    /// Takes out all fields of the name, then adds one.
    pub fn set(&mut self, name: HeaderName, value: impl AsRef<[u8]>) -> Result<(), HeaderRefused> {
        let header = checked(name, value.as_ref())?;
        self.replace(header);
        Ok(())
    }

    /// Adds a typed field at the end.
    pub fn push_value(&mut self, name: HeaderName, value: &impl Value) {
        self.0.push(clean(name, value));
    }

    /// Adds a typed field before all others of its name, or at the front.
    pub fn push_front_value(&mut self, name: HeaderName, value: &impl Value) {
        let at = self.0.iter().position(|h| h.name == name).unwrap_or(0);
        self.0.insert(at, clean(name, value));
    }

    /// Takes out all fields of the name, then adds a typed one in the place of the first.
    pub fn set_value(&mut self, name: HeaderName, value: &impl Value) {
        let header = clean(name, value);
        self.replace(header);
    }

    /// Adds a constant of our own, such as a list of methods.
    ///
    /// What is not a printable character becomes a space.
    pub fn push_static(&mut self, name: HeaderName, value: &'static str) {
        self.0.push(clean(name, &value));
    }

    /// Takes out all fields of the name; tells how many there were.
    pub fn remove(&mut self, name: &HeaderName) -> usize {
        let before = self.0.len();
        self.0.retain(|h| h.name != *name);
        before - self.0.len()
    }

    /// Copies all fields of the name from another message, octet for octet.
    pub fn copy_from(&mut self, other: &Headers, name: &HeaderName) {
        self.0.extend(other.0.iter().filter(|h| h.name == *name).cloned());
    }

    /// Adds a field that the parser has checked.
    pub(crate) fn push_parsed(&mut self, name: HeaderName, value: Box<[u8]>) {
        self.0.push(Header { name, value });
    }

    fn replace(&mut self, header: Header) {
        match self.0.iter().position(|h| h.name == header.name) {
            Some(at) => {
                let name = header.name.clone();
                let mut index = 0;
                self.0.retain(|h| {
                    index += 1;
                    index <= at + 1 || h.name != name
                });
                if let Some(place) = self.0.get_mut(at) {
                    *place = header;
                }
            }
            None => self.0.push(header),
        }
    }
}

fn checked(name: HeaderName, value: &[u8]) -> Result<Header, HeaderRefused> {
    if let Some(at) = value.iter().position(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(HeaderRefused::LineBreak { at });
    }
    Ok(Header {
        name,
        value: value.trim_ascii().into(),
    })
}

/// A typed value cannot hold a line break; should one slip through, it ends here.
fn clean(name: HeaderName, value: &impl fmt::Display) -> Header {
    let mut value = value.to_string().into_bytes();
    for b in &mut value {
        if matches!(b, b'\r' | b'\n') {
            *b = b' ';
        }
    }
    Header {
        name,
        value: value.into_boxed_slice(),
    }
}
