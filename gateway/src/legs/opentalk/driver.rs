// SPDX-License-Identifier: EUPL-1.2
//! One phone's attendee, in a task of its own.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use landbridge_opentalk::{Admission, Attendee, AttendeeOptions, Command, Event, Input, Output, StartError};
use tokio::sync::mpsc;

use super::socket::{Happening, Socket};
use super::{Caller, Desk};

/// Events that may wait for the phone's call; then the socket is not read until there is room.
const EVENTS: usize = 64;
/// Commands that may wait.
const COMMANDS: usize = 32;
/// How long the last event may wait for the phone's call.
const FAREWELL: Duration = Duration::from_secs(10);

/// One phone in a meeting. Dropping it leaves the meeting.
pub struct AttendeeHandle {
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
}

impl AttendeeHandle {
    /// Wants something; returns false if so much is wanted already that this is not, or if it is over.
    pub fn command(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// Returns a way to want something from elsewhere; it does not keep the phone in the meeting.
    pub fn commands(&self) -> mpsc::WeakSender<Command> {
        self.commands.downgrade()
    }

    /// Waits for what happens next; `None` after [`Event::Ended`]. Cancel-safe.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

/// Starts the task.
pub(super) fn attend(desk: Desk, admission: Admission, caller: Caller) -> AttendeeHandle {
    let (commands, wanted) = mpsc::channel(COMMANDS);
    let (told, events) = mpsc::channel(EVENTS);
    let mut seed = [0u8; 8];
    // Without chance the waits are alike, which is all that is lost.
    let _ = aws_lc_rs::rand::fill(&mut seed);
    let mut options = AttendeeOptions::new(caller.name.clone(), u64::from_le_bytes(seed));
    options.outage = desk.outage();
    let driver = Driver {
        attendee: Attendee::new(Instant::now(), admission, options),
        desk,
        caller,
        wanted,
        told,
        backlog: VecDeque::new(),
        socket: None,
        starting: None,
    };
    tokio::spawn(driver.run());
    AttendeeHandle { commands, events }
}

type Starting = Pin<Box<dyn Future<Output = Result<Admission, StartError>> + Send>>;

/// What a turn of the loop brings.
enum Turn {
    Wanted(Command),
    Happened(Option<Happening>),
    Answered(Result<Admission, StartError>),
    Due,
}

struct Driver {
    attendee: Attendee,
    desk: Desk,
    caller: Caller,
    wanted: mpsc::Receiver<Command>,
    told: mpsc::Sender<Event>,
    /// Events that the phone's call has not taken yet.
    backlog: VecDeque<Event>,
    socket: Option<Socket>,
    starting: Option<Starting>,
}

impl Driver {
    async fn run(mut self) {
        metrics::gauge!("landbridge_opentalk_attendees").increment(1.0);
        self.drive().await;
        metrics::gauge!("landbridge_opentalk_attendees").decrement(1.0);
        // The last event must arrive; a call that takes none is gone.
        let farewell = async {
            for event in self.backlog.drain(..) {
                if self.told.send(event).await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    async fn drive(&mut self) {
        if self.drain() {
            return;
        }
        loop {
            let deadline = self.attendee.deadline();
            let is_behind = self.backlog.len() >= EVENTS;
            let turn = tokio::select! {
                command = self.wanted.recv() => Turn::Wanted(command.unwrap_or(Command::Leave)),
                Ok(room) = self.told.reserve(), if !self.backlog.is_empty() => {
                    if let Some(event) = self.backlog.pop_front() {
                        room.send(event);
                    }
                    continue;
                }
                happening = next(&mut self.socket), if !is_behind => Turn::Happened(happening),
                result = start(&mut self.starting) => Turn::Answered(result),
                () = until(deadline) => Turn::Due,
            };
            self.take(turn);
            if self.drain() {
                return;
            }
        }
    }

    /// Tells the attendee.
    fn take(&mut self, turn: Turn) {
        let now = Instant::now();
        match turn {
            Turn::Wanted(command) => self.attendee.handle(now, Input::Command(command)),
            Turn::Due => self.attendee.handle(now, Input::Timeout),
            Turn::Answered(result) => {
                self.starting = None;
                let input = match result {
                    Ok(admission) => Input::Started(admission),
                    Err(error) => Input::StartFailed(error),
                };
                self.attendee.handle(now, input);
            }
            Turn::Happened(Some(Happening::Opened)) => self.attendee.handle(now, Input::Opened),
            Turn::Happened(Some(Happening::Text(text))) => self.attendee.handle(now, Input::Text(&text)),
            Turn::Happened(Some(Happening::Closed(code, reason))) => {
                self.socket = None;
                let reason = &reason;
                self.attendee.handle(now, Input::Closed { code, reason });
            }
            Turn::Happened(Some(Happening::Failed(why))) => {
                self.socket = None;
                tracing::debug!(%why, "OpenTalk signalling failed");
                self.attendee.handle(now, Input::Failed(&why));
            }
            Turn::Happened(Some(Happening::TooLong(why))) => {
                self.socket = None;
                tracing::debug!(%why, "OpenTalk signalling failed");
                self.attendee.handle(now, Input::TooLong(&why));
            }
            Turn::Happened(None) => {
                self.socket = None;
                self.attendee.handle(now, Input::Failed("the signalling's task ended"));
            }
        }
    }

    /// Does what the attendee asks for; returns true when it is over.
    fn drain(&mut self) -> bool {
        let mut is_over = false;
        while let Some(output) = self.attendee.poll() {
            match output {
                Output::Start => {
                    metrics::counter!("landbridge_opentalk_restarts_total").increment(1);
                    let (desk, caller) = (self.desk.clone(), self.caller.clone());
                    self.starting = Some(Box::pin(async move { desk.start_again(&caller).await }));
                }
                Output::Connect { url, subprotocols } => {
                    let tls = self.desk.tls().clone();
                    self.socket = Some(Socket::open(url, subprotocols, tls));
                }
                Output::Send(text) => {
                    if self.socket.as_ref().is_some_and(|socket| !socket.send(text)) {
                        self.socket = None;
                        let why = "OpenTalk reads nothing any more";
                        self.attendee.handle(Instant::now(), Input::Failed(why));
                    }
                }
                Output::Close => self.socket = None,
                Output::Event(event) => {
                    is_over |= matches!(event, Event::Ended(_));
                    self.backlog.push_back(event);
                }
            }
        }
        is_over
    }
}

/// Waits for what happens on a socket, for ever if there is none.
async fn next(socket: &mut Option<Socket>) -> Option<Happening> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}

/// Waits for the controller's answer, for ever if it was not asked.
async fn start(starting: &mut Option<Starting>) -> Result<Admission, StartError> {
    match starting {
        Some(starting) => starting.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Waits until a time, for ever if there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
