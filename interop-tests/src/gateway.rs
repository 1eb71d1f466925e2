// SPDX-License-Identifier: EUPL-1.2
//! The gateway under test: its files, its life, its HTTP API.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Process, tail};

/// The meeting of every test.
pub const MEETING: &str = "1234567890";
/// Its PIN.
pub const PIN: &str = "0987654321";
/// The PIN of its moderators.
pub const MODERATOR_PIN: &str = "1111122222";
/// Address of the page.
pub const WEB: &str = "http://127.0.0.1:8080";
/// Address of the admin API.
pub const ADMIN: &str = "http://127.0.0.1:9090";

/// A configuration to be written and served.
#[derive(Clone)]
pub struct Setup {
    folder: PathBuf,
    extra: String,
    trunk: String,
    media: String,
    address: String,
    before: Vec<String>,
    ports: &'static str,
    lobby: String,
    meeting: bool,
    core: Option<usize>,
    one_heap: bool,
    clock: Option<&'static str>,
    limit: Duration,
}

/// A running gateway; it ends when dropped.
pub struct Gateway {
    process: Process,
    folder: PathBuf,
}

/// Makes an empty scratch folder for one test, in the temporary folder.
pub fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("landbridge-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder
}

impl Setup {
    /// Starts from the usual configuration, in a scratch folder.
    pub fn new(folder: &Path) -> Setup {
        Setup {
            folder: folder.to_owned(),
            extra: String::new(),
            trunk: "encryption = \"prefer\"\nlanguage = \"de\"".into(),
            media: "timeout = \"30s\"".into(),
            address: "\"127.0.0.1\"".into(),
            before: Vec::new(),
            ports: "40000-48999",
            lobby: String::new(),
            meeting: true,
            core: None,
            one_heap: false,
            clock: None,
            limit: Duration::from_secs(170),
        }
    }

    /// Replaces the lines of the only trunk.
    pub fn trunk(mut self, lines: &str) -> Setup {
        self.trunk = lines.into();
        self
    }

    /// Replaces the lines of `[media]` but listen and ports.
    pub fn media(mut self, lines: &str) -> Setup {
        self.media = lines.into();
        self
    }

    /// Has media on another address; libnice knows no way from elsewhere to loopback.
    pub fn media_at(self, address: &str) -> Setup {
        self.media_at_each(&[address])
    }

    /// Has media on several addresses.
    pub fn media_at_each(mut self, addresses: &[&str]) -> Setup {
        let quoted: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
        self.address = quoted.join(", ");
        self
    }

    /// Starts it through other programs: these words come before its own.
    pub fn behind(mut self, words: &[String]) -> Setup {
        self.before = words.to_vec();
        self
    }

    /// Lets it live for longer or shorter than most tests need.
    pub fn lives(mut self, limit: Duration) -> Setup {
        self.limit = limit;
        self
    }

    /// Replaces the range of media ports.
    pub fn ports(mut self, range: &'static str) -> Setup {
        self.ports = range;
        self
    }

    /// Sets the lines of `[lobby]`.
    pub fn lobby(mut self, lines: &str) -> Setup {
        self.lobby = lines.into();
        self
    }

    /// Adds sections at the end.
    pub fn extra(mut self, text: &str) -> Setup {
        self.extra.push_str(text);
        self
    }

    /// Has no meeting of its own, because another service knows them.
    pub fn no_meeting(mut self) -> Setup {
        self.meeting = false;
        self
    }

    /// Keeps the gateway on one core.
    pub fn on_core(mut self, core: usize) -> Setup {
        self.core = Some(core);
        self
    }

    /// Has the C library keep one heap for all threads: what remains in use is then told from what lies about unused.
    pub fn one_heap(mut self) -> Setup {
        self.one_heap = true;
        self
    }

    /// Lets the gateway's clock go wrong, for example `+10m`.
    pub fn clock(mut self, offset: &'static str) -> Setup {
        self.clock = Some(offset);
        self
    }

    /// Writes the configuration with a certificate of its own authority, and returns its path.
    pub fn write(&self) -> PathBuf {
        certificates(&self.folder);
        let meeting = format!(
            "[[meeting]]\nid = \"{MEETING}\"\npin = \"{PIN}\"\nmoderator_pin = \"{MODERATOR_PIN}\"\nname = \"Test\"\n"
        );
        let meeting = if self.meeting { meeting } else { String::new() };
        let text = format!(
            "[sip]\nlisten = [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\", \"tls:127.0.0.1:5061\"]\n\
             [sip.tls]\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\nserver_ca = \"ca.pem\"\n\
             [[trunk]]\nname = \"test\"\nfrom = [\"127.0.0.0/8\", \"10.55.0.0/24\"]\n{}\n\
             [media]\nlisten = [{}]\nports = \"{}\"\n{}\n\
             [web]\nlisten = \"127.0.0.1:8080\"\n[admin]\nlisten = \"127.0.0.1:9090\"\n[lobby]\n{}\n\
             {}{}\n",
            self.trunk, self.address, self.ports, self.media, self.lobby, meeting, self.extra
        );
        let path = self.folder.join("landbridge.toml");
        std::fs::write(&path, text).expect("the scratch folder is writable");
        path
    }

    /// Serves it and waits until it is ready.
    pub fn start(self) -> Gateway {
        let config = self.write();
        let config = config.to_str().expect("the path is UTF-8");
        let serve = [binary(), "serve", "--config", config];
        let core = self.core.map(|core| core.to_string());
        let before = match (&core, self.clock) {
            (Some(core), _) => vec!["taskset", "-c", core],
            (None, Some(offset)) => vec!["env", "DONT_FAKE_MONOTONIC=1", "faketime", "-f", offset],
            (None, None) => Vec::new(),
        };
        let heap: &[&str] = if self.one_heap {
            &["env", "MALLOC_ARENA_MAX=1"]
        } else {
            &[]
        };
        let words: Vec<&str> = self.before.iter().map(String::as_str).collect();
        let command = [&words, heap, &before, &serve[..]].concat();
        let mut process = Process::start(&self.folder, "gateway", self.limit, command[0], &command[1..]);
        let start = Instant::now();
        while ureq::get(format!("{ADMIN}/readyz")).call().is_err() {
            let alive = process.is_alive();
            if !alive || start.elapsed() > Duration::from_secs(10) {
                panic!(
                    "the gateway is not ready (alive: {alive}):\n{}",
                    tail(&process.output())
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Gateway {
            process,
            folder: self.folder,
        }
    }
}

impl Gateway {
    /// Starts the usual gateway for one test.
    pub fn start(test: &str) -> Gateway {
        Setup::new(&scratch(test)).start()
    }

    /// Returns its scratch folder; peers may put their files there.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the certificate authority (PEM) that signed its certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Returns its log so far.
    pub fn log(&self) -> String {
        self.process.output()
    }

    /// Sends it a signal, for example `TERM`.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> std::process::ExitStatus {
        self.process.wait(limit)
    }

    /// Tells whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// Returns the process id, for looking at its memory.
    pub fn pid(&self) -> u32 {
        self.process.program_pid()
    }

    /// Returns the people of the test meeting as the admin API tells them.
    pub fn people(&self) -> Vec<Value> {
        let url = format!("{ADMIN}/api/rooms/{MEETING}");
        match ureq::get(url).call() {
            Ok(mut response) => {
                let room: Value = response.body_mut().read_json().expect("the admin API speaks JSON");
                room["participants"].as_array().cloned().unwrap_or_default()
            }
            Err(_) => Vec::new(),
        }
    }

    /// Waits until the meeting's people satisfy a condition.
    pub fn until(&self, what: &str, limit: Duration, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let people = self.people();
            if condition(&people) {
                return people;
            }
            if start.elapsed() > limit {
                panic!(
                    "not in {limit:?}: {what}; people: {people:#?}\ngateway log:\n{}",
                    tail(&self.log())
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until `count` people are in the meeting.
    pub fn until_people(&self, count: usize, limit: Duration) -> Vec<Value> {
        self.until(&format!("{count} people"), limit, |people| people.len() == count)
    }

    /// Returns what `/readyz` says of another server that does not serve us; empty when all is well.
    pub fn degraded(&self, server: &str) -> String {
        let mut response = ureq::get(format!("{ADMIN}/readyz"))
            .call()
            .expect("the gateway is ready");
        let told: Value = response.body_mut().read_json().expect("the admin API speaks JSON");
        let servers = told["degraded"].as_array().cloned().unwrap_or_default();
        let told = servers.iter().find(|part| part["part"] == server);
        told.and_then(|part| part["why"].as_str())
            .unwrap_or_default()
            .to_owned()
    }

    /// Reads one metric, summed over its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let mut response = ureq::get(format!("{ADMIN}/metrics"))
            .call()
            .expect("metrics are served");
        let text = response.body_mut().read_to_string().expect("metrics are text");
        let of = |line: &&str| line.starts_with(name) && !line.starts_with('#');
        text.lines()
            .filter(of)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

/// Runs `landbridge` with arguments to its end.
pub fn landbridge(folder: &Path, args: &[&str]) -> Output {
    Command::new("timeout")
        .args(["-k", "2", "60", binary()])
        .args(args)
        .current_dir(folder)
        .output()
        .expect("timeout is installed")
}

/// Returns the path of the program under test.
pub fn binary() -> &'static str {
    static PATH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PATH.get_or_init(|| {
        std::env::var("LANDBRIDGE").unwrap_or_else(|_| {
            // Test programs lie in <target>/<profile>/deps, the server one folder up.
            let test = std::env::current_exe().expect("a running program has a path");
            let profile = test.parent().and_then(Path::parent).expect("test programs lie in deps");
            let path = profile.join("landbridge");
            assert!(
                path.exists(),
                "{} is missing; build it with `cargo build -p landbridge`",
                path.display()
            );
            path.to_string_lossy().into_owned()
        })
    })
}

/// Makes a certificate authority and a certificate of the gateway, with openssl.
fn certificates(folder: &Path) {
    if folder.join("gateway.pem").exists() {
        return;
    }
    let script = "
        set -e
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=test authority' -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=gateway -keyout gateway.key -out gateway.csr
        printf 'subjectAltName=DNS:localhost,DNS:gw.example,IP:127.0.0.1,IP:10.55.0.1\\n' >san
        openssl x509 -req -in gateway.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile san -out gateway.pem
    ";
    let done = Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .expect("bash is installed");
    assert!(
        done.status.success(),
        "openssl failed: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}
