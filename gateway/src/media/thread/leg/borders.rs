// SPDX-License-Identifier: EUPL-1.2
//! What legs have to do with borders: some are carried, some are far people, and one is the border itself.

use std::time::{Duration, Instant};

use landbridge_codecs::{Codec, Level};
use tokio::sync::mpsc;

use super::super::border::{Border, Spoken, Tally};
use super::super::clock::Clock;
use super::super::onward::Onward;
use super::super::opus::{OwnOpus, Wish};
use super::super::phone::Phone;
use super::super::wire::Wire;
use super::{Leg, READ_AT_ONCE};
use crate::call::LegId;
use crate::media::rtp::packet::{self, Packet, Sort};
use crate::media::sdp::Session;
use crate::media::words::{BorderTerms, Event};

impl Leg {
    /// Makes a far person: a leg that only speaks, and that no border carries.
    pub(crate) fn far(id: LegId, wire: Wire, events: mpsc::Sender<Event>, session: Session, timeout: Duration) -> Leg {
        Leg {
            is_far: true,
            is_track: false,
            ..Leg::track(id, wire, events, session, timeout)
        }
    }

    /// Makes the leg of a partner, which waits for its session.
    pub(crate) fn border(
        id: LegId,
        mut wire: Wire,
        events: mpsc::Sender<Event>,
        timeout: Duration,
        terms: &BorderTerms,
    ) -> Leg {
        if let Wire::Phone(phone) = &mut wire {
            phone.expect_many();
        }
        Leg {
            border: Some(Box::new(Border::new(terms))),
            ..Leg::new(id, wire, events, None, timeout)
        }
    }

    /// Returns the border and its wire, when the leg is one.
    pub(in crate::media::thread) fn as_border(&mut self) -> Option<(&mut Border, &mut Phone)> {
        match (&mut self.border, &mut self.wire) {
            (Some(border), Wire::Phone(phone)) => Some((border, phone)),
            _ => None,
        }
    }

    /// Returns whether this is a far person.
    pub(in crate::media::thread) fn is_far(&self) -> bool {
        self.is_far
    }

    /// Returns how loud the person was in this tick; `None` when the person may not be heard.
    pub(in crate::media::thread) fn spoken(&self) -> Option<Level> {
        self.spoken
    }

    /// Returns the codec in which the sound comes.
    pub(in crate::media::thread) fn comes_in(&self) -> Option<Codec> {
        self.playout.as_ref().map(|(codec, _)| *codec)
    }

    /// Returns what was heard in this tick as Opus of ours; `None` when nothing was.
    pub(in crate::media::thread) fn as_opus(&mut self, wish: Wish) -> Option<&[u8]> {
        let codec = self.comes_in().filter(|_| self.is_heard)?;
        if self.opus.as_ref().is_none_or(|opus| opus.origin() != codec) {
            self.opus = OwnOpus::new(codec);
        }
        let opus = self.opus.as_mut()?;
        Some(opus.encode(&self.frame, wish))
    }

    /// Reads what a partner sent; returns whether more may be waiting.
    pub(super) fn receive_border(&mut self, now: Instant, clock: &Clock, socket: usize, buffer: &mut [u8]) -> bool {
        for _ in 0..READ_AT_ONCE {
            let Some((border, phone)) = self.as_border() else {
                return false;
            };
            let Some((len, from)) = phone.read(socket, buffer) else {
                return false;
            };
            let Some(datagram) = buffer.get(..len) else { continue };
            if phone.hand_on(socket, from, datagram) {
                continue;
            }
            let Some(opened) = phone.open(datagram) else { continue };
            match packet::sort(datagram) {
                Sort::Rtp => {
                    if border.take(now, &opened.freeze(), phone.level_id()) {
                        self.tell(Event::FirstPacket);
                    }
                }
                Sort::Rtcp => border.take_report(now, clock, &opened),
                Sort::Neither => border.malformed(),
            }
        }
        true
    }

    /// Looks after a border, and counts; returns whether this is one.
    pub(super) fn look_after_border(&mut self, now: Instant, clock: &Clock, tally: &mut Tally) -> bool {
        let Some((border, phone)) = self.as_border() else {
            return false;
        };
        phone.learn();
        border.report(now, clock, phone);
        tally.add(border.since(phone));
        if phone.is_relayed() && !self.timed_out {
            self.timed_out = true;
            self.tell(Event::Failed(
                "the way to the partner leads over a relay, which carries one stream alone".to_owned(),
            ));
        }
        true
    }

    /// Sends a packet on over the borders of the room.
    pub(super) fn cross(&mut self, now: Instant, packet: &Packet<'_>, onward: &mut Onward<'_>) {
        if self.is_far || !self.may_speak() {
            return;
        }
        let spoken = Spoken {
            leg: self.id,
            slot: onward.slot,
            packet,
            level: self.level,
            level_told: self.level_told,
        };
        onward.each(self.room, |border, phone| border.forward(now, phone, &spoken));
    }

    /// Tells the borders of the room that a packet is not sound.
    pub(super) fn leave_out(&mut self, packet: &Packet<'_>, onward: &mut Onward<'_>) {
        let id = self.id;
        onward.each(self.room, |border, _| border.leave_out(id, packet));
        if let Some(uplink) = &mut self.uplink {
            uplink.leave_out(packet);
        }
    }
}
