// SPDX-License-Identifier: EUPL-1.2
//! What a call says to its leg and hears from it, whatever the protocol.

use tokio::sync::mpsc;

use super::Cause;

/// What a leg tells its call.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The leg is over; nothing follows.
    Ended(Cause),
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
}

/// What a leg tells its call, in order; the leg drops nothing but ends a call that does not read.
pub type Events = mpsc::Receiver<Event>;
