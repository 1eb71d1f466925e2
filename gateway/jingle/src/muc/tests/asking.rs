// SPDX-License-Identifier: EUPL-1.2
//! What clients ask a hosted chat, and what moderators may.

use super::*;

#[test]
fn moderators_kick_mute_and_ban_and_nobody_else_does() {
    let mut play = Play::new();
    let (id, _) = play.join(ALICE, "Alice");
    let (bob, _) = play.join(BOB, "Bob");
    let phone = Person::new(17, "Phone", PersonKind::Phone);
    play.roster(vec![phone.clone()]);
    let set = |item: &str| {
        stanza(&format!(
            "<iq from='{ALICE}' to='1@meet.example' type='set' id='k'><query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query></iq>"
        ))
    };
    assert_eq!(
        condition(&play.send(&set("<item nick='Bob' role='none'/>"))[0]),
        "forbidden"
    );
    let mut moderator = Person::new(1, "Alice", PersonKind::Xmpp);
    (moderator.moderator, moderator.occupant) = (true, Some(id));
    play.roster(vec![moderator, phone]);
    for (item, wish) in [
        ("<item nick='Bob' role='none'/>", Wish::Remove(Target::Occupant(bob))),
        ("<item nick='phone' role='visitor'/>", Wish::Silence(Target::Person(17))),
    ] {
        let _ = play.muc.handle(play.now, MucInput::Stanza(&set(item)));
        let out = play.out();
        assert!(
            matches!(&out[..], [MucOutput::Wish(who, what), MucOutput::Send(_)] if *who == id && *what == wish),
            "{out:?}"
        );
    }
    // A ban would hold here alone: the meeting itself bans.
    let ban = set("<item jid='bob@b.example' affiliation='outcast'/>");
    assert_eq!(condition(&play.send(&ban)[0]), "not-allowed");
    let _ = play.muc.handle(play.now, MucInput::Removed(bob, Removal::Banned));
    let sent = play.sent();
    assert_eq!(codes(to(&sent, BOB)[0]), ["301", "110"]);
    assert_eq!(condition(&play.send(&presence(BOB, "Bobby", JOIN))[0]), "forbidden");
    assert_eq!(
        condition(&play.send(&set("<item nick='Alice' affiliation='owner'/>"))[0]),
        "not-allowed"
    );
}

#[test]
fn a_group_call_finds_its_members_and_no_form() {
    let mut play = Play::new();
    play.join(ALICE, "Alice");
    play.roster(vec![Person::new(17, "Phone", PersonKind::Phone)]);
    let get = |from: &str, query: &str| {
        stanza(&format!(
            "<iq from='{from}' to='1@meet.example' type='get' id='g'>{query}</iq>"
        ))
    };
    let members = "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>";
    let sent = play.send(&get(ALICE, members));
    let query = sent[0].get_child("query", MUC_ADMIN).unwrap();
    let jids: Vec<_> = query.children().filter_map(|item| item.attr("jid")).collect();
    assert_eq!(jids, ["alice@a.example", "p-17@meet.example", "1@meet.example"]);
    assert_eq!(condition(&play.send(&get(BOB, members))[0]), "forbidden");
    let form = "<query xmlns='http://jabber.org/protocol/muc#owner'/>";
    assert_eq!(condition(&play.send(&get(ALICE, form))[0]), "forbidden");
    let out = play.says(
        ALICE,
        "<propose xmlns='urn:xmpp:call-message:1' id='c1' video='true' multi='true'>\
        <muji xmlns='urn:xmpp:jingle:muji:0' room='0815@conference.a.example'/></propose>",
    );
    assert!(
        matches!(&out[0], MucOutput::Invited(invitation) if invitation.room.as_str() == "0815@conference.a.example"
        && invitation.video && invitation.everybody && invitation.hosted),
        "{out:?}"
    );
}

#[test]
fn clients_check_whether_they_are_in() {
    let mut play = Play::new();
    let ping = |from: &str, nick: &str| {
        stanza(&format!(
            "<iq from='{from}' to='1@meet.example/{nick}' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
    };
    assert_eq!(condition(&play.send(&ping(ALICE, "Alice"))[0]), "not-acceptable");
    let domain = Domain::new("meet.example").unwrap();
    assert_eq!(
        condition(&stranger(&domain, &ping(ALICE, "Alice")).unwrap().into_element()),
        "not-acceptable"
    );
    assert!(stranger(&domain, &ping(ALICE, "landbridge")).is_none());
    play.join(ALICE, "Alice");
    assert_eq!(play.send(&ping(ALICE, "Alice"))[0].attr("type"), Some("result"));
    assert_eq!(condition(&play.send(&ping(ALICE, "Bob"))[0]), "service-unavailable");
    assert_eq!(
        play.muc.handle(play.now, MucInput::Stanza(&ping(ALICE, "landbridge"))),
        Taken::No
    );
    let lost = stanza(&format!(
        "<message from='{BOB}' to='1@meet.example' type='groupchat'><body>?</body></message>"
    ));
    assert_eq!(condition(&play.send(&lost)[0]), "not-acceptable");
}

#[test]
fn addresses_can_be_for_moderators_alone() {
    let mut play = Play::new();
    play.muc.options.open_addresses = false;
    let (id, sent) = play.join(ALICE, "Alice");
    let own = to(&sent, ALICE)
        .into_iter()
        .find(|sent| sent.attr("id") == Some("j"))
        .unwrap();
    assert_eq!(
        (codes(own), item(own).attr("jid")),
        (vec!["110".to_owned()], Some(ALICE))
    );
    let (_, sent) = play.join(BOB, "Bob");
    assert_eq!(item(to(&sent, ALICE)[0]).attr("jid"), None);
    let mut moderator = Person::new(1, "Alice", PersonKind::Xmpp);
    (moderator.moderator, moderator.occupant) = (true, Some(id));
    play.roster(vec![moderator]);
    let sent = play.send(&presence(BOB, "Bob", "<show>away</show>"));
    assert_eq!(item(to(&sent, ALICE)[0]).attr("jid"), Some(BOB));
}
