// SPDX-License-Identifier: EUPL-1.2
//! The messages of RFC 4475 and RFC 5118, octet for octet, each with what its RFC asks for.
//!
//! - [`rfc4475_valid`]: §3.1.1, messages that must be accepted
//! - [`rfc4475_invalid`]: §3.1.2, messages that are malformed
//! - [`rfc4475_beyond`]: §3.2 to §3.4, messages that are odd only to who handles them
//! - [`rfc5118`]: §4, IPv6

#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, reason = "a check says by panicking")]

pub(crate) mod rfc4475_beyond;
pub(crate) mod rfc4475_invalid;
pub(crate) mod rfc4475_valid;
pub(crate) mod rfc5118;

/// Is one message and what is asked of who receives it.
pub(crate) struct Vector {
    /// The name that the RFC gives it, or ours where it gives none.
    pub(crate) name: &'static str,
    /// The section, such as `RFC 4475 §3.1.1.1`.
    pub(crate) section: &'static str,
    /// The message as it stands on the wire.
    pub(crate) bytes: Vec<u8>,
    /// What a parser does with it in a datagram.
    pub(crate) parse: Parse,
    /// What a parser does with it in a stream.
    pub(crate) stream: Stream,
    /// The status codes an endpoint may answer with; empty when it must not answer.
    pub(crate) answers: &'static [u16],
    /// Looks at fields of an accepted message.
    pub(crate) check: fn(&landbridge_sip::message::Message),
}

/// Is what a parser does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parse {
    /// It gives a message.
    Accept,
    /// It refuses with this status.
    Refuse(u16),
    /// It refuses without an answer.
    Drop,
}

/// Is what a stream framer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The same as in a datagram, and the stream goes on behind `trailing` octets.
    Same,
    /// It gives the stream up.
    Close,
    /// It waits for more octets.
    Wait,
    /// It gives this many frames of messages.
    Frames(usize),
}

impl Vector {
    /// Makes a vector that is accepted and looked at no further.
    pub(crate) fn new(name: &'static str, section: &'static str, bytes: Vec<u8>) -> Vector {
        Vector {
            name,
            section,
            bytes,
            parse: Parse::Accept,
            stream: Stream::Same,
            answers: &[],
            check: |_| {},
        }
    }

    /// Sets what a parser does in a datagram.
    #[must_use]
    pub(crate) fn parse(self, parse: Parse) -> Vector {
        Vector { parse, ..self }
    }

    /// Sets what a framer does in a stream.
    #[must_use]
    pub(crate) fn stream(self, stream: Stream) -> Vector {
        Vector { stream, ..self }
    }

    /// Sets the status codes an endpoint may answer with.
    #[must_use]
    pub(crate) fn answers(self, answers: &'static [u16]) -> Vector {
        Vector { answers, ..self }
    }

    /// Sets what to look at in an accepted message.
    #[must_use]
    pub(crate) fn check(self, check: fn(&landbridge_sip::message::Message)) -> Vector {
        Vector { check, ..self }
    }
}

/// Gives every vector.
pub(crate) fn all() -> Vec<Vector> {
    let mut all = rfc4475();
    all.extend(rfc5118::all());
    all
}

/// Gives the vectors of RFC 4475.
pub(crate) fn rfc4475() -> Vec<Vector> {
    let mut all = rfc4475_valid::all();
    all.extend(rfc4475_invalid::all());
    all.extend(rfc4475_beyond::all());
    all
}

/// Makes CRLF of each line break.
pub(crate) fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// The session description that most messages of RFC 4475 carry, from `host`.
pub(crate) fn sdp(host: &str) -> String {
    format!(
        "v=0\no=mhandley 29739 7272939 IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\n\
         m=audio 49217 RTP/AVP 0 12\nm=video 3227 RTP/AVP 31\na=rtpmap:31 LPC\n"
    )
}
