// SPDX-License-Identifier: EUPL-1.2
//! A group call held in a multi-user chat (XEP-0272), in which the room is one participant for all its people.
//!
//! ```text
//! invites::Invitation ── Muji::new ──▶ join, "preparing" ──▶ "audio" ──▶ Call(those who were there)
//!                                                                   └──▶ Expect(those who come)
//! ```
//! [`Muji`] says whom to call and whose calls to take; the calls themselves are [`crate::calls::Calls`]'s, which names the
//! group call in them.
//!
//! Not implemented: pictures, starting a group call of our own, agreement on codecs beyond Opus (§5).

/// Stanzas of a group call.
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use jid::{BareJid, Jid};
use minidom::Element;

use self::wire::{Standing, standing};
use crate::calls::Taken;
use crate::invites::{self, Dialect, Invitation, Reply};
use crate::muc::{MUC_USER, nick};
use crate::own::{Domain, Own};
use crate::packet::{COMPONENT, Packet, STANZAS, Stanza};

/// Settings of a group call.
#[derive(Clone, Debug)]
pub struct MujiOptions {
    /// Our domain.
    pub domain: Domain,
    /// Our address in the call, with resource: the one that was invited.
    pub own: Own,
    /// What we are called there.
    pub nick: String,
    /// Who we are in a call with already: the call goes on as it is, and they are not called.
    pub connected: Vec<Jid>,
}

/// What happens to a group call.
#[derive(Debug)]
pub enum MujiInput<'a> {
    /// A stanza came that is addressed to our domain.
    Stanza(&'a Element),
    /// The stream to our server is back: we have to join again.
    StreamUp,
    /// The room is to leave the call.
    Leave,
    /// The deadline has passed.
    Timeout,
}

/// What a group call wants.
#[derive(Debug, PartialEq)]
pub enum MujiOutput {
    /// Send this.
    Send(Packet),
    /// Call this participant: sound, content `audio`.
    Call(Jid),
    /// Take this participant's call.
    Expect(Jid),
    /// This participant has left: its call is over.
    Gone(Jid),
    /// We are out; nothing follows. The word is for operators.
    Over(&'static str),
}

/// One group call that we take part in.
#[derive(Debug)]
pub struct Muji {
    options: MujiOptions,
    room: BareJid,
    dialect: Dialect,
    invitation: Option<Invitation>,
    nick: String,
    conflicts: u64,
    stage: Stage,
    /// By nickname.
    peers: BTreeMap<String, Peer>,
    /// Nobody is there until then: then we leave.
    alone: Option<Instant>,
    out: VecDeque<MujiOutput>,
}

#[derive(Debug)]
struct Peer {
    jid: Jid,
    standing: Standing,
    /// Whether a call is wanted or exists.
    told: bool,
    /// Whether it has been seen since we joined last.
    seen: bool,
}

#[derive(Debug, PartialEq)]
enum Stage {
    /// Not asked yet, or refused; asks (again) at that time.
    Out {
        at: Instant,
        tries: u32,
    },
    Joining {
        until: Option<Instant>,
        tries: u32,
    },
    /// Waits until these have prepared (XEP-0272 §3), or until then.
    Preparing {
        until: Option<Instant>,
        others: BTreeSet<String>,
    },
    Ready,
    Over,
}

/// Most participants of a group call.
const MOST_PEERS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(15);
/// How long others may prepare.
const PREPARING: Duration = Duration::from_secs(10);
/// How long we stay alone.
const ALONE: Duration = Duration::from_secs(30);
const MOST_TRIES: u32 = 4;

impl Muji {
    /// Follows an invitation; joins with the first [`MujiInput::Timeout`], which is due at once.
    pub fn new(now: Instant, options: MujiOptions, invitation: Invitation) -> Muji {
        Muji {
            room: invitation.room.clone(),
            dialect: invitation.dialect,
            nick: nick::of_name(&options.nick, "Conference"),
            options,
            invitation: Some(invitation),
            conflicts: 0,
            stage: Stage::Out { at: now, tries: 0 },
            peers: BTreeMap::new(),
            alone: None,
            out: VecDeque::new(),
        }
    }

    /// Returns the chat in which the call is held.
    pub fn room(&self) -> &BareJid {
        &self.room
    }

    /// Tells whether a call from `peer` belongs to this group call.
    pub fn expects(&self, peer: &Jid) -> bool {
        let takes_part = |other: &Peer| other.jid == *peer && other.standing != Standing::Bystander;
        self.stage != Stage::Over && self.peers.values().any(takes_part)
    }

    /// Lists the members that take part, or prepare to.
    pub fn members(&self) -> impl Iterator<Item = &Jid> {
        let takes_part = |peer: &&Peer| peer.standing != Standing::Bystander;
        self.peers.values().filter(takes_part).map(|peer| &peer.jid)
    }

    /// Returns the namespace in which the inviter writes group calls.
    pub fn namespace(&self) -> &'static str {
        self.dialect.muji
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: MujiInput<'_>) -> Taken {
        match input {
            MujiInput::Stanza(stanza) => return self.handle_stanza(now, stanza),
            _ if self.stage == Stage::Over => {}
            MujiInput::StreamUp => {
                for peer in self.peers.values_mut() {
                    peer.seen = false;
                }
                self.join(now, 0);
            }
            MujiInput::Leave => self.leave("left"),
            MujiInput::Timeout => self.handle_timeout(now),
        }
        Taken::Yes
    }

    /// Returns what is to be done next.
    pub fn poll(&mut self) -> Option<MujiOutput> {
        self.out.pop_front()
    }

    /// Says when [`MujiInput::Timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let stage = match &self.stage {
            Stage::Out { at, .. } => Some(*at),
            Stage::Joining { until, .. } | Stage::Preparing { until, .. } => *until,
            Stage::Ready => None,
            Stage::Over => return None,
        };
        stage.into_iter().chain(self.alone).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        match &self.stage {
            Stage::Out { at, tries } if *at <= now => {
                let tries = *tries;
                self.accept();
                self.join(now, tries);
            }
            Stage::Joining {
                until: Some(until),
                tries,
            } if *until <= now => {
                let tries = *tries;
                self.try_again(now, tries, "the chat does not answer");
            }
            Stage::Preparing { until: Some(until), .. } if *until <= now => self.be_ready(now),
            _ => {}
        }
        if self.alone.is_some_and(|until| until <= now) && self.stage != Stage::Over {
            self.leave("nobody is there");
        }
    }

    // COMPAT(dino 0.4): whoever turned a call with us into a group call would call us once more if we accepted.
    fn accept(&mut self) {
        let Some(invitation) = self.invitation.as_ref().filter(|_| self.conflicts == 0) else {
            return;
        };
        let connected = self.options.connected.contains(&invitation.from);
        if connected || invitation.hosted {
            return;
        }
        let id = format!("{}-accept", invitation.id);
        let packet = invites::reply(self.options.own.clone(), invitation, &Reply::Accept, &id);
        self.send(packet);
    }

    fn join(&mut self, now: Instant, tries: u32) {
        self.stage = Stage::Joining {
            until: now.checked_add(PATIENCE),
            tries: tries.saturating_add(1),
        };
        let packet = wire::join(&self.options.own, &self.room, &self.nick, self.dialect.muji);
        self.send(packet);
    }

    fn handle_stanza(&mut self, now: Instant, stanza: &Element) -> Taken {
        let from = stanza.attr("from").and_then(|from| Jid::new(from).ok());
        let to = self.options.domain.addressed(stanza.attr("to"));
        let (Some(kind), Some(from)) = (Stanza::of(stanza), from) else {
            return Taken::No;
        };
        if kind == Stanza::Message && self.handle_retract(&from, stanza) {
            return Taken::Yes;
        }
        if from.to_bare() != self.room || to.as_ref() != Some(&self.options.own) || kind == Stanza::Iq {
            return Taken::No;
        }
        if kind == Stanza::Presence && self.stage != Stage::Over {
            let resource = from.resource().map(|resource| resource.to_string()).unwrap_or_default();
            self.handle_presence(now, &resource, stanza);
        }
        Taken::Yes
    }

    fn handle_retract(&mut self, from: &Jid, stanza: &Element) -> bool {
        let Some((Reply::Retract, id)) = invites::read_reply(stanza) else {
            return false;
        };
        let ours = self
            .invitation
            .as_ref()
            .is_some_and(|invitation| invitation.id == id && invitation.from.to_bare() == from.to_bare());
        let waits = self.peers.values().all(|peer| !peer.told);
        if ours && waits && self.stage != Stage::Over {
            self.leave("the invitation was withdrawn");
        }
        ours
    }

    fn handle_presence(&mut self, now: Instant, resource: &str, stanza: &Element) {
        let x = stanza.get_child("x", MUC_USER);
        let itself = x.is_some_and(|x| x.children().any(|child| child.attr("code") == Some("110")));
        let own = itself || nick::key(resource) == nick::key(&self.nick);
        match (stanza.attr("type"), own) {
            (Some("error"), _) => self.handle_refusal(now, stanza),
            (Some("unavailable"), true) => {
                if matches!(self.stage, Stage::Preparing { .. } | Stage::Ready) {
                    self.end("put out");
                }
            }
            (Some("unavailable"), false) => self.forget(now, resource),
            (None, true) => self.arrive(now, resource),
            (None, false) => {
                let jid = x
                    .and_then(|x| x.get_child("item", MUC_USER))
                    .and_then(|item| Jid::new(item.attr("jid")?).ok());
                if let Some(jid) = jid.filter(|jid| jid.resource().is_some() && self.options.domain.own(jid).is_none())
                {
                    self.learn(now, resource, jid, standing(stanza));
                }
            }
            _ => {}
        }
    }

    /// Learns that we are in: all who were there before have been told by now (XEP-0045 §7.2.2).
    fn arrive(&mut self, now: Instant, resource: &str) {
        if !matches!(self.stage, Stage::Joining { .. }) {
            return;
        }
        resource.clone_into(&mut self.nick);
        let lost: Vec<String> = self
            .peers
            .iter()
            .filter(|(_, peer)| !peer.seen)
            .map(|(nick, _)| nick.clone())
            .collect();
        for nick in lost {
            self.forget(now, &nick);
        }
        let prepares = |(nick, peer): (&String, &Peer)| (peer.standing == Standing::Preparing).then(|| nick.clone());
        self.stage = Stage::Preparing {
            until: now.checked_add(PREPARING),
            others: self.peers.iter().filter_map(prepares).collect(),
        };
        self.prepare(now);
    }

    fn learn(&mut self, now: Instant, resource: &str, jid: Jid, standing: Standing) {
        let known = self
            .peers
            .get(resource)
            .is_some_and(|peer| peer.told && peer.jid == jid);
        if self.peers.len() >= MOST_PEERS && !self.peers.contains_key(resource) {
            return;
        }
        let ready = self.stage == Stage::Ready;
        let told = known || (ready && standing == Standing::Ready);
        // Newcomers call those who are there.
        if told && !known && !self.options.connected.contains(&jid) {
            self.out.push_back(MujiOutput::Expect(jid.clone()));
        }
        self.peers.insert(
            resource.to_owned(),
            Peer {
                jid,
                standing,
                told,
                seen: true,
            },
        );
        if let Stage::Preparing { others, .. } = &mut self.stage {
            if standing != Standing::Preparing {
                others.remove(resource);
            }
            self.prepare(now);
        }
        self.count(now);
    }

    fn forget(&mut self, now: Instant, resource: &str) {
        if let Some(peer) = self.peers.remove(resource).filter(|peer| peer.told) {
            self.out.push_back(MujiOutput::Gone(peer.jid));
        }
        if let Stage::Preparing { others, .. } = &mut self.stage {
            others.remove(resource);
            self.prepare(now);
        }
        self.count(now);
    }

    fn prepare(&mut self, now: Instant) {
        if matches!(&self.stage, Stage::Preparing { others, .. } if others.is_empty()) {
            self.be_ready(now);
        }
    }

    fn be_ready(&mut self, now: Instant) {
        self.stage = Stage::Ready;
        let packet = wire::ready(&self.options.own, &self.room, &self.nick, self.dialect.muji);
        self.send(packet);
        for peer in self
            .peers
            .values_mut()
            .filter(|peer| peer.standing == Standing::Ready && !peer.told)
        {
            peer.told = true;
            if !self.options.connected.contains(&peer.jid) {
                self.out.push_back(MujiOutput::Call(peer.jid.clone()));
            }
        }
        self.count(now);
    }

    /// Notes whether we are alone.
    fn count(&mut self, now: Instant) {
        let company = self.peers.values().any(|peer| peer.standing != Standing::Bystander);
        let inside = matches!(self.stage, Stage::Ready | Stage::Preparing { .. });
        self.alone = match (inside && !company, self.alone) {
            (false, _) => None,
            (true, Some(until)) => Some(until),
            (true, None) => now.checked_add(ALONE),
        };
    }

    fn handle_refusal(&mut self, now: Instant, stanza: &Element) {
        let Stage::Joining { tries, .. } = self.stage else {
            return;
        };
        let condition = stanza
            .get_child("error", COMPONENT)
            .and_then(|error| error.children().find(|child| child.has_ns(STANZAS)))
            .map(|condition| condition.name().to_owned());
        match condition.as_deref() {
            Some("conflict") if self.conflicts < 9 => {
                self.conflicts = self.conflicts.saturating_add(1);
                self.nick = nick::numbered(&self.options.nick, self.conflicts.saturating_add(1));
                self.join(now, tries.saturating_sub(1));
            }
            Some("not-authorized") => self.end("the chat wants a password"),
            // The inviter makes us a member, and may still be at it.
            Some("registration-required" | "forbidden") => self.try_again(now, tries, "not a member"),
            _ => self.try_again(now, tries, "the chat does not let us in"),
        }
    }

    fn try_again(&mut self, now: Instant, tries: u32, word: &'static str) {
        match now.checked_add(Duration::from_secs(1).saturating_mul(tries.max(1))) {
            Some(at) if tries < MOST_TRIES => self.stage = Stage::Out { at, tries },
            _ => self.end(word),
        }
    }

    fn leave(&mut self, word: &'static str) {
        if !matches!(self.stage, Stage::Out { .. }) {
            let packet = wire::leave(&self.options.own, &self.room, &self.nick);
            self.send(packet);
        }
        if let Some(invitation) = self.invitation.as_ref().filter(|invitation| !invitation.hosted) {
            let id = format!("{}-left", invitation.id);
            let packet = invites::reply(self.options.own.clone(), invitation, &Reply::Left, &id);
            self.send(packet);
        }
        self.end(word);
    }

    fn end(&mut self, word: &'static str) {
        self.stage = Stage::Over;
        for peer in std::mem::take(&mut self.peers).into_values().filter(|peer| peer.told) {
            self.out.push_back(MujiOutput::Gone(peer.jid));
        }
        self.out.push_back(MujiOutput::Over(word));
    }

    fn send(&mut self, packet: Option<Packet>) {
        self.out.extend(packet.map(MujiOutput::Send));
    }
}
