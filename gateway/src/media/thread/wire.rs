// SPDX-License-Identifier: EUPL-1.2
//! How a leg reaches its far end: the sockets of a phone or a peer, or the channels to a connection.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::engine::{EngineSide, Port};
use super::phone::Phone;
use crate::media::Latch;
use crate::media::ports::PortPair;

/// How a leg reaches its far end.
pub(crate) enum Wire {
    Phone(Box<Phone>),
    Browser(BrowserWire),
}

impl Wire {
    /// Makes the wire of a phone; `latch` says who may claim its plain RTP.
    pub(crate) fn phone(pair: PortPair, latch: Latch) -> Wire {
        Wire::Phone(Box::new(Phone::new(pair, latch)))
    }

    /// Makes the wire of a WebRTC peer, whose way and keys an engine finds.
    pub(crate) fn peer(ports: Vec<Port>, engine: EngineSide) -> Wire {
        Wire::Phone(Box::new(Phone::of_peer(ports, engine)))
    }
}

/// The channels to a browser's connection; both are bounded, and what does not fit is dropped.
pub(crate) struct BrowserWire {
    pub(crate) from: Receiver<FromBrowser>,
    pub(crate) to: mpsc::Sender<ToBrowser>,
}

/// Carries one authenticated RTP packet from a browser, or from an SFU on behalf of one.
pub struct FromBrowser {
    /// When it came.
    pub arrived: Instant,
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp [1/48000 s].
    pub timestamp: u32,
    /// The first packet after silence.
    pub marker: bool,
    /// Synchronisation source.
    pub ssrc: u32,
    /// RFC 6464 level without the voice flag [-dBov], where the browser tells it.
    pub level: Option<u8>,
    /// What the codec wrote.
    pub payload: Bytes,
}

/// Carries one packet to a browser or to an SFU; SSRC and payload type are the connection's.
pub struct ToBrowser {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp [1/48000 s].
    pub timestamp: u32,
    /// The first packet after silence.
    pub marker: bool,
    /// The payload type of an RFC 4733 event; `None` for sound.
    pub event: Option<u8>,
    /// RFC 6464 level [-dBov].
    pub level: u8,
    /// How much of `payload` is used [bytes].
    pub len: u16,
    /// What the codec wrote.
    pub payload: [u8; TO_BROWSER],
}

/// Takes the packets of one remote track. Dropping it leaves the track open: `Plane::close` ends it.
#[derive(Clone)]
pub struct TrackSink(SyncSender<FromBrowser>);

impl TrackSink {
    pub(crate) fn new(from: SyncSender<FromBrowser>) -> TrackSink {
        TrackSink(from)
    }

    /// Hands over a packet without waiting, and drops it when the media thread does not keep up. Returns whether the
    /// track is still open.
    pub fn try_send(&self, packet: FromBrowser) -> bool {
        !matches!(self.0.try_send(packet), Err(TrySendError::Disconnected(_)))
    }
}

/// Longest payload towards a browser [bytes]; 20 ms of Opus at our bit rates take less than half.
pub(super) const TO_BROWSER: usize = 512;
