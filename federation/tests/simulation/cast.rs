// SPDX-License-Identifier: EUPL-1.2
//! The people of a schedule and the policies towards them. Every text about a person is a marker, so that it is found
//! wherever it turns up: `zq`, its kind, the house, and a number in letters.
//!
//! Kinds: `n` name, `c` chat line, `s` stable identity, `x` a name that is none (number, address, device).

use std::collections::BTreeSet;

use landbridge_federation::{
    Accessibility, Consent, Deed, Field, Invite, NameForm, Person, PersonId, Policy, Quotas, RecordingRule, Role, Terms,
};

use crate::dice::Dice;

/// Makes a marker.
pub(crate) fn marker(kind: char, house: usize, number: u64) -> String {
    let letters: String = (0..4)
        .map(|place| char::from(b'a' + (number >> (4 * place) & 15) as u8))
        .collect();
    format!("zq{kind}{}{letters}", letter(house))
}

/// Returns the letter of a house in markers.
pub(crate) fn letter(house: usize) -> char {
    char::from(b'a' + house as u8)
}

/// Makes a person; one in three is called by something that must not leave.
pub(crate) fn person(dice: &mut Dice, house: usize, id: PersonId, number: u64) -> Person {
    let odd = marker('x', house, number);
    let name = match dice.below(24) {
        0 => format!("+49 361 77{number:05}"),
        1 => format!("4936177{number:05}"),
        2 => format!("sip:{odd}@198.51.100.7"),
        3 => format!("{odd}@th.example"),
        4 => format!("{odd}/5.2 (198.51.100.9)"),
        5 => format!("{odd} fe80::7"),
        6 => format!("Yealink {odd} T46U"),
        7 => format!("Tel. …67 {odd}"),
        _ => format!("{} Lovelace", marker('n', house, number)),
    };
    Person {
        role: if dice.percent(50) {
            Role::Moderator
        } else {
            Role::Participant
        },
        audio: dice.percent(70),
        video: dice.percent(30),
        hand: dice.percent(20),
        language: dice.percent(50).then(|| "xh-ZA".to_owned()),
        accessibility: Accessibility {
            captions: dice.percent(30),
            ..Accessibility::default()
        },
        consent: consent(dice),
        subject: dice.percent(70).then(|| marker('s', house, number)),
        ..Person::new(id, &name)
    }
}

pub(crate) fn consent(dice: &mut Dice) -> Consent {
    match dice.below(3) {
        0 => Consent::Unknown,
        1 => Consent::Given(CONSENT),
        _ => Consent::Refused,
    }
}

/// The version of the consent that all who gave it agreed to.
pub(crate) const CONSENT: u32 = 770_077;

/// Says whether a person's name may leave where names leave at all.
pub(crate) fn has_a_name(person: &Person) -> bool {
    person.name.starts_with("zqn")
}

/// Makes terms: half of them tell and permit everything, the others what the dice say.
pub(crate) fn terms(dice: &mut Dice, authority: &str, invites: bool, is_open: bool) -> Terms {
    let fields: BTreeSet<Field> = Field::ALL.into_iter().filter(|_| is_open || dice.percent(50)).collect();
    let may: BTreeSet<Deed> = Deed::ALL.into_iter().filter(|_| is_open || dice.percent(66)).collect();
    let forms = [
        NameForm::None,
        NameForm::Pseudonym,
        NameForm::InitialsAndAuthority,
        NameForm::Full,
    ];
    Terms {
        policy: Policy {
            rooms: ["joint".parse().expect("an alias")].into(),
            invite: Invite::Accept,
            name: if is_open {
                NameForm::Full
            } else {
                *dice.pick(&forms).expect("four forms")
            },
            fields,
            may,
            recording: if dice.percent(50) {
                RecordingRule::Never
            } else {
                RecordingRule::WithConsent
            },
            ..Policy::default()
        },
        authority: authority.to_owned(),
        invites,
        quotas: Quotas::default(),
    }
}
