// SPDX-License-Identifier: EUPL-1.2
//! States what must hold for any octets from outside; fuzz targets call these.
//!
//! Each function panics when its invariant is broken, and only then.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::peer;
use super::rtp::digits::{DigitReceiver, DigitSender, Tick};
use super::rtp::packet::{HEADER, Packet, Sort, sort, ssrc};
use super::rtp::receipts::Receipts;
use super::rtp::red;
use super::rtp::rtcp;
use super::rtp::source::{Stream, Verdict};
use super::rtp::srtp::Opener;
use super::sdp::negotiate::Local;
use super::sdp::{Description, LocalKeys, Session, Suite, accept, answer, offer};
use super::words::{Encryption, PhonePolicy};

/// Holds: a description is refused or understood; our answer to it is itself a description with as many media lines,
/// and the session keeps to the policy. The same goes for what of a browser's offer is let through.
///
/// The first octet chooses the policy.
pub fn sdp_negotiate(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else {
        return;
    };
    let encryption = match choice % 3 {
        0 => Encryption::Require,
        1 => Encryption::Prefer,
        _ => Encryption::Off,
    };
    let policy = PhonePolicy {
        encryption,
        secure_signalling: choice & 0x80 == 0,
        ..PhonePolicy::default()
    };
    let keys = LocalKeys::new([[1; 44], [2; 44], [3; 44]]);
    let local = Local {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 40_000,
        session_id: 1,
        version: 1,
        policy: &policy,
        keys: &keys,
    };
    let Ok(theirs) = Description::parse(body) else { return };
    if let Ok((ours, session)) = answer(&theirs, &local) {
        let ours = Description::parse(ours.as_bytes()).expect("we write what we can read");
        assert_eq!(
            ours.media.len(),
            theirs.media.len(),
            "RFC 3264 §6: one answer line each"
        );
        let taken = ours.media.iter().filter(|line| line.port != 0).count();
        assert_eq!(taken, 1, "one line is taken");
        keeps_to(&session, &policy);
    }
    if let Ok(session) = accept(&theirs, &local) {
        keeps_to(&session, &policy);
    }
    let ours = Description::parse(offer(&local).as_bytes()).map(|ours| ours.media.len());
    assert!(ours.is_ok_and(|lines| lines > 0), "our offer is a description");
    let reach = peer::Reach::new(&[local.address], None, 40_000..=40_001);
    if let Ok(theirs) = peer::Theirs::read(body, &reach) {
        let shown = theirs.for_engine();
        let lines = Description::parse(shown.as_bytes()).map(|shown| shown.media.len());
        assert!(lines.is_ok_and(|lines| lines == 1), "the engine is shown one section");
    }
}

/// Holds: a datagram is RTP, RTCP or neither, a payload lies within its datagram, reports can be made of whatever came,
/// and nothing passes SRTP that its key did not make.
///
/// Each datagram stands after its length (one octet).
pub fn rtp_rtcp(bytes: &[u8]) {
    let now = Instant::now();
    let mut stream = Stream::default();
    let mut receipts: Option<Receipts> = None;
    let mut openers: Vec<Opener> = Suite::ALL
        .iter()
        .filter_map(|suite| Opener::new(*suite, &[9; 44][..suite.key_len() + suite.salt_len()]))
        .collect();
    for (n, datagram) in datagrams(bytes).take(64).enumerate() {
        let now = now + Duration::from_millis(20 * n as u64);
        let kind = sort(datagram);
        if let Some(packet) = Packet::parse(datagram) {
            assert_ne!(kind, Sort::Neither, "a packet that is neither RTP nor RTCP");
            assert_eq!(Some(packet.ssrc), ssrc(datagram));
            assert!(
                packet.payload.len() + HEADER <= datagram.len(),
                "a payload beyond its datagram"
            );
            assert!(packet.payload_type < 128, "a payload type of eight bits");
            if stream.judge(packet.ssrc, packet.sequence) == Verdict::New {
                receipts = Some(Receipts::new(now, packet.ssrc, packet.sequence, 8000));
            }
            if let Some(receipts) = &mut receipts {
                receipts.packet(now, packet.sequence, packet.timestamp);
            }
        }
        let mut count = 0;
        rtcp::read(datagram, |_| count += 1);
        assert!(count <= datagram.len() / 4, "more said than there are words");
        let mut carried = 0;
        let newest = red::read(datagram, 111, |_, older| carried += older.payload.len() + 4);
        if let Some(newest) = newest {
            assert!(carried + newest.len() < datagram.len(), "more carried than there is");
        }
        if let Some(receipts) = &mut receipts {
            receipts.sender_report(now, 7);
            assert_eq!(Some(receipts.report(now).ssrc), stream.current());
        }
        for opener in &mut openers {
            assert!(opener.open_rtp(datagram).is_none(), "a packet without its key");
            assert!(opener.open_rtcp(datagram).is_none(), "a report without its key");
        }
    }
}

/// Holds: whatever arrives as RFC 4733 events, keys are keys, and one packet is at most one key; and what we send of
/// any text is heard as the keys in it.
///
/// Each chunk of twelve octets is one packet: time since the last one [ms, 2 octets], timestamp, marker, payload.
pub fn telephone_event(bytes: &[u8]) {
    let mut receiver = DigitReceiver::default();
    let mut now = Instant::now();
    for chunk in bytes.chunks(12) {
        let [high, low, a, b, c, d, marker, payload @ ..] = chunk else {
            break;
        };
        now += Duration::from_millis(u64::from(u16::from_be_bytes([*high, *low])));
        let timestamp = u32::from_be_bytes([*a, *b, *c, *d]);
        if let Some(key) = receiver.receive(now, timestamp, marker & 1 == 1, payload) {
            assert!(KEYS.contains(key), "{key:?} is no key");
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let keys = text
        .chars()
        .map(|key| key.to_ascii_uppercase())
        .filter(|key| KEYS.contains(*key));
    let keys: String = keys.take(64).collect();
    assert_eq!(sent_and_heard(&text), keys, "what is sent is heard");
}

const KEYS: &str = "0123456789*#ABCD";

fn sent_and_heard(text: &str) -> String {
    let (mut sender, mut receiver) = (DigitSender::default(), DigitReceiver::default());
    sender.queue(text);
    let (mut now, mut timestamp, mut heard) = (Instant::now(), u32::MAX - 1000, String::new());
    loop {
        match sender.tick(timestamp, 160) {
            Tick::Idle => return heard,
            Tick::Pause => {}
            Tick::Send(packet) => {
                heard.extend(receiver.receive(now, packet.timestamp, packet.marker, &packet.payload));
            }
        }
        now += Duration::from_millis(20);
        timestamp = timestamp.wrapping_add(160);
    }
}

fn datagrams(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first()?;
        let (datagram, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        Some(datagram)
    })
}

fn keeps_to(session: &Session, policy: &PhonePolicy) {
    assert!(policy.codecs.contains(&session.codec), "a codec outside the policy");
    assert!(
        session.receive.iter().any(|(_, codec)| *codec == session.codec),
        "a codec that is sent and not received"
    );
    assert!(
        (10..=60).contains(&session.ptime_ms),
        "a packet time of {} ms",
        session.ptime_ms
    );
    match policy.encryption {
        Encryption::Require => assert!(session.keys.is_some(), "encryption is required"),
        Encryption::Off => assert!(session.keys.is_none(), "encryption is off"),
        Encryption::Prefer => {}
    }
    if let Some(keys) = &session.keys {
        let length = keys.suite.key_len() + keys.suite.salt_len();
        assert_eq!(keys.remote.len(), length, "a key of the wrong length");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telling_octets_break_nothing() {
        let good = "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n\
                    a=rtpmap:101 telephone-event/8000\r\n";
        for choice in [0, 1, 2, 0x80] {
            for cut in 0..good.len() {
                let mut bytes = vec![choice];
                bytes.extend_from_slice(&good.as_bytes()[..cut]);
                bytes.extend_from_slice(b"\xff0");
                bytes.extend_from_slice(&good.as_bytes()[cut..]);
                sdp_negotiate(&bytes);
            }
        }
        for first in 0..=255_u8 {
            for second in [0, 8, 101, 200, 201, 203, 255] {
                rtp_rtcp(&[
                    19, first, second, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0xff, 0xff, 1, 2, 3,
                ]);
            }
            telephone_event(&[
                0, 20, 0, 0, 0, 1, first, first, 10, 0, 160, 0, 0, 20, 0, 0, 0, 1, 0, first, 0x8a, 1, 64, 0,
            ]);
        }
    }
}
