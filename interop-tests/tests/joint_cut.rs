// SPDX-License-Identifier: EUPL-1.2
//! What a cut border, a server that restarts and a gateway that dies do to a joint session: two working halves, and one
//! room again at once.
//!
//! Needs prosody, SIPp, baresip, nftables and a network namespace of its own: `interop-tests/tools/test.sh joint_cut`.
//! `CUT_SECONDS` and `CROWD` change how long the border is cut, and how many people each side has.

use std::path::Path;
use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{MEETING, PIN};
use landbridge_interop_tests::joint_world::{Deployment, Plan, SH, TH};
use landbridge_interop_tests::peers::metronome::Metronome;
use landbridge_interop_tests::peers::sipp::Run;
use landbridge_interop_tests::xmpp_world::phone_hears;
use serde_json::Value;

const ANNA_HZ: f64 = 1000.0;
const BENT_HZ: f64 = 1700.0;
const ALL: [f64; 2] = [ANNA_HZ, BENT_HZ];
const SOON: Duration = Duration::from_secs(15);

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Brings a crowd into a deployment's room, as phones that hum 600 Hz; ends after `stay`.
fn crowd(deployment: &Deployment, count: u32, stay: Duration) {
    let user = format!("{MEETING}*{PIN}");
    let run = Run {
        folder: deployment.folder(),
        scenario: Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/meeting.xml"),
        user: &user,
        calls: count,
        rate: 10,
        at_once: count,
        stay,
        limit: stay + Duration::from_secs(40),
        port: 15_900,
    };
    deployment.within(|| run.run());
}

fn from(people: &[Value], authority: &str) -> usize {
    people.iter().filter(|p| p["origin"] == authority).count()
}

fn away(people: &[Value]) -> usize {
    people.iter().filter(|p| p["away"] == true).count()
}

#[test]
fn a_cut_border_leaves_two_working_halves_that_become_one_room_again() {
    let (length, count) = (number("CUT_SECONDS", 20), number("CROWD", 24));
    let length = Duration::from_secs(u64::from(length));
    let stay = length + Duration::from_secs(30);
    let plan = Plan::new().lives(length + Duration::from_secs(200));
    let mut world = plan.start("joint-cut");
    let mut anna = world.th().phone("anna", 1, ANNA_HZ, "opus");
    let mut bent = world.sh().phone("bent", 1, BENT_HZ, "opus");
    world.until_up(SOON);
    std::thread::scope(|scope| {
        let (th, sh) = (&world.all[0], &world.all[1]);
        for deployment in [th, sh] {
            scope.spawn(move || crowd(deployment, count - 2, stay));
        }
        let listeners = [th, sh].map(|deployment| deployment.within(|| Metronome::join(17_000)));
        let all = count as usize * 2;
        for deployment in [th, sh] {
            deployment.until_people(all, Duration::from_secs(25));
        }
        std::thread::sleep(Duration::from_secs(2));
        let border = &mut world.border;
        let start = Instant::now();
        border.cut();
        let marked = |deployment: &Deployment, partner: &str| {
            deployment.until("all far people are away", SOON, |people| {
                from(people, partner) == count as usize && away(people) == count as usize
            });
            start.elapsed()
        };
        let took = [marked(th, SH.authority), marked(sh, TH.authority)];
        println!("away after {took:?}");
        assert!(
            took.iter().all(|took| *took <= Duration::from_millis(3_500)),
            "{took:?}"
        );
        // While cut, both halves act: Anna's hand, Bent's hand, and a moderator mutes Bent who is away.
        anna.press("2");
        bent.press("2");
        th.until("Anna's hand", SOON, |people| people.iter().any(|p| p["hand"] == 1));
        assert_eq!(th.moderate("mute", "bent").0, 204);
        std::thread::sleep(length.saturating_sub(start.elapsed()));
        for (listener, who) in listeners.iter().zip(["th", "sh"]) {
            let pace = listener.pace(start.elapsed());
            println!("{who}: {pace:?} while cut");
            assert_eq!(pace.lost, 0, "{who}: {pace:?}");
            assert!(
                pace.packets as u128 >= start.elapsed().as_millis() / 20 - 10,
                "{who}: {pace:?}"
            );
        }
        border.mend();
        let mended = Instant::now();
        for deployment in [th, sh] {
            deployment.until("one room again", SOON, |people| {
                let is_muted = |p: &Value| p["name"].as_str().is_some_and(|n| n.contains("bent")) && p["muted"] == true;
                let mut hands: Vec<u64> = people.iter().filter_map(|p| p["hand"].as_u64()).collect();
                hands.sort_unstable();
                people.len() == all && away(people) == 0 && people.iter().any(is_muted) && hands == [1, 2]
            });
        }
        let took = mended.elapsed();
        println!("one room again after {took:?}");
        assert!(took <= Duration::from_secs(2), "{took:?}");
        drop(listeners);
    });
    world.nobody_panicked();
}

#[test]
fn a_restarted_server_and_a_killed_gateway_are_healed() {
    let mut world = Plan::new().lives(Duration::from_secs(150)).start("joint-restart");
    let anna = world.th().phone("anna", 1, ANNA_HZ, "opus");
    let bent = world.sh().phone("bent", 1, BENT_HZ, "opus");
    world.until_up(SOON);
    phone_hears(&anna, &[BENT_HZ], &ALL, SOON);
    world.all[1].restart_the_server();
    // The media goes on; the link is back with the server.
    phone_hears(&anna, &[BENT_HZ], &ALL, SOON);
    println!("links up {:?} after the server's restart", world.until_up(SOON));
    world.until_all("nobody is away", SOON, |people| people.len() == 2 && away(people) == 0);
    phone_hears(&bent, &[ANNA_HZ], &ALL, SOON);
    drop(bent);
    world.all[1].kill_the_gateway();
    let cora = world.sh().phone("cora", 2, BENT_HZ, "opus");
    println!("links up {:?} after the gateway's death", world.until_up(SOON));
    world.until_people(2, SOON);
    phone_hears(&anna, &[BENT_HZ], &ALL, SOON);
    phone_hears(&cora, &[ANNA_HZ], &ALL, SOON);
    world.nobody_panicked();
}
