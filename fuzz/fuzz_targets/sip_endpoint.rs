// SPDX-License-Identifier: EUPL-1.2
#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| landbridge_sip::invariants::sip_endpoint(Instant::now(), bytes));
