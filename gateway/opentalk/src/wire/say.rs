// SPDX-License-Identifier: EUPL-1.2
//! What we say.

use serde_json::{Value, json};

use crate::{Name, Place};

/// Longest text that is written to the chat, in characters.
const LONGEST_CHAT: usize = 4_000;

/// Joins, in the legacy signalling.
pub(crate) fn join(name: &Name) -> String {
    written("control", json!({"action": "join", "display_name": name.as_str()}))
}

/// Enters the room, or with `waiting` its waiting room; `namespace` is `core`, in the legacy signalling `control`.
pub(crate) fn enter(namespace: &str, waiting: bool, name: Option<&Name>) -> String {
    let action = if waiting { "enter_waiting_room" } else { "enter_room" };
    let payload = match name {
        Some(name) => json!({"action": action, "display_name": name.as_str()}),
        None => json!({"action": action}),
    };
    written(namespace, payload)
}

/// Raises or lowers the hand; `namespace` is `raise_hands`, in the legacy signalling `control`.
pub(crate) fn hand(namespace: &str, up: bool) -> String {
    written(
        namespace,
        json!({"action": if up { "raise_hand" } else { "lower_hand" }}),
    )
}

/// Agrees to be recorded, or not.
pub(crate) fn consent(consents: bool) -> String {
    written("recording", json!({"action": "set_consent", "consent": consents}))
}

/// Goes to a room.
pub(crate) fn switch(to: Place) -> String {
    let payload = match to {
        Place::Main => json!({"action": "switch_room", "kind": "main"}),
        Place::Breakout(id) => json!({"action": "switch_room", "kind": "breakout", "id": id}),
    };
    written("breakout", payload)
}

/// Asks for LiveKit credentials.
pub(crate) fn new_access_token() -> String {
    written("livekit", json!({"action": "create_new_access_token"}))
}

/// Writes to the chat of a room; `None` if nothing is left to write.
pub(crate) fn chat(text: &str, place: Place) -> Option<String> {
    let content = clean_chat(text);
    if content.trim().is_empty() {
        return None;
    }
    let payload = match place {
        Place::Main => json!({"action": "send_message", "scope": "global", "content": content}),
        Place::Breakout(id) => json!({"action": "send_message", "scope": "breakout", "target": id, "content": content}),
    };
    Some(written("chat", payload))
}

/// Cleans what is written in a chat: no control characters but line ends, and not too long.
pub(crate) fn clean_chat(text: &str) -> String {
    let fine = |c: &char| *c == '\n' || !c.is_control();
    text.chars().filter(fine).take(LONGEST_CHAT).collect()
}

fn written(namespace: &str, payload: Value) -> String {
    json!({"namespace": namespace, "payload": payload}).to_string()
}
