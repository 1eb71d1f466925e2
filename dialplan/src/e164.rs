// SPDX-License-Identifier: EUPL-1.2
//! German and international spellings of a number, brought to one form.
//!
//! `0361 555-1234`, `0049 361 5551234`, `+49 (0)361 555 1234` and `tel:5551234;phone-context=+49361` are one number.
//! ITU-T E.164 (length), E.123 (spelling), DIN 5008 (German spelling), RFC 3966 (tel URI); GDS is the Global
//! Dialling Scheme of the research networks (`00 49 100 979 xxxx` at DFN).

use std::fmt;

/// The longest number E.164 §6 allows, in digits.
const MAX_DIGITS: usize = 15;
/// The shortest international number taken for one, in digits.
const MIN_DIGITS: usize = 4;
/// Global Dialling Scheme numbers may be longer than E.164 numbers, in digits.
const MAX_GDS_DIGITS: usize = 20;
/// The Global Dialling Scheme's share of the German numbers.
const GDS_PREFIX: &str = "49100";
/// Input longer than this is not a number, in bytes.
const MAX_INPUT: usize = 256;

/// Tells how people around the gateway write numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The country code without plus sign.
    pub country: String,
    /// The area code without trunk prefix; completes local numbers. `None` leaves them as they are.
    pub area: Option<String>,
    /// What starts an international number.
    pub international_prefix: String,
    /// What starts a national number.
    pub national_prefix: String,
    /// The private exchange's own number, international without plus sign; completes extensions.
    pub main: Option<String>,
    /// Up to how many digits a number is an extension of `main`.
    pub extension_digits: usize,
    /// Whether a long number without any prefix starts with a country code, as some trunks send it.
    pub bare_international: bool,
    /// Numbers that are complete as they are.
    pub short: Vec<String>,
}

impl Default for Numbering {
    fn default() -> Numbering {
        Numbering {
            country: "49".into(),
            area: None,
            international_prefix: "00".into(),
            national_prefix: "0".into(),
            main: None,
            extension_digits: 4,
            bare_international: false,
            short: ["110", "112", "115", "116XXX", "118XX", "118XXX"]
                .map(String::from)
                .into(),
        }
    }
}

/// A number in its one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Number {
    /// With plus sign and country code, for example `+493615551234`.
    International(String),
    /// Digits that mean something here only: an extension, a short code, a meeting id.
    Internal(String),
}

impl Number {
    /// Returns the number as text.
    pub fn as_str(&self) -> &str {
        match self {
            Number::International(text) | Number::Internal(text) => text,
        }
    }

    /// Returns what follows `0049 100` if this is a number of the Global Dialling Scheme in Germany.
    pub fn gds(&self) -> Option<&str> {
        match self {
            Number::International(text) => text.strip_prefix('+')?.strip_prefix(GDS_PREFIX),
            Number::Internal(_) => None,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Brings a number to its one form; `None` if the text is no number.
///
/// Takes a bare number or a `tel:` URI. Idempotent: the form of the form is the form.
pub fn normalise(text: &str, numbering: &Numbering) -> Option<Number> {
    if text.len() > MAX_INPUT {
        return None;
    }
    let text = text.trim();
    let text = strip_scheme(text);
    let mut parts = text.split(';');
    let spelled = parts.next().unwrap_or_default();
    let mut context = None;
    let mut extension = None;
    for part in parts {
        match part.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("phone-context") => context = Some(value),
            Some((name, value)) if name.eq_ignore_ascii_case("ext") => extension = Some(digits_of(value)?),
            _ => {}
        }
    }
    let number = normalise_spelled(spelled, context, numbering)?;
    match (number, extension) {
        (Number::International(text), Some(extension)) => {
            international(format!("{}{extension}", text.strip_prefix('+')?))
        }
        (number, _) => Some(number),
    }
}

fn normalise_spelled(spelled: &str, context: Option<&str>, numbering: &Numbering) -> Option<Number> {
    let (plus, digits) = read_digits(spelled, numbering)?;
    if plus {
        return international(without_trunk_prefix(digits, numbering));
    }
    if is_short(&digits, numbering) {
        return Some(Number::Internal(digits));
    }
    if let Some(rest) = after(&digits, &numbering.international_prefix) {
        return international(without_trunk_prefix(rest.to_owned(), numbering));
    }
    // RFC 3966 §5.1.5: a context that is a number is put in front of the local number.
    if let Some((true, prefix)) = context
        .filter(|c| c.starts_with('+'))
        .and_then(|c| read_digits(c, numbering))
    {
        let local = after(&digits, &numbering.national_prefix).unwrap_or(&digits);
        return international(format!("{prefix}{local}"));
    }
    // A lone trunk prefix is the exchange's operator, as in `379-0`.
    if let Some(main) = &numbering.main
        && digits.len() <= numbering.extension_digits
        && (digits == numbering.national_prefix || after(&digits, &numbering.national_prefix).is_none())
    {
        return international(format!("{main}{digits}"));
    }
    if let Some(rest) = after(&digits, &numbering.national_prefix) {
        return international(format!("{}{rest}", numbering.country));
    }
    if numbering.bare_international && digits.len() > numbering.extension_digits.max(7) {
        return international(digits);
    }
    if let Some(area) = &numbering.area
        && digits.len() >= 3
        && let Some(number) = international(format!("{}{area}{digits}", numbering.country))
    {
        return Some(number);
    }
    (digits.len() <= MAX_GDS_DIGITS).then_some(Number::Internal(digits))
}

/// Returns whether the digits are one of the numbers that are complete as they are.
fn is_short(digits: &str, numbering: &Numbering) -> bool {
    let fits =
        |code: &str| code.len() == digits.len() && code.bytes().zip(digits.bytes()).all(|(c, d)| c == b'X' || c == d);
    numbering.short.iter().any(|code| fits(code))
}

fn international(digits: String) -> Option<Number> {
    let longest = if digits.starts_with(GDS_PREFIX) {
        MAX_GDS_DIGITS
    } else {
        MAX_DIGITS
    };
    let fits = (MIN_DIGITS..=longest).contains(&digits.len()) && !digits.starts_with('0');
    fits.then(|| Number::International(format!("+{digits}")))
}

/// Removes the trunk prefix people leave behind the own country code: `+49 0361` is `+49361`.
fn without_trunk_prefix(digits: String, numbering: &Numbering) -> String {
    let cut = |prefix: &str| {
        Some(format!(
            "{}{}",
            numbering.country,
            after(digits.strip_prefix(prefix)?, &numbering.national_prefix)?
        ))
    };
    cut(&numbering.country).unwrap_or(digits)
}

fn after<'a>(digits: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() {
        None
    } else {
        digits.strip_prefix(prefix)
    }
}

/// Reads plus sign and digits, leaving out separators and `(0)`; `None` if anything else is there.
fn read_digits(spelled: &str, numbering: &Numbering) -> Option<(bool, String)> {
    let spelled = spelled.trim();
    let rest = spelled.strip_prefix('+').or_else(|| spelled.strip_prefix('\u{ff0b}'));
    let rest = rest
        .or_else(|| spelled.strip_prefix("%2B"))
        .or_else(|| spelled.strip_prefix("%2b"));
    let plus = rest.is_some();
    let digits: String = digits_of(rest.unwrap_or(spelled))?;
    let is_international = plus || after(&digits, &numbering.international_prefix).is_some();
    if is_international && rest.unwrap_or(spelled).contains("(0)") {
        return Some((plus, digits_of(&rest.unwrap_or(spelled).replacen("(0)", "", 1))?));
    }
    Some((plus, digits))
}

/// Returns the digits of a text of digits and visual separators (RFC 3966 §5.1.1, and what word processors make of them).
fn digits_of(text: &str) -> Option<String> {
    let mut digits = String::with_capacity(text.len().min(MAX_INPUT));
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' '
            | '-'
            | '.'
            | '/'
            | '('
            | ')'
            | '\u{a0}'
            | '\u{2009}'
            | '\u{202f}'
            | '\u{2010}'..='\u{2015}'
            | '\u{2212}' => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some(digits)
}

fn strip_scheme(text: &str) -> &str {
    match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => text.get(4..).unwrap_or_default(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn erfurt() -> Numbering {
        Numbering {
            area: Some("361".into()),
            ..Numbering::default()
        }
    }

    fn exchange() -> Numbering {
        Numbering {
            main: Some("49361379".into()),
            ..erfurt()
        }
    }

    #[test]
    fn german_and_international_spellings_are_one_number() {
        let table = [
            // International.
            ("+493615551234", "+493615551234"),
            ("+49 361 5551234", "+493615551234"),
            ("+49 361 555-1234", "+493615551234"),
            ("+49 (361) 555 1234", "+493615551234"),
            ("+49 (0)361 555 1234", "+493615551234"),
            ("+49(0)361-5551234", "+493615551234"),
            ("+49 (0) 361 5551234", "+493615551234"),
            ("+49 0361 5551234", "+493615551234"),
            ("+49-361-555-1234", "+493615551234"),
            ("+49.361.555.1234", "+493615551234"),
            ("+49/361/5551234", "+493615551234"),
            ("%2B493615551234", "+493615551234"),
            ("\u{ff0b}493615551234", "+493615551234"),
            (" +493615551234 ", "+493615551234"),
            ("00493615551234", "+493615551234"),
            ("0049 361 5551234", "+493615551234"),
            ("0049 (0)361 5551234", "+493615551234"),
            ("0049 0361 5551234", "+493615551234"),
            ("00 49 361 555 1234", "+493615551234"),
            // National.
            ("03615551234", "+493615551234"),
            ("0361 5551234", "+493615551234"),
            ("0361/5551234", "+493615551234"),
            ("(0361) 555 1234", "+493615551234"),
            ("0361-555-1234", "+493615551234"),
            ("0361 555\u{2011}1234", "+493615551234"),
            ("0361\u{a0}5551234", "+493615551234"),
            ("0361 555\u{2013}0", "+493615550"),
            ("030 1234567", "+49301234567"),
            ("0151 23456789", "+4915123456789"),
            ("0176/12345678", "+4917612345678"),
            ("0800 1234567", "+498001234567"),
            ("032 221234567", "+4932221234567"),
            // Local, completed by the area.
            ("5551234", "+493615551234"),
            ("555-1234", "+493615551234"),
            ("37-900", "+4936137900"),
            ("555", "+49361555"),
            // Short codes stay.
            ("110", "110"),
            ("112", "112"),
            ("115", "115"),
            ("116117", "116117"),
            ("116 116", "116116"),
            ("11833", "11833"),
            // Too short to be a subscriber.
            ("12", "12"),
            ("7", "7"),
            // Abroad.
            ("0033 1 23 45 67 89", "+33123456789"),
            ("+33 (0)1 23 45 67 89", "+33123456789"),
            ("+39 06 1234567", "+39061234567"),
            ("+1 (212) 555-0100", "+12125550100"),
            ("0043 1 5551234", "+4315551234"),
            ("+41 44 555 12 34", "+41445551234"),
            ("+44 (0)20 7946 0000", "+442079460000"),
            // tel: URIs.
            ("tel:+49-361-555-1234", "+493615551234"),
            ("TEL:+493615551234", "+493615551234"),
            ("tel:03615551234", "+493615551234"),
            ("tel:5551234;phone-context=+49361", "+493615551234"),
            ("tel:5551234;phone-context=+49-361", "+493615551234"),
            ("tel:0361555;phone-context=+49", "+49361555"),
            ("tel:1234;phone-context=+49361379", "+493613791234"),
            ("tel:5551234;phone-context=pbx.example.org", "+493615551234"),
            ("tel:+49361555;ext=1234", "+493615551234"),
            ("tel:+49361555;EXT=12-34", "+493615551234"),
            ("tel:112;phone-context=+49", "112"),
            ("tel:+493615551234;isub=12;x=y", "+493615551234"),
            // GDS.
            ("004910097912345678", "+4910097912345678"),
            ("0049 100 979 1234", "+491009791234"),
            ("00491009791234567890", "+491009791234567890"),
            // At the limits.
            ("+123456789012345", "+123456789012345"),
            ("+4911", "+4911"),
        ];
        assert!(table.len() >= 60);
        for (spelled, expected) in table {
            let found = normalise(spelled, &erfurt()).map(|n| n.as_str().to_owned());
            assert_eq!(found.as_deref(), Some(expected), "{spelled}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            " ",
            "+",
            "alice",
            "+49361abc",
            "sip:alice@example.org",
            "0361x555",
            "+0361555",
            "000123",
            "+1234567890123456",
            "1234567890*0987654321",
            "*6",
            "#",
            "tel:",
            "tel:alice",
            "+49\u{0661}\u{0662}\u{0663}",
            "12345678901234567890123",
            "tel:+49361555;ext=abc",
            "+499999999999999999",
        ] {
            assert_eq!(normalise(text, &erfurt()), None, "{text:?}");
        }
    }

    #[test]
    fn an_exchange_completes_its_extensions() {
        for (spelled, expected) in [
            ("1234", "+493613791234"),
            ("0", "+493613790"),
            ("12", "+4936137912"),
            ("555123", "+49361555123"),
            ("112", "112"),
        ] {
            assert_eq!(normalise(spelled, &exchange()).unwrap().as_str(), expected, "{spelled}");
        }
    }

    #[test]
    fn without_an_area_local_numbers_stay() {
        assert_eq!(
            normalise("5551234", &Numbering::default()),
            Some(Number::Internal("5551234".into()))
        );
        assert_eq!(
            normalise("1234567890", &Numbering::default()),
            Some(Number::Internal("1234567890".into()))
        );
    }

    #[test]
    fn a_trunk_without_plus_sign_can_be_understood() {
        let numbering = Numbering {
            bare_international: true,
            ..erfurt()
        };
        assert_eq!(normalise("493615551234", &numbering).unwrap().as_str(), "+493615551234");
        assert_eq!(normalise("5551234", &numbering).unwrap().as_str(), "+493615551234");
    }

    #[test]
    fn a_gds_number_gives_its_local_part() {
        assert_eq!(
            normalise("004910097912345678", &erfurt()).unwrap().gds(),
            Some("97912345678")
        );
        assert_eq!(normalise("0361555", &erfurt()).unwrap().gds(), None);
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "[+0-9 ()/.;=a-z*-]{0,30}|.{0,40}", area in proptest::bool::ANY, main in proptest::bool::ANY) {
            let mut numbering = if main { exchange() } else { erfurt() };
            if !area { numbering.area = None; }
            if let Some(once) = normalise(&text, &numbering) {
                prop_assert_eq!(normalise(once.as_str(), &numbering), Some(once));
            }
        }
    }
}
