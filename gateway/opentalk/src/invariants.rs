// SPDX-License-Identifier: EUPL-1.2
//! States what must hold for whatever a server says; a fuzz target and a property test call it.

use std::time::{Duration, Instant};

use crate::{Admission, Attendee, AttendeeOptions, Command, Event, Input, Name, Output, Place, StartError};

/// Most messages that may be sent at one time: a burst, and what an enormous pause has made up for.
const BURST: usize = 5;

/// Holds: an attendee survives any text, sends only JSON in printable ASCII as long as the caller writes nothing, asks
/// for no time that has passed, speaks no faster than its pace, and is silent after its end.
///
/// The first octet chooses the dialect. Each line after it is a text from the server, or with `!` before it something
/// else that happens.
pub fn attendee(start: Instant, bytes: &[u8]) {
    let Some((dialect, script)) = bytes.split_first() else {
        return;
    };
    let options = AttendeeOptions::new(Name::new("Zoë", "+4936112345"), u64::from(*dialect));
    let mut play = Play {
        attendee: Attendee::new(start, admission(*dialect), options),
        now: start,
        is_over: false,
    };
    play.drain();
    play.feed(Input::Opened);
    for line in String::from_utf8_lossy(script).lines() {
        match line.strip_prefix('!') {
            Some(other) => play.happens(other, *dialect),
            None => play.feed(Input::Text(line)),
        }
    }
}

fn admission(dialect: u8) -> Admission {
    match dialect % 2 {
        0 => Admission::Roomserver {
            address: "https://rooms.example/".to_owned(),
            token: "t".to_owned(),
        },
        _ => Admission::Legacy {
            controller: "https://controller.example".to_owned(),
            ticket: "t".to_owned(),
        },
    }
}

struct Play {
    attendee: Attendee,
    now: Instant,
    is_over: bool,
}

impl Play {
    fn happens(&mut self, what: &str, dialect: u8) {
        let (word, number) = what.split_at_checked(1).unwrap_or((what, ""));
        let number: u32 = number.trim().parse().unwrap_or(0);
        let command = match word {
            "h" => Command::RaiseHand,
            "l" => Command::LowerHand,
            "y" => Command::Consent(true),
            "n" => Command::Consent(false),
            "b" => Command::Switch(Place::Breakout(number)),
            "m" => Command::Switch(Place::Main),
            "c" => Command::NewCredentials,
            "q" => Command::Leave,
            "o" => return self.feed(Input::Opened),
            "x" => return self.feed(Input::Failed("broken")),
            "z" => {
                return self.feed(Input::Closed {
                    code: None,
                    reason: what,
                });
            }
            "s" => return self.feed(Input::Started(admission(dialect))),
            "f" => return self.feed(Input::StartFailed(StartError::Clock)),
            _ => return self.wait(Duration::from_millis(u64::from(number % 1_000_000))),
        };
        self.feed(Input::Command(command));
    }

    /// Lets time pass from deadline to deadline.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..100_000 {
            let Some(deadline) = self.attendee.deadline().filter(|deadline| *deadline <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(deadline);
            self.feed(Input::Timeout);
            let next = self.attendee.deadline();
            assert!(
                next.is_none_or(|next| next > self.now),
                "a deadline that has passed is asked for again"
            );
        }
        panic!("time does not pass");
    }

    fn feed(&mut self, input: Input<'_>) {
        self.attendee.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        let mut sent = 0;
        while let Some(output) = self.attendee.poll() {
            assert!(!self.is_over, "after its end: {output:?}");
            match output {
                Output::Send(text) => {
                    sent += 1;
                    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                    assert!(
                        is_plain && serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                        "{text}"
                    );
                }
                Output::Event(Event::Ended(_)) => self.is_over = true,
                Output::Event(_) | Output::Start | Output::Connect { .. } | Output::Close => {}
            }
        }
        assert!(sent <= BURST, "{sent} messages at once");
        assert!(
            !self.is_over || self.attendee.deadline().is_none(),
            "a deadline after the end"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAID: [&str; 12] = [
        r#"{"namespace":"core","payload":{"message":"joined_lobby","participant_id":"z","can_enter":true}}"#,
        r#"{"namespace":"core","payload":{"message":"in_waiting_room","participant_id":"z"}}"#,
        r#"{"namespace":"moderation","payload":{"message":"accepted"}}"#,
        r#"{"namespace":"core","timestamp":"2026-11-23T10:40:10Z","payload":{"message":"join_success","id":"z","closes_at":"2026-11-23T10:46:10Z","module_data":{"livekit":{}}}}"#,
        r#"{"namespace":"core","payload":{"message":"error","error":"display_name_required"}}"#,
        r#"{"namespace":"breakout","timestamp":"2026-11-23T10:40:10Z","payload":{"message":"started","rooms":[{"id":1}],"expires_at":"2026-11-23T10:42:10Z"}}"#,
        r#"{"namespace":"breakout","payload":{"message":"switched_room","new_room":{"kind":"breakout","id":1}}}"#,
        r#"{"namespace":"recording","payload":{"message":"recording_updated","status":"active"}}"#,
        r#"{"namespace":"moderation","payload":{"message":"sent_to_waiting_room"}}"#,
        r#"{"namespace":"error","payload":{"error":"slow_down"}}"#,
        r#"{"namespace":"core","payload":{"message":"closing","reason":"graceful_shutdown"}}"#,
        r#"{"namespace":"raise_hands","payload":{"message":"hand_raised","participant":"z"}}"#,
    ];

    proptest! {
        #[test]
        fn an_attendee_survives_any_play(dialect in 0u8..4, turns in prop::collection::vec((0usize..24, 0u32..400_000), 0..80)) {
            let mut script = vec![dialect];
            for (turn, number) in turns {
                let line = match turn {
                    said @ 0..12 => SAID[said].to_owned(),
                    other => format!("!{}{number}", ["h", "l", "y", "b", "m", "c", "o", "x", "s", "f", "t", "t"][other - 12]),
                };
                script.extend(line.bytes());
                script.push(b'\n');
            }
            attendee(Instant::now(), &script);
        }

        #[test]
        fn an_attendee_survives_any_octets(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            attendee(Instant::now(), &bytes);
        }
    }
}
