// SPDX-License-Identifier: EUPL-1.2
//! Obelisk's file as a tree from which every key is taken once; what is left at the end is unknown.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::super::Problem;

/// Obelisk reads the environment after its file: `OPENTALK_OBLSK_SIP__PORT` is `[sip] port`.
const PREFIX: &str = "OPENTALK_OBLSK_";
/// Keys whose values are shown nowhere.
const SECRETS: [&str; 2] = ["client_secret", "password"];

/// An Obelisk configuration while it is being taken apart.
pub(super) struct Source {
    path: PathBuf,
    table: Table,
    problems: Vec<Problem>,
    /// Keys that came from the environment, with the variable's name.
    pub(super) from_environment: Vec<(String, String)>,
}

impl Source {
    /// Reads the file, and over it Obelisk's variables among `environment`.
    pub(super) fn read(path: &Path, text: &str, environment: &[(String, String)]) -> Result<Source, Vec<Problem>> {
        let table = text.parse::<Table>().map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            vec![Problem {
                file: path.to_owned(),
                line: before.matches('\n').count() + 1,
                what: error.message().replace('\n', " "),
                remedy: "give the file that Obelisk itself reads, as /etc/opentalk/obelisk.toml".into(),
            }]
        })?;
        let mut source = Source {
            path: path.to_owned(),
            table,
            problems: Vec::new(),
            from_environment: Vec::new(),
        };
        for (variable, value) in environment {
            source.overlay(variable, value);
        }
        Ok(source)
    }

    fn overlay(&mut self, variable: &str, value: &str) {
        let Some(key) = variable.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else {
            return;
        };
        let parts: Vec<&str> = key.split("__").collect();
        let Some((last, sections)) = parts.split_last() else {
            return;
        };
        let mut table = &mut self.table;
        for section in sections {
            let entry = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = entry else { return };
            table = inner;
        }
        table.insert((*last).to_owned(), Value::String(value.to_owned()));
        self.from_environment.push((parts.join("."), variable.to_owned()));
    }

    /// Takes a text; numbers and booleans count as text, as Obelisk has it.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text),
            Value::Integer(number) => Some(number.to_string()),
            Value::Boolean(yes) => Some(yes.to_string()),
            _ => self.wrong(key, "is no text", "write it in double quotes"),
        }
    }

    /// Takes a text without which there is nothing to migrate.
    pub(super) fn required(&mut self, key: &str) -> Option<String> {
        let text = self.text(key);
        if text.is_none() {
            let remedy = "give the file that Obelisk itself reads, or set its variables as Obelisk has them";
            self.wrong::<()>(key, "is missing", remedy);
        }
        text
    }

    /// Takes a port.
    pub(super) fn port(&mut self, key: &str) -> Option<u16> {
        let text = self.text(key)?;
        self.port_of(key, &text)
    }

    /// Reads a port that was taken as text.
    pub(super) fn port_of(&mut self, key: &str, text: &str) -> Option<u16> {
        match text.parse() {
            Ok(port) if port > 0 => Some(port),
            _ => self.wrong(key, &format!("{text:?} is no port"), "write a number from 1 to 65535"),
        }
    }

    /// Takes a yes or no.
    pub(super) fn yes(&mut self, key: &str) -> Option<bool> {
        let text = self.text(key)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => self.wrong(
                key,
                &format!("{text:?} is neither true nor false"),
                "write true or false",
            ),
        }
    }

    /// Takes an address.
    pub(super) fn address(&mut self, key: &str) -> Option<IpAddr> {
        let text = self.text(key)?;
        match text.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => Some(address),
            Err(_) => self.wrong(
                key,
                &format!("{text:?} is no IP address"),
                "write it as in \"192.0.2.1\"",
            ),
        }
    }

    /// Tells whether a section is there, be it empty.
    pub(super) fn has(&self, section: &str) -> bool {
        self.table.contains_key(section)
    }

    /// Notes a fault of a key.
    pub(super) fn wrong<T>(&mut self, key: &str, what: &str, remedy: &str) -> Option<T> {
        let what = if SECRETS.iter().any(|secret| key.ends_with(secret)) && what != "is missing" {
            format!("{} cannot be read", shown(key))
        } else {
            format!("{} {what}", shown(key))
        };
        self.problems.push(Problem {
            file: self.path.clone(),
            line: 0,
            what,
            remedy: remedy.to_owned(),
        });
        None
    }

    /// Returns the keys that nobody took, or all faults.
    pub(super) fn finish(self) -> Result<Vec<String>, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let mut left = Vec::new();
        leaves("", &Value::Table(self.table), &mut left);
        Ok(left)
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let (sections, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = &mut self.table;
        for section in sections.split('.').filter(|section| !section.is_empty()) {
            table = table.get_mut(section)?.as_table_mut()?;
        }
        table.remove(last)
    }
}

/// Writes a dotted key as operators know it: `[sip] port`.
pub(super) fn shown(key: &str) -> String {
    match key.rsplit_once('.') {
        Some((section, key)) => format!("[{section}] {key}"),
        None => key.to_owned(),
    }
}

fn leaves(path: &str, value: &Value, left: &mut Vec<String>) {
    let Value::Table(table) = value else {
        left.push(path.to_owned());
        return;
    };
    for (key, value) in table {
        let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        leaves(&path, value, left);
    }
}
