// SPDX-License-Identifier: EUPL-1.2
//! Chromium with the gateway's page, driven by Playwright (`page/visitor.mjs`).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::peers::python::cache;
use crate::process::{Process, tail};

/// A person at the page.
pub struct Visitor {
    process: Process,
    steps: PathBuf,
    name: String,
}

impl Visitor {
    /// Opens the page, joins with name and PIN, hums `hz`, and stays for at most `seconds`.
    pub fn join(scratch: &Path, name: &str, pin: &str, hz: u32, seconds: u32) -> Visitor {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("page/visitor.mjs");
        let js = cache().join("js");
        assert!(
            js.join("node_modules").exists(),
            "{} is empty; run interop-tests/tools/setup.sh test",
            js.display()
        );
        let (hz, seconds_text) = (hz.to_string(), seconds.to_string());
        let scratch_text = scratch.to_str().expect("the scratch path is UTF-8");
        let args = [
            script.to_str().expect("the path is UTF-8"),
            scratch_text,
            name,
            pin,
            &hz,
            &seconds_text,
        ];
        let limit = Duration::from_secs(u64::from(seconds) + 40);
        let js = js.to_string_lossy().into_owned();
        let env = [("LANDBRIDGE_JS", js.as_str())];
        let process = Process::start_in(scratch, scratch, &format!("browser-{name}"), limit, "node", &args, &env);
        Visitor {
            process,
            steps: scratch.join(format!("{name}.do")),
            name: name.to_owned(),
        }
    }

    /// Does one step: `click <css>`, `key <key>` or `end`.
    pub fn step(&self, step: &str) {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.steps)
            .expect("scratch is writable");
        writeln!(file, "{step}").expect("scratch is writable");
    }

    /// Returns what it printed, one value a line.
    pub fn told(&self) -> Vec<Value> {
        self.process
            .output()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits until its newest state satisfies a condition, and returns that state.
    pub fn until(&mut self, what: &str, limit: Duration, condition: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let newest = self.told().into_iter().rev().find(|v| v.get("screen").is_some());
            if let Some(state) = newest.filter(|state| condition(state)) {
                return state;
            }
            let alive = self.process.is_alive();
            if !alive || start.elapsed() > limit {
                panic!(
                    "browser {}: not in {limit:?}: {what} (alive: {alive}):\n{}",
                    self.name,
                    tail(&self.process.output())
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until it hears exactly these tones of `all`: each within 8 Hz and 20 dB above the others.
    pub fn hears_exactly(&mut self, heard: &[f64], all: &[f64], limit: Duration) {
        let what = format!("hears exactly {heard:?} of {all:?}");
        self.until(&what, limit, |state| {
            let level = |hz: f64| {
                let peaks = state["hears"].as_array().map(Vec::as_slice).unwrap_or_default();
                let near = peaks
                    .iter()
                    .filter(|p| (p["hz"].as_f64().unwrap_or(0.0) - hz).abs() < 8.0);
                near.filter_map(|p| p["db"].as_f64()).fold(-120.0, f64::max)
            };
            let quietest = heard.iter().map(|hz| level(*hz)).fold(f64::INFINITY, f64::min);
            let others = all
                .iter()
                .filter(|hz| !heard.contains(hz))
                .map(|hz| level(*hz))
                .fold(-120.0, f64::max);
            quietest > -70.0 && quietest - others > 20.0
        });
    }

    /// Waits for its end and returns everything it told.
    pub fn end(mut self) -> Vec<Value> {
        self.step("end");
        self.process.wait(Duration::from_secs(20));
        self.told()
    }
}
