// SPDX-License-Identifier: EUPL-1.2
//! One browser's connection: ICE, DTLS-SRTP and one Opus track each way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use bytes::Bytes;
use landbridge_codecs::Codec;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateType;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use tokio::sync::{Notify, mpsc, oneshot};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
};

use super::{Door, DoorConfig, Opened, PeerHandle};
use crate::media::sdp::description::MediaLine;
use crate::media::sdp::format::{self, FormatKind};
use crate::media::sdp::{Description, Session};
use crate::media::thread::{FromBrowser, ToBrowser};
use crate::media::words::{Event, Refusal};

pub(super) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// Host candidates need no network round trip.
const GATHERING: Duration = Duration::from_secs(2);

/// Opens a connection for an admitted offer.
pub(super) async fn open(offer: String, config: DoorConfig, door: Door) -> Result<Opened, Refusal> {
    let Door { from, to, events } = door;
    let wants_level = offer.contains(AUDIO_LEVEL);
    let timeout = config.timeout;
    let gathered = Arc::new(Notify::new());
    let watcher = Watcher {
        gathered: gathered.clone(),
        events: events.clone(),
        from,
        connected: AtomicBool::new(false),
        heard: AtomicBool::new(false),
        level_id: offered_level_id(&offer),
    };
    let watcher = Arc::new(watcher);
    let connection = build(&config, watcher.clone()).await.map_err(internal)?;
    let ssrc: u32 = rand::random();
    let track = Arc::new(TrackLocalStaticRTP::new(sound_track(ssrc)));
    let negotiated = negotiate(&connection, track.clone(), offer, &gathered).await;
    let answer = match negotiated {
        Ok(answer) => answer,
        Err(refusal) => {
            // The offer was refused already; a connection that does not close cleanly ends with its driver.
            let _ = connection.close().await;
            return Err(refusal);
        }
    };
    let session = match taken_line(&answer).and_then(|line| session(&line)) {
        Ok(session) => session,
        Err(refusal) => {
            let _ = connection.close().await;
            return Err(refusal);
        }
    };
    let sender = Sender {
        track,
        ssrc,
        payload_type: session.payload_type,
        level_id: wants_level.then(|| offered_level_id(&answer)).flatten(),
    };
    let (end, ended) = oneshot::channel();
    tokio::spawn(run(connection, sender, to, ended, watcher, timeout, config));
    Ok(Opened {
        answer: answer.into_bytes(),
        session,
        handle: PeerHandle { _end: end },
    })
}

pub(super) async fn build(
    config: &DoorConfig,
    watcher: Arc<dyn PeerConnectionEventHandler>,
) -> Result<Arc<dyn PeerConnection>, rtc::shared::error::Error> {
    let mut media = MediaEngine::default();
    // Exactly what we use: the default set answers with duplicate payload types.
    media.register_codec(
        RTCRtpCodecParameters {
            rtp_codec: opus(),
            payload_type: format::OPUS,
        },
        RtpCodecKind::Audio,
    )?;
    media.register_header_extension(
        RTCRtpHeaderExtensionCapability {
            uri: AUDIO_LEVEL.to_owned(),
        },
        RtpCodecKind::Audio,
        None,
    )?;
    let mut settings = SettingEngineBuilder::new()
        .with_ice_timeouts(
            Some(config.timeout.min(Duration::from_secs(5))),
            Some(config.timeout),
            Some(Duration::from_secs(2)),
        )
        .with_include_loopback_candidate(config.listen.iter().any(std::net::IpAddr::is_loopback))
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled);
    if let Some(public) = config.public_address {
        settings = settings.with_nat_1to1_ips(vec![public.to_string()], RTCIceCandidateType::Host);
    }
    let addresses: Vec<SocketAddr> = config
        .listen
        .iter()
        .map(|ip| SocketAddr::new(*ip, config.lease.port()))
        .collect();
    let connection = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(media)
        .with_setting_engine(settings.build())
        .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
        .with_handler(watcher)
        .with_udp_addrs(addresses)
        .build()
        .await?;
    Ok(Arc::new(connection))
}

async fn negotiate(
    connection: &Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    offer: String,
    gathered: &Notify,
) -> Result<String, Refusal> {
    let offer = RTCSessionDescription::offer(offer).map_err(bad_sdp)?;
    connection
        .add_track(track as Arc<dyn TrackLocal>)
        .await
        .map_err(internal)?;
    connection.set_remote_description(offer).await.map_err(bad_sdp)?;
    let answer = connection.create_answer(None).await.map_err(bad_sdp)?;
    connection.set_local_description(answer).await.map_err(bad_sdp)?;
    // What was gathered by then is what the answer holds.
    let _ = tokio::time::timeout(GATHERING, gathered.notified()).await;
    let answer = connection
        .local_description()
        .await
        .ok_or_else(|| Refusal::Internal("no local description".to_owned()))?;
    Ok(answer.sdp)
}

/// Carries sound to the browser until either side ends.
async fn run(
    connection: Arc<dyn PeerConnection>,
    sender: Sender,
    mut to: mpsc::Receiver<ToBrowser>,
    mut ended: oneshot::Receiver<()>,
    watcher: Arc<Watcher>,
    timeout: Duration,
    config: DoorConfig,
) {
    let deadline = tokio::time::sleep(timeout);
    tokio::pin!(deadline);
    let mut waiting = true;
    loop {
        tokio::select! {
            _ = &mut ended => break,
            _ = &mut deadline, if waiting => {
                waiting = false;
                if !watcher.connected.load(Ordering::Relaxed) {
                    watcher.tell(Event::Failed("the browser's transport did not come up in time".to_owned()));
                }
            }
            packet = to.recv() => match packet {
                Some(packet) => sender.send(packet).await,
                None => break,
            },
        }
    }
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "browser connection did not close cleanly");
    }
    // The port drains from here on.
    drop(config);
}

/// Writes what one browser hears.
pub(super) struct Sender {
    pub(super) track: Arc<TrackLocalStaticRTP>,
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) level_id: Option<u8>,
}

impl Sender {
    pub(super) async fn send(&self, packet: ToBrowser) {
        let Some(payload) = packet.payload.get(..usize::from(packet.len)) else {
            return;
        };
        let mut header = rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: self.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        if let Some(id) = self.level_id {
            // RFC 6464 §3: a voice flag and seven bits of level. An id out of range only costs the level.
            let voice = u8::from(packet.level <= 50) << 7;
            let _ = header.set_extension(id, Bytes::copy_from_slice(&[voice | packet.level]));
        }
        // Before the transport is up, and after it is gone, sound has nowhere to go.
        let _ = self
            .track
            .write_rtp(rtp::Packet {
                header,
                payload: Bytes::copy_from_slice(payload),
            })
            .await;
    }
}

/// Hears what the connection has to say; never waits.
struct Watcher {
    gathered: Arc<Notify>,
    events: mpsc::Sender<Event>,
    from: SyncSender<FromBrowser>,
    connected: AtomicBool,
    /// One track is one person; further tracks are not heard.
    heard: AtomicBool,
    level_id: Option<u8>,
}

impl Watcher {
    fn tell(&self, event: Event) {
        // A reader that lags this far behind has lost interest.
        let _ = self.events.try_send(event);
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Watcher {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected if !self.connected.swap(true, Ordering::Relaxed) => {
                self.tell(Event::Connected)
            }
            RTCPeerConnectionState::Failed if self.connected.load(Ordering::Relaxed) => self.tell(Event::TimedOut),
            RTCPeerConnectionState::Failed => self.tell(Event::Failed("ICE or DTLS failed".to_owned())),
            RTCPeerConnectionState::Closed => self.tell(Event::Failed("the browser closed the connection".to_owned())),
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        if track.kind().await != RtpCodecKind::Audio || self.heard.swap(true, Ordering::Relaxed) {
            return;
        }
        let (from, level_id) = (self.from.clone(), self.level_id);
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else {
                    continue;
                };
                let level = level_id
                    .and_then(|id| packet.header.get_extension(id))
                    .and_then(|bytes| bytes.first().copied());
                let packet = FromBrowser {
                    arrived: Instant::now(),
                    payload_type: packet.header.payload_type,
                    sequence: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    marker: packet.header.marker,
                    ssrc: packet.header.ssrc,
                    level: level.map(|byte| byte & 0x7f),
                    payload: packet.payload,
                };
                // A leg that does not keep up loses sound; a leg that is gone ends this task.
                if let Err(std::sync::mpsc::TrySendError::Disconnected(_)) = from.try_send(packet) {
                    break;
                }
            }
        });
    }
}

pub(super) fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// Says that a track of ours is one Opus stream.
pub(super) fn encoding(ssrc: u32) -> RTCRtpEncodingParameters {
    let coding = RTCRtpCodingParameters {
        ssrc: Some(ssrc),
        ..Default::default()
    };
    RTCRtpEncodingParameters {
        rtp_coding_parameters: coding,
        codec: opus(),
        ..Default::default()
    }
}

pub(super) fn sound_track(ssrc: u32) -> MediaStreamTrack {
    MediaStreamTrack::new(
        "landbridge".into(),
        "room".into(),
        "room".into(),
        RtpCodecKind::Audio,
        vec![encoding(ssrc)],
    )
}

/// Finds the negotiated id of the audio level extension.
pub(super) fn offered_level_id(sdp: &str) -> Option<u8> {
    sdp.lines().find_map(|line| {
        let (id, uri) = line.trim_end().strip_prefix("a=extmap:")?.split_once(' ')?;
        let matches = uri.split_ascii_whitespace().next() == Some(AUDIO_LEVEL);
        matches.then(|| id.split('/').next()?.parse().ok()).flatten()
    })
}

fn taken_line(answer: &str) -> Result<MediaLine, Refusal> {
    let description = Description::parse(answer.as_bytes())?;
    description
        .media
        .into_iter()
        .find(|line| line.kind == "audio" && line.port != 0)
        .ok_or(Refusal::NoCommonCodec)
}

/// Says to the media thread what was negotiated; addresses and keys stay behind the door.
fn session(line: &MediaLine) -> Result<Session, Refusal> {
    let opus = line
        .formats
        .iter()
        .find(|f| f.kind == FormatKind::Audio(Codec::Opus))
        .ok_or(Refusal::NoCommonCodec)?;
    Ok(Session {
        codec: Codec::Opus,
        payload_type: opus.payload_type,
        receive: vec![(opus.payload_type, Codec::Opus)],
        digits: Vec::new(),
        send_digits: None,
        comfort_noise: Vec::new(),
        ptime_ms: 20,
        remote_rtp: None,
        remote_rtcp: None,
        rtcp_mux: true,
        direction: line.direction,
        held: false,
        keys: None,
    })
}

pub(super) fn bad_sdp(error: rtc::shared::error::Error) -> Refusal {
    Refusal::BadSdp(error.to_string())
}

pub(super) fn internal(error: rtc::shared::error::Error) -> Refusal {
    Refusal::Internal(error.to_string())
}
