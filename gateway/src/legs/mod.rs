// SPDX-License-Identifier: EUPL-1.2
//! One folder per protocol that brings people in.
//!
//! Adding a protocol: copy `echo/`, implement [`Leg`], add its line to [`registry`]. WHIP has no line: it is spoken in
//! HTTP requests that carry offer and answer in one exchange, so its routes hang on the public listener instead.

/// The smallest leg, as a template: an address that echoes.
pub mod echo;
/// Rooms shared with other deployments.
pub mod federated;
/// XMPP clients (Jingle), as a component of an XMPP server.
pub mod jingle;
/// What a protocol must do to reach people.
mod leg;
/// LiveKit rooms that phones are in.
pub mod livekit;
/// OpenTalk meetings: controller and signalling.
pub mod opentalk;
/// SIP telephones.
pub mod sip;
/// Browsers over WebRTC with one HTTP exchange (RFC 9725).
pub mod whip;

pub use leg::{Leg, Placing};

/// Returns every leg that can place calls, one line each; the first that reaches an address takes it.
pub fn registry(sip: sip::SipLegs, xmpp: Option<jingle::XmppLegs>) -> Vec<Box<dyn Leg>> {
    let xmpp = xmpp.map(|xmpp| Box::new(xmpp) as Box<dyn Leg>);
    let always: [Box<dyn Leg>; 2] = [Box::new(echo::Echo), Box::new(sip)];
    always.into_iter().chain(xmpp).collect()
}
