// SPDX-License-Identifier: EUPL-1.2
//! One room on two deployments: who tells what to whom.
//!
//! Only the words so far; the link that speaks them comes later. No sockets, no clock.
//!
//! - [`name`]: deployments and the aliases of their rooms.
//! - [`event`]: origin, epoch and sequence, which make every event happen once.
//! - [`policy`]: which fields may leave, and which people are told of at all.
//!
//! Not implemented: the link itself (roster by origin, resync by snapshot, journal), and its stanzas.

pub mod event;
pub mod name;
pub mod policy;

pub use event::{Epoch, EventId, Origin, Sequence};
pub use name::{Deployment, NameError, RoomAlias};
pub use policy::{Field, Policy, Stance};
