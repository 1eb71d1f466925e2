// SPDX-License-Identifier: EUPL-1.2
//! OpenTalk: the controller that lets phones in, and the signalling of each phone.
//!
//! ```text
//! Desk::start (id, PIN, name) ─▶ Admission ─▶ Desk::attend ─▶ AttendeeHandle: commands in, events out
//! ```
//!
//! The rules of the signalling are in `landbridge-opentalk`; here are its sockets. Each phone has a task and a socket of
//! its own, so a server that stalls is felt by its own phones only. Not implemented: HTTP proxies.

/// Asks the controller, over HTTPS.
mod desk;
/// One phone's attendee, in a task of its own.
mod driver;
/// HTTPS, and why there is no answer.
mod http;
/// Proves who we are: signed tokens of a service key, access tokens of an OIDC client.
mod login;
/// One phone's WebSocket.
mod socket;
/// Which failures are logged.
mod warnings;

pub use desk::{Caller, Desk, DeskOptions, Login};
pub use driver::AttendeeHandle;
pub use landbridge_opentalk::{
    Admission, Breakout, BreakoutRoom, Command, Credentials, Ending, Event, Joined, Name, Person, PersonKind, Place,
    Recorded, Role, StartError,
};

#[cfg(test)]
mod tests;
