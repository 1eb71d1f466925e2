// SPDX-License-Identifier: EUPL-1.2
//! Walks over one unfolded header value or URI, never past its end.

use std::borrow::Cow;

/// Says what is wrong with a value and at which octet of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueError {
    /// What was wrong, in a few words.
    pub what: &'static str,
    /// Octets from the start of the value.
    pub at: usize,
}

impl std::fmt::Display for ValueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at octet {}", self.what, self.at)
    }
}

impl std::error::Error for ValueError {}

/// Tells whether `b` may stand in a token (RFC 3261 §25.1).
pub(crate) const fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Tells whether `text` is a token (RFC 3261 §25.1).
pub(crate) fn is_token_text(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| is_token(*b))
}

/// A cursor over a value.
#[derive(Debug, Clone)]
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Scan { text, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rewind(&mut self, at: usize) {
        self.at = at.min(self.text.len());
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn done(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(crate) fn error(&self, what: &'static str) -> ValueError {
        ValueError { what, at: self.at }
    }

    /// Skips SP and HTAB; tells whether there was any.
    pub(crate) fn skip_space(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.at != from
    }

    /// Takes `b` if it is next.
    pub(crate) fn eat(&mut self, b: u8) -> bool {
        debug_assert!(b.is_ascii());
        if self.peek() == Some(b) {
            self.at += 1;
            return true;
        }
        false
    }

    /// Takes `b` with space around it.
    pub(crate) fn eat_spaced(&mut self, b: u8) -> bool {
        let from = self.at;
        self.skip_space();
        if self.eat(b) {
            self.skip_space();
            return true;
        }
        self.at = from;
        false
    }

    /// Takes octets as long as `keep` holds; `keep` must tell alike for all octets above 0x7f.
    pub(crate) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(|b| !keep(b)).unwrap_or(rest.len());
        let taken = rest.get(..end).unwrap_or("");
        self.at += taken.len();
        taken
    }

    pub(crate) fn token(&mut self, what: &'static str) -> Result<&'a str, ValueError> {
        let taken = self.take_while(is_token);
        if taken.is_empty() {
            Err(self.error(what))
        } else {
            Ok(taken)
        }
    }

    /// Takes a quoted string and gives what it says, without quotes and backslashes.
    pub(crate) fn quoted(&mut self) -> Result<Cow<'a, str>, ValueError> {
        let inner = self.raw_quoted()?;
        let escaped = inner.contains('\\');
        Ok(if escaped {
            Cow::Owned(unescape(inner))
        } else {
            Cow::Borrowed(inner)
        })
    }

    /// Takes a quoted string and gives what stands between its quotes.
    pub(crate) fn raw_quoted(&mut self) -> Result<&'a str, ValueError> {
        let open = self.at;
        if !self.eat(b'"') {
            return Err(self.error("expected a quoted string"));
        }
        let rest = self.rest();
        let mut escaped = false;
        for (offset, b) in rest.bytes().enumerate() {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.at += offset + 1;
                    return Ok(rest.get(..offset).unwrap_or(""));
                }
                _ => {}
            }
        }
        Err(ValueError {
            what: "unterminated quoted string",
            at: open,
        })
    }

    /// Takes decimal digits as a number no larger than `max`.
    pub(crate) fn number(&mut self, max: u64, what: &'static str) -> Result<u64, ValueError> {
        let at = self.at;
        let digits = self.take_while(|b| b.is_ascii_digit());
        if digits.is_empty() {
            return Err(ValueError { what, at });
        }
        let mut sum: u64 = 0;
        for b in digits.bytes() {
            sum = sum
                .checked_mul(10)
                .and_then(|s| s.checked_add(u64::from(b - b'0')))
                .filter(|s| *s <= max)
                .ok_or(ValueError { what, at })?;
        }
        Ok(sum)
    }

    /// Fails unless only space is left.
    pub(crate) fn finish(&mut self, what: &'static str) -> Result<(), ValueError> {
        self.skip_space();
        if self.done() { Ok(()) } else { Err(self.error(what)) }
    }
}

fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if !escaped && c == '\\' {
            escaped = true;
        } else {
            escaped = false;
            out.push(c);
        }
    }
    out
}

/// Writes `text` as a quoted string; CR and LF cannot stand in one and become a space.
pub(crate) fn write_quoted(text: &str, out: &mut impl std::fmt::Write) -> std::fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '\r' | '\n' => out.write_char(' ')?,
            '"' | '\\' => {
                out.write_char('\\')?;
                out.write_char(c)?;
            }
            c if c.is_ascii_control() && c != '\t' => {
                out.write_char('\\')?;
                out.write_char(c)?;
            }
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}
