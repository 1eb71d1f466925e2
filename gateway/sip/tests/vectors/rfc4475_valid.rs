// SPDX-License-Identifier: EUPL-1.2
//! RFC 4475 §3.1.1: messages that must be accepted.

use super::{Stream, Vector, sdp, wire};
use landbridge_sip::message::{Contacts, HeaderName, Host, Message, Method, Uri};

/// Gives the vectors of §3.1.1.
pub(crate) fn all() -> Vec<Vector> {
    vec![
        wsinv(),
        intmeth(),
        esc01(),
        escnull(),
        esc02(),
        lwsdisp(),
        longreq(),
        dblreq(),
        semiuri(),
        transports(),
        mpart01(),
        unreason(),
        noreason(),
    ]
}

fn contacts(message: &Message) -> Vec<landbridge_sip::message::NameAddr> {
    match message.headers().contacts().unwrap() {
        Contacts::List(list) => list,
        Contacts::Star => panic!("a star"),
    }
}

fn wsinv() -> Vector {
    let head = r#"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 150
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

"#;
    Vector::new(
        "wsinv",
        "RFC 4475 §3.1.1.1",
        wire(&(head.to_owned() + &sdp("192.0.2.3"))),
    )
    .answers(&[100, 180, 200, 404, 481, 486, 488])
    .check(|m| {
        let h = m.headers();
        assert_eq!(m.as_request().unwrap().uri.param("unknownparam"), Some(None));
        assert_eq!(h.to().unwrap().tag(), Some("1918181833n"));
        let from = h.from().unwrap();
        assert_eq!(
            (from.display(), from.tag()),
            (Some("J Rosenberg \\\""), Some("98asjd8"))
        );
        assert_eq!(h.max_forwards().unwrap(), Some(68));
        let cseq = h.cseq().unwrap();
        assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
        let vias = h.vias().unwrap();
        let seen: Vec<_> = vias.iter().map(|v| (v.transport(), v.branch())).collect();
        assert_eq!(
            seen,
            [
                ("UDP", Some("390skdjuw")),
                ("TCP", Some("z9hG4bK9ikj8")),
                ("UDP", Some("z9hG4bK30239"))
            ]
        );
        assert!(!vias[0].has_cookie() && vias[1].has_cookie());
        assert_eq!(h.get(&HeaderName::Subject), Some(&b""[..]));
        let other = |name: &str| h.text(&HeaderName::parse(name.as_bytes()).unwrap()).unwrap();
        assert_eq!(other("newfangledheader"), "newfangled value continued newfangled value");
        assert_eq!(other("UnknownHeaderWithUnusualValue"), ";;,,;;,;");
        let route = &h.routes().unwrap()[0];
        assert_eq!(route.uri().param("unknownwith"), Some(Some("value")));
        assert!(route.uri().as_sip().unwrap().is_loose_router());
        let contact = &contacts(m)[0];
        assert_eq!(contact.display(), Some("Quoted string \"\""));
        assert_eq!(contact.params().get("secondparam"), Some(None));
        assert_eq!(contact.params().value("q"), Some("0.33"));
        assert_eq!(m.body().len(), 150);
    })
}

fn intmeth() -> Vector {
    let text = "!interesting-Method0123456789_*+`.%indeed'~ \
sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0
Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~
To: \"BEL:\\\u{7} NUL:\\\0 DEL:\\\u{7f}\" \
<sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>
From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>\
;fromParam''~+*_!.-%=\"\u{440}\u{430}\u{431}\u{43e}\u{442}\u{430}\u{44e}\u{449}\u{438}\u{439}\"\
;tag=_token~1'+`*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{
CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~
Max-Forwards: 255
extensionHeader-!.%*+_`'~:\u{feff}\u{5927}\u{505c}\u{96fb}
Content-Length: 0

";
    Vector::new("intmeth", "RFC 4475 §3.1.1.2", wire(text))
        .answers(&[404, 405, 501])
        .check(|m| {
            let request = m.as_request().unwrap();
            assert_eq!(request.method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
            let uri = request.uri.as_sip().unwrap();
            assert_eq!(uri.user().unwrap(), "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
            assert_eq!(uri.password().unwrap(), "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
            let to = m.headers().to().unwrap();
            assert_eq!(to.display(), Some("BEL:\u{7} NUL:\0 DEL:\u{7f}"));
            let from = m.headers().from().unwrap();
            assert_eq!(from.display(), Some("token1~` token2'+_ token3*%!.-"));
            assert_eq!(from.params().value("fromParam''~+*_!.-%"), Some("работающий"));
            assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
            assert_eq!(
                m.headers().call_id().unwrap(),
                "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
            );
            let name = HeaderName::parse(b"extensionHeader-!.%*+_`'~").unwrap();
            assert_eq!(m.headers().text(&name).unwrap(), "\u{feff}\u{5927}\u{505c}\u{96fb}");
        })
}

fn esc01() -> Vector {
    let head = "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0
To: sip:%75se%72@example.com
From: <sip:I%20have%20spaces@example.net>;tag=938
Max-Forwards: 87
i: esc01.239409asdfakjkn23onasd0-3234
CSeq: 234234 INVITE
Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw
C: application/sdp
Contact:
  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>
Content-Length: 150

";
    Vector::new(
        "esc01",
        "RFC 4475 §3.1.1.3",
        wire(&(head.to_owned() + &sdp("192.0.2.1"))),
    )
    .answers(&[100, 180, 200, 404, 486, 488])
    .check(|m| {
        let uri = &m.as_request().unwrap().uri;
        assert_eq!(uri.user().unwrap(), "sips:user@example.com");
        let to = m.headers().to().unwrap();
        assert!(to.uri().equivalent(&Uri::parse("sip:user@example.com").unwrap()));
        assert_eq!(m.headers().from().unwrap().uri().user().unwrap(), "I have spaces");
        let contact = contacts(m).remove(0);
        assert_eq!(contact.uri().user().unwrap(), "caller");
        assert_eq!(contact.uri().param("lr"), Some(None));
        let raw = contact.uri().param("name").unwrap().unwrap();
        assert_eq!(landbridge_sip::message::uri::escape::decode(raw), "value%41");
    })
}

fn escnull() -> Vector {
    let text = "REGISTER sip:example.com SIP/2.0
To: sip:null-%00-null@example.com
From: sip:null-%00-null@example.com;tag=839923423
Max-Forwards: 70
Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd
CSeq: 14398234 REGISTER
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
Contact: <sip:%00@host5.example.com>
Contact: <sip:%00%00@host5.example.com>
L:0

";
    Vector::new("escnull", "RFC 4475 §3.1.1.4", wire(text))
        .answers(&[200, 401, 403, 405, 501])
        .check(|m| {
            assert_eq!(m.headers().to().unwrap().uri().user().unwrap(), "null-\0-null");
            let contacts = contacts(m);
            assert_eq!(contacts.len(), 2);
            assert_eq!(contacts[0].uri().user().unwrap(), "\0");
            assert_eq!(contacts[1].uri().user().unwrap(), "\0\0");
            assert!(!contacts[0].uri().equivalent(contacts[1].uri()));
        })
}

fn esc02() -> Vector {
    let text = "RE%47IST%45R sip:registrar.example.com SIP/2.0
To: \"%Z%45\" <sip:resource@example.com>
From: \"%Z%45\" <sip:resource@example.com>;tag=f232jadfj23
Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf
Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234
CSeq: 29344 RE%47IST%45R
Max-Forwards: 70
Contact: <sip:alias1@host1.example.com>
C%6Fntact: <sip:alias2@host2.example.com>
Contact: <sip:alias3@host3.example.com>
l: 0

";
    Vector::new("esc02", "RFC 4475 §3.1.1.5", wire(text))
        .answers(&[405, 501])
        .check(|m| {
            let request = m.as_request().unwrap();
            assert_eq!(request.method, Method::Other("RE%47IST%45R".into()));
            assert_eq!(m.headers().from().unwrap().display(), Some("%Z%45"));
            assert_eq!(contacts(m).len(), 2);
        })
}

fn lwsdisp() -> Vector {
    let text = "OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: caller<sip:caller@example.com>;tag=323
Max-Forwards: 70
Call-ID: lwsdisp.1234abcd@funky.example.com
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw
l: 0

";
    Vector::new("lwsdisp", "RFC 4475 §3.1.1.6", wire(text))
        .answers(&[200, 404])
        .check(|m| assert_eq!(m.headers().from().unwrap().display(), Some("caller")))
}

fn longreq() -> Vector {
    let mut text = format!(
        "INVITE sip:user@example.com SIP/2.0
To: \"I have a user name of {extreme} proportion\"<sip:user@example.com:6000\
;unknownparam1=very{long20}value;longparam{name25}=shortvalue\
;very{long25}ParameterNameWithNoValue>
F: sip:{amazing}@example.net;tag=12{digits}424\
;unknownheaderparam{name20}=unknowheaderparam{value15}\
;unknownValueless{paramname10}
Call-ID: longreq.one{really20}longcallid
CSeq: 3882340 INVITE
Unknown-{capital20}-Name: unknown-{long20}-value; unknown-{long20}-parameter-name = \
unknown-{long20}-parameter-value
Via: SIP/2.0/TCP sip33.example.com
v: SIP/2.0/TCP sip32.example.com
V: SIP/2.0/TCP sip31.example.com
Via: SIP/2.0/TCP sip30.example.com
ViA: SIP/2.0/TCP sip29.example.com
VIa: SIP/2.0/TCP sip28.example.com
VIA: SIP/2.0/TCP sip27.example.com
via: SIP/2.0/TCP sip26.example.com
viA: SIP/2.0/TCP sip25.example.com
vIa: SIP/2.0/TCP sip24.example.com
vIA: SIP/2.0/TCP sip23.example.com
V :  SIP/2.0/TCP sip22.example.com
v :  SIP/2.0/TCP sip21.example.com
V  : SIP/2.0/TCP sip20.example.com
v  : SIP/2.0/TCP sip19.example.com
Via : SIP/2.0/TCP sip18.example.com
Via  : SIP/2.0/TCP sip17.example.com
",
        extreme = "extreme".repeat(10),
        long20 = "long".repeat(20),
        long25 = "long".repeat(25),
        name25 = "name".repeat(25),
        name20 = "name".repeat(20),
        amazing = "amazinglylongcallername".repeat(5),
        digits = "982".repeat(50),
        value15 = "value".repeat(15),
        paramname10 = "paramname".repeat(10),
        really20 = "really".repeat(20),
        capital20 = "Long".repeat(20),
    );
    for hop in (1..=16).rev() {
        text.push_str(&format!("Via: SIP/2.0/TCP sip{hop}.example.com\n"));
    }
    text.push_str(&format!(
        "Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch=very{}branchvalue
Max-Forwards: 70
Contact: <sip:{}@host5.example.net>
Content-Type: application/sdp
l: 150

",
        "long".repeat(50),
        "amazinglylongcallername".repeat(5),
    ));
    text.push_str(&sdp("192.0.2.1"));
    Vector::new("longreq", "RFC 4475 §3.1.1.7", wire(&text))
        .answers(&[100, 180, 200, 404, 486, 488])
        .check(|m| {
            let vias = m.headers().vias().unwrap();
            assert_eq!(vias.len(), 34);
            assert_eq!(vias[33].received(), Some("192.0.2.5".parse().unwrap()));
            assert_eq!(m.headers().from().unwrap().tag().unwrap().len(), 155);
            assert_eq!(m.headers().to().unwrap().uri().port(), Some(6000));
        })
}

fn dblreq() -> Vector {
    let first = "REGISTER sip:example.com SIP/2.0
To: sip:j.user@example.com
From: sip:j.user@example.com;tag=43251j3j324
Max-Forwards: 8
I: dblreq.0ha0isndaksdj99sdfafnl3lk233412
Contact: sip:j.user@host.example.com
CSeq: 8 REGISTER
Via: SIP/2.0/UDP 192.0.2.125;branch=z9hG4bKkdjuw23492
Content-Length: 0


INVITE sip:joe@example.com SIP/2.0
t: sip:joe@example.com
From: sip:caller@example.net;tag=141334
Max-Forwards: 8
Call-ID: dblreq.0ha0isnda977644900765@192.0.2.15
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw380234
Content-Type: application/sdp
Content-Length: 150

";
    let body = sdp("192.0.2.15").replace("m=video", "m =video");
    Vector::new("dblreq", "RFC 4475 §3.1.1.8", wire(&(first.to_owned() + &body)))
        .stream(Stream::Frames(2))
        .answers(&[200, 401, 403, 405, 501])
        .check(|m| {
            assert_eq!(m.as_request().unwrap().method, Method::Register);
            assert!(m.body().is_empty());
        })
}

fn semiuri() -> Vector {
    let text = "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0
To: sip:j_user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Call-ID: semiuri.0ha0isndaksdj
CSeq: 8 OPTIONS
Accept: application/sdp, application/pkcs7-mime,
        multipart/mixed, multipart/signed,
        message/sip, message/sipfrag
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw
l: 0

";
    Vector::new("semiuri", "RFC 4475 §3.1.1.9", wire(text))
        .answers(&[200, 404])
        .check(|m| {
            let uri = &m.as_request().unwrap().uri;
            assert_eq!(uri.user().unwrap(), "user;par=u@example.net");
            assert_eq!(uri.host(), Some(&Host::parse("example.com").unwrap()));
            assert_eq!(m.headers().accept().unwrap().unwrap().len(), 6);
        })
}

fn transports() -> Vector {
    let text = "OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: <sip:caller@example.com>;tag=323
Max-Forwards: 70
Call-ID:  transports.kijh4akdnaqjkwendsasfdj
Accept: application/sdp
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw
Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf
Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj
Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en
Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee
l: 0

";
    Vector::new("transports", "RFC 4475 §3.1.1.10", wire(text))
        .answers(&[200, 404])
        .check(|m| {
            let vias = m.headers().vias().unwrap();
            let seen: Vec<_> = vias.iter().map(|v| v.transport()).collect();
            assert_eq!(seen, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
        })
}

fn mpart01() -> Vector {
    let head = "MESSAGE sip:kumiko@example.org SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-;rport
Max-Forwards: 70
Route: <sip:127.0.0.1:5080>
Identity: r5mwreLuyDRYBi/0TiPwEsY3rEVsk/G2WxhgTV1PF7hHuLIK0YWVKZhKv9Mj8UeXqkMVbnVq37CD+813\
gvYjcBUaZngQmXc9WNZSDNGCzA+fWl9MEUHWIZo1CeJebdY/XlgKeTa0Olvq0rt70Q5jiSfbqMJmQFteeivUhkMWYUA=
Contact: <sip:fluffy@127.0.0.1:5070>
To: <sip:kumiko@example.org>
From: <sip:fluffy@example.com>;tag=2fb0dcc9
Call-ID: 3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..
CSeq: 1 MESSAGE
Content-Transfer-Encoding: binary
Content-Type: multipart/mixed;boundary=7a9cbec02ceef655
Date: Sat, 15 Oct 2005 04:44:56 GMT
User-Agent: SIPimp.org/0.2.5 (curses)
Content-Length: 553

--7a9cbec02ceef655
Content-Type: text/plain
Content-Transfer-Encoding: binary

Hello
--7a9cbec02ceef655
Content-Type: application/octet-stream
Content-Transfer-Encoding: binary

";
    let signature = "3082015206092A864886F70D010702A08201433082013F02\
01013109300706052B0E03021A300B06092A864886F70D010701318201203082\
011C020101307C3070310B300906035504061302555331133011060355040813\
0A43616C69666F726E69613111300F0603550407130853616E204A6F7365310E\
300C060355040A1305736970697431293027060355040B132053697069742054\
65737420436572746966696361746520417574686F7269747902080195007102\
330113300706052B0E03021A300D06092A864886F70D01010105000481808EF4\
66F948F0522DD2E5978E9D95AAE9F2FE15A06659716292E8DA2AA8D8350A68CE\
FFAE3CBD2BFF1675DDD5648E593DD64728F26220F7E941749E330D9A15EDABDB\
93D10C42102E7B7289D29CC0C9AE2EFBC7C0CFF9172F3B027E4FC027E1546DE4\
B6AA3ABB3E66CCCB5DD6C64B8383149CB8E6FF182D944FE57B65BC99D005";
    let octets = signature
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
    let mut bytes = wire(head);
    bytes.extend(octets);
    bytes.extend(wire("\n--7a9cbec02ceef655--\n"));
    Vector::new("mpart01", "RFC 4475 §3.1.1.11", bytes)
        .answers(&[202, 200, 405, 415, 501])
        .check(|m| {
            assert_eq!(m.body().len(), 553);
            assert!(m.body().contains(&0));
            let kind = m.headers().content_type().unwrap().unwrap();
            assert!(kind.is("multipart/mixed"));
            assert_eq!(kind.params().value("boundary"), Some("7a9cbec02ceef655"));
            assert!(m.headers().top_via().unwrap().wants_rport());
        })
}

fn unreason() -> Vector {
    let head = "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e} \
\u{434}\u{435}\u{432}\u{44f}\u{43d}\u{43e}\u{441}\u{442}\u{43e} \
\u{434}\u{435}\u{432}\u{44f}\u{442}\u{44c} - \
\u{43f}\u{440}\u{43e}\u{441}\u{442}\u{43e}\u{435}
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Call-ID: unreason.1234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: 154
Content-Type: application/sdp
Contact: <sip:user@host198.example.com>

";
    Vector::new(
        "unreason",
        "RFC 4475 §3.1.1.12",
        wire(&(head.to_owned() + &sdp("192.0.2.198"))),
    )
    .check(|m| {
        let reason = &m.as_response().unwrap().reason;
        assert_eq!(reason, "= 2**3 * 5**2 но сто девяносто девять - простое");
    })
}

fn noreason() -> Vector {
    let text = "SIP/2.0 100\u{20}
Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe
Call-ID: noreason.asndj203insdf99223ndf
CSeq: 35 INVITE
From: <sip:user@example.com>;tag=39ansfi3
To: <sip:user@example.edu>;tag=902jndnke3
Content-Length: 0
Contact: <sip:user@host105.example.com>

";
    Vector::new("noreason", "RFC 4475 §3.1.1.13", wire(text)).check(|m| {
        let response = m.as_response().unwrap();
        assert_eq!((response.status.code(), response.reason.as_str()), (100, ""));
    })
}
