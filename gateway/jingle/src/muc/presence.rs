// SPDX-License-Identifier: EUPL-1.2
//! Presence as a room sends it.

use jid::Jid;
use minidom::Element;

use super::occupant::State;
use super::words::Language;
use super::{MUC, MUC_USER, STATE};
use crate::packet::COMPONENT;
use crate::xml::{self, Build};

/// Most octets that a client may say about itself.
const MOST_OCTETS: usize = 8 * 1024;

/// Somebody as all others see them.
pub(super) struct Seen<'a> {
    pub jid: Option<&'a Jid>,
    pub moderator: bool,
    pub state: State,
    /// What the client says about itself.
    pub own: &'a [Element],
}

/// Makes the children of an available presence; `statuses` are XEP-0045's codes.
pub(super) fn available(seen: &Seen<'_>, open: bool, statuses: &[&'static str], language: Language) -> Vec<Element> {
    let mut children: Vec<Element> = seen.own.to_vec();
    if text(seen.state, language).is_some() {
        children.retain(|child| !child.is("status", COMPONENT));
    }
    children.extend(own(seen.state, language));
    children.push(user(seen, open, None, Standing::In, statuses));
    children
}

/// Makes the children that say how somebody takes part: in words, if there is a word to say, and for programs.
pub(super) fn own(state: State, language: Language) -> Vec<Element> {
    let status = text(state, language).map(|text| Build::new("status", COMPONENT).text(text).build());
    // RFC 6121 §4.7.2.1: the entity is "temporarily away".
    let show = state.away.then(|| Build::new("show", COMPONENT).text("away").build());
    let flags = state.kind.map(|kind| {
        Build::new("state", STATE)
            .attr("kind", kind.as_str())
            .attr("talks", flag(state.talks))
            .attr("muted", flag(state.muted))
            .attr("hand", flag(state.hand))
            .attr_opt("away", state.away.then_some("true"))
            .build()
    });
    show.into_iter().chain(status).chain(flags).collect()
}

/// Makes the children of an unavailable presence; with `new_nick`, the occupant stays under that name.
pub(super) fn unavailable(
    seen: &Seen<'_>,
    open: bool,
    new_nick: Option<&str>,
    statuses: &[&'static str],
) -> Vec<Element> {
    let standing = match (new_nick, statuses.contains(&"301")) {
        (Some(_), _) => Standing::In,
        (None, false) => Standing::Out,
        (None, true) => Standing::Banned,
    };
    vec![user(seen, open, new_nick, standing, statuses)]
}

/// Keeps of a client's presence what may be passed on; too much is nothing but `<show/>`.
pub(super) fn kept(presence: &Element) -> Vec<Element> {
    // What the room says, or what would show a name beside the nickname.
    let ours = |child: &Element| {
        child.has_ns(MUC)
            || child.has_ns(MUC_USER)
            || child.has_ns(STATE)
            || child.has_ns("urn:xmpp:occupant-id:0")
            || child.has_ns("http://jabber.org/protocol/nick")
    };
    let mut total = 0usize;
    let mut kept = Vec::new();
    for child in presence.children().filter(|child| !ours(child)) {
        let mut child = child.clone();
        let Some(octets) = xml::tidy(&mut child) else { continue };
        total = total.saturating_add(octets);
        kept.push(child);
    }
    if total > MOST_OCTETS {
        kept.retain(|child| child.is("show", COMPONENT));
        kept.truncate(1);
        kept.retain(|child| child.text().len() < 32);
    }
    kept
}

/// Says in words what is to be known.
fn text(state: State, language: Language) -> Option<&'static str> {
    use Language::{English, German};
    if state.away {
        return Some(match language {
            English => "cannot be reached",
            German => "nicht erreichbar",
        });
    }
    Some(match (state.hand, state.muted && state.talks, language) {
        (false, false, _) => return None,
        (true, false, English) => "✋ hand raised",
        (true, false, German) => "✋ meldet sich",
        (false, true, English) => "muted",
        (false, true, German) => "stumm",
        (true, true, English) => "✋ hand raised, muted",
        (true, true, German) => "✋ meldet sich, stumm",
    })
}

#[derive(Clone, Copy)]
enum Standing {
    In,
    Out,
    Banned,
}

fn user(seen: &Seen<'_>, open: bool, nick: Option<&str>, standing: Standing, statuses: &[&'static str]) -> Element {
    let affiliation = match (standing, seen.moderator) {
        (Standing::Banned, _) => "outcast",
        (_, true) => "admin",
        (_, false) => "member",
    };
    let role = match (standing, seen.moderator) {
        (Standing::Out | Standing::Banned, _) => "none",
        (Standing::In, true) => "moderator",
        (Standing::In, false) => "participant",
    };
    let item = Build::new("item", MUC_USER)
        .attr("affiliation", affiliation)
        .attr("role", role)
        .attr_opt("jid", seen.jid.filter(|_| open).map(Jid::as_str))
        .attr_opt("nick", nick);
    let statuses = statuses
        .iter()
        .map(|code| Build::new("status", MUC_USER).attr("code", code).build());
    Build::new("x", MUC_USER).child(item).children(statuses).build()
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
