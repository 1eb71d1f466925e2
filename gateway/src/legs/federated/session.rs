// SPDX-License-Identifier: EUPL-1.2
//! One live room, whether or not somebody of ours is in it: it is shared while somebody is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use landbridge_federation::{Deployment, Epoch, Fault, Frame, Invite, RoomAlias, wire};
use tokio::sync::{mpsc, watch};

use super::board::{Board, Lines};
use super::desk::Letter;
use super::shared::{End, Shared, wall_clock};
use super::{numbers, ours, terms};
use crate::call::Cause;
use crate::call::courier::{Corner, Courier, Parcel, Sealed};
use crate::call::house::{House, now};
use crate::config::federation::{Join, JointRoom};
use crate::config::{Config, Federation};
use crate::room::{Onlooker, Roster};

/// How long it is remembered that a partner called an empty room, or was in it.
const INVITED: Duration = Duration::from_secs(600);

/// What a joint room stands on.
pub(super) struct Ground {
    pub(super) house: Arc<House>,
    pub(super) courier: Arc<dyn Courier>,
    /// The configuration that the room goes by.
    pub(super) config: Arc<Config>,
    pub(super) us: Deployment,
    pub(super) alias: RoomAlias,
    pub(super) meeting: String,
}

impl Ground {
    /// Returns what is configured, if we still are a deployment among others.
    pub(super) fn federation(&self) -> Option<&Federation> {
        self.config.federation.as_ref()
    }

    /// Returns the room as it is configured.
    pub(super) fn room(&self) -> Option<&JointRoom> {
        let room = self.federation()?.room(&self.alias)?;
        (room.meeting == self.meeting).then_some(room)
    }

    /// Seals a frame and posts it; what is lost is sent again by whoever made it.
    pub(super) fn post(&self, partner: &Deployment, frame: &Frame) {
        let Some((federation, to)) = self.federation().zip(self.corner(partner)) else {
            return;
        };
        let is_permitted = |partner| self.house.vouching.permits(partner);
        if !federation.partner(partner).is_some_and(is_permitted) {
            return numbers::bounced(partner);
        }
        let payload = wire::write(frame).into_bytes();
        let (key, seal) = federation.seal.sign(&self.us, partner, &payload);
        let sealed = Sealed {
            key: key.to_string(),
            to: partner.as_str().to_owned(),
            seal: seal.to_vec(),
            payload,
        };
        match self.courier.post(Parcel { to, sealed }) {
            true => numbers::sent(partner),
            false => numbers::bounced(partner),
        }
    }

    /// Tells whether a partner may join the rooms by itself.
    pub(super) fn accepts(&self, partner: &Deployment) -> bool {
        let (federation, room) = (self.federation(), self.room());
        let terms = federation
            .zip(room)
            .and_then(|(federation, room)| terms::terms(federation, room, partner, false));
        terms.is_some_and(|terms| terms.policy.invite == Invite::Accept)
    }

    /// Declines what a frame wants, if it is an invitation.
    ///
    /// `epoch` is the life that the room has here, or would have: a link that we begin later speaks in it, and has to come
    /// after the refusal.
    pub(super) fn decline(&self, partner: &Deployment, frame: &Frame, epoch: Epoch) {
        if frame.invitation().is_some() {
            let epoch = Epoch(epoch.0.saturating_sub(1));
            self.post(partner, &frame.refusal(self.us.clone(), epoch, Fault::NotPermitted));
        }
    }

    /// Returns the room's address at a partner.
    pub(super) fn corner(&self, partner: &Deployment) -> Option<Corner> {
        let partner = self.federation()?.partner(partner)?;
        Some(Corner {
            address: partner.address.clone(),
            room: self.alias.as_str().to_owned(),
        })
    }
}

/// One live room that may be shared.
pub(super) struct Session {
    ground: Ground,
    onlooker: Onlooker,
    roster: watch::Receiver<Arc<Roster>>,
    lines: Lines,
    /// Partners that called, or were called, while nobody was there.
    invited: BTreeMap<Deployment, Instant>,
}

impl Session {
    /// Looks on at the room; nothing if it is over already.
    pub(super) fn open(ground: Ground, board: &Arc<Board>) -> Option<Session> {
        let onlooker = ground.house.rooms.look_on(&ground.meeting)?;
        Some(Session {
            lines: board.lines(&ground.meeting),
            roster: onlooker.roster(),
            onlooker,
            ground,
            invited: BTreeMap::new(),
        })
    }

    /// Runs until the room or the gateway ends.
    pub(super) async fn run(mut self, mut letters: mpsc::Receiver<Letter>) {
        while self.somebody_comes(&mut letters).await {
            let invited = std::mem::take(&mut self.invited).into_iter();
            let fresh = invited.filter(|(_, at)| now().saturating_duration_since(*at) < INVITED);
            let mut partners: BTreeSet<Deployment> = fresh.map(|(partner, _)| partner).collect();
            if let Some(room) = self.ground.room()
                && room.join == Join::Always
            {
                partners.extend(room.partners.iter().cloned());
            }
            let shared = Shared::open(&mut self.ground, &self.onlooker, &self.lines, partners);
            let Some(shared) = shared else { return };
            match shared.run(&mut letters).await {
                // They go on when somebody comes back.
                End::Empty(partners) => self
                    .invited
                    .extend(partners.into_iter().map(|partner| (partner, now()))),
                End::Over => return,
            }
        }
    }

    /// Waits until somebody of ours is in the room; returns false if it ends before.
    async fn somebody_comes(&mut self, letters: &mut mpsc::Receiver<Letter>) -> bool {
        loop {
            if ours::count(&self.roster.borrow_and_update()) > 0 {
                return true;
            }
            tokio::select! {
                letter = letters.recv() => match letter {
                    Some(Letter::Close) | None => return false,
                    Some(letter) => self.alone(letter),
                },
                changed = self.roster.changed() => if changed.is_err() {
                    return false;
                },
            }
        }
    }

    /// Answers whoever speaks to an empty room.
    fn alone(&mut self, letter: Letter) {
        match letter {
            Letter::Frame(partner, frame, receipt) => {
                if frame.invitation().is_none() {
                    return receipt.refused("nobody-there");
                }
                if self.ground.accepts(&partner) || self.invited.contains_key(&partner) {
                    self.invited.insert(partner, now());
                    return receipt.refused("nobody-there");
                }
                self.ground.decline(&partner, &frame, Epoch(wall_clock()));
                receipt.refused("not-permitted");
            }
            Letter::Offered(_, offered) => offered.line.reject(Cause::NotFound, None),
            Letter::Invite(partner) => {
                self.invited.insert(partner, now());
            }
            Letter::Part(partner) => {
                self.invited.remove(&partner);
            }
            Letter::Reload => self.ground.config = self.ground.house.config(),
            _ => {}
        }
    }
}
