// SPDX-License-Identifier: EUPL-1.2
//! A person's sound as Opus of our own: encoded at most once a tick, however many ways it goes.

use landbridge_codecs::{Codec, Encoder, EncoderOptions, Frame, MAX_PAYLOAD};

/// The encoder of one person.
pub(super) struct OwnOpus {
    origin: Codec,
    encoder: Encoder,
    payload: Box<[u8; MAX_PAYLOAD]>,
    len: usize,
    /// `payload` is this tick's.
    fresh: bool,
    /// What those who take the sound wish for, gathered within a tick.
    wish: Wish,
    set: Wish,
}

/// How the sound is to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The worst loss on the way [%].
    pub(super) loss: u8,
    /// The narrowest way; `None` is as wide as the sound wants [bit/s].
    pub(super) bitrate: Option<u32>,
}

impl Wish {
    /// A way of which nothing is known.
    pub(super) const PLAIN: Wish = Wish { loss: 5, bitrate: None };
    /// Loss beyond which more redundancy does not help [%].
    const MOST_LOSS: u8 = 25;

    fn and(self, other: Wish) -> Wish {
        Wish {
            loss: self.loss.max(other.loss.min(Wish::MOST_LOSS)),
            bitrate: match (self.bitrate, other.bitrate) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            },
        }
    }
}

impl OwnOpus {
    /// Makes an encoder for sound that came in another codec. Without DTX: Opus takes a lasting tone for noise and would
    /// swallow it.
    pub(super) fn new(origin: Codec) -> Option<OwnOpus> {
        Some(OwnOpus {
            origin,
            encoder: Encoder::opus_for(origin).ok()?,
            payload: Box::new([0; MAX_PAYLOAD]),
            len: 0,
            fresh: false,
            wish: Wish::PLAIN,
            set: Wish::PLAIN,
        })
    }

    /// Returns the codec that the sound came in.
    pub(super) fn origin(&self) -> Codec {
        self.origin
    }

    /// Begins a tick, with what was wished for in the last one.
    pub(super) fn begin(&mut self) {
        if std::mem::take(&mut self.fresh) {
            let wish = std::mem::replace(&mut self.wish, Wish::PLAIN);
            if wish.loss != self.set.loss {
                self.encoder.set_expected_loss(wish.loss);
            }
            if wish.bitrate != self.set.bitrate {
                let usual = EncoderOptions::default().opus_bitrate_bps;
                self.encoder.set_bitrate(wish.bitrate.unwrap_or(usual).min(usual));
            }
            self.set = wish;
        }
    }

    /// Returns this tick's sound; the first to ask pays for the encoding.
    pub(super) fn encode(&mut self, frame: &Frame, wish: Wish) -> &[u8] {
        self.wish = self.wish.and(wish);
        if !self.fresh {
            self.len = self.encoder.encode(frame, &mut self.payload[..]);
            self.fresh = true;
        }
        self.payload.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use landbridge_codecs::tone::Tone;

    use super::*;

    #[test]
    fn many_ways_share_one_encoding_and_the_narrowest_of_them_sets_its_rate() {
        let mut opus = OwnOpus::new(Codec::G722).unwrap();
        let mut tone = Tone::dual(440.0, 1330.0, 8000);
        let mut octets = |wishes: [Wish; 2]| -> usize {
            (0..100)
                .map(|_| {
                    opus.begin();
                    let frame = tone.next_frame();
                    let first = opus.encode(&frame, wishes[0]).to_vec();
                    assert_eq!(opus.encode(&Frame::SILENCE, wishes[1]), first.as_slice());
                    first.len()
                })
                .sum()
        };
        let wide = octets([Wish::PLAIN, Wish::PLAIN]);
        let narrow = octets([
            Wish::PLAIN,
            Wish {
                loss: 90,
                bitrate: Some(8000),
            },
        ]);
        assert!(narrow * 2 < wide, "{narrow} of {wide}");
    }
}
