// SPDX-License-Identifier: EUPL-1.2
//! Calls that are announced by messages (XEP-0353): before a session there is only an id, and whom it may be with.

use std::time::Instant;

use jid::Jid;
use minidom::Element;

use super::iq::announced_by;
use super::{CallEvent, CallId, Calls, CallsOutput, State, Taken};
use crate::content::Role;
use crate::jmi::{self, Announcement, Word};
use crate::own::Own;
use crate::reason::Reason;
use crate::sdp;
use crate::session::{Session, Stage};

/// What somebody proposed to us.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) own: Own,
    pub(super) from: Jid,
    pub(super) nick: Option<String>,
    pub(super) conference: bool,
    pub(super) until: Instant,
}

/// Returns the media that a callee of this offer would send.
pub(super) fn media(offer: &[u8]) -> Vec<String> {
    let mut media: Vec<String> = Vec::new();
    let session = sdp::read(offer, Role::Initiator);
    // COMPAT(dino 0.4): takes the session for the one it agreed to if the media that it is to send are the same.
    let sent = session
        .contents
        .into_iter()
        .filter(|content| !content.refused && content.senders.include(Role::Responder));
    for description in sent.filter_map(|content| content.description) {
        if !media.contains(&description.media) {
            media.push(description.media);
        }
    }
    media
}

impl Calls {
    pub(super) fn message(&mut self, now: Instant, stanza: &Element, from: Jid, to: Own) -> Taken {
        if let Some(sid) = jmi::bounced(stanza) {
            let reason = announced_by(jmi::condition(stanza).unwrap_or_default());
            if let Some(id) = self.proposed(sid, &from, &to) {
                self.end(id, reason, false);
            }
            return Taken::Yes;
        }
        if stanza.attr("type") == Some("error") {
            return Taken::No;
        }
        let Some(announcement) = jmi::read(stanza) else {
            return Taken::No;
        };
        match announcement.word {
            Word::Propose => self.propose(now, announcement, from, to),
            Word::Ringing => self.rings(&announcement, &from, &to),
            Word::Proceed => self.proceed(now, &announcement, from, &to),
            Word::Reject => {
                let reason = match announcement.reason {
                    _ if announcement.tie_break => Reason::AlternativeSession,
                    reason => reason.unwrap_or(Reason::Decline),
                };
                if let Some(id) = self.proposed(&announcement.id, &from, &to) {
                    self.end(id, reason, false);
                }
            }
            Word::Retract => self.retracted(&announcement, from, &to),
            Word::Finish => self.finished(&announcement, from, &to),
            // Said among the callee's own devices.
            Word::Accept => {}
        }
        Taken::Yes
    }

    /// Lets somebody call: rooms are always at home.
    fn propose(&mut self, now: Instant, announcement: Announcement, from: Jid, to: Own) {
        let Announcement {
            id,
            media,
            nick,
            conference,
            ..
        } = announcement;
        let own = match to.resource() {
            Some(_) => Some(to.clone()),
            None => to.with_resource(&self.options.resource),
        };
        let Some(own) = own.filter(|_| !media.is_empty()) else {
            return;
        };
        if !media.iter().any(|media| media == "audio") {
            let reject = jmi::say(own, from, Word::Reject, &id, Some(Reason::UnsupportedApplications));
            return self.say(now, reject);
        }
        let key = (Jid::from(from.to_bare()), id);
        if self.proposals.contains_key(&key) || self.sessions.contains_key(&(from.clone(), key.1.clone())) {
            return;
        }
        if !self.goes_first(now, &from, &to, &key.1) {
            return self.say(now, jmi::reject_for_ours(own, from, &key.1));
        }
        self.say(now, jmi::say(own.clone(), from.clone(), Word::Ringing, &key.1, None));
        self.say(now, jmi::say(own.clone(), from.clone(), Word::Proceed, &key.1, None));
        // The oldest gives way: a session without its proposal lacks a nickname, no more.
        self.order.push_back(key.clone());
        if self.order.len() > MOST_PROPOSALS {
            let oldest = self.order.pop_front();
            oldest.and_then(|key| self.proposals.remove(&key));
        }
        self.proposals.insert(
            key,
            Proposal {
                own,
                from,
                nick,
                conference,
                until: now + self.options.no_answer,
            },
        );
    }

    fn rings(&mut self, announcement: &Announcement, from: &Jid, to: &Own) {
        let Some(id) = self.proposed(&announcement.id, from, to) else {
            return;
        };
        if let Some(State::Proposed { rang, .. }) = self.calls.get_mut(&id).map(|call| &mut call.state)
            && !std::mem::replace(rang, true)
        {
            self.outputs.push_back(CallsOutput::Event(id, CallEvent::Ringing));
        }
    }

    /// Calls the device that took the call.
    fn proceed(&mut self, now: Instant, announcement: &Announcement, from: Jid, to: &Own) {
        let until = now + self.options.no_answer;
        let Some(id) = self.proposed(&announcement.id, &from, to) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let State::Proposed { sdp, .. } = &call.state else {
            return;
        };
        let session = Session::initiate(call.own.clone(), from.clone(), call.sid.clone(), sdp, None);
        self.sessions.insert((from, call.sid.clone()), id);
        call.state = State::Session(Box::new(session));
        call.until = Some(until);
        self.pump(now, id);
    }

    fn retracted(&mut self, announcement: &Announcement, from: Jid, to: &Own) {
        self.proposals
            .remove(&(Jid::from(from.to_bare()), announcement.id.clone()));
        let Some(id) = self.of_peer(&announcement.id, from, to) else {
            return;
        };
        let stage = self.calls.get(&id).map(|call| match &call.state {
            State::Session(session) => session.stage(),
            State::Proposed { .. } => Stage::Initiated,
        });
        if stage == Some(Stage::Offered) {
            self.end(id, Reason::Cancel, false);
        }
    }

    fn finished(&mut self, announcement: &Announcement, from: Jid, to: &Own) {
        if let Some(id) = self.of_peer(&announcement.id, from, to) {
            self.end(id, announcement.reason.unwrap_or(Reason::Success), false);
        }
    }

    fn of_peer(&self, sid: &str, from: Jid, to: &Own) -> Option<CallId> {
        let id = *self.sessions.get(&(from, sid.to_owned()))?;
        self.calls
            .get(&id)
            .filter(|call| call.own.bare() == to.bare())
            .map(|_| id)
    }

    /// Finds a call of ours that waits for one of this person's devices.
    fn proposed(&self, sid: &str, from: &Jid, to: &Own) -> Option<CallId> {
        let id = *self.placed.get(sid)?;
        let call = self.calls.get(&id)?;
        let waits = matches!(call.state, State::Proposed { .. });
        let theirs = call.party.to_bare() == from.to_bare() && call.own.bare() == to.bare();
        (waits && theirs).then_some(id)
    }

    /// Takes a proposal of ours back.
    pub(super) fn retract(&mut self, now: Instant, id: CallId, reason: Reason) {
        let Some(call) = self.calls.get(&id) else { return };
        let (own, party, sid) = (call.own.clone(), call.party.clone(), call.sid.clone());
        // Devices that ring show a missed call.
        self.say(now, jmi::say(own, party, Word::Retract, &sid, Some(Reason::Cancel)));
        self.end(id, reason, false);
    }
}

/// Proposals that wait at a time.
const MOST_PROPOSALS: usize = 2_048;
