// SPDX-License-Identifier: EUPL-1.2
//! One telephone in one meeting.

/// What the server says.
mod hearing;
/// How a connection begins, is lost and comes back.
mod link;
/// Whether the phone may be recorded.
mod recording;
/// Where the phone is, and what it finds there.
mod room;
/// Who else is there.
mod roster;
/// What the phone wants.
mod wanting;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::wire::Id;
use crate::{Admission, BreakoutRoom, Command, Ending, Event, Name, Pace, Place, StartError};
use link::Stage;
use recording::Consent;
use roster::Roster;

/// Most messages that wait to be sent; what is wanted beyond that is dropped.
const OUTBOX: usize = 32;

/// How one phone takes part.
#[derive(Clone, Debug)]
pub struct AttendeeOptions {
    /// How the others see it; their OpenTalk may mask it.
    pub name: Name,
    /// How long the first connection may take; then it is [`Ending::Lost`].
    pub patience: Duration,
    /// How long a lost connection is tried again; then it is [`Ending::Lost`].
    pub outage: Duration,
    /// Chance, so that phones do not come back in step.
    pub seed: u64,
}

impl AttendeeOptions {
    /// Takes part under a name: 15 s for the first connection, two minutes for an outage.
    pub fn new(name: Name, seed: u64) -> AttendeeOptions {
        AttendeeOptions {
            name,
            patience: Duration::from_secs(15),
            outage: Duration::from_secs(120),
            seed,
        }
    }
}

/// What an attendee is fed with.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The socket is open.
    Opened,
    /// A text message came.
    Text(&'a str),
    /// The socket was closed by the server.
    Closed {
        /// Code of the close frame (RFC 6455 §7.4).
        code: Option<u16>,
        /// Text of the close frame.
        reason: &'a str,
    },
    /// The socket could not be opened, or broke: why.
    Failed(&'a str),
    /// The server sent a message that is too long to be read, and the socket was given up: why.
    TooLong(&'a str),
    /// The controller admits the phone, as [`Output::Start`] asked.
    Started(Admission),
    /// The controller does not.
    StartFailed(StartError),
    /// The phone wants something.
    Command(Command),
    /// The deadline has passed.
    Timeout,
}

/// What an attendee asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Ask the controller for a new admission.
    Start,
    /// Open a socket, in place of an earlier one.
    Connect {
        /// Its address (`wss://…`); it holds a secret.
        url: String,
        /// Subprotocols to offer (RFC 6455 §4.1); they hold a secret.
        subprotocols: Vec<String>,
    },
    /// Send a text message.
    Send(String),
    /// Close the socket.
    Close,
    /// Tell the phone's call.
    Event(Event),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Output::Start => f.write_str("Start"),
            Output::Connect { .. } => f.write_str("Connect"),
            Output::Send(text) => f.debug_tuple("Send").field(text).finish(),
            Output::Close => f.write_str("Close"),
            Output::Event(event) => f.debug_tuple("Event").field(event).finish(),
        }
    }
}

/// One telephone in one meeting: what it says to OpenTalk and hears from it.
#[derive(Debug)]
pub struct Attendee {
    options: AttendeeOptions,
    stage: Stage,
    backoff: Backoff,
    /// When the connection was lost, or first begun, for as long as it is not steady again.
    unsteady_since: Option<Instant>,
    /// When the connection counts as steady.
    steady_at: Option<Instant>,
    /// What was wrong last.
    trouble: String,
    /// The phone has been let into the room or its waiting room before.
    was_inside: bool,
    /// The call was told that the connection is lost.
    told_lost: bool,
    is_legacy: bool,
    /// The server was told our name on this connection, or knew it.
    named: bool,

    pace: Pace,
    outbox: VecDeque<String>,
    outputs: VecDeque<Output>,

    me: Id,
    place: Place,
    rooms: Vec<BreakoutRoom>,
    /// A change of rooms is under way.
    switching: bool,
    /// When the breakout rooms close by themselves, to warn before.
    rooms_warn_at: Option<Instant>,
    restricted: bool,
    hand: Hand,
    consent: Consent,
    roster: Roster,
    /// When to give up waiting for a LiveKit token.
    token_wanted: Option<Instant>,
    closes_at: Option<Instant>,
    /// Warnings of the closing that were given.
    warnings: usize,
}

/// The phone's own hand, as the server last said.
#[derive(Debug)]
struct Hand {
    up: bool,
    enabled: bool,
    /// Was raised again after an outage: no news to the caller.
    quietly: bool,
}

impl Attendee {
    /// Starts with an admission, which is used at once.
    pub fn new(now: Instant, admission: Admission, options: AttendeeOptions) -> Attendee {
        let mut attendee = Attendee {
            stage: Stage::Starting,
            backoff: Backoff::new(options.seed),
            unsteady_since: Some(now),
            steady_at: None,
            trouble: String::new(),
            was_inside: false,
            told_lost: false,
            is_legacy: false,
            named: false,
            pace: Pace::new(now),
            outbox: VecDeque::new(),
            outputs: VecDeque::new(),
            me: Id::default(),
            place: Place::Main,
            rooms: Vec::new(),
            switching: false,
            rooms_warn_at: None,
            restricted: false,
            hand: Hand {
                up: false,
                enabled: true,
                quietly: false,
            },
            consent: Consent::default(),
            roster: Roster::default(),
            token_wanted: None,
            closes_at: None,
            warnings: 0,
            options,
        };
        attendee.connect(now, admission);
        attendee
    }

    /// Says when to hand in [`Input::Timeout`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        if self.stage == Stage::Over {
            return None;
        }
        let next_message = self.outbox.front().filter(|_| self.is_open()).map(|_| self.pace.next());
        [
            self.stage.deadline(),
            self.gives_up_at(),
            self.steady_at,
            next_message,
            self.roster.tell_at(),
            self.token_wanted,
            self.rooms_warn_at,
            self.next_warning(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.stage == Stage::Over {
            return;
        }
        match input {
            Input::Opened => self.opened(now),
            Input::Text(text) => self.heard(now, text),
            Input::Closed { code, reason } => self.closed(now, code, reason),
            Input::Failed(why) => self.lost(now, why),
            Input::TooLong(why) => self.unreadable(now, why),
            Input::Started(admission) => self.started(now, admission),
            Input::StartFailed(error) => self.refused(now, error),
            Input::Command(command) => self.want(now, command),
            Input::Timeout => {}
        }
        self.alarms(now);
        self.send(now);
    }

    /// Returns what to do next, until there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Does what has become due.
    fn alarms(&mut self, now: Instant) {
        self.link_alarms(now);
        if self.stage == Stage::Over {
            return;
        }
        if let Some(people) = self.roster.due(now) {
            self.tell(Event::People(people));
        }
        if self.token_wanted.is_some_and(|at| at <= now) {
            self.token_wanted = None;
            self.tell(Event::CredentialsUnavailable);
        }
        self.room_alarms(now);
    }

    /// Sends what the pace allows.
    fn send(&mut self, now: Instant) {
        while self.is_open() && self.pace.next() <= now {
            let Some(text) = self.outbox.pop_front() else { return };
            self.pace.sent(now);
            self.outputs.push_back(Output::Send(text));
        }
    }

    /// Puts a message in line; without a connection, or with too many before it, it is dropped.
    fn say(&mut self, text: String) -> bool {
        let fits = self.is_open() && self.outbox.len() < OUTBOX;
        if fits {
            self.outbox.push_back(text);
        }
        fits
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Ends it: nothing is said or told afterwards.
    fn end(&mut self, ending: Ending) {
        if !matches!(self.stage, Stage::Pausing { .. } | Stage::Starting) {
            self.outputs.push_back(Output::Close);
        }
        self.stage = Stage::Over;
        self.outbox.clear();
        self.tell(Event::Ended(ending));
    }
}

#[cfg(test)]
mod tests;
