// SPDX-License-Identifier: EUPL-1.2
//! The words between the core, the network below it and the gateway above it.

use std::net::SocketAddr;

use crate::digest::Login;
use crate::message::{Headers, Host, Message, NameAddr, Reason, StatusCode, Uri};
use crate::parse::ParseError;

/// Names one connection, or one UDP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u64);

/// Names one call leg; calls that come in have the topmost bit set, calls that the gateway places must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl CallId {
    /// Marks the ids that the core chooses.
    pub const INCOMING: u64 = 1 << 63;

    /// Tells whether the core chose this id.
    pub fn is_incoming(self) -> bool {
        self.0 & CallId::INCOMING != 0
    }
}

/// Names one question to the resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId(pub u64);

/// Names one transmission whose failure the core wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SendId(pub u64);

/// Names how messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
}

impl Transport {
    /// Tells whether the transport delivers or reports failure by itself (RFC 3261 §17).
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// Returns the word of the Via header.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// Returns 5060, or 5061 for TLS (RFC 3261 §18.2.1).
    pub fn default_port(self) -> u16 {
        if self == Transport::Tls { 5061 } else { 5060 }
    }

    /// Reads the word of a Via header or of a `transport` parameter, in any case.
    pub fn parse(word: &str) -> Option<Transport> {
        [Transport::Udp, Transport::Tcp, Transport::Tls]
            .into_iter()
            .find(|t| t.as_str().eq_ignore_ascii_case(word))
    }
}

/// Says how a message came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The connection or socket it came by.
    pub flow: FlowId,
    /// The transport of that flow.
    pub transport: Transport,
    /// Our own address.
    pub local: SocketAddr,
    /// The address it came from.
    pub remote: SocketAddr,
    /// The verified TLS names of the peer, if it showed a certificate.
    pub identity: Option<String>,
}

/// Names one place to send to, as RFC 3263 found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The transport to use.
    pub transport: Transport,
    /// The address to send to.
    pub address: SocketAddr,
    /// The name that the peer's certificate must hold (RFC 5922 §7.2); `None` except for TLS.
    pub tls_name: Option<String>,
}

/// Says where bytes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Over a flow that is there; `remote` is the peer's address, which a UDP socket needs.
    Flow {
        /// The flow.
        flow: FlowId,
        /// The peer.
        remote: SocketAddr,
    },
    /// To an address, over a connection that is there or a new one.
    Target(Target),
}

/// Asks for the targets of a URI (RFC 3263); numeric hosts are never asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The name to look up.
    pub host: Host,
    /// The port, if the URI names one: then no SRV lookup is made (RFC 3263 §4.2).
    pub port: Option<u16>,
    /// The transport, if the URI names one: then no NAPTR lookup is made (RFC 3263 §4.1).
    pub transport: Option<Transport>,
    /// Whether only TLS will do (`sips:`).
    pub secure: bool,
}

/// Says what becomes of the peer's offer, or of a description it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferReply {
    /// The answer, or our offer if the peer brought none.
    Accept(Vec<u8>),
    /// The status to refuse with, as 488; the session stays as it was.
    Refuse(StatusCode),
}

/// Tells the core what happened.
#[derive(Debug)]
pub enum Input {
    /// A message came in.
    Received(Arrival, Message),
    /// Bytes came in that are no message.
    Malformed(Arrival, ParseError),
    /// A connection closed.
    FlowClosed(FlowId),
    /// Bytes could not be sent.
    SendFailed(SendId),
    /// The resolver is done; no targets means that it failed.
    Resolved {
        /// The question.
        query: QueryId,
        /// The places to try, in order.
        targets: Vec<Target>,
    },
    /// The deadline has come.
    Timeout,
    /// The gateway wants something.
    Command(Command),
}

/// Tells the core what the gateway wants.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one command lives at a time, and few are made")]
pub enum Command {
    /// Places a call.
    Call {
        /// The id of the new call; see [`CallId`].
        call: CallId,
        /// Whom to call.
        to: Uri,
        /// Who calls.
        from: NameAddr,
        /// An outbound proxy to send to instead of the host of `to`.
        via: Option<Target>,
        /// The offer; empty to let the callee offer.
        sdp: Vec<u8>,
        /// What to answer a challenge with, once.
        auth: Option<Login>,
        /// Hops left, if the call continues another one (RFC 7332 §4).
        max_forwards: Option<u8>,
        /// Headers to add.
        headers: Vec<(String, String)>,
    },
    /// Tells the caller that we ring (180) or send early media (183).
    Ring {
        /// The call.
        call: CallId,
        /// 180 to 199.
        status: StatusCode,
        /// An answer for early media.
        sdp: Option<Vec<u8>>,
    },
    /// Answers an incoming call with 200.
    Answer {
        /// The call.
        call: CallId,
        /// The answer, or our offer if the caller brought none; may be `None` only if [`Command::Ring`] carried it.
        sdp: Option<Vec<u8>>,
    },
    /// Refuses an incoming call.
    Reject {
        /// The call.
        call: CallId,
        /// 300 to 699.
        status: StatusCode,
        /// The reason phrase; empty for the usual one.
        reason: String,
        /// Headers to add.
        headers: Vec<(String, String)>,
    },
    /// Offers a changed session (re-INVITE).
    Offer {
        /// The call.
        call: CallId,
        /// The offer.
        sdp: Vec<u8>,
    },
    /// Answers [`Event::Reoffered`], or an [`Event::Answered`] that brought the offer.
    AnswerOffer {
        /// The call.
        call: CallId,
        /// The reply.
        reply: OfferReply,
    },
    /// Ends a call in whatever state it is: CANCEL, BYE or a refusal.
    HangUp {
        /// The call.
        call: CallId,
        /// Why, for the Reason header.
        reason: Option<Reason>,
    },
}

/// Holds what the core wants done.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// Name it in [`Input::SendFailed`] if this fails.
        id: SendId,
        /// Where to.
        to: Destination,
        /// One whole message.
        bytes: Vec<u8>,
    },
    /// Look a name up and answer with [`Input::Resolved`].
    Resolve {
        /// Name it in the answer.
        query: QueryId,
        /// The question.
        lookup: Lookup,
    },
    /// Tell the gateway.
    Event(Event),
}

/// Says who or what ended a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The peer hung up.
    Remote,
    /// We hung up.
    Local,
    /// The peer fell silent: no answer, no ACK or no session refresh.
    Timeout,
    /// The caller gave up before the answer.
    Cancelled,
    /// The call was refused or could not be made.
    Failed(StatusCode, String),
}

/// Tells the gateway what happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A call comes in.
    Offered(Box<Offered>),
    /// Our call rings or sends early media.
    Ringing {
        /// The call.
        call: CallId,
        /// 180 to 199.
        status: StatusCode,
        /// A description for early media.
        sdp: Option<Vec<u8>>,
    },
    /// Our call was answered.
    Answered {
        /// The call.
        call: CallId,
        /// The answer; if our INVITE had no offer, this is the offer and wants [`Command::AnswerOffer`].
        sdp: Option<Vec<u8>>,
    },
    /// The peer's ACK came.
    Confirmed {
        /// The call.
        call: CallId,
        /// The answer, if our 2xx brought the offer.
        sdp: Option<Vec<u8>>,
    },
    /// The peer wants to change the session and waits for [`Command::AnswerOffer`].
    Reoffered {
        /// The call.
        call: CallId,
        /// The offer; `None` asks us to offer.
        sdp: Option<Vec<u8>>,
    },
    /// The peer cancelled its [`Event::Reoffered`]; nothing is to be answered any more.
    OfferWithdrawn {
        /// The call.
        call: CallId,
    },
    /// Our [`Command::Offer`] was answered.
    OfferAnswered {
        /// The call.
        call: CallId,
        /// The answer.
        sdp: Vec<u8>,
    },
    /// Our [`Command::Offer`] was refused; the session stays as it was.
    OfferRefused {
        /// The call.
        call: CallId,
        /// The status.
        status: StatusCode,
    },
    /// The peer pressed a key (SIP INFO).
    Digit {
        /// The call.
        call: CallId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long \[ms\], if said.
        duration: Option<u32>,
    },
    /// The call is over; nothing more will come of it.
    Ended {
        /// The call.
        call: CallId,
        /// Who ended it.
        by: EndedBy,
        /// The peer's Reason header, if it sent one.
        reason: Option<Reason>,
    },
}

/// Describes a call that comes in.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The id of the new call.
    pub call: CallId,
    /// How it came in.
    pub arrival: Arrival,
    /// Who calls, as the From header says.
    pub from: NameAddr,
    /// Whom the caller wanted, as the To header says.
    pub to: NameAddr,
    /// Whom the request now is for.
    pub request_uri: Uri,
    /// Hops left, for a call that continues this one.
    pub max_forwards: u8,
    /// All headers as they came.
    pub headers: Headers,
    /// The offer, if the caller brought one.
    pub sdp: Option<Vec<u8>>,
}
