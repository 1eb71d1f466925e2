// SPDX-License-Identifier: EUPL-1.2
//! The state of one call.

use std::net::IpAddr;
use std::time::Instant;

use super::launch::Hop;
use super::{CallId, EndedBy, Event, Target};
use crate::dialog::repeat::Repeat;
use crate::dialog::session_timer::SessionTimer;
use crate::dialog::{Dialog, DialogId, Draft};
use crate::digest::Login;
use crate::message::{NameAddr, Reason, SessionExpires};
use crate::offer_answer::OfferAnswer;
use crate::timer::earlier;

/// Names where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Our INVITE is out.
    Calling,
    /// The peer's INVITE awaits the gateway.
    Offered,
    /// A 2xx was sent or received.
    Connected,
    /// Our BYE is out; the gateway knows that the call is over.
    Ending,
}

/// Holds an INVITE or UPDATE of the peer that awaits the gateway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) server: u64,
    pub(super) cseq: u32,
    pub(super) is_invite: bool,
    /// The session timer that it asks for.
    pub(super) asks: Option<SessionExpires>,
}

/// Holds a 2xx to INVITE that awaits its ACK.
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) server: u64,
    pub(super) cseq: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) repeat: Repeat,
}

/// Holds a reliable provisional response that awaits its PRACK.
#[derive(Debug)]
pub(super) struct Reliable {
    pub(super) server: u64,
    pub(super) rseq: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) repeat: Repeat,
}

/// Holds one branch that answers our INVITE.
#[derive(Debug)]
pub(super) struct Fork {
    pub(super) dialog: Dialog,
    pub(super) rseq: Option<u32>,
    pub(super) early_sdp: Option<Vec<u8>>,
}

/// Holds the ACK that waits for the gateway's answer to a late offer.
#[derive(Clone, Debug)]
pub(super) struct AckLater {
    pub(super) client: u64,
    pub(super) tag: String,
    pub(super) cseq: u32,
}

/// Names what a re-INVITE or UPDATE of ours is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The gateway's offer.
    Offer(Vec<u8>),
    /// A session refresh (RFC 4028).
    Refresh,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) phase: Phase,
    /// Nothing is left to do: the call is forgotten after this input.
    pub(super) over: bool,
    /// The gateway was told that the call is over.
    told: bool,
    pub(super) draft: Option<Draft>,
    pub(super) forks: Vec<Fork>,
    pub(super) dialog: Option<Dialog>,
    /// Where requests of this dialog go before anything is looked up.
    pub(super) hop: Option<Hop>,
    pub(super) proxy: Option<Target>,
    /// Our Contact in responses.
    pub(super) contact: Option<NameAddr>,
    pub(super) turns: OfferAnswer,
    pub(super) pending: Option<Pending>,
    pub(super) unacked: Option<Unacked>,
    pub(super) reliable: Option<Reliable>,
    pub(super) next_rseq: u32,
    pub(super) peer_wants_reliable: bool,
    pub(super) early_sdp: Option<Vec<u8>>,
    pub(super) early_sdp_was_reliable: bool,
    /// The gateway's answer, held back until a PRACK comes (RFC 3262 §3).
    pub(super) answer_later: Option<Option<Vec<u8>>>,
    pub(super) ack_later: Option<AckLater>,
    /// How the gateway or a timer wants it to end, once the protocol allows it.
    pub(super) hang_up: Option<Option<Reason>>,
    pub(super) cancel_sent: bool,
    pub(super) ring_until: Option<Instant>,
    pub(super) ring_again_at: Option<Instant>,
    pub(super) cancel_until: Option<Instant>,
    pub(super) wanted: Option<Change>,
    pub(super) under_way: Option<Change>,
    pub(super) retry_at: Option<Instant>,
    pub(super) local_sdp: Vec<u8>,
    pub(super) remote_sdp: Vec<u8>,
    pub(super) timer: Option<SessionTimer>,
    pub(super) min_se: u32,
    pub(super) peer_takes_update: bool,
    pub(super) peer_takes_timer: bool,
    pub(super) login: Option<Login>,
    pub(super) challenges_answered: u8,
    /// The host whose challenge the login was used for.
    pub(super) challenger: Option<IpAddr>,
}

impl Call {
    pub(super) fn new(id: CallId, phase: Phase) -> Call {
        Call {
            id,
            phase,
            over: false,
            told: false,
            draft: None,
            forks: Vec::new(),
            dialog: None,
            hop: None,
            proxy: None,
            contact: None,
            turns: OfferAnswer::default(),
            pending: None,
            unacked: None,
            reliable: None,
            next_rseq: 1,
            peer_wants_reliable: false,
            early_sdp: None,
            early_sdp_was_reliable: false,
            answer_later: None,
            ack_later: None,
            hang_up: None,
            cancel_sent: false,
            ring_until: None,
            ring_again_at: None,
            cancel_until: None,
            wanted: None,
            under_way: None,
            retry_at: None,
            local_sdp: Vec::new(),
            remote_sdp: Vec::new(),
            timer: None,
            min_se: crate::dialog::session_timer::MIN_SE,
            peer_takes_update: false,
            peer_takes_timer: false,
            login: None,
            challenges_answered: 0,
            challenger: None,
        }
    }

    /// Returns the earliest of the call's own timers.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let mut at = earlier(self.ring_until, self.cancel_until);
        at = earlier(at, self.ring_again_at);
        at = earlier(at, self.retry_at);
        at = earlier(at, self.unacked.as_ref().map(|u| u.repeat.deadline()));
        at = earlier(at, self.reliable.as_ref().map(|r| r.repeat.deadline()));
        match self.phase {
            Phase::Connected => earlier(at, self.timer.as_ref().map(SessionTimer::deadline)),
            _ => at,
        }
    }

    /// Walks over the names of all dialogs of this call.
    pub(super) fn dialog_ids(&self) -> impl Iterator<Item = &DialogId> {
        self.forks
            .iter()
            .map(|fork| fork.dialog.id())
            .chain(self.dialog.iter().map(Dialog::id))
    }

    /// Tells whether the peer's call it was.
    pub(super) fn is_incoming(&self) -> bool {
        self.draft.is_none()
    }

    /// Returns the event that ends the call, once.
    pub(super) fn end(&mut self, by: EndedBy, reason: Option<Reason>) -> Option<Event> {
        self.ring_until = None;
        self.ring_again_at = None;
        let first = !self.told;
        self.told = true;
        first.then_some(Event::Ended {
            call: self.id,
            by,
            reason,
        })
    }

    /// Tells whether the gateway still wants to hear of this call.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }
}
