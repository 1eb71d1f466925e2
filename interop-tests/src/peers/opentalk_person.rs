// SPDX-License-Identifier: EUPL-1.2
//! People in an OpenTalk meeting, as the roomserver's signalling knows them: a moderator, a caller.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::peers::livekit_person::Door;
use crate::peers::puppet::Puppet;
use crate::peers::python;
use crate::peers::roomserver::{Meeting, OWNER, Roomserver};

/// How soon the server answers.
const SOON: Duration = Duration::from_secs(8);

/// Somebody at the signalling of a meeting.
pub struct OpentalkPerson {
    puppet: Puppet,
}

/// Where the sound of a meeting is, for one person.
pub struct Credentials {
    /// Address of the media server's signalling.
    pub url: String,
    /// The token that opens the room to this person.
    pub token: String,
    /// Its room there.
    pub room: String,
}

impl Credentials {
    /// Returns the way in.
    pub fn door(&self) -> Door<'_> {
        Door {
            url: &self.url,
            token: &self.token,
        }
    }
}

impl OpentalkPerson {
    /// Opens the meeting as its registered owner and moderator.
    pub fn moderator(scratch: &Path, roomserver: &Roomserver, meeting: &Meeting, seconds: u32) -> OpentalkPerson {
        let profile = &roomserver.parameters(meeting)["created_by"];
        let kind = json!({ "kind": "registered", "profile": profile });
        OpentalkPerson::join(
            scratch,
            "moderator",
            "-",
            &roomserver.door(meeting, "moderator", &kind),
            seconds,
        )
    }

    /// Records the meeting's main room.
    pub fn recorder(scratch: &Path, roomserver: &Roomserver, meeting: &Meeting, seconds: u32) -> OpentalkPerson {
        let kind = json!({ "kind": "recorder", "room": { "kind": "main" } });
        let door = roomserver.door(meeting, "user", &kind);
        OpentalkPerson::join(scratch, "recorder", "-", &door, seconds)
    }

    /// Comes in as a phone does, without a gateway.
    pub fn caller(
        scratch: &Path,
        roomserver: &Roomserver,
        meeting: &Meeting,
        name: &str,
        seconds: u32,
    ) -> OpentalkPerson {
        let kind = json!({ "kind": "call_in", "display_name": name });
        OpentalkPerson::join(
            scratch,
            "caller",
            name,
            &roomserver.door(meeting, "user", &kind),
            seconds,
        )
    }

    /// Waits until it is in the meeting, and returns the message that says so.
    pub fn until_in(&mut self) -> Value {
        self.until("core", "join_success", SOON)
    }

    /// Waits for a message, whenever it came, and returns its payload.
    pub fn until(&mut self, namespace: &str, message: &str, limit: Duration) -> Value {
        self.until_after(0, namespace, message, limit)
    }

    /// Waits for a message after a mark, and returns its payload.
    pub fn until_after(&mut self, mark: usize, namespace: &str, message: &str, limit: Duration) -> Value {
        let what = format!("{namespace} {message}");
        let line = self.puppet.until_after(mark, &what, limit, |line| {
            line["namespace"] == namespace && line["payload"]["message"] == message
        });
        line["payload"].clone()
    }

    /// Returns how much was told, to wait for later messages alone.
    pub fn mark(&self) -> usize {
        self.puppet.mark()
    }

    /// Tells whether a message came after a mark.
    pub fn was_told(&self, mark: usize, namespace: &str, message: &str) -> bool {
        let told = self.puppet.told();
        told.iter()
            .skip(mark)
            .any(|line| line["namespace"] == namespace && line["payload"]["message"] == message)
    }

    /// Sends a command.
    pub fn send(&self, namespace: &str, payload: &Value) {
        let line = json!({ "namespace": namespace, "payload": payload });
        self.puppet.step(&line.to_string());
    }

    /// Sends a moderator's command about one person, for example `kick`, `accept`, `send_to_waiting_room`.
    pub fn moderate(&self, action: &str, target: &str) {
        self.send("moderation", &json!({ "action": action, "target": target }));
    }

    /// Mutes somebody.
    pub fn mute(&self, id: &str) {
        self.send("moderation", &json!({ "action": "mute", "participants": [id] }));
    }

    /// Opens breakout rooms by name for some seconds, the first one for one person.
    pub fn open_breakout_rooms(&self, names: &[&str], seconds: u32, first: &str) {
        let rooms: Vec<Value> = names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                let assignments = if n == 0 { json!([first]) } else { json!([]) };
                json!({ "name": name, "assignments": assignments })
            })
            .collect();
        self.send(
            "breakout",
            &json!({ "action": "start", "rooms": rooms, "duration": seconds }),
        );
    }

    /// Goes to a breakout room, or back with `None`.
    pub fn switch(&self, room: Option<u32>) {
        let mut payload = json!({ "action": "switch_room", "kind": if room.is_some() { "breakout" } else { "main" } });
        if let Some(room) = room {
            payload["id"] = room.into();
        }
        self.send("breakout", &payload);
    }

    /// Waits for the next person to come in after a mark, and returns the person's id and name.
    pub fn until_joined(&mut self, mark: usize, limit: Duration) -> (String, String) {
        let payload = self.until_after(mark, "core", "participant_connected", limit);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&payload["peer_data"]["core"]["display_name"]);
        assert_ne!(payload["participant_id"], OWNER, "somebody else than the owner came");
        (text(&payload["participant_id"]), name)
    }

    /// Asks for a new way into the sound of the meeting.
    pub fn credentials(&mut self) -> Credentials {
        let mark = self.mark();
        self.send("livekit", &json!({ "action": "create_new_access_token" }));
        let payload = self.until_after(mark, "livekit", "credentials", SOON);
        let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
        Credentials {
            url: text("public_url"),
            token: text("token"),
            room: text("room"),
        }
    }

    /// Says as a recorder that it records, or no longer.
    pub fn records(&self, status: &str) {
        let command = json!({ "kind": "recording_updated", "status": status });
        self.send("recording", &json!({ "action": "service", "command": command }));
    }

    /// Leaves.
    pub fn leave(&mut self) {
        self.puppet.step("close");
        self.puppet.wait(Duration::from_secs(5));
    }

    /// Gives access to everything it was told.
    pub fn puppet(&mut self) -> &mut Puppet {
        &mut self.puppet
    }

    fn join(scratch: &Path, name: &str, display_name: &str, door: &str, seconds: u32) -> OpentalkPerson {
        let name = format!("{name}-{}", token_of(door));
        let (seconds_text, folder) = (
            seconds.to_string(),
            scratch.to_str().expect("the scratch path is UTF-8"),
        );
        let args = [folder, &name, door, display_name, &seconds_text];
        let limit = Duration::from_secs(u64::from(seconds) + 10);
        let process = python::start_as(scratch, &format!("opentalk-{name}"), "opentalk_person.py", limit, &args);
        OpentalkPerson {
            puppet: Puppet::new(scratch, &name, process),
        }
    }
}

/// Two people of one name have two logs.
fn token_of(door: &str) -> &str {
    let token = door.rsplit('/').next().unwrap_or_default();
    token.get(..8).unwrap_or(token)
}
