// SPDX-License-Identifier: EUPL-1.2
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| landbridge_sip::invariants::digest_header(bytes));
