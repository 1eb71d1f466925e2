// SPDX-License-Identifier: EUPL-1.2
//! The handle to all live rooms. A room comes to life with its first entrant and dies some time after its last.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::call::{Cause, LegId};
use crate::room::actor::{Actor, Letter};
use crate::room::chat::Chat;
use crate::room::directory::Entry;
use crate::room::seat::ask;
use crate::room::{
    ChatLine, Chime, Deed, Denial, Entrant, Input, LiveRooms, News, Onlooker, Residence, RoomConfig, RoomKey, Roster,
    Seat, home,
};

/// Carries a room's orders to the media plane. No call may block; orders of one room arrive in order.
pub trait MediaOrders: Send + Sync + 'static {
    /// Lets the leg hear the room and be heard, unmuted.
    fn enter(&self, leg: LegId, room: RoomKey);
    /// Takes the leg out of its room; the leg itself lives on.
    fn leave(&self, leg: LegId);
    /// Keeps the leg from being heard, or lets it again.
    fn mute(&self, leg: LegId, muted: bool);
    /// Sounds a short tone to everybody in the room.
    fn chime(&self, room: RoomKey, chime: Chime);
}

/// Carries out what rooms that live elsewhere want done for their guests.
pub trait Abroad: Send + Sync + 'static {
    /// Receives a guest: begins a task that does what it is told and tells its news. It ends with [`Deed::Leave`] or
    /// when the channel closes. Must not block.
    fn receive(&self, stranger: Stranger, news: NewsSink) -> mpsc::Sender<Deed>;
}

/// A guest of a room that lives elsewhere.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// The guest's leg.
    pub person: LegId,
    /// The name it wishes to be known by.
    pub name: String,
    /// Where the room lives.
    pub residence: Residence,
    /// Whether the guest is in a partner's half of a joint session.
    pub is_far: bool,
}

/// The way of a guest's news to its room.
#[derive(Clone, Debug)]
pub struct NewsSink {
    person: LegId,
    mailbox: mpsc::WeakSender<Letter>,
}

impl NewsSink {
    pub(super) fn new(person: LegId, mailbox: mpsc::WeakSender<Letter>) -> NewsSink {
        NewsSink { person, mailbox }
    }

    /// Tells the room; returns whether the room is still there.
    pub async fn tell(&self, news: News) -> bool {
        match self.mailbox.upgrade() {
            Some(mailbox) => mailbox.send(Letter::News(self.person, news)).await.is_ok(),
            None => false,
        }
    }
}

/// How all rooms behave.
#[derive(Clone, Debug)]
pub struct RoomsConfig {
    /// How long an empty room keeps its state (its lock, its waiting room switch).
    pub linger: Duration,
    /// How long somebody may wait to be let in.
    pub longest_wait: Duration,
    /// Up to how many people present a tone tells who comes and goes.
    pub chime_up_to: usize,
    /// The most rooms that live at once.
    pub max_rooms: usize,
    /// Whether people hear that somebody wrote in the chat.
    pub announce_chat: bool,
    /// The most far people who are guests of their own in a room of LiveKit or OpenTalk at a time.
    pub stand_ins: usize,
}

impl Default for RoomsConfig {
    fn default() -> RoomsConfig {
        RoomsConfig {
            linger: Duration::from_secs(30),
            longest_wait: Duration::from_secs(30 * 60),
            chime_up_to: 20,
            max_rooms: 1000,
            announce_chat: false,
            stand_ins: 8,
        }
    }
}

/// All live rooms; cheap to clone.
#[derive(Clone)]
pub struct Rooms {
    shared: Arc<Shared>,
}

struct Shared {
    config: RoomsConfig,
    media: Arc<dyn MediaOrders>,
    abroad: Option<Arc<dyn Abroad>>,
    doors: Mutex<Doors>,
    live: watch::Sender<LiveRooms>,
    is_draining: AtomicBool,
}

#[derive(Default)]
struct Doors {
    by_id: HashMap<String, Door>,
    id_of: HashMap<RoomKey, String>,
}

#[derive(Clone)]
struct Door {
    key: RoomKey,
    mailbox: mpsc::Sender<Letter>,
    roster: watch::Receiver<Arc<Roster>>,
    chat: Arc<Chat>,
    residence: Residence,
}

/// How many letters wait for a busy room before those who write wait too.
const MAILBOX: usize = 256;

/// How often a newcomer tries again when the room dies just then.
const JOIN_TRIES: usize = 3;

impl Rooms {
    /// Opens the house; must be called inside a tokio runtime before the first `join`.
    pub fn new(config: RoomsConfig, media: Arc<dyn MediaOrders>) -> Rooms {
        Rooms::open_with(config, media, None)
    }

    /// Opens a house that also has rooms elsewhere.
    pub fn with_abroad(config: RoomsConfig, media: Arc<dyn MediaOrders>, abroad: Arc<dyn Abroad>) -> Rooms {
        Rooms::open_with(config, media, Some(abroad))
    }

    fn open_with(config: RoomsConfig, media: Arc<dyn MediaOrders>, abroad: Option<Arc<dyn Abroad>>) -> Rooms {
        let shared = Shared {
            config,
            media,
            abroad,
            doors: Mutex::default(),
            live: watch::Sender::default(),
            is_draining: AtomicBool::new(false),
        };
        Rooms {
            shared: Arc::new(shared),
        }
    }

    /// Brings a person whose credentials were checked into the room or its waiting room; the seat's first notice says
    /// which. Refuses with `Locked`, `Full`, `Overloaded` or `Draining`.
    pub async fn join(&self, meeting: &Entry, entrant: Entrant) -> Result<Seat, Cause> {
        for _ in 0..JOIN_TRIES {
            let mailbox = self.open(meeting)?;
            let (answer, answered) = oneshot::channel();
            if mailbox.send(Letter::Join(entrant.clone(), answer)).await.is_err() {
                tokio::task::yield_now().await;
                continue;
            }
            match answered.await {
                Ok(Err(Cause::RoomEnded)) | Err(_) => tokio::task::yield_now().await,
                Ok(seated) => return seated,
            }
        }
        Err(Cause::Internal)
    }

    /// Asks a live room for something on the operator's authority (`by: By::Operator`).
    pub async fn ask(&self, meeting_id: &str, input: Input) -> Result<(), Denial> {
        let door = self.doors().by_id.get(meeting_id).cloned();
        match door {
            Some(door) => ask(&door.mailbox, input).await,
            None => Err(Denial::Refused(Cause::NotFound)),
        }
    }

    /// Tells a room who holds the floor; dropped when the room is busy or gone, for the next one comes soon.
    pub fn speaking(&self, room: RoomKey, speakers: Vec<LegId>) {
        let doors = self.doors();
        let door = doors.id_of.get(&room).and_then(|id| doors.by_id.get(id));
        if let Some(door) = door.filter(|door| door.key == room) {
            let _ = door.mailbox.try_send(Letter::Speaking(speakers));
        }
    }

    /// Returns the rosters of all live rooms, ordered by meeting id.
    pub fn list(&self) -> Vec<Arc<Roster>> {
        let mut rosters: Vec<_> = self
            .doors()
            .by_id
            .values()
            .map(|door| Arc::clone(&door.roster.borrow()))
            .collect();
        rosters.sort_by(|a, b| a.id.cmp(&b.id));
        rosters
    }

    /// Returns a live room's roster, to look at or to watch.
    pub fn roster(&self, meeting_id: &str) -> Option<watch::Receiver<Arc<Roster>>> {
        self.doors().by_id.get(meeting_id).map(|door| door.roster.clone())
    }

    /// Follows a live room's chat for the house itself: whoever it is handed on to must be one that it
    /// [is for](ChatLine::is_for).
    pub fn chat(&self, meeting_id: &str) -> Option<broadcast::Receiver<Arc<ChatLine>>> {
        self.doors().by_id.get(meeting_id).map(|door| door.chat.follow())
    }

    /// Looks on at a live room, without being in it and without keeping it alive.
    pub fn look_on(&self, meeting_id: &str) -> Option<Onlooker> {
        self.doors().by_id.get(meeting_id).map(|door| Onlooker {
            key: door.key,
            residence: door.residence.clone(),
            mailbox: door.mailbox.clone(),
            roster: door.roster.clone(),
            chat: Arc::clone(&door.chat),
        })
    }

    /// Follows which rooms live: begins with those that do. A meeting whose key changes has begun a new life.
    pub fn live(&self) -> watch::Receiver<LiveRooms> {
        self.shared.live.subscribe()
    }

    /// Counts the live rooms.
    pub fn len(&self) -> usize {
        self.doors().by_id.len()
    }

    /// Returns whether no room lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses newcomers with `Draining`, or takes them again; those who are in stay.
    pub fn set_draining(&self, draining: bool) {
        self.shared.is_draining.store(draining, Ordering::Relaxed);
    }

    /// Returns whether newcomers are refused.
    pub fn is_draining(&self) -> bool {
        self.shared.is_draining.load(Ordering::Relaxed)
    }

    /// Takes all rooms down at the end of a drain; everybody is told `Draining`.
    pub async fn end_all(&self) {
        let ids: Vec<_> = self.doors().by_id.keys().cloned().collect();
        for id in ids {
            // A room that is gone already has ended.
            let _ = self.ask(&id, Input::Close(Cause::Draining)).await;
        }
    }

    /// Finds the meeting's live room or brings it to life.
    fn open(&self, meeting: &Entry) -> Result<mpsc::Sender<Letter>, Cause> {
        if self.is_draining() {
            return Err(Cause::Draining);
        }
        let mut doors = self.doors();
        if let Some(door) = doors.by_id.get(&meeting.id).filter(|door| !door.mailbox.is_closed()) {
            return Ok(door.mailbox.clone());
        }
        if doors.by_id.len() >= self.shared.config.max_rooms {
            return Err(Cause::Overloaded);
        }
        // Of the plane's own count: calls without a meeting share it, and no two may ever share a key.
        let key = RoomKey::next();
        let config = RoomConfig {
            key,
            id: meeting.id.clone(),
            name: meeting.name.clone(),
            max_people: meeting.max_people,
            waiting_room: meeting.waiting_room,
            linger: self.shared.config.linger,
            longest_wait: self.shared.config.longest_wait,
            chime_up_to: self.shared.config.chime_up_to,
            announce_chat: self.shared.config.announce_chat,
            stand_ins: self.shared.config.stand_ins,
            started: SystemTime::now(),
        };
        let home = home::open(tokio::time::Instant::now().into_std(), config, &meeting.residence);
        let (mailbox, letters) = mpsc::channel(MAILBOX);
        let (roster_in, roster) = watch::channel(Arc::new(home.roster()));
        let chat = Chat::new();
        let live = Live {
            key,
            id: meeting.id.clone(),
            shared: Arc::clone(&self.shared),
        };
        let actor = Actor {
            home,
            key,
            mailbox: letters,
            to_self: mailbox.downgrade(),
            roster: roster_in,
            chat: Arc::clone(&chat),
            media: Arc::clone(&self.shared.media),
            residence: meeting.residence.clone(),
            abroad: self.shared.abroad.clone(),
            stuck: Vec::new(),
            live,
        };
        doors.id_of.insert(key, meeting.id.clone());
        doors.by_id.insert(
            meeting.id.clone(),
            Door {
                key,
                mailbox: mailbox.clone(),
                roster,
                chat,
                residence: meeting.residence.clone(),
            },
        );
        self.shared.live.send_modify(|live| {
            Arc::make_mut(live).insert(meeting.id.as_str().into(), key);
        });
        metrics::gauge!("landbridge_rooms").increment(1.0);
        tokio::spawn(actor.run());
        Ok(mailbox)
    }

    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.shared.doors()
    }
}

impl Shared {
    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// One room's entry in the list of live rooms; dropping it strikes the entry off.
pub(super) struct Live {
    key: RoomKey,
    id: String,
    shared: Arc<Shared>,
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut doors = self.shared.doors();
        doors.id_of.remove(&self.key);
        if doors.by_id.get(&self.id).is_some_and(|door| door.key == self.key) {
            doors.by_id.remove(&self.id);
            self.shared.live.send_modify(|live| {
                Arc::make_mut(live).remove(self.id.as_str());
            });
        }
        metrics::gauge!("landbridge_rooms").decrement(1.0);
    }
}
