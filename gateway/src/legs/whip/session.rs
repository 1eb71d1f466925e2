// SPDX-License-Identifier: EUPL-1.2
//! A browser's stay: its seat, its token, its media, and when it is gone.
//!
//! A stay lives as long as somebody is there: an open event stream or living media. When both are gone for the grace
//! time, the person leaves. Tokens and resource names are 256 random bits; only their keyed digests are kept.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::call::Cause;
use crate::legs::whip::{BrowserMedia, PeerEvent, PeerRefusal};
use crate::room::{Control, Notice, Seat};

/// How browsers' stays behave.
#[derive(Clone, Debug)]
pub struct SessionsConfig {
    /// How long a person stays without event stream and media.
    pub grace: Duration,
    /// How long an ended stay still answers its token, so that a page that reconnects learns how it ended.
    pub epitaph: Duration,
    /// The most stays at once.
    pub max_sessions: usize,
    /// The most event streams of one stay.
    pub max_streams: usize,
}

impl Default for SessionsConfig {
    fn default() -> SessionsConfig {
        SessionsConfig {
            grace: Duration::from_secs(15),
            epitaph: Duration::from_secs(30),
            max_sessions: 5000,
            max_streams: 4,
        }
    }
}

/// All stays; cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

struct Shared {
    config: SessionsConfig,
    media: Arc<dyn BrowserMedia>,
    key: hmac::Key,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    by_token: HashMap<Digest, Arc<Session>>,
    by_resource: HashMap<Digest, Arc<Session>>,
}

type Digest = [u8; 32];

/// How the person came, which decides what ending its media means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Through the join API: media comes and goes, the person stays.
    Page,
    /// Through WHIP alone: the person goes with its media.
    Media,
}

/// Something the page is told besides rosters.
pub type News = Notice;

/// One browser's stay.
pub struct Session {
    control: Control,
    meeting: String,
    stay: Stay,
    news: broadcast::Sender<News>,
    ended: watch::Sender<Option<Cause>>,
    streams: watch::Sender<usize>,
    has_media: watch::Sender<bool>,
    attachment: tokio::sync::Mutex<Option<Attachment>>,
}

struct Attachment {
    resource: Digest,
    credential: Digest,
    watcher: JoinHandle<()>,
}

/// Why media could not be attached.
#[derive(Debug)]
pub enum AttachError {
    /// The stay is over.
    Ended(Cause),
    /// The media plane refuses.
    Refused(PeerRefusal),
}

impl Sessions {
    /// Opens the register of stays.
    pub fn new(config: SessionsConfig, media: Arc<dyn BrowserMedia>) -> Sessions {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random());
        Sessions {
            shared: Arc::new(Shared {
                config,
                media,
                key,
                tables: Mutex::default(),
            }),
        }
    }

    /// Returns whether another stay fits.
    pub fn has_room(&self) -> bool {
        self.tables().by_token.len() < self.shared.config.max_sessions
    }

    /// Begins a stay on a seat whose first notice was taken, and returns its token with it.
    pub fn begin(&self, seat: Seat, meeting: &str, stay: Stay) -> (String, Arc<Session>) {
        let token = URL_SAFE_NO_PAD.encode(random());
        let session = Arc::new(Session {
            control: seat.control().clone(),
            meeting: meeting.to_owned(),
            stay,
            news: broadcast::channel(32).0,
            ended: watch::Sender::new(None),
            streams: watch::Sender::new(0),
            has_media: watch::Sender::new(false),
            attachment: tokio::sync::Mutex::default(),
        });
        let digest = self.digest(&token);
        self.tables().by_token.insert(digest, Arc::clone(&session));
        tokio::spawn(live(self.clone(), Arc::clone(&session), seat, digest));
        (token, session)
    }

    /// Finds the stay that a bearer token belongs to; an ended one is found for a while.
    pub fn by_bearer(&self, token: &str) -> Option<Arc<Session>> {
        // The key of the table is a keyed digest, so how long the search takes tells nothing about tokens.
        self.tables().by_token.get(&self.digest(token)).cloned()
    }

    /// Finds the stay whose media has this resource name, if `bearer` is what that media was made with.
    pub async fn by_resource(&self, meeting: &str, resource: &str, bearer: &str) -> Option<Arc<Session>> {
        let (resource, bearer) = (self.digest(resource), self.digest(bearer));
        let session = self.tables().by_resource.get(&resource).cloned()?;
        let is_owner = match session.attachment.lock().await.as_ref() {
            Some(attachment) => attachment.resource.ct_eq(&resource) & attachment.credential.ct_eq(&bearer),
            None => 0.into(),
        };
        (bool::from(is_owner) && session.meeting == meeting).then_some(session)
    }

    /// Gives the person media, instead of what it had; returns the answer and the name of the new resource.
    /// `bearer` is what the client showed and will show again to end it. Goes on when the request is given up: a
    /// half-made attachment would never be cleaned up.
    pub async fn attach(
        &self,
        session: &Arc<Session>,
        offer: &[u8],
        bearer: &str,
    ) -> Result<(Vec<u8>, String), AttachError> {
        let (sessions, session, offer) = (self.clone(), Arc::clone(session), offer.to_vec());
        let credential = self.digest(bearer);
        let task = tokio::spawn(async move { sessions.attach_now(&session, &offer, credential).await });
        task.await.unwrap_or(Err(AttachError::Ended(Cause::Internal)))
    }

    async fn attach_now(
        &self,
        session: &Arc<Session>,
        offer: &[u8],
        credential: Digest,
    ) -> Result<(Vec<u8>, String), AttachError> {
        let leg = session.control.person();
        let mut attachment = session.attachment.lock().await;
        if let Some(old) = attachment.take() {
            self.take_down(session, old).await;
        }
        if let Some(cause) = session.ended() {
            return Err(AttachError::Ended(cause));
        }
        let answered = self.shared.media.answer_browser(leg, offer).await;
        let (answer, events) = answered.map_err(AttachError::Refused)?;
        if session.control.attached().await.is_err() {
            self.shared.media.close(leg);
            return Err(AttachError::Ended(session.ended().unwrap_or(Cause::RoomEnded)));
        }
        let name = URL_SAFE_NO_PAD.encode(random());
        let resource = self.digest(&name);
        self.tables().by_resource.insert(resource, Arc::clone(session));
        session.has_media.send_replace(true);
        let watcher = tokio::spawn(watch_media(self.clone(), Arc::clone(session), events));
        *attachment = Some(Attachment {
            resource,
            credential,
            watcher,
        });
        Ok((answer, name))
    }

    /// Ends the media; a person who came by WHIP alone leaves with it. Goes on when the request is given up, as by a
    /// page that is being closed.
    pub async fn detach(&self, session: &Arc<Session>) {
        let (sessions, session) = (self.clone(), Arc::clone(session));
        let task = tokio::spawn(async move {
            if let Some(old) = session.attachment.lock().await.take() {
                sessions.take_down(&session, old).await;
            }
            if session.stay == Stay::Media {
                // An error means that the person is out already.
                let _ = session.control.leave(Cause::Left).await;
            }
        });
        if task.await.is_err() {
            tracing::error!("taking a browser's media down failed");
        }
    }

    /// Counts the stays, ended ones included.
    pub fn len(&self) -> usize {
        self.tables().by_token.len()
    }

    /// Returns whether there is no stay.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    async fn take_down(&self, session: &Arc<Session>, old: Attachment) {
        old.watcher.abort();
        self.tables().by_resource.remove(&old.resource);
        // The room first, so that it gives no orders for a leg that is gone. An error means that it is over.
        let _ = session.control.detached(false).await;
        self.shared.media.close(session.control.person());
        session.has_media.send_replace(false);
    }

    fn digest(&self, text: &str) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.shared.key, text.as_bytes()).as_ref());
        digest
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.shared.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Returns what the person can do and see.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Returns the meeting id.
    pub fn meeting(&self) -> &str {
        &self.meeting
    }

    /// Returns how the stay ended, if it did.
    pub fn ended(&self) -> Option<Cause> {
        *self.ended.borrow()
    }

    /// Follows the end of the stay.
    pub fn watch_end(&self) -> watch::Receiver<Option<Cause>> {
        self.ended.subscribe()
    }

    /// Follows what the person is told.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Counts an event stream as presence until the returned guard is dropped; `None` if there are too many.
    pub fn be_present(self: &Arc<Self>, sessions: &Sessions) -> Option<Presence> {
        let max = sessions.shared.config.max_streams;
        let counted = self.streams.send_if_modified(|streams| {
            let fits = *streams < max;
            *streams += usize::from(fits);
            fits
        });
        counted.then(|| Presence(Arc::clone(self)))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("leg", &self.control.person())
            .field("stay", &self.stay)
            .finish_non_exhaustive()
    }
}

/// Counts one event stream of a stay for as long as it lives.
#[derive(Debug)]
pub struct Presence(Arc<Session>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0
            .streams
            .send_modify(|streams| *streams = streams.saturating_sub(1));
    }
}

/// Passes notices on until the seat is gone; leaves when nobody has been there for the grace time.
async fn live(sessions: Sessions, session: Arc<Session>, mut seat: Seat, token: Digest) {
    let mut streams = session.streams.subscribe();
    let mut has_media = session.has_media.subscribe();
    let mut alone_since = Some(Instant::now());
    let cause = loop {
        let is_alone = *streams.borrow_and_update() == 0 && !*has_media.borrow_and_update();
        alone_since = if is_alone {
            alone_since.or_else(|| Some(Instant::now()))
        } else {
            None
        };
        let leaves_at = alone_since.map(|since| since + sessions.shared.config.grace);
        tokio::select! {
            notice = seat.next_notice() => match notice {
                Some(Notice::Ended(cause)) => break cause,
                // An error means that no event stream is open to hear it.
                Some(notice) => { let _ = session.news.send(notice); }
                None => break Cause::Internal,
            },
            _ = streams.changed() => {}
            _ = has_media.changed() => {}
            () = sleep_until(leaves_at.unwrap_or_else(Instant::now)), if leaves_at.is_some() => {
                metrics::counter!("landbridge_browsers_vanished_total").increment(1);
                // An error means that the seat is gone, which the next turn learns.
                let _ = session.control.leave(Cause::MediaTimeout).await;
                alone_since = None;
            }
        }
    };
    session.ended.send_replace(Some(cause));
    if let Some(old) = session.attachment.lock().await.take() {
        sessions.take_down(&session, old).await;
    }
    tokio::time::sleep(sessions.shared.config.epitaph).await;
    sessions.tables().by_token.remove(&token);
}

async fn watch_media(sessions: Sessions, session: Arc<Session>, mut events: mpsc::Receiver<PeerEvent>) {
    while let Some(event) = events.recv().await {
        match event {
            PeerEvent::Connected => {}
            PeerEvent::Lost(why) => {
                tracing::info!(leg = %session.control.person(), why, "a browser's media is lost");
                break;
            }
        }
    }
    // Told to go by `take_down` instead, this task is aborted and never comes here with the lock held.
    let mut attachment = session.attachment.lock().await;
    let _ = session.control.detached(true).await;
    sessions.shared.media.close(session.control.person());
    session.has_media.send_replace(false);
    if let Some(old) = attachment.take() {
        sessions.tables().by_resource.remove(&old.resource);
    }
    drop(attachment);
    if session.stay == Stay::Media {
        let _ = session.control.leave(Cause::MediaTimeout).await;
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random source works, else no TLS would either");
    bytes
}
