// SPDX-License-Identifier: EUPL-1.2
//! What somebody means who writes instead of pressing keys.

use super::keys::KeyAction;

/// The most keys of one message.
const MAX_KEYS: usize = 64;

/// The meaning of one message.
#[derive(Clone, PartialEq, Eq)]
pub enum Typed {
    /// Nothing but keys, blanks left out; may be a PIN, so nobody else may see it.
    Keys(String),
    /// A word that stands for a key.
    Action(KeyAction),
    /// Anything else: in a room it is for the others.
    Words,
}

/// Shows no key: it may belong to a PIN.
impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Typed::Keys(_) => f.write_str("Keys(•)"),
            Typed::Action(action) => write!(f, "Action({action:?})"),
            Typed::Words => f.write_str("Words"),
        }
    }
}

impl Typed {
    /// Reads a message.
    pub fn read(text: &str) -> Typed {
        let text = text.trim();
        if let Some(keys) = keys(text) {
            return Typed::Keys(keys);
        }
        let word = text.strip_prefix(['/', '!']).unwrap_or(text).to_lowercase();
        match word.as_str() {
            "mute" | "stumm" => Typed::Action(KeyAction::SetMuted(true)),
            "unmute" | "laut" => Typed::Action(KeyAction::SetMuted(false)),
            "hand" | "melden" | "✋" | "🙋" => Typed::Action(KeyAction::SetHand(true)),
            "lower" | "senken" => Typed::Action(KeyAction::SetHand(false)),
            "help" | "hilfe" | "?" => Typed::Action(KeyAction::Help),
            "leave" | "verlassen" => Typed::Action(KeyAction::Leave),
            _ => Typed::Words,
        }
    }
}

/// Returns the keys of a message that holds nothing else.
fn keys(text: &str) -> Option<String> {
    let mut keys = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' | '*' | '#' if keys.len() < MAX_KEYS => keys.push(c),
            ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2013}' | '.' => {}
            _ => return None,
        }
    }
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_keys_words_are_actions_and_the_rest_is_for_the_others() {
        for (text, meant) in [
            ("1234", Typed::Keys("1234".into())),
            (" 123 456-789# ", Typed::Keys("123456789#".into())),
            ("*", Typed::Keys("*".into())),
            ("Stumm", Typed::Action(KeyAction::SetMuted(true))),
            ("!hand", Typed::Action(KeyAction::SetHand(true))),
            ("✋", Typed::Action(KeyAction::SetHand(true))),
            ("/unmute", Typed::Action(KeyAction::SetMuted(false))),
            ("melden", Typed::Action(KeyAction::SetHand(true))),
            ("LOWER", Typed::Action(KeyAction::SetHand(false))),
            ("hilfe", Typed::Action(KeyAction::Help)),
            ("verlassen", Typed::Action(KeyAction::Leave)),
            ("hand me the paper", Typed::Words),
            ("12 monkeys", Typed::Words),
            ("-", Typed::Words),
            ("", Typed::Words),
        ] {
            assert!(Typed::read(text) == meant, "{text}: {:?}", Typed::read(text));
        }
        assert!(Typed::read(&"1".repeat(65)) == Typed::Words);
    }

    #[test]
    fn what_may_be_a_pin_is_not_shown() {
        assert!(!format!("{:?}", Typed::read("4711")).contains("4711"));
    }
}
