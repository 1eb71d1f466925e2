// SPDX-License-Identifier: EUPL-1.2
//! Any stanzas are answered with stanzas of ours, and no call is taken without a fingerprint.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    landbridge_jingle::invariants::jingle_stanzas(bytes, std::time::Instant::now());
});
