// SPDX-License-Identifier: EUPL-1.2
//! Holds the parser against vectors.

use crate::vectors::{Parse, Stream, Vector};
use landbridge_sip::message::Message;
use landbridge_sip::parse::{self, Frame, FramingLost, Limits, ParseError, StreamFramer};

/// Feeds each vector as a datagram.
pub(crate) fn datagrams(vectors: &[Vector]) {
    for vector in vectors {
        compare(vector, parse::datagram(&vector.bytes, &Limits::default()));
    }
}

/// Feeds each vector to a framer in two pieces, split at every octet, and octet by octet.
pub(crate) fn streams(vectors: &[Vector]) {
    for vector in vectors {
        let whole = frames(&[&vector.bytes]);
        expect_frames(vector, &whole);
        for at in 1..vector.bytes.len() {
            let (first, second) = vector.bytes.split_at(at);
            let got = frames(&[first, second]);
            assert_eq!(got, whole, "{} split at {at}", vector.name);
        }
        let octets: Vec<&[u8]> = vector.bytes.chunks(1).collect();
        assert_eq!(frames(&octets), whole, "{} octet by octet", vector.name);
    }
}

/// Writes each accepted message and reads it again.
pub(crate) fn rewrites(vectors: &[Vector]) {
    for vector in vectors {
        if let Ok(message) = parse::datagram(&vector.bytes, &Limits::default()) {
            let again = parse::datagram(&message.to_bytes(), &Limits::default());
            assert_eq!(again.as_ref(), Ok(&message), "{}", vector.name);
        }
    }
}

type Frames = Vec<Result<Frame, FramingLost>>;

/// Gives what a framer makes of pieces, keep-alives left out.
pub(crate) fn frames(pieces: &[&[u8]]) -> Frames {
    let mut framer = StreamFramer::new(Limits::default());
    let mut all = Vec::new();
    for piece in pieces {
        framer.feed(piece);
        while let Some(frame) = framer.next() {
            if !matches!(frame, Ok(Frame::Ping | Frame::Pong)) {
                all.push(frame);
            }
        }
    }
    all
}

fn expect_frames(vector: &Vector, got: &Frames) {
    let name = vector.name;
    match vector.stream {
        Stream::Same => match got.as_slice() {
            [Ok(Frame::Message(message))] => compare(vector, Ok(message.clone())),
            [Ok(Frame::Malformed(error))] => compare(vector, Err(error.clone())),
            other => panic!("{name}: {other:?}"),
        },
        Stream::Close => match got.as_slice() {
            [Err(FramingLost(error))] => assert!(error.framing_lost, "{name}"),
            other => panic!("{name}: {other:?}"),
        },
        Stream::Wait => assert!(got.is_empty(), "{name}: {got:?}"),
        Stream::Frames(count) => {
            assert_eq!(got.len(), count, "{name}");
            assert!(
                got.iter().all(|f| matches!(f, Ok(Frame::Message(_)))),
                "{name}: {got:?}"
            );
        }
    }
}

fn compare(vector: &Vector, got: Result<Message, ParseError>) {
    let name = vector.name;
    match (vector.parse, got) {
        (Parse::Accept, Ok(message)) => (vector.check)(&message),
        (Parse::Refuse(status), Err(error)) => {
            assert_eq!(error.status.map(|s| s.code()), Some(status), "{name}: {error}");
            let answer = error.answer("tag").unwrap_or_else(|| panic!("{name}: no answer"));
            let answer = parse::datagram(&answer.to_bytes(), &Limits::default());
            // What the request lacked its answer lacks too; otherwise it must be well formed.
            if let Ok(Message::Response(answer)) = answer {
                assert_eq!(answer.status.code(), status, "{name}");
                assert!(answer.headers.to().unwrap().tag().is_some(), "{name}");
            }
        }
        (Parse::Drop, Err(error)) => assert_eq!(error.answer("tag"), None, "{name}: {error}"),
        (expected, got) => panic!("{name}: {expected:?}, but {got:?}"),
    }
}
