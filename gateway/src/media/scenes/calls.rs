// SPDX-License-Identifier: EUPL-1.2
//! Who hears whom, mute, hold, prompts, digits, time-outs, ports.

use std::time::{Duration, Instant};

use landbridge_codecs::Codec;
use landbridge_codecs::tone::Tone;

use super::far::{Call, Far, config, live, plane, wait};
use crate::call::LegId;
use crate::media::sdp::Suite;
use crate::media::{
    Chime, Clip, Encryption, Event, Loudness, MediaConfig, PhonePolicy, Plane, PlayId, Refusal, RoomKey,
};

const ALL: [f64; 4] = [450.0, 650.0, 850.0, 1150.0];

fn four(plane: &Plane) -> Vec<Far> {
    let suites = [
        None,
        Some(Suite::AeadAes256Gcm),
        Some(Suite::AeadAes128Gcm),
        Some(Suite::AesCm128HmacSha1_80),
    ];
    let codecs = [Codec::Pcma, Codec::G722, Codec::Opus, Codec::Pcmu];
    ALL.iter()
        .zip(codecs)
        .zip(suites)
        .map(|((hertz, codec), suite)| {
            Far::call(
                plane,
                Call {
                    suite,
                    ..Call::new(codec, *hertz)
                },
            )
        })
        .collect()
}

fn clip(hertz: f64, time: Duration) -> Clip {
    let mut samples = vec![0; time.as_millis() as usize * 48];
    Tone::sine(hertz, 6000).fill(&mut samples, 48_000);
    samples.into()
}

#[test]
fn four_phones_in_four_codecs_and_three_suites_each_hear_exactly_the_other_three() {
    let plane = plane(46_000..=46_039);
    let mut fars = four(&plane);
    let room = RoomKey(1);
    let mut speakers = plane.watch_speakers();
    fars.iter().for_each(|far| plane.enter(far.leg, room));
    live(&mut fars.iter_mut().collect::<Vec<_>>(), Duration::from_millis(1700));
    for (i, far) in fars.iter().enumerate() {
        let others: Vec<f64> = ALL.iter().copied().filter(|hertz| *hertz != ALL[i]).collect();
        assert_eq!(far.hears(&ALL), others, "{}", ALL[i]);
        let stats = wait(plane.stats(far.leg)).unwrap();
        assert!(stats.packets_received > 70 && stats.packets_sent > 70, "{stats:?}");
        assert_eq!(
            (
                stats.dropped_foreign,
                stats.dropped_unauthenticated,
                stats.dropped_malformed
            ),
            (0, 0, 0)
        );
    }
    let mut spoke = Vec::new();
    while let Ok((key, who)) = speakers.try_recv() {
        assert_eq!(key, room);
        spoke = who;
    }
    let mut all: Vec<LegId> = fars.iter().map(|far| far.leg).collect();
    all.sort();
    spoke.sort();
    assert_eq!(spoke, all);
    assert_eq!(
        wait(plane.stats(fars[1].leg)).unwrap().encryption,
        "SRTP AEAD_AES_256_GCM"
    );
}

#[test]
fn mute_leave_and_two_rooms_keep_sound_apart() {
    let plane = plane(46_040..=46_079);
    let mut fars = four(&plane);
    for (i, far) in fars.iter().enumerate() {
        plane.enter(far.leg, RoomKey(10 + (i as u64 / 2)));
    }
    live(&mut fars.iter_mut().collect::<Vec<_>>(), Duration::from_millis(1500));
    assert_eq!(fars[0].hears(&ALL), [ALL[1]]);
    assert_eq!(fars[3].hears(&ALL), [ALL[2]]);
    plane.mute(fars[1].leg, true);
    plane.leave(fars[3].leg);
    plane.enter(fars[2].leg, RoomKey(10));
    live(&mut fars.iter_mut().collect::<Vec<_>>(), Duration::from_millis(500));
    fars.iter_mut().for_each(Far::forget);
    live(&mut fars.iter_mut().collect::<Vec<_>>(), Duration::from_millis(1200));
    assert_eq!(fars[0].hears(&ALL), [ALL[2]]);
    assert_eq!(fars[1].hears(&ALL), [ALL[0], ALL[2]]);
    assert_eq!(fars[3].hears(&ALL), [] as [f64; 0]);
    plane.mute(fars[1].leg, false);
    live(&mut fars.iter_mut().collect::<Vec<_>>(), Duration::from_millis(1300));
    assert_eq!(fars[0].hears(&ALL), [ALL[1], ALL[2]]);
}

#[test]
fn a_held_phone_is_not_heard_hears_nothing_and_does_not_time_out() {
    let plane = Plane::start(crate::media::MediaConfig {
        timeout: Duration::from_millis(400),
        ..config(46_080..=46_099)
    })
    .unwrap();
    let mut alice = Far::call(&plane, Call::new(Codec::Pcma, ALL[0]));
    let mut bob = Far::call(&plane, Call::new(Codec::G722, ALL[1]));
    plane.enter(alice.leg, RoomKey(1));
    plane.enter(bob.leg, RoomKey(1));
    live(&mut [&mut alice, &mut bob], Duration::from_millis(600));
    let answer = alice.reoffer(&plane, "sendonly");
    assert!(
        answer.contains("a=recvonly") && answer.contains(" 2 IN IP4"),
        "{answer}"
    );
    live(&mut [&mut alice, &mut bob], Duration::from_millis(200));
    (alice.packets, alice.speaking) = (0, false);
    bob.forget();
    live(&mut [&mut alice, &mut bob], Duration::from_millis(800));
    assert_eq!(alice.packets, 0);
    assert_eq!(bob.hears(&ALL), [] as [f64; 0]);
    assert!(!alice.told().contains(&Event::TimedOut));
    alice.speaking = true;
    assert!(alice.reoffer(&plane, "sendrecv").contains("a=sendrecv"));
    bob.forget();
    live(&mut [&mut alice, &mut bob], Duration::from_millis(1000));
    assert_eq!(bob.hears(&ALL), [ALL[0]]);
    assert!(alice.packets > 40);
}

#[test]
fn silence_on_the_wire_ends_in_one_time_out() {
    let plane = Plane::start(crate::media::MediaConfig {
        timeout: Duration::from_millis(300),
        ..config(46_100..=46_119)
    })
    .unwrap();
    let mut alice = Far::call(&plane, Call::new(Codec::Pcma, ALL[0]));
    live(&mut [&mut alice], Duration::from_millis(500));
    assert_eq!(alice.told(), [Event::Connected, Event::FirstPacket]);
    alice.speaking = false;
    live(&mut [&mut alice], Duration::from_millis(900));
    assert_eq!(alice.told(), [Event::TimedOut]);
    plane.close(alice.leg);
    std::thread::sleep(Duration::from_millis(60));
    assert!(alice.events.is_closed());
}

#[test]
fn the_lobby_hears_its_prompt_at_once_and_the_room_is_ducked_under_one() {
    let plane = plane(46_120..=46_139);
    let start = Instant::now();
    let mut alice = Far::call(&plane, Call::new(Codec::Pcma, ALL[0]));
    let mut bob = Far::call(&plane, Call::new(Codec::Opus, ALL[1]));
    let (first, second) = (PlayId::next(), PlayId::next());
    plane.play(
        alice.leg,
        first,
        vec![
            clip(2000.0, Duration::from_millis(300)),
            clip(2500.0, Duration::from_millis(300)),
        ],
        Loudness::Normal,
    );
    live(&mut [&mut alice, &mut bob], Duration::from_millis(900));
    let to_first = alice.first_packet.unwrap() - start;
    assert!(to_first < Duration::from_millis(100), "{to_first:?}");
    assert_eq!(alice.hears(&[2000.0, 2500.0, ALL[1]]), [2000.0, 2500.0]);
    assert!(alice.told().contains(&Event::PlayEnded(first)));
    plane.enter(alice.leg, RoomKey(1));
    plane.enter(bob.leg, RoomKey(1));
    plane.play(
        alice.leg,
        second,
        vec![clip(2000.0, Duration::from_secs(5))],
        Loudness::Normal,
    );
    live(&mut [&mut alice, &mut bob], Duration::from_millis(1500));
    assert_eq!(alice.hears(&[2000.0, 2500.0, ALL[1]]), [2000.0, ALL[1]]);
    assert_eq!(bob.hears(&[2000.0, ALL[0]]), [ALL[0]]);
    plane.stop_playing(alice.leg);
    live(&mut [&mut alice, &mut bob], Duration::from_millis(300));
    alice.forget();
    live(&mut [&mut alice, &mut bob], Duration::from_millis(700));
    assert_eq!(alice.hears(&[2000.0, ALL[1]]), [ALL[1]]);
    assert!(!alice.told().contains(&Event::PlayEnded(second)));
}

#[test]
fn a_chime_is_heard_by_everyone() {
    let plane = plane(46_140..=46_159);
    let mut alice = Far::call(&plane, Call::new(Codec::G722, ALL[0]));
    let mut bob = Far::call(&plane, Call::new(Codec::Pcma, ALL[1]));
    (alice.speaking, bob.speaking) = (false, false);
    plane.enter(alice.leg, RoomKey(1));
    plane.enter(bob.leg, RoomKey(1));
    live(&mut [&mut alice, &mut bob], Duration::from_millis(200));
    plane.chime(RoomKey(1), Chime::Joined);
    live(&mut [&mut alice, &mut bob], Duration::from_millis(700));
    for far in [&alice, &bob] {
        assert_eq!(far.hears(&[659.26, 880.0, ALL[3]]), [659.26, 880.0]);
    }
}

#[test]
fn digits_arrive_once_each_in_both_payload_types_and_ours_are_heard() {
    let plane = plane(46_160..=46_179);
    let mut alice = Far::call(&plane, Call::new(Codec::Pcma, ALL[0]));
    let mut bob = Far::call(
        &plane,
        Call {
            digits: (110, 48_000),
            suite: Some(Suite::AesCm128HmacSha1_80),
            ..Call::new(Codec::Opus, ALL[1])
        },
    );
    alice.press("12#");
    bob.press("*90");
    plane.send_digits(alice.leg, "5");
    live(&mut [&mut alice, &mut bob], Duration::from_millis(1200));
    let digits = |events: Vec<Event>| -> String {
        events
            .into_iter()
            .filter_map(|event| {
                if let Event::Digit(digit) = event {
                    Some(digit)
                } else {
                    None
                }
            })
            .collect()
    };
    assert_eq!(digits(alice.told()), "12#");
    assert_eq!(digits(bob.told()), "*90");
    assert_eq!(alice.digits_heard, [5; 8]);
}

#[test]
fn the_packet_time_that_was_asked_for_is_sent() {
    let plane = plane(46_180..=46_199);
    for (ptime_ms, bytes) in [(10, 80), (20, 160), (30, 240), (60, 480)] {
        let mut alice = Far::call(
            &plane,
            Call {
                ptime_ms,
                ..Call::new(Codec::G722, ALL[0])
            },
        );
        live(&mut [&mut alice], Duration::from_millis(300));
        assert_eq!(alice.payload_bytes, bytes);
        plane.close(alice.leg);
    }
}

#[test]
fn ports_drain_and_run_out_with_a_word() {
    let plane = Plane::start(crate::media::MediaConfig {
        drain: Duration::from_millis(300),
        ..config(46_200..=46_201)
    })
    .unwrap();
    let first = Far::call(&plane, Call::new(Codec::Pcma, ALL[0]));
    let again = || Far::try_call(&plane, Call::new(Codec::Pcma, ALL[0]), &PhonePolicy::default());
    assert_eq!(again().err(), Some(Refusal::NoPorts));
    plane.close(first.leg);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(again().err(), Some(Refusal::NoPorts));
    std::thread::sleep(Duration::from_millis(400));
    assert!(again().is_ok());
}

#[test]
fn our_own_offer_is_completed_by_an_answer_and_a_refused_offer_costs_no_port() {
    let plane = plane(46_202..=46_203);
    let require = PhonePolicy {
        encryption: Encryption::Require,
        ..PhonePolicy::default()
    };
    assert_eq!(
        Far::try_call(&plane, Call::new(Codec::Pcma, ALL[0]), &require).err(),
        Some(Refusal::EncryptionRequired)
    );
    let leg = LegId::next();
    let (offer, mut events) = plane
        .offer(
            leg,
            &PhonePolicy {
                encryption: Encryption::Off,
                ..require
            },
        )
        .unwrap();
    let offer = String::from_utf8(offer).unwrap();
    assert!(offer.contains("RTP/AVP 111 9 8 0 101 110"), "{offer}");
    let phone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = phone.local_addr().unwrap().port();
    let answer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    );
    plane.accept(leg, answer.as_bytes()).unwrap();
    phone.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut buffer = [0; 512];
    let (len, from) = phone.recv_from(&mut buffer).unwrap();
    assert_eq!((len, from.port()), (172, 46_202));
    phone.send_to(&buffer[..len], from).unwrap();
    assert_eq!(events.blocking_recv(), Some(Event::Connected));
    let again = plane.reoffer(leg, None).unwrap();
    assert!(String::from_utf8(again).unwrap().contains(" 2 IN IP4"));
}

#[test]
fn a_plane_on_all_addresses_offers_before_a_far_end_is_known() {
    let everywhere = MediaConfig {
        listen: vec![std::net::Ipv4Addr::UNSPECIFIED.into()],
        ..config(47_980..=47_987)
    };
    let plane = Plane::start(everywhere).unwrap();
    let policy = PhonePolicy::default();
    let (offer, _events) = plane.offer(LegId::next(), &policy).unwrap();
    assert!(!String::from_utf8(offer).unwrap().contains("0.0.0.0"));
    let near = Some("127.0.0.1".parse().unwrap());
    let (offer, _events) = plane.offer_towards(LegId::next(), near, &policy).unwrap();
    assert!(String::from_utf8(offer).unwrap().contains("c=IN IP4 127.0.0.1"));
}
