// SPDX-License-Identifier: EUPL-1.2
//! What a call says to its leg and hears from it, whatever the protocol.

use std::fmt;

use tokio::sync::mpsc;

use super::Cause;
use crate::room::{ChatLine, Control};

/// What a leg tells its call.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// The far end has our answer; with the description that a late offer still owed.
    Confirmed(Option<Vec<u8>>),
    /// The far end wants to change the session; `None` asks us to offer. Wants [`Line::answer_offer`].
    Reoffered(Option<Vec<u8>>),
    /// The far end took its change back.
    OfferWithdrawn,
    /// Our outgoing call rings.
    Ringing,
    /// Our outgoing call was answered.
    Answered(Option<Vec<u8>>),
    /// A key came through signalling instead of media.
    Digit(char),
    /// Another way to reach the far end's media came to light (trickle ICE, RFC 8840).
    Candidate {
        /// The media line that it belongs to.
        mid: String,
        /// What stands behind `a=candidate:`.
        candidate: String,
    },
    /// The far end wrote something.
    Text(String),
    /// The far end closed or opened its microphone by itself.
    Muted(bool),
    /// The leg is over; nothing follows.
    Ended(Cause),
}

/// Shows neither keys nor text: they may hold a PIN.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Event::Confirmed(_) => "Confirmed",
            Event::Reoffered(_) => "Reoffered",
            Event::OfferWithdrawn => "OfferWithdrawn",
            Event::Ringing => "Ringing",
            Event::Answered(_) => "Answered",
            Event::Digit(_) => "Digit",
            Event::Candidate { .. } => "Candidate",
            Event::Text(_) => "Text",
            Event::Muted(_) => "Muted",
            Event::Ended(cause) => return write!(f, "Ended({cause:?})"),
        })
    }
}

/// The way from a call to its leg; no method waits.
pub trait Line: Send + Sync {
    /// Lets the caller hear that we ring.
    fn ring(&self);
    /// Answers an incoming call with our description.
    fn answer(&self, description: Vec<u8>);
    /// Refuses an incoming call.
    fn reject(&self, cause: Cause, text: Option<&str>);
    /// Answers [`Event::Reoffered`]; `Err` refuses it and leaves the session as it was.
    fn answer_offer(&self, description: Result<Vec<u8>, Cause>);
    /// Ends the leg in whatever state it is.
    fn hang_up(&self, cause: Cause);
    /// Learns that sound goes between us and the far end.
    fn connected(&self) {}
    /// Tells in writing what is spoken, where the protocol has writing.
    fn say(&self, _text: &str) {}
    /// Tells whether the far end wants to read the chat of its room by [`Line::chat`].
    fn reads(&self) -> bool {
        false
    }
    /// Shows what somebody else wrote in the room's chat.
    fn chat(&self, _line: &ChatLine) {}
    /// Learns that the call is in a room proper, until [`Line::unseated`] or the call's end: from now on it may know who is
    /// there.
    fn seated(&self, _control: &Control) {}
    /// Learns that the call waits outside again.
    fn unseated(&self) {}
    /// Shows the far end whether its microphone is open to the room.
    fn muted(&self, _muted: bool) {}
}

/// What a leg tells its call, in order; the leg drops nothing but ends a call that does not read.
pub type Events = mpsc::Receiver<Event>;
