// SPDX-License-Identifier: EUPL-1.2
//! What a rule says about numbers and addresses.
//!
//! Three kinds, told apart by their look; each must match from the first to the last character:
//! - a number pattern: digits, `+`, `*`, `#` and small letters mean themselves, `X` is 0–9, `Z` 1–9, `N` 2–9,
//!   `.` one or more of anything, `X{10}` ten times `X`; spaces, `-` and `/` are left out.
//! - an address pattern contains `@`: `*` is any run without `@`, the rest means itself, in any case.
//! - `re:` starts a regular expression.
//!
//! Parentheses capture: `(XXXX)` by number, `(id:X{10})` by name.

use regex::{Regex, RegexBuilder};

use crate::address::Address;
use crate::e164::Numbering;

/// The longest pattern, in bytes.
const MAX_TEXT: usize = 256;
/// The largest compiled pattern, in bytes; bounds time and memory of a hostile or careless expression.
const MAX_COMPILED: usize = 1 << 20;
/// The most repetitions in braces.
const MAX_REPEAT: usize = 32;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    regex: Regex,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Number {
        /// What it matches place by place: a quick first look, and for comparing patterns with each other.
        places: Vec<Place>,
        /// The same in international form, if it was written in another.
        international: Option<(Regex, Vec<Place>)>,
    },
    Address,
    Regex,
}

/// One place of a number pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One character out of this set of ASCII characters (bit n = character n).
    One(u128),
    /// One or more of anything.
    Many,
}

impl Pattern {
    /// Compiles a pattern; the error is what is wrong and how to mend it.
    pub(crate) fn compile(text: &str, numbering: &Numbering) -> Result<Pattern, (String, String)> {
        if text.trim().is_empty() {
            return Err((
                "an empty pattern matches nothing".into(),
                "write \".\" to match any number".into(),
            ));
        }
        if text.len() > MAX_TEXT {
            return Err((
                format!("a pattern of {} bytes", text.len()),
                format!("write at most {MAX_TEXT} bytes"),
            ));
        }
        if let Some(expression) = text.strip_prefix("re:") {
            let regex = build(expression, false)?;
            return Ok(Pattern {
                text: text.into(),
                regex,
                kind: Kind::Regex,
            });
        }
        if text.contains('@') || text.starts_with("urn:") {
            let regex = build(&address_expression(text)?, true)?;
            return Ok(Pattern {
                text: text.into(),
                regex,
                kind: Kind::Address,
            });
        }
        let compact: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '/' | '\u{a0}'))
            .collect();
        let (expression, places) = number_expression(&compact)?;
        let regex = build(&expression, false)?;
        let rewritten = international_spelling(&compact, numbering)
            .map(|text| number_expression(&text))
            .transpose()?;
        let international = match rewritten {
            Some((expression, places)) => Some((build(&expression, false)?, places)),
            None => None,
        };
        Ok(Pattern {
            text: text.into(),
            regex,
            kind: Kind::Number { places, international },
        })
    }

    /// Returns the captures, named `1`, `2`, … and by name, if the address matches in any of its forms.
    pub(crate) fn captures(&self, address: &Address) -> Option<Vec<(String, String)>> {
        let (numbers, uris) = (&address.number_forms, &address.uri_forms);
        match &self.kind {
            Kind::Number { places, international } => numbers.iter().find_map(|form| {
                let as_written = Some((&self.regex, places));
                let spellings = [
                    as_written,
                    international.as_ref().map(|(regex, places)| (regex, places)),
                ];
                let mut fitting = spellings
                    .into_iter()
                    .flatten()
                    .filter(|(_, places)| may_fit(places, form));
                fitting.find_map(|(regex, _)| captures_of(regex, form))
            }),
            Kind::Address => uris.iter().find_map(|form| captures_of(&self.regex, form)),
            Kind::Regex => numbers
                .iter()
                .chain(uris)
                .find_map(|form| captures_of(&self.regex, form)),
        }
    }

    /// Returns the places of a number pattern, in international form where it has one.
    fn places(&self) -> Option<&[Place]> {
        match &self.kind {
            Kind::Number { places, international } => Some(international.as_ref().map_or(places, |(_, places)| places)),
            Kind::Address | Kind::Regex => None,
        }
    }

    /// Returns the names under which an action may use the captures.
    pub(crate) fn capture_names(&self) -> Vec<String> {
        let names = self.regex.capture_names().enumerate().skip(1);
        names
            .flat_map(|(i, name)| [Some(i.to_string()), name.map(str::to_owned)])
            .flatten()
            .collect()
    }

    /// Returns true only if every call that `other` matches is matched by this pattern, too.
    pub(crate) fn covers(&self, other: &Pattern) -> bool {
        match (self.places(), other.places()) {
            _ if self.text == other.text => true,
            (Some(ours), Some(theirs)) => covers(ours, theirs),
            _ => false,
        }
    }

    /// Returns true only if there is a call that both patterns match.
    pub(crate) fn overlaps(&self, other: &Pattern) -> bool {
        match (self.places(), other.places()) {
            (Some(ours), Some(theirs)) => overlaps(ours, theirs),
            _ => self.text == other.text,
        }
    }
}

/// Returns false if a text surely does not match; spares the expression.
fn may_fit(places: &[Place], text: &str) -> bool {
    let mut characters = text.chars();
    for place in places {
        match (place, characters.next()) {
            (Place::Many, next) => return next.is_some(),
            (Place::One(set), Some(c)) if 1_u128.checked_shl(u32::from(c)).is_some_and(|bit| set & bit != 0) => {}
            (Place::One(_), _) => return false,
        }
    }
    characters.next().is_none()
}

fn captures_of(regex: &Regex, form: &str) -> Option<Vec<(String, String)>> {
    let found = regex.captures(form)?;
    let mut captures = Vec::new();
    for (i, name) in regex.capture_names().enumerate().skip(1) {
        let value = found.get(i).map_or("", |m| m.as_str());
        captures.push((i.to_string(), value.to_owned()));
        captures.extend(name.map(|name| (name.to_owned(), value.to_owned())));
    }
    Some(captures)
}

fn build(expression: &str, ignore_case: bool) -> Result<Regex, (String, String)> {
    let anchored = format!("^(?:{expression})$");
    let built = RegexBuilder::new(&anchored)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .nest_limit(16)
        .case_insensitive(ignore_case)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => (
            "the expression is too large".into(),
            "use fewer or smaller repetitions".into(),
        ),
        error => {
            let text = error.to_string();
            let last = text
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .trim_start_matches("error: ")
                .to_owned();
            (
                format!("the expression does not compile: {last}"),
                "see the pattern section of docs/dialplan.md".into(),
            )
        }
    })
}

/// Rewrites `00…` and `0…` patterns the way numbers are rewritten before they are compared.
fn international_spelling(text: &str, numbering: &Numbering) -> Option<String> {
    let (open, digits) = match text.find(|c: char| c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => return None,
    };
    if !open.is_empty() {
        return None;
    }
    let short = numbering.short.iter().any(|code| code == text);
    if short || numbering.international_prefix.is_empty() || numbering.national_prefix.is_empty() {
        return None;
    }
    match digits.strip_prefix(numbering.international_prefix.as_str()) {
        Some(rest) => Some(format!("+{rest}")),
        None => Some(format!(
            "+{}{}",
            numbering.country,
            digits.strip_prefix(numbering.national_prefix.as_str())?
        )),
    }
}

/// Translates a number pattern to a regular expression and to its places.
fn number_expression(text: &str) -> Result<(String, Vec<Place>), (String, String)> {
    let mut expression = String::new();
    let mut places: Vec<Place> = Vec::new();
    let mut rest = text.chars().peekable();
    let mut depth = 0_usize;
    while let Some(c) = rest.next() {
        match c {
            'X' => push(&mut expression, &mut places, "[0-9]", set('0'..='9')),
            'Z' => push(&mut expression, &mut places, "[1-9]", set('1'..='9')),
            'N' => push(&mut expression, &mut places, "[2-9]", set('2'..='9')),
            '.' => push(&mut expression, &mut places, ".+", Place::Many),
            '(' => {
                depth += 1;
                let ahead: String = rest.clone().take_while(|c| *c != ')').collect();
                expression.push_str(&open_group(&ahead)?);
                if ahead.contains(':') {
                    rest.by_ref().find(|c| *c == ':');
                }
            }
            ')' if depth == 0 => {
                return Err(("a ')' without '('".into(), "remove it or open the group".into()));
            }
            ')' => {
                depth -= 1;
                expression.push(')');
            }
            '{' => {
                let count: String = rest.by_ref().take_while(|c| *c != '}').collect();
                let count = count.parse().ok().filter(|n| (1..=MAX_REPEAT).contains(n));
                let (Some(count), Some(place)) = (count, places.last().copied()) else {
                    return Err((
                        "braces hold how often the place before them comes".into(),
                        format!("write X{{n}} with n from 1 to {MAX_REPEAT}"),
                    ));
                };
                if expression.ends_with(')') || place == Place::Many {
                    return Err((
                        "only one place can be repeated, not a group or '.'".into(),
                        "write X{4} inside the group".into(),
                    ));
                }
                expression.push_str(&format!("{{{count}}}"));
                places.extend(std::iter::repeat_n(place, count - 1));
            }
            '0'..='9' | '+' | '*' | '#' | '_' | 'a'..='z' => {
                push(&mut expression, &mut places, &regex::escape(&c.to_string()), set(c..=c))
            }
            other => {
                let what = format!("{other:?} means nothing in a number pattern");
                return Err((
                    what,
                    "use digits + * # a–z X N Z . ( ) { }, or an address pattern with @, or re:".into(),
                ));
            }
        }
    }
    if depth != 0 {
        return Err(("a '(' without ')'".into(), "close the group".into()));
    }
    Ok((expression, places))
}

/// Translates an address pattern to a regular expression.
fn address_expression(text: &str) -> Result<String, (String, String)> {
    let text = if text.starts_with('@') {
        format!("*{text}")
    } else {
        text.to_owned()
    };
    let mut expression = String::new();
    let mut rest = text.chars();
    let mut depth = 0_usize;
    while let Some(c) = rest.next() {
        match c {
            '*' => expression.push_str("[^@]*"),
            '(' => {
                depth += 1;
                let ahead: String = rest.clone().take_while(|c| *c != ')').collect();
                expression.push_str(&open_group(&ahead)?);
                if ahead.contains(':') {
                    rest.by_ref().find(|c| *c == ':');
                }
            }
            ')' if depth > 0 => {
                depth -= 1;
                expression.push(')');
            }
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    if depth != 0 {
        return Err(("a '(' without ')'".into(), "close the group".into()));
    }
    Ok(expression)
}

fn open_group(ahead: &str) -> Result<String, (String, String)> {
    let Some((name, _)) = ahead.split_once(':') else {
        return Ok("(".into());
    };
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !plain {
        return Err((
            format!("{name:?} cannot name a capture"),
            "use a–z, 0–9 and _, a letter first: (id:X{10})".into(),
        ));
    }
    Ok(format!("(?P<{name}>"))
}

fn push(expression: &mut String, places: &mut Vec<Place>, text: &str, place: Place) {
    expression.push_str(text);
    places.push(place);
}

fn set(range: std::ops::RangeInclusive<char>) -> Place {
    Place::One(range.fold(0, |bits, c| bits | 1_u128.checked_shl(u32::from(c)).unwrap_or(0)))
}

/// Whether all that `b` matches, `a` matches; may say no where it is yes, never the other way round.
fn covers(a: &[Place], b: &[Place]) -> bool {
    side_by_side(a, b, false, |a, b| b & !a == 0)
}

/// Whether something is matched by both.
fn overlaps(a: &[Place], b: &[Place]) -> bool {
    side_by_side(a, b, true, |a, b| a & b != 0)
}

/// Walks two patterns side by side; a `Many` of `a` swallows one or more places of `b`, and if `both`, the reverse.
fn side_by_side(a: &[Place], b: &[Place], both: bool, same: impl Fn(u128, u128) -> bool) -> bool {
    // Most pairs differ in a fixed place before any `Many`.
    for pair in a.iter().zip(b) {
        match pair {
            (Place::One(x), Place::One(y)) if same(*x, *y) => {}
            (Place::One(_), Place::One(_)) => return false,
            _ => break,
        }
    }
    // reach[i][j]: the first i places of a and the first j of b can stand for the same text.
    let width = b.len() + 1;
    let mut reach = vec![false; (a.len() + 1) * width];
    reach[0] = true;
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            let (diagonal, above, left) = (
                reach[i * width + j],
                reach[i * width + j + 1],
                reach[(i + 1) * width + j],
            );
            reach[(i + 1) * width + j + 1] = match (x, y) {
                (Place::Many, Place::Many) => diagonal || left || both && above,
                (Place::Many, Place::One(_)) => diagonal || left,
                (Place::One(_), Place::Many) => both && (diagonal || above),
                (Place::One(x), Place::One(y)) => same(*x, *y) && diagonal,
            };
        }
    }
    reach.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::compile(text, &Numbering::default()).unwrap()
    }

    fn matches(text: &str, address: &str) -> bool {
        pattern(text)
            .captures(&Address::read(address, &Numbering::default()))
            .is_some()
    }

    #[test]
    fn patterns_match_whole_numbers_in_any_spelling() {
        for (text, address, expected) in [
            ("+49361555XXXX", "sip:03615551234@h", true),
            ("+49 361 555-XXXX", "0049 361 5551234", true),
            ("0361555XXXX", "sip:+493615551234@h", true),
            ("0361 555 XXXX", "+49361555123", false),
            ("0049361.", "03615", true),
            ("X{10}", "sip:1234567890@h", true),
            ("X{10}", "sip:12345678901@h", false),
            ("ZNX", "sip:123@h", true),
            ("ZNX", "sip:113@h", false),
            ("(id:X{10})*(pin:X{10})", "sip:1234567890*0987654321@h", true),
            ("demo", "sip:demo@h", true),
            (".", "sip:anything@h", true),
            ("*6", "sip:*6@h", true),
            ("alice@example.org", "sip:Alice@EXAMPLE.org", true),
            ("@example.org", "sip:bob@example.org;transport=tcp", true),
            ("sip:*@example.org", "sips:bob@example.org", false),
            ("*@*.example.org", "sip:bob@pbx.example.org", true),
            ("re:[0-9]{3,4}", "sip:123@h", true),
            ("re:[0-9]{3,4}", "sip:12345@h", false),
            ("re:sip:.*@h", "sip:12345@h", true),
            ("112", "112", true),
        ] {
            assert_eq!(matches(text, address), expected, "{text} v {address}");
        }
    }

    #[test]
    fn captures_have_numbers_and_names() {
        let found = pattern("+49361(XX)(rest:.)")
            .captures(&Address::read("0361123456", &Numbering::default()))
            .unwrap();
        let expected = [("1", "12"), ("2", "3456"), ("rest", "3456")];
        assert_eq!(found, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(pattern("(a:X)@h").capture_names(), ["1", "a"]);
    }

    #[test]
    fn faulty_patterns_say_what_and_how() {
        for text in [
            "",
            "(X",
            "X)",
            "X{0}",
            "X{99}",
            "{3}",
            "(XX){2}",
            "A",
            "(Id:X)",
            "re:(",
            "re:a{1000}{1000}",
            "@(x",
        ] {
            let (what, remedy) = Pattern::compile(text, &Numbering::default()).unwrap_err();
            assert!(!what.is_empty() && !remedy.is_empty(), "{text}");
        }
    }

    #[test]
    fn patterns_know_what_they_cover() {
        for (a, b, covered, overlapping) in [
            (".", "X{10}", true, true),
            (".", ".", true, true),
            ("X{10}", ".", false, true),
            ("+49361.", "+493615551234", true, true),
            ("+49361.", "0361555XXXX", true, true),
            ("XXX", "ZNX", true, true),
            ("ZNX", "XXX", false, true),
            ("1XX", "2XX", false, false),
            ("1.", ".1", false, true),
            ("1.", "1.2.3", true, true),
            ("1.2.3", "1.3", false, true),
            ("..", ".", false, true),
            ("X", "XX", false, false),
            ("@a", "@b", false, false),
            (".", "@b", false, false),
        ] {
            assert_eq!(pattern(a).covers(&pattern(b)), covered, "{a} covers {b}");
            assert_eq!(pattern(a).overlaps(&pattern(b)), overlapping, "{a} overlaps {b}");
        }
    }
}
