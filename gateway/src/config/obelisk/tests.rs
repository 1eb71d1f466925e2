// SPDX-License-Identifier: EUPL-1.2
#![allow(clippy::unwrap_used)]
use std::path::Path;

use super::*;
use crate::config::{Config, Login};

const TOKEN: &str = "fresh-token";

/// Every key that Obelisk 0.21 reads.
const FULL: &str = r#"
clock_format = "24h"
language = "en"

[auth]
issuer = "https://id.example.org/realms/opentalk"
client_id = "Obelisk"
client_secret = "cl13nt\"s3cr3t"

[controller]
domain = "controller.example.org:8443"
insecure = false

[monitoring]
addr = "0.0.0.0"
port = 11411

[sip]
addr = "192.0.2.10"
port = 5062
transport = "udp_tcp"
inbound_addr = "203.0.113.5:5062"
inbound_media_ip = "203.0.113.6"
id = "sip:3613791234@sip.example.net"
contact = "sip:3613791234@192.0.2.10"
username = "3613791234"
password = "s1pp4ss"
realm = "example.net"
registrar = "sip:sip.example.net"
outbound_proxy = "sip:proxy.example.net;transport=tcp"
enforce_qop = true
nat_ping_delta = 30
stun_server = "stun.example.net:3478"
offer_srtp = true
max_video_bitrate = 4000000
encode_video_at_half_bitrate = true
display_name_source = "Contact"
rtp_port_range = { start = 41000, end = 42999 }
"#;

/// The least with which Obelisk starts.
const SMALL: &str = "[auth]\nissuer = \"https://id.example.org/realms/x\"\nclient_id = \"o\"\nclient_secret = \"s3cr3t\"\n\
    [controller]\ndomain = \"localhost:8000\"\n[sip]\naddr = \"0.0.0.0\"\nport = 5060\n";

fn migrated(text: &str) -> Migration {
    migrate(Path::new("obelisk.toml"), text, &[], TOKEN).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn faults(text: &str) -> Vec<String> {
    let problems = migrate(Path::new("obelisk.toml"), text, &[], TOKEN).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

fn loaded(migration: &Migration) -> Config {
    Config::parse(Path::new("landbridge.toml"), &migration.text)
        .unwrap_or_else(|problems| panic!("{problems:?}\n{}", migration.text))
}

#[test]
fn the_new_file_loads_and_says_what_the_old_one_said() {
    let config = loaded(&migrated(FULL));
    let listen: Vec<String> = config
        .sip
        .listen
        .iter()
        .map(|(_, address)| address.to_string())
        .collect();
    assert_eq!(listen, ["192.0.2.10:5062", "192.0.2.10:5062"]);
    assert_eq!(config.sip.public_name.as_deref(), Some("203.0.113.5"));
    assert_eq!(config.media.ports, 41_000..=42_999);
    assert_eq!(config.media.public_address, Some("203.0.113.6".parse().unwrap()));
    let trunk = &config.trunks[0];
    assert_eq!(trunk.credentials, Some(("3613791234".into(), "s1pp4ss".into())));
    assert_eq!(trunk.proxy.as_deref(), Some("sip:proxy.example.net;transport=tcp"));
    assert_eq!((trunk.language.as_deref(), trunk.is_open()), (Some("en"), true));
    assert_eq!(config.lobby.languages, ["en", "de"]);
    let admin = config.admin.unwrap();
    assert_eq!(
        (admin.listen.to_string().as_str(), admin.token.as_deref()),
        ("0.0.0.0:11411", Some(TOKEN))
    );
}

#[test]
fn the_login_and_the_controller_move_to_opentalk() {
    let opentalk = loaded(&migrated(FULL)).opentalk.unwrap();
    assert_eq!(opentalk.controller, "https://controller.example.org:8443");
    let Login::Oidc {
        issuer,
        client_id,
        client_secret,
    } = opentalk.login
    else {
        panic!("Obelisk logs in by OIDC");
    };
    assert_eq!(issuer, "https://id.example.org/realms/opentalk");
    assert_eq!(
        (client_id.as_str(), client_secret.as_str()),
        ("Obelisk", "cl13nt\"s3cr3t")
    );
    let plain = migrated(&SMALL.replace("[sip]", "insecure = true\n[sip]"));
    assert!(plain.text.contains("controller = \"http://localhost:8000\""));
    assert!(
        plain
            .notes
            .iter()
            .any(|note| note.key == "[controller] insecure" && !note.is_lost)
    );
}

#[test]
fn the_least_file_loads_with_obelisks_defaults() {
    let migration = migrated(SMALL);
    let config = loaded(&migration);
    assert_eq!(config.sip.listen.len(), 2, "udp_tcp");
    assert_eq!(config.media.ports, 40_000..=49_999);
    assert_eq!(config.lobby.languages, ["de", "en"]);
    assert!(config.admin.unwrap().listen.ip().is_loopback());
    let keys: Vec<&str> = migration.notes.iter().map(|note| note.key.as_str()).collect();
    assert_eq!(keys, ["sip"], "only the open trunk wants a look");
}

#[test]
fn every_key_without_a_twin_is_told_with_reason_and_remedy_in_the_file_and_as_a_note() {
    let migration = migrated(FULL);
    for key in [
        "clock_format",
        "[sip] id",
        "[sip] realm",
        "[sip] registrar",
        "[sip] enforce_qop",
        "[sip] nat_ping_delta",
        "[sip] stun_server",
        "[sip] max_video_bitrate",
        "[sip] encode_video_at_half_bitrate",
        "[sip] display_name_source",
    ] {
        let note = migration.notes.iter().find(|note| note.is_lost && note.key == key);
        let note = note.unwrap_or_else(|| panic!("{key} is not told"));
        assert!(!note.why.is_empty() && !note.remedy.is_empty());
        assert!(migration.text.contains(&format!("# {key}: ")), "{key}");
    }
    let ten_digits = migration
        .notes
        .iter()
        .any(|note| note.key == "[sip] username" && note.why.contains("meeting id"));
    assert!(ten_digits, "a called number of ten digits would be taken for a meeting");
}

#[test]
fn notes_and_faults_hold_no_secret() {
    let migration = migrated(FULL);
    let notes: String = migration.notes.iter().map(|note| format!("{note}\n")).collect();
    for secret in ["s3cr3t", "s1pp4ss", TOKEN] {
        assert!(!notes.contains(secret), "{notes}");
        assert!(
            !migration.text.lines().any(|l| l.starts_with('#') && l.contains(secret)),
            "{secret} in a comment"
        );
    }
    let wrong = faults(&SMALL.replace("client_secret = \"s3cr3t\"", "client_secret = [\"s3cr3t\"]"));
    assert!(
        wrong[0].contains("client_secret") && !wrong.concat().contains("s3cr3t"),
        "{wrong:?}"
    );
    let torn = faults(&SMALL.replace("\"s3cr3t\"", "\"s3cr3t"));
    assert!(
        torn[0].starts_with("obelisk.toml:4: ") && !torn.concat().contains("s3cr3t"),
        "{torn:?}"
    );
}

#[test]
fn a_file_that_is_not_obelisks_is_refused_with_all_that_is_missing() {
    let faults = faults("[sip]\nlisten = [\"udp:0.0.0.0:5060\"]\n");
    for key in [
        "[controller] domain",
        "[auth] issuer",
        "[auth] client_id",
        "[auth] client_secret",
        "[sip] addr",
    ] {
        assert!(
            faults.iter().any(|f| f.contains(key) && f.contains("is missing")),
            "{key}: {faults:?}"
        );
    }
}

#[test]
fn wrong_values_are_named_with_their_key() {
    for (from, to, word) in [
        ("port = 5060", "port = \"sip\"", "[sip] port \"sip\" is no port"),
        (
            "port = 5060",
            "port = 5060\ntransport = \"tls\"",
            "[sip] transport \"tls\"",
        ),
        (
            "port = 5060",
            "port = 5060\ninbound_addr = \"host:5060\"",
            "[sip] inbound_addr",
        ),
        (
            "port = 5060",
            "port = 5060\nrtp_port_range = { start = 2, end = 1 }",
            "2-1 is no range",
        ),
        ("[auth]", "language = \"fr\"\n[auth]", "language \"fr\""),
    ] {
        let faults = faults(&SMALL.replace(from, to));
        assert!(faults.len() == 1 && faults[0].contains(word), "{to}: {faults:?}");
    }
}

#[test]
fn variables_of_obelisk_win_over_the_file() {
    let environment = [
        ("OPENTALK_OBLSK_AUTH__CLIENT_SECRET".to_owned(), "fr0m-env".to_owned()),
        (
            "OPENTALK_OBLSK_SIP__RTP_PORT_RANGE__START".to_owned(),
            "45000".to_owned(),
        ),
        ("HOME".to_owned(), "/root".to_owned()),
    ];
    let migration = migrate(Path::new("obelisk.toml"), SMALL, &environment, TOKEN).unwrap();
    assert!(migration.text.contains("client_secret = \"fr0m-env\""));
    assert_eq!(loaded(&migration).media.ports, 45_000..=49_999);
    let told = migration
        .notes
        .iter()
        .filter(|note| note.why.contains("OPENTALK_OBLSK_"))
        .count();
    assert_eq!(told, 2);
}

#[test]
fn keys_that_obelisk_does_not_know_are_told() {
    let migration = migrated(&SMALL.replace(
        "port = 5060",
        "port = 5060\nstunserver = \"x\"\n[logging]\nlevel = \"debug\"",
    ));
    let keys: Vec<&str> = migration.notes.iter().map(|note| note.key.as_str()).collect();
    assert!(
        keys.contains(&"[sip] stunserver") && keys.contains(&"[logging] level"),
        "{keys:?}"
    );
}

#[test]
fn ipv6_and_contact_hosts_are_written_as_landbridge_reads_them() {
    let v6 = SMALL.replace(
        "addr = \"0.0.0.0\"",
        "addr = \"::\"\ncontact = \"sip:alice@[2001:db8::1]:5060\"",
    );
    let config = loaded(&migrated(&v6));
    assert_eq!(config.sip.listen[0].1.to_string(), "[::]:5060");
    assert_eq!(config.sip.public_name.as_deref(), Some("2001:db8::1"));
    let odd = migrated(&SMALL.replace("port = 5060", "port = 5060\ncontact = \"alice\""));
    assert!(odd.notes.iter().any(|note| note.is_lost && note.key == "[sip] contact"));
}

#[test]
fn text_from_the_old_file_cannot_break_out_of_its_line() {
    let hostile = SMALL.replace(
        "client_id = \"o\"",
        "client_id = \"o\\\"\\n[admin]\\nlisten = \\\"0.0.0.0:1\\\"\\u0000\"\n\"x\\n[web]\" = 1",
    );
    let migration = migrated(&hostile);
    assert!(
        !migration
            .text
            .lines()
            .any(|l| l.starts_with("[web]") || l.starts_with("listen = \"0.0.0.0:1"))
    );
    loaded(&migration);
}
