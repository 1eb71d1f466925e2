// SPDX-License-Identifier: EUPL-1.2
//! XMPP clients, by way of the organisation's own XMPP server: Jingle calls, rooms, chat.
//!
//! ```text
//! stream  ◀─ XEP-0114 ─▶ server
//!   │  stanzas                     ┌─ call::phone::walk ── a call
//! driver ── landbridge_jingle ─────┤
//!   ▲  orders                      └─ call::visit::enter ─ a chat room's occupant
//!   └──────── line, leg
//! ```

/// Addresses: a meeting's as a client calls it, and whom a call of ours comes from.
mod address;
/// How many stanzas one user may send.
mod bucket;
/// The calls: from offers to the house, and back.
mod calls;
/// The one table of endings in Jingle.
mod cause;
/// The task that owns everything but the stream.
mod driver;
/// What is answered to a chat message without a call.
mod help;
/// STUN and TURN servers, as the XMPP server tells them.
mod ice;
/// One session, as its call sees it.
mod line;
/// Sealed frames between deployments.
mod parcels;
/// Meetings as XMPP clients see them: hosted chats, and the list of people inside a call.
mod rooms;
/// The component's stream to the server.
mod stream;

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use landbridge_jingle::own::Domain;
use tokio::sync::{mpsc, oneshot};

use crate::call::courier::{Corner, Courier, Parcel, Postbox};
use crate::call::house::House;
use crate::call::line::{Events, Line};
use crate::call::sound::Terms;
use crate::call::{Cause, LegId};
use crate::config::{Trunk, Xmpp};
use crate::legs::{Leg, Placing};
use crate::media::{IceServer, PeerTerms};
use crate::net::resolve::Resolver;
use driver::{Driver, Order};
use line::JingleLine;
pub use stream::Trouble;
use stream::{Settings, keep};

/// Orders of calls that may wait for the driver.
const ORDERS: usize = 4096;
/// Events that may wait for one call; a call that falls behind this far is stuck and ended.
const MAILBOX: usize = 64;

/// The XMPP side of the gateway: places calls to XMPP addresses. Cheap to clone.
#[derive(Clone)]
pub struct XmppLegs {
    post: Post,
    domain: Domain,
    ice_servers: Arc<RwLock<Vec<IceServer>>>,
}

/// Speaks to the driver.
#[derive(Clone)]
struct Post(mpsc::Sender<Order>);

impl Post {
    /// Hands an order over. While the driver is behind, it waits in a task of its own: a hang-up that were lost would leave
    /// its session up.
    fn send(&self, order: Order) {
        if let Err(mpsc::error::TrySendError::Full(order)) = self.0.try_send(order) {
            let post = self.0.clone();
            // At most a few orders of each call, and calls are bounded.
            tokio::spawn(async move { post.send(order).await });
        }
    }
}

impl Post {
    /// Hands an order over in order with all others of the same task, which waits while the driver is behind.
    async fn wait(&self, order: Order) {
        // An error means that the gateway ends.
        let _ = self.0.send(order).await;
    }
}

/// What is there before the component is opened.
pub struct Closed {
    legs: XmppLegs,
    settings: Settings,
    nick_names: bool,
    orders: mpsc::Receiver<Order>,
}

impl XmppLegs {
    /// Gets ready; nothing is connected yet.
    pub fn new(config: &Xmpp) -> (XmppLegs, Closed) {
        let (post, orders) = mpsc::channel(ORDERS);
        let legs = XmppLegs {
            post: Post(post),
            domain: config.component.clone(),
            ice_servers: Arc::default(),
        };
        let closed = Closed {
            legs: legs.clone(),
            settings: Settings {
                domain: config.component.clone(),
                server: config.server.clone(),
                secret: config.secret.clone(),
            },
            nick_names: config.nick_names,
            orders,
        };
        (legs, closed)
    }

    /// Ends all sessions and the stream, and waits until that is said.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        self.post.send(Order::Stop(done));
        // An error means that the driver is gone already.
        let _ = stopped.await;
    }

    /// Returns how the sound of a call is negotiated now.
    fn peer_terms(&self) -> Terms {
        Terms::Peer(PeerTerms {
            ice_servers: self.known_servers(),
            ..PeerTerms::default()
        })
    }

    fn known_servers(&self) -> Vec<IceServer> {
        let known = self.ice_servers.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}

impl Closed {
    /// Opens the component, and keeps it open. `tell` learns each change of the stream: nothing, or why there is none.
    /// Partners' mail is put into `postbox`.
    pub fn open(
        self,
        house: Arc<House>,
        resolver: Arc<Resolver>,
        postbox: Option<Postbox>,
        tell: impl Fn(Option<&Trouble>) + Send + 'static,
    ) {
        let (wire, wanted, heard, incoming) = stream::ways();
        tokio::spawn(keep(self.settings, resolver, wanted, heard, tell));
        let driver = Driver::new(self.legs, house, wire, self.nick_names, postbox);
        tokio::spawn(driver.run(incoming, self.orders));
    }
}

#[async_trait]
impl Leg for XmppLegs {
    fn name(&self) -> &'static str {
        "xmpp"
    }

    fn reaches(&self, address: &str) -> bool {
        address::callee(address).is_some()
    }

    fn terms(&self, _trunk: Option<&Trunk>) -> Terms {
        self.peer_terms()
    }

    async fn place(&self, placing: Placing<'_>) -> Result<(Box<dyn Line>, Events), Cause> {
        let to = address::callee(placing.to).ok_or(Cause::NotFound)?;
        // A call to ourselves would come back to us.
        if self.domain.own(&to).is_some() {
            return Err(Cause::NotFound);
        }
        let (mailbox, events) = mpsc::channel(MAILBOX);
        self.post.send(Order::Place {
            leg: placing.leg,
            to,
            from: address::caller(&self.domain, placing.from),
            sdp: placing.offer,
            mailbox,
        });
        Ok((Box::new(self.line(placing.leg)), events))
    }
}

impl Courier for XmppLegs {
    fn post(&self, parcel: Parcel) -> bool {
        self.post.0.try_send(Order::Parcel(Box::new(parcel))).is_ok()
    }

    fn place(&self, leg: LegId, to: &Corner, offer: Vec<u8>) -> Result<(Box<dyn Line>, Events), Cause> {
        let from = self.domain.address(parcels::NODE, &to.room).ok_or(Cause::NotFound)?;
        let to = parcels::jid(to).ok_or(Cause::NotFound)?;
        if self.domain.own(&to).is_some() {
            return Err(Cause::NotFound);
        }
        let (mailbox, events) = mpsc::channel(MAILBOX);
        self.post.send(Order::Place {
            leg,
            to,
            from,
            sdp: offer,
            mailbox,
        });
        Ok((Box::new(self.line(leg)), events))
    }

    fn ice_servers(&self) -> Vec<IceServer> {
        self.known_servers()
    }
}

impl XmppLegs {
    fn line(&self, leg: LegId) -> JingleLine {
        JingleLine {
            post: self.post.clone(),
            leg,
        }
    }
}
