// SPDX-License-Identifier: EUPL-1.2
//! What the server tells when the phone enters.

use serde::Deserialize;
use serde_json::Value;

use super::{Id, entries, lenient, list};
use crate::{BreakoutRoom, Credentials, PersonKind, Place, Role};

/// Most people that are kept of one meeting.
pub(crate) const MOST_PEOPLE: usize = 5_000;
/// Most breakout rooms that are kept.
pub(crate) const MOST_ROOMS: usize = 200;

/// `joined_lobby`, the first message of the second generation; `in_waiting_room` of the first has the ids, too.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Lobby {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) participant_id: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) can_enter: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) display_name: Option<String>,
}

/// `join_success` of all dialects.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct JoinSuccess {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) closes_at: Option<String>,
    #[serde(default, deserialize_with = "list::<_, _, MOST_PEOPLE>")]
    pub(crate) participants: Vec<Participant>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) event_info: EventInfo,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) room_info: RoomInfo,
    #[serde(default, deserialize_with = "lenient")]
    module_data: Option<Modules>,
    /// The legacy signalling has the modules' data beside the other fields.
    #[serde(flatten)]
    beside: Value,
}

impl JoinSuccess {
    /// Returns what the modules say.
    pub(crate) fn modules(&mut self) -> Modules {
        self.module_data
            .take()
            .unwrap_or_else(|| Modules::deserialize(self.beside.take()).unwrap_or_default())
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct EventInfo {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) e2e_encryption: bool,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RoomInfo {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) id: Id,
}

/// What the modules say to one who enters, or who changes the room.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Modules {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) livekit: Option<LiveKit>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) raise_hands: Option<RaiseHands>,
    /// Legacy: whether hands may be raised.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) moderation: RaiseHands,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) recording: Option<Recording>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) breakout: Option<Breakout>,
}

/// Credentials, and who may use a microphone.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct LiveKit {
    #[serde(flatten)]
    pub(crate) access: Access,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) microphone_restriction_state: Restriction,
}

/// LiveKit's address and token.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Access {
    #[serde(default, deserialize_with = "lenient")]
    room: String,
    #[serde(default, deserialize_with = "lenient")]
    token: String,
    #[serde(default, deserialize_with = "lenient")]
    public_url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    service_url: Option<String>,
}

impl Access {
    /// Returns the credentials if there is a token and an address; the address for services comes first.
    pub(crate) fn credentials(self) -> Option<Credentials> {
        let given = |url: &String| !url.is_empty();
        let url = self.service_url.filter(given).or(self.public_url.filter(given))?;
        let Access { room, token, .. } = self;
        (!token.is_empty()).then_some(Credentials { room, token, url })
    }
}

/// Whether only some may use a microphone.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Restriction {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "list::<_, _, MOST_PEOPLE>")]
    pub(crate) unrestricted_participants: Vec<Id>,
}

impl Restriction {
    /// Tells whether somebody is kept from speaking.
    pub(crate) fn restricts(&self, who: &Id) -> bool {
        self.kind == "enabled" && !self.unrestricted_participants.contains(who)
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RaiseHands {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) raise_hands_enabled: Option<bool>,
    /// Of the phone itself, while its hand is up.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) state: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Recording {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) consents_recording: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) recording_state: Status,
    #[serde(default, deserialize_with = "entries::<_, _, 64>")]
    pub(crate) stream_states: Vec<(Id, Status)>,
    /// Legacy: recordings and streams together.
    #[serde(default, deserialize_with = "entries::<_, _, 64>")]
    pub(crate) targets: Vec<(Id, Status)>,
}

/// Whether something is being recorded or streamed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Status {
    #[serde(default, deserialize_with = "lenient")]
    status: String,
    /// Legacy: `recording` or `livestream`.
    #[serde(default, deserialize_with = "lenient")]
    streaming_kind: String,
}

impl Status {
    /// Tells whether it runs or is about to: the caller is asked before the first word is kept.
    pub(crate) fn is_on(&self) -> bool {
        matches!(self.status.as_str(), "requested" | "starting" | "active" | "paused")
    }

    /// Tells whether this is a recording, in the legacy signalling.
    pub(crate) fn is_recording(&self) -> bool {
        self.streaming_kind == "recording"
    }
}

/// Breakout rooms, at the join.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Breakout {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) room: Room,
    #[serde(default, deserialize_with = "list::<_, _, MOST_ROOMS>")]
    pub(crate) rooms: Vec<NamedRoom>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) expires: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NamedRoom {
    id: u32,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
}

/// Cleans the names of rooms.
pub(crate) fn rooms(named: Vec<NamedRoom>) -> Vec<BreakoutRoom> {
    let clean = |NamedRoom { id, name }| BreakoutRoom {
        id,
        name: super::clean_name(&name),
    };
    named.into_iter().map(clean).collect()
}

/// A room of the meeting: `{"kind":"main"}` or `{"kind":"breakout","id":0}`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Room {
    #[serde(default, deserialize_with = "lenient")]
    kind: String,
    #[serde(default, deserialize_with = "lenient")]
    id: Option<u32>,
}

impl Room {
    /// Returns which room it is, if this gateway knows its kind.
    pub(crate) fn place(&self) -> Option<Place> {
        match (self.kind.as_str(), self.id) {
            ("main", _) => Some(Place::Main),
            ("breakout", Some(id)) => Some(Place::Breakout(id)),
            _ => None,
        }
    }
}

/// Somebody, as `join_success` lists them and the legacy `joined` and `update` tell of them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Participant {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "list::<_, _, 16>")]
    pub(crate) connections: Vec<Connection>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) module_data: Peer,
    /// Legacy: what the modules say lies beside the id.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) control: Option<Person>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) recording: Option<Consenting>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Connection {
    pub(crate) connection_id: Id,
}

/// Legacy: whether somebody agrees to be recorded.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Consenting {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) consents_recording: bool,
}

/// What the modules say about somebody.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Peer {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) core: Option<Person>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) breakout: Option<Breakout>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) raise_hands: Option<Hand>,
}

/// Present with a time while the hand is up.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Hand {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) raised_at: Option<String>,
}

/// Who somebody is.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Person {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) display_name: String,
    #[serde(default, deserialize_with = "lenient")]
    role: String,
    #[serde(default, deserialize_with = "lenient")]
    participation_kind: String,
    /// Legacy.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) hand_is_up: bool,
    /// Legacy: they are in the list, and gone.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) left_at: Option<String>,
}

impl Person {
    /// Says what they may do.
    pub(crate) fn role(&self) -> Role {
        role(&self.role)
    }

    /// Says how they take part.
    pub(crate) fn kind(&self) -> PersonKind {
        match self.participation_kind.as_str() {
            "registered" | "user" => PersonKind::Registered,
            "guest" => PersonKind::Guest,
            "call_in" | "registered_call_in" | "sip" => PersonKind::Phone,
            "recorder" | "transcription" => PersonKind::Recorder,
            _ => PersonKind::Other,
        }
    }
}

/// Reads a role.
pub(crate) fn role(text: &str) -> Role {
    match text {
        "moderator" => Role::Moderator,
        "guest" => Role::Guest,
        _ => Role::User,
    }
}
