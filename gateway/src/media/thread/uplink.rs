// SPDX-License-Identifier: EUPL-1.2
//! A leg's own sound on its way to an SFU: Opus is forwarded packet by packet, everything else is encoded.
//!
//! An SFU sees one unbroken stream, whatever the phone does: after a mute, another source (SSRC), a leap of the
//! phone's numbers or a change of codec the numbers go on from where they were, and time by as much as has passed.
//! No number is sent twice, for a second packet under one number would be sealed with the same key stream
//! (RFC 3711 §9.1).

use std::time::Instant;

use landbridge_codecs::{Codec, Encoder, Frame, Level, MAX_PAYLOAD};
use tokio::sync::mpsc;

use super::wire::{TO_BROWSER, ToBrowser};
use crate::media::rtp::packet::Packet;

/// One leg's way to an SFU.
pub(super) struct Uplink {
    to: mpsc::Sender<ToBrowser>,
    way: Way,
    /// For sound of this codec.
    encoder: Option<(Codec, Encoder)>,
    /// The newest number sent.
    highest: u16,
    /// Which of the 64 numbers up to `highest` are used: bit 0 is `highest` itself.
    used: u64,
    /// Of the newest packet [1/48000 s].
    timestamp: u32,
    sent_at: Option<Instant>,
    /// The phone's packets are longer than we carry on, so its frames are encoded instead.
    too_long: bool,
    forwarded: u64,
    gone: bool,
}

/// How the last sound went, and with it how the next one is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Nothing goes now; what comes next begins a talk spurt.
    Paused,
    /// The phone's own numbers, moved by these distances.
    Forwarding { ssrc: u32, sequence: u16, timestamp: u32 },
    /// Our encoder; the timestamp of the current tick.
    Encoding { timestamp: u32, marker: bool },
}

/// A leap of sequence numbers beyond which the sender began anew (RFC 3550 appendix A.1).
const MAX_DROPOUT: i16 = 3000;
const MAX_MISORDER: i16 = -100;
/// How far a phone's clock and ours may part between two packets [1/48000 s].
const MAX_LEAP: i64 = 2 * 48_000;
/// 20 ms [1/48000 s].
const STEP: u32 = 960;

impl Uplink {
    /// Begins at random numbers (RFC 3550 §5.1).
    pub(super) fn new(to: mpsc::Sender<ToBrowser>) -> Uplink {
        Uplink {
            to,
            way: Way::Paused,
            encoder: None,
            // RFC 3711 §3.3.1: a first sequence number below 2^15 keeps the far end's roll-over guess right.
            highest: rand::random::<u16>() >> 1,
            used: u64::MAX,
            timestamp: rand::random(),
            sent_at: None,
            too_long: false,
            forwarded: 0,
            gone: false,
        }
    }

    /// Returns whether nobody takes the packets any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Returns how many packets were forwarded as they came.
    pub(super) fn forwarded(&self) -> u64 {
        self.forwarded
    }

    /// Tells whether sound of a codec is to be encoded, because its packets cannot be forwarded.
    pub(super) fn encodes(&self, codec: Codec) -> bool {
        codec != Codec::Opus || self.too_long
    }

    /// Interrupts the sound.
    pub(super) fn pause(&mut self) {
        self.way = Way::Paused;
    }

    /// Forgets what was learnt of the phone's stream, for another one begins.
    pub(super) fn renew(&mut self) {
        self.too_long = false;
        self.pause();
    }

    /// Forwards one Opus packet as it is, under numbers of our own.
    pub(super) fn forward(&mut self, now: Instant, packet: &Packet<'_>, level: Level) {
        if packet.payload.len() > TO_BROWSER {
            self.too_long = true;
        }
        if self.too_long || packet.payload.is_empty() {
            return;
        }
        let (sequence, timestamp, fresh) = match self.renumber(now, packet) {
            Renumbered::Goes { sequence, timestamp } => (sequence, timestamp, false),
            Renumbered::Drop => return,
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
            return;
        }
        if self.highest == sequence {
            (self.timestamp, self.sent_at) = (timestamp, Some(now));
        }
        self.forwarded += 1;
        let mut out = ToBrowser {
            sequence,
            timestamp,
            marker: packet.marker || fresh,
            event: None,
            level: level.0.min(127),
            len: packet.payload.len() as u16,
            payload: [0; TO_BROWSER],
        };
        if let Some(room) = out.payload.get_mut(..packet.payload.len()) {
            room.copy_from_slice(packet.payload);
        }
        self.send(out);
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

    /// Encodes and sends one tick of sound that came in the codec `origin`.
    pub(super) fn encode(&mut self, now: Instant, origin: Codec, frame: &Frame, level: Level) {
        let (timestamp, marker) = match self.way {
            Way::Encoding { timestamp, marker } => (timestamp, marker),
            Way::Paused | Way::Forwarding { .. } => (self.next_numbers(now).1, true),
        };
        if self.encoder.as_ref().is_none_or(|(codec, _)| *codec != origin) {
            // Without DTX: Opus takes a lasting tone for noise and would swallow it.
            self.encoder = Encoder::opus_for(origin).ok().map(|encoder| (origin, encoder));
        }
        let mut payload = [0; MAX_PAYLOAD];
        let len = self
            .encoder
            .as_mut()
            .map_or(0, |(_, encoder)| encoder.encode(frame, &mut payload));
        let mut out = ToBrowser {
            sequence: self.highest.wrapping_add(1),
            timestamp,
            marker,
            event: None,
            level: level.0.min(127),
            len: len as u16,
            payload: [0; TO_BROWSER],
        };
        let fits = match (out.payload.get_mut(..len), payload.get(..len)) {
            (Some(room), Some(payload)) if len > 0 => {
                room.copy_from_slice(payload);
                true
            }
            _ => false,
        };
        self.way = Way::Encoding {
            timestamp: timestamp.wrapping_add(STEP),
            marker: !fits,
        };
        if fits {
            self.use_number(out.sequence);
            (self.timestamp, self.sent_at) = (timestamp, Some(now));
            self.send(out);
        }
    }

    /// Lets a tick pass unsent in a stream that we encode.
    pub(super) fn pass(&mut self) {
        if let Way::Encoding { timestamp, marker } = &mut self.way {
            *timestamp = timestamp.wrapping_add(STEP);
            *marker = true;
        }
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

    /// Hands a packet over; a connection that does not keep up loses sound, and nobody waits for it.
    fn send(&mut self, packet: ToBrowser) {
        if let Err(mpsc::error::TrySendError::Closed(_)) = self.to.try_send(packet) {
            self.gone = true;
        }
    }
}

enum Renumbered {
    Goes {
        sequence: u16,
        timestamp: u32,
    },
    /// The phone's numbers cannot be carried on.
    Anew,
    Drop,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use landbridge_codecs::tone::Tone;

    use super::*;

    fn uplink() -> (Uplink, mpsc::Receiver<ToBrowser>) {
        let (to, receiver) = mpsc::channel(256);
        (Uplink::new(to), receiver)
    }

    fn packet(ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Packet<'_> {
        Packet {
            payload_type: 111,
            marker: false,
            sequence,
            timestamp,
            ssrc,
            payload,
        }
    }

    /// Returns what was sent, numbered from the first packet on: sequence, timestamp, marker, payload.
    fn sent(receiver: &mut mpsc::Receiver<ToBrowser>) -> Vec<(u16, u32, bool, Vec<u8>)> {
        let mut first = None;
        std::iter::from_fn(|| receiver.try_recv().ok())
            .map(|out| {
                let (sequence, timestamp) = *first.get_or_insert((out.sequence, out.timestamp));
                (
                    out.sequence.wrapping_sub(sequence),
                    out.timestamp.wrapping_sub(timestamp),
                    out.marker,
                    out.payload[..usize::from(out.len)].to_vec(),
                )
            })
            .collect()
    }

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn gaps_late_packets_and_the_wrap_of_numbers_are_kept() {
        let ((mut uplink, mut receiver), start) = (uplink(), Instant::now());
        for (n, name) in [(0u16, b'a'), (1, b'b'), (4, b'e'), (3, b'd'), (5, b'f')] {
            let timestamp = (u32::MAX - 1000).wrapping_add(u32::from(n) * 960);
            let now = at(start, 20 * u64::from(n));
            uplink.forward(
                now,
                &packet(7, 65_534u16.wrapping_add(n), timestamp, &[name]),
                Level(30),
            );
        }
        let all = sent(&mut receiver);
        let numbers: Vec<(u16, u32, u8)> = all.iter().map(|(s, t, _, p)| (*s, *t, p[0])).collect();
        assert_eq!(
            numbers,
            [
                (0, 0, b'a'),
                (1, 960, b'b'),
                (4, 3840, b'e'),
                (3, 2880, b'd'),
                (5, 4800, b'f')
            ]
        );
        let markers: Vec<bool> = all.iter().map(|(_, _, marker, _)| *marker).collect();
        assert_eq!(markers, [true, false, false, false, false]);
        assert_eq!(uplink.forwarded(), 5);
    }

    #[test]
    fn no_number_is_sent_twice_whatever_the_phone_sends() {
        let ((mut uplink, mut receiver), start) = (uplink(), Instant::now());
        let mut indices = std::collections::HashSet::new();
        let (mut seed, mut highest) = (12_345u32, 0i64);
        for round in 0..4000u64 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let near = (round as u16).wrapping_add((seed >> 28) as u16);
            let sequence = if seed.is_multiple_of(50) {
                (seed >> 8) as u16
            } else {
                near
            };
            let ssrc = u32::from(seed.is_multiple_of(97));
            let now = at(start, 20 * round);
            uplink.forward(now, &packet(ssrc, sequence, u32::from(sequence) * 960, &[1]), Level(30));
            while let Ok(out) = receiver.try_recv() {
                // The packet index as SRTP counts it on both sides (RFC 3711 §3.3.1).
                let index = highest + i64::from(out.sequence.wrapping_sub(highest as u16) as i16);
                highest = highest.max(index);
                assert!(indices.insert(index), "round {round}");
            }
        }
        assert!(indices.len() > 500, "{}", indices.len());
    }

    #[test]
    fn after_a_mute_another_source_or_a_leap_the_numbers_go_on_and_time_has_passed() {
        let ((mut uplink, mut receiver), start) = (uplink(), Instant::now());
        uplink.forward(start, &packet(7, 100, 5000, &[1]), Level(30));
        uplink.pause();
        uplink.forward(at(start, 1000), &packet(7, 150, 5000 + 48_000, &[2]), Level(30));
        uplink.forward(at(start, 1020), &packet(9, 7, 77, &[3]), Level(30));
        uplink.forward(at(start, 1040), &packet(9, 40_000, 77 + 960, &[4]), Level(30));
        uplink.forward(at(start, 1060), &packet(9, 40_001, 900_000_000, &[5]), Level(30));
        uplink.forward(at(start, 1080), &packet(9, 40_002, 900_000_960, &[6]), Level(30));
        let all = sent(&mut receiver);
        let numbers: Vec<(u16, u32, bool)> = all.iter().map(|(s, t, marker, _)| (*s, *t, *marker)).collect();
        assert_eq!(
            numbers,
            [
                (0, 0, true),
                (1, 48_000, true),
                (2, 48_960, true),
                (3, 49_920, true),
                (4, 50_880, true),
                (5, 51_840, false)
            ]
        );
    }

    #[test]
    fn keys_that_share_the_numbers_of_the_sound_leave_no_gap() {
        let ((mut uplink, mut receiver), start) = (uplink(), Instant::now());
        uplink.forward(start, &packet(7, 10, 0, &[1]), Level(30));
        for sequence in 11..19 {
            uplink.leave_out(&packet(7, sequence, 960, &[]));
        }
        uplink.forward(at(start, 180), &packet(7, 19, 8640, &[2]), Level(30));
        uplink.forward(at(start, 200), &packet(7, 20, 9600, &[3]), Level(30));
        let numbers: Vec<(u16, u32)> = sent(&mut receiver).iter().map(|(s, t, ..)| (*s, *t)).collect();
        assert_eq!(numbers, [(0, 0), (1, 8640), (2, 9600)]);
    }

    #[test]
    fn encoded_sound_follows_forwarded_sound_in_one_stream() {
        let ((mut uplink, mut receiver), start) = (uplink(), Instant::now());
        uplink.forward(start, &packet(7, 10, 0, &[1]), Level(30));
        assert!(uplink.encodes(Codec::Pcma) && !uplink.encodes(Codec::Opus));
        let mut tone = Tone::sine(450.0, 6000);
        uplink.encode(at(start, 40), Codec::Pcma, &tone.next_frame(), Level(30));
        uplink.encode(at(start, 60), Codec::Pcma, &tone.next_frame(), Level(30));
        uplink.pass();
        uplink.encode(at(start, 100), Codec::Pcma, &tone.next_frame(), Level(30));
        uplink.forward(at(start, 120), &packet(7, 17, 6 * 960, &[2]), Level(30));
        let numbers: Vec<(u16, u32, bool)> = sent(&mut receiver)
            .iter()
            .map(|(s, t, marker, _)| (*s, *t, *marker))
            .collect();
        assert_eq!(
            numbers,
            [
                (0, 0, true),
                (1, 1920, true),
                (2, 2880, false),
                (3, 4800, true),
                (4, 5760, true)
            ]
        );
    }

    #[test]
    fn packets_that_are_too_long_are_encoded_anew_and_a_gone_receiver_is_noticed() {
        let ((mut uplink, mut receiver), start) = (uplink(), Instant::now());
        uplink.forward(start, &packet(7, 1, 0, &[0; TO_BROWSER + 1]), Level(30));
        assert!(uplink.encodes(Codec::Opus) && receiver.try_recv().is_err());
        uplink.renew();
        uplink.forward(start, &packet(8, 1, 0, &[0; TO_BROWSER]), Level(30));
        assert_eq!(receiver.try_recv().unwrap().len, TO_BROWSER as u16);
        drop(receiver);
        uplink.forward(start, &packet(8, 2, 960, &[0]), Level(30));
        assert!(uplink.is_gone());
    }
}
