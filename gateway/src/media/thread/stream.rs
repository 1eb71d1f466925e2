// SPDX-License-Identifier: EUPL-1.2
//! One outgoing RTP stream: numbers, packet times, digits.

use landbridge_codecs::Codec;

use crate::media::rtp::digits::{DigitSender, Tick};
use crate::media::rtp::packet::Outgoing;
use crate::media::rtp::packetise::Packetiser;
use crate::media::sdp::Session;

/// Numbers what one leg sends.
pub(super) struct OutStream {
    pub(super) ssrc: u32,
    sequence: u16,
    /// Of the first sample of the current tick.
    timestamp: u32,
    /// The next packet begins a talk spurt.
    marker: bool,
    packetiser: Packetiser,
    digits: DigitSender,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl OutStream {
    /// Begins a stream at random numbers (RFC 3550 §5.1).
    pub(super) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> OutStream {
        OutStream {
            ssrc,
            sequence,
            timestamp,
            marker: true,
            packetiser: Packetiser::new(Codec::Pcma, 20),
            digits: DigitSender::default(),
            packets: 0,
            bytes: 0,
        }
    }

    /// Takes codec and packet time of a new session.
    pub(super) fn configure(&mut self, session: &Session) {
        self.packetiser = Packetiser::new(session.codec, session.ptime_ms);
        self.marker = true;
    }

    /// Queues keys.
    pub(super) fn queue_digits(&mut self, digits: &str) {
        self.digits.queue(digits);
    }

    /// Returns the timestamp of the current tick.
    pub(super) fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Lets a tick pass without sending.
    pub(super) fn pass(&mut self, session: &Session) {
        self.packetiser.clear();
        self.marker = true;
        self.timestamp = self.timestamp.wrapping_add(session.codec.timestamp_step());
    }

    /// Sends one tick: digits when some wait, else the payload; calls `send` for each packet.
    pub(super) fn tick(&mut self, session: &Session, payload: &[u8], mut send: impl FnMut(Outgoing, &[u8])) {
        let timestamp = self.timestamp;
        let digit = match session.send_digits {
            Some((payload_type, rate)) => {
                match self.digits.tick(timestamp, (rate / 50).min(u32::from(u16::MAX)) as u16) {
                    Tick::Send(packet) => Some((payload_type, packet)),
                    Tick::Idle | Tick::Pause => None,
                }
            }
            None => None,
        };
        if let Some((payload_type, digit)) = digit {
            let header = Outgoing {
                payload_type,
                marker: digit.marker,
                sequence: self.sequence,
                timestamp: digit.timestamp,
                ssrc: self.ssrc,
            };
            self.count(digit.payload.len());
            send(header, &digit.payload);
            self.pass(session);
            return;
        }
        if payload.is_empty() {
            // Opus has nothing to say (DTX); time goes on.
            self.pass(session);
            return;
        }
        let (mut sequence, mut marker, mut packets, mut bytes) = (self.sequence, self.marker, 0u64, 0u64);
        let ssrc = self.ssrc;
        self.packetiser.push(payload, |part, offset| {
            let timestamp = timestamp.wrapping_add(offset as u32);
            send(
                Outgoing {
                    payload_type: session.payload_type,
                    marker,
                    sequence,
                    timestamp,
                    ssrc,
                },
                part,
            );
            sequence = sequence.wrapping_add(1);
            marker = false;
            packets += 1;
            bytes += part.len() as u64;
        });
        (self.sequence, self.marker) = (sequence, marker);
        self.packets += packets;
        self.bytes += bytes;
        self.timestamp = timestamp.wrapping_add(session.codec.timestamp_step());
    }

    fn count(&mut self, bytes: usize) {
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}
