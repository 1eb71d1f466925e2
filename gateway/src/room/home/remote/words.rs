// SPDX-License-Identifier: EUPL-1.2
//! What a home elsewhere wants done for a guest ([`Deed`]) and what comes back ([`News`]).

use landbridge_opentalk::{Admission, Command, Credentials, Event, Name};

use crate::call::Floor;

/// What shows a home elsewhere that a person may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Papers {
    /// Nothing: the gateway's own rooms ask for none.
    #[default]
    None,
    /// LiveKit: what others may know of the call, as participant attributes (`sip.*`).
    Livekit(Vec<(String, String)>),
    /// OpenTalk: what the controller gave for meeting id and PIN, and those two, to ask again after an outage.
    Opentalk(OpentalkPapers),
}

/// What lets a phone into a meeting of OpenTalk.
#[derive(Clone, PartialEq, Eq)]
pub struct OpentalkPapers {
    /// What the controller gave; good for one entry within half a minute. Without, the controller is asked first.
    pub admission: Option<Admission>,
    /// The meeting id.
    pub meeting: String,
    /// Its PIN.
    pub pin: String,
    /// What the phone is called there.
    pub name: Name,
}

/// Shows neither meeting nor PIN.
impl std::fmt::Debug for OpentalkPapers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpentalkPapers")
    }
}

/// What is to be done for one guest where the room lives. None of it is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Takes up the conference with these papers.
    Attend(Papers),
    /// Says something in the conference.
    Say(Command),
    /// Brings the guest's sound into a room of LiveKit, out of the one it is in.
    EnterHall {
        /// Where, and by which token; the home `livekit` makes its own.
        credentials: Option<Credentials>,
        /// Whether the microphone is closed.
        muted: bool,
        /// Where those elsewhere are heard here; nowhere in particular in a breakout room.
        floor: Option<Floor>,
    },
    /// Takes the guest's sound out of LiveKit.
    LeaveHall,
    /// Closes or opens the guest's microphone for everybody in LiveKit.
    MuteHall(bool),
    /// Tells others in LiveKit which key was pressed.
    Key(char),
    /// Ends everything; nothing follows.
    Leave,
}

/// What a guest's conference and sound have to tell.
#[derive(Clone, Debug)]
pub enum News {
    /// From OpenTalk's signalling.
    Conference(Box<Event>),
    /// From LiveKit.
    Hall(HallNews),
}

/// What LiveKit has to tell about one guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HallNews {
    /// The guest hears and may be heard.
    In {
        /// Whether LiveKit lets the guest speak at all.
        may_speak: bool,
    },
    /// Whether LiveKit lets the guest speak has changed.
    MaySpeak(bool),
    /// Somebody with the right to do so closed the guest's microphone.
    Muted,
    /// Sound is lost and being restored.
    Reconnecting,
    /// Sound is back.
    Restored,
    /// Who is in the room of LiveKit, this node's own phones left out.
    People(Vec<HallPerson>),
    /// The guest is out of LiveKit.
    Out(HallEnd),
}

/// A participant of LiveKit that is not a phone of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HallPerson {
    /// Its identity, unique in the room.
    pub identity: String,
    /// Its name.
    pub name: String,
    /// Whether it is a telephone of another gateway.
    pub is_phone: bool,
    /// Whether its microphone is closed.
    pub muted: bool,
    /// Whether it speaks right now.
    pub speaking: bool,
}

/// Why a guest is out of LiveKit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HallEnd {
    /// Somebody removed the guest.
    Removed,
    /// The room was deleted.
    RoomDeleted,
    /// The room is full.
    Full,
    /// LiveKit does not let the guest in, or cannot be reached for too long; the log says more.
    Unreachable,
}
