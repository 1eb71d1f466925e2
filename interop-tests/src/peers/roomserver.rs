// SPDX-License-Identifier: EUPL-1.2
//! OpenTalk's roomserver, of both generations.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::peers::livekit_server;
use crate::peers::python::cache;
use crate::peers::token;
use crate::process::{Process, tail};

/// The id of the key that the controller shows the roomserver.
pub const KEY_ID: &str = "controller";
/// Its secret.
pub const KEY_SECRET: &str = "s3cr3t-of-the-tests";
/// The port of every test, on 127.0.0.1.
pub const PORT: u16 = 11333;
/// Who made every meeting.
pub const OWNER: &str = "00000000-0000-0000-0000-0000000a11c3";

/// Which signalling a roomserver speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// 0.1.5: the first message says that one is in.
    First,
    /// 0.10.3: there is a lobby, and a name is given there.
    Tenth,
}

/// A running roomserver; it ends when dropped.
pub struct Roomserver {
    process: Option<Process>,
    folder: PathBuf,
    generation: Generation,
    starts: u32,
}

/// What a meeting is like.
#[derive(Clone)]
pub struct Meeting {
    /// Its id, a UUID.
    pub room: String,
    parameters: Value,
}

impl Roomserver {
    /// Starts it and waits until it answers.
    pub fn start(scratch: &Path, generation: Generation) -> Roomserver {
        let mut roomserver = Roomserver {
            process: None,
            folder: scratch.to_owned(),
            generation,
            starts: 0,
        };
        roomserver.start_again();
        roomserver
    }

    /// Returns the address of its API and signalling.
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{PORT}")
    }

    /// Returns which signalling it speaks.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Ends it at once, as a power cut does: its meetings are gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("KILL");
            process.wait(Duration::from_secs(5));
        }
    }

    /// Ends it as an operator does.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("TERM");
            process.wait(Duration::from_secs(10));
        }
    }

    /// Sends it a signal: `STOP` freezes it, `CONT` lets it go on.
    pub fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Returns what this run of it logged.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Starts it on the same port, without any meeting.
    pub fn start_again(&mut self) {
        let name = format!("roomserver-{}", self.starts);
        let address = format!("127.0.0.1:{PORT}");
        let peers = cache().join("peers");
        let text = |path: PathBuf| path.to_str().expect("the path is UTF-8").to_owned();
        let (program, args) = match self.generation {
            Generation::First => {
                let config = self.folder.join("roomserver.toml");
                let keys = format!("[{{ id = \"{KEY_ID}\", secret = \"{KEY_SECRET}\" }}]");
                let url = self.http();
                let toml = format!(
                    "[http]\naddress = \"127.0.0.1\"\nport = {PORT}\npublic_url = \"{url}\"\napi_keys = {keys}\n"
                );
                std::fs::write(&config, toml).expect("the scratch folder is writable");
                let program = peers.join("roomserver-0.1.5/bin/opentalk-roomserver");
                (program, vec!["-c".to_owned(), text(config)])
            }
            Generation::Tenth => {
                let program = peers.join("roomserver-0.10.3/bin/opentalk-roomserver-0-10");
                (program, vec![address.clone(), KEY_ID.to_owned(), KEY_SECRET.to_owned()])
            }
        };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let limit = Duration::from_secs(170);
        let mut process = Process::start(&self.folder, &name, limit, &text(program), &args);
        let start = Instant::now();
        while TcpStream::connect(&address).is_err() {
            let alive = process.is_alive();
            if !alive || start.elapsed() > Duration::from_secs(15) {
                panic!(
                    "the roomserver does not answer (alive: {alive}):\n{}",
                    tail(&process.output())
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.starts += 1;
        self.process = Some(process);
    }

    /// Asks for a token as a controller does, and returns the address that it opens.
    pub fn door(&self, meeting: &Meeting, role: &str, kind: &Value) -> String {
        let mut client = kind.clone();
        client["device_secret"] = format!("device-{}-{}", token::now(), fresh()).into();
        client["role"] = role.into();
        let request = json!({ "client_parameters": client, "room_parameters": self.parameters(meeting) });
        let url = format!("{}/v1/rooms/{}/token", self.http(), meeting.room);
        let response = ureq::post(&url)
            .header("authorization", format!("Bearer {}", bearer()))
            .send_json(request);
        let mut response = response.unwrap_or_else(|e| panic!("no token: {e}; its log:\n{}", tail(&self.log())));
        let told: Value = response.body_mut().read_json().expect("the roomserver speaks JSON");
        let token = told["token"].as_str().expect("there is a token");
        format!("{}/v1/signaling/{token}", self.http())
    }

    /// Deletes a meeting, as a controller does when somebody deletes the room. The first generation cannot.
    pub fn delete(&self, meeting: &Meeting) {
        let url = format!("{}/v1/rooms/{}", self.http(), meeting.room);
        let request = ureq::delete(&url).header("authorization", format!("Bearer {}", bearer()));
        request
            .call()
            .unwrap_or_else(|e| panic!("the meeting is not deleted: {e}"));
    }

    /// Returns the parameters of a meeting as this generation takes them.
    pub fn parameters(&self, meeting: &Meeting) -> Value {
        let mut parameters = meeting.parameters.clone();
        match self.generation {
            Generation::First => parameters["invite_code"] = Value::Null,
            Generation::Tenth => {
                parameters["call_in"]["mask_unmapped_phone_numbers"] = true.into();
                parameters["call_in"]["default_country_code"] = "DE".into();
            }
        }
        parameters
    }
}

impl Meeting {
    /// Describes a meeting whose sound is on the usual LiveKit server, with the id and PIN of every test.
    pub fn new(number: u32) -> Meeting {
        let owner = json!({
            "id": OWNER, "email": "alice@example.com", "title": "", "firstname": "Alice", "lastname": "Adams",
            "display_name": "Alice Adams", "avatar_url": "https://example.com/a", "timezone": "Europe/Berlin",
        });
        let livekit = json!({
            "api_key": livekit_server::KEY, "api_secret": livekit_server::SECRET,
            "public_url": "ws://127.0.0.1:7880", "service_url": "http://127.0.0.1:7880",
        });
        let parameters = json!({
            "created_by": owner, "password": null, "guest_access": true, "waiting_room": "disabled",
            "call_in": { "tel": "+4930123456", "id": crate::gateway::MEETING, "password": crate::gateway::PIN },
            "event": null, "streaming_targets": [], "show_meeting_details": true, "e2e_encryption": false,
            "tariff": {
                "id": "00000000-0000-0000-0000-00000000f00d", "name": "t", "quotas": {}, "used_quota": {},
                "disabled_features": [],
            },
            "module_settings": { "livekit": livekit, "moderation": {}, "raise_hands": {}, "chat": {} },
            "preferred_language": "de", "fallback_language": "en",
            "ws_rate_limit": { "tokens_per_second": 10, "token_bucket_size": 30 },
            "allowed_origins": ["http://localhost"], "room_idle_timeout": 60000,
        });
        Meeting {
            room: format!("00000000-0000-4000-8000-{number:012}"),
            parameters,
        }
    }

    /// Changes one parameter, for example `waiting_room`.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Meeting {
        self.parameters[name] = value.into();
        self
    }

    /// Can be recorded; the controller's stand-in is asked for the recorder.
    pub fn recorded(mut self) -> Meeting {
        let key = json!({ "id": "recorder", "secret": "a-secret-of-the-recorder" });
        let url = format!("http://127.0.0.1:{}/", crate::peers::controller::PORT);
        self.parameters["module_settings"]["recording"] = json!({ "url": url, "api_key": key });
        self
    }

    /// Belongs to an event of the calendar, which is where the signalling tells of end-to-end encryption.
    pub fn encrypted(mut self) -> Meeting {
        self.parameters["e2e_encryption"] = true.into();
        self.parameters["event"] = json!({
            "id": "00000000-0000-0000-0000-00000000e7e7", "title": "Secret", "description": "", "is_adhoc": false,
            "starts_at": null, "ends_at": null, "shared_folder": null,
        });
        self
    }

    /// Lets at most so many people in.
    pub fn takes(mut self, people: u32) -> Meeting {
        self.parameters["tariff"]["quotas"]["room_participant_limit"] = people.into();
        self
    }
}

/// Makes a token of the controller for the roomserver's API.
pub fn bearer() -> String {
    let now = token::now();
    token::sign(Some(KEY_ID), &json!({ "iat": now, "exp": now + 60 }), KEY_SECRET)
}

fn fresh() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
