// SPDX-License-Identifier: EUPL-1.2
//! Messages to a room, and its history.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use jid::Jid;
use minidom::Element;

use super::command::{self, Command};
use super::host::Muc;
use super::occupant::{SHOWING, Wanted, Written};
use super::words::{Denial, MucOutput, OccupantId, Target};
use super::{DELAY, MUC_USER, STANZA_ID, STATE, moment, nick};
use crate::calls::Taken;
use crate::invites;
use crate::own::Own;
use crate::packet::{COMPONENT, Packet, Retry, STANZAS, Stanza};
use crate::xml::{self, Build};

/// Most octets of what somebody writes.
const MOST_TEXT: usize = 4 * 1024;
/// Most octets of a message with everything that clients add.
const MOST_MESSAGE: usize = 16 * 1024;
/// Most messages of a history.
const MOST_LINES: usize = 50;
/// Most octets of a history.
const MOST_HISTORY: usize = 128 * 1024;

/// What was written, and what the room is about.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: VecDeque<Line>,
    octets: usize,
    subject: Option<(String, String)>,
}

#[derive(Debug)]
struct Line {
    nick: String,
    id: Option<String>,
    children: Vec<Element>,
    octets: usize,
    at: SystemTime,
}

impl Muc {
    pub(super) fn handle_message(&mut self, now: Instant, from: &Jid, to: &Own, stanza: &Element) -> Taken {
        let inside = self
            .occupant_of(from)
            .filter(|occupant| occupant.is_in())
            .map(|occupant| occupant.id);
        let kind = stanza.attr("type").unwrap_or("normal");
        // What begins or carries a call is for calls, wherever it is sent.
        let calls = |child: &Element| child.has_ns("urn:xmpp:jingle-message:0");
        match (kind, to.resource(), inside) {
            ("error", ..) => return self.handle_bounce(from, stanza),
            ("groupchat", None, Some(id)) => self.handle_groupchat(now, from, to, id, stanza),
            ("groupchat", None, None) => {
                self.refuse_stanza((to, from), (Stanza::Message, stanza), (Retry::Cancel, "not-acceptable"));
            }
            ("groupchat", Some(_), _) => {
                self.refuse_stanza((to, from), (Stanza::Message, stanza), (Retry::Modify, "bad-request"));
            }
            (_, Some(other), Some(id)) if !stanza.children().any(calls) => {
                let private = stanza.has_child("x", MUC_USER);
                match nick::is_reserved(other) {
                    true if private => self.handle_command(from, id, &body(stanza)),
                    true => return Taken::No,
                    false => self.handle_private(now, from, to, id, stanza),
                }
            }
            (_, None, Some(_)) if stanza.has_child("x", MUC_USER) => {
                // XEP-0045 §7.8.2: the room invites nobody; people are invited by the meeting's own means.
                self.refuse_stanza((to, from), (Stanza::Message, stanza), (Retry::Auth, "forbidden"));
            }
            _ => return Taken::No,
        }
        Taken::Yes
    }

    /// Tells everybody what somebody wrote who is no occupant.
    pub(super) fn handle_chat(
        &mut self,
        now: Instant,
        to: Option<OccupantId>,
        (person, name): (Option<u64>, &str),
        text: &str,
    ) {
        let text = readable(text);
        let shown = person
            .and_then(|id| self.people.get(&id))
            .map(|shown| shown.nick.clone());
        let nick = match shown {
            Some(nick) => nick,
            None if name.is_empty() => String::new(),
            // Nobody speaks under a nickname that somebody else has.
            None => nick::unlike(&nick::of_name(name, "?"), |nick| self.is_taken(nick)),
        };
        if text.is_empty() {
            return;
        }
        let body = Build::new("body", COMPONENT).text(&text).build();
        match to {
            None => self.publish(now, &nick, None, vec![body]),
            Some(to) => {
                let (id, readers) = (self.ids.next(), self.clients_of(to));
                self.reflect(&nick, Some(&id), &[body], readers);
            }
        }
    }

    /// Shows what an occupant wrote, now that the room does.
    pub(super) fn shown(&mut self, now: Instant, id: OccupantId, text: &str, apart: bool) {
        let Some(occupant) = self.occupants.get_mut(&id).filter(|occupant| occupant.is_in()) else {
            return;
        };
        let nick = occupant.nick.clone();
        let same = |written: &Written| readable(&body_of(&written.children)) == readable(text);
        let at = occupant.written.iter().position(same);
        let written = at.and_then(|at| occupant.written.remove(at));
        let (wire_id, children) = match written {
            Some(written) => (written.id, written.children),
            None => (None, vec![Build::new("body", COMPONENT).text(readable(text)).build()]),
        };
        if apart {
            let (wire_id, readers) = (wire_id.unwrap_or_else(|| self.ids.next()), self.clients_of(id));
            self.reflect(&nick, Some(&wire_id), &children, readers);
        } else {
            self.publish(now, &nick, wire_id, children);
        }
    }

    /// Tells an occupant that the room does not show what it wrote first.
    pub(super) fn denied(&mut self, id: OccupantId, denial: Denial) {
        let written = self
            .occupants
            .get_mut(&id)
            .and_then(|occupant| occupant.written.pop_front());
        let Some(written) = written else { return };
        let why = match denial {
            Denial::Busy => (Retry::Wait, "resource-constraint"),
            Denial::Unfit => (Retry::Modify, "not-acceptable"),
            Denial::Forbidden => (Retry::Auth, "forbidden"),
        };
        let at = (Stanza::Message, written.id.as_deref());
        let packet = Packet::error(self.room.clone(), written.from, at, why, None);
        self.send(packet);
    }

    fn handle_groupchat(&mut self, now: Instant, from: &Jid, to: &Own, id: OccupantId, stanza: &Element) {
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return;
        };
        let paced = occupant.messages.take(now);
        let (nick, moderator) = (occupant.nick.clone(), occupant.moderator);
        let mut refuse = |retry, condition| {
            self.refuse_stanza((to, from), (Stanza::Message, stanza), (retry, condition));
        };
        if !paced {
            return refuse(Retry::Wait, "resource-constraint");
        }
        let text = body(stanza);
        let Some(children) = kept(stanza).filter(|_| text.len() <= MOST_TEXT) else {
            return refuse(Retry::Modify, "policy-violation");
        };
        let subject = stanza.get_child("subject", COMPONENT).filter(|_| text.is_empty());
        if let Some(subject) = subject {
            if !moderator {
                return refuse(Retry::Auth, "forbidden");
            }
            let subject = xml::bounded(&readable(&subject.text()), 512).to_owned();
            self.history.subject = Some((nick, subject));
            for client in self.audience() {
                self.tell_subject(&client);
            }
            return;
        }
        let wire_id = stanza.attr("id").map(|id| xml::bounded(id, 256).to_owned());
        if command::parse(&text).is_some() {
            // The writer's clients wait for their message; nobody else needs to read it.
            let sender = self.clients_of(id);
            self.reflect(&nick, wire_id.as_deref(), &children, sender);
            return self.handle_command(from, id, &text);
        }
        if let Some(mut invitation) = invites::read(&self.domain, stanza) {
            invitation.hosted = true;
            self.out.push_back(MucOutput::Invited(invitation));
        }
        if text.is_empty() {
            let everybody = self.audience();
            return self.reflect(&nick, wire_id.as_deref(), &children, everybody);
        }
        let text = readable(&text);
        let Some(occupant) = self.occupants.get_mut(&id).filter(|_| !text.is_empty()) else {
            return;
        };
        // The room has the last word: it may be faster here than it is there.
        occupant.written.push_back(Written {
            from: from.clone(),
            id: wire_id,
            children,
            until: now.checked_add(SHOWING),
        });
        self.out.push_back(MucOutput::Said { occupant: id, text });
    }

    fn handle_command(&mut self, from: &Jid, id: OccupantId, text: &str) {
        match command::parse(text) {
            Some(Command::Wish(wish)) => self.wish(id, wish),
            Some(Command::Help) | None => {
                let body = Build::new("body", COMPONENT)
                    .text(command::help(self.options.language))
                    .build();
                let id = self.ids.next();
                let room = self.room.clone();
                self.send(Packet::message(room, from.clone(), "groupchat", Some(&id), vec![body]));
            }
        }
    }

    // XEP-0045 §7.5
    fn handle_private(&mut self, now: Instant, from: &Jid, to: &Own, id: OccupantId, stanza: &Element) {
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return;
        };
        let paced = occupant.messages.take(now);
        let sender = occupant.nick.clone();
        let target = to
            .resource()
            .and_then(|other| self.nicks.get(&nick::key(other)))
            .copied();
        let mut refuse = |retry, condition| {
            self.refuse_stanza((to, from), (Stanza::Message, stanza), (retry, condition));
        };
        if !paced {
            return refuse(Retry::Wait, "resource-constraint");
        }
        let Some(mut children) = kept(stanza).filter(|_| body(stanza).len() <= MOST_TEXT) else {
            return refuse(Retry::Modify, "policy-violation");
        };
        let Some(target) = target else {
            return refuse(Retry::Cancel, "item-not-found");
        };
        let Target::Occupant(target) = target else {
            // A telephone or a browser reads no private messages: say so instead of losing them.
            return refuse(Retry::Cancel, "feature-not-implemented");
        };
        children.push(Build::new("x", MUC_USER).build());
        let place = self.place(&sender);
        for client in self.clients_of(target) {
            let packet = Packet::message(place.clone(), client, "chat", stanza.attr("id"), children.clone());
            self.send(packet);
        }
    }

    // XEP-0045 §18.1.2: a message that cannot be delivered says that its reader is gone.
    fn handle_bounce(&mut self, from: &Jid, stanza: &Element) -> Taken {
        if !self.clients.contains_key(from) {
            return Taken::No;
        }
        let gone = stanza.get_child("error", COMPONENT).is_none_or(|error| {
            error
                .children()
                .any(|condition| condition.has_ns(STANZAS) && GONE.contains(&condition.name()))
        });
        if gone && let Some(leaves) = Packet::presence(self.room.clone(), from.clone(), Some("error"), None, Vec::new())
        {
            let room = self.room.clone();
            // The clock does not matter for leaving.
            return self.handle_presence(self.options.clock.0, from, &room, leaves.stanza());
        }
        Taken::Yes
    }

    fn publish(&mut self, now: Instant, nick: &str, id: Option<String>, children: Vec<Element>) {
        let everybody = self.audience();
        let mut children = children;
        let stanza_id = self.ids.next();
        children.push(
            Build::new("stanza-id", STANZA_ID)
                .attr("by", self.room.to_string())
                .attr("id", &stanza_id)
                .build(),
        );
        let id = id.or(Some(stanza_id));
        self.reflect(nick, id.as_deref(), &children, everybody);
        let octets = children
            .iter_mut()
            .filter_map(xml::tidy)
            .fold(0usize, usize::saturating_add);
        self.history.octets = self.history.octets.saturating_add(octets);
        self.history.lines.push_back(Line {
            nick: nick.to_owned(),
            id,
            children,
            octets,
            at: moment::wall_at(self.options.clock, now),
        });
        while self.history.lines.len() > MOST_LINES || self.history.octets > MOST_HISTORY {
            let Some(line) = self.history.lines.pop_front() else {
                break;
            };
            self.history.octets = self.history.octets.saturating_sub(line.octets);
        }
    }

    fn reflect(&mut self, nick: &str, id: Option<&str>, children: &[Element], to: Vec<Jid>) {
        let place = if nick.is_empty() {
            self.room.clone()
        } else {
            self.place(nick)
        };
        for client in to {
            let packet = Packet::message(place.clone(), client, "groupchat", id, children.to_vec());
            self.send(packet);
        }
    }

    /// Tells a client what was written since its user came in, as much as was asked for, and the subject (XEP-0045 §7.2.13 to
    /// 7.2.15): whoever comes later reads as little of it as at the page.
    pub(super) fn tell_history(&mut self, (now, came): (Instant, Option<Instant>), client: &Jid, wanted: &Wanted) {
        let ago = wanted.seconds.map(Duration::from_secs);
        let wall = moment::wall_at(self.options.clock, now);
        let came = moment::wall_at(self.options.clock, came.unwrap_or(now));
        let since = wanted.since.max(ago.and_then(|ago| wall.checked_sub(ago)));
        let mut chars = wanted.chars.unwrap_or(usize::MAX);
        let mut chosen: Vec<Packet> = Vec::new();
        for line in self
            .history
            .lines
            .iter()
            .rev()
            .take(wanted.stanzas.unwrap_or(MOST_LINES))
        {
            if line.octets > chars || line.at <= came || since.is_some_and(|since| line.at < since) {
                break;
            }
            chars = chars.saturating_sub(line.octets);
            let place = if line.nick.is_empty() {
                self.room.clone()
            } else {
                self.place(&line.nick)
            };
            let mut children = line.children.clone();
            children.push(
                Build::new("delay", DELAY)
                    .attr("from", self.room.to_string())
                    .attr("stamp", moment::stamp(line.at))
                    .build(),
            );
            chosen.extend(Packet::message(
                place,
                client.clone(),
                "groupchat",
                line.id.as_deref(),
                children,
            ));
        }
        for packet in chosen.into_iter().rev() {
            self.send(Some(packet));
        }
        self.tell_subject(client);
    }

    fn tell_subject(&mut self, client: &Jid) {
        let id = self.ids.next();
        let (place, text) = match &self.history.subject {
            Some((nick, subject)) => (self.place(nick), subject.as_str()),
            None => (self.room.clone(), self.options.title.as_str()),
        };
        let subject = Build::new("subject", COMPONENT).text(text).build();
        let packet = Packet::message(place, client.clone(), "groupchat", Some(&id), vec![subject]);
        self.send(packet);
    }

    fn clients_of(&self, id: OccupantId) -> Vec<Jid> {
        let occupant = self.occupants.get(&id).filter(|occupant| occupant.is_in());
        occupant
            .map(|occupant| occupant.sessions.iter().map(|session| session.jid.clone()).collect())
            .unwrap_or_default()
    }
}

/// Conditions of RFC 6120 §8.3.3 that mean that somebody cannot be reached.
const GONE: [&str; 10] = [
    "gone",
    "internal-server-error",
    "item-not-found",
    "jid-malformed",
    "recipient-unavailable",
    "redirect",
    "remote-server-not-found",
    "remote-server-timeout",
    "service-unavailable",
    "undefined-condition",
];

/// Makes text readable everywhere: no control characters but line feeds and tabs, no direction overrides.
pub(super) fn readable(text: &str) -> String {
    let fit = |c: char| match c {
        '\n' | '\t' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => false,
        c => !c.is_control(),
    };
    xml::bounded(text.trim(), MOST_TEXT)
        .chars()
        .filter(|c| fit(*c))
        .collect()
}

fn body_of(children: &[Element]) -> String {
    let body = children.iter().find(|child| child.is("body", COMPONENT));
    body.map(|body| body.text()).unwrap_or_default()
}

/// Returns the text of a message; of several languages the first.
pub(super) fn body(message: &Element) -> String {
    message
        .get_child("body", COMPONENT)
        .map(|body| body.text())
        .unwrap_or_default()
}

/// What would speak for the room, forge a line's time or name, or invite elsewhere past everybody's eyes.
const NOT_PASSED: [&str; 7] = [
    "urn:xmpp:occupant-id:0",
    "jabber:x:delay",
    "jabber:x:conference",
    "http://jabber.org/protocol/nick",
    "urn:xmpp:mam:2",
    "urn:xmpp:forward:0",
    "urn:xmpp:carbons:2",
];

/// Keeps of a message what may be passed on; `None` is a message that is too large.
fn kept(message: &Element) -> Option<Vec<Element>> {
    let ours = |child: &Element| {
        child.has_ns(MUC_USER)
            || child.has_ns(STATE)
            || child.has_ns(DELAY)
            || child.is("stanza-id", STANZA_ID)
            || child.is("addresses", "http://jabber.org/protocol/address")
            || NOT_PASSED.iter().any(|namespace| child.has_ns(*namespace))
    };
    let mut total = 0usize;
    let mut kept = Vec::new();
    for child in message.children().filter(|child| !ours(child)) {
        let mut child = child.clone();
        total = total.saturating_add(xml::tidy(&mut child)?);
        kept.push(child);
    }
    (total <= MOST_MESSAGE).then_some(kept)
}
