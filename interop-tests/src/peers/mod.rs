// SPDX-License-Identifier: EUPL-1.2
//! The strangers: programs that are not ours.

/// baresip: the phone that speaks every transport, codec and SDES.
pub mod baresip;
/// A connection that is cut without a word.
pub mod blackout;
/// The border between deployments.
pub mod border;
/// Chromium with the gateway's page, driven by Playwright.
pub mod browser;
/// A controller of OpenTalk as far as phones see it.
pub mod controller;
/// Dino: a desktop client for XMPP.
pub mod dino;
/// ejabberd 23.01.
pub mod ejabberd;
/// A deployment that is a partner in name alone.
pub mod hostile_partner;
/// Somebody with a Jingle client: slixmpp and aiortc.
pub mod jingle_person;
/// linphonec: a classic softphone.
pub mod linphone;
/// People in a LiveKit room: the Python SDK, and Chromium with livekit-client.
pub mod livekit_person;
/// LiveKit's own media server.
pub mod livekit_server;
/// A phone that writes down when each packet comes.
pub mod metronome;
/// Names and certificates of the XMPP servers.
pub mod names;
/// Stanzas that nobody should send.
pub mod nuisances;
/// People in an OpenTalk meeting, as the roomserver's signalling knows them.
pub mod opentalk_person;
/// Two phones that talk in the meeting while something else goes on.
pub mod pair;
/// Prosody 0.12.
pub mod prosody;
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
/// Somebody with a Jingle client in a browser: stanza.js.
pub mod stanza_person;
/// JSON web tokens, as LiveKit and OpenTalk take them.
pub mod token;
/// Somebody with an account who writes, joins rooms and sends whatever stanza: slixmpp.
pub mod xmpp_person;
/// The XMPP servers: Prosody or ejabberd, one for each domain.
pub mod xmpp_server;
