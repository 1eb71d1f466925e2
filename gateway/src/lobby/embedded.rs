// SPDX-License-Identifier: EUPL-1.2
//! The prompts inside the binary.

use super::prompt::{Language, Prompt};

/// Returns the Ogg Opus file of a prompt.
pub(super) fn file(prompt: Prompt, language: Language) -> Option<&'static [u8]> {
    let wanted = (language.as_str(), prompt.stem());
    FILES
        .iter()
        .find(|(language, stem, _)| (*language, *stem) == wanted)
        .map(|(_, _, bytes)| *bytes)
}

/// Returns whether a language is built in.
pub(super) fn speaks(language: Language) -> bool {
    FILES.iter().any(|(built_in, ..)| *built_in == language.as_str())
}

macro_rules! files {
    ($($stem:literal,)*) => {
        &[$(
            ("de", $stem, include_bytes!(concat!("../../prompts/de/", $stem, ".opus"))),
            ("en", $stem, include_bytes!(concat!("../../prompts/en/", $stem, ".opus"))),
        )*]
    };
}

/// Language, stem, file.
const FILES: &[(&str, &str, &[u8])] = files![
    "welcome",
    "choose-language",
    "enter-meeting-id",
    "enter-pin",
    "wrong-credentials",
    "last-try",
    "too-many-tries",
    "throttled",
    "no-input",
    "joining",
    "you-are-first",
    "you-are-muted",
    "you-are-unmuted",
    "muted-by-moderator",
    "hand-raised",
    "hand-lowered",
    "hand-lowered-by-moderator",
    "waiting-room",
    "admitted",
    "room-locked",
    "room-full",
    "removed",
    "room-ended",
    "emergency",
    "forbidden",
    "not-found",
    "unreachable",
    "draining",
    "keys-help",
    "reconnecting",
    "goodbye",
    "still-there",
    "microphones-restricted",
    "microphones-free",
    "sent-to-waiting-room",
    "breakout-opened",
    "breakout-entered",
    "breakout-closing",
    "breakout-returned",
    "consent-asked",
    "consent-given",
    "consent-refused",
    "recording-stopped",
    "time-limit-soon",
    "time-limit-reached",
    "encrypted-room",
    "banned",
    "debriefed",
    "call-in-disabled",
    "hands-disabled",
    "no-video",
    "reconnected",
    "chat-message",
    "keys-help-opentalk",
    "connected-with",
    "partner-invited",
    "partner-away",
    "partner-back",
    "partner-left",
    "partner-refused",
    "partner-denied",
    "no-partner",
    "keys-help-moderator",
    "authority-other",
    "authority-other-dative",
    "authority-bw",
    "authority-by",
    "authority-be",
    "authority-bb",
    "authority-hb",
    "authority-hh",
    "authority-he",
    "authority-mv",
    "authority-ni",
    "authority-nw",
    "authority-rp",
    "authority-sl",
    "authority-sn",
    "authority-st",
    "authority-sh",
    "authority-th",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::clip::decode_opus;
    use super::*;

    #[test]
    fn every_prompt_is_spoken_in_german_and_english() {
        for prompt in Prompt::ALL {
            for language in [Language::GERMAN, Language::ENGLISH] {
                let clip = decode_opus(file(*prompt, language).unwrap()).unwrap();
                let seconds = clip.len() as f64 / 48_000.0;
                assert!((0.4..30.0).contains(&seconds), "{prompt:?} {language}: {seconds} s");
                assert!(
                    clip.iter().any(|sample| sample.unsigned_abs() > 3_000),
                    "{prompt:?} {language} is too soft"
                );
            }
        }
        assert_eq!(FILES.len(), Prompt::ALL.len() * 2);
    }
}
