// SPDX-License-Identifier: EUPL-1.2
//! The two ends of a call as they arrive: URIs or bare numbers, taken apart.
//!
//! Total: anything is an address, if only one that no rule will match. RFC 3261 §19.1 (sip), RFC 3966 (tel), RFC 7622 (xmpp).

use crate::e164::{self, Number, Numbering};
use crate::jid::Jid;

/// What is beyond this many bytes of a URI is not looked at.
const MAX_URI: usize = 1024;

/// One end of a call.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// Lower case, without colon; empty for a bare number or name.
    pub(crate) scheme: String,
    /// The address of a telephone came in the node of a JID (XEP-0106).
    pub(crate) carried: bool,
    /// Percent-decoded, without parameters and without what follows the first pause.
    pub(crate) user: String,
    /// Lower case, without port.
    pub(crate) host: String,
    /// The user part as a number, if it is one.
    pub(crate) number: Option<Number>,
    /// Digit groups after pauses: `tel,,id,,pin`.
    pub(crate) burst: Vec<String>,
    /// What number patterns are held against, best form first: normalised, digits as dialled, user part.
    pub(crate) number_forms: Vec<String>,
    /// What address patterns are held against: `scheme:user@host` and `user@host`.
    pub(crate) uri_forms: Vec<String>,
}

impl Address {
    /// Takes an address apart.
    pub(crate) fn read(text: &str, numbering: &Numbering) -> Address {
        let text = clipped(text);
        let text = between_angles(text).trim();
        let (scheme, rest) = split_scheme(text);
        if scheme != "xmpp" {
            return Address::of_uri(scheme, rest, numbering);
        }
        let jid = Jid::read(rest);
        match jid.carried() {
            Some(carried) => {
                let (scheme, rest) = split_scheme(&carried);
                Address {
                    carried: true,
                    ..Address::of_uri(scheme, rest, numbering)
                }
            }
            None => Address::of_jid(scheme, &jid, numbering),
        }
    }

    /// Returns the address as a caller's: a JID's node is a name that its owner chose, whatever digits it is made of.
    pub(crate) fn into_caller(mut self) -> Address {
        if self.scheme == "xmpp" || self.carried {
            self.number = None;
            self.number_forms.clear();
        }
        self
    }

    fn of_jid(scheme: String, jid: &Jid<'_>, numbering: &Numbering) -> Address {
        let mut address = Address {
            number: e164::normalise(jid.node, numbering),
            host: jid.domain.to_ascii_lowercase(),
            scheme,
            carried: false,
            user: jid.node.to_owned(),
            burst: jid.pin.map(str::to_owned).into_iter().collect(),
            number_forms: Vec::new(),
            uri_forms: Vec::new(),
        };
        address.number_forms = address.spell_number();
        address.uri_forms = address.spell_uri();
        address
    }

    fn of_uri(scheme: String, rest: &str, numbering: &Numbering) -> Address {
        let is_tel = scheme == "tel";
        let (user_part, host_part) = match rest.rsplit_once('@') {
            Some((user, host)) => (user, host),
            None if is_tel || scheme.is_empty() || scheme == "urn" => (rest, ""),
            None => ("", rest),
        };
        let user_part = percent_decoded(user_part);
        // RFC 3261 §19.1.6: a telephone number keeps its parameters inside the user part.
        let (user_full, params) = user_part.split_once(';').unwrap_or((&user_part, ""));
        let mut groups = user_full.split(',').map(str::trim).filter(|group| !group.is_empty());
        let user = groups.next().unwrap_or_default().to_owned();
        let burst = groups
            .take(4)
            .map(|group| group.trim_end_matches('#').to_owned())
            .collect();
        let spelled = if params.is_empty() {
            user.clone()
        } else {
            format!("{user};{params}")
        };
        let mut address = Address {
            number: e164::normalise(&spelled, numbering),
            host: host_of(host_part),
            scheme,
            carried: false,
            user,
            burst,
            number_forms: Vec::new(),
            uri_forms: Vec::new(),
        };
        address.number_forms = address.spell_number();
        address.uri_forms = address.spell_uri();
        address
    }

    fn spell_number(&self) -> Vec<String> {
        let mut forms = Vec::with_capacity(3);
        if let Some(number) = &self.number {
            forms.push(number.as_str().to_owned());
            let dialled: String = self.user.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
            forms.push(dialled);
        }
        forms.push(self.user.clone());
        forms.dedup();
        forms
    }

    fn spell_uri(&self) -> Vec<String> {
        let at = if self.host.is_empty() {
            self.user.clone()
        } else {
            format!("{}@{}", self.user, self.host)
        };
        if self.scheme.is_empty() {
            vec![at]
        } else {
            vec![format!("{}:{at}", self.scheme), at]
        }
    }

    /// Returns the number, or else the user part, or else the host.
    pub(crate) fn name(&self) -> &str {
        match &self.number {
            Some(number) => number.as_str(),
            None if self.user.is_empty() => &self.host,
            None => &self.user,
        }
    }
}

fn clipped(text: &str) -> &str {
    let mut end = text.len().min(MAX_URI);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Returns the URI of a name-addr (`"Alice" <sip:…>`), or the text itself.
fn between_angles(text: &str) -> &str {
    match text.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => text,
    }
}

fn split_scheme(text: &str) -> (String, &str) {
    match text.split_once(':') {
        Some((scheme, rest))
            if ["sip", "sips", "tel", "urn", "xmpp", "h323"]
                .iter()
                .any(|s| scheme.eq_ignore_ascii_case(s)) =>
        {
            (scheme.to_ascii_lowercase(), rest)
        }
        _ => (String::new(), text),
    }
}

fn host_of(text: &str) -> String {
    let text = text.split([';', '?']).next().unwrap_or_default();
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => text.split(':').next().unwrap_or_default(),
    };
    host.to_ascii_lowercase()
}

/// Decodes percent escapes (RFC 3986 §2.1); what is no escape, or no UTF-8 after it, stays as it is.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        match (first, tail.first_chunk::<2>().and_then(|hex| hex_byte(*hex))) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex_byte(hex: [u8; 2]) -> Option<u8> {
    let high = char::from(hex[0]).to_digit(16)?;
    let low = char::from(hex[1]).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::read(text, &Numbering::default())
    }

    #[test]
    fn uris_and_bare_numbers_are_taken_apart() {
        for (text, scheme, user, host, number) in [
            (
                "sip:1234567890@example.org",
                "sip",
                "1234567890",
                "example.org",
                Some("1234567890"),
            ),
            (
                "sips:+49361555@[2001:db8::1]:5061;transport=tls",
                "sips",
                "+49361555",
                "2001:db8::1",
                Some("+49361555"),
            ),
            (
                "\"A <b>\" <sip:0361555@Example.ORG:5060?x=y>;tag=1",
                "sip",
                "0361555",
                "example.org",
                Some("+49361555"),
            ),
            ("tel:5551;phone-context=+49361", "tel", "5551", "", Some("+493615551")),
            (
                "sip:5551;phone-context=+49361@gw;user=phone",
                "sip",
                "5551",
                "gw",
                Some("+493615551"),
            ),
            ("sip:example.org", "sip", "", "example.org", None),
            ("sip:%61lice@example.org", "sip", "alice", "example.org", None),
            ("0361 555", "", "0361 555", "", Some("+49361555")),
            ("", "", "", "", None),
            ("sip:%zz%@h", "sip", "%zz%", "h", None),
        ] {
            let found = read(text);
            let number = number.map(str::to_owned);
            assert_eq!(
                (found.scheme.as_str(), found.user.as_str(), found.host.as_str()),
                (scheme, user, host),
                "{text}"
            );
            assert_eq!(found.number.map(|n| n.as_str().to_owned()), number, "{text}");
        }
    }

    #[test]
    fn a_jid_is_an_address_and_may_carry_one_of_a_telephone() {
        let room = read("xmpp:12345678@Meet.example/4711");
        assert_eq!((room.user.as_str(), room.host.as_str()), ("12345678", "meet.example"));
        assert_eq!(room.burst, ["4711"]);
        let phone = read(r"xmpp:sip\3a+49361555\40pbx\3a5070@meet.example");
        assert!(phone.carried);
        assert_eq!(phone.uri_forms, ["sip:+49361555@pbx", "+49361555@pbx"]);
        for plain in [
            "xmpp:sip@meet.example",
            r"xmpp:xmpp\3aa\40b@meet.example",
            "xmpp:meet.example",
        ] {
            assert!(!read(plain).carried, "{plain}");
        }
    }

    #[test]
    fn a_caller_by_xmpp_has_no_number_whatever_it_calls_itself() {
        for jid in ["xmpp:+49361555@a.example", r"xmpp:tel\3a+49361555@a.example"] {
            let caller = read(jid).into_caller();
            assert!(caller.number.is_none() && caller.number_forms.is_empty(), "{jid}");
        }
        assert!(read("sip:+49361555@a.example").into_caller().number.is_some());
    }

    #[test]
    fn a_digit_burst_follows_the_number_after_pauses() {
        let found = read("sip:+49361555,,1234567890,,0987654321%23@example.org");
        assert_eq!(found.user, "+49361555");
        assert_eq!(found.burst, ["1234567890", "0987654321"]);
    }
}
