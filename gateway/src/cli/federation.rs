// SPDX-License-Identifier: EUPL-1.2
//! `landbridge federation`: keys, partners and erasures.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ConfigArg, runtime};
use crate::legs::federated::seal::{PublicKey, Seal};
use crate::net::dane::{Dane, Finding};
use crate::net::resolve::TrustAnchor;

/// How long partners have to answer a request to delete.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a key pair: the private key goes into a file, the public key is printed for the partners.
    NewKey {
        /// File to write, readable by its owner alone; an existing one is never replaced.
        #[arg(default_value = "federation.key")]
        file: PathBuf,
    },
    /// Print the public key that belongs to a key file.
    ShowKey {
        /// The key file.
        #[arg(default_value = "federation.key")]
        file: PathBuf,
    },
    /// Show partners, links and what DNSSEC says of the partners' servers, as the running gateway sees them.
    Status(Admin),
    /// Have every partner of a live room delete what it keeps of one of our people, and wait for the receipts.
    Erase {
        /// The meeting's id.
        meeting: String,
        /// The participant's id, as in GET /api/rooms/{id}.
        person: String,
        #[command(flatten)]
        admin: Admin,
    },
    /// Look up what a domain publishes for its XMPP servers (SRV and TLSA, validated by DNSSEC).
    Dane {
        /// The domain of a partner's component, as in meet.sh.example.
        domain: String,
        #[command(flatten)]
        config: ConfigArg,
    },
}

/// Where the running gateway is asked.
#[derive(clap::Args)]
struct Admin {
    /// Address of the admin listener.
    #[arg(long, default_value = "http://127.0.0.1:9090", env = "LANDBRIDGE_ADMIN")]
    admin: String,
    /// Bearer token, if [admin] token is set.
    #[arg(long, env = "LANDBRIDGE_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    message: String,
}

#[derive(Deserialize)]
struct Status {
    us: Us,
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Us {
    name: String,
    authority: String,
    key: String,
    partners: Vec<Partner>,
    rooms: Vec<Room>,
}

#[derive(Deserialize)]
struct Partner {
    partner: String,
    authority: String,
    address: String,
    keys: Vec<String>,
    dane: String,
    require_dane: bool,
    servers: Vec<Server>,
}

#[derive(Deserialize)]
struct Server {
    host: String,
    port: u16,
    tlsa: usize,
    dane: String,
}

#[derive(Deserialize)]
struct Room {
    room: String,
    meeting: String,
    home: String,
    join: String,
    partners: Vec<String>,
}

#[derive(Deserialize)]
struct Link {
    meeting: String,
    partner: String,
    state: String,
    why: Option<String>,
    people: usize,
    media: bool,
}

#[derive(Deserialize)]
struct Erasures {
    erasures: Vec<Erasure>,
}

#[derive(Deserialize)]
struct Erasure {
    person: String,
    partner: String,
    receipt_after_ms: Option<u64>,
}

pub(super) fn run(args: Args) -> ExitCode {
    let done = match args.command {
        Command::NewKey { file } => new_key(&file),
        Command::ShowKey { file } => match Seal::load(&file) {
            Ok(seal) => Ok(for_partners(&seal.public_key())),
            Err(error) => Err(format!("{}: {error}", file.display())),
        },
        Command::Status(admin) => admin.get("/api/federation").map(|status| shown(&status)),
        Command::Erase { meeting, person, admin } => erase(&admin, &meeting, &person),
        Command::Dane { domain, config } => return dane(&domain, &config),
    };
    match done {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes a key in a new file that nobody else can read at any time.
pub(super) fn write_key(file: &Path) -> Result<PublicKey, String> {
    let pem = Seal::generate().map_err(|_| "the system gives no randomness".to_owned())?;
    let seal = Seal::from_pem(&pem).map_err(|error| error.to_string())?;
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "partners would no longer know us by a new one: name another file",
            _ => "name another file",
        };
        format!("{}: {error}; {remedy}", file.display())
    })?;
    Ok(seal.public_key())
}

fn new_key(file: &Path) -> Result<String, String> {
    let public = write_key(file)?;
    Ok(format!(
        "{}: written; it never leaves this machine\n{}",
        file.display(),
        for_partners(&public)
    ))
}

fn for_partners(public: &PublicKey) -> String {
    format!(
        "key {}, for the partners' [[federation.partner]]:\nkeys = [\"{public}\"]\n",
        public.id()
    )
}

#[allow(
    clippy::disallowed_methods,
    reason = "this command has one thread and nothing else to do"
)]
fn erase(admin: &Admin, meeting: &str, person: &str) -> Result<String, String> {
    if meeting.is_empty() || !meeting.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{meeting:?} is no meeting id; see `landbridge rooms --once`"));
    }
    let body = serde_json::json!({ "person": person });
    admin.post(&format!("/api/rooms/{meeting}/joint/erase"), body)?;
    let pause = Duration::from_millis(250);
    let mut waited = Duration::ZERO;
    loop {
        std::thread::sleep(pause);
        waited += pause;
        let known: Erasures = admin.get(&format!("/api/rooms/{meeting}/joint/erasures"))?;
        let asked: Vec<&Erasure> = known.erasures.iter().filter(|e| e.person == person).collect();
        let is_done = !asked.is_empty() && asked.iter().all(|erasure| erasure.receipt_after_ms.is_some());
        if !is_done && waited < PATIENCE {
            continue;
        }
        let mut text = String::new();
        for erasure in &asked {
            let state = match erasure.receipt_after_ms {
                Some(after) => format!("deleted, sealed receipt after {after} ms"),
                None => "no receipt".to_owned(),
            };
            let _ = writeln!(text, "{}: {state}", erasure.partner);
        }
        if is_done {
            return Ok(text);
        }
        return Err(format!("not all partners answered within {PATIENCE:?}\n{text}"));
    }
}

fn dane(domain: &str, config: &ConfigArg) -> ExitCode {
    let config = match config.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let anchor = config.trust_anchor.as_deref().map(TrustAnchor::read).transpose();
    let runtime = match runtime(1) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let found = runtime.block_on(async {
        let dane = Dane::new(&config.dns_servers, anchor?.as_ref())?;
        Ok::<Finding, String>(dane.look(domain).await)
    });
    match found {
        Ok(finding) => {
            println!("{domain}: {}", finding.state.as_str());
            for server in &finding.servers {
                println!(
                    "  {}:{} {} TLSA, {}",
                    server.host,
                    server.port,
                    server.records,
                    server.state.as_str()
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn shown(status: &Status) -> String {
    let us = &status.us;
    let mut text = format!("{} ({}), key {}\n", us.name, us.authority, us.key);
    for partner in &us.partners {
        let require = if partner.require_dane { ", required" } else { "" };
        let _ = writeln!(
            text,
            "partner {} ({}) at {}, keys {}, DANE {}{require}",
            partner.partner,
            partner.authority,
            partner.address,
            partner.keys.join(" "),
            partner.dane
        );
        for server in &partner.servers {
            let _ = writeln!(
                text,
                "  {}:{} {} TLSA, {}",
                server.host, server.port, server.tlsa, server.dane
            );
        }
    }
    for room in &us.rooms {
        let _ = writeln!(
            text,
            "room {} is meeting {}, home {}, joined {}, with {}",
            room.room,
            room.meeting,
            room.home,
            room.join,
            room.partners.join(" ")
        );
        for link in status.links.iter().filter(|link| link.meeting == room.meeting) {
            let why = link.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            let media = if link.media { "sound" } else { "no sound" };
            let _ = writeln!(
                text,
                "  {:<24} {}{why}, {} people, {media}",
                link.partner, link.state, link.people
            );
        }
    }
    text
}

impl Admin {
    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let mut request = agent().get(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut response = self.answered(request.call())?;
        response.body_mut().read_json().map_err(|e| e.to_string())
    }

    fn post(&self, path: &str, body: serde_json::Value) -> Result<(), String> {
        let mut request = agent().post(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.answered(request.send_json(body)).map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.admin.trim_end_matches('/'))
    }

    fn answered(
        &self,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<ureq::http::Response<ureq::Body>, String> {
        let mut response = result.map_err(|error| {
            format!(
                "{}: {error}; is the gateway running, and is this its [admin] listen?",
                self.admin
            )
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let refused: Result<Refused, _> = response.body_mut().read_json();
        Err(refused.map_or_else(|_| response.status().to_string(), |refused| refused.message))
    }
}

/// Asks with patience, and takes a refusal as an answer.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_key_is_its_owners_alone_and_never_replaces_another() {
        let file = std::env::temp_dir().join(format!("landbridge-new-key-{}.key", std::process::id()));
        let text = new_key(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let seal = Seal::load(&file).unwrap();
        assert!(text.contains(&format!("keys = [\"{}\"]", seal.public_key())), "{text}");
        assert!(!text.contains("PRIVATE"), "{text}");
        assert!(new_key(&file).unwrap_err().contains("another file"));
        assert_eq!(Seal::load(&file).unwrap(), seal);
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn the_status_says_who_is_linked_and_what_dnssec_says() {
        let status: Status = serde_json::from_value(serde_json::json!({
            "us": { "name": "th.example", "authority": "Thüringen", "key": "ed25519:AAAA",
                "partners": [{ "partner": "sh.example", "authority": "SH", "address": "meet.sh.example", "keys": ["00ff"],
                    "dane": "secure", "require_dane": true,
                    "servers": [{ "host": "xmpp.sh.example", "port": 5269, "tlsa": 1, "dane": "secure" }] }],
                "rooms": [{ "room": "crisis-team", "meeting": "4711", "home": "th.example", "join": "always",
                    "partners": ["sh.example"] }] },
            "links": [{ "meeting": "4711", "partner": "sh.example", "authority": "SH", "state": "refused",
                "why": "unknown-key", "people": 0, "media": false }]
        }))
        .unwrap();
        let text = shown(&status);
        for word in [
            "DANE secure, required",
            "xmpp.sh.example:5269 1 TLSA",
            "refused (unknown-key)",
            "no sound",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}
