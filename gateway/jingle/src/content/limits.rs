// SPDX-License-Identifier: EUPL-1.2
//! Bounds of what is read from a peer, and which texts may stand in a line of SDP.

/// Contents of a session.
pub const CONTENTS: usize = 16;
/// Payload types of a content.
pub const PAYLOADS: usize = 32;
/// Parameters of a payload type or a source.
pub const PARAMETERS: usize = 16;
/// Feedback messages of a payload type or description.
pub const FEEDBACK: usize = 16;
/// Header extensions of a content.
pub const EXTENSIONS: usize = 24;
/// Sources of a content, and groups of them.
pub const SOURCES: usize = 16;
/// Candidates of a transport.
pub const CANDIDATES: usize = 20;
/// Fingerprints of a transport.
pub const FINGERPRINTS: usize = 4;
/// SDES keys of a content.
pub const CRYPTOS: usize = 8;
/// Groups of a session.
pub const GROUPS: usize = 4;
/// Children of one element that are looked at before the rest is ignored.
pub const LOOKED_AT: usize = 256;

/// Octets of a name.
pub const NAME: usize = 128;
/// Octets of an `a=mid`.
pub const MID: usize = 32;
/// Octets of any other text.
pub const TEXT: usize = 512;
/// Octets of SDP that is read.
pub const SDP: usize = 128 * 1024;

/// Takes a text that fits into a line: not empty, bounded, no control characters.
pub fn text(text: &str, most: usize) -> Option<&str> {
    let fits = !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// Takes a text that is one word of a line: ASCII that is visible (RFC 8866 §9 `token`, and a little more).
pub fn token(text: &str, most: usize) -> Option<&str> {
    let fits = !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(text)
}
