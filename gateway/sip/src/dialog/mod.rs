// SPDX-License-Identifier: EUPL-1.2
//! Dialogs: RFC 3261 §12.
//!
//! - [`Dialog`]: tags, CSeq, route set and remote target of one peer-to-peer relation
//! - [`repeat`]: when to send a response again until the peer confirms it
//! - [`session_timer`]: RFC 4028

pub mod repeat;
pub mod session_timer;
mod state;

pub use state::{Dialog, DialogId, Draft, StaleCSeq};
