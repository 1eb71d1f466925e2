// SPDX-License-Identifier: EUPL-1.2
//! XMPP clients in meetings, through Prosody and ejabberd, from the same domain and from another.
//!
//! Needs prosody, ejabberd, slixmpp, aiortc, Dino, baresip, Chromium with stanza.js, and a network namespace of its own:
//! `interop-tests/tools/test.sh xmpp`.

use std::time::Duration;

use landbridge_interop_tests::gateway::{MEETING, PIN};
use landbridge_interop_tests::peers::baresip;
use landbridge_interop_tests::peers::dino::again_when_dino_crashes;
use landbridge_interop_tests::peers::jingle_person::JinglePerson;
use landbridge_interop_tests::peers::stanza_person::StanzaPerson;
use landbridge_interop_tests::peers::xmpp_server::Software::{Ejabberd, Prosody};
use landbridge_interop_tests::xmpp_world::{MIRA_HZ, PHONE_HZ, Plan, World, phone_hears};

/// What the person with aiortc hums.
const ALICE_HZ: f64 = 400.0;
/// What the person with stanza.js or Dino hums.
const BOB_HZ: f64 = 870.0;
const ALL: [f64; 4] = [PHONE_HZ, ALICE_HZ, BOB_HZ, MIRA_HZ];
const SOON: Duration = Duration::from_secs(12);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn alice(world: &World) -> JinglePerson {
    JinglePerson::start(world.folder(), "alice", world.people(), ALICE_HZ, 150)
}

/// A phone, the page, aiortc and stanza.js in one room: tones both ways, mute, hold, hang-up from each side.
fn four_kinds_meet(test: &str, plan: Plan) {
    let world = plan.start(test);
    let phone = world.phone();
    let mut mira = world.mira();
    let mut alice = alice(&world);
    let took = alice.call(&world.room_with_pin(), "trickle");
    println!("{test}: aiortc hears after {took:?}");
    let mut bob = StanzaPerson::start(world.folder(), "bob", world.people(), BOB_HZ as u32, 150);
    let mark = bob.puppet().mark();
    bob.step(&format!("call {} video", world.room()));
    bob.until_connected(mark);
    // The keys of a browser are those of a telephone (RFC 4733).
    std::thread::sleep(seconds(1));
    bob.step(&format!("digits {PIN}#"));
    world.gateway.until_people(4, SOON);
    alice.hears_exactly(&[PHONE_HZ, BOB_HZ, MIRA_HZ], &ALL, SOON);
    bob.hears_exactly(&[PHONE_HZ, ALICE_HZ, MIRA_HZ], &ALL, SOON);
    mira.hears_exactly(&[PHONE_HZ, ALICE_HZ, BOB_HZ], &ALL, SOON);
    phone_hears(&phone, &[ALICE_HZ, BOB_HZ, MIRA_HZ], &ALL, SOON);

    // Both say that they are mute; aiortc hums on all the same.
    alice.step("mute");
    world.gateway.until("alice is mute", SOON, |people| {
        people.iter().filter(|p| p["muted"] == true).count() == 1
    });
    phone_hears(&phone, &[BOB_HZ, MIRA_HZ], &ALL, SOON);
    alice.step("unmute");
    phone_hears(&phone, &[ALICE_HZ, BOB_HZ, MIRA_HZ], &ALL, SOON);
    bob.step("hold");
    phone_hears(&phone, &[ALICE_HZ, MIRA_HZ], &ALL, SOON);
    bob.step("resume");
    phone_hears(&phone, &[ALICE_HZ, BOB_HZ, MIRA_HZ], &ALL, SOON);

    alice.hang_up();
    world.gateway.until_people(3, SOON);
    let mark = bob.puppet().mark();
    mira.step("click #end");
    mira.step("click #confirm-yes");
    bob.until_event(mark, "terminated", seconds(20));
    world.gateway.until_people(0, SOON);
    assert!(!world.gateway.log().contains("panicked"), "{}", world.gateway.log());
}

#[test]
fn four_kinds_meet_at_prosody() {
    four_kinds_meet("xmpp-prosody", Plan::new(Prosody));
}

#[test]
fn four_kinds_meet_at_ejabberd() {
    four_kinds_meet("xmpp-ejabberd", Plan::new(Ejabberd));
}

#[test]
fn people_of_ejabberd_meet_at_prosody() {
    four_kinds_meet("xmpp-from-ejabberd", Plan::new(Prosody).people_at(Ejabberd));
}

#[test]
fn people_of_prosody_meet_at_ejabberd() {
    four_kinds_meet("xmpp-from-prosody", Plan::new(Ejabberd).people_at(Prosody));
}

/// Dino calls, writes the PIN, hears and is heard, mutes itself, hangs up, and is called by the phone's dial plan.
fn dino_meets_a_phone(test: &str, plan: Plan) {
    again_when_dino_crashes(|| dino_meets_a_phone_once(test, plan.clone()));
}

fn dino_meets_a_phone_once(test: &str, plan: Plan) {
    let all = [PHONE_HZ, BOB_HZ];
    let (world, phone, mut carol) = plan.start_with_dino(test, BOB_HZ, World::phone);
    carol.until_shows("For English, write 2", SOON);
    carol.write(&world.room(), "2");
    carol.until_stanza("XMPP IN", &["PIN"], SOON);
    carol.write(&world.room(), PIN);
    world.gateway.until_people(2, SOON);
    phone_hears(&phone, &[BOB_HZ], &all, SOON);
    std::thread::sleep(seconds(2));
    carol
        .heard()
        .last(seconds(1), Duration::ZERO)
        .hears_exactly("carol", &[PHONE_HZ], &all);
    carol.write(&world.room(), "mute");
    world.gateway.until("carol is mute", SOON, |people| {
        people.iter().any(|p| p["muted"] == true)
    });
    phone_hears(&phone, &[], &all, SOON);
    carol.write(&world.room(), "unmute");
    phone_hears(&phone, &[BOB_HZ], &all, SOON);
    drop(carol);
}

#[test]
fn dino_meets_a_phone_at_prosody() {
    dino_meets_a_phone("xmpp-dino-prosody", Plan::new(Prosody));
}

#[test]
fn dino_of_ejabberd_meets_a_phone_at_prosody() {
    dino_meets_a_phone("xmpp-dino-ejabberd", Plan::new(Prosody).people_at(Ejabberd));
}

#[test]
fn dino_meets_a_phone_at_ejabberd() {
    dino_meets_a_phone("xmpp-dino-at-ejabberd", Plan::new(Ejabberd));
}

#[test]
fn the_pin_comes_behind_the_address_or_in_it_or_in_writing() {
    let world = Plan::new(Prosody).start("xmpp-pin");
    let mut alice = alice(&world);
    for (way, options) in [
        (world.room_with_pin(), ""),
        (world.room_with_pin(), "direct"),
        (world.home.at_component(&format!("{MEETING}*{PIN}")), ""),
        (world.home.at_component(&format!("{MEETING}*{PIN}")), "direct"),
    ] {
        alice.call(&way, options);
        world.gateway.until_people(1, SOON);
        alice.hang_up();
        world.gateway.until_people(0, SOON);
    }
    let mark = alice.puppet().mark();
    alice.call(&world.room(), "");
    let room = world.room();
    alice.person().until_reads(mark, &room, "For English, write 2", SOON);
    alice.step(&format!("say {room} 2"));
    alice.person().until_reads(mark, &room, "PIN", SOON);
    let again = alice.puppet().mark();
    alice.step(&format!("say {room} 0000000000"));
    // All of it is asked for again, so that nobody learns which meetings there are.
    alice
        .person()
        .until_reads(again, &room, "enter your meeting number", SOON);
    alice.step(&format!("say {room} {MEETING}"));
    alice.person().until_reads(again, &room, "enter your PIN: ", SOON);
    assert_eq!(world.gateway.people().len(), 0, "a wrong PIN");
    alice.step(&format!("say {room} {PIN}"));
    world.gateway.until_people(1, SOON);
    let log = world.gateway.log();
    for secret in [PIN, "alice@", "0000000000"] {
        assert!(!log.contains(secret), "the log tells {secret}:\n{log}");
    }
}

#[test]
fn twenty_calls_in_a_row_connect() {
    let world = Plan::new(Prosody).people_at(Prosody).start("xmpp-twenty");
    let _phone = world.phone();
    let mut alice = alice(&world);
    alice.step(&format!("calls 20 {}", world.room_with_pin()));
    alice.until_event(0, "calls-done", seconds(90));
    let told = alice.puppet().told();
    let calls = told.iter().filter(|line| line["event"] == "call");
    let mut took: Vec<u64> = calls.map(|line| line["ms"].as_u64().unwrap_or(u64::MAX)).collect();
    took.sort_unstable();
    println!("proceed to first sound [ms]: {took:?}");
    assert_eq!(took.len(), 20);
    assert!(took[18] <= 1200, "95 of 100 within 1.2 s: {took:?}");
    world.gateway.until_people(1, SOON);
    assert_eq!(world.gateway.people().len(), 1, "only the phone is left");
}

/// RFC 8842 §5: what breaks these rules is refused, and no sound goes either way.
#[test]
fn who_breaks_the_rules_of_dtls_is_refused() {
    let world = Plan::new(Prosody).start("xmpp-rules");
    let phone = world.phone();
    let mut alice = alice(&world);
    let nothing_heard = |alice: &mut JinglePerson, mark: usize, what: &str| {
        let told = alice.puppet().told();
        let sound = told[mark..].iter().find(|line| line["event"] == "media");
        assert!(sound.is_none(), "{what}: {sound:?}");
    };
    for options in [
        "fingerprint=none",
        "fingerprint=late",
        "fingerprint=wrong",
        "setup=holdconn",
        "fingerprint=none direct",
    ] {
        let mark = alice.puppet().mark();
        alice.step(&format!("call {} {options}", world.room_with_pin()));
        let what = format!("{options} as the caller");
        alice.puppet().until_after(mark, &what, seconds(25), |line| {
            line["event"] == "refused" || line["event"] == "jingle" && line["action"] == "session-terminate"
        });
        nothing_heard(&mut alice, mark, &what);
        alice.step("end");
    }
    // One address is called three times in five minutes at most.
    let mut bob = JinglePerson::start(world.folder(), "bob", world.people(), ALICE_HZ, 200);
    alice.step("auto");
    bob.step("auto");
    for (callee, options) in [
        (&mut alice, ["setup=actpass", "fingerprint=none"]),
        (&mut bob, ["fingerprint=late", "fingerprint=wrong"]),
    ] {
        for options in options {
            callee.step(&format!("options {options}"));
            // The step is read before the call comes.
            std::thread::sleep(seconds(1));
            let mark = callee.puppet().mark();
            invite(&world, callee.jid());
            let what = format!("{options} as the callee");
            callee.puppet().until_after(mark, &what, seconds(25), |line| {
                line["event"] == "refused" || line["event"] == "jingle" && line["action"] == "session-terminate"
            });
            nothing_heard(callee, mark, &what);
        }
    }
    world.gateway.until_people(1, SOON);
    phone_hears(&phone, &[], &[PHONE_HZ, ALICE_HZ], SOON);
}

#[test]
fn a_moderator_invites_people_who_answer_decline_and_do_not_answer() {
    let world = Plan::new(Prosody).people_at(Ejabberd).start("xmpp-invite");
    let phone = world.phone();
    let mut alice = alice(&world);
    let uri = alice.jid().to_owned();

    let mark = alice.puppet().mark();
    invite(&world, &uri);
    alice.until_event(mark, "propose", SOON);
    alice.step("accept");
    alice.until_sound(mark);
    world.gateway.until_people(2, SOON);
    alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
    phone_hears(&phone, &[ALICE_HZ], &ALL, SOON);
    alice.hang_up();
    world.gateway.until_people(1, SOON);

    let mark = alice.puppet().mark();
    invite(&world, &uri);
    alice.until_event(mark, "propose", SOON);
    alice.step("reject");
    world.gateway.until_people(1, SOON);

    let mut bob = StanzaPerson::answering(world.folder(), "bob", world.people(), BOB_HZ as u32, 60);
    invite(&world, bob.jid());
    bob.hears_exactly(&[PHONE_HZ], &ALL, SOON);
    phone_hears(&phone, &[BOB_HZ], &ALL, SOON);
    bob.step("end");
    world.gateway.until_people(1, SOON);
}

#[test]
fn dino_is_invited_and_answers() {
    again_when_dino_crashes(dino_is_invited_once);
}

fn dino_is_invited_once() {
    let world = Plan::new(Ejabberd).people_at(Prosody).start("xmpp-invite-dino");
    let phone = world.phone();
    let mut carol = world.dino("carol", BOB_HZ);
    invite(&world, carol.jid());
    carol.accept();
    phone_hears(&phone, &[BOB_HZ], &ALL, SOON);
    std::thread::sleep(seconds(2));
    carol
        .heard()
        .last(seconds(1), Duration::ZERO)
        .hears_exactly("carol", &[PHONE_HZ], &ALL);
}

/// A phone and an XMPP client call each other by the dial plan; there is no room.
#[test]
fn a_phone_and_a_client_call_each_other() {
    let rules = "[[rule]]\nname = \"clients\"\ntrunk = \"test\"\nto = \"77(.)\"\ndial = { uri = \"xmpp:{1}@b.example\" }\n\
                 [[rule]]\nname = \"phones\"\ntrunk = \"xmpp\"\nfrom = \"xmpp:*@b.example\"\nto = \"sip:(*)@desk.example\"\n\
                 dial = { uri = \"sip:{1}@127.0.0.1:15010\" }\n";
    let world = Plan::new(Prosody).people_at(Ejabberd).rules(rules).start("xmpp-bridge");
    let mut alice = JinglePerson::answering(world.folder(), "alice", world.people(), ALICE_HZ, 100);
    let all = [PHONE_HZ, ALICE_HZ];
    let mut phone = baresip::Setup::new(world.folder(), "phone", 1, PHONE_HZ)
        .answers()
        .start();
    let mark = alice.puppet().mark();
    phone.call("sip:77alice@127.0.0.1:5060");
    alice.until_sound(mark);
    alice.hears_exactly(&[PHONE_HZ], &all, SOON);
    phone_hears(&phone, &[ALICE_HZ], &all, SOON);
    phone.hang_up();
    alice.until_action(mark, "session-terminate", SOON);

    let desk = world.home.at_component("sip\\3aphone\\40desk.example");
    alice.call(&desk, "");
    alice.hears_exactly(&[PHONE_HZ], &all, SOON);
    phone_hears(&phone, &[ALICE_HZ], &all, SOON);
    alice.hang_up();
    phone.until("session closed", SOON);

    // Who is in no rule is refused.
    let mark = alice.puppet().mark();
    alice.step(&format!(
        "call {}",
        world.home.at_component("sip\\3aphone\\40elsewhere.example")
    ));
    alice.puppet().until_after(mark, "is refused", SOON, |line| {
        line["event"] == "refused"
            || line["event"] == "reject"
            || line["event"] == "jingle" && line["action"] == "session-terminate"
    });
}

/// Has the operator call somebody into the meeting.
fn invite(world: &World, uri: &str) {
    let url = format!(
        "{}/api/rooms/{MEETING}/invite",
        landbridge_interop_tests::gateway::ADMIN
    );
    let request = serde_json::json!({ "address": uri });
    // Calls out are few in a while.
    for _ in 0..40 {
        match ureq::post(&url).send_json(&request) {
            Ok(_) => return,
            Err(ureq::Error::StatusCode(429)) => std::thread::sleep(Duration::from_millis(500)),
            Err(e) => panic!("{url}: {e}\n{}", world.gateway.log()),
        }
    }
    panic!("no call out is allowed any more");
}
