// SPDX-License-Identifier: EUPL-1.2
//! A partner that keeps to no rule: a component of a genuine XMPP server, with the key that its partners know.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::joint_world::{Deployment, ROOM, State};
use crate::peers::puppet::Puppet;
use crate::peers::python;
use crate::peers::xmpp_server::{COMPONENT_PORT, SECRET};

/// How long one may last.
const LIMIT: Duration = Duration::from_secs(280);

/// The script in the gateway's place; it ends when dropped.
pub struct HostilePartner {
    puppet: Puppet,
    us: State,
    batches: u32,
}

/// A frame as it likes it, before it is sealed.
#[derive(Clone, Debug)]
pub struct Forgery {
    /// Attributes of `frame`.
    pub attributes: BTreeMap<&'static str, String>,
    /// What is in it.
    pub inside: String,
}

impl HostilePartner {
    /// Takes the place of a deployment's gateway, which has ended.
    pub fn start(place: &Deployment) -> HostilePartner {
        let folder = place.folder().to_str().expect("the scratch path is UTF-8").to_owned();
        let component = place.state.component();
        let server = format!("{}:{COMPONENT_PORT}", place.state.domain.address);
        let args = [&folder, &component, &server, SECRET, place.state.domain.name];
        let process = place.within(|| python::start_as(place.folder(), "hostile", "hostile_partner.py", LIMIT, &args));
        let mut puppet = Puppet::new(place.folder(), "hostile", process);
        puppet.until("is a component", Duration::from_secs(15), |line| {
            line["event"] == "online"
        });
        HostilePartner {
            puppet,
            us: place.state,
            batches: 0,
        }
    }

    /// Begins a frame that would be a good one.
    pub fn frame(&self, to: State, epoch: u64, number: u64, inside: &str) -> Forgery {
        let attributes = [
            ("version", "1.0".to_owned()),
            ("from", self.us.domain.name.to_owned()),
            ("to", to.domain.name.to_owned()),
            ("room", ROOM.to_owned()),
            ("epoch", epoch.to_string()),
            ("number", number.to_string()),
            ("heard", "0".to_owned()),
            ("time", number.to_string()),
        ];
        Forgery {
            attributes: attributes.into(),
            inside: inside.to_owned(),
        }
    }

    /// Waits until a partner has sent a frame, and returns its epoch.
    pub fn life_there(&mut self) -> u64 {
        let told = self.puppet.until("a frame came", Duration::from_secs(15), |line| {
            line.get("life").is_some()
        });
        told["life"].as_u64().unwrap_or_default()
    }

    /// Sends a frame sealed with our key, and returns the answer: `taken`, or the reason that it was refused for.
    pub fn send(&mut self, to: State, frame: &str) -> String {
        let counts = self.send_all(to, &[frame.to_owned()], "own", 0);
        counts.keys().next().cloned().unwrap_or_default()
    }

    /// Sends frames, sealed with the `own` key or another's (`stranger`), so many a second (0: at once); returns how many
    /// were answered with which word, of those answered within 3 s after the last.
    pub fn send_all(&mut self, to: State, frames: &[String], key: &str, rate: u32) -> BTreeMap<String, u64> {
        self.batches += 1;
        let name = format!("batch-{}", self.batches);
        let list = serde_json::json!({ "to": to.component(), "seal_to": to.domain.name, "room": ROOM, "key": key,
            "rate": rate, "frames": frames });
        self.puppet.write_beside(&name, &list.to_string());
        let mark = self.puppet.mark();
        self.puppet.step(&format!("send {name}"));
        let told = self
            .puppet
            .until_after(mark, "its answers", Duration::from_secs(60), |line| {
                line["batch"] == *name
            });
        let counts = told["answers"].as_object().into_iter().flatten();
        counts
            .map(|(word, count)| (word.clone(), count.as_u64().unwrap_or_default()))
            .collect()
    }
}

impl Forgery {
    /// Changes an attribute.
    pub fn with(mut self, name: &'static str, value: &str) -> Forgery {
        self.attributes.insert(name, value.to_owned());
        self
    }

    /// Writes it.
    pub fn text(&self) -> String {
        let mut text = "<frame xmlns='urn:landbridge:federation:1'".to_owned();
        for (name, value) in &self.attributes {
            let _ = write!(text, " {name}='{value}'");
        }
        let _ = write!(text, ">{}</frame>", self.inside);
        text
    }
}
