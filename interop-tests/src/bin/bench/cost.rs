// SPDX-License-Identifier: EUPL-1.2
//! What a process costs, and where all of it ran.

use std::ops::RangeInclusive;
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
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        Cost {
            at: Instant::now(),
            cpu: cpu(&stat),
            resident,
        }
    }

    /// Reads what a process has used so far in threads that are not called one of these names, nor the process itself.
    pub(crate) fn of_threads_but(pid: u32, names: &[&str]) -> Cost {
        let mut cost = Cost::of(pid);
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
        let stats = tasks.filter_map(|task| {
            let task = task.ok()?;
            let is_first = task.file_name().to_str() == Some(&pid.to_string());
            let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
            let name = stat.split_once('(')?.1.rsplit_once(") ")?.0;
            (!is_first && !names.contains(&name)).then(|| cpu(&stat))
        });
        cost.cpu = stats.sum();
        cost
    }

    /// Returns the share of one core that was used since an earlier reading [%].
    pub(crate) fn core_share_since(&self, earlier: &Cost) -> f64 {
        100.0 * (self.cpu - earlier.cpu).as_secs_f64() / (self.at - earlier.at).as_secs_f64()
    }
}

/// Returns how many files and sockets a process has open.
pub(crate) fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Returns how many UDP sockets of this network namespace are bound to ports of a range.
pub(crate) fn udp_ports(range: RangeInclusive<u16>) -> usize {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let port = |line: &str| u16::from_str_radix(line.split_whitespace().nth(1)?.split_once(':')?.1, 16).ok();
    table
        .lines()
        .filter_map(port)
        .filter(|port| range.contains(port))
        .count()
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

/// Finds the time used in a `stat` line: the second field, the name, may hold spaces; user and system time are the 14th
/// and 15th.
fn cpu(stat: &str) -> Duration {
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<u64> = rest.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
    let ticks = fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0);
    Duration::from_secs_f64(ticks as f64 / ticks_per_second())
}

fn ticks_per_second() -> f64 {
    static TICKS: std::sync::OnceLock<f64> = std::sync::OnceLock::new();
    *TICKS.get_or_init(|| first_line("getconf", &["CLK_TCK"]).parse().unwrap_or(100.0))
}
