// SPDX-License-Identifier: EUPL-1.2
//! Addresses: a meeting's as a client calls it, and whom a call of ours comes from.

use jid::Jid;
use landbridge_jingle::escape::node_of_sip;
use landbridge_jingle::own::{Domain, Own};

/// The resource that our calls have.
pub(super) const RESOURCE: &str = "landbridge";

/// A called address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Called {
    /// The address without a PIN, as a URI; for dial plan and logs.
    pub uri: String,
    /// The PIN that came along.
    pub pin: Option<String>,
}

/// Takes the address apart that somebody calls: `ID`, `ID*PIN` or `ID/PIN` at our domain.
pub(super) fn called(to: &Own) -> Called {
    let node = to.node().unwrap_or_default();
    let (node, pin) = match node.split_once('*') {
        Some((id, pin)) if is_digits(id) && is_digits(pin) => (id, Some(pin)),
        _ => (node, None),
    };
    let behind = to.resource().filter(|resource| is_digits(resource));
    Called {
        uri: format!("xmpp:{node}@{}", to.jid().domain()),
        pin: pin.or(behind).map(str::to_owned),
    }
}

/// Returns the address of ours that a call comes from whose caller is `from`: a meeting of ours, or somebody whose address
/// becomes a node (XEP-0106), so that it can be called back.
pub(super) fn caller(domain: &Domain, from: &str) -> Own {
    let ours = from
        .strip_prefix("xmpp:")
        .and_then(|jid| Jid::new(jid.split('?').next().unwrap_or_default()).ok())
        .and_then(|jid| domain.own(&jid))
        .and_then(|own| own.with_resource(RESOURCE));
    let bare = from.split([';', '?']).next().unwrap_or_default();
    ours.or_else(|| domain.address(&node_of_sip(bare), RESOURCE))
        .unwrap_or_else(|| domain.itself())
}

/// Returns whom a call to this URI is for.
pub(super) fn callee(uri: &str) -> Option<Jid> {
    let jid = uri.strip_prefix("xmpp:")?;
    Jid::new(jid.split('?').next().unwrap_or_default()).ok()
}

fn is_digits(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn domain() -> Domain {
        Domain::new("meet.example").unwrap()
    }

    #[test]
    fn a_pin_comes_in_the_node_or_behind_the_slash() {
        for (node, resource, pin) in [
            ("12345678", "", None),
            ("12345678", "landbridge", None),
            ("12345678", "4711", Some("4711")),
            ("12345678*4711", "", Some("4711")),
            ("12345678*4711", "landbridge", Some("4711")),
        ] {
            let called = called(&domain().address(node, resource).unwrap());
            assert_eq!(called.uri, "xmpp:12345678@meet.example");
            assert_eq!(called.pin.as_deref(), pin);
        }
        let telephone = called(
            &domain()
                .address("sip\\3a*43@pbx".split('@').next().unwrap(), "")
                .unwrap(),
        );
        assert_eq!(
            (telephone.uri.as_str(), telephone.pin),
            ("xmpp:sip\\3a*43@meet.example", None)
        );
    }

    #[test]
    fn a_caller_is_one_of_ours_whatever_it_was() {
        let from = |from: &str| caller(&domain(), from).to_string();
        assert_eq!(from("xmpp:12345678@meet.example"), "12345678@meet.example/landbridge");
        assert_eq!(
            from("sip:4711@pbx.example;transport=tcp"),
            "sip\\3a4711\\40pbx.example@meet.example/landbridge"
        );
        assert!(from("xmpp:alice@evil.example").ends_with("@meet.example/landbridge"));
        assert_eq!(from(""), "meet.example/landbridge");
        assert_eq!(from(&"x".repeat(5000)), "meet.example");
    }

    #[test]
    fn only_xmpp_addresses_are_called() {
        assert_eq!(callee("xmpp:bob@b.example?call").unwrap().to_string(), "bob@b.example");
        assert_eq!(callee("sip:bob@b.example"), None);
        assert_eq!(callee("xmpp:@@"), None);
    }
}
