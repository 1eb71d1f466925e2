// SPDX-License-Identifier: EUPL-1.2
//! The envelope: `<jingle/>` with its action (XEP-0166 §7).

use jid::Jid;
use minidom::Element;

use crate::content::{Content, Group, limits};
use crate::ns;
use crate::reason::Reason;
use crate::xml::Build;

/// What a `<jingle/>` is for (XEP-0166 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Agree to a content.
    ContentAccept,
    /// Offer a content.
    ContentAdd,
    /// Change who sends.
    ContentModify,
    /// Turn a content away.
    ContentReject,
    /// Take a content out.
    ContentRemove,
    /// Say more about a description.
    DescriptionInfo,
    /// Say more about security.
    SecurityInfo,
    /// Agree to a session.
    SessionAccept,
    /// Say something that changes nothing.
    SessionInfo,
    /// Offer a session.
    SessionInitiate,
    /// End a session.
    SessionTerminate,
    /// Agree to another transport.
    TransportAccept,
    /// Say more about a transport.
    TransportInfo,
    /// Turn another transport away.
    TransportReject,
    /// Offer another transport.
    TransportReplace,
}

impl Action {
    const ALL: [Action; 15] = [
        Action::ContentAccept,
        Action::ContentAdd,
        Action::ContentModify,
        Action::ContentReject,
        Action::ContentRemove,
        Action::DescriptionInfo,
        Action::SecurityInfo,
        Action::SessionAccept,
        Action::SessionInfo,
        Action::SessionInitiate,
        Action::SessionTerminate,
        Action::TransportAccept,
        Action::TransportInfo,
        Action::TransportReject,
        Action::TransportReplace,
    ];

    /// Returns the attribute's value.
    pub fn name(self) -> &'static str {
        match self {
            Action::ContentAccept => "content-accept",
            Action::ContentAdd => "content-add",
            Action::ContentModify => "content-modify",
            Action::ContentReject => "content-reject",
            Action::ContentRemove => "content-remove",
            Action::DescriptionInfo => "description-info",
            Action::SecurityInfo => "security-info",
            Action::SessionAccept => "session-accept",
            Action::SessionInfo => "session-info",
            Action::SessionInitiate => "session-initiate",
            Action::SessionTerminate => "session-terminate",
            Action::TransportAccept => "transport-accept",
            Action::TransportInfo => "transport-info",
            Action::TransportReject => "transport-reject",
            Action::TransportReplace => "transport-replace",
        }
    }

    /// Reads the attribute's value.
    pub fn named(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// Why an action is not taken; becomes an error in answer to its iq (XEP-0166 §10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not Jingle.
    BadRequest,
    /// Not now.
    OutOfOrder,
    /// No such session, or not the peer's.
    UnknownSession,
    /// We did the same at the same time, and ours goes first.
    TieBreak,
    /// Not known what is said.
    UnsupportedInfo,
    /// Too much.
    ResourceConstraint,
}

/// What is said in a `session-info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Are you there?
    Nothing,
    /// XEP-0167 §8: the element's name, and the content it is about.
    Rtp(String, Option<String>),
    /// XEP-0251: call somebody else.
    Transfer(Jid),
    /// Something unknown.
    Unknown,
}

/// A `<jingle/>`.
#[derive(Clone, Debug)]
pub struct Jingle {
    /// What it is for.
    pub action: Action,
    /// Which session.
    pub sid: String,
    /// Contents.
    pub contents: Vec<Content>,
    /// Contents that belong together.
    pub groups: Vec<Group>,
    /// Why.
    pub reason: Option<Reason>,
    /// What is said.
    pub said: Said,
    /// A conference is known of (XEP-0298).
    pub conference: bool,
    /// The group call that the session is part of (XEP-0272).
    pub muji: Option<Jid>,
}

/// Longest session id, in octets.
pub const MOST_SID: usize = 128;

impl Jingle {
    /// Reads a `<jingle/>`.
    pub fn read(element: &Element) -> Result<Jingle, Fault> {
        let action = element
            .attr("action")
            .and_then(Action::named)
            .ok_or(Fault::BadRequest)?;
        let sid = element
            .attr("sid")
            .and_then(|sid| limits::text(sid, MOST_SID))
            .ok_or(Fault::BadRequest)?;
        let mut jingle = Jingle {
            action,
            sid: sid.to_owned(),
            contents: Vec::new(),
            groups: Vec::new(),
            reason: None,
            said: Said::Nothing,
            conference: false,
            muji: None,
        };
        for child in element.children().take(limits::LOOKED_AT) {
            if child.name() == "muji" {
                jingle.muji = jingle.muji.or_else(|| muji(child));
            } else if child.is("content", ns::JINGLE) {
                jingle.muji = jingle.muji.or_else(|| {
                    let description = child.get_child("description", ns::RTP)?;
                    // COMPAT(dino 0.4): says it in each description.
                    muji(
                        description
                            .children()
                            .take(limits::LOOKED_AT)
                            .find(|child| child.name() == "muji")?,
                    )
                });
                let content = (jingle.contents.len() < limits::CONTENTS)
                    .then(|| Content::read(child))
                    .flatten();
                // The first of two of the same name counts.
                let is_new = |new: &Content| jingle.contents.iter().all(|content| content.name != new.name);
                jingle.contents.extend(content.filter(is_new));
            } else if child.is("group", ns::GROUPING) {
                let group = (jingle.groups.len() < limits::GROUPS)
                    .then(|| Group::read(child))
                    .flatten();
                jingle.groups.extend(group);
            } else if child.is("reason", ns::JINGLE) {
                jingle.reason = Some(Reason::read(child));
            } else if child.has_ns(ns::COIN) {
                jingle.conference = true;
            } else if action == Action::SessionInfo && jingle.said == Said::Nothing {
                jingle.said = said(child);
            }
        }
        Ok(jingle)
    }

    /// Starts a `<jingle/>`.
    pub fn begin(action: Action, sid: &str) -> Build {
        Build::new("jingle", ns::JINGLE)
            .attr("action", action.name())
            .attr("sid", sid)
    }
}

fn muji(element: &Element) -> Option<Jid> {
    let known = element.has_ns(ns::MUJI) || element.has_ns(ns::MUJI_TELEPATHY);
    let room = element.attr("room").or_else(|| element.attr("muc")).filter(|_| known)?;
    Jid::new(room).ok()
}

fn said(child: &Element) -> Said {
    if child.has_ns(ns::RTP_INFO) {
        let name = child.attr("name").and_then(|name| limits::text(name, limits::NAME));
        Said::Rtp(child.name().to_owned(), name.map(str::to_owned))
    } else if child.is("transfer", ns::TRANSFER) {
        child
            .attr("to")
            .and_then(|to| Jid::new(to).ok())
            .map_or(Said::Unknown, Said::Transfer)
    } else {
        Said::Unknown
    }
}

impl Fault {
    /// Returns what the peer may do, the stanza's condition, and the one of XEP-0166 §10.
    pub fn conditions(self) -> (crate::packet::Retry, &'static str, Option<&'static str>) {
        use crate::packet::Retry;
        match self {
            Fault::BadRequest => (Retry::Cancel, "bad-request", None),
            Fault::OutOfOrder => (Retry::Wait, "unexpected-request", Some("out-of-order")),
            Fault::UnknownSession => (Retry::Cancel, "item-not-found", Some("unknown-session")),
            Fault::TieBreak => (Retry::Cancel, "conflict", Some("tie-break")),
            Fault::UnsupportedInfo => (Retry::Modify, "feature-not-implemented", Some("unsupported-info")),
            Fault::ResourceConstraint => (Retry::Wait, "resource-constraint", None),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_action_has_its_name() {
        for action in Action::ALL {
            assert_eq!(Action::named(action.name()), Some(action));
        }
        assert_eq!(Action::named("session-explode"), None);
    }

    #[test]
    fn a_thousand_contents_are_sixteen() {
        let contents = (0..1_000).map(|i| {
            Build::new("content", ns::JINGLE)
                .attr("creator", "initiator")
                .attr("name", format!("c{i}"))
                .build()
        });
        let jingle = Jingle::begin(Action::SessionInitiate, "s").children(contents).build();
        assert_eq!(Jingle::read(&jingle).unwrap().contents.len(), 16);
    }

    #[test]
    fn without_action_or_session_it_is_a_bad_request() {
        for text in [
            "<jingle xmlns='urn:xmpp:jingle:1'/>",
            "<jingle xmlns='urn:xmpp:jingle:1' action='session-info'/>",
        ] {
            assert!(matches!(Jingle::read(&text.parse().unwrap()), Err(Fault::BadRequest)));
        }
        let long = Jingle::begin(Action::SessionInfo, &"s".repeat(1_000)).build();
        assert!(matches!(Jingle::read(&long), Err(Fault::BadRequest)));
    }

    #[test]
    fn what_is_said_is_told_apart() {
        let said = |child: &str| {
            let text = format!("<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='s'>{child}</jingle>");
            Jingle::read(&text.parse().unwrap()).unwrap().said
        };
        assert_eq!(said(""), Said::Nothing);
        let mute = "<mute xmlns='urn:xmpp:jingle:apps:rtp:info:1' creator='initiator' name='audio'/>";
        assert_eq!(said(mute), Said::Rtp("mute".into(), Some("audio".into())));
        let transfer = "<transfer xmlns='urn:xmpp:jingle:transfer:0' to='bob@b.example'/>";
        assert_eq!(said(transfer), Said::Transfer(Jid::new("bob@b.example").unwrap()));
        assert_eq!(said("<x xmlns='urn:x'/>"), Said::Unknown);
    }
}
