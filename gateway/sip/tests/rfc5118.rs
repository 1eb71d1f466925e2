// SPDX-License-Identifier: EUPL-1.2
//! Feeds every message of RFC 5118 as a datagram and as a stream split at every octet.

#![allow(clippy::unwrap_used)]

mod check;
mod vectors;

#[test]
fn every_message_of_rfc_5118_parses_as_its_section_asks_in_a_datagram() {
    let vectors = vectors::rfc5118::all();
    assert_eq!(vectors.len(), 13);
    check::datagrams(&vectors);
}

#[test]
fn every_message_of_rfc_5118_parses_as_its_section_asks_in_a_stream_split_at_every_octet() {
    check::streams(&vectors::rfc5118::all());
}

#[test]
fn every_accepted_message_of_rfc_5118_reads_the_same_after_it_was_written() {
    check::rewrites(&vectors::rfc5118::all());
}
