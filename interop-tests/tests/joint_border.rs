// SPDX-License-Identifier: EUPL-1.2
//! The world of the joint sessions by itself: XMPP servers that reach each other across the border alone.
//!
//! Needs prosody, ejabberd, slixmpp, nftables and a network namespace of its own: `interop-tests/tools/test.sh joint_border`.

use std::time::{Duration, Instant};

use landbridge_interop_tests::joint_world::{HE, Plan, SH, TH};
use landbridge_interop_tests::peers::border::Flow;
use landbridge_interop_tests::peers::xmpp_person::XmppPerson;
use landbridge_interop_tests::peers::xmpp_server::Software::{Ejabberd, Prosody};

const SOON: Duration = Duration::from_secs(12);

fn octets(flows: &[Flow], state: &str) -> u64 {
    flows
        .iter()
        .filter(|flow| flow.by == state)
        .map(|flow| flow.octets)
        .sum()
}

#[test]
fn people_of_three_deployments_write_to_each_other_across_the_border_alone() {
    let mut world = Plan::of(&[(TH, Prosody), (SH, Prosody), (HE, Ejabberd)])
        .strangers()
        .start("joint-border");
    let mut people: Vec<XmppPerson> = world
        .all
        .iter()
        .map(|d| d.within(|| XmppPerson::start(d.folder(), "alice", d.state.domain, 100)))
        .collect();
    let write = |people: &mut Vec<XmppPerson>, from: usize, to: usize, text: &str| {
        let (jid, sender) = (people[to].jid().to_owned(), people[from].jid().to_owned());
        let mark = people[to].puppet().mark();
        let begin = Instant::now();
        people[from].step(&format!("say {jid} {text}"));
        people[to].until_reads(mark, &sender, text, SOON);
        begin.elapsed()
    };
    for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
        let took = write(&mut people, from, to, &format!("from {from} to {to}"));
        println!("{from} to {to}: {took:?}");
    }
    std::thread::sleep(Duration::from_secs(1));
    for side in ["th0", "sh0", "he0"] {
        let passed = octets(&world.border.flows(), side);
        assert!(passed > 1000, "{side}: {passed} octets");
    }
    // Later by 20 ms each way, nothing at all, and again.
    world.border.delay(Duration::from_millis(20));
    let took = write(&mut people, 0, 1, "later");
    println!("with 20 ms of delay: {took:?}");
    assert!(took >= Duration::from_millis(20), "{took:?}");
    world.border.delay(Duration::ZERO);
    write(&mut people, 0, 1, "as before");
    world.border.cut();
    let before = people[1].puppet().mark();
    let jid = people[1].jid().to_owned();
    people[0].step(&format!("say {jid} into the void"));
    std::thread::sleep(Duration::from_secs(3));
    let told = people[1].puppet().told();
    assert!(!told[before..].iter().any(|line| line["body"] == "into the void"));
    world.border.mend();
    let begin = Instant::now();
    while begin.elapsed() < SOON {
        let mark = people[1].puppet().mark();
        people[0].step(&format!("say {jid} again"));
        std::thread::sleep(Duration::from_millis(300));
        if people[1].puppet().told()[mark..]
            .iter()
            .any(|line| line["body"] == "again")
        {
            println!("s2s is back {:?} after the repair", begin.elapsed());
            return;
        }
    }
    panic!("s2s did not come back");
}
