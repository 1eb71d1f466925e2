// SPDX-License-Identifier: EUPL-1.2
//! Chromium at the gateway's real page, in one room with real phones.
//!
//! Needs Chromium, Node, baresip and a network namespace of its own: `interop-tests/tools/test.sh browser`.

use std::time::Duration;

use landbridge_interop_tests::gateway::{Gateway, MEETING, MODERATOR_PIN, PIN, Setup, scratch};
use landbridge_interop_tests::peers::baresip::{self, Baresip};
use landbridge_interop_tests::peers::browser::Visitor;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(12);
/// Chromium starts slowly on a busy machine.
const OPENED: Duration = Duration::from_secs(40);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn pause(n: u64) {
    std::thread::sleep(seconds(n));
}

fn direct() -> String {
    format!("sip:{MEETING}*{PIN}@127.0.0.1:5060")
}

fn phone(gateway: &Gateway, name: &str, number: u16, hz: f64, codec: &'static str) -> Baresip {
    baresip::Setup::new(gateway.folder(), name, number, hz)
        .codecs(&[codec])
        .start()
}

/// The row of a person in the roster's picture of the page.
fn row<'a>(state: &'a Value, part: &str) -> &'a str {
    let rows = state["roster"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter()
        .filter_map(Value::as_str)
        .find(|row| row.contains(part))
        .unwrap_or_default()
}

fn in_room(state: &Value) -> bool {
    state["screen"] == "room"
}

#[test]
fn a_pcma_a_g722_an_opus_phone_and_a_browser_each_hear_exactly_the_other_three() {
    let gateway = Setup::new(&scratch("four-kinds"))
        .trunk("encryption = \"prefer\"\nlanguage = \"de\"\ncodecs = [\"opus\", \"g722\", \"pcma\"]")
        .start();
    // No sum or difference of three of them is near a fourth, so that no distortion looks like a voice.
    let all = [400.0, 610.0, 870.0, 1270.0];
    let mut browser = Visitor::join(gateway.folder(), "Mira", PIN, 1270, 60);
    browser.until("is in the room", OPENED, in_room);
    let phones: Vec<Baresip> = [("pcma", "g711"), ("g722", "g722"), ("opus", "opus")]
        .into_iter()
        .zip(1..)
        .map(|((name, codec), number)| {
            let mut phone = phone(&gateway, name, number, all[usize::from(number) - 1], codec);
            phone.call(&direct());
            phone
        })
        .collect();
    gateway.until_people(4, SOON);
    pause(7);
    for (n, (phone, codec)) in phones.iter().zip(["PCMA", "G722", "opus"]).enumerate() {
        let others: Vec<f64> = all.iter().copied().filter(|hz| *hz != all[n]).collect();
        phone
            .heard()
            .last(seconds(4), seconds(0))
            .hears_exactly(codec, &others, &all);
        assert!(phone.output().contains(codec), "the phone speaks {codec}");
    }
    browser.hears_exactly(&all[..3], &all, SOON);
    let state = browser.until("shows three phones that speak", SOON, |state| {
        let rows = state["roster"].to_string();
        rows.matches("On the phone").count() == 3 && rows.matches("Speaking").count() >= 3
    });
    assert!(row(&state, "Mira").contains("you"), "{state:#}");
    let told = browser.end();
    assert!(
        !told.iter().any(|line| line.get("error").is_some()),
        "a script of the page failed: {told:#?}"
    );
    gateway.until_people(3, SOON);
}

#[test]
fn the_page_shows_who_is_muted_and_whose_hand_is_up() {
    let gateway = Gateway::start("marks");
    let mut alice = phone(&gateway, "alice", 1, 440.0, "g711");
    alice.call(&direct());
    let mut browser = Visitor::join(gateway.folder(), "Mira", PIN, 1000, 60);
    browser.until("hears and shows the phone", OPENED, |state| {
        row(state, "On the phone").contains("Speaking")
    });
    alice.press("1");
    browser.until("shows the phone muted", SOON, |state| {
        row(state, "On the phone").contains("Muted")
    });
    alice.press("2");
    browser.until("shows the phone's hand", SOON, |state| {
        row(state, "On the phone").contains("Hand raised, number 1")
    });
    browser.step("click #hand");
    browser.until("shows its own hand", SOON, |state| {
        row(state, "Mira").contains("Hand raised, number 2")
    });
    browser.step("click #mute");
    gateway.until("the browser is muted", SOON, |people| {
        people.iter().filter(|p| p["muted"] == true).count() == 2
    });
    pause(4);
    alice
        .heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("alice", &[], &[1000.0]);
    alice.press("1");
    browser.hears_exactly(&[440.0], &[440.0, 1000.0], SOON);
    browser.end();
}

#[test]
fn a_moderator_mutes_a_phone_and_removes_another() {
    let gateway = Gateway::start("moderate");
    let mut alice = phone(&gateway, "alice", 1, 440.0, "g722");
    alice.call(&direct());
    let mut browser = Visitor::join(gateway.folder(), "Mira", MODERATOR_PIN, 1000, 60);
    browser.until("shows the phone", OPENED, |state| {
        row(state, "On the phone").contains("Speaking")
    });
    pause(4);
    let quiet = alice.heard().last(seconds(2), seconds(0)).words(&[1000.0]);
    assert!(
        quiet <= Duration::from_millis(400),
        "there are no words before: {quiet:?}"
    );
    browser.step("click #roster li [data-act=\"mute\"]");
    browser.until("shows who muted", SOON, |state| {
        row(state, "On the phone").contains("Muted by a moderator")
    });
    pause(3);
    let words = alice.heard().last(seconds(4), seconds(0)).words(&[1000.0]);
    assert!(
        words >= Duration::from_millis(700),
        "alice hears that she was muted: {words:?}"
    );
    browser.hears_exactly(&[], &[440.0], SOON);

    let mut bob = phone(&gateway, "bob", 2, 660.0, "g711");
    bob.call(&direct());
    gateway.until_people(3, SOON);
    browser.hears_exactly(&[660.0], &[440.0, 660.0, 1000.0], SOON);
    pause(2);
    // The newest row is the last.
    browser.step("click #roster > li:last-child [data-act=\"remove\"]");
    browser.step("click #confirm-yes");
    bob.until("session closed", seconds(20));
    let words = bob.heard().last(seconds(5), seconds(0)).words(&[440.0, 1000.0]);
    assert!(
        words >= Duration::from_millis(700),
        "bob hears that he was removed: {words:?}"
    );
    gateway.until_people(2, SOON);
    browser.end();
    gateway.until_people(1, SOON);
}

#[test]
fn a_phone_waits_until_a_moderator_admits_it() {
    let gateway = Setup::new(&scratch("waiting")).extra("waiting_room = true\n").start();
    let mut browser = Visitor::join(gateway.folder(), "Mira", MODERATOR_PIN, 1000, 60);
    browser.until("a moderator does not wait", OPENED, in_room);
    let mut alice = phone(&gateway, "alice", 1, 440.0, "g711");
    alice.call(&direct());
    gateway.until("alice waits", SOON, |people| {
        people.iter().any(|p| p["waiting"] == true)
    });
    pause(4);
    let heard = alice.heard().last(seconds(4), seconds(0));
    assert!(
        heard.words(&[1000.0]) >= Duration::from_millis(700),
        "alice is told to wait"
    );
    heard.hears_exactly("alice", &[], &[1000.0]);
    browser.hears_exactly(&[], &[440.0], SOON);
    browser.step("click #waiting-roster li [data-act=\"admit\"]");
    gateway.until("alice is in", SOON, |people| {
        people.iter().all(|p| p["waiting"] == false) && people.len() == 2
    });
    browser.hears_exactly(&[440.0], &[440.0, 1000.0], SOON);
    pause(5);
    alice
        .heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("alice", &[1000.0], &[440.0, 1000.0]);
    browser.end();
}

#[test]
fn a_locked_room_takes_nobody_and_end_for_all_ends_it_for_all() {
    let gateway = Gateway::start("lock");
    let mut alice = phone(&gateway, "alice", 1, 440.0, "opus");
    alice.call(&direct());
    let mut browser = Visitor::join(gateway.folder(), "Mira", MODERATOR_PIN, 1000, 60);
    browser.until("shows the phone", OPENED, |state| {
        row(state, "On the phone").contains("Speaking")
    });
    browser.step("click #lock");
    pause(3);
    let mut bob = phone(&gateway, "bob", 2, 660.0, "g711");
    bob.call(&direct());
    bob.until("session closed", seconds(25));
    let words = bob.heard().words(&[440.0, 1000.0]);
    assert!(
        words >= Duration::from_millis(700),
        "bob hears that the room is locked: {words:?}"
    );
    assert_eq!(gateway.people().len(), 2);
    browser.step("click #end");
    browser.step("click #confirm-yes");
    alice.until("session closed", seconds(20));
    let words = alice.heard().last(seconds(5), seconds(0)).words(&[1000.0]);
    assert!(
        words >= Duration::from_millis(700),
        "alice hears that the meeting is over: {words:?}"
    );
    browser.until("says that the meeting is over", SOON, |state| {
        state["screen"] == "ended"
    });
    gateway.until_people(0, SOON);
}
