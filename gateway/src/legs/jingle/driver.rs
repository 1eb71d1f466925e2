// SPDX-License-Identifier: EUPL-1.2
//! The task that owns everything but the stream: it routes each stanza, and waits for nobody.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jid::Jid;
use landbridge_jingle::attendance;
use landbridge_jingle::calls::{CallsInput, Command, Taken};
use landbridge_jingle::disco::{self, DiscoOptions};
use landbridge_jingle::muc::{OccupantId, STATE};
use landbridge_jingle::ns::HINTS;
use landbridge_jingle::own::{Domain, Own};
use landbridge_jingle::packet::{COMPONENT, Packet, Stanza};
use minidom::Element;
use tokio::sync::{mpsc, oneshot};

use super::XmppLegs;
use super::bucket::Buckets;
use super::calls::Talks;
use super::help::{self, Help};
use super::ice::IceServers;
use super::parcels::{Parcels, Partners};
use super::rooms::{CallSeat, Members, MirrorNews, Rooms, Told};
use super::stream::{Incoming, Wire};
use crate::call::LegId;
use crate::call::courier::{Mail, Parcel, Postbox};
use crate::call::house::{House, now};
use crate::call::line::Event;
use crate::config::MucMode;
use crate::room::{Control, Roster};

/// Stanzas of rooms that may wait; then the server does not read.
const BACKLOG: usize = 20_000;
/// Places in the queue to the server that rooms leave to calls.
const FOR_CALLS: usize = 1024;
/// How long the stream has to end.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often the queue is looked at while stanzas of rooms wait.
const FLUSH: Duration = Duration::from_millis(20);

/// What calls and rooms want of the driver.
pub(super) enum Order {
    /// A call wants something of its session.
    Command(LegId, Command),
    /// Somebody is to be called.
    Place {
        leg: LegId,
        to: Jid,
        from: Own,
        sdp: Vec<u8>,
        mailbox: mpsc::Sender<Event>,
    },
    /// A call has sound.
    Connected(LegId),
    /// A call says something in writing.
    Say(LegId, String),
    /// A call has a seat in a room.
    Seated(LegId, Control),
    /// An occupant's task tells something.
    Guest(String, OccupantId, Told),
    /// A meeting has other people, or they do something else.
    Roster(String, Arc<Roster>),
    /// A meeting that is shown in a chat of the server has other people, or somebody wrote.
    Mirror(String, MirrorNews),
    /// A call is out of its room, and may go on.
    Unseated(LegId),
    /// Somebody wrote in the room of a call.
    Chat(LegId, String),
    /// A frame for a partner.
    Parcel(Box<Parcel>),
    /// What a partner's frame is answered.
    Reply(Packet),
    /// The gateway ends.
    Stop(oneshot::Sender<()>),
}

/// What the driver reaches.
pub(super) struct Outside {
    pub legs: XmppLegs,
    pub house: Arc<House>,
    pub nick_names: bool,
    /// Who is in group calls that meetings take part in.
    pub members: Members,
    /// The deployments with which rooms are shared.
    pub partners: Partners,
    wire: Wire,
    /// What rooms send, behind what calls send: a full room is hundreds of stanzas for each newcomer.
    backlog: RefCell<VecDeque<Packet>>,
}

impl Outside {
    /// Sends a stanza, if there is one and a stream.
    pub(super) fn send(&self, packet: Option<Packet>) {
        if let Some(packet) = packet {
            self.wire.send(packet);
        }
    }

    /// Sends a stanza of a room when calls leave space for it, in order with all others of rooms.
    pub(super) fn send_later(&self, packet: Packet) {
        let mut backlog = self.backlog.borrow_mut();
        if backlog.len() >= BACKLOG || !self.wire.is_up() {
            metrics::counter!("landbridge_xmpp_dropped_total", "why" => "rooms_stalled").increment(1);
            return;
        }
        backlog.push_back(packet);
    }

    /// Moves on what rooms send, as far as there is space.
    fn flush(&self) {
        let mut backlog = self.backlog.borrow_mut();
        while self.wire.space() > FOR_CALLS
            && let Some(packet) = backlog.pop_front()
        {
            self.wire.send(packet);
        }
    }

    /// Returns when [`Outside::flush`] is to be called again.
    fn flush_deadline(&self, now: Instant) -> Option<Instant> {
        let waits = !self.backlog.borrow().is_empty();
        waits.then(|| now.checked_add(FLUSH)).flatten()
    }
}

/// What a turn of the loop brings.
enum Turn {
    Incoming(Option<Incoming>),
    Order(Option<Order>),
    Due,
}

/// The task.
pub(super) struct Driver {
    domain: Domain,
    outside: Outside,
    talks: Talks,
    rooms: Rooms,
    ice: IceServers,
    help: Help,
    parcels: Parcels,
    users: Buckets,
    chats: Buckets,
}

impl Driver {
    /// Gets ready.
    pub(super) fn new(
        legs: XmppLegs,
        house: Arc<House>,
        wire: Wire,
        nick_names: bool,
        postbox: Option<Postbox>,
    ) -> Driver {
        let config = house.config();
        let services_from = config.xmpp.as_ref().and_then(|xmpp| xmpp.services_from.as_deref());
        let domain = legs.domain.clone();
        Driver {
            talks: Talks::new(domain.clone()),
            rooms: Rooms::new(domain.clone()),
            ice: IceServers::new(domain.clone(), services_from),
            help: Help::default(),
            parcels: Parcels::new(domain.clone(), legs.post.clone()),
            users: Buckets::of_users(),
            chats: Buckets::of_chats(),
            outside: Outside {
                legs,
                house,
                nick_names,
                members: Members::default(),
                partners: Partners(postbox),
                wire,
                backlog: RefCell::default(),
            },
            domain,
        }
    }

    /// Runs until the gateway ends.
    pub(super) async fn run(mut self, mut incoming: mpsc::Receiver<Incoming>, mut orders: mpsc::Receiver<Order>) {
        metrics::gauge!("landbridge_xmpp_stream_up").set(0.0);
        loop {
            let flush = self.outside.flush_deadline(now());
            let deadline = self.deadline().into_iter().chain(flush).min();
            let turn = tokio::select! {
                order = orders.recv() => Turn::Order(order),
                heard = incoming.recv() => Turn::Incoming(heard),
                () = until(deadline) => Turn::Due,
            };
            let now = now();
            match turn {
                Turn::Incoming(Some(Incoming::Stanza(stanza))) => self.stanza(now, &stanza),
                Turn::Incoming(Some(Incoming::Up(epoch))) => self.stream_up(now, epoch),
                Turn::Incoming(Some(Incoming::Down)) => self.stream_down(now),
                Turn::Order(Some(Order::Stop(done))) => {
                    self.talks.close(now, &self.outside);
                    self.rooms.close(now, &self.outside);
                    self.outside.flush();
                    // Whatever the keeper waits for: nobody reads any more.
                    drop(incoming);
                    let _ = tokio::time::timeout(FAREWELL, self.outside.wire.close()).await;
                    // Nobody waits any more if this fails.
                    let _ = done.send(());
                    return;
                }
                Turn::Order(Some(order)) => self.order(now, order),
                Turn::Due => self.due(now),
                // The keeper ends only with us, and our own handle keeps the orders open.
                Turn::Incoming(None) | Turn::Order(None) => return,
            }
            for (peer, own) in self.rooms.gone(now, &self.outside) {
                self.talks.gone(now, &peer, &own, &self.outside);
            }
            for leg in self.talks.over() {
                self.rooms.call_over(now, leg, &self.outside);
            }
            self.outside.flush();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let all = [self.talks.deadline(), self.rooms.deadline(), self.ice.deadline()];
        all.into_iter().flatten().min()
    }

    fn due(&mut self, now: Instant) {
        if self.talks.deadline().is_some_and(|deadline| deadline <= now) {
            self.talks.told(now, CallsInput::Timeout, &self.outside);
        }
        self.rooms.due(now, &self.outside);
        self.outside.send(self.ice.question(now));
    }

    fn stream_up(&mut self, now: Instant, epoch: u64) {
        metrics::gauge!("landbridge_xmpp_stream_up").set(1.0);
        self.outside.wire.up(epoch);
        self.talks.told(now, CallsInput::StreamUp, &self.outside);
        self.rooms.stream_up(now, &self.outside);
        self.ice.stream_up(now);
        // An error means that nobody shares rooms, or that the desk is far behind and asks by itself.
        let _ = self.outside.partners.hand(Mail::Up);
    }

    fn stream_down(&mut self, now: Instant) {
        metrics::gauge!("landbridge_xmpp_stream_up").set(0.0);
        self.outside.wire.down();
        self.outside.backlog.borrow_mut().clear();
        self.talks.told(now, CallsInput::StreamDown, &self.outside);
        let _ = self.outside.partners.hand(Mail::Down);
    }

    fn order(&mut self, now: Instant, order: Order) {
        match order {
            Order::Command(leg, command) => self.talks.command(now, leg, command, &self.outside),
            Order::Place {
                leg,
                to,
                from,
                sdp,
                mailbox,
            } => {
                let from = self.rooms.caller(leg, from, &to);
                self.talks.place(now, leg, (from, to), sdp, mailbox, &self.outside);
            }
            Order::Connected(leg) => self.talks.connected(leg),
            Order::Say(leg, text) => self.talks.say(leg, &text, &self.outside),
            Order::Seated(leg, control) => {
                self.talks.known(leg);
                if let Some(talk) = self.talks.of_leg(leg) {
                    let seat = CallSeat {
                        peer: talk.peer.clone(),
                        own: talk.own.clone(),
                        control,
                    };
                    self.rooms.seated(now, seat, &self.outside);
                }
            }
            Order::Unseated(leg) => self.rooms.unseated(now, leg, &self.outside),
            // Whoever is in the chat, too, reads there.
            Order::Chat(leg, _) if self.rooms.has_occupant(leg) => {}
            Order::Chat(leg, text) => self.talks.say(leg, &text, &self.outside),
            Order::Guest(node, id, told) => self.rooms.guest(now, &node, id, told, &self.outside),
            Order::Roster(meeting, roster) => self.rooms.roster(now, &meeting, roster, &self.outside),
            Order::Mirror(meeting, news) => self.rooms.mirrored(now, &meeting, &news, &self.outside),
            Order::Parcel(parcel) => {
                let packet = self.parcels.packet(&parcel);
                self.outside.send(packet);
            }
            Order::Reply(packet) => self.outside.send(Some(packet)),
            Order::Stop(_) => {}
        }
    }

    /// Routes a stanza: calls first, then rooms, then what every address answers.
    fn stanza(&mut self, now: Instant, stanza: &Element) {
        let drop = |why: &'static str| {
            metrics::counter!("landbridge_xmpp_dropped_total", "why" => why).increment(1);
        };
        let Some(kind) = Stanza::of(stanza) else {
            return drop("unknown");
        };
        metrics::counter!("landbridge_xmpp_stanzas_total", "kind" => kind.name()).increment(1);
        let Some(from) = stanza.attr("from").and_then(|from| Jid::new(from).ok()) else {
            return drop("no_sender");
        };
        let Some(to) = self.domain.addressed(stanza.attr("to")) else {
            return drop("not_ours");
        };
        let (taken, answer) = self
            .parcels
            .stanza(now, (kind, stanza), (&from, &to), &self.outside.partners);
        if taken == Taken::Yes {
            return self.outside.send(answer);
        }
        let sender = from.to_bare();
        let is_in_time = match self.rooms.is_chat_of_ours(&from) {
            true => self.chats.take(now, sender.as_str()),
            false => self.users.take(now, sender.as_str()),
        };
        if !is_in_time {
            return drop("flood");
        }
        if kind == Stanza::Iq && self.ice.answered(now, stanza) {
            let mut known = self
                .outside
                .legs
                .ice_servers
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *known = self.ice.known();
            return;
        }
        if self.talks.stanza(now, stanza, &self.outside) == Taken::Yes {
            return;
        }
        let is_for_rooms = self.is_hosting() || kind == Stanza::Iq || self.rooms.is_chat_of_ours(&from);
        if is_for_rooms && self.rooms.stanza(now, (kind, stanza), (&from, &to), &self.outside) == Taken::Yes {
            return;
        }
        match kind {
            Stanza::Presence => {
                for packet in attendance::answer(&self.domain, stanza).into_iter().flatten() {
                    self.outside.send(Some(packet));
                }
            }
            Stanza::Message => self.message(now, stanza, &from, &to),
            Stanza::Iq => {
                let title = self.rooms.title(&from, &to);
                let answer = disco::answer(stanza, &self.disco_options(), title.as_deref());
                self.outside.send(answer);
            }
        }
    }

    /// Takes what somebody writes: for its call with that address, else it is told how to come in.
    fn message(&mut self, now: Instant, message: &Element, from: &Jid, to: &Own) {
        // What another gateway of this kind says by itself is answered to nobody: two would talk for ever.
        let is_automatic = message.children().any(|child| child.has_ns(STATE));
        if is_automatic || !matches!(message.attr("type"), None | Some("chat" | "normal")) {
            return;
        }
        if self.rooms.invited(now, message, &self.outside) == Taken::Yes {
            return;
        }
        let Some(text) = body(message) else { return };
        // What is encrypted from end to end carries a body that says so, which is nothing to obey.
        let is_encrypted = message.children().any(|child| child.name() == "encrypted");
        // What was written long ago was for another call, and waits for no answer.
        if message.children().any(|child| child.name() == "delay") {
            return;
        }
        if !is_encrypted && self.talks.text(from, to, &text) {
            return;
        }
        if self.domain.own(from).is_some() || !self.help.is_due(now, from.to_bare().as_str()) {
            return;
        }
        let text = help::text(to, self.is_hosting());
        let answer = Packet::message(to.clone(), from.clone(), "chat", None, spoken(&text));
        self.outside.send(answer);
    }

    fn is_hosting(&self) -> bool {
        let config = self.outside.house.config();
        config.xmpp.as_ref().is_some_and(|xmpp| xmpp.muc == MucMode::Hosted)
    }

    fn shows_addresses(&self) -> bool {
        let config = self.outside.house.config();
        config.xmpp.as_ref().is_some_and(|xmpp| xmpp.shows_addresses)
    }

    fn disco_options(&self) -> DiscoOptions {
        DiscoOptions {
            domain: self.domain.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hosted: self.is_hosting(),
            open_addresses: self.shows_addresses(),
        }
    }
}

/// Makes the children of a message that we say by ourselves: read now, not kept (XEP-0334), and known as automatic.
pub(super) fn spoken(text: &str) -> Vec<Element> {
    vec![
        Element::builder("body", COMPONENT).append(text).build(),
        Element::bare("no-store", HINTS),
        Element::bare("automatic", STATE),
    ]
}

/// Returns what a message says; nothing if it says nothing in words.
fn body(message: &Element) -> Option<String> {
    let body = message.get_child("body", COMPONENT)?.text();
    (!body.trim().is_empty()).then_some(body)
}

/// Waits until a time, for ever if there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
