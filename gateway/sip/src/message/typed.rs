// SPDX-License-Identifier: EUPL-1.2
//! Reads what the known header fields say.
//!
//! Each accessor parses on call: a message that came through [`crate::parse`] was checked, so
//! its mandatory fields read without error.

use super::value::{MediaType, Reason, SessionExpires, split_list};
use super::{CSeq, HeaderName, Headers, NameAddr, RAck, Via};
use crate::digest::Challenge;
use crate::parse::ValueError;
use crate::parse::scan::Scan;
use std::borrow::Cow;
use std::fmt;

/// Says which header field could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderError {
    /// The field.
    pub name: HeaderName,
    /// What was wrong in its value.
    pub error: ValueError,
}

impl HeaderError {
    fn missing(name: HeaderName) -> HeaderError {
        HeaderError {
            name,
            error: ValueError { what: "missing", at: 0 },
        }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.error)
    }
}

impl std::error::Error for HeaderError {}

/// Holds what Contact says: addresses, or `*` (RFC 3261 §10.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all bindings.
    Star,
    /// The addresses in their order; may be empty.
    List(Vec<NameAddr>),
}

impl Contacts {
    /// Gives the first address.
    pub fn first(&self) -> Option<&NameAddr> {
        match self {
            Contacts::Star => None,
            Contacts::List(list) => list.first(),
        }
    }
}

impl Headers {
    /// Reads all hops, topmost first; at least one.
    pub fn vias(&self) -> Result<Vec<Via>, HeaderError> {
        let list = self.list(HeaderName::Via, Via::scan)?;
        if list.is_empty() {
            Err(HeaderError::missing(HeaderName::Via))
        } else {
            Ok(list)
        }
    }

    /// Reads the topmost hop.
    pub fn top_via(&self) -> Result<Via, HeaderError> {
        let text = self
            .text(&HeaderName::Via)
            .ok_or(HeaderError::missing(HeaderName::Via))?;
        Via::scan(&mut Scan::new(&text)).map_err(|error| HeaderError {
            name: HeaderName::Via,
            error,
        })
    }

    /// Replaces the topmost hop, as a server does that notes the source (RFC 3261 §18.2.1).
    pub fn set_top_via(&mut self, via: &Via) -> Result<(), HeaderError> {
        let mut vias = self.vias()?;
        if let Some(top) = vias.first_mut() {
            *top = via.clone();
        }
        self.remove(&HeaderName::Via);
        for via in vias.iter().rev() {
            self.push_front_value(HeaderName::Via, via);
        }
        Ok(())
    }

    /// Reads From.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.required(HeaderName::From, NameAddr::parse)
    }

    /// Reads To.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.required(HeaderName::To, NameAddr::parse)
    }

    /// Reads Call-ID; case matters.
    pub fn call_id(&self) -> Result<Cow<'_, str>, HeaderError> {
        self.text(&HeaderName::CallId)
            .ok_or(HeaderError::missing(HeaderName::CallId))
    }

    /// Reads CSeq.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.required(HeaderName::CSeq, CSeq::parse)
    }

    /// Reads all Contacts.
    pub fn contacts(&self) -> Result<Contacts, HeaderError> {
        if self.get(&HeaderName::Contact) == Some(b"*") {
            return if self.all(&HeaderName::Contact).count() == 1 {
                Ok(Contacts::Star)
            } else {
                let error = ValueError {
                    what: "* beside other contacts",
                    at: 0,
                };
                Err(HeaderError {
                    name: HeaderName::Contact,
                    error,
                })
            };
        }
        self.list(HeaderName::Contact, NameAddr::scan).map(Contacts::List)
    }

    /// Reads the route set a request must still take.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(HeaderName::Route, NameAddr::scan)
    }

    /// Reads the proxies that stay on the way.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(HeaderName::RecordRoute, NameAddr::scan)
    }

    /// Reads the addresses of any other name, such as P-Asserted-Identity or Diversion.
    pub fn addresses(&self, name: HeaderName) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name, NameAddr::scan)
    }

    /// Reads Max-Forwards, 0 to 255.
    pub fn max_forwards(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MaxForwards, |text| {
            whole_number(text, 255, "not a number from 0 to 255")
        })
    }

    /// Reads Expires, in seconds; a larger number counts as 2³²−1 (RFC 3261 §20.19).
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::Expires, seconds)
    }

    /// Reads Min-Expires, in seconds.
    pub fn min_expires(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MinExpires, seconds)
    }

    /// Reads Retry-After, in seconds; comment and parameters do not count.
    pub fn retry_after(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::RetryAfter, |text| {
            let end = text.find([';', '(', ' ', '\t']).unwrap_or(text.len());
            seconds(text.get(..end).unwrap_or(""))
        })
    }

    /// Reads Content-Type.
    pub fn content_type(&self) -> Result<Option<MediaType>, HeaderError> {
        self.optional(HeaderName::ContentType, MediaType::parse)
    }

    /// Reads the media types of Accept; `None` when the field is absent, which means `application/sdp`.
    pub fn accept(&self) -> Result<Option<Vec<MediaType>>, HeaderError> {
        if !self.contains(&HeaderName::Accept) {
            return Ok(None);
        }
        self.tokens(HeaderName::Accept)
            .iter()
            .map(|text| MediaType::parse(text))
            .collect::<Result<_, _>>()
            .map(Some)
            .map_err(|error| HeaderError {
                name: HeaderName::Accept,
                error,
            })
    }

    /// Reads the option tags of Require.
    pub fn require(&self) -> Vec<String> {
        self.tokens(HeaderName::Require)
    }

    /// Reads the option tags of Proxy-Require.
    pub fn proxy_require(&self) -> Vec<String> {
        self.tokens(HeaderName::ProxyRequire)
    }

    /// Reads the option tags of Supported.
    pub fn supported(&self) -> Vec<String> {
        self.tokens(HeaderName::Supported)
    }

    /// Reads the methods of Allow.
    pub fn allow(&self) -> Vec<String> {
        self.tokens(HeaderName::Allow)
    }

    /// Tells whether an option tag stands in Supported or Require.
    pub fn has_option(&self, tag: &str) -> bool {
        [HeaderName::Supported, HeaderName::Require]
            .into_iter()
            .any(|name| self.tokens(name).iter().any(|t| t.eq_ignore_ascii_case(tag)))
    }

    /// Splits the values of a comma-separated name; empty pieces do not count.
    pub fn tokens(&self, name: HeaderName) -> Vec<String> {
        self.all(&name)
            .flat_map(|value| {
                let text = String::from_utf8_lossy(value);
                split_list(&text).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Reads all Reasons (RFC 3326).
    pub fn reasons(&self) -> Result<Vec<Reason>, HeaderError> {
        self.list(HeaderName::Reason, Reason::scan)
    }

    /// Reads Session-Expires (RFC 4028 §4).
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        self.optional(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Reads Min-SE, in seconds (RFC 4028 §5).
    pub fn min_se(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MinSe, |text| {
            let end = text.find(';').unwrap_or(text.len());
            seconds(text.get(..end).unwrap_or("").trim_ascii())
        })
    }

    /// Reads RSeq (RFC 3262 §7.1).
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::RSeq, |text| {
            whole_number(text, u32::MAX, "not a number below 2^32")
        })
    }

    /// Reads RAck (RFC 3262 §7.2).
    pub fn rack(&self) -> Result<Option<RAck>, HeaderError> {
        self.optional(HeaderName::RAck, RAck::parse)
    }

    /// Reads the Digest challenges of a 401 in their order; others are left out.
    pub fn www_authenticate(&self) -> Vec<Challenge> {
        self.challenges(&HeaderName::WwwAuthenticate)
    }

    /// Reads the Digest challenges of a 407 in their order; others are left out.
    pub fn proxy_authenticate(&self) -> Vec<Challenge> {
        self.challenges(&HeaderName::ProxyAuthenticate)
    }

    fn challenges(&self, name: &HeaderName) -> Vec<Challenge> {
        self.all(name)
            .filter_map(|v| Challenge::parse(&String::from_utf8_lossy(v)).ok())
            .collect()
    }

    fn required<T>(&self, name: HeaderName, read: impl Fn(&str) -> Result<T, ValueError>) -> Result<T, HeaderError> {
        let text = self.text(&name).ok_or(HeaderError::missing(name.clone()))?;
        read(&text).map_err(|error| HeaderError { name, error })
    }

    fn optional<T>(
        &self,
        name: HeaderName,
        read: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Result<Option<T>, HeaderError> {
        let Some(text) = self.text(&name) else {
            return Ok(None);
        };
        read(&text).map(Some).map_err(|error| HeaderError { name, error })
    }

    fn list<T>(
        &self,
        name: HeaderName,
        read: impl Fn(&mut Scan<'_>) -> Result<T, ValueError>,
    ) -> Result<Vec<T>, HeaderError> {
        let mut list = Vec::new();
        for value in self.all(&name) {
            let text = String::from_utf8_lossy(value);
            let mut scan = Scan::new(&text);
            let read_all = |scan: &mut Scan<'_>, list: &mut Vec<T>| loop {
                list.push(read(scan)?);
                if !scan.eat_spaced(b',') {
                    return scan.finish("unexpected text after a value");
                }
            };
            read_all(&mut scan, &mut list).map_err(|error| HeaderError {
                name: name.clone(),
                error,
            })?;
        }
        Ok(list)
    }
}

fn whole_number(text: &str, max: u32, what: &'static str) -> Result<u32, ValueError> {
    let mut scan = Scan::new(text);
    let number = scan.number(u64::from(max), what)?;
    scan.finish("unexpected text after the number")?;
    Ok(u32::try_from(number).unwrap_or(max))
}

/// `delta-seconds`: RFC 3261 §20.19 takes what is too large as 2³²−1.
pub(crate) fn seconds(text: &str) -> Result<u32, ValueError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ValueError {
            what: "not a number of seconds",
            at: 0,
        });
    }
    Ok(text.parse().unwrap_or(u32::MAX))
}
