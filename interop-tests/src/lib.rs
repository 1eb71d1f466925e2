// SPDX-License-Identifier: EUPL-1.2
//! The world around the gateway: real peers, what they hear, and what goes wrong.
//!
//! Each suite in `tests/` runs in a network namespace of its own (`tools/ns.sh`), so ports are fixed and nothing
//! leaves the machine. A missing peer fails the run. Every client runs under `timeout`.

/// The gateway under test: its files, its life, its HTTP API.
pub mod gateway;
/// Deployments that share a room, and the border between them.
pub mod joint_world;
/// A network of its own for a deployment.
pub mod namespace;
/// The strangers: programs that are not ours.
pub mod peers;
/// Child processes that end with their owner.
pub mod process;
/// Which prompts of the gateway a recording holds.
pub mod prompts;
/// What a recording holds: which tones, how loud, whether anybody spoke.
pub mod sound;
/// SIP and RTP octet by octet, as good peers do not send them.
pub mod wire;
/// A gateway that is the component of an XMPP server, and the servers.
pub mod xmpp_world;
