// SPDX-License-Identifier: EUPL-1.2
//! A hosted chat and those who wish it ill.

use std::time::Duration;

use minidom::Element;
use proptest::prelude::*;

use super::*;

#[test]
fn floods_hurt_their_sender_alone() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    play.join(BOB, "Bob");
    let said = |out: &[MucOutput]| {
        out.iter()
            .filter(|output| matches!(output, MucOutput::Said { .. }))
            .count()
    };
    let count: usize = (0..100).map(|_| said(&play.says(ALICE, "<body>x</body>"))).sum();
    assert_eq!(count, 10);
    let out = play.says(ALICE, "<body>x</body>");
    let MucOutput::Send(packet) = &out[0] else { panic!() };
    assert_eq!(condition(&packet.clone().into_element()), "resource-constraint");
    assert_eq!(said(&play.says(BOB, "<body>y</body>")), 1);
    let large = "z".repeat(5000);
    let out = play.says(BOB, &format!("<body>{large}</body>"));
    assert_eq!((out.len(), said(&out)), (1, 0));
    let changes = presence(ALICE, "Alice", "<show>away</show>");
    let sent: usize = (0..100).map(|_| play.send(&changes).len()).sum();
    assert_eq!(sent, 40);
    play.now += Duration::from_secs(11);
    assert_eq!(said(&play.says(ALICE, "<body>x</body>")), 1);
}

#[test]
fn a_room_has_room_for_two_hundred() {
    let mut play = Play::new();
    for count in 0..200 {
        play.knock(&format!("u{count}@a.example/x"), &format!("n{count}"));
    }
    let sent = play.send(&presence("one@a.example/x", "more", JOIN));
    assert_eq!(condition(&sent[0]), "service-unavailable");
    let mut play = Play::new();
    for count in 0..4 {
        play.knock(&format!("eve@a.example/{count}"), &format!("n{count}"));
    }
    let sent = play.send(&presence("eve@a.example/x", "more", JOIN));
    assert_eq!(condition(&sent[0]), "resource-constraint");
}

#[test]
fn what_a_client_says_about_itself_is_bounded_and_does_not_speak_for_the_room() {
    let mut play = Play::new();
    play.join(BOB, "Bob");
    let forged = "<x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x>\
         <state xmlns='urn:landbridge:room:0' hand='true'/>";
    let big = format!("<status>{}</status><show>away</show>", "x".repeat(20_000));
    play.join(ALICE, "Alice");
    let sent = play.send(&presence(ALICE, "Alice", forged));
    let bobs = to(&sent, BOB);
    assert_eq!(bobs[0].children().filter(|child| child.has_ns(MUC_USER)).count(), 1);
    assert_eq!(item(bobs[0]).attr("role"), Some("participant"));
    assert_eq!(bobs[0].get_child("state", STATE).unwrap().attr("hand"), Some("false"));
    let sent = play.send(&presence(ALICE, "Alice", &big));
    let bobs = to(&sent, BOB);
    assert!(!bobs[0].has_child("status", COMPONENT) && bobs[0].has_child("show", COMPONENT));
}

#[test]
fn a_nickname_with_tricks_is_given_without_them_and_with_a_word() {
    let mut play = Play::new();
    let (_, sent) = play.join(ALICE, "A\u{3164}lice  \u{2800}B");
    let own = sent.iter().find(|element| element.attr("id") == Some("j")).unwrap();
    assert_eq!(
        (own.attr("from"), codes(own)),
        (
            Some("1@meet.example/Alice B"),
            vec!["110".into(), "100".into(), "210".into()]
        )
    );
    let sent = play.send(&presence(BOB, "\u{2800}", JOIN));
    assert_eq!(condition(&sent[0]), "not-acceptable");
}

#[test]
fn whoever_cannot_be_reached_is_put_out() {
    let mut play = Play::new();
    let (id, _) = play.join(ALICE, "Alice");
    play.join(BOB, "Bob");
    let bounce = |condition: &str| {
        stanza(&format!(
            "<message from='{ALICE}' to='1@meet.example/Bob' type='error'><error type='wait'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        ))
    };
    assert!(play.send(&bounce("policy-violation")).is_empty());
    let _ = play
        .muc
        .handle(play.now, MucInput::Stanza(&bounce("remote-server-timeout")));
    let out = play.out();
    assert!(matches!(out.last().unwrap(), MucOutput::Left(left) if *left == id));
    assert_eq!(play.muc.occupants(), 1);
}

fn hostile() -> impl Strategy<Value = String> {
    let from = prop::sample::select(vec![
        ALICE,
        BOB,
        "a.example",
        "eve@e.example",
        "1@meet.example/x",
        "@@",
        "",
    ]);
    let place = prop::sample::select(vec![
        "1@meet.example",
        "1@meet.example/Alice",
        "1@meet.example/x",
        "2@meet.example",
        "meet.example",
        "//",
        "1@meet.example/landbridge",
    ]);
    let kind = prop::sample::select(vec![
        "",
        "get",
        "set",
        "result",
        "error",
        "unavailable",
        "groupchat",
        "chat",
        "subscribe",
        "probe",
    ]);
    let name = prop::sample::select(vec!["presence", "message", "iq", "x"]);
    let inner = prop::sample::select(vec![
        "",
        JOIN,
        "<body>x</body>",
        "<body/><subject>s</subject>",
        "<query xmlns='http://jabber.org/protocol/muc#admin'/>",
        "<query xmlns='http://jabber.org/protocol/muc#admin'><item/><item affiliation='member'/></query>",
        "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>",
        "<ping xmlns='urn:xmpp:ping'/>",
        "<error/>",
        "<propose xmlns='urn:xmpp:call-message:1'/>",
        "<a><b><c/></b></a>",
    ]);
    (name, from, place, kind, inner).prop_map(|(name, from, to, kind, inner)| {
        format!("<{name} from='{from}' to='{to}' type='{kind}' id='i'>{inner}</{name}>").replace("type=''", "")
    })
}

proptest! {
    #[test]
    fn no_stanza_does_harm(stanzas in prop::collection::vec(hostile(), 0..30)) {
        let mut play = Play::new();
        let (alice, _) = play.join(ALICE, "Alice");
        for text in stanzas {
            let element = stanza(&text);
            let _ = play.muc.handle(play.now, MucInput::Stanza(&element));
            for output in play.out() {
                if let MucOutput::Entering { occupant, .. } = &output {
                    let _ = play.muc.handle(play.now, MucInput::Admitted(*occupant));
                }
                if let MucOutput::Send(packet) = output {
                    prop_assert_eq!(packet.from().jid().domain().as_str(), "meet.example");
                    // Never an error in answer to an error.
                    prop_assert!(element.attr("type") != Some("error") || packet.stanza().attr("type") != Some("error"));
                }
            }
            let clients: usize = play.muc.occupants.values().map(|occupant| occupant.sessions.len()).sum();
            prop_assert_eq!(clients, play.muc.clients.len());
            prop_assert_eq!(play.muc.occupants.len() + play.muc.people.len(), play.muc.nicks.len());
        }
        let _ = alice;
    }

    #[test]
    fn every_name_can_be_shown(names in prop::collection::vec("\\PC{0,20}|[\u{0}-\u{300}\u{590}-\u{700}\u{2000}-\u{2100}\u{fff0}-\u{1f700}]{0,20}", 1..8)) {
        let mut play = Play::new();
        play.join(ALICE, "Alice");
        let people = names.iter().enumerate().map(|(id, name)| Person::new(id as u64, name, PersonKind::Phone)).collect();
        let sent = play.roster(people);
        prop_assert_eq!(sent.len(), names.len());
        let mut places: Vec<_> = sent.iter().map(|presence| presence.attr("from").unwrap().to_lowercase()).collect();
        places.sort();
        places.dedup();
        prop_assert_eq!(places.len(), names.len());
        for presence in &sent {
            let again: Element = String::from(presence).parse().unwrap();
            prop_assert_eq!(again.attr("from"), presence.attr("from"));
        }
    }
}
