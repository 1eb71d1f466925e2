// SPDX-License-Identifier: EUPL-1.2
//! The new file while it is being written, and what the operator should know about it.

use std::fmt;

/// Tells the operator about one key of Obelisk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether the key could not be taken over; else it was, and wants a look.
    pub is_lost: bool,
    /// The key, as in `[sip] stun_server`.
    pub key: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_lost { "not taken over" } else { "please look" };
        write!(f, "{kind}: {}: {}; {}", self.key, self.why, self.remedy)
    }
}

/// The text of the new file, written from top to bottom.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    notes: Vec<Note>,
}

impl Page {
    /// Begins a section behind an empty line.
    pub(super) fn section(&mut self, head: &str) {
        self.line("");
        self.line(head);
    }

    /// Writes a line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Writes a comment, at most 110 columns wide.
    pub(super) fn comment(&mut self, words: &str) {
        let mut line = String::from("#");
        for word in words.split_whitespace() {
            if line.len() + 1 + word.len() > 110 && line.len() > 1 {
                self.line(&line);
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    /// Writes a key whose value is TOML already.
    pub(super) fn raw(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    /// Writes a key whose value is text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &quoted(value));
    }

    /// Keeps a key that has no twin.
    pub(super) fn lost(&mut self, key: &str, why: &str, remedy: &str) {
        self.note(true, key, why, remedy);
    }

    /// Keeps a key that was taken over and wants a look.
    pub(super) fn look(&mut self, key: &str, why: &str, remedy: &str) {
        self.note(false, key, why, remedy);
    }

    fn note(&mut self, is_lost: bool, key: &str, why: &str, remedy: &str) {
        self.notes.push(Note {
            is_lost,
            key: super::source::shown(key),
            why: why.to_owned(),
            remedy: remedy.to_owned(),
        });
    }

    /// Ends the page with a list of what was not taken over.
    pub(super) fn finish(mut self) -> (String, Vec<Note>) {
        let lost: Vec<Note> = self.notes.iter().filter(|note| note.is_lost).cloned().collect();
        if !lost.is_empty() {
            self.line("");
            self.comment("Keys of Obelisk that have no twin here:");
        }
        for note in lost {
            self.line("#");
            self.comment(&format!("{}: {}; {}.", note.key, note.why, note.remedy));
        }
        (self.text, self.notes)
    }
}

/// Writes text as a TOML basic string on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
