// SPDX-License-Identifier: EUPL-1.2
//! Bounds what a peer may make us hold.

/// Bounds one message; checked before anything is allocated for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Start line, in octets.
    pub start_line: usize,
    /// Header fields of one message.
    pub headers: usize,
    /// One header field with its folding, in octets.
    pub header: usize,
    /// All of start line and header fields, in octets.
    pub head: usize,
    /// Body, in octets.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            start_line: 8 * 1024,
            headers: 256,
            header: 16 * 1024,
            head: 48 * 1024,
            body: 128 * 1024,
        }
    }
}
