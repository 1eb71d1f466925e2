// SPDX-License-Identifier: EUPL-1.2
//! How a leg reaches its far end: a phone's sockets, or the channels to a browser's connection.

use std::sync::mpsc::Receiver;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

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
}

/// The channels to a browser's connection; both are bounded, and what does not fit is dropped.
pub(crate) struct BrowserWire {
    pub(crate) from: Receiver<FromBrowser>,
    pub(crate) to: mpsc::Sender<ToBrowser>,
}

/// One authenticated RTP packet from a browser.
pub(crate) struct FromBrowser {
    pub(crate) arrived: Instant,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) ssrc: u32,
    /// RFC 6464 level [-dBov], where the browser tells it.
    pub(crate) level: Option<u8>,
    pub(crate) payload: Bytes,
}

/// One packet to a browser.
pub(crate) struct ToBrowser {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// RFC 6464 level [-dBov].
    pub(crate) level: u8,
    pub(crate) len: u16,
    pub(crate) payload: [u8; TO_BROWSER],
}

/// Longest payload towards a browser [bytes]; 20 ms of Opus at our bit rates take less than half.
pub(crate) const TO_BROWSER: usize = 512;
