// SPDX-License-Identifier: EUPL-1.2
//! The words all legs speak, and the task that walks a call from its offer to its end.
//!
//! ```text
//! legs::sip  Offered ──▶ phone::walk: route ─▶ answer ─▶ lobby ─▶ room ─▶ goodbye
//!                                       └─ Dial ─▶ bridge::walk (two legs, no meeting)
//! ```

/// Joins rooms that live elsewhere with LiveKit and OpenTalk.
pub mod abroad;
/// Asks the one who knows whether meeting id and PIN fit.
mod admission;
/// A call without a meeting: two legs in a room of their own.
mod bridge;
/// How much may come: a token bucket.
pub(crate) mod bucket;
/// The wall clock, for rules with a time window.
pub mod clock;
/// What carries frames and sessions between deployments.
pub mod courier;
/// One answered phone leg: what it says, and what it is played.
pub mod ear;
/// Joint sessions with other authorities, as pages, operators and phones ask for them.
pub mod federation;
/// What every call needs: configuration, rooms, media, prompts, throttle.
pub mod house;
/// A call out of a meeting.
pub mod invite;
/// What a phone hears of joint sessions, and its key for them.
mod joint_talk;
/// What a call says to its leg and hears from it.
pub mod line;
/// Joins rooms and media.
pub mod orders;
/// A phone call, read downwards.
pub mod phone;
/// How many calls out of meetings ring.
mod ringing;
/// A phone in a room: keys out, notices in, spoken.
mod room_talk;
/// How a leg's sound is negotiated.
pub mod sound;
/// Joins the HTTP surfaces with the house.
pub mod surfaces;
/// Keys that a telephone sends twice, in media and in signalling.
mod twins;
/// A seat without sound, for whoever only reads and writes.
pub mod visit;
/// Under which leg each participant of a conference elsewhere is heard and listed.
mod voices;
/// What partners publish for their servers, and whom we may speak to because of it.
pub mod vouching;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

pub use voices::{Floor, Voices};

/// Names one leg (one phone call or one browser) for the life of the process; a person in a room carries the same id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

impl LegId {
    /// Takes the next free id.
    pub fn next() -> LegId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        LegId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg-{}", self.0)
    }
}

impl fmt::Debug for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Says how a person takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A SIP telephone.
    Phone,
    /// A browser or another WebRTC client.
    Browser,
    /// An XMPP client, with or without a call.
    Xmpp,
    /// Somebody in a partner's half of a joint session.
    Federated,
}

impl Kind {
    /// Returns the word used by the API and the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Phone => "phone",
            Kind::Browser => "browser",
            Kind::Xmpp => "xmpp",
            Kind::Federated => "federated",
        }
    }
}

/// Says what a person may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May mute, admit and remove others, lock and end the room.
    Moderator,
    /// May speak, mute itself and raise a hand.
    Participant,
}

impl Role {
    /// Returns the word used by the API and the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Moderator => "moderator",
            Role::Participant => "participant",
        }
    }
}

/// Who wants in, from where and to what, before anything is decided.
#[derive(Clone)]
pub struct Invitation {
    /// The leg that was offered.
    pub leg: LegId,
    /// The configured trunk whose allow-list matched, if any.
    pub trunk: Option<String>,
    /// The caller's URI, as received.
    pub from: String,
    /// The caller's display name, cleaned of control characters; may be empty.
    pub from_name: String,
    /// The dialled URI (request URI).
    pub to: String,
    /// The network source that the throttle counts by.
    pub source: IpAddr,
    /// How the caller will take part.
    pub kind: Kind,
    /// The PIN that came along with the call, if one did; never logged.
    pub pin: Option<String>,
}

/// Shows neither PIN nor names.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("leg", &self.leg)
            .field("trunk", &self.trunk)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The one vocabulary of endings; each leg maps it to its own protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The person hung up or left.
    Left,
    /// The caller gave up before the call was answered.
    Cancelled,
    /// The callee is busy.
    Busy,
    /// The callee or a rule declined.
    Declined,
    /// Nobody answered in time.
    NoAnswer,
    /// No such number or address.
    NotFound,
    /// A rule or an allow-list forbids it.
    Forbidden,
    /// An emergency number was dialled; the gateway cannot carry such calls.
    Emergency,
    /// Meeting id or PIN were wrong (never says which).
    WrongCredentials,
    /// The caller's tries are used up.
    TooManyTries,
    /// The source or the room is being slowed down.
    Throttled,
    /// The caller entered nothing.
    NoInput,
    /// The room is locked.
    Locked,
    /// The room is full.
    Full,
    /// A moderator removed the person.
    Removed,
    /// A moderator ended the room.
    RoomEnded,
    /// A moderator barred the person from the meeting.
    Banned,
    /// The moderators stay on alone.
    Debriefed,
    /// The meeting's time is used up.
    TimeLimit,
    /// The meeting is encrypted from end to end, so that no phone may take part.
    EncryptedRoom,
    /// The meeting takes no phones.
    CallInDisabled,
    /// No media arrived for too long.
    MediaTimeout,
    /// The two sides share no codec.
    NoCommonCodec,
    /// Policy asks for encryption that the far end did not offer.
    EncryptionRequired,
    /// The session description could not be understood.
    BadDescription,
    /// The gateway is shutting down.
    Draining,
    /// A limit of the gateway is reached (ports, calls).
    Overloaded,
    /// The far end or a server behind it cannot be reached.
    Unreachable,
    /// A fault of the gateway; the log says more.
    Internal,
}

impl Cause {
    /// Returns the stable word used in logs, metrics and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Left => "left",
            Cause::Cancelled => "cancelled",
            Cause::Busy => "busy",
            Cause::Declined => "declined",
            Cause::NoAnswer => "no_answer",
            Cause::NotFound => "not_found",
            Cause::Forbidden => "forbidden",
            Cause::Emergency => "emergency",
            Cause::WrongCredentials => "wrong_credentials",
            Cause::TooManyTries => "too_many_tries",
            Cause::Throttled => "throttled",
            Cause::NoInput => "no_input",
            Cause::Locked => "locked",
            Cause::Full => "full",
            Cause::Removed => "removed",
            Cause::RoomEnded => "room_ended",
            Cause::Banned => "banned",
            Cause::Debriefed => "debriefed",
            Cause::TimeLimit => "time_limit",
            Cause::EncryptedRoom => "encrypted_room",
            Cause::CallInDisabled => "call_in_disabled",
            Cause::MediaTimeout => "media_timeout",
            Cause::NoCommonCodec => "no_common_codec",
            Cause::EncryptionRequired => "encryption_required",
            Cause::BadDescription => "bad_description",
            Cause::Draining => "draining",
            Cause::Overloaded => "overloaded",
            Cause::Unreachable => "unreachable",
            Cause::Internal => "internal",
        }
    }
}
