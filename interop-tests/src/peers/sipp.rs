// SPDX-License-Identifier: EUPL-1.2
//! SIPp: scripted calls in numbers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::Process;

/// What one SIPp run counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Calls that went through the whole scenario.
    pub successful: u64,
    /// Calls that did not.
    pub failed: u64,
}

/// One run of a scenario file against the gateway.
pub struct Run<'a> {
    /// Scratch folder.
    pub folder: &'a Path,
    /// Scenario file.
    pub scenario: PathBuf,
    /// User part to call.
    pub user: &'a str,
    /// Total calls.
    pub calls: u32,
    /// New calls per second.
    pub rate: u32,
    /// Most calls at a time.
    pub at_once: u32,
    /// How long each call talks, in a scenario with a pause.
    pub stay: Duration,
    /// Longest time the run may take.
    pub limit: Duration,
    /// Local SIP port; its media ports lie above 8192.
    pub port: u16,
}

impl Run<'_> {
    /// Runs to the end and returns the counts.
    pub fn run(&self) -> Counts {
        let name = format!("sipp-{}", self.port);
        let working = self.folder.join(&name);
        std::fs::create_dir_all(&working).expect("the scratch folder is writable");
        std::fs::write(working.join("tone.alaw"), alaw_tone(600.0, 4)).expect("the scratch folder is writable");
        let scenario = self.scenario.to_str().expect("the path is UTF-8").to_owned();
        let numbers = [self.calls, self.rate, self.at_once].map(|n| n.to_string());
        let port = self.port.to_string();
        let stay = self.stay.as_millis().to_string();
        let args = [
            "127.0.0.1:5060",
            "-s",
            self.user,
            "-sf",
            &scenario,
            "-i",
            "127.0.0.1",
            "-p",
            &port,
            "-mi",
            "127.0.0.1",
            "-m",
            &numbers[0],
            "-r",
            &numbers[1],
            "-l",
            &numbers[2],
            "-d",
            &stay,
            "-nostdin",
            "-trace_err",
            "-trace_stat",
            "-fd",
            "1",
            "-timeout_error",
            "-recv_timeout",
            "15000",
        ];
        let mut process = Process::start_in(self.folder, &working, &name, self.limit, "sipp", &args, &[]);
        process.wait(self.limit + Duration::from_secs(5));
        counts(&process.output())
    }
}

fn counts(screen: &str) -> Counts {
    let last = |label: &str| {
        let line = screen.lines().rev().find(|l| l.trim_start().starts_with(label));
        line.and_then(|l| l.rsplit('|').next()?.trim().parse().ok())
            .unwrap_or(0)
    };
    Counts {
        successful: last("Successful call"),
        failed: last("Failed call"),
    }
}

/// Returns `seconds` of a sine in A-law at 8 kHz, as SIPp plays it.
fn alaw_tone(hz: f64, seconds: u32) -> Vec<u8> {
    let sample = |n: u32| (9000.0 * (std::f64::consts::TAU * hz * f64::from(n) / 8000.0).sin()) as i32;
    (0..8000 * seconds).map(|n| alaw(sample(n))).collect()
}

/// Encodes one 16-bit sample (ITU-T G.711, A-law).
fn alaw(sample: i32) -> u8 {
    let (sign, magnitude) = if sample >= 0 {
        (0x80, sample >> 3)
    } else {
        (0, (-sample - 1).max(0) >> 3)
    };
    let exponent = if magnitude < 32 {
        0
    } else {
        (32 - magnitude.leading_zeros()) - 5
    };
    let mantissa = if exponent == 0 {
        magnitude >> 1
    } else {
        magnitude >> exponent
    } & 0xf;
    (sign | (exponent as i32) << 4 | mantissa) as u8 ^ 0x55
}
