// SPDX-License-Identifier: EUPL-1.2
//! The calls: from offers to the house, and back.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use jid::Jid;
use landbridge_dialplan::XMPP_TRUNK;
use landbridge_jingle::calls::{
    CallEvent, CallId, Calls, CallsInput, CallsOutput, Command, Offered, Options, SessionInfo, Taken,
};
use landbridge_jingle::own::{Domain, Own};
use landbridge_jingle::packet::Packet;
use landbridge_jingle::reason::Reason;
use minidom::Element;
use tokio::sync::mpsc;

use super::driver::{Outside, spoken};
use super::{MAILBOX, address, cause, parcels};
use crate::call::bucket::Bucket;
use crate::call::courier::{self, Corner, Mail};
use crate::call::house::now;
use crate::call::line::{Event, Line};
use crate::call::{Cause, Invitation, Kind, LegId, phone};

/// Hops of a call that comes from XMPP, if it goes on by SIP.
const MAX_FORWARDS: u8 = 70;
/// Longest name that a caller gives itself.
const LONGEST_NAME: usize = 64;
/// Calls of one user, and of one domain, that may be in the lobby at a time.
const STRANGERS_OF_USER: usize = 16;
const STRANGERS_OF_DOMAIN: usize = 256;
/// New calls that may come at once, and per second after that.
const CALLS_AT_ONCE: f64 = 100.0;
const CALLS_PER_SECOND: f64 = 30.0;
/// Longest text that is taken from a message.
const LONGEST_TEXT: usize = 4096;

/// All calls that are up, or about to be.
pub(super) struct Talks {
    calls: Calls,
    talks: HashMap<CallId, Talk>,
    by_leg: HashMap<LegId, CallId>,
    /// Calls that ended and of which nobody was told yet.
    over: Vec<LegId>,
    /// How fast new calls may come.
    pace: Bucket,
}

/// One call.
pub(super) struct Talk {
    pub leg: LegId,
    /// The client's full address; a bare one until somebody answers a call of ours.
    pub peer: Jid,
    /// The address of ours that is in the call.
    pub own: Own,
    mailbox: mpsc::Sender<Event>,
    /// Whether the client closed its microphone by itself.
    is_muted: bool,
    /// The client's last description.
    sdp: Vec<u8>,
    /// Whether the client put us on hold by a word alone.
    is_held: bool,
    /// Changes that the call has to answer, in order.
    changes: VecDeque<Change>,
    /// Whether the call is taken.
    is_up: bool,
    /// Whether the call is past the lobby, or ours.
    is_known: bool,
}

/// A change of a session that the call has to answer.
enum Change {
    /// The client wants it, as in this description.
    Asked(Vec<u8>),
    /// Nobody waits for the answer.
    Implied,
}

impl Talks {
    /// Starts without calls.
    pub(super) fn new(domain: Domain) -> Talks {
        let options = Options {
            resource: address::RESOURCE.to_owned(),
            ..Options::default()
        };
        Talks {
            calls: Calls::new(domain, rand::random(), options),
            talks: HashMap::new(),
            by_leg: HashMap::new(),
            over: Vec::new(),
            pace: Bucket::new(now(), CALLS_AT_ONCE, CALLS_PER_SECOND),
        }
    }

    /// Returns when [`Talks::due`] is to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.calls.deadline()
    }

    /// Takes a stanza; says whether it was for the calls.
    pub(super) fn stanza(&mut self, now: Instant, stanza: &Element, out: &Outside) -> Taken {
        let taken = self.calls.handle(now, CallsInput::Stanza(stanza));
        self.drain(now, out);
        taken
    }

    /// Takes the news of the stream or the clock.
    pub(super) fn told(&mut self, now: Instant, input: CallsInput<'_>, out: &Outside) {
        let _ = self.calls.handle(now, input);
        self.drain(now, out);
    }

    /// Calls somebody.
    pub(super) fn place(
        &mut self,
        now: Instant,
        leg: LegId,
        (from, to): (Own, Jid),
        sdp: Vec<u8>,
        mailbox: mpsc::Sender<Event>,
        out: &Outside,
    ) {
        let call = self.calls.reserve();
        let talk = Talk {
            leg,
            peer: to.clone(),
            own: from.clone(),
            mailbox,
            is_muted: false,
            sdp: Vec::new(),
            is_held: false,
            changes: VecDeque::new(),
            is_up: false,
            is_known: true,
        };
        self.talks.insert(call, talk);
        self.by_leg.insert(leg, call);
        if let Some(member) = out.members.find(&to, &from) {
            self.calls.join_group(call, member.chat, member.namespace);
        }
        self.told(now, CallsInput::Place { call, to, from, sdp }, out);
    }

    /// Does what a call wants of its session.
    pub(super) fn command(&mut self, now: Instant, leg: LegId, command: Command, out: &Outside) {
        let Some(call) = self.by_leg.get(&leg).copied() else {
            return;
        };
        if let Some(talk) = self.talks.get_mut(&call)
            && talk.keeps(&command)
        {
            return;
        }
        let end = match &command {
            Command::Reject { cause, .. } | Command::HangUp(cause) => Some(*cause),
            _ => None,
        };
        self.told(now, CallsInput::Command(call, command), out);
        if let Some(reason) = end {
            self.forget(call, reason);
        }
    }

    /// Writes to the client of a call.
    pub(super) fn say(&self, leg: LegId, text: &str, out: &Outside) {
        let Some(talk) = self.of_leg(leg) else { return };
        let from = talk
            .own
            .with_resource(address::RESOURCE)
            .unwrap_or_else(|| talk.own.bare());
        out.send(Packet::message(from, talk.peer.clone(), "chat", None, spoken(text)));
    }

    /// Hands what somebody wrote to its call with that address; returns false if there is none.
    pub(super) fn text(&self, from: &Jid, to: &Own, text: &str) -> bool {
        let is_with = |talk: &&Talk| talk.own.node() == to.node() && talk.peer.to_bare() == from.to_bare();
        let with: Vec<&Talk> = self.talks.values().filter(is_with).collect();
        // A call that still asks for something is answered first.
        let exact = with.iter().find(|talk| talk.peer == *from);
        let asking = with.iter().find(|talk| !talk.is_known);
        match exact.or(asking).or(with.first()) {
            Some(talk) => {
                // A call that does not read loses what is written to it.
                let _ = talk
                    .mailbox
                    .try_send(Event::Text(text.chars().take(LONGEST_TEXT).collect()));
                true
            }
            None => false,
        }
    }

    /// Learns that a call has sound: its client knows that it was answered.
    pub(super) fn connected(&mut self, leg: LegId) {
        if let Some(call) = self.by_leg.get(&leg) {
            self.calls.connected(*call);
        }
    }

    /// Learns that a call is past the lobby.
    pub(super) fn known(&mut self, leg: LegId) {
        let call = self.by_leg.get(&leg);
        if let Some(talk) = call.and_then(|call| self.talks.get_mut(call)) {
            talk.is_known = true;
        }
    }

    /// Ends all calls.
    pub(super) fn close(&mut self, now: Instant, out: &Outside) {
        for call in self.talks.keys().copied().collect::<Vec<_>>() {
            self.told(now, CallsInput::Command(call, Command::HangUp(Reason::Gone)), out);
        }
    }

    /// Tells whether a caller has too many calls in the lobby, or everybody together calls too fast: each takes ports and
    /// waits for answers.
    fn is_one_too_many(&mut self, now: Instant, peer: &Jid) -> bool {
        let strangers = || self.talks.values().filter(|talk| !talk.is_known);
        let of_user = strangers().filter(|talk| talk.peer.to_bare() == peer.to_bare()).count();
        let of_domain = strangers().filter(|talk| talk.peer.domain() == peer.domain()).count();
        of_user >= STRANGERS_OF_USER || of_domain >= STRANGERS_OF_DOMAIN || !self.pace.take(now, 1.0)
    }

    /// Takes the legs whose calls ended since it was asked last.
    pub(super) fn over(&mut self) -> Vec<LegId> {
        std::mem::take(&mut self.over)
    }

    /// Finds the call of a leg.
    pub(super) fn of_leg(&self, leg: LegId) -> Option<&Talk> {
        self.talks.get(self.by_leg.get(&leg)?)
    }

    /// Ends the call with a member that has left its group call without a word.
    pub(super) fn gone(&mut self, now: Instant, peer: &Jid, own: &Own, out: &Outside) {
        let with = |(_, talk): &(&CallId, &Talk)| talk.peer == *peer && talk.own.bare() == own.bare();
        let Some(call) = self.talks.iter().find(with).map(|(call, _)| *call) else {
            return;
        };
        let reason = Reason::Gone;
        self.told(now, CallsInput::Command(call, Command::HangUp(reason)), out);
        self.happened(now, call, CallEvent::Ended(reason));
    }

    fn drain(&mut self, now: Instant, out: &Outside) {
        while let Some(output) = self.calls.poll() {
            match output {
                CallsOutput::Send(packet) => out.send(Some(packet)),
                CallsOutput::Offered(call, offered) => self.offered(now, call, offered, out),
                CallsOutput::Event(call, event) => self.happened(now, call, event),
            }
        }
    }

    /// Hands a session to the room that is shared with whoever offers it.
    fn offered_by_partner(&mut self, call: CallId, offered: Offered, out: &Outside) {
        let leg = LegId::next();
        let (mailbox, events) = mpsc::channel(MAILBOX);
        let from = Corner {
            address: offered.from.domain().as_str().to_owned(),
            room: offered.to.resource().unwrap_or(address::RESOURCE).to_owned(),
        };
        let is_partner = out.partners.has(&offered.from);
        let mut talk = Talk::offered(leg, &offered, mailbox);
        talk.is_known = is_partner;
        self.talks.insert(call, talk);
        self.by_leg.insert(leg, call);
        let refuse = |cause| out.legs.line(leg).reject(cause, None);
        if !is_partner {
            return refuse(Cause::Forbidden);
        }
        let mail = Mail::Offered(Box::new(courier::Offered {
            from,
            leg,
            description: offered.sdp,
            line: Box::new(out.legs.line(leg)),
            events,
        }));
        if out.partners.hand(mail).is_some() {
            refuse(Cause::Overloaded);
        }
    }

    /// Hands a call to the house.
    fn offered(&mut self, now: Instant, call: CallId, offered: Offered, out: &Outside) {
        if offered.to.node() == Some(parcels::NODE) {
            return self.offered_by_partner(call, offered, out);
        }
        let leg = LegId::next();
        let (mailbox, events) = mpsc::channel(MAILBOX);
        let called = address::called(&offered.to);
        // A member of a group call that a meeting takes part in has been let in with it.
        let member = offered.muji.as_ref().and_then(|chat| {
            let member = out.members.find(&offered.from, &offered.to)?;
            (member.chat == *chat).then_some(member)
        });
        let pin = called.pin.or(member.and_then(|member| member.pin));
        let nick = offered.name.clone().filter(|_| out.nick_names).unwrap_or_default();
        let invitation = Invitation {
            leg,
            trunk: Some(XMPP_TRUNK.to_owned()),
            from: format!("xmpp:{}", offered.from.to_bare()),
            from_name: nick.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect(),
            to: called.uri,
            // The client's own address is known to its server alone.
            source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            kind: Kind::Xmpp,
            pin,
        };
        let talk = Talk::offered(leg, &offered, mailbox);
        let is_one_too_many = self.is_one_too_many(now, &talk.peer);
        self.talks.insert(call, talk);
        self.by_leg.insert(leg, call);
        let line = out.legs.line(leg);
        if out.house.is_draining() {
            line.reject(Cause::Draining, Some("Shutting down"));
            return;
        }
        if is_one_too_many {
            metrics::counter!("landbridge_xmpp_dropped_total", "why" => "calls").increment(1);
            line.reject(Cause::Throttled, Some("Too many calls at once"));
            return;
        }
        let offer = phone::Offer {
            invitation,
            description: Some(offered.sdp),
            terms: out.legs.peer_terms(),
            max_forwards: MAX_FORWARDS,
        };
        tokio::spawn(phone::walk(Arc::clone(&out.house), offer, Box::new(line), events));
    }

    /// Tells a call what its session did.
    fn happened(&mut self, now: Instant, call: CallId, event: CallEvent) {
        let Some(talk) = self.talks.get_mut(&call) else {
            return;
        };
        let told = match event {
            CallEvent::Ringing => Event::Ringing,
            CallEvent::Accepted { sdp, by } => {
                talk.peer = by;
                talk.is_up = true;
                talk.sdp.clone_from(&sdp);
                Event::Answered(Some(sdp))
            }
            CallEvent::Reoffered { sdp } => {
                // A client that holds by a word holds whatever else it changes.
                let offer = if talk.is_held { inactive(&sdp) } else { sdp.clone() };
                talk.changes.push_back(Change::Asked(sdp));
                Event::Reoffered(Some(offer))
            }
            CallEvent::Answered { sdp } => {
                talk.sdp.clone_from(&sdp);
                Event::Confirmed(Some(sdp))
            }
            CallEvent::Candidate { mid, candidate } => {
                // One way to the client less is no reason to end its call.
                let _ = talk.mailbox.try_send(Event::Candidate { mid, candidate });
                return;
            }
            CallEvent::Info(info) => return talk.informed(info),
            CallEvent::Refused => return,
            CallEvent::Transfer(_) => {
                tracing::debug!(leg = %talk.leg, "a client wants to hand its call on, which is not offered");
                return;
            }
            CallEvent::Ended(reason) => {
                let told = Event::Ended(cause::of_end(reason));
                if talk.mailbox.try_send(told).is_err() {
                    tracing::debug!(leg = %talk.leg, "a session ended whose call was gone or stuck");
                }
                self.forget(call, reason);
                return;
            }
        };
        if talk.mailbox.try_send(told).is_err() {
            // The call is gone, or stuck.
            tracing::warn!(leg = %talk.leg, "a call does not read its events; it is ended");
            let reason = cause::reason(Cause::Internal);
            let _ = self
                .calls
                .handle(now, CallsInput::Command(call, Command::HangUp(reason)));
            self.forget(call, reason);
        }
    }

    /// Forgets a call that is over. Its mailbox closes, which ends a call task that has not ended yet.
    fn forget(&mut self, call: CallId, reason: Reason) {
        if let Some(talk) = self.talks.remove(&call) {
            self.by_leg.remove(&talk.leg);
            self.over.push(talk.leg);
            let cause = cause::of_end(reason).as_str();
            metrics::counter!("landbridge_xmpp_calls_total", "cause" => cause).increment(1);
        }
    }
}

impl Talk {
    fn offered(leg: LegId, offered: &Offered, mailbox: mpsc::Sender<Event>) -> Talk {
        Talk {
            leg,
            peer: offered.from.clone(),
            own: offered.to.clone(),
            mailbox,
            is_muted: false,
            sdp: offered.sdp.clone(),
            is_held: false,
            changes: VecDeque::new(),
            is_up: false,
            is_known: false,
        }
    }

    /// Takes an answer to a change; returns true if nobody waits for it.
    fn keeps(&mut self, command: &Command) -> bool {
        match command {
            Command::Accept { .. } => self.is_up = true,
            Command::Answer { .. } | Command::Refuse => match self.changes.pop_front() {
                Some(Change::Implied) => return true,
                Some(Change::Asked(sdp)) if matches!(command, Command::Answer { .. }) => self.sdp = sdp,
                _ => {}
            },
            _ => {}
        }
        false
    }

    /// Tells the call what a word about the session means for it. A call that does not keep up misses words, no more.
    fn informed(&mut self, info: SessionInfo) {
        let muted = match info {
            SessionInfo::Mute(track) if track.is_heard() => true,
            SessionInfo::Unmute(track) if track.is_heard() => false,
            SessionInfo::Hold => return self.hold(true),
            SessionInfo::Unhold | SessionInfo::Active if self.is_held => return self.hold(false),
            SessionInfo::Active if self.is_muted => false,
            _ => return,
        };
        if self.mailbox.try_send(Event::Muted(muted)).is_ok() {
            self.is_muted = muted;
        }
    }

    /// Holds or resumes by a word alone (XEP-0167 §8.2): for the call it is an offer in which nothing flows, or all does.
    fn hold(&mut self, held: bool) {
        if !self.is_up || self.is_held == held {
            return;
        }
        let offer = if held { inactive(&self.sdp) } else { self.sdp.clone() };
        if self.mailbox.try_send(Event::Reoffered(Some(offer))).is_ok() {
            self.is_held = held;
            self.changes.push_back(Change::Implied);
        }
    }
}

/// Returns a description in which nothing flows.
fn inactive(sdp: &[u8]) -> Vec<u8> {
    const DIRECTIONS: [&str; 4] = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];
    let text = String::from_utf8_lossy(sdp);
    let (mut lines, mut is_in_section) = (Vec::new(), false);
    for line in text.lines().filter(|line| !DIRECTIONS.contains(line)) {
        // Attributes come last in a section (RFC 8866 §5).
        if line.starts_with("m=") && std::mem::replace(&mut is_in_section, true) {
            lines.push("a=inactive");
        }
        lines.push(line);
    }
    if is_in_section {
        lines.push("a=inactive");
    }
    lines.push("");
    lines.join("\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_description_has_one_direction_in_each_section() {
        let sdp = b"v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\na=mid:0\r\n\
                    m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";
        let quiet = String::from_utf8_lossy(&inactive(sdp)).into_owned();
        assert_eq!(quiet.matches("a=inactive\r\n").count(), 2);
        assert!(!quiet.contains("sendrecv") && quiet.contains("a=mid:1") && quiet.starts_with("v=0\r\na=group"));
    }
}
