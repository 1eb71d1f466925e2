// SPDX-License-Identifier: EUPL-1.2
//! What we agreed with one partner about one room, as the configuration says it.

use landbridge_federation::{Deployment, Quotas, Terms};

use crate::config::Federation;
use crate::config::federation::JointRoom;

/// Returns the terms with a partner of this room; nothing if it is none.
pub(super) fn terms(config: &Federation, room: &JointRoom, name: &Deployment, invites: bool) -> Option<Terms> {
    if !room.partners.contains(name) {
        return None;
    }
    let partner = config.partner(name)?;
    Some(Terms {
        policy: partner.policy_in(room),
        authority: partner.authority.clone(),
        invites,
        quotas: Quotas::default(),
    })
}
