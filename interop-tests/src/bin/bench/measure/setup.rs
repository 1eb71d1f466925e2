// SPDX-License-Identifier: EUPL-1.2
//! INVITE to first sound.

use std::net::SocketAddr;
use std::time::Duration;

use super::{gateway, gateway_address};
use crate::numbers::{milliseconds, percentile};
use crate::report::{Row, Target};
use crate::sip::{Call, Caller};
use crate::{Bench, SERVER, softphone};

const CALLS: u32 = 200;
const INTERVAL: Duration = Duration::from_millis(67);
const HOLD: Duration = Duration::from_millis(200);

pub(crate) fn run(bench: &mut Bench) {
    let ours = {
        let _gateway = gateway("setup");
        place(bench, gateway_address())
    };
    let rival = {
        let _baresip = softphone::baresip(bench.folder, "baresip-setup", SERVER);
        place(bench, softphone::address())
    };
    let of = |calls: &[Call], part: fn(&Call) -> Option<Duration>, percent| {
        let mut all: Vec<Duration> = calls.iter().filter_map(part).collect();
        milliseconds(percentile(&mut all, percent))
    };
    for (percent, target) in [(50, None), (95, Some(Target::AtMost(100.0)))] {
        let sound = |call: &Call| call.to_sound;
        let row = Row::new(
            format!("call set-up, INVITE to first prompt packet with sound, p{percent} (rival: baresip)"),
            "ms",
            of(&ours, sound, percent),
            Ok(of(&rival, sound, percent)),
        );
        bench.report.add(match target {
            Some(target) => row.target(target),
            None => row,
        });
    }
    let (answer, packet) = (|call: &Call| call.to_answer, |call: &Call| call.to_packet);
    for (who, calls) in [("Landbridge", &ours), ("baresip", &rival)] {
        let failed: Vec<&String> = calls.iter().filter_map(|call| call.failed.as_ref()).collect();
        let (p50, p95) = (of(calls, answer, 50), of(calls, answer, 95));
        let (packet50, packet95) = (of(calls, packet, 50), of(calls, packet, 95));
        bench.report.note(format!(
            "call set-up: {who} sent 200 OK after {p50:.1} ms (p50), {p95:.1} ms (p95), its first RTP packet, sound or not, \
             after {packet50:.1} ms and {packet95:.1} ms; {} of {} calls failed{}",
            failed.len(),
            calls.len(),
            failed.first().map_or(String::new(), |why| format!(" ({why})"))
        ));
    }
}

fn place(bench: &Bench, target: SocketAddr) -> Vec<Call> {
    // The first call of a process pays for what is loaded late.
    Caller::new(target, &bench.ears, true).run("bench", 3, INTERVAL, HOLD);
    Caller::new(target, &bench.ears, true).run("bench", CALLS, INTERVAL, HOLD)
}
