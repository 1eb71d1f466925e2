// SPDX-License-Identifier: EUPL-1.2
//! One unbroken stream out of whatever a person sends.
//!
//! After a mute, another source (SSRC), a leap of the sender's numbers or a change of codec the numbers go on from where
//! they were, and time by as much as has passed. No number is sent twice, for a second packet under one number would be
//! sealed with the same key stream (RFC 3711 §9.1).

use std::time::Instant;

use crate::media::rtp::packet::Packet;

/// The numbers of one stream.
pub(super) struct Numbering {
    way: Way,
    /// The newest number sent.
    highest: u16,
    /// Which of the 64 numbers up to `highest` are used: bit 0 is `highest` itself.
    used: u64,
    /// Of the newest packet [1/48000 s].
    timestamp: u32,
    sent_at: Option<Instant>,
}

/// What goes into the header of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
}

/// How the last sound went, and with it how the next one is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Nothing goes now; what comes next begins a talk spurt.
    Paused,
    /// The sender's own numbers, moved by these distances.
    Forwarding { ssrc: u32, sequence: u16, timestamp: u32 },
    /// Our encoder; the timestamp of the current tick.
    Encoding { timestamp: u32, marker: bool },
}

enum Renumbered {
    Goes {
        sequence: u16,
        timestamp: u32,
    },
    /// The sender's numbers cannot be carried on.
    Anew,
    Drop,
}

/// A leap of sequence numbers beyond which the sender began anew (RFC 3550 appendix A.1).
const MAX_DROPOUT: i16 = 3000;
const MAX_MISORDER: i16 = -100;
/// How far a sender's clock and ours may part between two packets [1/48000 s].
const MAX_LEAP: i64 = 2 * 48_000;
/// 20 ms [1/48000 s].
const STEP: u32 = 960;

impl Numbering {
    /// Begins at random numbers (RFC 3550 §5.1).
    pub(super) fn new() -> Numbering {
        Numbering {
            way: Way::Paused,
            // RFC 3711 §3.3.1: a first sequence number below 2^15 keeps the far end's roll-over guess right.
            highest: rand::random::<u16>() >> 1,
            used: u64::MAX,
            timestamp: rand::random(),
            sent_at: None,
        }
    }

    /// Returns whether sound goes, and nothing has interrupted it.
    pub(super) fn flows(&self) -> bool {
        self.way != Way::Paused
    }

    /// Interrupts the sound.
    pub(super) fn pause(&mut self) {
        self.way = Way::Paused;
    }

    /// Numbers one packet that goes on as it came; `None` when it must not go.
    pub(super) fn forward(&mut self, now: Instant, packet: &Packet<'_>) -> Option<Numbers> {
        let (sequence, timestamp, fresh) = match self.renumber(now, packet) {
            Renumbered::Goes { sequence, timestamp } => (sequence, timestamp, false),
            Renumbered::Drop => return None,
            Renumbered::Anew => {
                let (sequence, timestamp) = self.next_numbers(now);
                self.way = Way::Forwarding {
                    ssrc: packet.ssrc,
                    sequence: sequence.wrapping_sub(packet.sequence),
                    timestamp: timestamp.wrapping_sub(packet.timestamp),
                };
                self.used = u64::MAX;
                (sequence, timestamp, true)
            }
        };
        if !self.use_number(sequence) {
            return None;
        }
        if self.highest == sequence {
            (self.timestamp, self.sent_at) = (timestamp, Some(now));
        }
        Some(Numbers {
            sequence,
            timestamp,
            marker: packet.marker || fresh,
        })
    }

    /// Closes the gap that a packet leaves which is not sound (RFC 4733 events share the numbers of the sound).
    pub(super) fn leave_out(&mut self, packet: &Packet<'_>) {
        if let Way::Forwarding { ssrc, sequence, .. } = &mut self.way
            && *ssrc == packet.ssrc
            && packet.sequence.wrapping_add(*sequence) == self.highest.wrapping_add(1)
        {
            *sequence = sequence.wrapping_sub(1);
        }
    }

    /// Numbers one tick of sound that we encoded; when `fits` is not true nothing goes, and time passes.
    pub(super) fn encode(&mut self, now: Instant, fits: bool) -> Option<Numbers> {
        let (timestamp, marker) = match self.way {
            Way::Encoding { timestamp, marker } => (timestamp, marker),
            Way::Paused | Way::Forwarding { .. } => (self.next_numbers(now).1, true),
        };
        self.way = Way::Encoding {
            timestamp: timestamp.wrapping_add(STEP),
            marker: !fits,
        };
        if !fits {
            return None;
        }
        let sequence = self.highest.wrapping_add(1);
        self.use_number(sequence);
        (self.timestamp, self.sent_at) = (timestamp, Some(now));
        Some(Numbers {
            sequence,
            timestamp,
            marker,
        })
    }

    /// Lets a tick pass unsent in a stream that we encode.
    pub(super) fn pass(&mut self) {
        if let Way::Encoding { timestamp, marker } = &mut self.way {
            *timestamp = timestamp.wrapping_add(STEP);
            *marker = true;
        }
    }

    /// Returns the timestamp that stands for this moment.
    pub(super) fn timestamp_at(&self, now: Instant) -> u32 {
        self.timestamp.wrapping_add(self.passed(now))
    }

    /// Finds the place of a packet in our stream.
    fn renumber(&self, now: Instant, packet: &Packet<'_>) -> Renumbered {
        let Way::Forwarding {
            ssrc,
            sequence,
            timestamp,
        } = self.way
        else {
            return Renumbered::Anew;
        };
        if ssrc != packet.ssrc {
            return Renumbered::Anew;
        }
        let sequence = packet.sequence.wrapping_add(sequence);
        let timestamp = packet.timestamp.wrapping_add(timestamp);
        let step = sequence.wrapping_sub(self.highest) as i16;
        if !(MAX_MISORDER..=MAX_DROPOUT).contains(&step) {
            return Renumbered::Anew;
        }
        let leap = i64::from(timestamp.wrapping_sub(self.timestamp) as i32) - i64::from(self.passed(now));
        match (step > 0, leap.abs() > MAX_LEAP) {
            (true, true) => Renumbered::Anew,
            (false, true) => Renumbered::Drop,
            (_, false) => Renumbered::Goes { sequence, timestamp },
        }
    }

    /// Returns the numbers of a packet that follows the newest one after some time.
    fn next_numbers(&self, now: Instant) -> (u16, u32) {
        let passed = self.passed(now).max(STEP);
        (self.highest.wrapping_add(1), self.timestamp.wrapping_add(passed))
    }

    /// Returns the time since the newest packet [1/48000 s].
    fn passed(&self, now: Instant) -> u32 {
        self.sent_at.map_or(0, |at| {
            (now.saturating_duration_since(at).as_micros() * 48 / 1000) as u32
        })
    }

    /// Marks a number as used; returns whether it was free.
    fn use_number(&mut self, sequence: u16) -> bool {
        let step = sequence.wrapping_sub(self.highest) as i16;
        if step > 0 {
            self.used = self.used.checked_shl(step.unsigned_abs().into()).unwrap_or(0) | 1;
            self.highest = sequence;
            return true;
        }
        let Some(bit) = 1u64.checked_shl(step.unsigned_abs().into()) else {
            return false;
        };
        let free = self.used & bit == 0;
        self.used |= bit;
        free
    }
}
