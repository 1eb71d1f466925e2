// SPDX-License-Identifier: EUPL-1.2
//! Somebody with an account who writes, joins rooms and sends whatever stanza: slixmpp.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::peers::names::Domain;
use crate::peers::puppet::Puppet;
use crate::peers::python;

/// Somebody who is online at one server.
pub struct XmppPerson {
    puppet: Puppet,
    jid: String,
}

impl XmppPerson {
    /// Comes online with an account of the domain's server.
    pub fn start(scratch: &Path, name: &str, domain: Domain, seconds: u32) -> XmppPerson {
        let mut person = XmppPerson::run(scratch, "xmpp_person.py", name, domain, seconds, &[]);
        person.until_online();
        person
    }

    pub(crate) fn run(
        scratch: &Path,
        script: &str,
        name: &str,
        domain: Domain,
        seconds: u32,
        more: &[&str],
    ) -> XmppPerson {
        let jid = format!("{name}@{}", domain.name);
        let (full, password) = (format!("{jid}/test"), format!("pw-{name}"));
        let text = scratch.to_str().expect("the scratch path is UTF-8");
        let seconds_text = seconds.to_string();
        let mut args = vec![text, name, &full, &password, domain.address, &seconds_text];
        args.extend(more);
        let limit = Duration::from_secs(u64::from(seconds) + 20);
        let process = python::start_as(scratch, &format!("xmpp-{name}"), script, limit, &args);
        XmppPerson {
            puppet: Puppet::new(scratch, name, process),
            jid,
        }
    }

    /// Returns its bare JID.
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// Gives access to what it told.
    pub fn puppet(&mut self) -> &mut Puppet {
        &mut self.puppet
    }

    /// Does one step, see `peers/xmpp_person.py`.
    pub fn step(&self, step: &str) {
        self.puppet.step(step);
    }

    /// Waits until it is online.
    pub fn until_online(&mut self) {
        self.puppet
            .until("is online", Duration::from_secs(40), |line| line["event"] == "online");
    }

    /// Enters a room as `room/nick`, perhaps with a password, and waits until the room says so.
    pub fn join(&mut self, place: &str, password: &str) {
        let mark = self.puppet.mark();
        self.step(format!("join {place} {password}").trim_end());
        self.puppet
            .until_after(mark, "is in the room", Duration::from_secs(10), |line| {
                line["kind"] == "presence"
                    && line["type"].is_null()
                    && line["in"].as_str().is_some_and(|xml| xml.contains("code=\"110\""))
            });
    }

    /// Waits until a message with this text comes whose sender begins so, and returns it.
    pub fn until_reads(&mut self, mark: usize, from: &str, text: &str, limit: Duration) -> Value {
        let what = format!("reads {text:?} of {from}");
        self.puppet.until_after(mark, &what, limit, |line| {
            line["kind"] == "message"
                && line["body"].as_str().is_some_and(|body| body.contains(text))
                && line["from"].as_str().is_some_and(|sender| sender.starts_with(from))
        })
    }

    /// Waits until a stanza comes that holds all these words, and returns its XML.
    pub fn until_comes(&mut self, mark: usize, words: &[&str], limit: Duration) -> String {
        let what = format!("a stanza with {words:?}");
        let line = self.puppet.until_after(mark, &what, limit, |line| {
            line["in"]
                .as_str()
                .is_some_and(|xml| words.iter().all(|word| xml.contains(word)))
        });
        line["in"].as_str().unwrap_or_default().to_owned()
    }
}
