// SPDX-License-Identifier: EUPL-1.2
//! Packet in to packet out, by the onset of bursts.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use landbridge_codecs::Codec;

use super::{MORE_ROOMS, direct, gateway, gateway_address, seconds};
use crate::janus::Janus;
use crate::mouth::{Bursts, Mouth, Random, Voice, Words, silence};
use crate::numbers::{milliseconds, percentile};
use crate::report::{Row, Target};
use crate::sip::{Caller, payload_type};
use crate::{Bench, SERVER};

/// Bursts of each room.
const BURSTS: u32 = 32;
/// Silence before the first burst: prompts and chimes end, jitter buffers settle.
const QUIET: u64 = 6;
/// What arrives later belongs to another burst.
const LATEST: Duration = Duration::from_millis(390);

/// A speaker's and a listener's leg.
type Pair = (SocketAddr, SocketAddr);

pub(crate) fn run(bench: &mut Bench) {
    let mut ours = ours(bench);
    let mut default = rival(bench, 6);
    let mut least = rival(bench, 1);
    for (percent, target) in [(50, 30.0), (95, 45.0)] {
        let what = format!("added delay, packet in to packet out, p{percent} (rival: Janus)");
        let figures = [&mut ours, &mut default].map(|delays| milliseconds(percentile(delays, percent)));
        bench
            .report
            .add(Row::new(what, "ms", figures[0], Ok(figures[1])).target(Target::AtMost(target)));
    }
    for percent in [50, 95] {
        let what = format!("the same, p{percent}, rival at its least prebuffering");
        let figures = [&mut ours, &mut least].map(|delays| milliseconds(percentile(delays, percent)));
        bench.report.add(Row::new(what, "ms", figures[0], Ok(figures[1])));
    }
}

fn ours(bench: &mut Bench) -> Vec<Duration> {
    let gateway = gateway("delay");
    let mut caller = Caller::new(gateway_address(), &bench.ears, false);
    let mut join = |room| {
        let call = caller
            .call(&direct(room), Codec::Pcma)
            .unwrap_or_else(|why| panic!("{why}:\n{}", gateway.log()));
        caller.media(call)
    };
    let pairs: Vec<Pair> = (0..=MORE_ROOMS).map(|room| (join(room), join(room))).collect();
    let delays = burst(bench, "Landbridge", &pairs);
    caller.hang_up();
    delays
}

fn rival(bench: &mut Bench, prebuffering: u32) -> Vec<Duration> {
    let janus = Janus::start(bench.folder, "janus-delay", SERVER);
    let pairs: Vec<Pair> = (1..=MORE_ROOMS + 1)
        .map(|room| {
            janus.create_room(room, 16_000, prebuffering);
            let join = || janus.join(room, Codec::Pcma, prebuffering);
            (join(), join())
        })
        .collect();
    burst(bench, &format!("Janus (prebuffering {prebuffering})"), &pairs)
}

/// Lets one leg of each pair send bursts and the other silence; returns the delay of each burst that was heard.
fn burst(bench: &mut Bench, who: &str, pairs: &[Pair]) -> Vec<Duration> {
    let mut random = Random(0x5eed);
    // Spread evenly over the 20 ms, since nobody knows when the far end's tick is.
    let share = 20_000 / pairs.len() as u64;
    let mut phase = |n: usize| Duration::from_micros(share * n as u64 + random.below(share));
    let (codec, silence) = (Codec::Pcma, silence(Codec::Pcma));
    let mut voices = Vec::new();
    for (n, (speaker, listener)) in pairs.iter().enumerate() {
        let words = Words::Bursts(Bursts::new(n as u64 + 1, BURSTS, seconds(QUIET)));
        voices.push(Voice::new(*speaker, codec, payload_type(codec), 2 * n, phase(n), words));
        let quiet = Words::Loop(silence.clone(), 0);
        voices.push(Voice::new(
            *listener,
            codec,
            payload_type(codec),
            2 * n + 1,
            phase(n),
            quiet,
        ));
    }
    let mouth = Mouth::start(bench.ears.socket(), voices);
    // Bursts begin 500 ms apart on average, 600 ms at most.
    std::thread::sleep(seconds(QUIET) + Duration::from_millis(600) * BURSTS);
    let sent = mouth.stop();
    let mut delays = Vec::new();
    for (n, (_, listener)) in pairs.iter().enumerate() {
        let heard: Vec<Instant> = bench
            .ears
            .heard(listener.port())
            .map(|heard| heard.onsets)
            .unwrap_or_default();
        let mut of_room: Vec<Duration> = sent[2 * n]
            .iter()
            .filter_map(|sent| {
                let heard = heard.iter().find(|heard| *heard >= sent)?;
                Some(*heard - *sent).filter(|delay| *delay < LATEST)
            })
            .collect();
        let [p5, p50, p95] = [5, 50, 95].map(|percent| milliseconds(percentile(&mut of_room, percent)));
        println!("   {who}, room {n}: {p5:.1} ms (p5), {p50:.1} ms (p50), {p95:.1} ms (p95)");
        delays.extend(of_room);
    }
    for (speaker, listener) in pairs {
        bench.ears.forget(speaker.port());
        bench.ears.forget(listener.port());
    }
    let count = sent.iter().map(Vec::len).sum::<usize>();
    bench.report.note(format!(
        "added delay: {who} passed on {} of {count} bursts; p5 {:.1} ms, p99 {:.1} ms",
        delays.len(),
        milliseconds(percentile(&mut delays, 5)),
        milliseconds(percentile(&mut delays, 99))
    ));
    delays
}
