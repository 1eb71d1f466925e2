// SPDX-License-Identifier: EUPL-1.2
//! What our addresses are and can do: service discovery (XEP-0030) with its hashes for presence (XEP-0115, XEP-0390), and
//! the small questions that every client asks (XEP-0199, XEP-0092, XEP-0054).
//!
//! A room's existence is nobody's business before the PIN: whatever looks like a room address gets the same answer.

use jid::Jid;
use minidom::Element;
use xmpp_parsers::caps::{self, Caps};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};
use xmpp_parsers::ecaps2::{self, ECaps2};
use xmpp_parsers::hashes::Algo;

use crate::own::{Domain, Own};
use crate::packet::{Iq, Packet, Retry, Stanza};
use crate::xml::Build;

/// The resource of the address that calls and is called.
pub const RESOURCE: &str = "landbridge";

/// Names our software in presence (XEP-0115 `node`).
pub const CAPS_NODE: &str = "https://opencode.de/landbridge";

/// What the component tells about itself.
#[derive(Clone, Debug)]
pub struct DiscoOptions {
    /// Our domain.
    pub domain: Domain,
    /// The software's version to tell; empty tells none.
    pub version: String,
    /// Whether rooms are multi-user chats here.
    pub hosted: bool,
    /// Whether such a chat shows its occupants' addresses to each other, as clients want before they offer group calls.
    pub open_addresses: bool,
}

/// Answers an iq for an address of ours; `title` is the room's name if the asker may know it.
///
/// Every request gets an answer, at worst `service-unavailable`. `None` is what must not be answered: results, errors,
/// stanzas that are no iq, and iqs without id or sender. Ask this last: calls and rooms know their own iqs.
pub fn answer(iq: &Element, options: &DiscoOptions, title: Option<&str>) -> Option<Packet> {
    if Stanza::of(iq) != Some(Stanza::Iq) {
        return None;
    }
    let id = iq.attr("id")?;
    let from = Jid::new(iq.attr("from")?).ok()?;
    let to = options.domain.addressed(iq.attr("to"))?;
    let error = |retry, condition| {
        Packet::error(
            to.clone(),
            from.clone(),
            (Stanza::Iq, Some(id)),
            (retry, condition),
            None,
        )
    };
    let (get, child) = match (iq.attr("type"), iq.children().next()) {
        (Some("result" | "error"), _) => return None,
        (Some("get"), Some(child)) => (true, child),
        (Some("set"), Some(child)) => (false, child),
        _ => return error(Retry::Modify, "bad-request"),
    };
    let result = |child| Packet::iq(to.clone(), from.clone(), Iq::Result, id, child);
    match (get, child.name(), child.ns().as_str()) {
        (true, "query", DISCO_INFO) => match info(&to, child.attr("node"), options, title) {
            Some(found) => result(Some(found)),
            None => error(Retry::Cancel, "item-not-found"),
        },
        // XEP-0030 §4.2: an empty list is an answer; rooms and the people in them are not listed for strangers.
        (true, "query", DISCO_ITEMS) => result(Some(
            Build::new("query", DISCO_ITEMS)
                .attr_opt("node", child.attr("node"))
                .build(),
        )),
        (true, "ping", PING) => result(None),
        (true, "query", VERSION) => result(Some(software(options))),
        (true, "vCard", VCARD) => result(Some(card(&to, title))),
        _ => error(Retry::Cancel, "service-unavailable"),
    }
}

/// Makes the children of presence that say what the address can do (XEP-0115 and XEP-0390).
pub fn capabilities() -> Vec<Element> {
    let phone = phone();
    let mut children = Vec::with_capacity(2);
    if let Ok(hash) = caps::hash_caps(&caps::compute_disco(&phone), Algo::Sha_1) {
        children.push(Element::from(Caps::new(CAPS_NODE, hash)));
    }
    let hashed = ecaps2::compute_disco(&phone).and_then(|data| ecaps2::hash_ecaps2(&data, Algo::Sha_256));
    if let Ok(hash) = hashed {
        children.push(Element::from(ECaps2::new(vec![hash])));
    }
    children
}

/// Lists the features of an address that can be called.
pub fn call_features() -> &'static [&'static str] {
    &CALLS
}

/// Tells whether a disco result's features let a peer be called: Jingle, RTP, audio, ICE and DTLS.
pub fn can_be_called(info: &Element) -> bool {
    let has = |wanted: &str| {
        info.children()
            .any(|child| child.name() == "feature" && child.attr("var") == Some(wanted))
    };
    info.is("query", DISCO_INFO) && NEEDED.iter().all(|wanted| has(wanted))
}

const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
const PING: &str = "urn:xmpp:ping";
const VERSION: &str = "jabber:iq:version";
const VCARD: &str = "vcard-temp";

const NEEDED: [&str; 5] = [
    "urn:xmpp:jingle:1",
    "urn:xmpp:jingle:apps:rtp:1",
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle:transports:ice-udp:1",
    "urn:xmpp:jingle:apps:dtls:0",
];

// The order is that of the hash, so that a reader can compare.
const CALLS: [&str; 20] = [
    "http://jabber.org/protocol/caps",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "jabber:iq:version",
    "urn:ietf:params:xml:ns:conference-info",
    "urn:xmpp:call-invites:0",
    "urn:xmpp:caps",
    "urn:xmpp:coin:1",
    "urn:xmpp:jingle-message:0",
    "urn:xmpp:jingle:1",
    "urn:xmpp:jingle:apps:dtls:0",
    "urn:xmpp:jingle:apps:grouping:0",
    "urn:xmpp:jingle:apps:rtp:1",
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle:apps:rtp:rtcp-fb:0",
    "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0",
    "urn:xmpp:jingle:apps:rtp:video",
    "urn:xmpp:jingle:muji:0",
    "urn:xmpp:jingle:transports:ice-udp:1",
    "urn:xmpp:ping",
];

const GATEWAY: [&str; 4] = [DISCO_INFO, DISCO_ITEMS, VERSION, PING];

const ROOM: [&str; 9] = [
    "http://jabber.org/protocol/muc",
    "http://jabber.org/protocol/muc#stable_id",
    "http://jabber.org/protocol/muc#self-ping-optimization",
    "muc_hidden",
    "muc_membersonly",
    "muc_passwordprotected",
    "muc_persistent",
    "muc_unmoderated",
    "urn:xmpp:sid:0",
];

fn info(to: &Own, node: Option<&str>, options: &DiscoOptions, title: Option<&str>) -> Option<Element> {
    let room = options.hosted && to.resource().is_none() && to.node().is_some_and(|node| !node.contains('\\'));
    let mut found = match (to.node(), room) {
        (None, _) => gateway(options.hosted),
        (Some(name), true) => hosted(title.unwrap_or(name), options.open_addresses),
        (Some(_), false) => phone(),
    };
    if let Some(asked) = node {
        // XEP-0115 §6.2, XEP-0390 §4.3: the hash that presence told is a node of the one who told it.
        let told = capabilities();
        let known = asked == CAPS_NODE
            || told.iter().any(|element| match element.attr("ver") {
                Some(ver) => asked.strip_prefix(CAPS_NODE).and_then(|rest| rest.strip_prefix('#')) == Some(ver),
                None => element.children().any(|hash| {
                    hash.attr("algo")
                        .is_some_and(|algo| asked == format!("urn:xmpp:caps#{algo}.{}", hash.text()))
                }),
            });
        if !known {
            return None;
        }
        found = phone();
        found.node = Some(asked.to_owned());
    }
    Some(Element::from(found))
}

fn phone() -> DiscoInfoResult {
    described(vec![Identity::new("client", "phone", "en", "Landbridge")], &[&CALLS])
}

fn gateway(hosted: bool) -> DiscoInfoResult {
    let mut identities = vec![Identity::new("gateway", "sip", "en", "Landbridge")];
    let mut features = vec![&GATEWAY[..]];
    if hosted {
        identities.push(Identity::new("conference", "text", "en", "Landbridge"));
        features.push(&ROOM[..1]);
    }
    described(identities, &features)
}

fn hosted(title: &str, open_addresses: bool) -> DiscoInfoResult {
    let addresses = if open_addresses {
        ["muc_nonanonymous"]
    } else {
        ["muc_semianonymous"]
    };
    described(
        vec![Identity::new("conference", "text", "en", crate::xml::clean(title))],
        &[&CALLS, &ROOM, &addresses],
    )
}

fn described(identities: Vec<Identity>, features: &[&[&str]]) -> DiscoInfoResult {
    DiscoInfoResult {
        node: None,
        identities,
        features: features
            .iter()
            .flat_map(|some| some.iter())
            .map(|var| (*var).to_owned())
            .collect(),
        extensions: Vec::new(),
    }
}

fn software(options: &DiscoOptions) -> Element {
    let version = (!options.version.is_empty()).then(|| Build::new("version", VERSION).text(&options.version).build());
    Build::new("query", VERSION)
        .child(Build::new("name", VERSION).text("Landbridge"))
        .children(version)
        .build()
}

fn card(to: &Own, title: Option<&str>) -> Element {
    let name = title.or(to.node()).unwrap_or("Landbridge");
    Build::new("vCard", VCARD)
        .child(Build::new("FN", VCARD).text(name))
        .child(Build::new("DESC", VCARD).text("Landbridge"))
        .build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::packet::COMPONENT;
    use proptest::prelude::*;

    fn options() -> DiscoOptions {
        DiscoOptions {
            domain: Domain::new("meet.example").unwrap(),
            version: "1.2".into(),
            hosted: true,
            open_addresses: true,
        }
    }

    fn ask(to: &str, kind: &str, child: &str) -> Option<Element> {
        let iq =
            format!("<iq xmlns='{COMPONENT}' from='alice@a.example/x' to='{to}' type='{kind}' id='7'>{child}</iq>");
        answer(&iq.parse().unwrap(), &options(), None).map(Packet::into_element)
    }

    fn info(to: &str) -> Element {
        let result = ask(to, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>").unwrap();
        assert_eq!(
            (result.attr("type"), result.attr("to")),
            (Some("result"), Some("alice@a.example/x"))
        );
        result.children().next().unwrap().clone()
    }

    fn has(info: &Element, feature: &str) -> bool {
        info.children().any(|child| child.attr("var") == Some(feature))
    }

    fn is(info: &Element, category: &str, kind: &str) -> bool {
        info.children().any(|child| {
            child.name() == "identity" && (child.attr("category"), child.attr("type")) == (Some(category), Some(kind))
        })
    }

    #[test]
    fn a_room_address_can_be_called_and_is_a_chat_for_group_calls() {
        let room = info("12345678@meet.example");
        assert!(can_be_called(&room) && has(&room, "urn:xmpp:jingle-message:0"));
        assert!(is(&room, "conference", "text"));
        // Dino offers a group call in private rooms alone: members only, addresses open; and wants stable ids.
        for feature in [
            "muc_membersonly",
            "muc_nonanonymous",
            "urn:xmpp:sid:0",
            "http://jabber.org/protocol/muc",
        ] {
            assert!(has(&room, feature), "{feature}");
        }
        assert_eq!(
            String::from(&info("12345679@meet.example")).replace("12345679", "12345678"),
            String::from(&room)
        );
    }

    #[test]
    fn the_calling_address_is_no_chat_and_the_component_cannot_be_called() {
        let phone = info("12345678@meet.example/landbridge");
        assert!(
            can_be_called(&phone) && is(&phone, "client", "phone") && !has(&phone, "http://jabber.org/protocol/muc")
        );
        let desk = info("sip\\3a4711\\40pbx.example@meet.example");
        assert!(can_be_called(&desk) && !is(&desk, "conference", "text"));
        let component = info("meet.example");
        assert!(!can_be_called(&component) && is(&component, "gateway", "sip") && is(&component, "conference", "text"));
    }

    #[test]
    fn what_presence_tells_is_what_the_question_about_it_finds() {
        let told = capabilities();
        assert_eq!(told.len(), 2);
        let ver = told[0].attr("ver").unwrap();
        let hash = told[1].children().next().unwrap();
        for node in [
            format!("{CAPS_NODE}#{ver}"),
            format!("urn:xmpp:caps#{}.{}", hash.attr("algo").unwrap(), hash.text()),
        ] {
            let query = format!("<query xmlns='http://jabber.org/protocol/disco#info' node='{node}'/>");
            let result = ask("1@meet.example/landbridge", "get", &query).unwrap();
            let info = result.children().next().unwrap().clone();
            assert_eq!(info.attr("node"), Some(node.as_str()));
            let parsed = DiscoInfoResult::try_from(info).unwrap();
            let again = caps::hash_caps(&caps::compute_disco(&parsed), Algo::Sha_1).unwrap();
            assert_eq!(again.to_base64(), ver);
        }
        let query = "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>";
        let error = ask("1@meet.example", "get", query).unwrap();
        assert_eq!(error.attr("type"), Some("error"));
    }

    #[test]
    fn small_questions_get_small_answers() {
        assert_eq!(
            ask("1@meet.example", "get", "<ping xmlns='urn:xmpp:ping'/>")
                .unwrap()
                .attr("type"),
            Some("result")
        );
        let version = ask("meet.example", "get", "<query xmlns='jabber:iq:version'/>").unwrap();
        let query = version.children().next().unwrap();
        assert!(query.has_child("version", "jabber:iq:version") && !query.has_child("os", "jabber:iq:version"));
        assert!(
            ask("1@meet.example", "get", "<vCard xmlns='vcard-temp'/>")
                .unwrap()
                .attr("type")
                == Some("result")
        );
        let items = ask(
            "meet.example",
            "get",
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        )
        .unwrap();
        assert_eq!(items.children().next().unwrap().children().count(), 0);
        for (kind, child) in [
            ("set", "<ping xmlns='urn:xmpp:ping'/>"),
            ("get", "<x xmlns='y'/>"),
            ("get", ""),
            ("nonsense", "<a xmlns='b'/>"),
        ] {
            assert_eq!(ask("1@meet.example", kind, child).unwrap().attr("type"), Some("error"));
        }
    }

    #[test]
    fn answers_are_never_answered_and_strangers_domains_are_not_ours() {
        for kind in ["result", "error"] {
            assert!(ask("1@meet.example", kind, "<ping xmlns='urn:xmpp:ping'/>").is_none());
        }
        assert!(ask("1@other.example", "get", "<ping xmlns='urn:xmpp:ping'/>").is_none());
    }

    proptest! {
        #[test]
        fn every_title_makes_an_answer(title in "\\PC{0,40}|[\u{0}-\u{20}\u{fff0}-\u{ffff}]{0,9}") {
            let iq: Element = format!("<iq xmlns='{COMPONENT}' from='a@a.example/x' to='1@meet.example' type='get' id='7'><query xmlns='{DISCO_INFO}'/></iq>").parse().unwrap();
            let element = answer(&iq, &options(), Some(&title)).unwrap().into_element();
            let again: Element = String::from(&element).parse().unwrap();
            prop_assert!(again.children().next().is_some());
        }
    }
}
