// SPDX-License-Identifier: EUPL-1.2
//! A TOML tree whose every value knows its place, read with all faults gathered.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Lines, Problem, closest_word};

/// Gathers the faults of one file.
pub(super) struct Faults<'t> {
    file: &'t str,
    lines: Lines<'t>,
    found: Vec<Problem>,
}

/// A value with its place.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

impl<'t> Faults<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Faults<'t> {
        Faults {
            file,
            lines: Lines::of(text),
            found: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, span: Range<usize>, what: impl Into<String>, remedy: impl Into<String>) {
        let (line, column) = self.lines.position(span.start);
        self.found.push(Problem {
            file: self.file.to_owned(),
            line,
            column,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.lines.position(span.start).0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        self.found
    }

    /// Complains about keys that mean nothing here.
    pub(super) fn keys(&mut self, table: &DeTable<'_>, place: &str, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let remedy = match closest_word(name, known) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("known are {}", known.join(", ")),
            };
            self.add(key.span(), format!("unknown key \"{name}\" in {place}"), remedy);
        }
    }

    pub(super) fn table<'a, 'i>(&mut self, value: &'a Value<'i>, key: &str, example: &str) -> Option<&'a DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => self.wrong(value, key, other, "a table", example),
        }
    }

    /// Reads a text; dates and times need no quotes.
    pub(super) fn text(&mut self, value: &Value<'_>, key: &str, example: &str) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.as_ref().to_owned()),
            DeValue::Datetime(datetime) => Some(datetime.to_string()),
            other => self.wrong(value, key, other, "a text in quotes", example),
        }
    }

    /// Reads a text or a list of texts, each with its place.
    pub(super) fn texts(&mut self, value: &Value<'_>, key: &str, example: &str) -> Vec<(String, Range<usize>)> {
        match value.get_ref() {
            DeValue::Array(array) => {
                if array.is_empty() {
                    self.add(
                        value.span(),
                        format!("\"{key}\" is an empty list"),
                        "leave the key out, or name at least one",
                    );
                }
                array
                    .iter()
                    .filter_map(|item| Some((self.text(item, key, example)?, item.span())))
                    .collect()
            }
            _ => self
                .text(value, key, example)
                .map(|text| (text, value.span()))
                .into_iter()
                .collect(),
        }
    }

    pub(super) fn boolean(&mut self, value: &Value<'_>, key: &str) -> Option<bool> {
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            other => self.wrong(value, key, other, "true or false", "true"),
        }
    }

    pub(super) fn count(&mut self, value: &Value<'_>, key: &str, allowed: Range<usize>) -> Option<usize> {
        let number = match value.get_ref() {
            DeValue::Integer(integer) => usize::from_str_radix(integer.as_str(), integer.radix()).ok(),
            other => return self.wrong(value, key, other, "a whole number", "10"),
        };
        let fitting = number.filter(|n| allowed.contains(n));
        if fitting.is_none() {
            self.add(
                value.span(),
                format!("\"{key}\" is out of range"),
                format!("use {} to {}", allowed.start, allowed.end - 1),
            );
        }
        fitting
    }

    fn wrong<T>(
        &mut self,
        value: &Value<'_>,
        key: &str,
        found: &DeValue<'_>,
        wanted: &str,
        example: &str,
    ) -> Option<T> {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.add(
            value.span(),
            format!("\"{key}\" is {found}, not {wanted}"),
            format!("write {key} = {example}"),
        );
        None
    }
}

/// Returns a key's value.
pub(super) fn get<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a Value<'i>> {
    table
        .iter()
        .find(|(name, _)| name.get_ref().as_ref() == key)
        .map(|(_, value)| value)
}
