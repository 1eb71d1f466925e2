// SPDX-License-Identifier: EUPL-1.2
//! What people may be called, and what of a phone number others see.
//!
//! A name is shown to everybody and travels into JSON, HTML and logs of other systems, so it holds neither control
//! characters nor characters that reorder or hide the text around it.

/// The longest name, in visible characters (combining marks are not counted).
pub const MAX_CHARACTERS: usize = 64;

/// The longest name, in bytes of UTF-8.
const MAX_BYTES: usize = 256;

/// The most combining marks on one character; more only serves to paint over the neighbours' lines.
pub(super) const MAX_MARKS: usize = 3;

/// Cleans a wished name; the result may be empty.
pub fn clean(wished: &str) -> String {
    let mut name = String::new();
    let (mut characters, mut marks, mut gap) = (0, 0, false);
    for c in wished.chars().take(4 * MAX_BYTES) {
        if is_space(c) {
            gap = !name.is_empty();
            continue;
        }
        if is_unfit(c) {
            continue;
        }
        if is_mark(c) {
            marks += 1;
            if marks > MAX_MARKS || name.is_empty() || gap {
                continue;
            }
        } else {
            marks = 0;
            characters += 1 + usize::from(gap);
        }
        if characters > MAX_CHARACTERS || name.len() + c.len_utf8() + usize::from(gap) > MAX_BYTES {
            break;
        }
        if gap {
            name.push(' ');
            gap = false;
        }
        name.push(c);
    }
    name
}

/// Names a caller for the roster: the display name if it is a name, else the number with all but its last two digits
/// hidden. With `show_numbers` (the operator's choice) numbers are shown whole.
pub fn of_phone(display_name: &str, uri: &str, show_numbers: bool) -> String {
    let display_name = clean(display_name);
    if !display_name.is_empty() && (show_numbers || !looks_like_number(&display_name)) {
        return display_name;
    }
    let user = user_part(uri);
    if user.is_empty() || user.eq_ignore_ascii_case("anonymous") {
        return if looks_like_number(&display_name) {
            masked(&display_name)
        } else {
            String::new()
        };
    }
    if show_numbers {
        clean(user)
    } else if user.contains(|c: char| c.is_ascii_digit()) {
        masked(user)
    } else {
        clean(user)
    }
}

/// Names an XMPP caller for the roster: the name it goes by, else the node of its address; what looks like a number is
/// treated as one.
pub fn of_jid(nick: &str, jid: &str, show_numbers: bool) -> String {
    let nick = clean(nick);
    if !nick.is_empty() && (show_numbers || !looks_like_number(&nick)) {
        return nick;
    }
    let node = clean(user_part(jid));
    if !show_numbers && looks_like_number(&node) {
        masked(&node)
    } else {
        node
    }
}

/// Makes `name` differ from every taken name by a number in brackets.
pub(crate) fn unique(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(name) {
        return name.to_owned();
    }
    let mut number = 2_u32;
    loop {
        let candidate = format!("{name} ({number})");
        if !is_taken(&candidate) {
            return candidate;
        }
        number = number.saturating_add(1);
    }
}

fn masked(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    match digits.as_slice() {
        [.., a, b] if digits.len() > 2 => format!("Tel. …{a}{b}"),
        _ => "Tel. …".to_owned(),
    }
}

/// Tells whether a text would be taken for a telephone number.
pub(crate) fn looks_like_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    digits >= 5 || (digits > 0 && letters == 0)
}

fn user_part(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let user = rest
        .split_once('@')
        .map_or(if uri.starts_with("sip") { "" } else { rest }, |(user, _)| user);
    user.split(';').next().unwrap_or_default()
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Tells whether a character controls, hides or reorders the text around it.
pub(crate) fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// Tells whether a character is painted onto the one before it.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{200c}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_letters_and_lose_what_reorders_or_hides_text() {
        assert_eq!(clean("  Jürgen\u{202e}\t  Groß\r\n"), "Jürgen Groß");
        assert_eq!(clean("\u{0}\u{200b}\u{2066}\u{feff}"), "");
        assert_eq!(clean("محمد علی"), "محمد علی");
        assert_eq!(clean("👩\u{200d}🔬 Ada"), "👩\u{200d}🔬 Ada");
        assert_eq!(clean("\u{3164}\u{2800}"), "");
    }

    #[test]
    fn names_are_at_most_64_characters_and_256_bytes() {
        assert_eq!(clean(&"x".repeat(100_000)).len(), MAX_CHARACTERS);
        assert!(clean(&"👩".repeat(1000)).len() <= MAX_BYTES);
        let zalgo = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(clean(&zalgo), format!("a{}b", "\u{301}".repeat(MAX_MARKS)));
    }

    #[test]
    fn a_phone_shows_its_last_two_digits_unless_the_operator_allows_more() {
        assert_eq!(of_phone("", "sip:+4936112345@example.org", false), "Tel. …45");
        assert_eq!(of_phone("0361 12345", "sip:+4936112345@example.org", false), "Tel. …45");
        assert_eq!(of_phone("", "tel:+49-361-12345;phone-context=x", false), "Tel. …45");
        assert_eq!(of_phone("", "sip:+4936112345@example.org", true), "+4936112345");
        assert_eq!(of_phone("Alice", "sip:+4936112345@example.org", false), "Alice");
        assert_eq!(of_phone("", "sip:12@example.org", false), "Tel. …");
        assert_eq!(of_phone("", "sip:alice@example.org", false), "alice");
        assert_eq!(of_phone("", "sip:alice1970@example.org", false), "Tel. …70");
        assert_eq!(of_phone("", "sip:anonymous@anonymous.invalid", false), "");
        assert_eq!(of_phone("", "sip:example.org", false), "");
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        let taken = ["Ada", "Ada (2)"];
        assert_eq!(unique("Ada", |name| taken.contains(&name)), "Ada (3)");
        assert_eq!(unique("Bob", |name| taken.contains(&name)), "Bob");
    }
}
