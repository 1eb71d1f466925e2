// SPDX-License-Identifier: EUPL-1.2
//! Joining, changing, leaving.

use std::time::Instant;

use jid::Jid;
use minidom::Element;

use super::host::{Muc, target_is};
use super::occupant::{MOST_SESSIONS, Occupant, PATIENCE, Session, Shown, State, Wanted};
use super::presence::{self, Seen};
use super::words::{MucOutput, OccupantId, Refusal, Removal, Target};
use super::{MUC, moment, nick};
use crate::calls::Taken;
use crate::disco::RESOURCE;
use crate::own::Own;
use crate::packet::{Packet, Retry, Stanza};
use crate::view::Person;

/// Most nicknames of one user.
const MOST_OF_A_USER: usize = 4;
/// Most users that are kept out for good, in a room.
const MOST_BANNED: usize = 200;

impl Muc {
    pub(super) fn handle_presence(&mut self, now: Instant, from: &Jid, to: &Own, stanza: &Element) -> Taken {
        let known = self.clients.get(from).copied();
        let joins = stanza.get_child("x", MUC);
        match (stanza.attr("type"), known, joins) {
            (None, Some(id), None) => self.change(now, from, to, id, stanza),
            // XEP-0045 §7.2: a client that joins again has lost what it knew, and gets everything once more.
            (None, _, Some(join)) => self.join(now, from, to, stanza, join),
            (Some("unavailable"), Some(id), _) => self.leave(from, id, &[]),
            // XEP-0045 §18.1.2: whoever cannot be reached is not there.
            (Some("error"), Some(id), _) => self.leave(from, id, &["333"]),
            (Some("unavailable"), None, _) => return taken(to.resource().is_some_and(|r| !nick::is_reserved(r))),
            _ => return Taken::No,
        }
        Taken::Yes
    }

    fn join(&mut self, now: Instant, from: &Jid, to: &Own, stanza: &Element, join: &Element) {
        let refuse = |muc: &mut Muc, retry, condition| {
            muc.refuse_stanza((to, from), (Stanza::Presence, stanza), (retry, condition));
        };
        let Some(wished) = to.resource() else {
            // XEP-0045 §7.2.2: "the service MUST return a <jid-malformed/>"
            return refuse(self, Retry::Modify, "jid-malformed");
        };
        if from.resource().is_none() {
            return refuse(self, Retry::Modify, "jid-malformed");
        }
        if self.banned.contains(&from.to_bare()) {
            return refuse(self, Retry::Auth, "forbidden");
        }
        let Some(asked) = self.nick_of(from, wished) else {
            return refuse(self, Retry::Cancel, "not-acceptable");
        };
        let session = Session {
            jid: from.clone(),
            presence: presence::kept(stanza),
            wanted: wanted(join),
            id: stanza.attr("id").map(str::to_owned),
            renamed: asked != wished,
        };
        if let Some(id) = self.clients.get(from).copied() {
            return self.join_again(now, id, session, &asked, (to, stanza));
        }
        match self.nicks.get(&nick::key(&asked)).copied() {
            Some(Target::Occupant(id)) => {
                let same = self.occupants.get_mut(&id).filter(|occupant| occupant.is_user(from));
                let Some(occupant) = same.filter(|occupant| occupant.sessions.len() < MOST_SESSIONS) else {
                    return refuse(self, Retry::Cancel, "conflict");
                };
                // Another client of the same user, which needs no PIN: the user is in.
                occupant.sessions.push(session);
                let inside = occupant.is_in();
                self.clients.insert(from.clone(), id);
                if inside {
                    self.welcome(now, id, from);
                }
                return;
            }
            Some(Target::Person(_)) => return refuse(self, Retry::Cancel, "conflict"),
            None => {}
        }
        let same = self
            .occupants
            .values()
            .filter(|occupant| occupant.is_user(from))
            .count();
        if same >= MOST_OF_A_USER {
            return refuse(self, Retry::Wait, "resource-constraint");
        }
        if self.occupants.len() >= self.options.most_occupants {
            return refuse(self, Retry::Wait, "service-unavailable");
        }
        let id = self.next_id();
        let password = join
            .get_child("password", MUC)
            .map(|password| password.text())
            .filter(|password| !password.is_empty() && password.len() <= 64);
        self.nicks.insert(nick::key(&asked), Target::Occupant(id));
        self.clients.insert(from.clone(), id);
        self.occupants
            .insert(id, Occupant::new(id, asked.clone(), session, now));
        self.out.push_back(MucOutput::Entering {
            occupant: id,
            jid: from.clone(),
            nick: asked,
            password,
        });
    }

    fn join_again(&mut self, now: Instant, id: OccupantId, session: Session, asked: &str, at: (&Own, &Element)) {
        let client = session.jid.clone();
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return;
        };
        if !occupant.presences.take(now) {
            return;
        }
        let renames = nick::key(asked) != nick::key(&occupant.nick);
        let inside = occupant.is_in();
        if let Some(old) = occupant.session_mut(&client) {
            *old = session;
        }
        if renames {
            return self.refuse_stanza(
                (at.0, &client),
                (Stanza::Presence, at.1),
                (Retry::Cancel, "not-acceptable"),
            );
        }
        if inside {
            self.welcome(now, id, &client);
        }
    }

    /// Lets somebody in whom the meeting has admitted.
    pub(super) fn admit(&mut self, now: Instant, id: OccupantId) {
        let Some(occupant) = self.occupants.get_mut(&id).filter(|occupant| !occupant.is_in()) else {
            return;
        };
        occupant.pending = None;
        occupant.since = Some(occupant.since.unwrap_or(now));
        let clients: Vec<Jid> = occupant.sessions.iter().map(|session| session.jid.clone()).collect();
        let newcomer = Target::Occupant(id);
        let (closed, open) = (
            self.children_of(newcomer, false, &[]),
            self.children_of(newcomer, true, &[]),
        );
        if let (Some((nick, closed)), Some((_, open))) = (closed, open) {
            let place = self.place(&nick);
            for (client, sees) in self.readers() {
                if !target_is(self.clients.get(&client), newcomer) {
                    let children = if sees { open.clone() } else { closed.clone() };
                    self.send(Packet::presence(place.clone(), client, None, None, children));
                }
            }
        }
        for client in clients {
            self.welcome(now, id, &client);
        }
    }

    /// Tells one client everything: who is there, itself last, then history and subject (XEP-0045 §7.2).
    fn welcome(&mut self, now: Instant, id: OccupantId, client: &Jid) {
        let Some(occupant) = self.occupants.get(&id) else {
            return;
        };
        let Some(session) = occupant.session(client) else {
            return;
        };
        let mut codes = vec!["110"];
        if self.options.open_addresses {
            codes.push("100");
        }
        if session.renamed {
            codes.push("210");
        }
        let (join_id, wanted) = (session.id.clone(), session.wanted.clone());
        let (since, sees) = (occupant.since, self.sees(id));
        if self.options.bridge {
            let packet = Packet::presence(self.place(RESOURCE), client.clone(), None, None, self.bridge_children());
            self.send(packet);
        }
        let people = self.people.keys().map(|person| Target::Person(*person));
        let inside = self.occupants.values().filter(|other| other.is_in() && other.id != id);
        let others: Vec<Target> = people.chain(inside.map(|other| Target::Occupant(other.id))).collect();
        for other in others {
            if let Some((nick, children)) = self.children_of(other, sees, &[]) {
                let packet = Packet::presence(self.place(&nick), client.clone(), None, None, children);
                self.send(packet);
            }
        }
        if let Some((nick, children)) = self.children_of(Target::Occupant(id), true, &codes) {
            let packet = Packet::presence(self.place(&nick), client.clone(), None, join_id.as_deref(), children);
            self.send(packet);
        }
        self.tell_history((now, since), client, &wanted);
    }

    /// Tells somebody who waits that they may not come in.
    pub(super) fn refuse(&mut self, id: OccupantId, refusal: Refusal) {
        if self.occupants.get(&id).is_none_or(Occupant::is_in) {
            return;
        }
        let Some(occupant) = self.forget(id) else { return };
        let (retry, condition) = match refusal {
            Refusal::Password => (Retry::Auth, "not-authorized"),
            Refusal::Forbidden => (Retry::Auth, "forbidden"),
            Refusal::NoSuchRoom => (Retry::Cancel, "item-not-found"),
            Refusal::Full => (Retry::Wait, "service-unavailable"),
            Refusal::Busy => (Retry::Wait, "resource-constraint"),
        };
        let place = self.place(&occupant.nick);
        for session in occupant.sessions {
            let at = (Stanza::Presence, session.id.as_deref());
            self.send(Packet::error(place.clone(), session.jid, at, (retry, condition), None));
        }
    }

    fn change(&mut self, now: Instant, from: &Jid, to: &Own, id: OccupantId, stanza: &Element) {
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return;
        };
        if !occupant.presences.take(now) {
            return;
        }
        let inside = occupant.is_in();
        let old = occupant.nick.clone();
        if let Some(session) = occupant.session_mut(from) {
            session.presence = presence::kept(stanza);
        }
        let renames = to
            .resource()
            .is_some_and(|asked| asked != old && !nick::is_reserved(asked));
        match to.resource() {
            // XEP-0045 §7.6: nicknames are locked down, for the room knows its people by name.
            Some(_) if renames && inside => {
                self.refuse_stanza(
                    (to, from),
                    (Stanza::Presence, stanza),
                    (Retry::Cancel, "not-acceptable"),
                );
            }
            _ if inside => self.announce(Target::Occupant(id)),
            _ => {}
        }
    }

    /// Gives somebody another nickname and tells everybody (XEP-0045 §7.6).
    fn take_nick(&mut self, target: Target, asked: &str) {
        let old = match target {
            Target::Occupant(id) => self
                .occupants
                .get_mut(&id)
                .map(|o| std::mem::replace(&mut o.nick, asked.to_owned())),
            Target::Person(id) => self
                .people
                .get_mut(&id)
                .map(|p| std::mem::replace(&mut p.nick, asked.to_owned())),
        };
        let Some(old) = old else { return };
        self.nicks.remove(&nick::key(&old));
        self.nicks.insert(nick::key(asked), target);
        self.tell_gone(target, &old, Some(asked), &["303"]);
        self.announce(target);
    }

    fn leave(&mut self, from: &Jid, id: OccupantId, codes: &[&'static str]) {
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return;
        };
        let (inside, nick) = (occupant.is_in(), occupant.nick.clone());
        if occupant.sessions.len() > 1 {
            occupant.sessions.retain(|session| session.jid != *from);
            self.clients.remove(from);
            if inside {
                self.tell_goodbye(from, Target::Occupant(id), &nick, &["110"]);
                self.announce(Target::Occupant(id));
            }
            return;
        }
        if inside {
            self.tell_gone(Target::Occupant(id), &nick, None, codes);
        }
        self.forget(id);
        self.out.push_back(MucOutput::Left(id));
    }

    /// Puts somebody out.
    pub(super) fn put_out(&mut self, id: OccupantId, removal: Removal) {
        let Some(occupant) = self.occupants.get(&id) else {
            return;
        };
        let nick = occupant.nick.clone();
        let codes: &[&'static str] = match removal {
            Removal::Kicked => &["307"],
            Removal::Banned => &["301"],
            Removal::Ended => &["332"],
        };
        if occupant.is_in() {
            self.tell_gone(Target::Occupant(id), &nick, None, codes);
            self.forget(id);
        } else {
            self.refuse(id, Refusal::Full);
        }
        self.out.push_back(MucOutput::Left(id));
    }

    /// Keeps a user out from now on.
    pub(super) fn ban(&mut self, id: OccupantId) {
        let user = self
            .occupants
            .get(&id)
            .and_then(|o| o.sessions.first())
            .map(|session| session.jid.to_bare());
        if let Some(user) = user.filter(|_| self.banned.len() < MOST_BANNED) {
            self.banned.insert(user);
        }
    }

    /// Shows a person of the room, or what has changed about them.
    pub(super) fn show(&mut self, person: &Person, state: State) {
        let target = Target::Person(person.id);
        if let Some(shown) = self.people.get_mut(&person.id) {
            let changed = (shown.state, shown.moderator) != (state, person.moderator);
            (shown.state, shown.moderator) = (state, person.moderator);
            let renamed = shown.name != person.name;
            if renamed {
                shown.name.clone_from(&person.name);
                let nick = self.nick_for(person);
                self.take_nick(target, &nick);
            } else if changed {
                self.announce(target);
            }
            return;
        }
        if self.people.len() >= self.options.most_shown {
            return;
        }
        let nick = self.nick_for(person);
        self.nicks.insert(nick::key(&nick), target);
        self.people.insert(
            person.id,
            Shown {
                nick,
                name: person.name.clone(),
                moderator: person.moderator,
                state,
            },
        );
        self.announce(target);
    }

    /// Shows no longer a person who left the room.
    pub(super) fn hide(&mut self, id: u64) {
        let Some(nick) = self.people.get(&id).map(|shown| shown.nick.clone()) else {
            return;
        };
        self.tell_gone(Target::Person(id), &nick, None, &[]);
        self.people.remove(&id);
        self.nicks.remove(&nick::key(&nick));
    }

    /// Gives the nickname that a client gets: its wish, or the part of its address before the `@`.
    fn nick_of(&self, from: &Jid, wished: &str) -> Option<String> {
        if self.options.free_nicks {
            return nick::of_client(wished);
        }
        let own = |occupant: &Occupant| occupant.is_user(from);
        if let Some(occupant) = self.occupants.values().find(|occupant| own(occupant)) {
            return Some(occupant.nick.clone());
        }
        let nick = nick::of_client(&crate::escape::unescape(from.node()?.as_str()))?;
        Some(nick::unlike(&nick, |nick| self.is_taken(nick)))
    }

    fn nick_for(&self, person: &Person) -> String {
        let nick = nick::of_name(&person.name, &format!("{}-{}", person.kind.as_str(), person.id));
        let mine = |nick: &str| self.nicks.get(&nick::key(nick)) == Some(&Target::Person(person.id));
        nick::unlike(&nick, |nick| self.is_taken(nick) && !mine(nick))
    }

    /// Tells everybody that somebody is no longer under this nickname.
    fn tell_gone(&mut self, target: Target, nick: &str, new_nick: Option<&str>, codes: &[&'static str]) {
        let place = self.place(nick);
        for (client, sees) in self.readers() {
            let myself = target_is(self.clients.get(&client), target);
            let mut codes = codes.to_vec();
            if myself {
                codes.push("110");
            }
            let children = self.gone_children(target, sees || myself, new_nick, &codes);
            self.send(Packet::presence(
                place.clone(),
                client,
                Some("unavailable"),
                None,
                children,
            ));
        }
    }

    /// Takes somebody out of everybody's sight who may be back at once.
    pub(super) fn suspend(&mut self, now: Instant, id: OccupantId) {
        let Some(occupant) = self.occupants.get_mut(&id).filter(|occupant| occupant.is_in()) else {
            return;
        };
        occupant.pending = now.checked_add(PATIENCE);
        occupant.written.clear();
        let nick = occupant.nick.clone();
        // It reads no more by now: the others alone are told.
        self.tell_gone(Target::Occupant(id), &nick, None, &[]);
    }

    fn tell_goodbye(&mut self, client: &Jid, target: Target, nick: &str, codes: &[&'static str]) {
        let children = self.gone_children(target, true, None, codes);
        let packet = Packet::presence(self.place(nick), client.clone(), Some("unavailable"), None, children);
        self.send(packet);
    }

    fn gone_children(
        &self,
        target: Target,
        open: bool,
        new_nick: Option<&str>,
        codes: &[&'static str],
    ) -> Vec<Element> {
        let person = match target {
            Target::Person(id) => self.person_jid(id),
            Target::Occupant(_) => None,
        };
        let (jid, moderator) = match target {
            Target::Person(id) => (
                person.as_ref().map(Own::jid),
                self.people.get(&id).is_some_and(|shown| shown.moderator),
            ),
            Target::Occupant(id) => {
                let occupant = self.occupants.get(&id);
                let first = occupant.and_then(|occupant| occupant.sessions.first());
                (
                    first.map(|session| &session.jid),
                    occupant.is_some_and(|occupant| occupant.moderator),
                )
            }
        };
        let seen = Seen {
            jid,
            moderator,
            state: State::default(),
            own: &[],
        };
        presence::unavailable(&seen, open, new_nick, codes)
    }

    fn forget(&mut self, id: OccupantId) -> Option<Occupant> {
        let occupant = self.occupants.remove(&id)?;
        for session in &occupant.sessions {
            self.clients.remove(&session.jid);
        }
        self.nicks.remove(&nick::key(&occupant.nick));
        Some(occupant)
    }
}

fn taken(yes: bool) -> Taken {
    if yes { Taken::Yes } else { Taken::No }
}

fn wanted(join: &Element) -> Wanted {
    let Some(history) = join.get_child("history", MUC) else {
        return Wanted::default();
    };
    Wanted {
        stanzas: history.attr("maxstanzas").and_then(|text| text.parse().ok()),
        chars: history.attr("maxchars").and_then(|text| text.parse().ok()),
        seconds: history.attr("seconds").and_then(|text| text.parse().ok()),
        since: history.attr("since").and_then(moment::read),
    }
}
