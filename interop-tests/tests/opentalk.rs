// SPDX-License-Identifier: EUPL-1.2
//! Phones in meetings of genuine OpenTalk roomservers, with sound on a genuine LiveKit server.
//!
//! Needs the roomservers, livekit-server, LiveKit's Python SDK, Chromium, baresip and a network namespace of its own:
//! `interop-tests/tools/test.sh opentalk`.

use std::path::PathBuf;
use std::time::Duration;

use landbridge_interop_tests::gateway::{Gateway, MEETING, PIN, Setup, scratch};
use landbridge_interop_tests::peers::baresip::{self, Baresip};
use landbridge_interop_tests::peers::controller::{self, Controller};
use landbridge_interop_tests::peers::livekit_person::{Door, Person, is_muted};
use landbridge_interop_tests::peers::livekit_server::{self, LivekitServer};
use landbridge_interop_tests::peers::opentalk_person::OpentalkPerson;
use landbridge_interop_tests::peers::puppet::Puppet;
use landbridge_interop_tests::peers::python;
use landbridge_interop_tests::peers::roomserver::{Generation, Meeting, Roomserver};
use landbridge_interop_tests::process::Process;
use landbridge_interop_tests::prompts::{assert_not_heard, until_heard};
use serde_json::json;

const SOON: Duration = Duration::from_secs(12);
/// What the first phone, the second phone and the person at the web page hum.
const HUMS: [f64; 3] = [400.0, 610.0, 1270.0];

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn pause(n: u64) {
    std::thread::sleep(seconds(n));
}

/// One deployment of OpenTalk with the gateway at its side.
struct House {
    folder: PathBuf,
    meeting: Meeting,
    gateway: Gateway,
    _controller: Controller,
    roomserver: Roomserver,
    _livekit: LivekitServer,
}

impl House {
    fn open(test: &str, generation: Generation, meeting: Meeting) -> House {
        House::with(test, generation, meeting, |controller, _| controller)
    }

    fn with(
        test: &str,
        generation: Generation,
        meeting: Meeting,
        settle: impl FnOnce(controller::Setup, &Roomserver) -> controller::Setup,
    ) -> House {
        let folder = scratch(&format!("opentalk-{test}-{generation:?}"));
        let livekit = LivekitServer::start(&folder, livekit_server::NEWEST);
        let roomserver = Roomserver::start(&folder, generation);
        let setup = controller::Setup::new(&folder, &roomserver, &meeting);
        let controller = settle(setup, &roomserver).start();
        let gateway = Setup::new(&folder).no_meeting().extra(&Controller::section()).start();
        House {
            folder,
            meeting,
            gateway,
            _controller: controller,
            roomserver,
            _livekit: livekit,
        }
    }

    fn moderator(&self) -> OpentalkPerson {
        let mut moderator = OpentalkPerson::moderator(&self.folder, &self.roomserver, &self.meeting, 120);
        moderator.until_in();
        moderator
    }

    fn phone(&self, name: &str, number: u16, codec: &'static str) -> Baresip {
        let hz = HUMS[usize::from(number) - 1];
        let setup = baresip::Setup::new(&self.folder, name, number, hz);
        let mut phone = setup.codecs(&[codec]).start();
        phone.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
        phone
    }

    /// A phone, and its id in the meeting.
    fn joined(
        &self,
        moderator: &mut OpentalkPerson,
        name: &str,
        number: u16,
        codec: &'static str,
    ) -> (Baresip, String) {
        let mark = moderator.mark();
        let phone = self.phone(name, number, codec);
        let (id, shown) = moderator.until_joined(mark, SOON);
        match self.roomserver.generation() {
            Generation::First => assert_eq!(shown, name),
            // It shows strangers half of a name only.
            Generation::Tenth => assert!(shown.starts_with(&name[..2]), "{shown}"),
        }
        (phone, id)
    }
}

/// How much a phone has heard so far.
fn now(phone: &Baresip) -> Duration {
    phone.heard().duration()
}

fn hears(phone: &Baresip, who: &str, heard: &[f64]) {
    phone
        .heard()
        .last(seconds(2), seconds(0))
        .hears_exactly(who, heard, &HUMS);
}

/// A PCMA phone, an Opus phone and a person at the web page talk, mute, raise hands, and are moderated.
fn a_meeting(generation: Generation) {
    let house = House::open("meeting", generation, Meeting::new(1));
    let mut alice = house.moderator();
    let mut web = Person::browser(&house.folder, "web", &alice.credentials().door(), 1270, 110);
    web.until_in();
    let (mut pcma, id) = house.joined(&mut alice, "pcma", 1, "g711");
    let (opus, opus_id) = house.joined(&mut alice, "opus", 2, "opus");
    web.hears_exactly(&HUMS[..2], &HUMS, SOON);
    pause(4);
    hears(&pcma, "the PCMA phone", &[610.0, 1270.0]);
    hears(&opus, "the Opus phone", &[400.0, 1270.0]);
    web.until_person(&id, "speaks", SOON, |person| person["speaking"] == true);
    house.gateway.until("the person at the page is shown", SOON, |people| {
        people
            .iter()
            .any(|p| p["name"] == "Alice Adams" && p["role"] == "moderator")
    });

    // By keys.
    let from = now(&pcma);
    pcma.press("1");
    web.until_person(&id, "is muted", SOON, is_muted);
    web.hears_exactly(&HUMS[1..2], &HUMS, SOON);
    until_heard(&pcma, from, "de", "you-are-muted", SOON);
    pcma.press("1");
    web.hears_exactly(&HUMS[..2], &HUMS, SOON);
    let from = now(&pcma);
    pcma.press("2");
    let raised = alice.until("raise_hands", "hand_raised", SOON);
    assert_eq!(raised["participant"], id.as_str());
    until_heard(&pcma, from, "de", "hand-raised", SOON);

    // By the moderator.
    let from = now(&pcma);
    alice.send("raise_hands", &json!({ "action": "reset_raised_hands" }));
    until_heard(&pcma, from, "de", "hand-lowered-by-moderator", SOON);
    let from = now(&pcma);
    alice.mute(&id);
    web.until_person(&id, "is muted", SOON, is_muted);
    until_heard(&pcma, from, "de", "muted-by-moderator", SOON);
    pcma.press("1");
    web.until_person(&id, "speaks again", SOON, |person| !is_muted(person));
    web.hears_exactly(&HUMS[..2], &HUMS, SOON);

    let from = now(&pcma);
    alice.send(
        "moderation",
        &json!({ "action": "enable_microphone_restrictions", "unrestricted_participants": [opus_id] }),
    );
    until_heard(&pcma, from, "de", "microphones-restricted", SOON);
    web.hears_exactly(&HUMS[1..2], &HUMS, SOON);
    let from = now(&pcma);
    pcma.press("1");
    until_heard(&pcma, from, "de", "microphones-restricted", SOON);
    pause(4);
    web.hears_exactly(&HUMS[1..2], &HUMS, seconds(3));
    let from = now(&pcma);
    alice.send("moderation", &json!({ "action": "disable_microphone_restrictions" }));
    until_heard(&pcma, from, "de", "microphones-free", SOON);
    assert_not_heard(
        &pcma.heard().part(from, SOON),
        "the PCMA phone",
        "de",
        "microphones-restricted",
    );

    // The end.
    let from = now(&pcma);
    alice.moderate("kick", &id);
    until_heard(&pcma, from, "de", "removed", SOON);
    pcma.until("session closed", SOON);
    let from = now(&opus);
    alice.send("moderation", &json!({ "action": "debrief", "kick_scope": "guests" }));
    until_heard(&opus, from, "de", "debriefed", SOON);
    web.until_sees("nobody", SOON, <[_]>::is_empty);
    house.gateway.until_people(0, SOON);
}

#[test]
fn a_meeting_at_a_roomserver_of_the_first_generation() {
    a_meeting(Generation::First);
}

#[test]
fn a_meeting_at_a_roomserver_of_the_tenth_generation() {
    a_meeting(Generation::Tenth);
}

/// A phone waits, is let in, sent back, let in again, goes to a breakout room and comes back.
fn rooms_around_a_meeting(generation: Generation) {
    let house = House::open("rooms", generation, Meeting::new(2).with("waiting_room", "for_guests"));
    let mut alice = house.moderator();
    let mut web = Person::sdk(&house.folder, "web", &alice.credentials().door(), 1270, 110);
    web.until_in();
    let mark = alice.mark();
    let mut phone = house.phone("anna", 1, "g711");
    let waiting = alice.until_after(mark, "core", "joined_waiting_room", SOON);
    let id = waiting["participant_id"].as_str().unwrap_or_default().to_owned();
    until_heard(&phone, Duration::ZERO, "de", "waiting-room", SOON);
    hears(&phone, "the phone that waits", &[]);

    let from = now(&phone);
    alice.moderate("accept", &id);
    until_heard(&phone, from, "de", "admitted", SOON);
    web.hears_exactly(&HUMS[..1], &HUMS, SOON);
    pause(3);
    hears(&phone, "the phone", &[1270.0]);

    let from = now(&phone);
    alice.moderate("send_to_waiting_room", &id);
    until_heard(&phone, from, "de", "sent-to-waiting-room", SOON);
    web.hears_exactly(&[], &HUMS, SOON);
    alice.moderate("accept", &id);
    web.hears_exactly(&HUMS[..1], &HUMS, SOON);

    let from = now(&phone);
    alice.open_breakout_rooms(&["North", "South"], 100, &id);
    until_heard(&phone, from, "de", "breakout-opened", SOON);
    let from = now(&phone);
    phone.press("5");
    until_heard(&phone, from, "de", "breakout-entered", SOON);
    web.hears_exactly(&[], &HUMS, SOON);
    pause(2);
    hears(&phone, "the phone, alone in its breakout room,", &[]);
    alice.switch(Some(0));
    let switched = alice.until("breakout", "switched_room", SOON);
    let text = |key: &str| {
        let value = &switched["own_data"]["livekit"][key];
        value.as_str().unwrap_or_default().to_owned()
    };
    web.leave();
    let (url, token) = (text("public_url"), text("token"));
    let door = Door {
        url: &url,
        token: &token,
    };
    let mut web = Person::sdk(&house.folder, "web-there", &door, 1270, 60);
    web.hears_exactly(&HUMS[..1], &HUMS, SOON);
    pause(2);
    hears(&phone, "the phone in its breakout room", &[1270.0]);

    let from = now(&phone);
    alice.send("breakout", &json!({ "action": "stop" }));
    until_heard(&phone, from, "de", "breakout-returned", SOON);
    let mut web = Person::sdk(&house.folder, "web-back", &alice.credentials().door(), 1270, 60);
    web.hears_exactly(&HUMS[..1], &HUMS, SOON);

    if generation == Generation::Tenth {
        let from = now(&phone);
        house.roomserver.delete(&house.meeting);
        until_heard(&phone, from, "de", "room-ended", SOON);
        phone.until("session closed", SOON);
    }
}

#[test]
fn rooms_around_a_meeting_of_the_first_generation() {
    rooms_around_a_meeting(Generation::First);
}

#[test]
fn rooms_around_a_meeting_of_the_tenth_generation() {
    rooms_around_a_meeting(Generation::Tenth);
}

#[test]
fn a_recording_asks_and_hears_nobody_before_a_yes() {
    let house = House::open("recording", Generation::First, Meeting::new(3).recorded());
    let mut alice = house.moderator();
    let mut web = Person::sdk(&house.folder, "web", &alice.credentials().door(), 1270, 60);
    let (mut phone, _) = house.joined(&mut alice, "anna", 1, "g711");
    web.hears_exactly(&HUMS[..1], &HUMS, SOON);
    alice.send("recording", &json!({ "action": "start_recording" }));
    let recorder = OpentalkPerson::recorder(&house.folder, &house.roomserver, &house.meeting, 60);
    let from = now(&phone);
    recorder.records("active");
    until_heard(&phone, from, "de", "consent-asked", SOON);
    web.hears_exactly(&[], &HUMS, SOON);
    let from = now(&phone);
    phone.press("3");
    until_heard(&phone, from, "de", "consent-given", SOON);
    web.hears_exactly(&HUMS[..1], &HUMS, SOON);
    let from = now(&phone);
    phone.press("6");
    until_heard(&phone, from, "de", "consent-refused", SOON);
    web.hears_exactly(&[], &HUMS, SOON);
    let from = now(&phone);
    recorder.records("inactive");
    until_heard(&phone, from, "de", "recording-stopped", SOON);
}

#[test]
fn whoever_may_not_come_in_is_told_why() {
    let full = Meeting::new(4).takes(1);
    let house = House::with("refusals", Generation::First, full, |controller, roomserver| {
        let refuse = |code: &'static str, message: &'static str| Some((code, message));
        let encrypted = refuse("service_unavailable", "call-in is not available for encrypted rooms");
        let disabled = refuse("feature_disabled", "call_in is disabled by the tariff");
        let closed = refuse(
            "service_unavailable",
            "call-in is not available for rooms without guest access",
        );
        controller
            .opens("2222222222", PIN, &Meeting::new(5), roomserver, encrypted)
            .opens("3333333333", PIN, &Meeting::new(6), roomserver, disabled)
            .opens("4444444444", PIN, &Meeting::new(7).encrypted(), roomserver, None)
            .opens("5555555555", PIN, &Meeting::new(8), roomserver, closed)
    });
    let _alice = house.moderator();
    let cases = [
        (MEETING, PIN, "room-full"),
        ("2222222222", PIN, "encrypted-room"),
        ("3333333333", PIN, "call-in-disabled"),
        ("4444444444", PIN, "encrypted-room"),
        ("5555555555", PIN, "call-in-disabled"),
        (MEETING, "1111111111", "wrong-credentials"),
    ];
    // All of them call at once: what happens to one is nothing to the others.
    let phones: Vec<Baresip> = cases
        .iter()
        .zip(1..)
        .map(|((id, pin, prompt), number)| {
            let mut phone = baresip::Setup::new(&house.folder, &format!("{prompt}-{number}"), number, 400.0).start();
            phone.call(&format!("sip:{id}*{pin}@127.0.0.1:5060"));
            phone
        })
        .collect();
    for (phone, (_, _, prompt)) in phones.iter().zip(cases) {
        until_heard(phone, Duration::ZERO, "de", prompt, seconds(15));
    }
    house.gateway.until_people(0, SOON);
    let log = house.gateway.log();
    assert!(
        !log.contains(PIN) && !log.contains(MEETING),
        "no id and no PIN in the log"
    );
}

#[test]
fn a_controller_with_the_older_login_is_asked_the_older_way() {
    let folder = scratch("opentalk-older-login");
    let table = folder.join("table.json");
    let write = |roles: &[&str]| {
        let room = json!({"id": "2222222222", "pin": PIN, "room_id": "none", "answer": "encrypted"});
        let client = json!({"client_id": "Landbridge", "client_secret": "s: &e", "roles": roles, "life_s": 61});
        std::fs::write(&table, json!({"oidc": client, "rooms": [room]}).to_string()).expect("the folder is writable");
    };
    write(&["opentalk-call-in"]);
    let path = table.to_str().expect("the path is UTF-8");
    let (program, address) = (env!("CARGO_BIN_EXE_controller"), "127.0.0.1:11311");
    let _controller = Process::start(&folder, "controller", seconds(60), program, &[address, path]);
    let login = "client_id = \"Landbridge\"\nclient_secret = \"s: &e\"\n";
    let issuer = format!("issuer = \"http://{address}/realms/opentalk\"\n{login}");
    let section = format!("[opentalk]\ncontroller = \"http://{address}\"\n[opentalk.oidc]\n{issuer}");
    let gateway = Setup::new(&folder).no_meeting().extra(&section).start();
    for (id, number, prompt) in [
        ("2222222222", 1, "encrypted-room"),
        ("3333333333", 2, "wrong-credentials"),
    ] {
        let mut phone = baresip::Setup::new(&folder, prompt, number, 400.0).start();
        phone.call(&format!("sip:{id}*{PIN}@127.0.0.1:5060"));
        until_heard(&phone, Duration::ZERO, "de", prompt, seconds(15));
    }
    assert_eq!(gateway.degraded("opentalk"), "");
    drop(gateway);

    write(&["something-else"]);
    let gateway = Setup::new(&folder).no_meeting().extra(&section).start();
    let start = std::time::Instant::now();
    while !gateway.degraded("opentalk").contains("role opentalk-call-in") {
        assert!(start.elapsed() < SOON, "{}", gateway.degraded("opentalk"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A controller up to 0.33: its login, its call-in, its own signalling; the sound on the server it ships with.
#[test]
fn a_meeting_of_a_controller_before_the_roomserver() {
    let folder = scratch("opentalk-legacy");
    let livekit = LivekitServer::start(&folder, livekit_server::OPENTALKS);
    let settings = json!({
        "port": controller::PORT, "client": { "id": "Obelisk", "secret": "a-secret-of-the-login" },
        "meeting": { "id": MEETING, "pin": PIN, "room": "legacy", "waiting": true },
        "livekit": { "url": livekit.url(), "key": livekit_server::KEY, "secret": livekit_server::SECRET },
    });
    std::fs::write(folder.join("legacy.json"), settings.to_string()).expect("the scratch folder is writable");
    let text = folder.to_string_lossy().into_owned();
    let process = python::start(&folder, "legacy_controller.py", seconds(100), &[&text]);
    let mut controller = Puppet::new(&folder, "legacy", process);
    let url = format!("http://127.0.0.1:{}", controller::PORT);
    let section = format!(
        "[opentalk]\ncontroller = \"{url}\"\n[opentalk.oidc]\nissuer = \"{url}/realms/opentalk\"\n\
         client_id = \"Obelisk\"\nclient_secret = \"a-secret-of-the-login\"\n"
    );
    let gateway = Setup::new(&folder).no_meeting().extra(&section).start();
    let (address, token) = (livekit.url(), livekit.token("legacy", "web", "web"));
    let door = Door {
        url: &address,
        token: &token,
    };
    let mut web = Person::sdk(&folder, "web", &door, 1270, 80);
    web.until_in();

    let mut phone = baresip::Setup::new(&folder, "anna", 1, HUMS[0]).start();
    phone.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
    until_heard(&phone, Duration::ZERO, "de", "waiting-room", SOON);
    let from = now(&phone);
    controller.step("accept");
    until_heard(&phone, from, "de", "admitted", SOON);
    web.hears_exactly(&HUMS[..1], &HUMS, SOON);
    pause(3);
    hears(&phone, "the phone", &[1270.0]);

    let from = now(&phone);
    phone.press("2");
    controller.until("the hand goes up", SOON, |line| {
        line["payload"]["action"] == "raise_hand"
    });
    until_heard(&phone, from, "de", "hand-raised", SOON);
    let from = now(&phone);
    let says = |namespace: &str, payload: serde_json::Value| {
        let line = json!({ "namespace": namespace, "timestamp": "2026-01-01T00:00:00Z", "payload": payload });
        controller.step(&line.to_string());
    };
    says(
        "livekit",
        json!({ "message": "force_muted", "moderator": "00000000-0000-0000-0000-0000000a11c3" }),
    );
    until_heard(&phone, from, "de", "muted-by-moderator", SOON);
    web.hears_exactly(&[], &HUMS, SOON);
    let from = now(&phone);
    says(
        "moderation",
        json!({ "message": "session_ended", "issued_by": "00000000-0000-0000-0000-0000000a11c3" }),
    );
    until_heard(&phone, from, "de", "room-ended", SOON);
    phone.until("session closed", SOON);
    gateway.until_people(0, SOON);
}
