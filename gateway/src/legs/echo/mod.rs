// SPDX-License-Identifier: EUPL-1.2
//! The smallest leg, as a template: `echo@anywhere` answers every call and lets the caller hear itself.
//!
//! The answer is our own offer, so the media plane's second leg sends its packets to its own port: the caller's voice
//! goes through decoder, mixer, encoder, socket and jitter buffer, and comes back.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::call::Cause;
use crate::call::line::{Event, Events, Line};
use crate::call::sound::Terms;
use crate::config::Trunk;
use crate::legs::{Leg, Placing};
use crate::media::PhonePolicy;

/// Answers calls to `echo@…`.
pub struct Echo;

#[async_trait]
impl Leg for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn reaches(&self, address: &str) -> bool {
        let bare = address
            .strip_prefix("sip:")
            .or_else(|| address.strip_prefix("sips:"))
            .unwrap_or(address);
        bare.split_once('@')
            .is_some_and(|(user, _)| user.eq_ignore_ascii_case("echo"))
    }

    fn terms(&self, _trunk: Option<&Trunk>) -> Terms {
        Terms::Phone(PhonePolicy::default())
    }

    async fn place(&self, placing: Placing<'_>) -> Result<(Box<dyn Line>, Events), Cause> {
        let (events_tx, events) = mpsc::channel(2);
        // The channel is new and empty: there is room for one event.
        let _ = events_tx.try_send(Event::Answered(Some(placing.offer)));
        Ok((Box::new(EchoLine { _open: events_tx }), events))
    }
}

/// Holds the call open for as long as its owner keeps it.
struct EchoLine {
    _open: mpsc::Sender<Event>,
}

impl Line for EchoLine {
    fn ring(&self) {}
    fn answer(&self, _description: Vec<u8>) {}
    fn reject(&self, _cause: Cause, _text: Option<&str>) {}
    fn answer_offer(&self, _description: Result<Vec<u8>, Cause>) {}
    fn hang_up(&self, _cause: Cause) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::call::LegId;

    #[test]
    fn only_the_user_echo_is_reached() {
        assert!(Echo.reaches("sip:echo@example.org") && Echo.reaches("Echo@example.org"));
        assert!(!Echo.reaches("sip:alice@example.org") && !Echo.reaches("echo"));
    }

    #[tokio::test]
    async fn the_caller_gets_its_own_description_back() {
        let placing = Placing {
            leg: LegId(1),
            to: "echo@here",
            from: "sip:alice@example.org",
            offer: b"v=0\r\n".to_vec(),
            trunk: None,
            max_forwards: 70,
        };
        let (_line, mut events) = Echo.place(placing).await.unwrap();
        assert_eq!(events.recv().await, Some(Event::Answered(Some(b"v=0\r\n".to_vec()))));
    }
}
