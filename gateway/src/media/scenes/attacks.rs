// SPDX-License-Identifier: EUPL-1.2
//! Wrong keys, sprays, strays: nothing is heard, nothing is stolen, everything is counted.

use std::net::UdpSocket;
use std::time::Duration;

use landbridge_codecs::Codec;

use super::far::{Call, Far, live, plane, wait};
use crate::media::rtp::packet::Outgoing;
use crate::media::rtp::srtp::Sealer;
use crate::media::sdp::Suite;
use crate::media::{Event, RoomKey};

const TONES: [f64; 2] = [450.0, 650.0];

#[test]
fn a_phone_with_the_wrong_key_is_not_heard_in_any_suite() {
    let plane = plane(46_300..=46_319);
    let mut bob = Far::call(&plane, Call::new(Codec::Pcma, TONES[1]));
    plane.enter(bob.leg, RoomKey(1));
    for suite in Suite::ALL {
        let mut mallory = Far::call(
            &plane,
            Call {
                suite: Some(suite),
                ..Call::new(Codec::Pcma, TONES[0])
            },
        );
        mallory.sealer = Sealer::new(suite, &vec![7; suite.key_len() + suite.salt_len()]);
        plane.enter(mallory.leg, RoomKey(1));
        bob.forget();
        live(&mut [&mut mallory, &mut bob], Duration::from_millis(600));
        assert_eq!(bob.hears(&TONES), [] as [f64; 0], "{suite:?}");
        let stats = wait(plane.stats(mallory.leg)).unwrap();
        assert!(
            stats.dropped_unauthenticated > 20 && stats.packets_received == 0,
            "{stats:?}"
        );
        assert!(!mallory.told().contains(&Event::Connected));
        plane.close(mallory.leg);
    }
}

#[test]
fn a_spray_from_elsewhere_neither_injects_nor_steals() {
    let plane = plane(46_320..=46_339);
    let secure = Call {
        suite: Some(Suite::AesCm128HmacSha1_80),
        ..Call::new(Codec::Pcma, TONES[0])
    };
    let mut phones = [
        Far::call(
            &plane,
            Call {
                trusted: false,
                ..Call::new(Codec::Pcma, TONES[0])
            },
        ),
        Far::call(&plane, secure),
        Far::call(&plane, Call::new(Codec::Pcma, 850.0)),
    ];
    let mut bob = Far::call(&plane, Call::new(Codec::G722, TONES[1]));
    phones.iter().for_each(|far| plane.enter(far.leg, RoomKey(1)));
    plane.enter(bob.leg, RoomKey(1));
    phones[0].speaking = false;
    let mallory = UdpSocket::bind("127.0.0.1:0").unwrap();
    mallory.set_nonblocking(true).unwrap();
    // From the first moment on for the untrusted and the secure phone; the trusted one has spoken before.
    for round in 0..30u16 {
        for (i, phone) in phones.iter().enumerate() {
            if i == 2 && round < 10 {
                continue;
            }
            for ssrc in [1, phone.ssrc] {
                let mut buffer = [0; 172];
                Outgoing {
                    payload_type: 8,
                    marker: false,
                    sequence: round,
                    timestamp: 160 * u32::from(round),
                    ssrc,
                }
                .write(None, &[0x2a; 160], &mut buffer);
                mallory.send_to(&buffer, phone.remote).unwrap();
            }
        }
        let [a, b, c] = &mut phones;
        live(&mut [a, b, c, &mut bob], Duration::from_millis(20));
    }
    let mut stolen = [0; 512];
    assert!(mallory.recv_from(&mut stolen).is_err(), "the attacker was sent sound");
    let stats = phones.each_ref().map(|phone| wait(plane.stats(phone.leg)).unwrap());
    assert_eq!((stats[0].dropped_foreign, stats[0].packets_received), (60, 0));
    assert_eq!((stats[1].dropped_unauthenticated, stats[1].packets_received), (60, 30));
    assert_eq!((stats[2].dropped_foreign, stats[2].packets_received), (40, 30));
    assert_eq!(bob.hears(&[TONES[0], TONES[1], 850.0]), [TONES[0], 850.0]);
}

#[test]
fn a_phone_behind_nat_is_found_when_trusted_and_not_otherwise() {
    let plane = plane(46_340..=46_359);
    let nat = |trusted| Call {
        trusted,
        behind_nat: true,
        ..Call::new(Codec::Pcma, TONES[0])
    };
    let (mut trusted, mut stranger) = (Far::call(&plane, nat(true)), Far::call(&plane, nat(false)));
    live(&mut [&mut trusted, &mut stranger], Duration::from_millis(400));
    assert!(trusted.packets > 10, "{}", trusted.packets);
    assert_eq!(stranger.packets, 0);
    let stats = wait(plane.stats(trusted.leg)).unwrap();
    assert_eq!(stats.remote, Some(trusted.socket.local_addr().unwrap()));
}

#[test]
fn junk_of_every_kind_is_dropped_and_counted() {
    let plane = plane(46_360..=46_379);
    let mut alice = Far::call(&plane, Call::new(Codec::Pcma, TONES[0]));
    live(&mut [&mut alice], Duration::from_millis(200));
    let junk: [&[u8]; 7] = [
        b"",
        b"\x80",
        b"hello",
        &[0x80, 8],
        &[0xff; 12],
        &[0x80, 200, 0xff, 0xff],
        &[0x90, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0xff, 0xff],
    ];
    for datagram in junk {
        alice.socket.send_to(datagram, alice.remote).unwrap();
    }
    let unknown = Outgoing {
        payload_type: 77,
        marker: false,
        sequence: 9,
        timestamp: 9,
        ssrc: alice.ssrc,
    };
    alice.transmit(unknown, &[0; 20]);
    live(&mut [&mut alice], Duration::from_millis(200));
    let stats = wait(plane.stats(alice.leg)).unwrap();
    assert_eq!(stats.dropped_malformed, 8, "{stats:?}");
    assert!(stats.packets_received >= 19);
}
