// SPDX-License-Identifier: EUPL-1.2
//! Random histories that no room may fail.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;

use crate::call::{Cause, Kind, LegId, Role};
use crate::room::chat::MAX_TEXT;
use crate::room::{
    By, FarEntrant, Input, InviteState, JointPartner, JointState, MediaOrder, Notice, Output, Papers, Room, RoomConfig,
    RoomKey,
};

const LINGER: Duration = Duration::from_secs(30);
const WAIT: Duration = Duration::from_secs(300);
const MAX_PEOPLE: usize = 4;

fn room(now: Instant, waiting_room: bool) -> Room {
    let config = RoomConfig {
        key: RoomKey(1),
        id: "1234567890".to_owned(),
        name: "Demo".to_owned(),
        max_people: MAX_PEOPLE,
        waiting_room,
        linger: LINGER,
        longest_wait: WAIT,
        chime_up_to: 3,
        announce_chat: false,
        stand_ins: 2,
        started: SystemTime::UNIX_EPOCH,
    };
    Room::new(now, config)
}

/// What the outside world believes after each output: the media plane and the legs keep no other record.
#[derive(Default)]
struct World {
    /// Who was told to be inside (true) or waiting (false).
    told: BTreeMap<LegId, bool>,
    /// Who was entered into the media room, and whether muted there.
    entered: BTreeMap<LegId, bool>,
    /// What each was told about its microphone and hand last.
    muted: BTreeMap<LegId, bool>,
    hands: BTreeSet<LegId>,
    /// Whom a partner sent in.
    far: BTreeSet<LegId>,
    /// Who wrote in the chat since the last look.
    lines: Vec<LegId>,
    closed: bool,
}

impl World {
    fn hear(&mut self, output: &Output) {
        assert!(
            !self.closed || matches!(output, Output::Answer(Err(_))),
            "{output:?} after the end"
        );
        match output {
            Output::Abroad(person, deed) => panic!("a room of the gateway's own wants {deed:?} for {person} elsewhere"),
            Output::Chat {
                from, text, readers, ..
            } => {
                let from = from.expect("nobody writes from elsewhere");
                assert!(readers.contains(&from), "{from} writes from outside");
                assert!(!text.trim().is_empty() && text.len() <= MAX_TEXT);
                let inside: Vec<LegId> = self
                    .told
                    .iter()
                    .filter(|(_, inside)| **inside)
                    .map(|(leg, _)| *leg)
                    .collect();
                assert_eq!(readers.to_vec(), inside, "those who read are not those who are inside");
                self.lines.push(from);
            }
            Output::Tell(person, Notice::Joined { muted, .. }) => {
                assert!(self.told.insert(*person, true).is_none());
                self.muted.insert(*person, *muted);
            }
            Output::Tell(person, Notice::Waiting) => {
                assert!(self.told.insert(*person, false).is_none());
                self.muted.insert(*person, false);
            }
            Output::Tell(person, Notice::Admitted { muted, .. }) => {
                assert_eq!(self.told.insert(*person, true), Some(false));
                self.muted.insert(*person, *muted);
            }
            Output::Tell(person, Notice::Ended(_)) => {
                assert!(self.told.remove(person).is_some());
                assert!(
                    !self.entered.contains_key(person),
                    "{person} is told to be out, but still heard"
                );
                self.muted.remove(person);
                self.hands.remove(person);
            }
            Output::Tell(person, Notice::Muted { .. }) => {
                assert_eq!(self.muted.insert(*person, true), Some(false))
            }
            Output::Tell(person, Notice::Unmuted) => {
                assert_eq!(self.muted.insert(*person, false), Some(true))
            }
            Output::Tell(person, Notice::HandRaised) => assert!(self.hands.insert(*person)),
            Output::Tell(person, Notice::HandLowered { .. }) => assert!(self.hands.remove(person)),
            Output::Tell(person, Notice::MediaFailed) => assert!(self.told.contains_key(person)),
            Output::Tell(person, Notice::Invitation { .. }) => assert_eq!(self.told.get(person), Some(&true)),
            Output::Tell(person, notice) if notice.partner().is_some() => {
                assert_eq!(
                    self.told.get(person),
                    Some(&true),
                    "{person} is told of partners outside"
                );
                assert!(!self.far.contains(person), "a far person is told of partners");
            }
            Output::Tell(_, notice) => panic!("a room of the gateway's own has no {notice:?}"),
            Output::Media(MediaOrder::Enter(leg)) => {
                assert!(self.entered.insert(*leg, false).is_none())
            }
            Output::Media(MediaOrder::Leave(leg)) => assert!(self.entered.remove(leg).is_some()),
            Output::Media(MediaOrder::Mute(leg, muted)) => {
                assert_eq!(self.entered.insert(*leg, *muted), Some(!muted));
            }
            Output::Media(MediaOrder::Chime(_)) | Output::Roster | Output::RosterAtOnce | Output::Answer(_) => {}
            Output::Closed => self.closed = true,
        }
    }

    fn compare(&self, room: &Room, attached: &BTreeSet<LegId>) {
        let roster = room.roster();
        let present: BTreeSet<_> = roster.present().map(|person| person.leg).collect();
        let waiting: BTreeSet<_> = roster.waiting().map(|person| person.leg).collect();
        assert!(present.is_disjoint(&waiting), "somebody is both inside and outside");
        let ours = roster.present().filter(|person| person.origin.is_none()).count();
        assert!(ours <= MAX_PEOPLE && waiting.len() <= MAX_PEOPLE);
        assert!(
            roster.waiting().all(|person| person.origin.is_none()),
            "a far person waits"
        );
        assert_eq!(
            roster.people.len(),
            present.len() + waiting.len(),
            "somebody is there twice"
        );
        let told: BTreeMap<_, _> = present
            .iter()
            .map(|leg| (*leg, true))
            .chain(waiting.iter().map(|leg| (*leg, false)))
            .collect();
        assert_eq!(self.told, told);

        let heard: BTreeMap<_, _> = roster
            .present()
            .filter(|person| attached.contains(&person.leg))
            .map(|person| (person.leg, person.muted))
            .collect();
        assert_eq!(self.entered, heard, "the media plane and the roster disagree");
        for person in &roster.people {
            assert_eq!(self.muted[&person.leg], person.muted);
            assert!(person.muted || !person.muted_by_moderator);
            assert_eq!(person.origin.is_some(), self.far.contains(&person.leg));
            assert!(!person.away || (person.origin.is_some() && !person.speaking));
            assert!(!person.speaking || (!person.muted && !person.waiting && attached.contains(&person.leg)));
            assert_eq!(person.hand.is_some(), self.hands.contains(&person.leg));
            assert!(
                person.hand.is_none() || present.contains(&person.leg),
                "a hand without a person"
            );
        }
        let places: BTreeSet<_> = roster.people.iter().filter_map(|person| person.hand).collect();
        assert_eq!(places, (1..=self.hands.len()).collect(), "the queue of hands has gaps");
        let names: BTreeSet<_> = roster
            .people
            .iter()
            .map(|person| person.name.to_ascii_lowercase())
            .collect();
        assert_eq!(names.len(), roster.people.len(), "two people share a name");
        let waits = roster.people.is_empty() || !waiting.is_empty();
        assert_eq!(room.deadline().is_some(), waits && !self.closed);
    }
}

fn person() -> impl Strategy<Value = LegId> {
    (1_u64..8).prop_map(LegId)
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![6 => person().prop_map(By::Person), 1 => Just(By::Operator)]
}

fn partner() -> impl Strategy<Value = JointPartner> {
    let state = prop_oneof![
        Just(JointState::Calling),
        Just(JointState::Up),
        Just(JointState::Away),
        Just(JointState::Parted),
        Just(JointState::Refused),
    ];
    ("[ab]", state).prop_map(|(name, state)| JointPartner {
        deployment: name.as_str().into(),
        authority: name.into(),
        state,
        why: None,
    })
}

/// Returns who asks for something that only moderators may do to others.
fn moderator_of(input: &Input) -> Option<LegId> {
    match input {
        Input::SetMuted {
            by: By::Person(by),
            person,
            ..
        }
        | Input::LowerHand {
            by: By::Person(by),
            person,
        } => (by != person).then_some(*by),
        Input::Remove { by: By::Person(by), .. }
        | Input::Lock { by: By::Person(by), .. }
        | Input::WaitingRoom { by: By::Person(by), .. }
        | Input::Admit { by: By::Person(by), .. }
        | Input::AdmitAll { by: By::Person(by) }
        | Input::End { by: By::Person(by) } => Some(*by),
        _ => None,
    }
}

fn input() -> impl Strategy<Value = Input> {
    let name = prop_oneof![
        Just("Ada".to_owned()),
        Just("ada".to_owned()),
        Just("\u{202e}".to_owned()),
        ".{0,80}"
    ];
    let kind = prop_oneof![Just(Kind::Phone), Just(Kind::Browser), Just(Kind::Xmpp)];
    let role = prop_oneof![3 => Just(Role::Participant), 2 => Just(Role::Moderator)];
    prop_oneof![
        8 => (person(), name, kind, role, any::<bool>())
            .prop_map(|(person, name, kind, role, attached)| Input::Join {
                person, name, kind, role, attached, papers: Papers::None, far: None
            }),
        4 => (person(), any::<bool>(), any::<bool>()).prop_map(|(person, attached, is_moderator)| Input::Join {
            person,
            name: "Ada".to_owned(),
            kind: Kind::Federated,
            role: Role::Moderator,
            attached,
            papers: Papers::None,
            far: Some(FarEntrant {
                authority: "Schleswig-Holstein".into(),
                deployment: "sh.example".into(),
                is_moderator,
            }),
        }),
        1 => (person(), any::<bool>()).prop_map(|(person, away)| Input::Away { person, away }),
        1 => (person(), any::<bool>()).prop_map(|(person, is_moderator)| Input::Introduce {
            person,
            name: "ada".to_owned(),
            is_moderator,
        }),
        1 => person().prop_map(|person| Input::SayUnpaced { person, text: "late".to_owned() }),
        1 => prop::collection::vec(person(), 0..8).prop_map(Input::ArrangeHands),
        1 => prop::collection::vec(partner(), 0..3).prop_map(Input::Joint),
        1 => Just(Input::DeniedBy("a".into())),
        2 => person().prop_map(|person| Input::Leave { person, cause: Cause::Left }),
        2 => person().prop_map(Input::Attached),
        1 => (person(), any::<bool>()).prop_map(|(person, failed)| Input::Detached { person, failed }),
        3 => (by(), person(), any::<bool>()).prop_map(|(by, person, muted)| Input::SetMuted { by, person, muted }),
        3 => (person(), any::<bool>())
            .prop_map(|(person, muted)| Input::SetMuted { by: By::Person(person), person, muted }),
        3 => person().prop_map(|person| Input::RaiseHand { person }),
        2 => (by(), person()).prop_map(|(by, person)| Input::LowerHand { by, person }),
        1 => (by(), person()).prop_map(|(by, person)| Input::Remove { by, person }),
        1 => (by(), any::<bool>()).prop_map(|(by, locked)| Input::Lock { by, locked }),
        1 => (by(), any::<bool>()).prop_map(|(by, enabled)| Input::WaitingRoom { by, enabled }),
        2 => (by(), person()).prop_map(|(by, person)| Input::Admit { by, person }),
        1 => by().prop_map(|by| Input::AdmitAll { by }),
        1 => person().prop_map(|person| Input::Invitation { person, number: 1, state: InviteState::Ringing }),
        1 => by().prop_map(|by| Input::End { by }),
        1 => Just(Input::Close(Cause::Draining)),
        3 => (person(), prop_oneof![Just("hello".to_owned()), Just("x".repeat(5000)), "\\PC{0,8}"])
            .prop_map(|(person, text)| Input::Say { person, text }),
        2 => prop::collection::vec(person(), 0..4).prop_map(Input::Speaking),
        1 => Just(Input::Timeout),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn roster_notices_and_media_orders_always_tell_the_same_story(
        waiting_room in any::<bool>(),
        history in prop::collection::vec((input(), 0_u64..40), 0..60),
    ) {
        let mut now = Instant::now();
        let mut room = room(now, waiting_room);
        let (mut world, mut attached) = (World::default(), BTreeSet::new());
        for (input, seconds) in history {
            now += Duration::from_secs(seconds);
            let expects_answer = !matches!(input, Input::Speaking(_) | Input::Timeout);
            room.handle(now, input.clone());
            if let Input::Join { person, far: Some(_), .. } = &input
                && !world.told.contains_key(person)
            {
                world.far.insert(*person);
            }
            let moderator = moderator_of(&input);
            let mut answers = Vec::new();
            while let Some(output) = room.poll() {
                if let Output::Answer(answer) = output {
                    answers.push(answer);
                }
                world.hear(&output);
            }
            prop_assert_eq!(answers.len(), usize::from(expects_answer));
            if moderator.is_some_and(|by| world.far.contains(&by)) {
                prop_assert!(answers.first().is_none_or(Result::is_err), "a far person moderates");
            }
            let wrote = match (&input, answers.first()) {
                (Input::Say { person, .. } | Input::SayUnpaced { person, .. }, Some(Ok(()))) => vec![*person],
                _ => Vec::new(),
            };
            prop_assert_eq!(std::mem::take(&mut world.lines), wrote, "a line is lost or invented");
            if answers.first() == Some(&Ok(())) {
                match input {
                    Input::Join { person, attached: true, .. } | Input::Attached(person) => {
                        attached.insert(person);
                    }
                    Input::Detached { person, .. } => {
                        attached.remove(&person);
                    }
                    _ => {}
                }
            }
            attached.retain(|leg| world.told.contains_key(leg));
            world.far.retain(|leg| world.told.contains_key(leg));
            world.compare(&room, &attached);
        }
    }
}
