// SPDX-License-Identifier: EUPL-1.2
//! The component's stream to the XMPP server (XEP-0114), kept up for as long as the gateway lives.
//!
//! No stanza of a stranger ends it ([`gate`]); a server that is restarted, falls silent or stops reading costs seconds
//! ([`link`], [`keeper`]); what is wrong is told with its remedy ([`trouble`]).

/// Lets only stanzas through that the XML reader survives.
mod gate;
/// Opens streams, one after the other.
mod keeper;
/// One stream.
mod link;
/// Finds the borders of stanzas.
mod scan;
#[cfg(test)]
mod tests;
/// Why there is no stream.
mod trouble;

use landbridge_jingle::packet::Packet;
use minidom::Element;
use tokio::sync::mpsc;

pub(super) use keeper::{Settings, keep};
pub use trouble::Trouble;

/// The namespace of the stream itself (RFC 6120 §4.8.1).
const STREAM: &str = "http://etherx.jabber.org/streams";

/// Stanzas of ours that may wait; then the server does not read, and more are lost.
const TO_SEND: usize = 2048;
/// Stanzas of others that may wait for the driver; then the server is not read.
const HEARD: usize = 256;

/// What comes from the stream.
#[derive(Debug)]
pub(super) enum Incoming {
    /// There is a stream, and this is its number.
    Up(u64),
    /// There is none any more.
    Down,
    /// Somebody sent a stanza.
    Stanza(Element),
}

/// What goes to the stream.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A stanza for the stream of this number.
    Stanza(u64, Element),
    /// No more stanzas follow.
    Close,
}

/// The way to the stream; nothing waits on it.
pub(super) struct Wire {
    to_send: mpsc::Sender<Outgoing>,
    epoch: Option<u64>,
}

impl Wire {
    /// Learns that there is a stream.
    pub(super) fn up(&mut self, epoch: u64) {
        self.epoch = Some(epoch);
    }

    /// Learns that there is none.
    pub(super) fn down(&mut self) {
        self.epoch = None;
    }

    /// Tells whether there is a stream.
    pub(super) fn is_up(&self) -> bool {
        self.epoch.is_some()
    }

    /// Counts the stanzas that may be sent before the queue is full.
    pub(super) fn space(&self) -> usize {
        self.to_send.capacity()
    }

    /// Sends a stanza; returns false if it is lost, because there is no stream or the server does not read.
    pub(super) fn send(&self, packet: Packet) -> bool {
        let Some(epoch) = self.epoch else {
            return false;
        };
        let sent = self
            .to_send
            .try_send(Outgoing::Stanza(epoch, packet.into_element()))
            .is_ok();
        if !sent {
            metrics::counter!("landbridge_xmpp_dropped_total", "why" => "server_stalled").increment(1);
        }
        sent
    }

    /// Ends the stream behind what was sent.
    pub(super) async fn close(self) {
        // The keeper may be gone already.
        let _ = self.to_send.send(Outgoing::Close).await;
        self.to_send.closed().await;
    }
}

/// Makes the two ways to and from a stream.
pub(super) fn ways() -> (
    Wire,
    mpsc::Receiver<Outgoing>,
    mpsc::Sender<Incoming>,
    mpsc::Receiver<Incoming>,
) {
    let (to_send, wanted) = mpsc::channel(TO_SEND);
    let (heard, incoming) = mpsc::channel(HEARD);
    (Wire { to_send, epoch: None }, wanted, heard, incoming)
}
