// SPDX-License-Identifier: EUPL-1.2
//! One connection of the engine: ICE and DTLS-SRTP on one port, one track of sound each way.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_TELEPHONE_EVENT, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::transport::{RTCDtlsRole, RTCIceCandidate, RTCIceCandidateType};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use tokio::sync::{Notify, mpsc};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState,
    RTCPeerConnectionState,
};
use webrtc::runtime::Runtime;

use super::keys::{Exported, Listening};
use super::runtime::FromHere;
use super::sockets::{Shared, Sockets};
use super::{DoorConfig, engine_servers};
use crate::media::sdp::format;
use crate::media::thread::{Found, FromBrowser, ToBrowser};
use crate::media::words::{Event, IceServer, Refusal};

pub(super) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// Payload types of RFC 4733 events in our own offers, and their clock rates [Hz].
pub(super) const EVENTS: [(u8, u32); 2] = [(format::EVENTS_48000, 48_000), (format::EVENTS_8000, 8000)];
/// What we can seal and open, best first.
const PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];
/// How often a pair of candidates is checked, and how many times: three seconds, and with twenty candidates of a peer
/// that lies 600 small packets. A peer that asks is answered at any time.
const CHECK_EVERY: Duration = Duration::from_millis(100);
const CHECKS: u16 = 30;
/// A way over a relay is taken only when no other was found by then.
const RELAY: Duration = Duration::from_millis(500);
/// No number was negotiated.
pub(super) const NONE: u8 = 0;

/// What a connection is to be.
#[derive(Default)]
pub(super) struct Wish<'a> {
    pub(super) ice: &'a [IceServer],
    /// RFC 4733 events are spoken.
    pub(super) digits: bool,
    /// Our answer makes us the DTLS server.
    pub(super) server: bool,
    /// A media thread reads the sockets, and gets the keys.
    pub(super) shared: Option<(Arc<Sockets>, Exported)>,
}

/// What was negotiated for the packets; changes with each offer and answer.
pub(super) struct Numbers {
    /// Payload type of the sound that we send.
    pub(super) opus: AtomicU8,
    /// Id of the RFC 6464 level, or [`NONE`].
    pub(super) level: Arc<AtomicU8>,
    /// We are the DTLS client.
    pub(super) client: AtomicBool,
}

/// Opens a connection; nothing is sent before there is a description.
pub(super) async fn build(
    config: &DoorConfig,
    wish: &Wish<'_>,
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
    for (payload_type, rate) in EVENTS.into_iter().filter(|_| wish.digits) {
        media.register_codec(
            RTCRtpCodecParameters {
                rtp_codec: events(rate),
                payload_type,
            },
            RtpCodecKind::Audio,
        )?;
    }
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
    if wish.shared.is_some() {
        settings = settings
            .with_ice_connection_attempts(Some(CHECK_EVERY), Some(CHECKS))
            // A peer is one far end: its first way that works is taken.
            .with_srflx_acceptance_min_wait(Some(Duration::ZERO))
            .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
            .with_relay_acceptance_min_wait(Some(RELAY));
    }
    if wish.server {
        settings = settings.with_answering_dtls_role(RTCDtlsRole::Server);
    }
    let here = FromHere(config.listen.clone());
    let runtime: Arc<dyn Runtime> = match &wish.shared {
        Some((sockets, exported)) => {
            settings = settings
                .with_crypto_provider(Arc::new(Listening::new(exported.clone())))
                .with_srtp_protection_profiles(PROFILES.to_vec());
            Arc::new(Shared {
                inner: here,
                sockets: sockets.clone(),
            })
        }
        None => Arc::new(here),
    };
    let (servers, addresses) = (engine_servers(wish.ice), config.addresses());
    let connection = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().with_ice_servers(servers).build())
        .with_media_engine(media)
        .with_setting_engine(settings.build())
        .with_interceptor_registry(match wish.shared {
            // The leg reports by itself.
            Some(_) => Registry::new(),
            None => configure_rtcp_reports(Registry::new()),
        })
        .with_handler(watcher)
        .with_runtime(runtime)
        .with_udp_addrs(addresses)
        .build()
        .await?;
    Ok(Arc::new(connection))
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
            payload_type: packet.event.unwrap_or(self.payload_type),
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
pub(super) struct Watcher {
    pub(super) gathered: Arc<Notify>,
    events: mpsc::Sender<Event>,
    from: SyncSender<FromBrowser>,
    pub(super) connected: AtomicBool,
    /// One track is one person; further tracks are not heard.
    heard: AtomicBool,
    pub(super) numbers: Arc<Numbers>,
    exported: Exported,
    sockets: Arc<Sockets>,
    found: SyncSender<Found>,
    pub(super) connection: OnceLock<Weak<dyn PeerConnection>>,
}

impl Watcher {
    pub(super) fn new(
        events: mpsc::Sender<Event>,
        from: SyncSender<FromBrowser>,
        sockets: Arc<Sockets>,
        exported: Exported,
        found: SyncSender<Found>,
    ) -> Watcher {
        Watcher {
            gathered: Arc::new(Notify::new()),
            events,
            from,
            connected: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            numbers: Arc::new(Numbers {
                opus: AtomicU8::new(format::OPUS),
                level: Arc::new(AtomicU8::new(NONE)),
                client: AtomicBool::new(false),
            }),
            exported,
            sockets,
            found,
            connection: OnceLock::new(),
        }
    }

    /// Hands the keys of a peer that has proved itself, and the way to it, to the media thread.
    fn tell_found(&self) {
        let keys = self.exported.keys(self.numbers.client.load(Ordering::Relaxed));
        // Fails only when the leg is gone.
        let _ = match (keys, self.sockets.way()) {
            (Some(keys), Some((local, remote))) => {
                let _ = self.found.try_send(Found::Way { local, remote });
                self.found.try_send(Found::Keys(Box::new(keys)))
            }
            _ => {
                self.sockets.leave_to_engine();
                self.found.try_send(Found::Relay)
            }
        };
    }

    pub(super) fn tell(&self, event: Event) {
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

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        let up = matches!(
            state,
            RTCIceConnectionState::Connected | RTCIceConnectionState::Completed
        );
        let connection = self.connection.get().and_then(Weak::upgrade);
        if let (true, Some(connection)) = (up && self.connected.load(Ordering::Relaxed), connection) {
            // After an ICE restart the way may be another. The engine answers when this callback has returned.
            let found = self.found.clone();
            tokio::spawn(async move {
                if let Some(way) = selected_way(&*connection).await {
                    let _ = found.try_send(way);
                }
            });
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected if !self.connected.load(Ordering::Relaxed) => {
                self.tell_found();
                self.connected.store(true, Ordering::Relaxed);
                self.tell(Event::Connected);
            }
            RTCPeerConnectionState::Failed if self.connected.load(Ordering::Relaxed) => self.tell(Event::TimedOut),
            RTCPeerConnectionState::Failed => self.tell(Event::Failed("ICE or DTLS failed".to_owned())),
            RTCPeerConnectionState::Closed => self.tell(Event::Closed),
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        if track.kind().await != RtpCodecKind::Audio || self.heard.swap(true, Ordering::Relaxed) {
            return;
        }
        let (from, numbers) = (self.from.clone(), self.numbers.clone());
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else {
                    continue;
                };
                let level = Some(numbers.level.load(Ordering::Relaxed))
                    .filter(|id| *id != NONE)
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

/// Asks which way ICE has chosen; `None` while there is none, or over a relay.
async fn selected_way(connection: &dyn PeerConnection) -> Option<Found> {
    let sender = connection.get_senders().await.into_iter().next()?;
    let transport = sender.transport().await.ok()??;
    let pair = transport.ice_transport().get_selected_candidate_pair().await.ok()??;
    let address = |candidate: &RTCIceCandidate| {
        let ip = candidate.address.parse::<IpAddr>().ok()?;
        (candidate.typ != RTCIceCandidateType::Relay).then(|| SocketAddr::new(ip, candidate.port))
    };
    Some(Found::Way {
        local: address(pair.local())?,
        // The peer may well be behind a relay of its own.
        remote: SocketAddr::new(pair.remote().address.parse().ok()?, pair.remote().port),
    })
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

fn events(rate: u32) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_TELEPHONE_EVENT.to_owned(),
        clock_rate: rate,
        channels: 1,
        sdp_fmtp_line: "0-15".to_owned(),
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

pub(super) fn bad_sdp(error: rtc::shared::error::Error) -> Refusal {
    Refusal::BadSdp(error.to_string())
}

pub(super) fn internal(error: rtc::shared::error::Error) -> Refusal {
    Refusal::Internal(error.to_string())
}
