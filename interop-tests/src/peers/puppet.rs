// SPDX-License-Identifier: EUPL-1.2
//! A program that is steered by lines in a file, and prints one JSON object a line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Process, tail};

/// A running puppet; it ends when dropped.
pub struct Puppet {
    process: Process,
    steps: PathBuf,
    name: String,
}

impl Puppet {
    /// Holds the strings of a program that reads `<folder>/<name>.do`.
    pub fn new(folder: &Path, name: &str, process: Process) -> Puppet {
        Puppet {
            process,
            steps: folder.join(format!("{name}.do")),
            name: name.to_owned(),
        }
    }

    /// Has it do one step.
    pub fn step(&self, step: &str) {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.steps)
            .expect("the scratch folder is writable");
        writeln!(file, "{step}").expect("the scratch folder is writable");
    }

    /// Puts a file where it looks for files.
    pub fn write_beside(&self, name: &str, text: &str) {
        let path = self.steps.with_file_name(name);
        std::fs::write(path, text).expect("the scratch folder is writable");
    }

    /// Returns everything it told, the oldest first.
    pub fn told(&self) -> Vec<Value> {
        let output = self.process.output();
        output
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Returns how many lines it told, to wait for later ones alone.
    pub fn mark(&self) -> usize {
        self.told().len()
    }

    /// Waits for a line that satisfies a condition, whenever it was told.
    pub fn until(&mut self, what: &str, limit: Duration, condition: impl Fn(&Value) -> bool) -> Value {
        self.until_after(0, what, limit, condition)
    }

    /// Waits for a line after a mark that satisfies a condition.
    pub fn until_after(
        &mut self,
        mark: usize,
        what: &str,
        limit: Duration,
        condition: impl Fn(&Value) -> bool,
    ) -> Value {
        self.search(mark, what, limit, &condition, |told| told)
    }

    /// Waits until its newest picture of things, the last line with this key, satisfies a condition.
    pub fn until_newest(
        &mut self,
        key: &str,
        what: &str,
        limit: Duration,
        condition: impl Fn(&Value) -> bool,
    ) -> Value {
        self.search(0, what, limit, &condition, |told| {
            let newest = told.into_iter().rev().find(|line| line.get(key).is_some());
            newest.into_iter().collect()
        })
    }

    /// Tells whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) {
        self.process.wait(limit);
    }

    fn search(
        &mut self,
        mark: usize,
        what: &str,
        limit: Duration,
        condition: &dyn Fn(&Value) -> bool,
        choose: impl Fn(Vec<Value>) -> Vec<Value>,
    ) -> Value {
        let start = Instant::now();
        loop {
            let alive = self.process.is_alive();
            let told = self.told();
            let after = told.get(mark..).unwrap_or_default().to_vec();
            if let Some(line) = choose(after).into_iter().find(|line| condition(line)) {
                return line;
            }
            if !alive || start.elapsed() > limit {
                let told = tail(&self.process.output());
                let lines: Vec<String> = told.lines().map(|line| line.chars().take(400).collect()).collect();
                panic!(
                    "{}: not in {limit:?}: {what} (alive: {alive}); it told:\n{}",
                    self.name,
                    lines[lines.len().saturating_sub(8)..].join("\n")
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
