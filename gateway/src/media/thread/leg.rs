// SPDX-License-Identifier: EUPL-1.2
//! One person's media: what it hears, says and counts.

/// What legs have to do with borders.
mod borders;
/// What is known and counted of a leg.
mod numbers;
/// What a leg hears.
mod speaking;

use std::time::{Duration, Instant};

use bytes::BytesMut;
use landbridge_codecs::{
    Codec, Encoder, EncoderOptions, Frame, Level, MAX_PAYLOAD, Playout, PlayoutOptions, Pulled, RtpPayload, SourceId,
};
use tokio::sync::mpsc;

use super::border::{Border, Tally};
use super::clock::Clock;
use super::meaning::{Meaning, meaning_of};
use super::onward::Onward;
use super::opus::{OwnOpus, Wish};
use super::phone::Arrival;
use super::player::Player;
use super::stream::OutStream;
use super::uplink::Uplink;
use super::wire::{FromBrowser, Wire};
use crate::call::LegId;
use crate::media::rtp::digits::DigitReceiver;
use crate::media::rtp::packet::Packet;
use crate::media::rtp::source::{Stream, Verdict};
use crate::media::sdp::Session;
use crate::media::sdp::description::Direction;
use crate::media::words::{Event, RoomKey};

/// One person's media.
pub(crate) struct Leg {
    pub(super) id: LegId,
    pub(super) source: SourceId,
    pub(super) room: Option<RoomKey>,
    pub(super) muted: bool,
    /// What the person said in this tick, and how loud.
    pub(super) frame: Frame,
    pub(super) level: Level,
    pub(super) wire: Wire,
    /// The way of the person's own sound to an SFU.
    pub(super) uplink: Option<Uplink>,
    /// This is the leg of a partner, not of a person.
    pub(super) border: Option<Box<Border>>,
    session: Option<Session>,
    events: mpsc::Sender<Event>,
    playout: Option<(Codec, Playout)>,
    switched_at: Option<Instant>,
    stream: Stream,
    digits: DigitReceiver,
    out: OutStream,
    player: Option<Player>,
    own: Option<Encoder>,
    own_frame: Frame,
    own_payload: Option<Box<[u8; MAX_PAYLOAD]>>,
    connected: bool,
    last_life: Instant,
    timeout: Duration,
    timed_out: bool,
    /// The last packet was comfort noise: silence on the wire is agreed upon.
    silent_by_choice: bool,
    browser_packets: u64,
    frames_decoded: u64,
    /// Of `frames_decoded`, or of the packets forwarded, these are counted.
    counted: u64,
    /// One remote track of an SFU.
    is_track: bool,
    /// A far person's sound.
    is_far: bool,
    /// How loud in this tick; `None` when nobody may hear it.
    spoken: Option<Level>,
    /// `frame` is of this tick.
    is_heard: bool,
    /// `level` is what the far end said of its last packet.
    level_told: bool,
    opus: Option<OwnOpus>,
    /// Frames in a row of silence, or in which nothing was on the wire.
    silent_frames: u32,
    /// Packets in a row that the browser itself calls silent (RFC 6464).
    quiet_packets: u32,
}

/// What happened between leg and SFU since it was last asked.
#[derive(Default)]
pub(super) struct Since {
    /// Frames decoded of remote tracks.
    pub(super) decoded: u64,
    /// Packets forwarded.
    pub(super) forwarded: u64,
}

/// Datagrams read from one socket before others get their turn.
const READ_AT_ONCE: usize = 64;
/// What a browser calls quieter than this need not be decoded [-dBov].
const INAUDIBLE: u8 = 100;
/// Silent packets in a row after which decoding stops; the first louder one begins it again.
const QUIET_AFTER: u32 = 50;
/// Frames of silence after which nothing is encoded for an SFU; the first louder one begins it again.
const SILENT_AFTER: u32 = 50;
/// What is as quiet as this cannot be told from silence; the silence of A-law is at 72.
const SILENCE: Level = Level(70);

impl Leg {
    /// Makes a leg in the lobby; without a session it waits for one.
    pub(crate) fn new(
        id: LegId,
        wire: Wire,
        events: mpsc::Sender<Event>,
        session: Option<Session>,
        timeout: Duration,
    ) -> Leg {
        let ssrc = match &wire {
            Wire::Phone(phone) => phone.ssrc,
            Wire::Browser(_) => rand::random(),
        };
        let mut leg = Leg {
            id,
            source: SourceId(id.0 as u32),
            room: None,
            muted: false,
            frame: Frame::SILENCE,
            level: Level::SILENCE,
            wire,
            uplink: None,
            border: None,
            session: None,
            events,
            playout: None,
            switched_at: None,
            stream: Stream::default(),
            digits: DigitReceiver::default(),
            // RFC 3711 §3.3.1: a first sequence number below 2^15 keeps the far end's roll-over guess right.
            out: OutStream::new(ssrc, rand::random::<u16>() >> 1, rand::random()),
            player: None,
            own: None,
            own_frame: Frame::SILENCE,
            own_payload: Some(Box::new([0; MAX_PAYLOAD])),
            connected: false,
            last_life: Instant::now(),
            timeout,
            timed_out: false,
            silent_by_choice: false,
            browser_packets: 0,
            frames_decoded: 0,
            counted: 0,
            is_track: false,
            is_far: false,
            spoken: None,
            is_heard: false,
            level_told: false,
            opus: None,
            silent_frames: 0,
            quiet_packets: 0,
        };
        if let Some(session) = session {
            leg.configure(session);
        }
        leg
    }

    /// Makes one remote track of an SFU: a leg that only speaks.
    pub(crate) fn track(
        id: LegId,
        wire: Wire,
        events: mpsc::Sender<Event>,
        session: Session,
        timeout: Duration,
    ) -> Leg {
        Leg {
            stream: Stream::of_one_sender(),
            is_track: true,
            ..Leg::new(id, wire, events, Some(session), timeout)
        }
    }

    /// Takes a new session.
    pub(super) fn configure(&mut self, session: Session) {
        if let Some(border) = &mut self.border {
            border.configure(&session);
            self.session = Some(session);
            return;
        }
        if let Wire::Phone(phone) = &mut self.wire
            && phone.configure(&session)
        {
            self.stream = Stream::default();
        }
        let same = self.session.as_ref().is_some_and(|old| {
            (old.codec, old.payload_type, old.ptime_ms) == (session.codec, session.payload_type, session.ptime_ms)
        });
        if !same {
            self.out.configure(&session);
            self.own = None;
            if self.player.is_some() {
                self.own = Encoder::new(session.codec, &EncoderOptions::default()).ok();
            }
        }
        if self.playout.as_ref().is_none_or(|(codec, _)| *codec != session.codec) {
            self.renew_playout(session.codec);
        }
        self.last_life = Instant::now();
        self.session = Some(session);
    }

    /// Queues keys for the far end.
    pub(super) fn send_digits(&mut self, digits: &str) {
        self.out.queue_digits(digits);
    }

    /// Reads what arrived on a socket; returns whether more may be waiting.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        clock: &Clock,
        socket: usize,
        buffer: &mut [u8],
        onward: &mut Onward<'_>,
    ) -> bool {
        if self.border.is_some() {
            return self.receive_border(now, clock, socket, buffer);
        }
        let mut opened = BytesMut::new();
        for _ in 0..READ_AT_ONCE {
            let Wire::Phone(phone) = &mut self.wire else {
                return false;
            };
            let Some((len, from)) = phone.read(socket, buffer) else {
                return false;
            };
            let Some(datagram) = buffer.get(..len) else { continue };
            if phone.hand_on(socket, from, datagram) {
                continue;
            }
            let Some(session) = &self.session else {
                phone.counts.foreign += 1;
                continue;
            };
            match phone.take(now, clock, from, datagram, &mut opened, session) {
                Arrival::Rtp(packet, level) => {
                    let known = meaning_of(session, packet.payload_type);
                    let Some(meaning) = known else {
                        phone.counts.malformed += 1;
                        continue;
                    };
                    let verdict = self.stream.judge(packet.ssrc, packet.sequence);
                    if verdict == Verdict::Stray {
                        phone.counts.other_stream += 1;
                        continue;
                    }
                    phone.accepted(now, &packet, session.codec.rtp_clock_rate(), verdict == Verdict::New);
                    self.note_level(level.map(|level| level & 0x7f));
                    self.take(now, &packet, meaning, verdict == Verdict::New, onward);
                }
                Arrival::Rtcp => {
                    // Reports prove life where the far end does not send sound: it only listens, or is silent by choice.
                    if session.direction == Direction::SendOnly || self.silent_by_choice {
                        self.last_life = now;
                    }
                }
                Arrival::Dropped => {}
            }
        }
        true
    }

    /// Takes what came through a connection since the last tick, and what it found out.
    pub(super) fn receive_from_browser(&mut self, onward: &mut Onward<'_>) {
        if self.border.is_some() {
            return;
        }
        if let Wire::Phone(phone) = &mut self.wire {
            phone.learn();
        }
        for _ in 0..READ_AT_ONCE {
            let from = match &mut self.wire {
                Wire::Browser(browser) => browser.from.try_recv().ok(),
                Wire::Phone(phone) => phone.relay().and_then(|relay| relay.from.try_recv().ok()),
            };
            let Some(from) = from else { return };
            let Some(meaning) = self
                .session
                .as_ref()
                .and_then(|session| meaning_of(session, from.payload_type))
            else {
                continue;
            };
            let verdict = self.stream.judge(from.ssrc, from.sequence);
            if verdict == Verdict::Stray {
                continue;
            }
            self.browser_packets += 1;
            self.note_level(from.level);
            let FromBrowser {
                arrived,
                payload_type,
                sequence,
                timestamp,
                marker,
                ssrc,
                level: _,
                payload,
            } = from;
            let packet = Packet {
                payload_type,
                marker,
                sequence,
                timestamp,
                ssrc,
                payload: &payload,
            };
            self.take(arrived, &packet, meaning, verdict == Verdict::New, onward);
        }
    }

    /// Notes how loud the far end calls its next packet.
    fn note_level(&mut self, level: Option<u8>) {
        self.quiet_packets = if level.is_some_and(|level| level >= INAUDIBLE) {
            self.quiet_packets.saturating_add(1)
        } else {
            0
        };
        self.level_told = level.is_some();
        // Forwarded sound is as loud as the far end says; the tick measures what it hears itself.
        self.level = level.map_or(self.level, Level);
    }

    /// Draws the next 20 ms from the jitter buffer; returns whether it may be mixed.
    pub(super) fn hear(&mut self, now: Instant) -> bool {
        let may_speak = self.may_speak();
        self.is_heard = false;
        self.spoken = may_speak.then_some(Level::SILENCE);
        if let Some(opus) = &mut self.opus {
            opus.begin();
        }
        let Some((_, playout)) = &mut self.playout else {
            self.spoken = None;
            return false;
        };
        if !may_speak || self.quiet_packets >= QUIET_AFTER {
            playout.skip(now);
            return false;
        }
        let pulled = playout.pull(now, &mut self.frame);
        self.level = Level::of(&self.frame);
        (self.is_heard, self.spoken) = (true, Some(self.level));
        self.frames_decoded += u64::from(pulled != Pulled::Silence);
        self.silent_frames = if pulled == Pulled::Silence || self.level >= SILENCE {
            self.silent_frames.saturating_add(1)
        } else {
            0
        };
        true
    }

    /// Sends to the SFU what was heard in this tick, unless it was forwarded as it came.
    pub(super) fn send_up(&mut self, now: Instant, heard: bool) {
        let codec = self.comes_in();
        // Lent out for the call and put back.
        let Some(mut uplink) = self.uplink.take() else { return };
        if codec.is_some_and(|codec| uplink.encodes(codec)) {
            let (goes, level) = (heard && self.silent_frames < SILENT_AFTER, self.level);
            match goes.then(|| self.as_opus(Wish::PLAIN)).flatten() {
                Some(payload) => uplink.encoded(now, payload, level),
                None => uplink.pass(),
            }
        }
        self.uplink = Some(uplink).filter(|uplink| !uplink.is_gone());
    }

    /// Tells whether others may hear what the person says.
    fn may_speak(&self) -> bool {
        let flows = |session: &Session| session.direction.receives() && !session.held;
        !self.muted && self.room.is_some() && self.session.as_ref().is_some_and(flows)
    }

    /// Lets a tick pass in which nothing is sent.
    pub(super) fn pass(&mut self) {
        if let Some(session) = &self.session {
            self.out.pass(session);
        }
    }

    /// Lets a tick pass in which nothing happens at all.
    pub(super) fn skip(&mut self) {
        self.pass();
        if let Some(uplink) = &mut self.uplink {
            uplink.pass();
        }
    }

    /// Sends reports and notices silence; call it every tick.
    pub(super) fn look_after(&mut self, now: Instant, clock: &Clock, tally: &mut Tally) {
        if self.look_after_border(now, clock, tally) {
            return;
        }
        let Some(session) = &self.session else { return };
        let Wire::Phone(phone) = &mut self.wire else { return };
        let sender = (self.out.packets > 0).then(|| (self.out.timestamp(), self.out.packets, self.out.bytes));
        phone.report(now, clock, sender);
        if phone.is_peer() {
            // Its silence is no end: the engine knows whether the way still stands (RFC 7675).
            return;
        }
        if session.held || session.direction == Direction::Inactive {
            self.last_life = now;
        } else if !self.timed_out && now.saturating_duration_since(self.last_life) >= self.timeout {
            self.timed_out = true;
            self.tell(Event::TimedOut);
        }
    }

    /// Says good-bye to the far end.
    pub(super) fn bye(&mut self, now: Instant, clock: &Clock) {
        if let Some((border, phone)) = self.as_border() {
            border.bye(now, clock, phone);
        } else if let Wire::Phone(phone) = &mut self.wire {
            phone.bye(now, clock);
        }
    }

    /// Tells that the leg is beyond repair.
    pub(super) fn fail(&self) {
        self.tell(Event::Failed("the gateway's media plane gave the leg up".to_owned()));
    }

    /// Takes one accepted packet.
    fn take(&mut self, now: Instant, packet: &Packet<'_>, meaning: Meaning, fresh: bool, onward: &mut Onward<'_>) {
        self.last_life = now;
        if !self.connected {
            self.connected = true;
            if matches!(&self.wire, Wire::Phone(phone) if !phone.is_peer()) {
                self.tell(Event::Connected);
            }
            self.tell(Event::FirstPacket);
        }
        if fresh {
            self.digits = DigitReceiver::default();
            if let Some(uplink) = &mut self.uplink {
                uplink.renew();
            }
            if let Some((codec, _)) = self.playout {
                self.renew_playout(codec);
            }
        }
        if matches!(meaning, Meaning::Digit | Meaning::Noise) {
            self.leave_out(packet, onward);
        }
        match meaning {
            Meaning::Digit => {
                if let Some(digit) = self
                    .digits
                    .receive(now, packet.timestamp, packet.marker, packet.payload)
                {
                    self.tell(Event::Digit(digit));
                }
            }
            Meaning::Noise => {
                self.silent_by_choice = true;
                if let (Some((_, playout)), Some(level)) = (&mut self.playout, packet.payload.first()) {
                    playout.insert_comfort_noise(now, packet.sequence, packet.timestamp, *level);
                }
            }
            Meaning::Sound(codec) => {
                // Opus says one or two bytes when it falls silent (DTX).
                self.silent_by_choice = codec == Codec::Opus && packet.payload.len() <= 2;
                if self.playout.as_ref().is_none_or(|(current, _)| *current != codec) {
                    // At most once a second, or alternating numbers would cost a decoder each.
                    if self
                        .switched_at
                        .is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1))
                    {
                        return;
                    }
                    self.switched_at = Some(now);
                    self.renew_playout(codec);
                }
                if codec == Codec::Opus {
                    self.cross(now, packet, onward);
                }
                self.forward(now, packet, codec);
                if let Some((_, playout)) = &mut self.playout {
                    let Packet {
                        sequence,
                        timestamp,
                        marker,
                        payload,
                        ..
                    } = *packet;
                    playout.insert(
                        now,
                        RtpPayload {
                            sequence,
                            timestamp,
                            marker,
                            payload,
                        },
                    );
                }
            }
        }
    }

    /// Forwards Opus to the SFU the moment it comes.
    fn forward(&mut self, now: Instant, packet: &Packet<'_>, codec: Codec) {
        let (may_speak, level) = (self.may_speak(), self.level);
        let Some(uplink) = &mut self.uplink else { return };
        if !may_speak {
            uplink.pause();
        } else if !uplink.encodes(codec) {
            uplink.forward(now, packet, level);
        }
    }

    fn renew_playout(&mut self, codec: Codec) {
        self.playout = Playout::new(codec, PlayoutOptions::default())
            .ok()
            .map(|playout| (codec, playout));
    }

    fn tell(&self, event: Event) {
        // A reader that lags this far behind has lost interest.
        let _ = self.events.try_send(event);
    }
}
