// SPDX-License-Identifier: EUPL-1.2
//! Namespaces of what we read and write.

/// XEP-0166: sessions.
pub const JINGLE: &str = "urn:xmpp:jingle:1";
/// XEP-0166 §10: conditions of errors.
pub const ERRORS: &str = "urn:xmpp:jingle:errors:1";
/// XEP-0167: audio and video.
pub const RTP: &str = "urn:xmpp:jingle:apps:rtp:1";
/// XEP-0167 §8: hold, mute, ringing.
pub const RTP_INFO: &str = "urn:xmpp:jingle:apps:rtp:info:1";
/// XEP-0176: ICE over UDP.
pub const ICE_UDP: &str = "urn:xmpp:jingle:transports:ice-udp:1";
/// XEP-0177: UDP without ICE.
pub const RAW_UDP: &str = "urn:xmpp:jingle:transports:raw-udp:1";
/// XEP-0215: STUN and TURN servers.
pub const EXTDISCO: &str = "urn:xmpp:extdisco:2";
/// XEP-0251: transfer.
pub const TRANSFER: &str = "urn:xmpp:jingle:transfer:0";
/// XEP-0272: group calls.
pub const MUJI: &str = "urn:xmpp:jingle:muji:0";
/// XEP-0272 before it had a namespace of its own.
pub const MUJI_TELEPATHY: &str = "http://telepathy.freedesktop.org/muji";
/// XEP-0293: RTCP feedback.
pub const RTCP_FB: &str = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0";
/// XEP-0294: header extensions.
pub const HDREXT: &str = "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0";
/// XEP-0298: conference information.
pub const COIN: &str = "urn:xmpp:coin:1";
/// XEP-0320: DTLS fingerprints.
pub const DTLS: &str = "urn:xmpp:jingle:apps:dtls:0";
/// XEP-0334: hints for storage and copies.
pub const HINTS: &str = "urn:xmpp:hints";
/// XEP-0338: bundles.
pub const GROUPING: &str = "urn:xmpp:jingle:apps:grouping:0";
/// XEP-0339: sources.
pub const SSMA: &str = "urn:xmpp:jingle:apps:rtp:ssma:0";
/// XEP-0353: calls announced by messages.
pub const JMI: &str = "urn:xmpp:jingle-message:0";
/// XEP-0172: the caller's nickname.
pub const NICK: &str = "http://jabber.org/protocol/nick";
