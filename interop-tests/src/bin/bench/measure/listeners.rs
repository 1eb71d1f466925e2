// SPDX-License-Identifier: EUPL-1.2
//! What one more listener costs, in a room with one speaker.

use std::net::SocketAddr;
use std::time::Duration;

use landbridge_codecs::Codec;

use super::{direct, gateway, gateway_address, seconds};
use crate::cost::Cost;
use crate::janus::Janus;
use crate::mouth::{Mouth, Voice, Words, silence, speech};
use crate::report::Row;
use crate::sip::{Caller, payload_type};
use crate::{Bench, SERVER};

const FEW: usize = 20;
const MANY: usize = 200;
const WINDOW: u64 = 10;
const SETTLE: u64 = 4;

pub(crate) fn run(bench: &mut Bench) {
    let ours = [FEW, MANY].map(|listeners| ours(bench, listeners));
    let rival = [FEW, MANY].map(|listeners| rival(bench, listeners));
    let extra = |share: [f64; 2]| (share[1] - share[0]) / (MANY - FEW) as f64;
    let row = Row::new(
        format!("CPU per extra silent PCMA listener, 1 speaker, {FEW} to {MANY} listeners (rival: Janus)"),
        "% of a core",
        extra(ours),
        Ok(extra(rival)),
    );
    bench.report.add(row);
    bench.report.note(format!(
        "1 speaker and {MANY} silent PCMA listeners took {:.1} % of a core with Landbridge, {:.1} % with Janus",
        ours[1], rival[1]
    ));
}

fn ours(bench: &mut Bench, listeners: usize) -> f64 {
    let gateway = gateway("listeners");
    let mut caller = Caller::new(gateway_address(), &bench.ears, false);
    let media: Vec<SocketAddr> = (0..=listeners)
        .map(|_| {
            let call = caller
                .call(&direct(0), Codec::Pcma)
                .unwrap_or_else(|why| panic!("{why}:\n{}", gateway.log()));
            caller.media(call)
        })
        .collect();
    let share = listen(bench, "Landbridge", &media, gateway.pid());
    caller.hang_up();
    share
}

fn rival(bench: &mut Bench, listeners: usize) -> f64 {
    let janus = Janus::start(bench.folder, "janus-listeners", SERVER);
    janus.create_room(1, 16_000, 6);
    let media: Vec<SocketAddr> = (0..=listeners).map(|_| janus.join(1, Codec::Pcma, 6)).collect();
    listen(bench, "Janus", &media, janus.pid())
}

/// Lets the first speak and all others be silent; returns the share of a core that the program takes [%].
fn listen(bench: &mut Bench, who: &str, media: &[SocketAddr], pid: u32) -> f64 {
    let (speech, silence) = (speech(Codec::Pcma, 1), silence(Codec::Pcma));
    let voices = media.iter().enumerate().map(|(n, to)| {
        let phase = Duration::from_micros(20_000 * n as u64 / media.len() as u64);
        let words = if n == 0 { &speech } else { &silence };
        Voice::new(
            *to,
            Codec::Pcma,
            payload_type(Codec::Pcma),
            n,
            phase,
            Words::Loop(words.clone(), 0),
        )
    });
    let mouth = Mouth::start(bench.ears.socket(), voices.collect());
    std::thread::sleep(seconds(SETTLE));
    let before = Cost::of(pid);
    std::thread::sleep(seconds(WINDOW));
    let share = Cost::of(pid).core_share_since(&before);
    mouth.stop();
    let deaf = media[1..]
        .iter()
        .filter(|to| bench.ears.heard(to.port()).is_none_or(|heard| heard.sounding < 50))
        .count();
    if deaf > 0 {
        bench
            .report
            .note(format!("{who}: {deaf} of {} listeners heard nothing", media.len() - 1));
    }
    for to in media {
        bench.ears.forget(to.port());
    }
    share
}
