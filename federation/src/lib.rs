// SPDX-License-Identifier: EUPL-1.2
//! One room on two or more deployments, without I/O: who tells what to whom.
//!
//! A [`Joint`] is one of our rooms that is shared. It holds a link to each partner and is fed with what our people do
//! and with the partners' frames; it says what to send and what the partners' people did.
//!
//! ```text
//! our people ── Input::Person, Said, Act ──▶ Joint ── Output::Send(partner, Frame) ──▶ seal, stanza, s2s
//!     ▲                                      ▲   │                                           │
//!     └── Output::Came, Said, Do, Queue ─────┼───┘        Input::Frame(partner, Frame) ◀─────┘
//!                                            └─────────────────────────┘
//! ```
//!
//! - [`name`]: deployments and the aliases of their rooms.
//! - [`event`]: origin, epoch and sequence, which make every event happen once.
//! - [`lamport`]: a clock that all deployments of a room agree about.
//! - [`person`]: people, as we know our own and as partners tell of theirs.
//! - [`policy`]: which fields may leave, and what a partner's moderators may do here.
//! - [`pseudonym`]: what people are called on the wire.
//! - [`act`]: what moderators do across the border.
//! - [`fault`]: the names of refusals.
//! - [`frame`]: what one deployment says to another at once.
//! - [`words`]: what goes into a [`Joint`] and comes out.
//! - `random`: numbers from a seed.
//! - `text`: text of strangers, made harmless and short.
//! - `link`: one partner.
//! - [`joint`]: one room and all its partners.
//! - [`wire`]: frames as XML.
//! - [`invariants`]: what must hold for whatever a partner says.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests choose their start"))]

pub mod act;
pub mod event;
pub mod fault;
pub mod frame;
pub mod invariants;
pub mod joint;
pub mod lamport;
mod link;
pub mod name;
pub mod person;
pub mod policy;
pub mod pseudonym;
mod random;
mod text;
pub mod wire;
pub mod words;

pub use act::{Act, Whom};
pub use event::{Epoch, EventId, Origin, Sequence};
pub use fault::Fault;
pub use frame::Frame;
pub use joint::Joint;
pub use lamport::Lamport;
pub use name::{Deployment, NameError, RoomAlias};
pub use person::{Accessibility, Consent, Far, FarPerson, Person, PersonId, Role, Told};
pub use policy::{Deed, Field, Invite, NameForm, Policy, RecordingRule};
pub use pseudonym::Pseudonym;
pub use words::{
    Charter, Fingerprint, Input, LinkState, LinkStatus, Output, Quotas, Recording, Subject, Terms, Way, Why,
};
