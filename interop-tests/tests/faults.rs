// SPDX-License-Identifier: EUPL-1.2
//! What phones notice when servers elsewhere die, freeze, lie or are not who they should be.
//!
//! Needs livekit-server, the roomserver, Redis, LiveKit's Python SDK, baresip, faketime and a network namespace of its
//! own: `interop-tests/tools/test.sh faults`.

use std::path::Path;
use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{Gateway, MEETING, PIN, Setup, scratch};
use landbridge_interop_tests::peers::baresip::{self, Baresip};
use landbridge_interop_tests::peers::controller::{self, Controller};
use landbridge_interop_tests::peers::livekit_person::{Door, Person};
use landbridge_interop_tests::peers::livekit_server::{self, KEY, LivekitServer, SECRET};
use landbridge_interop_tests::peers::opentalk_person::OpentalkPerson;
use landbridge_interop_tests::peers::pair::{ALICE_HZ, BOB_HZ, Pair};
use landbridge_interop_tests::peers::redis::Redis;
use landbridge_interop_tests::peers::rogue::Rogue;
use landbridge_interop_tests::peers::roomserver::{Generation, Meeting, OWNER, Roomserver};
use landbridge_interop_tests::prompts::until_heard;

/// The room of the meeting that lives in LiveKit.
const ROOM: &str = "committee";
/// Its id, where the test meeting is a local one.
const ELSEWHERE: &str = "2222222222";
/// What the person of LiveKit hums.
const SAM_HZ: f64 = 1270.0;
const ALL: [f64; 3] = [ALICE_HZ, BOB_HZ, SAM_HZ];
const SOON: Duration = Duration::from_secs(12);
/// A server that is back has its phones back within this time, beside another suite on the same two cores; three seconds
/// are what an idle machine shows.
const BACK: Duration = Duration::from_secs(5);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn pause(n: u64) {
    std::thread::sleep(seconds(n));
}

fn livekit_section(url: &str, secret: &str) -> String {
    format!("[livekit]\nurl = \"{url}\"\napi_key = \"{KEY}\"\napi_secret = \"{secret}\"\n")
}

/// A gateway whose test meeting lives in a LiveKit server, two phones in it.
fn in_livekit(folder: &Path, server: &LivekitServer) -> (Gateway, Pair) {
    let home = format!(
        "home = \"livekit\"\nlivekit_room = \"{ROOM}\"\n{}",
        livekit_section(&server.url(), SECRET)
    );
    let gateway = Setup::new(folder).extra(&home).start();
    let pair = Pair::join(&gateway);
    (gateway, pair)
}

/// A gateway with a local meeting in which two phones talk, and whatever is said here.
fn beside_a_local_meeting(folder: &Path, extra: &str) -> (Gateway, Pair) {
    let gateway = Setup::new(folder).extra(extra).start();
    let pair = Pair::join(&gateway);
    (gateway, pair)
}

fn call(folder: &Path, name: &str, number: u16, meeting: &str) -> Baresip {
    let mut phone = baresip::Setup::new(folder, name, number, 610.0).start();
    phone.call(&format!("sip:{meeting}*{PIN}@127.0.0.1:5060"));
    phone
}

fn sam(server: &LivekitServer, folder: &Path, name: &str) -> Person {
    let (url, token) = (server.url(), server.token(ROOM, name, name));
    let door = Door {
        url: &url,
        token: &token,
    };
    let mut sam = Person::sdk(folder, name, &door, SAM_HZ as u32, 100);
    sam.until_in();
    sam
}

/// Waits until so many people but Sam and the owner publish in a room again, and says how long that took.
fn phones_are_back(server: &LivekitServer, room: &str, count: usize, gateway: &Gateway) -> Duration {
    let start = Instant::now();
    loop {
        let people = server.people(room);
        let publishes = |person: &&serde_json::Value| {
            let name = person["identity"].as_str().unwrap_or_default();
            let is_phone = !name.starts_with("Sam") && !name.starts_with(OWNER);
            is_phone && person["tracks"].as_array().is_some_and(|tracks| !tracks.is_empty())
        };
        if people.iter().filter(publishes).count() == count {
            return start.elapsed();
        }
        assert!(
            start.elapsed() < seconds(20),
            "the phones are not back: {people:#?}\n{}",
            gateway.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn both_phones_stay(gateway: &Gateway) {
    gateway.until("both phones stay", seconds(1), |people| {
        people.iter().filter(|p| p["kind"] == "phone").count() == 2
    });
}

fn all_hear_each_other(pair: &Pair, sam: &mut Person) {
    sam.hears_exactly(&[ALICE_HZ, BOB_HZ], &ALL, SOON);
    pause(2);
    let last = |phone: &Baresip| phone.heard().last(seconds(1), seconds(0));
    last(&pair.alice).hears_exactly("alice", &[BOB_HZ, SAM_HZ], &ALL);
    last(&pair.bob).hears_exactly("bob", &[ALICE_HZ, SAM_HZ], &ALL);
}

#[test]
fn phones_outlive_a_livekit_server_and_are_back_in_three_seconds() {
    let folder = scratch("faults-livekit");
    let mut server = LivekitServer::start(&folder, livekit_server::NEWEST);
    let (gateway, pair) = in_livekit(&folder, &server);
    all_hear_each_other(&pair, &mut sam(&server, &folder, "Sam"));

    // A power cut: the phones of one node go on hearing each other.
    let from = pair.alice.heard().duration();
    server.kill();
    until_heard(&pair.alice, from, "de", "reconnecting", SOON);
    pause(4);
    pair.heard_each_other(seconds(2));
    both_phones_stay(&gateway);
    let from = pair.alice.heard().duration();
    server.start_again();
    let took = phones_are_back(&server, ROOM, 2, &gateway);
    println!("back {took:?} after a power cut");
    assert!(took <= BACK, "{took:?}");
    until_heard(&pair.alice, from, "de", "reconnected", SOON);
    all_hear_each_other(&pair, &mut sam(&server, &folder, "Sam-2"));

    // An operator's restart: the server says goodbye first.
    server.signal("TERM");
    pause(1);
    server.kill();
    server.start_again();
    let took = phones_are_back(&server, ROOM, 2, &gateway);
    println!("back {took:?} after a restart");
    assert!(took <= BACK, "{took:?}");

    // A server that does not answer for a while.
    let mut third = sam(&server, &folder, "Sam-3");
    all_hear_each_other(&pair, &mut third);
    server.signal("STOP");
    pause(6);
    server.signal("CONT");
    phones_are_back(&server, ROOM, 2, &gateway);
    all_hear_each_other(&pair, &mut third);
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}

#[test]
fn phones_outlive_redis() {
    let folder = scratch("faults-redis");
    let mut redis = Redis::start(&folder, 6379);
    let setup = livekit_server::Setup::new(&folder, livekit_server::NEWEST).redis(6379);
    let server = setup.start();
    let (gateway, pair) = in_livekit(&folder, &server);
    let mut sam = sam(&server, &folder, "Sam");
    all_hear_each_other(&pair, &mut sam);
    redis.kill();
    pause(4);
    all_hear_each_other(&pair, &mut sam);
    redis.start_again();
    pause(2);
    all_hear_each_other(&pair, &mut sam);
    both_phones_stay(&gateway);
}

#[test]
fn phones_outlive_a_roomserver_and_a_controller() {
    let folder = scratch("faults-opentalk");
    let mut livekit = LivekitServer::start(&folder, livekit_server::NEWEST);
    let mut roomserver = Roomserver::start(&folder, Generation::First);
    let meeting = Meeting::new(1);
    let mut controller = Controller::start(&folder, &roomserver, &meeting);
    let gateway = Setup::new(&folder).no_meeting().extra(&Controller::section()).start();
    let pair = Pair::join(&gateway);

    // Without its controller a meeting goes on; who calls now is told.
    controller.kill();
    let newcomer = call(&folder, "carla", 3, MEETING);
    until_heard(&newcomer, Duration::ZERO, "de", "unreachable", SOON);
    pair.still_talks();
    both_phones_stay(&gateway);
    controller.start_again();

    // The roomserver dies with its meetings: the phones open the meeting again.
    let from = pair.alice.heard().duration();
    roomserver.kill();
    pause(4);
    pair.still_talks();
    both_phones_stay(&gateway);
    roomserver.start_again();
    let start = Instant::now();
    let mut alice = OpentalkPerson::moderator(&folder, &roomserver, &meeting, 90);
    alice.until_in();
    alice.puppet().until("the phones are back", seconds(10), |_| true);
    let mut web = Person::sdk(&folder, "web", &alice.credentials().door(), SAM_HZ as u32, 60);
    web.hears_exactly(&[ALICE_HZ, BOB_HZ], &ALL, SOON);
    println!("heard {:?} after the roomserver was back", start.elapsed());
    until_heard(&pair.alice, from, "de", "reconnected", SOON);
    gateway.until_people(3, SOON);

    // Its LiveKit dies: fresh tokens come from the roomserver.
    livekit.kill();
    pause(3);
    both_phones_stay(&gateway);
    web.leave();
    livekit.start_again();
    let took = phones_are_back(&livekit, &format!("{}:main", meeting.room), 2, &gateway);
    println!("back {took:?} after LiveKit was");
    assert!(took <= BACK, "{took:?}");
    let mut web = Person::sdk(&folder, "web-2", &alice.credentials().door(), SAM_HZ as u32, 60);
    all_hear_each_other(&pair, &mut web);

    let newcomer = call(&folder, "dora", 4, MEETING);
    gateway.until("dora is in", SOON, |people| people.iter().any(|p| p["name"] == "dora"));
    drop(newcomer);
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}

/// What is wrong with one server, and which words of it a log and `/readyz` have to hold.
fn said(folder: &Path, clock: Option<&'static str>, sections: &str, server: &str, words: &[&str]) {
    let meeting = format!("[[meeting]]\nid = \"{ELSEWHERE}\"\npin = \"{PIN}\"\n{sections}");
    let mut setup = Setup::new(folder).extra(&meeting);
    if let Some(clock) = clock {
        setup = setup.clock(clock);
    }
    let gateway = setup.start();
    let phone = call(folder, "phone", 3, ELSEWHERE);
    until_heard(&phone, Duration::ZERO, "de", "unreachable", seconds(20));
    let holds = |text: &str| {
        let text = text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    let start = Instant::now();
    while !holds(&gateway.degraded(server)) {
        let told = gateway.degraded(server);
        assert!(start.elapsed() < SOON, "/readyz should hold one of {words:?}: {told:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = gateway.log();
    let serious = log
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("WARN"));
    assert!(
        serious.clone().any(holds),
        "the log should hold one of {words:?}: {:#?}",
        serious.collect::<Vec<_>>()
    );
    assert!(
        !log.contains(SECRET) && !gateway.degraded(server).contains("eyJ") && !log.contains("eyJ"),
        "a secret is told"
    );
}

#[test]
fn what_is_wrong_with_livekit_is_said() {
    let folder = scratch("faults-wrong-livekit");
    let server = LivekitServer::start(&folder, livekit_server::NEWEST);
    let home = |url: &str, secret: &str| {
        let section = livekit_section(url, secret);
        format!("home = \"livekit\"\nlivekit_room = \"{ROOM}\"\n{section}")
    };
    let wrong_key = home(&server.url(), "not-the-secret-of-the-tests-but-as-long");
    said(&folder, None, &wrong_key, "livekit", &["api key and secret"]);
    let wrong_port = home("ws://127.0.0.1:7999", SECRET);
    said(&folder, None, &wrong_port, "livekit", &["refused", "connect"]);
    let right = home(&server.url(), SECRET);
    said(&folder, Some("+20m"), &right, "livekit", &["clock"]);
}

#[test]
fn what_is_wrong_with_opentalk_is_said() {
    let folder = scratch("faults-wrong-opentalk");
    let (certificate, key) = stranger(&folder);
    let roomserver = Roomserver::start(&folder, Generation::First);
    let setup = |id: &str| {
        controller::Setup::new(&folder, &roomserver, &Meeting::new(1)).opens(
            id,
            PIN,
            &Meeting::new(2),
            &roomserver,
            None,
        )
    };
    let section = |url: &str, secret: &str| controller::section(url, controller::KEY_ID, secret);
    let url = format!("http://127.0.0.1:{}", controller::PORT);
    let cases = |sections: &str, words: &[&str]| {
        let gateway = Setup::new(&folder).extra(sections).start();
        let start = Instant::now();
        let holds = |text: &str| words.iter().any(|word| text.to_lowercase().contains(word));
        while !holds(&gateway.degraded("opentalk")) {
            let told = gateway.degraded("opentalk");
            assert!(start.elapsed() < SOON, "/readyz should hold one of {words:?}: {told:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = gateway.log();
        assert!(log.lines().any(holds), "the log should hold one of {words:?}:\n{log}");
        let told = gateway.degraded("opentalk");
        assert!(
            !log.contains(controller::KEY_SECRET) && !log.contains("eyJ") && !told.contains("eyJ"),
            "a secret is told"
        );
    };
    let controller = setup(ELSEWHERE).start();
    cases(&section(&url, "not-the-secret"), &["secret", "api_key", "key"]);
    cases(
        &section("http://127.0.0.1:11999", controller::KEY_SECRET),
        &["refused", "connect"],
    );
    controller.behave("clock 1200");
    cases(&section(&url, controller::KEY_SECRET), &["clock"]);
    controller.behave("garbage");
    let right = section(&url, controller::KEY_SECRET);
    cases(&right, &["no json", "without a token"]);
    controller.behave("huge");
    cases(&right, &["64 kib"]);
    controller.behave("error");
    cases(&right, &["502"]);
    drop(controller);
    let controller = setup(ELSEWHERE).tls(&certificate, &key).start();
    let ca = folder.join("stranger-ca.pem");
    let secure = section(&url.replace("http:", "https:"), controller::KEY_SECRET);
    let secure = secure.replacen('\n', &format!("\nca = \"{}\"\n", ca.display()), 1);
    cases(&secure, &["certificate", "name"]);
    drop(controller);
}

/// Makes a certificate of another name, trusted by `stranger-ca.pem`.
fn stranger(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let script = "
        set -e
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=another authority' -keyout sca.key -out stranger-ca.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=elsewhere -keyout stranger.key -out stranger.csr
        printf 'subjectAltName=DNS:elsewhere.example\\n' >san2
        openssl x509 -req -in stranger.csr -CA stranger-ca.pem -CAkey sca.key -CAcreateserial -days 30 -extfile san2 -out stranger.pem
    ";
    let done = std::process::Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .expect("bash is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (folder.join("stranger.pem"), folder.join("stranger.key"))
}

#[test]
fn a_rogue_server_harms_nobody_but_its_own_callers() {
    let folder = scratch("faults-rogue");
    let rogue = Rogue::start(&folder, 7890);
    let roomserver = Roomserver::start(&folder, Generation::First);
    let controller = controller::Setup::new(&folder, &roomserver, &Meeting::new(1))
        .misleads("3333333333", PIN, &rogue.http())
        .start();
    let sections = format!(
        "[[meeting]]\nid = \"{ELSEWHERE}\"\npin = \"{PIN}\"\nhome = \"livekit\"\nlivekit_room = \"{ROOM}\"\n{}{}",
        livekit_section(&rogue.http(), SECRET),
        Controller::section()
    );
    let (gateway, pair) = beside_a_local_meeting(&folder, &sections);
    let memory = || gateway.metric("process_resident_memory_bytes") / 1e6;
    let before = memory();
    for how in ["garbage", "unknown", "huge", "flood", "close", "refuse 500", "silence"] {
        rogue.behave(how);
        let to_livekit = call(&folder, "carla", 3, ELSEWHERE);
        let to_opentalk = call(&folder, "dora", 4, "3333333333");
        pause(3);
        let heard = pair.alice.heard().last(seconds(3), seconds(0));
        heard.hears_exactly("alice", &[BOB_HZ], &[ALICE_HZ, BOB_HZ, 610.0]);
        let gaps = heard.gaps(BOB_HZ);
        assert!(gaps <= Duration::from_millis(100), "{how}: alice missed {gaps:?}");
        drop((to_livekit, to_opentalk));
        assert!(!gateway.log().contains("panicked"), "{how}: {}", gateway.log());
    }
    let lines = rogue.log().lines().filter(|line| line.starts_with('{')).count();
    assert!(lines < 400, "the rogue was asked {lines} times");
    println!(
        "memory {before:.0} → {:.0} MB, the rogue was asked {lines} times",
        memory()
    );
    assert!(memory() < before + 60.0, "{before} → {} MB", memory());

    // Who stays on the line is told at last, and the operator too.
    rogue.behave("huge");
    let to_livekit = call(&folder, "gerda", 7, ELSEWHERE);
    let to_opentalk = call(&folder, "hans", 8, "3333333333");
    for phone in [&to_livekit, &to_opentalk] {
        until_heard(phone, Duration::ZERO, "de", "unreachable", seconds(30));
    }
    let log = gateway.log();
    let warned = log
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"));
    let told = warned
        .filter(|line| line.contains("MiB") || line.contains("KiB"))
        .count();
    assert!(told >= 2, "both messages were too long and the log says so:\n{log}");

    // A controller that stalls holds up nobody else.
    controller.behave("stall");
    let mut waits = baresip::Setup::new(&folder, "emil", 5, 610.0).start();
    waits.dial(&format!("sip:4444444444*{PIN}@127.0.0.1:5060"));
    pair.still_talks();
    let frida = call(&folder, "frida", 6, MEETING);
    gateway.until_people(3, SOON);
    drop(frida);
}
