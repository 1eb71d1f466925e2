// SPDX-License-Identifier: EUPL-1.2
//! What is written reads back, whatever it is; and what is no frame is refused by name.

use landbridge_federation::frame::{Invitation, Locking, News, RoomState, WireAct, Word};
use landbridge_federation::{
    Accessibility, Consent, Epoch, Fault, Fingerprint, Frame, Lamport, Pseudonym, Recording, Role, Sequence, Told, wire,
};

use crate::dice::Dice;
use crate::house::deployment;

#[test]
fn every_frame_reads_back_as_it_was_written() {
    for seed in 0..20_000 {
        let frame = frame(&mut Dice::new(seed));
        let text = wire::write(&frame);
        assert_eq!(wire::read(&text).as_ref(), Ok(&frame), "seed {seed}: {text}");
    }
}

#[test]
fn a_text_that_was_changed_is_refused_or_read_and_never_a_panic() {
    for seed in 0..20_000 {
        let mut dice = Dice::new(seed);
        let mut text = wire::write(&frame(&mut dice)).into_bytes();
        for _ in 0..dice.between(1, 4) {
            let at = dice.below(text.len() as u64) as usize;
            match dice.below(3) {
                0 => text[at] = dice.next() as u8,
                1 => text.truncate(at.max(1)),
                _ => text.insert(at, *dice.pick(b"<>&'\"/= \0x9").unwrap()),
            }
        }
        let _ = wire::read(&String::from_utf8_lossy(&text));
    }
}

fn frame(dice: &mut Dice) -> Frame {
    let news: Vec<News> = (0..dice.below(6)).map(|_| news(dice)).collect();
    Frame {
        from: deployment(0),
        to: deployment(1),
        room: "joint".parse().unwrap(),
        epoch: Epoch(number(dice)),
        number: number(dice),
        toward: dice.percent(50).then(|| Epoch(number(dice))),
        heard: Sequence(number(dice)),
        again: dice.percent(50),
        time: Lamport(number(dice)),
        word: dice.percent(30).then(|| word(dice)),
        first: if news.is_empty() {
            Sequence(0)
        } else {
            Sequence(1 + number(dice))
        },
        news,
    }
}

/// Below 2^53, as the format has it.
fn number(dice: &mut Dice) -> u64 {
    dice.next() >> (11 + dice.below(50))
}

fn text(dice: &mut Dice) -> String {
    const PIECES: [&str; 12] = [
        "Ada",
        " ",
        "<",
        "&amp;",
        "'",
        "\"",
        "ü",
        "李",
        "\u{1f600}",
        "]]>",
        "\n",
        "--",
    ];
    let pieces: Vec<&str> = (0..dice.between(1, 8)).map(|_| *dice.pick(&PIECES).unwrap()).collect();
    format!("A{}B", pieces.concat())
}

fn id(dice: &mut Dice) -> Pseudonym {
    Pseudonym(u128::from(dice.next()) << 64 | u128::from(dice.next()))
}

fn fault(dice: &mut Dice) -> Fault {
    *dice.pick(&Fault::ALL).unwrap()
}

fn word(dice: &mut Dice) -> Word {
    match dice.below(4) {
        0 => Word::Invite(Invitation {
            authority: "Thüringen & <mehr>".to_owned(),
            home: deployment(0),
            path: vec![deployment(0), deployment(2)],
        }),
        1 => Word::Refuse(fault(dice)),
        2 => Word::Part,
        _ => Word::End,
    }
}

fn locking(dice: &mut Dice) -> Locking {
    Locking {
        home: Lamport(number(dice)),
        at: Lamport(number(dice)),
        locked: dice.percent(50),
    }
}

fn news(dice: &mut Dice) -> News {
    match dice.below(11) {
        0 => News::Anew,
        1 => News::Whole,
        2 | 3 => News::Person(Box::new(told(dice))),
        4 => News::Gone(id(dice)),
        5 => News::Room(RoomState {
            recording: dice.percent(50).then_some(Recording::Requested),
            sound: dice.percent(50).then(|| Fingerprint(vec!["sha-256 AB:CD".to_owned()])),
            lock: dice.percent(50).then(|| locking(dice)),
        }),
        6 => News::Said {
            by: id(dice),
            text: text(dice),
        },
        7 => News::Act {
            by: dice.percent(50).then(|| id(dice)),
            act: match dice.below(5) {
                0 => WireAct::Mute(id(dice)),
                1 => WireAct::LowerHand(id(dice)),
                2 => WireAct::Remove(id(dice)),
                3 => WireAct::Lock(locking(dice)),
                _ => WireAct::End,
            },
        },
        8 => News::Denied {
            act: Sequence(number(dice)),
            why: fault(dice),
        },
        9 => News::Erase(id(dice)),
        _ => News::Erased(id(dice)),
    }
}

fn told(dice: &mut Dice) -> Told {
    Told {
        id: id(dice),
        name: dice.percent(50).then(|| text(dice)),
        role: dice.percent(50).then_some(Role::Moderator),
        audio: dice.percent(50).then(|| dice.percent(50)),
        video: dice.percent(50).then(|| dice.percent(50)),
        hand: dice.percent(50).then(|| Lamport(number(dice))),
        speaking: dice.percent(50).then(|| dice.percent(50)),
        language: dice.percent(50).then(|| "de-DE".to_owned()),
        accessibility: dice.percent(50).then(|| Accessibility {
            captions: dice.percent(50),
            sign_language: dice.percent(50),
            real_time_text: dice.percent(50),
        }),
        consent: dice
            .percent(50)
            .then(|| crate::cast::consent(dice))
            .or(Some(Consent::Unknown)),
        stream: dice.percent(50).then(|| dice.next() as u32),
    }
}
