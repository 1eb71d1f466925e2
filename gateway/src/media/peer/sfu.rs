// SPDX-License-Identifier: EUPL-1.2
//! One connection with an SFU: our sound out, tracks in, data both ways. Offers and answers come and go as often as the
//! SFU likes, candidates trickle (RFC 8838), and ICE can be restarted.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::data_channel::RTCDataChannelInit;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::configuration::{RTCConfigurationBuilder, RTCOfferOptions};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::{RTCIceCandidateInit, RTCIceCandidateType};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionIceEvent,
    RTCPeerConnectionState,
};
use webrtc::rtp_transceiver::RtpSender;

use super::connection::{AUDIO_LEVEL, Sender, bad_sdp, encoding, internal, offered_level_id, opus};
use super::runtime::FromHere;
use super::{DoorConfig, engine_servers, inactive};
use crate::media::sdp::format;
use crate::media::thread::{FromBrowser, ToBrowser, TrackSink};
use crate::media::words::{IceServer, Refusal};

/// Without a packet for this long the way is lost.
const LOST: Duration = Duration::from_secs(4);
/// A way that was lost this long does not come back by itself.
const FAILED: Duration = Duration::from_secs(8);
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// A pair of candidates is checked that often before it is given up, five times a second.
const CHECKS: u16 = 60;
/// A way over a relay is taken only when no other was found by then.
const RELAY: Duration = Duration::from_millis(500);
/// Packets of a track that nobody takes are mentioned once in so many [packets].
const UNHEARD: u32 = 10;
/// No level extension was negotiated.
const NO_LEVEL: u8 = 0;

/// What a connection has to say.
pub(crate) enum SfuEvent {
    /// A candidate of ours, as `RTCIceCandidateInit` in JSON.
    Candidate(String),
    /// ICE and DTLS are up.
    Up,
    /// Nothing came for four seconds.
    Lost,
    /// The way does not come back by itself.
    Failed,
    /// A remote track sends packets that nobody takes.
    Track(SfuTrack),
    /// A message on a data channel.
    Data(Bytes),
}

/// One connection with an SFU; dropping it closes it.
pub(crate) struct SfuLink {
    connection: Arc<dyn PeerConnection>,
    level_id: Arc<AtomicU8>,
    up: Arc<AtomicBool>,
    reliable: Option<Arc<dyn DataChannel>>,
    told: mpsc::Sender<SfuEvent>,
    sound: Option<Sound>,
    config: Option<DoorConfig>,
}

struct Sound {
    sender: Arc<dyn RtpSender>,
    pump: JoinHandle<()>,
}

/// A remote track; its packets go nowhere until it is routed.
#[derive(Clone)]
pub(crate) struct SfuTrack {
    /// The track's id in the SFU's description.
    pub(crate) id: String,
    sink: Arc<Mutex<Option<TrackSink>>>,
}

impl SfuLink {
    /// Opens a connection, with TCP (RFC 6544) besides UDP when asked to; nothing is sent before an offer or answer.
    pub(crate) async fn open(
        config: DoorConfig,
        ice: &[IceServer],
        tcp: bool,
        told: mpsc::Sender<SfuEvent>,
    ) -> Result<SfuLink, Refusal> {
        let level_id = Arc::new(AtomicU8::new(NO_LEVEL));
        let up = Arc::new(AtomicBool::new(false));
        let watcher = Watcher {
            told: told.clone(),
            level_id: level_id.clone(),
            up: up.clone(),
        };
        let connection = match build(&config, ice, tcp, watcher.clone()).await {
            // A relay that makes no sense must not keep us from the ways that need none.
            Err(error) if !ice.is_empty() => {
                tracing::debug!(%error, "connecting with an SFU without its TURN servers");
                build(&config, &[], tcp, watcher).await
            }
            built => built,
        };
        let connection = connection.map_err(internal)?;
        Ok(SfuLink {
            connection,
            level_id,
            up,
            reliable: None,
            told,
            sound: None,
            config: Some(config),
        })
    }

    /// Opens our own data channels, to be offered. The lossy one is not used, but an SFU may wait for both.
    pub(crate) async fn open_data(&mut self) -> Result<(), Refusal> {
        let lossy = RTCDataChannelInit {
            ordered: false,
            max_retransmits: Some(0),
            ..Default::default()
        };
        for (label, options) in [("_reliable", None), ("_lossy", Some(lossy))] {
            let reliable = options.is_none();
            let channel = self
                .connection
                .create_data_channel(label, options)
                .await
                .map_err(internal)?;
            tokio::spawn(read_data(channel.clone(), self.told.clone()));
            if reliable {
                self.reliable = Some(channel);
            }
        }
        Ok(())
    }

    /// Sends a message, where there is a way to.
    pub(crate) async fn send_data(&self, message: &[u8]) {
        if let Some(channel) = &self.reliable {
            // Before the channel is open, and after it is gone, keys have nowhere to go.
            let _ = channel.send(BytesMut::from(message)).await;
        }
    }

    /// Adds our sound as a track named `cid`, in place of an earlier one; to be offered.
    pub(crate) async fn publish(&mut self, cid: &str, sound: mpsc::Receiver<ToBrowser>) -> Result<(), Refusal> {
        self.unpublish().await;
        let ssrc: u32 = rand::random();
        let track = MediaStreamTrack::new(
            "landbridge".into(),
            cid.into(),
            cid.into(),
            RtpCodecKind::Audio,
            vec![encoding(ssrc)],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let sender = self
            .connection
            .add_track(track.clone() as Arc<dyn TrackLocal>)
            .await
            .map_err(internal)?;
        let sending = Sender {
            track,
            ssrc,
            payload_type: format::OPUS,
            level_id: None,
        };
        let pump = tokio::spawn(pump(sending, sound, self.level_id.clone(), self.up.clone()));
        self.sound = Some(Sound { sender, pump });
        Ok(())
    }

    /// Takes our sound away.
    pub(crate) async fn unpublish(&mut self) {
        if let Some(sound) = self.sound.take() {
            sound.pump.abort();
            // A sender that is gone already is what we want.
            let _ = self.connection.remove_track(&sound.sender).await;
        }
    }

    /// Makes room for that many more remote tracks; to be offered.
    pub(crate) async fn listen(&self, tracks: usize) -> Result<(), Refusal> {
        for _ in 0..tracks {
            let init = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Recvonly,
                streams: Vec::new(),
                send_encodings: Vec::new(),
            };
            self.connection
                .add_transceiver_from_kind(RtpCodecKind::Audio, Some(init))
                .await
                .map_err(internal)?;
        }
        Ok(())
    }

    /// Makes an offer, with new ICE credentials when asked to.
    pub(crate) async fn offer(&self, restart: bool) -> Result<String, Refusal> {
        let options = restart.then_some(RTCOfferOptions { ice_restart: true });
        let offer = self.connection.create_offer(options).await.map_err(internal)?;
        let sdp = offer.sdp.clone();
        self.connection.set_local_description(offer).await.map_err(internal)?;
        Ok(self.with_candidates(sdp).await)
    }

    /// Takes the answer to our offer.
    pub(crate) async fn accept(&self, answer: &str) -> Result<(), Refusal> {
        self.learn_level(answer);
        let answer = RTCSessionDescription::answer(answer.to_owned()).map_err(bad_sdp)?;
        self.connection.set_remote_description(answer).await.map_err(bad_sdp)
    }

    /// Answers the SFU's offer.
    pub(crate) async fn answer(&self, offer: &str) -> Result<String, Refusal> {
        self.learn_level(offer);
        let idle = inactive::sections(offer);
        let offer = RTCSessionDescription::offer(inactive::hidden(offer)).map_err(bad_sdp)?;
        self.connection.set_remote_description(offer).await.map_err(bad_sdp)?;
        let answer = self.connection.create_answer(None).await.map_err(bad_sdp)?;
        let sdp = answer.sdp.clone();
        self.connection.set_local_description(answer).await.map_err(bad_sdp)?;
        Ok(inactive::shown(&self.with_candidates(sdp).await, &idle))
    }

    /// Returns our description with the candidates known by now; after an ICE restart they are told this way alone.
    async fn with_candidates(&self, without: String) -> String {
        self.connection
            .local_description()
            .await
            .map_or(without, |description| description.sdp)
    }

    /// Takes one of the SFU's candidates; one that makes no sense is ignored.
    pub(crate) async fn add_candidate(&self, json: &str) {
        match serde_json::from_str::<RTCIceCandidateInit>(json) {
            Ok(candidate) => {
                if let Err(error) = self.connection.add_ice_candidate(candidate).await {
                    tracing::debug!(%error, "candidate of an SFU not taken");
                }
            }
            Err(error) => tracing::debug!(%error, "candidate of an SFU not understood"),
        }
    }

    fn learn_level(&self, sdp: &str) {
        self.level_id
            .store(offered_level_id(sdp).unwrap_or(NO_LEVEL), Ordering::Relaxed);
    }
}

impl Drop for SfuLink {
    fn drop(&mut self) {
        if let Some(sound) = self.sound.take() {
            sound.pump.abort();
        }
        let (connection, config) = (self.connection.clone(), self.config.take());
        // Closing says good-bye to the far end; without a runtime there is nobody left to hear it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = connection.close().await {
                    tracing::debug!(%error, "connection with an SFU did not close cleanly");
                }
                // What comes late is encrypted with keys that nobody has any more: the port need not drain.
                if let Some(config) = config {
                    config.lease.discard();
                }
            });
        }
    }
}

impl SfuTrack {
    /// Sends the track's packets from now on there, or nowhere.
    pub(crate) fn route(&self, sink: Option<TrackSink>) {
        *self.sink.lock().unwrap_or_else(PoisonError::into_inner) = sink;
    }

    /// Hands a packet on; returns whether anybody takes them.
    fn pass(&self, packet: FromBrowser) -> bool {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink.as_ref().is_some_and(|sink| sink.try_send(packet))
    }
}

/// Reads a remote track until it ends; while nobody takes its packets, says now and then that they are there.
async fn read_track(
    remote: Arc<dyn TrackRemote>,
    track: SfuTrack,
    level_id: Arc<AtomicU8>,
    told: mpsc::Sender<SfuEvent>,
) {
    let mut unheard = 0u32;
    while let Some(event) = remote.poll().await {
        let packet = match event {
            TrackRemoteEvent::OnRtpPacket(packet) => packet,
            TrackRemoteEvent::OnEnded => break,
            _ => continue,
        };
        if packet.payload.is_empty() {
            // Padding that probes the bandwidth.
            continue;
        }
        let id = level_id.load(Ordering::Relaxed);
        let level = (id != NO_LEVEL)
            .then(|| packet.header.get_extension(id))
            .flatten()
            .and_then(|bytes| bytes.first().copied());
        let packet = FromBrowser {
            arrived: Instant::now(),
            payload_type: format::OPUS,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            ssrc: packet.header.ssrc,
            level: level.map(|byte| byte & 0x7f),
            payload: packet.payload,
        };
        if track.pass(packet) {
            unheard = 0;
            continue;
        }
        if unheard.is_multiple_of(UNHEARD) {
            // A session that lags this far behind is told again.
            let _ = told.try_send(SfuEvent::Track(track.clone()));
        }
        unheard = unheard.wrapping_add(1);
    }
}

/// Carries sound to the SFU until the leg has no more.
async fn pump(mut sender: Sender, mut sound: mpsc::Receiver<ToBrowser>, level_id: Arc<AtomicU8>, up: Arc<AtomicBool>) {
    while let Some(packet) = sound.recv().await {
        if !up.load(Ordering::Relaxed) {
            continue;
        }
        let id = level_id.load(Ordering::Relaxed);
        sender.level_id = (id != NO_LEVEL).then_some(id);
        sender.send(packet).await;
    }
}

async fn read_data(channel: Arc<dyn DataChannel>, told: mpsc::Sender<SfuEvent>) {
    while let Some(event) = channel.poll().await {
        if let DataChannelEvent::OnMessage(message) = event {
            // Waiting here makes SCTP slow the far end down.
            if told.send(SfuEvent::Data(message.data.freeze())).await.is_err() {
                break;
            }
        }
    }
}

async fn build(
    config: &DoorConfig,
    ice: &[IceServer],
    tcp: bool,
    watcher: Watcher,
) -> Result<Arc<dyn PeerConnection>, rtc::shared::error::Error> {
    let mut media = MediaEngine::default();
    let codec = RTCRtpCodecParameters {
        rtp_codec: opus(),
        payload_type: format::OPUS,
    };
    media.register_codec(codec, RtpCodecKind::Audio)?;
    let level = RTCRtpHeaderExtensionCapability {
        uri: AUDIO_LEVEL.to_owned(),
    };
    media.register_header_extension(level, RtpCodecKind::Audio, None)?;
    let mut settings = SettingEngineBuilder::new()
        .with_ice_timeouts(Some(LOST), Some(FAILED), Some(KEEP_ALIVE))
        // A way that is blocked now may be free in a moment.
        .with_ice_connection_attempts(None, Some(CHECKS))
        // The SFU is the only far end there is: its first way that works is taken, whichever side finds it.
        .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_srflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_relay_acceptance_min_wait(Some(RELAY))
        .with_include_loopback_candidate(config.listen.iter().any(IpAddr::is_loopback))
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled);
    if let Some(public) = config.public_address {
        settings = settings.with_nat_1to1_ips(vec![public.to_string()], RTCIceCandidateType::Host);
    }
    let (servers, addresses) = (engine_servers(ice), config.addresses());
    let connection = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().with_ice_servers(servers).build())
        .with_media_engine(media)
        .with_setting_engine(settings.build())
        .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
        .with_handler(Arc::new(watcher))
        .with_runtime(Arc::new(FromHere(config.listen.clone())))
        .with_tcp_addrs(if tcp { addresses.clone() } else { Vec::new() })
        .with_udp_addrs(addresses)
        .build()
        .await?;
    Ok(Arc::new(connection))
}

/// Hears what the connection has to say; never waits.
#[derive(Clone)]
struct Watcher {
    told: mpsc::Sender<SfuEvent>,
    level_id: Arc<AtomicU8>,
    up: Arc<AtomicBool>,
}

impl Watcher {
    fn tell(&self, event: SfuEvent) {
        // A session that lags this far behind starts anew anyway.
        let _ = self.told.try_send(event);
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Watcher {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(candidate) = event.candidate.to_json()
            && let Ok(json) = serde_json::to_string(&candidate)
        {
            self.tell(SfuEvent::Candidate(json));
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            self.up.store(true, Ordering::Relaxed);
        }
        match state {
            RTCPeerConnectionState::Connected => self.tell(SfuEvent::Up),
            RTCPeerConnectionState::Disconnected => self.tell(SfuEvent::Lost),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => self.tell(SfuEvent::Failed),
            _ => {}
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        tokio::spawn(read_data(channel, self.told.clone()));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        if track.kind().await != RtpCodecKind::Audio {
            return;
        }
        let sfu_track = SfuTrack {
            id: track.track_id().await.to_string(),
            sink: Arc::default(),
        };
        tokio::spawn(read_track(track, sfu_track, self.level_id.clone(), self.told.clone()));
    }
}
