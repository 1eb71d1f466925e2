// SPDX-License-Identifier: EUPL-1.2
//! `landbridge explain federation`: what leaves to a partner, and which line of the configuration lets it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::ConfigArg;
use crate::config::federation::{Deed, Federation, Field, JointRoom, Partner};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The partner's name, as in sh.example.
    partner: String,
    /// The room's alias, as in crisis-team.
    room: String,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: Args) -> ExitCode {
    let config = match args.config.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let found = config
        .federation
        .as_ref()
        .ok_or_else(|| "there is no [federation] section, so nothing leaves to anybody".to_owned())
        .and_then(|federation| find(federation, &args.partner, &args.room));
    match found {
        Ok((partner, room)) => {
            print!("{}", text(&config.path, partner, room));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Finds what is strange about partners and rooms, and not wrong.
pub(super) fn warnings(federation: &Federation) -> Vec<String> {
    let mut warnings = Vec::new();
    for partner in &federation.partners {
        if !federation
            .rooms
            .iter()
            .any(|room| room.partners.contains(&partner.name))
        {
            let name = &partner.name;
            warnings.push(format!(
                "partner {name} shares no room; name it in the partners of one in [federation.rooms]"
            ));
        }
        if partner.keys.keys().len() > 2 {
            let name = &partner.name;
            warnings.push(format!(
                "partner {name} is known by more than two keys; remove those it has retired"
            ));
        }
    }
    warnings
}

fn find<'a>(federation: &'a Federation, partner: &str, room: &str) -> Result<(&'a Partner, &'a JointRoom), String> {
    let partners = || {
        let names: Vec<&str> = federation.partners.iter().map(|p| p.name.as_str()).collect();
        format!("there are {names:?}")
    };
    let rooms = || {
        let names: Vec<&str> = federation.rooms.iter().map(|r| r.alias.as_str()).collect();
        format!("there are {names:?}")
    };
    let found = federation.partners.iter().find(|p| p.name.as_str() == partner);
    let found = found.ok_or_else(|| format!("no partner is named {partner:?}; {}", partners()))?;
    let room = federation.rooms.iter().find(|r| r.alias.as_str() == room);
    let room = room.ok_or_else(|| format!("no joint room is named so; {}", rooms()))?;
    Ok((found, room))
}

fn text(file: &Path, partner: &Partner, room: &JointRoom) -> String {
    let mut text = format!(
        "room {} towards {} ({}) at {}\n\n",
        room.alias, partner.name, partner.authority, partner.address
    );
    let lines = partner.policy_in(room).explain(&partner.name, &room.alias);
    for (title, leaves) in [("leaves", true), ("stays here", false)] {
        let _ = writeln!(text, "{title}:");
        for line in lines.iter().filter(|line| line.leaves == leaves) {
            let place = match place(&line.field, partner, room) {
                Some(number) => format!("{}:{number}: ", file.display()),
                None => String::new(),
            };
            let what = match line.as_what.as_str() {
                "" => line.field.clone(),
                as_what => format!("{}: {as_what}", line.field),
            };
            let _ = writeln!(text, "  {what}\n      {place}{}", line.why);
        }
    }
    let limits = &partner.policy;
    let kbit = limits
        .max_kbit
        .map_or("no limit".to_owned(), |kbit| format!("{kbit} kbit/s"));
    let _ = writeln!(
        text,
        "limits: {} of its people, {} streams of sound each way, {kbit}",
        limits.max_people, limits.max_streams
    );
    text
}

/// Returns the line that decides about something; where a default decides, the partner's.
fn place(field: &str, partner: &Partner, room: &JointRoom) -> Option<usize> {
    let lines = &partner.lines;
    let word = |known: Option<usize>, list: Option<usize>| Some(known.or(list).unwrap_or(lines.partner));
    if let Some(deed) = field.strip_prefix("may ") {
        let deed = Deed::ALL.into_iter().find(|known| known.as_str() == deed);
        let line = deed.and_then(|deed| lines.deeds.iter().find(|(known, _)| *known == deed));
        return word(line.map(|(_, line)| *line), lines.may);
    }
    if let Some(fact) = Field::ALL.into_iter().find(|known| known.as_str() == field) {
        let line = lines.fields.iter().find(|(known, _)| *known == fact);
        return word(line.map(|(_, line)| *line), lines.tells);
    }
    match field {
        "room" | "presence" => Some(room.line),
        "name" => word(lines.name_form, None),
        "sound while the partner records" => word(lines.recording, None),
        // No line lets out what never leaves.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Config;

    #[test]
    fn each_thing_that_leaves_is_named_with_the_line_that_lets_it() {
        let folder = std::env::temp_dir().join(format!("landbridge-outward-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let key = folder.join("federation.key");
        super::super::federation::write_key(&key).unwrap();
        let file = folder.join("landbridge.toml");
        let toml = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[xmpp]\ncomponent = \"meet.th.example\"\n\
            secret = \"geheimnis\"\n[[meeting]]\nid = \"4711471147\"\n[federation]\nauthority = \"Thüringen\"\n\
            key_file = \"federation.key\"\n[[federation.partner]]\nname = \"sh.example\"\nauthority = \"SH\"\n\
            address = \"meet.sh.example\"\nkeys = [\"ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"]\n\
            tells = [\n\"hand\"]\nmay = [\"mute\"]\n[federation.rooms]\n\
            crisis-team = { meeting = \"4711471147\", partners = [\"sh.example\"], home = \"th.example\" }\n";
        let config = Config::parse(&file, toml).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let federation = config.federation.unwrap();
        assert!(warnings(&federation).is_empty());
        let (partner, room) = find(&federation, "sh.example", "crisis-team").unwrap();
        let text = text(Path::new("landbridge.toml"), partner, room);
        let (leaves, stays) = text.split_once("stays here:").unwrap();
        assert!(
            leaves.contains("hand: ") && leaves.contains("landbridge.toml:17: "),
            "{text}"
        );
        assert!(
            leaves.contains("may mute: ") && leaves.contains("landbridge.toml:18: "),
            "{text}"
        );
        assert!(leaves.contains("landbridge.toml:20: "), "the room's own line: {text}");
        for kept in ["role", "chat", "telephone number", "IP address", "may end"] {
            assert!(stays.contains(kept) && !leaves.contains(kept), "{kept}: {text}");
        }
        assert!(find(&federation, "by.example", "crisis-team").is_err());
    }
}
