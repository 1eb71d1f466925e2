// SPDX-License-Identifier: EUPL-1.2
//! Joins the HTTP surfaces with the house: browsers' media, and the throttle at the page's door.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::LegId;
use super::federation::Federation;
use super::house::{House, now, source_key};
use super::invite::{InviteRefusal, Invites};
use super::vouching::Outlook;
use crate::admin::{Gatekeeper, Inviter, Joints};
use crate::legs::whip::{BrowserMedia, PeerEvent, PeerRefusal};
use crate::media::{Event, Plane, Refusal};
use crate::room::Control;

/// The media plane as browsers' legs see it.
pub struct Browsers(pub Plane);

#[async_trait]
impl BrowserMedia for Browsers {
    async fn answer_browser(
        &self,
        leg: LegId,
        offer: &[u8],
    ) -> Result<(Vec<u8>, mpsc::Receiver<PeerEvent>), PeerRefusal> {
        let (answer, mut media) = self
            .0
            .answer_browser(leg, offer)
            .await
            .map_err(|refusal| match refusal {
                Refusal::BadSdp(what) => PeerRefusal::BadOffer(what),
                Refusal::NoCommonCodec => PeerRefusal::NoCommonCodec,
                Refusal::NoPorts => PeerRefusal::Overloaded,
                other => PeerRefusal::Internal(other.to_string()),
            })?;
        let (tx, rx) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Some(event) = media.recv().await {
                let news = match event {
                    Event::Connected => PeerEvent::Connected,
                    Event::Failed(what) => PeerEvent::Lost(what),
                    Event::Closed => PeerEvent::Lost("the browser closed the connection".to_owned()),
                    Event::TimedOut => PeerEvent::Lost("no media for too long".into()),
                    _ => continue,
                };
                if tx.send(news).await.is_err() {
                    return;
                }
            }
        });
        Ok((answer, rx))
    }

    fn close(&self, leg: LegId) {
        self.0.close(leg);
    }
}

impl Inviter for Invites {
    fn is_open(&self) -> bool {
        Invites::is_open(self)
    }

    fn invite(&self, meeting: &str, address: &str, inviter: Option<Control>) -> Result<u64, InviteRefusal> {
        Invites::invite(self, meeting, address, inviter)
    }
}

impl Joints for House {
    fn federation(&self) -> Option<&dyn Federation> {
        House::federation(self)
    }

    fn outlook(&self) -> Option<Outlook> {
        let config = self.config();
        Some(self.vouching.outlook(config.federation.as_ref()?))
    }
}

/// The throttle at the page's door; phones ask the same one.
pub struct Gate(pub Arc<House>);

impl Gatekeeper for Gate {
    fn allow(&self, source: IpAddr, meeting: &str) -> Result<(), Duration> {
        // A slowed room makes phones wait; a page is told at once, and tries again by itself.
        self.0
            .throttle()
            .allow(now(), &source_key(source, None, ""), meeting)
            .map_err(|throttled| throttled.retry_after)
    }

    fn record_failure(&self, source: IpAddr, meeting: &str) {
        self.0.throttle().failed(now(), &source_key(source, None, ""), meeting);
    }
}
