// SPDX-License-Identifier: EUPL-1.2
//! RFC 5118 §4: IPv6 in SIP messages.

use super::{Parse, Stream, Vector, wire};
use landbridge_sip::message::{Host, Message};
use std::net::Ipv6Addr;

const REGISTER: &[u16] = &[200, 401, 403, 404, 405, 501];
const INVITE: &[u16] = &[100, 180, 200, 404, 486, 488];

/// Gives the vectors of §4.
pub(crate) fn all() -> Vec<Vector> {
    vec![
        Vector::new("ipv6-good", "RFC 5118 §4.1", register("sip:[2001:db8::10]"))
            .answers(REGISTER)
            .check(|m| {
                assert_eq!(host(m), v6("2001:db8::10"));
                assert_eq!(*m.headers().top_via().unwrap().host(), v6("2001:db8::9:1"));
                let contacts = m.headers().contacts().unwrap();
                assert_eq!(contacts.first().unwrap().uri().host(), Some(&v6("2001:db8::1")));
            }),
        Vector::new("ipv6-bad", "RFC 5118 §4.2", register("sip:2001:db8::10"))
            .parse(Parse::Refuse(400))
            .answers(&[400]),
        Vector::new("port-ambiguous", "RFC 5118 §4.3", register("sip:[2001:db8::10:5070]"))
            .answers(REGISTER)
            .check(|m| {
                assert_eq!(host(m), v6("2001:db8::10:5070"));
                assert_eq!(m.as_request().unwrap().uri.port(), None);
            }),
        Vector::new("port-unambiguous", "RFC 5118 §4.4", register("sip:[2001:db8::10]:5070"))
            .answers(REGISTER)
            .check(|m| {
                assert_eq!(host(m), v6("2001:db8::10"));
                assert_eq!(m.as_request().unwrap().uri.port(), Some(5070));
            }),
        Vector::new(
            "via-received-param-with-delim",
            "RFC 5118 §4.5",
            wire(RECEIVED_DELIMITED),
        )
        .answers(&[481])
        .check(received),
        Vector::new("via-received-param-no-delim", "RFC 5118 §4.5", wire(RECEIVED_BARE))
            .answers(&[200, 404])
            .check(received),
        // The RFC prints Content-Length 268 over a body of 251 octets: once put right, once as printed.
        Vector::new("ipv6-in-sdp", "RFC 5118 §4.6", wire(&IN_SDP.replace("268", "251")))
            .answers(INVITE)
            .check(|m| assert!(m.body().ends_with(b"a=rtpmap:107 H263-1998/90000\r\n"))),
        Vector::new("ipv6-in-sdp-as-printed", "RFC 5118 §4.6", wire(IN_SDP))
            .parse(Parse::Refuse(400))
            .stream(Stream::Wait)
            .answers(&[400]),
        Vector::new("mult-ip-in-header", "RFC 5118 §4.7", wire(MULTIPLE_IN_HEADERS))
            .answers(&[481])
            .check(|m| {
                let vias = m.headers().vias().unwrap();
                assert_eq!(vias[0].port(), Some(6050));
                assert_eq!(*vias[1].host(), Host::V4("192.0.2.1".parse().unwrap()));
                assert_eq!(vias[2].received(), Some("192.0.2.200".parse().unwrap()));
                assert_eq!(m.headers().to().unwrap().tag(), Some("9817--94"));
            }),
        // The RFC's Content-Length leaves the last octets of this body and the next one behind.
        Vector::new("mult-ip-in-sdp", "RFC 5118 §4.8", wire(MULTIPLE_IN_SDP))
            .stream(Stream::Frames(1))
            .answers(INVITE)
            .check(|m| assert_eq!(m.body().len(), 181)),
        Vector::new("ipv4-mapped-ipv6", "RFC 5118 §4.9", wire(MAPPED))
            .stream(Stream::Frames(1))
            .answers(INVITE)
            .check(|m| {
                let vias = m.headers().vias().unwrap();
                assert_eq!(*vias[0].host(), v6("::ffff:192.0.2.10"));
                assert_eq!(vias[0].port(), Some(19823));
                assert_eq!(*vias[1].host(), v6("::ffff:192.0.2.2"));
            }),
        Vector::new("ipv6-bug-abnf-3-colons", "RFC 5118 §4.10", options(":::"))
            .answers(&[200, 404])
            .check(|m| {
                assert_eq!(host(m), v6("2001:db8::192.0.2.1"));
                assert!(!m.as_request().unwrap().uri.to_string().contains(":::"));
            }),
        Vector::new("ipv6-correct-abnf-2-colons", "RFC 5118 §4.10", options("::"))
            .answers(&[200, 404])
            .check(|m| assert_eq!(host(m), v6("2001:db8::192.0.2.1"))),
    ]
}

fn v6(text: &str) -> Host {
    Host::V6(text.parse::<Ipv6Addr>().unwrap())
}

fn host(message: &Message) -> Host {
    message.as_request().unwrap().uri.host().unwrap().clone()
}

fn received(message: &Message) {
    let via = message.headers().top_via().unwrap();
    assert_eq!(*via.host(), v6("2001:db8::9:1"));
    assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()));
}

fn register(uri: &str) -> Vec<u8> {
    wire(&format!(
        "REGISTER {uri} SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
Contact: \"Caller\" <sip:caller@[2001:db8::1]>
CSeq: 98176 REGISTER
Content-Length: 0

"
    ))
}

fn options(colons: &str) -> Vec<u8> {
    wire(&format!(
        "OPTIONS sip:user@[2001:db8{colons}192.0.2.1] SIP/2.0
To: sip:user@[2001:db8{colons}192.0.2.1]
From: sip:user@example.com;tag=810x2
Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111
Call-ID: G9559905523997077@hlau_4100
CSeq: 689 OPTIONS
Max-Forwards: 70
Content-Length: 0

"
    ))
}

const RECEIVED_DELIMITED: &str = "BYE sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com;tag=bd76ya
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
CSeq: 321 BYE
Content-Length: 0

";

const RECEIVED_BARE: &str = "OPTIONS sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3
Call-ID: SSG95523997077@hlau_4100
Max-Forwards: 70
Contact: \"Caller\" <sip:caller@[2001:db8::9:1]>
CSeq: 921 OPTIONS
Content-Length: 0

";

const IN_SDP: &str = "INVITE sip:user@[2001:db8::10] SIP/2.0
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: \"Caller\" <sip:caller@[2001:db8::20]>
CSeq: 8612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: 268

v=0
o=assistant 971731711378798081 0 IN IP6 2001:db8::20
s=Live video feed for today's meeting
c=IN IP6 2001:db8::20
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
";

const MULTIPLE_IN_HEADERS: &str = "BYE sip:user@host.example.net SIP/2.0
Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144
Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200
Call-ID: 997077@lau_4100
Max-Forwards: 70
CSeq: 89187 BYE
To: sip:user@example.net;tag=9817--94
From: sip:user@example.com;tag=81x2
Content-Length: 0

";

const MULTIPLE_IN_SDP: &str = "INVITE sip:user@[2001:db8::10] SIP/2.0
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: \"Caller\" <sip:caller@[2001:db8::9:1]>
Max-Forwards: 70
CSeq: 8912 INVITE
Content-Type: application/sdp
Content-Length: 181

v=0
o=bob 280744730 28977631 IN IP4 host.example.com
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP4 192.0.2.1
m=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1
a=rtpmap:107 H263-1998/90000
";

const MAPPED: &str = "INVITE sip:user@example.com SIP/2.0
To: sip:user@example.com
From: sip:user@east.example.com;tag=81x2
Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19
Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: \"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>
CSeq: 612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: 236

v=0
o=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2
s=Call me soon, please!
c=IN IP6 ::ffff:192.0.2.2
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
";
