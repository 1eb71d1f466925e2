// SPDX-License-Identifier: EUPL-1.2
//! Somebody with a Jingle client in a browser: stanza.js in Chromium, with camera, over XMPP's WebSocket.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::peers::names::Domain;
use crate::peers::puppet::Puppet;
use crate::peers::python::cache;
use crate::process::Process;
use crate::sound::peaks_are_exactly;

/// Somebody in a browser who calls and takes calls.
pub struct StanzaPerson {
    puppet: Puppet,
    jid: String,
}

impl StanzaPerson {
    /// Comes online, humming `hz`; takes calls only when told.
    pub fn start(scratch: &Path, name: &str, domain: Domain, hz: u32, seconds: u32) -> StanzaPerson {
        StanzaPerson::start_with(scratch, name, domain, hz, seconds, "")
    }

    /// Comes online, humming `hz`; takes every call.
    pub fn answering(scratch: &Path, name: &str, domain: Domain, hz: u32, seconds: u32) -> StanzaPerson {
        StanzaPerson::start_with(scratch, name, domain, hz, seconds, "auto")
    }

    fn start_with(scratch: &Path, name: &str, domain: Domain, hz: u32, seconds: u32, auto: &str) -> StanzaPerson {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("page/stanza.mjs");
        let js = cache().join("js");
        assert!(
            js.join("stanza.bundle.js").exists(),
            "stanza.js is missing in {}; run interop-tests/tools/setup.sh test",
            js.display()
        );
        let text = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
        let jid = format!("{name}@{}", domain.name);
        let args = [
            &text(&script),
            &text(scratch),
            name,
            &jid,
            &format!("pw-{name}"),
            &format!("ws://{}:5280/xmpp-websocket", domain.address),
            &hz.to_string(),
            &seconds.to_string(),
            auto,
        ];
        let limit = Duration::from_secs(u64::from(seconds) + 40);
        let env = [("LANDBRIDGE_JS", &*text(&js))];
        let log = format!("chromium-{name}");
        let process = Process::start_in(scratch, scratch, &log, limit, "node", &args, &env);
        let mut person = StanzaPerson {
            puppet: Puppet::new(scratch, name, process),
            jid,
        };
        person
            .puppet
            .until("is online", Duration::from_secs(30), |line| line["event"] == "online");
        person
    }

    /// Returns its bare JID.
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// Gives access to what it told.
    pub fn puppet(&mut self) -> &mut Puppet {
        &mut self.puppet
    }

    /// Does one step, see `page/stanza.mjs`.
    pub fn step(&self, step: &str) {
        self.puppet.step(step);
    }

    /// Waits until its newest call is connected.
    pub fn until_connected(&mut self, mark: usize) {
        self.puppet
            .until_after(mark, "is connected", Duration::from_secs(15), |line| {
                line["event"] == "connection" && line["state"] == "connected"
            });
    }

    /// Waits until it hears exactly these tones of `all`: each within 8 Hz and 20 dB above the others.
    pub fn hears_exactly(&mut self, heard: &[f64], all: &[f64], limit: Duration) {
        let what = format!("hears exactly {heard:?} of {all:?}");
        let mark = self.puppet.mark();
        self.puppet.until_after(mark, &what, limit, |line| {
            line.get("hears")
                .is_some_and(|peaks| peaks_are_exactly(peaks, heard, all, -70.0))
        });
    }

    /// Waits for an event after a mark.
    pub fn until_event(&mut self, mark: usize, event: &str, limit: Duration) -> Value {
        self.puppet
            .until_after(mark, event, limit, |line| line["event"] == event)
    }
}
