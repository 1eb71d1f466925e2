// SPDX-License-Identifier: EUPL-1.2
//! One peer's connection through all its offers and answers (RFC 8829, RFC 8842): the first one either way, hold, added
//! sections, ICE restarts, and candidates that trickle (RFC 8838).

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use landbridge_codecs::Codec;
use rand::Rng as _;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::PeerConnection;

use super::candidates::{Given, Reach, is_admissible};
use super::connection::{EVENTS, NONE, Sender, Watcher, Wish, bad_sdp, build, internal, sound_track};
use super::keys::Exported;
use super::ours::{Here, Ours};
use super::sockets::Sockets;
use super::theirs::{Section, Setup, Sound, Theirs, bad};
use super::{Door, DoorConfig};
use crate::media::sdp::description::Direction;
use crate::media::sdp::{Session, format};
use crate::media::thread::{BrowserWire, EngineSide, Port, ToBrowser};
use crate::media::words::{Event, PeerTerms, Refusal};

/// Our addresses are known at once.
const GATHERING: Duration = Duration::from_secs(2);
/// What STUN and TURN servers have not said by then is not waited for: a peer finds us without them, or sees us come.
const GATHERING_FAR: Duration = Duration::from_millis(150);
/// Candidates that wait for the answer, or for the connection to take them.
const TRICKLED: usize = 32;
/// What the engine found that waits for the leg, which asks every 20 ms; it finds something once for each way.
const FOUND: usize = 64;
/// Id of the RFC 6464 level in our own offers.
const OWN_LEVEL: u8 = 1;
/// Payload type of redundant audio data in our own offers, as browsers number it.
const OWN_RED: u8 = 63;
/// Name of the sound section in our own offers.
const OWN_MID: &str = "0";

/// One peer's connection; dropping it closes the connection.
pub(crate) struct Peer {
    connection: Arc<dyn PeerConnection>,
    watcher: Arc<Watcher>,
    talk: Mutex<Talk>,
    trickle: mpsc::Sender<String>,
    answered: Arc<Notify>,
    gathering: Duration,
    reach: Reach,
    given: Candidates,
    /// Sections whose candidates lead to the sound.
    mids: std::sync::Mutex<Vec<String>>,
    _end: oneshot::Sender<()>,
}

/// Where the talk of offers and answers stands.
struct Talk {
    session_id: u64,
    version: u64,
    ssrc: u32,
    terms: PeerTerms,
    /// Our part in DTLS, once it is settled; later offers do not change it.
    role: Option<Setup>,
    /// Our ICE credentials, as the peer was told last.
    ufrag: Option<String>,
    /// The peer's, as it told last.
    remote_ufrag: Option<String>,
    /// The peer's keys; another pair would be another peer.
    fingerprint: Option<String>,
    /// The sections of the last description, in order.
    sections: Vec<Section>,
    sound: Option<Sound>,
    bundled: bool,
    /// Redundant audio data is spoken: on a border.
    red: bool,
    /// An offer of ours waits for its answer.
    offered: bool,
}

/// A description of ours, and what it means for the media thread; `None` before the answer.
pub(crate) struct Agreed {
    pub(crate) description: Vec<u8>,
    pub(crate) session: Option<Session>,
}

impl Peer {
    /// Opens a connection that waits for its first description; the leg is to read its sockets from now on. `server`
    /// says that our answer is to make us the DTLS server.
    pub(crate) async fn open(
        terms: &PeerTerms,
        server: bool,
        config: DoorConfig,
        door: Door,
        relay: BrowserWire,
    ) -> Result<(Peer, Vec<Port>, EngineSide), Refusal> {
        let (sockets, exported) = (Arc::<Sockets>::default(), Exported::default());
        let wish = Wish {
            ice: &terms.ice_servers,
            digits: terms.digits,
            server,
            shared: Some((sockets.clone(), exported.clone())),
        };
        let (found, finds) = std::sync::mpsc::sync_channel(FOUND);
        let Door { from, to, events } = door;
        let watcher = Arc::new(Watcher::new(events, from, sockets.clone(), exported, found));
        let connection = match build(&config, &wish, watcher.clone()).await {
            // A server that makes no sense must not keep us from the ways that need none.
            Err(error) if !wish.ice.is_empty() => {
                tracing::debug!(%error, "connecting with a peer without STUN and TURN servers");
                drop(sockets.take());
                build(&config, &Wish { ice: &[], ..wish }, watcher.clone()).await
            }
            built => built,
        };
        let connection = connection.map_err(internal)?;
        // It was never set before.
        let _ = watcher.connection.set(Arc::downgrade(&connection));
        let ssrc: u32 = rand::random();
        let side = EngineSide {
            found: finds,
            ssrc,
            level: watcher.numbers.level.clone(),
            relayed: false,
            relay,
        };
        let peer = Peer::over(connection, watcher, ssrc, terms, config, to).await?;
        Ok((peer, sockets.take(), side))
    }

    /// Speaks redundant audio data (RFC 2198) from the first description on.
    pub(crate) fn with_red(mut self) -> Peer {
        self.talk.get_mut().red = true;
        self
    }

    /// Takes the answer to our offer.
    pub(crate) async fn accept(&self, answer: &[u8]) -> Result<Session, Refusal> {
        let mut theirs = Theirs::read(answer, &self.reach)?;
        // RFC 8842 §5.3: "The answerer MUST NOT insert an actpass value".
        if theirs.transport.setup == Setup::Actpass && answer.windows(7).any(|word| word == b"actpass") {
            return Err(bad("an answer with a=setup:actpass"));
        }
        let mut talk = self.talk.lock().await;
        if !talk.offered {
            return Err(bad("an answer without an offer"));
        }
        talk.check(&theirs)?;
        theirs.sound.red = theirs.sound.red.filter(|_| talk.red);
        let mut shown = theirs.clone();
        if shown.transport.setup == Setup::Actpass {
            // RFC 4145 §4: without a role the answerer is active.
            shown.transport.setup = Setup::Active;
        }
        let role = match shown.transport.setup {
            Setup::Passive => Setup::Active,
            Setup::Active | Setup::Actpass => Setup::Passive,
        };
        self.settle_role(&mut talk, role);
        let description = RTCSessionDescription::answer(shown.for_engine()).map_err(bad_sdp)?;
        self.connection
            .set_remote_description(description)
            .await
            .map_err(bad_sdp)?;
        talk.offered = false;
        self.settle(&mut talk, &theirs);
        self.take_candidates(&theirs).await;
        self.answered.notify_one();
        let own = Sound {
            mid: OWN_MID.to_owned(),
            opus: format::OPUS,
            digits: EVENTS.to_vec(),
            direction: Direction::SendRecv,
            level: Some(OWN_LEVEL),
            ssrc: None,
            red: None,
        };
        Ok(self.session(&theirs, &own))
    }

    /// Answers an offer within the call, or makes one of our own that restarts ICE.
    pub(crate) async fn reoffer(&self, offer: Option<&[u8]>) -> Result<Agreed, Refusal> {
        match offer {
            Some(offer) => self.answer(Theirs::read(offer, &self.reach)?).await,
            None => self.offer(true).await,
        }
    }

    /// Takes a candidate, the value behind `a=candidate:`; what cannot be talked to, and what is too much, is dropped.
    pub(crate) fn add_candidate(&self, mid: &str, candidate: &str) {
        let candidate = candidate.trim();
        let candidate = candidate.strip_prefix("candidate:").unwrap_or(candidate);
        if candidate.is_empty() {
            // The end of candidates.
            return;
        }
        let leads_to_sound = mid.is_empty() || self.mids().iter().any(|known| known == mid);
        if !leads_to_sound
            || !is_admissible(candidate, &self.reach)
            || self.trickle.try_send(candidate.to_owned()).is_err()
        {
            count_dropped(1);
        }
    }

    async fn over(
        connection: Arc<dyn PeerConnection>,
        watcher: Arc<Watcher>,
        ssrc: u32,
        terms: &PeerTerms,
        config: DoorConfig,
        to: mpsc::Receiver<ToBrowser>,
    ) -> Result<Peer, Refusal> {
        let track = Arc::new(TrackLocalStaticRTP::new(sound_track(ssrc)));
        let (reach, given) = (config.reach.clone(), Candidates::default());
        let (end, ended) = oneshot::channel();
        let (trickle, trickled) = mpsc::channel(TRICKLED);
        let answered = Arc::new(Notify::new());
        let added = connection.add_track(track.clone() as Arc<dyn TrackLocal>).await;
        let run = Run {
            connection: connection.clone(),
            sender: Sender {
                track,
                ssrc,
                payload_type: format::OPUS,
                level_id: None,
            },
            watcher: watcher.clone(),
            given: given.clone(),
            timeout: config.timeout,
            config,
        };
        tokio::spawn(run.run(to, trickled, answered.clone(), ended));
        added.map_err(internal)?;
        Ok(Peer {
            connection,
            watcher,
            talk: Mutex::new(Talk {
                session_id: rand::rng().random_range(1..i64::MAX as u64),
                version: 0,
                ssrc,
                terms: terms.clone(),
                role: None,
                ufrag: None,
                remote_ufrag: None,
                fingerprint: None,
                sections: vec![Section::Sound],
                sound: None,
                bundled: true,
                red: false,
                offered: false,
            }),
            trickle,
            answered,
            gathering: if terms.ice_servers.is_empty() {
                GATHERING
            } else {
                GATHERING_FAR
            },
            reach,
            given,
            mids: std::sync::Mutex::new(vec![OWN_MID.to_owned()]),
            _end: end,
        })
    }

    /// Answers an offer, with all our candidates.
    pub(crate) async fn answer(&self, mut theirs: Theirs) -> Result<Agreed, Refusal> {
        let mut talk = self.talk.lock().await;
        talk.check(&theirs)?;
        if !talk.terms.video {
            theirs.refuse_video();
        }
        if !talk.terms.digits {
            theirs.sound.digits.clear();
        }
        theirs.sound.red = theirs.sound.red.filter(|_| talk.red);
        if talk.offered {
            // Both offered at once, and signalling has decided for theirs (RFC 8829 §4.1.10.2).
            let rollback = RTCSessionDescription::rollback(None).map_err(internal)?;
            self.connection
                .set_local_description(rollback)
                .await
                .map_err(internal)?;
            talk.offered = false;
        }
        let role = match theirs.transport.setup {
            Setup::Active => Setup::Passive,
            Setup::Passive | Setup::Actpass => Setup::Active,
        };
        self.settle_role(&mut talk, role);
        let offer = RTCSessionDescription::offer(theirs.for_engine()).map_err(bad_sdp)?;
        self.connection.set_remote_description(offer).await.map_err(bad_sdp)?;
        let answer = self.connection.create_answer(None).await.map_err(bad_sdp)?;
        let here = self.describe(&mut talk, answer).await?;
        self.settle(&mut talk, &theirs);
        talk.version += 1;
        let description = Ours {
            here: &here,
            session_id: talk.session_id,
            version: talk.version,
            setup: talk.role.unwrap_or(role),
            ssrc: talk.ssrc,
            direction: theirs.sound.direction.reversed(),
            mid: &theirs.sound.mid,
            opus: theirs.sound.opus,
            digits: &theirs.sound.digits,
            level: theirs.sound.level,
            red: theirs.sound.red,
            sections: &theirs.sections,
            bundled: theirs.bundled,
        }
        .write()
        .into_bytes();
        self.take_candidates(&theirs).await;
        self.answered.notify_one();
        let session = self.session(&theirs, &theirs.sound);
        Ok(Agreed {
            description,
            session: Some(session),
        })
    }

    /// Offers sound, with all our candidates and, when asked to, with new credentials (ICE restart).
    pub(crate) async fn offer(&self, restart: bool) -> Result<Agreed, Refusal> {
        let mut talk = self.talk.lock().await;
        let options = restart.then_some(RTCOfferOptions { ice_restart: true });
        let offer = self.connection.create_offer(options).await.map_err(internal)?;
        let here = self.describe(&mut talk, offer).await?;
        talk.version += 1;
        talk.offered = true;
        let own_red = talk.red.then_some(OWN_RED);
        let (mid, opus, digits, level, red) = match &talk.sound {
            Some(sound) => (
                sound.mid.as_str(),
                sound.opus,
                sound.digits.as_slice(),
                sound.level,
                sound.red,
            ),
            None if talk.terms.digits => (OWN_MID, format::OPUS, EVENTS.as_slice(), Some(OWN_LEVEL), own_red),
            None => (OWN_MID, format::OPUS, [].as_slice(), Some(OWN_LEVEL), own_red),
        };
        let description = Ours {
            here: &here,
            session_id: talk.session_id,
            version: talk.version,
            // RFC 8842 §5.2: "the offerer MUST insert an SDP 'setup' attribute with an 'actpass' attribute value".
            setup: Setup::Actpass,
            ssrc: talk.ssrc,
            direction: Direction::SendRecv,
            mid,
            opus,
            digits,
            level,
            red,
            sections: &talk.sections,
            bundled: talk.bundled,
        }
        .write()
        .into_bytes();
        Ok(Agreed {
            description,
            session: None,
        })
    }

    /// Makes a description of the engine's the current one and reads our transport from it.
    async fn describe(&self, talk: &mut Talk, description: RTCSessionDescription) -> Result<Here, Refusal> {
        self.connection
            .set_local_description(description)
            .await
            .map_err(internal)?;
        let mut here = self.here().await?;
        if talk.ufrag.as_ref() != Some(&here.ufrag) {
            // New credentials, new candidates: what was gathered by then is what the description holds.
            let _ = tokio::time::timeout(self.gathering, self.watcher.gathered.notified()).await;
            here = self.here().await?;
            talk.ufrag = Some(here.ufrag.clone());
        }
        Ok(here)
    }

    async fn here(&self) -> Result<Here, Refusal> {
        self.connection
            .local_description()
            .await
            .and_then(|description| Here::read(&description.sdp))
            .ok_or_else(|| Refusal::Internal("no local description".to_owned()))
    }

    fn settle(&self, talk: &mut Talk, theirs: &Theirs) {
        if talk.remote_ufrag.as_ref() != Some(&theirs.transport.ufrag) {
            self.given.given().restart();
            talk.remote_ufrag = Some(theirs.transport.ufrag.clone());
        }
        talk.settle(theirs);
    }

    /// Settles our part in DTLS, once for the whole call.
    fn settle_role(&self, talk: &mut Talk, role: Setup) {
        let role = *talk.role.get_or_insert(role);
        let client = &self.watcher.numbers.client;
        client.store(role == Setup::Active, Ordering::Relaxed);
    }

    fn mids(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.mids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_candidates(&self, theirs: &Theirs) {
        *self.mids() = theirs.mids();
        count_dropped(theirs.dropped);
        for candidate in &theirs.candidates {
            self.given.take(&self.connection, candidate).await;
        }
    }

    /// Says to the media thread what was negotiated; addresses and keys stay behind the door.
    fn session(&self, theirs: &Theirs, ours: &Sound) -> Session {
        let (sound, numbers) = (&theirs.sound, &self.watcher.numbers);
        numbers.opus.store(sound.opus, Ordering::Relaxed);
        numbers.level.store(sound.level.unwrap_or(NONE), Ordering::Relaxed);
        let mut receive = vec![(ours.opus, Codec::Opus), (sound.opus, Codec::Opus)];
        receive.dedup();
        let mut digits = sound.digits.clone();
        if !digits.is_empty() {
            let more = |event: &&(u8, u32)| receive.iter().chain(&[]).all(|(pt, _)| *pt != event.0);
            digits.extend(ours.digits.iter().filter(more).copied());
        }
        let rate = |wanted: u32| sound.digits.iter().find(move |(_, rate)| *rate == wanted);
        Session {
            codec: Codec::Opus,
            payload_type: sound.opus,
            receive,
            send_digits: rate(48_000).or_else(|| rate(8000)).copied(),
            digits,
            comfort_noise: Vec::new(),
            ptime_ms: 20,
            remote_rtp: None,
            remote_rtcp: None,
            rtcp_mux: true,
            direction: sound.direction.reversed(),
            held: !sound.direction.receives(),
            keys: None,
            video: theirs.video(),
            red: sound.red,
        }
    }
}

impl Talk {
    /// Refuses what the engine cannot follow: other keys, or the sound in another section.
    fn check(&self, theirs: &Theirs) -> Result<(), Refusal> {
        let known = self.fingerprint.as_ref();
        if known.is_some_and(|known| *known != theirs.transport.fingerprint) {
            return Err(bad("another a=fingerprint than before"));
        }
        let mid = self.sound.as_ref().map(|sound| &sound.mid);
        if mid.is_some_and(|mid| *mid != theirs.sound.mid) {
            return Err(bad("the sound has moved to another section"));
        }
        Ok(())
    }

    fn settle(&mut self, theirs: &Theirs) {
        self.fingerprint
            .get_or_insert_with(|| theirs.transport.fingerprint.clone());
        self.sections.clone_from(&theirs.sections);
        self.sound = Some(theirs.sound.clone());
        self.bundled = theirs.bundled;
    }
}

/// How long ICE and DTLS may take once both sides have spoken. The engine does not tell of a handshake that its peer broke
/// off, as one does whose certificate is another than described.
const COME_UP: Duration = Duration::from_secs(15);

/// Carries sound to the peer until either side ends.
struct Run {
    connection: Arc<dyn PeerConnection>,
    sender: Sender,
    watcher: Arc<Watcher>,
    given: Candidates,
    timeout: Duration,
    /// The port drains when the connection has ended.
    config: DoorConfig,
}

impl Run {
    async fn run(
        mut self,
        mut sound: mpsc::Receiver<ToBrowser>,
        mut trickled: mpsc::Receiver<String>,
        answered: Arc<Notify>,
        mut ended: oneshot::Receiver<()>,
    ) {
        let patience = self.timeout.min(COME_UP);
        let deadline = tokio::time::sleep(patience);
        tokio::pin!(deadline);
        // Nothing can come up before both sides have spoken.
        let (mut described, mut waiting) = (false, false);
        loop {
            tokio::select! {
                _ = &mut ended => break,
                () = answered.notified() => {
                    if !described {
                        deadline.as_mut().reset(tokio::time::Instant::now() + patience);
                        (described, waiting) = (true, true);
                    }
                }
                () = &mut deadline, if waiting => {
                    waiting = false;
                    if !self.watcher.connected.load(Ordering::Relaxed) {
                        self.watcher.tell(Event::Failed("the peer's transport did not come up in time".to_owned()));
                    }
                }
                Some(candidate) = trickled.recv(), if described => {
                    self.given.take(&self.connection, &candidate).await;
                }
                packet = sound.recv() => match packet {
                    Some(packet) => self.send(packet).await,
                    None => break,
                },
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "connection with a peer did not close cleanly");
        }
        drop(self.config);
    }

    async fn send(&mut self, packet: ToBrowser) {
        if !self.watcher.connected.load(Ordering::Relaxed) {
            return;
        }
        let numbers = &self.watcher.numbers;
        let level = numbers.level.load(Ordering::Relaxed);
        self.sender.payload_type = numbers.opus.load(Ordering::Relaxed);
        self.sender.level_id = (level != NONE).then_some(level);
        self.sender.send(packet).await;
    }
}

/// The candidates that the peer has given, in descriptions and one by one.
#[derive(Clone, Default)]
struct Candidates(Arc<std::sync::Mutex<Given>>);

impl Candidates {
    fn given(&self) -> std::sync::MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the engine a candidate that it does not know, unless they are too many.
    async fn take(&self, connection: &Arc<dyn PeerConnection>, candidate: &str) {
        let verdict = self.given().take(candidate);
        let is_taken = match verdict {
            Some(true) => {
                let init = RTCIceCandidateInit {
                    candidate: format!("candidate:{candidate}"),
                    ..Default::default()
                };
                connection.add_ice_candidate(init).await.is_ok()
            }
            Some(false) => true,
            None => false,
        };
        count_dropped(usize::from(!is_taken));
    }
}

fn count_dropped(candidates: usize) {
    metrics::counter!("landbridge_peer_candidates_dropped_total").increment(candidates as u64);
}
