// SPDX-License-Identifier: EUPL-1.2
//! One room: mix, ears, chimes, speakers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use landbridge_codecs::{Frame, Mix};

use super::encoders::Encoders;
use super::leg::Leg;
use super::player::Player;
use super::speakers::Speakers;
use crate::call::LegId;
use crate::media::words::{Clip, Loudness, PlayId};

/// One room on its thread.
pub(super) struct Room {
    /// The slots of its legs.
    members: Vec<usize>,
    /// The slots of its borders: they neither hear the mix nor are heard in it.
    borders: Vec<usize>,
    mix: Mix,
    encoders: Encoders,
    speakers: Speakers,
    chime: Option<Player>,
    chime_frame: Frame,
    heard: Frame,
}

impl Room {
    /// Makes an empty room.
    pub(super) fn new(max_speakers: usize) -> Room {
        Room {
            members: Vec::new(),
            borders: Vec::new(),
            mix: Mix::new(max_speakers),
            encoders: Encoders::default(),
            speakers: Speakers::default(),
            chime: None,
            chime_frame: Frame::SILENCE,
            heard: Frame::SILENCE,
        }
    }

    /// Lets a leg in.
    pub(super) fn add(&mut self, slot: usize) {
        if !self.members.contains(&slot) {
            self.members.push(slot);
        }
    }

    /// Lets a border in.
    pub(super) fn add_border(&mut self, slot: usize) {
        if !self.borders.contains(&slot) {
            self.borders.push(slot);
        }
    }

    /// Lists the slots of the borders.
    pub(super) fn borders(&self) -> &[usize] {
        &self.borders
    }

    /// Lets a leg out; returns whether the room is empty now.
    pub(super) fn remove(&mut self, slot: usize, leg: LegId) -> bool {
        self.members.retain(|member| *member != slot);
        self.borders.retain(|border| *border != slot);
        self.speakers.remove(leg);
        self.members.is_empty() && self.borders.is_empty()
    }

    /// Plays a chime to everyone.
    pub(super) fn chime(&mut self, clip: Clip) {
        self.chime = Some(Player::new(PlayId(0), vec![clip], Loudness::Normal));
    }

    /// Lives through 20 ms; returns who speaks when that is news.
    pub(super) fn tick(&mut self, now: Instant, legs: &mut [Option<Box<Leg>>]) -> Option<Vec<LegId>> {
        self.mix.begin();
        for slot in &self.members {
            let Some(leg) = legs.get_mut(*slot).and_then(Option::as_deref_mut) else {
                continue;
            };
            let heard = leg.hear(now);
            if heard {
                self.mix.add(leg.source, &leg.frame, leg.level);
            }
            leg.send_up(now, heard);
            self.speakers.heard(leg.id, heard && leg.level.is_speech());
        }
        self.cross_borders(now, legs);
        self.mix.finish();
        let chiming = self.next_chime();
        self.encoders.begin();
        for slot in &self.members {
            let Some(leg) = legs.get_mut(*slot).and_then(Option::as_deref_mut) else {
                continue;
            };
            let Some(codec) = leg.hears_in() else {
                leg.pass();
                continue;
            };
            let ear = self.mix.ear_of(leg.source);
            let mut frame = self.mix.heard_by(ear);
            if chiming {
                for ((heard, floor), chime) in self.heard.0.iter_mut().zip(&frame.0).zip(&self.chime_frame.0) {
                    *heard = floor.saturating_add(*chime);
                }
                frame = &self.heard;
            }
            if leg.is_playing() {
                leg.speak_own(Some(frame));
            } else if let Some(encoded) = self.encoders.encode(ear, codec, leg.loss_percent(), frame) {
                leg.speak(encoded.payload, encoded.level);
            }
        }
        self.speakers.tick()
    }

    /// Lets each border carry what it has to.
    fn cross_borders(&mut self, now: Instant, legs: &mut [Option<Box<Leg>>]) {
        for slot in &self.borders {
            let Some(mut leg) = legs.get_mut(*slot).and_then(Option::take) else {
                continue;
            };
            let members = &self.members;
            let lived = catch_unwind(AssertUnwindSafe(|| {
                if let Some((border, phone)) = leg.as_border() {
                    border.tick(now, phone, legs, members);
                }
            }));
            if lived.is_err() {
                // A fault of ours; the room goes on without its partner.
                leg.fail();
                leg.border = None;
            }
            if let Some(place) = legs.get_mut(*slot) {
                *place = Some(leg);
            }
        }
    }

    fn next_chime(&mut self) -> bool {
        let Some(player) = &mut self.chime else { return false };
        if !player.next(None, &mut self.chime_frame) {
            self.chime = None;
        }
        true
    }
}
