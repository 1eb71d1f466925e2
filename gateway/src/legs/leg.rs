// SPDX-License-Identifier: EUPL-1.2
//! What a protocol must do to reach people. Session descriptions (SDP) are the one language between legs and media.

use async_trait::async_trait;

use crate::call::line::{Events, Line};
use crate::call::sound::Terms;
use crate::call::{Cause, LegId};
use crate::config::Trunk;

/// One protocol. Whom it brings in by itself, it hands to [`crate::call::phone::walk`].
#[async_trait]
pub trait Leg: Send + Sync {
    /// Returns the word for logs and metrics.
    fn name(&self) -> &'static str;

    /// Tells whether a call to this address is for this leg to place.
    fn reaches(&self, address: &str) -> bool;

    /// Returns how the sound of a call by this leg is negotiated.
    fn terms(&self, trunk: Option<&Trunk>) -> Terms;

    /// Places a call; what becomes of it comes through the events.
    async fn place(&self, placing: Placing<'_>) -> Result<(Box<dyn Line>, Events), Cause>;
}

/// A call to be placed.
pub struct Placing<'a> {
    /// The name of the new call.
    pub leg: LegId,
    /// Where to.
    pub to: &'a str,
    /// Who calls, as a URI.
    pub from: &'a str,
    /// Our session description.
    pub offer: Vec<u8>,
    /// The trunk whose next hop and credentials serve the call.
    pub trunk: Option<&'a Trunk>,
    /// Hops left, for a call that continues another one.
    pub max_forwards: u8,
}
