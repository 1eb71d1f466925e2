// SPDX-License-Identifier: EUPL-1.2
//! The adaptive jitter buffer: packets in as they come, 20 ms of sound out at every tick.
//!
//! ```text
//! insert   Order     sequence number: new, duplicate, or a sender that begins anew?
//!          Timeline  timestamp → position on a time line that never wraps or tears
//!          Arrivals  how late is it → which delay should be played with?
//!          Packets   keep it, in order
//! pull     Clock     which tick is this; were any missed?
//!          trim      too much waits: drop the oldest
//!          stretch   more or less delay than needed: leave out or repeat a pitch period
//!          fill      decode | mend by FEC | imagine | wait, until there are 20 ms
//! ```
//!
//! - `order`, `timeline`, `arrivals`, `packets`: the way in.
//! - `clock`: ticks.
//! - `line`: sound at the codec's rate, with `conceal`, `noise`, `stretch` and `pitch` to work on it.
//! - `play`: the way out.

mod arrivals;
mod clock;
mod conceal;
mod line;
mod noise;
mod order;
mod packets;
mod pitch;
mod play;
mod stretch;
mod timeline;

use std::time::{Duration, Instant};

use crate::decode::{mends_predecessor, samples_in};
use crate::{Codec, CodecError, Frame, Resampler, SAMPLE_RATE};
use arrivals::Arrivals;
use clock::Clock;
use line::Line;
use order::{Order, Place};
use packets::{Content, MAX_BYTES, Packet, Packets};
use play::Play;
use timeline::{Expectation, Timeline};

/// Carries what the jitter buffer needs of an RTP packet (RFC 3550 §5.1), after authentication.
#[derive(Clone, Copy, Debug)]
pub struct RtpPayload<'a> {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of [`Codec::rtp_clock_rate`].
    pub timestamp: u32,
    /// Marker bit: the first packet after silence.
    pub marker: bool,
    /// What the codec wrote.
    pub payload: &'a [u8],
}

/// Bounds the delay that the jitter buffer may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutOptions {
    /// Least delay to hold back; zero lets a clean line run without any.
    pub min_delay: Duration,
    /// Most delay to hold back; what is later than this is lost.
    pub max_delay: Duration,
}

impl Default for PlayoutOptions {
    fn default() -> Self {
        PlayoutOptions {
            min_delay: Duration::ZERO,
            max_delay: Duration::from_millis(240),
        }
    }
}

/// Tells what a pulled frame is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// Decoded sound.
    Speech,
    /// At least in part imagined, in place of what was lost or is late.
    Concealed,
    /// Nothing, or comfort noise.
    Silence,
}

/// Counts what happened to a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayoutStats {
    /// Packets that arrived, without duplicates.
    pub received: u64,
    /// Packets that never arrived (RFC 3550 §6.4.1), late ones not counted.
    pub lost: u64,
    /// Packets that arrived after their place was played.
    pub late: u64,
    /// Packets that arrived more than once.
    pub duplicated: u64,
    /// Packets whose payload the codec cannot read.
    pub malformed: u64,
    /// Packets that were dropped unheard, because too many waited.
    pub discarded: u64,
    /// Lost packets that the next one brought back (Opus).
    pub recovered_by_fec: u64,
    /// Frames pulled that were at least in part imagined.
    pub concealed_frames: u64,
    /// Sound that was left out to lower the delay (samples at 48 kHz).
    pub accelerated_samples: u64,
    /// Sound that was repeated to raise the delay (samples at 48 kHz).
    pub decelerated_samples: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// Mean time from the arrival of a packet to the frame it is heard in.
    pub delay: Duration,
    /// How much faster the sender's clock runs than ours (parts per million).
    pub drift_ppm: i32,
    /// Times that the sender began its numbering anew, or its timestamps jumped.
    pub restarts: u64,
}

/// Turns the packets of one stream into a frame every 20 ms.
pub struct Playout {
    codec: Codec,
    order: Order,
    timeline: Timeline,
    arrivals: Arrivals,
    packets: Packets,
    clock: Clock,
    line: Line,
    play: Play,
    wider: Resampler,
    options: PlayoutOptions,
    stats: PlayoutStats,
}

impl Playout {
    /// Makes the jitter buffer of one stream.
    pub fn new(codec: Codec, options: PlayoutOptions) -> Result<Playout, CodecError> {
        let rate = codec.sample_rate();
        Ok(Playout {
            codec,
            order: Order::default(),
            timeline: Timeline::new(rate, codec.rtp_clock_rate()),
            arrivals: Arrivals::new(rate),
            packets: Packets::new(),
            clock: Clock::default(),
            line: Line::new(codec)?,
            play: Play::default(),
            wider: Resampler::new(rate, SAMPLE_RATE)?,
            options,
            stats: PlayoutStats::default(),
        })
    }

    /// Returns the codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Returns what happened so far.
    pub fn stats(&self) -> PlayoutStats {
        PlayoutStats {
            received: self.order.received(),
            lost: self.order.lost(),
            jitter: self.arrivals.jitter(),
            drift_ppm: self.arrivals.drift_ppm(),
            delay: self.play.delay(),
            ..self.stats
        }
    }

    /// Takes a packet that has just arrived; any packet time up to 200 ms will do, and it may change.
    pub fn insert(&mut self, now: Instant, packet: RtpPayload<'_>) {
        let Some(number) = self.number(packet.sequence) else {
            return;
        };
        let samples = if packet.payload.len() <= MAX_BYTES {
            samples_in(self.codec, packet.payload)
        } else {
            None
        };
        let Some(samples) = samples else {
            self.stats.malformed += 1;
            return;
        };
        self.keep(now, number, packet, samples as i64, Content::Sound);
    }

    /// Takes a comfort noise packet (RFC 3389): `level` is its first byte (-dBov).
    pub fn insert_comfort_noise(&mut self, now: Instant, sequence: u16, timestamp: u32, level: u8) {
        let Some(number) = self.number(sequence) else { return };
        let packet = RtpPayload {
            sequence,
            timestamp,
            marker: false,
            payload: &[],
        };
        self.keep(now, number, packet, 0, Content::ComfortNoise(level & 0x7F));
    }

    /// Takes note of a packet of the same stream that is not sound, such as a telephone-event (RFC 4733), so that
    /// neither its number nor the sound that it stands for is missed.
    pub fn insert_event(&mut self, now: Instant, sequence: u16, timestamp: u32) {
        let Some(number) = self.number(sequence) else { return };
        if self.play.is_past(number) {
            return;
        }
        let position = self.timeline.peek(timestamp);
        let payload = self.packets.buffer();
        self.packets.insert(Packet {
            number,
            position,
            samples: 0,
            content: Content::Event,
            arrival: now,
            payload,
        });
    }

    /// Writes the next 20 ms; call it at every tick of 20 ms, which may stray by 5 ms.
    pub fn pull(&mut self, now: Instant, out: &mut Frame) -> Pulled {
        self.line.mute(false);
        let pulled = self.play(now);
        let frame = self.codec.frame_samples();
        self.wider.process(&self.line.sound()[..frame], &mut out.0);
        self.line.consume(frame, pulled == Pulled::Speech);
        if pulled == Pulled::Concealed {
            self.stats.concealed_frames += 1;
        }
        pulled
    }

    /// Lets 20 ms pass unheard and undecoded; call it instead of [`pull`](Playout::pull) where nobody listens.
    pub fn skip(&mut self, now: Instant) {
        self.line.mute(true);
        self.play(now);
        self.line.consume(self.codec.frame_samples(), false);
    }

    /// Unwraps a sequence number, or drops the packet.
    fn number(&mut self, sequence: u16) -> Option<i64> {
        match self.order.place(sequence) {
            Place::New(number) => Some(number),
            Place::Restarted(number) => {
                self.stats.restarts += 1;
                Some(number)
            }
            Place::Duplicate => {
                self.stats.duplicated += 1;
                None
            }
            Place::Doubtful => None,
        }
    }

    fn keep(&mut self, now: Instant, number: i64, packet: RtpPayload<'_>, samples: i64, content: Content) {
        let frame = self.codec.frame_samples() as i64;
        let tick = self.clock.usable_at(now);
        let usable_at = tick * frame;
        let target = self.target().unwrap_or(0);
        let expectation = Expectation {
            usable_at,
            recent: self.arrivals.range(),
            target,
        };
        let placed = self
            .timeline
            .place(number, packet.timestamp, samples, packet.marker, expectation);
        let Some((position, jumped)) = placed else {
            self.stats.late += 1;
            return;
        };
        if jumped {
            self.stats.restarts += 1;
            self.arrivals.forget_transit();
        }
        if self.clock.has_begun() {
            self.arrivals.learn(now, tick, usable_at - position, position);
        }
        if self.play.is_past(number) {
            self.stats.late += 1;
            return;
        }
        if !self.clock.has_begun() {
            // Nobody listened yet: begin with the latest, not with what has piled up.
            self.packets.drop_first();
        }
        let mut payload = self.packets.buffer();
        payload.extend_from_slice(packet.payload);
        self.play
            .learn_redundancy(mends_predecessor(self.codec, packet.payload));
        if !self.packets.insert(Packet {
            number,
            position,
            samples,
            content,
            arrival: now,
            payload,
        }) {
            self.stats.discarded += 1;
        }
    }

    /// Returns the delay to play with: output clock less position (samples).
    fn target(&mut self) -> Option<i64> {
        let quantile = self.arrivals.quantile()?;
        let (least, _) = self.arrivals.range()?;
        let rate = f64::from(self.codec.sample_rate());
        let bound = |delay: Duration| least.saturating_add((delay.as_secs_f64() * rate) as i64);
        let (low, high) = (bound(self.options.min_delay), bound(self.options.max_delay));
        Some((quantile + self.play.reserve()).clamp(low, high.max(low)))
    }
}

impl std::fmt::Debug for Playout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playout")
            .field("codec", &self.codec)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
