// SPDX-License-Identifier: EUPL-1.2
//! Deployments that share a room: each with a network, an XMPP server, a gateway and people of its own, and a border
//! between them that routes, delays, cuts and counts.

/// What a deployment's gateway is told about its partners.
mod terms;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::gateway::{ADMIN, Gateway, MEETING, PIN, Setup, scratch};
use crate::namespace::{Namespace, run};
use crate::peers::baresip::{self, Baresip};
use crate::peers::border::{Border, Place};
use crate::peers::browser::Visitor;
use crate::peers::jingle_person::JinglePerson;
use crate::peers::names::{self, Domain, Names};
use crate::peers::xmpp_server::{Software, XmppServer};
use crate::process::tail;
pub use terms::{ROOM, Terms};

/// A state and what is fixed about its deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Name of its interfaces and folders.
    pub short: &'static str,
    /// The deployment's name, and its address at the border.
    pub domain: Domain,
    /// Its address of the other family.
    pub address6: &'static str,
    /// What people read and hear.
    pub authority: &'static str,
    number: u8,
}

/// Thuringia.
pub const TH: State = State {
    short: "th",
    domain: Domain {
        name: "th.example",
        address: "10.55.1.1",
    },
    address6: "fd55:1::1",
    authority: "Thüringen",
    number: 1,
};
/// Schleswig-Holstein.
pub const SH: State = State {
    short: "sh",
    domain: Domain {
        name: "sh.example",
        address: "10.55.2.1",
    },
    address6: "fd55:2::1",
    authority: "Schleswig-Holstein",
    number: 2,
};
/// Hesse.
pub const HE: State = State {
    short: "he",
    domain: Domain {
        name: "he.example",
        address: "10.55.3.1",
    },
    address6: "fd55:3::1",
    authority: "Hessen",
    number: 3,
};

/// What there is before the gateways start.
pub struct Plan {
    states: Vec<(State, Software)>,
    terms: Vec<Terms>,
    extra: Vec<(State, String)>,
    xmpp: String,
    no_meeting: bool,
    is_federated: bool,
    lives: Duration,
}

/// Deployments and the border between them; they end when dropped.
pub struct JointWorld {
    /// What passes between them.
    pub border: Border,
    /// The deployments, in the order of the plan.
    pub all: Vec<Deployment>,
    folder: PathBuf,
}

/// One state's installation.
pub struct Deployment {
    /// Whose it is.
    pub state: State,
    /// Its gateway; look at it from within [`Deployment::within`].
    pub gateway: Gateway,
    /// Its XMPP server.
    pub server: XmppServer,
    /// Its network.
    pub network: Namespace,
    config: Setup,
    folder: PathBuf,
    _names: Names,
}

impl Plan {
    /// Plans Thuringia and Schleswig-Holstein with Prosody, who tell each other everything and may do anything.
    pub fn new() -> Plan {
        Plan::of(&[(TH, Software::Prosody), (SH, Software::Prosody)])
    }

    /// Plans these deployments, each with its XMPP server; each is a partner of each other.
    pub fn of(states: &[(State, Software)]) -> Plan {
        let pairs = states
            .iter()
            .flat_map(|(state, _)| states.iter().map(move |(other, _)| (state, other)));
        let pairs = pairs.filter(|(state, other)| state != other);
        Plan {
            states: states.to_vec(),
            terms: pairs.map(|(state, partner)| Terms::open(*state, *partner)).collect(),
            extra: Vec::new(),
            xmpp: String::new(),
            no_meeting: false,
            is_federated: true,
            lives: Duration::from_secs(280),
        }
    }

    /// Changes what one tells another and lets it do.
    pub fn terms(mut self, terms: Terms) -> Plan {
        self.terms.retain(|old| !old.is_about_the_same(&terms));
        self.terms.push(terms);
        self
    }

    /// Adds sections to a deployment's gateway.
    pub fn extra(mut self, state: State, text: &str) -> Plan {
        self.extra.push((state, text.to_owned()));
        self
    }

    /// Adds lines to the gateways' sections `[xmpp]`.
    pub fn xmpp(mut self, lines: &str) -> Plan {
        self.xmpp.push_str(lines);
        self
    }

    /// Has no meeting in the gateways' files, because another service knows them.
    pub fn no_meeting(mut self) -> Plan {
        self.no_meeting = true;
        self
    }

    /// Leaves out what the gateways know of each other.
    pub fn strangers(mut self) -> Plan {
        self.is_federated = false;
        self
    }

    /// Lets it all live for longer or shorter than most tests need.
    pub fn lives(mut self, limit: Duration) -> Plan {
        self.lives = limit;
        self
    }

    /// Starts it all in a scratch folder.
    pub fn start(self, test: &str) -> JointWorld {
        let folder = scratch(test);
        let domains: Vec<Domain> = self.states.iter().map(|(state, _)| state.domain).collect();
        names::certificates(&folder, &domains);
        let networks: Vec<Namespace> = self.states.iter().map(|(state, _)| connect(&folder, state)).collect();
        let places: Vec<Place> = self.states.iter().map(|(state, _)| state.place()).collect();
        let border = Border::start(&folder, &places);
        let folders: Vec<PathBuf> = self.states.iter().map(|(state, _)| folder.join(state.short)).collect();
        for own in &folders {
            std::fs::create_dir_all(own).expect("the scratch folder is writable");
            run(&format!(
                "cp {0}/*.pem {0}/*.key {0}/*.crt {1}/",
                folder.display(),
                own.display()
            ));
        }
        let keys: Vec<String> = if self.is_federated {
            folders.iter().map(|own| terms::new_key(own)).collect()
        } else {
            Vec::new()
        };
        let mut all = Vec::new();
        for ((state, software), (network, own)) in self.states.iter().zip(networks.into_iter().zip(folders)) {
            let mut sections = String::new();
            for (_, text) in self.extra.iter().filter(|(whose, _)| whose == state) {
                sections.push_str(text);
            }
            if self.is_federated {
                sections.push_str(&terms::section(*state, &self.states, &self.terms, &keys));
            }
            let deployment = Deployment::start(*state, *software, network, own, &domains, &sections, &self);
            all.push(deployment);
        }
        JointWorld { border, all, folder }
    }
}

impl Default for Plan {
    fn default() -> Plan {
        Plan::new()
    }
}

impl JointWorld {
    /// Returns the scratch folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns Thuringia's deployment.
    pub fn th(&self) -> &Deployment {
        &self.all[0]
    }

    /// Returns Schleswig-Holstein's deployment.
    pub fn sh(&self) -> &Deployment {
        &self.all[1]
    }

    /// Waits until each deployment has this many people, far ones included, in the room; returns how long it took.
    pub fn until_people(&self, count: usize, limit: Duration) -> Duration {
        let begin = Instant::now();
        for deployment in &self.all {
            deployment.until_people(count, limit);
        }
        begin.elapsed()
    }

    /// Waits until a condition on the people holds at each deployment; returns how long it took.
    pub fn until_all(&self, what: &str, limit: Duration, condition: impl Fn(&[Value]) -> bool) -> Duration {
        let begin = Instant::now();
        for deployment in &self.all {
            deployment.until(what, limit, &condition);
        }
        begin.elapsed()
    }

    /// Waits until each deployment's links to all partners are up; returns how long it took.
    pub fn until_up(&self, limit: Duration) -> Duration {
        let begin = Instant::now();
        for deployment in &self.all {
            let partners = self.all.len() - 1;
            deployment.until_joint("all links up", limit, |joint| {
                joint.iter().filter(|link| link["state"] == "up").count() == partners
            });
        }
        begin.elapsed()
    }

    /// Asserts that no gateway has panicked.
    pub fn nobody_panicked(&self) {
        for deployment in &self.all {
            let log = deployment.gateway.log();
            assert!(!log.contains("panicked"), "{}: {log}", deployment.state.short);
        }
    }
}

impl Deployment {
    fn start(
        state: State,
        software: Software,
        network: Namespace,
        folder: PathBuf,
        domains: &[Domain],
        sections: &str,
        plan: &Plan,
    ) -> Deployment {
        let (names, server, config, gateway) = network.within(|| {
            let names = Names::of(&folder, domains);
            let server = XmppServer::start(&folder, software, state.domain);
            let media = [state.domain.address, state.address6];
            let mut config = Setup::new(&folder)
                .media_at_each(&media)
                .behind(&names::own_etc(&folder))
                .lives(plan.lives)
                .extra(&format!(
                    "{sections}\n{}",
                    server.section_with(&format!("insecure = true\n{}", plan.xmpp))
                ));
            if plan.no_meeting {
                config = config.no_meeting();
            }
            let gateway = config.clone().start();
            until_connected(&gateway);
            (names, server, config, gateway)
        });
        Deployment {
            state,
            gateway,
            server,
            network,
            config,
            folder,
            _names: names,
        }
    }

    /// Returns its scratch folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Does something with this thread in its network.
    pub fn within<T>(&self, act: impl FnOnce() -> T) -> T {
        self.network.within(act)
    }

    /// Brings a phone into the meeting, humming `hz`; `number` (1…) is free in this deployment.
    pub fn phone(&self, name: &str, number: u16, hz: f64, codec: &'static str) -> Baresip {
        self.within(|| {
            let mut phone = baresip::Setup::new(&self.folder, name, number, hz)
                .codecs(&[codec])
                .start();
            phone.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
            phone
        })
    }

    /// Brings somebody at the page into the meeting, humming `hz`.
    pub fn page(&self, name: &str, pin: &str, hz: f64, seconds: u32) -> Visitor {
        self.within(|| {
            let mut visitor = Visitor::join(&self.folder, name, pin, hz as u32, seconds);
            visitor.until("is in the room", Duration::from_secs(40), |state| {
                state["screen"] == "room"
            });
            visitor
        })
    }

    /// Brings somebody with a Jingle client into the meeting, humming `hz`.
    pub fn jingle(&self, name: &str, hz: f64, seconds: u32) -> JinglePerson {
        self.within(|| {
            let mut person = JinglePerson::start(&self.folder, name, self.server.domain(), hz, seconds);
            person.call(&format!("{}/{PIN}", self.server.at_component(MEETING)), "");
            person
        })
    }

    /// Returns the people of the meeting, far ones included, as the admin API tells them.
    pub fn people(&self) -> Vec<Value> {
        self.within(|| self.gateway.people())
    }

    /// Waits until the meeting's people satisfy a condition.
    pub fn until(&self, what: &str, limit: Duration, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let what = format!("{what} in {}", self.state.short);
        self.within(|| {
            let begin = Instant::now();
            while begin.elapsed() < limit {
                let people = self.gateway.people();
                if condition(&people) {
                    return people;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let (people, metrics) = (self.gateway.people(), self.federation_metrics());
            let people: Vec<String> = people.iter().map(brief).collect();
            panic!(
                "not in {limit:?}: {what}; people: {people:?}\n{metrics}\n{}",
                tail(&self.gateway.log())
            )
        })
    }

    /// Waits until `count` people, far ones included, are in the meeting.
    pub fn until_people(&self, count: usize, limit: Duration) -> Vec<Value> {
        self.until(&format!("{count} people"), limit, |people| people.len() == count)
    }

    /// Returns how the room stands with each partner.
    pub fn joint(&self) -> Vec<Value> {
        let told = self.ask(&format!("/api/rooms/{MEETING}/joint")).unwrap_or_default();
        told["partners"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until a condition on the links holds; returns how long it took.
    pub fn until_joint(&self, what: &str, limit: Duration, condition: impl Fn(&[Value]) -> bool) -> Duration {
        let begin = Instant::now();
        loop {
            let joint = self.joint();
            if condition(&joint) {
                return begin.elapsed();
            }
            let short = self.state.short;
            let log = || format!("{}\n{}", self.federation_metrics(), tail(&self.gateway.log()));
            assert!(
                begin.elapsed() < limit,
                "{short}: not in {limit:?}: {what}: {joint:#?}\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the id of the person whose name holds a text.
    pub fn id_of(&self, name: &str) -> String {
        let people = self.people();
        let found = people
            .iter()
            .find(|p| p["name"].as_str().is_some_and(|n| n.contains(name)));
        let person = found.unwrap_or_else(|| panic!("nobody is called {name}: {people:#?}"));
        person["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Has the operator do something to somebody: `mute` or `remove`.
    pub fn moderate(&self, what: &str, name: &str) -> (u16, String) {
        let path = format!("/api/rooms/{MEETING}/participants/{}/{what}", self.id_of(name));
        self.order(&path, &serde_json::json!({ "muted": true }))
    }

    /// Has the operator invite or part from a partner.
    pub fn joint_order(&self, what: &str, partner: State) -> (u16, String) {
        let path = format!("/api/rooms/{MEETING}/joint/{what}");
        self.order(&path, &serde_json::json!({ "partner": partner.domain.name }))
    }

    /// Returns the frames that its gateway sent to partners, opened.
    pub fn frames(&self) -> Vec<String> {
        let stanzas = self.server.sent_by_component();
        let sealed = stanzas.iter().filter_map(|stanza| stanza.split_once("<sealed "));
        let payloads = sealed.filter_map(|(_, rest)| rest.split_once('>')?.1.split_once("</sealed>"));
        let opened = payloads.filter_map(|(payload, _)| BASE64.decode(payload).ok());
        opened
            .map(|frame| String::from_utf8_lossy(&frame).into_owned())
            .collect()
    }

    /// Returns the lines of its metrics that are about partners.
    pub fn federation_metrics(&self) -> String {
        let text = self.within(|| {
            ureq::get(format!("{ADMIN}/metrics"))
                .call()
                .ok()?
                .body_mut()
                .read_to_string()
                .ok()
        });
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("landbridge_federation"))
            .collect();
        lines.join("\n")
    }

    /// Reads one metric, summed over its labels.
    pub fn metric(&self, name: &str) -> f64 {
        self.within(|| self.gateway.metric(name))
    }

    /// Asks the operator's API; `None` where it refuses.
    pub fn ask(&self, path: &str) -> Option<Value> {
        self.within(|| {
            ureq::get(format!("{ADMIN}{path}"))
                .call()
                .ok()?
                .body_mut()
                .read_json()
                .ok()
        })
    }

    /// Has the operator's API do something; returns the status and what it said.
    pub fn order(&self, path: &str, what: &Value) -> (u16, String) {
        self.within(|| {
            let agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .new_agent();
            let mut response = agent
                .post(format!("{ADMIN}{path}"))
                .send_json(what)
                .unwrap_or_else(|e| panic!("{path}: {e}"));
            let text = response.body_mut().read_to_string().unwrap_or_default();
            (response.status().as_u16(), text)
        })
    }

    /// Runs `landbridge` with arguments beside its files, and returns what it printed.
    pub fn landbridge(&self, args: &[&str]) -> String {
        let done = self.within(|| crate::gateway::landbridge(&self.folder, args));
        let [out, errors] = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert!(done.status.success(), "landbridge {args:?}: {out}{errors}");
        out
    }

    /// Ends the gateway at once, as a fault does, and starts another one.
    pub fn kill_the_gateway(&mut self) {
        self.gateway.signal("KILL");
        self.gateway.wait(Duration::from_secs(5));
        self.gateway = self.network.within(|| {
            let gateway = self.config.clone().start();
            until_connected(&gateway);
            gateway
        });
    }

    /// Ends the XMPP server at once and starts it again.
    pub fn restart_the_server(&mut self) {
        self.network.within(|| {
            self.server.kill();
            self.server.start_again();
        });
    }
}

impl State {
    /// Returns where it lies beside the border.
    fn place(&self) -> Place {
        Place {
            interface: format!("{}0", self.short),
            prefix: format!("10.55.{}.0/24", self.number),
            prefix6: format!("fd55:{}::/64", self.number),
            mac: format!("02:55:00:00:00:{:02x}", self.number),
        }
    }

    /// Returns the border's interface towards it.
    pub fn interface(&self) -> String {
        format!("{}0", self.short)
    }

    /// Returns the address of its gateway among XMPP servers.
    pub fn component(&self) -> String {
        format!("meet.{}", self.domain.name)
    }
}

/// Makes a deployment's network and joins it with the border.
fn connect(folder: &Path, state: &State) -> Namespace {
    let network = Namespace::new(folder, state.short);
    network.join_with_suite();
    let (n, near) = (state.number, state.interface());
    run(&format!(
        "ip addr add 10.55.{n}.254/24 dev {near}; ip -6 addr add fd55:{n}::fe/64 dev {near} nodad; ip link set {near} up"
    ));
    let plain = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/plain_packets.py");
    network.run(&format!(
        "ip link set border address {} up; ip addr add {}/24 dev border; ip -6 addr add {}/64 dev border nodad; \
         ip route add default via 10.55.{n}.254; ip -6 route add default via fd55:{n}::fe; python3 {} border",
        state.place().mac,
        state.domain.address,
        state.address6,
        plain.display()
    ));
    network
}

/// Writes what a roster tells of somebody in few words.
fn brief(person: &Value) -> String {
    let mut text = person["name"].as_str().unwrap_or_default().to_owned();
    for mark in ["muted", "away"] {
        if person[mark] == true {
            text.push_str(&format!(" {mark}"));
        }
    }
    if let Some(hand) = person["hand"].as_u64() {
        text.push_str(&format!(" hand {hand}"));
    }
    if let Some(origin) = person["origin"].as_str() {
        text.push_str(&format!(" ({origin})"));
    }
    text
}

fn until_connected(gateway: &Gateway) {
    let begin = Instant::now();
    while !gateway.degraded("xmpp").is_empty() {
        let why = gateway.degraded("xmpp");
        assert!(begin.elapsed() < Duration::from_secs(10), "no stream: {why}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
