// SPDX-License-Identifier: EUPL-1.2
//! Contents as SDP (RFC 8866), the one language between legs and media, and back.
//!
//! - `write`: contents to SDP
//! - `read`: SDP to contents
//!
//! | Jingle | SDP |
//! |---|---|
//! | `content` name, `senders` | `a=mid`, the direction as its author sees it |
//! | `payload-type`, `parameter`, `ptime` | `m=`, `a=rtpmap`, `a=fmtp`, `a=ptime`, `a=maxptime` |
//! | `rtcp-fb` of a payload type, of the description | `a=rtcp-fb` with its number, with `*` |
//! | `rtp-hdrext`, `extmap-allow-mixed` | `a=extmap`, `a=extmap-allow-mixed` |
//! | `rtcp-mux`, `bandwidth` | `a=rtcp-mux`, `b=` |
//! | `source`, `ssrc-group` | `a=ssrc`, `a=ssrc-group` |
//! | `encryption` | `a=crypto` |
//! | `transport` | `a=ice-ufrag`, `a=ice-pwd`, `a=candidate`, `a=end-of-candidates` |
//! | `fingerprint` | `a=fingerprint`, `a=setup` |
//! | `group` | `a=group` |
//!
//! Names are mids here already; [`crate::content::Names`] translates.

mod read;
mod write;

pub use read::read;
pub use write::write;

use crate::content::{Content, Group};

/// A session as it is described.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// Its media, in their order.
    pub contents: Vec<Content>,
    /// Media that belong together.
    pub groups: Vec<Group>,
}

#[cfg(test)]
mod tests;
