// SPDX-License-Identifier: EUPL-1.2
//! A partner that keeps to no rule is refused by name, and the people of the room notice nothing.
//!
//! Needs prosody, baresip, nftables and a network namespace of its own: `interop-tests/tools/test.sh joint_hostile`.

use std::time::Duration;

use landbridge_interop_tests::joint_world::{HE, JointWorld, Plan, SH, TH};
use landbridge_interop_tests::peers::hostile_partner::HostilePartner;
use landbridge_interop_tests::peers::metronome::Metronome;
use landbridge_interop_tests::peers::xmpp_server::Software::Prosody;
use landbridge_interop_tests::xmpp_world::phone_hears;

const ANNA_HZ: f64 = 610.0;
const BENT_HZ: f64 = 870.0;
const ALL: [f64; 2] = [ANNA_HZ, BENT_HZ];
const SOON: Duration = Duration::from_secs(15);
const INVITE: &str = "<invite authority='Hessen' home='th.example'/>";

fn world(test: &str) -> (JointWorld, HostilePartner) {
    let states = [(TH, Prosody), (SH, Prosody), (HE, Prosody)];
    let mut world = Plan::of(&states).lives(Duration::from_secs(150)).start(test);
    let hesse = &mut world.all[2];
    hesse.gateway.signal("KILL");
    hesse.gateway.wait(Duration::from_secs(5));
    let hostile = HostilePartner::start(hesse);
    (world, hostile)
}

fn epoch() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

/// People as news, `from` as the first number.
fn people(from: usize, count: usize) -> String {
    let one = |n: usize| format!("<person id='{n:032x}' name='Gast {n}' audio='true'/>");
    (from..from + count).map(one).collect()
}

#[test]
fn what_a_hostile_partner_sends_is_refused_by_name_and_nobody_notices() {
    let (world, mut hostile) = world("joint-hostile");
    let (th, sh) = (world.th(), world.sh());
    let anna = th.phone("anna", 1, ANNA_HZ, "opus");
    let bent = sh.phone("bent", 1, BENT_HZ, "opus");
    th.until_joint("SH is up", SOON, |joint| {
        joint
            .iter()
            .any(|link| link["partner"] == "sh.example" && link["state"] == "up")
    });
    phone_hears(&anna, &[BENT_HZ], &ALL, SOON);
    let listener = th.within(|| Metronome::join(17_000));
    std::thread::sleep(Duration::from_secs(8));
    let calm = listener.pace(Duration::from_secs(7));
    println!("calm: {calm:?}");

    let life = epoch();
    let good = hostile.frame(TH, life, 1, INVITE).text();
    let strangers = hostile.send_all(TH, std::slice::from_ref(&good), "stranger", 0);
    assert_eq!(
        strangers.keys().collect::<Vec<_>>(),
        ["unknown-key"],
        "a key that nobody pinned"
    );
    assert_eq!(hostile.send(TH, &good), "taken", "a good invitation");
    let there = hostile.life_there().to_string();
    let cases = [
        (
            "forged-origin",
            hostile.frame(TH, life, 2, "").with("from", "sh.example").text(),
        ),
        (
            "forged-origin",
            hostile.frame(TH, life, 2, "").with("to", "sh.example").text(),
        ),
        ("replay", good.clone()),
        ("old-epoch", hostile.frame(TH, life - 60_000, 2, INVITE).text()),
        (
            "unknown-version",
            hostile.frame(TH, life, 2, "").with("version", "2.0").text(),
        ),
        (
            "wrong-type",
            hostile.frame(TH, life, 2, "").with("number", "many").text(),
        ),
        (
            "wrong-type",
            hostile
                .frame(TH, life, 2, "<news first='1'><person id='nobody'/></news>")
                .text(),
        ),
        ("wrong-type", "no frame at all <".to_owned()),
        (
            "unknown-room",
            hostile.frame(TH, life, 2, "").with("room", "elsewhere").text(),
        ),
    ];
    for (why, frame) in cases {
        assert_eq!(hostile.send(TH, &frame), why, "{frame}");
    }
    let long = format!(
        "<news first='1'><said by='{:032x}'>{}</said></news>",
        1,
        "x".repeat(40_000)
    );
    let answer = hostile.send(TH, &hostile.frame(TH, life, 2, &long).text());
    assert!(["too-long", "wrong-type"].contains(&answer.as_str()), "{answer}");

    // 10 000 joins a second, for three seconds.
    let frames: Vec<String> = (0..300)
        .map(|n| {
            let news = format!("<news first='{}'>{}</news>", n * 100 + 1, people(n * 100, 100));
            hostile
                .frame(TH, life, n as u64 + 10, &news)
                .with("toward", &there)
                .text()
        })
        .collect();
    let answers = hostile.send_all(TH, &frames, "own", 100);
    println!("10 000 joins a second: {answers:?}");
    assert!(
        answers.keys().any(|word| word != "taken" && word != "silence"),
        "{answers:?}"
    );
    let here = th.people().len();
    assert!(here <= 2 + 1 + 200, "{here} people");

    // As many octets as go over the wire in four seconds.
    let big = format!("<news first='1'>{}</news>", people(0, 500));
    let frames: Vec<String> = (0..600)
        .map(|n| hostile.frame(TH, life, 1_000 + n, &big).with("toward", &there).text())
        .collect();
    let octets: usize = frames.iter().map(String::len).sum();
    let answers = hostile.send_all(TH, &frames, "own", 0);
    println!("a flood of {octets} octets: {answers:?}");
    assert!(
        answers.contains_key("flood") || answers.contains_key("silence"),
        "{answers:?}"
    );

    let stormy = listener.pace(Duration::from_secs(7));
    println!("stormy: {stormy:?}");
    assert_eq!(stormy.lost, 0, "{stormy:?}");
    // A figure for the release build stands in docs/bench-joint.md; here other work shares the machine.
    assert!(
        stormy.longest <= Duration::from_millis(80),
        "calm {calm:?}, stormy {stormy:?}"
    );
    phone_hears(&anna, &[BENT_HZ], &ALL, SOON);
    phone_hears(&bent, &[ANNA_HZ], &ALL, SOON);
    assert!(
        th.metric("landbridge_federation_refused_total") >= 8.0,
        "refusals are counted"
    );
    world.nobody_panicked();
}
