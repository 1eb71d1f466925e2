// SPDX-License-Identifier: EUPL-1.2
//! Bodies as real phones and browsers send them, and what must become of each.

use landbridge_codecs::Codec;

use super::crypto::{LocalKeys, Suite};
use super::description::{Description, Direction};
use super::negotiate::{Local, Session, accept, answer, offer};
use crate::media::words::{Encryption, PhonePolicy, Refusal};

const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

fn policy(encryption: Encryption) -> PhonePolicy {
    PhonePolicy {
        encryption,
        secure_signalling: true,
        ..PhonePolicy::default()
    }
}

fn keys() -> LocalKeys {
    LocalKeys::new([[1; 44], [2; 44], [3; 44]])
}

fn answered(body: &str, encryption: Encryption) -> Result<(String, Session), Refusal> {
    answered_by(body, &policy(encryption))
}

fn answered_by(body: &str, policy: &PhonePolicy) -> Result<(String, Session), Refusal> {
    let keys = keys();
    let local = Local {
        address: "192.0.2.9".parse().expect("literal"),
        port: 40_000,
        session_id: 7,
        version: 1,
        policy,
        keys: &keys,
    };
    answer(&Description::parse(body.as_bytes())?, &local)
}

struct Expected {
    codec: Codec,
    payload_type: u8,
    digits: &'static [(u8, u32)],
    ptime_ms: u16,
    remote: Option<&'static str>,
    remote_rtcp: Option<&'static str>,
    direction: Direction,
    suite: Option<Suite>,
    m_lines: usize,
}

/// A softphone's plain call, the shape most rows differ from.
const PLAIN: Expected = Expected {
    codec: Codec::Opus,
    payload_type: 96,
    digits: &[(101, 8000)],
    ptime_ms: 20,
    remote: Some("192.0.2.1:5004"),
    remote_rtcp: Some("192.0.2.1:5005"),
    direction: Direction::SendRecv,
    suite: None,
    m_lines: 1,
};

fn table() -> Vec<(&'static str, String, Expected)> {
    let crypto80 = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    vec![
        (
            "baresip",
            "v=0\r\no=- 3886215562 3886215562 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=tool:baresip 1.0.0\r\nm=audio 5004 RTP/AVP 96 9 0 8 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1;sprop-stereo=1\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp:5005\r\na=sendrecv\r\na=label:1\r\na=rtcp-rsize\r\na=ssrc:3417 cname:sip:a@x\r\na=ptime:20\r\n".to_owned(),
            PLAIN,
        ),
        (
            "baresip, srtp optional: RTP/AVP with a=crypto",
            format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp:5005\r\n{crypto80}\r\na=sendrecv\r\n"),
            Expected { codec: Codec::Pcma, payload_type: 8, suite: Some(Suite::AesCm128HmacSha1_80), ..PLAIN },
        ),
        (
            "linphone with digits at both rates and AVPF",
            "v=0\r\no=alice 2738 3186 IN IP4 192.0.2.1\r\ns=Talk\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=ice-pwd:4f4f4f\r\na=ice-ufrag:ab\r\na=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\na=record:off\r\nm=audio 5004 RTP/AVPF 96 97 98 0 8 18 101 99 100\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:97 speex/16000\r\na=fmtp:97 vbr=on\r\na=rtpmap:98 speex/8000\r\na=fmtp:18 annexb=yes\r\na=rtpmap:101 telephone-event/48000\r\na=rtpmap:99 telephone-event/16000\r\na=rtpmap:100 telephone-event/8000\r\na=rtcp-fb:* trr-int 5000\r\na=rtcp-fb:* ccm tmmbr\r\nm=video 9078 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n".to_owned(),
            Expected { digits: &[(101, 48_000), (99, 16_000), (100, 8000)], m_lines: 2, ..PLAIN },
        ),
        (
            "pjsip",
            "v=0\r\no=- 3885 3885 IN IP4 192.0.2.1\r\ns=pjmedia\r\nb=AS:84\r\nt=0 0\r\na=X-nat:0\r\nm=audio 5004 RTP/AVP 98 97 99 104 3 0 8 9 96\r\nc=IN IP4 192.0.2.1\r\nb=TIAS:64000\r\na=rtcp:5005 IN IP4 192.0.2.1\r\na=sendrecv\r\na=rtpmap:98 speex/16000\r\na=rtpmap:97 speex/8000\r\na=rtpmap:99 speex/32000\r\na=rtpmap:104 iLBC/8000\r\na=fmtp:104 mode=30\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\n".to_owned(),
            Expected { codec: Codec::G722, payload_type: 9, digits: &[(96, 8000)], ..PLAIN },
        ),
        (
            "Cisco desk phone, CN and odd spacing, LF line ends",
            "v=0\no=CiscoSystemsCCM-SIP 2000 1 IN IP4 192.0.2.1\ns=SIP Call\nc=IN IP4 192.0.2.1 \nt=0 0\nm=audio 5004  RTP/AVP  0  8 13 101 \na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:13 CN/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\n\n\n".to_owned(),
            Expected { codec: Codec::Pcma, payload_type: 8, ..PLAIN },
        ),
        (
            "Cisco with secure and plain line of the same sound",
            format!("v=0\r\no=Cisco-SIPUA 1 0 IN IP4 192.0.2.1\r\ns=SIP Call\r\nt=0 0\r\nm=audio 5004 RTP/AVP 8 101\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\nm=audio 5006 RTP/SAVP 8 101\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n{crypto80}|2^31\r\n"),
            Expected {
                codec: Codec::Pcma,
                payload_type: 8,
                remote: Some("192.0.2.1:5006"),
                remote_rtcp: Some("192.0.2.1:5007"),
                suite: Some(Suite::AesCm128HmacSha1_80),
                m_lines: 2,
                ..PLAIN
            },
        ),
        (
            "Fritz!Box, no rtpmap for static types, ptime 30 by the phone",
            "v=0\r\no=user 9842 9842 IN IP4 192.0.2.1\r\ns=call\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 8 0 2 102 100 99 97 101\r\na=sendrecv\r\na=rtpmap:2 G726-32/8000\r\na=rtpmap:102 G726-32/8000\r\na=rtpmap:100 G726-40/8000\r\na=rtpmap:99 G726-24/8000\r\na=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=30\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp:5005\r\na=ptime:30\r\n".to_owned(),
            Expected { codec: Codec::Pcma, payload_type: 8, ptime_ms: 30, ..PLAIN },
        ),
        (
            "SIPp",
            "v=0\r\no=user1 53655765 2353687637 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-11,16\r\n".to_owned(),
            Expected { codec: Codec::Pcma, payload_type: 8, ..PLAIN },
        ),
        (
            "Asterisk with several suites and maxptime",
            format!("v=0\r\no=root 1 1 IN IP4 192.0.2.1\r\ns=Asterisk PBX 18\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/SAVP 9 8 0 101\r\na=crypto:1 AEAD_AES_256_GCM inline:{}\r\na=crypto:2 AEAD_AES_128_GCM inline:{}\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:60\r\na=maxptime:40\r\na=sendrecv\r\n", "A".repeat(59), "A".repeat(38)),
            Expected { codec: Codec::G722, payload_type: 9, ptime_ms: 40, suite: Some(Suite::AeadAes256Gcm), ..PLAIN },
        ),
        (
            "phone whose first crypto line carries an MKI",
            format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/SAVP 8 101\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31|1:1\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31\r\na=rtpmap:101 telephone-event/8000\r\n"),
            Expected { codec: Codec::Pcma, payload_type: 8, suite: Some(Suite::AesCm128HmacSha1_80), ..PLAIN },
        ),
        (
            "rtcp-mux and a dynamic number that we use otherwise",
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 101 111\r\na=rtpmap:101 opus/48000/2\r\na=rtpmap:111 telephone-event/48000\r\na=rtcp-mux\r\n".to_owned(),
            Expected { payload_type: 101, digits: &[(111, 48_000)], remote_rtcp: Some("192.0.2.1:5004"), ..PLAIN },
        ),
        (
            "held, sendonly",
            "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n".to_owned(),
            Expected { codec: Codec::Pcma, payload_type: 8, direction: Direction::RecvOnly, ..PLAIN },
        ),
        (
            "held at session level, inactive",
            "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=inactive\r\nm=audio 5004 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n".to_owned(),
            Expected { codec: Codec::Pcma, payload_type: 8, direction: Direction::Inactive, ..PLAIN },
        ),
        (
            "old hold, c=0.0.0.0",
            "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 5004 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n".to_owned(),
            Expected { codec: Codec::Pcma, payload_type: 8, direction: Direction::RecvOnly, remote: None, remote_rtcp: None, ..PLAIN },
        ),
        (
            "IPv6",
            "v=0\r\no=- 1 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n".to_owned(),
            Expected { codec: Codec::Pcma, payload_type: 8, remote: Some("[2001:db8::1]:5004"), remote_rtcp: Some("[2001:db8::1]:5005"), ..PLAIN },
        ),
        (
            "no s=, no t=, wrong case, video first, a data line, upper-case names",
            "\u{feff}V=0\r\no=broken\r\nC=IN IP4 192.0.2.1/127\r\nm=video 6000 RTP/AVP 34\r\nm=Audio 5004/1 RTP/AVP 109 110\r\na=RTPMAP:109 OPUS/48000/2\r\na=rtpmap:110 Telephone-Event/8000\r\na=:\r\na=\r\nk=clear:x\r\nb=nonsense\r\nm=application 9 TCP/BFCP *\r\n".to_owned(),
            Expected { payload_type: 109, digits: &[(110, 8000)], m_lines: 3, ..PLAIN },
        ),
        (
            "teacher of nothing: G722/16000, opus/48000 without channels",
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 9 100 101\r\na=rtpmap:9 G722/16000\r\na=rtpmap:100 opus/48000\r\na=rtpmap:101 telephone-event/8000\r\n".to_owned(),
            Expected { payload_type: 100, ..PLAIN },
        ),
    ]
}

#[test]
fn every_real_body_is_answered_as_expected() {
    for (name, body, expected) in table() {
        let (answer, session) = answered(&body, Encryption::Prefer).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            (session.codec, session.payload_type),
            (expected.codec, expected.payload_type),
            "{name}"
        );
        assert_eq!(session.digits, expected.digits, "{name}");
        assert_eq!(session.ptime_ms, expected.ptime_ms, "{name}");
        let address = |text: &str| text.parse().expect("literal");
        assert_eq!(session.remote_rtp, expected.remote.map(address), "{name}");
        assert_eq!(session.remote_rtcp, expected.remote_rtcp.map(address), "{name}");
        assert_eq!(session.direction, expected.direction, "{name}");
        assert_eq!(session.keys.as_ref().map(|k| k.suite), expected.suite, "{name}");
        let back = Description::parse(answer.as_bytes()).unwrap_or_else(|e| panic!("{name}: own answer: {e}"));
        assert_eq!(back.media.len(), expected.m_lines, "{name}: {answer}");
        assert_eq!(back.media.iter().filter(|m| m.port != 0).count(), 1, "{name}: {answer}");
        assert!(
            answer.contains(&format!("a={}", expected.direction.name())),
            "{name}: {answer}"
        );
    }
}

#[test]
fn a_browser_offer_is_not_for_phones() {
    let body = "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:Gs\r\na=fingerprint:sha-256 00:11\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
    assert_eq!(
        answered(body, Encryption::Prefer).err(),
        Some(Refusal::EncryptionUnavailable)
    );
}

#[test]
fn policy_decides_between_plain_and_secure() {
    let plain = "v=0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nm=audio 5004 RTP/AVP 8\r\n";
    let secure = format!(
        "v=0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nm=audio 5004 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
    );
    let both = secure.replace("RTP/SAVP", "RTP/AVP");
    assert_eq!(
        answered(plain, Encryption::Require).err(),
        Some(Refusal::EncryptionRequired)
    );
    assert!(answered(plain, Encryption::Off).is_ok());
    assert_eq!(
        answered(&secure, Encryption::Off).err(),
        Some(Refusal::EncryptionUnavailable)
    );
    assert!(answered(&secure, Encryption::Require).is_ok_and(|(_, s)| s.keys.is_some()));
    assert!(answered(&both, Encryption::Require).is_ok_and(|(a, s)| s.keys.is_some() && a.contains("RTP/AVP")));
    assert!(answered(&both, Encryption::Off).is_ok_and(|(a, s)| s.keys.is_none() && !a.contains("crypto")));
    let clear_text_keys = PhonePolicy {
        encryption: Encryption::Require,
        trusted: false,
        secure_signalling: false,
        ..PhonePolicy::default()
    };
    assert_eq!(
        answered_by(&secure, &clear_text_keys).err(),
        Some(Refusal::EncryptionRequired)
    );
}

#[test]
fn codecs_outside_the_policy_are_refused() {
    let body = "v=0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nm=audio 5004 RTP/AVP 18 3\r\na=rtpmap:18 G729/8000\r\n";
    assert_eq!(answered(body, Encryption::Prefer).err(), Some(Refusal::NoCommonCodec));
    let only_pcmu = PhonePolicy {
        codecs: vec![Codec::Pcmu],
        ..PhonePolicy::default()
    };
    let body = "v=0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nm=audio 5004 RTP/AVP 8 0\r\n";
    assert!(answered_by(body, &only_pcmu).is_ok_and(|(_, s)| s.codec == Codec::Pcmu));
    assert_eq!(
        answered("v=0\r\nm=audio 0 RTP/AVP 8\r\n", Encryption::Prefer).err(),
        Some(Refusal::NoCommonCodec)
    );
}

#[test]
fn bombs_and_junk_are_refused_before_they_cost_anything() {
    let huge = vec![b'a'; 64 * 1024 + 1];
    assert!(matches!(Description::parse(&huge), Err(Refusal::BadSdp(_))));
    let many = format!("v=0\r\n{}", "m=audio 5004 RTP/AVP 8\r\n".repeat(33));
    assert!(matches!(Description::parse(many.as_bytes()), Err(Refusal::BadSdp(_))));
    let attributes = format!("v=0\r\nm=audio 5004 RTP/AVP 8\r\n{}", "a=x\r\n".repeat(1025));
    assert!(matches!(
        Description::parse(attributes.as_bytes()),
        Err(Refusal::BadSdp(_))
    ));
    for junk in [
        "",
        "\0\0\0",
        "hello",
        "v=0\r\n",
        "m=\r\n",
        "m=audio\r\n",
        "m=audio 99999 RTP/AVP 0\r\n",
        "m=audio x RTP/AVP\r\n",
    ] {
        assert!(Description::parse(junk.as_bytes()).is_err(), "{junk:?}");
    }
}

#[test]
fn our_offer_is_answered_by_ourselves_and_accepted() {
    for encryption in [Encryption::Require, Encryption::Prefer, Encryption::Off] {
        let policy = policy(encryption);
        let (ours, theirs) = (keys(), LocalKeys::new([[4; 44], [5; 44], [6; 44]]));
        let caller = Local {
            address: "192.0.2.9".parse().expect("literal"),
            port: 40_000,
            session_id: 7,
            version: 1,
            policy: &policy,
            keys: &ours,
        };
        let callee = Local {
            address: "2001:db8::9".parse().expect("literal"),
            port: 40_002,
            session_id: 8,
            version: 1,
            policy: &policy,
            keys: &theirs,
        };
        let body = offer(&caller);
        let (body, at_callee) =
            answer(&Description::parse(body.as_bytes()).expect("own offer"), &callee).expect("answered");
        let at_caller = accept(&Description::parse(body.as_bytes()).expect("own answer"), &caller).expect("accepted");
        assert_eq!(at_caller.codec, Codec::Opus);
        assert_eq!(
            at_caller.remote_rtp,
            Some("[2001:db8::9]:40002".parse().expect("literal"))
        );
        assert_eq!(at_callee.remote_rtp, Some("192.0.2.9:40000".parse().expect("literal")));
        assert_eq!(at_caller.send_digits, Some((110, 48_000)));
        match (at_caller.keys, at_callee.keys) {
            (Some(a), Some(b)) => assert!(
                encryption != Encryption::Off && a.local == b.remote && a.remote == b.local && a.suite == b.suite
            ),
            (a, b) => assert!(encryption == Encryption::Off && a.is_none() && b.is_none()),
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, cases: 512, ..Default::default() })]

    #[test]
    fn no_body_panics_and_every_answer_is_readable(
        lines in proptest::collection::vec("(m=(audio|video|x) (0|9|5004|65535|99999) (RTP/AVP|RTP/SAVP|UDP/TLS/RTP/SAVPF)( [0-9]{1,3}){0,5}|c=IN IP[46] (0\\.0\\.0\\.0|192\\.0\\.2\\.1|::1|x)(/[0-9]{1,4})?|a=(rtpmap|fmtp|crypto|rtcp|ptime|maxptime|mid|extmap|sendonly|inactive)(:.{0,40})?|[a-z]=.{0,30}|.{0,30})", 0..20),
        noise in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
    ) {
        let mut body = lines.join("\r\n").into_bytes();
        body.extend(noise);
        let policy = policy(Encryption::Prefer);
        let keys = keys();
        let local = Local { address: "::1".parse().expect("literal"), port: 40_000, session_id: 7, version: 1, policy: &policy, keys: &keys };
        if let Ok(description) = Description::parse(&body) {
            let _ = accept(&description, &local);
            if let Ok((answer, session)) = answer(&description, &local) {
                let back = Description::parse(answer.as_bytes()).expect("our answer");
                proptest::prop_assert_eq!(back.media.len(), description.media.len());
                proptest::prop_assert!((10..=60).contains(&session.ptime_ms));
            }
        }
    }
}
