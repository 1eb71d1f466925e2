// SPDX-License-Identifier: EUPL-1.2
//! RTP as phones speak it: packets, reports, encryption, digits, packet times, and whom to believe. No sockets, no clock.
//!
//! Implemented: RFC 3550 (packets, SR, RR, SDES CNAME, BYE), RFC 3551, RFC 3711 and RFC 7714 through one door,
//! RFC 2198 redundancy on borders, RFC 4733 events 0–15, RFC 5761 demultiplexing, RFC 6464 audio levels, RFC 8285 one-byte extensions.
//! Not implemented: RFC 4585 feedback, RFC 3611 extended reports.

/// Digits as RFC 4733 events, in and out.
pub(crate) mod digits;
/// RTP packets: parse and build.
pub(crate) mod packet;
/// From 20 ms payloads to the packet time the far end asked for.
pub(crate) mod packetise;
/// Receiver statistics (RFC 3550 appendix A) for our own reports.
pub(crate) mod receipts;
/// Redundant audio data (RFC 2198).
pub(crate) mod red;
/// RTCP compounds: build and parse.
pub(crate) mod rtcp;
/// Whom to believe: which address and which stream a leg listens to.
pub(crate) mod source;
/// SRTP and SRTCP; nothing else names the crate behind it.
pub(crate) mod srtp;
