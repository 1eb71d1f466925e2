// SPDX-License-Identifier: EUPL-1.2
//! What XMPP callers notice when their server restarts, the stream to it is cut without a word, or the gateway dies.
//!
//! Needs prosody, ejabberd, slixmpp, aiortc, baresip, nftables and a network namespace of its own:
//! `interop-tests/tools/test.sh xmpp_faults`.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use landbridge_interop_tests::peers::baresip;
use landbridge_interop_tests::peers::blackout::Blackout;
use landbridge_interop_tests::peers::jingle_person::JinglePerson;
use landbridge_interop_tests::peers::xmpp_server::Software::{self, Ejabberd, Prosody};
use landbridge_interop_tests::peers::xmpp_server::{COMPONENT_PORT, Conflict};
use landbridge_interop_tests::xmpp_world::{PHONE_HZ, Plan, World, phone_hears};

const ALICE_HZ: f64 = 400.0;
const ALL: [f64; 2] = [PHONE_HZ, ALICE_HZ];
const SOON: Duration = Duration::from_secs(12);
/// A server that is back has its component back within this time.
const BACK: Duration = Duration::from_secs(5);
/// The longest pause in what a client hears that nobody takes for a fault.
const PAUSE_MS: u64 = 400;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn pause(n: u64) {
    std::thread::sleep(seconds(n));
}

/// Asserts that Alice got each request of the other side once, and returns what was done to its sessions.
fn each_once(alice: &mut JinglePerson) -> Vec<String> {
    let told = alice.puppet().told();
    let requests = told.iter().filter(|line| line["event"] == "jingle");
    let mut seen = HashSet::new();
    let mut actions = Vec::new();
    for request in requests {
        let key = (request["peer"].to_string(), request["id"].to_string());
        assert!(seen.insert(key), "a request came twice: {request}");
        actions.push(request["action"].as_str().unwrap_or_default().to_owned());
    }
    actions
}

/// The server goes and comes five times; one time a phone hangs up meanwhile.
fn calls_outlive_five_restarts(software: Software, test: &str) {
    let rules =
        "[[rule]]\nname = \"clients\"\ntrunk = \"test\"\nto = \"77(.)\"\ndial = { uri = \"xmpp:{1}@b.example\" }\n";
    let mut world = Plan::new(software).people_at(Prosody).rules(rules).start(test);
    let phone = world.phone();
    let mut alice = JinglePerson::start(world.folder(), "alice", world.people(), ALICE_HZ, 250);
    alice.call(&world.room_with_pin(), "");
    alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
    let mut bob = JinglePerson::answering(world.folder(), "bob", world.people(), 1270.0, 250);
    let mut desk = baresip::Setup::new(world.folder(), "desk", 2, 870.0).start();
    desk.dial("sip:77bob@127.0.0.1:5060");
    bob.until_sound(0);
    pause(3);
    for round in 0..5 {
        let mark = alice.puppet().mark();
        if round % 2 == 0 {
            world.home.kill();
        } else {
            world.home.stop();
        }
        pause(1);
        if round == 2 {
            desk.hang_up();
            pause(1);
        }
        world.home.start_again();
        let took = world.until_connected(BACK);
        println!("{software:?}: the component is back {took:?} after the server");
        alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
        phone_hears(&phone, &[ALICE_HZ], &ALL, SOON);
        let (longest, _) = alice.pauses(mark);
        assert!(longest <= PAUSE_MS, "alice missed {longest} ms");
    }
    bob.until_action(0, "session-terminate", SOON);
    let actions = each_once(&mut bob);
    let ends = actions.iter().filter(|action| *action == "session-terminate").count();
    assert_eq!(ends, 1, "{actions:?}");

    // What alice says now still reaches the gateway, once.
    alice.step("mute");
    world.gateway.until("alice is mute", SOON, |people| {
        people.iter().any(|p| p["muted"] == true)
    });
    alice.step("unmute");
    phone_hears(&phone, &[ALICE_HZ], &ALL, SOON);
    alice.hang_up();
    world.gateway.until_people(1, SOON);
    each_once(&mut alice);
    assert!(!world.gateway.log().contains("panicked"), "{}", world.gateway.log());
}

#[test]
fn calls_outlive_five_restarts_of_prosody() {
    calls_outlive_five_restarts(Prosody, "xmpp-restarts-prosody");
}

#[test]
fn calls_outlive_five_restarts_of_ejabberd() {
    calls_outlive_five_restarts(Ejabberd, "xmpp-restarts-ejabberd");
}

/// A phone and Alice in the meeting.
fn in_meeting(world: &World) -> (baresip::Baresip, JinglePerson) {
    let phone = world.phone();
    let mut alice = JinglePerson::start(world.folder(), "alice", world.people(), ALICE_HZ, 150);
    alice.call(&world.room_with_pin(), "");
    alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
    (phone, alice)
}

/// The stream is cut without a word; the gateway finds out by itself and comes back, and no call ends.
#[test]
fn a_stream_that_is_cut_without_a_word_is_replaced() {
    let mut world = Plan::new(Prosody).start("xmpp-cut");
    let (phone, mut alice) = in_meeting(&world);
    let mark = alice.puppet().mark();
    let address = world.home.domain().address;
    let cut = Blackout::of(address, COMPONENT_PORT);
    let begin = Instant::now();
    // The request that is under way meanwhile is neither lost nor done twice.
    alice.step("mute");
    while world.gateway.metric("landbridge_xmpp_stream_up") > 0.0 {
        assert!(begin.elapsed() < seconds(20), "a dead stream is not noticed");
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("noticed after {:?}", begin.elapsed());
    let back = world.until_connected(BACK);
    println!("back {back:?} later");
    drop(cut);
    phone_hears(&phone, &[ALICE_HZ], &ALL, SOON);
    alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
    let (longest, _) = alice.pauses(mark);
    assert!(longest <= PAUSE_MS, "alice missed {longest} ms");
    alice.step("mute");
    phone_hears(&phone, &[], &ALL, SOON);
    alice.step("unmute");
    phone_hears(&phone, &[ALICE_HZ], &ALL, SOON);
    alice.hang_up();
    world.gateway.until_people(1, SOON);
    each_once(&mut alice);
}

/// The gateway dies while its connection is cut, so that the server believes in the old one when the new one comes.
fn after_a_crash(conflict: Conflict, test: &str) -> World {
    let mut world = Plan::new(Prosody).conflict(conflict).start(test);
    let (phone, mut alice) = in_meeting(&world);
    let cut = Blackout::of(world.home.domain().address, COMPONENT_PORT);
    world.kill_the_gateway();
    drop(phone);
    if conflict == Conflict::KickOld {
        let took = world.until_connected(BACK);
        println!("back {took:?} after the gateway was ready");
    } else {
        pause(4);
        let why = world.gateway.degraded("xmpp");
        assert!(why.contains("kick_old"), "/readyz says what to do: {why:?}");
    }
    drop(cut);
    // The old connection is found dead as soon as anything is said to it.
    alice.step("mute");
    let took = world.until_connected(seconds(15));
    println!("{conflict:?}: connected {took:?} after the cable was mended");
    // The new gateway knows nothing of the old call; the client learns so and calls again.
    let mark = alice.puppet().mark();
    alice.step("unmute");
    let line = alice.puppet().until_after(mark, "is told", SOON, |line| {
        line["event"] == "refused" || line["event"] == "jingle" && line["action"] == "session-terminate"
    });
    println!("{line}");
    alice.step("end");
    let phone = world.phone();
    alice.call(&world.room_with_pin(), "");
    alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
    phone_hears(&phone, &[ALICE_HZ], &ALL, SOON);
    alice.hang_up();
    world
}

#[test]
fn a_gateway_that_died_is_back_with_kick_old() {
    after_a_crash(Conflict::KickOld, "xmpp-kick-old");
}

#[test]
fn a_gateway_that_died_says_what_is_wrong_with_kick_new() {
    after_a_crash(Conflict::KickNew, "xmpp-kick-new");
}
