// SPDX-License-Identifier: EUPL-1.2
//! People in a LiveKit room: LiveKit's Python SDK, and Chromium with livekit-client as OpenTalk sets it up.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::peers::puppet::Puppet;
use crate::peers::python::{self, cache};
use crate::process::Process;

/// Somebody in a room who hums, listens and looks around.
pub struct Person {
    puppet: Puppet,
}

/// Where somebody shall go.
pub struct Door<'a> {
    /// Address of the server's signalling.
    pub url: &'a str,
    /// The token that opens the room.
    pub token: &'a str,
}

impl Person {
    /// Joins with LiveKit's Python SDK and hums `hz`; 0 only listens.
    pub fn sdk(scratch: &Path, name: &str, door: &Door, hz: u32, seconds: u32) -> Person {
        Person::sdk_with(&[], scratch, name, door, hz, seconds)
    }

    /// Joins with LiveKit's Python SDK, hums `hz` and listens to nobody.
    pub fn deaf_sdk(scratch: &Path, name: &str, door: &Door, hz: u32, seconds: u32) -> Person {
        Person::sdk_with(&[("DEAF", "1")], scratch, name, door, hz, seconds)
    }

    /// Joins with livekit-client 2.19, as OpenTalk's page has it, in Chromium and hums `hz`.
    pub fn browser(scratch: &Path, name: &str, door: &Door, hz: u32, seconds: u32) -> Person {
        Person::browser_with("livekit-client", scratch, name, door, hz, seconds)
    }

    /// Joins with livekit-client 2.18, the last that speaks to servers which do not number their answers (v1.8).
    pub fn older_browser(scratch: &Path, name: &str, door: &Door, hz: u32, seconds: u32) -> Person {
        Person::browser_with("livekit-client-2.18", scratch, name, door, hz, seconds)
    }

    /// Gives access to what it told.
    pub fn puppet(&mut self) -> &mut Puppet {
        &mut self.puppet
    }

    /// Waits until it is in the room and its microphone is published.
    pub fn until_in(&mut self) {
        self.puppet.until("is in the room", Duration::from_secs(40), |line| {
            line["event"] == "published"
        });
    }

    /// Mutes or unmutes itself.
    pub fn mute(&self, muted: bool) {
        self.puppet.step(if muted { "mute" } else { "unmute" });
    }

    /// Presses a key (SipDTMF).
    pub fn press(&self, key: char) {
        self.puppet.step(&format!("digit {key}"));
    }

    /// Goes from this room to another.
    pub fn go(&self, door: &Door) {
        self.puppet.step(&format!("join {} {}", door.url, door.token));
    }

    /// Leaves.
    pub fn leave(&mut self) {
        self.puppet.step("leave");
        self.puppet.wait(Duration::from_secs(20));
    }

    /// Waits until it sees the people of the room so.
    pub fn until_sees(&mut self, what: &str, limit: Duration, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let people = |line: &Value| line["people"].as_array().cloned().unwrap_or_default();
        let line = self
            .puppet
            .until_newest("people", what, limit, |line| condition(&people(line)));
        people(&line)
    }

    /// Waits until it sees somebody whose name or identity holds `part` so.
    pub fn until_person(
        &mut self,
        part: &str,
        what: &str,
        limit: Duration,
        condition: impl Fn(&Value) -> bool,
    ) -> Value {
        let is = |person: &&Value| {
            ["name", "identity"]
                .iter()
                .any(|key| person[key].as_str().is_some_and(|t| t.contains(part)))
        };
        let people = self.until_sees(&format!("{part}: {what}"), limit, |people| {
            people.iter().find(is).is_some_and(&condition)
        });
        people.iter().find(is).cloned().unwrap_or_default()
    }

    /// Waits until in all it hears there are exactly these tones of `all`: each within 8 Hz and 20 dB above the others.
    pub fn hears_exactly(&mut self, heard: &[f64], all: &[f64], limit: Duration) {
        let what = format!("hears exactly {heard:?} of {all:?}");
        self.puppet.until_newest("hears", &what, limit, |line| {
            let level = |hz: &f64| level(&line["hears"], *hz);
            let quietest = heard.iter().map(level).fold(f64::INFINITY, f64::min);
            let others = all.iter().filter(|hz| !heard.contains(hz)).map(level);
            let others = others.fold(-120.0, f64::max);
            quietest > -65.0 && quietest - others > 20.0 && others < -45.0
        });
    }

    /// Waits until somebody pressed a key.
    pub fn until_pressed(&mut self, key: char, limit: Duration) -> Value {
        let key = key.to_string();
        self.puppet.until(&format!("a key {key}"), limit, |line| {
            line["event"] == "digit" && line["digit"] == key.as_str()
        })
    }

    fn sdk_with(env: &[(&str, &str)], scratch: &Path, name: &str, door: &Door, hz: u32, seconds: u32) -> Person {
        let (hz, seconds_text) = (hz.to_string(), seconds.to_string());
        let scratch_text = scratch.to_str().expect("the scratch path is UTF-8");
        let args = [scratch_text, name, door.url, door.token, &hz, &seconds_text];
        let limit = Duration::from_secs(u64::from(seconds) + 20);
        let process = python::start_in(scratch, &format!("sdk-{name}"), "livekit_room.py", limit, &args, env);
        Person {
            puppet: Puppet::new(scratch, name, process),
        }
    }

    fn browser_with(package: &str, scratch: &Path, name: &str, door: &Door, hz: u32, seconds: u32) -> Person {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("page/livekit.mjs");
        let js = cache().join("js");
        assert!(
            js.join("node_modules").join(package).exists(),
            "{package} is missing in {}; run interop-tests/tools/setup.sh test",
            js.display()
        );
        let (hz, seconds_text) = (hz.to_string(), seconds.to_string());
        let text = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
        let (script, scratch_text, js) = (text(&script), text(scratch), text(&js));
        let args = [&script, &scratch_text, name, door.url, door.token, &hz, &seconds_text];
        let limit = Duration::from_secs(u64::from(seconds) + 40);
        let env = [("LANDBRIDGE_JS", js.as_str()), ("LIVEKIT_CLIENT", package)];
        let name_of_log = format!("chromium-{name}");
        let process = Process::start_in(scratch, scratch, &name_of_log, limit, "node", &args, &env);
        Person {
            puppet: Puppet::new(scratch, name, process),
        }
    }
}

/// Tells whether all that a person sends is muted; `false` for somebody who sends nothing.
pub fn is_muted(person: &Value) -> bool {
    let tracks = person["tracks"].as_array().map(Vec::as_slice).unwrap_or_default();
    !tracks.is_empty() && tracks.iter().all(|track| track["muted"] == true)
}

fn level(hears: &Value, hz: f64) -> f64 {
    let everybody = hears.as_object().into_iter().flat_map(|who| who.values());
    let peaks = everybody.filter_map(Value::as_array).flatten();
    let near = peaks.filter(|peak| (peak["hz"].as_f64().unwrap_or(0.0) - hz).abs() < 8.0);
    near.filter_map(|peak| peak["db"].as_f64()).fold(-120.0, f64::max)
}
