// SPDX-License-Identifier: EUPL-1.2
//! The strangers: programs that are not ours.

/// baresip: the phone that speaks every transport, codec and SDES.
pub mod baresip;
/// Chromium with the gateway's page, driven by Playwright.
pub mod browser;
/// A controller of OpenTalk as far as phones see it.
pub mod controller;
/// linphonec: a classic softphone.
pub mod linphone;
/// People in a LiveKit room: the Python SDK, and Chromium with livekit-client.
pub mod livekit_person;
/// LiveKit's own media server.
pub mod livekit_server;
/// People in an OpenTalk meeting, as the roomserver's signalling knows them.
pub mod opentalk_person;
/// Two phones that talk in the meeting while something else goes on.
pub mod pair;
/// A program that is steered by lines in a file, and prints one JSON object a line.
pub mod puppet;
/// Python peers: aiortc over WHIP, the PJSIP stack, LiveKit's SDK, a client of OpenTalk.
pub mod python;
/// Redis, which LiveKit's nodes share.
pub mod redis;
/// A server that should not be one.
pub mod rogue;
/// OpenTalk's roomserver, of both generations.
pub mod roomserver;
/// SIPp: scripted calls in numbers.
pub mod sipp;
/// JSON web tokens, as LiveKit and OpenTalk take them.
pub mod token;
