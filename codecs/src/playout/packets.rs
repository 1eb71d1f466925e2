// SPDX-License-Identifier: EUPL-1.2
//! The packets that wait to be played: a bounded number of bounded packets, whose buffers are used again.

use std::time::Instant;

/// Most packets that wait: 1.3 s of 20 ms packets.
pub(super) const MAX_PACKETS: usize = 64;
/// Most bytes of one payload: 200 ms of G.722, or any Opus packet that crosses the internet in one piece.
pub(super) const MAX_BYTES: usize = 1_600;

/// Tells what a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// What the codec wrote.
    Sound,
    /// From here on there is silence with background noise of this level (-dBov).
    ComfortNoise(u8),
    /// Something that is not sound, such as a keypress.
    Event,
}

#[derive(Debug)]
pub(super) struct Packet {
    pub(super) number: i64,
    pub(super) position: i64,
    pub(super) samples: i64,
    pub(super) content: Content,
    pub(super) arrival: Instant,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Packets {
    /// In the order of their numbers.
    waiting: Vec<Packet>,
    /// Payload buffers to use again.
    spare: Vec<Vec<u8>>,
}

impl Packets {
    pub(super) fn new() -> Packets {
        Packets {
            waiting: Vec::with_capacity(MAX_PACKETS),
            spare: Vec::with_capacity(MAX_PACKETS),
        }
    }

    /// Returns an empty buffer for a payload.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps a packet; returns false where an older one had to go for it.
    pub(super) fn insert(&mut self, packet: Packet) -> bool {
        let had_room = self.waiting.len() < MAX_PACKETS;
        if !had_room {
            self.drop_first();
        }
        let place = self.waiting.partition_point(|waiting| waiting.number < packet.number);
        self.waiting.insert(place, packet);
        had_room
    }

    pub(super) fn first(&self) -> Option<&Packet> {
        self.waiting.first()
    }

    /// Returns the end of the last packet's sound.
    pub(super) fn end(&self) -> Option<i64> {
        self.waiting.last().map(|packet| packet.position + packet.samples)
    }

    /// Drops the first packet and keeps its buffer.
    pub(super) fn drop_first(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut payload = self.waiting.remove(0).payload;
        payload.clear();
        self.spare.push(payload);
    }
}
