// SPDX-License-Identifier: EUPL-1.2
//! Names a person, a room or a number: `sip:`, `sips:`, `tel:` and schemes we do not know.
//!
//! - [`sip`]: the two SIP schemes, RFC 3261 §19.1
//! - [`tel`]: telephone numbers, RFC 3966
//! - [`escape`]: `%HH`, and the parameters of a URI

pub mod escape;
pub mod sip;
pub mod tel;

pub use escape::UriParams;
pub use sip::SipUri;
pub use tel::TelUri;

use super::Host;
use crate::parse::ValueError;
use std::borrow::Cow;
use std::fmt;

/// Names a resource; `==` compares how it is spelt, [`Uri::equivalent`] what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uri {
    /// `sip:` or `sips:`.
    Sip(SipUri),
    /// `tel:`.
    Tel(TelUri),
    /// A scheme we do not know, kept as it was spelt.
    Other(OtherUri),
}

/// Holds a URI of a scheme we do not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherUri {
    scheme: Box<str>,
    rest: Box<str>,
}

impl OtherUri {
    /// Gives what follows the scheme and its colon.
    pub fn rest(&self) -> &str {
        &self.rest
    }
}

impl Uri {
    /// Reads a URI that fills `text` exactly: no angle brackets, no space around it.
    pub fn parse(text: &str) -> Result<Uri, ValueError> {
        let (scheme, rest) = text.split_once(':').ok_or(ValueError {
            what: "URI without a scheme",
            at: 0,
        })?;
        let offset = scheme.len() + 1;
        let shift = |e: ValueError| ValueError { at: e.at + offset, ..e };
        if let Some(at) = text
            .bytes()
            .position(|b| b.is_ascii_control() || matches!(b, b' ' | b'<' | b'>' | b'"'))
        {
            return Err(ValueError {
                what: "character that no URI may hold",
                at,
            });
        }
        if scheme.eq_ignore_ascii_case("sip") {
            return SipUri::parse_rest(false, rest).map(Uri::Sip).map_err(shift);
        }
        if scheme.eq_ignore_ascii_case("sips") {
            return SipUri::parse_rest(true, rest).map(Uri::Sip).map_err(shift);
        }
        if scheme.eq_ignore_ascii_case("tel") {
            return TelUri::parse_rest(rest).map(Uri::Tel).map_err(shift);
        }
        let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !valid {
            return Err(ValueError {
                what: "not a URI scheme",
                at: 0,
            });
        }
        if rest.is_empty() {
            return Err(ValueError {
                what: "URI without content",
                at: offset,
            });
        }
        Ok(Uri::Other(OtherUri {
            scheme: scheme.into(),
            rest: rest.into(),
        }))
    }

    /// Gives the scheme in lower case where it is known.
    pub fn scheme(&self) -> &str {
        match self {
            Uri::Sip(uri) if uri.is_secure() => "sips",
            Uri::Sip(_) => "sip",
            Uri::Tel(_) => "tel",
            Uri::Other(uri) => &uri.scheme,
        }
    }

    /// Gives the SIP URI, if this is one.
    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Uri::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// Tells whether every hop must be secured (`sips:`).
    pub fn is_secure(&self) -> bool {
        self.as_sip().is_some_and(SipUri::is_secure)
    }

    /// Gives the user part without escapes, or the digits of a `tel:` number; it may hold any character.
    pub fn user(&self) -> Option<Cow<'_, str>> {
        match self {
            Uri::Sip(uri) => uri.user(),
            Uri::Tel(uri) => Some(Cow::Owned(uri.digits())),
            Uri::Other(_) => None,
        }
    }

    /// Gives the host of a SIP URI.
    pub fn host(&self) -> Option<&Host> {
        self.as_sip().map(SipUri::host)
    }

    /// Gives the port of a SIP URI, if it names one.
    pub fn port(&self) -> Option<u16> {
        self.as_sip().and_then(SipUri::port)
    }

    /// Gives a parameter: `None` if absent, `Some(None)` if it has no value.
    pub fn param(&self, name: &str) -> Option<Option<&str>> {
        match self {
            Uri::Sip(uri) => uri.params().get(name),
            Uri::Tel(uri) => uri.params().get(name),
            Uri::Other(_) => None,
        }
    }

    /// Tells whether both mean the same resource (RFC 3261 §19.1.4, RFC 3966 §4); not transitive.
    pub fn equivalent(&self, other: &Uri) -> bool {
        match (self, other) {
            (Uri::Sip(a), Uri::Sip(b)) => a.equivalent(b),
            (Uri::Tel(a), Uri::Tel(b)) => a.equivalent(b),
            (Uri::Other(a), Uri::Other(b)) => a.scheme.eq_ignore_ascii_case(&b.scheme) && a.rest == b.rest,
            _ => false,
        }
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Uri {
        Uri::Sip(uri)
    }
}

impl From<TelUri> for Uri {
    fn from(uri: TelUri) -> Uri {
        Uri::Tel(uri)
    }
}

impl std::str::FromStr for Uri {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Uri, ValueError> {
        Uri::parse(text)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Uri::Sip(uri) => uri.fmt(f),
            Uri::Tel(uri) => uri.fmt(f),
            Uri::Other(uri) => write!(f, "{}:{}", uri.scheme, uri.rest),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn the_equal_pairs_of_rfc_3261_section_19_1_4_are_equal() {
        for (a, b) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
        ] {
            assert!(uri(a).equivalent(&uri(b)) && uri(b).equivalent(&uri(a)), "{a} {b}");
        }
    }

    #[test]
    fn the_unequal_pairs_of_rfc_3261_section_19_1_4_are_unequal() {
        for (a, b) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            ("sip:a%2Cb@c", "sip:a,b@c"),
            ("sip:a@c", "sips:a@c"),
            ("sip:a@c", "sip:a:b@c"),
        ] {
            assert!(!uri(a).equivalent(&uri(b)) && !uri(b).equivalent(&uri(a)), "{a} {b}");
        }
    }

    #[test]
    fn telephone_numbers_are_equal_whatever_separates_their_digits() {
        assert!(uri("tel:+49-30-123.4(56)").equivalent(&uri("TEL:+4930123456")));
        assert!(uri("tel:123;phone-context=+49;ext=1-2").equivalent(&uri("tel:1-2-3;Ext=12;phone-context=+4-9")));
        assert!(!uri("tel:+4930").equivalent(&uri("tel:4930;phone-context=+49")));
        assert_eq!(uri("tel:+49-30").user().unwrap(), "+4930");
        assert_eq!(
            uri("tel:*21#;phone-context=example.org").param("phone-context"),
            Some(Some("example.org"))
        );
        for bad in ["tel:", "tel:+", "tel:--", "tel:+49x", "tel:+4*", "tel:1;", "tel:1;=2"] {
            assert!(Uri::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn users_of_every_kind_are_kept_as_spelt_and_read_unescaped() {
        for (text, user) in [
            ("sip:1234567890*0987@h", "1234567890*0987"),
            ("sip:*72#@h", "*72#"),
            ("sip:a;b=c?d@h", "a;b=c?d"),
            ("sip:%C3%A4@h", "ä"),
            ("sip:100%@h", "100%"),
            ("sip:%zz%4@h", "%zz%4"),
        ] {
            assert_eq!(uri(text).user().unwrap(), user);
            assert_eq!(uri(text).to_string(), text);
        }
        let made = SipUri::new(true, Host::parse("h").unwrap())
            .with_user("a b@c\r\nd")
            .with_param("x y", Some("\n"));
        assert_eq!(made.to_string(), "sips:a%20b%40c%0D%0Ad@h;x%20y=%0A");
        assert_eq!(uri(&made.to_string()), Uri::Sip(made));
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for bad in [
            "",
            "sip",
            ":",
            "sip:",
            "sip:@h",
            "sip:a@",
            "sip:a@b@c",
            "sip:h:",
            "sip:h:70000",
            "sip:h:-1",
            "sip:a b@h",
            "sip:a@h;",
            "sip:a@h;x=1;x=2",
            "sip:[::1",
            "sip:[::g]",
            "sip:::1",
            "sip:1.2.3",
            "sip:a@h\0",
            "sip:a@h\r\n",
            "<sip:a@h>",
            "1a:b",
            "a_b:c",
            "x:",
            "sip:[:::1]",
            "sip:[2001::db8:::192.0.2.1]",
        ] {
            assert!(Uri::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn compat_baresip_1_0_says_a_parameter_of_its_account_twice() {
        let uri = Uri::parse("sip:a@h;transport=tcp;transport=tcp").unwrap();
        assert_eq!(uri.param("transport"), Some(Some("tcp")));
        assert!(Uri::parse("sip:a@h;transport=tcp;transport=udp").is_err());
    }
}
