// SPDX-License-Identifier: EUPL-1.2
//! One participant's session as a core: how it gets in, stays in, and comes back; what is said then is in `talk`.
//!
//! ```text
//! Ticketing ─▶ Connecting ─▶ Joining ─▶ Live ──(way lost)──▶ Connecting with resume, then anew with a fresh ticket
//!     ▲             └── trouble ──▶ Waiting (0.2 s … 2 s) ──┘        └── given up: Done
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use livekit_protocol::{LeaveRequest, ReconnectReason, leave_request};

use super::audience::Audience;
use super::event::{Gone, SessionEvent};
use super::microphone::Microphone;
use super::words::{CoreOptions, Input, Output};
use crate::legs::livekit::signalling::{Call, Request, Resume};
use crate::legs::livekit::ticket::{Ticket, Trouble, TroubleKind};
use crate::media::IceServer;

/// A token is good for a new start for this long after it was obtained; they may live 32 s only.
const TICKET_LIFE: Duration = Duration::from_secs(20);
/// Media must be up this long after signalling.
pub(super) const MEDIA: Duration = Duration::from_secs(6);
/// An outage shorter than this is not told.
const UNTOLD: Duration = Duration::from_millis(1500);
/// Resuming is tried for this long; after that only a new start can help.
const RESUMING: Duration = Duration::from_secs(8);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Short enough that sound is back three seconds after the server is.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Refusals in a row, each with a fresh ticket, that end a session which was in before.
const REFUSALS: u32 = 3;
/// Refusals within this time may come of a server that is just starting.
const REFUSED: Duration = Duration::from_secs(60);
/// Whatever was whole for so long begins its tries anew.
const STEADY: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting { until: Instant },
    Ticketing,
    Connecting,
    Joining { until: Instant },
    Live,
    Over,
}

/// One participant's session.
pub(in crate::legs::livekit) struct Core {
    pub(super) options: CoreOptions,
    pub(super) stage: Stage,
    pub(super) out: VecDeque<Output>,
    pub(super) began: Instant,
    pub(super) mic: Microphone,
    pub(super) audience: Audience,
    ticket: Option<(Ticket, Instant)>,
    /// The server's newer token for resuming.
    pub(super) refreshed: Option<String>,
    pub(super) sid: String,
    pub(super) identity: String,
    pub(super) single: bool,
    pub(super) subscriber_primary: bool,
    pub(super) ping: Option<Ping>,
    /// The next start is a resumption.
    resume: Option<ReconnectReason>,
    pub(super) joined_once: bool,
    outage: Option<Outage>,
    /// What the outage comes from.
    trouble: Option<Trouble>,
    attempt: u32,
    refusals: u32,
    rng: u64,
    pub(super) links: Links,
    pub(super) ice: Vec<IceServer>,
    /// Ping interval and patience [s], for after a resumption.
    pub(super) rhythm: (i32, i32),
    pub(super) tracks_asked: u32,
    /// The server may not know what the owner last said of the microphone.
    pub(super) mute_unsent: bool,
    /// The next word about this participant tells how the server sees its microphone after a resumption.
    pub(super) mute_unknown: bool,
    /// Sections for remote sound that were offered.
    pub(super) widened: u32,
    /// The room that the hall is for.
    room: Option<String>,
    whole_since: Option<Instant>,
}

/// When the server is asked whether it lives, and by when it has to say something.
pub(super) struct Ping {
    pub(super) interval: Duration,
    pub(super) patience: Duration,
    pub(super) next: Instant,
    pub(super) heard_by: Instant,
}

struct Outage {
    since: Instant,
    told: bool,
}

/// What is known of the peer connections.
#[derive(Default)]
pub(super) struct Links {
    pub(super) open: [bool; 2],
    pub(super) up: [bool; 2],
    /// Candidates that came before the description they belong to.
    pub(super) early: [Option<Vec<String>>; 2],
    /// Sides that must be up by then.
    pub(super) deadline: Option<Instant>,
    /// An offer of ours waits for its answer.
    pub(super) offering: bool,
    /// Another offer is due after that, with or without an ICE restart.
    pub(super) again: Option<bool>,
    pub(super) offer_id: u32,
    /// UDP did not get through: try TCP as well.
    pub(super) tcp: bool,
}

impl Core {
    /// Makes a session that starts at once, with a ticket or by asking for one.
    pub(in crate::legs::livekit) fn new(now: Instant, first: Option<Ticket>, options: CoreOptions) -> Core {
        let mut core = Core {
            stage: Stage::Ticketing,
            out: VecDeque::new(),
            began: now,
            mic: Microphone::new(options.muted, options.track_name.clone()),
            audience: Audience::new(now),
            ticket: first.clone().map(|ticket| (ticket, now)),
            refreshed: None,
            sid: String::new(),
            identity: String::new(),
            single: false,
            subscriber_primary: false,
            ping: None,
            resume: None,
            joined_once: false,
            outage: Some(Outage { since: now, told: true }),
            trouble: None,
            attempt: 0,
            refusals: 0,
            rng: options.seed | 1,
            links: Links {
                tcp: options.tcp,
                ..Links::default()
            },
            ice: Vec::new(),
            rhythm: (0, 0),
            tracks_asked: 0,
            mute_unsent: false,
            mute_unknown: false,
            widened: 0,
            room: first.map(|ticket| ticket.room),
            whole_since: None,
            options,
        };
        core.start(now);
        core
    }

    /// Makes the session listen from the start.
    pub(in crate::legs::livekit) fn listen(&mut self) {
        self.audience.listens = true;
    }

    /// Says whether TCP is tried besides UDP.
    pub(super) fn needs_tcp(&self) -> bool {
        self.links.tcp
    }

    /// Says whether a remote track is to be heard.
    pub(super) fn wants(&self, track: &str) -> bool {
        self.audience.wants(track)
    }

    /// Returns the identity of the participant whose track is to be heard.
    pub(super) fn speaker(&self, track: &str) -> Option<&str> {
        self.audience.speaker(track)
    }

    /// Returns when `handle(now, Input::Timeout)` is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let stage = match self.stage {
            Stage::Waiting { until } | Stage::Joining { until } => Some(until),
            Stage::Over => return None,
            _ => None,
        };
        let ping = self.ping.as_ref().map(|ping| ping.next.min(ping.heard_by));
        let told = self.outage.as_ref().filter(|o| !o.told).map(|o| o.since + UNTOLD);
        [stage, ping, told, self.links.deadline, self.audience.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes in one event.
    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        if self.stage == Stage::Over {
            return;
        }
        match input {
            Input::Ticket(Ok(ticket)) if self.stage == Stage::Ticketing => {
                // The phone was sent to another room meanwhile: its sound must not go there by this way.
                if self.room.get_or_insert_with(|| ticket.room.clone()) != &ticket.room {
                    let what = "the new token leads to another room";
                    return self.end(Gone::Lost(Trouble::new(TroubleKind::Internal, what)));
                }
                self.ticket = Some((ticket, now));
                self.start(now);
            }
            Input::Ticket(Err(trouble)) if self.stage == Stage::Ticketing => self.fail(now, trouble),
            Input::Ticket(_) => {}
            Input::Opened(Ok(single)) => {
                self.single = single;
                self.stage = Stage::Joining {
                    until: now + self.options.timeout,
                };
            }
            Input::Opened(Err(trouble)) | Input::Closed(trouble) => self.signalling_lost(now, trouble),
            Input::Said(response) => self.said(now, *response),
            Input::Link(side, news) => self.link_says(now, side, news),
            Input::Mute(muted) => self.mute(muted),
            Input::Digit(digit) => self.digit(digit),
            Input::Listen(listens) => {
                self.audience.listens = listens;
                self.follow(now);
            }
            Input::Ours(ours) => {
                self.audience.ours = ours;
                self.follow(now);
            }
            Input::Leave => self.leave(),
            Input::Timeout => self.timeout(now),
        }
    }

    /// Returns the next thing to do, until there is none.
    pub(super) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Connects: as a resumption, with the ticket at hand, or after asking for one.
    fn start(&mut self, now: Instant) {
        let fresh = |(_, since): &&(Ticket, Instant)| now.duration_since(*since) <= TICKET_LIFE;
        let resuming = self.resume.is_some();
        let Some((ticket, _)) = self.ticket.as_ref().filter(|ticket| resuming || fresh(ticket)) else {
            self.ticket = None;
            self.stage = Stage::Ticketing;
            self.out.push_back(Output::GetTicket);
            return;
        };
        let resume = self.resume.map(|reason| Resume {
            sid: self.sid.clone(),
            reason,
            single: self.single,
        });
        let token = self
            .refreshed
            .as_ref()
            .filter(|_| resuming)
            .unwrap_or(&ticket.token)
            .clone();
        self.stage = Stage::Connecting;
        let call = Call {
            url: ticket.url.clone(),
            token,
            resume,
        };
        self.out.push_back(Output::Connect(call));
    }

    fn signalling_lost(&mut self, now: Instant, trouble: Trouble) {
        if self.stage == Stage::Live {
            self.trouble = Some(trouble);
            self.resume_session(now, ReconnectReason::RrSignalDisconnected);
        } else {
            self.fail(now, trouble);
        }
    }

    /// Takes the session up again over new signalling; the peer connections stay.
    pub(super) fn resume_session(&mut self, now: Instant, reason: ReconnectReason) {
        self.begin_outage(now);
        self.out.push_back(Output::HangUp);
        self.ping = None;
        self.links.deadline = None;
        self.attempt = 0;
        self.resume = Some(reason);
        self.start(now);
    }

    fn drop_all(&mut self) {
        self.resume = None;
        self.refreshed = None;
        self.ping = None;
        self.links = Links {
            tcp: self.links.tcp,
            ..Links::default()
        };
        self.widened = 0;
        self.mic.forget();
        if let Some(people) = self.audience.hush() {
            self.out.push_back(Output::Roster(people));
        }
        for sid in self.audience.forget() {
            self.out.push_back(Output::TrackGone(sid));
        }
        self.out.push_back(Output::HangUp);
        self.out.push_back(Output::CloseLinks);
        self.out.push_back(Output::Faltered);
    }

    /// Tries again after a pause, unless that is no use.
    pub(super) fn fail(&mut self, now: Instant, trouble: Trouble) {
        self.begin_outage(now);
        let since = self.outage.as_ref().map_or(now, |outage| outage.since);
        let out_for = now.saturating_duration_since(since);
        self.trouble = Some(trouble.clone());
        if !trouble.passes() {
            if !self.joined_once {
                return self.end(Gone::Refused(trouble));
            }
            // What was wrong with the old token need not be wrong with a new one.
            self.ticket = self.ticket.take().filter(|_| self.resume.is_some());
            // A proxy in front of a server that restarts, or a room that is not there again yet, says "not found" for a while.
            let refused = matches!(
                trouble.kind,
                TroubleKind::Unauthorised | TroubleKind::Forbidden | TroubleKind::Clock
            );
            self.refusals += u32::from(self.resume.is_none() && refused);
            if self.refusals >= REFUSALS && out_for >= REFUSED {
                return self.end(Gone::Lost(trouble));
            }
        }
        if !self.joined_once && out_for >= self.options.entry {
            return self.end(Gone::Refused(trouble));
        }
        if out_for >= self.options.outage {
            return self.end(Gone::Lost(trouble));
        }
        // While media still arrives, the server lives and remembers us: only the way to its signalling is broken.
        let dead = trouble.kind == TroubleKind::Connect && self.links.up == [false; 2];
        let pointless = dead || !trouble.passes() || out_for >= RESUMING;
        if self.resume.is_some() && pointless {
            // Nobody is there who could remember us.
            self.drop_all();
        } else {
            self.out.push_back(Output::HangUp);
        }
        self.stage = Stage::Waiting {
            until: now + self.pause(),
        };
    }

    fn pause(&mut self) -> Duration {
        let longest = (FIRST_PAUSE * 2u32.saturating_pow(self.attempt.min(8))).min(LONGEST_PAUSE);
        self.attempt = self.attempt.saturating_add(1);
        // xorshift; between half and all of it, so that a thousand sessions do not come back at once.
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        longest / 2 + (longest / 2).mul_f64((self.rng % 1000) as f64 / 1000.0)
    }

    pub(super) fn begin_outage(&mut self, now: Instant) {
        if self.outage.is_none() {
            let lasted = self
                .whole_since
                .take()
                .map(|since| now.saturating_duration_since(since));
            // A server that lets us in and sends us away at once is not asked without a pause.
            if lasted.is_some_and(|lasted| lasted >= STEADY) {
                self.attempt = 0;
            }
            self.outage = Some(Outage {
                since: now,
                told: false,
            });
        }
    }

    /// Ends an outage when signalling and media are whole.
    pub(super) fn settle(&mut self, now: Instant) {
        let whole =
            (0..2).all(|side| self.links.up[side] || !self.links.needed(side, self.single, self.subscriber_primary));
        if self.stage != Stage::Live || !whole {
            return;
        }
        self.links.deadline = None;
        self.whole_since.get_or_insert(now);
        self.refusals = 0;
        let outage = self.outage.take();
        self.trouble = None;
        if !self.joined_once {
            self.joined_once = true;
            let event = SessionEvent::Joined {
                may_speak: self.mic.allowed,
            };
            self.out.push_back(Output::Event(event));
        } else if outage.is_some_and(|outage| outage.told) {
            self.out.push_back(Output::Event(SessionEvent::Restored));
        }
        self.out.push_back(Output::Whole);
        self.follow(now);
    }

    /// Signalling is open and the server has spoken.
    pub(super) fn live(&mut self, now: Instant) {
        self.stage = Stage::Live;
        self.resume = None;
        self.links.deadline = Some(now + MEDIA);
    }

    pub(super) fn send(&mut self, request: Request) {
        self.out.push_back(Output::Send(Box::new(request)));
    }

    /// Says whether nothing is missing at the moment.
    pub(super) fn whole(&self) -> bool {
        self.outage.is_none()
    }

    /// Lets go of the participant session and all that belongs to it.
    pub(super) fn discard(&mut self) {
        self.drop_all();
        self.ticket = self.ticket.take().filter(|_| !self.joined_once);
    }

    pub(super) fn is_resuming(&self) -> bool {
        self.resume.is_some()
    }

    fn timeout(&mut self, now: Instant) {
        if let Some(outage) = &mut self.outage
            && !outage.told
            && outage.since + UNTOLD <= now
        {
            outage.told = true;
            let trouble = self
                .trouble
                .as_ref()
                .map_or("no packets arrive", |trouble| trouble.what.as_str());
            tracing::warn!(trouble, "a session lost its LiveKit server and is reconnecting");
            self.out.push_back(Output::Event(SessionEvent::Reconnecting));
        }
        match self.stage {
            Stage::Waiting { until } if until <= now => self.start(now),
            Stage::Joining { until } if until <= now => {
                let what = "the LiveKit server accepts connections and says nothing; is it overloaded?";
                self.fail(now, Trouble::new(TroubleKind::Timeout, what));
            }
            _ => {}
        }
        if let Some(ping) = &mut self.ping {
            if ping.heard_by <= now {
                let what = "the LiveKit server answers no ping";
                self.ping = None;
                return self.signalling_lost(now, Trouble::new(TroubleKind::Timeout, what));
            }
            if ping.next <= now {
                ping.next = now + ping.interval;
                let timestamp = now.duration_since(self.began).as_millis() as i64;
                let ping = livekit_protocol::Ping { timestamp, rtt: 0 };
                self.send(Request::PingReq(ping));
            }
        }
        if self.links.deadline.is_some_and(|deadline| deadline <= now) {
            self.links.deadline = None;
            self.links.tcp |= self.links.up == [false; 2];
            let what = "no media connection to the LiveKit server came up; open its UDP ports towards this gateway, or give it TURN or a TCP port";
            self.drop_all();
            self.fail(now, Trouble::new(TroubleKind::Timeout, what));
        }
        if self.audience.settle_doubts(now) {
            self.follow(now);
        }
        if let Some(people) = self.audience.due(now) {
            self.out.push_back(Output::Roster(people));
        }
    }

    fn leave(&mut self) {
        let leave = LeaveRequest {
            reason: livekit_protocol::DisconnectReason::ClientInitiated.into(),
            action: leave_request::Action::Disconnect.into(),
            ..LeaveRequest::default()
        };
        self.send(Request::Leave(leave));
        self.end(Gone::Left);
    }

    /// Ends the session.
    pub(super) fn end(&mut self, gone: Gone) {
        self.drop_all();
        self.stage = Stage::Over;
        self.out.push_back(Output::Event(SessionEvent::Gone(gone)));
        self.out.push_back(Output::Done);
    }
}

impl Links {
    /// Says whether a side has to be up for the session to be whole.
    fn needed(&self, side: usize, single: bool, subscriber_primary: bool) -> bool {
        match side {
            0 => self.offer_id > 0 || !subscriber_primary,
            _ => !single && subscriber_primary,
        }
    }
}
