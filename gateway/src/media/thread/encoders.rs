// SPDX-License-Identifier: EUPL-1.2
//! One encoder per distinct ear and codec: a thousand silent listeners on PCMA cost one encode.

use landbridge_codecs::{Codec, Ear, Encoder, EncoderOptions, Frame, Level, MAX_PAYLOAD};

/// What one ear hears, encoded.
pub(super) struct Encoded<'a> {
    pub(super) payload: &'a [u8],
    pub(super) level: Level,
}

/// The encoders of one room.
#[derive(Default)]
pub(super) struct Encoders {
    slots: Vec<Slot>,
    tick: u64,
}

struct Slot {
    ear: Ear,
    codec: Codec,
    encoder: Encoder,
    payload: Box<[u8; MAX_PAYLOAD]>,
    len: usize,
    level: Level,
    encoded_at: u64,
    /// The worst loss that a listener of this slot reports [%], gathered between two settings.
    loss: u8,
    loss_set: u8,
}

/// A slot that no ear used for this long serves another [ticks].
const IDLE: u64 = 25;
/// How often the encoder learns of its listeners' loss [ticks].
const LOSS_EVERY: u64 = 100;

impl Encoders {
    /// Begins a tick.
    pub(super) fn begin(&mut self) {
        self.tick += 1;
        if self.tick.is_multiple_of(LOSS_EVERY) {
            for slot in &mut self.slots {
                if slot.loss != slot.loss_set {
                    slot.encoder.set_expected_loss(slot.loss);
                    slot.loss_set = slot.loss;
                }
                slot.loss = EncoderOptions::default().expected_loss_percent;
            }
        }
    }

    /// Returns what an ear hears in a codec; the first to ask in a tick pays for the encoding.
    pub(super) fn encode(&mut self, ear: Ear, codec: Codec, loss_percent: u8, frame: &Frame) -> Option<Encoded<'_>> {
        let tick = self.tick;
        let index = self.slot_for(ear, codec)?;
        let slot = self.slots.get_mut(index)?;
        slot.loss = slot.loss.max(loss_percent.min(25));
        if slot.encoded_at != tick {
            slot.len = slot.encoder.encode(frame, &mut slot.payload[..]);
            slot.level = Level::of(frame);
            slot.encoded_at = tick;
        }
        Some(Encoded {
            payload: slot.payload.get(..slot.len)?,
            level: slot.level,
        })
    }

    fn slot_for(&mut self, ear: Ear, codec: Codec) -> Option<usize> {
        if let Some(index) = self
            .slots
            .iter()
            .position(|slot| slot.codec == codec && slot.ear == ear)
        {
            return Some(index);
        }
        let idle = self
            .slots
            .iter()
            .position(|slot| slot.codec == codec && slot.encoded_at + IDLE < self.tick);
        if let Some(index) = idle {
            self.slots.get_mut(index)?.ear = ear;
            return Some(index);
        }
        let options = EncoderOptions::default();
        self.slots.push(Slot {
            ear,
            codec,
            encoder: Encoder::new(codec, &options).ok()?,
            payload: Box::new([0; MAX_PAYLOAD]),
            len: 0,
            level: Level::SILENCE,
            encoded_at: 0,
            loss: 0,
            loss_set: options.expected_loss_percent,
        });
        Some(self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use landbridge_codecs::SourceId;

    #[test]
    fn one_ear_and_codec_is_encoded_once_a_tick_and_idle_encoders_serve_again() {
        let mut encoders = Encoders::default();
        let frame = Frame::SILENCE;
        for _ in 0..10 {
            encoders.begin();
            for _ in 0..100 {
                assert_eq!(
                    encoders
                        .encode(Ear::Everyone, Codec::Pcma, 0, &frame)
                        .map(|e| e.payload.len()),
                    Some(160)
                );
            }
        }
        assert_eq!(encoders.slots.len(), 1);
        for speaker in 0..20 {
            for _ in 0..40 {
                encoders.begin();
                encoders.encode(Ear::Everyone, Codec::Pcma, 0, &frame);
                encoders.encode(Ear::AllBut(SourceId(speaker)), Codec::Pcma, 0, &frame);
            }
        }
        assert!(encoders.slots.len() <= 3);
    }
}
