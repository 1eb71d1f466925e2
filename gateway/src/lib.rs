// SPDX-License-Identifier: EUPL-1.2
//! The server `landbridge`: phones, browsers and (later) XMPP clients meet in rooms.
//!
//! The only crate with sockets, clocks and threads; the cores it drives live beside it.
//!
//! - [`admin`]: the HTTP surfaces: join API, events, operator's API, metrics, health and the page
//! - [`call`]: the words all legs speak, and the task that walks a call from offer to hang-up
//! - [`cli`]: the command line: serve, check, explain, call, rooms
//! - [`config`]: `landbridge.toml`: one typed tree whose every error names file, line and remedy
//! - [`legs`]: one folder per protocol that brings people in
//! - [`lobby`]: before a room: prompts, meeting id, PIN, languages, throttle, in-call keys
//! - [`media`]: the media threads: ports, RTP, SRTP, WebRTC peers, playout and mix wiring
//! - [`net`]: SIP's sockets, TLS, DNS: nowhere else
//! - [`room`]: people, floor, roster, moderation; the homes a room can have

pub mod admin;
pub mod call;
pub mod cli;
pub mod config;
pub mod legs;
pub mod lobby;
pub mod media;
pub mod net;
pub mod room;
