// SPDX-License-Identifier: EUPL-1.2
//! What must hold for whatever a partner says: the fuzz targets and the property tests call this.

use std::time::{Duration, Instant};

use crate::{
    Accessibility, Charter, Consent, Deployment, Epoch, Frame, Input, Joint, Output, Person, PersonId, Role, Terms,
    wire,
};

/// Reads octets as frames, one a line, and plays them to a joint room as its partner's.
///
/// # Panics
///
/// If what was read is written as something else, if a frame of ours is too long or cannot be read, if it names a
/// person's identity, or if more people are let in than were agreed.
pub fn frames(now: Instant, octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let mut joint = room(now);
    let mut toward = None;
    for (at, line) in (0u32..).zip(text.lines()) {
        let Ok(frame) = wire::read(line) else { continue };
        check_written(&frame);
        let now = now + Duration::from_millis(u64::from(at) * 100);
        joint.handle(now, Input::Timeout);
        joint.handle(now, Input::Frame(partner(), addressed(frame, &joint, toward)));
        while let Some(output) = joint.poll() {
            if let Output::Send(_, frame) = output {
                toward = Some(frame.epoch);
                check_sent(&frame);
            }
        }
        let people: usize = joint.roster().values().map(Vec::len).sum();
        assert!(people <= 200, "{people} people");
    }
}

fn check_written(frame: &Frame) {
    let text = wire::write(frame);
    if text.len() <= wire::LONGEST {
        assert_eq!(wire::read(&text).as_ref(), Ok(frame), "{text}");
    }
}

fn check_sent(frame: &Frame) {
    let text = wire::write(frame);
    assert!(text.len() <= wire::LONGEST, "{} octets", text.len());
    assert_eq!(wire::read(&text).as_ref(), Ok(frame), "{text}");
    assert!(!text.contains("ada@"), "an identity leaves: {text}");
}

/// Gives a frame the addresses without which it would be refused at once, and mostly a life that exists.
fn addressed(frame: Frame, joint: &Joint, toward: Option<Epoch>) -> Frame {
    let charter = joint.charter();
    Frame {
        from: partner(),
        to: charter.us.clone(),
        room: charter.alias.clone(),
        toward: if frame.number.is_multiple_of(5) {
            frame.toward
        } else {
            toward
        },
        ..frame
    }
}

fn partner() -> Deployment {
    "sh.example".parse().expect("a plain name")
}

fn room(now: Instant) -> Joint {
    let us: Deployment = "th.example".parse().expect("a plain name");
    let mut joint = Joint::new(
        now,
        Charter {
            home: us.clone(),
            us,
            authority: "TH".to_owned(),
            alias: "crisis-team".parse().expect("a plain alias"),
            epoch: Epoch(1000),
            secret: [7; 32],
            seed: 7,
            away_after: Duration::from_secs(2),
            remove_after: Duration::from_secs(300),
            via: Vec::new(),
        },
    );
    let terms = Terms {
        invites: true,
        ..Terms::default()
    };
    joint.handle(now, Input::Partner(partner(), Box::new(terms)));
    let ada = Person {
        id: PersonId(1),
        name: "Ada".to_owned(),
        role: Role::Moderator,
        audio: true,
        video: false,
        hand: true,
        speaking: false,
        language: None,
        accessibility: Accessibility::default(),
        consent: Consent::Unknown,
        subject: Some("ada@home".to_owned()),
    };
    joint.handle(now, Input::Person(ada));
    joint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn seeds_that_went_bad_do_no_harm() {
        let seed = include_bytes!("../../fuzz/seeds/federation_frame/meeting");
        let mut dice = Random::new(1, "mutation");
        for _ in 0..300 {
            let mut octets = seed.to_vec();
            for _ in 0..=dice.next() % 4 {
                let [from, to] = [(); 2].map(|()| dice.next() as usize % octets.len());
                match dice.next() % 3 {
                    0 => octets[from] = b"<>/='0918 "[dice.next() as usize % 10],
                    1 => drop(octets.drain(from.min(to)..from.max(to).min(from.min(to) + 40))),
                    _ => {
                        let piece = octets[from.min(to)..from.max(to).min(from.min(to) + 200)].to_vec();
                        octets.splice(to..to, piece);
                    }
                }
            }
            frames(Instant::now(), &octets);
        }
    }

    #[test]
    fn an_evening_of_nonsense_does_no_harm() {
        let frame = |number: u32, rest: &str| {
            format!(
                "<frame xmlns='{}' version='1.0' from='a' to='b' room='c' epoch='5' number='{number}' heard='{number}' \
                 time='9' {rest}</frame>",
                wire::NS
            )
        };
        let lines = [
            frame(1, "><invite home='x'><via>th.example</via></invite>"),
            frame(
                2,
                "><news first='1'><anew/><person id='1' name='&#x202e;x'/><whole/></news>",
            ),
            frame(
                3,
                "again='1'><news first='4'><act deed='end'/><said by='1'>hi</said><erase id='1'/></news>",
            ),
            frame(4, "><news first='18446744073709551615'><anew/><void/></news>"),
            frame(5, "toward='9007199254740992'><end/>"),
            "\u{0}<".to_owned(),
        ];
        frames(Instant::now(), lines.join("\n").as_bytes());
    }
}
