// SPDX-License-Identifier: EUPL-1.2
//! Meetings as XMPP clients see them: hosted chats, and the list of people inside a call.
//!
//! One user in a call and in the chat is one person: the chat's occupant uses the seat of the call, and takes a seat of its
//! own when the call ends.

/// One hosted chat.
mod chat;
/// The people of a meeting, told inside calls.
mod feeds;
/// Group calls of clients that a meeting takes part in.
mod group;
/// One occupant in its meeting.
mod guest;
/// The meetings in which somebody of ours is.
mod meeting;
/// Meetings shown in chats of the server.
mod mirror;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use jid::{BareJid, Jid};
use landbridge_jingle::calls::Taken;
use landbridge_jingle::invites;
use landbridge_jingle::muc::{MucInput, OccupantId, Wish, stranger};
use landbridge_jingle::own::{Domain, Own};
use landbridge_jingle::packet::{Packet, Retry, Stanza};
use minidom::Element;

use super::driver::Outside;
use crate::call::{LegId, Role};
use crate::room::{Control, Roster};
use chat::{Chat, Want};
use feeds::Feeds;
pub(super) use group::Members;
use group::{Groups, Lead};
pub(super) use guest::Told;
use guest::{Wanted, carry_out};
use meeting::{Meetings, view};
use mirror::Mirrors;
pub(super) use mirror::News as MirrorNews;

/// Most chats at a time.
const CHATS: usize = 2000;
/// Chats that one user may be on the way into at a time.
const PENDING_OF_USER: usize = 4;
/// The namespace of joining a chat (XEP-0045).
const MUC: &str = "http://jabber.org/protocol/muc";

/// All of them.
pub(super) struct Rooms {
    domain: Domain,
    /// By node.
    chats: HashMap<String, Chat>,
    meetings: Meetings,
    /// The calls that have a seat, by leg.
    calls: HashMap<LegId, Seated>,
    feeds: Feeds,
    groups: Groups,
    mirrors: Mirrors,
}

/// A call that has a seat.
struct Seated {
    user: BareJid,
    peer: Jid,
    /// The node that was called.
    node: String,
    meeting: String,
    control: Control,
}

/// A call, as the rooms need to know it.
pub(super) struct CallSeat {
    /// The client.
    pub peer: Jid,
    /// The address of ours that is in the call.
    pub own: Own,
    /// The seat.
    pub control: Control,
}

impl Rooms {
    /// Starts without any.
    pub(super) fn new(domain: Domain) -> Rooms {
        Rooms {
            groups: Groups::new(domain.clone()),
            mirrors: Mirrors::new(domain.clone()),
            domain,
            chats: HashMap::new(),
            meetings: Meetings::default(),
            calls: HashMap::new(),
            feeds: Feeds::default(),
        }
    }

    /// Returns when [`Rooms::due`] is to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let chats = self.chats.values().filter_map(Chat::deadline);
        chats
            .chain(self.feeds.deadline())
            .chain(self.groups.deadline())
            .chain(self.mirrors.deadline())
            .min()
    }

    /// Does what the clock asks for.
    pub(super) fn due(&mut self, now: Instant, out: &Outside) {
        self.feeds.due(now, out);
        if self.groups.deadline().is_some_and(|deadline| deadline <= now) {
            self.groups.due(now, out);
        }
        if self.mirrors.deadline().is_some_and(|deadline| deadline <= now) {
            let wants = self.mirrors.due(now, out);
            self.want(wants);
        }
        let is_due = |chat: &Chat| chat.deadline().is_some_and(|deadline| deadline <= now);
        let due = self.chats.iter().filter(|(_, chat)| is_due(chat));
        for node in due.map(|(node, _)| node.clone()).collect::<Vec<_>>() {
            self.tell(now, &node, out, |chat| chat.told(now, MucInput::Timeout));
        }
    }

    /// Takes a stanza; says whether it was for a room.
    pub(super) fn stanza(
        &mut self,
        now: Instant,
        (kind, stanza): (Stanza, &Element),
        (from, to): (&Jid, &Own),
        out: &Outside,
    ) -> Taken {
        if self.groups.stanza(now, stanza, out) == Taken::Yes {
            return Taken::Yes;
        }
        let (taken, wants) = self.mirrors.stanza(now, stanza, out);
        if taken == Taken::Yes {
            self.want(wants);
            return Taken::Yes;
        }
        if kind == Stanza::Iq && self.feeds.stanza(now, from, stanza) == Taken::Yes {
            return Taken::Yes;
        }
        let Some(node) = to.node() else {
            return Taken::No;
        };
        let is_joining = kind == Stanza::Presence && stanza.attr("type").is_none() && stanza.has_child("x", MUC);
        if is_joining && node.contains('*') && super::address::called(to).pin.is_some() {
            // A chat whose address is the PIN would tell it to bookmarks and archives.
            let (stanza, id) = (Stanza::Presence, stanza.attr("id"));
            let gone = (Retry::Cancel, "gone");
            out.send(Packet::error(to.clone(), from.clone(), (stanza, id), gone, None));
            return Taken::Yes;
        }
        if is_joining && !self.chats.contains_key(node) {
            let user = from.to_bare();
            let pending: usize = self.chats.values().map(|chat| chat.pending(&user)).sum();
            if self.chats.len() >= CHATS || pending >= PENDING_OF_USER {
                let (stanza, id) = (Stanza::Presence, stanza.attr("id"));
                let full = (Retry::Wait, "resource-constraint");
                out.send(Packet::error(to.clone(), from.clone(), (stanza, id), full, None));
                return Taken::Yes;
            }
            let chat = Chat::new(&self.domain, &to.bare(), now, out);
            self.chats.insert(node.to_owned(), chat);
        }
        let node = node.to_owned();
        let taken = self.tell(now, &node, out, |chat| chat.stanza(now, stanza));
        if taken == Some(Taken::Yes) {
            return Taken::Yes;
        }
        match stranger(&self.domain, stanza).filter(|_| taken.is_none()) {
            Some(packet) => {
                out.send(Some(packet));
                Taken::Yes
            }
            None => Taken::No,
        }
    }

    /// Takes an invitation to a group call that a caller sends: its call becomes part of one.
    pub(super) fn invited(&mut self, now: Instant, message: &Element, out: &Outside) -> Taken {
        let Some(invitation) = invites::read(&self.domain, message).filter(|found| !found.everybody) else {
            return Taken::No;
        };
        let node = invitation.to.node().unwrap_or_default();
        let is_callers = |(_, call): &(&LegId, &Seated)| call.peer == invitation.from && call.node == node;
        if let Some((leg, call)) = self.calls.iter().find(is_callers) {
            self.feeds.end(*leg);
            let lead = Lead {
                meeting: call.meeting.clone(),
                node: node.to_owned(),
                connected: vec![call.peer.clone()],
                is_trusted: call.control.role() == Role::Moderator,
                inviter: Some(call.user.clone()),
                server: call.user.domain().to_string(),
                invitation,
            };
            self.groups.follow(now, lead, out);
        }
        Taken::Yes
    }

    /// Tells whether stanzas of a chat come to many of ours at once: they are not counted as a single user's.
    pub(super) fn is_chat_of_ours(&self, from: &Jid) -> bool {
        self.groups.knows(from) || self.mirrors.knows(from)
    }

    /// Joins again what was left when the stream went.
    pub(super) fn stream_up(&mut self, now: Instant, out: &Outside) {
        self.groups.stream_up(now, out);
        let wants = self.mirrors.stream_up(now, out);
        self.want(wants);
    }

    /// Learns what became of a meeting that is shown in a chat of the server.
    pub(super) fn mirrored(&mut self, now: Instant, meeting: &str, news: &MirrorNews, out: &Outside) {
        let wants = self.mirrors.news(now, meeting, news, out);
        self.want(wants);
    }

    /// Does what is wanted in mirrored chats.
    fn want(&self, wants: Vec<mirror::Want>) {
        for want in wants {
            match want {
                mirror::Want::Wish(meeting, user, wish) => {
                    let is_users = |call: &&Seated| call.meeting == meeting && call.user == user;
                    let wanted = match wish {
                        Wish::Mute => Wanted::Muted(true),
                        Wish::Unmute => Wanted::Muted(false),
                        Wish::Hand(raised) => Wanted::Hand(raised),
                        // A chat elsewhere moderates nobody here.
                        Wish::Remove(_) | Wish::Silence(_) | Wish::Voice(_) => continue,
                    };
                    if let Some(call) = self.calls.values().find(is_users) {
                        let control = call.control.clone();
                        tokio::spawn(async move { carry_out(&control, wanted).await });
                    }
                }
            }
        }
    }

    /// Takes the members of group calls that left since it was asked last, and our address in their calls.
    pub(super) fn gone(&mut self, now: Instant, out: &Outside) -> Vec<(Jid, Own)> {
        let Rooms {
            groups, calls, chats, ..
        } = self;
        // A group call ends with the seat of whoever brought it.
        groups.keep(now, out, |meeting, user| {
            let calls = calls.values().any(|call| call.meeting == meeting && call.user == *user);
            let chats = || {
                chats
                    .values()
                    .any(|chat| chat.meeting.as_deref() == Some(meeting) && chat.person_of(user).is_some())
            };
            calls || chats()
        });
        groups.gone()
    }

    /// Tells whether an occupant of a chat uses the seat of a call.
    pub(super) fn has_occupant(&self, leg: LegId) -> bool {
        self.chats.values().any(|chat| !chat.of_call(leg).is_empty())
    }

    /// Returns the address that a call to somebody comes from.
    pub(super) fn caller(&self, leg: LegId, from: Own, to: &Jid) -> Own {
        let chat = from.node().and_then(|node| self.chats.get(node));
        // A group call is expected from the address that has joined it.
        let chat = chat.filter(|_| !self.groups.has_member(to, &from));
        if chat.is_none_or(|chat| chat.of_user(&to.to_bare()).is_empty()) {
            return from;
        }
        // COMPAT(dino 0.4.2): it takes no call from an address that it has joined as a chat.
        let person = self.domain.address(&format!("p-{}", leg.0), super::address::RESOURCE);
        person.unwrap_or(from)
    }

    /// Returns a chat's title for an occupant.
    pub(super) fn title(&self, asker: &Jid, to: &Own) -> Option<String> {
        let chat = self.chats.get(to.node()?)?;
        chat.title(asker).map(str::to_owned)
    }

    /// Learns that a call has a seat.
    pub(super) fn seated(&mut self, now: Instant, call: CallSeat, out: &Outside) {
        let (leg, user) = (call.control.person(), call.peer.to_bare());
        let node = call.own.node().unwrap_or_default().to_owned();
        let meeting = self.meetings.seated(&call.control, &out.legs.post);
        let peer = call.peer;
        let is_member = out.members.find(&peer, &call.own).is_some();
        let from = call.own.with_resource(super::address::RESOURCE).unwrap_or(call.own);
        // COMPAT(dino 0.4.2): it shows conferences and never says so. Whoever does not know them says so once. In a group
        // call the list would take the place of the other members.
        if !is_member {
            self.feeds.begin(now, leg, meeting.clone(), (from, peer.clone()));
        }
        let (seat, control) = (meeting.clone(), call.control);
        let chats = self.chats_of(&meeting);
        self.calls.insert(
            leg,
            Seated {
                user: user.clone(),
                peer: peer.clone(),
                node,
                meeting: seat,
                control: control.clone(),
            },
        );
        for node in chats {
            let lend = |chat: &mut Chat| {
                let ids = chat.of_user(&user);
                let lent = ids
                    .into_iter()
                    .filter_map(|id| chat.lend(now, id, control.clone(), out));
                lent.collect::<Vec<LegId>>()
            };
            for own in self.tell(now, &node, out, lend).into_iter().flatten() {
                self.meetings.left(&meeting, own);
            }
        }
        self.show(now, &meeting, out);
    }

    /// Learns that a call is over.
    pub(super) fn call_over(&mut self, now: Instant, leg: LegId, out: &Outside) {
        self.feeds.end(leg);
        let Some(call) = self.calls.remove(&leg) else {
            return;
        };
        self.meetings.left(&call.meeting, leg);
        self.groups.due(now, out);
        for node in self.chats_of(&call.meeting) {
            self.tell(now, &node, out, |chat| {
                for id in chat.of_call(leg) {
                    chat.enter(now, id, out);
                }
            });
        }
    }

    /// Learns that a call is out of its room: so are those who use its seat.
    pub(super) fn unseated(&mut self, now: Instant, leg: LegId, out: &Outside) {
        self.feeds.end(leg);
        let Some(call) = self.calls.remove(&leg) else {
            return;
        };
        self.meetings.left(&call.meeting, leg);
        self.groups.due(now, out);
        for node in self.chats_of(&call.meeting) {
            self.tell(now, &node, out, |chat| chat.unseated(now, leg));
        }
    }

    /// Takes what an occupant's task tells.
    pub(super) fn guest(&mut self, now: Instant, node: &str, id: OccupantId, told: Told, out: &Outside) {
        let Some(Some(control)) = self.tell(now, node, out, |chat| chat.guest(now, id, told)) else {
            return;
        };
        let meeting = self.meetings.seated(&control, &out.legs.post);
        if let Some(chat) = self.chats.get_mut(node) {
            chat.meeting = Some(meeting.clone());
        }
        // Who comes in sees everybody at once.
        self.show(now, &meeting, out);
        self.tell(now, node, out, |chat| chat.admit(now, id));
    }

    /// Learns who is in a meeting.
    pub(super) fn roster(&mut self, now: Instant, meeting: &str, roster: Arc<Roster>, out: &Outside) {
        if self.meetings.changed(meeting, roster) {
            self.show(now, meeting, out);
        }
    }

    /// Ends all chats.
    pub(super) fn close(&mut self, now: Instant, out: &Outside) {
        self.groups.close(now, out);
        self.mirrors.close(now, out);
        for node in self.chats.keys().cloned().collect::<Vec<_>>() {
            self.tell(now, &node, out, |chat| chat.told(now, MucInput::Closed));
        }
    }

    /// Shows who is in a meeting to its chats and calls.
    fn show(&mut self, now: Instant, meeting: &str, out: &Outside) {
        let Some(followed) = self.meetings.get(meeting) else {
            return;
        };
        let talks = |leg: LegId| self.calls.contains_key(&leg);
        let view = view(&followed.roster, |_| None, talks);
        self.feeds.roster(now, meeting, &view, out);
        for chat in self
            .chats
            .values_mut()
            .filter(|chat| chat.meeting.as_deref() == Some(meeting))
        {
            chat.roster(now, followed, talks);
            // A roster lets nobody in or out.
            drop(chat.drain(out));
        }
    }

    fn chats_of(&self, meeting: &str) -> Vec<String> {
        let of = |(_, chat): &(&String, &Chat)| chat.meeting.as_deref() == Some(meeting);
        self.chats.iter().filter(of).map(|(node, _)| node.clone()).collect()
    }

    /// Tells a chat something and does what it then wants.
    fn tell<T>(&mut self, now: Instant, node: &str, out: &Outside, what: impl FnOnce(&mut Chat) -> T) -> Option<T> {
        let chat = self.chats.get_mut(node)?;
        let said = what(chat);
        loop {
            let wants = chat.drain(out);
            if wants.is_empty() {
                break;
            }
            for want in wants {
                match want {
                    Want::Left(meeting, leg) => self.meetings.left(&meeting, leg),
                    Want::Follow(invitation) => {
                        if let Some(meeting) = chat.meeting.clone() {
                            let user = invitation.from.to_bare();
                            let person = chat.person_of(&user);
                            let role =
                                person.and_then(|leg| Some(self.meetings.get(&meeting)?.roster.person(leg)?.role));
                            let lead = Lead {
                                meeting,
                                node: node.to_owned(),
                                connected: Vec::new(),
                                is_trusted: role == Some(Role::Moderator),
                                server: user.domain().to_string(),
                                inviter: Some(user),
                                invitation,
                            };
                            self.groups.follow(now, lead, out);
                        }
                    }
                    Want::Enter(id) => {
                        let of_user = |call: &&Seated| {
                            let is_here = call.node == node || chat.meeting.as_ref() == Some(&call.meeting);
                            is_here && chat.user(id) == Some(&call.user)
                        };
                        match self.calls.values().find(of_user) {
                            Some(call) => {
                                chat.meeting = Some(call.meeting.clone());
                                if let Some(followed) = self.meetings.get(&call.meeting) {
                                    chat.roster(now, followed, |leg| self.calls.contains_key(&leg));
                                }
                                chat.lend(now, id, call.control.clone(), out);
                            }
                            None => chat.enter(now, id, out),
                        }
                    }
                }
            }
        }
        if chat.is_empty() {
            self.chats.remove(node);
        }
        Some(said)
    }
}
