// SPDX-License-Identifier: EUPL-1.2
//! The words between the calls and who drives them.

use std::time::Duration;

use jid::Jid;
use minidom::Element;

use crate::own::Own;
use crate::packet::Packet;
use crate::reason::Reason;

/// Names a call; [`super::Calls::reserve`] makes one for a call of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(crate) u64);

/// What the calls are told once.
#[derive(Clone, Debug)]
pub struct Options {
    /// Resource that calls to a bare address are answered from.
    pub resource: String,
    /// How long a callee may ring.
    pub no_answer: Duration,
    /// How long an action of ours is sent again, and how long we answer the same to a repeated one of the peer.
    pub patience: Duration,
    /// Most sessions at a time.
    pub most_calls: usize,
    /// Whether [`CallEvent::Transfer`] is followed; if not, the peer learns so.
    pub transfer: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            resource: "landbridge".into(),
            no_answer: Duration::from_secs(60),
            patience: Duration::from_secs(60),
            most_calls: 4096,
            transfer: false,
        }
    }
}

/// What happens to the calls.
#[derive(Debug)]
pub enum CallsInput<'a> {
    /// A stanza of the stream.
    Stanza(&'a Element),
    /// The driver wants something of a call.
    Command(CallId, Command),
    /// The driver calls somebody.
    Place {
        /// From [`super::Calls::reserve`].
        call: CallId,
        /// A bare address is asked by messages (XEP-0353), a full one is called at once.
        to: Jid,
        /// Who calls; without a resource it gets [`Options::resource`].
        from: Own,
        /// The offer, with `a=setup:actpass` and all candidates.
        sdp: Vec<u8>,
    },
    /// The stream is there: what was not acknowledged is sent again.
    StreamUp,
    /// The stream is gone; calls go on.
    StreamDown,
    /// [`super::Calls::deadline`] has come.
    Timeout,
}

/// What the driver wants of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Tell the caller that it rings.
    Ring,
    /// Take an offered call.
    Accept {
        /// The answer, with `a=setup:active` or `passive`.
        sdp: Vec<u8>,
    },
    /// Turn an offered call away.
    Reject {
        /// Why.
        cause: Reason,
        /// The same for people, without anything private.
        text: Option<String>,
    },
    /// Change the running call: hold, ICE restart, one medium more or less.
    Offer {
        /// The whole session as it should be.
        sdp: Vec<u8>,
    },
    /// Answer [`CallEvent::Reoffered`].
    Answer {
        /// The whole session as it is from now on.
        sdp: Vec<u8>,
    },
    /// Turn [`CallEvent::Reoffered`] away; the call goes on as it was.
    Refuse,
    /// Say something about the session.
    Info(SessionInfo),
    /// A candidate of ours that was found late.
    Candidate {
        /// `a=mid` of its medium.
        mid: String,
        /// The value behind `a=candidate:`.
        candidate: String,
    },
    /// Ask the peer to call somebody else instead (XEP-0251).
    Transfer(Jid),
    /// End the call, in whatever state it is.
    HangUp(Reason),
}

/// What the calls want.
#[derive(Debug)]
pub enum CallsOutput {
    /// Send this.
    Send(Packet),
    /// Somebody calls.
    Offered(CallId, Offered),
    /// Something happened to a call.
    Event(CallId, CallEvent),
}

/// A call that somebody wants with us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Who calls, with resource.
    pub from: Jid,
    /// Whom they call: the room, perhaps with a PIN behind the `/`.
    pub to: Own,
    /// What the caller wants to be called (XEP-0172), at most 256 octets; unverified.
    pub name: Option<String>,
    /// The offer; candidates may follow as [`CallEvent::Candidate`] at once.
    pub sdp: Vec<u8>,
    /// Whether the caller said that it knows conferences (XEP-0298).
    pub conference: bool,
    /// The session's id, for telling two calls of one caller apart.
    pub sid: String,
    /// The group call that it is part of (XEP-0272).
    pub muji: Option<Jid>,
}

/// What happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// It rings at the callee.
    Ringing,
    /// The callee took the call.
    Accepted {
        /// The answer; it has a fingerprint and a role that RFC 8842 permits.
        sdp: Vec<u8>,
        /// The device that took it.
        by: Jid,
    },
    /// The peer found a candidate; it may come before [`Command::Accept`].
    Candidate {
        /// `a=mid` of its medium.
        mid: String,
        /// The value behind `a=candidate:`.
        candidate: String,
    },
    /// The peer wants to change the running call; wants [`Command::Answer`] or [`Command::Refuse`].
    Reoffered {
        /// The whole session as the peer wants it.
        sdp: Vec<u8>,
    },
    /// The peer agrees to [`Command::Offer`].
    Answered {
        /// The whole session as it is from now on.
        sdp: Vec<u8>,
    },
    /// The peer does not agree to [`Command::Offer`]: the session stays as it was.
    Refused,
    /// The peer said something about the session.
    Info(SessionInfo),
    /// The peer asks us to call somebody else (XEP-0251).
    Transfer(Jid),
    /// The call is over; nothing follows.
    Ended(Reason),
}

/// What one may say about a session without changing it (XEP-0167 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionInfo {
    /// It rings.
    Ringing,
    /// Back from hold or mute.
    Active,
    /// Please wait.
    Hold,
    /// Thank you for waiting.
    Unhold,
    /// My microphone or camera is off.
    Mute(Track),
    /// My microphone or camera is on.
    Unmute(Track),
}

/// Which of the media is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// All.
    All,
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

impl Track {
    /// Tells whether sound is meant.
    pub fn is_heard(self) -> bool {
        self != Track::Video
    }
}

/// Whether a stanza was for the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Taken {
    /// It was, and was dealt with.
    Yes,
    /// It was not.
    No,
}
