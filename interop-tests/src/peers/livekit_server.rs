// SPDX-License-Identifier: EUPL-1.2
//! LiveKit's own media server.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::peers::python::cache;
use crate::peers::token;
use crate::process::{Process, tail};

/// The newest server that can be built from the Go module proxy.
pub const NEWEST: &str = "v1.13.5";
/// The server that OpenTalk ships with.
pub const OPENTALKS: &str = "v1.8.4";
/// The key of every test.
pub const KEY: &str = "devkey";
/// Its secret.
pub const SECRET: &str = "a-secret-of-the-tests-that-is-long-enough";

/// A server before it is started.
#[derive(Clone)]
pub struct Setup {
    folder: PathBuf,
    version: &'static str,
    port: u16,
    address: &'static str,
    redis: Option<u16>,
    turn: bool,
    tcp_only: bool,
}

/// A running server; it ends when dropped.
pub struct LivekitServer {
    process: Option<Process>,
    setup: Setup,
    starts: u32,
}

impl Setup {
    /// Describes a server of one version with signalling on 127.0.0.1:7880 and media on 10.55.0.1.
    pub fn new(scratch: &Path, version: &'static str) -> Setup {
        Setup {
            folder: scratch.to_owned(),
            version,
            port: 7880,
            address: "10.55.0.1",
            redis: None,
            turn: false,
            tcp_only: false,
        }
    }

    /// Serves on another port; media takes the two after it.
    pub fn port(mut self, port: u16) -> Setup {
        self.port = port;
        self
    }

    /// Takes media at another address.
    pub fn address(mut self, address: &'static str) -> Setup {
        self.address = address;
        self
    }

    /// Shares rooms with other nodes through Redis on a port of 127.0.0.1.
    pub fn redis(mut self, port: u16) -> Setup {
        self.redis = Some(port);
        self
    }

    /// Offers its own TURN server, over UDP on the fourth port after its own.
    pub fn turn(mut self) -> Setup {
        self.turn = true;
        self
    }

    /// Takes media over TCP alone.
    pub fn tcp_only(mut self) -> Setup {
        self.tcp_only = true;
        self
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> LivekitServer {
        let mut server = LivekitServer {
            process: None,
            setup: self,
            starts: 0,
        };
        server.start_again();
        server
    }

    fn config(&self) -> String {
        let mut text = format!(
            "port: {}\nbind_addresses: [127.0.0.1]\nkeys:\n  {KEY}: {SECRET}\nlogging:\n  level: info\n\
             rtc:\n  tcp_port: {}\n  use_external_ip: false\n  node_ip: {}\n",
            self.port,
            self.port + 1,
            self.address,
        );
        if self.tcp_only {
            text.push_str("  force_tcp: true\n");
        }
        text.push_str(&format!("  udp_port: {}\n", self.port + 2));
        if let Some(redis) = self.redis {
            text.push_str(&format!("redis:\n  address: 127.0.0.1:{redis}\n"));
        }
        if self.turn {
            text.push_str(&format!(
                "turn:\n  enabled: true\n  domain: localhost\n  udp_port: {}\n",
                self.port + 4
            ));
        }
        text
    }
}

impl LivekitServer {
    /// Starts a server of one version as usual.
    pub fn start(scratch: &Path, version: &'static str) -> LivekitServer {
        Setup::new(scratch, version).start()
    }

    /// Returns the address of its signalling.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.setup.port)
    }

    /// Returns the address of its API.
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.setup.port)
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("KILL");
            process.wait(Duration::from_secs(5));
        }
    }

    /// Freezes it: connections stay open and nobody answers; `CONT` lets it go on.
    pub fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Starts it on the same ports, and waits until it answers.
    pub fn start_again(&mut self) {
        let setup = &self.setup;
        let name = format!("livekit-{}-{}", setup.port, self.starts);
        let program = cache().join(format!("peers/livekit-server-{}/livekit-server", setup.version));
        let config = setup.folder.join(format!("{name}.yaml"));
        std::fs::write(&config, setup.config()).expect("the scratch folder is writable");
        let text = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
        let args = ["--config", &text(&config)];
        let limit = Duration::from_secs(290);
        let mut process = Process::start(&setup.folder, &name, limit, &text(&program), &args);
        let start = Instant::now();
        while ureq::get(&self.http()).call().is_err() {
            let alive = process.is_alive();
            if !alive || start.elapsed() > Duration::from_secs(15) {
                panic!(
                    "livekit-server does not answer (alive: {alive}):\n{}",
                    tail(&process.output())
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.starts += 1;
        self.process = Some(process);
    }

    /// Returns what this run of it logged.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Makes a token that opens a room to one identity.
    pub fn token(&self, room: &str, identity: &str, name: &str) -> String {
        grant(identity, name, &json!({ "roomJoin": true, "room": room }))
    }

    /// Calls its room service (`ListParticipants`, `MutePublishedTrack`, …) for one room.
    pub fn room_service(&self, method: &str, room: &str, mut request: Value) -> Value {
        request["room"] = room.into();
        let bearer = grant(
            "tests",
            "tests",
            &json!({ "roomAdmin": true, "roomCreate": true, "roomList": true, "room": room }),
        );
        let url = format!("{}/twirp/livekit.RoomService/{method}", self.http());
        let response = ureq::post(&url)
            .header("authorization", format!("Bearer {bearer}"))
            .send_json(request);
        let mut response = response.unwrap_or_else(|e| panic!("{method}: {e}"));
        response.body_mut().read_json().expect("the room service speaks JSON")
    }

    /// Returns the people of a room as the server tells them.
    pub fn people(&self, room: &str) -> Vec<Value> {
        let told = self.room_service("ListParticipants", room, json!({}));
        told["participants"].as_array().cloned().unwrap_or_default()
    }

    /// Mutes or unmutes whatever one identity sends, as a moderator's software does.
    pub fn mute(&self, room: &str, identity: &str, muted: bool) {
        let person = self.room_service("GetParticipant", room, json!({ "identity": identity }));
        for track in person["tracks"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let request = json!({ "identity": identity, "track_sid": track["sid"], "muted": muted });
            self.room_service("MutePublishedTrack", room, request);
        }
    }
}

fn grant(identity: &str, name: &str, video: &Value) -> String {
    let now = token::now();
    let claims = json!({ "iss": KEY, "sub": identity, "name": name, "nbf": now - 5, "exp": now + 600, "video": video });
    token::sign(None, &claims, SECRET)
}
