// SPDX-License-Identifier: EUPL-1.2
//! Phones and an SFU: what goes up, what comes down, and what it costs.

use std::time::{Duration, Instant};

use bytes::Bytes;
use landbridge_codecs::tone::{Tone, spectrum};
use landbridge_codecs::{Codec, Encoder, EncoderOptions, Frame, MAX_PAYLOAD, Playout, PlayoutOptions, RtpPayload};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::sync::mpsc;

use super::far::{Call, Far, config, plane, wait};
use crate::call::LegId;
use crate::media::rtp::packet::Outgoing;
use crate::media::{Event, FromBrowser, Loudness, MediaConfig, Plane, PlayId, RoomKey, ToBrowser, TrackSink};

const ALL: [f64; 4] = [450.0, 650.0, 850.0, 1150.0];
const ROOM: RoomKey = RoomKey(1);

type Order<'a> = &'a dyn Fn(&Far);

/// One remote track with a tone of its own.
struct Track {
    leg: LegId,
    sink: TrackSink,
    tone: Tone,
    encoder: Encoder,
    ssrc: u32,
    sequence: u16,
    speaking: bool,
}

impl Track {
    fn open(plane: &Plane, room: RoomKey, hertz: f64) -> Track {
        let leg = LegId::next();
        Track {
            leg,
            sink: plane.open_track(leg, room),
            tone: Tone::sine(hertz, 6000),
            encoder: Encoder::new(Codec::Opus, &EncoderOptions::default()).unwrap(),
            ssrc: rand::random(),
            sequence: rand::random(),
            speaking: true,
        }
    }

    fn tick(&mut self) {
        if !self.speaking {
            return;
        }
        let mut payload = [0; MAX_PAYLOAD];
        let len = self.encoder.encode(&self.tone.next_frame(), &mut payload);
        self.sequence = self.sequence.wrapping_add(1);
        assert!(self.sink.try_send(FromBrowser {
            arrived: Instant::now(),
            payload_type: 111,
            sequence: self.sequence,
            timestamp: 960 * u32::from(self.sequence),
            marker: false,
            ssrc: self.ssrc,
            level: Some(20),
            payload: Bytes::copy_from_slice(&payload[..len]),
        }));
    }
}

/// The SFU's end of one uplink: it keeps every packet and listens to them.
struct Up {
    receiver: mpsc::Receiver<ToBrowser>,
    packets: Vec<ToBrowser>,
    playout: Playout,
    heard: Vec<i16>,
}

impl Up {
    fn open(plane: &Plane, leg: LegId) -> Up {
        Up {
            receiver: plane.open_uplink(leg),
            packets: Vec::new(),
            playout: Playout::new(Codec::Opus, PlayoutOptions::default()).unwrap(),
            heard: Vec::new(),
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        while let Ok(packet) = self.receiver.try_recv() {
            self.playout.insert(
                now,
                RtpPayload {
                    sequence: packet.sequence,
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    payload: &packet.payload[..usize::from(packet.len)],
                },
            );
            self.packets.push(packet);
        }
        let mut frame = Frame::SILENCE;
        self.playout.pull(now, &mut frame);
        self.heard.extend(frame.0);
    }

    fn hears(&self, candidates: &[f64]) -> Vec<f64> {
        spectrum::heard(
            &self.heard[self.heard.len().saturating_sub(48_000)..],
            48_000,
            candidates,
        )
    }

    /// Asserts that no number is missing or used twice, and that time went on with them.
    fn is_unbroken(&self) {
        for pair in self.packets.windows(2) {
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert!(
                if pair[1].marker { step >= 960 } else { step == 960 },
                "a step of {step}"
            );
        }
    }
}

fn scene(fars: &mut [&mut Far], tracks: &mut [Track], ups: &mut [&mut Up], time: Duration) {
    let mut next = Instant::now();
    for _ in 0..time.as_millis() / 20 {
        tracks.iter_mut().for_each(Track::tick);
        fars.iter_mut().for_each(|far| far.tick(Instant::now()));
        ups.iter_mut().for_each(|up| up.tick());
        next += Duration::from_millis(20);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

#[test]
fn the_sound_of_an_opus_phone_is_forwarded_bit_by_bit_with_its_gaps_and_at_once() {
    let plane = plane(46_420..=46_429);
    let mut alice = Far::call(&plane, Call::new(Codec::Opus, ALL[0]));
    plane.enter(alice.leg, ROOM);
    let mut receiver = plane.open_uplink(alice.leg);
    let listener = std::thread::spawn(move || {
        std::iter::from_fn(|| receiver.blocking_recv().map(|packet| (Instant::now(), packet))).collect::<Vec<_>>()
    });
    let mut encoder = Encoder::new(Codec::Opus, &EncoderOptions::default()).unwrap();
    let (mut tone, mut sent, mut next) = (Tone::sine(ALL[0], 6000), Vec::new(), Instant::now());
    std::thread::sleep(Duration::from_millis(50));
    for n in 0..120u16 {
        let mut payload = [0; MAX_PAYLOAD];
        let len = encoder.encode(&tone.next_frame(), &mut payload);
        if n % 7 != 3 {
            let header = Outgoing {
                payload_type: 111,
                marker: false,
                sequence: 65_500u16.wrapping_add(n),
                timestamp: 1_000 + 960 * u32::from(n),
                ssrc: alice.ssrc,
            };
            sent.push((Instant::now(), n, payload[..len].to_vec()));
            alice.transmit(header, &payload[..len]);
        }
        // The phases of phone and tick wander against each other.
        next += Duration::from_millis(if n % 16 == 0 { 23 } else { 20 });
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let stats = wait(plane.stats(alice.leg)).unwrap();
    plane.close_uplink(alice.leg);
    let arrived = listener.join().unwrap();
    assert_eq!(arrived.len(), sent.len());
    assert_eq!(stats.packets_forwarded, sent.len() as u64);
    let (first, mut delays) = (&arrived[0].1, Vec::new());
    for ((at, packet), (since, n, payload)) in arrived.iter().zip(&sent) {
        assert_eq!(&packet.payload[..usize::from(packet.len)], payload.as_slice());
        assert_eq!(packet.sequence.wrapping_sub(first.sequence), *n);
        assert_eq!(packet.timestamp.wrapping_sub(first.timestamp), 960 * u32::from(*n));
        delays.push(at.saturating_duration_since(*since));
    }
    delays.sort();
    let (p50, p95) = (delays[delays.len() / 2], delays[delays.len() * 95 / 100]);
    println!("forwarded Opus, phone to SFU: p50 {p50:?}, p95 {p95:?}");
    assert!(
        p50 < Duration::from_millis(5),
        "sent at arrival, not at the tick: {delays:?}"
    );
    let levels: Vec<u8> = arrived.iter().skip(20).map(|(_, packet)| packet.level).collect();
    assert!(levels.iter().all(|level| (10..40).contains(level)), "{levels:?}");
}

#[test]
fn the_tone_of_a_pcma_phone_arrives_as_opus_alone_and_without_prompts() {
    let plane = plane(46_430..=46_439);
    let mut alice = Far::call(&plane, Call::new(Codec::Pcma, ALL[0]));
    let mut bob = Far::call(&plane, Call::new(Codec::G722, ALL[1]));
    let mut tracks = [Track::open(&plane, ROOM, ALL[2])];
    for far in [&alice, &bob] {
        plane.enter(far.leg, ROOM);
    }
    let mut clip = vec![0; 48_000 * 4];
    Tone::sine(ALL[3], 6000).fill(&mut clip, 48_000);
    plane.play(alice.leg, PlayId::next(), vec![clip.into()], Loudness::Normal);
    let (mut up, mut bobs) = (Up::open(&plane, alice.leg), Up::open(&plane, bob.leg));
    scene(
        &mut [&mut alice, &mut bob],
        &mut tracks,
        &mut [&mut up, &mut bobs],
        Duration::from_millis(1700),
    );
    assert_eq!(up.hears(&ALL), [ALL[0]]);
    assert_eq!(bobs.hears(&ALL), [ALL[1]]);
    assert_eq!(alice.hears(&ALL), [ALL[1], ALL[2], ALL[3]]);
    for up in [&up, &bobs] {
        assert!((75..=90).contains(&up.packets.len()), "{}", up.packets.len());
        assert!(up.packets[0].marker);
        assert!(
            up.packets
                .iter()
                .skip(20)
                .all(|packet| (10..40).contains(&packet.level))
        );
        up.is_unbroken();
    }
    let stats = wait(plane.stats(alice.leg)).unwrap();
    assert_eq!(stats.packets_forwarded, 0);
}

#[test]
fn what_is_silent_for_a_second_costs_neither_the_sfu_nor_its_listeners() {
    let plane = plane(46_410..=46_419);
    let mut alice = Far::call(
        &plane,
        Call {
            amplitude: 0,
            ..Call::new(Codec::Pcma, ALL[0])
        },
    );
    plane.enter(alice.leg, ROOM);
    let mut up = Up::open(&plane, alice.leg);
    scene(&mut [&mut alice], &mut [], &mut [&mut up], Duration::from_millis(1400));
    let count = up.packets.len();
    assert!((45..=55).contains(&count), "{count}");
    scene(&mut [&mut alice], &mut [], &mut [&mut up], Duration::from_millis(400));
    assert_eq!(up.packets.len(), count);
    alice.tone = Tone::sine(ALL[0], 6000);
    scene(&mut [&mut alice], &mut [], &mut [&mut up], Duration::from_millis(400));
    assert!(up.packets.len() > count + 15 && up.packets[count].marker);
    up.is_unbroken();
}

#[test]
fn a_muted_held_or_waiting_phone_sends_nothing_and_goes_on_where_it_was() {
    let plane = plane(46_440..=46_449);
    let mut alice = Far::call(&plane, Call::new(Codec::Opus, ALL[0]));
    let mut bob = Far::call(&plane, Call::new(Codec::Pcma, ALL[1]));
    let mut ups = [alice.leg, bob.leg].map(|leg| {
        plane.enter(leg, ROOM);
        Up::open(&plane, leg)
    });
    let mut run = |alice: &mut Far, bob: &mut Far, ms: u64| -> [usize; 2] {
        let before = ups.each_ref().map(|up| up.packets.len());
        let [a, b] = &mut ups;
        scene(&mut [alice, bob], &mut [], &mut [a, b], Duration::from_millis(ms));
        let mut after = ups.each_ref().map(|up| up.packets.len());
        after
            .iter_mut()
            .zip(before)
            .for_each(|(after, before)| *after -= before);
        after
    };
    assert!(run(&mut alice, &mut bob, 600).iter().all(|count| *count > 20));
    let stops: [(Order, Order); 3] = [
        (&|far| plane.mute(far.leg, true), &|far| plane.mute(far.leg, false)),
        (&|far| plane.leave(far.leg), &|far| plane.enter(far.leg, ROOM)),
        (&|far| drop(far.reoffer(&plane, "sendonly")), &|far| {
            drop(far.reoffer(&plane, "sendrecv"))
        }),
    ];
    for (stop, resume) in stops {
        stop(&alice);
        stop(&bob);
        // What was under way arrives.
        run(&mut alice, &mut bob, 60);
        assert_eq!(run(&mut alice, &mut bob, 400), [0, 0]);
        resume(&alice);
        resume(&bob);
        assert!(run(&mut alice, &mut bob, 400).iter().all(|count| *count > 12));
    }
    for up in &ups {
        up.is_unbroken();
        let markers: Vec<u32> = up
            .packets
            .windows(2)
            .filter(|pair| pair[1].marker)
            .map(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) / 960)
            .collect();
        assert_eq!(markers.len(), 3, "one talk spurt after each stop");
        assert!(markers.iter().all(|ticks| (18..=34).contains(ticks)), "{markers:?}");
    }
}

#[test]
fn five_tracks_are_decoded_once_for_twenty_phones_and_nobody_hears_himself() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let plane = metrics::with_local_recorder(&recorder, || {
        Plane::start(MediaConfig {
            max_speakers: 8,
            ..config(46_450..=46_499)
        })
        .unwrap()
    });
    let tones = [350.0, 450.0, 550.0, 650.0, 850.0, 1050.0, 1250.0];
    let mut tracks: Vec<Track> = tones[..5]
        .iter()
        .map(|hertz| Track::open(&plane, ROOM, *hertz))
        .collect();
    let mut speaking = [5, 6].map(|n| Far::call(&plane, Call::new(Codec::Pcma, tones[n])));
    let mut silent: Vec<Far> = (0..18)
        .map(|_| Far::call(&plane, Call::new(Codec::Pcma, 2000.0)))
        .collect();
    silent.iter_mut().for_each(|far| far.speaking = false);
    speaking
        .iter()
        .chain(&silent)
        .for_each(|far| plane.enter(far.leg, ROOM));
    let mut speakers = plane.watch_speakers();
    let decoded = || -> u64 {
        let all = recorder.handle().render();
        let line = all
            .lines()
            .find_map(|line| line.strip_prefix("landbridge_sfu_frames_decoded_total "));
        line.unwrap().parse().unwrap()
    };
    let mut all: Vec<&mut Far> = speaking.iter_mut().chain(&mut silent).collect();
    scene(&mut all, &mut tracks, &mut [], Duration::from_millis(500));
    let before = (Instant::now(), decoded());
    scene(&mut all, &mut tracks, &mut [], Duration::from_secs(2));
    let frames = (decoded() - before.1) as f64 / before.0.elapsed().as_secs_f64();
    println!("decoded of 5 tracks for 20 phones: {frames:.1} frames a second");
    // A busy machine feeds less; what counts is that no phone adds to it.
    assert!((100.0..=275.0).contains(&frames), "5 × 50, not 100 × 50: {frames}");
    let without = |own: f64| -> Vec<f64> { tones.iter().copied().filter(|hertz| *hertz != own).collect() };
    for (i, far) in all.iter().enumerate() {
        assert_eq!(
            far.hears(&tones),
            without(if i < 2 { tones[5 + i] } else { 0.0 }),
            "phone {i}"
        );
    }
    for track in &tracks {
        let stats = wait(plane.stats(track.leg)).unwrap();
        assert_eq!((stats.packets_sent, stats.bytes_sent), (0, 0), "a track hears nothing");
        assert!(stats.packets_received > 100);
    }
    let mut spoke = Vec::new();
    while let Ok((_, who)) = speakers.try_recv() {
        spoke = who;
    }
    assert!(tracks.iter().all(|track| spoke.contains(&track.leg)), "{spoke:?}");
}

#[test]
fn an_uplink_survives_the_way_to_another_room() {
    let plane = plane(46_580..=46_589);
    let mut alice = Far::call(&plane, Call::new(Codec::Opus, ALL[0]));
    let mut bob = Far::call(&plane, Call::new(Codec::Pcma, ALL[1]));
    let mut ups = [alice.leg, bob.leg].map(|leg| Up::open(&plane, leg));
    let mut count = 0;
    for room in 1..=4 {
        plane.enter(alice.leg, RoomKey(room));
        plane.enter(bob.leg, RoomKey(room));
        let [a, b] = &mut ups;
        scene(
            &mut [&mut alice, &mut bob],
            &mut [],
            &mut [a, b],
            Duration::from_millis(400),
        );
        assert!(ups.iter().all(|up| up.packets.len() > count + 10), "room {room}");
        count = ups.iter().map(|up| up.packets.len()).max().unwrap();
    }
    ups.iter().for_each(Up::is_unbroken);
    plane.close_uplink(alice.leg);
    plane.close(bob.leg);
    std::thread::sleep(Duration::from_millis(60));
    for up in &mut ups {
        while up.receiver.try_recv().is_ok() {}
        assert!(up.receiver.is_closed());
    }
}

#[test]
fn a_track_waits_for_its_far_end_switches_its_source_at_once_and_ends_when_closed() {
    let plane = Plane::start(MediaConfig {
        timeout: Duration::from_millis(300),
        ..config(46_590..=46_599)
    })
    .unwrap();
    let mut alice = Far::call(&plane, Call::new(Codec::Opus, ALL[0]));
    plane.enter(alice.leg, ROOM);
    let mut tracks = [Track::open(&plane, ROOM, ALL[1])];
    tracks[0].speaking = false;
    scene(&mut [&mut alice], &mut tracks, &mut [], Duration::from_millis(700));
    assert_eq!(alice.hears(&ALL), [] as [f64; 0]);
    assert!(!alice.told().contains(&Event::TimedOut));
    tracks[0].speaking = true;
    scene(&mut [&mut alice], &mut tracks, &mut [], Duration::from_millis(500));
    let before = wait(plane.stats(tracks[0].leg)).unwrap();
    tracks[0].ssrc ^= 1;
    tracks[0].sequence = 7;
    scene(&mut [&mut alice], &mut tracks, &mut [], Duration::from_millis(1000));
    let after = wait(plane.stats(tracks[0].leg)).unwrap();
    assert_eq!(after.remote_ssrc, Some(tracks[0].ssrc));
    assert!(
        after.packets_received - before.packets_received >= 49,
        "not one is lost to the switch"
    );
    assert_eq!(alice.hears(&ALL), [ALL[1]]);
    plane.close(tracks[0].leg);
    std::thread::sleep(Duration::from_millis(60));
    let silence = FromBrowser {
        arrived: Instant::now(),
        payload_type: 111,
        sequence: 0,
        timestamp: 0,
        marker: false,
        ssrc: 1,
        level: None,
        payload: Bytes::from_static(&[0xf8, 0xff, 0xfe]),
    };
    assert!(!tracks[0].sink.try_send(silence));
}
