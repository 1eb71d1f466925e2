// SPDX-License-Identifier: EUPL-1.2
//! Calls per second until 1 % fail.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{gateway, gateway_address, seconds};
use crate::numbers::{milliseconds, percentile};
use crate::report::{Row, Target};
use crate::sip::{Call, Caller};
use crate::{Bench, SERVER, softphone};

const RATES: [u32; 10] = [50, 100, 150, 200, 300, 400, 600, 800, 1_000, 1_500];
/// SIPp holds what is below.
const BOUND_RATES: [u32; 4] = [400, 800, 1_000, 1_500];
const STEP: u32 = 5;

pub(crate) fn run(bench: &mut Bench) {
    let ours = climb(bench, "Landbridge", &RATES, gateway_address(), true, |name, _| {
        gateway(name)
    });
    let address = softphone::address();
    let rival = climb(bench, "baresip", &RATES, address, true, |name, bench| {
        softphone::baresip(bench.folder, name, SERVER)
    });
    let bound = climb(bench, "SIPp", &BOUND_RATES, address, false, |name, bench| {
        softphone::sipp(bench.folder, name, SERVER)
    });
    let row = Row::new(
        "calls per second on one core, ≤ 1 % failed (rival: baresip)",
        "/s",
        f64::from(ours),
        Ok(f64::from(rival)),
    );
    bench.report.add(row.target(Target::AtLeast(150.0)));
    let row = Row::new(
        "the same beside SIPp, which sends no media (upper bound)",
        "/s",
        f64::from(ours),
        Ok(f64::from(bound)),
    );
    bench.report.add(row);
}

/// Raises the rate until more than 1 % fail; returns the last rate that held.
fn climb<P>(
    bench: &mut Bench,
    who: &str,
    rates: &[u32],
    target: SocketAddr,
    hears: bool,
    start: impl Fn(&str, &Bench) -> P,
) -> u32 {
    let mut held = 0;
    for &rate in rates {
        let _program = start(&format!("{who}-{rate}").to_lowercase(), bench);
        let begin = Instant::now();
        let calls = Caller::new(target, &bench.ears, hears).run("bench", rate * STEP, seconds(1) / rate, seconds(1));
        let failed: Vec<&Call> = calls.iter().filter(|call| call.failed.is_some()).collect();
        let mut answers: Vec<Duration> = calls.iter().filter_map(|call| call.to_answer).collect();
        let p95 = milliseconds(percentile(&mut answers, 95));
        println!(
            "   {who} {rate}/s: {} of {} failed, 200 OK p95 {p95:.0} ms, in {:.1} s{}",
            failed.len(),
            calls.len(),
            begin.elapsed().as_secs_f64(),
            failed
                .first()
                .and_then(|call| call.failed.as_ref())
                .map_or(String::new(), |why| format!(" ({why})"))
        );
        if failed.len() * 100 > calls.len() {
            break;
        }
        held = rate;
    }
    if rates.last() == Some(&held) {
        bench.report.note(format!(
            "calls per second: {who} held the highest rate that was tried ({held}/s)"
        ));
    }
    held
}
