// SPDX-License-Identifier: EUPL-1.2
//! The way between two planes: what loses, repeats, forges or narrows it, and what an audience costs it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use landbridge_codecs::Codec;

use super::border::{ALL, NOBODY, State, join, joined, ms, terms};
use super::far::{Call, Far, live, plane};
use crate::call::LegId;
use crate::media::{BorderTerms, Event, Plane, RoomKey, fingerprints};

/// A wire between two planes that somebody has a hand on.
struct Wire {
    ends: [UdpSocket; 2],
    /// Of a hundred packets of sound so many are lost.
    loss: AtomicU64,
    twice: AtomicBool,
    octets: [AtomicU64; 2],
    over: AtomicBool,
}

impl Wire {
    fn new() -> Arc<Wire> {
        let end = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(ms(50))).unwrap();
            socket
        };
        Arc::new(Wire {
            ends: [end(), end()],
            loss: AtomicU64::new(0),
            twice: AtomicBool::new(false),
            octets: Default::default(),
            over: AtomicBool::new(false),
        })
    }

    /// Lays the wire between the places that two descriptions name, and returns the descriptions with its ends instead.
    fn between(self: &Arc<Wire>, offer: &[u8], answer: &[u8]) -> SocketAddr {
        let places = [place_of(offer), place_of(answer)];
        for from in [0, 1] {
            let wire = self.clone();
            std::thread::spawn(move || {
                let (mut buffer, mut seed) = ([0; 2048], 77u64);
                while !wire.over.load(Ordering::Relaxed) {
                    let Ok((len, _)) = wire.ends[from].recv_from(&mut buffer) else {
                        continue;
                    };
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let is_sound = buffer[0] >> 6 == 2 && !(192..=223).contains(&buffer[1]);
                    if is_sound && (seed >> 33) % 100 < wire.loss.load(Ordering::Relaxed) {
                        continue;
                    }
                    if buffer[0] >> 6 == 2 {
                        wire.octets[from].fetch_add(len as u64, Ordering::Relaxed);
                    }
                    for _ in 0..=usize::from(is_sound && wire.twice.load(Ordering::Relaxed)) {
                        let _ = wire.ends[1 - from].send_to(&buffer[..len], places[1 - from]);
                    }
                }
            });
        }
        places[1]
    }

    /// Writes an end of the wire in the place of the candidate.
    fn instead(&self, sdp: &[u8], end: usize) -> Vec<u8> {
        let place = place_of(sdp);
        let ours = self.ends[end].local_addr().unwrap();
        String::from_utf8(sdp.to_vec())
            .unwrap()
            .replace(
                &format!("{} {}", place.ip(), place.port()),
                &format!("{} {}", ours.ip(), ours.port()),
            )
            .into_bytes()
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Ends a wire with its scene.
struct Over(Arc<Wire>);

fn place_of(sdp: &[u8]) -> SocketAddr {
    let text = std::str::from_utf8(sdp).unwrap();
    let line = text.lines().find(|line| line.starts_with("a=candidate:")).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap())
}

/// Joins two planes over a wire; also returns where the second one listens.
async fn wired(planes: [Plane; 2], of: impl Fn(RoomKey) -> BorderTerms) -> ([State; 2], Over, SocketAddr) {
    let rooms = [RoomKey::next(), RoomKey::next()];
    let legs = [LegId::next(), LegId::next()];
    let wire = Wire::new();
    let (offer, mut events) = planes[0].offer_border(legs[0], &of(rooms[0])).await.unwrap();
    let shown = wire.instead(&offer, 1);
    let (answer, mut of_theirs) = planes[1].answer_border(legs[1], &shown, &of(rooms[1])).await.unwrap();
    let there = wire.between(&offer, &answer);
    planes[0].accept_peer(legs[0], &wire.instead(&answer, 0)).await.unwrap();
    for events in [&mut events, &mut of_theirs] {
        assert_eq!(events.recv().await, Some(Event::Connected));
    }
    (joined(planes, rooms, legs, [events, of_theirs]), Over(wire), there)
}

fn listener(state: &State) -> Far {
    let mut far = Far::call(&state.plane, Call::new(Codec::Pcma, ALL[5]));
    far.speaking = false;
    state.plane.enter(far.leg, state.room);
    far
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_way_loses_packets_later_ones_bring_them_back() {
    let planes = [plane(47_120..=47_129), plane(47_130..=47_139)];
    let ([th, sh], wire, _) = wired(planes, |room| terms(room, 3)).await;
    let mut anna = th.phone(Call::new(Codec::Opus, ALL[0]), 10);
    let mut berta = th.phone(Call::new(Codec::Pcma, ALL[1]), 11);
    let mut carl = listener(&sh);
    let fars = [10, 11].map(|ssrc| sh.far(ssrc));
    live(&mut [&mut anna, &mut berta, &mut carl], ms(1000));
    assert_eq!(th.stats().await.redundant, 0, "a clean way needs none");
    wire.0.loss.store(12, Ordering::Relaxed);
    live(&mut [&mut anna, &mut berta, &mut carl], ms(3500));
    let (before, mut concealed) = (sh.stats().await, Vec::new());
    for far in fars {
        concealed.push(sh.plane.stats(far).await.unwrap().playout.unwrap());
    }
    live(&mut [&mut anna, &mut berta, &mut carl], ms(4000));
    let (after, sent) = (sh.stats().await, th.stats().await);
    println!(
        "12 % lost: the sender knows of {} %, brought back {}",
        sent.loss_percent, after.recovered
    );
    assert!(sent.loss_percent >= 2 && sent.redundant > 100, "{sent:?}");
    assert!(after.recovered - before.recovered > 10, "{after:?}");
    for (far, before) in fars.into_iter().zip(concealed) {
        let playout = sh.plane.stats(far).await.unwrap().playout.unwrap();
        let (lost, received) = (playout.lost - before.lost, playout.received - before.received);
        println!("of {received} packets {lost} stay lost");
        assert!(lost * 100 <= received * 4, "{lost} of {received}");
    }
    assert_eq!(carl.hears(&ALL), [ALL[0], ALL[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_junk_and_sources_that_nobody_opened_are_counted_and_not_heard() {
    let planes = [plane(47_140..=47_149), plane(47_150..=47_159)];
    let ([th, sh], wire, there) = wired(planes, |room| terms(room, 3)).await;
    let mut anna = th.phone(Call::new(Codec::Opus, ALL[0]), 10);
    let mut berta = th.phone(Call::new(Codec::Pcma, ALL[1]), 11);
    let mut carl = listener(&sh);
    sh.far(10);
    wire.0.twice.store(true, Ordering::Relaxed);
    let over = Arc::new(AtomicBool::new(false));
    let spray = {
        let over = over.clone();
        std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut n = 0u32;
            while !over.load(Ordering::Relaxed) {
                for first in [0x80, 0x81, 0x00, 0x16, 0xff] {
                    let mut junk = [0u8; 60];
                    junk[0] = first;
                    junk[1] = if n.is_multiple_of(3) { 200 } else { 111 };
                    // Every other one claims to be of a source that is open.
                    junk[8..12].copy_from_slice(&(if n.is_multiple_of(2) { 10 } else { n }).to_be_bytes());
                    let _ = socket.send_to(&junk, there);
                    n += 1;
                }
                std::thread::sleep(ms(2));
            }
        })
    };
    live(&mut [&mut anna, &mut berta, &mut carl], ms(2500));
    over.store(true, Ordering::Relaxed);
    spray.join().unwrap();
    assert_eq!(carl.hears(&ALL), [ALL[0]]);
    let stats = sh.stats().await;
    assert!(stats.dropped_unknown > 60, "{stats:?}");
    assert!(stats.dropped_unauthenticated > 500, "{stats:?}");
    let streams: Vec<u32> = stats.received.iter().map(|stream| stream.ssrc).collect();
    assert_eq!(streams, [10]);
    assert!(stats.received[0].packets <= 130, "nothing twice: {stats:?}");
    // Opened late: the stream is heard from here on.
    sh.far(11);
    live(&mut [&mut anna, &mut berta, &mut carl], ms(1200));
    assert_eq!(carl.hears(&ALL), [ALL[0], ALL[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrow_border_carries_no_more_than_agreed() {
    let planes = [plane(47_160..=47_169), plane(47_170..=47_179)];
    let narrow = |room| BorderTerms {
        kbit: Some(110),
        ..terms(room, 3)
    };
    let ([th, sh], wire, _) = wired(planes, narrow).await;
    let codecs = [Codec::Opus, Codec::G722, Codec::Opus];
    let mut phones: Vec<Far> = (0..3)
        .map(|i| th.phone(Call::new(codecs[i], ALL[i]), 10 + i as u32))
        .collect();
    let mut carl = listener(&sh);
    for ssrc in 10..13 {
        sh.far(ssrc);
    }
    let mut scene = |time| {
        let mut all: Vec<&mut Far> = phones.iter_mut().chain([&mut carl]).collect();
        live(&mut all, time);
    };
    scene(ms(2000));
    let before = wire.0.octets[0].load(Ordering::Relaxed);
    scene(ms(4000));
    let octets = wire.0.octets[0].load(Ordering::Relaxed) - before;
    let stats = th.stats().await;
    // With the headers of IPv4 and UDP.
    let packets = 50 * 4 * stats.sent.iter().filter(|stream| stream.packets > 0).count() as u64;
    let kbit = (octets + 28 * packets) * 8 / 4000;
    println!("110 kbit/s agreed, {kbit} kbit/s sent: {stats:?}");
    assert!(kbit <= 115, "{kbit}");
    assert_eq!(carl.hears(&ALL), [ALL[0], ALL[1], ALL[2]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_listeners_do_not_widen_the_border() {
    let planes = [plane(47_200..=47_699), plane(47_180..=47_199)];
    let ([th, sh], wire, _) = wired(planes, |room| terms(room, 3)).await;
    let mut anna = th.phone(Call::new(Codec::Opus, ALL[0]), 10);
    let mut berta = th.phone(Call::new(Codec::Pcma, ALL[1]), 11);
    let mut carl = sh.phone(Call::new(Codec::Opus, ALL[2]), 20);
    th.far(20);
    for ssrc in [10, 11] {
        sh.far(ssrc);
    }
    let measure = |audience: &mut Vec<Far>, others: [&mut Far; 3]| {
        let mut all: Vec<&mut Far> = audience.iter_mut().collect();
        all.extend(others);
        live(&mut all, ms(600));
        let octets = || {
            wire.0
                .octets
                .iter()
                .map(|octets| octets.load(Ordering::Relaxed))
                .sum::<u64>()
        };
        let before = octets();
        live(&mut all, ms(2000));
        octets() - before
    };
    let mut audience = vec![th.phone(Call::new(Codec::Pcma, ALL[3]), 1000)];
    audience[0].speaking = false;
    let one = measure(&mut audience, [&mut anna, &mut berta, &mut carl]);
    for n in 1..200 {
        audience.push(th.phone(Call::new(Codec::Pcma, ALL[3]), 1000 + n));
        audience[n as usize].speaking = false;
    }
    let many = measure(&mut audience, [&mut anna, &mut berta, &mut carl]);
    println!("the border of one listener: {one} bytes in 2 s; of 200: {many}");
    assert!(many * 100 <= one * 110, "{one} → {many}");
    assert_eq!(audience[150].hears(&ALL), [ALL[0], ALL[1], ALL[2]]);
    assert_eq!(carl.hears(&ALL), [ALL[0], ALL[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_with_another_certificate_than_told_is_not_heard() {
    let planes = [plane(47_700..=47_709), plane(47_710..=47_719)];
    let (ours, theirs) = (LegId::next(), LegId::next());
    let (offer, mut events) = planes[0].offer_border(ours, &terms(RoomKey::next(), 3)).await.unwrap();
    let (answer, _others) = planes[1]
        .answer_border(theirs, &offer, &terms(RoomKey::next(), 3))
        .await
        .unwrap();
    let told = fingerprints(&answer);
    let [told] = &told[..] else { panic!("{told:?}") };
    assert!(told.starts_with("sha-256 ") && told.len() == 8 + 95, "{told}");
    let digit = if told.ends_with('0') { "1" } else { "0" };
    let forged = format!("{}{digit}", &told[..told.len() - 1]);
    let forged = String::from_utf8(answer).unwrap().replace(told.as_str(), &forged);
    planes[0].accept_peer(ours, forged.as_bytes()).await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(18), events.recv())
        .await
        .unwrap();
    assert!(matches!(told, Some(Event::Failed(_))), "{told:?}");
    let stats = planes[0].border_stats(ours).await.unwrap();
    assert!(stats.received.is_empty() && stats.forwarded == 0, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_cut_the_same_people_are_heard_over_a_new_border_and_go_up_to_an_sfu() {
    let planes = [plane(47_720..=47_739), plane(47_740..=47_759)];
    let [th, mut sh] = join(planes.clone(), |room| terms(room, 3)).await;
    let mut anna = th.phone(Call::new(Codec::G722, ALL[0]), 10);
    let mut carl = listener(&sh);
    let far = sh.far(10);
    let mut up = sh.plane.open_uplink(far);
    live(&mut [&mut anna, &mut carl], ms(1200));
    assert_eq!(carl.hears(&ALL), [ALL[0]]);
    assert!(up.try_recv().is_ok());
    for state in [&th, &sh] {
        state.plane.close(state.border);
    }
    live(&mut [&mut anna, &mut carl], ms(1300));
    carl.forget();
    live(&mut [&mut anna, &mut carl], ms(1000));
    assert_eq!(carl.hears(&ALL), NOBODY);
    while up.try_recv().is_ok() {}
    let (border, other) = (LegId::next(), LegId::next());
    let (offer, mut events) = sh.plane.offer_border(border, &terms(sh.room, 3)).await.unwrap();
    let (answer, _others) = th.plane.answer_border(other, &offer, &terms(th.room, 3)).await.unwrap();
    sh.plane.accept_peer(border, &answer).await.unwrap();
    assert_eq!(events.recv().await, Some(Event::Connected));
    sh.border = border;
    th.plane.carry(other, anna.leg, 77);
    sh.plane.open_far(border, far, 77, sh.room);
    live(&mut [&mut anna, &mut carl], ms(1500));
    assert_eq!(carl.hears(&ALL), [ALL[0]]);
    assert!(up.try_recv().is_ok(), "the uplink of a far person outlives the border");
    assert_eq!(sh.stats().await.received.len(), 1);
}
