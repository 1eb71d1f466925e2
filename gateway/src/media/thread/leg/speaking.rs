// SPDX-License-Identifier: EUPL-1.2
//! What a leg hears: the room, or a prompt over the ducked room.

use landbridge_codecs::{Codec, Encoder, EncoderOptions, Frame, Level};

use super::super::player::Player;
use super::super::wire::{TO_BROWSER, ToBrowser, Wire};
use super::Leg;
use crate::media::words::{Clip, Event, Loudness, PlayId};

impl Leg {
    /// Begins to play; what was playing is replaced.
    pub(in crate::media::thread) fn play(&mut self, id: PlayId, clips: Vec<Clip>, loudness: Loudness) {
        if let (None, Some(session)) = (&self.own, &self.session) {
            self.own = Encoder::new(session.codec, &EncoderOptions::default()).ok();
        }
        self.player = Some(Player::new(id, clips, loudness));
    }

    /// Stops playing.
    pub(in crate::media::thread) fn stop_playing(&mut self) {
        self.player = None;
    }

    /// Tells whether the leg hears something of its own, so that it needs an encoder of its own.
    pub(in crate::media::thread) fn is_playing(&self) -> bool {
        self.player.is_some() && self.own.is_some()
    }

    /// Returns the codec in which the leg hears, or `None` while nothing is to be sent.
    pub(in crate::media::thread) fn hears_in(&self) -> Option<Codec> {
        self.session
            .as_ref()
            .filter(|session| session.direction.sends())
            .map(|session| session.codec)
    }

    /// Returns the loss that the far end reports [%].
    pub(in crate::media::thread) fn loss_percent(&self) -> u8 {
        match &self.wire {
            Wire::Phone(phone) => phone.loss_percent(),
            Wire::Browser(_) => 0,
        }
    }

    /// Sends the prompt over the ducked `background`.
    pub(in crate::media::thread) fn speak_own(&mut self, background: Option<&Frame>) {
        let (Some(player), Some(encoder), Some(payload)) = (&mut self.player, &mut self.own, &mut self.own_payload)
        else {
            return;
        };
        let goes_on = player.next(background, &mut self.own_frame);
        let id = player.id;
        let len = encoder.encode(&self.own_frame, &mut payload[..]);
        let level = Level::of(&self.own_frame);
        if !goes_on {
            self.player = None;
            self.tell(Event::PlayEnded(id));
        }
        // Lent out for the call and put back: a box moves without copying or allocating.
        if let Some(payload) = self.own_payload.take() {
            self.speak(payload.get(..len).unwrap_or_default(), level);
            self.own_payload = Some(payload);
        }
    }

    /// Sends 20 ms that others may share.
    pub(in crate::media::thread) fn speak(&mut self, payload: &[u8], level: Level) {
        let Some(session) = &self.session else { return };
        if !session.direction.sends() {
            self.out.pass(session);
            return;
        }
        let connection = match &mut self.wire {
            Wire::Browser(browser) => browser,
            Wire::Phone(phone) if !phone.is_relayed() => {
                self.out
                    .tick(session, payload, |header, part| phone.send(header, level, part));
                return;
            }
            Wire::Phone(phone) => match phone.relay() {
                Some(relay) => relay,
                None => return,
            },
        };
        self.out.tick(session, payload, |header, part| {
            let mut packet = ToBrowser {
                sequence: header.sequence,
                timestamp: header.timestamp,
                marker: header.marker,
                event: (header.payload_type != session.payload_type).then_some(header.payload_type),
                level: level.0.min(127),
                len: 0,
                payload: [0; TO_BROWSER],
            };
            if let Some(room) = packet.payload.get_mut(..part.len()) {
                room.copy_from_slice(part);
                packet.len = part.len() as u16;
                // A connection that does not keep up loses sound, and nobody waits for it.
                let _ = connection.to.try_send(packet);
            }
        });
    }
}
