// SPDX-License-Identifier: EUPL-1.2
#![allow(clippy::unwrap_used)]

use super::{LONGEST, read, write};
use crate::frame::{Invitation, Locking, News, RoomState, WireAct, Word};
use crate::{
    Accessibility, Consent, Epoch, Fault, Fingerprint, Frame, Lamport, Pseudonym, Recording, Role, Sequence, Told,
};

fn frame() -> Frame {
    Frame {
        from: "th.example".parse().unwrap(),
        to: "sh.example".parse().unwrap(),
        room: "crisis-team".parse().unwrap(),
        epoch: Epoch(1_795_000_000_000),
        number: 7,
        toward: Some(Epoch(5)),
        heard: Sequence(3),
        again: true,
        time: Lamport(12),
        word: None,
        first: Sequence(4),
        news: vec![News::Anew],
    }
}

fn told() -> Told {
    Told {
        id: Pseudonym(0xabc),
        name: Some("Ada & <Bo> 'x' \"y\"\n\tz".to_owned()),
        role: Some(Role::Moderator),
        audio: Some(true),
        video: Some(false),
        hand: Some(Lamport(9)),
        speaking: Some(true),
        language: Some("de-DE".to_owned()),
        accessibility: Some(Accessibility {
            captions: true,
            ..Accessibility::default()
        }),
        consent: Some(Consent::Given(3)),
        stream: Some(u32::MAX),
    }
}

#[test]
fn what_is_written_is_read() {
    let id = Pseudonym(u128::MAX);
    let lock = Locking {
        home: Lamport(1),
        at: Lamport(2),
        locked: true,
    };
    let nobody = Told {
        name: None,
        role: None,
        audio: None,
        video: None,
        hand: None,
        speaking: None,
        language: None,
        accessibility: None,
        consent: None,
        stream: None,
        ..told()
    };
    let act = |act| News::Act { by: Some(id), act };
    let news = vec![
        News::Anew,
        News::Person(Box::new(told())),
        News::Person(Box::new(nobody)),
        News::Room(RoomState {
            recording: Some(Recording::Requested),
            sound: Some(Fingerprint(vec!["sha-256 AB:CD".to_owned(), "sha-384 EF".to_owned()])),
            lock: Some(lock),
        }),
        News::Room(RoomState::default()),
        News::Whole,
        News::Said {
            by: id,
            text: " <b>&amp;\r\n ü 🎉 ]]> ".to_owned(),
        },
        act(WireAct::Mute(id)),
        act(WireAct::LowerHand(id)),
        act(WireAct::Remove(id)),
        act(WireAct::Lock(lock)),
        News::Act {
            by: None,
            act: WireAct::End,
        },
        News::Denied {
            act: Sequence(8),
            why: Fault::NotPermitted,
        },
        News::Gone(id),
        News::Erase(id),
        News::Erased(id),
        News::Void,
    ];
    let invitation = Invitation {
        authority: "Thüringen".to_owned(),
        home: "th.example".parse().unwrap(),
        path: vec!["th.example".parse().unwrap(), "by.example".parse().unwrap()],
    };
    for word in [
        None,
        Some(Word::Invite(invitation)),
        Some(Word::Refuse(Fault::Loop)),
        Some(Word::Part),
        Some(Word::End),
    ] {
        let frame = Frame {
            word,
            news: news.clone(),
            ..frame()
        };
        assert_eq!(read(&write(&frame)), Ok(frame));
    }
}

#[test]
fn what_is_not_known_is_ignored_and_keeps_its_place() {
    let text = write(&frame())
        .replace(
            "<anew/>",
            "<anew colour='red'/><poll xmlns='urn:x'><q/></poll><wave/><act deed='dance'/><whole/>",
        )
        .replace("version='1.0'", "version='1.7' mood='calm'")
        .replace("<news", "<weather/><news");
    let read = read(&text).unwrap();
    assert_eq!(read.news, [News::Anew, News::Void, News::Void, News::Void, News::Whole]);
    assert_eq!(read.first, Sequence(4));
}

#[test]
fn another_version_is_refused_as_such() {
    let text = write(&frame());
    for other in [
        text.replace("version='1.0'", "version='2.0'"),
        text.replace("federation:1'", "federation:2'"),
    ] {
        assert_eq!(read(&other), Err(Fault::UnknownVersion));
    }
}

#[test]
fn fields_of_the_wrong_type_are_refused() {
    let text = write(&Frame {
        news: vec![News::Person(Box::new(told()))],
        ..frame()
    });
    for (right, wrong) in [
        ("number='7'", "number='-7'"),
        ("number='7'", "number='99999999999999999999999'"),
        ("number='7'", ""),
        ("epoch='", "epoch='x"),
        ("from='th.example'", "from='../etc'"),
        ("audio='true'", "audio='loud'"),
        ("stream='4294967295'", "stream='4294967296'"),
        ("id='", "id='zz"),
        ("<news", "<!--x--><news"),
        ("<news", "<news><news"),
        ("<frame", "<frames"),
    ] {
        assert!(text.contains(right), "{right}");
        assert_eq!(read(&text.replacen(right, wrong, 1)), Err(Fault::WrongType), "{wrong}");
    }
    assert_eq!(read(""), Err(Fault::WrongType));
    assert_eq!(read("<!DOCTYPE x [<!ENTITY a 'b'>]><frame/>"), Err(Fault::WrongType));
}

#[test]
fn limits_are_checked_before_anything_is_kept() {
    let said = |length| {
        write(&Frame {
            news: vec![News::Said {
                by: Pseudonym(1),
                text: "a".repeat(length),
            }],
            ..frame()
        })
    };
    assert!(read(&said(4096)).is_ok());
    assert_eq!(read(&said(4097)), Err(Fault::TooLong));
    assert_eq!(read(&said(LONGEST)), Err(Fault::TooLong));
    assert_eq!(read(&"<a>".repeat(20_000)), Err(Fault::TooLong));
    assert_eq!(read(&format!("<frame{}/>", " a='b'".repeat(100))), Err(Fault::TooLong));
    assert_eq!(
        read(&write(&frame()).replace("<anew/>", &"<v/>".repeat(1025))),
        Err(Fault::TooLong)
    );
    let long = Told {
        name: Some("n".repeat(257)),
        ..told()
    };
    let text = write(&Frame {
        news: vec![News::Person(Box::new(long))],
        ..frame()
    });
    assert_eq!(read(&text), Err(Fault::TooLong));
}
