// SPDX-License-Identifier: EUPL-1.2
//! Legs that speak: one thread sends every leg's packet each 20 ms at the leg's own phase.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use landbridge_codecs::{Codec, Encoder, EncoderOptions, Frame, MAX_PAYLOAD};

use crate::alaw;

/// Time between two packets of a leg.
const TICK: Duration = Duration::from_millis(20);
/// Samples of a PCMA packet.
const SAMPLES: usize = 160;
/// A tone of 1 kHz at 8 kHz repeats after this many samples; a burst begins at its peak.
const PERIOD: [i16; 8] = [12_000, 8_485, 0, -8_485, -12_000, -8_485, 0, 8_485];
/// Length of a burst [samples]: 60 ms.
const BURST: u64 = 480;

/// One speaking leg.
pub(crate) struct Voice {
    to: SocketAddr,
    payload_type: u8,
    step: u32,
    ssrc: u32,
    phase: Duration,
    words: Words,
}

/// What a leg says.
pub(crate) enum Words {
    /// These payloads, over and over, from one of them on.
    Loop(Arc<Vec<Vec<u8>>>, usize),
    /// Silence with bursts of a tone (PCMA).
    Bursts(Bursts),
}

/// Bursts of 60 ms, 400 to 600 ms apart, each beginning at a random sample of its packet.
pub(crate) struct Bursts {
    random: Random,
    codes: [u8; 8],
    at: u64,
    next: u64,
    left: u32,
    payload: [u8; SAMPLES],
}

/// The speaking thread; it ends when dropped.
pub(crate) struct Mouth {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Vec<Instant>>>>,
}

/// A small random generator (xorshift), so that every run says the same.
pub(crate) struct Random(pub(crate) u64);

impl Voice {
    /// Makes the voice of leg `number`, which sends at `phase` after each tick.
    pub(crate) fn new(
        to: SocketAddr,
        codec: Codec,
        payload_type: u8,
        number: usize,
        phase: Duration,
        words: Words,
    ) -> Voice {
        Voice {
            to,
            payload_type,
            step: codec.timestamp_step(),
            ssrc: 0x1000 + number as u32,
            phase,
            words,
        }
    }
}

impl Mouth {
    /// Lets all voices speak.
    pub(crate) fn start(socket: UdpSocket, mut voices: Vec<Voice>) -> Mouth {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut order: Vec<usize> = (0..voices.len()).collect();
            order.sort_by_key(|n| voices[*n].phase);
            let mut onsets = vec![Vec::new(); voices.len()];
            let (start, mut tick) = (Instant::now(), 0u32);
            let mut packet = Vec::with_capacity(MAX_PAYLOAD + 12);
            while !stopped.load(Ordering::Relaxed) {
                for n in &order {
                    let voice = &mut voices[*n];
                    let is_onset = voice.packet(tick, &mut packet);
                    std::thread::sleep((start + TICK * tick + voice.phase).saturating_duration_since(Instant::now()));
                    let now = Instant::now();
                    // A refused packet is one the far end has hung up on.
                    let _ = socket.send_to(&packet, voice.to);
                    if is_onset {
                        onsets[*n].push(now);
                    }
                }
                tick += 1;
            }
            onsets
        });
        Mouth {
            stop,
            thread: Some(thread),
        }
    }

    /// Ends and returns for each voice when it sent the packets in which a burst begins.
    pub(crate) fn stop(mut self) -> Vec<Vec<Instant>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Voice {
    /// Writes the packet of a tick; returns whether a burst begins in it.
    fn packet(&mut self, tick: u32, packet: &mut Vec<u8>) -> bool {
        packet.clear();
        packet.extend([0x80, self.payload_type]);
        packet.extend((tick as u16).to_be_bytes());
        packet.extend(tick.wrapping_mul(self.step).to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        match &mut self.words {
            Words::Loop(payloads, from) => {
                packet.extend(&payloads[(*from + tick as usize) % payloads.len()]);
                false
            }
            Words::Bursts(bursts) => {
                let is_onset = bursts.advance();
                packet.extend(bursts.payload);
                is_onset
            }
        }
    }
}

impl Bursts {
    /// Plans `count` bursts, of which the first comes after `quiet`.
    pub(crate) fn new(seed: u64, count: u32, quiet: Duration) -> Bursts {
        let next = quiet.as_millis() as u64 * 8;
        let payload = [alaw::SILENCE[0]; SAMPLES];
        Bursts {
            random: Random(seed),
            codes: PERIOD.map(alaw::encode),
            at: 0,
            next,
            left: count,
            payload,
        }
    }

    fn advance(&mut self) -> bool {
        self.payload = [alaw::SILENCE[0]; SAMPLES];
        let mut is_onset = false;
        for code in &mut self.payload {
            if self.left > 0 && self.at >= self.next {
                is_onset |= self.at == self.next;
                let into = self.at - self.next;
                *code = self.codes[(into % 8) as usize];
                if into == BURST {
                    self.next += 3_200 + self.random.below(1_600);
                    self.left -= 1;
                    *code = alaw::SILENCE[0];
                }
            }
            self.at += 1;
        }
        is_onset
    }
}

impl Random {
    /// Returns a number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// Returns 10 s of digital silence.
pub(crate) fn silence(codec: Codec) -> Arc<Vec<Vec<u8>>> {
    Arc::new(encode(codec, (0..500).map(|_| Frame::SILENCE)))
}

/// Returns 10 s of what a codec takes for speech.
pub(crate) fn speech(codec: Codec, seed: u64) -> Arc<Vec<Vec<u8>>> {
    let frames = speech_samples(seed);
    let frames = frames.chunks_exact(960).map(|chunk| {
        let mut frame = Frame::SILENCE;
        frame.0.copy_from_slice(chunk);
        frame
    });
    Arc::new(encode(codec, frames))
}

/// Returns 10 s of voiced syllables and hiss, phrases and pauses (48 kHz).
pub(crate) fn speech_samples(seed: u64) -> Vec<i16> {
    let mut random = Random(seed * 7_919 + 1);
    let pitch = 90.0 + random.below(130) as f64;
    let (mut phase, mut low, mut high) = (0.0f64, [0.0f64; 2], [0.0f64; 2]);
    let mut samples = Vec::with_capacity(480_000);
    let mut talks_until = 0;
    let mut rests_until = 0;
    for n in 0..480_000u64 {
        if n >= rests_until {
            talks_until = n + 48_000 + random.below(72_000);
            rests_until = talks_until + 12_000 + random.below(36_000);
        }
        let time = n as f64 / 48_000.0;
        phase += pitch * (1.0 + 0.1 * (1.7 * time).sin()) / 48_000.0;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase = phase.fract();
        let hiss = (random.below(2_001) as f64 - 1_000.0) / 1_000.0;
        let syllable = (std::f64::consts::PI * 4.0 * time).sin().abs();
        // Two formants that wander with the syllables.
        let voice = resonate(&mut low, pulse, 450.0 + 250.0 * syllable)
            + 0.5 * resonate(&mut high, pulse + 0.02 * hiss, 1_900.0);
        let loud = if n < talks_until { 2_500.0 * syllable } else { 4.0 };
        samples.push((loud * (voice + 0.02 * hiss)).clamp(-20_000.0, 20_000.0) as i16);
    }
    samples
}

fn resonate(state: &mut [f64; 2], input: f64, hertz: f64) -> f64 {
    let radius = 0.99;
    let out =
        input + 2.0 * radius * (std::f64::consts::TAU * hertz / 48_000.0).cos() * state[0] - radius * radius * state[1];
    *state = [out, state[0]];
    out
}

fn encode(codec: Codec, frames: impl Iterator<Item = Frame>) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec, &EncoderOptions::default()).expect("the default options are valid");
    let mut out = [0; MAX_PAYLOAD];
    frames
        .map(|frame| {
            let length = encoder.encode(&frame, &mut out);
            out[..length].to_vec()
        })
        .collect()
}
