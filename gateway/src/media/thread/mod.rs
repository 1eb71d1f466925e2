// SPDX-License-Identifier: EUPL-1.2
//! The media threads: legs, rooms, ticks. One OS thread each; what happens inside takes no lock and waits for nobody.
//!
//! In the steady tick nothing is allocated, save what the SRTP and WebRTC crates allocate for each packet.

/// A border leg: single streams to and from a partner.
mod border;
/// Wall clock as RTCP counts it.
mod clock;
/// Orders to a thread, and the mailbox they go through.
mod command;
/// One encoder per distinct ear and codec.
mod encoders;
/// The seam between a peer's leg and the engine that finds the way.
mod engine;
/// One person's media: what it hears, says and counts.
mod leg;
/// What a payload type means in a session.
mod meaning;
/// One unbroken stream out of whatever a person sends.
mod numbering;
/// From a leg to the borders of its room.
mod onward;
/// A person's sound as Opus of our own.
mod opus;
/// A phone's sockets, encryption and reports.
mod phone;
/// Prompts and chimes: clips played frame by frame.
mod player;
/// Media before other work.
mod priority;
/// One room: mix, ears, chimes, speakers.
mod room;
/// Who speaks, told without flapping.
mod speakers;
/// One outgoing RTP stream: numbers, packet times, digits.
mod stream;
/// A leg's own sound on its way to an SFU.
mod uplink;
/// How a leg reaches its far end.
mod wire;
/// The loop: packets, orders, ticks.
mod worker;

pub(crate) use command::{Command, Mailbox};
pub(crate) use engine::{Datagram, EngineSide, Found, Port};
pub(crate) use leg::Leg;
pub(crate) use wire::{BrowserWire, Wire};
pub use wire::{FromBrowser, ToBrowser, TrackSink};
pub(crate) use worker::start;
