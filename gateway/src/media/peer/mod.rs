// SPDX-License-Identifier: EUPL-1.2
//! The WebRTC door: offers and answers go through it, and the engine behind it finds the way and agrees upon keys. A
//! peer's sound is carried by its media thread; what goes over a relay, and all of an SFU, goes through two bounded
//! channels. Nothing of the WebRTC crates is named outside this folder, so that another engine can stand behind it.
//!
//! - `talk`: one peer's connection through all its offers and answers.
//! - `theirs`: what a peer's description says.
//! - `ours`: our own descriptions.
//! - `candidates`: which candidates may be talked to.
//! - `connection`: one connection of the engine.
//! - `keys`: the keys that DTLS agrees upon.
//! - `sockets`: the engine's sockets, which the media thread reads.
//! - `runtime`: the engine's runtime, with TCP that leaves from the addresses of our candidates.
//! - `sfu`: one connection with an SFU.
//! - `inactive`: sections of an SFU's offer that carry nothing now.

mod candidates;
mod connection;
mod inactive;
mod keys;
mod ours;
mod runtime;
#[cfg(test)]
mod scenes;
mod sfu;
mod sockets;
mod talk;
mod theirs;

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use rtc::peer_connection::transport::RTCIceServer;
use tokio::sync::mpsc;

use super::ports::Lease;
use super::thread::{BrowserWire, FromBrowser, ToBrowser};
use super::words::{Event, IceServer};
pub(super) use candidates::Reach;
pub(crate) use sfu::{SfuEvent, SfuLink, SfuTrack};
pub(crate) use talk::{Agreed, Peer};
pub(super) use theirs::Theirs;
pub use theirs::fingerprints;

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
    /// Which candidates may be talked to.
    pub(crate) reach: Reach,
    /// The address to offer instead of the IPv4 ones (1:1 NAT).
    pub(crate) public_address: Option<IpAddr>,
    /// The UDP port on every address; it drains when the connection has ended.
    pub(crate) lease: Lease,
    /// Ends a connection that was lost for this long, or never came up.
    pub(crate) timeout: Duration,
}

impl DoorConfig {
    /// Returns the local addresses with the port.
    fn addresses(&self) -> Vec<SocketAddr> {
        let port = self.lease.port();
        self.listen.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
    }
}

/// Returns STUN and TURN servers as the engine has them.
fn engine_servers(ice: &[IceServer]) -> Vec<RTCIceServer> {
    let engine = |server: &IceServer| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    };
    ice.iter().map(engine).collect()
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
