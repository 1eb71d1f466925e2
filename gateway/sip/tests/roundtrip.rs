// SPDX-License-Identifier: EUPL-1.2
//! Holds the invariants of the parser against random octets, mutated vectors and built messages.

#![allow(clippy::unwrap_used)]

mod vectors;

use landbridge_sip::invariants;
use landbridge_sip::message::{CSeq, HeaderName, HeaderRefused, Host, Message, Method, NameAddr, Request, SipUri, Via};
use landbridge_sip::parse::{self, Limits};
use proptest::prelude::*;

fn hold(bytes: &[u8]) {
    invariants::sip_datagram(bytes);
    invariants::sip_stream(bytes);
    invariants::sip_roundtrip(bytes);
    invariants::digest_header(bytes);
}

/// Octets that mean something to a SIP parser.
fn telling_octet() -> impl Strategy<Value = u8> {
    prop_oneof![
        Just(b'\r'),
        Just(b'\n'),
        Just(b' '),
        Just(b'\t'),
        Just(b':'),
        Just(b';'),
        Just(b','),
        Just(b'<'),
        Just(b'>'),
        Just(b'"'),
        Just(b'\\'),
        Just(b'@'),
        Just(b'%'),
        Just(b'['),
        Just(b'='),
        Just(0),
        any::<u8>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn random_octets_break_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        hold(&bytes);
    }

    #[test]
    fn mutated_vectors_break_nothing(
        which in 0_usize..62,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), telling_octet(), 0_u8..3), 1..6),
    ) {
        let mut bytes = vectors::all().swap_remove(which).bytes;
        for (at, octet, kind) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = octet,
                1 => bytes.insert(at, octet),
                _ => { bytes.remove(at); }
            }
        }
        hold(&bytes);
    }

    #[test]
    fn spliced_vectors_break_nothing(first in 0_usize..62, second in 0_usize..62, at in any::<prop::sample::Index>()) {
        let mut all = vectors::all();
        let tail = all[second].bytes.clone();
        let mut bytes = all.swap_remove(first).bytes;
        bytes.truncate(at.index(bytes.len()));
        bytes.extend(tail);
        hold(&bytes);
    }

    #[test]
    fn a_built_request_reads_as_it_was_built(
        user in ".{1,20}", display in "\\PC{0,30}", tag in "[a-z0-9.]{1,10}", port in any::<Option<u16>>(),
        number in 0_u32..0x7fff_ffff, body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let uri = SipUri::new(false, Host::parse("example.org").unwrap()).with_user(&user).with_port(port);
        let mut request = Request::new(Method::Info, uri.clone());
        let from = NameAddr::new(uri.clone()).with_display(&display).with_tag(&tag);
        request.headers.push_value(HeaderName::Via, &Via::new("UDP", Host::V6(1.into()), port, "z9hG4bKx").with_rport());
        request.headers.push_value(HeaderName::From, &from);
        request.headers.push_value(HeaderName::To, &NameAddr::new(uri));
        request.headers.push(HeaderName::CallId, "a@b").unwrap();
        request.headers.push_value(HeaderName::CSeq, &CSeq::new(number, Method::Info));
        request.body = body;
        let message = Message::Request(request.clone());
        let read = parse::datagram(&message.to_bytes(), &Limits::default());
        prop_assert_eq!(read.as_ref(), Ok(&message));
        prop_assert_eq!(read.unwrap().headers().from().unwrap(), from);
        prop_assert_eq!(request.uri.user().unwrap(), user);
    }

    #[test]
    fn a_value_with_a_line_break_is_never_put_in(before in "\\PC{0,20}", break_ in "[\r\n\0]", after in "\\PC{0,20}") {
        let mut request = Request::new(Method::Options, SipUri::new(false, Host::V4([192, 0, 2, 1].into())));
        let value = format!("{before}{break_}{after}");
        let refused = request.headers.push(HeaderName::Subject, &value);
        prop_assert_eq!(refused, Err(HeaderRefused::LineBreak { at: before.len() }));
        prop_assert_eq!(request.headers.push_named(&value, "x"), Err(HeaderRefused::Name));
        prop_assert!(request.headers.is_empty());
    }
}

#[test]
fn there_are_as_many_vectors_as_the_mutations_draw_from() {
    assert_eq!(vectors::all().len(), 62);
}
