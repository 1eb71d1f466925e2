// SPDX-License-Identifier: EUPL-1.2
//! The seam between a peer's leg and the engine that finds the way and agrees upon keys: the media thread owns the
//! sockets, carries the sound itself, and hands on what is neither RTP nor RTCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::Receiver;

use tokio::sync::mpsc;

use super::wire::BrowserWire;
use crate::media::sdp::negotiate::Keys;

/// A datagram for the engine.
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// One socket that the media thread reads.
pub(crate) struct Port {
    pub(crate) socket: std::net::UdpSocket,
    pub(crate) local: SocketAddr,
    /// What is STUN, DTLS or unknown goes there.
    pub(crate) inbox: mpsc::Sender<Datagram>,
}

/// What the engine found out.
pub(crate) enum Found {
    /// The peer proved who it is: the keys of its sound.
    Keys(Box<Keys>),
    /// The way to the peer, from one of our sockets.
    Way { local: SocketAddr, remote: SocketAddr },
    /// The way leads over a relay, which only the engine can walk.
    Relay,
}

/// The leg's side.
pub(crate) struct EngineSide {
    pub(crate) found: Receiver<Found>,
    /// The source of our sound, as the peer was told.
    pub(crate) ssrc: u32,
    /// Id of the RFC 6464 level; 0 when there is none.
    pub(crate) level: Arc<AtomicU8>,
    /// The sound goes through the engine.
    pub(crate) relayed: bool,
    pub(crate) relay: BrowserWire,
}

impl EngineSide {
    /// Returns the id of the RFC 6464 level.
    pub(super) fn level_id(&self) -> Option<u8> {
        Some(self.level.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }
}
