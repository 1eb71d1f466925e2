// SPDX-License-Identifier: EUPL-1.2
//! Any name as a nickname: what telephones and browsers are called can be any text, a nickname cannot.

use jid::ResourcePart;

/// Most characters of a nickname that we give.
pub const MOST_CHARS: usize = 64;

/// Makes a nickname of a name (RFC 7622 §3.4): without control characters, invisible ones and direction
/// marks, with single spaces, cut. What cannot be one becomes `substitute`, which must be fit.
pub fn of_name(name: &str, substitute: &str) -> String {
    let tidy = tidied(name);
    let fit = |text: &str| ResourcePart::new(text).ok().map(|part| tidied(part.as_str()));
    let whole = fit(&tidy);
    // One character that is not permitted, or both directions in one name: keep what can stay.
    let filtered = || {
        let kept: String = tidy
            .chars()
            .filter(|c| fit(c.encode_utf8(&mut [0; 4])).is_some() || *c == ' ')
            .collect();
        fit(&tidied(&kept)).or_else(|| fit(&tidied(&without_right_to_left(&kept))))
    };
    match whole.or_else(filtered) {
        Some(nick) if !nick.is_empty() && !is_reserved(&nick) => nick,
        _ => substitute.to_owned(),
    }
}

/// Tells whether a nickname is the gateway's own.
pub fn is_reserved(nick: &str) -> bool {
    nick.to_lowercase() == crate::disco::RESOURCE
}

/// Makes what a client may be called of the nickname that it asks for; `None` is nothing that can be seen, or ours.
pub fn of_client(asked: &str) -> Option<String> {
    Some(of_name(asked, "")).filter(|nick| !nick.is_empty())
}

/// Makes a nickname unlike all that are taken, by a number behind it.
pub fn unlike(nick: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(nick) {
        return nick.to_owned();
    }
    (2u64..)
        .map(|count| numbered(nick, count))
        .find(|candidate| !taken(candidate))
        .unwrap_or_else(|| nick.to_owned())
}

/// Makes the nickname of another one of the same name.
pub(crate) fn numbered(nick: &str, count: u64) -> String {
    let behind = format!("{nick} ({count})");
    if ResourcePart::new(&behind).is_ok() {
        return behind;
    }
    // RFC 3454 §6: what runs from right to left must begin and end so.
    format!("{nick} ({count}) {nick}")
}

/// Gives the form in which two nicknames are compared, so that `ANNA` cannot pose as `Anna`.
pub(crate) fn key(nick: &str) -> String {
    nick.to_lowercase()
}

fn tidied(name: &str) -> String {
    let mut tidy = String::new();
    let mut count = 0usize;
    for c in name.chars() {
        if count >= MOST_CHARS {
            break;
        }
        if c.is_whitespace() {
            if !tidy.is_empty() && !tidy.ends_with(' ') {
                tidy.push(' ');
                count = count.saturating_add(1);
            }
        } else if !invisible(c) {
            tidy.push(c);
            count = count.saturating_add(1);
        }
    }
    tidy.truncate(tidy.trim_end().len());
    tidy
}

fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{10ffff}')
}

// The blocks whose characters run from right to left, in which RFC 3454 §6 permits no others.
fn without_right_to_left(text: &str) -> String {
    let left = |c: &char| {
        !matches!(*c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    };
    text.chars().filter(left).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::own::Domain;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in [
            "Anna Schmidt",
            "***49",
            "Žofie Říhová",
            "李雷",
            "שלום",
            "محمد",
            "D'Artagnan & Söhne / Büro 3",
        ] {
            assert_eq!(of_name(name, "x"), name);
        }
    }

    #[test]
    fn tricks_are_undone() {
        assert_eq!(of_name("  A\u{202e}nna\r\n\t Schmidt\u{200b} ", "x"), "Anna Schmidt");
        assert_eq!(of_name("\u{2066}\u{2069}\0", "phone"), "phone");
        assert_eq!(of_name("", "phone"), "phone");
        assert_eq!(of_name("Landbridge", "phone"), "phone");
        assert_eq!(of_name("Anna שלום", "x"), "Anna");
        assert_eq!(of_name(&"ü".repeat(5000), "x").chars().count(), MOST_CHARS);
        assert_eq!(of_name("ﬁ①Ａ", "x"), "fi1A");
    }

    #[test]
    fn two_of_a_name_are_told_apart() {
        let taken = |nick: &str| ["Anna", "Anna (2)"].contains(&nick);
        assert_eq!(unlike("Anna", taken), "Anna (3)");
        assert_eq!(unlike("Bob", taken), "Bob");
        assert_eq!(unlike("שלום", |nick| nick == "שלום"), "שלום (2) שלום");
    }

    proptest! {
        #[test]
        fn every_name_becomes_a_nickname_that_is_an_address(name in "\\PC{0,80}|[\\x00-\\x7f\u{590}-\u{6ff}\u{2000}-\u{20ff}\u{fff0}-\u{1ffff}]{0,80}") {
            let nick = of_name(&name, "phone");
            let room = Domain::new("meet.example").unwrap().address("1", "").unwrap();
            let own = room.with_resource(&nick).unwrap();
            // Prepared once is prepared for good: what we send is what servers compare.
            prop_assert_eq!(own.resource(), Some(nick.as_str()));
            prop_assert_eq!(of_client(&nick), Some(nick.clone()));
            let second = unlike(&nick, |other| other == nick);
            let own = room.with_resource(&second).unwrap();
            prop_assert_eq!(own.resource(), Some(second.as_str()));
        }
    }
}
