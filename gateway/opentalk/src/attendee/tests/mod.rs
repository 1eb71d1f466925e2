// SPDX-License-Identifier: EUPL-1.2
//! Alice moderates, Zoe telephones: plays in virtual time, with messages that a real roomserver sent or, for the legacy
//! signalling, that its published types describe.
#![allow(clippy::unwrap_used)]

/// What must not harm us.
mod hostile;
/// Into the room, through all doors.
mod joining;
/// The signalling of controllers up to 0.33.
mod legacy;
/// What moderators do.
mod moderation;
/// Lost connections.
mod outages;
/// Recording, chat, time limits, people.
mod room_life;
/// Breakout rooms.
mod rooms;

use serde_json::{Value, json};

use super::*;
use crate::{Credentials, Joined};

/// Zoe's participant id.
const ZOE: &str = "00000001-0000-4000-8000-000000000001";
/// Alice's participant id.
const ALICE: &str = "00000005-0000-4000-8000-000000000005";
/// What a 0.1.5 roomserver sent to a telephone that joined.
const JOIN_SUCCESS: &str = include_str!("../../../fixtures/join_success_0_1.json");
/// What it sent when breakout rooms opened.
const BREAKOUT_STARTED: &str = include_str!("../../../fixtures/breakout_started_0_1.json");

/// Zoe's attendee and a clock.
struct Play {
    attendee: Attendee,
    now: Instant,
}

impl Play {
    /// Begins with an admission; the attendee wants a socket.
    fn begin(admission: Admission) -> (Play, Vec<Output>) {
        let now = Instant::now();
        let options = AttendeeOptions::new(Name::new("", "+4936112345"), 7);
        let mut play = Play {
            attendee: Attendee::new(now, admission, options),
            now,
        };
        let outputs = play.drain();
        (play, outputs)
    }

    /// Begins with an open socket to a roomserver.
    fn connected() -> Play {
        let (mut play, _) = Play::begin(roomserver("first"));
        assert_eq!(play.gets(Input::Opened), []);
        play
    }

    /// Begins in the room, with what the real server sent.
    fn inside() -> Play {
        let mut play = Play::connected();
        play.joined();
        play
    }

    /// Lets the server say that Zoe is in, and returns what she is told.
    fn joined(&mut self) -> Joined {
        match self.gets(Input::Text(JOIN_SUCCESS)).remove(0) {
            Output::Event(Event::Joined(joined) | Event::Restored(joined)) => joined,
            other => panic!("not joined: {other:?}"),
        }
    }

    fn gets(&mut self, input: Input<'_>) -> Vec<Output> {
        self.attendee.handle(self.now, input);
        self.drain()
    }

    /// Lets the server speak.
    fn hears(&mut self, namespace: &str, payload: Value) -> Vec<Output> {
        let said = json!({"namespace": namespace, "timestamp": "2026-11-23T10:40:10Z", "payload": payload});
        self.gets(Input::Text(&said.to_string()))
    }

    /// Lets Zoe want something.
    fn wants(&mut self, command: Command) -> Vec<Output> {
        self.gets(Input::Command(command))
    }

    /// Lets time pass, and returns what happens meanwhile.
    fn waits(&mut self, time: Duration) -> Vec<Output> {
        let end = self.now + time;
        let mut outputs = Vec::new();
        while let Some(deadline) = self.attendee.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            outputs.extend(self.gets(Input::Timeout));
        }
        self.now = end;
        outputs
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.attendee.poll()).collect()
    }
}

fn roomserver(token: &str) -> Admission {
    Admission::Roomserver {
        address: "https://rooms.example/".into(),
        token: token.into(),
    }
}

/// Reads what is sent as namespace and payload.
fn said(output: &Output) -> (String, Value) {
    let Output::Send(text) = output else {
        panic!("says nothing: {output:?}")
    };
    let mut value: Value = serde_json::from_str(text).unwrap();
    (value["namespace"].as_str().unwrap().to_owned(), value["payload"].take())
}

/// Asserts that there is one output, a message.
#[track_caller]
fn says(outputs: &[Output], namespace: &str, payload: Value) {
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    assert_eq!(said(&outputs[0]), (namespace.to_owned(), payload));
}

/// Asserts that there is one output, an event.
#[track_caller]
fn tells(outputs: &[Output], event: Event) {
    assert_eq!(outputs, [Output::Event(event)]);
}

/// Asserts that it ends, with the socket closed.
#[track_caller]
fn ends(play: &mut Play, outputs: &[Output], ending: Ending) {
    assert_eq!(outputs, [Output::Close, Output::Event(Event::Ended(ending))]);
    assert_eq!(play.attendee.deadline(), None);
    assert_eq!(play.wants(Command::Leave), []);
    assert_eq!(play.waits(Duration::from_secs(1000)), []);
}

/// Writes a `join_success` of the roomserver.
fn join_success(change: impl FnOnce(&mut Value)) -> String {
    let mut message: Value = serde_json::from_str(JOIN_SUCCESS).unwrap();
    change(&mut message["payload"]);
    message.to_string()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
