// SPDX-License-Identifier: EUPL-1.2
//! One occupant of ours per person in a foreign multi-user chat.
//!
//! The gateway itself is there, too: it listens for all, speaks for those who have no place yet, and is called to group
//! calls. Nobody is heard twice: only what reaches the gateway's own occupant is read, and nothing that one of ours wrote.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use jid::{BareJid, Jid};
use minidom::Element;

use super::chat::{body, readable};
use super::command::{self, Command};
use super::ids::Ids;
use super::member::{Member, Step};
use super::occupant::State;
use super::words::{Language, Wish};
use super::{DELAY, MUC_USER, nick};
use crate::calls::Taken;
use crate::disco::RESOURCE;
use crate::own::{Domain, Own};
use crate::packet::{COMPONENT, Iq, Packet, Stanza};
use crate::view::View;
use crate::xml::Build;

/// Settings of a mirror.
#[derive(Clone, Debug)]
pub struct MirrorOptions {
    /// The chat, e.g. `room@conference.a.example`.
    pub room: BareJid,
    /// Its password, if it wants one.
    pub password: Option<String>,
    /// The node of the gateway's own occupant, which listens and stays: the meeting's id.
    pub node: String,
    /// Its nickname.
    pub nick: String,
    /// The language of what is shown about people.
    pub language: Language,
    /// Most people that are shown.
    pub most_shown: usize,
}

/// What happens to a mirror.
#[derive(Debug)]
pub enum MirrorInput<'a> {
    /// A stanza came that is addressed to our domain.
    Stanza(&'a Element),
    /// The people of the room are these.
    Roster(&'a View),
    /// Somebody wrote in the room's chat who is not in the foreign one. Do not give back what came out as
    /// [`MirrorOutput::Said`].
    Chat {
        /// Who, if the person is in the last [`View`].
        person: Option<u64>,
        /// The name that the room's chat shows.
        name: &'a str,
        /// What was written.
        text: &'a str,
    },
    /// The stream to our server is there (again): nobody of ours is in.
    StreamUp,
    /// The room ends.
    Closed,
    /// The deadline has passed.
    Timeout,
}

/// What a mirror wants.
#[derive(Debug)]
pub enum MirrorOutput {
    /// Send this.
    Send(Packet),
    /// Somebody wrote in the foreign chat.
    Said {
        /// Under which nickname.
        name: String,
        /// What; at most 4 KiB.
        text: String,
    },
    /// Somebody there typed a command, and the chat shows whose address that is: it may be in a call with us.
    Wish(BareJid, Wish),
    /// The chat put this person's occupant out; it is not shown there any more.
    Removed(u64),
    /// The chat does not want us: nothing more is tried. The word is for operators.
    Stopped(&'static str),
}

/// The room, shown in a multi-user chat of a server.
#[derive(Debug)]
pub struct Mirror {
    domain: Domain,
    options: MirrorOptions,
    ids: Ids,
    /// The gateway's own occupant and those of people, by person; the gateway is [`GATEWAY`].
    members: BTreeMap<u64, Member>,
    names: HashMap<u64, String>,
    /// Whose addresses the chat shows, by nickname.
    users: HashMap<String, BareJid>,
    /// Whom we took out of late, whose last words may still come.
    departed: VecDeque<(Instant, String)>,
    ping: Option<(Instant, String)>,
    stopped: bool,
    out: VecDeque<MirrorOutput>,
}

const GATEWAY: u64 = u64::MAX;
/// Most occupants that are on their way in at a time.
const MOST_JOINING: usize = 20;
/// Most foreign occupants whose addresses are known.
const MOST_USERS: usize = 2000;
/// How long a message may take to come back.
const ECHO: Duration = Duration::from_secs(10);
/// How often we ask whether we are still in (XEP-0410).
const PING: Duration = Duration::from_secs(300);

impl Mirror {
    /// Makes the mirror; it waits for [`MirrorInput::StreamUp`].
    pub fn new(domain: Domain, seed: u64, options: MirrorOptions) -> Mirror {
        Mirror {
            domain,
            options,
            ids: Ids::new(seed),
            members: BTreeMap::new(),
            names: HashMap::new(),
            users: HashMap::new(),
            departed: VecDeque::new(),
            ping: None,
            stopped: false,
            out: VecDeque::new(),
        }
    }

    /// Tells whether the chat shows the gateway's own occupant.
    pub fn is_in(&self) -> bool {
        self.members.get(&GATEWAY).is_some_and(Member::is_in)
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: MirrorInput<'_>) -> Taken {
        match input {
            MirrorInput::Stanza(stanza) => return self.handle_stanza(now, stanza),
            _ if self.stopped => {}
            MirrorInput::Roster(view) => self.handle_roster(now, view),
            MirrorInput::Chat { person, name, text } => self.handle_chat(person, name, text),
            MirrorInput::StreamUp => {
                self.add(GATEWAY, &self.options.nick.clone(), State::default());
                for member in self.members.values_mut() {
                    member.lose(now, Duration::ZERO);
                }
                self.ping = None;
                self.join_some(now);
            }
            MirrorInput::Closed => self.close(),
            MirrorInput::Timeout => self.handle_timeout(now),
        }
        Taken::Yes
    }

    /// Returns what is to be done next.
    pub fn poll(&mut self) -> Option<MirrorOutput> {
        self.out.pop_front()
    }

    /// Says when [`MirrorInput::Timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        let full = self.joining() >= MOST_JOINING;
        let members = self.members.values();
        let due = members
            .filter(|member| !full || member.is_joining())
            .filter_map(Member::deadline);
        due.chain(self.ping.iter().map(|(at, _)| *at)).min()
    }

    fn handle_roster(&mut self, now: Instant, view: &View) {
        let gone: Vec<u64> = self
            .members
            .keys()
            .filter(|id| **id != GATEWAY && !view.people.iter().any(|person| person.id == **id))
            .copied()
            .collect();
        for id in gone {
            self.names.remove(&id);
            self.depart(now, id);
        }
        for person in &view.people {
            let state = State {
                kind: Some(person.kind),
                muted: person.muted,
                hand: person.hand,
                talks: person.talks,
                away: person.away,
            };
            let renamed = self.names.get(&person.id).is_some_and(|name| *name != person.name);
            if renamed {
                self.depart(now, person.id);
            }
            match self.members.get_mut(&person.id) {
                Some(member) if member.state != state => {
                    member.state = state;
                    if member.is_in() {
                        let packet = member.presence(&self.options.room, self.options.language, None);
                        self.send(packet);
                    }
                }
                Some(_) => {}
                None => {
                    if self.members.len() <= self.options.most_shown {
                        self.names.insert(person.id, person.name.clone());
                        let substitute = format!("{}-{}", person.kind.as_str(), person.id);
                        let nick = nick::of_name(&person.name, &substitute);
                        self.add(person.id, &nick, state);
                    }
                }
            }
        }
        self.join_some(now);
    }

    fn handle_chat(&mut self, person: Option<u64>, name: &str, text: &str) {
        let text = readable(text);
        if text.is_empty() {
            return;
        }
        let id = self.ids.next();
        let speaker = person
            .and_then(|id| self.members.get(&id))
            .filter(|member| member.is_in());
        let (from, text) = match (speaker, self.members.get(&GATEWAY).filter(|member| member.is_in())) {
            (Some(member), _) => (member.own.clone(), text),
            (None, Some(gateway)) if name.is_empty() => (gateway.own.clone(), text),
            (None, Some(gateway)) => (gateway.own.clone(), format!("{}: {text}", nick::of_name(name, "?"))),
            (None, None) => return,
        };
        let body = Build::new("body", COMPONENT).text(text).build();
        let to = Jid::from(self.options.room.clone());
        self.send(Packet::message(from, to, "groupchat", Some(&id), vec![body]));
    }

    fn handle_stanza(&mut self, now: Instant, stanza: &Element) -> Taken {
        let from = stanza.attr("from").and_then(|from| Jid::new(from).ok());
        let to = self.domain.addressed(stanza.attr("to"));
        let (Some(kind), Some(from), Some(to)) = (Stanza::of(stanza), from, to) else {
            return Taken::No;
        };
        if from.to_bare() != self.options.room {
            return Taken::No;
        }
        let member = self
            .members
            .iter()
            .find(|(_, member)| member.own == to)
            .map(|(id, _)| *id);
        let Some(id) = member else {
            // What is said to those who have left already is for nobody else either.
            let ours = to
                .node()
                .is_some_and(|node| node == self.options.node || node.starts_with("p-"));
            return if ours && kind != Stanza::Iq {
                Taken::Yes
            } else {
                Taken::No
            };
        };
        match kind {
            Stanza::Presence => self.handle_presence(now, id, &from, stanza),
            Stanza::Message => self.handle_message(now, id, &from, stanza),
            Stanza::Iq => return self.handle_answer(now, stanza),
        }
        Taken::Yes
    }

    fn handle_presence(&mut self, now: Instant, id: u64, from: &Jid, stanza: &Element) {
        let resource = from.resource().map(|resource| resource.as_str()).unwrap_or_default();
        if id == GATEWAY {
            self.learn(resource, stanza);
        }
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        match member.hear(now, resource, stanza) {
            Step::Nothing => {}
            Step::In => {
                if id == GATEWAY {
                    self.ping = now.checked_add(PING).map(|at| (at, String::new()));
                }
                self.join_some(now);
            }
            Step::Again => self.join_some(now),
            Step::Out(word) if id == GATEWAY => {
                self.close();
                self.stopped = true;
                self.out.push_back(MirrorOutput::Stopped(word));
            }
            Step::Out(_) => self.out.push_back(MirrorOutput::Removed(id)),
        }
    }

    // Everybody of ours hears everything; the gateway alone listens.
    fn handle_message(&mut self, now: Instant, id: u64, from: &Jid, stanza: &Element) {
        let Some(resource) = from.resource().map(|resource| resource.as_str()) else {
            return;
        };
        let kind = stanza.attr("type").unwrap_or("normal");
        if kind == "error" {
            let member = self.members.get_mut(&id);
            let lost = stanza
                .get_child("error", COMPONENT)
                .is_some_and(|error| error.children().any(|condition| condition.name() == "not-acceptable"));
            if let Some(member) = member.filter(|_| lost) {
                member.lose(now, Duration::ZERO);
                self.join_some(now);
            }
            return;
        }
        let departed = |(at, nick): &(Instant, String)| {
            now.saturating_duration_since(*at) < ECHO && nick::key(nick) == nick::key(resource)
        };
        let ours = self.members.values().any(|member| member.has_nick(resource)) || self.departed.iter().any(departed);
        if id != GATEWAY || kind != "groupchat" || ours || stanza.has_child("delay", DELAY) {
            return;
        }
        let text = readable(&body(stanza));
        match (command::parse(&text), self.users.get(resource)) {
            (Some(Command::Wish(wish)), Some(user)) => self.out.push_back(MirrorOutput::Wish(user.clone(), wish)),
            (Some(Command::Help), _) => self.handle_chat(None, "", command::help(self.options.language)),
            _ if text.is_empty() => {}
            _ => self.out.push_back(MirrorOutput::Said {
                name: resource.to_owned(),
                text,
            }),
        }
    }

    fn handle_answer(&mut self, now: Instant, stanza: &Element) -> Taken {
        let asked = self
            .ping
            .as_ref()
            .is_some_and(|(_, id)| !id.is_empty() && stanza.attr("id") == Some(id));
        if !asked || !matches!(stanza.attr("type"), Some("result" | "error")) {
            return Taken::No;
        }
        // XEP-0410 §3.2: these two mean that we are not in; all else means that nobody knows.
        let out = stanza.get_child("error", COMPONENT).is_some_and(|error| {
            error
                .children()
                .any(|condition| matches!(condition.name(), "not-acceptable" | "remote-server-not-found"))
        });
        self.ping = now.checked_add(PING).map(|at| (at, String::new()));
        if out {
            for member in self.members.values_mut() {
                member.lose(now, Duration::ZERO);
            }
            self.join_some(now);
        }
        Taken::Yes
    }

    fn handle_timeout(&mut self, now: Instant) {
        for member in self.members.values_mut() {
            member.handle_timeout(now);
        }
        if self.ping.as_ref().is_some_and(|(at, _)| *at <= now) {
            self.ping = now.checked_add(PING).map(|at| (at, self.ids.next()));
            if let (Some(gateway), Some((_, id))) =
                (self.members.get(&GATEWAY).filter(|member| member.is_in()), &self.ping)
            {
                let ping = Build::new("ping", "urn:xmpp:ping").build();
                let packet = gateway
                    .place(&self.options.room)
                    .and_then(|place| Packet::iq(gateway.own.clone(), place, Iq::Get, id, Some(ping)));
                self.send(packet);
            }
        }
        self.join_some(now);
    }

    /// Takes a person's occupant out.
    fn depart(&mut self, now: Instant, id: u64) {
        if let Some(member) = self.members.remove(&id) {
            self.departed.push_back((now, member.nick().to_owned()));
            if self.departed.len() > MOST_JOINING {
                self.departed.pop_front();
            }
            self.send(member.leave(&self.options.room));
        }
    }

    fn add(&mut self, id: u64, nick: &str, state: State) {
        let node = if id == GATEWAY {
            self.options.node.clone()
        } else {
            format!("p-{id}")
        };
        let Some(own) = self.own(&node) else { return };
        self.members.entry(id).or_insert_with(|| Member::new(own, nick, state));
    }

    fn own(&self, node: &str) -> Option<Own> {
        self.domain.address(node, RESOURCE)
    }

    fn joining(&self) -> usize {
        self.members.values().filter(|member| member.is_joining()).count()
    }

    /// Sends in those whose time has come, the gateway first and the others only behind it.
    fn join_some(&mut self, now: Instant) {
        let mut room = MOST_JOINING.saturating_sub(self.joining());
        let gateway = self.is_in();
        let mut packets = Vec::new();
        for (id, member) in self.members.iter_mut().rev() {
            if room == 0 || (*id != GATEWAY && !gateway) {
                break;
            }
            if member.is_due(now) {
                room = room.saturating_sub(1);
                packets.push(member.join(
                    now,
                    &self.options.room,
                    self.options.password.as_deref(),
                    self.options.language,
                ));
            }
        }
        for packet in packets {
            self.send(packet);
        }
    }

    fn learn(&mut self, resource: &str, stanza: &Element) {
        let user = stanza
            .get_child("x", MUC_USER)
            .and_then(|x| x.get_child("item", MUC_USER))
            .and_then(|item| BareJid::new(item.attr("jid")?.split('/').next()?).ok());
        match (stanza.attr("type"), user) {
            (None, Some(user)) if self.users.len() < MOST_USERS => {
                self.users.insert(resource.to_owned(), user);
            }
            (Some("unavailable"), _) => {
                self.users.remove(resource);
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        for member in std::mem::take(&mut self.members).into_values() {
            self.send(member.leave(&self.options.room));
        }
        self.names.clear();
        self.users.clear();
        self.ping = None;
    }

    fn send(&mut self, packet: Option<Packet>) {
        self.out.extend(packet.map(MirrorOutput::Send));
    }
}
