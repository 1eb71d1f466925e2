// SPDX-License-Identifier: EUPL-1.2
//! Drives a session's core: signalling, peer connections, the media plane, the owner.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::core::Core;
use super::words::{Input, News, Output, Side};
use super::{Order, SessionEvent};
use crate::call::LegId;
use crate::legs::livekit::hall::{Hall, MemberId};
use crate::legs::livekit::signalling::{Channel, Response, Signalling};
use crate::legs::livekit::ticket::{Tickets, Trouble, TroubleKind};
use crate::media::{Plane, SfuEvent, SfuLink};

/// Events of a peer connection that wait.
const LINK_EVENTS: usize = 128;
/// Events that wait for an owner who does not read; People are coalesced.
const UNREAD: usize = 64;
/// A successor has this long to hear everything.
const HANDING_OVER: Duration = Duration::from_secs(2);

/// What a session's task works with.
pub(in crate::legs::livekit) struct Seat {
    pub(in crate::legs::livekit) member: MemberId,
    pub(in crate::legs::livekit) leg: Option<LegId>,
    pub(in crate::legs::livekit) hall: Arc<Hall>,
    pub(in crate::legs::livekit) plane: Plane,
    pub(in crate::legs::livekit) tickets: Arc<dyn Tickets>,
    pub(in crate::legs::livekit) signalling: Arc<dyn Signalling>,
    /// What all sessions learn: only TCP gets through.
    pub(in crate::legs::livekit) tcp: Arc<AtomicBool>,
    pub(in crate::legs::livekit) orders: mpsc::Receiver<Order>,
    pub(in crate::legs::livekit) errands: mpsc::Receiver<bool>,
    pub(in crate::legs::livekit) events: mpsc::Sender<SessionEvent>,
}

/// What comes from outside the core.
enum Step {
    Core(Input),
    Opened(Result<Channel, Trouble>),
    Said(Option<Result<Box<Response>, Trouble>>),
    Link(Side, SfuEvent),
    Roster,
    Told,
    OwnerLeft,
    HandedOver,
}

type Pending = Pin<Box<dyn Future<Output = Step> + Send>>;

struct Link {
    link: SfuLink,
    events: mpsc::Receiver<SfuEvent>,
}

struct Driver {
    core: Core,
    seat: Seat,
    pending: Option<Pending>,
    channel: Option<Channel>,
    links: [Option<Link>; 2],
    unread: VecDeque<SessionEvent>,
    inputs: VecDeque<Input>,
    owner_left: bool,
    done: bool,
}

/// Runs a session until it is over and its owner has read so.
pub(in crate::legs::livekit) async fn run(core: Core, seat: Seat) {
    let mut ours = seat.hall.ours.subscribe();
    let mut roster = seat.hall.roster.subscribe();
    let mut farewell: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = None;
    let mut driver = Driver {
        core,
        seat,
        pending: None,
        channel: None,
        links: [None, None],
        unread: VecDeque::new(),
        inputs: VecDeque::new(),
        owner_left: false,
        done: false,
    };
    driver.inputs.push_back(Input::Ours(ours.borrow_and_update().clone()));
    driver.work().await;
    while !(driver.done && (driver.unread.is_empty() || driver.owner_left)) {
        let deadline = driver
            .core
            .deadline()
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        let over = driver.done;
        let [publisher, subscriber] = &mut driver.links;
        let step = tokio::select! {
            order = driver.seat.orders.recv(), if !driver.owner_left => match order {
                Some(Order::Mute(muted)) => Step::Core(Input::Mute(muted)),
                Some(Order::Digit(digit)) => Step::Core(Input::Digit(digit)),
                None => Step::OwnerLeft,
            },
            Some(listens) = driver.seat.errands.recv(), if !over => Step::Core(Input::Listen(listens)),
            Ok(()) = ours.changed(), if !over => Step::Core(Input::Ours(ours.borrow_and_update().clone())),
            Ok(()) = roster.changed(), if !over && driver.seat.leg.is_some() => Step::Roster,
            step = async { match &mut driver.pending { Some(pending) => pending.await, None => std::future::pending().await } } => {
                driver.pending = None;
                step
            }
            said = async { match &mut driver.channel { Some(channel) => channel.responses.recv().await.map(|said| said.map(Box::new)), None => std::future::pending().await } } => Step::Said(said),
            event = next(publisher) => Step::Link(Side::Publisher, event),
            event = next(subscriber) => Step::Link(Side::Subscriber, event),
            () = async { match &mut farewell { Some(farewell) => farewell.await, None => std::future::pending().await } } => Step::HandedOver,
            permit = driver.seat.events.reserve(), if !driver.unread.is_empty() && !driver.owner_left => {
                if let (Ok(permit), Some(event)) = (permit, driver.unread.pop_front()) {
                    permit.send(event);
                }
                Step::Told
            }
            () = tokio::time::sleep_until(deadline.into()) => Step::Core(Input::Timeout),
        };
        match step {
            Step::Told => {}
            Step::Core(input) => driver.inputs.push_back(input),
            Step::Opened(opened) => driver.opened(opened),
            Step::Said(said) => driver.said(said),
            Step::Link(side, event) => driver.link_says(side, event),
            Step::Roster => {
                let people = roster.borrow_and_update().clone();
                driver.tell(SessionEvent::People(people));
            }
            Step::OwnerLeft => {
                driver.owner_left = true;
                match driver.seat.hall.retire(driver.seat.member) {
                    Some(waiting) => farewell = Some(Box::pin(patience(waiting))),
                    None => driver.inputs.push_back(Input::Leave),
                }
            }
            Step::HandedOver => {
                farewell = None;
                driver.inputs.push_back(Input::Leave);
            }
        }
        driver.work().await;
    }
}

async fn patience(waiting: oneshot::Receiver<()>) {
    // Whether it took too long or the successor is gone as well: there is no more to be done for the others.
    let _ = tokio::time::timeout(HANDING_OVER, waiting).await;
}

async fn next(link: &mut Option<Link>) -> SfuEvent {
    match link {
        // The connection holds a sender for as long as we hold it.
        Some(link) => match link.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

impl Driver {
    /// Lets the core work until nothing is left to do.
    async fn work(&mut self) {
        loop {
            while let Some(output) = self.core.poll() {
                self.act(output).await;
            }
            let Some(input) = self.inputs.pop_front() else { return };
            self.core.handle(Instant::now(), input);
        }
    }

    async fn act(&mut self, output: Output) {
        match output {
            Output::GetTicket => {
                let tickets = self.seat.tickets.clone();
                self.pending = Some(Box::pin(
                    async move { Step::Core(Input::Ticket(tickets.fresh().await)) },
                ));
            }
            Output::Connect(call) => {
                let signalling = self.seat.signalling.clone();
                self.pending = Some(Box::pin(async move { Step::Opened(signalling.connect(call).await) }));
            }
            Output::Send(request) => {
                let full = self
                    .channel
                    .as_ref()
                    .is_some_and(|c| c.requests.try_send(*request).is_err());
                if full {
                    self.channel = None;
                    let trouble = Trouble::new(TroubleKind::Timeout, "the LiveKit server takes no more signalling");
                    self.inputs.push_back(Input::Closed(trouble));
                }
            }
            Output::HangUp => {
                self.pending = None;
                self.channel = None;
            }
            Output::OpenLink { side, ice, tcp } => {
                let (told, events) = mpsc::channel(LINK_EVENTS);
                let opened = match self.seat.plane.open_sfu_link(&ice, tcp, told).await {
                    Ok(mut link) if side == Side::Publisher => link.open_data().await.map(|()| link),
                    opened => opened,
                };
                match opened {
                    Ok(link) => self.links[side as usize] = Some(Link { link, events }),
                    Err(refusal) => self.broken(side, refusal.to_string()),
                }
            }
            Output::CloseLinks => self.links = [None, None],
            Output::Publish(cid) => {
                let Some(leg) = self.seat.leg.filter(|_| !self.owner_left) else {
                    return;
                };
                let Some(publisher) = &mut self.links[0] else { return };
                let sound = self.seat.plane.open_uplink(leg);
                if let Err(refusal) = publisher.link.publish(&cid, sound).await {
                    self.broken(Side::Publisher, refusal.to_string());
                }
            }
            Output::Unpublish => {
                if let Some(publisher) = &mut self.links[0] {
                    publisher.link.unpublish().await;
                }
            }
            Output::Widen(tracks) => {
                let Some(publisher) = &self.links[0] else { return };
                if let Err(refusal) = publisher.link.listen(tracks).await {
                    self.broken(Side::Publisher, refusal.to_string());
                }
            }
            Output::Offer { restart } => {
                let Some(publisher) = &self.links[0] else { return };
                match publisher.link.offer(restart).await {
                    Ok(sdp) => self.inputs.push_back(Input::Link(Side::Publisher, News::Offer(sdp))),
                    Err(refusal) => self.broken(Side::Publisher, refusal.to_string()),
                }
            }
            Output::Accept(sdp) => {
                let Some(publisher) = &self.links[0] else { return };
                if let Err(refusal) = publisher.link.accept(&sdp).await {
                    self.broken(Side::Publisher, refusal.to_string());
                }
            }
            Output::Answer { id, sdp } => {
                let Some(subscriber) = &self.links[1] else { return };
                match subscriber.link.answer(&sdp).await {
                    Ok(sdp) => {
                        let news = News::Answer { id, sdp };
                        self.inputs.push_back(Input::Link(Side::Subscriber, news));
                    }
                    Err(refusal) => self.broken(Side::Subscriber, refusal.to_string()),
                }
            }
            Output::Candidate(side, json) => {
                if let Some(link) = &self.links[side as usize] {
                    link.link.add_candidate(&json).await;
                }
            }
            Output::SendData(bytes) => {
                if let Some(publisher) = &self.links[0] {
                    publisher.link.send_data(&bytes).await;
                }
            }
            Output::Event(event) => self.tell(event),
            Output::Entered { identity, may_listen } => {
                self.seat.hall.entered(self.seat.member, &identity, may_listen);
            }
            Output::Whole => {
                if self.core.needs_tcp() {
                    self.seat.tcp.store(true, Ordering::Relaxed);
                }
                self.seat.hall.whole(self.seat.member);
            }
            Output::Faltered => self.seat.hall.faltered(self.seat.member),
            Output::TrackGone(id) => self.seat.hall.unhear(self.seat.member, &id),
            Output::Roster(people) => {
                self.seat.hall.roster.send_replace(people.into());
            }
            Output::Done => {
                self.seat.hall.left(self.seat.member);
                self.done = true;
            }
        }
    }

    fn opened(&mut self, opened: Result<Channel, Trouble>) {
        let input = opened.map(|channel| {
            let single = channel.single;
            self.channel = Some(channel);
            single
        });
        self.inputs.push_back(Input::Opened(input));
    }

    fn said(&mut self, said: Option<Result<Box<Response>, Trouble>>) {
        match said {
            Some(Ok(response)) => self.inputs.push_back(Input::Said(response)),
            Some(Err(trouble)) => {
                self.channel = None;
                self.inputs.push_back(Input::Closed(trouble));
            }
            None => {
                self.channel = None;
                let trouble = Trouble::new(
                    TroubleKind::Connect,
                    "the LiveKit server closed the signalling connection",
                );
                self.inputs.push_back(Input::Closed(trouble));
            }
        }
    }

    fn link_says(&mut self, side: Side, event: SfuEvent) {
        let news = match event {
            SfuEvent::Candidate(json) => News::Candidate(json),
            SfuEvent::Up => News::Up,
            SfuEvent::Lost => News::Lost,
            SfuEvent::Failed => News::Failed,
            SfuEvent::Data(bytes) => News::Data(bytes.to_vec()),
            SfuEvent::Track(track) => {
                if self.core.wants(&track.id) {
                    let speaker = self.core.speaker(&track.id).unwrap_or_default().to_owned();
                    self.seat.hall.hear(self.seat.member, &speaker, track);
                }
                return;
            }
        };
        self.inputs.push_back(Input::Link(side, news));
    }

    fn broken(&mut self, side: Side, what: String) {
        self.inputs.push_back(Input::Link(side, News::Broken(what)));
    }

    fn tell(&mut self, event: SessionEvent) {
        if let SessionEvent::People(_) = event {
            self.unread.retain(|unread| !matches!(unread, SessionEvent::People(_)));
        }
        if self.unread.len() >= UNREAD && !matches!(event, SessionEvent::Gone(_)) {
            return;
        }
        self.unread.push_back(event);
    }
}
