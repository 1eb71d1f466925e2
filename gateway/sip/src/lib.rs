// SPDX-License-Identifier: EUPL-1.2
//! Speaks SIP without I/O: messages, their wire form, Digest answers, transactions, dialogs and calls.
//!
//! - [`message`]: requests, responses, URIs and header values
//! - [`parse`]: octets to messages, bounded
//! - [`digest`]: answers to Digest challenges
//! - [`invariants`]: what must hold for any octets from outside
//! - [`timer`]: T1, T2, T4, and what is due when
//! - [`transaction`]: the four machines of RFC 3261 §17
//! - [`dialog`]: dialogs, repetition of responses, session timers
//! - [`offer_answer`]: who may offer now
//! - [`ua`]: the user agent core that the gateway drives
//!
//! # What the message layer implements
//!
//! | Standard | Sections |
//! |---|---|
//! | RFC 3261 | §7 messages, folding, compact forms; §8.2.6 what a response copies; §18.3 framing; §19.1 SIP URIs, their equality; §20 the fields named in [`message::typed`]; §25 grammar, more tolerant where RFC 4475 allows |
//! | RFC 3262, 3326, 4028 | RSeq, RAck; Reason; Session-Expires, Min-SE |
//! | RFC 3581, 5118 | `rport`, `received`; IPv6 references, with the tolerance of §4.5 and §4.10 |
//! | RFC 3966 | telephone numbers, their equality |
//! | RFC 4475, 5118 | every message, as a datagram and as a stream split at every octet |
//! | RFC 5626 | §3.5.1 CRLF keep-alive |
//! | RFC 2617, 7616, 8760 | a client's answers: MD5, SHA-256, SHA-512-256, their session forms, `qop=auth` |
//!
//! Where a message ends is read strictly: a second or unreadable Content-Length, one that lacks in a stream, a header
//! name that is no token, CR or LF alone: the stream is given up. Content-Length is no header field here: the body is
//! what was counted, and the writer counts again.
//!
//! # What the message layer does not implement
//!
//! - RFC 3261 §7.3.1: unquoted display names with commas or dots are refused or kept as the grammar has it; §20.17 Date,
//!   §20.38 Timestamp, §20.43 Warning and other fields not in [`message::typed`] are carried as octets; §23 S/MIME.
//! - RFC 3261 §7.4.1: bodies are octets, `Content-Encoding` and multipart are left to who reads them (RFC 5621).
//! - RFC 2617, 7616: `qop=auth-int`, Authentication-Info, and the server's side of Digest.
//! - RFC 3986 beyond `sip:`, `sips:` and `tel:`: other URIs are carried as they stand.
//! - RFC 5626 §4.4.2, RFC 7118: STUN keep-alives and WebSocket framing.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests choose their start"))]

pub mod dialog;
pub mod digest;
pub mod invariants;
pub mod message;
pub mod offer_answer;
pub mod parse;
pub mod timer;
pub mod transaction;
pub mod ua;
