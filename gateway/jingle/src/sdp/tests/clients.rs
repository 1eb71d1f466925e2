// SPDX-License-Identifier: EUPL-1.2
//! Offers of clients: each becomes SDP that has what a browser needs, and comes back as it was.

use super::*;

const FINGERPRINT: &str =
    "02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2";

/// Dino 0.4: no bundle, no candidates yet, a transport for each medium.
fn dino() -> String {
    format!(
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='alice@a.example/dino.1' sid='x'>\
         <content creator='initiator' name='audio' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>\
         <payload-type id='111' channels='2' clockrate='48000' name='opus'><parameter name='useinbandfec' value='1'/></payload-type>\
         <payload-type id='98' clockrate='32000' name='speex'/><payload-type id='97' clockrate='16000' name='speex'/>\
         <payload-type id='0' clockrate='8000' name='PCMU'/><payload-type id='8' clockrate='8000' name='PCMA'/>\
         <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>\
         <encryption><crypto tag='1' crypto-suite='AES_CM_128_HMAC_SHA1_80' key-params='inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'/></encryption>\
         <rtcp-mux/></description>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='Vx4y' pwd='QW7tJKrIZcpMWRQ3tX1aJk'>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>{FINGERPRINT}</fingerprint></transport></content>\
         <content creator='initiator' name='video' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>\
         <payload-type id='98' clockrate='90000' name='VP8'>\
         <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='goog-remb'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='fir'/>\
         <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/>\
         </payload-type><rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='http://www.webrtc.org/experiments/rtp-hdrext/video-content-type'/>\
         <rtcp-mux/></description><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='Pq2/' pwd='b4zXQ0sR8hUq1n5Lk2vWcT'>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>{FINGERPRINT}</fingerprint></transport></content></jingle>"
    )
}

/// Conversations 2.x: bundle, no `senders`, ids with a slash, values without a name.
fn conversations() -> String {
    format!(
        "<jingle xmlns='urn:xmpp:jingle:1' sid='HDC9e/X9hJSTpmHHVZEBEw' action='session-initiate'>\
         <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/></group>\
         <content name='0' creator='initiator'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>\
         <payload-type channels='2' name='opus' clockrate='48000' id='111'><parameter name='minptime' value='10'/>\
         <parameter name='useinbandfec' value='1'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>\
         <payload-type name='red' clockrate='48000' channels='2' id='63'><parameter value='111/111'/></payload-type>\
         <payload-type name='G722' clockrate='8000' id='9'/><payload-type name='CN' clockrate='8000' id='13'/>\
         <payload-type name='telephone-event' clockrate='48000' id='110'><parameter value='0-15'/></payload-type>\
         <extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/>\
         <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>\
         <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='3207478512'><parameter name='cname' value='Ek4zcPl2rZbXzF7u'/>\
         <parameter name='msid' value='my-media-stream my-audio-track'/></source><rtcp-mux/></description>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='lkhU' pwd='vdYZ1mTqVAhK7KvBKiGYJ4Iw'>\
         <trickle xmlns='http://gultsch.de/xmpp/drafts/jingle/transports/ice-udp/option'/>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>{FINGERPRINT}</fingerprint>\
         </transport></content></jingle>"
    )
}

/// stanza.js 12 in Chromium: mids as names, sources with streams, TCP and mDNS candidates.
fn stanza() -> String {
    format!(
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='6f2a'>\
         <content creator='initiator' name='0' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio' ssrc='1732893116'>\
         <rtcp-mux/><payload-type channels='2' clockrate='48000' id='111' name='opus'>\
         <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>\
         <parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/></payload-type>\
         <payload-type channels='1' clockrate='8000' id='126' name='telephone-event'/>\
         <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='14' uri='urn:ietf:params:rtp-hdrext:toffset' senders='initiator'/>\
         <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1732893116'><parameter name='cname' value='Kt3q'/>\
         <parameter name='msid' value='s1 t1'/></source>\
         <ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source ssrc='1732893116'/><source ssrc='5'/></ssrc-group></description>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='asd88fgpdd777uzjYhagZg' ufrag='8hhy'>\
         <candidate component='1' foundation='1467250027' generation='0' id='el0747fg11' ip='3f1c.local' network='1' port='43610' priority='2122260223' protocol='udp' type='host'/>\
         <candidate component='1' foundation='2' ip='10.0.1.1' port='9' priority='1518280447' protocol='tcp' tcptype='active' type='host'/>\
         <candidate component='1' foundation='3' ip='192.0.2.3' port='45664' priority='1694498815' protocol='udp' rel-addr='10.0.1.1' rel-port='8998' type='srflx'/>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>{FINGERPRINT}</fingerprint></transport></content>\
         <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/></group></jingle>"
    )
}

/// slixmpp with aiortc: all candidates inside, `required` nowhere, `name` always.
fn aiortc() -> String {
    format!(
        "<ns0:jingle xmlns:ns0='urn:xmpp:jingle:1' action='session-initiate' sid='lbsid1' initiator='alice@a.example/y'>\
         <ns0:content creator='initiator' name='0' senders='both'><ns1:description xmlns:ns1='urn:xmpp:jingle:apps:rtp:1' media='audio'>\
         <ns1:payload-type id='96' name='opus' clockrate='48000' channels='2'/><ns1:payload-type id='0' name='PCMU' clockrate='8000'/>\
         <ns2:rtp-hdrext xmlns:ns2='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:sdes:mid'/><ns1:rtcp-mux/>\
         </ns1:description><ns3:transport xmlns:ns3='urn:xmpp:jingle:transports:ice-udp:1' ufrag='jkl0' pwd='7Yl0Qy1aB2cD3eF4gH5iJ6'>\
         <ns4:fingerprint xmlns:ns4='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>{FINGERPRINT}</ns4:fingerprint>\
         <ns3:candidate foundation='c0a80001' component='1' protocol='udp' priority='2130706431' ip='10.55.0.1' port='40123' type='host' generation='0' network='0' id='c00'/>\
         </ns3:transport></ns0:content><ns5:group xmlns:ns5='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><ns5:content name='0'/></ns5:group></ns0:jingle>"
    )
}

/// Movim: lower-case hashes, feedback for the whole description, a required fingerprint.
fn movim() -> String {
    format!(
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='alice@a.example/movim' sid='Ma1'>\
         <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/><content name='1'/></group>\
         <content creator='initiator' name='0' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>\
         <payload-type id='109' name='opus' clockrate='48000' channels='2' ptime='20' maxptime='60'><parameter name='maxplaybackrate' value='48000'/>\
         <parameter name='stereo' value='1'/></payload-type><payload-type id='101' name='telephone-event' clockrate='8000'><parameter name='' value='0-15'/></payload-type>\
         <rtcp-mux/></description><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='a3' pwd='0123456789abcdef0123456789abcdef'>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='SHA-256' setup='actpass' required='true'> {lower} </fingerprint><gathering-complete/></transport></content>\
         <content creator='initiator' name='1' senders='initiator'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>\
         <payload-type id='120' name='VP8' clockrate='90000'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/>\
         <rtcp-fb-trr-int xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' value='100'/><bandwidth type='AS'>512</bandwidth><rtcp-mux/></description>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='a3' pwd='0123456789abcdef0123456789abcdef'>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>{lower}</fingerprint></transport></content></jingle>",
        lower = FINGERPRINT.to_lowercase()
    )
}

#[test]
fn dino_s_offer() {
    let sdp = sdp_of(&session_of(&dino()), Role::Initiator);
    let fingerprint = format!("a=fingerprint:sha-256 {FINGERPRINT}");
    let lines = [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 98 97 0 8",
        "m=video 9 UDP/TLS/RTP/SAVPF 98",
        "a=mid:audio",
        "a=mid:video",
        "a=sendrecv",
        "a=ice-ufrag:Vx4y",
        "a=setup:actpass",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1",
        "a=rtcp-fb:98 ccm fir",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        fingerprint.as_str(),
    ];
    assert_eq!(lacks(&sdp, &lines), [""; 0]);
    assert!(!sdp.contains("a=group"));
}

#[test]
fn conversations_offer() {
    let sdp = sdp_of(&session_of(&conversations()), Role::Initiator);
    let lines = [
        "a=group:BUNDLE 0",
        "a=sendrecv",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:63 111/111",
        "a=fmtp:110 0-15",
        "a=rtpmap:9 G722/8000",
        "a=extmap-allow-mixed",
        "a=ssrc:3207478512 cname:Ek4zcPl2rZbXzF7u",
        "a=ssrc:3207478512 msid:my-media-stream my-audio-track",
    ];
    assert_eq!(lacks(&sdp, &lines), [""; 0]);
}

#[test]
fn stanza_s_offer() {
    let sdp = sdp_of(&session_of(&stanza()), Role::Initiator);
    let lines = [
        "a=candidate:1467250027 1 udp 2122260223 3f1c.local 43610 typ host",
        "a=candidate:2 1 tcp 1518280447 10.0.1.1 9 typ host tcptype active",
        "a=candidate:3 1 udp 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998",
        "a=extmap:14/sendonly urn:ietf:params:rtp-hdrext:toffset",
        "a=ssrc-group:FID 1732893116 5",
        "a=rtpmap:126 telephone-event/8000",
    ];
    assert_eq!(lacks(&sdp, &lines), [""; 0]);
}

#[test]
fn aiortc_s_offer() {
    let sdp = sdp_of(&session_of(&aiortc()), Role::Initiator);
    let lines = [
        "m=audio 9 UDP/TLS/RTP/SAVPF 96 0",
        "a=group:BUNDLE 0",
        "a=candidate:c0a80001 1 udp 2130706431 10.55.0.1 40123 typ host",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
    ];
    assert_eq!(lacks(&sdp, &lines), [""; 0]);
}

#[test]
fn movim_s_offer() {
    let sdp = sdp_of(&session_of(&movim()), Role::Initiator);
    let fingerprint = format!("a=fingerprint:sha-256 {FINGERPRINT}");
    let lines = [
        "a=group:BUNDLE 0 1",
        "a=sendonly",
        "a=ptime:20",
        "a=maxptime:60",
        "a=fmtp:101 0-15",
        "a=rtcp-fb:* nack pli",
        "a=rtcp-fb:* trr-int 100",
        "b=AS:512",
        "a=end-of-candidates",
        fingerprint.as_str(),
    ];
    assert_eq!(lacks(&sdp, &lines), [""; 0]);
}

#[test]
fn every_offer_comes_back_as_it_was() {
    for offer in [dino(), conversations(), stanza(), aiortc(), movim()] {
        let session = session_of(&offer);
        for author in [Role::Initiator, Role::Responder] {
            let mut back = read(sdp_of(&session, author).as_bytes(), author);
            for (content, original) in back.contents.iter_mut().zip(&session.contents) {
                // What SDP does not say: one source is a list of one, durations are the medium's, one role is all.
                let (description, known) = (
                    content.description.as_mut().unwrap(),
                    original.description.as_ref().unwrap(),
                );
                description.ssrc = known.ssrc;
                for (payload, known) in description.payloads.iter_mut().zip(&known.payloads) {
                    (payload.ptime, payload.maxptime) = (known.ptime, known.maxptime);
                }
            }
            assert_eq!(back, session, "{offer}");
        }
    }
}

#[test]
fn every_offer_is_written_as_it_was_read() {
    for offer in [dino(), conversations(), stanza(), aiortc(), movim()] {
        for content in session_of(&offer).contents {
            let written = content.write();
            let mut element = String::new();
            element.push_str(&String::from(&written));
            let again = crate::content::Content::read(&element.parse().unwrap()).unwrap();
            assert_eq!(again, content, "{element}");
        }
    }
}

#[test]
fn names_in_lines_cannot_break_out_of_them() {
    let session = session_of(
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='x'><content creator='initiator' name='a'>\
         <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio&#10;a=evil:1'><payload-type id='96' name='opus&#13;&#10;a=evil:2' clockrate='48000'>\
         <parameter name='x&#10;a=evil' value='3'/><parameter name='y' value='&#10;a=evil:4'/></payload-type>\
         <payload-type id='97' name='opus' clockrate='48000'><parameter name='a b' value='c'/><parameter name='d' value='1;e=2'/></payload-type>\
         <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1'><parameter name='cname' value='&#10;a=evil:5'/></source></description>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='a&#10;a=evil:6' pwd='b'>\
         <candidate component='1' foundation='1' ip='10.0.0.1&#10;a=evil:7' port='1' priority='1' protocol='udp' type='host'/>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256&#10;a=evil:8' setup='actpass'>AA</fingerprint></transport></content></jingle>",
    );
    let sdp = sdp_of(&session, Role::Initiator);
    assert!(!sdp.contains("evil"), "{sdp}");
    assert!(!sdp.contains("a b=c") && !sdp.contains("e=2"), "{sdp}");
}
