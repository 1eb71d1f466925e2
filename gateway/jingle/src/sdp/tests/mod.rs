// SPDX-License-Identifier: EUPL-1.2
//! What clients send, as SDP and back.

#![allow(clippy::unwrap_used)]

mod clients;
mod round_trip;

use super::*;
use crate::content::Role;
use crate::session::jingle::Jingle;

/// Reads a `<jingle/>` as its contents.
fn session_of(jingle: &str) -> Session {
    let jingle = Jingle::read(&jingle.parse().unwrap()).unwrap();
    Session {
        contents: jingle.contents,
        groups: jingle.groups,
    }
}

/// Says which of these lines the SDP lacks.
fn lacks<'a>(sdp: &str, lines: &[&'a str]) -> Vec<&'a str> {
    lines
        .iter()
        .filter(|line| !sdp.lines().any(|of_sdp| of_sdp == **line))
        .copied()
        .collect()
}

fn sdp_of(session: &Session, author: Role) -> String {
    String::from_utf8(write(session, author, 1)).unwrap()
}
