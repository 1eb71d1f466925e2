// SPDX-License-Identifier: EUPL-1.2
//! Resident memory of a program that does nothing.

use super::{gateway, seconds};
use crate::cost::Cost;
use crate::janus::Janus;
use crate::report::{Row, Target};
use crate::{Bench, SERVER};

pub(crate) fn run(bench: &mut Bench) {
    let ours = {
        let gateway = gateway("idle");
        std::thread::sleep(seconds(5));
        Cost::of(gateway.pid())
    };
    let rival = {
        let janus = Janus::start(bench.folder, "janus-idle", SERVER);
        std::thread::sleep(seconds(5));
        Cost::of(janus.pid())
    };
    let megabytes = |cost: Cost| cost.resident as f64 / 1_024.0;
    let row = Row::new(
        "idle memory, resident (rival: Janus)",
        "MB",
        megabytes(ours),
        Ok(megabytes(rival)),
    );
    bench.report.add(row.target(Target::AtMost(40.0)));
}
