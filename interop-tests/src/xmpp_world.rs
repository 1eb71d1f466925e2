// SPDX-License-Identifier: EUPL-1.2
//! A gateway that is the component of an XMPP server, its meeting, and a second server for people from elsewhere.

use std::path::Path;
use std::time::Duration;

use crate::gateway::{Gateway, MEETING, MODERATOR_PIN, PIN, Setup, scratch};
use crate::peers::baresip::{self, Baresip};
use crate::peers::browser::Visitor;
use crate::peers::dino::Dino;
use crate::peers::names::{A, B, Domain, Names};
use crate::peers::xmpp_person::XmppPerson;
use crate::peers::xmpp_server::{self, Conflict, Software, XmppServer};

/// What the desk phone hums.
pub const PHONE_HZ: f64 = 610.0;
/// What the person at the page hums.
pub const MIRA_HZ: f64 = 1270.0;

/// What there is before the gateway starts.
#[derive(Clone)]
pub struct Plan {
    software: Software,
    other: Option<Software>,
    conflict: Conflict,
    xmpp: String,
    extra: String,
    rules: String,
}

/// Servers and a gateway in one scratch folder; they end when dropped.
pub struct World {
    /// The gateway, component of the server `home`.
    pub gateway: Gateway,
    /// The server of a.example.
    pub home: XmppServer,
    /// The server of b.example, if there is one.
    pub away: Option<XmppServer>,
    config: Setup,
    _names: Names,
}

impl Plan {
    /// Plans one server for the gateway and its people.
    pub fn new(software: Software) -> Plan {
        Plan {
            software,
            other: None,
            conflict: Conflict::KickOld,
            xmpp: String::new(),
            extra: String::new(),
            rules: String::new(),
        }
    }

    /// Adds a server for the people; the gateway stays at the first.
    pub fn people_at(mut self, software: Software) -> Plan {
        self.other = Some(software);
        self
    }

    /// Has the server keep another one of two components with the same name.
    pub fn conflict(mut self, conflict: Conflict) -> Plan {
        self.conflict = conflict;
        self
    }

    /// Adds lines to the gateway's section `[xmpp]`.
    pub fn xmpp(mut self, lines: &str) -> Plan {
        self.xmpp.push_str(lines);
        self
    }

    /// Adds sections behind the meeting.
    pub fn extra(mut self, text: &str) -> Plan {
        self.extra.push_str(text);
        self
    }

    /// Gives the gateway a dial plan.
    pub fn rules(mut self, text: &str) -> Plan {
        self.rules.push_str(text);
        self
    }

    /// Starts it all in a scratch folder.
    pub fn start(self, test: &str) -> World {
        let folder = scratch(test);
        let names = Names::start(&folder);
        let away = self.other.map(|software| XmppServer::start(&folder, software, B));
        let home = xmpp_server::Setup::new(&folder, self.software, A)
            .conflict(self.conflict)
            .start();
        let lines = format!("invite = [\"*@{}\", \"*@{}\"]\n{}", A.name, B.name, self.xmpp);
        let mut sections = format!("{}\n{}", self.extra, home.section_with(&lines));
        if !self.rules.is_empty() {
            std::fs::write(folder.join("dialplan.toml"), &self.rules).expect("the scratch folder is writable");
            sections.push_str("[dialplan]\nfile = \"dialplan.toml\"\n");
        }
        let config = Setup::new(&folder).media_at("10.55.0.1").extra(&sections);
        let gateway = config.clone().start();
        let mut world = World {
            gateway,
            home,
            away,
            config,
            _names: names,
        };
        world.until_connected(Duration::from_secs(10));
        world
    }

    /// Starts it with others in the meeting and with Dino, carol's, before its door: called, and its microphone runs.
    /// When Dino's own encoder does not start, all begins again, up to three times.
    pub fn start_with_dino<T>(self, test: &str, hz: f64, others: impl Fn(&World) -> T) -> (World, T, Dino) {
        for attempt in 1..=3 {
            let world = self.clone().start(test);
            let others = others(&world);
            let mut carol = world.dino("carol", hz);
            carol.call(&world.room());
            if carol.speaks(Duration::from_secs(8)) {
                return (world, others, carol);
            }
            println!("attempt {attempt}: Dino's own encoder did not start");
        }
        panic!("Dino's own encoder did not start in three calls");
    }
}

impl World {
    /// Returns the scratch folder.
    pub fn folder(&self) -> &Path {
        self.gateway.folder()
    }

    /// Returns where the people are.
    pub fn people(&self) -> Domain {
        self.away.as_ref().unwrap_or(&self.home).domain()
    }

    /// Returns the address of the meeting.
    pub fn room(&self) -> String {
        self.home.at_component(MEETING)
    }

    /// Returns the address of the meeting with its PIN behind it.
    pub fn room_with_pin(&self) -> String {
        format!("{}/{PIN}", self.room())
    }

    /// Waits until the gateway's stream to the server is up; returns how long that took.
    pub fn until_connected(&mut self, limit: Duration) -> Duration {
        let begin = std::time::Instant::now();
        while !self.gateway.degraded("xmpp").is_empty() {
            let why = self.gateway.degraded("xmpp");
            assert!(begin.elapsed() < limit, "no stream in {limit:?}: {why}");
            std::thread::sleep(Duration::from_millis(20));
        }
        begin.elapsed()
    }

    /// Ends the gateway at once, and starts another one.
    pub fn kill_the_gateway(&mut self) {
        self.gateway.signal("KILL");
        self.gateway.wait(Duration::from_secs(5));
        self.gateway = self.config.clone().start();
    }

    /// Brings a PCMA phone into the meeting, humming [`PHONE_HZ`].
    pub fn phone(&self) -> Baresip {
        let mut phone = baresip::Setup::new(self.folder(), "phone", 1, PHONE_HZ).start();
        phone.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
        phone
    }

    /// Brings a moderator at the page into the meeting, humming [`MIRA_HZ`].
    pub fn mira(&self) -> Visitor {
        let mut mira = Visitor::join(self.folder(), "Mira", MODERATOR_PIN, MIRA_HZ as u32, 150);
        mira.until("is in the room", Duration::from_secs(40), |state| {
            state["screen"] == "room"
        });
        mira
    }

    /// Opens Dino for somebody who has the meeting among the contacts.
    pub fn dino(&self, name: &str, hz: f64) -> Dino {
        let domain = self.people();
        let mut other = XmppPerson::start(self.folder(), name, domain, 10);
        let mark = other.puppet().mark();
        other.step(&format!("raw <presence to='{}' type='subscribe'/>", self.room()));
        let present = format!("from=\"{}/landbridge\"", self.room());
        other.until_comes(mark, &["<presence", &present], Duration::from_secs(10));
        other.step("quit");
        Dino::with_contacts(self.folder(), name, domain, hz, 150, &[&self.room()])
    }
}

/// Asserts that a phone has heard exactly these tones of `all` for the last 1.5 s; waits for them for as long as `limit`.
pub fn phone_hears(phone: &Baresip, heard: &[f64], all: &[f64], limit: Duration) {
    let begin = std::time::Instant::now();
    loop {
        let last = phone.heard().last(Duration::from_millis(1500), Duration::ZERO);
        let level = |hz: &f64| last.level(*hz);
        let quietest = heard.iter().map(level).fold(f64::INFINITY, f64::min);
        let others = all
            .iter()
            .filter(|hz| !heard.contains(hz))
            .map(level)
            .fold(-120.0, f64::max);
        if (heard.is_empty() || quietest > -45.0 && quietest - others > 20.0) && others < -45.0 {
            return;
        }
        if begin.elapsed() > limit {
            last.hears_exactly("the phone", heard, all);
            panic!("the phone does not hear exactly {heard:?}");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
