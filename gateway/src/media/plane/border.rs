// SPDX-License-Identifier: EUPL-1.2
//! What the handle knows of borders: one leg for each room and partner, whose far people are legs of their own.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::sync::{mpsc, oneshot};

use super::{Counted, EVENTS, Entry, Plane, WAITING};
use crate::call::LegId;
use crate::media::peer::{self, Peer, Theirs};
use crate::media::sdp;
use crate::media::thread::{BrowserWire, Command, FromBrowser, Leg, Wire};
use crate::media::words::{BorderStats, BorderTerms, LegEvents, PeerTerms, Refusal, RoomKey};

impl Plane {
    /// Offers a border leg to a partner, with all our candidates in the offer; media begins with
    /// [`Plane::accept_peer`]. Hold, resume and ICE restarts go through [`Plane::reoffer_peer`].
    pub async fn offer_border(&self, leg: LegId, terms: &BorderTerms) -> Result<(Vec<u8>, LegEvents), Refusal> {
        let (peer, events) = self.open_border(leg, terms, false).await?;
        self.first(leg, peer.offer(false).await, events)
    }

    /// Answers a partner's offer of a border leg with all our candidates in the answer.
    pub async fn answer_border(
        &self,
        leg: LegId,
        offer: &[u8],
        terms: &BorderTerms,
    ) -> Result<(Vec<u8>, LegEvents), Refusal> {
        let theirs = Theirs::read(offer, &self.reach())?;
        let (peer, events) = self.open_border(leg, terms, theirs.is_active()).await?;
        self.first(leg, peer.answer(theirs).await, events)
    }

    /// Lets the sound of one of our legs go over a border, under a source (SSRC) of its own, whenever the person is
    /// among the loudest there. It flows while the leg is in the border's room and neither muted nor held; prompts are
    /// not in it. A far person's leg is never carried. Another source takes the place of an earlier one.
    pub fn carry(&self, border: LegId, ours: LegId, ssrc: u32) {
        self.order(border, Command::Carry { border, ours, ssrc });
    }

    /// Ends what [`Plane::carry`] began.
    pub fn carry_no_more(&self, border: LegId, ours: LegId) {
        self.order(border, Command::CarryNoMore { border, ours });
    }

    /// Opens a leg that only speaks: the far person whose sound comes over a border under `ssrc`, heard by everyone in
    /// `room`. It does not time out; [`Plane::close`] ends it, and the end of the border does not. Called again for a
    /// leg that is open, it moves it to another border or source, as after a cut, and lets it stay in its room.
    pub fn open_far(&self, border: LegId, far: LegId, ssrc: u32, room: RoomKey) {
        let open = self.legs().get(&far).and_then(|entry| entry.far.clone());
        let sink = open.unwrap_or_else(|| self.new_far(far, room));
        self.order(
            border,
            Command::Listen {
                border,
                far,
                ssrc,
                sink,
            },
        );
    }

    /// Asks what is known about a border leg; `None` when it is gone.
    pub async fn border_stats(&self, border: LegId) -> Option<BorderStats> {
        let (reply, answer) = oneshot::channel();
        self.order(border, Command::BorderStats { border, reply });
        answer.await.ok()
    }

    fn new_far(&self, far: LegId, room: RoomKey) -> SyncSender<FromBrowser> {
        let (sink, from) = sync_channel(WAITING);
        // A far person hears nothing, and what there is to tell is told by the partner: nobody reads these.
        let ((to, _), (events, _)) = (mpsc::channel(1), mpsc::channel(1));
        let wire = Wire::Browser(BrowserWire { from, to });
        let leg_media = Leg::far(far, wire, events, sdp::Session::of_track(), self.0.config.timeout);
        let entry = Entry {
            thread: self.thread_of(room),
            phone: None,
            peer: None,
            far: Some(sink.clone()),
            _counted: None,
        };
        self.open(far, entry, leg_media);
        self.order(far, Command::Enter { leg: far, room });
        sink
    }

    /// Opens a border's connection, and its leg on the thread of the room.
    async fn open_border(
        &self,
        leg: LegId,
        terms: &BorderTerms,
        server: bool,
    ) -> Result<(Arc<Peer>, LegEvents), Refusal> {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (relay, door) = peer::link(events.clone());
        let of_peer = PeerTerms {
            digits: false,
            video: false,
            ice_servers: terms.ice_servers.clone(),
        };
        let (peer, ports, engine) = Peer::open(&of_peer, server, self.door_config()?, door, relay).await?;
        let peer = Arc::new(peer.with_red());
        let leg_media = Leg::border(leg, Wire::peer(ports, engine), events, self.0.config.timeout, terms);
        let entry = Entry {
            thread: self.thread_of(terms.room),
            phone: None,
            peer: Some(peer.clone()),
            far: None,
            _counted: Some(Counted::new("landbridge_borders")),
        };
        self.open(leg, entry, leg_media);
        self.order(leg, Command::Enter { leg, room: terms.room });
        Ok((peer, receiver))
    }
}
