// SPDX-License-Identifier: EUPL-1.2
//! The partners of a joint session: the other authorities whose people share a room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::room::Notice;

/// The most partners that one life of a room remembers.
const MAX_PARTNERS: usize = 64;

/// So many changes of one partner are told within [`TOLD_WITHIN`]; of what comes faster, people hear the last state.
const TOLD_AT_ONCE: usize = 4;
const TOLD_WITHIN: Duration = Duration::from_secs(40);

/// Names one partner within one life of a room: its place in [`Roster::joint`](crate::room::Roster::joint).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartnerId(pub u32);

/// How far a partner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JointState {
    /// It was invited and has not answered.
    Calling,
    /// The two rooms are one.
    Up,
    /// It was there, and cannot be reached just now.
    Away,
    /// It is out of the joint session.
    Parted,
    /// It declined, or was refused.
    Refused,
}

impl JointState {
    /// Returns the stable word used by the API and the page.
    pub fn as_str(self) -> &'static str {
        match self {
            JointState::Calling => "calling",
            JointState::Up => "up",
            JointState::Away => "away",
            JointState::Parted => "parted",
            JointState::Refused => "refused",
        }
    }

    /// Tells whether the partner is part of the session, reachable or not.
    pub fn is_in(self) -> bool {
        matches!(self, JointState::Up | JointState::Away)
    }
}

/// One partner of a joint session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JointPartner {
    /// The DNS name of its deployment.
    pub deployment: Arc<str>,
    /// What people read and hear.
    pub authority: Arc<str>,
    /// How far it is.
    pub state: JointState,
    /// Why it is out, as a stable word.
    pub why: Option<&'static str>,
}

/// What a change means for those in the room.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The notices, in order.
    pub(super) notices: Vec<Notice>,
    /// Whether anything changed at all.
    pub(super) is_changed: bool,
    /// Whether there is a partner that no roster has shown yet.
    pub(super) is_new: bool,
}

/// The partners of one room, in the order they first came; none is ever forgotten, so that their ids hold.
#[derive(Clone, Debug, Default)]
pub(super) struct JointSession {
    partners: Vec<JointPartner>,
    /// What people were told of each, in the same order.
    told: Vec<LastTold>,
}

/// What people were told of a partner, and when of late.
#[derive(Clone, Debug)]
struct LastTold {
    state: JointState,
    at: VecDeque<Instant>,
}

impl LastTold {
    /// Returns when the next change may be told.
    fn due(&self) -> Option<Instant> {
        let first = self.at.front().filter(|_| self.at.len() >= TOLD_AT_ONCE)?;
        Some(*first + TOLD_WITHIN)
    }
}

impl JointSession {
    /// Returns all partners that ever came; their places are their ids.
    pub(super) fn partners(&self) -> &[JointPartner] {
        &self.partners
    }

    /// Returns the ids of those who are part of the session and can be reached.
    pub(super) fn up(&self) -> impl Iterator<Item = PartnerId> + '_ {
        ids(&self.partners)
            .filter(|(_, partner)| partner.state == JointState::Up)
            .map(|(id, _)| id)
    }

    /// Finds a partner by its deployment.
    pub(super) fn id_of(&self, deployment: &str) -> Option<PartnerId> {
        ids(&self.partners)
            .find(|(_, partner)| &*partner.deployment == deployment)
            .map(|(id, _)| id)
    }

    /// Takes in all partners as they are now; whoever is missing has parted.
    pub(super) fn take(&mut self, now: Instant, all: Vec<JointPartner>) -> Told {
        let mut told = Told::default();
        for place in 0..self.partners.len() {
            let Some(known) = self.partners.get(place) else {
                continue;
            };
            let is_over = matches!(known.state, JointState::Parted | JointState::Refused);
            if !is_over && !all.iter().any(|partner| partner.deployment == known.deployment) {
                let gone = JointPartner {
                    state: JointState::Parted,
                    why: None,
                    ..known.clone()
                };
                self.replace(place, gone, &mut told);
            }
        }
        for partner in all {
            let known = |known: &JointPartner| known.deployment == partner.deployment;
            let place = match self.partners.iter().position(known) {
                Some(place) => place,
                None if self.partners.len() < MAX_PARTNERS => {
                    told.is_new = true;
                    self.partners.push(JointPartner {
                        state: JointState::Parted,
                        ..partner.clone()
                    });
                    self.told.push(LastTold {
                        state: JointState::Parted,
                        at: VecDeque::new(),
                    });
                    self.partners.len() - 1
                }
                None => continue,
            };
            self.replace(place, partner, &mut told);
        }
        told.is_changed |= told.is_new;
        told.notices = self.due(now);
        told
    }

    /// Returns what people are to be told by now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Notice> {
        let mut notices = Vec::new();
        for ((id, partner), told) in ids(&self.partners).zip(&mut self.told) {
            if told.state == partner.state || told.due().is_some_and(|due| due > now) {
                continue;
            }
            if let Some(notice) = notice(id, told.state, partner.state) {
                notices.push(notice);
                if told.at.len() >= TOLD_AT_ONCE {
                    told.at.pop_front();
                }
                told.at.push_back(now);
            }
            told.state = partner.state;
        }
        notices
    }

    /// Returns when that is due again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let late = self.partners.iter().zip(&self.told);
        let late = late.filter(|(partner, told)| partner.state != told.state);
        late.filter_map(|(_, told)| told.due()).min()
    }

    fn replace(&mut self, place: usize, partner: JointPartner, told: &mut Told) {
        if let Some(known) = self.partners.get_mut(place) {
            told.is_changed |= *known != partner;
            *known = partner;
        }
    }
}

/// Says what a change of state is to people; much of it is nothing to them.
fn notice(id: PartnerId, before: JointState, now: JointState) -> Option<Notice> {
    match (before, now) {
        (before, now) if before == now => None,
        (JointState::Away, JointState::Up) => Some(Notice::PartnerBack(id)),
        (_, JointState::Up) => Some(Notice::PartnerJoined(id)),
        (JointState::Up, JointState::Away) => Some(Notice::PartnerAway(id)),
        // It was never there.
        (_, JointState::Away) => None,
        (before, JointState::Parted | JointState::Refused) if before.is_in() => Some(Notice::PartnerLeft(id)),
        (_, JointState::Refused) => Some(Notice::PartnerRefused(id)),
        (_, JointState::Parted) => None,
        (_, JointState::Calling) => Some(Notice::PartnerInvited(id)),
    }
}

fn ids(partners: &[JointPartner]) -> impl Iterator<Item = (PartnerId, &JointPartner)> {
    (0_u32..).map(PartnerId).zip(partners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partner(name: &str, state: JointState) -> JointPartner {
        JointPartner {
            deployment: name.into(),
            authority: name.to_uppercase().into(),
            state,
            why: None,
        }
    }

    #[test]
    fn a_partner_is_announced_when_it_comes_is_lost_comes_back_and_leaves() {
        let mut joint = JointSession::default();
        let mut now = Instant::now();
        let mut told = |state| {
            now += TOLD_WITHIN;
            joint.take(now, vec![partner("sh.example", state)]).notices
        };
        let id = PartnerId(0);
        assert_eq!(told(JointState::Calling), [Notice::PartnerInvited(id)]);
        assert_eq!(told(JointState::Up), [Notice::PartnerJoined(id)]);
        assert_eq!(told(JointState::Up), []);
        assert_eq!(told(JointState::Away), [Notice::PartnerAway(id)]);
        assert_eq!(told(JointState::Up), [Notice::PartnerBack(id)]);
        assert_eq!(told(JointState::Parted), [Notice::PartnerLeft(id)]);
        assert_eq!(told(JointState::Calling), [Notice::PartnerInvited(id)]);
        assert_eq!(told(JointState::Refused), [Notice::PartnerRefused(id)]);
    }

    #[test]
    fn whoever_is_missing_has_parted_and_keeps_its_id() {
        let mut joint = JointSession::default();
        joint.take(
            Instant::now(),
            vec![partner("a", JointState::Up), partner("b", JointState::Up)],
        );
        let told = joint.take(Instant::now(), vec![partner("b", JointState::Up)]);
        assert_eq!(told.notices, [Notice::PartnerLeft(PartnerId(0))]);
        assert_eq!(
            joint.take(Instant::now(), vec![partner("b", JointState::Up)]),
            Told::default()
        );
        assert_eq!(joint.id_of("b"), Some(PartnerId(1)));
        assert_eq!(joint.up().collect::<Vec<_>>(), [PartnerId(1)]);
    }

    #[test]
    fn a_room_remembers_a_bounded_number_of_partners() {
        let mut joint = JointSession::default();
        for number in 0..1000 {
            joint.take(Instant::now(), vec![partner(&number.to_string(), JointState::Up)]);
        }
        assert_eq!(joint.partners().len(), MAX_PARTNERS);
    }

    #[test]
    fn a_partner_that_comes_and_goes_without_end_is_not_spoken_of_without_end() {
        let (mut joint, start) = (JointSession::default(), Instant::now());
        let mut told = Vec::new();
        for flip in 0..1001_u32 {
            let state = if flip % 2 == 0 {
                JointState::Up
            } else {
                JointState::Parted
            };
            told.extend(joint.take(start, vec![partner("sh.example", state)]).notices);
            assert_eq!(joint.partners()[0].state, state, "it is shown as it is");
        }
        assert_eq!(told.len(), TOLD_AT_ONCE);
        assert_eq!(told.last(), Some(&Notice::PartnerLeft(PartnerId(0))));
        let due = joint.deadline();
        assert_eq!(due, Some(start + TOLD_WITHIN));
        assert_eq!(
            joint.due(start + TOLD_WITHIN),
            [Notice::PartnerJoined(PartnerId(0))],
            "the last state wins"
        );
        assert_eq!(joint.deadline(), None);
    }
}
