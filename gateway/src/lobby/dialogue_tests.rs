// SPDX-License-Identifier: EUPL-1.2
//! Whole talks in virtual time.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::lobby::Stem;
use LobbyOutput::{HangUp, Play, StopPlaying};
use proptest::prelude::*;

const ID: &str = "1234567890";
const PIN: &str = "0987654321";

/// A caller and a directory with one meeting: `1234567890`, PIN `0987654321`; `1111111111` is open.
struct Talk {
    lobby: Lobby,
    now: Instant,
    heard: Vec<LobbyOutput>,
}

impl Talk {
    fn with(options: LobbyOptions) -> Talk {
        let now = Instant::now();
        let mut talk = Talk {
            lobby: Lobby::new(now, options),
            now,
            heard: Vec::new(),
        };
        talk.tell(LobbyInput::Start);
        talk
    }

    fn german() -> Talk {
        Talk::with(LobbyOptions {
            language: Some(Language::GERMAN),
            ..LobbyOptions::default()
        })
    }

    fn tell(&mut self, input: LobbyInput) {
        self.lobby.handle(self.now, input);
        while let Some(output) = self.lobby.poll() {
            let verdict = match &output {
                LobbyOutput::Check { meeting, pin } => Some(match (meeting.as_str(), pin.as_deref()) {
                    (ID, Some(PIN)) | ("1111111111", None) => Verdict::Right,
                    ("2222222222", Some(_)) => Verdict::Refused(Cause::Locked),
                    _ => Verdict::Wrong,
                }),
                _ => None,
            };
            self.heard.push(output);
            if let Some(verdict) = verdict {
                self.lobby.handle(self.now, LobbyInput::Verdict(verdict));
            }
        }
    }

    /// Presses keys as a person does.
    fn press(&mut self, keys: &str) -> &mut Talk {
        self.press_every(keys, Duration::from_millis(600))
    }

    /// Sends keys as a telephone does that knows them by heart.
    fn burst(&mut self, keys: &str) -> &mut Talk {
        self.press_every(keys, Duration::from_millis(160))
    }

    fn press_every(&mut self, keys: &str, gap: Duration) -> &mut Talk {
        for key in keys.chars() {
            self.now += gap;
            self.tell(LobbyInput::Digit(key));
        }
        self
    }

    fn write(&mut self, text: &str) {
        self.now += Duration::from_secs(4);
        self.lobby.handle_text(self.now, text);
        // Drains what the text led to.
        self.tell(LobbyInput::Timeout);
    }

    fn prompt_ends(&mut self) -> &mut Talk {
        self.now += Duration::from_secs(3);
        self.tell(LobbyInput::PlayEnded);
        self
    }

    /// Waits for the deadline, and not a moment less.
    fn silence(&mut self) -> Duration {
        let deadline = self.lobby.deadline().unwrap();
        let waited = deadline.saturating_duration_since(self.now);
        self.now = deadline - Duration::from_millis(1);
        let before = self.heard.len();
        self.tell(LobbyInput::Timeout);
        assert_eq!(self.heard.len(), before, "nothing happens before the deadline");
        self.now = deadline;
        self.tell(LobbyInput::Timeout);
        waited
    }

    /// Returns what was heard since the last question, without the stops.
    fn heard(&mut self) -> Vec<LobbyOutput> {
        std::mem::take(&mut self.heard)
            .into_iter()
            .filter(|output| *output != StopPlaying)
            .collect()
    }

    fn prompts(&mut self) -> Vec<Prompt> {
        self.heard()
            .into_iter()
            .filter_map(|output| match output {
                Play(prompts, _) => Some(prompts),
                _ => None,
            })
            .flatten()
            .collect()
    }
}

fn entered(meeting: &str, language: Language) -> LobbyOutput {
    LobbyOutput::Enter {
        meeting: meeting.into(),
        language,
    }
}

fn check(meeting: &str, pin: Option<&str>) -> LobbyOutput {
    LobbyOutput::Check {
        meeting: meeting.into(),
        pin: pin.map(Pin::new),
    }
}

#[test]
fn whoever_writes_answers_with_whole_messages() {
    for (messages, id_digits) in [
        (&[ID, PIN][..], 10),
        (&["1234567890*0987654321"], 10),
        (&["123 456 7890#098 765 4321#"], 10),
        (&["12345678900987654321"], 10),
        (&["1", ID, PIN], 10),
        (&["2", "hello?", ID, "hilfe", PIN], 10),
        (&[ID, PIN], 0),
        (&["2", ID, PIN], 20),
    ] {
        let mut talk = Talk::with(LobbyOptions {
            id_digits,
            ..LobbyOptions::default()
        });
        for message in messages {
            talk.write(message);
        }
        let language = if messages[0] == "2" {
            Language::ENGLISH
        } else {
            Language::GERMAN
        };
        let entered = LobbyOutput::Enter {
            meeting: ID.into(),
            language,
        };
        assert_eq!(talk.heard().last(), Some(&entered), "{id_digits} {}", messages.len());
    }
}

#[test]
fn a_machine_that_answers_every_question_is_asked_a_few_times_and_then_times_out() {
    let mut talk = Talk::german();
    for _ in 0..50 {
        talk.write("I am away until Monday.");
    }
    let asked = talk
        .prompts()
        .iter()
        .filter(|prompt| **prompt == Prompt::EnterMeetingId)
        .count();
    assert!(asked <= 8, "{asked}");
    let mut rounds = 0;
    while talk.lobby.deadline().is_some() {
        talk.write("I am away until Monday.");
        talk.silence();
        rounds += 1;
        assert!(rounds < 10, "the lobby never gives up");
    }
}

#[test]
fn a_written_pin_for_a_meeting_that_was_called_enters_or_is_one_wrong_try() {
    let called = || LobbyOptions {
        meeting: Some(ID.into()),
        pin_digits: 10,
        ..LobbyOptions::default()
    };
    let mut talk = Talk::with(called());
    talk.write("1");
    assert_eq!(
        talk.prompts(),
        [Prompt::Welcome, Prompt::ChooseLanguage, Prompt::EnterPin]
    );
    talk.write("4711");
    assert_eq!(talk.prompts(), [Prompt::WrongCredentials, Prompt::EnterMeetingId]);
    talk.write("verlassen");
    assert_eq!(talk.heard(), [HangUp(Cause::Left)]);
}

#[test]
fn a_caller_enters_id_and_pin_and_is_in() {
    let mut talk = Talk::german();
    assert_eq!(
        talk.heard(),
        [Play(vec![Prompt::Welcome, Prompt::EnterMeetingId], Language::GERMAN)]
    );
    talk.prompt_ends().press(ID);
    assert_eq!(
        talk.heard(),
        [check(ID, None), Play(vec![Prompt::EnterPin], Language::GERMAN)]
    );
    talk.prompt_ends().press(PIN);
    assert_eq!(talk.heard(), [check(ID, Some(PIN)), entered(ID, Language::GERMAN)]);
    assert_eq!(talk.lobby.deadline(), None);
}

#[test]
fn hash_after_id_and_pin_is_welcome() {
    let mut talk = Talk::german();
    talk.prompt_ends()
        .press("1234567890#")
        .prompt_ends()
        .press("0987654321#");
    assert_eq!(talk.heard().last(), Some(&entered(ID, Language::GERMAN)));
}

#[test]
fn an_early_burst_is_split_into_id_and_pin_without_a_further_prompt() {
    for keys in [
        "12345678900987654321",
        "1234567890#0987654321#",
        "1234567890*0987654321#",
        "1234567890,,0987654321",
    ] {
        let mut talk = Talk::german();
        talk.burst(keys);
        let heard = talk.heard();
        assert_eq!(heard.last(), Some(&entered(ID, Language::GERMAN)), "{keys}: {heard:?}");
    }
}

#[test]
fn a_burst_with_pauses_is_split_too() {
    let mut talk = Talk::german();
    talk.burst(ID);
    talk.now += Duration::from_secs(2);
    talk.burst(PIN);
    assert_eq!(talk.heard().last(), Some(&entered(ID, Language::GERMAN)));
}

#[test]
fn a_burst_into_the_language_question_is_an_id_and_not_a_language() {
    for (id, keys) in [(ID, "12345678900987654321"), ("2345678901", "23456789010000000000")] {
        let mut talk = Talk::with(LobbyOptions::default());
        assert_eq!(talk.prompts(), [Prompt::Welcome, Prompt::ChooseLanguage]);
        talk.burst(keys);
        let heard = talk.heard();
        let checked = heard
            .iter()
            .any(|output| matches!(output, LobbyOutput::Check { meeting, pin: Some(_) } if meeting == id));
        assert!(checked, "{heard:?}");
        assert!(
            !heard
                .iter()
                .any(|output| matches!(output, Play(_, language) if *language == Language::ENGLISH) && id == ID)
        );
    }
}

#[test]
fn language_is_chosen_by_key_in_the_order_of_the_alphabet() {
    for (key, languages, language) in [
        ("1", ["de", "en"], Language::GERMAN),
        ("2", ["de", "en"], Language::ENGLISH),
        ("1", ["en", "de"], Language::GERMAN),
    ] {
        let languages = languages.iter().filter_map(|text| Language::parse(text)).collect();
        let mut talk = Talk::with(LobbyOptions {
            languages,
            ..LobbyOptions::default()
        });
        talk.heard();
        talk.press(key);
        assert_eq!(talk.heard(), [Play(vec![Prompt::EnterMeetingId], language)]);
        talk.press(ID).press(PIN);
        assert_eq!(talk.heard().last(), Some(&entered(ID, language)));
    }
}

#[test]
fn silence_at_the_language_question_means_the_first_language() {
    let mut talk = Talk::with(LobbyOptions::default());
    talk.heard();
    talk.prompt_ends();
    assert_eq!(talk.silence(), Duration::from_secs(10));
    assert_eq!(talk.heard(), [Play(vec![Prompt::EnterMeetingId], Language::GERMAN)]);
}

#[test]
fn star_switches_the_language_at_any_time() {
    let mut talk = Talk::german();
    talk.heard();
    talk.press("12*");
    assert_eq!(talk.heard(), [Play(vec![Prompt::EnterMeetingId], Language::ENGLISH)]);
    talk.press(ID).heard();
    talk.press("*");
    assert_eq!(talk.heard(), [Play(vec![Prompt::EnterPin], Language::GERMAN)]);
    talk.press("*").press(PIN);
    assert_eq!(talk.heard().last(), Some(&entered(ID, Language::ENGLISH)));
}

#[test]
fn a_key_stops_the_prompt_and_counts() {
    let mut talk = Talk::german();
    talk.heard.clear();
    talk.press("1");
    assert_eq!(talk.heard, [StopPlaying]);
    talk.press("234567890");
    assert_eq!(talk.heard()[0], check(ID, None));
}

#[test]
fn three_wrong_tries_end_the_call() {
    let mut talk = Talk::german();
    talk.heard();
    let again = [
        vec![Prompt::WrongCredentials, Prompt::EnterMeetingId],
        vec![Prompt::WrongCredentials, Prompt::LastTry, Prompt::EnterMeetingId],
        vec![Prompt::TooManyTries],
    ];
    for expected in again {
        talk.press(ID).press("0000000000");
        assert_eq!(talk.heard().last(), Some(&Play(expected, Language::GERMAN)));
    }
    talk.press(ID).press(PIN);
    assert_eq!(talk.heard(), [], "no fourth try");
    talk.prompt_ends();
    assert_eq!(talk.heard(), [HangUp(Cause::TooManyTries)]);
    assert_eq!(talk.lobby.deadline(), None);
}

#[test]
fn the_right_pin_helps_at_the_third_try() {
    let mut talk = Talk::german();
    talk.press(ID)
        .press("1")
        .press("#")
        .press("77#")
        .press("1#")
        .press(ID)
        .press(PIN);
    assert_eq!(talk.heard().last(), Some(&entered(ID, Language::GERMAN)));
}

#[test]
fn an_unknown_room_and_a_wrong_pin_sound_alike() {
    let transcript = |id: &str| {
        let mut talk = Talk::german();
        talk.prompt_ends()
            .press(id)
            .prompt_ends()
            .press("0000000000")
            .prompt_ends();
        let start = talk.now;
        let deadline = talk.lobby.deadline().unwrap().duration_since(start);
        (format!("{:?}", talk.heard()).replace(id, "ID"), deadline)
    };
    assert_eq!(transcript(ID), transcript("5555555555"));
}

#[test]
fn an_open_meeting_asks_no_pin() {
    let mut talk = Talk::german();
    talk.heard();
    talk.press("1111111111");
    assert_eq!(
        talk.heard(),
        [check("1111111111", None), entered("1111111111", Language::GERMAN)]
    );
}

#[test]
fn a_needless_pin_opens_an_open_meeting_all_the_same() {
    let mut talk = Talk::german();
    talk.burst("11111111110000000000");
    assert_eq!(talk.heard().last(), Some(&entered("1111111111", Language::GERMAN)));
    let direct = LobbyOptions {
        meeting: Some("1111111111".into()),
        pin: Some(Pin::new("4711")),
        ..LobbyOptions::default()
    };
    let mut talk = Talk::with(direct);
    assert_eq!(
        talk.heard(),
        [
            check("1111111111", Some("4711")),
            check("1111111111", None),
            entered("1111111111", Language::GERMAN)
        ]
    );
}

#[test]
fn a_dialled_id_and_pin_need_no_word() {
    let direct = LobbyOptions {
        meeting: Some(ID.into()),
        pin: Some(Pin::new(PIN)),
        ..LobbyOptions::default()
    };
    assert_eq!(
        Talk::with(direct).heard(),
        [check(ID, Some(PIN)), entered(ID, Language::GERMAN)]
    );
}

#[test]
fn a_dialled_id_is_asked_for_its_pin_alone() {
    let direct = LobbyOptions {
        meeting: Some(ID.into()),
        language: Some(Language::ENGLISH),
        ..LobbyOptions::default()
    };
    let mut talk = Talk::with(direct);
    assert_eq!(
        talk.heard(),
        [
            check(ID, None),
            Play(vec![Prompt::Welcome, Prompt::EnterPin], Language::ENGLISH)
        ]
    );
    talk.press(PIN);
    assert_eq!(talk.heard(), [check(ID, Some(PIN)), entered(ID, Language::ENGLISH)]);
}

#[test]
fn a_wrong_dialled_pin_counts_and_both_are_asked_again() {
    let direct = LobbyOptions {
        meeting: Some(ID.into()),
        pin: Some(Pin::new("1")),
        ..LobbyOptions::default()
    };
    let mut talk = Talk::with(direct);
    assert_eq!(
        talk.prompts(),
        [Prompt::Welcome, Prompt::WrongCredentials, Prompt::EnterMeetingId]
    );
    talk.press(ID).press("1#").press(ID).press("2#");
    assert_eq!(talk.prompts().last(), Some(&Prompt::TooManyTries));
}

#[test]
fn silence_is_asked_once_more_and_then_ends_the_call() {
    let mut talk = Talk::german();
    talk.heard();
    talk.prompt_ends();
    assert_eq!(talk.silence(), Duration::from_secs(10));
    assert_eq!(talk.prompts(), [Prompt::NoInput, Prompt::EnterMeetingId]);
    talk.prompt_ends().silence();
    assert_eq!(talk.prompts(), [Prompt::NoInput, Prompt::Goodbye]);
    talk.prompt_ends();
    assert_eq!(talk.heard(), [HangUp(Cause::NoInput)]);
}

#[test]
fn half_a_pin_is_forgotten_after_five_seconds_and_asked_again() {
    let mut talk = Talk::german();
    talk.press(ID).press("09876").heard();
    assert_eq!(talk.silence(), Duration::from_secs(5));
    assert_eq!(talk.prompts(), [Prompt::NoInput, Prompt::EnterPin]);
    talk.press(PIN);
    assert_eq!(talk.heard().last(), Some(&entered(ID, Language::GERMAN)));
}

#[test]
fn an_answered_question_forgives_an_earlier_silence() {
    let mut talk = Talk::german();
    talk.prompt_ends().silence();
    talk.press(ID).prompt_ends().silence();
    assert_eq!(talk.prompts().last(), Some(&Prompt::EnterPin));
}

#[test]
fn numbers_of_open_length_end_by_hash_or_silence() {
    let open = LobbyOptions {
        id_digits: 0,
        pin_digits: 0,
        language: Some(Language::GERMAN),
        ..LobbyOptions::default()
    };
    let mut talk = Talk::with(open);
    talk.press(ID).press("#").press(PIN);
    talk.silence();
    assert_eq!(talk.heard().last(), Some(&entered(ID, Language::GERMAN)));
}

#[test]
fn a_locked_room_says_so_and_ends_the_call() {
    let mut talk = Talk::german();
    talk.press("2222222222").press(PIN);
    assert_eq!(talk.prompts().last(), Some(&Prompt::RoomLocked));
    talk.prompt_ends();
    assert_eq!(talk.heard(), [HangUp(Cause::Locked)]);
}

#[test]
fn a_prompt_whose_end_is_never_told_holds_nobody() {
    let mut talk = Talk::german();
    talk.heard();
    assert_eq!(talk.silence(), LONGEST_PLAY);
    assert_eq!(talk.silence(), Duration::from_secs(10));
    assert_eq!(talk.prompts(), [Prompt::NoInput, Prompt::EnterMeetingId]);
}

#[test]
fn the_operators_greeting_takes_the_place_of_the_welcome() {
    let stem = Stem::parse("town-hall").unwrap();
    let mut talk = Talk::with(LobbyOptions {
        greeting: Some(stem),
        ..LobbyOptions::default()
    });
    assert_eq!(talk.prompts(), [Prompt::Own(stem), Prompt::ChooseLanguage]);
}

#[test]
fn no_debug_output_shows_a_pin() {
    let mut talk = Talk::german();
    talk.burst("12345678900987654321");
    let shown = format!("{:?} {:?}", talk.heard, LobbyInput::Digit('7'));
    assert!(
        !shown.contains(PIN) && shown.contains("•••") && !shown.contains('7') | shown.contains(ID),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn every_talk_ends(steps in proptest::collection::vec((0_u8..9, 0_u64..7_000, "[0-9*#A,]|[0-9*# a-z]{0,24}"), 0..200), menu in proptest::bool::ANY) {
        let mut talk = if menu { Talk::with(LobbyOptions::default()) } else { Talk::german() };
        for (kind, wait, key) in &steps {
            talk.now += Duration::from_millis(*wait);
            match kind {
                0 => talk.tell(LobbyInput::PlayEnded),
                1 => talk.tell(LobbyInput::Timeout),
                2 => talk.tell(LobbyInput::Verdict(Verdict::Wrong)),
                3 => talk.tell(LobbyInput::Start),
                4 => {
                    talk.lobby.handle_text(talk.now, key);
                    talk.tell(LobbyInput::Start);
                }
                _ => talk.tell(LobbyInput::Digit(key.chars().next().unwrap_or('1'))),
            }
        }
        let mut rounds = 0;
        while let Some(deadline) = talk.lobby.deadline() {
            talk.now = deadline;
            talk.tell(LobbyInput::Timeout);
            rounds += 1;
            prop_assert!(rounds < 20, "the lobby never gives up");
        }
        let ends = talk.heard.iter().filter(|output| matches!(output, HangUp(_) | LobbyOutput::Enter { .. })).count();
        prop_assert_eq!(ends, 1);
        let tries = talk.heard.iter().filter(|output| matches!(output, LobbyOutput::Check { pin: Some(_), .. })).count();
        prop_assert!(tries <= 3);
    }
}
