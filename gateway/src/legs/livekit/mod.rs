// SPDX-License-Identifier: EUPL-1.2
//! LiveKit rooms as this node is in them.
//!
//! ```text
//! Halls ── one Hall per room: one room key in the media plane, one listener, the phones' sessions
//!            Session   one phone's participant: publishes its own sound, subscribes to nothing
//!            listener  one participant subscribes for all phones of the hall; each track is decoded once
//! ```
//!
//! Not implemented: video, end-to-end encryption, RED (RFC 2198), data tracks, region failover. Of ICE (RFC 8445): no TURN
//! over TLS or TCP, and TCP candidates (RFC 6544) only after UDP did not get through.

/// One room as this node is in it.
mod hall;
/// The rooms of this node, and the way in.
mod halls;
/// Tokens made with an API key.
mod mint;
/// The question whether a server takes the key.
mod probe;
/// One phone's participant, as its owner holds it.
mod session;
/// LiveKit's signalling as a session needs it.
mod signalling;
/// What it takes to enter a room, and why that can fail.
mod ticket;

pub use halls::{EnterOptions, Halls, HallsOptions};
pub use mint::{Mint, Participant, Presence};
pub use session::{Gone, PersonKind, RemotePerson, Session, SessionEvent};
pub use ticket::{Ticket, Tickets, Trouble, TroubleKind};
