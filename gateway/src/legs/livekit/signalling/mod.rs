// SPDX-License-Identifier: EUPL-1.2
//! LiveKit's signalling as a session needs it; one trait, so that the way to the server can be another one.

/// Streams to a server: TCP, TLS, the WebSocket upgrade, and what each refusal means.
mod dial;
#[cfg(test)]
mod tests;
/// Signalling over a WebSocket of ours.
mod wire;

use async_trait::async_trait;
use livekit_protocol::{ReconnectReason, signal_request, signal_response};
use tokio::sync::mpsc;

use super::ticket::Trouble;

pub(super) use dial::{host_of, origin, refused, tls_trouble};
pub(super) use wire::Wire;

/// What a client says.
pub(super) type Request = signal_request::Message;
/// What the server says.
pub(super) type Response = signal_response::Message;

/// Whom to connect to, and as whom.
pub(super) struct Call {
    pub(super) url: String,
    pub(super) token: String,
    /// Takes up a session that lost its signalling.
    pub(super) resume: Option<Resume>,
}

/// A session to take up again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resume {
    pub(super) sid: String,
    pub(super) reason: ReconnectReason,
    /// The session uses one peer connection for both directions.
    pub(super) single: bool,
}

/// An open way to the server; dropping the sender closes it.
pub(super) struct Channel {
    /// One peer connection carries both directions, and the client makes all offers.
    pub(super) single: bool,
    pub(super) requests: mpsc::Sender<Request>,
    /// Ends after the first trouble.
    pub(super) responses: mpsc::Receiver<Result<Response, Trouble>>,
}

/// Connects to servers.
#[async_trait]
pub(super) trait Signalling: Send + Sync {
    /// Opens a way to the server; the first response is still to come.
    async fn connect(&self, call: Call) -> Result<Channel, Trouble>;
}
