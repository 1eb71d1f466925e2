// SPDX-License-Identifier: EUPL-1.2
//! A second reader: on ordinary messages rsip and our parser must agree. Where rsip fails (IPv6, tel, folding, unknown
//! methods) it is no witness, and the vectors of RFC 4475 and RFC 5118 are.
#![allow(clippy::unwrap_used, reason = "a test says by panicking")]

use landbridge_sip::message::{HeaderName, Message};
use landbridge_sip::parse::{self, Limits};
use rsip::prelude::*;

const ORDINARY: [&str; 3] = [
    "INVITE sip:1234567890@gw.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport\r\n\
     Max-Forwards: 70\r\nTo: <sip:1234567890@gw.example>\r\nFrom: Alice <sip:alice@a.example>;tag=1928301774\r\n\
     Call-ID: a84b4c76e66710@192.0.2.1\r\nCSeq: 314159 INVITE\r\nContact: <sip:alice@192.0.2.1>\r\n\
     Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n",
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKnashds8;received=192.0.2.3\r\n\
     To: Bob <sip:bob@b.example>;tag=a6c85cf\r\nFrom: Alice <sip:alice@a.example>;tag=1928301774\r\n\
     Call-ID: a84b4c76e66710\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
    "OPTIONS sip:gw.example SIP/2.0\r\nVia: SIP/2.0/TLS client.example;branch=z9hG4bK1\r\nMax-Forwards: 0\r\n\
     To: <sip:gw.example>\r\nFrom: <sip:probe@a.example>;tag=9\r\nCall-ID: 1@a.example\r\nCSeq: 1 OPTIONS\r\n\
     Content-Length: 0\r\n\r\n",
];

#[test]
fn both_readers_see_the_same_message() {
    for text in ORDINARY {
        let ours = parse::datagram(text.as_bytes(), &Limits::default()).unwrap();
        let theirs = rsip::SipMessage::try_from(text.as_bytes()).unwrap();
        let headers = ours.headers();
        assert_eq!(
            headers.text(&HeaderName::CallId).unwrap(),
            theirs.call_id_header().unwrap().value()
        );
        let cseq = headers.cseq().unwrap();
        let their_cseq = theirs.cseq_header().unwrap().typed().unwrap();
        assert_eq!(
            (cseq.number, cseq.method.as_str()),
            (their_cseq.seq, their_cseq.method.to_string().as_str())
        );
        let their_from = theirs.from_header().unwrap().typed().unwrap();
        assert_eq!(headers.from().unwrap().tag(), their_from.tag().map(|tag| tag.value()));
        assert_eq!(headers.from().unwrap().uri().to_string(), their_from.uri.to_string());
        let their_via = theirs.via_header().unwrap().typed().unwrap();
        assert_eq!(
            headers.top_via().unwrap().branch(),
            their_via.branch().map(|branch| branch.value())
        );
        assert_eq!(ours.body(), theirs.body().as_slice());
        match (&ours, &theirs) {
            (Message::Request(ours), rsip::SipMessage::Request(theirs)) => {
                assert_eq!(ours.method.as_str(), theirs.method.to_string());
                assert_eq!(ours.uri.to_string(), theirs.uri.to_string());
            }
            (Message::Response(ours), rsip::SipMessage::Response(theirs)) => {
                assert_eq!(ours.status.code(), u16::from(theirs.status_code.clone()));
            }
            _ => panic!("one reads a request, the other a response"),
        }
    }
}

#[test]
fn what_we_write_the_other_reader_reads() {
    for text in ORDINARY {
        let ours = parse::datagram(text.as_bytes(), &Limits::default()).unwrap();
        assert!(rsip::SipMessage::try_from(ours.to_bytes().as_slice()).is_ok());
    }
}
