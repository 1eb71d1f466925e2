// SPDX-License-Identifier: EUPL-1.2
//! Far ends made of the same engine meet a phone on a real plane.
//!
//! - `borders`: what they say crosses a border as it came, from the first loud packet on.
//! - `browsers`: they come with an offer and stay as they are.
//! - `calls`: they are called too, hold, restart, press keys and lie.
#![allow(clippy::unwrap_used)]

mod borders;
mod browsers;
mod calls;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use landbridge_codecs::tone::{Tone, spectrum};
use landbridge_codecs::{Codec, Encoder, EncoderOptions, Frame, MAX_PAYLOAD, Playout, PlayoutOptions, RtpPayload};
use rtc::rtp;
use tokio::sync::Notify;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionEventHandler, RTCIceGatheringState, RTCSessionDescription,
};

use super::connection::{AUDIO_LEVEL, Wish, build, sound_track};
use super::{DoorConfig, Event};
use crate::call::LegId;
use crate::media::ports::Ports;
use crate::media::scenes::far::Far;
use crate::media::{LegEvents, PeerTerms, Plane};

/// A browser or another client.
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

/// The far end's engine, before it knows whom it meets.
struct Engine {
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    arrived: Receiver<rtp::Packet>,
    gathered: Arc<Notify>,
}

impl Engine {
    async fn new(ports: &Ports) -> Engine {
        let (gathered, (sender, arrived)) = (Arc::new(Notify::new()), sync_channel(256));
        let config = DoorConfig {
            listen: vec!["127.0.0.1".parse().unwrap()],
            reach: super::Reach::new(&["127.0.0.1".parse().unwrap()], None, 1..=2),
            public_address: None,
            lease: ports.reserve(&["127.0.0.1".parse().unwrap()]).unwrap(),
            timeout: Duration::from_secs(5),
        };
        let wish = Wish {
            digits: true,
            ..Wish::default()
        };
        let ears = Ears {
            gathered: gathered.clone(),
            arrived: sender,
        };
        let connection = build(&config, &wish, Arc::new(ears)).await.unwrap();
        std::mem::forget(config.lease);
        let track = Arc::new(TrackLocalStaticRTP::new(sound_track(4711)));
        connection
            .add_track(track.clone() as Arc<dyn TrackLocal>)
            .await
            .unwrap();
        Engine {
            connection,
            track,
            arrived,
            gathered,
        }
    }

    async fn offer(&self) -> String {
        let offer = self.connection.create_offer(None).await.unwrap();
        self.connection.set_local_description(offer).await.unwrap();
        self.gathered.notified().await;
        self.connection.local_description().await.unwrap().sdp
    }

    async fn answer(&self, offer: Vec<u8>) -> String {
        let offer = RTCSessionDescription::offer(String::from_utf8(offer).unwrap()).unwrap();
        self.connection.set_remote_description(offer).await.unwrap();
        let answer = self.connection.create_answer(None).await.unwrap();
        self.connection.set_local_description(answer).await.unwrap();
        self.gathered.notified().await;
        self.connection.local_description().await.unwrap().sdp
    }

    async fn take(&self, answer: Vec<u8>) {
        let answer = RTCSessionDescription::answer(String::from_utf8(answer).unwrap()).unwrap();
        self.connection.set_remote_description(answer).await.unwrap();
    }

    fn met(self, leg: LegId, events: LegEvents, hertz: f64, level_id: u8) -> Browser {
        Browser {
            leg,
            events,
            connection: self.connection,
            track: self.track,
            arrived: self.arrived,
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
}

impl Browser {
    async fn join(plane: &Plane, ports: &Ports, hertz: f64) -> Browser {
        let engine = Engine::new(ports).await;
        let offer = engine.offer().await;
        let leg = LegId::next();
        let (answer, events) = plane.answer_browser(leg, offer.as_bytes()).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.contains("a=candidate:") && answer.contains("127.0.0.1 46"),
            "{answer}"
        );
        assert!(answer.contains(AUDIO_LEVEL), "{answer}");
        let level_id = super::connection::offered_level_id(&answer).unwrap();
        engine.take(answer.into_bytes()).await;
        engine.met(leg, events, hertz, level_id)
    }

    /// Calls with keys and video on offer.
    async fn call(plane: &Plane, ports: &Ports, hertz: f64) -> Browser {
        let engine = Engine::new(ports).await;
        let offer = engine.offer().await;
        let leg = LegId::next();
        let (answer, events) = plane
            .answer_peer(leg, offer.as_bytes(), &PeerTerms::default())
            .await
            .unwrap();
        engine.take(answer).await;
        engine.met(leg, events, hertz, 1)
    }

    /// Is called, and answers.
    async fn pick_up(plane: &Plane, ports: &Ports, hertz: f64) -> Browser {
        let leg = LegId::next();
        let (offer, events) = plane.offer_peer(leg, &PeerTerms::default()).await.unwrap();
        let engine = Engine::new(ports).await;
        let answer = engine.answer(offer).await;
        plane.accept_peer(leg, answer.as_bytes()).await.unwrap();
        engine.met(leg, events, hertz, 1)
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

    fn forget(&mut self) {
        self.heard.clear();
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
