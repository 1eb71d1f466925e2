// SPDX-License-Identifier: EUPL-1.2
//! The talk with a caller, from the welcome to the seat.
//!
//! ```text
//! Start → language by key, unless fixed → meeting id → is it open? → PIN → Enter
//!                                            ↑________ wrong ________|      at most 3 times, then HangUp
//! ```
//! Keys may come at any time: they stop what is played, and whatever comes early waits for its question.
//! An unknown meeting and a wrong PIN walk the same path, prompt by prompt: only an open meeting asks no PIN.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::entry::Entry;
use super::keys::KeyAction;
use super::pin::Pin;
use super::prompt::{Language, Prompt};
use super::typed::Typed;
use super::words::{LobbyInput, LobbyOptions, LobbyOutput, Verdict};
use crate::call::Cause;

/// Keys closer together than this are sent by a machine: `tel,,id,,pin`.
const MACHINE_GAP: Duration = Duration::from_millis(400);
/// No prompt plays longer than this; guards against an end that is never told.
const LONGEST_PLAY: Duration = Duration::from_secs(90);
/// Texts without meaning that are answered by asking again.
const TEXT_REPEATS: u8 = 5;
/// Silences that are answered by asking again.
const REPEATS: u8 = 1;

/// Talks with one caller.
pub struct Lobby {
    options: LobbyOptions,
    state: State,
    language: Language,
    entry: Entry,
    outputs: VecDeque<LobbyOutput>,
    deadline: Option<Instant>,
    playing: bool,
    greeted: bool,
    silences: u8,
    repeated: u8,
    wrong: u8,
    last_key: Option<Instant>,
    /// A digit that chose the language, but may turn out to be the first of a burst.
    language_key: Option<u8>,
}

enum State {
    New,
    Language,
    Meeting,
    Pin {
        meeting: String,
        asked_if_open: bool,
    },
    /// A check is under way; keys wait.
    Checking {
        meeting: String,
        stage: Stage,
    },
    Leaving(Cause),
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Is the meeting open? If not, ask the PIN.
    Open,
    /// Does the PIN fit? If not, it was wrong.
    Pin,
    /// Does the PIN that came unasked fit? If not, is the meeting open all the same?
    PinUnasked,
    /// The unasked PIN did not fit. Is the meeting open? If not, it was wrong.
    OpenAfterPin,
}

impl Lobby {
    /// Makes a lobby that waits for [`LobbyInput::Start`].
    pub fn new(_now: Instant, options: LobbyOptions) -> Lobby {
        let language = options
            .language
            .or(options.languages.first().copied())
            .unwrap_or_default();
        Lobby {
            options,
            state: State::New,
            language,
            entry: Entry::default(),
            outputs: VecDeque::new(),
            deadline: None,
            playing: false,
            greeted: false,
            silences: 0,
            repeated: 0,
            wrong: 0,
            last_key: None,
            language_key: None,
        }
    }

    /// Takes what happened; total.
    pub fn handle(&mut self, now: Instant, input: LobbyInput) {
        match input {
            LobbyInput::Start if matches!(self.state, State::New) => self.start(now),
            LobbyInput::Digit(key) => self.key(now, key),
            LobbyInput::PlayEnded if self.playing => self.play_ended(now),
            LobbyInput::Verdict(verdict) => self.verdict(now, verdict),
            LobbyInput::Timeout if self.deadline.is_some_and(|deadline| deadline <= now) => self.timed_out(now),
            LobbyInput::Start | LobbyInput::PlayEnded | LobbyInput::Timeout => {}
        }
    }

    /// Takes what the caller wrote; total. Digits are answers that are complete as they stand; a word for help, or one that
    /// means nothing, has the question asked again.
    pub fn handle_text(&mut self, now: Instant, text: &str) {
        if matches!(self.state, State::New | State::Leaving(_) | State::Over) {
            return;
        }
        match Typed::read(text) {
            Typed::Keys(keys) => self.typed_keys(now, &Zeroizing::new(keys)),
            Typed::Action(KeyAction::Leave) => {
                self.stop_playing();
                self.hang_up(Cause::Left);
            }
            // Two machines must not ask each other for ever.
            Typed::Action(_) | Typed::Words if self.repeated >= TEXT_REPEATS => {}
            Typed::Action(_) | Typed::Words => match self.state {
                State::Language => {
                    self.repeated += 1;
                    self.ask(now, &[Prompt::ChooseLanguage]);
                }
                State::Meeting | State::Pin { .. } => {
                    self.repeated += 1;
                    self.repeat(now, &[]);
                }
                State::New | State::Checking { .. } | State::Leaving(_) | State::Over => {}
            },
        }
    }

    /// Returns what to do next; drain until `None`.
    pub fn poll(&mut self) -> Option<LobbyOutput> {
        self.outputs.pop_front()
    }

    /// Returns the language the caller is spoken to in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Returns when [`LobbyInput::Timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn start(&mut self, now: Instant) {
        let by_key = self.options.language.is_none() && self.options.languages.len() > 1 && self.options.pin.is_none();
        if by_key {
            self.state = State::Language;
            self.ask(now, &[Prompt::ChooseLanguage]);
        } else {
            self.after_language(now);
        }
    }

    fn after_language(&mut self, now: Instant) {
        match (self.options.meeting.clone(), self.options.pin.take()) {
            (Some(meeting), Some(pin)) => self.check(meeting, Some(pin), Stage::PinUnasked),
            (Some(meeting), None) => self.meeting_known(now, meeting),
            (None, _) => {
                self.state = State::Meeting;
                self.go_on(now, &[Prompt::EnterMeetingId]);
            }
        }
    }

    /// With the PIN already typed it is looked at first: a moderator's PIN opens an open meeting, too.
    fn meeting_known(&mut self, now: Instant, meeting: String) {
        if self.entry.holds(self.options.pin_digits) {
            self.state = State::Pin {
                meeting,
                asked_if_open: false,
            };
            self.advance(now);
        } else {
            self.check(meeting, None, Stage::Open);
        }
    }

    fn check(&mut self, meeting: String, pin: Option<Pin>, stage: Stage) {
        self.deadline = None;
        self.silences = 0;
        self.outputs.push_back(LobbyOutput::Check {
            meeting: meeting.clone(),
            pin,
        });
        self.state = State::Checking { meeting, stage };
    }

    fn key(&mut self, now: Instant, key: char) {
        if matches!(self.state, State::New | State::Leaving(_) | State::Over) {
            return;
        }
        let Some(key) = u8::try_from(key)
            .ok()
            .filter(|key| key.is_ascii_digit() || matches!(key, b'*' | b'#'))
        else {
            return;
        };
        let by_machine = self
            .last_key
            .is_some_and(|last| now.saturating_duration_since(last) < MACHINE_GAP);
        self.last_key = Some(now);
        let language_key = self.language_key.take();
        self.stop_playing();
        if key == b'*' {
            // Between id and PIN of a burst the star is a separator.
            if by_machine {
                self.wait(now);
            } else {
                self.switch_language(now);
            }
            return;
        }
        if let Some(first) = language_key.filter(|_| by_machine && self.entry.is_empty()) {
            self.language = self
                .options
                .language
                .or(self.options.languages.first().copied())
                .unwrap_or_default();
            self.entry.push_front(first);
        }
        self.entry.push(key);
        self.wait(now);
        self.advance(now);
    }

    /// Takes the digits of a message: one answer, or meeting id and PIN with a star or hash between them.
    fn typed_keys(&mut self, now: Instant, keys: &str) {
        self.stop_playing();
        self.last_key = None;
        self.language_key = None;
        let mut lengths = match self.state {
            State::Pin { .. } => vec![self.options.pin_digits],
            _ => vec![self.options.pin_digits, self.options.id_digits],
        };
        if let (State::Language, &[key]) = (&self.state, keys.as_bytes()) {
            if let Some(language) = self.language_of(key) {
                self.language = language;
                self.after_language(now);
            } else {
                self.ask(now, &[Prompt::ChooseLanguage]);
            }
            return;
        }
        for answer in keys.split(['*', '#']).filter(|answer| !answer.is_empty()) {
            answer.bytes().for_each(|key| self.entry.push(key));
            // An answer of full length is complete by itself.
            if lengths.pop() != Some(answer.len()) {
                self.entry.push(b'#');
            }
        }
        if self.entry.is_empty() {
            return self.wait(now);
        }
        match self.state {
            State::Language => self.after_language(now),
            _ => {
                self.wait(now);
                self.advance(now);
            }
        }
    }

    /// Uses the keys that wait for the question at hand.
    fn advance(&mut self, now: Instant) {
        match &self.state {
            State::Language => {
                let Some(key) = self.entry.pop() else { return };
                match self.language_of(key) {
                    Some(language) => {
                        self.language = language;
                        self.language_key = Some(key);
                    }
                    None if key == b'#' => {}
                    None => self.entry.push_front(key),
                }
                self.after_language(now);
            }
            State::Meeting => {
                if let Some(id) = self.entry.take(self.options.id_digits, false) {
                    self.meeting_known(now, id.to_string());
                }
            }
            State::Pin { meeting, asked_if_open } => {
                let stage = if *asked_if_open { Stage::Pin } else { Stage::PinUnasked };
                let meeting = meeting.clone();
                if let Some(pin) = self.entry.take(self.options.pin_digits, true) {
                    self.check(meeting, Some(Pin::new(pin.as_str())), stage);
                }
            }
            State::New | State::Checking { .. } | State::Leaving(_) | State::Over => {}
        }
    }

    /// Languages have the keys 1, 2, … in the order of the alphabet, whichever is the default.
    fn language_of(&self, key: u8) -> Option<Language> {
        let mut languages = self.options.languages.clone();
        languages.sort();
        languages.get(usize::from(key.checked_sub(b'1')?)).copied()
    }

    fn switch_language(&mut self, now: Instant) {
        let languages = &self.options.languages;
        let here = languages.iter().position(|language| *language == self.language);
        let next = here
            .and_then(|here| languages.get((here + 1) % languages.len()))
            .or(languages.first());
        self.language = next.copied().unwrap_or(self.language);
        match self.state {
            State::Language => self.after_language(now),
            State::Meeting | State::Pin { .. } => {
                self.entry.clear();
                self.repeat(now, &[]);
            }
            State::New | State::Checking { .. } | State::Leaving(_) | State::Over => {}
        }
    }

    fn verdict(&mut self, now: Instant, verdict: Verdict) {
        let State::Checking { meeting, stage } = &self.state else {
            return;
        };
        let (meeting, stage) = (meeting.clone(), *stage);
        match (verdict, stage) {
            (Verdict::Right, _) => {
                self.stop_playing();
                self.entry.clear();
                self.outputs.push_back(LobbyOutput::Enter {
                    meeting,
                    language: self.language,
                });
                self.over();
            }
            (Verdict::Refused(cause), _) => self.leave(now, cause),
            (Verdict::Wrong, Stage::Open) => {
                self.state = State::Pin {
                    meeting,
                    asked_if_open: true,
                };
                self.go_on(now, &[Prompt::EnterPin]);
            }
            (Verdict::Wrong, Stage::PinUnasked) => self.check(meeting, None, Stage::OpenAfterPin),
            (Verdict::Wrong, Stage::Pin | Stage::OpenAfterPin) => self.was_wrong(now),
        }
    }

    fn was_wrong(&mut self, now: Instant) {
        self.wrong = self.wrong.saturating_add(1);
        self.entry.clear();
        if self.wrong >= self.options.tries {
            return self.leave(now, Cause::TooManyTries);
        }
        self.state = State::Meeting;
        let last = self.wrong + 1 == self.options.tries;
        self.ask(
            now,
            if last {
                &[Prompt::WrongCredentials, Prompt::LastTry, Prompt::EnterMeetingId]
            } else {
                &[Prompt::WrongCredentials, Prompt::EnterMeetingId]
            },
        );
    }

    fn play_ended(&mut self, now: Instant) {
        self.playing = false;
        match self.state {
            State::Leaving(cause) => self.hang_up(cause),
            State::Language | State::Meeting | State::Pin { .. } => self.wait(now),
            State::New | State::Checking { .. } | State::Over => self.deadline = None,
        }
    }

    fn timed_out(&mut self, now: Instant) {
        self.deadline = None;
        if self.playing {
            return self.play_ended(now);
        }
        let open = match self.state {
            State::Language => return self.after_language(now),
            State::Meeting => self.options.id_digits == 0,
            State::Pin { .. } => self.options.pin_digits == 0,
            State::New | State::Checking { .. } | State::Leaving(_) | State::Over => return,
        };
        if open && !self.entry.is_empty() {
            self.entry.push(b'#');
            return self.advance(now);
        }
        self.entry.clear();
        self.silences = self.silences.saturating_add(1);
        if self.silences > REPEATS {
            self.leave(now, Cause::NoInput);
        } else {
            self.repeat(now, &[Prompt::NoInput]);
        }
    }

    /// Asks, unless the answer is there already.
    fn go_on(&mut self, now: Instant, prompts: &[Prompt]) {
        if self.entry.is_empty() {
            self.ask(now, prompts);
        } else {
            self.greeted = true;
            self.wait(now);
            self.advance(now);
        }
    }

    fn repeat(&mut self, now: Instant, before: &[Prompt]) {
        let question = if matches!(self.state, State::Pin { .. }) {
            Prompt::EnterPin
        } else {
            Prompt::EnterMeetingId
        };
        let prompts: Vec<Prompt> = before.iter().copied().chain([question]).collect();
        self.ask(now, &prompts);
    }

    fn ask(&mut self, now: Instant, prompts: &[Prompt]) {
        let greeting = (!self.greeted).then(|| self.options.greeting.map_or(Prompt::Welcome, Prompt::Own));
        self.greeted = true;
        self.play(now, greeting.into_iter().chain(prompts.iter().copied()).collect());
    }

    fn play(&mut self, now: Instant, prompts: Vec<Prompt>) {
        self.playing = true;
        self.deadline = Some(now + LONGEST_PLAY);
        self.outputs.push_back(LobbyOutput::Play(prompts, self.language));
    }

    fn stop_playing(&mut self) {
        if std::mem::take(&mut self.playing) {
            self.outputs.push_back(LobbyOutput::StopPlaying);
        }
    }

    /// Sets the time for the next key.
    fn wait(&mut self, now: Instant) {
        let patience = if self.entry.is_empty() {
            self.options.first_digit
        } else {
            self.options.next_digit
        };
        self.deadline = match self.state {
            State::Checking { .. } => None,
            _ => Some(now + patience),
        };
    }

    /// Says why, then hangs up.
    fn leave(&mut self, now: Instant, cause: Cause) {
        self.stop_playing();
        self.entry.clear();
        let words = Prompt::farewell(cause);
        if words.is_empty() {
            return self.hang_up(cause);
        }
        self.state = State::Leaving(cause);
        self.play(now, words.to_vec());
    }

    fn hang_up(&mut self, cause: Cause) {
        self.outputs.push_back(LobbyOutput::HangUp(cause));
        self.over();
    }

    fn over(&mut self) {
        self.state = State::Over;
        self.deadline = None;
    }
}

#[cfg(test)]
#[path = "dialogue_tests.rs"]
mod tests;
