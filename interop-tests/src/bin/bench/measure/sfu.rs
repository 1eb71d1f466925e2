// SPDX-License-Identifier: EUPL-1.2
//! What one more phone costs in a LiveKit room in which five browsers speak.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use landbridge_codecs::Codec;
use landbridge_interop_tests::peers::livekit_server::LivekitServer;
use landbridge_interop_tests::process::tail;

use super::{gateway_address, seconds};
use crate::Bench;
use crate::cost::Cost;
use crate::hall;
use crate::mouth::{Mouth, Voice, Words, speech};
use crate::report::{Row, Target};
use crate::sip::{Caller, payload_type};

const OURS: [usize; 2] = [5, 20];
/// One core does not carry more of these, with Python.
const RIVALS: [usize; 2] = [2, 8];
const BROWSERS: usize = 5;
const WINDOW: u64 = 10;
/// Joining, prompts and jitter buffers come to rest.
const SETTLE: u64 = 5;
/// The threads that call Python back; with the first thread they are where Python runs.
const CALLS_BACK: [&str; 1] = ["tokio-rt-worker"];

/// What a program takes for a number of phones.
struct Taken {
    phones: usize,
    /// Of one core [%].
    core: f64,
    /// The same without the threads in which Python runs.
    native: f64,
    /// Resident memory [kB].
    memory: f64,
    /// Frames of remote tracks decoded [1/s].
    decoded: f64,
}

pub(crate) fn run(bench: &mut Bench) {
    let server = hall::server(bench.folder);
    let sound = hall::speech(bench.folder);
    let _browsers = hall::browsers(bench.folder, &server, &sound, BROWSERS);
    let theirs = RIVALS.map(|phones| rival(bench, &server, &sound, phones));
    for (codec, name) in [(Codec::Pcma, "PCMA"), (Codec::Opus, "Opus")] {
        let ours = OURS.map(|phones| ours(bench, &server, codec, phones));
        let core = extra(&ours, |taken| taken.core);
        let native = extra(&theirs, |taken| taken.native);
        let row = Row::new(
            format!(
                "LiveKit room, {BROWSERS} browsers speak: CPU per extra {name} phone (rival: LiveKit's own SDK, one \
                 client per phone, its native threads alone)"
            ),
            "% of a core",
            core,
            Ok(native),
        );
        bench.report.add(row.target(Target::AtMost(native / 3.0)));
        let memory = |taken: &Taken| taken.memory;
        let what = format!("the same, memory per extra {name} phone");
        let row = Row::new(what, "kB", extra(&ours, memory), Ok(extra(&theirs, memory)));
        bench.report.add(row);
        let [_, most] = &ours;
        let row = Row::new(
            format!(
                "the same, frames of remote tracks decoded for {} {name} phones",
                most.phones
            ),
            "/s",
            most.decoded,
            Err("50 a second for each phone and browser"),
        );
        bench
            .report
            .add(row.target(Target::AtMost(BROWSERS as f64 * 50.0 * 1.02)));
        bench.report.note(format!(
            "LiveKit room: {} {name} phones took {:.1} % of a core with Landbridge",
            most.phones, most.core
        ));
    }
    let [_, most] = &theirs;
    bench.report.note(format!(
        "LiveKit room: {} clients of LiveKit's SDK took {:.1} % of a core, {:.1} % of it in native threads; with Python an \
         extra client took {:.2} %; they decoded {:.0} frames a second",
        most.phones,
        most.core,
        most.native,
        extra(&theirs, |taken| taken.core),
        most.decoded,
    ));
}

/// Returns what one more phone takes.
fn extra([few, many]: &[Taken; 2], of: fn(&Taken) -> f64) -> f64 {
    (of(many) - of(few)) / (many.phones - few.phones) as f64
}

fn ours(bench: &mut Bench, server: &LivekitServer, codec: Codec, phones: usize) -> Taken {
    let gateway = hall::gateway("sfu", server);
    let mut caller = Caller::new(gateway_address(), &bench.ears, false);
    let media: Vec<SocketAddr> = (0..phones)
        .map(|_| {
            let call = caller
                .call(&hall::direct(), codec)
                .unwrap_or_else(|why| panic!("{why}:\n{}", gateway.log()));
            caller.media(call)
        })
        .collect();
    let voices = media.iter().enumerate().map(|(n, to)| {
        let phase = Duration::from_micros(20_000 * n as u64 / phones as u64);
        let words = Words::Loop(speech(codec, n as u64 + 1), 37 * n);
        Voice::new(*to, codec, payload_type(codec), n, phase, words)
    });
    let mouth = Mouth::start(bench.ears.socket(), voices.collect());
    hall::until_people(server, phones + BROWSERS, seconds(20), || gateway.log());
    let all_tracks = || gateway.metric("landbridge_sfu_tracks") >= BROWSERS as f64;
    let (start, limit) = (Instant::now(), seconds(15));
    while !all_tracks() && start.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(
        all_tracks(),
        "the gateway does not hear all browsers after {limit:?}:\n{}",
        tail(&gateway.log())
    );
    std::thread::sleep(seconds(SETTLE));
    let heard = || {
        media
            .iter()
            .map(|to| bench.ears.heard(to.port()).map_or(0, |heard| heard.packets))
    };
    let packets: Vec<u64> = heard().collect();
    let decoded = gateway.metric("landbridge_sfu_frames_decoded_total");
    let before = Cost::of(gateway.pid());
    std::thread::sleep(seconds(WINDOW));
    let after = Cost::of(gateway.pid());
    let decoded = gateway.metric("landbridge_sfu_frames_decoded_total") - decoded;
    println!(
        "   {phones} {} phones: {:.1} % of a core, {:.1} MB, {decoded} frames decoded",
        codec.name(),
        after.core_share_since(&before),
        after.resident as f64 / 1024.0
    );
    let fewest = heard()
        .zip(packets)
        .map(|(after, before)| after - before)
        .min()
        .unwrap_or(0);
    mouth.stop();
    if fewest * 100 < WINDOW * 50 * 98 {
        bench.report.note(format!(
            "Landbridge, {phones} {} phones in a LiveKit room: a phone got only {fewest} of {} packets",
            codec.name(),
            WINDOW * 50
        ));
    }
    for to in &media {
        bench.ears.forget(to.port());
    }
    caller.hang_up();
    let left = hall::until_left(server, BROWSERS, seconds(5));
    if left > 0 {
        bench.report.note(format!(
            "Landbridge, {phones} {} phones in a LiveKit room: {left} people were still listed 5 s after they hung up",
            codec.name()
        ));
    }
    Taken {
        phones,
        core: after.core_share_since(&before),
        native: after.core_share_since(&before),
        memory: after.resident as f64,
        decoded: decoded / WINDOW as f64,
    }
}

fn rival(bench: &mut Bench, server: &LivekitServer, sound: &Path, phones: usize) -> Taken {
    let mut bridges = hall::bridges(bench.folder, server, sound, BROWSERS, phones);
    hall::until_people(server, phones + BROWSERS, seconds(20), || bridges.output());
    std::thread::sleep(seconds(SETTLE));
    let pid = bridges.program_pid();
    let mixed = hall::newest(&bridges, "mixed");
    let before = (Cost::of(pid), Cost::of_threads_but(pid, &CALLS_BACK));
    std::thread::sleep(seconds(WINDOW));
    let after = (Cost::of(pid), Cost::of_threads_but(pid, &CALLS_BACK));
    let mixed = (hall::newest(&bridges, "mixed") - mixed) * BROWSERS as f64;
    let decoded = mixed / WINDOW as f64;
    let expected = (50 * phones * BROWSERS) as f64;
    if decoded < 0.93 * expected {
        bench.report.note(format!(
            "LiveKit's SDK, {phones} clients: only {decoded:.0} of {expected:.0} frames a second were mixed"
        ));
    }
    bridges.signal("TERM");
    bridges.wait(seconds(10));
    // Some of its clients do not say good-bye, and the server waits for them.
    hall::until_left(server, BROWSERS, seconds(45));
    Taken {
        phones,
        core: after.0.core_share_since(&before.0),
        native: after.1.core_share_since(&before.1),
        memory: after.0.resident as f64,
        decoded,
    }
}
