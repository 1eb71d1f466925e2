// SPDX-License-Identifier: EUPL-1.2
//! One occupant of ours in a foreign multi-user chat.

use std::time::{Duration, Instant};

use jid::{BareJid, Jid};
use minidom::Element;

use super::occupant::State;
use super::presence;
use super::words::Language;
use super::{MUC, MUC_USER, nick};
use crate::disco;
use crate::own::Own;
use crate::packet::{COMPONENT, Packet, STANZAS};
use crate::xml::Build;

/// How long a chat may take to let somebody in.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long we stay away after a failure that may pass; doubled each time, up to [`LONGEST`].
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);
/// How many other nicknames are tried.
const MOST_NICKS: u32 = 9;

#[derive(Debug)]
pub(super) struct Member {
    pub own: Own,
    pub state: State,
    wanted: String,
    nick: String,
    conflicts: u32,
    failures: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Wants in, from then on.
    Out(Option<Instant>),
    /// Has asked, and waits until then.
    Joining(Option<Instant>),
    In,
    /// Is not wanted.
    Unwanted,
}

/// What a presence meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// It is in.
    In,
    /// It is to be tried again, at [`Member::deadline`].
    Again,
    /// It is out for good, for this reason.
    Out(&'static str),
}

impl Member {
    pub(super) fn new(own: Own, nick: &str, state: State) -> Member {
        Member {
            own,
            state,
            wanted: nick.to_owned(),
            nick: nick.to_owned(),
            conflicts: 0,
            failures: 0,
            stage: Stage::Out(None),
        }
    }

    pub(super) fn is_in(&self) -> bool {
        self.stage == Stage::In
    }

    pub(super) fn is_joining(&self) -> bool {
        matches!(self.stage, Stage::Joining(_))
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Out(at) if at.is_none_or(|at| at <= now))
    }

    pub(super) fn has_nick(&self, other: &str) -> bool {
        matches!(self.stage, Stage::In | Stage::Joining(_)) && nick::key(&self.nick) == nick::key(other)
    }

    pub(super) fn nick(&self) -> &str {
        &self.nick
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Out(at) | Stage::Joining(at) => at,
            Stage::In | Stage::Unwanted => None,
        }
    }

    pub(super) fn place(&self, room: &BareJid) -> Option<Jid> {
        Some(Jid::from(room.with_resource_str(&self.nick).ok()?))
    }

    /// Asks to be let in (XEP-0045 §7.2), without history.
    pub(super) fn join(
        &mut self,
        now: Instant,
        room: &BareJid,
        password: Option<&str>,
        language: Language,
    ) -> Option<Packet> {
        self.stage = Stage::Joining(now.checked_add(PATIENCE));
        let password = password.map(|password| Build::new("password", MUC).text(password).build());
        let history = Build::new("history", MUC).attr("maxstanzas", "0");
        let join = Build::new("x", MUC).child(history).children(password).build();
        self.presence(room, language, Some(join))
    }

    pub(super) fn presence(&self, room: &BareJid, language: Language, join: Option<Element>) -> Option<Packet> {
        let mut children: Vec<Element> = join.into_iter().collect();
        children.extend(presence::own(self.state, language));
        children.extend(disco::capabilities());
        Packet::presence(self.own.clone(), self.place(room)?, None, None, children)
    }

    pub(super) fn leave(self, room: &BareJid) -> Option<Packet> {
        match self.stage {
            Stage::In | Stage::Joining(_) => Packet::presence(
                self.own.clone(),
                self.place(room)?,
                Some("unavailable"),
                None,
                Vec::new(),
            ),
            Stage::Out(_) | Stage::Unwanted => None,
        }
    }

    /// Is out through no fault of its own, and comes back after `pause`.
    pub(super) fn lose(&mut self, now: Instant, pause: Duration) {
        if self.stage != Stage::Unwanted {
            self.stage = Stage::Out(now.checked_add(pause));
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Joining(until) if until.is_none_or(|until| until <= now)) {
            self.pause(now);
        }
    }

    /// Takes a presence that the chat sent to this occupant, from whoever has the nickname `resource`.
    pub(super) fn hear(&mut self, now: Instant, resource: &str, stanza: &Element) -> Step {
        let x = stanza.get_child("x", MUC_USER);
        let has = |code: &str| {
            x.is_some_and(|x| {
                x.children()
                    .any(|child| child.name() == "status" && child.attr("code") == Some(code))
            })
        };
        let own = has("110") || nick::key(resource) == nick::key(&self.nick);
        match stanza.attr("type") {
            Some("error") if self.is_joining() => self.refused(now, stanza),
            None if own && self.is_joining() => {
                resource.clone_into(&mut self.nick);
                (self.stage, self.failures) = (Stage::In, 0);
                Step::In
            }
            Some("unavailable") if own && self.is_in() => {
                if has("303") {
                    // The chat gives us another nickname.
                    let new = x
                        .and_then(|x| x.get_child("item", MUC_USER))
                        .and_then(|item| item.attr("nick"));
                    if let Some(new) = new {
                        new.clone_into(&mut self.nick);
                    }
                    return Step::Nothing;
                }
                let removed = [
                    ("301", "banned"),
                    ("307", "kicked"),
                    ("321", "not a member any more"),
                    ("322", "members only"),
                ];
                let destroyed = x.is_some_and(|x| x.has_child("destroy", MUC_USER));
                // XEP-0045 §15.6.2: 333 beside 307 says that it was a fault of the network.
                let word = removed
                    .iter()
                    .find(|(code, _)| has(code))
                    .map(|(_, word)| *word)
                    .filter(|_| !has("333"));
                match word.or(destroyed.then_some("the chat was destroyed")) {
                    Some(word) => {
                        self.stage = Stage::Unwanted;
                        Step::Out(word)
                    }
                    None => {
                        self.pause(now);
                        Step::Again
                    }
                }
            }
            _ => Step::Nothing,
        }
    }

    fn refused(&mut self, now: Instant, stanza: &Element) -> Step {
        let condition = stanza
            .get_child("error", COMPONENT)
            .and_then(|error| error.children().find(|child| child.has_ns(STANZAS)))
            .map(|condition| condition.name().to_owned());
        let word = match condition.as_deref() {
            Some("conflict" | "not-acceptable" | "jid-malformed") if self.conflicts < MOST_NICKS => {
                self.conflicts = self.conflicts.saturating_add(1);
                self.nick = nick::numbered(&self.wanted, u64::from(self.conflicts.saturating_add(1)));
                self.stage = Stage::Out(Some(now));
                return Step::Again;
            }
            Some("conflict" | "not-acceptable" | "jid-malformed") => "no nickname was free",
            Some("not-authorized") => "the password is wrong",
            Some("forbidden") => "banned",
            Some("registration-required") => "members only",
            Some("item-not-found") => "there is no such chat",
            Some("not-allowed") => "the chat may not be created",
            _ => {
                self.pause(now);
                return Step::Again;
            }
        };
        self.stage = Stage::Unwanted;
        Step::Out(word)
    }

    fn pause(&mut self, now: Instant) {
        let pause = PAUSE.saturating_mul(1u32 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.stage = Stage::Out(now.checked_add(pause));
    }
}
