// SPDX-License-Identifier: EUPL-1.2
//! Dino, a desktop client for XMPP, at a display and a sound card that do not exist.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::peers::names::{self, Domain};
use crate::peers::puppet::Puppet;
use crate::process::Process;
use crate::sound::Recording;

/// Somebody with Dino.
pub struct Dino {
    puppet: Puppet,
    folder: PathBuf,
    name: String,
    jid: String,
}

impl Dino {
    /// Opens it with an account of the domain's server and a microphone that hums `hz`, and waits until it is online.
    pub fn start(scratch: &Path, name: &str, domain: Domain, hz: f64, seconds: u32) -> Dino {
        Dino::with_contacts(scratch, name, domain, hz, seconds, &[])
    }

    /// Opens it so, with conversations that it had before.
    pub fn with_contacts(scratch: &Path, name: &str, domain: Domain, hz: f64, seconds: u32, contacts: &[&str]) -> Dino {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/dino.py");
        let text = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
        let jid = format!("{name}@{}", domain.name);
        // Another client of the same person may have files of that name.
        let own = format!("dino-{name}");
        let words = [
            "/usr/bin/python3",
            "-u",
            &text(&script),
            &text(scratch),
            &own,
            &format!("{jid}/dino"),
            &format!("pw-{name}"),
            &seconds.to_string(),
            &hz.to_string(),
        ];
        let view = names::own_etc(scratch);
        let mut args: Vec<&str> = view.iter().map(String::as_str).collect();
        args.extend(words);
        args.extend(contacts);
        let limit = Duration::from_secs(u64::from(seconds) + 40);
        let process = Process::start(scratch, &own, limit, args[0], &args[1..]);
        let mut dino = Dino {
            puppet: Puppet::new(scratch, &own, process),
            folder: scratch.to_owned(),
            name: own,
            jid,
        };
        dino.puppet.until("has started", Duration::from_secs(40), |line| {
            line["event"] == "started"
        });
        dino.until_stanza("XMPP OUT", &["presence", "/caps"], Duration::from_secs(20));
        dino
    }

    /// Returns its bare JID.
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// Gives access to what it told.
    pub fn puppet(&mut self) -> &mut Puppet {
        &mut self.puppet
    }

    /// Does one step, see `peers/dino.py`, and waits until it is done.
    pub fn step(&mut self, step: &str) {
        let mark = self.puppet.mark();
        self.puppet.step(step);
        let limit = Duration::from_secs(10);
        let line = self.puppet.until_after(mark, step, limit, |line| {
            line["did"] == step || line["error"].as_str().is_some_and(|e| e.starts_with(step))
        });
        assert!(line["error"].is_null(), "{step}: {line}");
    }

    /// Waits until a text is on its screen.
    pub fn until_shows(&mut self, text: &str, limit: Duration) -> Vec<String> {
        let what = format!("shows {text:?}");
        self.until_screen(&what, limit, |labels| labels.iter().any(|label| label.contains(text)))
    }

    /// Waits until the texts on its screen satisfy a condition.
    pub fn until_screen(&mut self, what: &str, limit: Duration, condition: impl Fn(&[String]) -> bool) -> Vec<String> {
        let labels = |line: &Value| -> Vec<String> {
            let all = line["labels"].as_array().into_iter().flatten();
            all.filter_map(|label| label.as_str().map(str::to_owned)).collect()
        };
        let begin = Instant::now();
        loop {
            // Each look costs Dino some risk, see [`Dino::has_crashed`].
            let mark = self.puppet.mark();
            self.puppet.step("look");
            let line = self.puppet.until_after(mark, what, Duration::from_secs(10), |line| {
                line["labels"].is_array() || line["error"].is_string()
            });
            let found = labels(&line);
            if condition(&found) {
                return found;
            }
            assert!(
                begin.elapsed() < limit,
                "{}: not in {limit:?}: {what}; it shows:\n{line}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Takes the call that rings.
    pub fn accept(&mut self) {
        // It is in the database a moment after it is announced.
        let begin = Instant::now();
        loop {
            let mark = self.puppet.mark();
            self.puppet.step("accept");
            let line = self
                .puppet
                .until_after(mark, "accepts", Duration::from_secs(10), |line| {
                    line["did"] == "accept" || line["error"].is_string()
                });
            if line["error"].is_null() {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "no call rings: {line}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Shows a conversation and calls from there.
    pub fn call(&mut self, jid: &str) {
        self.step(&format!("open {jid}"));
        self.until_button("Start call", Duration::from_secs(10));
    }

    /// Tells whether its microphone runs, soon after a call was accepted. Under load Dino's pipeline at times never brings
    /// its encoder to life: it then sends no packet, which no other side can mend.
    pub fn speaks(&self, limit: Duration) -> bool {
        let begin = Instant::now();
        while !self.log().contains("opus_encoder_encode: live=true") {
            if begin.elapsed() > limit {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        true
    }

    /// Tells whether it ended by a signal. Dino 0.4 at times does as it draws the people of a call anew, more often the
    /// more its screen is read.
    pub fn has_crashed(&self) -> bool {
        let told = self.puppet.told();
        told.iter()
            .any(|line| line["event"] == "dino ended" && line["status"].as_i64().is_some_and(|status| status < 0))
    }

    /// Writes to somebody.
    pub fn write(&mut self, jid: &str, text: &str) {
        self.step(&format!("open {jid}"));
        // The field of the conversation has the keyboard a moment later.
        std::thread::sleep(Duration::from_millis(500));
        self.step(&format!("type {text}"));
        self.step("key Return");
    }

    /// Presses a button as soon as it is there.
    pub fn until_button(&mut self, label: &str, limit: Duration) {
        let begin = Instant::now();
        loop {
            let mark = self.puppet.mark();
            let step = format!("click {label}");
            self.puppet.step(&step);
            let line = self.puppet.until_after(mark, &step, Duration::from_secs(10), |line| {
                line["did"] == step.as_str() || line["error"].is_string()
            });
            if line["error"].is_null() {
                return;
            }
            if begin.elapsed() > limit {
                self.puppet.step("picture");
                panic!("{} has no button {label:?}:\n{line}", self.name);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until its stream brought or sent a stanza (`XMPP IN`, `XMPP OUT`) with all these words.
    pub fn until_stanza(&mut self, way: &str, words: &[&str], limit: Duration) -> String {
        let begin = Instant::now();
        loop {
            let log = self.log();
            let stanzas = log.split("\nXMPP ").filter(|part| part.starts_with(&way[5..]));
            let found = stanzas
                .filter(|part| words.iter().all(|word| part.contains(word)))
                .last();
            if let Some(found) = found {
                return found.to_owned();
            }
            assert!(
                begin.elapsed() < limit && self.puppet.is_alive(),
                "{}: no {way} with {words:?} in {limit:?}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until its log has a line with all these words.
    pub fn until_logs(&mut self, words: &[&str], limit: Duration) {
        let begin = Instant::now();
        while !self
            .log()
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)))
        {
            assert!(
                begin.elapsed() < limit && self.puppet.is_alive(),
                "{}: no line with {words:?} in {limit:?}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns its log with all its stanzas.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.join(format!("{}-dino.log", self.name))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns what its loudspeaker has played.
    pub fn heard(&self) -> Recording {
        Recording::read_growing(&self.folder.join(format!("{}.wav", self.name)))
    }
}

impl Drop for Dino {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The script looks for Dino's end once in a while.
            std::thread::sleep(Duration::from_millis(500));
            CRASHED.set(CRASHED.get() || self.has_crashed());
        }
    }
}

thread_local! {
    /// Whether a Dino of this test crashed.
    static CRASHED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a test with Dino, once more, up to three times, when it failed because Dino crashed.
pub fn again_when_dino_crashes(test: impl Fn()) {
    for attempt in 1.. {
        CRASHED.set(false);
        let Err(why) = catch_unwind(AssertUnwindSafe(&test)) else {
            return;
        };
        if !CRASHED.get() || attempt == 3 {
            resume_unwind(why);
        }
        println!("attempt {attempt}: Dino crashed");
    }
}
