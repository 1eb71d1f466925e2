// SPDX-License-Identifier: EUPL-1.2
//! What is typed in order to be done: `!mute`, `!melden`, ✋.

use super::words::{Language, Wish};

/// A command that somebody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Do this.
    Wish(Wish),
    /// Say what can be typed.
    Help,
}

/// Reads a command; text that is none is `None`. Words are those of English and German, in any case.
pub fn parse(text: &str) -> Option<Command> {
    let text = text.trim();
    // With or without the variation selector and a skin tone, ✋ and 🙋 raise the hand.
    if text.starts_with(['✋', '🙋']) && text.chars().count() <= 5 {
        let rest = text.chars().skip(1);
        let modifiers = |c: char| matches!(c, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{200d}' | '♀' | '♂');
        return rest
            .into_iter()
            .all(modifiers)
            .then_some(Command::Wish(Wish::Hand(true)));
    }
    let word = text.strip_prefix('!')?;
    if word.len() > 16 {
        return None;
    }
    Some(match word.to_lowercase().as_str() {
        "mute" | "stumm" => Command::Wish(Wish::Mute),
        "unmute" | "laut" => Command::Wish(Wish::Unmute),
        "hand" | "melden" => Command::Wish(Wish::Hand(true)),
        "lower" | "senken" => Command::Wish(Wish::Hand(false)),
        "help" | "hilfe" => Command::Help,
        _ => return None,
    })
}

/// Says what can be typed.
pub fn help(language: Language) -> &'static str {
    match language {
        Language::English => {
            "!mute, !unmute: close or open your microphone · !hand (or ✋), !lower: raise or lower your hand"
        }
        Language::German => "!stumm, !laut: Mikrofon aus oder an · !melden (oder ✋), !senken: Hand heben oder senken",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_both_languages() {
        for (text, wish) in [
            ("!mute", Wish::Mute),
            (" !STUMM ", Wish::Mute),
            ("!unmute", Wish::Unmute),
            ("!Laut", Wish::Unmute),
            ("!hand", Wish::Hand(true)),
            ("!melden", Wish::Hand(true)),
            ("✋", Wish::Hand(true)),
            ("✋🏽", Wish::Hand(true)),
            ("🙋\u{200d}♀\u{fe0f}", Wish::Hand(true)),
            ("!lower", Wish::Hand(false)),
            ("!senken", Wish::Hand(false)),
        ] {
            assert_eq!(parse(text), Some(Command::Wish(wish)), "{text}");
        }
        assert_eq!(parse("!hilfe"), Some(Command::Help));
        for text in ["mute", "! mute", "!muted", "✋ stop", "hello ✋", "", "!"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
