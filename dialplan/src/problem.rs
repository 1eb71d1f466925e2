// SPDX-License-Identifier: EUPL-1.2
//! Faults of a rule file, each with line, column and remedy.

use std::fmt;

/// Names one fault of a rule file: where it is, what it is, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named to [`crate::Dialplan::parse`].
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, with the value found.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}; {}",
            self.file, self.line, self.column, self.what, self.remedy
        )
    }
}

/// Finds line and column of a byte offset.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Takes a text apart.
    pub(crate) fn of(text: &'t str) -> Lines<'t> {
        let starts = [0]
            .into_iter()
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Lines { text, starts }
    }

    /// Returns line and column, both from 1; an offset past the end means the end.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = if self.text.is_char_boundary(offset) {
            offset
        } else {
            self.text.len()
        };
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|index| self.starts.get(index))
            .copied()
            .unwrap_or_default();
        (
            line,
            self.text.get(start..offset).unwrap_or_default().chars().count() + 1,
        )
    }
}

/// Returns the known word nearest to what was written, if one is near enough to be meant.
pub fn closest_word<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    let nearest = known.iter().map(|word| (edits(&written, word), *word)).min()?;
    let allowed = (written.chars().count() / 3).max(1);
    (nearest.0 <= allowed).then_some(nearest.1)
}

/// Counts the edits (insert, delete, replace, swap neighbours) between two short words.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let width = b.len() + 1;
    let mut cost = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let mut best = if i == 0 || j == 0 { i + j } else { usize::MAX };
            if i > 0 && j > 0 {
                let replace = usize::from(a[i - 1] != b[j - 1]);
                best = (cost[(i - 1) * width + j] + 1)
                    .min(cost[i * width + j - 1] + 1)
                    .min(cost[(i - 1) * width + j - 1] + replace);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(cost[(i - 2) * width + j - 2] + 1);
                }
            }
            cost[i * width + j] = best;
        }
    }
    cost[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_word() {
        let known = ["trunk", "from", "to", "when", "enter", "collect", "dial", "reject"];
        for (written, meant) in [
            ("trnk", "trunk"),
            ("form", "from"),
            ("colect", "collect"),
            ("Reject", "reject"),
            ("t", "to"),
            ("wehn", "when"),
        ] {
            assert_eq!(closest_word(written, &known), Some(meant), "{written}");
        }
        assert_eq!(closest_word("zzz", &known), None);
        assert_eq!(closest_word("", &[]), None);
    }

    #[test]
    fn positions_count_from_one_and_in_characters() {
        let text = "a = 1\nü = 2\n";
        assert_eq!(Lines::of(text).position(0), (1, 1));
        assert_eq!(Lines::of(text).position(6), (2, 1));
        assert_eq!(Lines::of(text).position(8), (2, 2));
        assert_eq!(Lines::of(text).position(999), (3, 1));
    }
}
