// SPDX-License-Identifier: EUPL-1.2
//! Takes part in an OpenTalk meeting, without I/O.
//!
//! An [`Attendee`] is one telephone in one meeting: it is fed with what the signalling socket brings and with what the
//! caller wants, and says what to send and what happened. It speaks the three dialects that deployments have: the
//! roomserver's first generation (0.1), its second (0.10), told apart by the first message, and the signalling that
//! controllers up to 0.33 have built in.
//!
//! ```text
//! controller ── Admission ──▶ Attendee ── Output::Connect, Send, Close ──▶ socket
//!     ▲                        ▲    │                                         │
//!     └──── Output::Start ─────┼────┴── Output::Event ──▶ the phone's call    │
//!                              └───────────── Input::Text, Closed ◀───────────┘
//! ```
//!
//! Not implemented: camera and screen share, private and group chat, polls and votes, subroom audio ("whisper"),
//! end-to-end encryption (such rooms are left at once), the resumption of a place after a lost socket (OpenTalk keeps
//! none for telephones).

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests choose their start"))]

/// What must hold for whatever a server says.
pub mod invariants;
/// What the phone wants, what it is told, and how it ends.
mod words;

/// One telephone in one meeting.
mod attendee;
/// When to try again after a failure.
mod backoff;
/// Names that OpenTalk is given.
mod name;
/// How fast we may speak.
mod pace;
/// What is said on the socket.
mod wire;

pub use attendee::{Attendee, AttendeeOptions, Input, Output};
pub use name::Name;
pub use pace::Pace;
pub use words::{
    Admission, Breakout, BreakoutRoom, Command, Credentials, Ending, Event, Joined, Person, PersonKind, Place,
    Recorded, Role, StartError,
};
