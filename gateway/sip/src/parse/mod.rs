// SPDX-License-Identifier: EUPL-1.2
//! Reads messages from octets: tolerant in what stands in a value, strict in where a message ends.
//!
//! - [`limits`]: what a peer may make us hold
//! - [`error`]: why a message was refused, and what is needed to answer it
//! - [`stream`]: cuts messages out of TCP and TLS streams
//! - `head`: start line and header fields
//! - `check`: the header fields on which every element relies
//! - [`scan`]: walks over one value

mod check;
pub mod error;
mod head;
pub mod limits;
pub mod scan;
pub mod stream;

pub use error::{ParseError, Salvage};
pub use limits::Limits;
pub use scan::ValueError;
pub use stream::{Frame, FramingLost, StreamFramer};

use crate::message::{HeaderName, Message, StatusCode};
use head::{Fault, Head};

/// Reads the one message of a datagram (RFC 3261 §18.3).
///
/// Octets behind Content-Length are left out; fewer octets than it says are an error; without it
/// the body goes to the end. CRLFs before the start line are skipped (§7.5); nothing but them is a
/// keep-alive, for which the error has no status.
pub fn datagram(bytes: &[u8], limits: &Limits) -> Result<Message, ParseError> {
    let mut rest = bytes;
    while let [b'\r', b'\n', tail @ ..] = rest {
        rest = tail;
    }
    let mut head = Head::read(rest, limits);
    if rest.is_empty() {
        return Err(head.refuse(Fault {
            status: None,
            ..Fault::bad("no message", 0)
        }));
    }
    let after = rest.get(head.end..).unwrap_or(b"");
    let body = match head.length {
        Some(length) if length > limits.body => None,
        Some(length) => match after.get(..length) {
            Some(body) => Some(body),
            None => {
                head.note(Fault {
                    field: Some(HeaderName::ContentLength),
                    ..Fault::bad("larger than the datagram", 0)
                });
                Some(after)
            }
        },
        None => Some(after).filter(|a| a.len() <= limits.body),
    };
    let Some(body) = body else {
        let status = Some(StatusCode::MESSAGE_TOO_LARGE);
        head.note(Fault {
            status,
            ..Fault::bad("body too long", head.end)
        });
        return head.finish(b"");
    };
    head.finish(body)
}

/// Tells whether a datagram is a keep-alive: nothing but CR and LF (RFC 5626 §3.5.1), or a lone NUL as some send.
pub fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes == [0] || bytes.iter().all(|b| matches!(b, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEAD: &str = "INVITE sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n\
        From: <sip:b@example.org>;tag=1\r\nTo: <sip:a@example.org>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n";

    fn read(text: &str) -> Result<Message, ParseError> {
        datagram(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn a_datagram_ends_where_content_length_says_or_where_it_ends() {
        let body = |text: String| read(&text).unwrap().body().to_vec();
        assert_eq!(body(format!("{HEAD}Content-Length: 3\r\n\r\nabcdef")), b"abc");
        assert_eq!(body(format!("\r\n\r\n{HEAD}\r\nabcdef")), b"abcdef");
        let error = read(&format!("{HEAD}Content-Length: 7\r\n\r\nabcdef")).unwrap_err();
        assert_eq!(
            (error.what, error.status),
            ("larger than the datagram", Some(StatusCode::BAD_REQUEST))
        );
    }

    #[test]
    fn each_limit_is_kept_before_its_octets_are_held() {
        let limits = Limits {
            start_line: 100,
            headers: 10,
            header: 200,
            head: 600,
            body: 50,
        };
        let refused = |text: String| {
            let error = datagram(text.as_bytes(), &limits).unwrap_err();
            (error.what, error.status.unwrap().code())
        };
        let long_line = HEAD.replace("sip:a@", &format!("sip:{}@", "a".repeat(100)));
        assert_eq!(
            refused(format!("{long_line}\r\n")),
            ("start line too long or not ended", 414)
        );
        assert_eq!(
            refused(format!("{HEAD}X: {}\r\n\r\n", "x".repeat(200))),
            ("header field too long", 513)
        );
        assert_eq!(
            refused(format!("{HEAD}X: x{}\r\n\r\n", "\r\n y".repeat(60))),
            ("header field too long", 513)
        );
        assert_eq!(
            refused(format!("{HEAD}{}\r\n", "X: x\r\n".repeat(6))),
            ("too many header fields", 513)
        );
        let wide = format!("X: {}\r\n", "x".repeat(150)).repeat(3);
        assert_eq!(
            refused(format!("{HEAD}{wide}\r\n")),
            ("header fields too long together", 513)
        );
        assert_eq!(refused(format!("{HEAD}\r\n{}", "b".repeat(51))), ("body too long", 513));
        assert_eq!(refused(format!("{HEAD}l: 51\r\n\r\n")), ("body too long", 513));
    }

    #[test]
    fn what_an_answer_needs_is_salvaged_from_behind_the_fault() {
        let text = format!("INVITE sip:[::1 SIP/2.0\r\n{}", HEAD.split_once("\r\n").unwrap().1);
        let error = read(&format!("{text}\r\n")).unwrap_err();
        assert_eq!((error.what, error.at), ("IPv6 reference not closed", 15));
        let answer = error.answer("t").unwrap();
        assert_eq!(answer.headers.cseq().unwrap().number, 1);
        assert_eq!(answer.headers.to().unwrap().tag(), Some("t"));
    }

    #[test]
    fn acknowledgements_responses_and_other_protocols_are_never_answered() {
        let ack = HEAD.replace("INVITE", "ACK").replace("To: ", "To: \"");
        assert_eq!(read(&format!("{ack}\r\n")).unwrap_err().answer("t"), None);
        let response = HEAD
            .replace("INVITE sip:a@example.org SIP/2.0", "SIP/2.0 200 OK")
            .replace("1 INVITE", "x");
        assert_eq!(read(&format!("{response}\r\n")).unwrap_err().answer("t"), None);
        for other in ["GET /", "\u{16}\u{3}\u{1}", "", "\0", "hello\r\n\r\n"] {
            assert_eq!(read(other).unwrap_err().answer("t"), None, "{other:?}");
        }
        let no_via = HEAD.replace("Via", "Vie");
        assert_eq!(read(&format!("{no_via}\r\n")).unwrap_err().answer("t"), None);
    }

    #[test]
    fn a_datagram_of_line_breaks_is_a_keep_alive() {
        assert!(is_keep_alive(b"\r\n\r\n") && is_keep_alive(b"") && is_keep_alive(b"\0"));
        assert!(!is_keep_alive(b"\r\n\r\nX"));
    }

    #[test]
    fn folding_of_any_shape_becomes_one_space() {
        let text = format!("{HEAD}Subject:\r\n\ta  b \t\r\n \r\n\t c\r\n \r\nOther:\r\n \r\n\r\n");
        let message = read(&text).unwrap();
        assert_eq!(message.headers().get(&HeaderName::Subject), Some(&b"a  b c"[..]));
        assert_eq!(message.headers().iter().last().unwrap().value(), b"");
    }
}
