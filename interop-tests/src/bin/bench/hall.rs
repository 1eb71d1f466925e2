// SPDX-License-Identifier: EUPL-1.2
//! A LiveKit room: the genuine server, a gateway whose meeting lives there, and people made of LiveKit's own SDK.

use std::path::Path;
use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{Gateway, PIN, Setup, scratch};
use landbridge_interop_tests::peers::livekit_server::{KEY, LivekitServer, NEWEST, SECRET};
use landbridge_interop_tests::peers::python::cache;
use landbridge_interop_tests::process::{Process, tail};
use serde_json::Value;

use crate::{CLIENT, SERVER, mouth};

/// Name of the room.
pub(crate) const ROOM: &str = "hall";
/// Where the server takes media.
pub(crate) const MEDIA: u16 = 7882;
/// The meeting that lives there.
const MEETING: &str = "3000000000";
const LIMIT: Duration = Duration::from_secs(290);

/// Returns what to dial for the room.
pub(crate) fn direct() -> String {
    format!("{MEETING}*{PIN}")
}

/// Starts the server, on the client's core.
pub(crate) fn server(folder: &Path) -> LivekitServer {
    LivekitServer::start(folder, NEWEST)
}

/// Starts a fresh gateway on its core, with a meeting in the server's room.
pub(crate) fn gateway(name: &str, server: &LivekitServer) -> Gateway {
    setup(name, server).start()
}

/// Describes that gateway; silent phones may stay.
pub(crate) fn setup(name: &str, server: &LivekitServer) -> Setup {
    let livekit = format!(
        "max_people = 300\n[livekit]\nurl = \"{}\"\napi_key = \"{KEY}\"\napi_secret = \"{SECRET}\"\n\
         [[meeting]]\nid = \"{MEETING}\"\npin = \"{PIN}\"\nname = \"Hall\"\nmax_people = 300\nhome = \"livekit\"\nlivekit_room = \"{ROOM}\"\n",
        server.url()
    );
    Setup::new(&scratch(&format!("bench-{name}")))
        .extra(&livekit)
        .media("timeout = \"90s\"")
        .ports("40000-59999")
        .on_core(SERVER)
}

/// Starts `count` browsers that speak, on the client's core.
pub(crate) fn browsers(folder: &Path, server: &LivekitServer, sound: &Path, count: usize) -> Process {
    let mut process = clients(
        CLIENT,
        folder,
        server,
        "livekit_publishers.py",
        "browser",
        &[text(sound)],
        count,
    );
    process.until("\"ready\"", Duration::from_secs(30));
    process
}

/// Starts `count` clients that each bridge one call, on the gateway's core, and waits until they hear all `tracks`.
pub(crate) fn bridges(folder: &Path, server: &LivekitServer, sound: &Path, tracks: usize, count: usize) -> Process {
    let tracks = tracks.to_string();
    let args = [text(sound), &tracks];
    let mut process = clients(SERVER, folder, server, "livekit_bridges.py", "phone", &args, count);
    process.until("\"ready\"", Duration::from_secs(60));
    process
}

/// Writes 10 s of speech for the clients.
pub(crate) fn speech(folder: &Path) -> std::path::PathBuf {
    write(folder, "speech.pcm", &mouth::speech_samples(77))
}

/// Writes samples (48 kHz, mono) to a file.
pub(crate) fn write(folder: &Path, name: &str, samples: &[i16]) -> std::path::PathBuf {
    let path = folder.join(name);
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&path, bytes).expect("the scratch folder is writable");
    path
}

/// Waits until the server knows this many people in the room; returns how long that took.
pub(crate) fn until_people(
    server: &LivekitServer,
    count: usize,
    limit: Duration,
    log: impl Fn() -> String,
) -> Duration {
    let start = Instant::now();
    loop {
        let people = speaking(server, ROOM);
        if people.len() >= count {
            return start.elapsed();
        }
        assert!(
            start.elapsed() < limit,
            "{} of {count} are in the room after {limit:?}:\n{}",
            people.len(),
            tail(&log())
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until no more than `count` people send something; returns how many too many there are after `limit`.
pub(crate) fn until_left(server: &LivekitServer, count: usize, limit: Duration) -> usize {
    let start = Instant::now();
    loop {
        let too_many = speaking(server, ROOM).len().saturating_sub(count);
        if too_many == 0 || start.elapsed() > limit {
            return too_many;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns the people in a room who send something.
pub(crate) fn speaking(server: &LivekitServer, room: &str) -> Vec<Value> {
    let speaks = |person: &Value| person["tracks"].as_array().is_some_and(|tracks| !tracks.is_empty());
    server.people(room).into_iter().filter(speaks).collect()
}

/// Returns the newest number that a client told under a key.
pub(crate) fn newest(process: &Process, key: &str) -> f64 {
    let output = process.output();
    let lines = output
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line[key].as_f64()).next().unwrap_or_default()
}

fn clients(
    core: usize,
    folder: &Path,
    server: &LivekitServer,
    script: &str,
    identity: &str,
    args: &[&str],
    count: usize,
) -> Process {
    let url = server.url();
    let seconds = LIMIT.as_secs().to_string();
    let tokens: Vec<String> = (0..count)
        .map(|n| server.token(ROOM, &format!("{identity}-{n}"), identity))
        .collect();
    let (core, python) = (core.to_string(), cache().join("venv/bin/python"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
    let mut all = vec!["-c", &core, text(&python), "-u", text(&path), &url, args[0], &seconds];
    all.extend(&args[1..]);
    all.extend(tokens.iter().map(String::as_str));
    Process::start(folder, script, LIMIT, "taskset", &all)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the scratch path is UTF-8")
}
