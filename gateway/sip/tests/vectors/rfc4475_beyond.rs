// SPDX-License-Identifier: EUPL-1.2
//! RFC 4475 §3.2 to §3.4: messages that are odd only to who handles them.

use super::{Parse, Stream, Vector, sdp, wire};
use landbridge_sip::message::{Contacts, HeaderName, Uri};

/// What an element that is no registrar says to REGISTER, beside what a registrar may say.
const REGISTER: &[u16] = &[200, 400, 401, 403, 404, 405, 501];

/// Gives the vectors of §3.2, §3.3 and §3.4.
pub(crate) fn all() -> Vec<Vector> {
    let with = |head: &str, body: &str| wire(&format!("{head}\n{body}"));
    vec![
        // A cookie without an identifier: handled as RFC 2543 would, which the RFC allows.
        Vector::new("badbranch", "RFC 4475 §3.2.1", wire(BADBRANCH))
            .answers(&[200, 400, 404])
            .check(|m| assert!(!m.headers().top_via().unwrap().has_cookie())),
        Vector::new("insuf", "RFC 4475 §3.3.1", with(INSUF, &sdp("192.0.2.95")))
            .parse(Parse::Refuse(400))
            .answers(&[400]),
        Vector::new("unkscm", "RFC 4475 §3.3.2", wire(UNKSCM))
            .answers(&[416])
            .check(|m| {
                assert_eq!(m.as_request().unwrap().uri.scheme(), "nobodyKnowsThisScheme");
            }),
        Vector::new("novelsc", "RFC 4475 §3.3.3", wire(NOVELSC))
            .answers(&[416])
            .check(|m| {
                let uri = &m.as_request().unwrap().uri;
                assert_eq!(uri.to_string(), "soap.beep://192.0.2.103:3002");
            }),
        Vector::new("unksm2", "RFC 4475 §3.3.4", wire(UNKSM2))
            .answers(REGISTER)
            .check(|m| {
                assert_eq!(m.headers().to().unwrap().uri().scheme(), "isbn");
                assert_eq!(m.headers().from().unwrap().uri().scheme(), "http");
                assert_eq!(m.headers().from().unwrap().tag(), Some("3234233"));
            }),
        Vector::new("bext01", "RFC 4475 §3.3.5", wire(BEXT01))
            .answers(&[420])
            .check(|m| {
                let tags = ["nothingSupportsThis", "nothingSupportsThisEither"];
                assert_eq!(m.headers().require(), tags);
                assert_eq!(m.headers().proxy_require().len(), 2);
            }),
        Vector::new("invut", "RFC 4475 §3.3.6", wire(INVUT))
            .answers(&[415])
            .check(|m| {
                let kind = m.headers().content_type().unwrap().unwrap();
                assert!(kind.is("application/unknownformat") && !kind.is("application/sdp"));
                assert_eq!(m.body().len(), 40);
            }),
        Vector::new("regaut01", "RFC 4475 §3.3.7", wire(REGAUT01)).answers(REGISTER),
        Vector::new("multi01", "RFC 4475 §3.3.8", with(MULTI01, &(sdp("192.0.2.25") + "\n")))
            .parse(Parse::Refuse(400))
            .answers(&[400]),
        Vector::new("mcl01", "RFC 4475 §3.3.9", wire(MCL01))
            .parse(Parse::Refuse(400))
            .stream(Stream::Close)
            .answers(&[400]),
        // Well formed, but not for who receives it: a second Via, and that one broadcast.
        Vector::new("bcast", "RFC 4475 §3.3.10", with(BCAST, &sdp("192.0.2.198")))
            .check(|m| assert_eq!(m.headers().vias().unwrap().len(), 2)),
        // The last hop may answer: Max-Forwards binds who would forward.
        Vector::new("zeromf", "RFC 4475 §3.3.11", wire(ZEROMF))
            .answers(&[200, 404, 483])
            .check(|m| assert_eq!(m.headers().max_forwards().unwrap(), Some(0))),
        Vector::new("cparam01", "RFC 4475 §3.3.12", wire(CPARAM01))
            .answers(REGISTER)
            .check(|m| {
                let contacts = m.headers().contacts().unwrap();
                let contact = contacts.first().unwrap();
                assert_eq!(contact.params().get("unknownparam"), Some(None));
                assert_eq!(contact.uri().param("unknownparam"), None);
            }),
        Vector::new("cparam02", "RFC 4475 §3.3.13", wire(CPARAM02))
            .answers(REGISTER)
            .check(|m| {
                let contacts = m.headers().contacts().unwrap();
                let contact = contacts.first().unwrap();
                assert_eq!(contact.params().get("unknownparam"), None);
                assert_eq!(contact.uri().param("unknownparam"), Some(None));
            }),
        Vector::new("regescrt", "RFC 4475 §3.3.14", wire(REGESCRT))
            .answers(REGISTER)
            .check(|m| {
                let Contacts::List(list) = m.headers().contacts().unwrap() else {
                    panic!("a star")
                };
                let uri = list[0].uri().as_sip().unwrap();
                let headers: Vec<_> = uri.headers().collect();
                assert_eq!(headers, [("Route".into(), "<sip:sip.example.com>".into())]);
            }),
        Vector::new("sdp01", "RFC 4475 §3.3.15", with(SDP01, &sdp("192.0.2.5")))
            .answers(&[406])
            .check(|m| {
                let accept = m.headers().accept().unwrap().unwrap();
                assert!(!accept.iter().any(|range| range.admits("application/sdp")));
            }),
        Vector::new("inv2543", "RFC 4475 §3.4.1", with(INV2543, &short_sdp()))
            .stream(Stream::Close)
            .answers(&[100, 180, 200, 404, 486, 488])
            .check(|m| {
                let h = m.headers();
                assert!(!h.contains(&HeaderName::MaxForwards));
                assert_eq!(h.from().unwrap().tag(), None);
                let phone = Uri::parse("sip:+16505552222@ss1.example.net").unwrap();
                assert_eq!(*h.to().unwrap().uri(), phone);
                assert_eq!(h.to().unwrap().params().value("user"), Some("phone"));
                let via = h.record_routes().unwrap().remove(0);
                assert_eq!(via.uri().param("maddr"), Some(Some("ss1.example.com")));
                assert!(m.body().ends_with(b"m=audio 49217 RTP/AVP 0\r\n"));
            }),
    ]
}

fn short_sdp() -> String {
    sdp("192.0.2.5")
        .lines()
        .take(5)
        .map(|l| format!("{l}\n"))
        .collect::<String>()
        + "m=audio 49217 RTP/AVP 0\n"
}

const BADBRANCH: &str = "OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK
Accept: application/sdp
Call-ID: badbranch.sadonfo23i420jv0as0derf3j3n
CSeq: 8 OPTIONS
l: 0

";

const INSUF: &str = "INVITE sip:user@example.com SIP/2.0
CSeq: 193942 INVITE
Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf
Content-Type: application/sdp
l: 152
";

const UNKSCM: &str = "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0
To: sip:user@example.com
From: sip:caller@example.net;tag=384
Max-Forwards: 3
Call-ID: unkscm.nasdfasser0q239nwsdfasdkl34
CSeq: 3923423 OPTIONS
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234
Content-Length: 0

";

const NOVELSC: &str = "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0
To: sip:user@example.com
From: sip:caller@example.net;tag=384
Max-Forwards: 3
Call-ID: novelsc.asdfasser0q239nwsdfasdkl34
CSeq: 3923423 OPTIONS
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234
Content-Length: 0

";

const UNKSM2: &str = "REGISTER sip:example.com SIP/2.0
To: isbn:2983792873
From: <http://www.example.com>;tag=3234233
Call-ID: unksm2.daksdj@hyphenated-host.example.com
CSeq: 234902 REGISTER
Max-Forwards: 70
Via: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKkdjuw
Contact: <name:John_Smith>
l: 0

";

const BEXT01: &str = "OPTIONS sip:user@example.com SIP/2.0
To: sip:j_user@example.com
From: sip:caller@example.net;tag=242etr
Max-Forwards: 6
Call-ID: bext01.0ha0isndaksdj
Require: nothingSupportsThis, nothingSupportsThisEither
Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis
CSeq: 8 OPTIONS
Via: SIP/2.0/TLS fold-and-staple.example.com;branch=z9hG4bKkdjuw
Content-Length: 0

";

const INVUT: &str = "INVITE sip:user@example.com SIP/2.0
Contact: <sip:caller@host5.example.net>
To: sip:j.user@example.com
From: sip:caller@example.net;tag=8392034
Max-Forwards: 70
Call-ID: invut.0ha0isndaksdjadsfij34n23d
CSeq: 235448 INVITE
Via: SIP/2.0/UDP somehost.example.com;branch=z9hG4bKkdjuw
Content-Type: application/unknownformat
Content-Length: 40

<audio>
 <pcmu port=\"443\"/>
</audio>
";

const REGAUT01: &str = "REGISTER sip:example.com SIP/2.0
To: sip:j.user@example.com
From: sip:j.user@example.com;tag=87321hj23128
Max-Forwards: 8
Call-ID: regaut01.0ha0isndaksdj
CSeq: 9338 REGISTER
Via: SIP/2.0/TCP 192.0.2.253;branch=z9hG4bKkdjuw
Authorization: NoOneKnowsThisScheme opaque-data=here
Content-Length:0

";

const MULTI01: &str = "INVITE sip:user@company.com SIP/2.0
Contact: <sip:caller@host25.example.net>
Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw
Max-Forwards: 70
CSeq: 5 INVITE
Call-ID: multi01.98asdh@192.0.2.1
CSeq: 59 INVITE
Call-ID: multi01.98asdh@192.0.2.2
From: sip:caller@example.com;tag=3413415
To: sip:user@example.com
To: sip:other@example.net
From: sip:caller@example.net;tag=2923420123
Content-Type: application/sdp
l: 154
Contact: <sip:caller@host36.example.net>
Max-Forwards: 5
";

const MCL01: &str = "OPTIONS sip:user@example.com SIP/2.0
Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bK293423
To: sip:user@example.com
From: sip:other@example.net;tag=3923942
Call-ID: mcl01.fhn2323orihawfdoa3o4r52o3irsdf
CSeq: 15932 OPTIONS
Content-Length: 13
Max-Forwards: 60
Content-Length: 5
Content-Type: text/plain

There's no way to know how many octets are supposed to be here.
";

const BCAST: &str = "SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23
Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: 154
Content-Type: application/sdp
Contact: <sip:user@host28.example.com>
";

const ZEROMF: &str = "OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: sip:caller@example.net;tag=3ghsd41
Call-ID: zeromf.jfasdlfnm2o2l43r5u0asdfas
CSeq: 39234321 OPTIONS
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw2349i
Max-Forwards: 0
Content-Length: 0

";

const CPARAM01: &str = "REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw
Max-Forwards: 70
From: sip:watson@example.com;tag=DkfVgjkrtMwaerKKpe
To: sip:watson@example.com
Call-ID: cparam01.70710@saturn.example.com
CSeq: 2 REGISTER
Contact: sip:+19725552222@gw1.example.net;unknownparam
l: 0

";

const CPARAM02: &str = "REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw
Max-Forwards: 70
From: sip:watson@example.com;tag=838293
To: sip:watson@example.com
Call-ID: cparam02.70710@saturn.example.com
CSeq: 3 REGISTER
Contact: <sip:+19725552222@gw1.example.net;unknownparam>
l: 0

";

const REGESCRT: &str = "REGISTER sip:example.com SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=8
Max-Forwards: 70
Call-ID: regescrt.k345asrl3fdbv@192.0.2.1
CSeq: 14398234 REGISTER
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>
L:0

";

const SDP01: &str = "INVITE sip:user@example.com SIP/2.0
To: sip:j_user@example.com
Contact: <sip:caller@host15.example.net>
From: sip:caller@example.net;tag=234
Max-Forwards: 5
Call-ID: sdp01.ndaksdj9342dasdd
Accept: text/nobodyKnowsThis
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw
Content-Length: 150
Content-Type: application/sdp
";

const INV2543: &str = "INVITE sip:UserB@example.com SIP/2.0
Via: SIP/2.0/UDP iftgw.example.com
From: <sip:+13035551111@ift.client.example.net;user=phone>
Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>
To: sip:+16505552222@ss1.example.net;user=phone
Call-ID: inv2543.1717@ift.client.example.com
CSeq: 56 INVITE
Content-Type: application/sdp
";
