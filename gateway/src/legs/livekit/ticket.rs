// SPDX-License-Identifier: EUPL-1.2
//! What it takes to enter a room, and why that can fail.

use std::fmt;

use async_trait::async_trait;

/// Admits one participant to one room for a short time.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The server's address: `ws`, `wss`, `http` or `https`.
    pub url: String,
    /// The access token (JWT); never logged.
    pub token: String,
    /// The room's name on the server; tells one hall from another, the token alone decides where it leads.
    pub room: String,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Obtains tickets: by minting them, or by asking the meeting's signalling.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Obtains a ticket that is valid now, for the first or for a new start.
    async fn fresh(&self) -> Result<Ticket, Trouble>;
}

/// Says why a LiveKit server cannot be used, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of trouble it is.
    pub kind: TroubleKind,
    /// What went wrong and what to do; names the server, never a token.
    pub what: String,
}

/// Sorts troubles by what their remedy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TroubleKind {
    /// The server's URL cannot be used.
    BadUrl,
    /// The server's name has no address.
    Dns,
    /// Nobody answers at the address.
    Connect,
    /// The certificate is not trusted, or belongs to another name.
    Tls,
    /// The server does not take the key or its signature.
    Unauthorised,
    /// The clocks of the two machines differ too much for tokens.
    Clock,
    /// The token does not allow what was asked for.
    Forbidden,
    /// The room does not exist, or the URL leads to something else.
    NotFound,
    /// The server says what this gateway does not understand, or says too much.
    Protocol,
    /// No answer in time.
    Timeout,
    /// The room takes no more participants.
    RoomFull,
    /// Something on our side.
    Internal,
}

impl Trouble {
    /// Makes one.
    pub fn new(kind: TroubleKind, what: impl Into<String>) -> Trouble {
        Trouble {
            kind,
            what: what.into(),
        }
    }

    /// Returns whether trying again with the same ticket can help.
    pub fn passes(&self) -> bool {
        matches!(
            self.kind,
            TroubleKind::Dns
                | TroubleKind::Connect
                | TroubleKind::Timeout
                | TroubleKind::Protocol
                | TroubleKind::Internal
        )
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Trouble {}
