// SPDX-License-Identifier: EUPL-1.2
//! Somebody with a Jingle client: slixmpp and aiortc.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::peers::names::Domain;
use crate::peers::puppet::Puppet;
use crate::peers::xmpp_person::XmppPerson;
use crate::sound::{Recording, peaks_are_exactly};

/// Somebody who calls, takes calls, hums and listens.
pub struct JinglePerson {
    person: XmppPerson,
    folder: PathBuf,
    name: String,
}

impl JinglePerson {
    /// Comes online, humming `hz` in its calls; takes calls only when told.
    pub fn start(scratch: &Path, name: &str, domain: Domain, hz: f64, seconds: u32) -> JinglePerson {
        JinglePerson::start_with(scratch, name, domain, hz, seconds, &[])
    }

    /// Comes online, humming `hz` in its calls; takes every call.
    pub fn answering(scratch: &Path, name: &str, domain: Domain, hz: f64, seconds: u32) -> JinglePerson {
        JinglePerson::start_with(scratch, name, domain, hz, seconds, &["auto"])
    }

    fn start_with(scratch: &Path, name: &str, domain: Domain, hz: f64, seconds: u32, more: &[&str]) -> JinglePerson {
        let hz = hz.to_string();
        let more = [&[hz.as_str()], more].concat();
        let mut person = XmppPerson::run(scratch, "jingle_person.py", name, domain, seconds, &more);
        person.until_online();
        JinglePerson {
            person,
            folder: scratch.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Gives access to what it does without calls.
    pub fn person(&mut self) -> &mut XmppPerson {
        &mut self.person
    }

    /// Gives access to what it told.
    pub fn puppet(&mut self) -> &mut Puppet {
        self.person.puppet()
    }

    /// Returns its bare JID.
    pub fn jid(&self) -> &str {
        self.person.jid()
    }

    /// Does one step, see `peers/jingle_person.py`.
    pub fn step(&self, step: &str) {
        self.person.step(step);
    }

    /// Calls and waits until sound comes; returns how long that took after `proceed`.
    pub fn call(&mut self, jid: &str, options: &str) -> Duration {
        let mark = self.puppet().mark();
        self.step(format!("call {jid} {options}").trim_end());
        self.until_sound(mark)
    }

    /// Waits until sound comes in a call that began after a mark; returns how long that took.
    pub fn until_sound(&mut self, mark: usize) -> Duration {
        let line = self
            .puppet()
            .until_after(mark, "hears the first sound", Duration::from_secs(15), |line| {
                line["event"] == "media"
            });
        Duration::from_millis(line["ms"].as_u64().unwrap_or_default())
    }

    /// Waits for an event after a mark.
    pub fn until_event(&mut self, mark: usize, event: &str, limit: Duration) -> Value {
        self.puppet()
            .until_after(mark, event, limit, |line| line["event"] == event)
    }

    /// Waits for a Jingle action after a mark.
    pub fn until_action(&mut self, mark: usize, action: &str, limit: Duration) -> Value {
        self.puppet().until_after(mark, action, limit, |line| {
            line["event"] == "jingle" && line["action"] == action
        })
    }

    /// Hangs up and waits until the other side has taken note.
    pub fn hang_up(&mut self) {
        let mark = self.puppet().mark();
        self.step("end");
        self.puppet()
            .until_after(mark, "has hung up", Duration::from_secs(10), |line| {
                line["event"] == "acknowledged" && line["action"] == "session-terminate"
            });
    }

    /// Waits until it hears exactly these tones of `all`: each within 8 Hz and 20 dB above the others.
    pub fn hears_exactly(&mut self, heard: &[f64], all: &[f64], limit: Duration) {
        let what = format!("hears exactly {heard:?} of {all:?}");
        // What it heard before is no answer.
        let mark = self.puppet().mark();
        self.puppet().until_after(mark, &what, limit, |line| {
            line.get("hears")
                .is_some_and(|peaks| peaks_are_exactly(peaks, heard, all, -50.0))
        });
    }

    /// Returns the longest time without a frame [ms] of those told after a mark, and how many frames came in all.
    pub fn pauses(&mut self, mark: usize) -> (u64, u64) {
        let told = self.puppet().told();
        let after = told.get(mark..).unwrap_or_default();
        let pauses = after.iter().filter_map(|line| line["pause_ms"].as_u64());
        let frames = after.iter().filter_map(|line| line["frames"].as_u64());
        (pauses.max().unwrap_or(u64::MAX), frames.max().unwrap_or(0))
    }

    /// Returns what it has heard in its call number `n` (1…).
    pub fn heard(&self, n: usize) -> Recording {
        Recording::read_growing(&self.folder.join(format!("{}-{n}.wav", self.name)))
    }
}
