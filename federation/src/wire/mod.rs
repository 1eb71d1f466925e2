// SPDX-License-Identifier: EUPL-1.2
//! Frames as XML, in the namespace `urn:landbridge:federation:1`; `docs/federation.md` describes every element.
//!
//! - `write`: a frame as text.
//! - `read`: text as a frame.
//! - `limits`: what is checked before anything is read.
//! - `roster`: what a partner is told of our people, as conference information (XEP-0298).

mod limits;
mod read;
mod roster;
#[cfg(test)]
mod tests;
mod write;

pub use limits::LONGEST;
pub use read::read;
pub use roster::roster_view;
pub use write::write;

/// The namespace of frames.
pub const NS: &str = "urn:landbridge:federation:1";

/// The version that we write: another first number is another language, another second one only says more.
pub const VERSION: &str = "1.0";
