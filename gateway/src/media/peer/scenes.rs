// SPDX-License-Identifier: EUPL-1.2
//! A browser made of the same engine meets a phone on a real plane.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use landbridge_codecs::tone::{Tone, spectrum};
use landbridge_codecs::{Codec, Encoder, EncoderOptions, Frame, MAX_PAYLOAD, Playout, PlayoutOptions, RtpPayload};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::Notify;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionEventHandler, RTCIceGatheringState, RTCSessionDescription,
};

use super::connection::{AUDIO_LEVEL, build, sound_track};
use super::{DoorConfig, Event};
use crate::call::LegId;
use crate::media::ports::Ports;
use crate::media::scenes::far::{Call, Far, plane};
use crate::media::{LegEvents, Plane, RoomKey};

struct Browser {
    leg: LegId,
    events: LegEvents,
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    arrived: Receiver<rtp::Packet>,
    tone: Tone,
    encoder: Encoder,
    playout: Playout,
    sequence: u16,
    heard: Vec<i16>,
    level_id: u8,
    levels: Vec<u8>,
    level: u8,
}

struct Ears {
    gathered: Arc<Notify>,
    arrived: SyncSender<rtp::Packet>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Ears {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let arrived = self.arrived.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = arrived.try_send(packet);
                }
            }
        });
    }
}

impl Browser {
    async fn join(plane: &Plane, ports: &Ports, hertz: f64) -> Browser {
        let (gathered, (sender, arrived)) = (Arc::new(Notify::new()), sync_channel(256));
        let config = DoorConfig {
            listen: vec!["127.0.0.1".parse().unwrap()],
            public_address: None,
            lease: ports.reserve(&["127.0.0.1".parse().unwrap()]).unwrap(),
            timeout: Duration::from_secs(5),
        };
        let connection = build(
            &config,
            Arc::new(Ears {
                gathered: gathered.clone(),
                arrived: sender,
            }),
        )
        .await
        .unwrap();
        std::mem::forget(config.lease);
        let track = Arc::new(TrackLocalStaticRTP::new(sound_track(4711)));
        connection
            .add_track(track.clone() as Arc<dyn TrackLocal>)
            .await
            .unwrap();
        let offer = connection.create_offer(None).await.unwrap();
        connection.set_local_description(offer).await.unwrap();
        gathered.notified().await;
        let offer = connection.local_description().await.unwrap().sdp;
        let leg = LegId::next();
        let (answer, events) = plane.answer_browser(leg, offer.as_bytes()).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.contains("a=candidate:") && answer.contains("127.0.0.1 46"),
            "{answer}"
        );
        assert!(answer.contains(AUDIO_LEVEL), "{answer}");
        let level_id = super::connection::offered_level_id(&answer).unwrap();
        connection
            .set_remote_description(RTCSessionDescription::answer(answer).unwrap())
            .await
            .unwrap();
        Browser {
            leg,
            events,
            connection,
            track,
            arrived,
            tone: Tone::sine(hertz, 6000),
            encoder: Encoder::new(Codec::Opus, &EncoderOptions::default()).unwrap(),
            playout: Playout::new(Codec::Opus, PlayoutOptions::default()).unwrap(),
            sequence: 0,
            heard: Vec::new(),
            level_id,
            levels: Vec::new(),
            level: 20,
        }
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        while let Ok(packet) = self.arrived.try_recv() {
            self.levels.extend(
                packet
                    .header
                    .get_extension(self.level_id)
                    .and_then(|level| level.first().copied()),
            );
            let header = &packet.header;
            self.playout.insert(
                now,
                RtpPayload {
                    sequence: header.sequence_number,
                    timestamp: header.timestamp,
                    marker: header.marker,
                    payload: &packet.payload,
                },
            );
        }
        let mut frame = Frame::SILENCE;
        self.playout.pull(now, &mut frame);
        self.heard.extend(frame.0);
        let mut payload = [0; MAX_PAYLOAD];
        let len = self.encoder.encode(&self.tone.next_frame(), &mut payload);
        let mut header = rtp::Header {
            version: 2,
            payload_type: 111,
            sequence_number: self.sequence,
            timestamp: 960 * u32::from(self.sequence),
            ssrc: 4711,
            ..Default::default()
        };
        header
            .set_extension(self.level_id, Bytes::copy_from_slice(&[self.level]))
            .unwrap();
        self.sequence += 1;
        let _ = self
            .track
            .write_rtp(rtp::Packet {
                header,
                payload: Bytes::copy_from_slice(&payload[..len]),
            })
            .await;
    }

    fn hears(&self, candidates: &[f64]) -> Vec<f64> {
        spectrum::heard(
            &self.heard[self.heard.len().saturating_sub(48_000)..],
            48_000,
            candidates,
        )
    }

    fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

async fn live(browsers: &mut [&mut Browser], phone: &mut Far, ticks: u32) {
    let mut next = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..ticks {
        next.tick().await;
        for browser in browsers.iter_mut() {
            browser.tick().await;
        }
        phone.tick(Instant::now());
    }
}

const TONES: [f64; 3] = [450.0, 650.0, 850.0];

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
