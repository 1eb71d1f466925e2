// SPDX-License-Identifier: EUPL-1.2
//! Whoever looks on at a room without being in it: nobody sees it, and it has the operator's word.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};

use crate::call::LegId;
use crate::room::actor::Letter;
use crate::room::chat::Chat;
use crate::room::seat::ask;
use crate::room::{ChatLine, Denial, Input, JointPartner, Residence, RoomKey, Roster};

/// The live rooms: meeting id and this life of each.
pub type LiveRooms = Arc<BTreeMap<Arc<str>, RoomKey>>;

/// A look at one life of a room, and a hand in it. It does not keep the room alive.
#[derive(Clone)]
pub struct Onlooker {
    pub(super) key: RoomKey,
    pub(super) residence: Residence,
    pub(super) mailbox: mpsc::Sender<Letter>,
    pub(super) roster: watch::Receiver<Arc<Roster>>,
    pub(super) chat: Arc<Chat>,
}

impl Onlooker {
    /// Returns which life of the room this is.
    pub fn key(&self) -> RoomKey {
        self.key
    }

    /// Returns where the room lives.
    pub fn residence(&self) -> &Residence {
        &self.residence
    }

    /// Returns the room's roster; `changed()` on it wakes at most ten times a second, and fails once the room is over.
    pub fn roster(&self) -> watch::Receiver<Arc<Roster>> {
        self.roster.clone()
    }

    /// Follows everything that is written from now on; whoever it is handed on to must be entitled to it.
    pub fn chat(&self) -> broadcast::Receiver<Arc<ChatLine>> {
        self.chat.follow()
    }

    /// Asks for anything: `onlooker.ask(Input::SetMuted { by: By::Operator, … })`.
    ///
    /// # Errors
    /// What the room denies; `Denial::Refused(Cause::RoomEnded)` once it is over.
    pub async fn ask(&self, input: Input) -> Result<(), Denial> {
        ask(&self.mailbox, input).await
    }

    /// Brings the raised hands into this order; hands that are not named come last, and none is raised or lowered.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn arrange_hands(&self, order: Vec<LegId>) -> Result<(), Denial> {
        self.ask(Input::ArrangeHands(order)).await
    }

    /// Shows with whom the room is shared, all partners at once; whoever is missing has parted. People are told what
    /// changed.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn joint(&self, partners: Vec<JointPartner>) -> Result<(), Denial> {
        self.ask(Input::Joint(partners)).await
    }

    /// Tells that partners record or stream the joint session, or none does any more. Each of ours is asked; the
    /// answers stand in the roster.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn partners_record(&self, recording: bool) -> Result<(), Denial> {
        self.ask(Input::PartnersRecord(recording)).await
    }

    /// Forgets all that a person wrote, for whoever asks for the chat's past from now on.
    pub fn forget_lines(&self, writer: LegId) {
        self.chat.forget(writer);
    }

    /// Tells moderators that this partner does not allow what one of them did to its people.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); `Denial::NoSuchPerson` if there is no such partner.
    pub async fn denied_by(&self, deployment: &str) -> Result<(), Denial> {
        self.ask(Input::DeniedBy(deployment.into())).await
    }
}

impl fmt::Debug for Onlooker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Onlooker")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
