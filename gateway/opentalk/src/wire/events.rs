// SPDX-License-Identifier: EUPL-1.2
//! What the server tells after the phone has entered.

use serde::Deserialize;

use super::join::{MOST_PEOPLE, MOST_ROOMS, Modules, NamedRoom, Peer, Room};
use super::{Id, lenient, list};

/// Messages that say why: `join_blocked`, `kicked`, `closing`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reason {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) reason: String,
}

/// Errors: of a module, or in the namespace `error`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Failure {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) error: String,
}

/// `participant_connected`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Connected {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) participant_id: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) connection_id: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) peer_data: Peer,
}

/// `participant_disconnected`; the legacy `left` has the fields of [`LegacyLeft`].
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Disconnected {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) participant_id: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) connection_id: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) reason: String,
}

/// The legacy `left`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct LegacyLeft {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) id: Id,
}

/// `hand_raised`, `hand_lowered`; without a participant, the legacy signalling means the phone itself.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct HandMoved {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) participant: Option<Id>,
}

/// `raised_hand_reset_by_moderator`; without participants, the legacy signalling means the phone itself.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct HandsReset {
    #[serde(default, deserialize_with = "list::<_, _, MOST_PEOPLE>")]
    pub(crate) participants: Vec<Id>,
}

/// `role_updated`; without a participant, the legacy signalling means the phone itself.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RoleUpdated {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) participant_id: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) new_role: String,
}

/// `display_name_changed`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct NameChanged {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) target: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) new_name: String,
}

/// `microphone_restrictions_enabled`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Unrestricted {
    #[serde(default, deserialize_with = "list::<_, _, MOST_PEOPLE>")]
    pub(crate) unrestricted_participants: Vec<Id>,
}

/// `breakout/started`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct BreakoutStarted {
    #[serde(default, deserialize_with = "list::<_, _, MOST_ROOMS>")]
    pub(crate) rooms: Vec<NamedRoom>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) expires_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) assignment: Option<u32>,
}

/// `breakout/close_notice`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CloseNotice {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) stops_at: Option<String>,
}

/// `breakout/switched_room`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Switched {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) new_room: Room,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) own_data: Modules,
}

/// `breakout/participant_switched_room`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OtherSwitched {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) participant_id: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) new_room: Room,
}

/// `recording/stream_updated`; its status lies beside.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct StreamUpdated {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) target_id: Id,
    #[serde(flatten)]
    pub(crate) status: super::join::Status,
}

/// `recording/consent_updated`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ConsentUpdated {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) participant: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) consents: bool,
}

/// `chat/message_sent`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct MessageSent {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) source: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) content: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) scope: String,
}
