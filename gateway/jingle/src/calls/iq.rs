// SPDX-License-Identifier: EUPL-1.2
//! Jingle's iqs: the peers' actions, and their answers to ours.

use std::time::Instant;

use jid::Jid;
use minidom::Element;

use super::{Call, CallId, Calls, CallsOutput, Offered, State, Taken, ids};
use crate::content::limits;
use crate::jmi;
use crate::journal::{Mark, Pending};
use crate::ns;
use crate::own::Own;
use crate::packet::{Iq, Packet, Stanza};
use crate::reason::Reason;
use crate::session::jingle::{Action, Fault, Jingle, MOST_SID, Said};
use crate::session::{Session, Stage};
use crate::xml::{self, Build};

/// An iq that is to be answered: whom, as whom, its id, and what it is about.
type Asked<'a> = (&'a Jid, &'a Own, &'a str, &'a Mark);

impl Calls {
    pub(super) fn iq(&mut self, now: Instant, stanza: &Element, from: Jid, to: Own) -> Taken {
        let Some(id) = stanza.attr("id") else { return Taken::No };
        match stanza.attr("type") {
            Some("set") => {
                let mut children = stanza.children().take(limits::LOOKED_AT);
                let Some(jingle) = children.find(|child| child.is("jingle", ns::JINGLE)) else {
                    return Taken::No;
                };
                self.action(now, jingle, (from, to, id));
                Taken::Yes
            }
            Some(kind @ ("result" | "error")) => {
                let Some(pending) = self.journal.acknowledge(&from, id) else {
                    // Nobody asked: an answer to something of ours comes from whom it went to, and once.
                    return if id.starts_with(ids::IQ) { Taken::Yes } else { Taken::No };
                };
                self.say(now, pending.then.clone());
                if kind == "result" {
                    self.acknowledged(now, &pending);
                } else {
                    self.failed(now, &pending, stanza);
                }
                Taken::Yes
            }
            _ => Taken::No,
        }
    }

    fn action(&mut self, now: Instant, jingle: &Element, (from, to, id): (Jid, Own, &str)) {
        // What is repeated is answered as before, and does nothing.
        let mark = mark(jingle);
        let answer = self
            .journal
            .answer(&from, id, &mark)
            .filter(|answer| *answer.from() == to);
        if let Some(answer) = answer.cloned() {
            return self.say(now, Some(answer));
        }
        let done = match Jingle::read(jingle) {
            _ if id.len() > MOST_ID => Err(Fault::BadRequest),
            Ok(jingle) if jingle.action == Action::SessionInitiate => {
                self.initiated(now, jingle, (&from, &to, id, &mark))
            }
            Ok(jingle) => self.in_session(now, jingle, (&from, &to, id, &mark)),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = done {
            self.reply(now, (&from, &to, id, &mark), Err(fault));
        }
    }

    /// Answers an iq, and remembers the answer.
    fn reply(&mut self, now: Instant, (from, to, id, mark): Asked<'_>, done: Result<(), Fault>) {
        let answer = match done {
            Ok(()) => Packet::iq(to.clone(), from.clone(), Iq::Result, id, None),
            Err(fault) => {
                let (retry, condition, own) = fault.conditions();
                let own = own.map(|own| Build::new(own, ns::ERRORS).build());
                Packet::error(
                    to.clone(),
                    from.clone(),
                    (Stanza::Iq, Some(id)),
                    (retry, condition),
                    own,
                )
            }
        };
        if let Some(answer) = &answer
            && id.len() <= MOST_ID
        {
            self.journal.answered(now, (from, id), mark.clone(), answer.clone());
        }
        self.say(now, answer);
    }

    /// Takes an action inside a session; answers unless it fails.
    fn in_session(&mut self, now: Instant, jingle: Jingle, iq: Asked<'_>) -> Result<(), Fault> {
        let (from, to, ..) = iq;
        let key = (from.clone(), jingle.sid.clone());
        let id = *self.sessions.get(&key).ok_or(Fault::UnknownSession)?;
        let call = self
            .calls
            .get_mut(&id)
            .filter(|call| call.own == *to)
            .ok_or(Fault::UnknownSession)?;
        let State::Session(session) = &mut call.state else {
            return Err(Fault::UnknownSession);
        };
        if matches!(jingle.said, Said::Transfer(_)) && !self.options.transfer {
            return Err(Fault::UnsupportedInfo);
        }
        let accepts = jingle.action == Action::SessionAccept;
        let done = session.handle(jingle);
        if accepts && done.is_ok() {
            self.journal.imply(id, Action::SessionInitiate);
        }
        // The acknowledgement goes first, then what follows from the action.
        self.reply(now, iq, done);
        self.pump(now, id);
        Ok(())
    }

    /// Takes an offer; answers unless it fails.
    fn initiated(&mut self, now: Instant, jingle: Jingle, iq: Asked<'_>) -> Result<(), Fault> {
        let (from, to, ..) = iq;
        let key = (from.clone(), jingle.sid.clone());
        if self.sessions.contains_key(&key) {
            return self.in_session(now, jingle, iq);
        }
        if self.placed.contains_key(&jingle.sid) {
            return Err(Fault::OutOfOrder);
        }
        let proposal = self.proposals.remove(&(Jid::from(from.to_bare()), jingle.sid.clone()));
        if self.calls.len() >= self.options.most_calls {
            return Err(Fault::ResourceConstraint);
        }
        if !self.goes_first(now, from, to, &jingle.sid) {
            return Err(Fault::TieBreak);
        }
        self.reply(now, iq, Ok(()));
        let (sid, conference, muji) = (jingle.sid.clone(), jingle.conference, jingle.muji.clone());
        let id = self.reserve();
        match Session::offered(to.clone(), from.clone(), jingle) {
            Err(reason) => {
                let jingle = Jingle::begin(Action::SessionTerminate, &sid)
                    .child(reason.write(None))
                    .build();
                self.act(now, id, (to.clone(), from.clone()), Action::SessionTerminate, jingle);
            }
            Ok((session, sdp)) => {
                let ours = to.resource() == Some(self.options.resource.as_str());
                let offered = Offered {
                    from: from.clone(),
                    to: if ours { to.bare() } else { to.clone() },
                    name: proposal.as_ref().and_then(|proposal| proposal.nick.clone()),
                    sdp,
                    conference: conference || proposal.as_ref().is_some_and(|proposal| proposal.conference),
                    sid: sid.clone(),
                    muji,
                };
                let call = Call {
                    own: to.clone(),
                    party: from.clone(),
                    sid,
                    state: State::Session(Box::new(session)),
                    until: None,
                    announced: proposal.is_some(),
                };
                self.sessions.insert(key, id);
                self.calls.insert(id, call);
                self.outputs.push_back(CallsOutput::Offered(id, offered));
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, now: Instant, pending: &Pending) {
        if let Some(session) = self.session(pending.call) {
            session.acknowledged(pending.action);
            self.pump(now, pending.call);
        }
    }

    /// Takes an error in answer to an action of ours.
    fn failed(&mut self, now: Instant, pending: &Pending, stanza: &Element) {
        let condition = jmi::condition(stanza).unwrap_or("undefined-condition").to_owned();
        let own = stanza.get_child("error", crate::packet::COMPONENT);
        let has = |name: &str| own.is_some_and(|error| error.has_child(name, ns::ERRORS));
        let (unknown, tie) = (has("unknown-session"), has("tie-break"));
        // The peer has it already, only its acknowledgement was lost.
        let late = pending.repeated && !tie && (has("out-of-order") || is_repetition(&condition));
        if late {
            return self.acknowledged(now, pending);
        }
        let Some(session) = self.session(pending.call) else {
            return;
        };
        match pending.action {
            Action::SessionInitiate => {
                let reason = if tie {
                    Reason::AlternativeSession
                } else {
                    announced_by(&condition)
                };
                return self.end(pending.call, reason, false);
            }
            // XEP-0166 §10: the peer does not know the session; it is gone, or never was.
            _ if unknown || condition == "item-not-found" => return self.end(pending.call, Reason::Gone, false),
            Action::SessionAccept => session.terminate(Reason::FailedApplication, None),
            action => session.unacknowledged(action),
        }
        self.pump(now, pending.call);
    }

    /// Takes that an action of ours was never acknowledged.
    pub(super) fn lost(&mut self, now: Instant, pending: &Pending) {
        self.say(now, pending.then.clone());
        let Some(session) = self.session(pending.call) else {
            return;
        };
        match pending.action {
            Action::SessionInitiate | Action::SessionAccept => session.terminate(Reason::Timeout, None),
            action => session.unacknowledged(action),
        }
        self.pump(now, pending.call);
    }

    fn session(&mut self, id: CallId) -> Option<&mut Session> {
        match &mut self.calls.get_mut(&id)?.state {
            State::Session(session) => Some(session),
            State::Proposed { .. } => None,
        }
    }

    /// Settles who goes first if both call each other (XEP-0166 §7.2.16, XEP-0353 §3.5): the lower id. Gives up ours if
    /// it is theirs.
    pub(super) fn goes_first(&mut self, now: Instant, from: &Jid, to: &Own, sid: &str) -> bool {
        let meant = |call: &&Call| {
            let waits = match &call.state {
                State::Proposed { .. } => true,
                State::Session(session) => session.stage() == Stage::Initiated,
            };
            waits && call.own.bare() == to.bare() && call.party.to_bare() == from.to_bare()
        };
        let ours = self.placed.values().filter_map(|id| Some((*id, self.calls.get(id)?)));
        let Some((id, call)) = ours.filter(|(_, call)| meant(call)).min_by_key(|(id, _)| *id) else {
            return true;
        };
        if call.sid.as_str() < sid {
            return false;
        }
        match self.session(id) {
            Some(session) => {
                session.terminate(Reason::AlternativeSession, None);
                self.pump(now, id);
            }
            None => self.retract(now, id, Reason::AlternativeSession),
        }
        true
    }
}

/// Octets of an iq's id that is still remembered.
const MOST_ID: usize = 256;

/// Tells whether an action that was sent once more may be answered so by somebody who knows it.
fn is_repetition(condition: &str) -> bool {
    matches!(condition, "unexpected-request" | "conflict")
}

/// Returns what an error means for a call that just began.
pub(super) fn announced_by(condition: &str) -> Reason {
    match condition {
        "service-unavailable" | "recipient-unavailable" | "gone" | "item-not-found" => Reason::Gone,
        "remote-server-not-found" | "remote-server-timeout" => Reason::ConnectivityError,
        "forbidden"
        | "not-allowed"
        | "not-authorized"
        | "not-acceptable"
        | "policy-violation"
        | "registration-required"
        | "subscription-required" => Reason::Decline,
        "feature-not-implemented" => Reason::UnsupportedApplications,
        "resource-constraint" => Reason::Busy,
        "redirect" => Reason::AlternativeSession,
        "bad-request" => Reason::FailedApplication,
        _ => Reason::GeneralError,
    }
}

fn mark(jingle: &Element) -> Mark {
    let sid = xml::bounded(jingle.attr("sid").unwrap_or_default(), MOST_SID);
    (jingle.attr("action").and_then(Action::named), sid.to_owned())
}
