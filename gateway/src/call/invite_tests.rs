// SPDX-License-Identifier: EUPL-1.2
//! Calls out of a meeting, with a far end that the test plays.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::path::Path;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::*;
use crate::call::orders::Orders;
use crate::config::Config;
use crate::legs::Leg;
use crate::lobby::PromptLibrary;
use crate::media::{MediaConfig, PhonePolicy, Plane};
use crate::room::{ChatLine, Meetings, Notice, Rooms, RoomsConfig, Seat};

const MEETING: &str = "1234567890";
const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 41000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

/// A line that tells how it ended, and what was written.
struct Told(mpsc::UnboundedSender<String>);

impl Line for Told {
    fn ring(&self) {}
    fn answer(&self, _: Vec<u8>) {}
    fn reject(&self, _: Cause, _: Option<&str>) {}
    fn answer_offer(&self, _: Result<Vec<u8>, Cause>) {}
    fn hang_up(&self, cause: Cause) {
        let _ = self.0.send(format!("hung up: {}", cause.as_str()));
    }
    fn say(&self, text: &str) {
        let _ = self.0.send(text.to_owned());
    }
    fn reads(&self) -> bool {
        true
    }
    fn chat(&self, line: &ChatLine) {
        let _ = self.0.send(format!("{}: {}", line.name, line.text));
    }
}

/// A protocol whose far ends the test plays.
struct Stage(mpsc::UnboundedSender<Callee>);

/// Somebody who is called.
struct Callee {
    to: String,
    from: String,
    events: mpsc::Sender<Event>,
    told: mpsc::UnboundedReceiver<String>,
}

#[async_trait]
impl Leg for Stage {
    fn name(&self) -> &'static str {
        "stage"
    }
    fn reaches(&self, address: &str) -> bool {
        address.starts_with("xmpp:")
    }
    fn terms(&self, _: Option<&crate::config::Trunk>) -> Terms {
        Terms::Phone(PhonePolicy {
            trusted: true,
            ..PhonePolicy::default()
        })
    }
    async fn place(&self, placing: Placing<'_>) -> Result<(Box<dyn Line>, Events), Cause> {
        let (events, heard) = mpsc::channel(8);
        #[allow(clippy::disallowed_methods, reason = "a test says few words")]
        let (tell, told) = mpsc::unbounded_channel();
        let callee = Callee {
            to: placing.to.to_owned(),
            from: placing.from.to_owned(),
            events,
            told,
        };
        self.0.send(callee).unwrap();
        Ok((Box::new(Told(tell)), heard))
    }
}

struct Scene {
    house: Arc<House>,
    invites: Invites,
    callees: mpsc::UnboundedReceiver<Callee>,
    moderator: Seat,
}

impl Scene {
    async fn new(ports: std::ops::RangeInclusive<u16>) -> Scene {
        let text = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[xmpp]\ncomponent = \"meet.example\"\n\
            secret = \"0123456789abcdef\"\ninvite = [\"*@a.example\"]\n\
            [[meeting]]\nid = \"1234567890\"\nmoderator_pin = \"1111122222\"\nwaiting_room = true\n";
        let config = Config::parse(Path::new("landbridge.toml"), text).unwrap();
        let media = MediaConfig {
            listen: vec![Ipv4Addr::LOCALHOST.into()],
            ports,
            threads: 1,
            ..MediaConfig::default()
        };
        let plane = Plane::start(media).unwrap();
        let rooms = Rooms::new(RoomsConfig::default(), Arc::new(Orders(plane.clone())));
        let meetings = Meetings::new(config.meetings.iter().map(Into::into).collect());
        let prompts = PromptLibrary::load(None, &config.lobby.languages).unwrap();
        let ways = crate::call::abroad::Ways {
            plane,
            livekit: None,
            opentalk: None,
        };
        let house = House::new(config, ways, rooms, meetings, prompts);
        #[allow(clippy::disallowed_methods, reason = "a test calls few people")]
        let (tell, callees) = mpsc::unbounded_channel();
        house.set_legs(vec![Box::new(Stage(tell))]);
        let entrant = Entrant {
            leg: LegId::next(),
            name: "Mo".into(),
            kind: Kind::Browser,
            role: Role::Moderator,
            attached: false,
            papers: Papers::None,
            far: None,
        };
        let entry = house.meetings.entry(MEETING).unwrap();
        let moderator = house.rooms.join(&entry, entrant).await.unwrap();
        Scene {
            invites: Invites::new(Arc::clone(&house)),
            house,
            callees,
            moderator,
        }
    }

    fn invite(&self, address: &str) -> Result<u64, InviteRefusal> {
        let moderator = self.moderator.control().clone();
        self.invites.invite(MEETING, address, Some(moderator))
    }

    async fn told(&mut self) -> InviteState {
        loop {
            if let Notice::Invitation { state, .. } = soon(self.moderator.next_notice()).await.unwrap() {
                return state;
            }
        }
    }

    async fn callee(&mut self) -> Callee {
        soon(self.callees.recv()).await.unwrap()
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), what).await.unwrap()
}

#[tokio::test]
async fn whoever_answers_takes_a_seat_past_the_waiting_room_and_reads_what_it_hears() {
    let mut scene = Scene::new(46_000..=46_019).await;
    scene.invite("Bob@A.example").unwrap();
    let mut bob = scene.callee().await;
    assert_eq!(bob.to, "xmpp:bob@a.example");
    assert_eq!(bob.from, "xmpp:1234567890@meet.example");
    bob.events.send(Event::Ringing).await.unwrap();
    assert_eq!(scene.told().await, InviteState::Ringing);
    bob.events.send(Event::Answered(Some(ANSWER.into()))).await.unwrap();
    assert_eq!(scene.told().await, InviteState::Answered);
    assert!(soon(bob.told.recv()).await.unwrap().contains("verbunden"));
    let mut roster = scene.moderator.control().roster();
    let is_in = |people: &crate::room::Roster| people.present().any(|p| p.name == "bob" && p.kind == Kind::Xmpp);
    soon(roster.wait_for(|roster| is_in(roster))).await.unwrap();
    assert!(soon(bob.told.recv()).await.unwrap().contains("eingelassen"));
    scene.moderator.control().say("Welcome").await.unwrap();
    assert_eq!(soon(bob.told.recv()).await.unwrap(), "Mo: Welcome");
    let mut lines = scene.moderator.control().chat();
    for text in ["4711", "Thank you", "stumm"] {
        bob.events.send(Event::Text(text.into())).await.unwrap();
    }
    let line = soon(lines.recv()).await.unwrap();
    assert_eq!(
        (line.name.as_str(), line.text.as_str()),
        ("bob", "Thank you"),
        "no number is shown"
    );
    soon(roster.wait_for(|roster| roster.people.iter().any(|p| p.name == "bob" && p.muted)))
        .await
        .unwrap();
    bob.events.send(Event::Ended(Cause::Left)).await.unwrap();
    soon(roster.wait_for(|roster| !is_in(roster))).await.unwrap();
}

#[tokio::test]
async fn the_inviter_hears_why_nobody_came() {
    let mut scene = Scene::new(46_020..=46_039).await;
    for (cause, state) in [
        (Cause::Declined, InviteState::Declined),
        (Cause::Busy, InviteState::Busy),
        (Cause::NoAnswer, InviteState::NoAnswer),
        (Cause::NotFound, InviteState::Unreachable),
        (Cause::NoCommonCodec, InviteState::Failed),
    ] {
        scene.invite(&format!("{}@a.example", cause.as_str())).unwrap();
        let bob = scene.callee().await;
        bob.events.send(Event::Ended(cause)).await.unwrap();
        assert_eq!(scene.told().await, state);
    }
}

#[tokio::test]
async fn a_room_that_ends_takes_its_ringing_calls_along() {
    let mut scene = Scene::new(46_040..=46_059).await;
    scene.invite("bob@a.example").unwrap();
    let mut bob = scene.callee().await;
    let by = By::Operator;
    scene.house.rooms.ask(MEETING, Input::End { by }).await.unwrap();
    assert_eq!(soon(bob.told.recv()).await.unwrap(), "hung up: cancelled");
}

#[tokio::test]
async fn nobody_is_called_who_is_not_allowed_and_five_calls_ring_at_most() {
    let scene = Scene::new(46_060..=46_079).await;
    for (address, refusal) in [
        ("x@evil.example", InviteRefusal::NotAllowed),
        ("1234567890@meet.example", InviteRefusal::NotAllowed),
        ("nobody", InviteRefusal::BadAddress),
    ] {
        assert_eq!(scene.invite(address), Err(refusal), "{address}");
    }
    for n in 0..crate::call::ringing::OF_ROOM {
        scene.invite(&format!("bob{n}@a.example")).unwrap();
        tokio::task::yield_now().await;
    }
    for address in ["bob1@a.example", "carol@a.example"] {
        assert_eq!(scene.invite(address), Err(InviteRefusal::TooMany));
    }
    assert_eq!(
        scene.invites.invite("999", "bob@a.example", None),
        Err(InviteRefusal::NoSuchRoom)
    );
    let by = By::Operator;
    let locked = Input::Lock { by, locked: true };
    scene.house.rooms.ask(MEETING, locked).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(scene.invite("bob@a.example"), Err(InviteRefusal::Locked));
}
