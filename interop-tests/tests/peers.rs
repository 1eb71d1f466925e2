// SPDX-License-Identifier: EUPL-1.2
//! The strangers among themselves, without the gateway: when this suite fails, no other one proves anything.

use std::path::Path;
use std::time::Duration;

use landbridge_interop_tests::gateway::scratch;
use landbridge_interop_tests::peers::linphone::Linphone;
use landbridge_interop_tests::peers::livekit_person::{Door, Person, is_muted};
use landbridge_interop_tests::peers::livekit_server::{self, LivekitServer};
use landbridge_interop_tests::peers::opentalk_person::OpentalkPerson;
use landbridge_interop_tests::peers::redis::Redis;
use landbridge_interop_tests::peers::roomserver::{Generation, Meeting, Roomserver};
use landbridge_interop_tests::peers::{baresip, python};
use landbridge_interop_tests::sound::{Recording, write_tone};

const BOTH: [f64; 2] = [440.0, 1000.0];
/// Opens Chromium with one version of livekit-client.
type Browser = fn(&Path, &str, &Door, u32, u32) -> Person;
const SOON: Duration = Duration::from_secs(12);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn bob(folder: &Path, codecs: &[&'static str]) -> baresip::Baresip {
    baresip::Setup::new(folder, "bob", 2, BOTH[1])
        .codecs(codecs)
        .answers()
        .start()
}

#[test]
fn two_baresips_hear_each_other_in_every_codec() {
    for codec in ["g711", "g722", "opus"] {
        let folder = scratch(&format!("peers-{codec}"));
        let bob = bob(&folder, &[codec]);
        let mut alice = baresip::Setup::new(&folder, "alice", 1, BOTH[0])
            .codecs(&[codec])
            .start();
        alice.call(&bob.uri());
        std::thread::sleep(seconds(4));
        alice
            .heard()
            .last(seconds(2), seconds(0))
            .hears_exactly("alice", &[BOTH[1]], &BOTH);
        bob.heard()
            .last(seconds(2), seconds(0))
            .hears_exactly("bob", &[BOTH[0]], &BOTH);
    }
}

#[test]
fn a_digit_a_hold_and_a_hang_up_arrive() {
    let folder = scratch("peers-keys");
    let mut bob = bob(&folder, &["g711"]);
    let mut alice = baresip::Setup::new(&folder, "alice", 1, BOTH[0]).start();
    alice.call(&bob.uri());
    std::thread::sleep(seconds(1));
    alice.press("7");
    bob.until("received event: '7'", seconds(5));
    alice.hold();
    std::thread::sleep(seconds(3));
    // baresip asks for silence and goes on humming itself.
    assert!(bob.output().contains("a=sendonly"), "no hold arrived");
    alice.resume();
    std::thread::sleep(seconds(3));
    bob.heard()
        .last(seconds(1), seconds(0))
        .hears_exactly("bob", &[BOTH[0]], &BOTH);
    alice.hang_up();
    bob.until("session closed", seconds(5));
}

#[test]
fn linphone_and_baresip_hear_each_other() {
    let folder = scratch("peers-linphone");
    let bob = bob(&folder, &["g711"]);
    let mut linphone = Linphone::start(&folder, BOTH[0]);
    linphone.call(&bob.uri());
    std::thread::sleep(seconds(5));
    bob.heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("bob", &[BOTH[0]], &BOTH);
    linphone
        .heard()
        .last(seconds(2), seconds(2))
        .hears_exactly("linphone", &[BOTH[1]], &BOTH);
}

#[test]
fn pjsip_and_baresip_hear_each_other() {
    let folder = scratch("peers-pjsip");
    let bob = bob(&folder, &["g711"]);
    write_tone(&folder.join("pjsua-tone.wav"), BOTH[0], 16_000, 30);
    let text = folder.to_string_lossy().into_owned();
    let mut pjsua = python::start(&folder, "pjsua.py", seconds(30), &[&text, &bob.uri(), "5"]);
    pjsua.until("CONNECTED", seconds(10));
    std::thread::sleep(seconds(4));
    bob.heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("bob", &[BOTH[0]], &BOTH);
    pjsua.wait(seconds(20));
    let heard = Recording::read_growing(&folder.join("pjsua-heard.wav"));
    heard
        .last(seconds(2), seconds(1))
        .hears_exactly("pjsua", &[BOTH[1]], &BOTH);
}

/// Chromium with livekit-client and LiveKit's Python SDK hear each other, see each other's mute, and press keys.
fn livekit_clients_meet(server: &LivekitServer, folder: &Path, open: Browser) {
    let url = server.url();
    let token = |identity: &str, name: &str| server.token("peers", identity, name);
    let (mira, sam) = (token("mira", "Mira"), token("sam", "Sam"));
    let door = |token| Door { url: &url, token };
    let mut browser = open(folder, "mira", &door(&mira), 1000, 60);
    browser.until_in();
    let mut sdk = Person::sdk(folder, "sam", &door(&sam), 440, 60);
    sdk.until_in();
    browser.hears_exactly(&[440.0], &BOTH, SOON);
    sdk.hears_exactly(&[1000.0], &BOTH, SOON);
    browser.until_person("Sam", "speaks", SOON, |sam| sam["speaking"] == true);
    sdk.press('7');
    browser.until_pressed('7', SOON);
    browser.press('#');
    sdk.until_pressed('#', SOON);
    browser.mute(true);
    sdk.until_person("Mira", "is muted", SOON, is_muted);
    sdk.hears_exactly(&[], &BOTH, SOON);
    // The server tells who speaks when that changes, not to those who come later.
    browser.mute(false);
    sdk.until_person("Mira", "speaks", SOON, |mira| mira["speaking"] == true);
    server.mute("peers", "sam", true);
    browser.until_person("Sam", "is muted", SOON, is_muted);
    sdk.leave();
    browser.until_sees("nobody", SOON, <[_]>::is_empty);
}

#[test]
fn livekit_clients_meet_on_the_newest_server() {
    let folder = scratch("peers-livekit");
    let server = LivekitServer::start(&folder, livekit_server::NEWEST);
    livekit_clients_meet(&server, &folder, Person::browser);
}

#[test]
fn livekit_clients_meet_on_the_server_that_opentalk_ships() {
    let folder = scratch("peers-livekit-old");
    let server = LivekitServer::start(&folder, livekit_server::OPENTALKS);
    livekit_clients_meet(&server, &folder, Person::older_browser);
}

#[test]
fn a_livekit_client_finds_its_way_back_after_a_power_cut() {
    let folder = scratch("peers-livekit-cut");
    let mut server = LivekitServer::start(&folder, livekit_server::NEWEST);
    let (url, token) = (server.url(), server.token("peers", "sam", "Sam"));
    let mut sdk = Person::sdk(
        &folder,
        "sam",
        &Door {
            url: &url,
            token: &token,
        },
        440,
        60,
    );
    sdk.until_in();
    server.kill();
    server.start_again();
    sdk.puppet()
        .until("is back", seconds(20), |line| line["event"] == "reconnected");
    assert_eq!(server.people("peers").len(), 1);
}

#[test]
fn two_livekit_nodes_share_a_room_through_redis() {
    let folder = scratch("peers-livekit-nodes");
    let _redis = Redis::start(&folder, 6379);
    let node = |port| {
        livekit_server::Setup::new(&folder, livekit_server::NEWEST)
            .port(port)
            .redis(6379)
            .start()
    };
    let (one, other) = (node(7880), node(7980));
    let person = |node: &LivekitServer, name: &str, hz| {
        let token = node.token("peers", name, name);
        Person::sdk(
            &folder,
            name,
            &Door {
                url: &node.url(),
                token: &token,
            },
            hz,
            40,
        )
    };
    let (mut ann, mut ben) = (person(&one, "ann", 440), person(&other, "ben", 1000));
    ann.hears_exactly(&[1000.0], &BOTH, SOON);
    ben.hears_exactly(&[440.0], &BOTH, SOON);
}

/// A moderator and a caller without a gateway meet at a roomserver.
fn moderator_and_caller_meet(generation: Generation) {
    let folder = scratch(&format!("peers-{generation:?}"));
    let livekit = LivekitServer::start(&folder, livekit_server::NEWEST);
    let roomserver = Roomserver::start(&folder, generation);
    let meeting = Meeting::new(1);
    let mut alice = OpentalkPerson::moderator(&folder, &roomserver, &meeting, 60);
    alice.until_in();
    let mark = alice.mark();
    let mut caller = OpentalkPerson::caller(&folder, &roomserver, &meeting, "+4936112345678", 60);
    let joined = caller.until_in();
    assert_eq!(
        joined["module_data"]["livekit"]["room"],
        format!("{}:main", meeting.room)
    );
    let (id, name) = alice.until_joined(mark, SOON);
    assert!(name.starts_with("+493") && name.ends_with("678"), "{name}");

    // A person of OpenTalk's web client is signalling here and sound there.
    let credentials = alice.credentials();
    let mut browser = Person::browser(&folder, "alice", &credentials.door(), 1000, 60);
    browser.until_in();
    let door = caller.credentials();
    let mut sound = Person::sdk(&folder, "caller", &door.door(), 440, 60);
    sound.hears_exactly(&[1000.0], &BOTH, SOON);
    browser.hears_exactly(&[440.0], &BOTH, SOON);

    caller.send("raise_hands", &serde_json::json!({ "action": "raise_hand" }));
    alice.until("raise_hands", "hand_raised", SOON);
    alice.mute(&id);
    caller.until("moderation", "muted", SOON);
    browser.until_person(&id, "is muted", SOON, is_muted);

    let mark = caller.mark();
    alice.open_breakout_rooms(&["A", "B"], 120, &id);
    caller.until("breakout", "started", SOON);
    caller.switch(Some(0));
    let switched = caller.until("breakout", "switched_room", SOON);
    assert_eq!(switched["own_data"]["livekit"]["room"], format!("{}:0", meeting.room));
    alice.send("breakout", &serde_json::json!({ "action": "stop" }));
    caller.until_after(mark, "breakout", "closed", SOON);

    alice.moderate("send_to_waiting_room", &id);
    caller.until("moderation", "sent_to_waiting_room", SOON);
    let mark = caller.mark();
    alice.moderate("accept", &id);
    caller.until_after(mark, "core", "join_success", SOON);
    alice.moderate("kick", &id);
    caller.until("moderation", "kicked", SOON);
    browser.until_sees("nobody", SOON, <[_]>::is_empty);
    drop((roomserver, livekit));
}

#[test]
fn moderator_and_caller_meet_at_a_roomserver_of_the_first_generation() {
    moderator_and_caller_meet(Generation::First);
}

#[test]
fn moderator_and_caller_meet_at_a_roomserver_of_the_tenth_generation() {
    moderator_and_caller_meet(Generation::Tenth);
}
