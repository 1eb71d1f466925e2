// SPDX-License-Identifier: EUPL-1.2
//! What people are called on the wire: keyed per partner and room, so that two partners cannot join what they know.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{Deployment, RoomAlias};

/// Names a person towards one partner in one room; 32 hexadecimal digits on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pseudonym(pub u128);

impl Pseudonym {
    /// Makes the pseudonym of a subject (HMAC-SHA-256, RFC 2104, cut to 128 bits): the same for the same arguments, and not to be joined with that towards another partner or in another room.
    pub fn new(secret: &[u8; 32], partner: &Deployment, room: &RoomAlias, subject: &str) -> Pseudonym {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
        for part in [partner.as_str(), room.as_str(), subject] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let tag = mac.finalize().into_bytes();
        Pseudonym(tag.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
    }
}

impl Pseudonym {
    /// Returns a short form that can be read aloud, such as `Kamorilu`: four syllables out of 2^24.
    pub fn spoken(self) -> String {
        let mut word = String::with_capacity(8);
        for place in 0..4 {
            let syllable = (self.0 >> (6 * place)) as usize;
            let letters = (CONSONANTS.get(syllable & 15), VOWELS.get(syllable >> 4 & 3));
            if let (Some(consonant), Some(vowel)) = letters {
                let consonant = char::from(*consonant);
                word.push(if place == 0 {
                    consonant.to_ascii_uppercase()
                } else {
                    consonant
                });
                word.push(char::from(*vowel));
            }
        }
        word
    }
}

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstwz";
const VOWELS: &[u8; 4] = b"aiou";

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Pseudonym {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Pseudonym, Self::Err> {
        u128::from_str_radix(text, 16).map(Pseudonym)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pseudonym(secret: u8, partner: &str, room: &str, subject: &str) -> Pseudonym {
        Pseudonym::new(
            &[secret; 32],
            &partner.parse().unwrap(),
            &room.parse().unwrap(),
            subject,
        )
    }

    #[test]
    fn a_person_is_called_the_same_again_and_differently_elsewhere() {
        let ada = pseudonym(1, "sh.example", "crisis-team", "ada");
        assert_eq!(ada, pseudonym(1, "sh.example", "crisis-team", "ada"));
        for other in [
            pseudonym(2, "sh.example", "crisis-team", "ada"),
            pseudonym(1, "by.example", "crisis-team", "ada"),
            pseudonym(1, "sh.example", "budget", "ada"),
            pseudonym(1, "sh.example", "crisis-team", "bob"),
        ] {
            assert_ne!(ada, other);
            assert_ne!(ada.spoken(), other.spoken());
        }
    }

    #[test]
    fn where_one_part_ends_and_the_next_begins_is_part_of_the_key() {
        assert_ne!(
            pseudonym(1, "sh.example", "a", "bc"),
            pseudonym(1, "sh.example", "ab", "c")
        );
    }

    #[test]
    fn the_form_on_the_wire_reads_back() {
        let ada = pseudonym(1, "sh.example", "crisis-team", "ada");
        assert_eq!(ada.to_string().len(), 32);
        assert_eq!(ada.to_string().parse(), Ok(ada));
    }

    #[test]
    fn the_spoken_form_is_short_and_of_letters() {
        let spoken = pseudonym(1, "sh.example", "crisis-team", "ada").spoken();
        assert!(
            spoken.len() == 8 && spoken.chars().all(|c| c.is_ascii_alphabetic()),
            "{spoken}"
        );
    }
}
