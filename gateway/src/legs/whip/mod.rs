// SPDX-License-Identifier: EUPL-1.2
//! Browsers over WebRTC with one HTTP exchange: WHIP (RFC 9725) with sound both ways.
//!
//! ```text
//! page          POST /api/join            -> Session (token)        person without media
//!               POST /whip/{meeting}      Bearer token              media for that person, again and again
//! WHIP client   POST /whip/{meeting}      Bearer PIN                person and media in one exchange
//! both          DELETE /whip/{meeting}/{resource}                   media ends; a WHIP client leaves with it
//! ```
//!
//! Not implemented: Trickle ICE and ICE restarts (RFC 9725 §4.3, PATCH answers 405), STUN/TURN configuration by Link
//! (§4.6), redirects for load balancing (§4.5), extensions (§4.9).

/// What the leg asks of the media plane.
mod media;
/// The HTTP resources of RFC 9725.
pub mod resource;
/// A browser's stay: its seat, its token, its media, and when it is gone.
mod session;

pub use media::{BrowserMedia, PeerEvent, PeerRefusal};
pub use session::{AttachError, News, Presence, Session, Sessions, SessionsConfig, Stay};
