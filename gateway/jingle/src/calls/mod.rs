// SPDX-License-Identifier: EUPL-1.2
//! All calls of a component: sessions and their announcement, told apart by peer and session id.
//!
//! ```text
//! stream ── CallsInput::Stanza ──▶ announcements ─▶ sessions ── Offered, Event ──▶ gateway
//! stream ◀── CallsOutput::Send ── journal ◀─────── sessions ◀── Command, Place ── gateway
//! ```
//! - [`seam`]: the words between the calls and who drives them
//! - `iq`: Jingle's iqs and the answers to ours
//! - `announce`: messages of XEP-0353
//! - `stream`: what is sent, and what waits for the stream
//! - `ids`: identifiers

mod announce;
mod ids;
mod iq;
pub mod seam;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use jid::Jid;
use minidom::Element;

pub use seam::{CallEvent, CallId, CallsInput, CallsOutput, Command, Offered, Options, SessionInfo, Taken, Track};

use crate::jmi::{self, Word};
use crate::journal::Journal;
use crate::own::{Domain, Own};
use crate::packet::{Packet, Stanza};
use crate::reason::Reason;
use crate::session::jingle::Action;
use crate::session::{Effect, Session, Stage};
use ids::Ids;

/// The calls of a component.
#[derive(Debug)]
pub struct Calls {
    domain: Domain,
    options: Options,
    ids: Ids,
    next: u64,
    calls: HashMap<CallId, Call>,
    /// Sessions by the peer's address and their id: nobody else can speak in them.
    sessions: HashMap<(Jid, String), CallId>,
    /// Calls of ours by their id.
    placed: HashMap<String, CallId>,
    /// What was proposed to us and not begun yet, by the peer's bare address and the id.
    proposals: HashMap<(Jid, String), announce::Proposal>,
    /// The same in the order in which they came, those that are gone included.
    order: VecDeque<(Jid, String)>,
    /// Calls that were reserved for a group call.
    groups: HashMap<CallId, (Jid, &'static str)>,
    journal: Journal,
    /// The stream is there.
    up: bool,
    /// When it was last seen to break.
    down: Option<Instant>,
    /// What waits for it.
    held: VecDeque<(Instant, Packet)>,
    /// What was said a moment ago, beside the journal, and may have been lost with the stream.
    said: VecDeque<(Instant, Packet)>,
    outputs: VecDeque<CallsOutput>,
}

/// A call.
#[derive(Debug)]
struct Call {
    own: Own,
    /// Whom we asked, or who asked us.
    party: Jid,
    sid: String,
    state: State,
    /// When nobody will answer any more.
    until: Option<Instant>,
    /// It was announced by messages: its end is told so, too.
    announced: bool,
}

#[derive(Debug)]
enum State {
    /// We asked by a message, and nobody said anything but that it rings.
    Proposed { sdp: Vec<u8>, rang: bool, since: Instant },
    /// There is a session.
    Session(Box<Session>),
}

impl Calls {
    /// Starts without calls. The seed is for identifiers: another one at each start.
    pub fn new(domain: Domain, seed: u64, options: Options) -> Calls {
        let journal = Journal::new(options.patience);
        Calls {
            domain,
            options,
            ids: Ids::new(seed),
            next: 0,
            calls: HashMap::new(),
            sessions: HashMap::new(),
            placed: HashMap::new(),
            proposals: HashMap::new(),
            order: VecDeque::new(),
            groups: HashMap::new(),
            journal,
            up: true,
            down: None,
            held: VecDeque::new(),
            said: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Counts the calls, announced ones included.
    pub fn len(&self) -> usize {
        self.calls.len().saturating_add(self.proposals.len())
    }

    /// Tells whether there are no calls.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns when [`CallsInput::Timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let calls = self.calls.values().filter_map(Call::deadline);
        let proposals = self.proposals.values().map(|proposal| proposal.until);
        calls.chain(proposals).chain(self.journal.deadline()).min()
    }

    /// Makes the name of a call to place.
    pub fn reserve(&mut self) -> CallId {
        self.next = self.next.wrapping_add(1);
        CallId(self.next)
    }

    /// Makes a call that was reserved, and not placed yet, part of the group call in `room` (XEP-0272); `namespace` is
    /// the dialect of its members, [`crate::ns::MUJI`] or [`crate::ns::MUJI_TELEPATHY`].
    pub fn join_group(&mut self, call: CallId, room: Jid, namespace: &'static str) {
        if self.groups.len() < self.options.most_calls && !self.calls.contains_key(&call) {
            self.groups.insert(call, (room, namespace));
        }
    }

    /// Notes that sound or picture of a call came: the peer has our accept, whether it said so or not.
    pub fn connected(&mut self, call: CallId) {
        self.journal.imply(call, Action::SessionAccept);
    }

    /// Takes what happened; what follows is had from [`Calls::poll`]. Says of a stanza whether it was for the calls:
    /// Jingle's iqs, answers to ours, and messages of XEP-0353.
    pub fn handle(&mut self, now: Instant, input: CallsInput<'_>) -> Taken {
        match input {
            CallsInput::Stanza(stanza) => return self.stanza(now, stanza),
            CallsInput::Command(call, command) => self.command(now, call, command),
            CallsInput::Place { call, to, from, sdp } => self.place(now, call, to, from, sdp),
            CallsInput::StreamUp => self.stream_up(now),
            CallsInput::StreamDown => self.stream_down(now),
            CallsInput::Timeout => self.expire(now),
        }
        Taken::Yes
    }

    /// Returns what is to be done, until there is nothing.
    pub fn poll(&mut self) -> Option<CallsOutput> {
        self.outputs.pop_front()
    }

    fn stanza(&mut self, now: Instant, stanza: &Element) -> Taken {
        let Some(kind) = Stanza::of(stanza) else {
            return Taken::No;
        };
        let from = stanza.attr("from").and_then(|from| Jid::new(from).ok());
        let (Some(from), Some(to)) = (from, self.domain.addressed(stanza.attr("to"))) else {
            return Taken::No;
        };
        match kind {
            Stanza::Iq => self.iq(now, stanza, from, to),
            Stanza::Message => self.message(now, stanza, from, to),
            Stanza::Presence => Taken::No,
        }
    }

    fn command(&mut self, now: Instant, id: CallId, command: Command) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let State::Session(session) = &mut call.state else {
            if let Command::HangUp(reason) = command {
                self.retract(now, id, reason);
            }
            return;
        };
        match command {
            Command::Ring => session.inform(SessionInfo::Ringing),
            Command::Accept { sdp } => {
                session.accept(&sdp);
                call.until = None;
            }
            Command::Reject { cause, text } => session.terminate(cause, text.as_deref()),
            Command::Offer { sdp } => session.reoffer(now, &sdp),
            Command::Answer { sdp } => session.answer(&sdp),
            Command::Refuse => session.refuse(),
            Command::Info(info) => session.inform(info),
            Command::Candidate { mid, candidate } => session.trickle(&mid, &candidate),
            Command::Transfer(to) => session.transfer(&to),
            Command::HangUp(reason) => session.terminate(reason, None),
        }
        self.pump(now, id);
    }

    fn place(&mut self, now: Instant, id: CallId, to: Jid, from: Own, sdp: Vec<u8>) {
        let group = self.groups.remove(&id);
        let own = match from.resource() {
            Some(_) => Some(from),
            None => from.with_resource(&self.options.resource),
        };
        let Some(own) = own.filter(|_| self.calls.len() < self.options.most_calls && !self.calls.contains_key(&id))
        else {
            self.outputs
                .push_back(CallsOutput::Event(id, CallEvent::Ended(Reason::GeneralError)));
            return;
        };
        let (sid, until) = (self.ids.session(), Some(now + self.options.no_answer));
        self.placed.insert(sid.clone(), id);
        if to.is_full() {
            let session = Box::new(Session::initiate(own.clone(), to.clone(), sid.clone(), &sdp, group));
            self.sessions.insert((to.clone(), sid.clone()), id);
            let call = Call {
                own,
                party: to,
                sid,
                state: State::Session(session),
                until,
                announced: false,
            };
            self.calls.insert(id, call);
            return self.pump(now, id);
        }
        let media = announce::media(&sdp);
        let proposal = jmi::propose(own.clone(), to.clone(), &sid, &media);
        let state = State::Proposed {
            sdp,
            rang: false,
            since: now,
        };
        self.calls.insert(
            id,
            Call {
                own,
                party: to,
                sid,
                state,
                until,
                announced: true,
            },
        );
        self.say(now, proposal);
    }

    /// Does what a session wants.
    fn pump(&mut self, now: Instant, id: CallId) {
        let mut over = None;
        let mut by_us = false;
        while over.is_none() {
            let Some(Call {
                state: State::Session(session),
                own,
                ..
            }) = self.calls.get_mut(&id)
            else {
                return;
            };
            let Some(effect) = session.poll() else { break };
            match effect {
                Effect::Act(action, jingle) => {
                    by_us |= action == Action::SessionTerminate;
                    let (own, peer) = (own.clone(), session.peer().clone());
                    if !self.act(now, id, (own, peer), action, jingle) && action != Action::SessionTerminate {
                        // Too large for the stream: no server would carry it.
                        if let Some(Call {
                            state: State::Session(session),
                            ..
                        }) = self.calls.get_mut(&id)
                        {
                            session.drop_effects();
                            session.terminate(Reason::FailedApplication, None);
                        }
                    }
                }
                Effect::Event(event) => {
                    if matches!(event, CallEvent::Accepted { .. })
                        && let Some(call) = self.calls.get_mut(&id)
                    {
                        call.until = None;
                    }
                    self.outputs.push_back(CallsOutput::Event(id, event));
                }
                Effect::Over(reason) => over = Some(reason),
            }
        }
        if let Some(reason) = over {
            self.end(id, reason, by_us);
        }
    }

    /// Forgets a call, and tells the gateway why it is over.
    fn end(&mut self, id: CallId, reason: Reason, by_us: bool) {
        let Some(call) = self.calls.remove(&id) else { return };
        self.placed.remove(&call.sid);
        if let State::Session(session) = &call.state {
            self.sessions.remove(&(session.peer().clone(), call.sid.clone()));
            // XEP-0353: the devices that did not take the call learn that it is over, when the one that did has heard.
            if call.announced && by_us {
                let to = Jid::from(session.peer().to_bare());
                let finish = jmi::say(call.own.clone(), to, Word::Finish, &call.sid, Some(reason));
                finish.into_iter().for_each(|finish| self.journal.then(id, finish));
            }
        }
        self.journal.forget(id);
        self.outputs.push_back(CallsOutput::Event(id, CallEvent::Ended(reason)));
    }

    fn expire(&mut self, now: Instant) {
        self.proposals.retain(|_, proposal| proposal.until > now);
        self.order.retain(|key| self.proposals.contains_key(key));
        for lost in self.journal.expire(now) {
            self.lost(now, &lost);
        }
        let due = |call: &Call| call.deadline().is_some_and(|deadline| deadline <= now);
        let due: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, call)| due(call))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some(call) = self.calls.get_mut(&id) else { continue };
            let silent = call.until.is_some_and(|until| until <= now);
            match &mut call.state {
                State::Proposed { .. } => self.retract(now, id, Reason::Timeout),
                State::Session(session) => {
                    if silent && session.stage() == Stage::Initiated {
                        session.terminate(Reason::Timeout, None);
                    } else {
                        call.until = None;
                        session.expire(now);
                    }
                    self.pump(now, id);
                }
            }
        }
    }
}

impl Call {
    fn deadline(&self) -> Option<Instant> {
        let session = match &self.state {
            State::Session(session) => session.deadline(),
            State::Proposed { .. } => None,
        };
        self.until.into_iter().chain(session).min()
    }
}
