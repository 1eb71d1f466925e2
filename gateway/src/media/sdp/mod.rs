// SPDX-License-Identifier: EUPL-1.2
//! Session descriptions of phones: parse, answer, offer, accept. Pure functions; no sockets, clock or randomness.
//!
//! Implemented: RFC 8866 (what phones use of it), RFC 3264 offer/answer, RFC 3551 AVP, RFC 3711/4568 SAVP with
//! SDES keys, RFC 4585 profiles (named, feedback unused), RFC 4733 telephone-event, RFC 3389 comfort noise,
//! RFC 5761 rtcp-mux, RFC 3605 a=rtcp, RFC 7587 Opus.
//! Not implemented: DTLS-SRTP towards phones (RFC 5763), MKI (RFC 4568 §6.1), ICE towards phones, video.

/// One crypto line (RFC 4568): suites, keys, and which parameters are refused.
pub(crate) mod crypto;
/// A session description as the negotiation sees it, from bytes of any quality.
pub(crate) mod description;
/// Payload types, codecs and their rtpmap and fmtp lines.
pub(crate) mod format;
/// Offer and answer (RFC 3264): which line, codec, direction and key both sides use.
pub(crate) mod negotiate;
/// Our own lines: answers and offers as text.
mod write;

#[cfg(test)]
mod bodies;

pub(crate) use crypto::{LocalKeys, Suite};
pub(crate) use description::Description;
pub(crate) use negotiate::{Local, Session, accept, answer, offer};
