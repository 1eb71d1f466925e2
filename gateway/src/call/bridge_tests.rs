// SPDX-License-Identifier: EUPL-1.2
//! What the caller is told when the far leg comes to nothing.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::*;
use crate::call::Invitation;
use crate::call::Kind;
use crate::call::orders::Orders;
use crate::config::Config;
use crate::legs::Leg;
use crate::lobby::PromptLibrary;
use crate::media::{MediaConfig, PhonePolicy, Plane};
use crate::room::{Meetings, Rooms, RoomsConfig};

type Said = Arc<Mutex<Vec<String>>>;

/// A line that writes down what it is told.
struct Recorder(&'static str, Said);

impl Recorder {
    fn note(&self, what: &str) {
        self.1.lock().unwrap().push(format!("{} {what}", self.0));
    }
}

impl Line for Recorder {
    fn ring(&self) {
        self.note("rings");
    }
    fn answer(&self, _: Vec<u8>) {
        self.note("is answered");
    }
    fn reject(&self, cause: Cause, _: Option<&str>) {
        self.note(&format!("is refused: {}", cause.as_str()));
    }
    fn answer_offer(&self, _: Result<Vec<u8>, Cause>) {}
    fn hang_up(&self, cause: Cause) {
        self.note(&format!("is hung up: {}", cause.as_str()));
    }
}

/// A protocol whose one far leg the test plays.
struct Stage(Mutex<Option<Events>>, Said);

#[async_trait]
impl Leg for Stage {
    fn name(&self) -> &'static str {
        "stage"
    }
    fn reaches(&self, _: &str) -> bool {
        true
    }
    fn terms(&self, _: Option<&crate::config::Trunk>) -> Terms {
        Terms::Phone(PhonePolicy::default())
    }
    async fn place(&self, _: Placing<'_>) -> Result<(Box<dyn Line>, Events), Cause> {
        let events = self.0.lock().unwrap().take().unwrap();
        Ok((Box::new(Recorder("far", Arc::clone(&self.1))), events))
    }
}

struct Scene {
    house: Arc<House>,
    said: Said,
    near: mpsc::Sender<Event>,
    far: mpsc::Sender<Event>,
    call: tokio::task::JoinHandle<Cause>,
}

fn scene(ports: std::ops::RangeInclusive<u16>) -> Scene {
    let config = Config::parse(
        Path::new("landbridge.toml"),
        "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n",
    )
    .unwrap();
    let media = MediaConfig {
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        ports,
        threads: 1,
        ..MediaConfig::default()
    };
    let plane = Plane::start(media).unwrap();
    let rooms = Rooms::new(RoomsConfig::default(), Arc::new(Orders(plane.clone())));
    let prompts = PromptLibrary::load(None, &config.lobby.languages).unwrap();
    let ways = crate::call::abroad::Ways {
        plane,
        livekit: None,
        opentalk: None,
    };
    let house = House::new(config, ways, rooms, Meetings::new(Vec::new()), prompts);
    let said = Said::default();
    let ((near, near_events), (far, far_events)) = (mpsc::channel(8), mpsc::channel(8));
    house.set_legs(vec![Box::new(Stage(Mutex::new(Some(far_events)), Arc::clone(&said)))]);
    let offer = Offer {
        invitation: Invitation {
            leg: LegId::next(),
            trunk: None,
            from: "sip:alice@example.org".into(),
            from_name: String::new(),
            to: "sip:bob@example.org".into(),
            source: Ipv4Addr::LOCALHOST.into(),
            kind: Kind::Phone,
            pin: None,
        },
        description: None,
        terms: Terms::Phone(PhonePolicy::default()),
        max_forwards: 70,
    };
    let (home, line) = (Arc::clone(&house), Box::new(Recorder("near", Arc::clone(&said))));
    let call = tokio::spawn(async move { walk(&home, offer, "stage:bob", line, near_events).await });
    Scene {
        house,
        said,
        near,
        far,
        call,
    }
}

impl Scene {
    /// Waits for the call's end; returns its cause and what the lines were told.
    async fn ends(self) -> (Cause, Vec<String>) {
        let cause = tokio::time::timeout(Duration::from_secs(5), self.call)
            .await
            .unwrap()
            .unwrap();
        let said = self.said.lock().unwrap().clone();
        (cause, said)
    }
}

#[tokio::test]
async fn a_far_leg_that_is_lost_leaves_no_caller_waiting() {
    let scene = scene(47_900..=47_919);
    let (far, near) = (scene.far.clone(), scene.near.clone());
    far.send(Event::Ringing).await.unwrap();
    far.send(Event::Answered(None)).await.unwrap();
    let (cause, said) = scene.ends().await;
    assert_eq!(cause, Cause::Internal);
    assert_eq!(
        said,
        ["near rings", "far is hung up: internal", "near is refused: internal"]
    );
    drop(near);
}

#[tokio::test]
async fn a_caller_whose_leg_was_taken_down_takes_the_far_leg_along() {
    let mut scene = scene(47_920..=47_939);
    let far = scene.far.clone();
    scene.near = mpsc::channel(1).0;
    let (cause, said) = scene.ends().await;
    assert_eq!(cause, Cause::Internal);
    assert_eq!(said, ["far is hung up: internal"]);
    drop(far);
}

#[tokio::test]
async fn a_call_that_rings_ends_with_the_drain() {
    let scene = scene(47_940..=47_959);
    let keep = (scene.far.clone(), scene.near.clone());
    scene.house.stop();
    let (cause, said) = scene.ends().await;
    assert_eq!(cause, Cause::Draining);
    assert_eq!(said, ["far is hung up: draining", "near is refused: draining"]);
    drop(keep);
}

#[tokio::test]
async fn calls_without_a_meeting_never_share_a_key_with_a_room() {
    let scene = scene(47_960..=47_979);
    scene.house.meetings.replace(vec![crate::room::Meeting {
        id: "1".into(),
        pin: None,
        moderator_pin: None,
        name: "A".into(),
        waiting_room: false,
        max_people: 2,
        residence: crate::room::Residence::Local,
    }]);
    let (entry, role) = scene.house.meetings.check("1", "").unwrap();
    let entrant = crate::room::Entrant {
        leg: LegId::next(),
        name: "Ada".into(),
        kind: crate::call::Kind::Phone,
        role,
        attached: false,
        papers: crate::room::Papers::None,
        far: None,
    };
    let before = RoomKey::next();
    let seat = scene.house.rooms.join(&entry, entrant).await.unwrap();
    let key = seat.control().roster().borrow().key;
    assert!(key > before && key != RoomKey::next(), "one count for all");
    scene.call.abort();
}
