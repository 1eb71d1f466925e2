// SPDX-License-Identifier: EUPL-1.2
//! How a connection begins, is lost and comes back.
//!
//! OpenTalk keeps no place for a telephone whose socket is lost: it comes back as a new participant with a new
//! admission. Its sound goes on meanwhile, until the new participant has LiveKit credentials of its own.

use std::time::{Duration, Instant};

use super::{Attendee, Output};
use crate::wire::{Id, say};
use crate::{Admission, Ending, Event, StartError};

/// How long a socket may take to open, and the server to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(15);
/// How long a connection must hold until its failures are forgotten.
const STEADY: Duration = Duration::from_secs(10);
/// Subprotocols of the legacy signalling, before the ticket's.
const LEGACY_PROTOCOLS: [&str; 2] = ["opentalk-signaling-json-v1.0", "k3k-signaling-json-v1.0"];

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The controller is being asked.
    Starting,
    /// The socket is being opened.
    Connecting { until: Instant },
    /// The socket is open, and the server has not said what we are.
    Greeting { until: Instant },
    /// In the waiting room, until a moderator accepts the phone.
    Waiting,
    /// Allowed in; the server has been asked to let us in.
    Entering {
        until: Instant,
        /// The phone was in the waiting room.
        waited: bool,
    },
    /// In the room.
    Inside,
    /// Between two attempts.
    Pausing { until: Instant },
    /// It is over.
    Over,
}

impl Stage {
    /// Says when the stage has lasted too long.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Stage::Connecting { until }
            | Stage::Greeting { until }
            | Stage::Entering { until, .. }
            | Stage::Pausing { until } => Some(until),
            Stage::Starting | Stage::Waiting | Stage::Inside | Stage::Over => None,
        }
    }
}

impl Attendee {
    /// Tells whether messages can be sent.
    pub(super) fn is_open(&self) -> bool {
        matches!(
            self.stage,
            Stage::Greeting { .. } | Stage::Waiting | Stage::Entering { .. } | Stage::Inside
        )
    }

    /// Says when to give up, while there is no connection.
    pub(super) fn gives_up_at(&self) -> Option<Instant> {
        let is_settled = matches!(self.stage, Stage::Waiting | Stage::Inside);
        let limit = match self.was_inside {
            true => self.options.outage,
            false => self.options.patience,
        };
        self.unsteady_since.filter(|_| !is_settled).map(|since| since + limit)
    }

    /// Opens a socket with an admission.
    pub(super) fn connect(&mut self, now: Instant, admission: Admission) {
        self.stage = Stage::Connecting { until: now + ANSWER };
        self.named = false;
        self.me = Id::default();
        let (url, subprotocols) = match admission {
            Admission::Roomserver { address, token } => {
                self.is_legacy = false;
                (format!("{}/v1/signaling/{token}", socket_address(&address)), Vec::new())
            }
            Admission::Legacy { controller, ticket } => {
                self.is_legacy = true;
                let mut protocols: Vec<String> = LEGACY_PROTOCOLS.map(str::to_owned).into();
                protocols.push(format!("ticket#{ticket}"));
                (format!("{}/signaling", socket_address(&controller)), protocols)
            }
        };
        self.outputs.push_back(Output::Connect { url, subprotocols });
    }

    pub(super) fn opened(&mut self, now: Instant) {
        if !matches!(self.stage, Stage::Connecting { .. }) {
            return;
        }
        self.stage = Stage::Greeting { until: now + ANSWER };
        if self.is_legacy {
            self.named = true;
            let join = say::join(&self.options.name);
            self.say(join);
        }
    }

    pub(super) fn started(&mut self, now: Instant, admission: Admission) {
        if self.stage == Stage::Starting {
            self.connect(now, admission);
        }
    }

    pub(super) fn refused(&mut self, now: Instant, error: StartError) {
        if self.stage != Stage::Starting {
            return;
        }
        match error {
            StartError::EncryptedRoom => self.end(Ending::EndToEndEncrypted),
            StartError::NoGuests => self.end(Ending::GuestsExcluded),
            error if error.is_final() => self.end(Ending::Refused(error)),
            error => {
                let pause = self.backoff.next_beyond(error.wait());
                self.pause(now, &error.to_string(), pause);
            }
        }
    }

    pub(super) fn closed(&mut self, now: Instant, code: Option<u16>, reason: &str) {
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(100).collect();
        self.lost(
            now,
            &format!("OpenTalk closed the signalling (code {code}, reason \"{reason}\")"),
        );
    }

    /// Gives up if already what the server greets us with can not be read: it would be the same the next time.
    pub(super) fn unreadable(&mut self, now: Instant, why: &str) {
        match self.stage {
            Stage::Greeting { .. } | Stage::Entering { .. } => self.end(Ending::Blocked(why.to_owned())),
            _ => self.lost(now, why),
        }
    }

    /// Counts the phone as let in: into the room or its waiting room.
    pub(super) fn settled(&mut self, now: Instant) {
        self.was_inside = true;
        if self.unsteady_since.is_some() {
            self.steady_at = Some(now + STEADY);
        }
    }

    /// Waits a while, and then begins anew.
    pub(super) fn lost(&mut self, now: Instant, why: &str) {
        if matches!(self.stage, Stage::Pausing { .. } | Stage::Over) {
            return;
        }
        let pause = self.backoff.next();
        self.pause(now, why, pause);
    }

    fn pause(&mut self, now: Instant, why: &str, pause: Duration) {
        if self.was_inside && !self.told_lost {
            self.told_lost = true;
            self.tell(Event::Reconnecting);
        }
        why.clone_into(&mut self.trouble);
        self.unsteady_since.get_or_insert(now);
        self.steady_at = None;
        self.outbox.clear();
        self.token_wanted = None;
        self.switching = false;
        self.stage = Stage::Pausing { until: now + pause };
    }

    /// Closes the socket ourselves, and begins anew.
    pub(super) fn drop_link(&mut self, now: Instant, why: &str) {
        self.outputs.push_back(Output::Close);
        self.lost(now, why);
    }

    pub(super) fn link_alarms(&mut self, now: Instant) {
        if self.gives_up_at().is_some_and(|at| at <= now) {
            let trouble = match self.trouble.is_empty() {
                true => "OpenTalk did not answer in time".to_owned(),
                false => std::mem::take(&mut self.trouble),
            };
            return self.end(Ending::Lost(trouble));
        }
        if self.steady_at.is_some_and(|at| at <= now) {
            self.steady_at = None;
            self.unsteady_since = None;
            self.trouble.clear();
            self.backoff.reset();
        }
        if self.stage.deadline().is_none_or(|at| at > now) {
            return;
        }
        match self.stage {
            Stage::Connecting { .. } => self.drop_link(now, "the signalling socket did not open in time"),
            Stage::Greeting { .. } => self.drop_link(now, "the signalling socket opened, and OpenTalk said nothing"),
            Stage::Entering { .. } => self.drop_link(now, "OpenTalk did not let the phone into the room in time"),
            Stage::Pausing { .. } => {
                self.stage = Stage::Starting;
                self.outputs.push_back(Output::Start);
            }
            Stage::Starting | Stage::Waiting | Stage::Inside | Stage::Over => {}
        }
    }
}

/// Turns an address of HTTP into one of WebSocket, without a slash at its end.
fn socket_address(address: &str) -> String {
    let address = address.trim_end_matches('/');
    let scheme = |prefix: &str| {
        address
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            .then(|| &address[prefix.len()..])
    };
    match (scheme("https://"), scheme("http://")) {
        (Some(rest), _) => format!("wss://{rest}"),
        (_, Some(rest)) => format!("ws://{rest}"),
        _ => address.to_owned(),
    }
}
