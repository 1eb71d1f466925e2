// SPDX-License-Identifier: EUPL-1.2
//! Any octets are a session description, and what is written is read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| landbridge_jingle::invariants::jingle_sdp(bytes));
