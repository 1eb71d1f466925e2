// SPDX-License-Identifier: EUPL-1.2
//! CPU and memory per leg, in a room where everybody speaks.

use std::net::SocketAddr;
use std::time::Duration;

use landbridge_codecs::Codec;

use super::{direct, gateway, gateway_address, seconds};
use crate::cost::Cost;
use crate::janus::Janus;
use crate::mouth::{Mouth, Voice, Words, speech};
use crate::report::Row;
use crate::sip::{Caller, payload_type};
use crate::{Bench, SERVER};

const PEOPLE: usize = 20;
const WINDOW: u64 = 20;
/// Joining, prompts and jitter buffers come to rest.
const SETTLE: u64 = 4;
const NONE: &str = "no rival (the AudioBridge has no G.722)";

/// Cost of one leg.
struct PerLeg {
    /// Of one core [%].
    core: f64,
    /// Resident memory [kB].
    memory: f64,
}

pub(crate) fn run(bench: &mut Bench) {
    for (codec, name) in [(Codec::Pcma, "PCMA"), (Codec::G722, "G.722"), (Codec::Opus, "Opus")] {
        let ours = ours(bench, codec);
        let rival = (codec != Codec::G722).then(|| rival(bench, codec)).ok_or(NONE);
        let core = rival.as_ref().map(|rival| rival.core).map_err(|none| *none);
        bench.report.add(Row::new(
            format!("CPU per {name} leg, room of {PEOPLE} (rival: Janus)"),
            "% of a core",
            ours.core,
            core,
        ));
        let memory = rival.map(|rival| rival.memory);
        bench.report.add(Row::new(
            format!("memory per {name} leg, room of {PEOPLE} (rival: Janus)"),
            "kB",
            ours.memory,
            memory,
        ));
    }
}

fn ours(bench: &mut Bench, codec: Codec) -> PerLeg {
    let gateway = gateway("room");
    std::thread::sleep(seconds(1));
    let idle = Cost::of(gateway.pid());
    let mut caller = Caller::new(gateway_address(), &bench.ears, false);
    let media: Vec<SocketAddr> = (0..PEOPLE)
        .map(|_| {
            let call = caller
                .call(&direct(0), codec)
                .unwrap_or_else(|why| panic!("{why}:\n{}", gateway.log()));
            caller.media(call)
        })
        .collect();
    let cost = speak(bench, "Landbridge", codec, &media, gateway.pid(), &idle);
    caller.hang_up();
    cost
}

fn rival(bench: &mut Bench, codec: Codec) -> PerLeg {
    let janus = Janus::start(bench.folder, "janus-room", SERVER);
    std::thread::sleep(seconds(1));
    let idle = Cost::of(janus.pid());
    janus.create_room(1, if codec == Codec::Opus { 48_000 } else { 16_000 }, 6);
    let media: Vec<SocketAddr> = (0..PEOPLE).map(|_| janus.join(1, codec, 6)).collect();
    speak(bench, "Janus", codec, &media, janus.pid(), &idle)
}

/// Lets everybody speak, and measures.
fn speak(bench: &mut Bench, who: &str, codec: Codec, media: &[SocketAddr], pid: u32, idle: &Cost) -> PerLeg {
    let voices = media.iter().enumerate().map(|(n, to)| {
        let phase = Duration::from_micros(20_000 * n as u64 / PEOPLE as u64);
        Voice::new(
            *to,
            codec,
            payload_type(codec),
            n,
            phase,
            Words::Loop(speech(codec, n as u64 + 1), 37 * n),
        )
    });
    let mouth = Mouth::start(bench.ears.socket(), voices.collect());
    std::thread::sleep(seconds(SETTLE));
    let heard = |media: &[SocketAddr]| -> Vec<u64> {
        media
            .iter()
            .map(|to| bench.ears.heard(to.port()).map_or(0, |heard| heard.packets))
            .collect()
    };
    let (before, packets) = (Cost::of(pid), heard(media));
    std::thread::sleep(seconds(WINDOW));
    let (after, packets_after) = (Cost::of(pid), heard(media));
    mouth.stop();
    let mut counts: Vec<u64> = packets
        .iter()
        .zip(&packets_after)
        .map(|(before, after)| after - before)
        .collect();
    counts.sort_unstable();
    let (fewest, expected, name) = (counts[0], WINDOW * 50, codec.name());
    if fewest * 100 < expected * 98 {
        bench.report.note(format!(
            "{who}, {name}: a leg got only {fewest} of {expected} packets; half of the legs got {} or more",
            counts[counts.len() / 2]
        ));
    }
    if codec == Codec::Pcma {
        let sound = media
            .iter()
            .filter(|to| bench.ears.heard(to.port()).is_some_and(|heard| heard.sounding > 50));
        let count = sound.count();
        assert_eq!(count, media.len(), "{who}: only {count} legs heard anything");
    }
    for to in media {
        bench.ears.forget(to.port());
    }
    let people = media.len() as f64;
    PerLeg {
        core: after.core_share_since(&before) / people,
        memory: after.resident.saturating_sub(idle.resident) as f64 / people,
    }
}
