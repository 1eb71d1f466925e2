// SPDX-License-Identifier: EUPL-1.2
//! From 20 ms payloads to the packet time the far end asked for.

use landbridge_codecs::Codec;

/// Collects payload and hands it out in packets; G.711 and G.722 alike are 8 bytes and 8 timestamp units per millisecond.
pub(crate) struct Packetiser {
    buffer: [u8; CAPACITY],
    len: usize,
    /// Bytes per packet; `None` hands every payload on as it is (Opus).
    per_packet: Option<usize>,
}

const CAPACITY: usize = 8 * 80;

impl Packetiser {
    /// Makes a packetiser for a codec and a packet time of 10 to 60 ms.
    pub(crate) fn new(codec: Codec, ptime_ms: u16) -> Packetiser {
        let per_packet = (codec != Codec::Opus && ptime_ms != 20).then(|| 8 * usize::from(ptime_ms.clamp(10, 60)));
        Packetiser {
            buffer: [0; CAPACITY],
            len: 0,
            per_packet,
        }
    }

    /// Takes one 20 ms payload and calls `send(payload, timestamp offset)` for each packet that is complete.
    ///
    /// The offset counts from the first sample of the payload given and is negative when older sound goes out with it.
    pub(crate) fn push(&mut self, payload: &[u8], mut send: impl FnMut(&[u8], i32)) {
        let Some(per_packet) = self.per_packet else {
            send(payload, 0);
            return;
        };
        let held_back = self.len;
        let end = held_back + payload.len();
        let Some(room) = self.buffer.get_mut(held_back..end) else {
            self.len = 0;
            return;
        };
        room.copy_from_slice(payload);
        let mut start = 0;
        while end - start >= per_packet {
            send(&self.buffer[start..start + per_packet], start as i32 - held_back as i32);
            start += per_packet;
        }
        self.buffer.copy_within(start..end, 0);
        self.len = end - start;
    }

    /// Forgets sound that is held back, for a break in the stream.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_time_yields_unbroken_sound_and_timestamps() {
        for ptime in [10u16, 20, 30, 40, 50, 60] {
            let mut packetiser = Packetiser::new(Codec::Pcma, ptime);
            let (mut sound, mut expected_timestamp) = (Vec::new(), 0i64);
            for tick in 0..60i64 {
                let payload: Vec<u8> = (0..160).map(|i| (tick * 160 + i) as u8).collect();
                packetiser.push(&payload, |packet, offset| {
                    assert_eq!(packet.len(), usize::from(ptime) * 8);
                    assert_eq!(tick * 160 + i64::from(offset), expected_timestamp, "ptime {ptime}");
                    expected_timestamp += packet.len() as i64;
                    sound.extend_from_slice(packet);
                });
            }
            assert!(sound.len() >= 59 * 160 - 320);
            assert!(sound.iter().enumerate().all(|(i, b)| *b == i as u8), "ptime {ptime}");
        }
    }

    #[test]
    fn opus_is_handed_on_untouched() {
        let mut packetiser = Packetiser::new(Codec::Opus, 60);
        let mut packets = 0;
        packetiser.push(&[1, 2, 3], |packet, offset| {
            packets += 1;
            assert_eq!((packet, offset), ([1, 2, 3].as_slice(), 0));
        });
        assert_eq!(packets, 1);
    }
}
