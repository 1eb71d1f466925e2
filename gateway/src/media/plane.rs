// SPDX-License-Identifier: EUPL-1.2
//! The handle that everything else holds: it negotiates, opens ports and gives orders to the media threads.

/// What it knows of borders.
mod border;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::Rng as _;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::peer::{self, Agreed, DoorConfig, Peer, Reach, SfuEvent, SfuLink, Theirs};
use super::ports::{PortPair, Ports};
use super::sdp::{self, Description, Local, LocalKeys, Session};
use super::thread::{self, BrowserWire, Command, FromBrowser, Leg, Mailbox, ToBrowser, TrackSink, Wire};
use super::words::{
    Chime, Clip, Event, IceServer, LegEvents, LegStats, Loudness, MediaConfig, PeerTerms, PhonePolicy, PlayId, Refusal,
    RoomKey,
};
use crate::call::LegId;

/// Gives orders to the media threads; cheap to clone. The threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Plane(Arc<Shared>);

struct Shared {
    config: MediaConfig,
    threads: Vec<Mailbox>,
    ports: Ports,
    legs: Mutex<HashMap<LegId, Entry>>,
    speakers: broadcast::Sender<(RoomKey, Vec<LegId>)>,
    next_thread: AtomicUsize,
}

/// What the handle remembers of a leg.
struct Entry {
    thread: usize,
    phone: Option<Negotiation>,
    /// Dropping it closes the connection.
    peer: Option<Arc<Peer>>,
    /// Of a far person: where a border hands the packets to.
    far: Option<SyncSender<FromBrowser>>,
    _counted: Option<Counted>,
}

/// Counts one thing for as long as it lives.
struct Counted(&'static str);

impl Counted {
    fn new(gauge: &'static str) -> Counted {
        metrics::gauge!(gauge).increment(1.0);
        Counted(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(self.0).decrement(1.0);
    }
}

/// One side of an offer/answer dialogue (RFC 3264): what stays the same from one offer to the next.
struct Negotiation {
    address: IpAddr,
    port: u16,
    session_id: u64,
    version: u64,
    policy: PhonePolicy,
    keys: LocalKeys,
}

impl Negotiation {
    fn local(&self) -> Local<'_> {
        Local {
            address: self.address,
            port: self.port,
            session_id: self.session_id,
            version: self.version,
            policy: &self.policy,
            keys: &self.keys,
        }
    }
}

/// Orders that wait for one event channel [events].
const EVENTS: usize = 128;
/// Packets that wait on their way to or from an SFU; 64 are more than a second of sound.
const WAITING: usize = 64;

impl Plane {
    /// Starts the media threads.
    pub fn start(config: MediaConfig) -> io::Result<Plane> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if config.threads == 0 { cores } else { config.threads };
        let (speakers, _) = broadcast::channel(256);
        let threads = (0..count)
            .map(|i| thread::start(i, &config, speakers.clone()))
            .collect::<io::Result<Vec<Mailbox>>>()?;
        Ok(Plane(Arc::new(Shared {
            ports: Ports::new(config.ports.clone(), config.drain),
            config,
            threads,
            legs: Mutex::new(HashMap::new()),
            speakers,
            next_thread: AtomicUsize::new(0),
        })))
    }

    /// Answers a phone's offer: takes a port and opens the leg, which hears silence until told otherwise.
    pub fn answer(&self, leg: LegId, offer: &[u8], policy: &PhonePolicy) -> Result<(Vec<u8>, LegEvents), Refusal> {
        let description = Description::parse(offer)?;
        let remote = remote_of(&description);
        let (pair, negotiation) = self.prepare(remote, policy)?;
        match sdp::answer(&description, &negotiation.local()) {
            Ok((body, session)) => Ok((
                body.into_bytes(),
                self.open_phone(leg, pair, negotiation, Some(session)),
            )),
            Err(refusal) => {
                discard(pair);
                Err(refusal)
            }
        }
    }

    /// Builds an offer to a phone and opens the leg; media begins with [`Plane::accept`].
    pub fn offer(&self, leg: LegId, policy: &PhonePolicy) -> Result<(Vec<u8>, LegEvents), Refusal> {
        self.offer_towards(leg, None, policy)
    }

    /// Offers as [`Plane::offer`] does, from the address that is on the way to `remote`.
    pub fn offer_towards(
        &self,
        leg: LegId,
        remote: Option<IpAddr>,
        policy: &PhonePolicy,
    ) -> Result<(Vec<u8>, LegEvents), Refusal> {
        let (pair, negotiation) = self.prepare(remote, policy)?;
        let body = sdp::offer(&negotiation.local());
        Ok((body.into_bytes(), self.open_phone(leg, pair, negotiation, None)))
    }

    /// Takes the answer to our last offer.
    pub fn accept(&self, leg: LegId, answer: &[u8]) -> Result<(), Refusal> {
        let description = Description::parse(answer)?;
        let mut legs = self.legs();
        let entry = legs.get_mut(&leg).ok_or(Refusal::UnknownLeg)?;
        let negotiation = entry.phone.as_mut().ok_or(Refusal::UnknownLeg)?;
        let session = sdp::accept(&description, &negotiation.local())?;
        self.send(
            entry.thread,
            Command::Update {
                leg,
                session: Box::new(session),
            },
        );
        Ok(())
    }

    /// Answers an offer within a call (hold, resume, new address, new codec); `None` asks for our own offer, to be
    /// completed with [`Plane::accept`].
    pub fn reoffer(&self, leg: LegId, offer: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        let description = offer.map(Description::parse).transpose()?;
        let mut legs = self.legs();
        let entry = legs.get_mut(&leg).ok_or(Refusal::UnknownLeg)?;
        let negotiation = entry.phone.as_mut().ok_or(Refusal::UnknownLeg)?;
        // RFC 3264 §8: every new description of ours counts one up; a refusal sends none.
        let version = negotiation.version + 1;
        let local = Local {
            version,
            ..negotiation.local()
        };
        let Some(description) = description else {
            let body = sdp::offer(&local);
            negotiation.version = version;
            return Ok(body.into_bytes());
        };
        let (body, session) = sdp::answer(&description, &local)?;
        negotiation.version = version;
        self.send(
            entry.thread,
            Command::Update {
                leg,
                session: Box::new(session),
            },
        );
        Ok(body.into_bytes())
    }

    /// Answers a browser's offer with all candidates in the answer: sound alone.
    pub async fn answer_browser(&self, leg: LegId, offer: &[u8]) -> Result<(Vec<u8>, LegEvents), Refusal> {
        let terms = PeerTerms {
            digits: false,
            video: false,
            ice_servers: Vec::new(),
        };
        self.answer_peer(leg, offer, &terms).await
    }

    /// Answers a WebRTC peer's offer with all our candidates in the answer, and opens the leg.
    pub async fn answer_peer(
        &self,
        leg: LegId,
        offer: &[u8],
        terms: &PeerTerms,
    ) -> Result<(Vec<u8>, LegEvents), Refusal> {
        let theirs = Theirs::read(offer, &self.reach())?;
        let (peer, events) = self.open_peer(leg, terms, theirs.is_active()).await?;
        self.first(leg, peer.answer(theirs).await, events)
    }

    /// Offers sound to a WebRTC peer with all our candidates in the offer, and opens the leg; media begins with
    /// [`Plane::accept_peer`].
    pub async fn offer_peer(&self, leg: LegId, terms: &PeerTerms) -> Result<(Vec<u8>, LegEvents), Refusal> {
        let (peer, events) = self.open_peer(leg, terms, false).await?;
        self.first(leg, peer.offer(false).await, events)
    }

    /// Takes a peer's answer to our last offer.
    pub async fn accept_peer(&self, leg: LegId, answer: &[u8]) -> Result<(), Refusal> {
        let session = self.peer(leg)?.accept(answer).await?;
        self.update(leg, session);
        Ok(())
    }

    /// Answers a peer's offer within the call (hold, resume, ICE restart, sections added); `None` makes an offer of our
    /// own that restarts ICE, to be completed with [`Plane::accept_peer`].
    pub async fn reoffer_peer(&self, leg: LegId, offer: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        let agreed = self.peer(leg)?.reoffer(offer).await?;
        if let Some(session) = agreed.session {
            self.update(leg, session);
        }
        Ok(agreed.description)
    }

    /// Takes one of a peer's candidates: what stands behind `a=candidate:`. Never waits; a candidate that may not be
    /// talked to is dropped and counted, and so is one of a section that is not bundled with the sound.
    pub fn add_candidate(&self, leg: LegId, mid: &str, candidate: &str) {
        if let Ok(peer) = self.peer(leg) {
            peer.add_candidate(mid, candidate);
        }
    }

    /// Opens a connection with an SFU on a port of its own.
    pub(crate) async fn open_sfu_link(
        &self,
        ice: &[IceServer],
        tcp: bool,
        told: mpsc::Sender<SfuEvent>,
    ) -> Result<SfuLink, Refusal> {
        SfuLink::open(self.door_config()?, ice, tcp, told).await
    }

    /// Plays clips one after the other: all the leg hears in the lobby, and above the ducked room inside one. Replaces what was playing.
    pub fn play(&self, leg: LegId, id: PlayId, clips: Vec<Clip>, loudness: Loudness) {
        self.order(
            leg,
            Command::Play {
                leg,
                id,
                clips,
                loudness,
            },
        );
    }

    /// Stops what is playing, without [`Event::PlayEnded`].
    pub fn stop_playing(&self, leg: LegId) {
        self.order(leg, Command::StopPlaying(leg));
    }

    /// Puts a leg into a room, from the lobby or from another room.
    pub fn enter(&self, leg: LegId, room: RoomKey) {
        let mut legs = self.legs();
        let Some(entry) = legs.get_mut(&leg) else { return };
        let target = self.thread_of(room);
        let source = std::mem::replace(&mut entry.thread, target);
        if source == target {
            self.send(target, Command::Enter { leg, room });
        } else if let Some(to) = self.0.threads.get(target) {
            // The new thread keeps later orders until the leg has moved.
            self.send(target, Command::Expect(leg));
            self.send(
                source,
                Command::HandOver {
                    leg,
                    room,
                    to: to.clone(),
                },
            );
        }
    }

    /// Takes a leg out of its room, back into the lobby.
    pub fn leave(&self, leg: LegId) {
        self.order(leg, Command::Leave(leg));
    }

    /// Mutes a leg for everyone in its room, or unmutes it.
    pub fn mute(&self, leg: LegId, muted: bool) {
        self.order(leg, Command::Mute { leg, muted });
    }

    /// Sends keys to the far end (RFC 4733).
    pub fn send_digits(&self, leg: LegId, digits: &str) {
        self.order(
            leg,
            Command::SendDigits {
                leg,
                digits: digits.to_owned(),
            },
        );
    }

    /// Opens the way of a leg's own sound to an SFU, in place of an earlier one: Opus at 48 kHz. What a leg that speaks
    /// Opus sends is forwarded packet by packet, all else is encoded in packets of 20 ms. It flows while the leg is in a
    /// room and neither muted nor held; prompts are not in it.
    ///
    /// The numbers begin at random and go on without a break, from room to room, until the receiver is dropped. One
    /// receiver serves one transport: under the keys of another, numbers must not begin anew.
    pub fn open_uplink(&self, leg: LegId) -> mpsc::Receiver<ToBrowser> {
        let (to, receiver) = mpsc::channel(WAITING);
        self.order(leg, Command::OpenUplink { leg, to });
        receiver
    }

    /// Ends the way of a leg's own sound to an SFU.
    pub fn close_uplink(&self, leg: LegId) {
        self.order(leg, Command::CloseUplink(leg));
    }

    /// Opens a leg that only speaks: one remote track of an SFU (Opus as payload type 111), heard by everyone in `room`
    /// and decoded once. It does not time out, for its far end may be muted; [`Plane::close`] ends it.
    pub fn open_track(&self, track: LegId, room: RoomKey) -> TrackSink {
        let (sender, from) = sync_channel(WAITING);
        // A track hears nothing, and what it has to tell is told by its SFU: nobody reads these.
        let ((to, _), (events, _)) = (mpsc::channel(1), mpsc::channel(1));
        let wire = Wire::Browser(BrowserWire { from, to });
        let leg_media = Leg::track(track, wire, events, sdp::Session::of_track(), self.0.config.timeout);
        let entry = Entry {
            thread: self.thread_of(room),
            phone: None,
            peer: None,
            far: None,
            _counted: Some(Counted::new("landbridge_sfu_tracks")),
        };
        self.open(track, entry, leg_media);
        self.order(track, Command::Enter { leg: track, room });
        TrackSink::new(sender)
    }

    /// Plays a chime to everyone in a room.
    pub fn chime(&self, room: RoomKey, chime: Chime) {
        self.send(self.thread_of(room), Command::Chime { room, chime });
    }

    /// Ends a leg; its port drains. Its event channel closes.
    pub fn close(&self, leg: LegId) {
        let entry = self.legs().remove(&leg);
        if let Some(entry) = entry {
            self.send(entry.thread, Command::Close(leg));
        }
    }

    /// Asks what is known about a leg; `None` when it is gone.
    pub async fn stats(&self, leg: LegId) -> Option<LegStats> {
        let (reply, answer) = oneshot::channel();
        self.order(leg, Command::Stats { leg, reply });
        answer.await.ok()
    }

    /// Watches who speaks: at most five updates per second and room, the longest speaker first.
    pub fn watch_speakers(&self) -> broadcast::Receiver<(RoomKey, Vec<LegId>)> {
        self.0.speakers.subscribe()
    }

    /// Takes a port pair for a call to `remote`, and what stays the same for the whole call.
    fn prepare(&self, remote: Option<IpAddr>, policy: &PhonePolicy) -> Result<(PortPair, Negotiation), Refusal> {
        let config = &self.0.config;
        let fits = |ip: &&IpAddr| remote.is_none_or(|remote| remote.is_ipv4() == ip.is_ipv4());
        let bind = *config.listen.iter().find(fits).ok_or(Refusal::NoAddress)?;
        let public = config
            .public_address
            .filter(|public| public.is_ipv4() == bind.is_ipv4());
        let address = match public {
            Some(public) => public,
            None if bind.is_unspecified() => route_to(bind, remote).ok_or(Refusal::NoAddress)?,
            None => bind,
        };
        let pair = self.0.ports.bind(bind)?;
        let mut rng = rand::rng();
        let mut keys = [[0u8; 44]; 3];
        for key in &mut keys {
            rng.fill(&mut key[..]);
        }
        let negotiation = Negotiation {
            address,
            port: pair.lease.port(),
            session_id: rng.random_range(1..i64::MAX as u64),
            version: 1,
            policy: policy.clone(),
            keys: LocalKeys::new(keys),
        };
        Ok((pair, negotiation))
    }

    fn open_phone(&self, leg: LegId, pair: PortPair, negotiation: Negotiation, session: Option<Session>) -> LegEvents {
        let (events, receiver) = mpsc::channel::<Event>(EVENTS);
        let wire = Wire::phone(pair, negotiation.policy.latch);
        let leg_media = Leg::new(leg, wire, events, session, self.0.config.timeout);
        let entry = Entry {
            thread: self.pick_thread(),
            phone: Some(negotiation),
            peer: None,
            far: None,
            _counted: None,
        };
        self.open(leg, entry, leg_media);
        receiver
    }

    /// Opens a peer's connection and its leg, which reads the sockets from then on.
    async fn open_peer(&self, leg: LegId, terms: &PeerTerms, server: bool) -> Result<(Arc<Peer>, LegEvents), Refusal> {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (relay, door) = peer::link(events.clone());
        let (peer, ports, engine) = Peer::open(terms, server, self.door_config()?, door, relay).await?;
        let peer = Arc::new(peer);
        let leg_media = Leg::new(leg, Wire::peer(ports, engine), events, None, self.0.config.timeout);
        let entry = Entry {
            thread: self.pick_thread(),
            phone: None,
            peer: Some(peer.clone()),
            far: None,
            _counted: None,
        };
        self.open(leg, entry, leg_media);
        Ok((peer, receiver))
    }

    /// Takes the first description of a new leg, or ends the leg.
    fn first(
        &self,
        leg: LegId,
        agreed: Result<Agreed, Refusal>,
        events: LegEvents,
    ) -> Result<(Vec<u8>, LegEvents), Refusal> {
        let agreed = agreed.inspect_err(|_| self.close(leg))?;
        if let Some(session) = agreed.session {
            self.update(leg, session);
        }
        Ok((agreed.description, events))
    }

    fn peer(&self, leg: LegId) -> Result<Arc<Peer>, Refusal> {
        let peer = self.legs().get(&leg).and_then(|entry| entry.peer.clone());
        peer.ok_or(Refusal::UnknownLeg)
    }

    fn update(&self, leg: LegId, session: Session) {
        self.order(
            leg,
            Command::Update {
                leg,
                session: Box::new(session),
            },
        );
    }

    fn reach(&self) -> Reach {
        let config = &self.0.config;
        Reach::new(&config.listen, config.public_address, config.ports.clone())
    }

    /// Takes a port for a connection.
    fn door_config(&self) -> Result<DoorConfig, Refusal> {
        let config = &self.0.config;
        Ok(DoorConfig {
            lease: self.0.ports.reserve(&config.listen)?,
            listen: config.listen.clone(),
            reach: self.reach(),
            public_address: config.public_address,
            timeout: config.timeout,
        })
    }

    fn open(&self, leg: LegId, entry: Entry, leg_media: Leg) {
        let thread = entry.thread;
        let before = self.legs().insert(leg, entry);
        if let Some(before) = before {
            self.send(before.thread, Command::Close(leg));
        }
        self.send(thread, Command::Open(Box::new(leg_media)));
    }

    fn pick_thread(&self) -> usize {
        self.0.next_thread.fetch_add(1, Ordering::Relaxed) % self.0.threads.len().max(1)
    }

    fn thread_of(&self, room: RoomKey) -> usize {
        (room.0 % self.0.threads.len().max(1) as u64) as usize
    }

    fn order(&self, leg: LegId, command: Command) {
        // The lock is held while sending, so that an order cannot overtake a move to another thread.
        let legs = self.legs();
        if let Some(entry) = legs.get(&leg) {
            self.send(entry.thread, command);
        }
    }

    fn send(&self, thread: usize, command: Command) {
        if let Some(mailbox) = self.0.threads.get(thread) {
            mailbox.send(command);
        }
    }

    fn legs(&self) -> MutexGuard<'_, HashMap<LegId, Entry>> {
        self.0.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for mailbox in &self.threads {
            mailbox.send(Command::Shutdown);
        }
    }
}

impl std::fmt::Debug for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plane")
            .field("threads", &self.0.threads.len())
            .finish_non_exhaustive()
    }
}

fn remote_of(description: &Description) -> Option<IpAddr> {
    description
        .media
        .iter()
        .filter(|line| line.kind == "audio")
        .find_map(|line| line.address)
}

fn discard(pair: PortPair) {
    let PortPair { rtp, rtcp, lease } = pair;
    drop((rtp, rtcp));
    lease.discard();
}

/// Asks the routing table for our address towards a far end; nothing is sent.
///
/// Before a far end is known the default route decides (its target is a documentation address), and without one
/// only this machine can be meant.
fn route_to(bind: IpAddr, remote: Option<IpAddr>) -> Option<IpAddr> {
    let towards = |far: IpAddr| {
        let socket = UdpSocket::bind(SocketAddr::new(bind, 0)).ok()?;
        socket.connect(SocketAddr::new(far, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let (anywhere, here): (IpAddr, IpAddr) = match bind {
        IpAddr::V4(_) => (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => (
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::LOCALHOST.into(),
        ),
    };
    match remote {
        Some(remote) => towards(remote),
        None => towards(anywhere).or(Some(here)),
    }
}
