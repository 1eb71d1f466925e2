// SPDX-License-Identifier: EUPL-1.2
//! Cuts messages out of a stream, however it was split on its way.
//!
//! A message ends where its one Content-Length says (RFC 3261 §18.3). Whenever two readers could
//! disagree about that end, the stream is given up: what follows could be smuggled past one of them.

use super::head::{Fault, Head};
use super::{Limits, ParseError};
use crate::message::{HeaderName, Message, StatusCode};
use std::fmt;

/// Holds what a stream gave next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A refused message whose end is known: answer it, the stream goes on.
    Malformed(ParseError),
    /// A double CRLF: answer with one CRLF (RFC 5626 §3.5.1).
    Ping,
    /// A single CRLF: the answer to our ping, or the first half of one.
    Pong,
}

/// Says that the stream must be closed, after an answer if [`ParseError::answer`] gives one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FramingLost(pub ParseError);

impl fmt::Display for FramingLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "end of message unknown: {}", self.0)
    }
}

impl std::error::Error for FramingLost {}

/// Cuts messages out of one stream; holds no more than one message and one fed chunk.
#[derive(Debug)]
pub struct StreamFramer {
    limits: Limits,
    buffer: Vec<u8>,
    /// Octets of `buffer` already given out.
    taken: usize,
    /// Octets behind `taken` in which no empty line was found.
    searched: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Between { after_crlf: bool },
    Body { head: Box<Head>, length: usize },
    Lost,
}

impl StreamFramer {
    /// Makes a framer for one connection.
    pub fn new(limits: Limits) -> StreamFramer {
        StreamFramer {
            limits,
            buffer: Vec::new(),
            taken: 0,
            searched: 0,
            state: State::Between { after_crlf: false },
        }
    }

    /// Tells whether no message is half received; if one is, the peer owes octets.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Between { .. }) && self.taken == self.buffer.len()
    }

    /// Takes octets as they came; call [`StreamFramer::next`] until it gives `None` before feeding again.
    pub fn feed(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Lost) {
            return;
        }
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            if self.buffer.is_empty() && self.buffer.capacity() > 64 * 1024 {
                self.buffer = Vec::new();
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Gives the next frame that is complete; after an error there are no more.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, not the end")]
    pub fn next(&mut self) -> Option<Result<Frame, FramingLost>> {
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Lost => None,
            State::Between { after_crlf } => self.next_head(after_crlf),
            State::Body { head, length } => self.next_body(head, length),
        }
    }

    fn next_head(&mut self, after_crlf: bool) -> Option<Result<Frame, FramingLost>> {
        match self.rest() {
            [] | [b'\r'] => {
                self.state = State::Between { after_crlf };
                return None;
            }
            [b'\r', b'\n', ..] => {
                self.advance(2);
                self.state = State::Between {
                    after_crlf: !after_crlf,
                };
                return Some(Ok(if after_crlf { Frame::Ping } else { Frame::Pong }));
            }
            [b'\r' | b'\n', ..] => return Some(Err(self.lost_between())),
            _ => {}
        }
        let from = self.searched.saturating_sub(3);
        let tail = self.rest().get(from..).unwrap_or(b"");
        let found = tail.windows(4).position(|w| w == b"\r\n\r\n");
        let Some(end) = found.map(|at| from + at + 4) else {
            return self.wait_for_head();
        };
        let mut head = Head::read(self.rest().get(..end).unwrap_or(b""), &self.limits);
        if !head.fault.as_ref().is_some_and(|f| f.framing_lost) {
            let fault = |what, status| Fault {
                field: Some(HeaderName::ContentLength),
                status: Some(status),
                framing_lost: true,
                ..Fault::bad(what, 0)
            };
            match head.length {
                None => head.note(fault("missing in a stream", StatusCode::BAD_REQUEST)),
                Some(length) if length > self.limits.body => {
                    head.note(fault("body too long", StatusCode::MESSAGE_TOO_LARGE));
                }
                Some(length) => {
                    self.advance(end);
                    return self.next_body(Box::new(head), length);
                }
            }
        }
        self.give_up();
        let fault = head.fault.clone().unwrap_or(Fault::bad("end of message unknown", 0));
        Some(Err(FramingLost(head.refuse(fault))))
    }

    /// Keeps what a head has begun with, as long as it can still become one within its limits.
    fn wait_for_head(&mut self) -> Option<Result<Frame, FramingLost>> {
        self.searched = self.rest().len();
        // A head within its limit ends with four octets behind its last field, a line with two behind its text.
        if self.searched > self.limits.head.saturating_add(3) {
            return Some(Err(self.lost("header fields too long together")));
        }
        let line = self.rest().get(..self.limits.start_line.saturating_add(2));
        if line.is_some_and(|line| !line.contains(&b'\n')) {
            return Some(Err(self.lost("start line too long or not ended")));
        }
        self.state = State::Between { after_crlf: false };
        None
    }

    fn next_body(&mut self, head: Box<Head>, length: usize) -> Option<Result<Frame, FramingLost>> {
        let Some(body) = self.rest().get(..length) else {
            self.state = State::Body { head, length };
            return None;
        };
        let frame = match head.finish(body) {
            Ok(message) => Frame::Message(message),
            Err(error) => Frame::Malformed(error),
        };
        self.advance(length);
        self.state = State::Between { after_crlf: false };
        Some(Ok(frame))
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or(b"")
    }

    fn advance(&mut self, octets: usize) {
        self.taken = self.taken.saturating_add(octets).min(self.buffer.len());
        self.searched = 0;
    }

    /// Gives up over a limit, salvaging what an answer needs.
    fn lost(&mut self, what: &'static str) -> FramingLost {
        let seen = self.limits.head.min(self.rest().len());
        let head = Head::read(self.rest().get(..seen).unwrap_or(b""), &self.limits);
        let status = Some(StatusCode::MESSAGE_TOO_LARGE);
        let error = head.refuse(Fault {
            status,
            framing_lost: true,
            ..Fault::bad(what, 0)
        });
        self.give_up();
        FramingLost(error)
    }

    /// Gives up over octets that begin no message, so that nothing can be answered.
    fn lost_between(&mut self) -> FramingLost {
        let what = "CR or LF alone between messages";
        self.give_up();
        FramingLost(ParseError {
            what,
            field: None,
            at: 0,
            status: None,
            framing_lost: true,
            salvage: Box::default(),
        })
    }

    fn give_up(&mut self) {
        self.state = State::Lost;
        self.buffer = Vec::new();
        self.taken = 0;
        self.searched = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEAD: &str = "OPTIONS sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKa\r\n\
        From: <sip:b@example.org>;tag=1\r\nTo: <sip:a@example.org>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n";

    fn fed(text: &str) -> Vec<Result<Frame, FramingLost>> {
        let mut framer = StreamFramer::new(Limits::default());
        framer.feed(text.as_bytes());
        std::iter::from_fn(|| framer.next()).collect()
    }

    fn is_lost_with(text: &str, what: &str) {
        let frames = fed(text);
        match frames.as_slice() {
            [Err(FramingLost(error))] => assert_eq!(error.what, what, "{text:?}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_double_crlf_is_a_ping_and_a_single_one_a_pong() {
        assert_eq!(fed("\r\n"), [Ok(Frame::Pong)]);
        assert_eq!(fed("\r\n\r\n"), [Ok(Frame::Pong), Ok(Frame::Ping)]);
        assert_eq!(fed("\r"), []);
        is_lost_with("\n", "CR or LF alone between messages");
        is_lost_with("\rX", "CR or LF alone between messages");
    }

    #[test]
    fn two_messages_in_one_chunk_come_one_after_the_other() {
        let first = format!("{HEAD}Content-Length: 5\r\n\r\nhello");
        let second = format!("{HEAD}l :\r\n  0\r\n\r\n");
        let frames = fed(&format!("{first}{second}"));
        let bodies: Vec<_> = frames
            .into_iter()
            .map(|f| match f {
                Ok(Frame::Message(m)) => m.body().to_vec(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(bodies, [b"hello".to_vec(), vec![]]);
    }

    #[test]
    fn a_length_that_two_readers_could_read_differently_ends_the_stream() {
        is_lost_with(&format!("{HEAD}Content-Length: 5\r\nl: 5\r\n\r\nhello"), "given twice");
        is_lost_with(&format!("{HEAD}\r\n"), "missing in a stream");
        for value in ["5, 5", "+5", "-1", "five", "5 5", "0x5", ""] {
            is_lost_with(&format!("{HEAD}Content-Length: {value}\r\n\r\nhello"), "not a number");
        }
        is_lost_with(
            &format!("{HEAD}Content-Length: 99999999999999999999999\r\n\r\n"),
            "too large",
        );
        is_lost_with(&format!("{HEAD}Content-Length: 131073\r\n\r\n"), "body too long");
    }

    #[test]
    fn a_header_that_two_readers_could_see_differently_ends_the_stream() {
        for name in [
            "Content-Length\x0b",
            "Content\0Length",
            "Content Length",
            "\u{a0}Content-Length",
        ] {
            is_lost_with(
                &format!("{HEAD}{name}: 5\r\nContent-Length: 0\r\n\r\n"),
                "header name is not a token",
            );
        }
        is_lost_with(
            &format!("{HEAD}X\r\nContent-Length: 0\r\n\r\n"),
            "header field without a colon",
        );
        for value in ["a\nContent-Length: 7", "a\rContent-Length: 7", "a\r", "\n"] {
            is_lost_with(
                &format!("{HEAD}X: {value}\r\nContent-Length: 0\r\n\r\n"),
                "CR or LF alone in a header field",
            );
        }
    }

    #[test]
    fn a_malformed_message_with_a_known_end_is_refused_and_the_stream_goes_on() {
        let bad = HEAD.replace("To: <sip:a@example.org>", "To: \"open <sip:a@example.org>");
        let frames = fed(&format!("{bad}l: 2\r\n\r\nxx{HEAD}l: 0\r\n\r\n"));
        let [Ok(Frame::Malformed(error)), Ok(Frame::Message(_))] = frames.as_slice() else {
            panic!("{frames:?}")
        };
        assert_eq!(error.field, Some(HeaderName::To));
        let answer = String::from_utf8(error.answer("t").unwrap().to_bytes()).unwrap();
        assert!(answer.starts_with("SIP/2.0 400 Bad Request (To: unterminated quoted string at octet 0)\r\n"));
    }

    #[test]
    fn nothing_is_held_and_nothing_comes_after_the_stream_was_given_up() {
        let mut framer = StreamFramer::new(Limits::default());
        let mut fed = 0;
        let lost = loop {
            framer.feed(&[b'A'; 1000]);
            fed += 1000;
            if let Some(frame) = framer.next() {
                break frame;
            }
        };
        assert!(matches!(lost, Err(FramingLost(e)) if e.what == "start line too long or not ended"));
        assert!(fed <= Limits::default().start_line + 2000);
        framer.feed(format!("{HEAD}l: 0\r\n\r\n").as_bytes());
        assert_eq!(framer.next(), None);
        assert!(framer.buffer.is_empty());
    }
}
