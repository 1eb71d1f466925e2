// SPDX-License-Identifier: EUPL-1.2
//! The words of the border leg.

use std::time::Duration;

use super::{IceServer, RoomKey};
use crate::call::LegId;

/// Says what a border leg may carry.
#[derive(Clone, Debug)]
pub struct BorderTerms {
    /// The room whose people are carried; the leg lives on this room's thread.
    pub room: RoomKey,
    /// Most people carried at the same time: the loudest.
    pub streams: usize,
    /// Most that is sent, with headers of IPv6, UDP and SRTP [kbit/s]; `None` sets no limit.
    pub kbit: Option<u32>,
    /// Servers that help to find a way to the partner: STUN alone, for the sound does not go over a relay.
    pub ice_servers: Vec<IceServer>,
}

/// What is known about a border leg at one moment.
#[derive(Clone, Debug, Default)]
pub struct BorderStats {
    /// What we sent: one entry for each source that was ever used.
    pub sent: Vec<BorderStream>,
    /// What we heard: one entry for each source that is open.
    pub received: Vec<BorderStream>,
    /// Packets of Opus sent as they came.
    pub forwarded: u64,
    /// Packets encoded for a border.
    pub encoded: u64,
    /// Packets that carried older sound besides their own (RFC 2198).
    pub redundant: u64,
    /// Packets brought back by what a later one carried (RFC 2198).
    pub recovered: u64,
    /// Times that a person was given a place among the loudest.
    pub switches: u64,
    /// Authenticated packets of sources that nobody has opened.
    pub dropped_unknown: u64,
    /// Packets dropped because they failed authentication or were replayed.
    pub dropped_unauthenticated: u64,
    /// Packets dropped because they were malformed or of an unknown payload type.
    pub dropped_malformed: u64,
    /// Share of our packets that the partner reports as lost [%].
    pub loss_percent: u8,
    /// Round trip time from RTCP.
    pub rtt: Option<Duration>,
}

/// What is known about one stream of a border leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BorderStream {
    /// Whose sound it is; `None` when it is nobody's any more.
    pub leg: Option<LegId>,
    /// Synchronisation source.
    pub ssrc: u32,
    /// RTP packets.
    pub packets: u64,
    /// RTP payload [bytes].
    pub octets: u64,
}
