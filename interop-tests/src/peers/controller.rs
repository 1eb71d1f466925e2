// SPDX-License-Identifier: EUPL-1.2
//! A controller of OpenTalk as far as phones see it, in front of the real roomserver.
//!
//! The real one wants a database, a message broker and a login service; none of them is seen by a phone.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::{MEETING, PIN};
use crate::peers::python;
use crate::peers::roomserver::{self, Generation, Meeting, Roomserver};
use crate::process::{Process, tail};

/// The port of every test, on 127.0.0.1.
pub const PORT: u16 = 11311;
/// The id of the key that the gateway shows.
pub const KEY_ID: &str = "landbridge";
/// Its secret.
pub const KEY_SECRET: &str = "another-secret-of-the-tests";

/// A running controller; it ends when dropped.
pub struct Controller {
    process: Option<Process>,
    folder: PathBuf,
    starts: u32,
}

/// What a controller knows.
pub struct Setup {
    settings: Value,
    folder: PathBuf,
}

impl Setup {
    /// Describes a controller that opens one meeting with the id and PIN of every test.
    pub fn new(scratch: &Path, roomserver: &Roomserver, meeting: &Meeting) -> Setup {
        let door = json!({
            "url": roomserver.http(), "id": roomserver::KEY_ID, "secret": roomserver::KEY_SECRET,
            "named": roomserver.generation() == Generation::First,
        });
        let settings = json!({
            "port": PORT, "tls": null, "key": { "id": KEY_ID, "secret": KEY_SECRET }, "roomserver": door,
            "meetings": [],
        });
        let setup = Setup {
            settings,
            folder: scratch.to_owned(),
        };
        setup.opens(MEETING, PIN, meeting, roomserver, None)
    }

    /// Opens one more meeting, or refuses it with code and message.
    pub fn opens(
        mut self,
        id: &str,
        pin: &str,
        meeting: &Meeting,
        roomserver: &Roomserver,
        refuse: Option<(&str, &str)>,
    ) -> Setup {
        let known = json!({
            "id": id, "pin": pin, "room": meeting.room, "parameters": roomserver.parameters(meeting),
            "refuse": refuse.map(|(code, message)| [code, message]), "address": null,
        });
        if let Some(meetings) = self.settings["meetings"].as_array_mut() {
            meetings.push(known);
        }
        self
    }

    /// Sends the callers of one more meeting to another server in place of the roomserver.
    pub fn misleads(mut self, id: &str, pin: &str, address: &str) -> Setup {
        let known = json!({ "id": id, "pin": pin, "refuse": null, "address": address });
        if let Some(meetings) = self.settings["meetings"].as_array_mut() {
            meetings.push(known);
        }
        self
    }

    /// Serves over TLS with a certificate (PEM) and its key.
    pub fn tls(mut self, certificate: &Path, key: &Path) -> Setup {
        self.settings["tls"] = json!({ "certificate": certificate, "key": key });
        self
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> Controller {
        let text = self.settings.to_string();
        std::fs::write(self.folder.join("controller.json"), text).expect("the scratch folder is writable");
        let mut controller = Controller {
            process: None,
            folder: self.folder,
            starts: 0,
        };
        controller.start_again();
        controller
    }
}

impl Controller {
    /// Starts a controller that opens one meeting with the id and PIN of every test.
    pub fn start(scratch: &Path, roomserver: &Roomserver, meeting: &Meeting) -> Controller {
        Setup::new(scratch, roomserver, meeting).start()
    }

    /// Returns the section of the gateway's configuration that leads here.
    pub fn section() -> String {
        section(&format!("http://127.0.0.1:{PORT}"), KEY_ID, KEY_SECRET)
    }

    /// Changes how it behaves: `well`, `stall`, `error`, `garbage`, `huge`, `clock SECONDS`.
    pub fn behave(&self, how: &str) {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("controller.do"))
            .expect("the scratch folder is writable");
        writeln!(file, "{how}").expect("the scratch folder is writable");
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("KILL");
            process.wait(Duration::from_secs(5));
        }
    }

    /// Starts it on the same port.
    pub fn start_again(&mut self) {
        let name = format!("controller-{}", self.starts);
        let folder = self.folder.to_str().expect("the scratch path is UTF-8");
        let limit = Duration::from_secs(170);
        let mut process = python::start_as(&self.folder, &name, "controller.py", limit, &[folder]);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", PORT)).is_err() {
            let alive = process.is_alive();
            if !alive || start.elapsed() > Duration::from_secs(10) {
                panic!(
                    "the controller does not answer (alive: {alive}):\n{}",
                    tail(&process.output())
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.starts += 1;
        self.process = Some(process);
    }

    /// Returns what it told since it was started last.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }
}

/// Writes a section of the gateway's configuration.
pub fn section(controller: &str, key_id: &str, secret: &str) -> String {
    format!("[opentalk]\ncontroller = \"{controller}\"\n[opentalk.api_key]\nid = \"{key_id}\"\nsecret = \"{secret}\"\n")
}
