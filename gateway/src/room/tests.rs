// SPDX-License-Identifier: EUPL-1.2
//! What a room does, told as short plays in virtual time.

use std::time::{Duration, Instant, SystemTime};

use crate::call::{Cause, Kind, LegId, Role};
use crate::room::{By, Chime, Denial, Input, MediaOrder, Notice, Output, Papers, Person, Room, RoomConfig, RoomKey};

const MODERATOR: LegId = LegId(1);
const ALICE: LegId = LegId(2);
const BOB: LegId = LegId(3);
const LINGER: Duration = Duration::from_secs(30);
const WAIT: Duration = Duration::from_secs(300);

struct Play {
    room: Room,
    now: Instant,
    said: Vec<Output>,
}

impl Play {
    fn new(waiting_room: bool) -> Play {
        let now = Instant::now();
        let config = RoomConfig {
            key: RoomKey(1),
            id: "1234567890".to_owned(),
            name: "Demo".to_owned(),
            max_people: 3,
            waiting_room,
            linger: LINGER,
            longest_wait: WAIT,
            chime_up_to: 20,
            announce_chat: false,
            stand_ins: 2,
            started: SystemTime::UNIX_EPOCH,
        };
        Play {
            room: Room::new(now, config),
            now,
            said: Vec::new(),
        }
    }

    fn act(&mut self, input: Input) -> Result<(), Denial> {
        self.room.handle(self.now, input);
        self.said = std::iter::from_fn(|| self.room.poll()).collect();
        let answer = self.said.iter().find_map(|output| match output {
            Output::Answer(answer) => Some(*answer),
            _ => None,
        });
        answer.unwrap_or(Ok(()))
    }

    fn join(&mut self, person: LegId, name: &str, role: Role) -> Result<(), Denial> {
        self.act(Input::Join {
            person,
            name: name.to_owned(),
            kind: Kind::Phone,
            role,
            attached: true,
            papers: Papers::None,
            far: None,
        })
    }

    fn told(&self, person: LegId) -> Vec<Notice> {
        let told = self.said.iter().filter_map(|output| match output {
            Output::Tell(to, notice) if *to == person => Some(*notice),
            _ => None,
        });
        told.collect()
    }

    fn orders(&self) -> Vec<MediaOrder> {
        let orders = self.said.iter().filter_map(|output| match output {
            Output::Media(order) => Some(*order),
            _ => None,
        });
        orders.collect()
    }

    fn person(&self, leg: LegId) -> Person {
        self.room
            .roster()
            .person(leg)
            .expect("the play brought this person in")
            .clone()
    }
}

fn by(leg: LegId) -> By {
    By::Person(leg)
}

fn with_alice_and_bob() -> Play {
    let mut play = Play::new(false);
    assert_eq!(play.join(MODERATOR, "Mo", Role::Moderator), Ok(()));
    assert_eq!(play.join(ALICE, "Alice", Role::Participant), Ok(()));
    assert_eq!(play.join(BOB, "Bob", Role::Participant), Ok(()));
    play
}

#[test]
fn the_first_person_is_told_so_and_hears_no_tone_and_the_second_is_announced() {
    let mut play = Play::new(false);
    play.join(ALICE, "Alice", Role::Participant).expect("the room is open");
    assert_eq!(
        play.told(ALICE),
        [Notice::Joined {
            first: true,
            muted: false
        }]
    );
    assert_eq!(play.orders(), [MediaOrder::Enter(ALICE)]);
    play.join(BOB, "Bob", Role::Participant).expect("the room is open");
    assert_eq!(
        play.told(BOB),
        [Notice::Joined {
            first: false,
            muted: false
        }]
    );
    assert_eq!(
        play.orders(),
        [MediaOrder::Chime(Chime::Joined), MediaOrder::Enter(BOB)]
    );
}

#[test]
fn whoever_a_moderator_muted_may_unmute_itself_but_nobody_else_may() {
    let mut play = with_alice_and_bob();
    assert_eq!(
        play.act(Input::SetMuted {
            by: by(MODERATOR),
            person: ALICE,
            muted: true
        }),
        Ok(())
    );
    assert_eq!(play.told(ALICE), [Notice::Muted { by_moderator: true }]);
    assert_eq!(play.orders(), [MediaOrder::Mute(ALICE, true)]);
    assert!(play.person(ALICE).muted_by_moderator);
    for other in [by(MODERATOR), By::Operator] {
        let unmute = Input::SetMuted {
            by: other,
            person: ALICE,
            muted: false,
        };
        assert_eq!(play.act(unmute), Err(Denial::MayNotUnmuteOthers));
    }
    assert_eq!(
        play.act(Input::SetMuted {
            by: by(ALICE),
            person: ALICE,
            muted: false
        }),
        Ok(())
    );
    assert_eq!(play.told(ALICE), [Notice::Unmuted]);
    assert_eq!(play.orders(), [MediaOrder::Mute(ALICE, false)]);
    assert!(!play.person(ALICE).muted && !play.person(ALICE).muted_by_moderator);
}

#[test]
fn hands_queue_by_time_and_survive_mute() {
    let mut play = with_alice_and_bob();
    for person in [BOB, ALICE, BOB] {
        play.act(Input::RaiseHand { person }).expect("everybody present may");
    }
    play.act(Input::SetMuted {
        by: by(MODERATOR),
        person: BOB,
        muted: true,
    })
    .expect("a moderator may");
    assert_eq!((play.person(BOB).hand, play.person(ALICE).hand), (Some(1), Some(2)));
    play.act(Input::LowerHand {
        by: by(MODERATOR),
        person: BOB,
    })
    .expect("a moderator may");
    assert_eq!(play.told(BOB), [Notice::HandLowered { by_moderator: true }]);
    assert_eq!((play.person(BOB).hand, play.person(ALICE).hand), (None, Some(1)));
    assert_eq!(
        play.act(Input::LowerHand {
            by: by(BOB),
            person: ALICE
        }),
        Err(Denial::NotModerator)
    );
    play.act(Input::LowerHand {
        by: by(ALICE),
        person: ALICE,
    })
    .expect("one's own hand");
    assert_eq!(play.told(ALICE), [Notice::HandLowered { by_moderator: false }]);
}

#[test]
fn participants_may_not_moderate() {
    let mut play = with_alice_and_bob();
    for input in [
        Input::SetMuted {
            by: by(ALICE),
            person: BOB,
            muted: true,
        },
        Input::Remove {
            by: by(ALICE),
            person: BOB,
        },
        Input::Lock {
            by: by(ALICE),
            locked: true,
        },
        Input::WaitingRoom {
            by: by(ALICE),
            enabled: true,
        },
        Input::Admit {
            by: by(ALICE),
            person: BOB,
        },
        Input::AdmitAll { by: by(ALICE) },
        Input::End { by: by(ALICE) },
    ] {
        assert_eq!(play.act(input), Err(Denial::NotModerator));
    }
}

#[test]
fn a_removed_person_is_silenced_before_it_is_told() {
    let mut play = with_alice_and_bob();
    play.act(Input::Remove {
        by: by(MODERATOR),
        person: BOB,
    })
    .expect("a moderator may");
    assert_eq!(play.told(BOB), [Notice::Ended(Cause::Removed)]);
    assert_eq!(play.orders(), [MediaOrder::Leave(BOB), MediaOrder::Chime(Chime::Left)]);
    assert_eq!(
        play.act(Input::Remove {
            by: by(MODERATOR),
            person: BOB
        }),
        Err(Denial::NoSuchPerson)
    );
}

#[test]
fn a_locked_room_takes_moderators_only() {
    let mut play = Play::new(false);
    play.join(MODERATOR, "Mo", Role::Moderator).expect("the room is open");
    play.act(Input::Lock {
        by: by(MODERATOR),
        locked: true,
    })
    .expect("a moderator may");
    assert_eq!(
        play.join(ALICE, "Alice", Role::Participant),
        Err(Denial::Refused(Cause::Locked))
    );
    assert_eq!(play.join(BOB, "Bob", Role::Moderator), Ok(()));
    play.act(Input::Lock {
        by: By::Operator,
        locked: false,
    })
    .expect("the operator may");
    assert_eq!(play.join(ALICE, "Alice", Role::Participant), Ok(()));
}

#[test]
fn participants_wait_for_a_moderator_and_are_neither_heard_nor_counted_meanwhile() {
    let mut play = Play::new(true);
    play.join(ALICE, "Alice", Role::Participant)
        .expect("there is room to wait");
    assert_eq!(play.told(ALICE), [Notice::Waiting]);
    assert_eq!(play.orders(), []);
    assert_eq!(play.act(Input::RaiseHand { person: ALICE }), Err(Denial::Waiting));
    play.act(Input::SetMuted {
        by: by(ALICE),
        person: ALICE,
        muted: true,
    })
    .expect("one's own microphone");
    play.join(MODERATOR, "Mo", Role::Moderator)
        .expect("moderators do not wait");
    assert_eq!(
        play.told(MODERATOR),
        [Notice::Joined {
            first: true,
            muted: false
        }]
    );
    play.act(Input::Admit {
        by: by(MODERATOR),
        person: ALICE,
    })
    .expect("a moderator may");
    assert_eq!(
        play.told(ALICE),
        [Notice::Admitted {
            first: false,
            muted: true
        }]
    );
    let orders = [
        MediaOrder::Chime(Chime::Joined),
        MediaOrder::Enter(ALICE),
        MediaOrder::Mute(ALICE, true),
    ];
    assert_eq!(play.orders(), orders);
}

#[test]
fn opening_the_waiting_room_lets_all_in_who_fit_and_a_declined_one_hears_so() {
    let mut play = Play::new(true);
    play.join(MODERATOR, "Mo", Role::Moderator)
        .expect("moderators do not wait");
    for (leg, name) in [(10, "A"), (11, "B"), (12, "C")] {
        play.join(LegId(leg), name, Role::Participant)
            .expect("there is room to wait");
    }
    play.act(Input::Remove {
        by: by(MODERATOR),
        person: LegId(10),
    })
    .expect("a moderator may");
    assert_eq!(play.told(LegId(10)), [Notice::Ended(Cause::Declined)]);
    play.join(LegId(13), "D", Role::Participant)
        .expect("there is room to wait");
    play.act(Input::WaitingRoom {
        by: by(MODERATOR),
        enabled: false,
    })
    .expect("a moderator may");
    assert_eq!(play.room.roster().present().count(), 3);
    assert!(play.person(LegId(13)).waiting);
    assert_eq!(
        play.act(Input::AdmitAll { by: by(MODERATOR) }),
        Err(Denial::Refused(Cause::Full))
    );
    assert_eq!(
        play.join(LegId(14), "E", Role::Participant),
        Err(Denial::Refused(Cause::Full))
    );
}

#[test]
fn the_end_is_told_to_all_and_nothing_follows() {
    let mut play = with_alice_and_bob();
    play.act(Input::End { by: by(MODERATOR) }).expect("a moderator may");
    for person in [MODERATOR, ALICE, BOB] {
        assert_eq!(play.told(person), [Notice::Ended(Cause::RoomEnded)]);
    }
    assert_eq!(play.said.last(), Some(&Output::Closed));
    assert_eq!(
        play.join(LegId(9), "Late", Role::Moderator),
        Err(Denial::Refused(Cause::RoomEnded))
    );
    assert_eq!(play.room.deadline(), None);
}

#[test]
fn an_empty_room_lingers_and_then_closes() {
    let mut play = Play::new(false);
    play.join(ALICE, "Alice", Role::Participant).expect("the room is open");
    assert_eq!(play.room.deadline(), None);
    play.act(Input::Leave {
        person: ALICE,
        cause: Cause::Left,
    })
    .expect("alice is in");
    assert_eq!(play.room.deadline(), Some(play.now + LINGER));
    play.act(Input::Timeout).expect("too early is no fault");
    assert_eq!(play.said, []);
    play.now += LINGER;
    play.act(Input::Timeout).expect("the hour has come");
    assert_eq!(play.said, [Output::Closed]);
}

#[test]
fn a_browser_is_entered_when_its_media_comes_and_again_after_it_broke() {
    let mut play = with_alice_and_bob();
    play.act(Input::Detached {
        person: BOB,
        failed: true,
    })
    .expect("bob is in");
    assert_eq!(play.orders(), [MediaOrder::Leave(BOB)]);
    assert_eq!(play.told(BOB), [Notice::MediaFailed]);
    play.act(Input::Speaking(vec![BOB, ALICE])).expect("no answer");
    assert!(!play.person(BOB).speaking && play.person(ALICE).speaking);
    play.act(Input::SetMuted {
        by: by(BOB),
        person: BOB,
        muted: true,
    })
    .expect("one's own microphone");
    assert_eq!(play.orders(), []);
    play.act(Input::Attached(BOB)).expect("bob is in");
    assert_eq!(play.orders(), [MediaOrder::Enter(BOB), MediaOrder::Mute(BOB, true)]);
}

#[test]
fn equal_names_are_told_apart_and_empty_ones_filled() {
    let mut play = Play::new(false);
    for leg in [1, 2] {
        play.join(LegId(leg), "Ada\u{202e}", Role::Participant)
            .expect("the room is open");
    }
    play.join(LegId(3), "\u{200b}", Role::Participant)
        .expect("the room is open");
    let names: Vec<_> = play
        .room
        .roster()
        .people
        .into_iter()
        .map(|person| person.name)
        .collect();
    assert_eq!(names, ["Ada", "Ada (2)", "Tel."]);
}

#[test]
fn nobody_waits_forever() {
    let mut play = Play::new(true);
    play.join(ALICE, "Alice", Role::Participant)
        .expect("there is room to wait");
    play.now += LINGER;
    play.join(BOB, "Bob", Role::Participant).expect("there is room to wait");
    assert_eq!(play.room.deadline(), Some(play.now - LINGER + WAIT));
    play.now += WAIT - LINGER;
    play.act(Input::Timeout).expect("no answer");
    assert_eq!(play.told(ALICE), [Notice::Ended(Cause::NoAnswer)]);
    assert_eq!(play.told(BOB), []);
    assert_eq!(play.room.deadline(), Some(play.now + LINGER));
}
