// SPDX-License-Identifier: EUPL-1.2
//! What the gateway adds between a phone and a LiveKit room, by the onset of bursts: packet in to packet out, both ways.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use landbridge_codecs::Codec;
use landbridge_interop_tests::peers::livekit_server::LivekitServer;

use super::{gateway_address, seconds};
use crate::Bench;
use crate::hall;
use crate::mouth::{Bursts, Mouth, Voice, Words, silence};
use crate::numbers::{milliseconds, percentile};
use crate::report::{Row, Target};
use crate::sip::{Caller, payload_type};
use crate::wiretap::Wiretap;

const PHONES: usize = 8;
const BROWSERS: usize = 5;
/// Bursts of each phone.
const BURSTS: u32 = 30;
/// Silence before the first burst.
const QUIET: u64 = 3;
/// What arrives later belongs to another burst.
const LATEST: Duration = Duration::from_millis(390);
/// How long browsers are listened to.
const BROWSERS_SPEAK: u64 = 18;

pub(crate) fn run(bench: &mut Bench) {
    let server = hall::server(bench.folder);
    let gateway = hall::gateway("sfu-delay", &server);
    let mut caller = Caller::new(gateway_address(), &bench.ears, false);
    let media: Vec<SocketAddr> = (0..PHONES)
        .map(|_| {
            let call = caller
                .call(&hall::direct(), Codec::Pcma)
                .unwrap_or_else(|why| panic!("{why}:\n{}", gateway.log()));
            caller.media(call)
        })
        .collect();
    hall::until_people(&server, PHONES, seconds(20), || gateway.log());
    let (mut up, sent) = up(bench, &media);
    let (mut down, said) = down(bench, &server, &media);
    bench.report.note(format!(
        "LiveKit room: {} of {sent} bursts were seen on their way to the server, {} of {said} at the phones",
        up.len(),
        down.len()
    ));
    for (what, delays) in [("phone to LiveKit", &mut up), ("LiveKit to phone", &mut down)] {
        let [p50, p95] = [50, 95].map(|percent| milliseconds(percentile(delays, percent)));
        let row = |percent, figure| {
            let what = format!("delay added by the gateway, {what} (PCMA), packet in to packet out, p{percent}");
            Row::new(what, "ms", figure, Err(NONE))
        };
        bench.report.add(row(50, p50).target(Target::AtMost(35.0)));
        bench.report.add(row(95, p95));
    }
    caller.hang_up();
}

const NONE: &str = "no rival (its SDK has no telephone's side)";

/// Lets the phones send bursts; returns the delay of each that was seen on its way to the server, and how many there were.
fn up(bench: &Bench, media: &[SocketAddr]) -> (Vec<Duration>, usize) {
    let tap = Wiretap::on(hall::MEDIA);
    let voices = media.iter().enumerate().map(|(n, to)| {
        let words = Words::Bursts(Bursts::new(n as u64 + 1, BURSTS, seconds(QUIET)));
        voice(n, *to, words)
    });
    let mouth = Mouth::start(bench.ears.socket(), voices.collect());
    std::thread::sleep(seconds(QUIET) + Duration::from_millis(600) * BURSTS);
    let sent = mouth.stop();
    let seen = tap.stop();
    let mut delays = Vec::new();
    for sent in &sent {
        // Nobody says which port of the gateway is whose: it is the one on which the bursts come out.
        let best = seen.values().map(|seen| follow(sent, seen)).max_by_key(Vec::len);
        delays.extend(best.unwrap_or_default());
    }
    (delays, sent.iter().map(Vec::len).sum())
}

/// Lets browsers send bursts, one after the other; returns the delay of each to each phone, and how many there were.
fn down(bench: &Bench, server: &LivekitServer, media: &[SocketAddr]) -> (Vec<Duration>, usize) {
    let sound = hall::write(bench.folder, "bursts.pcm", &bursts());
    let _browsers = hall::browsers(bench.folder, server, &sound, BROWSERS);
    let quiet = silence(Codec::Pcma);
    let voices = media
        .iter()
        .enumerate()
        .map(|(n, to)| voice(n, *to, Words::Loop(quiet.clone(), 0)));
    let mouth = Mouth::start(bench.ears.socket(), voices.collect());
    // Jitter buffers settle.
    std::thread::sleep(seconds(QUIET));
    let tap = Wiretap::on(hall::MEDIA);
    std::thread::sleep(seconds(BROWSERS_SPEAK));
    let seen: HashMap<u16, Vec<Instant>> = tap.stop();
    mouth.stop();
    let mut said: Vec<Instant> = seen.into_values().flatten().collect();
    said.sort();
    let delays = media.iter().flat_map(|to| {
        let heard = bench
            .ears
            .heard(to.port())
            .map(|heard| heard.onsets)
            .unwrap_or_default();
        follow(&said, &heard)
    });
    (delays.collect(), said.len() * media.len())
}

fn voice(n: usize, to: SocketAddr, words: Words) -> Voice {
    // Spread evenly over the 20 ms, since nobody knows when the gateway's tick is.
    let phase = Duration::from_micros(20_000 * n as u64 / PHONES as u64);
    Voice::new(to, Codec::Pcma, payload_type(Codec::Pcma), n, phase, words)
}

/// Returns how long after each of some moments the next of others came.
fn follow(moments: &[Instant], others: &[Instant]) -> Vec<Duration> {
    let next = |moment: &Instant| {
        others
            .iter()
            .find(|other| *other >= moment)
            .map(|other| *other - *moment)
    };
    moments
        .iter()
        .filter_map(next)
        .filter(|delay| *delay < LATEST)
        .collect()
}

/// Returns 10 s with a burst of 60 ms every 2.4 s, give or take, so that five browsers take turns.
fn bursts() -> Vec<i16> {
    let mut samples = vec![0; 480_000];
    let mut at = 5_000;
    while at + 2_880 < samples.len() {
        for (n, sample) in samples.iter_mut().skip(at).take(2_880).enumerate() {
            *sample = (12_000.0 * (std::f64::consts::TAU * 1_000.0 * n as f64 / 48_000.0).cos()) as i16;
        }
        at += 120_000 - 311;
    }
    samples
}
