// SPDX-License-Identifier: EUPL-1.2
//! Any frames of a partner are refused by name or stay within what was agreed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    landbridge_federation::invariants::frames(std::time::Instant::now(), bytes);
});
