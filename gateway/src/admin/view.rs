// SPDX-License-Identifier: EUPL-1.2
//! A room as JSON, as far as the one who looks may know.

use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::call::{LegId, Role};
use crate::room::{JointPartner, Person, Roster};

/// What the page draws.
#[derive(Serialize)]
pub(super) struct PageView<'a> {
    room: RoomView<'a>,
    me: String,
    role: &'static str,
    participants: Vec<PersonView<'a>>,
}

/// What the operator's list shows.
#[derive(Serialize)]
pub(super) struct OperatorView<'a> {
    #[serde(flatten)]
    room: RoomView<'a>,
    people: usize,
    waiting: usize,
    phones: usize,
    browsers: usize,
    xmpp: usize,
    federated: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    participants: Option<Vec<PersonView<'a>>>,
}

#[derive(Serialize)]
struct RoomView<'a> {
    id: &'a str,
    name: &'a str,
    home: &'static str,
    locked: bool,
    waiting_room: bool,
    /// Seconds since 1970-01-01T00:00:00Z.
    started: u64,
    /// With whom the room is shared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    joint: Vec<JointView<'a>>,
}

#[derive(Serialize)]
struct JointView<'a> {
    partner: &'a str,
    authority: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

#[derive(Serialize)]
struct PersonView<'a> {
    id: String,
    name: &'a str,
    kind: &'static str,
    role: &'static str,
    muted: bool,
    muted_by_moderator: bool,
    hand: Option<usize>,
    speaking: bool,
    waiting: bool,
    /// The authority in whose half of a joint session the person is.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    away: bool,
}

impl<'a> PageView<'a> {
    /// Shows everything to moderators, those present to participants, and to those who wait only themselves.
    pub(super) fn of(roster: &'a Roster, me: LegId, role: Role) -> PageView<'a> {
        let is_inside = roster.person(me).is_some_and(|person| !person.waiting);
        let may_see =
            |person: &&Person| person.leg == me || (is_inside && (role == Role::Moderator || !person.waiting));
        PageView {
            room: RoomView::of(roster),
            me: me.to_string(),
            role: role.as_str(),
            participants: roster.people.iter().filter(may_see).map(PersonView::of).collect(),
        }
    }
}

impl<'a> OperatorView<'a> {
    /// Shows the numbers, and with `in_detail` the people.
    pub(super) fn of(roster: &'a Roster, in_detail: bool) -> OperatorView<'a> {
        let count = |kind| roster.present().filter(|person| person.kind == kind).count();
        OperatorView {
            room: RoomView::of(roster),
            people: roster.present().count(),
            waiting: roster.waiting().count(),
            phones: count(crate::call::Kind::Phone),
            browsers: count(crate::call::Kind::Browser),
            xmpp: count(crate::call::Kind::Xmpp),
            federated: count(crate::call::Kind::Federated),
            participants: in_detail.then(|| roster.people.iter().map(PersonView::of).collect()),
        }
    }
}

impl<'a> RoomView<'a> {
    fn of(roster: &'a Roster) -> RoomView<'a> {
        RoomView {
            id: &roster.id,
            name: &roster.name,
            home: roster.home,
            locked: roster.locked,
            waiting_room: roster.waiting_room,
            started: roster
                .started
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            joint: roster.joint.iter().map(JointView::of).collect(),
        }
    }
}

impl<'a> JointView<'a> {
    fn of(partner: &'a JointPartner) -> JointView<'a> {
        JointView {
            partner: &partner.deployment,
            authority: &partner.authority,
            state: partner.state.as_str(),
            why: partner.why,
        }
    }
}

impl<'a> PersonView<'a> {
    fn of(person: &'a Person) -> PersonView<'a> {
        PersonView {
            id: person.leg.to_string(),
            name: &person.name,
            kind: person.kind.as_str(),
            role: person.role.as_str(),
            muted: person.muted,
            muted_by_moderator: person.muted_by_moderator,
            hand: person.hand,
            speaking: person.speaking,
            waiting: person.waiting,
            origin: person.origin.as_deref(),
            away: person.away,
        }
    }
}

/// Reads a participant id as the views write it.
pub(super) fn leg(id: &str) -> Option<LegId> {
    id.strip_prefix("leg-")?.parse().ok().map(LegId)
}
