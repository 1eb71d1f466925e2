// SPDX-License-Identifier: EUPL-1.2
//! The words between a session's core and its task.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::event::{RemotePerson, SessionEvent};
use crate::call::LegId;
use crate::legs::livekit::signalling::{Call, Request, Response};
use crate::legs::livekit::ticket::{Ticket, Trouble};
use crate::media::IceServer;

/// Which of the two peer connections is meant; with a single one, it is the publisher's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Publisher,
    Subscriber,
}

/// What happens to a session.
pub(super) enum Input {
    Ticket(Result<Ticket, Trouble>),
    /// Signalling is open; whether with a single peer connection.
    Opened(Result<bool, Trouble>),
    Said(Box<Response>),
    /// Signalling broke off.
    Closed(Trouble),
    Link(Side, News),
    Mute(bool),
    Digit(char),
    /// Subscribe for the hall, or stop it.
    Listen(bool),
    /// Identities of this node's phones, which are never subscribed to.
    Ours(Arc<HashMap<String, LegId>>),
    Leave,
    Timeout,
}

/// What a peer connection says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    Offer(String),
    Answer {
        id: u32,
        sdp: String,
    },
    Candidate(String),
    Up,
    Lost,
    Failed,
    /// An order to the connection failed.
    Broken(String),
    Data(Vec<u8>),
}

/// What is to be done.
pub(super) enum Output {
    GetTicket,
    Connect(Call),
    Send(Box<Request>),
    HangUp,
    OpenLink {
        side: Side,
        ice: Vec<IceServer>,
        tcp: bool,
    },
    CloseLinks,
    Publish(String),
    Unpublish,
    /// Offer that many more sections for remote tracks.
    Widen(usize),
    Offer {
        restart: bool,
    },
    Accept(String),
    Answer {
        id: u32,
        sdp: String,
    },
    Candidate(Side, String),
    SendData(Vec<u8>),
    Event(SessionEvent),
    /// The participant is in, under this identity.
    Entered {
        identity: String,
        may_listen: bool,
    },
    /// Signalling and media are up.
    Whole,
    /// What is subscribed does not arrive at the moment.
    Faltered,
    /// A remote track is over.
    TrackGone(String),
    Roster(Vec<RemotePerson>),
    Done,
}

/// What a session is for.
#[derive(Clone, Debug)]
pub(in crate::legs::livekit) struct CoreOptions {
    /// Has a phone that speaks.
    pub(in crate::legs::livekit) speaks: bool,
    /// May have to listen for the hall.
    pub(in crate::legs::livekit) watches: bool,
    pub(in crate::legs::livekit) muted: bool,
    pub(in crate::legs::livekit) track_name: String,
    /// Wait for the server's first word.
    pub(in crate::legs::livekit) timeout: Duration,
    /// Gives up after this long without a way.
    pub(in crate::legs::livekit) outage: Duration,
    /// Gives up a first entry after this long.
    pub(in crate::legs::livekit) entry: Duration,
    /// Makes names and jitter differ.
    pub(in crate::legs::livekit) seed: u64,
    /// UDP did not get through before: try TCP as well from the start.
    pub(in crate::legs::livekit) tcp: bool,
}
