// SPDX-License-Identifier: EUPL-1.2
//! The border: ways that delay, reorder, double, lose and cut; and the tap that reads all that crosses.

use landbridge_federation::{Field, NameForm, Policy};

use crate::cast::letter;
use crate::dice::Dice;

/// One direction between two houses.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// [µs]
    pub(crate) delay: u64,
    /// What comes on top at random [µs]; more than the gap between frames reorders them.
    pub(crate) jitter: u64,
    /// [%]
    pub(crate) loss: u64,
    /// [%]
    pub(crate) doubles: u64,
    pub(crate) is_cut: bool,
}

impl Path {
    pub(crate) fn new(dice: &mut Dice) -> Path {
        Path {
            delay: dice.between(2_000, 60_000),
            jitter: if dice.percent(50) { dice.below(300_000) } else { 1_000 },
            loss: if dice.percent(50) { dice.below(30) } else { 0 },
            doubles: if dice.percent(50) { dice.below(30) } else { 0 },
            is_cut: false,
        }
    }

    /// Ends all faults.
    pub(crate) fn heal(&mut self) {
        *self = Path {
            delay: self.delay,
            jitter: 1_000,
            loss: 0,
            doubles: 0,
            is_cut: false,
        };
    }

    /// Returns after which delays what was sent now arrives: never, once or twice [µs].
    pub(crate) fn arrivals(&self, dice: &mut Dice) -> Vec<u64> {
        if self.is_cut || dice.percent(self.loss) {
            return Vec::new();
        }
        let copies = if dice.percent(self.doubles) { 2 } else { 1 };
        (0..copies).map(|_| self.delay + dice.below(self.jitter + 1)).collect()
    }
}

/// What the tap found allowed on the border, to show that it is not blind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) frames: u64,
    pub(crate) octets: u64,
    pub(crate) names: u64,
    pub(crate) lines: u64,
    pub(crate) fields: [u64; WORDS.len()],
}

impl Found {
    pub(crate) fn add(&mut self, other: &Found) {
        self.frames += other.frames;
        self.octets += other.octets;
        self.names += other.names;
        self.lines += other.lines;
        for (count, more) in self.fields.iter_mut().zip(other.fields) {
            *count += more;
        }
    }
}

/// Searches the text of a frame for what policy keeps at home.
///
/// # Errors
///
/// What was found.
pub(crate) fn search(
    text: &str,
    house: usize,
    policy: &Policy,
    is_erased: impl Fn(&str) -> bool,
    found: &mut Found,
) -> Result<(), String> {
    found.frames += 1;
    found.octets += text.len() as u64;
    for (at, _) in text.match_indices("zq") {
        let marker: &str = text[at..]
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or("");
        let mut kinds = marker.chars().skip(2);
        let (kind, whose) = (kinds.next(), kinds.next());
        if whose != Some(letter(house)) {
            return Err(format!("{marker} is of another house: told in a circle"));
        }
        match kind {
            Some('n') if policy.name == NameForm::Full && !is_erased(marker) => found.names += 1,
            Some('c') if policy.tells(Field::Chat) => found.lines += 1,
            _ => return Err(format!("{marker} leaves")),
        }
    }
    if let Some(needle) = NEVER.iter().find(|needle| text.contains(**needle)) {
        return Err(format!("{needle:?} leaves"));
    }
    for ((field, word), count) in WORDS.iter().zip(&mut found.fields) {
        if (!policy.tells(*field) || *count == 0) && text.contains(word) {
            if !policy.tells(*field) {
                return Err(format!("{word:?} leaves"));
            }
            *count += 1;
        }
    }
    Ok(())
}

/// Of numbers, addresses and devices that some are called by.
const NEVER: [&str; 8] = [
    "…67",
    "361 77",
    "='49361770",
    "198.51.100",
    "fe80:",
    "sip:",
    "@",
    "Yealink",
];

/// How each field looks in the text of a frame.
pub(crate) const WORDS: [(Field, &str); 13] = [
    (Field::Role, " role="),
    (Field::Audio, " audio="),
    (Field::Video, " video="),
    (Field::Hand, " hand="),
    (Field::Speaking, " speaking="),
    (Field::Chat, "<said"),
    (Field::Recording, " recording="),
    (Field::Language, " language="),
    (Field::Language, "xh-ZA"),
    (Field::Accessibility, "<needs"),
    (Field::Accessibility, "captions"),
    (Field::Consent, " consent="),
    (Field::Consent, "='770077'"),
];
