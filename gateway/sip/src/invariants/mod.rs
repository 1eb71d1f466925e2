// SPDX-License-Identifier: EUPL-1.2
//! States what must hold for any octets from outside; fuzz targets and property tests call these.
//!
//! Each function panics when its invariant is broken, and only then. `endpoint` holds the one of the user agent.

mod endpoint;

pub use endpoint::sip_endpoint;

use crate::digest::{Challenge, Login};
use crate::message::{Host, Message, Method, SipUri, Uri};
use crate::parse::{self, Frame, Limits, StreamFramer};

/// Holds: a datagram gives a message or an error, and an answer to an error is itself readable or lacks what the
/// request lacked.
pub fn sip_datagram(bytes: &[u8]) {
    match parse::datagram(bytes, &Limits::default()) {
        Ok(message) => read_all(&message),
        Err(error) => {
            if let Some(answer) = error.answer("tag") {
                let wire = answer.to_bytes();
                assert_eq!(heads(&wire), 1, "an answer that holds two messages");
            }
        }
    }
}

/// Holds: a stream gives the same frames however it is split, and holds no more than its limits and one chunk.
///
/// The first octet says in which pieces the rest is fed.
pub fn sip_stream(bytes: &[u8]) {
    let Some((step, stream)) = bytes.split_first() else {
        return;
    };
    let step = usize::from(*step).max(1);
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, step), whole, "pieces of {step} octets give other frames");
}

/// Holds: what was read and written reads the same, as a datagram and in a stream.
pub fn sip_roundtrip(bytes: &[u8]) {
    let limits = Limits {
        head: 1 << 20,
        header: 1 << 20,
        start_line: 1 << 20,
        ..Limits::default()
    };
    let Ok(message) = parse::datagram(bytes, &Limits::default()) else {
        return;
    };
    let wire = message.to_bytes();
    assert_eq!(
        parse::datagram(&wire, &limits).as_ref(),
        Ok(&message),
        "another message after writing"
    );
    let mut framer = StreamFramer::new(limits);
    framer.feed(&wire);
    assert_eq!(
        framer.next(),
        Some(Ok(Frame::Message(message))),
        "another message in a stream"
    );
    assert_eq!(framer.next(), None, "octets behind the message");
    assert!(framer.is_idle(), "octets behind the message");
}

/// Holds: a challenge is refused, or answered on one line.
pub fn digest_header(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(challenge) = Challenge::parse(&text) else { return };
    let Ok(login) = Login::new("alice", "secret", None) else {
        return;
    };
    let uri = Uri::Sip(SipUri::new(false, Host::V4([192, 0, 2, 1].into())));
    let answer = login.answer(&[challenge], &Method::Invite, &uri, "cnonce", 1);
    let mut request = crate::message::Request::new(Method::Invite, uri);
    if let Some(credentials) = answer {
        request
            .headers
            .push_value(crate::message::HeaderName::Authorization, &credentials);
    }
    assert_eq!(heads(&request.to_bytes()), 1, "an answer that breaks its line");
}

/// Reads every accessor; none may panic.
fn read_all(message: &Message) {
    let h = message.headers();
    assert!(h.vias().is_ok() && h.top_via().is_ok() && h.from().is_ok() && h.to().is_ok());
    assert!(h.cseq().is_ok() && h.call_id().is_ok() && h.contacts().is_ok() && h.routes().is_ok());
    let _ = (
        h.expires(),
        h.min_expires(),
        h.retry_after(),
        h.accept(),
        h.allow(),
        h.require(),
    );
    let _ = (
        h.reasons(),
        h.session_expires(),
        h.min_se(),
        h.rseq(),
        h.rack(),
        h.supported(),
    );
    let _ = (h.www_authenticate(), h.proxy_authenticate(), h.proxy_require());
    for via in h.vias().into_iter().flatten() {
        let _ = (via.received(), via.rport(), via.has_cookie());
    }
    if let Some(request) = message.as_request() {
        assert!(request.uri.equivalent(&request.uri), "a URI unlike itself");
        let _ = request.uri.user();
    }
}

/// Counts the empty lines, and so the heads, of what was written without a body.
fn heads(wire: &[u8]) -> usize {
    wire.windows(4).filter(|w| w == b"\r\n\r\n").count()
}

/// Gives the frames, and `None` where the stream was given up: which limit is noticed first depends on the pieces.
fn frames(stream: &[u8], step: usize) -> Vec<Option<Frame>> {
    let mut framer = StreamFramer::new(Limits::default());
    let mut all = Vec::new();
    for piece in stream.chunks(step) {
        framer.feed(piece);
        while let Some(frame) = framer.next() {
            all.push(frame.ok());
        }
    }
    all
}
