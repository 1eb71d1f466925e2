// SPDX-License-Identifier: EUPL-1.2
//! Presence of our addresses for those who ask for it (RFC 6121 §3 and §4).
//!
//! Clients offer a call only to a contact of whom some resource is present and says that it can be called; so every address
//! of ours permits subscription and is present as `<node>@<domain>/landbridge`. Nothing is remembered: who subscribed is
//! known to the subscriber's server, which asks again by a probe.

use jid::Jid;
use minidom::Element;

use crate::disco::{self, CAPS_NODE, RESOURCE};
use crate::own::{Domain, Own};
use crate::packet::{Packet, Stanza};

/// Answers presence that somebody sends to an address of ours which may be called; `None` is not for us.
///
/// Let [`crate::muc::Muc`] have the stanza first. The answer does not tell whether a room exists.
pub fn answer(domain: &Domain, presence: &Element) -> Option<Vec<Packet>> {
    if Stanza::of(presence) != Some(Stanza::Presence) {
        return None;
    }
    let from = Jid::new(presence.attr("from")?).ok()?;
    let to = domain.addressed(presence.attr("to"))?;
    if domain.own(&from).is_some() {
        return None;
    }
    let user = Jid::from(from.to_bare());
    let id = presence.attr("id");
    let simple = |kind| Packet::presence(to.bare(), user.clone(), Some(kind), id, Vec::new());
    let packets: Vec<Option<Packet>> = match presence.attr("type") {
        Some("subscribe") => vec![simple("subscribed"), available(&to, user.clone())],
        Some("unsubscribe") => vec![simple("unsubscribed"), gone(&to, user.clone())],
        Some("probe") => vec![available(&to, from)],
        // Somebody shows itself in order to call: show that it can. Two gateways must not do so for ever.
        None if !is_ours(presence) && is_callable(&to) => vec![available(&to, from)],
        _ => Vec::new(),
    };
    Some(packets.into_iter().flatten().collect())
}

/// Makes the presence of an address of ours, with all it can do.
pub fn available(address: &Own, to: Jid) -> Option<Packet> {
    let place = address.with_resource(RESOURCE)?;
    Packet::presence(place, to, None, None, disco::capabilities())
}

/// Makes the end of that presence.
pub fn gone(address: &Own, to: Jid) -> Option<Packet> {
    Packet::presence(
        address.with_resource(RESOURCE)?,
        to,
        Some("unavailable"),
        None,
        Vec::new(),
    )
}

fn is_ours(presence: &Element) -> bool {
    presence
        .children()
        .any(|child| child.has_ns("http://jabber.org/protocol/caps") && child.attr("node") == Some(CAPS_NODE))
}

fn is_callable(to: &Own) -> bool {
    to.node().is_some() && to.resource().is_none_or(|resource| resource == RESOURCE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ask(from: &str, to: &str, kind: &str, inner: &str) -> Vec<Element> {
        let text = format!(
            "<presence xmlns='jabber:component:accept' from='{from}' to='{to}' id='p' {kind}>{inner}</presence>"
        );
        let domain = Domain::new("meet.example").unwrap();
        let packets = answer(&domain, &text.parse().unwrap()).unwrap_or_default();
        packets.into_iter().map(Packet::into_element).collect()
    }

    #[test]
    fn whoever_subscribes_sees_an_address_that_can_be_called() {
        let sent = ask("alice@a.example/x", "12345678@meet.example", "type='subscribe'", "");
        assert_eq!(sent[0].attr("type"), Some("subscribed"));
        assert_eq!(
            (sent[0].attr("from"), sent[0].attr("to")),
            (Some("12345678@meet.example"), Some("alice@a.example"))
        );
        assert_eq!(
            (sent[1].attr("type"), sent[1].attr("from")),
            (None, Some("12345678@meet.example/landbridge"))
        );
        assert!(sent[1].has_child("c", "http://jabber.org/protocol/caps"));
        assert!(sent[1].has_child("c", "urn:xmpp:caps"));
        let sent = ask("alice@a.example", "12345678@meet.example", "type='unsubscribe'", "");
        assert_eq!(
            (sent[0].attr("type"), sent[1].attr("type")),
            (Some("unsubscribed"), Some("unavailable"))
        );
    }

    #[test]
    fn probes_and_greetings_are_answered_and_answers_are_not() {
        for kind in ["type='probe'", ""] {
            let sent = ask("alice@a.example/x", "1@meet.example", kind, "");
            assert_eq!(
                (sent.len(), sent[0].attr("to")),
                (1, Some("alice@a.example/x")),
                "{kind}"
            );
        }
        let ours = &ask("a@a.example/x", "1@meet.example", "", "")[0];
        let again = String::from(ours.get_child("c", "http://jabber.org/protocol/caps").unwrap());
        assert!(ask("2@other.example/landbridge", "1@meet.example", "", &again).is_empty());
        for kind in [
            "type='unavailable'",
            "type='error'",
            "type='subscribed'",
            "type='unsubscribed'",
            "type='x'",
        ] {
            assert!(ask("a@a.example/x", "1@meet.example", kind, "").is_empty(), "{kind}");
        }
        assert!(ask("1@meet.example/x", "2@meet.example", "type='subscribe'", "").is_empty());
        assert!(ask("a@a.example", "2@evil.example", "type='subscribe'", "").is_empty());
        assert!(ask("a@a.example/x", "1@meet.example/Nick", "", "").is_empty());
    }
}
