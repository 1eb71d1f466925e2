// SPDX-License-Identifier: EUPL-1.2
//! The section as operators write it, right and wrong.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::config::Config;

const SH: &str = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const BY: &str = "ed25519:PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

/// A folder with a key file, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = format!(
            "landbridge-federation-{}-{:08x}",
            std::process::id(),
            rand::random::<u32>()
        );
        let folder = Folder(std::env::temp_dir().join(folder));
        std::fs::create_dir_all(&folder.0).unwrap();
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600);
        let mut file = file.open(folder.0.join("federation.key")).unwrap();
        std::io::Write::write_all(&mut file, Seal::generate().unwrap().as_bytes()).unwrap();
        folder
    }

    fn parse(&self, text: &str) -> Result<Config, Vec<String>> {
        Config::parse(&self.0.join("landbridge.toml"), text)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const GROUND: &str = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[xmpp]\ncomponent = \"meet.th.example\"\n\
    secret = \"geheimnis\"\n[[meeting]]\nid = \"4711471147\"\n";
const US: &str = "[federation]\nauthority = \"Thüringen\"\nkey_file = \"federation.key\"\n";

fn partner(lines: &str) -> String {
    format!(
        "[[federation.partner]]\nname = \"sh.example\"\nauthority = \"Schleswig-Holstein\"\n\
         address = \"meet.sh.example\"\nkeys = [\"{SH}\"]\n{lines}\n"
    )
}

fn room(meeting: &str, partners: &str, home: &str) -> String {
    format!(
        "[federation.rooms]\ncrisis-team = {{ meeting = \"{meeting}\", partners = [{partners}], home = \"{home}\" }}\n"
    )
}

fn text(parts: &[&str]) -> String {
    format!("{GROUND}{US}{}", parts.concat())
}

#[test]
fn a_partner_of_whom_only_the_needful_is_said_is_told_nothing_and_may_do_nothing() {
    let config = Folder::new().parse(&text(&[&partner("")])).unwrap();
    let federation = config.federation.unwrap();
    assert_eq!(federation.name.as_str(), "th.example");
    assert_eq!(federation.away_after, Duration::from_secs(2));
    assert_eq!(federation.remove_after, Duration::from_secs(300));
    let sh = federation.partner_at("meet.sh.example").unwrap();
    assert_eq!(
        (sh.policy.max_people, sh.policy.max_streams, sh.policy.max_kbit),
        (200, 3, None)
    );
    assert!(sh.policy.fields.is_empty() && sh.policy.may.is_empty() && sh.policy.name == NameForm::None);
    assert!(sh.policy.invite == Invite::Refuse && !sh.require_dane && federation.rooms.is_empty());
    assert_eq!(federation.partner(&"sh.example".parse().unwrap()), Some(sh));
}

#[test]
fn what_a_partner_is_told_stands_in_the_file_with_its_lines() {
    let lines = "name_form = \"initials\"\ntells = [\n  \"role\",\n  \"hand\",\n]\nmay = [\"mute\"]\ninvites = \"accept\"\n\
        streams = 5\nkbit = 128\nrequire_dane = true\nrecording = \"with_consent\"";
    let room = room("4711471147", "\"sh.example\"", "th.example");
    let config = Folder::new().parse(&text(&[&partner(lines), &room])).unwrap();
    let federation = config.federation.unwrap();
    let sh = &federation.partners[0];
    assert_eq!(sh.policy.name, NameForm::InitialsAndAuthority);
    assert_eq!(sh.policy.fields, [Field::Role, Field::Hand].into());
    assert_eq!(sh.policy.may, [Deed::Mute].into());
    assert_eq!((sh.policy.max_streams, sh.policy.max_kbit), (5, Some(128)));
    assert!(sh.policy.invite == Invite::Accept && sh.require_dane);
    assert_eq!(sh.policy.recording, RecordingRule::WithConsent);
    let first = sh.lines.partner;
    assert_eq!(sh.lines.name_form, Some(first + 4));
    assert_eq!(sh.lines.fields, [(Field::Role, first + 6), (Field::Hand, first + 7)]);
    let room = federation.room_of("4711471147").unwrap();
    assert_eq!((room.alias.as_str(), room.home.as_str()), ("crisis-team", "th.example"));
    assert_eq!(
        (room.partners.as_slice(), room.join),
        (&[sh.name.clone()][..], Join::Always)
    );
}

#[test]
fn what_cannot_work_or_is_not_safe_is_refused_with_its_line_and_a_remedy() {
    let folder = Folder::new();
    let ours = Seal::load(&folder.0.join("federation.key"))
        .unwrap()
        .public_key()
        .to_string();
    let good_room = room("4711471147", "\"sh.example\"", "sh.example");
    let cases = [
        (partner("tells = [\"hands\"]"), "did you mean \"hand\"?"),
        (partner("tells = [\"name\"]"), "name_form"),
        (partner("tells = [\"phone_number\"]"), "one of role"),
        (partner("tells = [\"video\"]"), "cannot be told"),
        (partner("may = [\"unmute\"]"), "mute"),
        (partner("name_form = \"nick\"").replace("full", ""), "initials"),
        (partner("invites = \"yes\""), "accept"),
        (
            format!("{}{}", partner(""), good_room.replace("crisis-team", "4711471147")),
            "never learn",
        ),
        (
            format!("{}{}", partner(""), good_room.replace("crisis-team", "room-4711471147")),
            "never learn",
        ),
        (partner("recording = \"yes\""), "with_consent"),
        (partner("streams = 0"), "1 to 16"),
        (partner("kbit = 8"), "16 or more"),
        (partner("max_people = 0"), "nobody"),
        (partner("trust = true"), "unknown field"),
        (partner("").replace(SH, "ed25519:short"), "no public key"),
        (partner("").replace(SH, &ours), "our own public key"),
        (partner("").replace(&format!("\"{SH}\""), ""), "never be believed"),
        (
            partner("").replace(&format!("\"{SH}\""), &format!("\"{SH}\", \"{SH}\"")),
            "twice",
        ),
        (partner("").replace("\"sh.example\"", "\"th.example\""), "our own name"),
        (partner("").replace("meet.sh", "meet.th"), "our own component"),
        (partner("").replace("meet.sh.example", "meet sh"), "no domain"),
        (partner("").replace("Schleswig-Holstein", " "), "people can read"),
        (format!("{}{}", partner(""), partner("")), "once"),
        (
            format!("{}{}", partner(""), partner("").replace("sh.example", "by.example")),
            "the same key",
        ),
        (
            format!("{}{good_room}", partner("").replace(SH, BY).replace("\"sh.", "\"by.")),
            "[[federation.partner]]",
        ),
        (
            format!("{}{}", partner(""), good_room.replace("4711471147", "0815081508")),
            "[[meeting]]",
        ),
        (
            format!("{}{}", partner(""), good_room.replace("crisis-team", "Crisis_Team")),
            "crisis-team-2",
        ),
        (
            format!("{}{}", partner(""), room("4711471147", "", "th.example")),
            "needs a partner",
        ),
        (
            format!("{}{}", partner(""), room("4711471147", "\"sh.example\"", "by.example")),
            "take part",
        ),
        (
            format!(
                "{}{good_room}{}",
                partner(""),
                good_room.replace("[federation.rooms]\ncrisis", "other")
            ),
            "one name",
        ),
    ];
    for (part, word) in cases {
        let problems = folder.parse(&text(&[&part])).unwrap_err();
        let found = problems.iter().find(|problem| problem.contains(word));
        assert!(found.is_some(), "{part}\nwanted {word:?}, got {problems:#?}");
        for problem in &problems {
            let place = format!("{}:", folder.0.join("landbridge.toml").display());
            let line = problem.strip_prefix(&place).and_then(|rest| rest.split(':').next());
            assert!(
                line.is_some_and(|line| line.parse::<usize>().is_ok_and(|line| line > 7)),
                "{problem}"
            );
        }
    }
}

#[test]
fn ourselves_are_checked_too() {
    let folder = Folder::new();
    for (text, word) in [
        (
            format!("{GROUND}[federation]\nkey_file = \"federation.key\"\n"),
            "authority",
        ),
        (
            format!("{GROUND}{}", US.replace("federation.key", "nowhere.key")),
            "landbridge federation new-key",
        ),
        (
            format!("{GROUND}{}", US.replace("federation.key", "landbridge.toml")),
            "federation new-key",
        ),
        (format!("{GROUND}{US}away_after = \"1s\"\n"), "1500ms"),
        (format!("{GROUND}{US}remove_after = \"2s\"\n"), "longer than"),
        (format!("{GROUND}{US}name = \"th_example\"\n"), "DNS name"),
        (format!("{GROUND}{US}partners = []\n"), "partner"),
        (format!("[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n{US}"), "[xmpp]"),
    ] {
        let problems = folder.parse(&text).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.contains(word)),
            "{text}: {problems:#?}"
        );
    }
    let named = folder.parse(&format!("{GROUND}{US}name = \"conf.example\"\n")).unwrap();
    assert_eq!(named.federation.unwrap().name.as_str(), "conf.example");
    assert!(folder.parse(GROUND).unwrap().federation.is_none());
    assert!(Config::load(Path::new("/nowhere/landbridge.toml")).is_err());
}
