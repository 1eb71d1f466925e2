// SPDX-License-Identifier: EUPL-1.2
//! The measurements, each of us and then of the rival.

/// Packet in to packet out.
pub(crate) mod delay;
/// Resident memory of a program that does nothing.
pub(crate) mod idle;
/// XMPP clients in one room.
pub(crate) mod jingle;
/// Many phones that come into a LiveKit room at once, and come and go.
pub(crate) mod joins;
/// Two deployments that share a room.
pub(crate) mod joint;
/// What one more listener costs.
pub(crate) mod listeners;
/// Calls per second until 1 % fail.
pub(crate) mod rate;
/// CPU and memory per leg.
pub(crate) mod room;
/// INVITE to first sound.
pub(crate) mod setup;
/// What one more phone costs in a LiveKit room.
pub(crate) mod sfu;
/// Packet in to packet out between phones and a LiveKit room.
pub(crate) mod sfu_delay;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use landbridge_interop_tests::gateway::{Gateway, MEETING, PIN, Setup, scratch};

use crate::SERVER;

/// Rooms beside the first.
const MORE_ROOMS: u32 = 9;

/// Starts a fresh gateway on its core, with ten meetings.
fn gateway(name: &str) -> Gateway {
    let mut more = "max_people = 300\n".to_owned();
    for n in 1..=MORE_ROOMS {
        let _ = write!(
            more,
            "[[meeting]]\nid = \"{}\"\npin = \"{PIN}\"\nname = \"Room {n}\"\n",
            meeting(n)
        );
    }
    Setup::new(&scratch(&format!("bench-{name}")))
        .extra(&more)
        .ports("40000-59999")
        .on_core(SERVER)
        .start()
}

/// Where it is called.
fn gateway_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5060))
}

/// Returns the id of room `n`.
fn meeting(n: u32) -> String {
    if n == 0 {
        MEETING.to_owned()
    } else {
        format!("20000000{n:02}")
    }
}

/// Returns what to dial for room `n`.
fn direct(n: u32) -> String {
    format!("{}*{PIN}", meeting(n))
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
