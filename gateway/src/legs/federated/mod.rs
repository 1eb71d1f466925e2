// SPDX-License-Identifier: EUPL-1.2
//! Rooms that several deployments share: one task per room, fed with the partners' sealed frames.
//!
//! ```text
//! partners ─▶ courier ─▶ desk ── seal, limits, which room ──▶ shared ──▶ landbridge_federation::Joint
//!                ▲                                             │  ▲
//!                └──────────── frames, sessions ◀──────────────┘  └── roster, chat, acts of the room
//!                                                     guests: seats of far people   border: one media leg per partner
//! ```

/// What operators and pages see of links.
mod board;
/// The media leg to one partner.
mod border;
/// The one task that takes mail and follows the live rooms.
mod desk;
/// Far people's seats in our room.
mod guests;
/// How it is counted.
mod numbers;
/// Our own people, as the partners may be told of them.
mod ours;
/// The signature over every frame, and the keys that partners are known by.
pub mod seal;
/// One live room, whether or not somebody of ours is in it.
mod session;
/// One room while it is shared.
mod shared;
/// What we agreed with one partner, as the configuration says it.
mod terms;
/// Two deployments in one process, told as short plays.
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::call::LegId;
use crate::call::courier::{Courier, Mail, Postbox};
use crate::call::federation::{Erasure, Federation, FederationRefusal, JointLink, Partner};
use crate::call::house::{House, now};
use crate::config;
use board::Board;
use desk::{Desk, Order};

/// Mail that may wait for the desk.
const MAIL: usize = 1024;
/// Orders that may wait for the desk.
const ORDERS: usize = 256;
/// Most invitations of one partner into one meeting within a while.
const INVITATIONS: usize = 4;
const INVITATIONS_WITHIN: Duration = Duration::from_secs(20);

/// Shares rooms with partners. Cheap to clone.
#[derive(Clone)]
pub struct Federated {
    house: Arc<House>,
    board: Arc<Board>,
    orders: mpsc::Sender<Order>,
    /// The invitations of late, by meeting and partner.
    invitations: Arc<Mutex<VecDeque<(Instant, String, String)>>>,
}

/// What is there before a courier is.
pub struct Closed {
    federated: Federated,
    mail: mpsc::Receiver<Mail>,
    orders: mpsc::Receiver<Order>,
}

impl Federated {
    /// Gets ready; nothing is shared yet. Mail goes into the postbox.
    pub fn new(house: Arc<House>) -> (Federated, Postbox, Closed) {
        let (mail_in, mail) = mpsc::channel(MAIL);
        let (orders_in, orders) = mpsc::channel(ORDERS);
        let federated = Federated {
            house: Arc::clone(&house),
            board: Arc::default(),
            orders: orders_in,
            invitations: Arc::default(),
        };
        let knows = move |address: &str| {
            let config = house.config();
            let federation = config.federation.as_ref();
            federation.is_some_and(|federation| federation.partner_at(address).is_some())
        };
        let postbox = Postbox {
            mail: mail_in,
            knows: Box::new(knows),
        };
        let closed = Closed {
            federated: federated.clone(),
            mail,
            orders,
        };
        (federated, postbox, closed)
    }

    /// Learns that the configuration was re-read.
    pub fn reloaded(&self) {
        // A desk that is this far behind reads the configuration anew with each room.
        let _ = self.orders.try_send(Order::Reload);
    }

    /// Leaves all partners, and waits until that is said.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.orders.send(Order::Stop(done)).await.is_ok() {
            // An error means that the desk is gone already.
            let _ = stopped.await;
        }
    }

    fn order(&self, order: Order) -> Result<(), FederationRefusal> {
        self.orders.try_send(order).map_err(|_| FederationRefusal::TooMany)
    }

    /// Counts an invitation, or refuses one too many.
    fn count(&self, meeting: &str, deployment: &str) -> Result<(), FederationRefusal> {
        let mut late = self.invitations.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        late.retain(|(at, ..)| now.saturating_duration_since(*at) < INVITATIONS_WITHIN);
        let same = late
            .iter()
            .filter(|(_, of, to)| of == meeting && to == deployment)
            .count();
        if same >= INVITATIONS {
            return Err(FederationRefusal::TooMany);
        }
        late.push_back((now, meeting.to_owned(), deployment.to_owned()));
        Ok(())
    }

    /// Checks that a live meeting may be shared with a partner.
    fn check(&self, meeting: &str, deployment: &str) -> Result<landbridge_federation::Deployment, FederationRefusal> {
        if self.house.is_draining() {
            return Err(FederationRefusal::Draining);
        }
        if self.house.rooms.roster(meeting).is_none() {
            return Err(FederationRefusal::NoSuchRoom);
        }
        let known = self.partners(meeting);
        let found = known.iter().find(|partner| *partner.deployment == *deployment);
        let found = found.and_then(|partner| partner.deployment.parse().ok());
        found.ok_or(FederationRefusal::NoSuchPartner)
    }
}

impl Closed {
    /// Begins to share rooms by this courier.
    pub fn open(self, courier: Arc<dyn Courier>) {
        let Federated { house, board, .. } = self.federated;
        tokio::spawn(Desk::new(house, courier, board).run(self.mail, self.orders));
    }
}

impl Federation for Federated {
    fn partners(&self, meeting: &str) -> Vec<Partner> {
        let config = self.house.config();
        let Some((federation, room)) = room_of(&config, meeting) else {
            return Vec::new();
        };
        let known = room.partners.iter().filter_map(|name| federation.partner(name));
        let shown = known.map(|partner| Partner {
            deployment: partner.name.as_str().into(),
            authority: partner.authority.as_str().into(),
            is_usual: true,
        });
        shown.collect()
    }

    fn invite(&self, meeting: &str, deployment: &str) -> Result<(), FederationRefusal> {
        let partner = self.check(meeting, deployment)?;
        self.count(meeting, deployment)?;
        self.order(Order::Invite(meeting.to_owned(), partner))
    }

    fn part(&self, meeting: &str, deployment: &str) -> Result<(), FederationRefusal> {
        let partner = self.check(meeting, deployment)?;
        if !self.board.is_joint(meeting, Some(deployment)) {
            return Err(FederationRefusal::NotJoint);
        }
        self.order(Order::Part(meeting.to_owned(), partner))
    }

    fn end_for_all(&self, meeting: &str) -> Result<(), FederationRefusal> {
        if self.house.rooms.roster(meeting).is_none() {
            return Err(FederationRefusal::NoSuchRoom);
        }
        if !self.board.is_joint(meeting, None) {
            return Err(FederationRefusal::NotJoint);
        }
        self.order(Order::EndForAll(meeting.to_owned()))
    }

    fn status(&self) -> Vec<JointLink> {
        self.board.links()
    }

    fn erase(&self, meeting: &str, person: LegId) -> Result<(), FederationRefusal> {
        if !self.board.is_joint(meeting, None) {
            return Err(FederationRefusal::NotJoint);
        }
        self.order(Order::Erase(meeting.to_owned(), person))
    }

    fn erasures(&self, meeting: &str) -> Vec<Erasure> {
        self.board.erased(meeting)
    }
}

/// Finds the joint room that a meeting is.
fn room_of<'a>(
    config: &'a config::Config,
    meeting: &str,
) -> Option<(&'a config::Federation, &'a config::federation::JointRoom)> {
    let federation = config.federation.as_ref()?;
    Some((federation, federation.room_of(meeting)?))
}
