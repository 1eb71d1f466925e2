// SPDX-License-Identifier: EUPL-1.2
//! Browsers come with an offer and stay as they are.

use std::time::Duration;

use landbridge_codecs::Codec;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use super::{Browser, TONES, live, sound_track};
use crate::media::ports::Ports;
use crate::media::scenes::far::{Call, Far, plane};
use crate::media::{Event, Plane, RoomKey};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_browsers_and_a_phone_hear_each_other() {
    assert_eq!(sound_track(1).kind(), RtpCodecKind::Audio);
    let plane = plane(46_500..=46_519);
    let ports = Ports::new(46_520..=46_539, Duration::ZERO);
    let mut phone = Far::call(&plane, Call::new(Codec::Pcma, TONES[0]));
    let mut alice = Browser::join(&plane, &ports, TONES[1]).await;
    let mut bob = Browser::join(&plane, &ports, TONES[2]).await;
    for leg in [phone.leg, alice.leg, bob.leg] {
        plane.enter(leg, RoomKey(1));
    }
    live(&mut [&mut alice, &mut bob], &mut phone, 120).await;
    assert_eq!(phone.hears(&TONES), [TONES[1], TONES[2]]);
    assert_eq!(alice.hears(&TONES), [TONES[0], TONES[2]]);
    assert_eq!(bob.hears(&TONES), [TONES[0], TONES[1]]);
    assert_eq!(alice.told(), [Event::Connected, Event::FirstPacket]);
    assert!(
        alice.levels.iter().any(|level| level & 0x7f < 40),
        "audio levels reach the browser"
    );
    let stats = plane.stats(alice.leg).await.unwrap();
    assert_eq!(
        (stats.encryption.as_str(), stats.codec),
        ("DTLS-SRTP", Some(Codec::Opus))
    );
    // What a browser calls silent is not decoded, and the next louder packet is.
    alice.level = 127;
    live(&mut [&mut alice, &mut bob], &mut phone, 70).await;
    phone.forget();
    live(&mut [&mut alice, &mut bob], &mut phone, 50).await;
    assert_eq!(phone.hears(&TONES), [TONES[2]]);
    alice.level = 20;
    live(&mut [&mut alice, &mut bob], &mut phone, 55).await;
    assert_eq!(phone.hears(&TONES), [TONES[1], TONES[2]]);
    plane.close(bob.leg);
    live(&mut [&mut alice, &mut bob], &mut phone, 10).await;
    phone.forget();
    live(&mut [&mut alice], &mut phone, 50).await;
    assert_eq!(phone.hears(&TONES), [TONES[1]]);
    alice.connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_vanishes_times_out() {
    let config = crate::media::MediaConfig {
        timeout: Duration::from_secs(2),
        ..crate::media::scenes::far::config(46_540..=46_559)
    };
    let plane = Plane::start(config).unwrap();
    let ports = Ports::new(46_560..=46_579, Duration::ZERO);
    let mut phone = Far::call(&plane, Call::new(Codec::Pcma, TONES[0]));
    let mut alice = Browser::join(&plane, &ports, TONES[1]).await;
    plane.enter(alice.leg, RoomKey(1));
    live(&mut [&mut alice], &mut phone, 60).await;
    assert_eq!(alice.told(), [Event::Connected, Event::FirstPacket]);
    alice.connection.close().await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(10), alice.events.recv())
        .await
        .expect("in time");
    assert!(matches!(end, Some(Event::TimedOut | Event::Failed(_))), "{end:?}");
}
