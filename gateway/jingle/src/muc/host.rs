// SPDX-License-Identifier: EUPL-1.2
//! The host as a core: who is in, what happens on input.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use jid::{BareJid, Jid};
use minidom::Element;

use super::chat::History;
use super::ids::Ids;
use super::occupant::{Occupant, Shown, State};
use super::presence::{self, Seen};
use super::words::{Denial, MucInput, MucOptions, MucOutput, OccupantId, Removal, Target, Wish};
use super::{admin, nick};
use crate::calls::Taken;
use crate::disco::{self, RESOURCE};
use crate::own::{Domain, Own};
use crate::packet::{Packet, Retry, Stanza};
use crate::view::View;

/// A multi-user chat at a room's address.
#[derive(Debug)]
pub struct Muc {
    pub(super) domain: Domain,
    pub(super) room: Own,
    pub(super) options: MucOptions,
    pub(super) ids: Ids,
    pub(super) occupants: BTreeMap<OccupantId, Occupant>,
    /// Which occupant a client belongs to.
    pub(super) clients: HashMap<Jid, OccupantId>,
    pub(super) people: BTreeMap<u64, Shown>,
    /// Who has which nickname, in the form in which they are compared.
    pub(super) nicks: HashMap<String, Target>,
    pub(super) banned: BTreeSet<BareJid>,
    pub(super) history: History,
    pub(super) out: VecDeque<MucOutput>,
    last: u64,
}

impl Muc {
    /// Makes the chat of the room whose address is `room` (its resource does not matter); nobody is in it.
    pub fn new(domain: Domain, room: &Own, seed: u64, options: MucOptions) -> Muc {
        Muc {
            domain,
            room: room.bare(),
            options,
            ids: Ids::new(seed),
            occupants: BTreeMap::new(),
            clients: HashMap::new(),
            people: BTreeMap::new(),
            nicks: HashMap::new(),
            banned: BTreeSet::new(),
            history: History::default(),
            out: VecDeque::new(),
            last: 0,
        }
    }

    /// Returns the room's address.
    pub fn room(&self) -> &Own {
        &self.room
    }

    /// Returns the room's title for `asker`, if that is an occupant.
    pub fn title(&self, asker: &Jid) -> Option<&str> {
        self.occupant_of(asker)
            .filter(|occupant| occupant.is_in() && !self.options.title.is_empty())
            .map(|_| self.options.title.as_str())
    }

    /// Tells whether nobody is in over XMPP, nor waits to be.
    pub fn is_empty(&self) -> bool {
        self.occupants.is_empty()
    }

    /// Counts who is in over XMPP.
    pub fn occupants(&self) -> usize {
        self.occupants.values().filter(|occupant| occupant.is_in()).count()
    }

    /// Returns an occupant's nickname.
    pub fn nick(&self, occupant: OccupantId) -> Option<&str> {
        self.occupants.get(&occupant).map(|occupant| occupant.nick.as_str())
    }

    /// Finds the occupant that a client belongs to, by its full address.
    pub fn occupant(&self, client: &Jid) -> Option<OccupantId> {
        self.occupant_of(client)
            .filter(|occupant| occupant.is_in())
            .map(|occupant| occupant.id)
    }

    /// Finds the occupant of a user, by any of the user's addresses.
    pub fn occupant_of_user(&self, user: &Jid) -> Option<OccupantId> {
        self.occupants
            .values()
            .find(|occupant| occupant.is_in() && occupant.is_user(user))
            .map(|occupant| occupant.id)
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: MucInput<'_>) -> Taken {
        match input {
            MucInput::Stanza(stanza) => return self.handle_stanza(now, stanza),
            MucInput::Roster(view) => self.handle_roster(view),
            MucInput::Chat { to, person, name, text } => self.handle_chat(now, to, (person, name), text),
            MucInput::Shown { occupant, text, apart } => self.shown(now, occupant, text, apart),
            MucInput::Denied(id, denial) => self.denied(id, denial),
            MucInput::Suspended(id) => self.suspend(now, id),
            MucInput::Admitted(id) => self.admit(now, id),
            MucInput::Refused(id, refusal) => self.refuse(id, refusal),
            MucInput::Removed(id, removal) => {
                if removal == Removal::Banned {
                    self.ban(id);
                }
                self.put_out(id, removal);
            }
            MucInput::Closed => {
                let all: Vec<OccupantId> = self.occupants.keys().copied().collect();
                for id in all {
                    self.put_out(id, Removal::Ended);
                }
            }
            MucInput::Timeout => self.handle_timeout(now),
        }
        Taken::Yes
    }

    /// Returns what is to be done next.
    pub fn poll(&mut self) -> Option<MucOutput> {
        self.out.pop_front()
    }

    /// Says when [`MucInput::Timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let written = |occupant: &Occupant| occupant.written.front().and_then(|written| written.until);
        let due = |occupant: &Occupant| occupant.pending.into_iter().chain(written(occupant)).min();
        self.occupants.values().filter_map(due).min()
    }

    fn handle_stanza(&mut self, now: Instant, stanza: &Element) -> Taken {
        let addressed = self.domain.addressed(stanza.attr("to"));
        let from = stanza.attr("from").and_then(|from| Jid::new(from).ok());
        let (Some(kind), Some(to), Some(from)) = (Stanza::of(stanza), addressed, from) else {
            return Taken::No;
        };
        // Our own domain speaks to itself only by mistake, or in a circle.
        if to.node() != self.room.node() || self.domain.own(&from).is_some() {
            return Taken::No;
        }
        match kind {
            Stanza::Presence => self.handle_presence(now, &from, &to, stanza),
            Stanza::Message => self.handle_message(now, &from, &to, stanza),
            Stanza::Iq => admin::handle(self, &from, &to, stanza),
        }
    }

    fn handle_roster(&mut self, view: &View) {
        if self.options.title != view.title {
            self.options.title.clone_from(&view.title);
        }
        let mut of_occupants: BTreeMap<OccupantId, (State, bool)> = BTreeMap::new();
        let mut present: BTreeSet<u64> = BTreeSet::new();
        let mut shown = Vec::new();
        for person in &view.people {
            let state = State {
                kind: Some(person.kind),
                muted: person.muted,
                hand: person.hand,
                talks: person.talks,
                away: person.away,
            };
            match person.occupant.filter(|id| self.occupants.contains_key(id)) {
                Some(id) => {
                    let (all, moderator) = of_occupants.entry(id).or_default();
                    all.kind = state.kind;
                    // Of an occupant that is also in a call, the call is what is muted.
                    all.muted = if all.talks { all.muted } else { state.muted };
                    all.talks |= state.talks;
                    all.hand |= state.hand;
                    *moderator |= person.moderator;
                }
                None => {
                    present.insert(person.id);
                    shown.push((person, state));
                }
            }
        }
        let gone: Vec<u64> = self.people.keys().filter(|id| !present.contains(id)).copied().collect();
        for id in gone {
            self.hide(id);
        }
        for (person, state) in shown {
            self.show(person, state);
        }
        for (id, (state, moderator)) in of_occupants {
            if let Some(occupant) = self.occupants.get_mut(&id)
                && (occupant.state, occupant.moderator) != (state, moderator)
            {
                (occupant.state, occupant.moderator) = (state, moderator);
                self.announce(Target::Occupant(id));
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let late: Vec<OccupantId> = self
            .occupants
            .values()
            .filter(|occupant| occupant.pending.is_some_and(|until| until <= now))
            .map(|occupant| occupant.id)
            .collect();
        for id in late {
            self.refuse(id, super::words::Refusal::Busy);
            self.out.push_back(MucOutput::Left(id));
        }
        let lost: Vec<OccupantId> = self
            .occupants
            .values()
            .filter(|occupant| {
                occupant
                    .written
                    .front()
                    .is_some_and(|written| written.until.is_none_or(|until| until <= now))
            })
            .map(|occupant| occupant.id)
            .collect();
        for id in lost {
            self.denied(id, Denial::Busy);
        }
    }

    pub(super) fn occupant_of(&self, client: &Jid) -> Option<&Occupant> {
        self.occupants.get(self.clients.get(client)?)
    }

    pub(super) fn next_id(&mut self) -> OccupantId {
        self.last = self.last.wrapping_add(1);
        OccupantId(self.last)
    }

    pub(super) fn send(&mut self, packet: Option<Packet>) {
        if let Some(packet) = packet {
            self.out.push_back(MucOutput::Send(packet));
        }
    }

    pub(super) fn refuse_stanza(
        &mut self,
        (from, to): (&Own, &Jid),
        (stanza, element): (Stanza, &Element),
        (retry, condition): (Retry, &'static str),
    ) {
        self.send(error(from, to, (stanza, element), (retry, condition)));
    }

    /// Returns the address of whoever has this nickname.
    pub(super) fn place(&self, nick: &str) -> Own {
        // A nickname is prepared before it is given; if that should fail, the room itself speaks.
        self.room.with_resource(nick).unwrap_or_else(|| self.room.clone())
    }

    /// Lists the clients of all who are in.
    pub(super) fn audience(&self) -> Vec<Jid> {
        self.readers().into_iter().map(|(client, _)| client).collect()
    }

    /// Lists the clients of all who are in, and whether they may see addresses.
    pub(super) fn readers(&self) -> Vec<(Jid, bool)> {
        let open = self.options.open_addresses;
        self.occupants
            .values()
            .filter(|occupant| occupant.is_in())
            .flat_map(|occupant| {
                let sees = open || occupant.moderator;
                occupant.sessions.iter().map(move |session| (session.jid.clone(), sees))
            })
            .collect()
    }

    /// Tells whether an occupant may see addresses.
    pub(super) fn sees(&self, id: OccupantId) -> bool {
        self.options.open_addresses || self.occupants.get(&id).is_some_and(|occupant| occupant.moderator)
    }

    pub(super) fn wish(&mut self, id: OccupantId, wish: Wish) {
        self.out.push_back(MucOutput::Wish(id, wish));
    }

    /// Returns the address that stands for a person of the room to those who may see addresses.
    pub(super) fn person_jid(&self, person: u64) -> Option<Own> {
        self.domain.address(&format!("p-{person}"), RESOURCE)
    }

    /// Makes the children of presence that show somebody as they are; `open` says whether with their address.
    pub(super) fn children_of(
        &self,
        target: Target,
        open: bool,
        statuses: &[&'static str],
    ) -> Option<(String, Vec<Element>)> {
        let language = self.options.language;
        match target {
            Target::Occupant(id) => {
                let occupant = self.occupants.get(&id)?;
                let seen = Seen {
                    jid: occupant.sessions.first().map(|session| &session.jid),
                    moderator: occupant.moderator,
                    state: occupant.state,
                    own: occupant.presence(),
                };
                let children = presence::available(&seen, open, statuses, language);
                Some((occupant.nick.clone(), children))
            }
            Target::Person(id) => {
                let shown = self.people.get(&id)?;
                let jid = self.person_jid(id);
                let seen = Seen {
                    jid: jid.as_ref().map(Own::jid),
                    moderator: shown.moderator,
                    state: shown.state,
                    own: &[],
                };
                Some((shown.nick.clone(), presence::available(&seen, open, statuses, language)))
            }
        }
    }

    /// Makes the children of presence that show the gateway itself.
    pub(super) fn bridge_children(&self) -> Vec<Element> {
        let jid = self.room.with_resource(RESOURCE);
        let capabilities = disco::capabilities();
        let seen = Seen {
            jid: jid.as_ref().map(Own::jid),
            moderator: false,
            state: State::default(),
            own: &capabilities,
        };
        // The gateway's own address is no secret: it is the room's.
        presence::available(&seen, true, &[], self.options.language)
    }

    /// Tells everybody how somebody is now.
    pub(super) fn announce(&mut self, target: Target) {
        let (Some((nick, closed)), Some((_, open))) = (
            self.children_of(target, false, &[]),
            self.children_of(target, true, &[]),
        ) else {
            return;
        };
        let place = self.place(&nick);
        for (client, sees) in self.readers() {
            let myself = target_is(self.clients.get(&client), target);
            let children = match (myself, sees) {
                (true, _) => self
                    .children_of(target, true, &["110"])
                    .map(|(_, children)| children)
                    .unwrap_or_default(),
                (false, true) => open.clone(),
                (false, false) => closed.clone(),
            };
            self.send(Packet::presence(place.clone(), client, None, None, children));
        }
    }

    /// Tells whether a nickname has somebody.
    pub(super) fn is_taken(&self, nick: &str) -> bool {
        self.nicks.contains_key(&nick::key(nick)) || nick::is_reserved(nick)
    }
}

/// Answers what somebody sends to a room as if they were in it, when nobody hosts that room: after our restart this is how
/// clients learn that they have to join again (XEP-0045 §7.4, XEP-0410). `None` if it is something else.
pub fn stranger(domain: &Domain, stanza: &Element) -> Option<Packet> {
    let kind = Stanza::of(stanza)?;
    let to = domain.addressed(stanza.attr("to"))?;
    let from = Jid::new(stanza.attr("from")?).ok()?;
    to.node()?;
    let expected = match kind {
        Stanza::Message => stanza.attr("type") == Some("groupchat"),
        Stanza::Iq => {
            let ping = stanza.children().any(|child| child.has_ns("urn:xmpp:ping"));
            let elsewhere = to.resource().is_some_and(|resource| !nick::is_reserved(resource));
            stanza.attr("type") == Some("get") && ping && elsewhere
        }
        Stanza::Presence => false,
    };
    if !expected {
        return None;
    }
    error(&to, &from, (kind, stanza), (Retry::Cancel, "not-acceptable"))
}

/// Makes the error that answers `element`.
pub(super) fn error(
    from: &Own,
    to: &Jid,
    (stanza, element): (Stanza, &Element),
    (retry, condition): (Retry, &'static str),
) -> Option<Packet> {
    let id = element.attr("id");
    Packet::error(from.clone(), to.clone(), (stanza, id), (retry, condition), None)
}

pub(super) fn target_is(id: Option<&OccupantId>, target: Target) -> bool {
    matches!((id, target), (Some(id), Target::Occupant(other)) if *id == other)
}
