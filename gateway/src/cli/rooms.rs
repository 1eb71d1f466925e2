// SPDX-License-Identifier: EUPL-1.2
//! `landbridge rooms`: the live table of a running gateway.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Address of the admin listener.
    #[arg(long, default_value = "http://127.0.0.1:9090", env = "LANDBRIDGE_ADMIN")]
    admin: String,
    /// Bearer token, if [admin] token is set.
    #[arg(long, env = "LANDBRIDGE_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print once and end, instead of every second.
    #[arg(long)]
    once: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Calls an XMPP address into a live meeting, if [xmpp] invite allows it.
    Invite {
        /// The meeting's id.
        room: String,
        /// Whom to call, as in alice@a.example.
        jid: String,
    },
}

#[derive(Deserialize)]
struct Refused {
    message: String,
}

#[derive(Deserialize)]
struct Room {
    id: String,
    name: String,
    #[serde(default)]
    locked: bool,
    participants: Vec<Person>,
    #[serde(default)]
    joint: Vec<Joint>,
}

/// An authority that the room is or was shared with.
#[derive(Deserialize)]
struct Joint {
    authority: String,
    state: String,
}

#[derive(Deserialize)]
struct Person {
    name: String,
    kind: String,
    role: String,
    muted: bool,
    hand: Option<u32>,
    speaking: bool,
    #[serde(default)]
    waiting: bool,
    origin: Option<String>,
    #[serde(default)]
    away: bool,
}

#[allow(
    clippy::disallowed_methods,
    reason = "this command has one thread and nothing else to do"
)]
pub(super) fn run(args: Args) -> ExitCode {
    if let Some(Command::Invite { room, jid }) = &args.command {
        return match invite(&args, room, jid) {
            Ok(()) => {
                println!("calling {jid}; whoever answers is in meeting {room}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let live = !args.once && std::io::stdout().is_terminal();
    let mut shown = 0;
    loop {
        let rooms = match fetch(&args) {
            Ok(rooms) => rooms,
            Err(error) => {
                eprintln!(
                    "error: {}: {error}; is the gateway running, and is this its [admin] listen?",
                    args.admin
                );
                return ExitCode::FAILURE;
            }
        };
        let text = table(&rooms);
        if live {
            print!("{}", over(shown));
        }
        print!("{text}");
        shown = text.lines().count();
        let _ = std::io::stdout().flush();
        if args.once {
            return ExitCode::SUCCESS;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn fetch(args: &Args) -> Result<Vec<Room>, String> {
    let rooms: Rooms = get(args, "/api/rooms")?;
    let mut detailed = Vec::with_capacity(rooms.rooms.len());
    for Named { id } in rooms.rooms {
        match get(args, &format!("/api/rooms/{id}")) {
            Ok(room) => detailed.push(room),
            // The room ended between the two questions.
            Err(error) if error.contains("404") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(detailed)
}

fn invite(args: &Args, room: &str, jid: &str) -> Result<(), String> {
    if room.is_empty() || !room.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{room:?} is no meeting id; see `landbridge rooms --once`"));
    }
    let url = format!("{}/api/rooms/{room}/invite", args.admin.trim_end_matches('/'));
    let mut request = agent().post(url);
    if let Some(token) = &args.token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let address = jid.strip_prefix("xmpp:").unwrap_or(jid);
    let body = serde_json::json!({ "address": address });
    let mut response = request.send_json(body).map_err(|error| {
        format!(
            "{}: {error}; is the gateway running, and is this its [admin] listen?",
            args.admin
        )
    })?;
    if response.status().is_success() {
        return Ok(());
    }
    let refused: Result<Refused, _> = response.body_mut().read_json();
    Err(refused.map_or_else(|_| response.status().to_string(), |refused| refused.message))
}

/// Asks with patience, and takes a refusal as an answer.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .build()
        .into()
}

fn get<T: serde::de::DeserializeOwned>(args: &Args, path: &str) -> Result<T, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into();
    let mut request = agent.get(format!("{}{path}", args.admin.trim_end_matches('/')));
    if let Some(token) = &args.token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().map_err(|e| e.to_string())?;
    response.body_mut().read_json().map_err(|e| e.to_string())
}

#[derive(Deserialize)]
struct Rooms {
    rooms: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Goes back over the table shown before, so that it stays in place and what stood above it stays readable.
fn over(lines: usize) -> String {
    match lines {
        0 => String::new(),
        lines => format!("\x1b[{lines}F\x1b[J"),
    }
}

fn table(rooms: &[Room]) -> String {
    let mut text = String::new();
    if rooms.is_empty() {
        text.push_str("no live rooms\n");
    }
    for room in rooms {
        let lock = if room.locked { ", locked" } else { "" };
        let people = match room.participants.len() {
            1 => "1 person".to_owned(),
            n => format!("{n} people"),
        };
        let _ = writeln!(text, "{} {} ({people}{lock})", room.id, room.name);
        for joint in &room.joint {
            let _ = writeln!(text, "  with {}: {}", joint.authority, joint.state);
        }
        for p in &room.participants {
            let mut marks = Vec::new();
            if p.speaking {
                marks.push("speaking".to_owned());
            }
            if p.muted {
                marks.push("muted".to_owned());
            }
            if let Some(place) = p.hand {
                marks.push(format!("hand {place}"));
            }
            if p.waiting {
                marks.push("waiting".to_owned());
            }
            if let Some(authority) = &p.origin {
                marks.push(authority.clone());
            }
            if p.away {
                marks.push("out of reach".to_owned());
            }
            let _ = writeln!(
                text,
                "  {:<28} {:<8} {:<12} {}",
                p.name,
                p.kind,
                p.role,
                marks.join(", ")
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_table_wipes_nothing_and_later_ones_only_the_one_before() {
        assert_eq!(over(0), "");
        assert_eq!(over(3), "\x1b[3F\x1b[J");
    }

    #[test]
    fn the_table_shows_who_is_there_and_how() {
        let person = Person {
            name: "••• 45".into(),
            kind: "phone".into(),
            role: "participant".into(),
            muted: true,
            hand: Some(1),
            speaking: false,
            waiting: false,
            origin: Some("Schleswig-Holstein".into()),
            away: true,
        };
        let room = Room {
            id: "1234567890".into(),
            name: "Demo".into(),
            locked: true,
            participants: vec![person],
            joint: vec![Joint {
                authority: "Schleswig-Holstein".into(),
                state: "away".into(),
            }],
        };
        let text = table(&[room]);
        assert!(
            text.contains("1 person, locked")
                && text.contains("muted, hand 1, Schleswig-Holstein, out of reach")
                && text.contains("with Schleswig-Holstein: away"),
            "{text}"
        );
    }
}
