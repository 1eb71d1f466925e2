// SPDX-License-Identifier: EUPL-1.2
//! What a phone hears of joint sessions, and the key by which a moderator invites the partners of a room.

use super::Role;
use super::federation::{Federation, FederationRefusal};
use super::room_talk::Phrase;
use crate::lobby::{Language, Prompt, of_partner, written_of_partner};
use crate::room::{Control, JointState, Notice, PartnerId, Roster};

/// Says a notice about a partner; nothing if it is about none.
pub(super) fn phrase(notice: Notice, roster: &Roster, language: Language) -> Option<Phrase> {
    let partner = roster.partner(notice.partner()?)?;
    Some(about(notice, &partner.authority, language))
}

/// Tells whether key 8 means anything to this person.
pub(super) fn may_invite(control: &Control, federation: Option<&dyn Federation>) -> bool {
    control.role() == Role::Moderator && federation.is_some()
}

/// Invites all partners that are set up for the room and not in it; returns what is to be said at once. What becomes
/// of the invitations is told by notices.
pub(super) fn invite(federation: &dyn Federation, roster: &Roster, language: Language) -> Vec<Phrase> {
    let usual: Vec<_> = federation
        .partners(&roster.id)
        .into_iter()
        .filter(|partner| partner.is_usual)
        .collect();
    let mut said = Vec::new();
    for partner in &usual {
        let known = roster.joint.iter().find(|known| known.deployment == partner.deployment);
        // Which partner is meant, its name says; no id is needed for words.
        let id = PartnerId(0);
        let notice = match known.map(|known| known.state) {
            Some(JointState::Up) => Some(Notice::PartnerJoined(id)),
            Some(JointState::Away) => Some(Notice::PartnerAway(id)),
            Some(JointState::Calling) => Some(Notice::PartnerInvited(id)),
            _ => match federation.invite(&roster.id, &partner.deployment) {
                // The room says so itself.
                Ok(()) => None,
                Err(FederationRefusal::NoSuchPartner | FederationRefusal::NotAllowed) => {
                    said.push(Phrase::of(vec![Prompt::NoPartner]));
                    None
                }
                Err(_) => Some(Notice::PartnerRefused(id)),
            },
        };
        said.extend(notice.map(|notice| about(notice, &partner.authority, language)));
    }
    if usual.is_empty() {
        said.push(Phrase::of(vec![Prompt::NoPartner]));
    }
    said
}

fn about(notice: Notice, authority: &str, language: Language) -> Phrase {
    Phrase {
        prompts: of_partner(notice, authority),
        written: Some(written_of_partner(notice, authority, language)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;
    use std::time::SystemTime;

    use super::super::federation::{JointLink, Partner};
    use super::*;
    use crate::room::{JointPartner, RoomKey};

    /// Knows two partners of every room, one of them usual, and remembers whom it invited.
    #[derive(Default)]
    struct TwoPartners(Mutex<Vec<String>>);

    impl Federation for TwoPartners {
        fn partners(&self, meeting: &str) -> Vec<Partner> {
            let partner = |deployment: &str, authority: &str, is_usual| Partner {
                deployment: deployment.into(),
                authority: authority.into(),
                is_usual,
            };
            let of_all = partner("bund.example", "Bund", false);
            match meeting {
                "1" => vec![partner("sh.example", "Schleswig-Holstein", true), of_all],
                _ => vec![of_all],
            }
        }
        fn invite(&self, _: &str, deployment: &str) -> Result<(), FederationRefusal> {
            self.0.lock().unwrap().push(deployment.to_owned());
            Ok(())
        }
        fn part(&self, _: &str, _: &str) -> Result<(), FederationRefusal> {
            Err(FederationRefusal::NotJoint)
        }
        fn end_for_all(&self, _: &str) -> Result<(), FederationRefusal> {
            Err(FederationRefusal::NotJoint)
        }
        fn status(&self) -> Vec<JointLink> {
            Vec::new()
        }
    }

    fn roster(id: &str, joint: Vec<JointPartner>) -> Roster {
        Roster {
            key: RoomKey(1),
            id: id.to_owned(),
            name: "Demo".to_owned(),
            home: "local",
            locked: false,
            waiting_room: false,
            recorded: false,
            started: SystemTime::UNIX_EPOCH,
            people: Vec::new(),
            joint,
        }
    }

    fn schleswig_holstein(state: JointState) -> JointPartner {
        JointPartner {
            deployment: "sh.example".into(),
            authority: "Schleswig-Holstein".into(),
            state,
            why: None,
        }
    }

    #[test]
    fn key_8_invites_the_partners_of_the_room_and_no_others() {
        let federation = TwoPartners::default();
        let said = invite(&federation, &roster("1", Vec::new()), Language::GERMAN);
        assert!(said.is_empty());
        assert_eq!(*federation.0.lock().unwrap(), ["sh.example"]);
        let said = invite(&federation, &roster("2", Vec::new()), Language::GERMAN);
        assert_eq!(said, [Phrase::of(vec![Prompt::NoPartner])]);
        assert_eq!(federation.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_partner_that_is_there_is_not_invited_again_but_named() {
        let federation = TwoPartners::default();
        let there = roster("1", vec![schleswig_holstein(JointState::Up)]);
        let said = invite(&federation, &there, Language::GERMAN);
        assert_eq!(
            said.first().unwrap().prompts,
            [Prompt::ConnectedWith, Prompt::SchleswigHolstein]
        );
        assert!(federation.0.lock().unwrap().is_empty());
        let gone = roster("1", vec![schleswig_holstein(JointState::Parted)]);
        assert!(invite(&federation, &gone, Language::GERMAN).is_empty());
        assert_eq!(federation.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_notice_names_the_partner_that_it_is_about() {
        let roster = roster("1", vec![schleswig_holstein(JointState::Away)]);
        let said = phrase(Notice::PartnerAway(PartnerId(0)), &roster, Language::ENGLISH).unwrap();
        assert_eq!(said.prompts, [Prompt::SchleswigHolstein, Prompt::PartnerAway]);
        assert!(
            said.written
                .unwrap()
                .starts_with("Schleswig-Holstein cannot be reached.")
        );
        assert_eq!(
            phrase(Notice::PartnerAway(PartnerId(7)), &roster, Language::ENGLISH),
            None
        );
        assert_eq!(phrase(Notice::Unmuted, &roster, Language::ENGLISH), None);
    }
}
