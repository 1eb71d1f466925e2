// SPDX-License-Identifier: EUPL-1.2
//! Phones in rooms of a genuine LiveKit server, with LiveKit's own clients as the others.
//!
//! Needs livekit-server, Redis, LiveKit's Python SDK, Chromium, baresip, SIPp and a network namespace of its own:
//! `interop-tests/tools/test.sh livekit`.

use std::path::Path;
use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{Gateway, MEETING, PIN, Setup, scratch};
use landbridge_interop_tests::peers::baresip::{self, Baresip};
use landbridge_interop_tests::peers::livekit_person::{Door, Person, is_muted};
use landbridge_interop_tests::peers::livekit_server::{self, KEY, LivekitServer, SECRET};
use landbridge_interop_tests::peers::redis::Redis;
use landbridge_interop_tests::peers::sipp::{Counts, Run};
use landbridge_interop_tests::prompts::assert_heard;

/// The room of the test meeting.
const ROOM: &str = "committee";
const SOON: Duration = Duration::from_secs(12);
/// Opens Chromium with one version of livekit-client.
type Browser = fn(&Path, &str, &Door, u32, u32) -> Person;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn pause(n: u64) {
    std::thread::sleep(seconds(n));
}

/// A gateway whose test meeting lives in a LiveKit server.
fn gateway(folder: &Path, server: &LivekitServer) -> Gateway {
    let home = format!(
        "home = \"livekit\"\nlivekit_room = \"{ROOM}\"\nmax_people = 100\n\
         [livekit]\nurl = \"{}\"\napi_key = \"{KEY}\"\napi_secret = \"{SECRET}\"\n",
        server.url()
    );
    Setup::new(folder).extra(&home).start()
}

fn phone(gateway: &Gateway, name: &str, number: u16, hz: f64, codec: &'static str) -> Baresip {
    let setup = baresip::Setup::new(gateway.folder(), name, number, hz);
    let mut phone = setup.codecs(&[codec]).start();
    phone.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
    phone
}

fn hears(phone: &Baresip, who: &str, heard: &[f64], all: &[f64]) {
    phone
        .heard()
        .last(seconds(2), seconds(0))
        .hears_exactly(who, heard, all);
}

/// Somebody of the room as LiveKit's own client joins it.
fn join(open: Browser, server: &LivekitServer, folder: &Path, name: &str, hz: u32) -> Person {
    let (url, token) = (server.url(), server.token(ROOM, name, name));
    let door = Door {
        url: &url,
        token: &token,
    };
    open(folder, name, &door, hz, 100)
}

/// A PCMA phone, an Opus phone, the Python SDK and Chromium in one room.
fn four_kinds_meet(version: &'static str, open: Browser) {
    let folder = scratch(&format!("livekit-{version}"));
    let server = LivekitServer::start(&folder, version);
    let gateway = gateway(&folder, &server);
    // No sum or difference of three of them is near a fourth, so that no distortion looks like a voice.
    let all = [400.0, 610.0, 870.0, 1270.0];
    let mut mira = join(open, &server, &folder, "Mira", 1270);
    mira.until_in();
    let mut sam = join(Person::sdk, &server, &folder, "Sam", 870);
    sam.until_in();
    let mut alice = phone(&gateway, "alice", 1, all[0], "g711");
    let bob = phone(&gateway, "bob", 2, all[1], "opus");
    gateway.until_people(4, SOON);
    sam.hears_exactly(&[400.0, 610.0, 1270.0], &all, SOON);
    mira.hears_exactly(&[400.0, 610.0, 870.0], &all, SOON);
    pause(5);
    hears(&alice, "alice (PCMA)", &[610.0, 870.0, 1270.0], &all);
    hears(&bob, "bob (Opus)", &[400.0, 870.0, 1270.0], &all);

    for person in [&mut mira, &mut sam] {
        for name in ["alice", "bob"] {
            let seen = person.until_person(name, "speaks and is a telephone", SOON, |seen| {
                seen["speaking"] == true && seen["kind"] == "SIP"
            });
            assert!(
                seen["attributes"]["sip.callID"].is_string(),
                "other software finds the call: {seen:#}"
            );
            assert_eq!(seen["tracks"].as_array().map(Vec::len), Some(1), "{seen:#}");
        }
        person.until_sees("nobody but people", SOON, |people| people.len() == 3);
    }

    alice.press("1");
    sam.until_person("alice", "is muted", SOON, is_muted);
    mira.until_person("alice", "is muted", SOON, is_muted);
    sam.hears_exactly(&[610.0, 1270.0], &all, SOON);
    alice.press("1");
    sam.until_person("alice", "speaks again", SOON, |alice| !is_muted(alice));
    sam.hears_exactly(&[400.0, 610.0, 1270.0], &all, SOON);

    mira.mute(true);
    gateway.until("Mira is muted", SOON, |people| {
        people.iter().any(|p| p["name"] == "Mira" && p["muted"] == true)
    });
    pause(3);
    hears(&alice, "alice", &[610.0, 870.0], &all);

    let identity = identity(&server, "alice");
    server.mute(ROOM, &identity, true);
    gateway.until("alice is muted by the server", SOON, |people| {
        people
            .iter()
            .any(|p| p["name"] == "alice" && p["muted_by_moderator"] == true)
    });
    sam.hears_exactly(&[610.0], &all, SOON);
    pause(4);
    let heard = alice.heard().last(seconds(9), seconds(0));
    assert_heard(&heard, "alice", "de", "muted-by-moderator");

    alice.press("7");
    sam.until_pressed('7', SOON);
    mira.until_pressed('7', SOON);
    sam.press('5');
    alice.until("received event: '5'", SOON);

    let request = serde_json::json!({ "identity": identity });
    server.room_service("RemoveParticipant", ROOM, request);
    alice.until("session closed", seconds(20));
    let heard = alice.heard().last(seconds(8), seconds(0));
    assert_heard(&heard, "alice", "de", "removed");
    drop(bob);
    sam.until_sees("only Mira", SOON, |people| people.len() == 1);
    gateway.until_people(0, SOON);
    assert_eq!(server.people(ROOM).len(), 2, "nobody stays behind");
}

fn identity(server: &LivekitServer, name: &str) -> String {
    let people = server.people(ROOM);
    let person = people.iter().find(|person| person["name"] == name);
    let person = person.unwrap_or_else(|| panic!("nobody is called {name}: {people:#?}"));
    person["identity"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn four_kinds_meet_on_the_newest_server() {
    four_kinds_meet(livekit_server::NEWEST, Person::browser);
}

#[test]
fn four_kinds_meet_on_the_server_that_opentalk_ships() {
    four_kinds_meet(livekit_server::OPENTALKS, Person::older_browser);
}

#[test]
fn a_phone_on_one_node_meets_somebody_on_another() {
    let folder = scratch("livekit-nodes");
    let _redis = Redis::start(&folder, 6379);
    let node = |port| {
        livekit_server::Setup::new(&folder, livekit_server::NEWEST)
            .port(port)
            .redis(6379)
    };
    let (here, there) = (node(7880).start(), node(7980).start());
    let gateway = gateway(&folder, &here);
    let mut sam = join(Person::sdk, &there, &folder, "Sam", 870);
    sam.until_in();
    let alice = phone(&gateway, "alice", 1, 400.0, "opus");
    sam.hears_exactly(&[400.0], &[400.0, 870.0], SOON);
    pause(5);
    hears(&alice, "alice", &[870.0], &[400.0, 870.0]);
}

#[test]
fn a_phone_comes_in_where_only_tcp_gets_through() {
    let folder = scratch("livekit-tcp");
    let server = livekit_server::Setup::new(&folder, livekit_server::NEWEST)
        .tcp_only()
        .start();
    let gateway = gateway(&folder, &server);
    let mut sam = join(Person::sdk, &server, &folder, "Sam", 870);
    sam.until_in();
    let alice = phone(&gateway, "alice", 1, 400.0, "g711");
    // UDP is tried first, for as long as an attempt may take.
    sam.hears_exactly(&[400.0], &[400.0, 870.0], seconds(30));
    pause(5);
    hears(&alice, "alice", &[870.0], &[400.0, 870.0]);
}

#[test]
fn five_speakers_are_decoded_once_for_twenty_phones() {
    let folder = scratch("livekit-many");
    let server = LivekitServer::start(&folder, livekit_server::NEWEST);
    let gateway = gateway(&folder, &server);
    let speakers: Vec<Person> = [300, 430, 590, 770, 1130]
        .into_iter()
        .map(|hz| {
            let mut speaker = join(Person::deaf_sdk, &server, &folder, &format!("speaker{hz}"), hz);
            speaker.until_in();
            speaker
        })
        .collect();
    let user = format!("{MEETING}*{PIN}");
    std::thread::scope(|scope| {
        let run = Run {
            folder: &folder,
            scenario: Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/meeting.xml"),
            user: &user,
            calls: 20,
            rate: 5,
            at_once: 20,
            stay: seconds(14),
            limit: seconds(60),
            port: 15_900,
        };
        let sipp = scope.spawn(move || run.run());
        let phones = || server.people(ROOM).iter().filter(|p| p["kind"] == "SIP").count();
        let begin = Instant::now();
        while phones() < 20 {
            assert!(
                begin.elapsed() < SOON,
                "{} phones are there\n{}",
                phones(),
                gateway.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        pause(1);
        assert_eq!(gateway.metric("landbridge_sfu_tracks"), 5.0);
        let decoded = || gateway.metric("landbridge_sfu_frames_decoded_total");
        let (before, from) = (decoded(), Instant::now());
        pause(4);
        let rate = (decoded() - before) / from.elapsed().as_secs_f64();
        println!("{rate:.0} frames a second for 5 speakers and 20 phones");
        assert!((220.0..=260.0).contains(&rate), "{rate} frames a second");
        let all_in = Counts {
            successful: 20,
            failed: 0,
        };
        assert_eq!(sipp.join().expect("SIPp runs"), all_in);
    });
    drop(speakers);
    gateway.until_people(0, SOON);
    assert_eq!(gateway.metric("landbridge_sfu_tracks"), 0.0);
}
