// SPDX-License-Identifier: EUPL-1.2
//! What a room elsewhere does, told as short plays.
#![allow(clippy::unwrap_used)]

/// People of partners and their stand-ins.
mod far;
/// Outages, endings, and what the operator sees.
mod life;

use std::time::{Duration, Instant, SystemTime};

use landbridge_opentalk::{
    Admission, Breakout, BreakoutRoom, Command, Credentials, Ending, Event, Joined, Name, Person as ConferencePerson,
    PersonKind, Place, Recorded, Role as ConferenceRole,
};

use super::*;
use crate::call::Kind;
use crate::room::RoomKey;

const ADA: LegId = LegId(1);
const BOB: LegId = LegId(2);

struct Play {
    room: Box<dyn Home>,
    now: Instant,
    said: Vec<Output>,
}

impl Play {
    fn new(residence: Residence) -> Play {
        let now = Instant::now();
        let config = RoomConfig {
            key: RoomKey(1),
            id: "1234567890".into(),
            name: String::new(),
            max_people: 50,
            waiting_room: false,
            linger: Duration::from_secs(30),
            longest_wait: Duration::from_secs(300),
            chime_up_to: 0,
            announce_chat: true,
            stand_ins: 2,
            started: SystemTime::UNIX_EPOCH,
        };
        Play {
            room: open(now, config, residence),
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

    fn join(&mut self, person: LegId, papers: Papers) -> Result<(), Denial> {
        self.join_as(Kind::Phone, person, papers)
    }

    fn join_as(&mut self, kind: Kind, person: LegId, papers: Papers) -> Result<(), Denial> {
        self.act(Input::Join {
            person,
            name: "Ada".into(),
            kind,
            role: Role::Participant,
            // Only those who come to read come without sound.
            attached: kind != Kind::Xmpp,
            papers,
            far: None,
        })
    }

    fn hears(&mut self, event: Event) -> Vec<Notice> {
        self.act(Input::News {
            person: ADA,
            news: News::Conference(Box::new(event)),
        })
        .unwrap();
        self.told(ADA)
    }

    fn hall(&mut self, news: HallNews) -> Vec<Notice> {
        self.act(Input::News {
            person: ADA,
            news: News::Hall(news),
        })
        .unwrap();
        self.told(ADA)
    }

    fn told(&self, person: LegId) -> Vec<Notice> {
        let told = self.said.iter().filter_map(|output| match output {
            Output::Tell(to, notice) if *to == person => Some(*notice),
            _ => None,
        });
        told.collect()
    }

    fn deeds(&self) -> Vec<Deed> {
        let deeds = self.said.iter().filter_map(|output| match output {
            Output::Abroad(_, deed) => Some(deed.clone()),
            _ => None,
        });
        deeds.collect()
    }

    fn enters(&self, by: Option<Credentials>, closed: bool) -> bool {
        self.deeds().iter().any(
            |deed| matches!(deed, Deed::EnterHall { credentials, muted, .. } if *credentials == by && *muted == closed),
        )
    }

    fn microphone(&self) -> Option<bool> {
        self.said.iter().rev().find_map(|output| match output {
            Output::Media(MediaOrder::Mute(_, muted)) => Some(!muted),
            _ => None,
        })
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
        if self.room.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.act(Input::Timeout).unwrap();
        }
    }
}

fn opentalk_papers() -> Papers {
    Papers::Opentalk(OpentalkPapers {
        admission: Some(Admission::Roomserver {
            address: "https://room.example/".into(),
            token: "t".into(),
        }),
        meeting: "1234567890".into(),
        pin: "0987654321".into(),
        name: Name::new("Ada", ""),
    })
}

fn credentials(room: &str) -> Credentials {
    Credentials {
        room: room.into(),
        token: "t".into(),
        url: "ws://sfu.example".into(),
    }
}

fn joined() -> Joined {
    Joined {
        id: "me".into(),
        hands_enabled: true,
        credentials: Some(credentials("r:main")),
        ..Joined::default()
    }
}

/// A phone that is in a meeting of OpenTalk and in its room of LiveKit.
fn inside() -> Play {
    inside_as(Kind::Phone)
}

fn inside_as(kind: Kind) -> Play {
    let mut play = Play::new(Residence::Opentalk);
    play.join_as(kind, ADA, opentalk_papers()).unwrap();
    assert_eq!(play.deeds(), [Deed::Attend(opentalk_papers())]);
    let said = play.hears(Event::Joined(joined()));
    assert_eq!(
        said,
        [Notice::Joined {
            first: false,
            muted: false
        }]
    );
    if kind == Kind::Xmpp {
        return play;
    }
    assert!(play.enters(Some(credentials("r:main")), false));
    assert_eq!(play.hall(HallNews::In { may_speak: true }), []);
    assert_eq!(play.microphone(), Some(true));
    play
}

#[test]
fn only_the_right_papers_open_the_door() {
    let mut play = Play::new(Residence::Opentalk);
    for papers in [Papers::None, Papers::Livekit(Vec::new())] {
        assert_eq!(play.join(ADA, papers), Err(Denial::Refused(Cause::Forbidden)));
    }
    let mut play = Play::new(Residence::Livekit { room: "r".into() });
    assert_eq!(
        play.join(ADA, opentalk_papers()),
        Err(Denial::Refused(Cause::Forbidden))
    );
    assert_eq!(play.join(ADA, Papers::Livekit(Vec::new())), Ok(()));
}

#[test]
fn a_room_of_livekit_alone_is_entered_at_once_and_the_microphone_opens_inside() {
    let mut play = Play::new(Residence::Livekit { room: "r".into() });
    play.join(ADA, Papers::Livekit(Vec::new())).unwrap();
    assert_eq!(play.microphone(), Some(false), "nothing is heard on the way");
    assert_eq!(play.deeds()[0], Deed::Attend(Papers::Livekit(Vec::new())));
    assert!(play.enters(None, false));
    let said = play.hall(HallNews::In { may_speak: true });
    assert_eq!(
        said,
        [Notice::Joined {
            first: true,
            muted: false
        }]
    );
    assert_eq!(play.microphone(), Some(true));
    play.act(Input::Key { person: ADA, key: '7' }).unwrap();
    assert_eq!(play.deeds(), [Deed::Key('7')]);
    assert_eq!(
        play.hall(HallNews::Out(HallEnd::Removed)),
        [Notice::Ended(Cause::Removed)]
    );
    assert_eq!(play.deeds(), [Deed::Leave]);
}

#[test]
fn the_waiting_room_is_announced_and_left_by_a_moderators_word() {
    let mut play = Play::new(Residence::Opentalk);
    play.join(ADA, opentalk_papers()).unwrap();
    assert_eq!(play.hears(Event::Waiting), [Notice::Waiting]);
    assert!(play.room.roster().people[0].waiting);
    assert_eq!(play.hears(Event::Accepted), []);
    let said = play.hears(Event::Joined(joined()));
    assert_eq!(
        said,
        [Notice::Admitted {
            first: false,
            muted: false
        }]
    );
    play.hall(HallNews::In { may_speak: true });
    assert_eq!(play.hears(Event::SentToWaitingRoom), [Notice::SentToWaitingRoom]);
    assert_eq!(play.deeds(), [Deed::LeaveHall]);
    assert_eq!(play.microphone(), Some(false));
    assert_eq!(play.hears(Event::Waiting), [], "it has been said");
    play.hears(Event::Accepted);
    assert!(matches!(
        play.hears(Event::Joined(joined()))[..],
        [Notice::Admitted { .. }]
    ));
}

#[test]
fn a_moderators_mute_is_heard_once_whichever_way_it_comes() {
    let mut play = inside();
    assert_eq!(play.hall(HallNews::Muted), [Notice::Muted { by_moderator: true }]);
    assert_eq!(play.hears(Event::MutedByModerator), []);
    assert!(play.room.roster().people[0].muted_by_moderator);
    let unmute = Input::SetMuted {
        by: By::Person(ADA),
        person: ADA,
        muted: false,
    };
    play.act(unmute).unwrap();
    assert_eq!(play.told(ADA), [Notice::Unmuted]);
    assert_eq!(play.microphone(), Some(true));
    assert_eq!(play.deeds(), [Deed::MuteHall(false)]);
}

#[test]
fn under_a_restriction_nobody_opens_the_microphone() {
    let mut play = inside();
    assert_eq!(
        play.hears(Event::MicrophoneRestricted(true)),
        [Notice::MicrophonesRestricted]
    );
    assert_eq!(play.microphone(), Some(false));
    assert_eq!(
        play.hall(HallNews::MaySpeak(false)),
        [],
        "LiveKit says the same a moment later"
    );
    let unmute = Input::SetMuted {
        by: By::Person(ADA),
        person: ADA,
        muted: false,
    };
    play.act(unmute.clone()).unwrap();
    assert_eq!(play.told(ADA), [Notice::MicrophonesRestricted]);
    assert_eq!(
        play.hears(Event::MicrophoneRestricted(false)),
        [],
        "LiveKit has not said so yet"
    );
    assert_eq!(play.hall(HallNews::MaySpeak(true)), [Notice::MicrophonesFree]);
    assert_eq!(play.microphone(), None, "nobody is live unawares");
    play.act(unmute).unwrap();
    assert_eq!((play.told(ADA), play.microphone()), (vec![Notice::Unmuted], Some(true)));
}

#[test]
fn whoever_enters_a_restricted_meeting_is_told_and_opens_its_microphone_itself() {
    let mut play = Play::new(Residence::Opentalk);
    play.join(ADA, opentalk_papers()).unwrap();
    let restricted = Joined {
        microphone_restricted: true,
        ..joined()
    };
    let said = play.hears(Event::Joined(restricted));
    let joined = Notice::Joined {
        first: false,
        muted: false,
    };
    assert_eq!(said, [joined, Notice::MicrophonesRestricted]);
    play.hall(HallNews::In { may_speak: false });
    assert_eq!(play.hall(HallNews::MaySpeak(true)), []);
    assert_eq!(
        play.hears(Event::MicrophoneRestricted(false)),
        [Notice::MicrophonesFree]
    );
    assert_eq!(play.microphone(), None, "nobody is live unawares");
}

#[test]
fn a_recording_hears_nobody_before_a_yes_and_nobody_after_a_no() {
    let mut play = inside();
    assert_eq!(
        play.act(Input::Consent {
            person: ADA,
            given: true
        }),
        Err(Denial::NotOffered)
    );
    assert_eq!(
        play.hears(Event::ConsentAsked(Recorded::Recording)),
        [Notice::ConsentAsked]
    );
    assert_eq!(play.microphone(), Some(false));
    play.act(Input::Consent {
        person: ADA,
        given: true,
    })
    .unwrap();
    assert_eq!(play.deeds(), [Deed::Say(Command::Consent(true))]);
    assert_eq!(play.microphone(), None, "OpenTalk has to note it first");
    assert_eq!(
        play.hears(Event::ConsentStored(true)),
        [Notice::ConsentGiven { muted: false }]
    );
    assert_eq!(play.microphone(), Some(true));
    play.act(Input::Consent {
        person: ADA,
        given: false,
    })
    .unwrap();
    assert_eq!(
        (play.told(ADA), play.microphone()),
        (vec![Notice::ConsentRefused], Some(false)),
        "a no counts at once"
    );
    assert_eq!(play.hears(Event::ConsentStored(false)), []);
    assert_eq!(
        play.hears(Event::RecordingStopped),
        [Notice::RecordingStopped { muted: true }]
    );
    assert_eq!(play.microphone(), None, "whoever refused opens the microphone itself");
}

#[test]
fn whoever_enters_a_recorded_meeting_is_asked_before_it_is_heard() {
    let mut play = Play::new(Residence::Opentalk);
    play.join(ADA, opentalk_papers()).unwrap();
    let recorded = Joined {
        recorded: Some(Recorded::Recording),
        ..joined()
    };
    let said = play.hears(Event::Joined(recorded));
    assert_eq!(
        said,
        [
            Notice::Joined {
                first: false,
                muted: false
            },
            Notice::ConsentAsked
        ]
    );
    assert!(play.enters(Some(credentials("r:main")), true));
    play.hall(HallNews::In { may_speak: true });
    assert_eq!(play.microphone(), Some(false));
}

#[test]
fn key_five_goes_to_the_breakout_room_and_back() {
    let mut play = inside();
    assert_eq!(play.act(Input::ChangeRoom { person: ADA }), Err(Denial::NotOffered));
    let breakout = Breakout {
        rooms: [0, 1].map(|id| BreakoutRoom { id, name: "A".into() }).to_vec(),
        mine: Some(1),
        expires_in: None,
    };
    assert_eq!(play.hears(Event::BreakoutOpened(breakout)), [Notice::BreakoutOpened]);
    play.act(Input::ChangeRoom { person: ADA }).unwrap();
    assert_eq!(play.deeds(), [Deed::Say(Command::Switch(Place::Breakout(1)))]);
    let switched = |to, room: &str| Event::Switched {
        to,
        name: None,
        credentials: Some(credentials(room)),
        microphone_restricted: false,
    };
    assert_eq!(
        play.hears(switched(Place::Breakout(1), "r:1")),
        [Notice::BreakoutEntered]
    );
    assert!(matches!(&play.deeds()[..], [Deed::EnterHall { credentials: Some(c), .. }] if c.room == "r:1"));
    assert_eq!(
        play.hears(Event::BreakoutClosing { within: None }),
        [Notice::BreakoutClosing]
    );
    play.act(Input::ChangeRoom { person: ADA }).unwrap();
    assert_eq!(play.deeds(), [Deed::Say(Command::Switch(Place::Main))]);
    assert_eq!(play.hears(switched(Place::Main, "r:main")), [Notice::BreakoutReturned]);
}

#[test]
fn hands_follow_the_server_alone() {
    let mut play = inside();
    play.act(Input::RaiseHand { person: ADA }).unwrap();
    assert_eq!(
        (play.told(ADA), play.deeds()),
        (vec![], vec![Deed::Say(Command::RaiseHand)])
    );
    assert_eq!(play.hears(Event::HandRaised), [Notice::HandRaised]);
    assert_eq!(play.room.roster().people[0].hand, Some(1));
    assert_eq!(
        play.hears(Event::HandLowered { by_moderator: true }),
        [Notice::HandLowered { by_moderator: true }]
    );
    play.hears(Event::HandsEnabled(false));
    play.act(Input::RaiseHand { person: ADA }).unwrap();
    assert_eq!((play.told(ADA), play.deeds()), (vec![Notice::HandsDisabled], vec![]));
}
