// SPDX-License-Identifier: EUPL-1.2
//! What is said of the authorities of a joint session.

use super::prompt::{Language, Prompt};
use crate::room::Notice;

/// What may stand before the name of a state.
const TITLES: [&str; 5] = [
    "Freie und Hansestadt ",
    "Freie Hansestadt ",
    "Freistaat ",
    "Land ",
    "State of ",
];

/// Name in German, in English, and the clip that says it.
const STATES: [(&str, &str, Prompt); 16] = [
    ("Baden-Württemberg", "Baden-Württemberg", Prompt::BadenWuerttemberg),
    ("Bayern", "Bavaria", Prompt::Bayern),
    ("Berlin", "Berlin", Prompt::Berlin),
    ("Brandenburg", "Brandenburg", Prompt::Brandenburg),
    ("Bremen", "Bremen", Prompt::Bremen),
    ("Hamburg", "Hamburg", Prompt::Hamburg),
    ("Hessen", "Hesse", Prompt::Hessen),
    (
        "Mecklenburg-Vorpommern",
        "Mecklenburg-Western Pomerania",
        Prompt::MecklenburgVorpommern,
    ),
    ("Niedersachsen", "Lower Saxony", Prompt::Niedersachsen),
    (
        "Nordrhein-Westfalen",
        "North Rhine-Westphalia",
        Prompt::NordrheinWestfalen,
    ),
    ("Rheinland-Pfalz", "Rhineland-Palatinate", Prompt::RheinlandPfalz),
    ("Saarland", "Saarland", Prompt::Saarland),
    ("Sachsen", "Saxony", Prompt::Sachsen),
    ("Sachsen-Anhalt", "Saxony-Anhalt", Prompt::SachsenAnhalt),
    ("Schleswig-Holstein", "Schleswig-Holstein", Prompt::SchleswigHolstein),
    ("Thüringen", "Thuringia", Prompt::Thueringen),
];

/// Finds the clip that says the name of an authority: a German state, with or without its title.
fn authority(name: &str) -> Option<Prompt> {
    let name = name.trim();
    let name = TITLES.iter().find_map(|title| name.strip_prefix(title)).unwrap_or(name);
    STATES
        .iter()
        .find(|(german, english, _)| same(german, name) || same(english, name))
        .map(|(.., prompt)| *prompt)
}

/// Says what a notice tells of a partner; nothing for other notices.
pub fn of_partner(notice: Notice, name: &str) -> Vec<Prompt> {
    let known = authority(name);
    let subject = known.unwrap_or(Prompt::AuthorityOther);
    match notice {
        Notice::PartnerJoined(_) => {
            vec![Prompt::ConnectedWith, known.unwrap_or(Prompt::AuthorityOtherDative)]
        }
        Notice::PartnerInvited(_) => vec![Prompt::PartnerInvited, subject],
        Notice::PartnerAway(_) => vec![subject, Prompt::PartnerAway],
        Notice::PartnerBack(_) => vec![subject, Prompt::PartnerBack],
        Notice::PartnerLeft(_) => vec![subject, Prompt::PartnerLeft],
        Notice::PartnerRefused(_) => vec![subject, Prompt::PartnerRefused],
        Notice::PartnerDenied(_) => vec![subject, Prompt::PartnerDenied],
        _ => Vec::new(),
    }
}

/// Writes what a notice tells of a partner, whose own name is always there to be read.
pub fn written_of_partner(notice: Notice, name: &str, language: Language) -> String {
    let words: Vec<&str> = of_partner(notice, name)
        .into_iter()
        .map(|prompt| if is_name(prompt) { name } else { prompt.text(language) })
        .collect();
    let text = words.join(" ");
    if text.is_empty() || text.ends_with('.') {
        text
    } else {
        text + "."
    }
}

fn is_name(prompt: Prompt) -> bool {
    matches!(prompt, Prompt::AuthorityOther | Prompt::AuthorityOtherDative)
        || STATES.iter().any(|(.., state)| *state == prompt)
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::PartnerId;

    #[test]
    fn every_state_has_its_clip_in_both_languages_with_and_without_title() {
        for (name, prompt) in [
            ("Schleswig-Holstein", Prompt::SchleswigHolstein),
            ("Freistaat Thüringen", Prompt::Thueringen),
            ("thuringia", Prompt::Thueringen),
            ("Freie Hansestadt Bremen", Prompt::Bremen),
            ("Freie und Hansestadt Hamburg", Prompt::Hamburg),
            ("Niedersachsen", Prompt::Niedersachsen),
            ("Sachsen-Anhalt", Prompt::SachsenAnhalt),
            ("Freistaat Sachsen", Prompt::Sachsen),
            ("Bavaria", Prompt::Bayern),
        ] {
            assert_eq!(authority(name), Some(prompt), "{name}");
        }
        for name in ["", "Brandenburg an der Havel", "Landkreis Sachsen", "Bund"] {
            assert_eq!(authority(name), None, "{name}");
        }
    }

    #[test]
    fn an_authority_without_a_clip_is_another_authority_to_the_ear_and_itself_to_the_eye() {
        let id = PartnerId(0);
        let joined = Notice::PartnerJoined(id);
        assert_eq!(
            of_partner(joined, "Bund"),
            [Prompt::ConnectedWith, Prompt::AuthorityOtherDative]
        );
        assert_eq!(
            of_partner(Notice::PartnerAway(id), "Bund"),
            [Prompt::AuthorityOther, Prompt::PartnerAway]
        );
        assert_eq!(
            written_of_partner(joined, "Bund", Language::GERMAN),
            "Verbunden mit Bund."
        );
        assert_eq!(
            written_of_partner(Notice::PartnerBack(id), "Bayern", Language::ENGLISH),
            "Bayern is back."
        );
        assert!(written_of_partner(Notice::Unmuted, "Bund", Language::GERMAN).is_empty());
    }
}
