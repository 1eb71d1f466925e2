// SPDX-License-Identifier: EUPL-1.2
//! Joins rooms that live elsewhere with LiveKit and OpenTalk: one task per guest does what the room's core wants, and
//! brings back what the two have to say.
//!
//! ```text
//!   room core ── Deed ──▶ task ──▶ AttendeeHandle (OpenTalk's signalling)   ──┐
//!       ▲                   └────▶ Session        (LiveKit: sound, mute, keys) ├── News ──▶ room core
//!       └───────────────────────────────────────────────────────────────────────┘
//! ```

/// Where fresh tickets for LiveKit come from.
mod tickets;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use landbridge_opentalk::{Admission, StartError};
use tokio::sync::mpsc;

use self::tickets::{Counter, Minted};
use super::{Floor, LegId};
use crate::legs::livekit::{
    EnterOptions, Gone, Halls, Mint, Participant, PersonKind, Presence, RemotePerson, Session, SessionEvent, Ticket,
    Tickets, Trouble, TroubleKind,
};
use crate::legs::opentalk::{AttendeeHandle, Caller, Credentials, Desk, Ending, Event};
use crate::media::Plane;
use crate::room::{
    Abroad, Deed, HallEnd, HallNews, HallPerson, News, NewsSink, OpentalkPapers, Papers, Residence, Stranger,
};

/// Deeds that may wait for a guest's task.
const DEEDS: usize = 64;

/// The ways to the homes elsewhere, as far as they are configured.
#[derive(Clone)]
pub struct Ways {
    /// The media plane.
    pub plane: Plane,
    /// LiveKit by API key.
    pub livekit: Option<LivekitWay>,
    /// OpenTalk.
    pub opentalk: Option<OpentalkWay>,
}

/// The way to a LiveKit deployment.
#[derive(Clone)]
pub struct LivekitWay {
    /// Its rooms.
    pub halls: Halls,
    /// Makes tokens.
    pub mint: Mint,
    /// Whom we trust.
    pub tls: Arc<rustls::ClientConfig>,
}

/// The way to an OpenTalk deployment.
#[derive(Clone)]
pub struct OpentalkWay {
    /// The rooms of its LiveKit.
    pub halls: Halls,
    /// Its controller.
    pub desk: Desk,
}

impl Abroad for Ways {
    fn receive(&self, stranger: Stranger, news: NewsSink) -> mpsc::Sender<Deed> {
        let (deeds, receiver) = mpsc::channel(DEEDS);
        let task = Task {
            ways: self.clone(),
            leg: stranger.person,
            stranger,
            news,
            deeds: receiver,
            starting: None,
            attendee: None,
            session: None,
            counter: None,
            minted: None,
        };
        tokio::spawn(task.run());
        deeds
    }
}

/// One guest's task.
struct Task {
    ways: Ways,
    leg: LegId,
    stranger: Stranger,
    news: NewsSink,
    deeds: mpsc::Receiver<Deed>,
    /// The controller is asked to admit this caller.
    starting: Option<(Caller, Starting)>,
    attendee: Option<AttendeeHandle>,
    session: Option<Session>,
    /// Asks OpenTalk for tokens.
    counter: Option<Arc<Counter>>,
    /// Makes tokens for a room of LiveKit.
    minted: Option<Arc<Minted>>,
}

type Starting = Pin<Box<dyn Future<Output = Result<Admission, StartError>> + Send>>;

/// What the task waited for.
enum Happened {
    Deed(Option<Deed>),
    Started(Result<Admission, StartError>),
    Conference(Option<Event>),
    Hall(Option<SessionEvent>),
}

impl Task {
    async fn run(mut self) {
        loop {
            let happened = tokio::select! {
                deed = self.deeds.recv() => Happened::Deed(deed),
                started = admission(&mut self.starting) => Happened::Started(started),
                event = conference_event(&mut self.attendee) => Happened::Conference(event),
                event = session_event(&mut self.session) => Happened::Hall(event),
            };
            let news = match happened {
                Happened::Deed(None | Some(Deed::Leave)) => break,
                Happened::Deed(Some(deed)) => self.act(deed),
                Happened::Started(started) => self.started(started),
                Happened::Conference(event) => self.conference(event),
                Happened::Hall(event) => self.hall(event),
            };
            if let Some(news) = news
                && !self.news.tell(news).await
            {
                break;
            }
        }
        // Dropping both leaves LiveKit and the conference.
    }

    /// Does what the room wants; returns what is known of it at once.
    fn act(&mut self, deed: Deed) -> Option<News> {
        match deed {
            Deed::Attend(papers) => return self.attend(papers),
            Deed::Say(command) => {
                if let Some(attendee) = &self.attendee
                    && !attendee.command(command)
                {
                    tracing::warn!(leg = %self.leg, "OpenTalk's signalling does not keep up; a key had no effect");
                }
            }
            Deed::EnterHall {
                credentials,
                muted,
                floor,
            } => return self.enter_hall(credentials, muted, floor),
            Deed::LeaveHall => self.session = None,
            Deed::MuteHall(muted) => {
                if let Some(session) = &self.session {
                    session.set_muted(muted);
                }
            }
            Deed::Key(key) => {
                if let Some(session) = &self.session {
                    session.send_digit(key);
                }
            }
            Deed::Leave => {}
        }
        None
    }

    fn attend(&mut self, papers: Papers) -> Option<News> {
        match (papers, &self.stranger.residence) {
            (Papers::Livekit(attributes), Residence::Livekit { room }) => {
                let mint = self.ways.livekit.as_ref()?.mint.clone();
                let (presence, what) = match self.stranger.is_far {
                    true => (Presence::Guest, "guest"),
                    false => (Presence::Phone, "phone"),
                };
                let phone = Participant {
                    identity: format!("{what}-{:016x}", rand::random::<u64>()),
                    name: self.stranger.name.clone(),
                    attributes,
                    presence,
                };
                self.minted = Some(Arc::new(Minted::new(mint, room.clone(), phone)));
                None
            }
            (Papers::Opentalk(papers), Residence::Opentalk) => {
                let Some(way) = &self.ways.opentalk else {
                    return Some(lost("OpenTalk is not configured any more"));
                };
                let OpentalkPapers {
                    admission,
                    meeting,
                    pin,
                    name,
                } = papers;
                let caller = Caller { id: meeting, pin, name };
                match admission {
                    Some(admission) => self.present(admission, caller),
                    None => {
                        let (desk, asking) = (way.desk.clone(), caller.clone());
                        let starting = Box::pin(async move { desk.start(&asking).await });
                        self.starting = Some((caller, starting));
                    }
                }
                None
            }
            _ => Some(lost("the papers are for another home")),
        }
    }

    /// Goes on where the controller admits the guest.
    fn started(&mut self, started: Result<Admission, StartError>) -> Option<News> {
        let (caller, _) = self.starting.take()?;
        match started {
            Ok(admission) => {
                self.present(admission, caller);
                None
            }
            Err(error) => {
                tracing::warn!(leg = %self.leg, %error, "OpenTalk's controller admits nobody from the partner's half");
                Some(News::Conference(Box::new(Event::Ended(Ending::Refused(error)))))
            }
        }
    }

    fn present(&mut self, admission: Admission, caller: Caller) {
        let Some(way) = &self.ways.opentalk else { return };
        let attendee = way.desk.attend(admission, caller);
        self.counter = Some(Arc::new(Counter::new(attendee.commands())));
        self.attendee = Some(attendee);
    }

    fn enter_hall(&mut self, credentials: Option<Credentials>, muted: bool, floor: Option<Floor>) -> Option<News> {
        // First out of the old room, then into the new: the leg can be in one only.
        self.session = None;
        let options = EnterOptions {
            muted,
            track_name: if self.stranger.is_far { "guest" } else { "phone" }.to_owned(),
            identity: self.minted.as_ref().map(|minted| minted.identity().to_owned()),
            floor,
            stays: self.stranger.is_far,
        };
        match (credentials, &self.minted, &self.counter) {
            (Some(Credentials { room, token, url }), _, Some(counter)) => {
                let way = self.ways.opentalk.as_ref()?;
                let first = Ticket { url, token, room };
                let tickets: Arc<dyn Tickets> = counter.clone();
                self.session = Some(way.halls.enter(self.leg, first, tickets, None, options));
                None
            }
            (None, Some(minted), _) => {
                let way = self.ways.livekit.as_ref()?;
                let first = match minted.ticket() {
                    Ok(first) => first,
                    Err(trouble) => return Some(self.refused(&trouble)),
                };
                let ear: Arc<dyn Tickets> = Arc::new(minted.ear());
                let tickets: Arc<dyn Tickets> = minted.clone();
                self.session = Some(way.halls.enter(self.leg, first, tickets, Some(ear), options));
                None
            }
            _ => Some(News::Hall(HallNews::Out(HallEnd::Unreachable))),
        }
    }

    /// Takes what OpenTalk says; a token that the session waits for goes there and nowhere else.
    fn conference(&mut self, event: Option<Event>) -> Option<News> {
        let Some(event) = event else {
            self.attendee = None;
            return Some(lost("the signalling ended without a word"));
        };
        let event = match &self.counter {
            Some(counter) => counter.serve(event)?,
            None => event,
        };
        match &event {
            Event::Ended(Ending::Lost(what) | Ending::Blocked(what)) => {
                tracing::warn!(leg = %self.leg, what, "OpenTalk ended the call");
            }
            Event::Ended(Ending::Refused(error)) => tracing::warn!(leg = %self.leg, %error, "OpenTalk ended the call"),
            Event::Reconnecting => {
                tracing::warn!(leg = %self.leg, "OpenTalk's signalling is lost and will be tried again");
            }
            _ => {}
        }
        Some(News::Conference(Box::new(event)))
    }

    fn hall(&mut self, event: Option<SessionEvent>) -> Option<News> {
        let Some(event) = event else {
            self.session = None;
            return Some(News::Hall(HallNews::Out(HallEnd::Unreachable)));
        };
        let news = match event {
            SessionEvent::Joined { may_speak } => HallNews::In { may_speak },
            SessionEvent::Reconnecting => {
                tracing::warn!(leg = %self.leg, "LiveKit is lost and will be tried again");
                HallNews::Reconnecting
            }
            SessionEvent::Restored => HallNews::Restored,
            SessionEvent::MutedByServer => HallNews::Muted,
            // Nobody may open another person's microphone: what is shown follows what is so.
            SessionEvent::UnmutedByServer => {
                if let Some(session) = &self.session {
                    session.set_muted(true);
                }
                return None;
            }
            SessionEvent::MaySpeak(may_speak) => HallNews::MaySpeak(may_speak),
            SessionEvent::People(people) => HallNews::People(people.iter().filter_map(person).collect()),
            SessionEvent::Digit(key) => {
                self.ways.plane.send_digits(self.leg, key.encode_utf8(&mut [0; 4]));
                return None;
            }
            SessionEvent::Gone(gone) => {
                self.session = None;
                return self.gone(gone);
            }
        };
        Some(News::Hall(news))
    }

    fn gone(&mut self, gone: Gone) -> Option<News> {
        let end = match gone {
            Gone::Left => return None,
            Gone::Removed | Gone::Duplicate => HallEnd::Removed,
            Gone::RoomDeleted => HallEnd::RoomDeleted,
            Gone::Refused(trouble) | Gone::Lost(trouble) => return Some(self.refused(&trouble)),
        };
        Some(News::Hall(HallNews::Out(end)))
    }

    fn refused(&self, trouble: &Trouble) -> News {
        tracing::warn!(leg = %self.leg, %trouble, "LiveKit does not let the phone in");
        let end = match trouble.kind {
            TroubleKind::RoomFull => HallEnd::Full,
            _ => HallEnd::Unreachable,
        };
        News::Hall(HallNews::Out(end))
    }
}

/// Leaves out this node's own phones, which the room knows itself.
fn person(person: &RemotePerson) -> Option<HallPerson> {
    if person.ours.is_some() {
        return None;
    }
    Some(HallPerson {
        identity: person.identity.clone(),
        name: person.name.clone(),
        is_phone: person.kind == PersonKind::Sip,
        muted: person.muted,
        speaking: person.speaking,
    })
}

fn lost(what: &str) -> News {
    News::Conference(Box::new(Event::Ended(Ending::Lost(what.to_owned()))))
}

async fn admission(starting: &mut Option<(Caller, Starting)>) -> Result<Admission, StartError> {
    match starting {
        Some((_, starting)) => starting.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn conference_event(attendee: &mut Option<AttendeeHandle>) -> Option<Event> {
    match attendee {
        Some(attendee) => attendee.next_event().await,
        None => std::future::pending().await,
    }
}

async fn session_event(session: &mut Option<Session>) -> Option<SessionEvent> {
    match session {
        Some(session) => session.next_event().await,
        None => std::future::pending().await,
    }
}
