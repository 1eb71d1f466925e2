// SPDX-License-Identifier: EUPL-1.2
//! The command line and the operator's listener, as an operator uses them.
//!
//! Needs openssl, baresip and a network namespace of its own: `interop-tests/tools/test.sh cli`.

use std::path::Path;
use std::time::Duration;

use landbridge_interop_tests::gateway::{ADMIN, Gateway, MEETING, PIN, Setup, WEB, landbridge, scratch};
use landbridge_interop_tests::peers::baresip;
use serde_json::Value;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Runs the program; returns exit code, output and errors.
fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let done = landbridge(folder, args);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn every_command_has_help_and_a_wrong_one_is_explained() {
    let folder = scratch("help");
    for command in ["serve", "check", "explain", "call", "rooms", "federation", "migrate"] {
        let (code, out, _) = run(&folder, &[command, "--help"]);
        assert!(
            code == Some(0) && out.contains("Usage") && out.len() > 200,
            "{command}: {out}"
        );
    }
    let (code, out, _) = run(&folder, &["--help"]);
    assert!(
        code == Some(0)
            && ["serve", "check", "explain", "call", "rooms", "federation", "migrate"]
                .iter()
                .all(|c| out.contains(c)),
        "{out}"
    );
    let (code, out, _) = run(&folder, &["--version"]);
    assert!(code == Some(0) && out.starts_with("landbridge "), "{out}");
    let (code, _, errors) = run(&folder, &["sreve"]);
    assert!(code == Some(2) && errors.contains("serve"), "{errors}");
}

#[test]
fn an_obelisk_configuration_becomes_ours_and_nothing_is_replaced_unasked() {
    let folder = scratch("migrate");
    let obelisk = "[auth]\nissuer = \"https://id.example/realms/x\"\nclient_id = \"obelisk\"\nclient_secret = \"t0ps3cret\"\n\
        [controller]\ndomain = \"controller.example\"\n[monitoring]\n\
        [sip]\naddr = \"127.0.0.1\"\nport = 5060\nstun_server = \"stun.example\"\n";
    std::fs::write(folder.join("obelisk.toml"), obelisk).unwrap();
    let (code, out, told) = run(&folder, &["migrate", "obelisk.toml", "-o", "new.toml"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        out.contains("landbridge check") && told.contains("[sip] stun_server"),
        "{out}{told}"
    );
    assert!(!out.contains("t0ps3cret") && !told.contains("t0ps3cret"), "{out}{told}");
    let (code, _, errors) = run(&folder, &["check", "-c", "new.toml"]);
    assert_eq!(code, Some(0), "{errors}");
    let (code, _, errors) = run(&folder, &["migrate", "obelisk.toml", "-o", "new.toml"]);
    assert!(code == Some(1) && errors.contains("--force"), "{errors}");
    let (code, _, errors) = run(&folder, &["migrate", "obelisk.toml", "-o", "new.toml", "--force"]);
    assert_eq!(code, Some(0), "{errors}");
    let (code, _, errors) = run(&folder, &["migrate", "new.toml", "-o", "newer.toml"]);
    assert!(
        code == Some(2) && errors.contains("[auth] issuer is missing"),
        "{errors}"
    );
}

#[test]
fn check_says_what_stands_in_a_good_configuration() {
    let folder = scratch("check");
    Setup::new(&folder).write();
    let (code, out, errors) = run(&folder, &["check"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        out.contains("3 SIP listener") && out.contains("1 meeting") && out.contains("127.0.0.1:8080"),
        "{out}"
    );
    assert!(!out.contains(PIN));
}

#[test]
fn explain_names_file_and_line_of_each_rule_and_shows_no_pin() {
    let folder = scratch("explain");
    let rules = "[[rule]]\nname = \"closed\"\nto = \"+493611234\"\nwhen = { days = \"sun\" }\nreject = { cause = \"declined\" }\n\
                 [[rule]]\nname = \"desk\"\ntrunk = \"test\"\nto = \"+49361(1234)\"\n\
                 enter = { meeting = \"1234567890\", pin = \"0987654321\" }\n";
    std::fs::write(folder.join("dialplan.toml"), rules).expect("the scratch folder is writable");
    Setup::new(&folder)
        .extra("[dialplan]\nfile = \"dialplan.toml\"\n")
        .write();
    let monday = "2026-11-23T10:00";
    let (code, out, errors) = run(
        &folder,
        &["explain", "+4930123", "0361 1234", "--trunk", "test", "--at", monday],
    );
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        out.contains("dialplan.toml:1") && out.contains("dialplan.toml:6"),
        "both rules are named: {out}"
    );
    assert!(out.contains(MEETING) && !out.contains(PIN), "{out}");
    let sunday = "2026-11-22T10:00";
    let (_, out, _) = run(
        &folder,
        &["explain", "+4930123", "0361 1234", "--trunk", "test", "--at", sunday],
    );
    assert!(out.contains("declined"), "{out}");
    let (code, out, _) = run(&folder, &["explain", "+4930123", "112"]);
    assert!(code == Some(0) && out.contains("emergency"), "{out}");
    let room = "xmpp:1234567890*0987654321@meet.example";
    let (code, out, _) = run(&folder, &["explain", "xmpp:alice@a.example", room]);
    assert!(
        code == Some(0) && out.contains("trunk  xmpp") && out.contains(MEETING) && !out.contains(PIN),
        "{out}"
    );
    let (code, _, errors) = run(&folder, &["explain", "1", "2", "--trunk", "nobody"]);
    assert!(
        code == Some(2) && errors.contains("test"),
        "the known trunks are named: {errors}"
    );
    let (code, _, errors) = run(&folder, &["explain", "1", "2", "--at", "tomorrow"]);
    assert!(code == Some(2) && errors.contains("--at"), "{errors}");
}

#[test]
fn call_reports_set_up_codec_encryption_and_loss() {
    let gateway = Gateway::start("call");
    // Somebody who is heard, so that packets come back.
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    alice.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
    let uri = |rest: &str| format!("sip:{MEETING}*{PIN}@127.0.0.1:{rest}");
    for (transport, codec, name) in [
        ("udp", "pcma", "PCMA"),
        ("tcp", "g722", "G722"),
        ("tcp", "opus", "opus"),
    ] {
        let target = uri(&format!("5060;transport={transport}"));
        let (code, out, errors) = run(
            gateway.folder(),
            &["call", &target, "--codecs", codec, "--duration", "2", "--json"],
        );
        assert_eq!(code, Some(0), "{transport} {codec}: {errors}");
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
        assert!(
            report["codec"].as_str().is_some_and(|c| c.eq_ignore_ascii_case(name)),
            "{report}"
        );
        assert!(report["packets_received"].as_u64().is_some_and(|n| n > 60), "{report}");
        assert!(report["set_up_ms"].as_u64().is_some_and(|ms| ms < 2000), "{report}");
        assert_eq!(report["lost"], 0, "{report}");
    }
    let authority = gateway.authority();
    let authority = authority.to_str().expect("the path is UTF-8");
    let target = uri("5061;transport=tls");
    let (code, out, errors) = run(
        gateway.folder(),
        &[
            "call",
            &target,
            "--encryption",
            "require",
            "--ca",
            authority,
            "--duration",
            "2",
        ],
    );
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        out.contains("SRTP") && out.contains("set-up") && out.contains("lost"),
        "{out}"
    );
    let (code, _, errors) = run(gateway.folder(), &["call", &target, "--duration", "1"]);
    assert!(
        code == Some(1) && errors.starts_with("error:"),
        "an unknown authority is refused: {errors}"
    );
    gateway.until_people(1, seconds(5));
}

#[test]
fn call_presses_keys_and_says_why_it_failed() {
    let gateway = Gateway::start("call-keys");
    let keys = format!(",,{MEETING},{PIN}");
    let folder = gateway.folder().to_owned();
    let caller = std::thread::spawn(move || {
        run(
            &folder,
            &["call", "sip:konferenz@127.0.0.1", "--press", &keys, "--duration", "15"],
        )
    });
    gateway.until_people(1, seconds(14));
    let (code, out, errors) = caller.join().expect("the call ends");
    assert!(code == Some(0) && out.contains("by us"), "{out}{errors}");
    let (code, _, errors) = run(gateway.folder(), &["call", "tel:123", "--duration", "1"]);
    assert!(code == Some(1) && errors.contains("sip"), "{errors}");
    let (code, _, errors) = run(
        gateway.folder(),
        &["call", "sip:1@127.0.0.1:5999;transport=tcp", "--duration", "1"],
    );
    assert!(code == Some(1) && errors.starts_with("error:"), "{errors}");
}

#[test]
fn rooms_shows_the_table_and_says_when_there_is_no_gateway() {
    let gateway = Gateway::start("rooms");
    let (code, out, _) = run(gateway.folder(), &["rooms", "--once"]);
    assert!(code == Some(0) && out.contains("no live rooms"), "{out}");
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    alice.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
    gateway.until("alice speaks", seconds(10), |people| {
        people.iter().any(|p| p["speaking"] == true)
    });
    let (code, out, errors) = run(gateway.folder(), &["rooms", "--once"]);
    assert!(
        code == Some(0) && out.contains(MEETING) && out.contains("phone") && out.contains("speaking"),
        "{out}{errors}"
    );
    let (code, _, errors) = run(gateway.folder(), &["rooms", "--once", "--admin", "http://127.0.0.1:9"]);
    assert!(code == Some(1) && errors.contains("is the gateway running"), "{errors}");
}

#[test]
fn health_readiness_and_metrics_are_served() {
    let gateway = Gateway::start("health");
    let get = |path: &str| {
        ureq::get(format!("{ADMIN}{path}"))
            .call()
            .and_then(|mut r| r.body_mut().read_to_string())
    };
    assert_eq!(get("/healthz").expect("it is served").trim(), "ok");
    let ready: Value = serde_json::from_str(&get("/readyz").expect("it is served")).expect("it is JSON");
    assert_eq!(ready["ready"], true);
    let metrics = get("/metrics").expect("it is served");
    for name in [
        "landbridge_build_info",
        "landbridge_rooms",
        "landbridge_people",
        "process_resident_memory_bytes",
    ] {
        assert!(metrics.contains(name), "{name} is missing:\n{metrics}");
    }
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    alice.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
    gateway.until_people(1, seconds(10));
    assert_eq!(gateway.metric("landbridge_people"), 1.0);
    assert_eq!(gateway.metric("landbridge_calls "), 1.0);
    let metrics = get("/metrics").expect("it is served");
    assert!(
        ![MEETING, PIN, "alice"].iter().any(|secret| metrics.contains(secret)),
        "no label is personal:\n{metrics}"
    );
    assert!(
        ureq::get(format!("{WEB}/metrics")).call().is_err(),
        "the public listener shows no numbers"
    );
}
