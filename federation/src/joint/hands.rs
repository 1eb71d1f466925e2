// SPDX-License-Identifier: EUPL-1.2
//! The one queue of all raised hands: by their time, then by their origin, so that all deployments see the same.

use crate::joint::room::Room;
use crate::link::Link;
use crate::{Deployment, Lamport, Whom};

/// Returns all raised hands in order.
pub(crate) fn queue<'a>(room: &Room, links: impl Iterator<Item = &'a Link>) -> Vec<Whom> {
    let us = &room.charter.us;
    let ours = room
        .people
        .iter()
        .filter_map(|(person, ours)| Some((ours.hand?, us, Whom::Ours(*person))));
    let far = links.flat_map(|link| {
        let partner = &link.partner;
        link.crowd
            .hands()
            .map(move |(time, far)| (time, partner, Whom::Far(far)))
    });
    let mut all: Vec<(Lamport, &Deployment, Whom)> = ours.chain(far).collect();
    all.sort_unstable();
    all.into_iter().map(|(.., whom)| whom).collect()
}
