// SPDX-License-Identifier: EUPL-1.2
//! What we send: one stanza with a sender of ours, bounded in size.

use jid::Jid;
use minidom::{Element, rxml};

use crate::own::Own;
use crate::xml::{self, Build};

/// Namespace of stanzas on a component's stream (XEP-0114).
pub const COMPONENT: &str = "jabber:component:accept";

/// Namespace of the conditions inside an error (RFC 6120 §8.3.3).
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// Most octets of a stanza of ours; servers close the stream at 512 KiB or more.
pub const MOST_OCTETS: usize = 256 * 1024;

/// A stanza of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    from: Own,
    to: Jid,
    stanza: Element,
}

/// What an iq is (RFC 6120 §8.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iq {
    /// Asks.
    Get,
    /// Asks for a change.
    Set,
    /// Answers.
    Result,
}

/// What the peer may do about an error (RFC 6120 §8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Give up.
    Cancel,
    /// Change the request.
    Modify,
    /// Come with credentials.
    Auth,
    /// Try later.
    Wait,
}

impl Packet {
    /// Makes a message of this type (`chat`, `groupchat`, `normal`, …); `None` if it is too large or has no wire form.
    pub fn message(from: Own, to: Jid, kind: &str, id: Option<&str>, children: Vec<Element>) -> Option<Packet> {
        let kind = (kind != "normal").then_some(kind);
        Packet::new(
            from,
            to,
            Build::new("message", COMPONENT)
                .attr_opt("type", kind)
                .attr_opt("id", id)
                .children(children),
        )
    }

    /// Makes a presence; without a type it says `available`. `None` as with [`Packet::message`].
    pub fn presence(
        from: Own,
        to: Jid,
        kind: Option<&str>,
        id: Option<&str>,
        children: Vec<Element>,
    ) -> Option<Packet> {
        Packet::new(
            from,
            to,
            Build::new("presence", COMPONENT)
                .attr_opt("type", kind)
                .attr_opt("id", id)
                .children(children),
        )
    }

    /// Makes an iq. `None` as with [`Packet::message`].
    pub fn iq(from: Own, to: Jid, kind: Iq, id: &str, child: Option<Element>) -> Option<Packet> {
        let kind = match kind {
            Iq::Get => "get",
            Iq::Set => "set",
            Iq::Result => "result",
        };
        Packet::new(
            from,
            to,
            Build::new("iq", COMPONENT)
                .attr("type", kind)
                .attr("id", id)
                .children(child),
        )
    }

    /// Makes an error in answer to a stanza called `stanza` (`iq`, `message`, `presence`): a condition of RFC 6120
    /// §8.3.3 such as `item-not-found`, and conditions of an application behind it. `None` as with [`Packet::message`].
    pub fn error(
        from: Own,
        to: Jid,
        (stanza, id): (Stanza, Option<&str>),
        (retry, condition): (Retry, &'static str),
        application: Option<Element>,
    ) -> Option<Packet> {
        let retry = match retry {
            Retry::Cancel => "cancel",
            Retry::Modify => "modify",
            Retry::Auth => "auth",
            Retry::Wait => "wait",
        };
        let error = Build::new("error", COMPONENT)
            .attr("type", retry)
            .child(Build::new(condition, STANZAS))
            .children(application);
        let stanza = Build::new(stanza.name(), COMPONENT)
            .attr("type", "error")
            .attr_opt("id", id)
            .child(error);
        Packet::new(from, to, stanza)
    }

    /// Returns who it is from.
    pub fn from(&self) -> &Own {
        &self.from
    }

    /// Returns whom it is for.
    pub fn to(&self) -> &Jid {
        &self.to
    }

    /// Returns the stanza, without its addresses.
    pub fn stanza(&self) -> &Element {
        &self.stanza
    }

    /// Returns the stanza for the stream.
    pub fn into_element(self) -> Element {
        let Packet { from, to, mut stanza } = self;
        for (name, value) in [("from", from.to_string()), ("to", to.to_string())] {
            if let Ok(name) = rxml::NcName::try_from(name) {
                stanza.set_attr(rxml::Namespace::NONE, name, value);
            }
        }
        stanza
    }

    fn new(from: Own, to: Jid, stanza: Build) -> Option<Packet> {
        let mut stanza = stanza.build();
        let addresses = from
            .jid()
            .as_str()
            .len()
            .saturating_add(to.as_str().len())
            .saturating_mul(6);
        let size = xml::tidy(&mut stanza)?.saturating_add(addresses);
        (size <= MOST_OCTETS).then_some(Packet { from, to, stanza })
    }
}

/// The three stanzas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stanza {
    /// `<iq/>`
    Iq,
    /// `<message/>`
    Message,
    /// `<presence/>`
    Presence,
}

impl Stanza {
    /// Returns the element's name.
    pub fn name(self) -> &'static str {
        match self {
            Stanza::Iq => "iq",
            Stanza::Message => "message",
            Stanza::Presence => "presence",
        }
    }

    /// Tells which one `element` is.
    pub fn of(element: &Element) -> Option<Stanza> {
        [Stanza::Iq, Stanza::Message, Stanza::Presence]
            .into_iter()
            .find(|stanza| element.is(stanza.name(), COMPONENT))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::own::Domain;

    fn ours() -> Own {
        Domain::new("meet.example").unwrap().address("1", "landbridge").unwrap()
    }

    fn alice() -> Jid {
        Jid::new("alice@a.example/x").unwrap()
    }

    #[test]
    fn a_stanza_carries_both_addresses() {
        let packet = Packet::iq(ours(), alice(), Iq::Result, "7", None).unwrap();
        let element = packet.into_element();
        assert_eq!(element.attr("from"), Some("1@meet.example/landbridge"));
        assert_eq!(
            (element.attr("to"), element.attr("type")),
            (Some("alice@a.example/x"), Some("result"))
        );
        assert_eq!(Stanza::of(&element), Some(Stanza::Iq));
    }

    #[test]
    fn what_a_server_would_close_the_stream_for_is_not_made() {
        let body = |text: String| vec![Build::new("body", COMPONENT).text(text).build()];
        assert!(Packet::message(ours(), alice(), "chat", None, body("x".repeat(MOST_OCTETS))).is_none());
        assert!(Packet::message(ours(), alice(), "chat", None, body("<".repeat(MOST_OCTETS / 4))).is_none());
        assert!(Packet::message(ours(), alice(), "chat", None, vec![Element::bare("a<b", "urn:x")]).is_none());
        let packet = Packet::message(ours(), alice(), "chat", None, body("a\0b".into())).unwrap();
        assert!(String::from(&packet.into_element()).contains("a\u{fffd}b"));
    }

    #[test]
    fn an_error_names_its_condition() {
        let packet = Packet::error(
            ours(),
            alice(),
            (Stanza::Iq, Some("9")),
            (Retry::Cancel, "item-not-found"),
            None,
        )
        .unwrap();
        let element = packet.into_element();
        let error = element.get_child("error", COMPONENT).unwrap();
        assert_eq!(error.attr("type"), Some("cancel"));
        assert!(error.get_child("item-not-found", STANZAS).is_some());
    }
}
