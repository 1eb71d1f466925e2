// SPDX-License-Identifier: EUPL-1.2
//! Through the door of a meeting: meeting id and PIN are checked, and whoever is right takes a seat.

use std::sync::Arc;
use std::time::Duration;

use super::admission;
use super::house::{House, now, source_key};
use super::{Cause, Invitation};
use crate::lobby::Source;
use crate::room::{Entrant, Seat};

/// Checks meeting and PIN, and takes a seat for a right one; `attached` says that the caller has media already.
/// `Cause::WrongCredentials` never says which of the two is wrong. Slowed callers wait in here.
pub async fn enter(
    house: &Arc<House>,
    invitation: &Invitation,
    meeting: &str,
    pin: Option<&str>,
    attached: bool,
) -> Result<Seat, Cause> {
    let source = throttled_as(house, invitation);
    // Without a PIN it is asked whether the meeting is open to all: no try, and nothing to throttle.
    if pin.is_some() {
        let wait = house.throttle().check(now(), &source, meeting);
        match wait {
            Ok(Duration::ZERO) => {}
            Ok(delay) => tokio::time::sleep(delay).await,
            Err(_) => return Err(Cause::Throttled),
        }
    }
    let admitted = admission::admit(house, invitation, meeting, pin).await;
    if pin.is_some() {
        match &admitted {
            Ok(_) => house.throttle().succeeded(now(), &source),
            Err(Cause::WrongCredentials) => house.throttle().failed(now(), &source, meeting),
            Err(_) => {}
        }
    }
    let admitted = admitted?;
    let entrant = Entrant {
        leg: invitation.leg,
        name: admitted.name,
        kind: invitation.kind,
        role: admitted.role,
        attached,
        papers: admitted.papers,
        far: None,
    };
    house.rooms.join(&admitted.entry, entrant).await
}

/// Names who the throttle counts: the calling number where a trunk vouches for it, else the address.
fn throttled_as(house: &House, invitation: &Invitation) -> Source {
    let trunk = invitation.trunk.as_deref();
    let config = house.config();
    if config
        .trunks
        .iter()
        .any(|t| Some(t.name.as_str()) == trunk && t.is_open())
    {
        return Source::unproven(invitation.source);
    }
    source_key(invitation.source, trunk, &invitation.from)
}
