// SPDX-License-Identifier: EUPL-1.2
//! The media plane: its own threads, apart from the signalling runtime, so that no flood there can starve a 20 ms tick.
//!
//! One tick, read downwards:
//!
//! ```text
//! rtp::source        authenticate, then learn; drop and count what is foreign
//! Playout::pull      jitter buffer → decode | FEC | conceal → Frame      only for legs that may be heard
//! Mix::add           the loudest few make the floor
//! Ear                who is left out of the mix; everyone who is silent shares one ear
//! thread::encoders   one encoder per distinct ear and codec
//! rtp::packet        per leg only: header, SRTP, send
//! ```
//!
//! # Modules
//! - [`invariants`]: what must hold for any octets from outside.
//! - `words`: what the plane is told, what it tells, and why it refuses.
//! - `plane`: the handle that everything else holds.
//! - `ports`: UDP port pairs, and the draining of those just closed.
//! - `sdp`: session descriptions of phones.
//! - `rtp`: RTP as phones speak it.
//! - `thread`: the media threads: legs, rooms, ticks.
//! - `peer`: the WebRTC door.
//!
//! What goes to the partner of a joint room and comes from there is drawn in `thread::border`.

pub mod invariants;
mod peer;
mod plane;
mod ports;
mod rtp;
mod sdp;
mod thread;
mod words;

#[cfg(test)]
mod scenes;

pub use peer::fingerprints;
pub(crate) use peer::{SfuEvent, SfuLink, SfuTrack};
pub use plane::Plane;
pub use thread::{FromBrowser, ToBrowser, TrackSink};
pub use words::{
    BorderStats, BorderStream, BorderTerms, Chime, Clip, Encryption, Event, IceServer, Latch, LegEvents, LegStats,
    Loudness, MediaConfig, PeerTerms, PhonePolicy, PlayId, Refusal, RoomKey, VideoLine,
};
