// SPDX-License-Identifier: EUPL-1.2
//! The digits of one answer, gathered from keys that may come early and all at once.

use std::collections::VecDeque;

use zeroize::{Zeroize, Zeroizing};

/// The most keys kept for later answers.
const MAX_WAITING: usize = 64;
/// The longest answer of open length, in digits.
const MAX_OPEN: usize = 32;

/// Keys not yet used, and the answer they are filling.
#[derive(Default)]
pub(super) struct Entry {
    waiting: VecDeque<u8>,
    answer: Zeroizing<String>,
    /// The last answer was complete by its length: one `#` behind it means nothing.
    swallow_hash: bool,
}

impl Entry {
    /// Keeps a digit or `#`; whatever is more than anybody needs is dropped.
    pub(super) fn push(&mut self, key: u8) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(key);
        }
    }

    /// Puts a digit before all others that wait.
    pub(super) fn push_front(&mut self, key: u8) {
        self.waiting.push_front(key);
    }

    /// Takes one key that waits.
    pub(super) fn pop(&mut self) -> Option<u8> {
        self.waiting.pop_front()
    }

    /// Returns whether nothing of an answer is there.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.answer.is_empty()
    }

    /// Returns whether the keys that wait would fill an answer of this length.
    pub(super) fn holds(&self, digits: usize) -> bool {
        digits > 0 && self.waiting.iter().filter(|key| key.is_ascii_digit()).count() >= digits
    }

    /// Fills the answer; returns it once it is complete by its length or by `#`. A length of 0 is open.
    ///
    /// An empty answer is given only where it `may_be_empty`.
    pub(super) fn take(&mut self, digits: usize, may_be_empty: bool) -> Option<Zeroizing<String>> {
        while let Some(key) = self.waiting.pop_front() {
            if key == b'#' {
                let meant = !std::mem::take(&mut self.swallow_hash);
                if !self.answer.is_empty() || (meant && may_be_empty) {
                    return Some(self.finish(false));
                }
                continue;
            }
            self.swallow_hash = false;
            self.answer.push(char::from(key));
            let full = if digits == 0 { MAX_OPEN } else { digits };
            if self.answer.len() >= full {
                return Some(self.finish(true));
            }
        }
        None
    }

    /// Forgets all keys.
    pub(super) fn clear(&mut self) {
        self.waiting.make_contiguous().zeroize();
        self.waiting.clear();
        self.answer.zeroize();
        self.swallow_hash = false;
    }

    fn finish(&mut self, by_length: bool) -> Zeroizing<String> {
        self.swallow_hash = by_length;
        std::mem::take(&mut self.answer)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(keys: &str) -> Entry {
        let mut entry = Entry::default();
        keys.bytes().for_each(|key| entry.push(key));
        entry
    }

    #[test]
    fn a_burst_is_split_by_length_with_or_without_hash() {
        for keys in [
            "12345678900987654321",
            "1234567890#0987654321#",
            "12345678900987654321#",
        ] {
            let mut entry = entry(keys);
            assert_eq!(
                entry.take(10, false).as_deref().map(String::as_str),
                Some("1234567890"),
                "{keys}"
            );
            assert_eq!(
                entry.take(10, true).as_deref().map(String::as_str),
                Some("0987654321"),
                "{keys}"
            );
            assert!(entry.take(10, false).is_none());
        }
    }

    #[test]
    fn hash_ends_an_answer_early_and_alone_gives_an_empty_one() {
        let mut entry = entry("12#4711##");
        assert_eq!(entry.take(10, false).as_deref().map(String::as_str), Some("12"));
        assert_eq!(entry.take(0, true).as_deref().map(String::as_str), Some("4711"));
        assert_eq!(entry.take(10, true).as_deref().map(String::as_str), Some(""));
        assert!(entry.take(10, true).is_none());
    }

    #[test]
    fn a_flood_of_keys_is_bounded() {
        let mut entry = entry(&"1".repeat(100_000));
        assert_eq!(entry.waiting.len(), MAX_WAITING);
        assert_eq!(entry.take(0, false).map(|a| a.len()), Some(MAX_OPEN));
    }
}
