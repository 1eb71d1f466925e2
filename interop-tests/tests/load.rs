// SPDX-License-Identifier: EUPL-1.2
//! 600 calls with real media while two people talk: none fails, and the two notice nothing.
//!
//! Needs SIPp, baresip, a network namespace of its own and both cores: `interop-tests/tools/test.sh load`.

use std::path::Path;
use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{PIN, Setup, scratch};
use landbridge_interop_tests::peers::pair::{ALICE_HZ, BOB_HZ, Pair};
use landbridge_interop_tests::peers::sipp::{Counts, Run};

/// The meeting that the crowd calls; it hums 600 Hz.
const CROWD: &str = "5555555555";

#[test]
fn six_hundred_calls_at_fifty_a_second_with_media_and_none_fails() {
    let folder = scratch("load");
    let crowd = format!(
        "max_people = 400\n[[meeting]]\nid = \"{CROWD}\"\npin = \"{PIN}\"\nname = \"Crowd\"\nmax_people = 400\n"
    );
    let gateway = Setup::new(&folder).extra(&crowd).start();
    let pair = Pair::join(&gateway);
    let memory = || gateway.metric("process_resident_memory_bytes") / 1e6;
    let (memory_before, start) = (memory(), Instant::now());
    let user = format!("{CROWD}*{PIN}");
    let (counts, most) = std::thread::scope(|scope| {
        let run = Run {
            folder: &folder,
            scenario: Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/meeting.xml"),
            user: &user,
            calls: 600,
            rate: 50,
            at_once: 400,
            stay: Duration::from_secs(3),
            limit: Duration::from_secs(60),
            port: 15_900,
        };
        let sipp = scope.spawn(move || run.run());
        let mut most = 0.0_f64;
        while !sipp.is_finished() {
            most = most.max(gateway.metric("landbridge_people"));
            std::thread::sleep(Duration::from_millis(500));
        }
        (sipp.join().expect("SIPp runs"), most)
    });
    let took = start.elapsed();
    println!(
        "600 calls in {took:.1?}, at most {most} people at once, memory {memory_before:.0} → {:.0} MB",
        memory()
    );
    assert_eq!(
        counts,
        Counts {
            successful: 600,
            failed: 0
        },
        "{}",
        gateway.log()
    );
    assert!(most > 100.0, "the crowd was really there: {most}");
    // What the two heard while the crowd came and went.
    let all = [ALICE_HZ, BOB_HZ];
    for (phone, who, other) in [(&pair.alice, "alice", BOB_HZ), (&pair.bob, "bob", ALICE_HZ)] {
        let heard = phone.heard().last(took, Duration::ZERO);
        heard.hears_exactly(who, &[other], &all);
        let gaps = heard.gaps(other);
        println!("{who}: {gaps:?} of {took:.1?} missing");
        assert!(gaps <= took / 50, "{who} missed {gaps:?} of {took:?}");
    }
    pair.still_talks();
    gateway.until_people(2, Duration::from_secs(5));
    drop(pair);
    gateway.until_people(0, Duration::from_secs(5));
    let end = Instant::now();
    while gateway.metric("landbridge_calls ") > 0.0 || gateway.metric("landbridge_people") > 0.0 {
        assert!(
            end.elapsed() < Duration::from_secs(5),
            "{} calls are left",
            gateway.metric("landbridge_calls ")
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let memory_after = memory();
    println!("memory after: {memory_after:.0} MB");
    assert!(
        memory_after < memory_before + 80.0,
        "{memory_before} → {memory_after} MB"
    );
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}
