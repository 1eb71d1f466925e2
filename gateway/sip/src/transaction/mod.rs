// SPDX-License-Identifier: EUPL-1.2
//! The four transaction machines of RFC 3261 §17, as amended by RFC 6026.
//!
//! A machine knows states and timers only; the bytes it asks to send and the peer they go to are its owner's affair.

mod client_invite;
mod client_non_invite;
mod key;
mod server_invite;
mod server_non_invite;

pub use client_invite::ClientInvite;
pub use client_non_invite::ClientNonInvite;
pub use key::{ClientKey, MergeKey, ServerKey};
pub use server_invite::ServerInvite;
pub use server_non_invite::ServerNonInvite;

/// Names what a machine wants on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// The request of this transaction, again.
    Request,
    /// The ACK for a final response other than 2xx (RFC 3261 §17.1.1.3).
    Ack,
    /// The last response given by the user agent.
    Response,
}

/// Says why a transaction ended without doing its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Timer B, F or H fired.
    TimedOut,
    /// The transport could not carry the message.
    Transport,
}

/// Collects what one event made a machine want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// What to send, if anything.
    pub transmit: Option<Transmit>,
    /// Whether the user agent is to see the response that caused this.
    pub deliver: bool,
    /// Why the transaction failed, if it did.
    pub failure: Option<Failure>,
}

impl Effects {
    const NONE: Effects = Effects {
        transmit: None,
        deliver: false,
        failure: None,
    };

    const DELIVER: Effects = Effects {
        transmit: None,
        deliver: true,
        failure: None,
    };

    fn transmit(what: Transmit) -> Effects {
        Effects {
            transmit: Some(what),
            ..Effects::NONE
        }
    }

    fn failure(why: Failure) -> Effects {
        Effects {
            failure: Some(why),
            ..Effects::NONE
        }
    }
}
