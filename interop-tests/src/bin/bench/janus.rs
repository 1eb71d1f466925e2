// SPDX-License-Identifier: EUPL-1.2
//! The rival for rooms: Janus with its AudioBridge, whose participants come by plain RTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use landbridge_codecs::{Codec, EncoderOptions};
use landbridge_interop_tests::process::{Process, tail};
use serde_json::{Value, json};

use crate::ears::PORT;
use crate::sip::payload_type;

const API: &str = "http://127.0.0.1:8088/janus";
const LIMIT: Duration = Duration::from_secs(120);
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/janus";

/// A running Janus with only the AudioBridge and its HTTP API; it ends when dropped.
pub(crate) struct Janus {
    process: Process,
}

impl Janus {
    /// Starts it on one core and waits until it answers.
    pub(crate) fn start(folder: &Path, name: &str, core: usize) -> Janus {
        let config = configure(&folder.join(name));
        let config = config.to_str().expect("the scratch path is UTF-8");
        let file = format!("{config}/janus.jcfg");
        let core = core.to_string();
        let args = ["-c", &core, "janus", "-C", &file, "-F", config];
        let mut process = Process::start(folder, name, LIMIT, "taskset", &args);
        let start = Instant::now();
        while ureq::get(format!("{API}/info")).call().is_err() {
            if !process.is_alive() || start.elapsed() > Duration::from_secs(10) {
                panic!("Janus does not answer:\n{}", tail(&process.output()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Janus { process }
    }

    /// Returns its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.program_pid()
    }

    /// Creates a room that mixes at `rate` [Hz]; `prebuffering` is the packets it keeps back of each participant.
    pub(crate) fn create_room(&self, room: u32, rate: u32, prebuffering: u32) {
        let body = json!({
            "request": "create", "room": room, "sampling_rate": rate, "allow_rtp_participants": true,
            "default_prebuffering": prebuffering, "default_bitrate": EncoderOptions::default().opus_bitrate_bps,
        });
        let answer = message(&attach().1, &body);
        assert_eq!(answer["plugindata"]["data"]["audiobridge"], "created", "{answer}");
    }

    /// Lets somebody join who sends to the returned address and hears on the ears' port.
    pub(crate) fn join(&self, room: u32, codec: Codec, prebuffering: u32) -> SocketAddr {
        let (session, handle) = attach();
        let name = codec.name().to_ascii_lowercase();
        let body = json!({
            "request": "join", "room": room, "muted": false, "codec": name, "prebuffer": prebuffering,
            "rtp": { "ip": "127.0.0.1", "port": PORT, "payload_type": payload_type(codec) },
        });
        let answer = message(&handle, &body);
        assert_eq!(answer["janus"], "ack", "{answer}");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            let event = get(&session);
            let data = &event["plugindata"]["data"];
            if let Some(port) = data["rtp"]["port"].as_u64() {
                return SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).expect("a port has 16 bits")));
            }
            assert!(data["error"].is_null(), "{event}");
        }
        panic!("Janus did not let {name} join:\n{}", tail(&self.process.output()));
    }
}

fn configure(folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).expect("the scratch folder is writable");
    let only = |kind: &str, kept: &[&str]| {
        let files = std::fs::read_dir(format!("{LIBRARY}/{kind}"))
            .expect("Janus is installed; run interop-tests/tools/setup.sh bench");
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let others: Vec<String> = names
            .filter(|name| name.ends_with(".so") && !kept.iter().any(|kept| name.contains(kept)))
            .collect();
        others.join(",")
    };
    let main = format!(
        "general: {{ configs_folder = \"{folder}\"; plugins_folder = \"{LIBRARY}/plugins\"; \
         transports_folder = \"{LIBRARY}/transports\"; debug_level = 2; session_timeout = 0; protected_folders = [] }}\n\
         nat: {{ full_trickle = true; ice_enforce_list = \"127.0.0.1\" }}\nmedia: {{ rtp_port_range = \"33000-33499\" }}\n\
         plugins: {{ disable = \"{}\" }}\ntransports: {{ disable = \"{}\" }}\nevents: {{ broadcast = false }}\n",
        only("plugins", &["audiobridge"]),
        only("transports", &["_http."]),
        folder = folder.display()
    );
    let write =
        |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("the scratch folder is writable");
    write("janus.jcfg", &main);
    write(
        "janus.transport.http.jcfg",
        "general: { json = \"compact\"; base_path = \"/janus\"; http = true; port = 8088; ip = \"127.0.0.1\"; https = false }\n\
         admin: { admin_http = false; admin_https = false }\n",
    );
    write(
        "janus.plugin.audiobridge.jcfg",
        "general: { local_ip = \"127.0.0.1\"; rtp_port_range = \"34000-36999\" }\n",
    );
    folder.to_owned()
}

/// Opens a session with a handle of the AudioBridge; returns the session's address and the handle's.
fn attach() -> (String, String) {
    let id = |answer: &Value| answer["data"]["id"].as_u64().unwrap_or_else(|| panic!("{answer}"));
    let session = format!("{API}/{}", id(&post(API, &json!({ "janus": "create" }))));
    let handle = post(
        &session,
        &json!({ "janus": "attach", "plugin": "janus.plugin.audiobridge" }),
    );
    let handle = format!("{session}/{}", id(&handle));
    (session, handle)
}

fn message(handle: &str, body: &Value) -> Value {
    post(handle, &json!({ "janus": "message", "body": body }))
}

fn post(url: &str, body: &Value) -> Value {
    let mut body = body.clone();
    body["transaction"] = json!("bench");
    let mut response = ureq::post(url).send_json(&body).expect("Janus answers");
    response.body_mut().read_json().expect("Janus speaks JSON")
}

fn get(url: &str) -> Value {
    let mut response = ureq::get(url).call().expect("Janus answers");
    response.body_mut().read_json().expect("Janus speaks JSON")
}
