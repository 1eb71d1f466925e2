// SPDX-License-Identifier: EUPL-1.2
//! A hosted chat as scripts in virtual time.
#![allow(clippy::unwrap_used)]

mod asking;
mod hostile;
mod mirror;

use std::time::{Duration, Instant, SystemTime};

use minidom::Element;

use super::*;
use crate::own::Domain;
use crate::packet::COMPONENT;
use crate::view::{Person, PersonKind, View};

/// One room, `1@meet.example`, and a clock.
pub(super) struct Play {
    pub muc: Muc,
    pub now: Instant,
}

pub(super) fn stanza(text: &str) -> Element {
    text.replacen(' ', &format!(" xmlns='{COMPONENT}' "), 1)
        .parse()
        .unwrap()
}

pub(super) fn presence(from: &str, nick: &str, inner: &str) -> Element {
    stanza(&format!(
        "<presence from='{from}' to='1@meet.example/{nick}' id='j'>{inner}</presence>"
    ))
}

const JOIN: &str = "<x xmlns='http://jabber.org/protocol/muc'><password>4711</password></x>";

impl Play {
    fn new() -> Play {
        let now = Instant::now();
        let domain = Domain::new("meet.example").unwrap();
        let room = domain.address("1", "").unwrap();
        let mut options = MucOptions::new(now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_460_000));
        options.title = "Council".into();
        Play {
            muc: Muc::new(domain, &room, 7, options),
            now,
        }
    }

    fn out(&mut self) -> Vec<MucOutput> {
        std::iter::from_fn(|| self.muc.poll()).collect()
    }

    /// Gives a stanza in and returns what is sent: `to kind id: children` as XML.
    fn send(&mut self, element: &Element) -> Vec<Element> {
        let _ = self.muc.handle(self.now, MucInput::Stanza(element));
        self.sent()
    }

    fn sent(&mut self) -> Vec<Element> {
        let sent = |output| match output {
            MucOutput::Send(packet) => Some(packet.into_element()),
            _ => None,
        };
        self.out().into_iter().filter_map(sent).collect()
    }

    fn knock(&mut self, jid: &str, nick: &str) -> OccupantId {
        let _ = self.muc.handle(self.now, MucInput::Stanza(&presence(jid, nick, JOIN)));
        match self.out().as_slice() {
            [MucOutput::Entering { occupant, password, .. }] => {
                assert_eq!(password.as_deref(), Some("4711"));
                *occupant
            }
            other => panic!("{other:?}"),
        }
    }

    fn join(&mut self, jid: &str, nick: &str) -> (OccupantId, Vec<Element>) {
        let id = self.knock(jid, nick);
        let _ = self.muc.handle(self.now, MucInput::Admitted(id));
        (id, self.sent())
    }

    fn roster(&mut self, people: Vec<Person>) -> Vec<Element> {
        let view = View {
            title: "Council".into(),
            people,
        };
        let _ = self.muc.handle(self.now, MucInput::Roster(&view));
        self.sent()
    }

    /// Writes to everybody; the room shows all that it is told.
    fn says(&mut self, jid: &str, inner: &str) -> Vec<MucOutput> {
        let mut out = self.tries_to_say(jid, inner);
        let said = |output: &MucOutput| match output {
            MucOutput::Said { occupant, text } => Some((*occupant, text.clone())),
            _ => None,
        };
        for (occupant, text) in out.iter().filter_map(said).collect::<Vec<_>>() {
            let (text, apart) = (text.as_str(), false);
            let _ = self.muc.handle(self.now, MucInput::Shown { occupant, text, apart });
            out.extend(self.out());
        }
        out
    }

    fn tries_to_say(&mut self, jid: &str, inner: &str) -> Vec<MucOutput> {
        let message = stanza(&format!(
            "<message from='{jid}' to='1@meet.example' type='groupchat' id='m1'>{inner}</message>"
        ));
        let _ = self.muc.handle(self.now, MucInput::Stanza(&message));
        self.out()
    }
}

pub(super) fn to<'a>(sent: &'a [Element], jid: &str) -> Vec<&'a Element> {
    sent.iter().filter(|element| element.attr("to") == Some(jid)).collect()
}

pub(super) fn codes(element: &Element) -> Vec<String> {
    let x = element.get_child("x", MUC_USER).unwrap();
    let statuses = x.children().filter(|child| child.name() == "status");
    statuses.map(|status| status.attr("code").unwrap().to_owned()).collect()
}

pub(super) fn item(element: &Element) -> &Element {
    element
        .get_child("x", MUC_USER)
        .unwrap()
        .get_child("item", MUC_USER)
        .unwrap()
}

pub(super) fn condition(element: &Element) -> String {
    let error = element.get_child("error", COMPONENT).unwrap();
    error.children().next().unwrap().name().to_owned()
}

pub(super) fn text(element: &Element) -> String {
    element.get_child("body", COMPONENT).unwrap().text()
}

const ALICE: &str = "alice@a.example/dino";
const BOB: &str = "bob@b.example/gajim";

#[test]
fn a_newcomer_sees_everybody_itself_last_and_then_the_subject() {
    let mut play = Play::new();
    play.roster(vec![Person::new(17, "Phone …12", PersonKind::Phone)]);
    play.join(ALICE, "Alice");
    let (_, sent) = play.join(BOB, "Bob");
    let alices = to(&sent, ALICE);
    assert_eq!(alices.len(), 1);
    assert_eq!(alices[0].attr("from"), Some("1@meet.example/Bob"));
    assert_eq!(item(alices[0]).attr("jid"), Some(BOB));
    assert_eq!(item(alices[0]).attr("affiliation"), Some("member"));
    let bobs = to(&sent, BOB);
    let from: Vec<&str> = bobs.iter().filter_map(|element| element.attr("from")).collect();
    assert_eq!(
        from,
        [
            "1@meet.example/landbridge",
            "1@meet.example/Phone ...12",
            "1@meet.example/Alice",
            "1@meet.example/Bob",
            "1@meet.example"
        ]
    );
    assert_eq!(codes(bobs[3]), ["110", "100"]);
    assert_eq!(bobs[3].attr("id"), Some("j"));
    assert_eq!(bobs[4].get_child("subject", COMPONENT).unwrap().text(), "Council");
    assert_eq!(item(bobs[0]).attr("jid"), Some("1@meet.example/landbridge"));
    assert_eq!(item(bobs[1]).attr("jid"), Some("p-17@meet.example/landbridge"));
}

#[test]
fn nobody_learns_anything_before_being_admitted() {
    let mut play = Play::new();
    play.roster(vec![Person::new(17, "Phone", PersonKind::Phone)]);
    let id = play.knock(ALICE, "Alice");
    assert_eq!(play.says(ALICE, "<body>who is here?</body>").len(), 1);
    let _ = play.muc.handle(play.now, MucInput::Refused(id, Refusal::Password));
    let sent = play.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(condition(&sent[0]), "not-authorized");
    assert_eq!(sent[0].attr("from"), Some("1@meet.example/Alice"));
    assert!(play.muc.is_empty());
    // The nickname is free again.
    play.join(BOB, "alice");
}

#[test]
fn a_meeting_that_does_not_answer_is_waited_for_a_minute() {
    let mut play = Play::new();
    let id = play.knock(ALICE, "Alice");
    let due = play.muc.deadline().unwrap();
    assert_eq!(due, play.now + Duration::from_secs(60));
    let _ = play.muc.handle(due, MucInput::Timeout);
    let out = play.out();
    assert!(matches!(out.as_slice(), [MucOutput::Send(_), MucOutput::Left(left)] if *left == id));
    let _ = play.muc.handle(due, MucInput::Admitted(id));
    assert!(play.out().is_empty());
}

#[test]
fn a_nickname_belongs_to_one_user_whose_clients_share_it() {
    let mut play = Play::new();
    play.roster(vec![Person::new(17, "Carol", PersonKind::Phone)]);
    play.join(ALICE, "Alice");
    for taken in ["ALICE", "Carol", "landbridge"] {
        let sent = play.send(&presence(BOB, taken, JOIN));
        let wanted = if taken == "landbridge" {
            "not-acceptable"
        } else {
            "conflict"
        };
        assert_eq!(condition(&sent[0]), wanted, "{taken}");
    }
    // Alice's telephone joins beside her desktop, without asking the meeting again.
    let sent = play.send(&presence("alice@a.example/phone", "Alice", JOIN));
    assert!(to(&sent, ALICE).is_empty());
    assert_eq!(play.muc.occupants(), 1);
    let out = play.says("alice@a.example/phone", "<body>hello</body>");
    assert_eq!(
        out.iter().filter(|output| matches!(output, MucOutput::Send(_))).count(),
        2
    );
    // One of two leaves: she is still there.
    let sent = play.send(&stanza(
        "<presence from='alice@a.example/phone' to='1@meet.example/Alice' type='unavailable'/>",
    ));
    assert_eq!(codes(to(&sent, "alice@a.example/phone")[0]), ["110"]);
    assert_eq!(play.muc.occupants(), 1);
}

#[test]
fn a_nickname_is_kept() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    let change = stanza(&format!("<presence from='{ALICE}' to='1@meet.example/Anna' id='n'/>"));
    assert_eq!(condition(&play.send(&change)[0]), "not-acceptable");
    assert_eq!(
        condition(&play.send(&presence(ALICE, "Anna", JOIN))[0]),
        "not-acceptable"
    );
    play.muc.options.free_nicks = false;
    let (_, sent) = play.join("alice@b.example/x", "The chair");
    let own = sent.iter().find(|sent| sent.attr("id") == Some("j")).unwrap();
    assert_eq!(own.attr("from"), Some("1@meet.example/alice (2)"));
    assert!(codes(own).contains(&"210".to_owned()));
    // Another client of the same user is the same occupant, whatever it wants to be called.
    play.send(&presence("alice@b.example/y", "Somebody", JOIN));
    assert_eq!(play.muc.occupants(), 2);
}

#[test]
fn what_the_room_does_not_show_is_shown_to_nobody() {
    let mut play = Play::new();
    let (id, _) = play.join(ALICE, "Alice");
    play.join(BOB, "Bob");
    for denial in [Some(Denial::Unfit), None] {
        let out = play.tries_to_say(ALICE, "<body>x</body>");
        assert!(matches!(&out[..], [MucOutput::Said { .. }]));
        match denial {
            Some(denial) => {
                let _ = play.muc.handle(play.now, MucInput::Denied(id, denial));
            }
            None => {
                play.now = play.muc.deadline().unwrap();
                let _ = play.muc.handle(play.now, MucInput::Timeout);
            }
        }
        let sent = play.sent();
        assert_eq!(
            (sent.len(), sent[0].attr("to"), sent[0].attr("id")),
            (1, Some(ALICE), Some("m1"))
        );
    }
    assert_eq!(play.muc.deadline(), None);
    // What the same person writes elsewhere is shown, too; in a room that tells each apart, to its writer.
    for (apart, count) in [(false, 2), (true, 1)] {
        let _ = play.muc.handle(
            play.now,
            MucInput::Shown {
                occupant: id,
                text: "from the call",
                apart,
            },
        );
        assert_eq!(play.sent().len(), count);
    }
}

#[test]
fn whoever_is_suspended_reads_nothing_and_may_come_back() {
    let mut play = Play::new();
    let (id, _) = play.join(ALICE, "Alice");
    play.join(BOB, "Bob");
    let _ = play.muc.handle(play.now, MucInput::Suspended(id));
    let sent = play.sent();
    assert_eq!(
        (sent.len(), sent[0].attr("to"), sent[0].attr("type")),
        (1, Some(BOB), Some("unavailable"))
    );
    assert!(to(&play.roster(vec![Person::new(7, "Phone", PersonKind::Phone)]), ALICE).is_empty());
    assert!(
        play.says(ALICE, "<body>still here?</body>")
            .iter()
            .all(|output| !matches!(output, MucOutput::Said { .. }))
    );
    let _ = play.muc.handle(play.now, MucInput::Admitted(id));
    assert!(to(&play.sent(), ALICE).len() > 2);
}

#[test]
fn telephones_come_and_go_and_show_what_they_do() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    let mut phone = Person::new(17, "Alice", PersonKind::Phone);
    let sent = play.roster(vec![phone.clone()]);
    assert_eq!(sent[0].attr("from"), Some("1@meet.example/Alice (2)"));
    assert!(play.roster(vec![phone.clone()]).is_empty());
    phone.hand = true;
    phone.muted = true;
    let sent = play.roster(vec![phone.clone()]);
    assert_eq!(
        sent[0].get_child("status", COMPONENT).unwrap().text(),
        "✋ hand raised, muted"
    );
    let state = sent[0].get_child("state", STATE).unwrap();
    assert_eq!((state.attr("hand"), state.attr("kind")), (Some("true"), Some("phone")));
    phone.name = "Anna".into();
    let sent = play.roster(vec![phone]);
    assert_eq!(
        (item(&sent[0]).attr("nick"), sent[1].attr("from")),
        (Some("Anna"), Some("1@meet.example/Anna"))
    );
    let sent = play.roster(Vec::new());
    assert_eq!((sent.len(), sent[0].attr("type")), (1, Some("unavailable")));
}

#[test]
fn an_occupant_that_is_also_in_a_call_is_one_person_with_the_calls_state() {
    let mut play = Play::new();
    let (id, _) = play.join(ALICE, "Alice");
    let mut chat = Person::new(1, "Alice", PersonKind::Xmpp);
    (chat.talks, chat.muted, chat.occupant) = (false, true, Some(id));
    let mut call = Person::new(2, "Alice", PersonKind::Xmpp);
    (call.hand, call.occupant, call.moderator) = (true, Some(id), true);
    let sent = play.roster(vec![chat, call]);
    assert_eq!(sent.len(), 1);
    let state = sent[0].get_child("state", STATE).unwrap();
    let seen = (state.attr("talks"), state.attr("muted"), state.attr("hand"));
    assert_eq!(seen, (Some("true"), Some("false"), Some("true")));
    assert_eq!(item(&sent[0]).attr("role"), Some("moderator"));
    assert_eq!(codes(&sent[0]), ["110"]);
}

#[test]
fn chat_reaches_everybody_with_its_id_and_a_stable_one() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    play.join(BOB, "Bob");
    let out = play.says(
        ALICE,
        "<body>Grüße &amp; so</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='1@meet.example' id='forged'/>",
    );
    assert_eq!(out.len(), 3);
    assert!(matches!(out.first().unwrap(), MucOutput::Said { text, .. } if text == "Grüße & so"));
    let MucOutput::Send(packet) = &out[1] else { panic!() };
    let message = packet.clone().into_element();
    assert_eq!(
        (message.attr("id"), message.attr("from")),
        (Some("m1"), Some("1@meet.example/Alice"))
    );
    let ids: Vec<_> = message.children().filter(|child| child.name() == "stanza-id").collect();
    assert_eq!(ids.len(), 1);
    assert_ne!(ids[0].attr("id"), Some("forged"));
    assert!(message.has_child("origin-id", STANZA_ID));
}

#[test]
fn what_telephones_and_browsers_write_comes_from_their_nickname() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    play.roster(vec![Person::new(17, "Carol", PersonKind::Browser)]);
    let chat = |person, name| MucInput::Chat {
        to: None,
        person,
        name,
        text: "moin\0",
    };
    let _ = play.muc.handle(play.now, chat(Some(17), "Carol"));
    let _ = play.muc.handle(play.now, chat(None, ""));
    let sent = play.sent();
    assert_eq!(
        (sent[0].attr("from"), text(&sent[0])),
        (Some("1@meet.example/Carol"), "moin".into())
    );
    assert_eq!(sent[1].attr("from"), Some("1@meet.example"));
}

#[test]
fn history_is_what_was_written_since_one_came_as_much_as_asked_for() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    let history = |play: &mut Play, jid: &str, wanted: &str| -> Vec<String> {
        let x = format!("<x xmlns='http://jabber.org/protocol/muc'>{wanted}</x>");
        let nick = jid.split('@').next().unwrap();
        let _ = play.muc.handle(play.now, MucInput::Stanza(&presence(jid, nick, &x)));
        let mut out = play.out();
        if let Some(MucOutput::Entering { occupant, .. }) = out.first() {
            let _ = play.muc.handle(play.now, MucInput::Admitted(*occupant));
            out = play.out();
        }
        let sent = out.into_iter().filter_map(|output| match output {
            MucOutput::Send(packet) => Some(packet.into_element()),
            _ => None,
        });
        let delayed = sent.filter(|sent| sent.attr("to") == Some(jid) && sent.has_child("delay", DELAY));
        delayed.map(|message| text(&message)).collect()
    };
    play.now += Duration::from_secs(10);
    play.says(ALICE, "<body>before bob</body>");
    play.now += Duration::from_secs(1);
    assert!(history(&mut play, BOB, "").is_empty());
    for count in 0..60 {
        play.now += Duration::from_secs(1);
        play.says(ALICE, &format!("<body>line {count}</body>"));
    }
    // Whoever lost what it knew gets it again, and another client of the same user, too.
    assert_eq!(history(&mut play, BOB, "").len(), 50);
    assert_eq!(
        history(&mut play, "bob@b.example/phone", "<history maxstanzas='2'/>"),
        ["line 58", "line 59"]
    );
    assert!(history(&mut play, BOB, "<history maxchars='0'/>").is_empty());
    assert_eq!(history(&mut play, BOB, "<history seconds='3'/>").len(), 4);
    let since = moment::stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_460_070));
    assert_eq!(history(&mut play, BOB, &format!("<history since='{since}'/>")).len(), 2);
    let nonsense = "<history since='x' seconds='-1' maxstanzas='99999999999999999999'/>";
    assert_eq!(history(&mut play, BOB, nonsense).len(), 50);
    assert!(history(&mut play, "late@b.example/x", "").is_empty());
}

#[test]
fn commands_are_wishes_and_only_their_writer_reads_them() {
    let mut play = Play::new();
    let (id, _) = play.join(ALICE, "Alice");
    play.join(BOB, "Bob");
    for (typed, wish) in [("✋", Wish::Hand(true)), ("!stumm", Wish::Mute)] {
        let out = play.says(ALICE, &format!("<body>{typed}</body>"));
        assert!(matches!(&out[..], [MucOutput::Send(packet), MucOutput::Wish(who, what)]
            if packet.to().as_str() == ALICE && *who == id && *what == wish));
    }
    let out = play.says(ALICE, "<body>!help</body>");
    assert_eq!(out.len(), 2);
    let private = stanza(&format!(
        "<message from='{ALICE}' to='1@meet.example/landbridge' type='chat'><body>!laut</body>\
         <x xmlns='http://jabber.org/protocol/muc#user'/></message>"
    ));
    let _ = play.muc.handle(play.now, MucInput::Stanza(&private));
    assert!(matches!(&play.out()[..], [MucOutput::Wish(_, Wish::Unmute)]));
}

#[test]
fn private_messages_reach_people_who_can_read_them() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    play.join(BOB, "Bob");
    play.roster(vec![Person::new(17, "Phone", PersonKind::Phone)]);
    let private = |nick: &str| {
        stanza(&format!(
            "<message from='{ALICE}' to='1@meet.example/{nick}' type='chat' id='p'><body>psst</body></message>"
        ))
    };
    let sent = play.send(&private("Bob"));
    assert_eq!(
        (sent[0].attr("to"), sent[0].attr("from")),
        (Some(BOB), Some("1@meet.example/Alice"))
    );
    assert!(sent[0].has_child("x", MUC_USER));
    assert_eq!(condition(&play.send(&private("Phone"))[0]), "feature-not-implemented");
    assert_eq!(condition(&play.send(&private("Nobody"))[0]), "item-not-found");
    // Calls go past the chat: a resource may be a PIN.
    let propose = stanza(&format!(
        "<message from='{ALICE}' to='1@meet.example/4711'><propose xmlns='urn:xmpp:jingle-message:0' id='c'/></message>"
    ));
    assert_eq!(play.muc.handle(play.now, MucInput::Stanza(&propose)), Taken::No);
}

#[test]
fn a_room_that_ends_says_so_to_everybody() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    let _ = play.muc.handle(play.now, MucInput::Closed);
    let out = play.out();
    assert_eq!(out.len(), 2);
    assert!(play.muc.is_empty() && play.muc.clients.is_empty() && play.muc.nicks.is_empty());
}
