// SPDX-License-Identifier: EUPL-1.2
//! Meetings as chat rooms of XMPP: people, chat, hands, the list of people inside a call, mirrors and group calls.
//!
//! Needs prosody, ejabberd, slixmpp, aiortc, Dino, baresip, Chromium and a network namespace of its own:
//! `interop-tests/tools/test.sh xmpp_rooms`.

use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{MEETING, PIN};
use landbridge_interop_tests::peers::baresip::{self, Baresip};
use landbridge_interop_tests::peers::browser::Visitor;
use landbridge_interop_tests::peers::dino::again_when_dino_crashes;
use landbridge_interop_tests::peers::jingle_person::JinglePerson;
use landbridge_interop_tests::peers::xmpp_person::XmppPerson;
use landbridge_interop_tests::peers::xmpp_server::Software::{Ejabberd, Prosody};
use landbridge_interop_tests::xmpp_world::{MIRA_HZ, PHONE_HZ, Plan, World, phone_hears};
use serde_json::Value;

const ALICE_HZ: f64 = 400.0;
const BOB_HZ: f64 = 870.0;
const ALL: [f64; 4] = [PHONE_HZ, ALICE_HZ, BOB_HZ, MIRA_HZ];
const SOON: Duration = Duration::from_secs(12);
/// Within this time a client knows of a change in the meeting.
const KNOWN: Duration = Duration::from_secs(1);
/// A whole number, which nobody but the operator should see.
const NUMBER: &str = "+493613791234";

/// A phone with a number as its name, in the meeting.
fn phone_with_number(world: &World) -> Baresip {
    let mut phone = baresip::Setup::new(world.folder(), NUMBER, 1, PHONE_HZ).start();
    phone.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
    phone
}

fn rows(state: &Value) -> String {
    state["roster"].to_string()
}

/// Waits until the page shows a line of chat.
fn page_shows(mira: &mut Visitor, text: &str) {
    mira.until(&format!("shows the line {text:?}"), SOON, |state| {
        state["chat"].to_string().contains(text)
    });
}

/// Waits until the page shows or does not show a raised hand beside a name.
fn hand_on_page(mira: &mut Visitor, name: &str, raised: bool) {
    let of = |state: &Value| -> bool {
        let rows = state["roster"].as_array().map(Vec::as_slice).unwrap_or_default();
        let row = rows.iter().filter_map(Value::as_str).find(|row| row.contains(name));
        row.is_some_and(|row| row.contains("Hand raised") == raised)
    };
    mira.until(&format!("the hand of {name}: {raised}"), SOON, of);
}

fn the_meeting_is_a_chat_room(plan: Plan, test: &str) {
    let world = plan.start(test);
    let mut phone = phone_with_number(&world);
    let mut mira = world.mira();
    let mut dora = XmppPerson::start(world.folder(), "dora", world.people(), 120);
    let room = world.room();

    let mark = dora.puppet().mark();
    dora.step(&format!("join {room}/dora 0000000000"));
    dora.until_comes(mark, &["type=\"error\"", "not-authorized"], SOON);
    let mark = dora.puppet().mark();
    dora.step(&format!("join {room}/dora"));
    dora.until_comes(mark, &["type=\"error\"", "not-authorized"], SOON);
    assert_eq!(world.gateway.people().len(), 2, "a wrong PIN opens nothing");
    let mark = dora.puppet().mark();
    dora.join(&format!("{room}/dora"), PIN);
    mira.until("shows dora", SOON, |state| rows(state).contains("dora"));
    let told = dora.puppet().told();
    let seen: String = told[mark..].iter().filter_map(|line| line["from"].as_str()).collect();
    assert!(
        seen.contains("/Mira") && seen.contains("34"),
        "the phone and Mira are there: {seen}"
    );
    let secret = told.iter().find(|line| line.to_string().contains("361379"));
    assert!(secret.is_none(), "a whole number is told: {secret:?}");

    let mark = dora.puppet().mark();
    mira.step("write good morning from the page");
    dora.until_reads(mark, &format!("{room}/Mira"), "good morning from the page", SOON);
    dora.step(&format!("groupchat {room} good morning from XMPP"));
    page_shows(&mut mira, "good morning from XMPP");
    dora.until_reads(mark, &format!("{room}/dora"), "good morning from XMPP", SOON);

    let mark = dora.puppet().mark();
    let begin = Instant::now();
    phone.press("2");
    dora.until_comes(mark, &["<presence", "✋"], SOON);
    println!(
        "the phone's hand is seen after {:?}, 0.2 s of it for the key",
        begin.elapsed()
    );
    dora.step(&format!("groupchat {room} !hand"));
    hand_on_page(&mut mira, "dora", true);
    dora.step(&format!("groupchat {room} !lower"));
    hand_on_page(&mut mira, "dora", false);
    let mark = dora.puppet().mark();
    mira.step("click #hand");
    dora.until_comes(mark, &["<presence", "/Mira", "✋"], SOON);

    let mark = dora.puppet().mark();
    phone.hang_up();
    dora.until_comes(mark, &["<presence", "unavailable", "34"], SOON);
    dora.step(&format!("leave {room}/dora"));
    mira.until("dora has gone", SOON, |state| !rows(state).contains("dora"));
    assert!(!world.gateway.log().contains("panicked"), "{}", world.gateway.log());
}

#[test]
fn the_meeting_is_a_chat_room_at_prosody() {
    the_meeting_is_a_chat_room(Plan::new(Prosody), "xmpp-muc-prosody");
}

#[test]
fn the_meeting_is_a_chat_room_for_people_of_prosody_at_ejabberd() {
    the_meeting_is_a_chat_room(Plan::new(Ejabberd).people_at(Prosody), "xmpp-muc-ejabberd");
}

/// A client inside a call is told who is in the meeting (XEP-0298) within a second of each change.
#[test]
fn a_caller_is_told_of_the_people_within_a_second() {
    let world = Plan::new(Prosody).start("xmpp-coin");
    let mut phone = phone_with_number(&world);
    let mut alice = JinglePerson::start(world.folder(), "alice", world.people(), ALICE_HZ, 100);
    alice.call(&world.room_with_pin(), "");
    alice.person().until_comes(0, &["conference-info", "34"], SOON);
    let mut after = |what: &str, words: &[&str], done: &mut dyn FnMut()| {
        let mark = alice.puppet().mark();
        done();
        let begin = Instant::now();
        alice.person().until_comes(mark, words, SOON);
        let took = begin.elapsed();
        println!("{what}: told after {took:?}");
        assert!(took <= KNOWN, "{what}: {took:?}");
    };
    std::thread::sleep(Duration::from_secs(2));
    let mut second = None;
    after("a coming", &["conference-info", "second"], &mut || {
        let mut phone = baresip::Setup::new(world.folder(), "second", 2, BOB_HZ).start();
        phone.call(&format!("sip:{MEETING}*{PIN}@127.0.0.1:5060"));
        world.gateway.until_people(3, SOON);
        second = Some(phone);
    });
    std::thread::sleep(Duration::from_secs(2));
    after("a mute", &["conference-info"], &mut || phone.press("1"));
    std::thread::sleep(Duration::from_secs(2));
    after("a leaving", &["conference-info"], &mut || phone.hang_up());
    let told = alice.puppet().told();
    let secret = told.iter().find(|line| line.to_string().contains("361379"));
    assert!(secret.is_none(), "a whole number is told: {secret:?}");
}

/// Dino shows the people of the meeting in its call, and the meeting's chat; a hand raised in Dino is seen on the page.
#[test]
fn dino_shows_the_people_and_the_chat() {
    again_when_dino_crashes(dino_shows_the_people_and_the_chat_once);
}

fn dino_shows_the_people_and_the_chat_once() {
    let others = |world: &World| (phone_with_number(world), world.mira());
    let (world, (_phone, mut mira), mut carol) = Plan::new(Prosody).start_with_dino("xmpp-dino-room", BOB_HZ, others);
    carol.until_shows("For English, write 2", SOON);
    carol.write(&world.room(), "2");
    carol.until_stanza("XMPP IN", &["PIN"], SOON);
    carol.write(&world.room(), PIN);
    world.gateway.until_people(3, SOON);
    mira.hears_exactly(&[PHONE_HZ, BOB_HZ], &ALL, SOON);
    // The names in a call are drawn; its log says whom it draws.
    for name in ["34@", "mira@"] {
        carol.until_logs(&["Add participant", name], SOON);
    }
    mira.step("write hello Dino");
    carol.until_shows("hello Dino", SOON);
    carol.write(&world.room(), "hello page");
    page_shows(&mut mira, "hello page");
    carol.write(&world.room(), "hand");
    hand_on_page(&mut mira, "carol", true);
    let mut late = JinglePerson::start(world.folder(), "bob", world.people(), ALICE_HZ, 60);
    late.call(&world.room_with_pin(), "");
    world.gateway.until_people(4, SOON);
    let begin = Instant::now();
    carol.until_logs(&["Add participant", "bob@"], SOON);
    println!("Dino shows who comes {:?} after the roster", begin.elapsed());
    assert!(begin.elapsed() <= KNOWN, "{:?}", begin.elapsed());
    late.hang_up();
    world.gateway.until_people(3, SOON);
    let begin = Instant::now();
    // It draws all people of each list anew.
    while carol
        .until_stanza("XMPP IN", &["conference-info"], SOON)
        .contains("bob@")
    {
        assert!(begin.elapsed() <= KNOWN, "{:?}", begin.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The meeting is shown in a chat room that the server keeps.
#[test]
fn a_meeting_is_mirrored_into_a_chat_of_the_server() {
    let chat = "weekly@conference.a.example";
    let world = Plan::new(Prosody)
        .extra(&format!("muc = \"{chat}\"\n"))
        .start("xmpp-mirror");
    let mut dora = XmppPerson::start(world.folder(), "dora", world.people(), 100);
    dora.join(&format!("{chat}/dora"), "");
    let mark = dora.puppet().mark();
    let mut phone = phone_with_number(&world);
    let mut mira = world.mira();
    dora.until_comes(mark, &["<presence", "/Mira"], SOON);
    dora.until_comes(mark, &["<presence", "34"], SOON);
    mira.step("write from the page to the mirror");
    dora.until_reads(mark, chat, "from the page to the mirror", SOON);
    dora.step(&format!("groupchat {chat} from the mirror to the page"));
    page_shows(&mut mira, "from the mirror to the page");
    let mark = dora.puppet().mark();
    phone.hang_up();
    dora.until_comes(mark, &["<presence", "unavailable", "34"], SOON);
    let told = dora.puppet().told();
    let echoes = told.iter().filter(|line| {
        line["kind"] == "message" && line["body"].as_str().is_some_and(|b| b.contains("mirror to the page"))
    });
    assert_eq!(echoes.count(), 1, "a line comes back once, as its own echo");
}

/// An occupant of the meeting's chat brings it into a group call of other clients (XEP-0272).
#[test]
fn a_group_call_of_clients_joins_the_meeting() {
    let world = Plan::new(Prosody).start("xmpp-muji");
    let phone = world.phone();
    let group = "group@conference.a.example";
    let mut alice = JinglePerson::answering(world.folder(), "alice", world.people(), ALICE_HZ, 100);
    alice.step(&format!("muji {group}/alice"));
    alice.person().until_comes(0, &["code=\"110\""], SOON);
    // Members of a group call have to know each other's addresses.
    alice.step(&format!(
        "raw <iq type='set' to='{group}' id='open'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>\
         <field var='muc#roomconfig_whois'><value>anyone</value></field></x></query></iq>"
    ));
    alice.person().until_comes(0, &["id=\"open\"", "result"], SOON);
    alice.person().join(&format!("{}/alice", world.room()), PIN);
    let mark = alice.puppet().mark();
    let room = world.room();
    alice.step(&format!(
        "raw <message to='{room}' type='groupchat'><propose xmlns='urn:xmpp:call-message:1' id='group1'>\
         <muji xmlns='urn:xmpp:jingle:muji:0' room='{group}'/><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>\
         </propose></message>"
    ));
    alice.person().until_comes(mark, &["<presence", group, "muji"], SOON);
    alice.until_sound(mark);
    alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
    phone_hears(&phone, &[ALICE_HZ], &ALL, SOON);
}
