// SPDX-License-Identifier: EUPL-1.2
//! The rooms of this node, and the way in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::hall::{Hall, MemberId};
use super::session::{Core, CoreOptions, Gone, Order, Seat, Session, SessionEvent, run};
use super::signalling::{Signalling, Wire};
use super::ticket::{Ticket, Tickets};
use crate::call::{Floor, LegId, Voices};
use crate::media::{Plane, RoomKey};

/// Enters LiveKit rooms; cheap to clone.
#[derive(Clone)]
pub struct Halls(Arc<Shared>);

struct Shared {
    plane: Plane,
    options: HallsOptions,
    signalling: Arc<dyn Signalling>,
    halls: Mutex<HashMap<HallKey, Weak<Hall>>>,
    /// Which session a leg is in; the newest one counts.
    standing: Arc<Mutex<HashMap<LegId, MemberId>>>,
    next: AtomicU64,
    /// UDP did not get through: new sessions try TCP from the start.
    tcp: Arc<AtomicBool>,
}

/// Address of the server, room there, and the room here that it is for.
type HallKey = (String, String, Option<RoomKey>);

/// What all halls share.
#[derive(Clone)]
pub struct HallsOptions {
    /// Whom we trust over TLS.
    pub tls: Arc<rustls::ClientConfig>,
    /// How long one attempt to connect, and the wait for the server's first word, may take.
    pub timeout: Duration,
    /// Gives up a first entry after this long.
    pub entry: Duration,
    /// Gives a session up after this long without a way to the server.
    pub outage: Duration,
    /// Tries one peer connection for both directions first (`/rtc/v1`).
    pub single: bool,
}

impl HallsOptions {
    /// Trusts as `tls` says; five seconds for an attempt, fifteen for an entry, five minutes for an outage.
    pub fn new(tls: Arc<rustls::ClientConfig>) -> HallsOptions {
        HallsOptions {
            tls,
            timeout: Duration::from_secs(5),
            entry: Duration::from_secs(15),
            outage: Duration::from_secs(300),
            single: true,
        }
    }
}

/// How a phone enters.
#[derive(Clone, Debug, Default)]
pub struct EnterOptions {
    /// Enters with the microphone closed.
    pub muted: bool,
    /// Names the phone's track; shown by some clients.
    pub track_name: String,
    /// Under which identity, where that is known beforehand.
    pub identity: Option<String>,
    /// The room here that the hall is for; without, the hall makes one.
    pub floor: Option<Floor>,
    /// The leg is in the floor's room already, and stays there when the session ends.
    pub stays: bool,
}

impl Halls {
    /// Makes an empty house.
    pub fn new(plane: Plane, options: HallsOptions) -> Halls {
        let signalling = Wire::new(options.tls.clone(), options.timeout, options.single);
        Halls(Arc::new(Shared {
            plane,
            options,
            signalling: Arc::new(signalling),
            halls: Mutex::default(),
            standing: Arc::default(),
            next: AtomicU64::new(1),
            tcp: Arc::default(),
        }))
    }

    /// Enters a room with a phone; returns at once. `first` is used now, `tickets` for every later start. With an
    /// `ear`, the hall listens as a hidden participant of its own; without one, a phone's session listens for all.
    pub fn enter(
        &self,
        leg: LegId,
        first: Ticket,
        tickets: Arc<dyn Tickets>,
        ear: Option<Arc<dyn Tickets>>,
        options: EnterOptions,
    ) -> Session {
        let shared = &self.0;
        let hall = shared.hall(&first, ear.is_some(), options.floor);
        let member = shared.member();
        shared.standings().insert(leg, member);
        // Whoever stays when the session ends was there before it, muted or not.
        if !options.stays {
            shared.plane.enter(leg, hall.room);
        }
        let errands = hall.admit(member, leg, options.identity);
        if let Some(ear) = ear
            && let Some(orders) = hall.want_ear()
        {
            tokio::spawn(listen(shared.clone(), hall.clone(), ear, orders));
        }
        let (orders, ordered) = mpsc::channel(32);
        let (told, events) = mpsc::channel(32);
        let mut core_options = shared.core_options();
        core_options.watches = !hall.has_ear();
        core_options.muted = options.muted;
        core_options.track_name = options.track_name;
        let core = Core::new(Instant::now(), Some(first), core_options);
        let room = hall.room;
        let seat = Seat {
            member,
            leg: Some(leg),
            hall,
            plane: shared.plane.clone(),
            tickets,
            signalling: shared.signalling.clone(),
            tcp: shared.tcp.clone(),
            orders: ordered,
            errands,
            events: told,
        };
        tokio::spawn(run(core, seat));
        Session {
            room,
            standing: Standing {
                leg,
                member,
                stays: options.stays,
                plane: shared.plane.clone(),
                all: shared.standing.clone(),
            },
            orders,
            events,
        }
    }
}

/// Listens for a hall for as long as it wants.
async fn listen(shared: Arc<Shared>, hall: Arc<Hall>, tickets: Arc<dyn Tickets>, mut wanted: mpsc::Receiver<Order>) {
    loop {
        let (orders, ordered) = mpsc::channel(1);
        let (told, mut events) = mpsc::channel(32);
        let (_errands, errands) = mpsc::channel(1);
        let mut options = shared.core_options();
        options.speaks = false;
        let mut core = Core::new(Instant::now(), None, options);
        core.listen();
        let seat = Seat {
            member: shared.member(),
            leg: None,
            hall: hall.clone(),
            plane: shared.plane.clone(),
            tickets: tickets.clone(),
            signalling: shared.signalling.clone(),
            tcp: shared.tcp.clone(),
            orders: ordered,
            errands,
            events: told,
        };
        let session = tokio::spawn(run(core, seat));
        let mut orders = Some(orders);
        loop {
            tokio::select! {
                _ = wanted.recv(), if orders.is_some() => orders = None,
                event = events.recv() => match event {
                    Some(SessionEvent::Gone(Gone::Refused(trouble) | Gone::Lost(trouble))) => {
                        tracing::warn!(kind = ?trouble.kind, %trouble, "nobody listens in a LiveKit room");
                    }
                    Some(_) => {}
                    None => break,
                },
            }
        }
        // The task has ended: it dropped its events.
        let _ = session.await;
        if orders.is_none() || wanted.is_closed() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// A listener that was put out comes back after this long.
const AGAIN: Duration = Duration::from_secs(2);

impl Shared {
    fn hall(&self, ticket: &Ticket, has_ear: bool, floor: Option<Floor>) -> Arc<Hall> {
        let mut halls = self.halls.lock().unwrap_or_else(PoisonError::into_inner);
        halls.retain(|_, hall| hall.strong_count() > 0);
        let url = ticket.url.trim_end_matches('/').to_owned();
        let key = (url, ticket.room.clone(), floor.as_ref().map(|floor| floor.room));
        if let Some(hall) = halls.get(&key).and_then(Weak::upgrade) {
            return hall;
        }
        let floor = floor.unwrap_or_else(|| Floor {
            room: RoomKey::next(),
            voices: Voices::default(),
        });
        let hall = Arc::new(Hall::new(self.plane.clone(), has_ear, floor.room, floor.voices));
        halls.insert(key, Arc::downgrade(&hall));
        hall
    }

    fn member(&self) -> MemberId {
        MemberId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn core_options(&self) -> CoreOptions {
        CoreOptions {
            speaks: true,
            watches: true,
            muted: false,
            track_name: String::new(),
            timeout: self.options.timeout,
            outage: self.options.outage,
            entry: self.options.entry,
            seed: rand::random(),
            tcp: self.tcp.load(Ordering::Relaxed),
        }
    }

    fn standings(&self) -> MutexGuard<'_, HashMap<LegId, MemberId>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A phone's place in a hall; it ends with the session, unless the phone has gone to another hall meanwhile.
pub(super) struct Standing {
    pub(super) leg: LegId,
    member: MemberId,
    stays: bool,
    plane: Plane,
    all: Arc<Mutex<HashMap<LegId, MemberId>>>,
}

impl Drop for Standing {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(&self.leg) == Some(&self.member) {
            all.remove(&self.leg);
            self.plane.close_uplink(self.leg);
            if !self.stays {
                self.plane.leave(self.leg);
            }
        }
    }
}
