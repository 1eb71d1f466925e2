// SPDX-License-Identifier: EUPL-1.2
//! One Jingle session (XEP-0166), from its offer to its end, as one side sees it.
//!
//! - [`jingle`]: the envelope and its actions
//! - `peer`: what the peer does
//! - `theirs`: changes that the peer wants while the session lasts
//! - `ours`: changes that we want
//! - `describe`: both descriptions of a session
//! - `bundle`: other transports, and what shares them
//! - `rules`: RFC 8842
//!
//! ```text
//!            initiate ▶ Initiated ─ accept ▶┐
//!                                            Active ─ terminate ▶ (gone)
//! ◀ initiate   Offered ── accept ──────────▶┘
//! ```
//! Inside, a content's name is its `a=mid`.

mod bundle;
mod describe;
pub mod jingle;
mod ours;
mod peer;
mod rules;
mod theirs;

use std::collections::VecDeque;
use std::time::Instant;

use jid::Jid;
use minidom::Element;

use crate::calls::{CallEvent, SessionInfo, Track};
use crate::content::transport::Candidate;
use crate::content::{Content, Names, Role, Transport};
use crate::ns;
use crate::own::Own;
use crate::reason::Reason;
use crate::sdp;
use crate::xml::Build;
use jingle::{Action, Jingle};

/// What a session wants.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Do this to the peer.
    Act(Action, Element),
    /// Tell the gateway.
    Event(CallEvent),
    /// The session is gone; what the peer has to know was said.
    Over(Reason),
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The peer offered, we did not answer.
    Offered,
    /// We offered, the peer did not answer.
    Initiated,
    /// Agreed.
    Active,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    role: Role,
    sid: String,
    own: Own,
    peer: Jid,
    stage: Stage,
    names: Names,
    /// What we said last.
    local: sdp::Session,
    /// What the peer said last.
    remote: sdp::Session,
    version: u64,
    /// Candidates that overtook the answer.
    early: Vec<(String, Candidate)>,
    /// Candidates that were told, lest they be told twice.
    seen: VecDeque<(String, String)>,
    rang: bool,
    /// The accept, to tell a repeated one from another one.
    accepted: Option<Vec<Content>>,
    theirs: Option<theirs::Change>,
    queue: VecDeque<Jingle>,
    ours: Option<ours::Change>,
    effects: VecDeque<Effect>,
}

impl Session {
    /// Takes the peer's offer; `Err` says why it cannot be taken.
    pub(crate) fn offered(own: Own, peer: Jid, jingle: Jingle) -> Result<(Session, Vec<u8>), Reason> {
        let mut session = Session::new(own, peer, jingle.sid.clone(), Role::Responder, Stage::Offered);
        let mut contents = session.inward(jingle.contents);
        rules::offer(&mut contents)?;
        session.remote = sdp::Session {
            contents,
            groups: session.groups_inward(jingle.groups),
        };
        let sdp = session.describe_remote();
        Ok((session, sdp))
    }

    /// Makes an offer of ours to the peer.
    pub(crate) fn initiate(
        own: Own,
        peer: Jid,
        sid: String,
        sdp: &[u8],
        group: Option<(Jid, &'static str)>,
    ) -> Session {
        let mut session = Session::new(own, peer, sid, Role::Initiator, Stage::Initiated);
        session.local = sdp::read(sdp, Role::Initiator);
        session.local.contents.retain(|content| !content.refused);
        let head = session
            .begin(Action::SessionInitiate)
            .attr("initiator", session.own.jid().as_str());
        let mut body = session.outward(&session.local.contents, &session.local.groups);
        if let Some((room, namespace)) = group {
            // COMPAT(dino 0.4): looks for the room in the descriptions, and calls it `muc` there.
            for description in body
                .iter_mut()
                .filter_map(|content| content.get_child_mut("description", ns::RTP))
            {
                description.append_child(Build::new("muji", namespace).attr("muc", room.as_str()).build());
            }
            body.push(Build::new("muji", namespace).attr("room", room.as_str()).build());
        }
        session.act(Action::SessionInitiate, head.children(body));
        session
    }

    fn new(own: Own, peer: Jid, sid: String, role: Role, stage: Stage) -> Session {
        Session {
            role,
            sid,
            own,
            peer,
            stage,
            names: Names::default(),
            local: sdp::Session::default(),
            remote: sdp::Session::default(),
            version: 0,
            early: Vec::new(),
            seen: VecDeque::new(),
            rang: false,
            accepted: None,
            theirs: None,
            queue: VecDeque::new(),
            ours: None,
            effects: VecDeque::new(),
        }
    }

    pub(crate) fn peer(&self) -> &Jid {
        &self.peer
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    /// Returns when [`Session::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ours.as_ref().map(|change| change.until)
    }

    /// Gives up what the peer did not answer in time.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.ours.as_ref().is_some_and(|change| change.until <= now) {
            self.give_up();
        }
    }

    /// Answers the peer's offer.
    pub(crate) fn accept(&mut self, sdp: &[u8]) {
        if self.stage != Stage::Offered {
            return;
        }
        let local = self.adopt(sdp::read(sdp, self.role));
        let mut checked = local.contents.clone();
        // What we say has to keep the rules, too.
        if let Err(reason) = rules::answered(&mut checked) {
            let reason = if reason == Reason::IncompatibleParameters {
                reason
            } else {
                Reason::FailedApplication
            };
            return self.terminate(reason, None);
        }
        self.local = local;
        let mut remote = std::mem::take(&mut self.remote);
        for (content, answer) in remote.contents.iter_mut().zip(&self.local.contents) {
            // What we leave out of the answer is not part of the session.
            content.refused |= answer.refused;
        }
        self.settle(&mut remote, true);
        self.remote = remote;
        self.stage = Stage::Active;
        let head = self
            .begin(Action::SessionAccept)
            .attr("responder", self.own.jid().as_str());
        let body = self.outward(&self.local.contents, &self.local.groups);
        self.act(Action::SessionAccept, head.children(body));
    }

    /// Ends the session, and says why.
    pub(crate) fn terminate(&mut self, reason: Reason, text: Option<&str>) {
        let jingle = self.begin(Action::SessionTerminate).child(reason.write(text));
        self.act(Action::SessionTerminate, jingle);
        self.effects.push_back(Effect::Over(reason));
    }

    /// Says something that changes nothing.
    pub(crate) fn inform(&mut self, info: SessionInfo) {
        let (name, track) = match info {
            SessionInfo::Ringing => ("ringing", Track::All),
            SessionInfo::Active => ("active", Track::All),
            SessionInfo::Hold => ("hold", Track::All),
            SessionInfo::Unhold => ("unhold", Track::All),
            SessionInfo::Mute(track) => ("mute", track),
            SessionInfo::Unmute(track) => ("unmute", track),
        };
        if info == SessionInfo::Ringing && self.stage != Stage::Offered {
            return;
        }
        let media = match track {
            Track::All => None,
            Track::Audio => Some("audio"),
            Track::Video => Some("video"),
        };
        let Some(media) = media else {
            let jingle = self.begin(Action::SessionInfo).child(Build::new(name, ns::RTP_INFO));
            return self.act(Action::SessionInfo, jingle);
        };
        let contents = self.local.contents.iter().filter(|content| !content.refused);
        let meant = |content: &&Content| content.description.as_ref().is_some_and(|known| known.media == media);
        let named = |content: &Content| {
            Build::new(name, ns::RTP_INFO)
                .attr("creator", content.creator.name())
                .attr("name", self.names.name(&content.name))
                .build()
        };
        // XEP-0167 §8: one thing at a time.
        let elements: Vec<Element> = contents.filter(meant).map(named).collect();
        for element in elements {
            self.act(Action::SessionInfo, self.begin(Action::SessionInfo).child(element));
        }
    }

    /// Tells a candidate of ours that was found late.
    pub(crate) fn trickle(&mut self, mid: &str, candidate: &str) {
        let Some(candidate) = Candidate::from_sdp(candidate) else {
            return;
        };
        let Some(content) = self
            .local
            .contents
            .iter()
            .find(|content| content.name == mid && !content.refused)
        else {
            return;
        };
        let known = content.transport.as_ref();
        let transport = Transport {
            ufrag: known.and_then(|known| known.ufrag.clone()),
            pwd: known.and_then(|known| known.pwd.clone()),
            candidates: vec![candidate],
            ..Transport::default()
        };
        let element = self.named(content).write_transport(&transport);
        self.act(Action::TransportInfo, self.begin(Action::TransportInfo).child(element));
    }

    /// Asks the peer to call somebody else.
    pub(crate) fn transfer(&mut self, to: &Jid) {
        let transfer = Build::new("transfer", ns::TRANSFER).attr("to", to.as_str());
        self.act(Action::SessionInfo, self.begin(Action::SessionInfo).child(transfer));
    }

    /// Returns what is to be done, until there is nothing.
    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Forgets what was to be done.
    pub(crate) fn drop_effects(&mut self) {
        self.effects.clear();
    }

    fn begin(&self, action: Action) -> Build {
        Jingle::begin(action, &self.sid)
    }

    fn act(&mut self, action: Action, jingle: Build) {
        self.effects.push_back(Effect::Act(action, jingle.build()));
    }

    fn tell(&mut self, event: CallEvent) {
        self.effects.push_back(Effect::Event(event));
    }
}
