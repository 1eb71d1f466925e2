// SPDX-License-Identifier: EUPL-1.2
//! Joint sessions with other authorities, as the page, the API and the phones' keys ask for them.

use std::sync::Arc;
use std::time::Duration;

use crate::call::LegId;
use crate::room::JointState;

/// Shares rooms with partners. No call blocks: what becomes of it shows in the room's roster
/// ([`Roster::joint`](crate::room::Roster::joint)) and is told by notices.
pub trait Federation: Send + Sync + 'static {
    /// Lists the partners that this meeting may be shared with, those first that are configured for it.
    fn partners(&self, meeting: &str) -> Vec<Partner>;
    /// Invites a partner into a live room, or tries again.
    ///
    /// # Errors
    /// Why there is nobody to invite, or no room.
    fn invite(&self, meeting: &str, deployment: &str) -> Result<(), FederationRefusal>;
    /// Ends the joint session with one partner; both rooms go on by themselves.
    ///
    /// # Errors
    /// If the room is not shared with that partner.
    fn part(&self, meeting: &str, deployment: &str) -> Result<(), FederationRefusal>;
    /// Ends the room here and asks every partner to end its half.
    ///
    /// # Errors
    /// If the room is not shared with anybody.
    fn end_for_all(&self, meeting: &str) -> Result<(), FederationRefusal>;
    /// Returns how every link is, ordered by meeting and deployment.
    fn status(&self) -> Vec<JointLink>;
    /// Asks every partner of a live room to delete what it keeps of one of our people; the receipts come later.
    ///
    /// # Errors
    /// If the room is not shared with anybody.
    fn erase(&self, meeting: &str, person: LegId) -> Result<(), FederationRefusal> {
        let _ = (meeting, person);
        Err(FederationRefusal::NotJoint)
    }
    /// Lists what a live room's partners were asked to delete, and whose receipts came.
    fn erasures(&self, meeting: &str) -> Vec<Erasure> {
        let _ = meeting;
        Vec::new()
    }
}

/// What one partner was asked to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Whose data.
    pub person: LegId,
    /// Who was asked.
    pub deployment: Arc<str>,
    /// How long it took until the sealed receipt came, if it came.
    pub receipt_after: Option<Duration>,
}

/// Somebody to share a room with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// The DNS name of its deployment.
    pub deployment: Arc<str>,
    /// What people read and hear.
    pub authority: Arc<str>,
    /// Whether it is configured for the meeting, so that key 8 invites it.
    pub is_usual: bool,
}

/// One link, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JointLink {
    /// The meeting id.
    pub meeting: Arc<str>,
    /// The DNS name of the partner's deployment.
    pub deployment: Arc<str>,
    /// What people read and hear.
    pub authority: Arc<str>,
    /// How far it is.
    pub state: JointState,
    /// Why it is out, as a stable word.
    pub why: Option<&'static str>,
    /// How many of the partner's people are here.
    pub people: usize,
    /// Whether single streams cross the border.
    pub has_media: bool,
}

/// Why a joint session does not begin or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FederationRefusal {
    /// There is no such live room.
    NoSuchRoom,
    /// No such partner is configured, or not for this room.
    NoSuchPartner,
    /// The room is not shared with that partner.
    NotJoint,
    /// Our own terms with that partner do not allow invitations into this room.
    NotAllowed,
    /// Too many invitations; wait a little.
    TooMany,
    /// The gateway is shutting down.
    Draining,
}
