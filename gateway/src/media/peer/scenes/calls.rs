// SPDX-License-Identifier: EUPL-1.2
//! Peers call and are called, hold, restart ICE, press keys, trickle and lie.

use std::time::{Duration, Instant};

use landbridge_codecs::Codec;
use rtc::peer_connection::configuration::RTCOfferOptions;

use super::{Browser, Engine, Event, TONES, live};
use crate::call::LegId;
use crate::media::ports::Ports;
use crate::media::scenes::far::{Call, Far, config, plane};
use crate::media::{LegEvents, PeerTerms, Plane, Refusal, RoomKey};

fn line<'a>(sdp: &'a str, start: &str) -> Option<&'a str> {
    sdp.lines().find(|line| line.starts_with(start))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_a_callee_and_a_phone_hear_each_other() {
    let plane = plane(46_600..=46_619);
    let ports = Ports::new(46_620..=46_639, Duration::ZERO);
    let mut phone = Far::call(&plane, Call::new(Codec::Pcma, TONES[0]));
    let mut alice = Browser::call(&plane, &ports, TONES[1]).await;
    let mut bob = Browser::pick_up(&plane, &ports, TONES[2]).await;
    for leg in [phone.leg, alice.leg, bob.leg] {
        plane.enter(leg, RoomKey(1));
    }
    live(&mut [&mut alice, &mut bob], &mut phone, 120).await;
    assert_eq!(phone.hears(&TONES), [TONES[1], TONES[2]]);
    assert_eq!(alice.hears(&TONES), [TONES[0], TONES[2]]);
    assert_eq!(bob.hears(&TONES), [TONES[0], TONES[1]]);
    assert_eq!(alice.told(), [Event::Connected, Event::FirstPacket]);
    assert_eq!(bob.told(), [Event::Connected, Event::FirstPacket]);
    for leg in [alice.leg, bob.leg] {
        let stats = plane.stats(leg).await.unwrap();
        assert!(stats.remote.is_some(), "the media thread carries the sound: {stats:?}");
        assert_eq!((stats.dropped_malformed, stats.dropped_other_stream), (0, 0));
    }
    assert!(bob.levels.iter().any(|level| level & 0x7f < 40), "levels both ways");
}

/// Calls from one plane into another; returns the legs and what they tell.
async fn between(caller: &Plane, callee: &Plane, terms: &PeerTerms) -> [(LegId, LegEvents); 2] {
    let (alice, bob) = (LegId::next(), LegId::next());
    let (offer, of_alice) = caller.offer_peer(alice, terms).await.unwrap();
    let (answer, of_bob) = callee.answer_peer(bob, &offer, terms).await.unwrap();
    caller.accept_peer(alice, &answer).await.unwrap();
    [(alice, of_alice), (bob, of_bob)]
}

async fn keys(events: &mut LegEvents, count: usize) -> Vec<Event> {
    let mut keys = Vec::new();
    while keys.len() < count {
        match tokio::time::timeout(Duration::from_secs(5), events.recv()).await {
            Ok(Some(event @ Event::Digit(_))) => keys.push(event),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_pressed_both_ways_on_either_clock() {
    let planes = [plane(46_640..=46_659), plane(46_660..=46_679)];
    let [(alice, mut of_alice), (bob, mut of_bob)] = between(&planes[0], &planes[1], &PeerTerms::default()).await;
    for events in [&mut of_alice, &mut of_bob] {
        assert_eq!(events.recv().await, Some(Event::Connected));
    }
    planes[0].send_digits(alice, "19#");
    planes[1].send_digits(bob, "A*");
    let typed = |keys: &str| keys.chars().map(Event::Digit).collect::<Vec<_>>();
    assert_eq!(keys(&mut of_bob, 3).await, typed("19#"));
    assert_eq!(keys(&mut of_alice, 2).await, typed("A*"));

    let (carol, dave) = (LegId::next(), LegId::next());
    let (offer, mut of_carol) = planes[0].offer_peer(carol, &PeerTerms::default()).await.unwrap();
    let offer = String::from_utf8(offer).unwrap();
    assert!(offer.contains("a=rtpmap:110 telephone-event/48000"), "{offer}");
    // An old client knows the events of telephones alone.
    let old = offer
        .replace("111 110 101", "111 101")
        .replace("a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\n", "");
    let (answer, mut of_dave) = planes[1]
        .answer_peer(dave, old.as_bytes(), &PeerTerms::default())
        .await
        .unwrap();
    planes[0].accept_peer(carol, &answer).await.unwrap();
    assert_eq!(of_carol.recv().await, Some(Event::Connected));
    planes[0].send_digits(carol, "7");
    assert_eq!(keys(&mut of_dave, 1).await, typed("7"));

    let silent = PeerTerms {
        digits: false,
        ..PeerTerms::default()
    };
    let (answer, _) = planes[1]
        .answer_peer(LegId::next(), offer.as_bytes(), &silent)
        .await
        .unwrap();
    assert!(!String::from_utf8(answer).unwrap().contains("telephone-event"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_is_active_or_in_no_bundle_is_answered_by_the_book() {
    let planes = [plane(46_880..=46_899), plane(46_900..=46_919)];
    let leg = LegId::next();
    let (offer, mut events) = planes[0].offer_peer(leg, &PeerTerms::default()).await.unwrap();
    let offer = String::from_utf8(offer).unwrap();
    let lone = offer
        .replace("a=group:BUNDLE 0\r\n", "")
        .replace("a=setup:actpass", "a=setup:passive")
        + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";
    let bob = LegId::next();
    let (answer, _events) = planes[1]
        .answer_peer(bob, lone.as_bytes(), &PeerTerms::default())
        .await
        .unwrap();
    let text = String::from_utf8(answer.clone()).unwrap();
    // Without a bundle the pictures would need a way of their own.
    assert!(
        text.contains("m=video 0 ") && text.contains("m=application 0 "),
        "{text}"
    );
    assert!(!text.contains("a=group") && text.contains("a=setup:active"), "{text}");
    planes[0].accept_peer(leg, &answer).await.unwrap();
    assert_eq!(events.recv().await, Some(Event::Connected));

    let active = offer.replace("a=setup:actpass", "a=setup:active");
    let (answer, _events) = planes[1]
        .answer_peer(LegId::next(), active.as_bytes(), &PeerTerms::default())
        .await
        .unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("a=setup:passive"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_silences_both_ways_resume_brings_the_sound_back_and_video_is_kept() {
    let plane = plane(46_680..=46_699);
    let ports = Ports::new(46_700..=46_719, Duration::ZERO);
    let mut phone = Far::call(&plane, Call::new(Codec::Pcma, TONES[0]));
    let mut alice = Browser::call(&plane, &ports, TONES[1]).await;
    for leg in [phone.leg, alice.leg] {
        plane.enter(leg, RoomKey(1));
    }
    live(&mut [&mut alice], &mut phone, 60).await;
    let offer = alice.connection.current_local_description().await.unwrap().sdp;
    for (direction, answered) in [("sendonly", "recvonly"), ("inactive", "inactive")] {
        let held = offer.replace("a=sendrecv", &format!("a={direction}"));
        let answer = plane.reoffer_peer(alice.leg, Some(held.as_bytes())).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(line(&answer, &format!("a={answered}")).is_some(), "{answer}");
        // Opus takes a lasting tone for noise, which the far end's decoder carries on for a second.
        live(&mut [&mut alice], &mut phone, 70).await;
        phone.forget();
        alice.forget();
        live(&mut [&mut alice], &mut phone, 60).await;
        assert_eq!(phone.hears(&TONES), [0.0; 0]);
        assert_eq!(alice.hears(&TONES), [0.0; 0]);
        assert!(plane.stats(alice.leg).await.unwrap().held);
    }
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96 102 97\r\nc=IN IP4 0.0.0.0\r\na=mid:cam\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:102 packetization-mode=1\r\n";
    let group = line(&offer, "a=group:BUNDLE").unwrap();
    let more = offer.replace(group, &format!("{group} cam")) + video;
    let answer = plane.reoffer_peer(alice.leg, Some(more.as_bytes())).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (sound, pictures) = answer.split_once("m=video ").unwrap();
    assert!(sound.contains("a=sendrecv"), "{answer}");
    assert!(sound.contains(&format!("{group} cam\r\n")), "{answer}");
    assert!(
        pictures.starts_with("9 ") && pictures.contains("a=inactive"),
        "{answer}"
    );
    live(&mut [&mut alice], &mut phone, 80).await;
    assert_eq!(phone.hears(&TONES), [TONES[1]]);
    assert_eq!(alice.hears(&TONES), [TONES[0]]);
    let stats = plane.stats(alice.leg).await.unwrap();
    assert!(!stats.held);
    assert_eq!(stats.video.first().map(|line| line.mid.as_str()), Some("cam"));
    assert_eq!(
        stats.video[0].codecs,
        [(96, "VP8".to_owned()), (102, "H264".to_owned())]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ice_restarts_by_either_side_keep_the_sound() {
    let plane = plane(46_720..=46_739);
    let ports = Ports::new(46_740..=46_759, Duration::ZERO);
    let mut phone = Far::call(&plane, Call::new(Codec::Pcma, TONES[0]));
    let mut alice = Browser::call(&plane, &ports, TONES[1]).await;
    for leg in [phone.leg, alice.leg] {
        plane.enter(leg, RoomKey(1));
    }
    live(&mut [&mut alice], &mut phone, 60).await;
    let before = alice.connection.current_local_description().await.unwrap().sdp;
    let options = RTCOfferOptions { ice_restart: true };
    let offer = alice.connection.create_offer(Some(options)).await.unwrap();
    alice.connection.set_local_description(offer).await.unwrap();
    let offer = alice.connection.local_description().await.unwrap().sdp;
    assert_ne!(line(&before, "a=ice-ufrag"), line(&offer, "a=ice-ufrag"));
    let begun = Instant::now();
    let answer = plane.reoffer_peer(alice.leg, Some(offer.as_bytes())).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
    let first = String::from_utf8(answer.clone()).unwrap();
    assert!(first.contains("a=candidate:"), "{first}");
    let answer = webrtc::peer_connection::RTCSessionDescription::answer(first.clone()).unwrap();
    alice.connection.set_remote_description(answer).await.unwrap();
    phone.forget();
    alice.forget();
    live(&mut [&mut alice], &mut phone, 80).await;
    assert_eq!(phone.hears(&TONES), [TONES[1]]);
    assert_eq!(alice.hears(&TONES), [TONES[0]]);

    let begun = Instant::now();
    let offer = String::from_utf8(plane.reoffer_peer(alice.leg, None).await.unwrap()).unwrap();
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
    assert_ne!(
        line(&first, "a=ice-ufrag"),
        line(&offer, "a=ice-ufrag"),
        "a new generation"
    );
    assert!(
        offer.contains("a=setup:actpass") && offer.contains("a=candidate:"),
        "{offer}"
    );
    let offer = webrtc::peer_connection::RTCSessionDescription::offer(offer).unwrap();
    alice.connection.set_remote_description(offer).await.unwrap();
    let answer = alice.connection.create_answer(None).await.unwrap();
    alice.connection.set_local_description(answer).await.unwrap();
    let answer = alice.connection.local_description().await.unwrap().sdp;
    plane.accept_peer(alice.leg, answer.as_bytes()).await.unwrap();
    phone.forget();
    alice.forget();
    live(&mut [&mut alice], &mut phone, 80).await;
    assert_eq!(phone.hears(&TONES), [TONES[1]]);
    assert_eq!(alice.hears(&TONES), [TONES[0]]);
    let ends = alice.told();
    assert_eq!(ends, [Event::Connected, Event::FirstPacket], "no end was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_trickle_before_and_after_the_answer() {
    let plane = plane(46_760..=46_779);
    let ports = Ports::new(46_780..=46_799, Duration::ZERO);
    let leg = LegId::next();
    let (offer, events) = plane.offer_peer(leg, &PeerTerms::default()).await.unwrap();
    // The far end hides our candidates from itself, so that only what it trickles can bring both together.
    let offer = String::from_utf8(offer).unwrap();
    let blind: String = offer
        .lines()
        .filter(|line| !line.starts_with("a=candidate"))
        .flat_map(|line| [line, "\r\n"])
        .collect();
    let engine = Engine::new(&ports).await;
    let answer = engine.answer(blind.into_bytes()).await;
    let candidate = line(&answer, "a=candidate:").unwrap()[12..].to_owned();
    let bare: String = answer
        .lines()
        .filter(|line| !line.starts_with("a=candidate"))
        .flat_map(|line| [line, "\r\n"])
        .collect();
    for unfit in [
        "1 1 udp 1 169.254.169.254 4444 typ host",
        "1 1 tcp 1 127.0.0.1 9 typ host",
        "",
        "x",
    ] {
        plane.add_candidate(leg, "0", unfit);
    }
    plane.add_candidate(leg, "0", &candidate);
    plane.accept_peer(leg, bare.as_bytes()).await.unwrap();
    let mut alice = engine.met(leg, events, TONES[1], 1);
    let mut phone = Far::call(&plane, Call::new(Codec::Pcma, TONES[0]));
    for leg in [phone.leg, alice.leg] {
        plane.enter(leg, RoomKey(1));
    }
    live(&mut [&mut alice], &mut phone, 100).await;
    assert_eq!(phone.hears(&TONES), [TONES[1]]);

    let engine = Engine::new(&ports).await;
    let offer = engine.offer().await;
    let candidate = line(&offer, "a=candidate:").unwrap()[12..].to_owned();
    let bare: String = offer
        .lines()
        .filter(|line| !line.starts_with("a=candidate"))
        .flat_map(|line| [line, "\r\n"])
        .collect();
    let leg = LegId::next();
    let (answer, events) = plane
        .answer_peer(leg, bare.as_bytes(), &PeerTerms::default())
        .await
        .unwrap();
    let blind: String = String::from_utf8(answer)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("a=candidate"))
        .flat_map(|line| [line, "\r\n"])
        .collect();
    engine.take(blind.into_bytes()).await;
    let mut bob = engine.met(leg, events, TONES[2], 1);
    plane.add_candidate(leg, "0", &candidate);
    plane.enter(leg, RoomKey(1));
    live(&mut [&mut alice, &mut bob], &mut phone, 100).await;
    assert_eq!(phone.hears(&TONES), [TONES[1], TONES[2]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_fingerprint_is_refused_and_never_heard() {
    let config = crate::media::MediaConfig {
        timeout: Duration::from_secs(3),
        ..config(46_800..=46_819)
    };
    let plane = Plane::start(config).unwrap();
    let ports = Ports::new(46_820..=46_839, Duration::ZERO);
    let mut phone = Far::call(&plane, Call::new(Codec::Pcma, TONES[0]));
    plane.enter(phone.leg, RoomKey(1));
    let engine = Engine::new(&ports).await;
    let offer = engine.offer().await;
    let truth = line(&offer, "a=fingerprint:").unwrap().to_owned();
    let mut lie = truth.clone();
    let last = if lie.ends_with('0') { "1" } else { "0" };
    lie.replace_range(lie.len() - 1.., last);
    let leg = LegId::next();
    let lying = offer.replace(&truth, &lie);
    let (answer, events) = plane
        .answer_peer(leg, lying.as_bytes(), &PeerTerms::default())
        .await
        .unwrap();
    engine.take(answer).await;
    let mut mallory = engine.met(leg, events, TONES[1], 1);
    plane.enter(leg, RoomKey(1));
    live(&mut [&mut mallory], &mut phone, 200).await;
    assert_eq!(phone.hears(&TONES), [0.0; 0]);
    assert!(mallory.hears(&TONES).is_empty());
    let told = mallory.told();
    assert!(matches!(told.as_slice(), [Event::Failed(_), ..]), "{told:?}");
    assert_eq!(plane.stats(leg).await.unwrap().packets_received, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_without_a_role_or_keys_and_other_keys_later_are_refused() {
    let plane = plane(46_840..=46_859);
    let ports = Ports::new(46_860..=46_879, Duration::ZERO);
    let leg = LegId::next();
    let (offer, _events) = plane.offer_peer(leg, &PeerTerms::default()).await.unwrap();
    let text = String::from_utf8(offer.clone()).unwrap();
    assert!(text.contains("a=setup:actpass"), "{text}");
    let engine = Engine::new(&ports).await;
    let answer = engine.answer(offer).await;
    let fingerprint = line(&answer, "a=fingerprint:").unwrap();
    for broken in [
        answer.replace("a=setup:active", "a=setup:actpass"),
        answer.replace("a=setup:active", "a=setup:holdconn"),
        answer.replace("a=fingerprint:", "a=x:"),
        answer.replace("sha-256", "sha-1"),
        answer.replace("a=ice-ufrag:", "a=x:"),
        answer.replace(fingerprint, "a=fingerprint:sha-256 00:11"),
    ] {
        let refused = plane.accept_peer(leg, broken.as_bytes()).await;
        assert!(matches!(refused, Err(Refusal::BadSdp(_))), "{refused:?}");
    }
    assert_eq!(plane.accept_peer(leg, answer.as_bytes()).await, Ok(()));
    let again = plane.accept_peer(leg, answer.as_bytes()).await;
    assert!(
        matches!(again, Err(Refusal::BadSdp(_))),
        "nothing was offered: {again:?}"
    );
    let other = fingerprint.replace(['A', '1'], "B");
    let changed = answer.replace(fingerprint, &other);
    let refused = plane.reoffer_peer(leg, Some(changed.as_bytes())).await;
    assert!(matches!(refused, Err(Refusal::BadSdp(_))), "{refused:?}");
    let unknown = plane.reoffer_peer(LegId::next(), None).await;
    assert_eq!(unknown, Err(Refusal::UnknownLeg));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn descriptions_take_milliseconds_and_the_way_stands_soon_after() {
    let planes = [plane(47_000..=47_059), plane(47_060..=47_119)];
    let (terms, mut fastest) = (PeerTerms::default(), [Duration::MAX; 2]);
    for _ in 0..5 {
        let (alice, bob) = (LegId::next(), LegId::next());
        let (offer, mut of_alice) = planes[0].offer_peer(alice, &terms).await.unwrap();
        let begun = Instant::now();
        let (answer, _of_bob) = planes[1].answer_peer(bob, &offer, &terms).await.unwrap();
        let answered = begun.elapsed();
        planes[0].accept_peer(alice, &answer).await.unwrap();
        assert_eq!(of_alice.recv().await, Some(Event::Connected));
        assert_eq!(of_alice.recv().await, Some(Event::FirstPacket));
        let heard = begun.elapsed();
        fastest = [fastest[0].min(answered), fastest[1].min(heard)];
        planes[0].close(alice);
        planes[1].close(bob);
    }
    // On a quiet machine 1 ms and 220 ms.
    assert!(fastest[0] < Duration::from_millis(50), "{fastest:?}");
    assert!(fastest[1] < Duration::from_millis(600), "{fastest:?}");
}
