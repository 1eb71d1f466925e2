// SPDX-License-Identifier: EUPL-1.2
//! How a leg's sound is negotiated: as a phone's, or as a WebRTC peer's. Session descriptions either way.

use std::net::IpAddr;

use super::LegId;
use crate::media::{LegEvents, PeerTerms, PhonePolicy, Plane, Refusal};

/// What may be agreed on.
#[derive(Clone, Debug)]
pub enum Terms {
    /// RTP or SDES-SRTP on a port of its own.
    Phone(PhonePolicy),
    /// ICE and DTLS-SRTP.
    Peer(PeerTerms),
}

impl Terms {
    /// Answers an offer, or offers where the far end owes one; opens the leg.
    pub async fn answer(
        &self,
        plane: &Plane,
        leg: LegId,
        offer: Option<&[u8]>,
        source: IpAddr,
    ) -> Result<(Vec<u8>, LegEvents), Refusal> {
        match (self, offer) {
            (Terms::Phone(policy), Some(offer)) => plane.answer(leg, offer, policy),
            (Terms::Phone(policy), None) => plane.offer_towards(leg, Some(source), policy),
            (Terms::Peer(terms), Some(offer)) => plane.answer_peer(leg, offer, terms).await,
            (Terms::Peer(terms), None) => plane.offer_peer(leg, terms).await,
        }
    }

    /// Offers, for a call of our own; opens the leg.
    pub async fn offer(&self, plane: &Plane, leg: LegId) -> Result<(Vec<u8>, LegEvents), Refusal> {
        match self {
            Terms::Phone(policy) => plane.offer(leg, policy),
            Terms::Peer(terms) => plane.offer_peer(leg, terms).await,
        }
    }

    /// Takes the answer to our last offer.
    pub async fn accept(&self, plane: &Plane, leg: LegId, answer: &[u8]) -> Result<(), Refusal> {
        match self {
            Terms::Phone(_) => plane.accept(leg, answer),
            Terms::Peer(_) => plane.accept_peer(leg, answer).await,
        }
    }

    /// Answers an offer within a call; `None` asks for our own.
    pub async fn reoffer(&self, plane: &Plane, leg: LegId, offer: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        match self {
            Terms::Phone(_) => plane.reoffer(leg, offer),
            Terms::Peer(_) => plane.reoffer_peer(leg, offer).await,
        }
    }
}
