// SPDX-License-Identifier: EUPL-1.2
//! What a process costs, and where all of it ran.

use std::process::Command;
use std::time::{Duration, Instant};

/// CPU time and memory of one process at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    at: Instant,
    /// User and system time since its start.
    cpu: Duration,
    /// Resident memory [kB].
    pub(crate) resident: u64,
}

impl Cost {
    /// Reads what a process has used so far.
    pub(crate) fn of(pid: u32) -> Cost {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident
            .and_then(|value| value.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        // The second field, the name, may hold spaces; user and system time are the 14th and 15th.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<u64> = stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .split(' ')
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        let ticks = fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0);
        Cost {
            at: Instant::now(),
            cpu: Duration::from_secs_f64(ticks as f64 / ticks_per_second()),
            resident,
        }
    }

    /// Returns the share of one core that was used since an earlier reading [%].
    pub(crate) fn core_share_since(&self, earlier: &Cost) -> f64 {
        100.0 * (self.cpu - earlier.cpu).as_secs_f64() / (self.at - earlier.at).as_secs_f64()
    }
}

/// Keeps the bench itself on one core; the threads it starts later inherit that.
pub(crate) fn stay_on(core: usize) {
    let own = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &own])
        .output();
    assert!(
        done.is_ok_and(|output| output.status.success()),
        "taskset is missing; run interop-tests/tools/setup.sh bench"
    );
}

/// Runs a command and returns the first line it prints.
pub(crate) fn first_line(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// Returns the processor's name, the number of cores and the load of the last minute.
pub(crate) fn machine() -> (String, usize, String) {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, m)| m);
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    (
        model.to_owned(),
        cores,
        load.split(' ').next().unwrap_or_default().to_owned(),
    )
}

fn ticks_per_second() -> f64 {
    static TICKS: std::sync::OnceLock<f64> = std::sync::OnceLock::new();
    *TICKS.get_or_init(|| first_line("getconf", &["CLK_TCK"]).parse().unwrap_or(100.0))
}
