// SPDX-License-Identifier: EUPL-1.2
//! The HTTP surfaces: the page and its API for people, and an API, health and metrics for operators.
//!
//! Two listeners, two routers: [`public_router`] faces browsers, [`operator_router`] faces the operator's own machines.

/// Joining, with the same answer for every wrong credential.
mod entrance;
/// What a page is told while its person is in a room (server-sent events).
mod events;
/// Partners, links and erasures, as operators see them.
mod federation;
/// Liveness and readiness, each part by name.
mod health;
/// Calling somebody into a meeting.
mod inviting;
/// Sharing a room with other authorities.
mod joint;
/// How much one source may ask, how long a request may take, and who the source is.
mod limits;
/// Listeners with optional TLS, capped connections and deadlines.
pub mod listen;
/// What people do to themselves, to others and to the room.
mod moderation;
/// The gateway in numbers, without personal data.
pub mod numbers;
/// The operator's API.
mod operator;
/// The static page.
mod page;
/// Errors as clients see them.
mod problem;
/// The public router and what it needs.
mod public;
/// A room as JSON, as far as the one who looks may know.
mod view;

#[cfg(test)]
mod tests;

pub use entrance::{Entered, Gatekeeper, enter};
pub use health::Readiness;
pub use inviting::Inviter;
pub use joint::Joints;
pub use limits::{Bearer, Source, SourceLimit, read_body};
pub use operator::{Operator, operator_router};
pub use problem::Problem;
pub use public::{Public, PublicConfig, public_router};
