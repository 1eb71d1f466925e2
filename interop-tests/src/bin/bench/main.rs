// SPDX-License-Identifier: EUPL-1.2
//! `make bench`: the gateway beside a rival, in one run, with one client; writes `docs/bench.md`, `docs/bench-meetings.md`,
//! `docs/bench-xmpp.md` and `docs/bench-joint.md`.
//!
//! Run it through `interop-tests/tools/bench.sh`, which builds, and gives it a network namespace of its own.
//! Arguments choose measurements: `idle setup rate room listeners delay sfu sfu-delay joins leak jingle jingle-setup
//! joint-delay joint-join joint-listeners joint-cut joint-hostile`; none = all. A page is written only when all its
//! measurements ran.

/// A-law, as far as bursts need it.
mod alaw;
/// CPU time, memory, and where all of it ran.
mod cost;
/// Many WebRTC callers on one socket.
mod crowd;
/// Hears all legs.
mod ears;
/// A LiveKit room and the people in it.
mod hall;
/// The rival for rooms.
mod janus;
/// Calls to a meeting by XMPP.
mod jingle;
/// The measurements, one file each.
mod measure;
/// Speaks for all legs.
mod mouth;
/// Percentiles.
mod numbers;
/// The pages that are written.
mod pages;
/// The table.
mod report;
/// The load client.
mod sip;
/// The rivals for call set-up.
mod softphone;
/// Listens in on what goes to a media server.
mod wiretap;
/// An XMPP client for load.
mod xmpp;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use landbridge_interop_tests::gateway::{binary, scratch};

use ears::Ears;
use pages::{Measurement, PAGES};
use report::Report;

/// Core of the program under test.
const SERVER: usize = 0;
/// Core of the client.
const CLIENT: usize = 1;

/// What every measurement needs.
pub(crate) struct Bench<'a> {
    folder: &'a Path,
    ears: Arc<Ears>,
    report: Report,
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let known: Vec<&str> = PAGES
        .iter()
        .flat_map(|page| page.measurements)
        .map(|(name, _)| *name)
        .collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        eprintln!(
            "error: no measurement is called {unknown}; there are {}",
            known.join(", ")
        );
        return ExitCode::FAILURE;
    }
    cost::stay_on(CLIENT);
    let folder = scratch("bench");
    let mut bench = Bench {
        folder: &folder,
        ears: Arc::new(Ears::open()),
        report: Report::new(),
    };
    let mut missed = 0;
    for page in &PAGES {
        let is_wanted = |(name, _): &&Measurement| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
        bench.report = Report::new();
        for (name, run) in page.measurements.iter().filter(is_wanted) {
            println!("== {name}");
            let start = Instant::now();
            run(&mut bench);
            println!("   ({:.0} s)", start.elapsed().as_secs_f64());
        }
        missed += bench.report.missed();
        if page.measurements.iter().all(|measurement| is_wanted(&measurement)) {
            let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
            if let Err(error) = bench.report.write(page, &docs, binary()) {
                eprintln!("error: docs/{}: {error}", page.file);
                return ExitCode::FAILURE;
            }
            println!("written: docs/{}", page.file);
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    match missed {
        0 => println!("all targets met"),
        missed => println!("{missed} targets missed"),
    }
    ExitCode::SUCCESS
}
