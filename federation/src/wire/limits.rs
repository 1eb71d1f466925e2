// SPDX-License-Identifier: EUPL-1.2
//! What is checked before anything is read: how long, how deep, how many.

use crate::Fault;

/// The longest text of a frame, in octets.
pub const LONGEST: usize = 64 * 1024;
/// The deepest nesting of elements.
const DEEPEST: usize = 8;
/// The most elements in a frame.
const MOST_ELEMENTS: usize = 2048;
/// The most attributes of an element.
const MOST_ATTRIBUTES: usize = 32;
/// The most events in a frame.
pub(super) const MOST_NEWS: usize = 1024;
/// The most entries of a list: deployments of a path, fingerprints.
pub(super) const MOST_ENTRIES: usize = 16;
/// The longest entry of a list, and the longest authority, in octets.
pub(super) const LONGEST_ENTRY: usize = 256;

/// Checks the outline of a text in one pass and without memory: XML as RFC 6120 §11.1 allows it (no comments, no
/// processing instructions, no declarations), not too long, not too deep, not too many of anything.
///
/// # Errors
///
/// [`Fault::TooLong`] for too much of something, [`Fault::WrongType`] for what is no such XML.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.len() > LONGEST {
        return Err(Fault::TooLong);
    }
    let (mut depth, mut elements) = (0usize, 0usize);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'<' {
            continue;
        }
        let closes = match bytes.peek() {
            Some(b'!' | b'?') | None => return Err(Fault::WrongType),
            Some(b'/') => true,
            Some(_) => false,
        };
        let (mut attributes, mut before, mut quote) = (0usize, b'<', None);
        loop {
            let byte = bytes.next().ok_or(Fault::WrongType)?;
            match quote {
                Some(open) if byte == open => quote = None,
                Some(_) => {}
                None if byte == b'>' => break,
                None if byte == b'"' || byte == b'\'' => {
                    quote = Some(byte);
                    attributes += 1;
                }
                None => before = byte,
            }
        }
        if closes {
            depth = depth.checked_sub(1).ok_or(Fault::WrongType)?;
        } else {
            elements += 1;
            depth += 1;
            if elements > MOST_ELEMENTS || depth > DEEPEST || attributes > MOST_ATTRIBUTES {
                return Err(Fault::TooLong);
            }
            // The last byte outside of quotes closes an empty element.
            if before == b'/' {
                depth -= 1;
            }
        }
    }
    if depth == 0 && elements > 0 {
        Ok(())
    } else {
        Err(Fault::WrongType)
    }
}
