// SPDX-License-Identifier: EUPL-1.2
//! What the leg asks of the media plane.

use std::fmt;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::call::LegId;

/// The media plane's door for browsers.
#[async_trait]
pub trait BrowserMedia: Send + Sync + 'static {
    /// Opens media for a leg that has none and answers its offer with all candidates. The leg hears nothing until its
    /// room lets it in.
    async fn answer_browser(
        &self,
        leg: LegId,
        offer: &[u8],
    ) -> Result<(Vec<u8>, mpsc::Receiver<PeerEvent>), PeerRefusal>;

    /// Closes the leg's media, if it has any.
    fn close(&self, leg: LegId);
}

/// What a browser's media has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// ICE and DTLS are up.
    Connected,
    /// It cannot come up, broke, or fell silent for good.
    Lost(String),
}

/// Why the media plane does not take an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerRefusal {
    /// The offer cannot be understood; says what is wrong.
    BadOffer(String),
    /// Nothing both sides speak.
    NoCommonCodec,
    /// No ports or no room for another browser.
    Overloaded,
    /// A fault of the gateway.
    Internal(String),
}

impl fmt::Display for PeerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerRefusal::BadOffer(what) => write!(f, "the offer cannot be understood: {what}"),
            PeerRefusal::NoCommonCodec => f.write_str("the offer shares no codec with us; offer Opus"),
            PeerRefusal::Overloaded => f.write_str("no room for another browser's media; try again later"),
            PeerRefusal::Internal(what) => write!(f, "the media plane failed: {what}"),
        }
    }
}

impl std::error::Error for PeerRefusal {}
