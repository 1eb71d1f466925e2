// SPDX-License-Identifier: EUPL-1.2
//! Two and three deployments share a room: who hears whom, who sees what, who may do what.
//!
//! Needs prosody, ejabberd, slixmpp, aiortc, baresip, Chromium, nftables and a network namespace of its own:
//! `interop-tests/tools/test.sh joint`.

use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{MEETING, MODERATOR_PIN};
use landbridge_interop_tests::joint_world::{HE, JointWorld, Plan, SH, TH, Terms};
use landbridge_interop_tests::peers::border::media_by;
use landbridge_interop_tests::peers::xmpp_server::Software::{Ejabberd, Prosody};
use landbridge_interop_tests::prompts::until_heard;
use landbridge_interop_tests::xmpp_world::phone_hears;
use serde_json::{Value, json};

const ANNA_HZ: f64 = 610.0;
const MIRA_HZ: f64 = 1270.0;
const ALICE_HZ: f64 = 400.0;
const BENT_HZ: f64 = 870.0;
const NILS_HZ: f64 = 1500.0;
const BOB_HZ: f64 = 1900.0;
const ALL: [f64; 6] = [ANNA_HZ, MIRA_HZ, ALICE_HZ, BENT_HZ, NILS_HZ, BOB_HZ];
const SOON: Duration = Duration::from_secs(15);
/// What one side shows, the other shows within this time.
const AGREED: Duration = Duration::from_millis(500);

/// Names and hands as a deployment shows them, in an order of our own.
fn picture(people: &[Value]) -> Vec<(String, Option<u64>)> {
    let one = |p: &Value| (p["name"].as_str().unwrap_or_default().to_owned(), p["hand"].as_u64());
    let mut all: Vec<_> = people.iter().map(one).collect();
    all.sort();
    all
}

/// Waits until all deployments show the same; returns how long that took.
fn until_they_agree(world: &JointWorld) -> Duration {
    let begin = Instant::now();
    loop {
        let pictures: Vec<_> = world.all.iter().map(|d| picture(&d.people())).collect();
        if pictures.windows(2).all(|two| two[0] == two[1]) {
            return begin.elapsed();
        }
        assert!(begin.elapsed() < SOON, "they do not agree: {pictures:#?}");
    }
}

#[test]
fn phones_browsers_and_jingle_clients_of_two_states_share_one_room() {
    let world = Plan::new().lives(Duration::from_secs(200)).start("joint");
    let (th, sh) = (world.th(), world.sh());
    let mut anna = th.phone("anna", 1, ANNA_HZ, "g711");
    let mut bent = sh.phone("bent", 1, BENT_HZ, "opus");
    println!("both links up after {:?}", world.until_up(SOON));
    until_heard(&anna, Duration::ZERO, "de", "authority-sh", SOON);
    until_heard(&bent, Duration::ZERO, "de", "authority-th", SOON);
    let mut mira = th.page("Mira", MODERATOR_PIN, MIRA_HZ, 180);
    let mut nils = sh.page("Nils", MODERATOR_PIN, NILS_HZ, 180);
    world.until_people(4, SOON);
    println!("rosters agree after {:?}", until_they_agree(&world));
    // A room carries the four loudest: first the phones and the pages, then the Jingle clients in the phones' place.
    mira.hears_exactly(&[ANNA_HZ, BENT_HZ, NILS_HZ], &ALL, SOON);
    nils.hears_exactly(&[ANNA_HZ, BENT_HZ, MIRA_HZ], &ALL, SOON);
    phone_hears(&anna, &[MIRA_HZ, BENT_HZ, NILS_HZ], &ALL, SOON);
    phone_hears(&bent, &[ANNA_HZ, MIRA_HZ, NILS_HZ], &ALL, SOON);
    anna.press("1");
    bent.press("1");
    let mut alice = th.jingle("alice", ALICE_HZ, 180);
    let mut bob = sh.jingle("bob", BOB_HZ, 180);
    world.until_people(6, SOON);
    alice.hears_exactly(&[MIRA_HZ, NILS_HZ, BOB_HZ], &ALL, SOON);
    bob.hears_exactly(&[MIRA_HZ, NILS_HZ, ALICE_HZ], &ALL, SOON);
    mira.hears_exactly(&[ALICE_HZ, NILS_HZ, BOB_HZ], &ALL, SOON);
    phone_hears(&anna, &[MIRA_HZ, NILS_HZ, ALICE_HZ, BOB_HZ], &ALL, SOON);
    phone_hears(&bent, &[MIRA_HZ, NILS_HZ, ALICE_HZ, BOB_HZ], &ALL, SOON);

    // Hands of both sides stand in one queue, and everybody sees it soon.
    anna.press("2");
    world.until_all("the first hand", SOON, |people| people.iter().any(|p| p["hand"] == 1));
    bent.press("2");
    let begin = Instant::now();
    while !sh.people().iter().any(|p| p["hand"] == 2) {
        assert!(begin.elapsed() < SOON, "no second hand: {:#?}", sh.people());
    }
    let took = until_they_agree(&world);
    println!("hands agree after {took:?}");
    assert!(took <= AGREED, "{took:?}");

    // Each line arrives once, in both directions.
    mira.step("write Moin aus Erfurt");
    nils.until("reads Mira", SOON, |state| {
        state["chat"].to_string().contains("Moin aus Erfurt")
    });
    nils.step("write Gruss aus Kiel");
    let seen = mira.until("reads Nils", SOON, |state| {
        state["chat"].to_string().contains("Gruss aus Kiel")
    });
    for line in ["Moin aus Erfurt", "Gruss aus Kiel"] {
        assert_eq!(seen["chat"].to_string().matches(line).count(), 1, "{line}");
    }

    // Moderators act on both sides' people: mute, lower a hand, lock, remove.
    let (status, text) = th.moderate("mute", "bob");
    assert_eq!(status, 204, "{text}");
    world.until_all("Bob is mute", SOON, |people| {
        people
            .iter()
            .any(|p| p["name"].as_str().is_some_and(|n| n.contains("bob")) && p["muted"] == true)
    });
    phone_hears(&anna, &[MIRA_HZ, NILS_HZ, ALICE_HZ], &ALL, SOON);
    nils.step("click [data-act=lower]");
    world.until_all("one hand is left", SOON, |people| {
        people.iter().filter(|p| p["hand"].is_u64()).count() == 1
    });
    assert_eq!(sh.moderate("remove", "alice").0, 204);
    world.until_people(5, SOON);
    mira.step("click #lock");
    let locked = |d: &landbridge_interop_tests::joint_world::Deployment| {
        d.ask(&format!("/api/rooms/{MEETING}"))
            .is_some_and(|room| room["locked"] == true)
    };
    let begin = Instant::now();
    while !(locked(th) && locked(sh)) {
        assert!(begin.elapsed() < SOON, "locked: {} {}", locked(th), locked(sh));
        std::thread::sleep(Duration::from_millis(50));
    }
    // The end of one side's room for all ends the other's.
    assert_eq!(th.order(&format!("/api/rooms/{MEETING}/joint/end"), &json!({})).0, 202);
    world.until_people(0, SOON);
    world.nobody_panicked();
}

#[test]
fn what_policy_keeps_or_forbids_stays_at_home() {
    let few = "name_form = \"none\"\ntells = [\"audio\"]\nmay = []\ninvites = \"accept\"\n";
    let world = Plan::new()
        .terms(Terms::with(SH, TH, few))
        .lives(Duration::from_secs(120))
        .start("joint-policy");
    let (th, sh) = (world.th(), world.sh());
    let _anna = th.phone("anna", 1, ANNA_HZ, "opus");
    let mut bent = sh.phone("bent", 1, BENT_HZ, "opus");
    world.until_up(SOON);
    world.until_people(2, SOON);
    let there = th.people();
    assert!(!json!(there).to_string().contains("bent"), "{there:#?}");
    let guest = there
        .iter()
        .find(|p| p["origin"] == SH.authority)
        .expect("somebody is from there");
    let guest = guest["name"].as_str().unwrap_or_default().to_owned();
    bent.press("2");
    sh.until("Bent's hand", SOON, |people| people.iter().any(|p| p["hand"] == 1));
    std::thread::sleep(Duration::from_secs(1));
    assert!(
        th.people().iter().all(|p| p["hand"].is_null()),
        "a hand that is not told"
    );
    let frames = sh.frames();
    assert!(frames.iter().any(|frame| frame.contains("<person")), "{frames:#?}");
    for kept in [
        "name=",
        "role=",
        "hand=",
        "speaking=",
        "language=",
        "consent=",
        "bent",
        "sip:",
        "127.0.0.1",
        "10.55.",
    ] {
        let leak = frames.iter().find(|frame| frame.contains(kept));
        assert!(leak.is_none(), "{kept} left: {leak:?}");
    }
    // Acts that the other side does not permit are refused by name, and nothing happens there.
    th.moderate("mute", &guest);
    let begin = Instant::now();
    while sh.metric("landbridge_federation_refused_total") < 1.0 {
        assert!(begin.elapsed() < SOON, "no refusal is counted");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(sh.people().iter().all(|p| p["muted"] == false), "{:#?}", sh.people());
    world.nobody_panicked();
}

#[test]
fn a_partner_is_invited_declines_parts_and_comes_again() {
    let world = Plan::new()
        .terms(Terms::open(TH, SH).invited())
        .terms(Terms::open(SH, TH).invited())
        .lives(Duration::from_secs(120))
        .start("joint-invite");
    let (th, sh) = (world.th(), world.sh());
    let anna = th.phone("anna", 1, ANNA_HZ, "opus");
    let bent = sh.phone("bent", 1, BENT_HZ, "opus");
    let all = [ANNA_HZ, BENT_HZ];
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((th.people().len(), sh.people().len()), (1, 1), "nobody was invited");
    for round in 1..=2 {
        let begin = Instant::now();
        let (status, text) = th.joint_order("invite", SH);
        assert_eq!(status, 202, "{text}");
        world.until_people(2, SOON);
        println!(
            "round {round}: {:?} from the invitation to both rosters",
            begin.elapsed()
        );
        phone_hears(&anna, &[BENT_HZ], &all, SOON);
        phone_hears(&bent, &[ANNA_HZ], &all, SOON);
        println!("round {round}: {:?} from the invitation to sound", begin.elapsed());
        let (status, text) = sh.joint_order("part", TH);
        assert_eq!(status, 202, "{text}");
        world.until_people(1, SOON);
        phone_hears(&anna, &[], &all, SOON);
    }
    world.nobody_panicked();
}

#[test]
fn an_invitation_that_policy_refuses_is_refused_by_name() {
    let open = "name_form = \"full\"\ntells = [\"audio\"]\ninvites = \"refuse\"\n";
    let world = Plan::new()
        .terms(Terms::open(TH, SH).invited())
        .terms(Terms::with(SH, TH, open).invited())
        .lives(Duration::from_secs(60))
        .start("joint-refused");
    let (th, sh) = (world.th(), world.sh());
    let _anna = th.phone("anna", 1, ANNA_HZ, "opus");
    let _bent = sh.phone("bent", 1, BENT_HZ, "opus");
    th.joint_order("invite", SH);
    th.until_joint("refused", SOON, |joint| {
        joint
            .iter()
            .any(|link| link["state"] == "refused" && link["why"] == "not-permitted")
    });
    assert_eq!((th.people().len(), sh.people().len()), (1, 1));
}

#[test]
fn three_deployments_with_both_kinds_of_servers_are_a_mesh_without_echo() {
    let world = Plan::of(&[(TH, Prosody), (SH, Ejabberd), (HE, Prosody)])
        .lives(Duration::from_secs(120))
        .start("joint-three");
    let anna = world.all[0].phone("anna", 1, ANNA_HZ, "opus");
    let bent = world.all[1].phone("bent", 1, BENT_HZ, "g711");
    let cora = world.all[2].phone("cora", 1, NILS_HZ, "opus");
    let all = [ANNA_HZ, BENT_HZ, NILS_HZ];
    world.until_up(SOON);
    world.until_people(3, SOON);
    phone_hears(&anna, &[BENT_HZ, NILS_HZ], &all, SOON);
    phone_hears(&bent, &[ANNA_HZ, NILS_HZ], &all, SOON);
    phone_hears(&cora, &[ANNA_HZ, BENT_HZ], &all, SOON);
    std::thread::sleep(Duration::from_secs(1));
    let flows = world.border.flows();
    for state in [TH, SH, HE] {
        let (packets, octets, streams) = media_by(&flows, &state.interface());
        println!("{}: {packets} packets, {octets} octets, {streams} streams", state.short);
        // One of its own to each of two partners; nothing is passed on.
        assert_eq!(streams, 2, "{}: {flows:#?}", state.short);
    }
    world.nobody_panicked();
}
