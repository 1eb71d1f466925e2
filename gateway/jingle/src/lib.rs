// SPDX-License-Identifier: EUPL-1.2
//! XMPP calls without I/O: Jingle sessions, their announcement, rooms, and session descriptions.
//!
//! - [`own`]: our domain and the addresses in it
//! - [`packet`]: what we send, bounded
//! - [`xml`]: elements as we write them
//! - [`ns`]: namespaces that are read and written
//! - [`reason`]: why a session ends
//! - [`content`]: what is agreed for one medium
//! - [`sdp`]: contents as SDP and back
//! - [`calls`]: all calls of a component
//! - [`jmi`]: calls announced by messages
//! - `session`: one session
//! - `journal`: what must not get lost or happen twice
//! - [`invariants`]: what must hold for anything from outside
//! - [`external`]: STUN and TURN servers of the XMPP server
//! - [`escape`]: what a node cannot hold, escaped (XEP-0106)
//! - [`view`]: the people of a room, as rooms on XMPP show them
//! - [`disco`]: what our addresses are and can do (XEP-0030, 0115, 0390, 0199, 0092)
//! - [`attendance`]: presence of our addresses for those who ask for it (RFC 6121)
//! - [`muc`]: a room's chat and people as a multi-user chat (XEP-0045)
//! - [`coin`]: the people of a conference, told inside a call (XEP-0298)
//! - [`invites`]: invitations to group calls (XEP-0482 and a dialect)
//! - [`muji`]: a group call that the room takes part in (XEP-0272)
//!
//! # What sessions implement
//!
//! | Standard | Sections |
//! |---|---|
//! | XEP-0166 | §6, §7: all actions; tie-breaks §7.2.16; errors §10; actions that are repeated or out of order |
//! | XEP-0167 | descriptions, `<encryption/>`, `description-info` (acknowledged); §8 ringing, hold, mute and back |
//! | XEP-0176, 0177 | ICE over UDP with trickling and restarts; plain UDP is read, and turned away |
//! | XEP-0215, 0251 | reading services; transfer told and heard |
//! | XEP-0272 | a session says which group call it belongs to |
//! | XEP-0293, 0294, 0338, 0339 | feedback, header extensions, groups, sources |
//! | XEP-0320, RFC 8842 | fingerprints and roles: an answer without, with `actpass`, or another certificate end the session |
//! | XEP-0353 | all messages, several devices, ties |
//!
//! # What sessions do not implement
//!
//! - XEP-0166 §7.2.13 `security-info`; sessions that `responder` moves to another address.
//! - XEP-0167: SDES keys are carried, and no session is agreed with them alone.
//! - XEP-0251: a transfer with a session that exists already.
//! - XEP-0353: migration of a call to another device.
//! - XEP-0371: TCP candidates are carried, its namespace is not.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests choose their start"))]

pub mod attendance;
pub mod calls;
pub mod coin;
pub mod content;
pub mod disco;
pub mod escape;
pub mod external;
pub mod invariants;
pub mod invites;
pub mod jmi;
mod journal;
pub mod muc;
pub mod muji;
pub mod ns;
pub mod own;
pub mod packet;
pub mod reason;
pub mod sdp;
pub mod session;
pub mod view;
pub mod xml;
