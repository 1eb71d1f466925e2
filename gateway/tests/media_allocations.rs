// SPDX-License-Identifier: EUPL-1.2
//! The steady tick of a room allocates nothing: four phones in four codecs talk at once, each on its way up to an SFU,
//! and a remote track talks to them, while every allocation of the process is counted. The test has a binary of its own, so that nothing else allocates meanwhile.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::Bytes;
use landbridge::call::LegId;
use landbridge::media::{FromBrowser, MediaConfig, PhonePolicy, Plane, RoomKey, ToBrowser, TrackSink};
use landbridge_codecs::tone::Tone;
use landbridge_codecs::{Codec, Encoder, EncoderOptions, MAX_PAYLOAD};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

struct Phone {
    socket: UdpSocket,
    remote: SocketAddr,
    /// Ready-made packets, sent round and round with new numbers.
    packets: Vec<Vec<u8>>,
    step: u32,
    sent: u32,
    received: u32,
    uplink: tokio::sync::mpsc::Receiver<ToBrowser>,
    forwarded: u32,
}

struct Track {
    sink: TrackSink,
    packets: Vec<Bytes>,
    sent: u32,
}

#[test]
fn the_steady_tick_of_a_room_allocates_nothing() {
    let plane = Plane::start(MediaConfig {
        ports: 46_600..=46_619,
        threads: 1,
        ..MediaConfig::default()
    })
    .unwrap();
    let mut phones: Vec<Phone> = Codec::ALL
        .iter()
        .zip([450.0, 650.0, 850.0, 1150.0])
        .map(|(codec, hertz)| phone(&plane, *codec, hertz))
        .collect();
    let mut track = Track {
        sink: plane.open_track(LegId::next(), RoomKey(1)),
        packets: sound(Codec::Opus, 1350.0).into_iter().map(Bytes::from).collect(),
        sent: 0,
    };
    run(&mut phones, &mut track, Duration::from_secs(4));
    let region = Region::new(COUNTING);
    run(&mut phones, &mut track, Duration::from_secs(2));
    let change = region.change();
    println!("100 ticks of 4 legs and a track: {change:?}");
    assert!(
        phones.iter().all(|phone| phone.received > 250 && phone.forwarded > 250),
        "sound flows"
    );
    // A stalled machine costs a catch-up and news of who speaks; 100 ticks with one allocation each would be 100.
    assert!(change.allocations + change.reallocations <= 50, "{change:?}");
}

fn phone(plane: &Plane, codec: Codec, hertz: f64) -> Phone {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let port = socket.local_addr().unwrap().port();
    let (number, map) = match codec {
        Codec::Opus => (111, "opus/48000/2"),
        Codec::G722 => (9, "G722/8000"),
        Codec::Pcma => (8, "PCMA/8000"),
        Codec::Pcmu => (0, "PCMU/8000"),
    };
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {number}\r\na=rtpmap:{number} {map}\r\n"
    );
    let leg = LegId::next();
    let (answer, events) = plane.answer(leg, offer.as_bytes(), &PhonePolicy::default()).unwrap();
    // The channel must outlive the test; nobody reads it.
    std::mem::forget(events);
    let answer = String::from_utf8(answer).unwrap();
    let at: u16 = answer
        .split("m=audio ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    plane.enter(leg, RoomKey(1));
    let packets = sound(codec, hertz)
        .into_iter()
        .map(|payload| {
            [
                &[0x80, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, number + 1],
                payload.as_slice(),
            ]
            .concat()
        })
        .collect();
    Phone {
        socket,
        remote: SocketAddr::from(([127, 0, 0, 1], at)),
        packets,
        step: codec.timestamp_step(),
        sent: 0,
        received: 0,
        uplink: plane.open_uplink(leg),
        forwarded: 0,
    }
}

/// Encodes a second of a tone.
fn sound(codec: Codec, hertz: f64) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec, &EncoderOptions::default()).unwrap();
    let mut tone = Tone::sine(hertz, 6000);
    (0..50)
        .map(|_| {
            let mut payload = [0; MAX_PAYLOAD];
            let len = encoder.encode(&tone.next_frame(), &mut payload);
            payload[..len].to_vec()
        })
        .collect()
}

fn run(phones: &mut [Phone], track: &mut Track, time: Duration) {
    let start = Instant::now();
    let mut next = start;
    let mut buffer = [0; 2048];
    while next < start + time {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        for phone in phones.iter_mut() {
            let at = phone.sent as usize % phone.packets.len();
            let packet = &mut phone.packets[at];
            packet[2..4].copy_from_slice(&(phone.sent as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&phone.sent.wrapping_mul(phone.step).to_be_bytes());
            phone.socket.send_to(packet, phone.remote).unwrap();
            phone.sent += 1;
            while phone.socket.recv_from(&mut buffer).is_ok() {
                phone.received += 1;
            }
            while phone.uplink.try_recv().is_ok() {
                phone.forwarded += 1;
            }
        }
        let at = track.sent as usize % track.packets.len();
        track.sink.try_send(FromBrowser {
            arrived: Instant::now(),
            payload_type: 111,
            sequence: track.sent as u16,
            timestamp: track.sent.wrapping_mul(960),
            marker: false,
            ssrc: 9,
            level: None,
            payload: track.packets[at].clone(),
        });
        track.sent += 1;
        next += Duration::from_millis(20);
    }
}
