// SPDX-License-Identifier: EUPL-1.2
//! What carries sealed frames and sessions between deployments, whatever the protocol below.
//!
//! Nobody waits for a partner: what finds no space is lost and told so, and the joint room sends it again.

use tokio::sync::mpsc;

use super::line::{Events, Line};
use super::{Cause, LegId};
use crate::media::IceServer;

/// The longest payload of a frame, in octets.
pub const MOST_PAYLOAD: usize = 64 * 1024;

/// Posts frames to partners and places sessions with them.
pub trait Courier: Send + Sync + 'static {
    /// Posts a sealed frame; returns false if it is lost already. A frame that does not arrive may come back as
    /// [`Mail::Bounced`].
    fn post(&self, parcel: Parcel) -> bool;

    /// Places a session from our federation address to the partner's; what becomes of it comes through the events.
    ///
    /// # Errors
    /// The partner has no address that may be called.
    fn place(&self, leg: LegId, to: &Corner, offer: Vec<u8>) -> Result<(Box<dyn Line>, Events), Cause>;

    /// Returns the STUN and TURN servers that sessions may use.
    fn ice_servers(&self) -> Vec<IceServer>;
}

/// One room at one partner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Corner {
    /// The partner's address: the domain of its gateway.
    pub address: String,
    /// The room's alias.
    pub room: String,
}

/// A frame with its seal, as it travels.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key sealed it.
    pub key: String,
    /// The deployment that it is meant for.
    pub to: String,
    /// The signature.
    pub seal: Vec<u8>,
    /// The frame's text, at most [`MOST_PAYLOAD`] octets.
    pub payload: Vec<u8>,
}

/// Shows no payload.
impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed")
            .field("octets", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// A frame for a partner.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Where to.
    pub to: Corner,
    /// The frame.
    pub sealed: Sealed,
}

/// What comes from partners.
pub enum Mail {
    /// A frame came; nothing of it but its sender's address has been checked.
    Arrived {
        /// The address that it came from, and the room that it is for.
        from: Corner,
        /// The frame.
        sealed: Sealed,
        /// What the sender is answered.
        receipt: Box<dyn Receipt>,
    },
    /// A frame of ours did not arrive.
    Bounced {
        /// Where it should have gone.
        to: Corner,
        /// Why.
        why: Bounce,
    },
    /// Frames can be posted.
    Up,
    /// No frame can be posted, or arrive.
    Down,
    /// A partner wants a session; it is to be answered or turned away by its line.
    Offered(Box<Offered>),
}

/// A session that a partner wants.
pub struct Offered {
    /// The address that it comes from, and the room that it is for.
    pub from: Corner,
    /// Our name of the session's leg.
    pub leg: LegId,
    /// The partner's description.
    pub description: Vec<u8>,
    /// The way to the session.
    pub line: Box<dyn Line>,
    /// What becomes of it.
    pub events: Events,
}

/// Why a frame came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bounce {
    /// The partner refused it, for this named reason.
    Refused(String),
    /// Nothing leads to the partner now: the condition that a server named.
    Unreachable(String),
}

/// Answers one frame, at once and once. Dropped, it says nothing, and the sender does without.
pub trait Receipt: Send {
    /// Says that the frame was taken.
    fn taken(self: Box<Self>);
    /// Says that it was not, and why: a word such as `forged-origin`.
    fn refused(self: Box<Self>, why: &'static str);
}

/// Where mail is put.
pub struct Postbox {
    /// Bounded: what finds no space is refused.
    pub mail: mpsc::Sender<Mail>,
    /// Tells whether an address belongs to a partner; nobody else's mail is taken.
    pub knows: Box<dyn Fn(&str) -> bool + Send + Sync>,
}
