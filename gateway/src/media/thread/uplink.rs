// SPDX-License-Identifier: EUPL-1.2
//! A leg's own sound on its way to an SFU: Opus is forwarded packet by packet, everything else is encoded. An SFU sees one
//! unbroken stream (`numbering`), whatever the phone does.

use std::time::Instant;

use landbridge_codecs::{Codec, Level};
use tokio::sync::mpsc;

use super::numbering::{Numbering, Numbers};
use super::wire::{TO_BROWSER, ToBrowser};
use crate::media::rtp::packet::Packet;

/// One leg's way to an SFU.
pub(super) struct Uplink {
    to: mpsc::Sender<ToBrowser>,
    numbering: Numbering,
    /// The phone's packets are longer than we carry on, so its frames are encoded instead.
    too_long: bool,
    forwarded: u64,
    gone: bool,
}

impl Uplink {
    /// Begins at random numbers.
    pub(super) fn new(to: mpsc::Sender<ToBrowser>) -> Uplink {
        Uplink {
            to,
            numbering: Numbering::new(),
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
        self.numbering.pause();
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
        if let Some(numbers) = self.numbering.forward(now, packet) {
            self.forwarded += 1;
            self.send(numbers, packet.payload, level);
        }
    }

    /// Closes the gap that a packet leaves which is not sound.
    pub(super) fn leave_out(&mut self, packet: &Packet<'_>) {
        self.numbering.leave_out(packet);
    }

    /// Sends one tick of sound that we encoded.
    pub(super) fn encoded(&mut self, now: Instant, payload: &[u8], level: Level) {
        let fits = (1..=TO_BROWSER).contains(&payload.len());
        if let Some(numbers) = self.numbering.encode(now, fits) {
            self.send(numbers, payload, level);
        }
    }

    /// Lets a tick pass unsent in a stream that we encode.
    pub(super) fn pass(&mut self) {
        self.numbering.pass();
    }

    /// Hands a packet over; a connection that does not keep up loses sound, and nobody waits for it.
    fn send(&mut self, numbers: Numbers, payload: &[u8], level: Level) {
        let mut out = ToBrowser {
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            marker: numbers.marker,
            event: None,
            level: level.0.min(127),
            len: payload.len() as u16,
            payload: [0; TO_BROWSER],
        };
        let Some(room) = out.payload.get_mut(..payload.len()) else {
            return;
        };
        room.copy_from_slice(payload);
        if let Err(mpsc::error::TrySendError::Closed(_)) = self.to.try_send(out) {
            self.gone = true;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

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
        uplink.encoded(at(start, 40), &[7; 40], Level(30));
        uplink.encoded(at(start, 60), &[7; 40], Level(30));
        uplink.pass();
        uplink.encoded(at(start, 100), &[7; 40], Level(30));
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
