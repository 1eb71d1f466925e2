// SPDX-License-Identifier: EUPL-1.2
//! Names that OpenTalk is given.

use std::fmt;

/// Longest name that is sent, in characters.
const LONGEST: usize = 64;
/// What stands for a caller of whom nothing is left.
const NOBODY: &str = "Telefon";

/// A display name for OpenTalk: printable ASCII or an E.164 number, which every client shows alike; never empty.
///
/// This is the only way to name somebody to OpenTalk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// Builds a name from what a caller is called, else from their number, else it is `Telefon`.
    ///
    /// Umlauts become two letters as in German; other scripts are transliterated.
    pub fn new(called: &str, number: &str) -> Name {
        [called, number]
            .into_iter()
            .map(plain)
            .find(|text| text.bytes().any(|byte| byte.is_ascii_alphanumeric()))
            .map_or_else(|| Name(NOBODY.to_owned()), Name)
    }

    /// Returns the name: 1 to 64 printable ASCII characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes a text in printable ASCII, with single blanks and none at the ends.
fn plain(text: &str) -> String {
    let mut written = String::new();
    // Four letters may come of one character; the rest could only be cut off again.
    for character in text.chars().take(4 * LONGEST) {
        let letters = match character {
            'ä' => "ae",
            'ö' => "oe",
            'ü' => "ue",
            'Ä' => "Ae",
            'Ö' => "Oe",
            'Ü' => "Ue",
            'ẞ' => "SS",
            // A combining diaeresis, as in a decomposed umlaut, follows its letter.
            '\u{308}' if written.ends_with(['a', 'o', 'u', 'A', 'O', 'U']) => "e",
            other => deunicode::deunicode_char(other).unwrap_or(""),
        };
        for letter in letters.chars() {
            match letter {
                ' '..='~' if letter != ' ' || !(written.is_empty() || written.ends_with(' ')) => written.push(letter),
                '\t' | '\n' | '\r' if !(written.is_empty() || written.ends_with(' ')) => written.push(' '),
                _ => {}
            }
        }
    }
    written.truncate(LONGEST);
    written.truncate(written.trim_end().len());
    written
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn umlauts_become_two_letters() {
        assert_eq!(Name::new("Jürgen Größe", "").as_str(), "Juergen Groesse");
        assert_eq!(Name::new("Zoë A\u{308}ffle", "").as_str(), "Zoe Aeffle");
    }

    #[test]
    fn a_number_stays_as_it_is() {
        assert_eq!(Name::new("", "+4936112345").as_str(), "+4936112345");
    }

    #[test]
    fn other_scripts_are_written_in_latin_letters() {
        assert_eq!(Name::new("Борис", "").as_str(), "Boris");
        assert_eq!(Name::new("北亰", "+49361").as_str(), "Bei Jing");
    }

    #[test]
    fn without_a_name_the_number_is_shown_and_without_both_a_telephone() {
        assert_eq!(Name::new("\u{200b}\u{7f}", "+49361").as_str(), "+49361");
        assert_eq!(Name::new("", "").as_str(), "Telefon");
        assert_eq!(Name::new("…", "???").as_str(), "Telefon");
    }

    #[test]
    fn every_single_character_of_unicode_makes_a_sound_name() {
        for character in '\0'..=char::MAX {
            sound(&Name::new(&character.to_string(), ""));
            sound(&Name::new("Ab", &format!("x{character}")));
            sound(&Name::new(&format!("a{character}"), ""));
        }
    }

    proptest! {
        #[test]
        fn any_text_makes_a_sound_name(called in "\\PC*|.*", number in any::<String>()) {
            sound(&Name::new(&called, &number));
        }
    }

    fn sound(name: &Name) {
        let bytes = name.as_str().as_bytes();
        assert!((1..=LONGEST).contains(&bytes.len()), "{name:?}");
        assert!(bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "{name:?}");
        assert!(
            !name.as_str().starts_with(' ') && !name.as_str().ends_with(' '),
            "{name:?}"
        );
        assert!(bytes.iter().any(u8::is_ascii_alphanumeric), "{name:?}");
    }
}
