// SPDX-License-Identifier: EUPL-1.2
//! The WebRTC door: an offer goes in, an answer comes out, RTP flows through two bounded channels. Nothing of the
//! WebRTC crates is named outside this folder, so that another engine, on one shared port, can stand behind the same
//! door.
//!
//! - `connection`: one browser's connection.
//! - `offer`: what of a browser's offer is let through.
//! - `runtime`: the engine's runtime, with TCP that leaves from the addresses of our candidates.
//! - `sfu`: one connection with an SFU.
//! - `inactive`: sections of an SFU's offer that carry nothing now.

mod connection;
mod inactive;
mod offer;
mod runtime;
#[cfg(test)]
mod scenes;
mod sfu;

use std::net::IpAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::ports::Lease;
use super::sdp::Session;
use super::thread::{BrowserWire, FromBrowser, ToBrowser};
use super::words::{Event, Refusal};
pub(super) use offer::admit;
pub(crate) use sfu::{IceServer, SfuEvent, SfuLink, SfuTrack};

/// Ends the connection when dropped.
pub(crate) struct PeerHandle {
    _end: oneshot::Sender<()>,
}

/// The connection's side of the channels to its leg.
pub(crate) struct Door {
    pub(crate) from: SyncSender<FromBrowser>,
    pub(crate) to: mpsc::Receiver<ToBrowser>,
    pub(crate) events: mpsc::Sender<Event>,
}

/// What a connection needs of its surroundings.
pub(crate) struct DoorConfig {
    /// Local addresses to offer as host candidates.
    pub(crate) listen: Vec<IpAddr>,
    /// The address to offer instead of the IPv4 ones (1:1 NAT).
    pub(crate) public_address: Option<IpAddr>,
    /// The UDP port on every address; it drains when the connection has ended.
    pub(crate) lease: Lease,
    /// Ends a connection that was lost for this long, or never came up.
    pub(crate) timeout: Duration,
}

/// A connection that waits for its browser.
pub(crate) struct Opened {
    /// The answer with all candidates.
    pub(crate) answer: Vec<u8>,
    /// What the media thread needs to know.
    pub(crate) session: Session,
    pub(crate) handle: PeerHandle,
}

/// Packets that wait between a connection and its leg; 64 are more than a second of sound.
const WAITING: usize = 64;

/// Makes the channels between a leg and its connection.
pub(crate) fn link(events: mpsc::Sender<Event>) -> (BrowserWire, Door) {
    let (from_sender, from) = sync_channel(WAITING);
    let (to, to_receiver) = mpsc::channel(WAITING);
    (
        BrowserWire { from, to },
        Door {
            from: from_sender,
            to: to_receiver,
            events,
        },
    )
}

/// Answers a browser's offer (non-trickle: the answer holds all candidates).
pub(crate) async fn answer(offer: &[u8], config: DoorConfig, door: Door) -> Result<Opened, Refusal> {
    let offer = admit(offer, config.listen.iter().any(IpAddr::is_loopback))?;
    connection::open(offer, config, door).await
}
