// SPDX-License-Identifier: EUPL-1.2
//! Turns one of our people into what a partner is told; the only way out.

use super::{Field, NameForm, Policy, RecordingRule, name};
use crate::{Consent, Lamport, Person, Pseudonym, Told};

/// What [`Policy::tell`] cannot read off a person.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// What the person is called towards this partner.
    pub id: Pseudonym,
    /// Our authority, for the forms of names that carry it.
    pub authority: &'a str,
    /// When the hand was raised, if it is.
    pub hand: Option<Lamport>,
    /// Under which SSRC the person's sound will come.
    pub stream: u32,
}

impl Policy {
    /// Turns one of our people into what this partner is told: the only way out for a [`Person`]. Whatever the policy,
    /// a number, an address or the stable identity of a person does not leave.
    pub fn tell(&self, person: &Person, telling: Telling<'_>) -> Told {
        let field = |field| self.tells(field);
        Told {
            id: telling.id,
            name: self.tell_name(person, &telling),
            role: field(Field::Role).then_some(person.role),
            audio: field(Field::Audio).then_some(person.audio),
            video: field(Field::Video).then_some(person.video),
            hand: telling.hand.filter(|_| field(Field::Hand)),
            speaking: field(Field::Speaking).then_some(person.speaking),
            language: field(Field::Language).then(|| tell_language(person)).flatten(),
            accessibility: field(Field::Accessibility).then_some(person.accessibility),
            consent: field(Field::Consent).then_some(match self.recording {
                RecordingRule::Never => Consent::Refused,
                RecordingRule::WithConsent => person.consent,
            }),
            stream: Some(telling.stream),
        }
    }

    fn tell_name(&self, person: &Person, telling: &Telling<'_>) -> Option<String> {
        let with_authority = |name: String| format!("{name} ({})", telling.authority);
        match self.name {
            NameForm::None => None,
            NameForm::Pseudonym => Some(with_authority(format!("Gast {}", telling.id.spoken()))),
            NameForm::InitialsAndAuthority => name::initials(&person.name).map(with_authority),
            NameForm::Full => name::presentable(&person.name),
        }
    }
}

/// Returns the language and the country, such as `de` or `de-AT`; further subtags may be anything (RFC 5646 §2.2.7).
fn tell_language(person: &Person) -> Option<String> {
    let mut subtags = person.language.as_deref()?.split('-');
    let letters = |subtag: &&str, lengths: &[usize]| {
        lengths.contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let language = subtags.next().filter(|subtag| letters(subtag, &[2, 3]))?;
    Some(match subtags.next().filter(|subtag| letters(subtag, &[2])) {
        Some(country) => format!("{language}-{country}"),
        None => language.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Accessibility, PersonId, Role};

    fn ada() -> Person {
        Person {
            role: Role::Moderator,
            audio: true,
            video: true,
            hand: true,
            speaking: true,
            language: Some("de-DE-x-room7".to_owned()),
            accessibility: Accessibility {
                captions: true,
                ..Accessibility::default()
            },
            consent: Consent::Given(3),
            subject: Some("ada@th.example".to_owned()),
            ..Person::new(PersonId(7), "Dr. Ada Lovelace")
        }
    }

    fn tell(policy: &Policy, person: &Person) -> Told {
        let telling = Telling {
            id: Pseudonym(7),
            authority: "Thüringen",
            hand: Some(Lamport(9)),
            stream: 11,
        };
        policy.tell(person, telling)
    }

    #[test]
    fn by_default_a_partner_learns_that_somebody_is_there() {
        let told = tell(&Policy::default(), &ada());
        assert_eq!(
            told,
            Told {
                id: Pseudonym(7),
                name: None,
                role: None,
                audio: None,
                video: None,
                hand: None,
                speaking: None,
                language: None,
                accessibility: None,
                consent: None,
                stream: Some(11),
            }
        );
    }

    #[test]
    fn each_field_leaves_by_its_own_word_alone() {
        let count = |told: &Told| {
            [
                told.role.is_some(),
                told.audio.is_some(),
                told.video.is_some(),
                told.hand.is_some(),
                told.speaking.is_some(),
                told.language.is_some(),
                told.accessibility.is_some(),
                told.consent.is_some(),
            ]
            .iter()
            .filter(|is_told| **is_told)
            .count()
        };
        for field in Field::ALL {
            let policy = Policy {
                fields: [field].into(),
                ..Policy::default()
            };
            let of_a_person = !matches!(field, Field::Chat | Field::Recording);
            assert_eq!(count(&tell(&policy, &ada())), usize::from(of_a_person), "{field:?}");
        }
    }

    #[test]
    fn names_leave_in_the_form_that_was_agreed() {
        let name = |form, person: &Person| {
            let policy = Policy {
                name: form,
                ..Policy::default()
            };
            tell(&policy, person).name
        };
        assert_eq!(name(NameForm::Full, &ada()).as_deref(), Some("Dr. Ada Lovelace"));
        assert_eq!(
            name(NameForm::InitialsAndAuthority, &ada()).as_deref(),
            Some("A. L. (Thüringen)")
        );
        let pseudonym = name(NameForm::Pseudonym, &ada());
        assert!(pseudonym.is_some_and(|name| name.starts_with("Gast ") && !name.contains("Ada")));
        let phone = Person::new(PersonId(8), "+49 361 555 0123");
        assert_eq!(name(NameForm::Full, &phone), None);
        assert_eq!(name(NameForm::InitialsAndAuthority, &phone), None);
    }

    #[test]
    fn a_language_leaves_without_private_subtags() {
        let policy = Policy {
            fields: [Field::Language].into(),
            ..Policy::default()
        };
        assert_eq!(tell(&policy, &ada()).language.as_deref(), Some("de-DE"));
        for odd in ["4936155501", "", "x-ada", "d1"] {
            let person = Person {
                language: Some(odd.to_owned()),
                ..ada()
            };
            assert_eq!(tell(&policy, &person).language, None, "{odd}");
        }
    }

    #[test]
    fn who_may_not_be_recorded_at_all_is_told_as_refused() {
        let policy = Policy {
            fields: [Field::Consent].into(),
            ..Policy::default()
        };
        assert_eq!(tell(&policy, &ada()).consent, Some(Consent::Refused));
    }
}
