// SPDX-License-Identifier: EUPL-1.2
//! Times reading and writing a usual INVITE: `cargo bench -p landbridge-sip`.

#![allow(clippy::disallowed_methods, reason = "a bench measures")]

use landbridge_sip::parse::{self, Frame, Limits, StreamFramer};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 200_000;

const INVITE: &str = "INVITE sip:1234567890@conference.example.org;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKPj0a1b2c3d4e5f60718293a4b5c6d7e8f9
Via: SIP/2.0/TLS proxy.example.net:5061;branch=z9hG4bK-524287-1---c9f0e1d2c3b4a596;received=198.51.100.7
Record-Route: <sip:proxy.example.net:5061;transport=tls;lr>
Max-Forwards: 69
From: \"Alice Example\" <sip:+49301234567@example.net>;tag=a1b2c3d4e5f6
To: <sip:1234567890@conference.example.org>
Contact: <sip:alice@192.0.2.10:5060;ob>
Call-ID: 0f1e2d3c4b5a69788796a5b4c3d2e1f0
CSeq: 24512 INVITE
Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS
Supported: replaces, 100rel, timer, norefersub
Session-Expires: 1800
Min-SE: 90
User-Agent: Example Phone 4.2.1
P-Asserted-Identity: <tel:+49301234567>
Content-Type: application/sdp
Content-Length: 344

v=0
o=- 3900000000 3900000000 IN IP4 192.0.2.10
s=call
b=AS:84
t=0 0
a=X-nat:0
m=audio 4000 RTP/AVP 111 9 8 0 101
c=IN IP4 192.0.2.10
b=TIAS:64000
a=rtcp:4001 IN IP4 192.0.2.10
a=sendrecv
a=rtpmap:111 opus/48000/2
a=fmtp:111 useinbandfec=1
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
";

fn main() {
    let (head, body) = INVITE.split_once("\n\n").expect("an empty line");
    let body = body.replace('\n', "\r\n");
    let head = head.replace('\n', "\r\n").replace("344", &body.len().to_string());
    let wire = format!("{head}\r\n\r\n{body}").into_bytes();
    let limits = Limits::default();
    let message = parse::datagram(&wire, &limits).expect("a usual INVITE");

    time("read a datagram", wire.len(), || {
        black_box(parse::datagram(black_box(&wire), &limits)).ok();
    });
    let mut framer = StreamFramer::new(limits.clone());
    time("read from a stream", wire.len(), || {
        framer.feed(black_box(&wire));
        while let Some(frame) = framer.next() {
            assert!(matches!(black_box(frame), Ok(Frame::Message(_))));
        }
    });
    let mut out = Vec::with_capacity(4096);
    time("write", wire.len(), || {
        out.clear();
        black_box(&message).write(&mut out);
        black_box(&out);
    });
}

fn time(what: &str, octets: usize, mut run: impl FnMut()) {
    (0..ROUNDS / 10).for_each(|_| run());
    let start = Instant::now();
    (0..ROUNDS).for_each(|_| run());
    let each = start.elapsed() / ROUNDS;
    println!("{what:>18}: {:6.2} µs for {octets} octets", each.as_secs_f64() * 1e6);
}
