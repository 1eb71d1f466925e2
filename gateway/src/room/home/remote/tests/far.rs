// SPDX-License-Identifier: EUPL-1.2
//! People of partners in a room elsewhere.

use super::*;
use crate::room::{FarEntrant, JointPartner, JointState, PartnerId};

const EVA: LegId = LegId(101);
const FRITZ: LegId = LegId(102);
const GRETE: LegId = LegId(103);

impl Play {
    fn comes(&mut self, person: LegId, name: &str) {
        let far = Some(FarEntrant {
            authority: "Schleswig-Holstein".into(),
            deployment: "sh.example".into(),
            is_moderator: false,
        });
        self.act(Input::Join {
            person,
            name: name.into(),
            kind: Kind::Federated,
            role: Role::Participant,
            attached: false,
            papers: Papers::None,
            far,
        })
        .unwrap();
        self.act(Input::Attached(person)).unwrap();
    }

    fn speak(&mut self, people: &[LegId]) {
        self.act(Input::Speaking(people.to_vec())).unwrap();
    }

    fn news(&mut self, person: LegId, event: Event) -> Vec<Notice> {
        let news = News::Conference(Box::new(event));
        self.act(Input::News { person, news }).unwrap();
        self.told(person)
    }

    fn gets_in(&mut self, person: LegId, id: &str) {
        let joined = Joined {
            id: id.into(),
            ..joined()
        };
        self.news(person, Event::Joined(joined));
        let news = News::Hall(HallNews::In { may_speak: true });
        self.act(Input::News { person, news }).unwrap();
    }

    fn attends(&self) -> Vec<LegId> {
        let attends = self.said.iter().filter_map(|output| match output {
            Output::Abroad(person, Deed::Attend(_)) => Some(*person),
            _ => None,
        });
        attends.collect()
    }

    fn leaves(&self) -> Vec<LegId> {
        let leaves = self.said.iter().filter_map(|output| match output {
            Output::Abroad(person, Deed::Leave) => Some(*person),
            _ => None,
        });
        leaves.collect()
    }

    fn entry(&self, person: LegId) -> Person {
        self.room.roster().person(person).unwrap().clone()
    }
}

fn browser(id: &str, name: &str, hand: bool) -> ConferencePerson {
    ConferencePerson {
        id: id.into(),
        name: name.into(),
        role: ConferenceRole::Moderator,
        kind: PersonKind::Registered,
        hand,
        place: Place::Main,
        connections: Vec::new(),
    }
}

fn telephone(id: &str) -> ConferencePerson {
    ConferencePerson {
        kind: PersonKind::Phone,
        role: ConferenceRole::Guest,
        ..browser(id, "+49***45", false)
    }
}

fn names(play: &Play) -> Vec<String> {
    play.room
        .roster()
        .people
        .iter()
        .map(|person| person.name.clone())
        .collect()
}

#[test]
fn a_far_person_is_listed_and_heard_by_phones_at_once_and_comes_to_the_conference_when_it_speaks() {
    let mut play = inside();
    play.comes(EVA, "Eva Größe");
    assert_eq!(play.said[0], Output::Media(MediaOrder::Enter(EVA)));
    assert_eq!(play.deeds(), []);
    let entry = play.entry(EVA);
    assert_eq!(entry.origin.as_deref(), Some("Schleswig-Holstein"));
    assert!(!entry.waiting && !entry.muted);
    play.speak(&[ADA, EVA]);
    let [Deed::Attend(Papers::Opentalk(papers))] = &play.deeds()[..] else {
        panic!("one stand-in comes");
    };
    assert_eq!(papers.name.as_str(), "Eva Groesse (Schleswig-Holstein)");
    assert_eq!(
        (papers.meeting.as_str(), papers.pin.as_str()),
        ("1234567890", "0987654321")
    );
    assert!(papers.admission.is_none());
    assert_eq!(play.microphone(), None, "the phones go on hearing it");
    assert!(play.entry(EVA).speaking && play.entry(ADA).speaking);
    let joined = Joined {
        id: "eva".into(),
        ..joined()
    };
    assert_eq!(play.news(EVA, Event::Joined(joined)), []);
    let floor = play.deeds().into_iter().find_map(|deed| match deed {
        Deed::EnterHall { floor, .. } => floor,
        _ => None,
    });
    assert_eq!(floor.unwrap().room, RoomKey(1));
    play.hears(Event::People(vec![telephone("eva"), browser("b", "Bea", false)]));
    assert_eq!(names(&play), ["Ada", "Eva Größe", "Bea"], "nobody is there twice");
}

#[test]
fn a_stand_in_leaves_after_a_quiet_while_and_its_person_stays() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    play.speak(&[EVA]);
    play.gets_in(EVA, "eva");
    play.speak(&[]);
    play.after(Duration::from_secs(299));
    assert_eq!(play.leaves(), []);
    play.after(Duration::from_secs(1));
    assert_eq!(play.leaves(), [EVA]);
    assert!(!play.entry(EVA).waiting);
    assert!(play.room.deadline().is_none(), "nothing more is due");
}

#[test]
fn where_there_is_not_room_for_all_the_latest_speaker_wins() {
    let mut play = inside();
    for (person, name) in [(EVA, "Eva"), (FRITZ, "Fritz"), (GRETE, "Grete")] {
        play.comes(person, name);
    }
    play.speak(&[EVA]);
    play.after(Duration::from_secs(1));
    play.speak(&[FRITZ]);
    play.after(Duration::from_secs(1));
    play.speak(&[GRETE, FRITZ]);
    assert_eq!(play.attends(), [], "Eva spoke a moment ago");
    play.after(Duration::from_secs(1));
    assert_eq!((play.leaves(), play.attends()), (vec![EVA], vec![GRETE]));
    play.speak(&[GRETE, FRITZ, EVA]);
    assert_eq!(play.attends(), [], "nobody who speaks is interrupted");
}

#[test]
fn what_the_conferences_moderators_do_to_a_stand_in_reaches_its_person() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    let hand = Input::RaiseHand { person: EVA };
    play.act(hand).unwrap();
    assert_eq!((play.told(EVA), play.attends()), (vec![Notice::HandRaised], vec![EVA]));
    let joined = Joined {
        id: "eva".into(),
        ..joined()
    };
    assert_eq!(play.news(EVA, Event::Joined(joined)), []);
    assert!(play.deeds().contains(&Deed::Say(Command::RaiseHand)));
    assert_eq!(play.news(EVA, Event::HandRaised), []);
    assert_eq!(play.entry(EVA).hand, Some(1));
    let lowered = Notice::HandLowered { by_moderator: true };
    assert_eq!(play.news(EVA, Event::HandLowered { by_moderator: true }), [lowered]);
    assert_eq!(play.entry(EVA).hand, None);
    let muted = Notice::Muted { by_moderator: true };
    assert_eq!(play.news(EVA, Event::MutedByModerator), [muted]);
    assert_eq!(play.microphone(), Some(false), "for our phones, too");
    assert!(play.entry(EVA).muted_by_moderator);
    let unmute = Input::SetMuted {
        by: By::Person(EVA),
        person: EVA,
        muted: false,
    };
    play.act(unmute).unwrap();
    assert_eq!((play.told(EVA), play.microphone()), (vec![Notice::Unmuted], Some(true)));
    let sent = Notice::SentToWaitingRoom;
    assert_eq!(play.news(EVA, Event::SentToWaitingRoom), [sent]);
    assert_eq!(play.microphone(), Some(false));
    assert!(play.entry(EVA).waiting);
    let removed = Notice::Ended(Cause::Removed);
    assert_eq!(play.news(EVA, Event::Ended(Ending::Kicked)), [removed]);
    assert!(play.said.contains(&Output::Media(MediaOrder::Leave(EVA))));
    assert!(play.room.roster().person(EVA).is_none());
}

#[test]
fn a_restriction_mutes_a_far_person_and_is_not_undone_by_a_stand_in_that_goes() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    play.speak(&[EVA]);
    play.gets_in(EVA, "eva");
    let restricted = Event::MicrophoneRestricted(true);
    assert_eq!(play.news(EVA, restricted), [Notice::Muted { by_moderator: true }]);
    assert_eq!(play.microphone(), Some(false));
    play.speak(&[]);
    play.after(Duration::from_secs(300));
    assert_eq!((play.leaves(), play.microphone()), (vec![EVA], None));
    assert!(play.entry(EVA).muted);
}

#[test]
fn a_hand_that_goes_down_on_the_way_is_taken_down_again_when_it_came_up() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    play.act(Input::RaiseHand { person: EVA }).unwrap();
    play.gets_in(EVA, "eva");
    let by = By::Person(EVA);
    play.act(Input::LowerHand { by, person: EVA }).unwrap();
    assert_eq!(play.told(EVA), [Notice::HandLowered { by_moderator: false }]);
    assert_eq!(play.news(EVA, Event::HandRaised), []);
    assert_eq!(play.deeds(), [Deed::Say(Command::LowerHand)]);
}

#[test]
fn without_a_phone_one_stand_in_stays_to_listen() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    play.comes(FRITZ, "Fritz");
    play.act(Input::Leave {
        person: ADA,
        cause: Cause::Left,
    })
    .unwrap();
    let listens = play.attends();
    assert_eq!(listens.len(), 1, "by the way that the phone came");
    play.gets_in(listens[0], "far");
    play.after(Duration::from_secs(3600));
    assert_eq!(play.leaves(), []);
    let news = News::Conference(Box::new(Event::People(vec![browser("b", "Bea", true)])));
    let person = listens[0];
    play.act(Input::News { person, news }).unwrap();
    assert_eq!(names(&play), ["Eva", "Fritz", "Bea"]);
}

#[test]
fn a_full_meeting_is_tried_again_later_and_its_person_is_heard_by_phones_all_the_same() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    play.speak(&[EVA]);
    assert_eq!(play.news(EVA, Event::Ended(Ending::RoomFull)), []);
    assert_eq!(play.attends(), []);
    play.after(Duration::from_secs(14));
    assert_eq!(play.attends(), []);
    play.after(Duration::from_secs(1));
    assert_eq!(play.attends(), [EVA]);
    play.news(EVA, Event::Ended(Ending::RoomFull));
    play.after(Duration::from_secs(29));
    assert_eq!(play.attends(), []);
    play.after(Duration::from_secs(1));
    assert_eq!(play.attends(), [EVA]);
}

#[test]
fn what_a_far_person_writes_is_read_here_at_once_and_elsewhere_once() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    let (person, text) = (EVA, "Moin".to_owned());
    play.act(Input::Say { person, text }).unwrap();
    assert_eq!(play.told(ADA), [Notice::ChatMessage]);
    let is_line = |output: &&Output| matches!(output, Output::Chat { from: Some(EVA), .. });
    assert_eq!(play.said.iter().filter(is_line).count(), 1);
    assert_eq!(play.attends(), [EVA]);
    let joined = Joined {
        id: "eva".into(),
        ..joined()
    };
    play.news(EVA, Event::Joined(joined));
    assert!(play.deeds().contains(&Deed::Say(Command::Chat("Moin".into()))));
    let line = |by: &str| Event::Chat {
        by: by.into(),
        from: "x".into(),
        text: "Moin".into(),
    };
    let is_chat = |output: &&Output| matches!(output, Output::Chat { .. });
    play.hears(line("eva"));
    assert_eq!(play.said.iter().filter(is_chat).count(), 0, "her own line came back");
    play.hears(Event::People(vec![browser("b", "Bea", false)]));
    let bea = play
        .room
        .roster()
        .people
        .iter()
        .find(|person| person.name == "Bea")
        .unwrap()
        .leg;
    play.hears(line("b"));
    let reported = play.said.iter().find(is_chat).unwrap();
    assert!(matches!(reported, Output::Chat { from, readers, .. } if *from == Some(bea) && readers.is_empty()));
    play.news(EVA, line("b"));
    assert_eq!(play.said.iter().filter(is_chat).count(), 0, "one guest reports for all");
}

#[test]
fn hands_of_all_stand_in_one_queue_that_the_joint_session_arranges() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    play.hears(Event::HandRaised);
    play.hears(Event::People(vec![browser("b", "Bea", true)]));
    play.act(Input::RaiseHand { person: EVA }).unwrap();
    let bea = play
        .room
        .roster()
        .people
        .iter()
        .find(|person| person.name == "Bea")
        .unwrap()
        .leg;
    let queue = |play: &Play| [ADA, bea, EVA].map(|person| play.entry(person).hand.unwrap());
    assert_eq!(queue(&play), [1, 2, 3]);
    play.act(Input::ArrangeHands(vec![EVA, bea])).unwrap();
    assert_eq!(queue(&play), [3, 2, 1]);
}

#[test]
fn our_phones_are_told_of_partners_and_newcomers_too() {
    let mut play = inside();
    let partner = JointPartner {
        deployment: "sh.example".into(),
        authority: "Schleswig-Holstein".into(),
        state: JointState::Up,
        why: None,
    };
    play.act(Input::Joint(vec![partner])).unwrap();
    assert_eq!(play.told(ADA), [Notice::PartnerJoined(PartnerId(0))]);
    assert!(play.said.contains(&Output::RosterAtOnce));
    play.join(BOB, opentalk_papers()).unwrap();
    let said = play.news(BOB, Event::Joined(joined()));
    assert!(said.contains(&Notice::PartnerJoined(PartnerId(0))));
    assert_eq!(play.room.roster().joint.len(), 1);
}

#[test]
fn a_participants_leg_is_the_same_for_its_entry_and_its_sound_and_its_microphone_is_its_own() {
    let mut play = inside();
    play.join(BOB, opentalk_papers()).unwrap();
    let people = vec![browser("b", "Bea", false), telephone("bob"), telephone("other")];
    play.hears(Event::People(people.clone()));
    assert_eq!(
        names(&play),
        ["Ada", "Bea", "Ada"],
        "one of the telephones is Bob, who is on the way"
    );
    let bob = Joined {
        id: "bob".into(),
        people,
        ..joined()
    };
    play.news(BOB, Event::Joined(bob));
    let floor = play.deeds().into_iter().find_map(|deed| match deed {
        Deed::EnterHall { floor, .. } => floor,
        _ => None,
    });
    let bea = play
        .room
        .roster()
        .people
        .iter()
        .find(|person| person.name == "Bea")
        .unwrap()
        .leg;
    assert_eq!(floor.unwrap().voices.leg("b:connection"), bea);
    assert_eq!(play.room.roster().people.len(), 4);
    let mute = Input::SetMuted {
        by: By::Operator,
        person: bea,
        muted: true,
    };
    assert_eq!(play.act(mute), Err(Denial::NotOffered));
    // Bob's signalling is lost: his old entry is his, and so is the new one.
    play.news(BOB, Event::Reconnecting);
    let again = Joined {
        id: "bob2".into(),
        people: vec![browser("b", "Bea", false), telephone("bob")],
        ..joined()
    };
    play.news(BOB, Event::Restored(again));
    assert_eq!(names(&play), ["Ada", "Ada", "Bea"]);
}

#[test]
fn in_a_room_of_livekit_a_stand_in_is_a_guest_that_speaks() {
    let mut play = Play::new(Residence::Livekit { room: "r".into() });
    play.join(ADA, Papers::Livekit(Vec::new())).unwrap();
    play.hall(HallNews::In { may_speak: true });
    play.comes(EVA, "Eva");
    play.speak(&[EVA]);
    assert_eq!(play.attends(), [EVA]);
    assert!(play.enters(None, false));
    let news = News::Hall(HallNews::In { may_speak: true });
    play.act(Input::News { person: EVA, news }).unwrap();
    assert_eq!(play.told(EVA), []);
    let news = News::Hall(HallNews::Out(HallEnd::Removed));
    play.act(Input::News { person: EVA, news }).unwrap();
    assert_eq!(play.told(EVA), [Notice::Ended(Cause::Removed)]);
}

#[test]
fn a_hand_that_the_operator_lowers_on_a_partners_word_was_lowered_by_a_moderator() {
    let mut play = inside();
    play.hears(Event::HandRaised);
    let by = By::Operator;
    play.act(Input::LowerHand { by, person: ADA }).unwrap();
    assert_eq!(play.deeds(), [Deed::Say(Command::LowerHand)]);
    let lowered = Notice::HandLowered { by_moderator: true };
    assert_eq!(play.hears(Event::HandLowered { by_moderator: false }), [lowered]);
}

#[test]
fn a_partners_recording_asks_our_phones_and_the_answers_stand_in_the_roster() {
    let mut play = inside();
    play.act(Input::PartnersRecord(true)).unwrap();
    assert_eq!(
        (play.told(ADA), play.microphone()),
        (vec![Notice::ConsentAsked], Some(false))
    );
    assert_eq!(play.entry(ADA).consent, None);
    let (person, given) = (ADA, true);
    play.act(Input::Consent { person, given }).unwrap();
    assert_eq!(play.told(ADA), [Notice::ConsentGiven { muted: false }]);
    assert_eq!(
        (play.deeds(), play.microphone()),
        (vec![Deed::MuteHall(false)], Some(true))
    );
    assert_eq!(play.entry(ADA).consent, Some(true));
    play.join(BOB, opentalk_papers()).unwrap();
    assert!(play.news(BOB, Event::Joined(joined())).contains(&Notice::ConsentAsked));
    play.act(Input::PartnersRecord(false)).unwrap();
    assert_eq!(play.told(ADA), [Notice::RecordingStopped { muted: false }]);
    assert_eq!(play.entry(ADA).consent, None);
}

#[test]
fn a_recording_asks_a_far_person_once_wherever_it_answers() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    play.speak(&[EVA]);
    play.gets_in(EVA, "eva");
    play.hears(Event::ConsentAsked(Recorded::Recording));
    assert!(play.room.roster().recorded);
    assert_eq!(
        play.news(EVA, Event::ConsentAsked(Recorded::Recording)),
        [Notice::ConsentAsked]
    );
    assert_eq!(play.microphone(), Some(false));
    let (person, given) = (EVA, true);
    play.act(Input::Consent { person, given }).unwrap();
    assert_eq!(play.deeds(), [Deed::Say(Command::Consent(true))]);
    assert_eq!(play.entry(EVA).consent, Some(true));
    play.news(EVA, Event::ConsentStored(true));
    assert_eq!(play.microphone(), Some(true));
    // Another recording, or another stand-in: she has answered.
    assert_eq!(play.news(EVA, Event::ConsentAsked(Recorded::Stream)), []);
    assert_eq!(play.deeds(), [Deed::MuteHall(true), Deed::Say(Command::Consent(true))]);
}

#[test]
fn the_end_is_told_to_far_people_too() {
    let mut play = inside();
    play.comes(EVA, "Eva");
    play.act(Input::End { by: By::Operator }).unwrap();
    assert_eq!(play.told(EVA), [Notice::Ended(Cause::RoomEnded)]);
}
