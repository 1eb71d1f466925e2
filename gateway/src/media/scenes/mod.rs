// SPDX-License-Identifier: EUPL-1.2
//! Scenes on a real plane: phones made of plain sockets call in, and a spectrum at each ear says who is heard.
//!
//! - `far`: a phone made of a plain socket.
//! - `border`: two planes joined by a border: who hears whom, mute, the loudest few.
//! - `calls`: who hears whom, mute, hold, prompts, digits, time-outs, ports.
//! - `attacks`: wrong keys, sprays, strays.
//! - `crossing`: the way between them: loss, replays, junk, width, audience.
//! - `delay`: how long sound takes from packet in to packet out.
//! - `sfu`: what goes up to an SFU, what comes down, and what it costs.

// A scene's phones wait as phones do, on a thread of their own.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod attacks;
pub(super) mod border;
mod calls;
mod crossing;
mod delay;
pub(super) mod far;
mod sfu;
