// SPDX-License-Identifier: EUPL-1.2
#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| landbridge_opentalk::invariants::attendee(Instant::now(), bytes));
