// SPDX-License-Identifier: EUPL-1.2
//! Holds the invariant of the endpoint against sequences of vectors, calls and commands, with a fixed seed.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

mod vectors;

use std::time::Instant;

use landbridge_sip::invariants::sip_endpoint;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A call that comes in, is answered, changed and ended; see `sip_endpoint` for the shape.
const CALL: &[u8] = include_bytes!("../../../fuzz/seeds/sip_endpoint/call_in");

#[test]
fn a_call_with_anything_before_between_and_after_breaks_nothing() {
    let vectors: Vec<Vec<u8>> = vectors::all().into_iter().map(|v| v.bytes).collect();
    let call: Vec<&[u8]> = CALL.split(|b| *b == 0xff).collect();
    let step = prop_oneof![
        (any::<u8>(), 0..vectors.len()).prop_map(|(what, which)| (what, Some(which))),
        any::<u8>().prop_map(|what| (what, None)),
    ];
    let steps = prop::collection::vec((any::<prop::sample::Index>(), step), 1..12);
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(300)
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let result = runner.run(&steps, |inserted| {
        let mut all: Vec<Vec<u8>> = call.iter().map(|step| step.to_vec()).collect();
        for (at, (what, which)) in inserted {
            let mut step = vec![what];
            step.extend(which.map(|which| vectors[which].clone()).unwrap_or_default());
            all.insert(at.index(all.len() + 1), step);
        }
        sip_endpoint(Instant::now(), &all.join(&0xff));
        Ok(())
    });
    result.unwrap();
}
