// SPDX-License-Identifier: EUPL-1.2
//! `make bench`: the gateway beside a rival, in one run, with one client; writes `docs/bench.md`.
//!
//! Run it through `interop-tests/tools/bench.sh`, which builds, and gives it a network namespace of its own.
//! Arguments choose measurements: `idle setup rate room listeners delay`; none = all. The page is written only when all ran.

/// A-law, as far as bursts need it.
mod alaw;
/// CPU time, memory, and where all of it ran.
mod cost;
/// Hears all legs.
mod ears;
/// The rival for rooms.
mod janus;
/// The measurements, one file each.
mod measure;
/// Speaks for all legs.
mod mouth;
/// Percentiles.
mod numbers;
/// The table.
mod report;
/// The load client.
mod sip;
/// The rivals for call set-up.
mod softphone;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use landbridge_interop_tests::gateway::{binary, scratch};

use ears::Ears;
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

type Measurement = (&'static str, fn(&mut Bench));

const ALL: [Measurement; 6] = [
    ("idle", measure::idle::run),
    ("setup", measure::setup::run),
    ("rate", measure::rate::run),
    ("delay", measure::delay::run),
    ("room", measure::room::run),
    ("listeners", measure::listeners::run),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !ALL.iter().any(|(known, _)| known == name)) {
        eprintln!(
            "error: no measurement is called {unknown}; there are {}",
            ALL.map(|(name, _)| name).join(", ")
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
    for (name, run) in ALL
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
    {
        println!("== {name}");
        let start = Instant::now();
        run(&mut bench);
        println!("   ({:.0} s)", start.elapsed().as_secs_f64());
    }
    let report = bench.report;
    if wanted.is_empty() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/bench.md");
        if let Err(error) = report.write(&page, binary()) {
            eprintln!("error: {}: {error}", page.display());
            return ExitCode::FAILURE;
        }
        println!("written: docs/bench.md");
    }
    let _ = std::fs::remove_dir_all(&folder);
    match report.missed() {
        0 => println!("all targets met"),
        missed => println!("{missed} targets missed"),
    }
    ExitCode::SUCCESS
}
