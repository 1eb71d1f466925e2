// SPDX-License-Identifier: EUPL-1.2
//! Which fields may leave, and which people are told of at all.

use std::collections::BTreeSet;

use crate::{Deployment, Origin};

/// A fact about a participant that a partner may be told. What is not listed here never leaves: numbers, addresses, devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The name shown in the roster.
    DisplayName,
    /// Moderator or participant.
    Role,
    /// Sends sound, picture, screen.
    Media,
    /// The hand, and its place in the queue.
    Hand,
    /// The language of the person's prompts.
    Language,
    /// Needs for access that the person has set.
    Accessibility,
    /// The version of the consent given.
    Consent,
}

/// The fields one partner is told; none unless listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy(BTreeSet<Field>);

impl Policy {
    /// Returns whether a field may leave.
    pub fn allows(&self, field: Field) -> bool {
        self.0.contains(&field)
    }
}

impl FromIterator<Field> for Policy {
    fn from_iter<T: IntoIterator<Item = Field>>(fields: T) -> Policy {
        Policy(fields.into_iter().collect())
    }
}

/// The loop guard of a link: only our own people are told to a partner, so nothing can travel in a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stance {
    /// This deployment.
    pub us: Deployment,
    /// The deployment at the other end.
    pub partner: Deployment,
}

impl Stance {
    /// Returns whether the partner is told of people of this origin.
    pub fn tells(&self, origin: &Origin) -> bool {
        *origin == self.us && self.us != self.partner
    }

    /// Returns whether the partner is believed about people of this origin.
    pub fn believes(&self, origin: &Origin) -> bool {
        *origin == self.partner && self.us != self.partner
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_our_own_people_are_told_and_only_theirs_believed() {
        let [us, partner, third]: [Deployment; 3] =
            ["th.example", "sh.example", "by.example"].map(|name| name.parse().unwrap());
        let stance = Stance {
            us: us.clone(),
            partner: partner.clone(),
        };
        assert_eq!(
            [&us, &partner, &third].map(|origin| stance.tells(origin)),
            [true, false, false]
        );
        assert_eq!(
            [&us, &partner, &third].map(|origin| stance.believes(origin)),
            [false, true, false]
        );
    }

    #[test]
    fn nothing_leaves_unless_listed() {
        assert!(!Policy::default().allows(Field::DisplayName));
        let policy: Policy = [Field::Hand].into_iter().collect();
        assert!(policy.allows(Field::Hand) && !policy.allows(Field::Role));
    }
}
