// SPDX-License-Identifier: EUPL-1.2
//! Group calls of XMPP clients that a meeting takes part in (XEP-0272): each of their members becomes a call of ours.
//!
//! Somebody who is in a meeting already brings the others in, so that nobody is asked for a PIN again: an occupant of the
//! meeting's chat, or a caller who turns a call into a group call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jid::{BareJid, Jid};
use landbridge_jingle::calls::Taken;
use landbridge_jingle::invites::Invitation;
use landbridge_jingle::muji::{Muji, MujiInput, MujiOptions, MujiOutput};
use landbridge_jingle::own::{Domain, Own};
use minidom::Element;

use super::super::address;
use super::super::driver::Outside;
use crate::call::invite::Invites;

/// Most group calls at a time.
const GROUP_CALLS: usize = 64;

/// All group calls.
pub(super) struct Groups {
    domain: Domain,
    held: Vec<Held>,
    invites: Option<Invites>,
    /// Members that left, and our address in their calls.
    gone: Vec<(Jid, Own)>,
}

struct Held {
    meeting: String,
    own: Own,
    is_trusted: bool,
    inviter: Option<BareJid>,
    muji: Muji,
}

/// A member of a group call, as its call needs to know it.
#[derive(Clone, Debug)]
pub(in super::super) struct Member {
    /// Our address in the group call.
    pub own: Own,
    /// The chat in which it is held.
    pub chat: Jid,
    /// How its members write it.
    pub namespace: &'static str,
    /// What opens the meeting.
    pub pin: Option<String>,
}

/// The members of all group calls, by their full addresses.
#[derive(Default)]
pub(in super::super) struct Members(Mutex<HashMap<Jid, Vec<Member>>>);

impl Members {
    /// Finds the group call in which `peer` is, and `own` is ours.
    pub(in super::super) fn find(&self, peer: &Jid, own: &Own) -> Option<Member> {
        let members = self.lock();
        let same = |member: &&Member| member.own.bare() == own.bare();
        members.get(peer)?.iter().find(same).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Jid, Vec<Member>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What leads to a group call.
pub(super) struct Lead {
    /// The meeting that was called.
    pub meeting: String,
    /// The node of its address.
    pub node: String,
    pub invitation: Invitation,
    /// Who is in a call with us already, and stays in it.
    pub connected: Vec<Jid>,
    /// Whether the inviter moderates the meeting: whom others bring has to be somebody who may be invited.
    pub is_trusted: bool,
    /// With whose seat the group call ends; nobody's, if the operator shows the meeting in the inviter's chat.
    pub inviter: Option<BareJid>,
    /// The inviter's server: the group call has to be held there.
    pub server: String,
}

impl Groups {
    pub(super) fn new(domain: Domain) -> Groups {
        Groups {
            domain,
            held: Vec::new(),
            invites: None,
            gone: Vec::new(),
        }
    }

    /// Returns when [`Groups::due`] is to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.iter().filter_map(|held| held.muji.deadline()).min()
    }

    /// Tells whether a chat is that of a group call.
    pub(super) fn knows(&self, chat: &Jid) -> bool {
        self.held.iter().any(|held| *held.muji.room() == chat.to_bare())
    }

    /// Follows an invitation.
    pub(super) fn follow(&mut self, now: Instant, lead: Lead, out: &Outside) {
        let Lead {
            meeting,
            node,
            invitation,
            connected,
            is_trusted,
            inviter,
            server,
        } = lead;
        let Some(own) = self.domain.address(&node, address::RESOURCE) else {
            return;
        };
        let chat = invitation.room.domain().as_str();
        let is_there = chat == server || chat.strip_suffix(&server).is_some_and(|rest| rest.ends_with('.'));
        let one_each = inviter
            .as_ref()
            .is_some_and(|user| self.held.iter().any(|held| held.inviter.as_ref() == Some(user)));
        if !is_there || one_each || node.contains(['*', '\\']) {
            tracing::info!(is_there, one_each, "an invitation to a group call is not followed");
            return;
        }
        let known = self.held.iter().any(|held| *held.muji.room() == invitation.room);
        if known || self.held.len() >= GROUP_CALLS {
            return;
        }
        let options = MujiOptions {
            domain: self.domain.clone(),
            own: own.clone(),
            // A stranger's chat need not know what the meeting is called.
            nick: "Landbridge".to_owned(),
            connected,
        };
        let muji = Muji::new(now, options, invitation);
        self.held.push(Held {
            meeting,
            own,
            is_trusted,
            inviter,
            muji,
        });
        self.due(now, out);
        tracing::info!("a meeting joins a group call of XMPP clients");
    }

    /// Does what the clock asks for, and leaves with meetings that are over.
    pub(super) fn due(&mut self, now: Instant, out: &Outside) {
        for held in &mut self.held {
            let over = out.house.rooms.roster(&held.meeting).is_none();
            let input = if over { MujiInput::Leave } else { MujiInput::Timeout };
            let _ = held.muji.handle(now, input);
        }
        self.drain(out);
    }

    /// Joins again after the stream was away.
    pub(super) fn stream_up(&mut self, now: Instant, out: &Outside) {
        for held in &mut self.held {
            let _ = held.muji.handle(now, MujiInput::StreamUp);
        }
        self.drain(out);
    }

    /// Leaves all.
    pub(super) fn close(&mut self, now: Instant, out: &Outside) {
        for held in &mut self.held {
            let _ = held.muji.handle(now, MujiInput::Leave);
        }
        self.drain(out);
    }

    /// Takes a stanza; says whether it was for a group call.
    pub(super) fn stanza(&mut self, now: Instant, stanza: &Element, out: &Outside) -> Taken {
        let mut taken = Taken::No;
        for held in &mut self.held {
            if held.muji.handle(now, MujiInput::Stanza(stanza)) == Taken::Yes {
                taken = Taken::Yes;
            }
        }
        if taken == Taken::Yes {
            self.drain(out);
        }
        taken
    }

    /// Leaves the group calls whose inviter is in the meeting no more, as `is_in` says.
    pub(super) fn keep(&mut self, now: Instant, out: &Outside, is_in: impl Fn(&str, &BareJid) -> bool) {
        let mut left = false;
        for held in &mut self.held {
            if held.inviter.as_ref().is_some_and(|user| !is_in(&held.meeting, user)) {
                let _ = held.muji.handle(now, MujiInput::Leave);
                left = true;
            }
        }
        if left {
            self.drain(out);
        }
    }

    /// Tells whether somebody is a member of a group call in which `own` is ours.
    pub(super) fn has_member(&self, peer: &Jid, own: &Own) -> bool {
        let has = |held: &Held| held.own.bare() == own.bare() && held.muji.expects(peer);
        self.held.iter().any(has)
    }

    /// Takes the members that left since it was asked last.
    pub(super) fn gone(&mut self) -> Vec<(Jid, Own)> {
        std::mem::take(&mut self.gone)
    }

    fn drain(&mut self, out: &Outside) {
        if self.held.is_empty() {
            return;
        }
        let invites = self
            .invites
            .get_or_insert_with(|| Invites::new(Arc::clone(&out.house)))
            .clone();
        let mut wanted = Vec::new();
        let gone = &mut self.gone;
        self.held.retain_mut(|held| {
            let mut over = false;
            while let Some(output) = held.muji.poll() {
                match output {
                    MujiOutput::Send(packet) => out.send(Some(packet)),
                    MujiOutput::Call(peer) => {
                        wanted.push((held.meeting.clone(), held.own.clone(), held.is_trusted, peer))
                    }
                    // The member calls by itself.
                    MujiOutput::Expect(_) => {}
                    MujiOutput::Gone(peer) => gone.push((peer, held.own.clone())),
                    MujiOutput::Over(why) => {
                        tracing::info!(why, "a meeting left a group call");
                        over = true;
                    }
                }
            }
            !over
        });
        self.tell_members(out);
        // Members are known by now: their calls need to name the group call.
        for (meeting, own, is_trusted, peer) in wanted {
            let from = format!("xmpp:{}", own.bare());
            if let Err(refusal) = invites.bring(&meeting, peer.as_str(), from, is_trusted) {
                tracing::warn!(?refusal, "a member of a group call is not called");
            }
        }
    }

    fn tell_members(&self, out: &Outside) {
        let mut members: HashMap<Jid, Vec<Member>> = HashMap::new();
        for held in &self.held {
            let config = out.house.config();
            let meeting = config.meetings.iter().find(|meeting| meeting.id == held.meeting);
            for peer in held.muji.members() {
                members.entry(peer.clone()).or_default().push(Member {
                    own: held.own.clone(),
                    chat: Jid::from(held.muji.room().clone()),
                    namespace: held.muji.namespace(),
                    pin: meeting
                        .filter(|_| held.is_trusted)
                        .and_then(|meeting| meeting.pin.clone()),
                });
            }
        }
        *out.members.lock() = members;
    }
}
