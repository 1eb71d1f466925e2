// SPDX-License-Identifier: EUPL-1.2
//! Live rooms and their tasks, in virtual time.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::call::{Cause, Kind, LegId, Role};
use crate::room::directory::Entry;
use crate::room::{
    Chime, Denial, Entrant, FarEntrant, Input, JointPartner, JointState, MediaOrders, Notice, Papers, Residence,
    RoomKey, Rooms, RoomsConfig, Seat,
};

/// Stands in for the media plane and remembers who is in which room.
#[derive(Default)]
struct MediaStandIn(Mutex<Vec<(LegId, RoomKey)>>);

impl MediaOrders for MediaStandIn {
    fn enter(&self, leg: LegId, room: RoomKey) {
        self.0.lock().unwrap().push((leg, room));
    }
    fn leave(&self, leg: LegId) {
        self.0.lock().unwrap().retain(|(entered, _)| *entered != leg);
    }
    fn mute(&self, _: LegId, _: bool) {}
    fn chime(&self, _: RoomKey, _: Chime) {}
}

fn house(config: RoomsConfig) -> (Rooms, Arc<MediaStandIn>) {
    let media = Arc::new(MediaStandIn::default());
    (Rooms::new(config, media.clone()), media)
}

fn meeting(id: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        name: "Demo".to_owned(),
        waiting_room: false,
        max_people: 1000,
        residence: Residence::Local,
    }
}

fn phone(leg: u64) -> Entrant {
    Entrant {
        leg: LegId(leg),
        name: format!("p{leg}"),
        kind: Kind::Phone,
        role: Role::Participant,
        attached: true,
        papers: Papers::None,
        far: None,
    }
}

async fn notices(mut seat: Seat) -> Vec<Notice> {
    let mut notices = Vec::new();
    while let Some(notice) = seat.next_notice().await {
        notices.push(notice);
    }
    notices
}

async fn moment() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_seat_leaves_and_the_empty_room_dies_later() {
    let (rooms, media) = house(RoomsConfig::default());
    let first = rooms.join(&meeting("1"), phone(1)).await.unwrap();
    let second = rooms.join(&meeting("1"), phone(2)).await.unwrap();
    assert_eq!(first.control().roster().borrow().people.len(), 2);
    drop(second);
    moment().await;
    assert_eq!(rooms.list()[0].people.len(), 1);
    assert_eq!(media.0.lock().unwrap().len(), 1);
    drop(first);
    moment().await;
    assert_eq!(rooms.len(), 1);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(rooms.is_empty() && media.0.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_leg_that_never_listens_still_learns_its_end() {
    let (rooms, _media) = house(RoomsConfig::default());
    let seat = rooms.join(&meeting("1"), phone(1)).await.unwrap();
    for turn in 0..1000 {
        seat.control().set_muted(turn % 2 == 0).await.unwrap();
    }
    rooms.end_all().await;
    let notices = notices(seat).await;
    assert!(notices.len() < 100);
    assert_eq!(
        notices.first(),
        Some(&Notice::Joined {
            first: true,
            muted: false
        })
    );
    assert_eq!(notices.last(), Some(&Notice::Ended(Cause::Draining)));
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_while_a_room_dies_finds_a_new_one() {
    let config = RoomsConfig {
        linger: Duration::ZERO,
        ..RoomsConfig::default()
    };
    let (rooms, media) = house(config);
    let mut tasks = Vec::new();
    for leg in 1..200 {
        let rooms = rooms.clone();
        tasks.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(leg % 7)).await;
            let seat = rooms.join(&meeting("1"), phone(leg)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(leg % 3)).await;
            drop(seat);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    moment().await;
    assert!(rooms.is_empty() && media.0.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_the_end_the_same_meeting_begins_anew_under_another_key() {
    let (rooms, media) = house(RoomsConfig::default());
    let seat = rooms.join(&meeting("1"), phone(1)).await.unwrap();
    let old = rooms.list()[0].key;
    let control = seat.control().clone();
    rooms.ask("1", Input::Close(Cause::RoomEnded)).await.unwrap();
    assert_eq!(control.set_muted(true).await, Err(Denial::Refused(Cause::RoomEnded)));
    let again = rooms.join(&meeting("1"), phone(2)).await.unwrap();
    let new = rooms.list()[0].key;
    assert_ne!(old, new);
    rooms.speaking(old, vec![LegId(2)]);
    moment().await;
    assert!(!again.control().roster().borrow().people[0].speaking);
    rooms.speaking(new, vec![LegId(2)]);
    moment().await;
    assert!(again.control().roster().borrow().people[0].speaking);
    assert_eq!(*media.0.lock().unwrap(), [(LegId(2), new)]);
    assert_eq!(
        rooms.ask("9", Input::Close(Cause::RoomEnded)).await,
        Err(Denial::Refused(Cause::NotFound))
    );
}

#[tokio::test(start_paused = true)]
async fn a_draining_and_a_full_house_refuse_newcomers_and_keep_the_others() {
    let (rooms, _media) = house(RoomsConfig {
        max_rooms: 1,
        ..RoomsConfig::default()
    });
    let seat = rooms.join(&meeting("1"), phone(1)).await.unwrap();
    assert_eq!(rooms.join(&meeting("2"), phone(2)).await.err(), Some(Cause::Overloaded));
    assert_eq!(rooms.join(&meeting("1"), phone(1)).await.err(), Some(Cause::Internal));
    rooms.set_draining(true);
    assert_eq!(rooms.join(&meeting("1"), phone(3)).await.err(), Some(Cause::Draining));
    assert_eq!(seat.control().set_hand(true).await, Ok(()));
    rooms.set_draining(false);
    assert!(rooms.join(&meeting("1"), phone(3)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_chat_reaches_all_who_are_inside_and_nobody_who_waits() {
    let (rooms, _) = house(RoomsConfig::default());
    let waiting = Entry {
        waiting_room: true,
        ..meeting("1")
    };
    let moderator = Entrant {
        role: Role::Moderator,
        ..phone(1)
    };
    let mo = rooms.join(&waiting, moderator).await.unwrap();
    let ada = rooms.join(&waiting, phone(2)).await.unwrap();
    let (mut mo_reads, mut ada_reads) = (mo.control().chat(), ada.control().chat());
    mo.control().say("before").await.unwrap();
    assert_eq!(mo_reads.recv().await.unwrap().text, "before");
    assert_eq!(ada.control().say("let me in").await, Err(Denial::Waiting));
    let by = mo.control().by();
    let person = LegId(2);
    mo.control().ask(Input::Admit { by, person }).await.unwrap();
    ada.control().say("hello\u{202e}").await.unwrap();
    for reads in [&mut mo_reads, &mut ada_reads] {
        let line = reads.recv().await.unwrap();
        assert_eq!(
            (line.from, line.name.as_str(), line.text.as_str()),
            (Some(person), "p2", "hello")
        );
    }
    let (past, _) = ada.control().chat_so_far();
    assert_eq!(past.len(), 1, "what was written before is not for whoever waited");
    for _ in 0..4 {
        ada.control().say("again").await.unwrap();
    }
    assert_eq!(ada.control().say("again").await, Err(Denial::TooFast));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(ada.control().say("later").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_on_sees_the_room_and_is_seen_by_nobody() {
    let (rooms, _) = house(RoomsConfig::default());
    let mut live = rooms.live();
    assert!(live.borrow_and_update().is_empty() && rooms.look_on("1").is_none());
    let mut alice = rooms.join(&meeting("1"), phone(1)).await.unwrap();
    assert!(live.borrow_and_update().contains_key("1"));
    let onlooker = rooms.look_on("1").unwrap();
    let far = Entrant {
        kind: Kind::Federated,
        role: Role::Moderator,
        far: Some(FarEntrant {
            authority: "Schleswig-Holstein".into(),
            deployment: "sh.example".into(),
            is_moderator: true,
        }),
        ..phone(2)
    };
    let far = rooms.join(&meeting("1"), far).await.unwrap();
    let partner = JointPartner {
        deployment: "sh.example".into(),
        authority: "Schleswig-Holstein".into(),
        state: JointState::Up,
        why: None,
    };
    onlooker.joint(vec![partner.clone()]).await.unwrap();
    let joined = Notice::Joined {
        first: true,
        muted: false,
    };
    assert_eq!(alice.next_notice().await, Some(joined));
    let Some(Notice::PartnerJoined(id)) = alice.next_notice().await else {
        panic!("nobody told alice")
    };
    // The name is there as soon as the notice is.
    assert_eq!(alice.control().roster().borrow().partner(id), Some(&partner));
    far.control().set_away(true).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let roster = Arc::clone(&onlooker.roster().borrow());
    assert_eq!(roster.people.len(), 2);
    let shown = roster.person(LegId(2)).unwrap();
    assert!(shown.away && shown.role == Role::Moderator);
    assert_eq!(shown.origin.as_deref(), Some("Schleswig-Holstein"));
    drop((alice, far));
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(live.borrow_and_update().is_empty());
    assert!(onlooker.arrange_hands(Vec::new()).await.is_err());
}
