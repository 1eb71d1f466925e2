// SPDX-License-Identifier: EUPL-1.2
//! A border leg: single streams to and from a partner, neither mixed nor, where they came as Opus, encoded anew.
//!
//! ```text
//! Leg::receive      a packet of one of ours  → Onward::carry → Border::forward   at once, if the person has a place
//! Room::tick        hear everyone            → Places::decide                    the K loudest of ours, with hysteresis
//!                   not Opus, or too much    → OwnOpus::encode                   once for all borders
//! Stream            numbers that go on       → History::write                    older sound behind it, if the way loses
//! Phone::send       RFC 6464 level, SRTP, one source (SSRC) for each person
//!
//! Phone::open       authenticate: of whatever source, then
//! Listening::take   a source that is open    → Leg of the far person             heard by the room like anybody else
//! ```
//!
//! A border hears no mix, and a far person's leg is never carried: nothing comes back over a border, or goes on over
//! another.

/// What one stream sent last.
mod history;
/// What comes over a border.
mod listening;
/// Who is carried.
mod places;
/// Reports (RTCP).
mod reports;
/// What borders count.
mod tally;
/// What the way can take.
mod width;

use std::collections::HashMap;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use bytes::Bytes;
use landbridge_codecs::{Codec, Level};

use super::leg::Leg;
use super::numbering::{Numbering, Numbers};
use super::phone::Phone;
use super::wire::FromBrowser;
use crate::call::LegId;
use crate::media::rtp::packet::{self, Outgoing, Packet};
use crate::media::sdp::Session;
use crate::media::words::{BorderStats, BorderStream, BorderTerms};
use listening::{Listening, Opened, Taken};
use places::{Place, Places};
use reports::Reports;
pub(super) use tally::{Numbers as Counters, Tally};
use width::Width;

/// One border leg's state besides its wire.
pub(super) struct Border {
    agreed: Option<Agreed>,
    /// Every source that was ever used: under the same keys its numbers must not begin anew.
    streams: Vec<Stream>,
    /// Whose sound may go, and as which of `streams`.
    carried: HashMap<LegId, usize>,
    places: Places,
    listening: Listening,
    reports: Reports,
    width: Width,
    tally: Tally,
    told: Tally,
}

/// What of the session concerns the packets.
#[derive(Clone, Copy)]
struct Agreed {
    opus: u8,
    red: Option<u8>,
    sends: bool,
    receives: bool,
}

/// One source of ours.
struct Stream {
    ssrc: u32,
    leg: Option<LegId>,
    numbering: Numbering,
    packets: u64,
    octets: u64,
    /// Packets at the time of the last report.
    reported: u64,
}

/// One packet of ours on its way to the borders of its room.
pub(super) struct Spoken<'a> {
    pub(super) leg: LegId,
    pub(super) slot: usize,
    pub(super) packet: &'a Packet<'a>,
    pub(super) level: Level,
    /// The level is the sender's own and of this very packet.
    pub(super) level_told: bool,
}

/// A longer packet is encoded anew [bytes].
const LONGEST: usize = 1000;
/// A packet with older sound in it is no longer than this [bytes].
const LONGEST_RED: usize = 1200;
/// 20 ms of digital silence (RFC 6716 §3.1).
const OPUS_SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
/// Sources that one border ever uses: days of coming and going.
const MOST_STREAMS: usize = 16_384;

impl Border {
    /// Makes a border that carries nothing yet.
    pub(super) fn new(terms: &BorderTerms) -> Border {
        Border {
            agreed: None,
            streams: Vec::new(),
            carried: HashMap::new(),
            places: Places::new(terms.streams),
            listening: Listening::default(),
            reports: Reports::new(),
            width: Width::new(terms.kbit),
            tally: Tally::default(),
            told: Tally::default(),
        }
    }

    /// Takes what was negotiated.
    pub(super) fn configure(&mut self, session: &Session) {
        self.agreed = Some(Agreed {
            opus: session.payload_type,
            red: session.red,
            sends: session.direction.sends() && !session.held,
            receives: session.direction.receives(),
        });
    }

    /// Lets one of our legs be carried under a source.
    pub(super) fn carry(&mut self, now: Instant, phone: &mut Phone, ours: LegId, ssrc: u32) {
        if let Some(at) = self.carried.get(&ours)
            && self.streams.get(*at).is_some_and(|stream| stream.ssrc == ssrc)
        {
            return;
        }
        self.carry_no_more(now, phone, ours);
        let known = self.streams.iter().position(|stream| stream.ssrc == ssrc);
        let at = known.unwrap_or(self.streams.len());
        if let Some(stream) = self.streams.get_mut(at) {
            if let Some(before) = stream.leg.replace(ours) {
                self.carried.remove(&before);
                self.places.release(before);
            }
            stream.fall_silent(now, phone, self.agreed);
        } else if at < MOST_STREAMS {
            self.streams.push(Stream {
                ssrc,
                leg: Some(ours),
                numbering: Numbering::new(),
                packets: 0,
                octets: 0,
                reported: 0,
            });
        } else {
            tracing::warn!("a border has used up its sources; one person more is not carried");
            return;
        }
        self.carried.insert(ours, at);
    }

    /// Ends that.
    pub(super) fn carry_no_more(&mut self, now: Instant, phone: &mut Phone, ours: LegId) {
        self.places.release(ours);
        if let Some(stream) = self.carried.remove(&ours).and_then(|at| self.streams.get_mut(at)) {
            stream.fall_silent(now, phone, self.agreed);
            stream.leg = None;
        }
    }

    /// Hands what comes under a source to a far person.
    pub(super) fn listen(&mut self, far: LegId, ssrc: u32, sink: SyncSender<FromBrowser>) {
        self.listening.open(far, ssrc, sink);
    }

    /// Sends a packet of ours on as it came, when the person has a place or there is a free one.
    pub(super) fn forward(&mut self, now: Instant, phone: &mut Phone, spoken: &Spoken<'_>) {
        let most = self.most();
        let payload = spoken.packet.payload;
        if self.places.of(spoken.leg).is_none() {
            // Who begins to speak is not cut off where the packet itself tells that it is loud.
            let Some(at) = self.carried.get(&spoken.leg).copied() else {
                return;
            };
            let is_loud = spoken.level_told && spoken.level.is_speech();
            if !is_loud
                || self
                    .places
                    .take_free(spoken.leg, spoken.slot, at, spoken.level, most)
                    .is_none()
            {
                return;
            }
        }
        let Some(place) = self.places.of(spoken.leg) else {
            return;
        };
        place.octets += payload.len() + width::AROUND;
        place.too_long |= payload.len() > LONGEST;
        if place.too_long || place.too_much || payload.is_empty() {
            return;
        }
        let Some(stream) = self.streams.get_mut(place.out) else {
            return;
        };
        if let (Some(agreed), Some(numbers)) = (
            self.agreed.filter(|agreed| agreed.sends),
            stream.numbering.forward(now, spoken.packet),
        ) {
            self.tally.forwarded += 1;
            let sending = Sending {
                phone,
                tally: &mut self.tally,
                agreed,
                depth: self.width.depth(place.rate),
            };
            sending.send(stream, place, numbers, payload, spoken.level);
        }
    }

    /// Closes the gap that a packet leaves which is not sound.
    pub(super) fn leave_out(&mut self, leg: LegId, packet: &Packet<'_>) {
        if let Some(place) = self.places.of(leg)
            && let Some(stream) = self.streams.get_mut(place.out)
        {
            stream.numbering.leave_out(packet);
        }
    }

    /// Lives through 20 ms: decides who is carried, and sends what has to be encoded.
    pub(super) fn tick(&mut self, now: Instant, phone: &mut Phone, legs: &mut [Option<Box<Leg>>], members: &[usize]) {
        self.places.begin();
        for slot in members {
            let Some(leg) = legs.get(*slot).and_then(Option::as_deref) else {
                continue;
            };
            let Some(level) = leg.spoken().filter(|_| !leg.is_far()) else {
                continue;
            };
            if !self.places.heard(leg.id, *slot, level)
                && level.is_speech()
                && let Some(out) = self.carried.get(&leg.id)
            {
                self.places.challenge(leg.id, *slot, *out, level);
            }
        }
        let (most, streams, agreed) = (self.most(), &mut self.streams, self.agreed);
        self.places.decide(most, |left| {
            if let Some(stream) = streams.get_mut(left) {
                stream.fall_silent(now, phone, agreed);
            }
        });
        self.tally.switches = self.places.switches;
        self.width.share_among(self.places.taken.len());
        for place in &mut self.places.taken {
            let Some(stream) = self.streams.get_mut(place.out) else {
                continue;
            };
            let octets = std::mem::take(&mut place.octets);
            self.width.measure(place, octets);
            let leg = legs.get_mut(place.slot).and_then(Option::as_deref_mut);
            let Some((leg, agreed)) = leg.filter(|leg| leg.id == place.leg).zip(self.agreed) else {
                continue;
            };
            let Some(level) = leg.spoken().filter(|_| agreed.sends) else {
                stream.fall_silent(now, phone, Some(agreed));
                continue;
            };
            let Some(codec) = leg.comes_in() else { continue };
            if codec == Codec::Opus && !place.too_long && !place.too_much {
                continue;
            }
            let payload = leg
                .as_opus(self.width.wish())
                .filter(|payload| payload.len() <= LONGEST);
            let payload = payload.unwrap_or_default();
            if let Some(numbers) = stream.numbering.encode(now, !payload.is_empty()) {
                self.tally.encoded += 1;
                let sending = Sending {
                    phone: &mut *phone,
                    tally: &mut self.tally,
                    agreed,
                    depth: self.width.depth_encoded(),
                };
                sending.send(stream, place, numbers, payload, level);
            }
        }
    }

    /// Takes one authentic packet of the partner; returns whether it was the first.
    pub(super) fn take(&mut self, now: Instant, plain: &Bytes, level_id: Option<u8>) -> bool {
        let Some(agreed) = self.agreed else { return false };
        let Some(packet) = Packet::parse(plain) else {
            self.tally.malformed += 1;
            return false;
        };
        if !agreed.receives {
            return false;
        }
        let opened = Opened {
            packet,
            plain,
            level: level_id.and_then(|id| packet::extension(plain, id)),
            red: agreed.red,
            opus: agreed.opus,
        };
        match self.listening.take(now, &opened) {
            Taken::Heard { recovered } => {
                self.tally.received += 1;
                self.tally.received_octets += packet.payload.len() as u64;
                self.tally.recovered += recovered;
                return self.tally.received == 1;
            }
            Taken::Unknown => self.tally.unknown += 1,
            Taken::Malformed => self.tally.malformed += 1,
        }
        false
    }

    /// Counts a datagram that is neither sound nor report.
    pub(super) fn malformed(&mut self) {
        self.tally.malformed += 1;
    }

    /// Returns what happened since the last call.
    pub(super) fn since(&mut self, phone: &Phone) -> Tally {
        self.tally.unauthenticated = phone.counts.unauthenticated;
        let since = self.tally.minus(self.told);
        self.told = self.tally;
        since
    }

    /// Returns what is known.
    pub(super) fn stats(&self) -> BorderStats {
        let tally = self.tally;
        BorderStats {
            sent: self.streams.iter().map(Stream::told).collect(),
            received: self.listening.streams(),
            forwarded: tally.forwarded,
            encoded: tally.encoded,
            redundant: tally.redundant,
            recovered: tally.recovered,
            switches: tally.switches,
            dropped_unknown: tally.unknown,
            dropped_unauthenticated: tally.unauthenticated,
            dropped_malformed: tally.malformed,
            loss_percent: self.reports.loss_percent(),
            rtt: self.reports.rtt,
        }
    }

    fn most(&self) -> usize {
        self.width.fits(self.places.most())
    }
}

/// The wire of one packet.
struct Sending<'a> {
    phone: &'a mut Phone,
    tally: &'a mut Tally,
    agreed: Agreed,
    /// How many older packets go behind it.
    depth: usize,
}

impl Sending<'_> {
    fn send(self, stream: &mut Stream, place: &mut Place, numbers: Numbers, payload: &[u8], level: Level) {
        let mut header = Outgoing {
            payload_type: self.agreed.opus,
            marker: numbers.marker,
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            ssrc: stream.ssrc,
        };
        let (mut buffer, mut sent) = ([0; LONGEST_RED], payload);
        if let Some(red) = self.agreed.red.filter(|_| self.depth > 0)
            && let Some(len) = place
                .history
                .write(self.depth, numbers, self.agreed.opus, payload, &mut buffer)
        {
            header.payload_type = red;
            sent = buffer.get(..len).unwrap_or_default();
            self.tally.redundant += 1;
        }
        self.phone.send(header, level, sent);
        stream.packets += 1;
        stream.octets += sent.len() as u64;
        self.tally.sent_octets += sent.len() as u64;
        place.history.remember(numbers, payload);
    }
}

impl Stream {
    /// Interrupts the sound. A last packet says so, for after an end that comes unsaid the partner's decoder would imagine
    /// up to a second of what might have followed.
    fn fall_silent(&mut self, now: Instant, phone: &mut Phone, agreed: Option<Agreed>) {
        if let Some(agreed) = agreed.filter(|agreed| agreed.sends && self.numbering.flows())
            && let Some(numbers) = self.numbering.encode(now, true)
        {
            let header = Outgoing {
                payload_type: agreed.opus,
                marker: false,
                sequence: numbers.sequence,
                timestamp: numbers.timestamp,
                ssrc: self.ssrc,
            };
            phone.send(header, Level::SILENCE, &OPUS_SILENCE);
            self.packets += 1;
            self.octets += OPUS_SILENCE.len() as u64;
        }
        self.numbering.pause();
    }

    fn told(&self) -> BorderStream {
        BorderStream {
            leg: self.leg,
            ssrc: self.ssrc,
            packets: self.packets,
            octets: self.octets,
        }
    }
}
