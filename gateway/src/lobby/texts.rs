// SPDX-License-Identifier: EUPL-1.2
//! The prompts as they are read: the words of `prompts/texts.toml`, in the spelling for people who write.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::prompt::{Language, Prompt};
use crate::room::Denial;

/// Stem → key (`de`, `en`, `de_written`, …) → words.
type Texts = BTreeMap<String, BTreeMap<String, String>>;

static TEXTS: LazyLock<Texts> =
    LazyLock::new(|| toml::from_str(include_str!("../../prompts/texts.toml")).unwrap_or_default());

impl Prompt {
    /// Returns what a prompt says, to be read; English for a language without words. A greeting of the operator reads as
    /// the welcome, for its words are only in its recording.
    pub fn text(&self, language: Language) -> &'static str {
        let stem = match self {
            // Said in both languages, so read in both.
            Prompt::ChooseLanguage => return CHOOSE_LANGUAGE.as_str(),
            Prompt::Own(_) => Prompt::Welcome.stem(),
            prompt => prompt.stem(),
        };
        words(stem, language.as_str())
            .or_else(|| words(stem, "en"))
            .unwrap_or_default()
    }
}

/// Joins what is played at once to one message.
pub fn message(prompts: &[Prompt], language: Language) -> String {
    let texts: Vec<&str> = prompts.iter().map(|prompt| prompt.text(language)).collect();
    texts.join(" ")
}

/// Says why a room does not show what was written.
pub fn not_shown(denial: Denial, language: Language) -> &'static str {
    let is_german = language == Language::GERMAN;
    match denial {
        Denial::Waiting if is_german => "Sie sind noch im Warteraum. Ihre Nachricht wurde nicht gezeigt.",
        Denial::Waiting => "You are still in the waiting room. Your message was not shown.",
        Denial::TooFast if is_german => {
            "Zu viele Nachrichten in kurzer Zeit. Ihre letzte Nachricht wurde nicht gezeigt."
        }
        Denial::TooFast => "Too many messages in a short time. Your last message was not shown.",
        Denial::Unfit if is_german => "Ihre Nachricht ist zu lang. Sie wurde nicht gezeigt.",
        Denial::Unfit => "Your message is too long. It was not shown.",
        _ if is_german => "Ihre Nachricht wurde nicht gezeigt. Bitte versuchen Sie es später noch einmal.",
        _ => "Your message was not shown. Please try again later.",
    }
}

static CHOOSE_LANGUAGE: LazyLock<String> = LazyLock::new(|| {
    let both = ["de", "en"].map(|language| words(Prompt::ChooseLanguage.stem(), language).unwrap_or_default());
    both.join(" ")
});

fn words(stem: &str, language: &str) -> Option<&'static str> {
    let prompt = TEXTS.get(stem)?;
    let found = prompt
        .get(&format!("{language}_written"))
        .or_else(|| prompt.get(language))?;
    Some(found.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_has_words_in_both_languages() {
        for prompt in Prompt::ALL {
            let (german, english) = (prompt.text(Language::GERMAN), prompt.text(Language::ENGLISH));
            assert!(!german.is_empty() && !english.is_empty(), "{prompt:?}");
            let is_same = *prompt == Prompt::ChooseLanguage || prompt.stem().starts_with("authority-");
            assert!(german != english || is_same, "{prompt:?}");
            assert!(!german.contains("drücken Sie die"), "{prompt:?} speaks of telephones");
            assert!(!english.contains("press one"), "{prompt:?} speaks of telephones");
        }
    }

    #[test]
    fn the_question_for_a_pin_says_that_it_can_be_written() {
        let text = message(&[Prompt::Welcome, Prompt::EnterPin], Language::ENGLISH);
        assert!(
            text.starts_with("Welcome to") && text.ends_with("press them in the call."),
            "{text}"
        );
        assert!(
            Prompt::EnterPin
                .text(Language::GERMAN)
                .contains("Schreiben Sie die Ziffern")
        );
        assert!(Prompt::ChooseLanguage.text(Language::GERMAN).contains("write 2"));
    }
}
