// SPDX-License-Identifier: EUPL-1.2
//! What a lobby is told, what it asks for, and how it is set up.

use std::fmt;
use std::time::Duration;

use super::pin::Pin;
use super::prompt::{Language, Prompt, Stem};
use crate::call::Cause;
use crate::config;

/// Says how a lobby talks.
#[derive(Clone, Debug)]
pub struct LobbyOptions {
    /// The languages offered, the first is the default; more than one are offered by key.
    pub languages: Vec<Language>,
    /// The language, if trunk or number fix it.
    pub language: Option<Language>,
    /// The meeting, if it was dialled or a rule names it.
    pub meeting: Option<String>,
    /// The PIN, if it was dialled.
    pub pin: Option<Pin>,
    /// What is said in place of the welcome.
    pub greeting: Option<Stem>,
    /// Digits of a meeting id; 0 = any length, ended by `#`.
    pub id_digits: usize,
    /// Digits of a PIN; 0 = any length, ended by `#`.
    pub pin_digits: usize,
    /// Wrong answers a call may give.
    pub tries: u8,
    /// How long the first digit may take after a prompt.
    pub first_digit: Duration,
    /// How long each further digit may take.
    pub next_digit: Duration,
}

impl Default for LobbyOptions {
    fn default() -> LobbyOptions {
        LobbyOptions {
            languages: vec![Language::GERMAN, Language::ENGLISH],
            language: None,
            meeting: None,
            pin: None,
            greeting: None,
            id_digits: 10,
            pin_digits: 10,
            tries: 3,
            first_digit: Duration::from_secs(10),
            next_digit: Duration::from_secs(5),
        }
    }
}

impl LobbyOptions {
    /// Joins what the configuration, the trunk and the dial plan say.
    pub fn from_config(
        config: &config::Lobby,
        language: Option<Language>,
        meeting: Option<String>,
        pin: Option<String>,
        greeting: Option<String>,
    ) -> LobbyOptions {
        LobbyOptions {
            languages: config
                .languages
                .iter()
                .filter_map(|text| Language::parse(text))
                .collect(),
            language,
            meeting,
            pin: pin.map(Pin::new),
            greeting: greeting.as_deref().and_then(Stem::parse),
            id_digits: config.id_digits,
            pin_digits: config.pin_digits,
            tries: config.tries,
            first_digit: config.first_digit,
            next_digit: config.next_digit,
        }
    }
}

/// What a lobby is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LobbyInput {
    /// The call is answered.
    Start,
    /// A key: `0`–`9`, `*`, `#`; others are ignored.
    Digit(char),
    /// What was last played came to its end.
    PlayEnded,
    /// The answer to [`LobbyOutput::Check`].
    Verdict(Verdict),
    /// The deadline has come.
    Timeout,
}

/// Shows no key: it may belong to a PIN.
impl fmt::Debug for LobbyInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LobbyInput::Start => f.write_str("Start"),
            LobbyInput::Digit(_) => f.write_str("Digit(•)"),
            LobbyInput::PlayEnded => f.write_str("PlayEnded"),
            LobbyInput::Verdict(verdict) => write!(f, "Verdict({verdict:?})"),
            LobbyInput::Timeout => f.write_str("Timeout"),
        }
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Meeting and PIN fit, and there is a seat.
    Right,
    /// They do not fit; without a PIN: one is needed, or the meeting is unknown.
    Wrong,
    /// They fit or were not looked at, but the caller cannot come in.
    Refused(Cause),
}

/// What a lobby asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LobbyOutput {
    /// Play these one after the other in place of whatever is played; then tell [`LobbyInput::PlayEnded`].
    Play(Vec<Prompt>, Language),
    /// Stop what is played.
    StopPlaying,
    /// Check these; then tell [`LobbyInput::Verdict`].
    Check {
        /// The meeting id.
        meeting: String,
        /// The PIN; none asks whether the meeting is open to all, which is no try and counts for no throttle.
        pin: Option<Pin>,
    },
    /// Bring the caller into the room; the lobby is over.
    Enter {
        /// The meeting id.
        meeting: String,
        /// The caller's language.
        language: Language,
    },
    /// End the call; the lobby is over.
    HangUp(Cause),
}
