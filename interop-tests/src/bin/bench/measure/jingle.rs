// SPDX-License-Identifier: EUPL-1.2
//! XMPP clients in one room: what a call costs among few and many, and how long it takes until it is heard.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use landbridge_codecs::Codec;
use landbridge_interop_tests::gateway::{Gateway, MEETING, Setup, scratch};
use landbridge_interop_tests::peers::names::{A, Names};
use landbridge_interop_tests::peers::xmpp_server::{Software, XmppServer};
use landbridge_interop_tests::process::tail;

use super::{direct, gateway_address, seconds};
use crate::cost::Cost;
use crate::crowd::Crowd;
use crate::janus::Janus;
use crate::jingle::JingleCaller;
use crate::mouth::{Mouth, Voice, Words, silence, speech};
use crate::numbers::{milliseconds, percentile};
use crate::report::{Row, Target};
use crate::sip::{Caller, payload_type};
use crate::{Bench, SERVER};

/// People in the room.
const CALLS: [usize; 3] = [10, 100, 300];
/// Of these speak.
const VOICES: usize = 3;
const WINDOW: u64 = 10;
/// Joining and jitter buffers come to rest.
const SETTLE: u64 = 5;
/// Accounts that the callers share.
const ACCOUNTS: [&str; 6] = ["alice", "bob", "carol", "dora", "mallory", "moderator"];
/// Janus encodes for each listener; one core does not carry more.
const RIVALS: [usize; 2] = [10, 100];
const IN_A_ROW: usize = 100;

/// What a room took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    calls: usize,
    /// Of one core [%].
    core: f64,
    /// Resident memory beyond the empty program [kB].
    memory: f64,
}

impl Taken {
    fn core_each(&self) -> f64 {
        self.core / self.calls as f64
    }

    fn memory_each(&self) -> f64 {
        self.memory / self.calls as f64
    }
}

/// CPU and memory per call.
pub(crate) fn cost(bench: &mut Bench) {
    let _names = Names::start(bench.folder);
    let server = XmppServer::start(bench.folder, Software::Prosody, A);
    let jingle = CALLS.map(|calls| by_jingle(bench, &server, calls));
    let sip = CALLS.map(|calls| by_sip(bench, calls));
    let janus = RIVALS.map(|calls| by_janus(bench, calls));
    for (n, taken) in jingle.iter().enumerate() {
        let rival = janus.get(n).map(Taken::core_each).ok_or("more than it carries");
        let row = Row::new(
            format!(
                "CPU per Jingle call, {} in one room, {VOICES} speak (rival: Janus, plain RTP)",
                taken.calls
            ),
            "% of a core",
            taken.core_each(),
            rival,
        );
        bench.report.add(row);
        let rival = janus.get(n).map(Taken::memory_each).ok_or("more than it carries");
        let row = Row::new(
            format!("memory per Jingle call, {} in one room", taken.calls),
            "kB",
            taken.memory_each(),
            rival,
        );
        bench.report.add(row);
    }
    for taken in sip {
        let row = Row::new(
            format!(
                "the same by SIP (plain RTP, Opus), CPU per call, {} in one room",
                taken.calls
            ),
            "% of a core",
            taken.core_each(),
            Err("–"),
        );
        bench.report.add(row);
    }
    let growth = |of: fn(&Taken) -> f64| 100.0 * (of(&jingle[2]) / of(&jingle[0]) - 1.0);
    for (what, of) in [
        ("CPU", Taken::core_each as fn(&Taken) -> f64),
        ("memory", Taken::memory_each),
    ] {
        let row = Row::new(
            format!(
                "growth of {what} per Jingle call from {} to {} calls",
                CALLS[0], CALLS[2]
            ),
            "%",
            growth(of),
            Err("–"),
        );
        bench.report.add(row.target(Target::AtMost(10.0)));
    }
    let marginal = |a: &Taken, b: &Taken| (b.core - a.core) / (b.calls - a.calls) as f64;
    bench.report.note(format!(
        "an extra silent Jingle call takes {:.3} % of a core between {} and {} calls, {:.3} % between {} and {}; by SIP {:.3} % \
         and {:.3} %",
        marginal(&jingle[0], &jingle[1]),
        CALLS[0],
        CALLS[1],
        marginal(&jingle[1], &jingle[2]),
        CALLS[1],
        CALLS[2],
        marginal(&sip[0], &sip[1]),
        marginal(&sip[1], &sip[2]),
    ));
}

/// Calls one after the other.
pub(crate) fn setup(bench: &mut Bench) {
    let _names = Names::start(bench.folder);
    let server = XmppServer::start(bench.folder, Software::Prosody, A);
    let gateway = gateway("jingle-setup", &server);
    let crowd = Arc::new(Crowd::open());
    let mut caller = JingleCaller::new(A, ACCOUNTS[0], &crowd);
    let (mut to_accept, mut to_sound, mut failed) = (Vec::new(), Vec::new(), 0);
    // The first caller pays for the decoding of a prompt.
    for n in 0..IN_A_ROW + 3 {
        let (id, number) = caller.call(&server.at_component(MEETING), None);
        caller.serve(Instant::now() + seconds(5), |_| {
            crowd.heard(number).first_sound.is_some()
        });
        let progress = caller.progress(&id);
        let since = |at: Option<Instant>| Some(at?.saturating_duration_since(progress.proceeded?));
        match (since(progress.accepted), since(crowd.heard(number).first_sound)) {
            (Some(accepted), Some(sound)) if n >= 3 => {
                to_accept.push(accepted);
                to_sound.push(sound);
            }
            (Some(_), Some(_)) => {}
            _ => failed += 1,
        }
        caller.end(&id);
        caller.serve(Instant::now() + Duration::from_millis(50), |_| false);
    }
    if failed > 0 {
        println!("{}", tail(&gateway.log()));
    }
    let row = Row::new(
        format!("Jingle calls that were heard, of {IN_A_ROW} in a row through Prosody"),
        "calls",
        to_sound.len() as f64,
        Err("no rival speaks Jingle"),
    );
    bench.report.add(row.target(Target::AtLeast(IN_A_ROW as f64)));
    for (percent, target) in [(50, None), (95, Some(Target::AtMost(1_200.0)))] {
        let row = Row::new(
            format!("Jingle call set-up, proceed to first packet with sound, p{percent}"),
            "ms",
            milliseconds(percentile(&mut to_sound, percent)),
            Err("no rival speaks Jingle"),
        );
        bench.report.add(match target {
            Some(target) => row.target(target),
            None => row,
        });
    }
    let [p50, p95] = [50, 95].map(|percent| milliseconds(percentile(&mut to_accept, percent)));
    bench.report.note(format!(
        "Jingle call set-up: session-accept came {p50:.1} ms (p50), {p95:.1} ms (p95) after proceed"
    ));
}

fn gateway(name: &str, server: &XmppServer) -> Gateway {
    Setup::new(&scratch(&format!("bench-{name}")))
        .extra(&format!("max_people = 400\n{}", server.section()))
        .ports("40000-59999")
        .on_core(SERVER)
        .start()
}

fn by_jingle(bench: &mut Bench, server: &XmppServer, calls: usize) -> Taken {
    let gateway = gateway("jingle", server);
    std::thread::sleep(seconds(2));
    let idle = Cost::of(gateway.pid());
    let crowd = Arc::new(Crowd::open());
    let mut callers: Vec<JingleCaller> = ACCOUNTS.iter().map(|name| JingleCaller::new(A, name, &crowd)).collect();
    let to = server.at_component(&direct(0));
    for n in 0..calls {
        let words = (n < VOICES).then(|| speech(Codec::Opus, n as u64 + 1));
        let caller = &mut callers[n % ACCOUNTS.len()];
        let (id, _) = caller.call(&to, words);
        caller.serve(Instant::now() + seconds(3), |caller| {
            let progress = caller.progress(&id);
            progress.accepted.is_some() || progress.ended
        });
    }
    serve_all(&mut callers, Instant::now() + seconds(SETTLE));
    let heard = |crowd: &Crowd| -> Vec<(u64, u64)> {
        let of = |n| crowd.heard(n);
        (0..calls).map(|n| (of(n).packets, of(n).sounding)).collect()
    };
    let (before, packets) = (Cost::of(gateway.pid()), heard(&crowd));
    serve_all(&mut callers, Instant::now() + seconds(WINDOW));
    let (after, packets_after) = (Cost::of(gateway.pid()), heard(&crowd));
    let accepted: usize = callers.iter().map(JingleCaller::accepted).sum();
    let fewest = packets
        .iter()
        .zip(&packets_after)
        .map(|(a, b)| b.0 - a.0)
        .min()
        .unwrap_or(0);
    let deaf = packets
        .iter()
        .zip(&packets_after)
        .filter(|(a, b)| b.1 - a.1 < 50)
        .count();
    bench.report.note(format!(
        "{calls} Jingle calls: {accepted} up, {deaf} heard nothing; a call got {fewest} of {} packets at least; \
         {:.1} % of a core, {:.1} MB beyond the empty program",
        WINDOW * 50,
        after.core_share_since(&before),
        after.resident.saturating_sub(idle.resident) as f64 / 1_024.0,
    ));
    if accepted < calls {
        println!("{}", tail(&gateway.log()));
    }
    Taken {
        calls,
        core: after.core_share_since(&before),
        memory: after.resident.saturating_sub(idle.resident) as f64,
    }
}

/// Lets every account read its stream until a time.
fn serve_all(callers: &mut [JingleCaller], until: Instant) {
    while Instant::now() < until {
        for caller in &mut *callers {
            caller.serve((Instant::now() + Duration::from_millis(10)).min(until), |_| false);
        }
    }
}

fn by_sip(bench: &mut Bench, calls: usize) -> Taken {
    let gateway = Setup::new(&scratch("bench-jingle-sip"))
        .extra("max_people = 400\n")
        .ports("40000-59999")
        .on_core(SERVER)
        .start();
    std::thread::sleep(seconds(1));
    let idle = Cost::of(gateway.pid());
    let mut caller = Caller::new(gateway_address(), &bench.ears, false);
    let media: Vec<SocketAddr> = (0..calls)
        .map(|_| {
            let call = caller
                .call(&direct(0), Codec::Opus)
                .unwrap_or_else(|why| panic!("{why}:\n{}", gateway.log()));
            caller.media(call)
        })
        .collect();
    let taken = speak(bench, "Landbridge by SIP", &media, gateway.pid(), &idle);
    caller.hang_up();
    taken
}

fn by_janus(bench: &mut Bench, calls: usize) -> Taken {
    let janus = Janus::start(bench.folder, "janus-jingle", SERVER);
    std::thread::sleep(seconds(1));
    let idle = Cost::of(janus.pid());
    janus.create_room(1, 48_000, 6);
    let media: Vec<SocketAddr> = (0..calls).map(|_| janus.join(1, Codec::Opus, 6)).collect();
    speak(bench, "Janus", &media, janus.pid(), &idle)
}

/// Lets the first few speak and the others be silent, and measures.
fn speak(bench: &mut Bench, who: &str, media: &[SocketAddr], pid: u32, idle: &Cost) -> Taken {
    let codec = Codec::Opus;
    let quiet = silence(codec);
    let voices = media.iter().enumerate().map(|(n, to)| {
        let phase = Duration::from_micros(20_000 * n as u64 / media.len() as u64);
        let words = if n < VOICES {
            speech(codec, n as u64 + 1)
        } else {
            quiet.clone()
        };
        Voice::new(*to, codec, payload_type(codec), n, phase, Words::Loop(words, 37 * n))
    });
    let mouth = Mouth::start(bench.ears.socket(), voices.collect());
    std::thread::sleep(seconds(SETTLE));
    let heard = || -> Vec<u64> {
        let of = |to: &SocketAddr| bench.ears.heard(to.port()).map_or(0, |heard| heard.packets);
        media.iter().map(of).collect()
    };
    let (before, packets) = (Cost::of(pid), heard());
    std::thread::sleep(seconds(WINDOW));
    let (after, packets_after) = (Cost::of(pid), heard());
    mouth.stop();
    let fewest = packets
        .iter()
        .zip(&packets_after)
        .map(|(a, b)| b - a)
        .min()
        .unwrap_or(0);
    bench.report.note(format!(
        "{who}, {} Opus legs: a leg got {fewest} of {} packets at least; {:.1} % of a core",
        media.len(),
        WINDOW * 50,
        after.core_share_since(&before)
    ));
    for to in media {
        bench.ears.forget(to.port());
    }
    Taken {
        calls: media.len(),
        core: after.core_share_since(&before),
        memory: after.resident.saturating_sub(idle.resident) as f64,
    }
}
