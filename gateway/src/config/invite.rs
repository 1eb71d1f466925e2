// SPDX-License-Identifier: EUPL-1.2
//! Whom moderators may call into their meetings: the key `invite` of `[xmpp]`. Nobody, unless a pattern names them.

use jid::BareJid;

use super::values::Fault;

/// Patterns of XMPP addresses that may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invite(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// Any node, if absent.
    node: Option<String>,
    domain: String,
    /// Whether the domains below `domain` are meant in its place.
    below: bool,
}

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotInvited {
    /// It is no address of a person.
    BadAddress,
    /// No pattern names it.
    NotAllowed,
}

impl Invite {
    /// Tells whether nobody at all may be called.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an address in its one spelling (RFC 7622), if it may be called.
    pub fn allows(&self, address: &str) -> Result<BareJid, NotInvited> {
        if address.len() > 1024 {
            return Err(NotInvited::BadAddress);
        }
        let address = BareJid::new(address.trim()).map_err(|_| NotInvited::BadAddress)?;
        let node = address.node().ok_or(NotInvited::BadAddress)?.as_str();
        let domain = address.domain().as_str();
        let fits = |pattern: &Pattern| {
            let is_domain = match domain.strip_suffix(&pattern.domain) {
                Some("") => !pattern.below,
                Some(below) => pattern.below && below.ends_with('.'),
                None => false,
            };
            is_domain && pattern.node.as_deref().is_none_or(|meant| meant == node)
        };
        if self.0.iter().any(fits) {
            Ok(address)
        } else {
            Err(NotInvited::NotAllowed)
        }
    }
}

/// Reads one pattern into those before.
pub(super) fn add(mut known: Invite, text: &str) -> Result<Invite, Fault> {
    let fault = || {
        let what = format!("{text:?} names nobody who can be called");
        (
            what,
            "write \"*@a.example\", \"*@*.a.example\" or \"alice@a.example\"".to_owned(),
        )
    };
    let (node, domain) = text.split_once('@').ok_or_else(fault)?;
    let (below, domain) = match domain.strip_prefix("*.") {
        Some(domain) => (true, domain),
        None => (false, domain),
    };
    let probe = if matches!(node, "" | "*") { "anybody" } else { node };
    let jid = BareJid::new(&format!("{probe}@{domain}")).map_err(|_| fault())?;
    if domain.contains('*') || probe.contains('*') {
        return Err(fault());
    }
    let node = jid
        .node()
        .filter(|_| probe == node)
        .map(|node| node.as_str().to_owned());
    known.0.push(Pattern {
        node,
        domain: jid.domain().as_str().to_owned(),
        below,
    });
    Ok(known)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn invite(patterns: &[&str]) -> Invite {
        patterns
            .iter()
            .try_fold(Invite::default(), |known, text| add(known, text))
            .unwrap()
    }

    #[test]
    fn only_those_whom_a_pattern_names_are_called() {
        let invite = invite(&["*@a.example", "bob@b.example", "*@*.c.example"]);
        for (address, allowed) in [
            ("alice@a.example", true),
            ("Alice@A.Example", true),
            ("bob@b.example", true),
            ("x@y.c.example", true),
            ("mallory@b.example", false),
            ("x@c.example", false),
            ("x@evilc.example", false),
            ("x@evila.example", false),
            ("x@a.example.evil.example", false),
            ("x@sub.a.example", false),
        ] {
            assert_eq!(invite.allows(address).is_ok(), allowed, "{address}");
        }
        assert_eq!(Invite::default().allows("a@a.example"), Err(NotInvited::NotAllowed));
        assert_eq!(
            invite.allows(" Alice@A.Example ").unwrap().to_string(),
            "alice@a.example"
        );
    }

    #[test]
    fn what_is_no_persons_address_is_told_so() {
        let invite = invite(&["*@a.example"]);
        for address in [
            "",
            "a.example",
            "@a.example",
            "a@",
            "a@a.example/r",
            "a b@a.example",
            "a@b@a.example",
        ] {
            assert_eq!(invite.allows(address), Err(NotInvited::BadAddress), "{address}");
        }
    }

    #[test]
    fn the_example_with_xmpp_is_a_good_configuration() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/desk-phone/xmpp.toml");
        let config = Config::load(&file).unwrap_or_else(|problems| panic!("{problems:?}"));
        let xmpp = config.xmpp.unwrap();
        assert_eq!(xmpp.component.as_str(), "meet.example.org");
        assert!(xmpp.invite.allows("alice@example.org").is_ok());
        assert!(xmpp.invite.allows("alice@elsewhere.example").is_err());
    }

    #[test]
    fn a_pattern_that_means_nobody_is_a_fault() {
        for text in ["", "*", "a.example", "*@", "*@*", "al*@a.example", "*@a.*", "*@a b"] {
            assert!(add(Invite::default(), text).is_err(), "{text}");
        }
    }
}
