// SPDX-License-Identifier: EUPL-1.2
//! A mirror in a foreign chat: our own host plays the foreign one, so that both ends are tried.

use std::collections::VecDeque;

use super::*;

/// A chat of another server, our mirror in it, and whoever else.
struct Two {
    foreign: Muc,
    mirror: Mirror,
    now: Instant,
    /// What reached clients of the foreign chat that are not ours.
    heard: Vec<Element>,
    /// What the mirror told.
    told: Vec<MirrorOutput>,
    /// What the foreign chat made of it.
    said: Vec<MucOutput>,
    /// Whether the foreign chat lets people in.
    open: bool,
}

const ROOM: &str = "room@conference.a.example";

impl Two {
    fn new() -> Two {
        let now = Instant::now();
        let foreign = Domain::new("conference.a.example").unwrap();
        let room = foreign.address("room", "").unwrap();
        let mut options = MucOptions::new(now, SystemTime::UNIX_EPOCH);
        options.bridge = false;
        let foreign = Muc::new(foreign, &room, 1, options);
        let options = MirrorOptions {
            room: ROOM.parse().unwrap(),
            password: None,
            node: "1".into(),
            nick: "Council".into(),
            language: Language::English,
            most_shown: 200,
        };
        Two {
            foreign,
            mirror: Mirror::new(Domain::new("meet.example").unwrap(), 2, options),
            now,
            heard: Vec::new(),
            told: Vec::new(),
            said: Vec::new(),
            open: true,
        }
    }

    fn run(&mut self) {
        let mut wire: VecDeque<Element> = VecDeque::new();
        for _ in 0..30_000 {
            while let Some(output) = self.mirror.poll() {
                match output {
                    MirrorOutput::Send(packet) => wire.push_back(packet.into_element()),
                    other => self.told.push(other),
                }
            }
            while let Some(output) = self.foreign.poll() {
                match output {
                    MucOutput::Send(packet) => wire.push_back(packet.into_element()),
                    MucOutput::Entering { occupant, .. } if self.open => {
                        let _ = self.foreign.handle(self.now, MucInput::Admitted(occupant));
                    }
                    MucOutput::Entering { occupant, .. } => {
                        let _ = self
                            .foreign
                            .handle(self.now, MucInput::Refused(occupant, Refusal::Busy));
                    }
                    MucOutput::Said { occupant, text } => {
                        let (text, apart) = (text.as_str(), false);
                        let _ = self.foreign.handle(self.now, MucInput::Shown { occupant, text, apart });
                    }
                    other => self.said.push(other),
                }
            }
            let Some(element) = wire.pop_front() else { return };
            match element.attr("to").unwrap() {
                to if to.starts_with("room@") => {
                    let _ = self.foreign.handle(self.now, MucInput::Stanza(&element));
                }
                to if to.ends_with("@meet.example/landbridge") => {
                    let taken = self.mirror.handle(self.now, MirrorInput::Stanza(&element));
                    assert_eq!(taken, Taken::Yes, "{element:?}");
                }
                _ => self.heard.push(element),
            }
        }
        panic!("it goes round in circles");
    }

    fn up(&mut self) {
        let _ = self.mirror.handle(self.now, MirrorInput::StreamUp);
        self.run();
    }

    fn roster(&mut self, names: &[&str]) {
        let people = names
            .iter()
            .zip(1..)
            .map(|(name, id)| Person::new(id, name, PersonKind::Phone));
        let view = View {
            title: String::new(),
            people: people.collect(),
        };
        let _ = self.mirror.handle(self.now, MirrorInput::Roster(&view));
        self.run();
    }

    fn alice(&mut self) {
        let join = stanza(&format!(
            "<presence from='{ALICE}' to='{ROOM}/Alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        ));
        let _ = self.foreign.handle(self.now, MucInput::Stanza(&join));
        self.run();
        self.heard.clear();
    }

    fn alice_says(&mut self, text: &str) {
        let message = stanza(&format!(
            "<message from='{ALICE}' to='{ROOM}' type='groupchat' id='m'><body>{text}</body></message>"
        ));
        let _ = self.foreign.handle(self.now, MucInput::Stanza(&message));
        self.run();
    }

    fn pass(&mut self) {
        let due = self.mirror.deadline().unwrap();
        self.now = due.max(self.now);
        let _ = self.mirror.handle(self.now, MirrorInput::Timeout);
        self.run();
    }

    fn heard(&mut self) -> Vec<(String, String)> {
        let messages = self
            .heard
            .drain(..)
            .filter(|element| element.has_child("body", COMPONENT));
        messages
            .map(|message| (message.attr("from").unwrap().to_owned(), text(&message)))
            .collect()
    }
}

#[test]
fn people_are_shown_in_the_foreign_chat_and_heard_both_ways_once() {
    let mut two = Two::new();
    two.up();
    assert!(two.mirror.is_in());
    two.alice();
    two.roster(&["Anna", "Alice", "\u{202e}Council"]);
    let places: Vec<_> = two
        .heard
        .drain(..)
        .map(|presence| presence.attr("from").unwrap().to_owned())
        .collect();
    assert_eq!(places.len(), 3);
    for nick in ["Anna", "Alice (2)", "Council (2)"] {
        assert!(places.contains(&format!("{ROOM}/{nick}")), "{places:?}");
    }
    let chat = |person, name| MirrorInput::Chat {
        person,
        name,
        text: "moin",
    };
    let _ = two.mirror.handle(two.now, chat(Some(1), "Anna"));
    let _ = two.mirror.handle(two.now, chat(Some(99), "Zoe"));
    two.run();
    assert_eq!(
        two.heard(),
        [
            (format!("{ROOM}/Anna"), "moin".into()),
            (format!("{ROOM}/Council"), "Zoe: moin".into())
        ]
    );
    assert!(two.told.is_empty());
    two.alice_says("hello");
    assert!(matches!(&two.told[..], [MirrorOutput::Said { name, text }] if name == "Alice" && text == "hello"));
    two.roster(&[]);
    assert_eq!(two.foreign.occupants(), 2);
}

#[test]
fn commands_of_those_whose_address_is_shown_are_wishes() {
    let mut two = Two::new();
    two.up();
    two.alice();
    two.alice_says("!melden");
    // Our own host does not pass commands on; another chat does.
    let message = stanza(&format!(
        "<message from='{ROOM}/Alice' to='1@meet.example/landbridge' type='groupchat'><body>!melden</body></message>"
    ));
    let _ = two.mirror.handle(two.now, MirrorInput::Stanza(&message));
    two.run();
    assert!(
        matches!(&two.told[..], [MirrorOutput::Wish(user, Wish::Hand(true))] if user.as_str() == "alice@a.example")
    );
}

#[test]
fn a_lost_stream_and_a_closed_door_are_waited_out() {
    let mut two = Two::new();
    two.open = false;
    two.up();
    two.roster(&["Anna"]);
    assert!(!two.mirror.is_in());
    let start = two.now;
    two.pass();
    assert_eq!(two.now - start, Duration::from_secs(5));
    two.open = true;
    two.pass();
    assert!(two.mirror.is_in());
    assert_eq!(two.foreign.occupants(), 2);
    // The foreign server forgets everybody; the next ping tells.
    let _ = two.foreign.handle(two.now, MucInput::Closed);
    while two.foreign.poll().is_some() {}
    two.pass();
    two.pass();
    assert_eq!(two.foreign.occupants(), 2);
    // Our own server restarts.
    two.up();
    assert_eq!(two.foreign.occupants(), 2);
}

#[test]
fn whoever_is_kicked_stays_away() {
    let mut two = Two::new();
    two.up();
    two.roster(&["Anna"]);
    let occupant = |two: &Two, jid: &str| two.foreign.occupant(&jid.parse().unwrap()).unwrap();
    let anna = occupant(&two, "p-1@meet.example/landbridge");
    let _ = two.foreign.handle(two.now, MucInput::Removed(anna, Removal::Kicked));
    two.run();
    assert!(matches!(&two.told[..], [MirrorOutput::Removed(1)]));
    two.roster(&["Anna", "Ben"]);
    assert_eq!(two.foreign.occupants(), 2);
    let gateway = occupant(&two, "1@meet.example/landbridge");
    let _ = two.foreign.handle(two.now, MucInput::Removed(gateway, Removal::Banned));
    two.run();
    assert!(matches!(two.told.last().unwrap(), MirrorOutput::Stopped("banned")));
    assert_eq!((two.foreign.occupants(), two.mirror.deadline()), (0, None));
}

#[test]
fn many_people_come_in_twenty_at_a_time() {
    let mut two = Two::new();
    two.up();
    let names: Vec<String> = (0..150).map(|count| format!("Phone {count}")).collect();
    two.roster(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(two.foreign.occupants(), 151);
    assert!(two.told.is_empty());
}

#[test]
fn strangers_cannot_speak_for_the_chat() {
    let mut two = Two::new();
    two.up();
    for from in ["room@conference.evil.example/Alice", "eve@e.example/x", ROOM] {
        let message = stanza(&format!(
            "<message from='{from}' to='1@meet.example/landbridge' type='groupchat'><body>x</body></message>"
        ));
        let _ = two.mirror.handle(two.now, MirrorInput::Stanza(&message));
    }
    two.run();
    assert!(two.told.is_empty());
}
