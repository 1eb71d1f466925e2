// SPDX-License-Identifier: EUPL-1.2
//! Child processes that end with their owner.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A program under `timeout`, with its output in a log file; ends when dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program that may run for at most `limit`; its output goes to `<folder>/<name>.log`.
    pub fn start(folder: &Path, name: &str, limit: Duration, program: &str, args: &[&str]) -> Process {
        Process::start_in(folder, folder, name, limit, program, args, &[])
    }

    /// Starts a program in a working folder, with extra environment.
    pub fn start_in(
        folder: &Path,
        working: &Path,
        name: &str,
        limit: Duration,
        program: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Process {
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).unwrap_or_else(|e| panic!("{}: {e}", log.display()));
        let child = Command::new("timeout")
            .args(["-k", "2", &limit.as_secs().to_string(), program])
            .args(args)
            .envs(env.iter().copied())
            .current_dir(working)
            .stdin(Stdio::null())
            .stderr(out.try_clone().expect("a file handle can be cloned"))
            .stdout(out)
            .spawn()
            .unwrap_or_else(|e| panic!("{program} is missing ({e}); run interop-tests/tools/setup.sh test"));
        Process {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// Returns what the program has printed so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until the output holds `text`; panics with the log when that takes longer than `limit`.
    pub fn until(&mut self, text: &str, limit: Duration) -> String {
        let start = Instant::now();
        loop {
            let output = self.output();
            if output.contains(text) {
                return output;
            }
            let ended = self.child.try_wait().ok().flatten().is_some();
            if ended || start.elapsed() > limit {
                panic!(
                    "{} did not say {text:?} in {limit:?} (ended: {ended}); its log:\n{}",
                    self.name,
                    tail(&output)
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the program.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                return status;
            }
            if start.elapsed() > limit {
                panic!(
                    "{} still runs after {limit:?}; its log:\n{}",
                    self.name,
                    tail(&self.output())
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Tells whether the program still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by name, for example `TERM`, `HUP` or `KILL`, to the program itself.
    pub fn signal(&self, signal: &str) {
        kill(signal, self.program_pid());
    }

    /// Returns the process id of the program below `timeout`.
    pub fn program_pid(&self) -> u32 {
        let parent = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        children
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok())
            .unwrap_or(parent)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_alive() {
            // `timeout` hands TERM on, and follows with KILL after its -k time.
            kill("TERM", self.child.id());
            let start = Instant::now();
            while self.is_alive() && start.elapsed() < Duration::from_secs(4) {
                std::thread::sleep(Duration::from_millis(20));
            }
            if self.is_alive() {
                self.signal("KILL");
                let _ = self.child.kill();
            }
        }
        let _ = self.child.wait();
    }
}

/// Sends a signal by name; a process that is gone already needs none.
pub fn kill(signal: &str, pid: u32) {
    let _ = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Returns the last lines of a text, enough to see what went wrong.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
