// SPDX-License-Identifier: EUPL-1.2
//! Feeds every message of RFC 4475 as a datagram and as a stream split at every octet.

#![allow(clippy::unwrap_used)]

mod check;
mod vectors;

#[test]
fn every_message_of_rfc_4475_parses_as_its_section_asks_in_a_datagram() {
    let vectors = vectors::rfc4475();
    assert_eq!(vectors.len(), 49);
    check::datagrams(&vectors);
}

#[test]
fn every_message_of_rfc_4475_parses_as_its_section_asks_in_a_stream_split_at_every_octet() {
    check::streams(&vectors::rfc4475());
}

#[test]
fn every_accepted_message_of_rfc_4475_reads_the_same_after_it_was_written() {
    check::rewrites(&vectors::rfc4475());
}
