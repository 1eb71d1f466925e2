// SPDX-License-Identifier: EUPL-1.2
//! How calls and the gateway begin and end: by either side, by CANCEL, by silence, by signals; and what stays in the log.
//!
//! Needs baresip, SIPp and a network namespace of its own: `interop-tests/tools/test.sh life`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{ADMIN, Gateway, MEETING, PIN, Setup, WEB, scratch};
use landbridge_interop_tests::peers::baresip;
use landbridge_interop_tests::peers::pair::{ALICE_HZ, BOB_HZ, Pair};
use landbridge_interop_tests::peers::sipp::{Counts, Run};
use landbridge_interop_tests::wire::{Client, offer};

const SOON: Duration = Duration::from_secs(12);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Writes a dial plan beside the configuration and starts a gateway with it.
fn with_rules(test: &str, rules: &str) -> Gateway {
    let folder = scratch(test);
    write_rules(&folder, rules);
    Setup::new(&folder)
        .extra("[dialplan]\nfile = \"dialplan.toml\"\n")
        .start()
}

fn write_rules(folder: &Path, rules: &str) {
    std::fs::write(folder.join("dialplan.toml"), rules).expect("the scratch folder is writable");
}

fn dial_bob(bob: &str) -> String {
    format!("[[rule]]\nname = \"bob\"\nto = \"2001\"\ndial = {{ uri = \"{bob}\" }}\n")
}

#[test]
fn a_phone_hangs_up_and_is_gone_from_the_roster() {
    let gateway = Gateway::start("leave");
    let mut pair = Pair::join(&gateway);
    pair.alice.hang_up();
    gateway.until_people(1, seconds(3));
    pair.alice.until("terminated (duration", SOON);
    pair.bob.hang_up();
    gateway.until_people(0, seconds(3));
    assert_eq!(gateway.metric("landbridge_calls "), 0.0);
}

#[test]
fn the_gateway_hangs_up_with_words_and_a_bye() {
    let gateway = Gateway::start("removed");
    let mut pair = Pair::join(&gateway);
    let people = gateway.people();
    let id = people[0]["id"].as_str().expect("every person has an id");
    let url = format!("{ADMIN}/api/rooms/{MEETING}/participants/{id}/remove");
    ureq::post(url).send_empty().expect("an operator may remove anybody");
    pair.alice.until("session closed", seconds(20));
    let words = pair.alice.heard().last(seconds(5), seconds(0)).words(&[BOB_HZ]);
    assert!(
        words >= Duration::from_millis(700),
        "alice hears that she was removed: {words:?}"
    );
    gateway.until_people(1, seconds(3));
    ureq::post(format!("{ADMIN}/api/rooms/{MEETING}/end"))
        .send_empty()
        .expect("an operator may end a room");
    pair.bob.until("session closed", seconds(20));
    gateway.until_people(0, seconds(3));
}

#[test]
fn a_cancel_while_ringing_reaches_the_far_end() {
    let folder = scratch("cancel");
    let mut bob = baresip::Setup::new(&folder, "bob", 2, BOB_HZ).start();
    write_rules(&folder, &dial_bob(&bob.uri()));
    let gateway = Setup::new(&folder)
        .extra("[dialplan]\nfile = \"dialplan.toml\"\n")
        .start();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/cancel.xml");
    let run = Run {
        folder: &folder,
        scenario,
        user: "2001",
        calls: 1,
        rate: 1,
        at_once: 1,
        stay: Duration::ZERO,
        limit: seconds(30),
        port: 15_900,
    };
    assert_eq!(
        run.run(),
        Counts {
            successful: 1,
            failed: 0
        }
    );
    bob.until("session closed", SOON);
    assert!(bob.output().contains("CANCEL"), "the CANCEL is handed on");
    assert_eq!(gateway.metric("landbridge_calls "), 0.0);
}

#[test]
fn two_phones_are_put_through_and_either_may_hang_up() {
    let folder = scratch("bridge");
    let mut bob = baresip::Setup::new(&folder, "bob", 2, BOB_HZ)
        .codecs(&["opus"])
        .answers()
        .start();
    write_rules(&folder, &dial_bob(&bob.uri()));
    let gateway = Setup::new(&folder)
        .extra("[dialplan]\nfile = \"dialplan.toml\"\n")
        .start();
    let mut alice = baresip::Setup::new(&folder, "alice", 1, ALICE_HZ).start();
    alice.call("sip:2001@127.0.0.1:5060");
    std::thread::sleep(seconds(5));
    let all = [ALICE_HZ, BOB_HZ];
    alice
        .heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("alice", &[BOB_HZ], &all);
    bob.heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("bob", &[ALICE_HZ], &all);
    alice.hang_up();
    bob.until("session closed", SOON);
    let mut carol = baresip::Setup::new(&folder, "carol", 3, ALICE_HZ).start();
    carol.call("sip:2001@127.0.0.1:5060");
    std::thread::sleep(seconds(1));
    bob.hang_up();
    carol.until("session closed", SOON);
    assert_eq!(gateway.metric("landbridge_calls "), 0.0);
}

#[test]
fn a_phone_that_vanishes_is_noticed_by_its_silence() {
    let gateway = Setup::new(&scratch("vanish")).media("timeout = \"3s\"").start();
    let pair = Pair::join(&gateway);
    pair.alice.vanish();
    gateway.until_people(1, seconds(6));
    pair.bob.vanish();
    gateway.until_people(0, seconds(6));
    // The BYE to a phone that is gone is sent again for a while; the call itself is over.
    assert_eq!(gateway.metric("landbridge_people"), 0.0);
}

#[test]
fn a_drain_lets_calls_go_on_refuses_new_ones_and_ends_in_time() {
    let mut gateway = Setup::new(&scratch("drain"))
        .extra("[drain]\ndeadline = \"5s\"\n")
        .start();
    let mut pair = Pair::join(&gateway);
    let start = Instant::now();
    gateway.signal("TERM");
    std::thread::sleep(seconds(1));
    let stranger = Client::at("127.0.0.9:5060");
    let answer = stranger
        .call(&format!("{MEETING}*{PIN}"), &offer("127.0.0.9", 40_000))
        .expect("new calls are answered");
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(
        ureq::get(format!("{ADMIN}/readyz")).call().is_err(),
        "not ready while draining"
    );
    pair.still_talks();
    for phone in [&mut pair.alice, &mut pair.bob] {
        phone.until("session closed", seconds(20));
        let words = phone.heard().last(seconds(6), seconds(0)).words(&[ALICE_HZ, BOB_HZ]);
        assert!(words >= Duration::from_millis(700), "callers are told: {words:?}");
    }
    let status = gateway.wait(seconds(10));
    assert_eq!(status.code(), Some(0), "{}", gateway.log());
    assert!(
        start.elapsed() > seconds(5) && start.elapsed() < seconds(16),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn an_idle_gateway_stops_at_once_and_a_second_signal_does_not_wait() {
    let mut idle = Setup::new(&scratch("idle-stop"))
        .extra("[drain]\ndeadline = \"60s\"\n")
        .start();
    let start = Instant::now();
    idle.signal("TERM");
    assert_eq!(idle.wait(seconds(5)).code(), Some(0), "{}", idle.log());
    assert!(start.elapsed() < seconds(4), "{:?}", start.elapsed());

    let mut busy = Setup::new(&scratch("second"))
        .extra("[drain]\ndeadline = \"60s\"\n")
        .start();
    let pair = Pair::join(&busy);
    busy.signal("TERM");
    std::thread::sleep(seconds(2));
    assert!(busy.is_alive(), "the first signal waits for the calls");
    let start = Instant::now();
    busy.signal("TERM");
    assert_eq!(busy.wait(seconds(12)).code(), Some(0), "{}", busy.log());
    assert!(start.elapsed() < seconds(10), "{:?}", start.elapsed());
    drop(pair);
}

#[test]
fn a_hangup_signal_reads_the_dial_plan_anew_and_keeps_the_old_one_when_the_new_is_bad() {
    let reject = |cause: &str| format!("[[rule]]\nto = \"3001\"\nreject = {{ cause = \"{cause}\" }}\n");
    let gateway = with_rules("reload", &reject("busy"));
    let client = Client::at("127.0.0.9:5060");
    let status = || {
        client
            .call("3001", &offer("127.0.0.9", 40_000))
            .map(|answer| answer.status)
    };
    assert_eq!(status(), Some(486));
    write_rules(
        gateway.folder(),
        "[[rule]]\nto = \"3001\"\nrejekt = { cause = \"busy\" }\n",
    );
    gateway.signal("HUP");
    std::thread::sleep(seconds(1));
    assert!(
        gateway.log().contains("dialplan.toml:"),
        "the fault is named with file and line:\n{}",
        gateway.log()
    );
    assert!(gateway.log().contains("rejekt"), "{}", gateway.log());
    assert_eq!(status(), Some(486), "the old dial plan stays in force");
    write_rules(gateway.folder(), &reject("not-found"));
    gateway.signal("HUP");
    std::thread::sleep(seconds(1));
    assert_eq!(status(), Some(404), "the new dial plan is in force");
}

#[test]
fn an_idle_gateway_is_small() {
    let gateway = Gateway::start("memory");
    std::thread::sleep(seconds(1));
    let megabytes = gateway.metric("process_resident_memory_bytes") / 1e6;
    println!("idle resident memory: {megabytes:.1} MB");
    assert!(megabytes > 1.0 && megabytes <= 60.0, "{megabytes} MB");
}

#[test]
fn the_log_holds_no_names_numbers_or_pins() {
    let gateway = Setup::new(&scratch("log")).extra("[log]\nlevel = \"debug\"\n").start();
    let mut alice = baresip::Setup::new(gateway.folder(), "+4936155512345", 1, ALICE_HZ).start();
    alice.call("sip:konferenz@127.0.0.1:5060");
    alice.press(MEETING);
    alice.press("2222233333");
    std::thread::sleep(seconds(3));
    alice.press(MEETING);
    alice.press(PIN);
    gateway.until_people(1, SOON);
    let body = serde_json::json!({ "meeting": MEETING, "pin": PIN, "name": "Friederike Geheim" });
    let mut joined = ureq::post(format!("{WEB}/api/join"))
        .send_json(&body)
        .expect("a browser may join");
    let joined: serde_json::Value = joined.body_mut().read_json().expect("the API speaks JSON");
    let token = joined["token"].as_str().expect("a token is given").to_owned();
    let shown = gateway.people().iter().map(ToString::to_string).collect::<String>();
    assert!(
        shown.contains("Friederike Geheim") && !shown.contains("36155512345"),
        "{shown}"
    );
    let bob = Client::at("127.0.0.9:5060");
    let answer = bob
        .call("+4936166677788", &offer("127.0.0.9", 40_000))
        .expect("calls are answered");
    assert_eq!(answer.status, 200, "{}", answer.text);
    alice.hang_up();
    gateway.until("only the browser is left", SOON, |people| people.len() == 1);
    let log = gateway.log();
    for secret in [
        "36155512345",
        "36166677788",
        "Friederike",
        "Geheim",
        PIN,
        "2222233333",
        &token,
    ] {
        let line = log.lines().find(|line| line.contains(secret)).unwrap_or_default();
        assert!(line.is_empty(), "the log holds {secret:?}: {line}");
    }
    assert!(!log.is_empty() && !log.contains("panicked"));
}

#[test]
fn a_gateway_that_cannot_start_says_why_and_what_to_do() {
    let first = Gateway::start("occupied");
    let config: PathBuf = first.folder().join("landbridge.toml");
    let config = config.to_str().expect("the path is UTF-8");
    let second = landbridge_interop_tests::gateway::landbridge(first.folder(), &["serve", "--config", config]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("127.0.0.1:5060"), "the address is named: {said}");
    assert_eq!(first.people().len(), 0, "the first goes on");
}
