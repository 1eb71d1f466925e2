// SPDX-License-Identifier: EUPL-1.2
//! What a room does with people of partners, told as short plays in virtual time.

use std::time::{Duration, Instant, SystemTime};

use crate::call::{Cause, Kind, LegId, Role};
use crate::room::{
    By, Chime, Denial, FarEntrant, Input, JointPartner, JointState, MediaOrder, Notice, Output, Papers, PartnerId,
    Person, Room, RoomConfig, RoomKey,
};

const MODERATOR: LegId = LegId(1);
const ALICE: LegId = LegId(2);
const FAR: LegId = LegId(11);
const FAR_TOO: LegId = LegId(12);

struct Play {
    room: Room,
    now: Instant,
    said: Vec<Output>,
}

impl Play {
    /// Begins with a moderator and Alice, in a room for two.
    fn new() -> Play {
        let now = Instant::now();
        let config = RoomConfig {
            key: RoomKey(1),
            id: "1234567890".to_owned(),
            name: "Demo".to_owned(),
            max_people: 2,
            waiting_room: false,
            linger: Duration::from_secs(30),
            longest_wait: Duration::from_secs(300),
            chime_up_to: 20,
            announce_chat: false,
            stand_ins: 2,
            started: SystemTime::UNIX_EPOCH,
        };
        let mut play = Play {
            room: Room::new(now, config),
            now,
            said: Vec::new(),
        };
        assert_eq!(play.join(MODERATOR, Role::Moderator, None), Ok(()));
        assert_eq!(play.join(ALICE, Role::Participant, None), Ok(()));
        play
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

    fn join(&mut self, person: LegId, role: Role, far: Option<FarEntrant>) -> Result<(), Denial> {
        self.act(Input::Join {
            person,
            name: format!("p{}", person.0),
            kind: if far.is_some() { Kind::Federated } else { Kind::Phone },
            role,
            attached: true,
            papers: Papers::None,
            far,
        })
    }

    fn join_far(&mut self, person: LegId) -> Result<(), Denial> {
        let far = FarEntrant {
            authority: "Schleswig-Holstein".into(),
            deployment: "sh.example".into(),
            is_moderator: true,
        };
        self.join(person, Role::Moderator, Some(far))
    }

    fn partners(&mut self, states: &[(&str, JointState)]) {
        let partners = states.iter().map(|(name, state)| JointPartner {
            deployment: (*name).into(),
            authority: name.to_uppercase().into(),
            state: *state,
            why: None,
        });
        assert_eq!(self.act(Input::Joint(partners.collect())), Ok(()));
    }

    fn told(&self, person: LegId) -> Vec<Notice> {
        let told = self.said.iter().filter_map(|output| match output {
            Output::Tell(to, notice) if *to == person => Some(*notice),
            _ => None,
        });
        told.collect()
    }

    fn person(&self, leg: LegId) -> Person {
        self.room
            .roster()
            .person(leg)
            .expect("the play brought this person in")
            .clone()
    }

    fn has_chimed(&self, chime: Chime) -> bool {
        self.said.contains(&Output::Media(MediaOrder::Chime(chime)))
    }
}

#[test]
fn a_far_person_passes_the_lock_the_waiting_room_and_the_limit_of_our_room() {
    let mut play = Play::new();
    let by = By::Operator;
    assert_eq!(play.act(Input::Lock { by, locked: true }), Ok(()));
    assert_eq!(play.act(Input::WaitingRoom { by, enabled: true }), Ok(()));
    assert_eq!(play.join_far(FAR), Ok(()));
    let shown = play.person(FAR);
    assert!(!shown.waiting && !shown.away);
    assert_eq!(shown.origin.as_deref(), Some("Schleswig-Holstein"));
    assert_eq!((shown.kind, shown.role), (Kind::Federated, Role::Moderator));
}

#[test]
fn far_people_take_none_of_our_places() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    let left = Input::Leave {
        person: ALICE,
        cause: Cause::Left,
    };
    assert_eq!(play.act(left), Ok(()));
    assert_eq!(play.join(ALICE, Role::Participant, None), Ok(()));
    let refused = Err(Denial::Refused(Cause::Full));
    assert_eq!(play.join(LegId(3), Role::Participant, None), refused);
}

#[test]
fn a_far_moderator_is_shown_as_one_and_moderates_nobody_here() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    let by = By::Person(FAR);
    for input in [
        Input::SetMuted {
            by,
            person: ALICE,
            muted: true,
        },
        Input::Remove { by, person: ALICE },
        Input::Lock { by, locked: true },
        Input::End { by },
    ] {
        assert_eq!(play.act(input), Err(Denial::NotModerator));
    }
}

#[test]
fn what_a_moderator_does_to_far_people_reaches_their_seats() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    let by = By::Person(MODERATOR);
    let mute = Input::SetMuted {
        by,
        person: FAR,
        muted: true,
    };
    assert_eq!(play.act(mute), Ok(()));
    assert_eq!(play.told(FAR), [Notice::Muted { by_moderator: true }]);
    assert_eq!(play.act(Input::RaiseHand { person: FAR }), Ok(()));
    assert_eq!(play.act(Input::LowerHand { by, person: FAR }), Ok(()));
    assert_eq!(play.told(FAR), [Notice::HandLowered { by_moderator: true }]);
    assert_eq!(play.act(Input::Remove { by, person: FAR }), Ok(()));
    assert_eq!(play.told(FAR), [Notice::Ended(Cause::Removed)]);
}

#[test]
fn away_people_are_marked_and_do_not_speak() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    assert_eq!(play.act(Input::Speaking(vec![FAR])), Ok(()));
    assert!(play.person(FAR).speaking);
    let away = |person, away| Input::Away { person, away };
    assert_eq!(play.act(away(FAR, true)), Ok(()));
    assert_eq!(play.act(Input::Speaking(vec![FAR])), Ok(()));
    assert!(play.person(FAR).away && !play.person(FAR).speaking);
    assert_eq!(play.act(away(FAR, false)), Ok(()));
    assert!(!play.person(FAR).away);
    assert_eq!(play.act(away(ALICE, true)), Err(Denial::NotOffered));
}

#[test]
fn hands_follow_the_order_of_the_whole_joint_session_and_none_goes_up_or_down_by_it() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    for person in [ALICE, FAR, MODERATOR] {
        assert_eq!(play.act(Input::RaiseHand { person }), Ok(()));
    }
    assert_eq!(play.act(Input::ArrangeHands(vec![FAR_TOO, FAR, ALICE])), Ok(()));
    let places = [FAR, ALICE, MODERATOR].map(|leg| play.person(leg).hand);
    assert_eq!(places, [Some(1), Some(2), Some(3)]);
    assert!(play.said.contains(&Output::Roster));
    assert_eq!(play.act(Input::ArrangeHands(vec![FAR, ALICE])), Ok(()));
    assert!(!play.said.contains(&Output::Roster), "nothing changed");
}

#[test]
fn chat_that_comes_late_is_no_flood_and_only_far_people_may_be_late() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    let late = |person| Input::SayUnpaced {
        person,
        text: "late".to_owned(),
    };
    for _ in 0..200 {
        assert_eq!(play.act(late(FAR)), Ok(()));
    }
    assert_eq!(play.act(late(ALICE)), Err(Denial::NotOffered));
    let now = Input::Say {
        person: ALICE,
        text: "now".to_owned(),
    };
    assert_eq!(play.act(now), Ok(()), "the late lines used up nobody's pace");
}

#[test]
fn a_partner_that_comes_with_many_people_sounds_one_tone() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    assert!(play.has_chimed(Chime::Joined));
    assert_eq!(play.join_far(FAR_TOO), Ok(()));
    assert!(!play.has_chimed(Chime::Joined));
    play.now += Duration::from_secs(10);
    let left = Input::Leave {
        person: FAR,
        cause: Cause::Left,
    };
    assert_eq!(play.act(left), Ok(()));
    assert!(play.has_chimed(Chime::Left));
}

#[test]
fn our_people_are_told_of_partners_and_far_people_are_not() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    let id = PartnerId(0);
    play.partners(&[("sh.example", JointState::Calling)]);
    assert_eq!(play.told(MODERATOR), [Notice::PartnerInvited(id)]);
    assert!(play.told(ALICE).is_empty(), "invitations are the moderators' affair");
    play.partners(&[("sh.example", JointState::Up)]);
    assert_eq!(play.told(ALICE), [Notice::PartnerJoined(id)]);
    assert!(play.told(FAR).is_empty());
    assert_eq!(play.act(Input::DeniedBy("sh.example".into())), Ok(()));
    assert_eq!(play.told(MODERATOR), [Notice::PartnerDenied(id)]);
    assert_eq!(play.act(Input::DeniedBy("x".into())), Err(Denial::NoSuchPerson));
    play.partners(&[]);
    assert_eq!(play.told(ALICE), [Notice::PartnerLeft(id)]);
}

#[test]
fn a_newcomer_learns_with_whom_the_room_is_shared() {
    let mut play = Play::new();
    play.partners(&[("a", JointState::Up), ("b", JointState::Away), ("c", JointState::Up)]);
    let left = Input::Leave {
        person: ALICE,
        cause: Cause::Left,
    };
    assert_eq!(play.act(left), Ok(()));
    assert_eq!(play.join(ALICE, Role::Participant, None), Ok(()));
    let joined = Notice::Joined {
        first: false,
        muted: false,
    };
    let [a, c] = [0, 2].map(|id| Notice::PartnerJoined(PartnerId(id)));
    assert_eq!(play.told(ALICE), [joined, a, c]);
}

#[test]
fn a_far_person_keeps_its_place_under_another_name() {
    let mut play = Play::new();
    assert_eq!(play.join_far(FAR), Ok(()));
    let introduce = |name: &str| Input::Introduce {
        person: FAR,
        name: name.to_owned(),
        is_moderator: false,
    };
    assert_eq!(play.act(introduce("Hauke")), Ok(()));
    let shown = play.person(FAR);
    assert_eq!((shown.name.as_str(), shown.role), ("Hauke", Role::Participant));
    assert_eq!(play.act(introduce("P2")), Ok(()));
    assert_eq!(play.person(FAR).name, "P2 (2)", "Alice is p2");
}
