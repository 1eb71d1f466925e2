// SPDX-License-Identifier: EUPL-1.2
//! `tel:` URIs (RFC 3966).

use super::escape::UriParams;
use crate::parse::ValueError;
use std::fmt;

/// Names a telephone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelUri {
    number: Box<str>,
    params: UriParams,
}

impl TelUri {
    /// Gives the number as it was spelt, with its visual separators.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Gives the number without visual separators, with its leading `+` if it is global.
    pub fn digits(&self) -> String {
        self.number.chars().filter(|c| !is_separator(*c)).collect()
    }

    /// Tells whether the number is global (`+…`), so that it needs no `phone-context`.
    pub fn is_global(&self) -> bool {
        self.number.starts_with('+')
    }

    /// Gives the parameters: `ext`, `isub`, `phone-context` and others.
    pub fn params(&self) -> &UriParams {
        &self.params
    }

    /// Tells whether both name the same number (RFC 3966 §4): separators, case and order do not count.
    pub fn equivalent(&self, other: &TelUri) -> bool {
        self.digits().eq_ignore_ascii_case(&other.digits()) && self.sorted_params() == other.sorted_params()
    }

    fn sorted_params(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = self
            .params
            .iter()
            .map(|(name, value)| {
                let value = value.unwrap_or("").to_ascii_lowercase();
                let is_number = name.eq_ignore_ascii_case("ext") || value.starts_with('+');
                let value = if is_number {
                    value.chars().filter(|c| !is_separator(*c)).collect()
                } else {
                    value
                };
                (name.to_ascii_lowercase(), value)
            })
            .collect();
        all.sort();
        all
    }

    /// Reads what follows `tel:`.
    pub(super) fn parse_rest(rest: &str) -> Result<TelUri, ValueError> {
        let (number, params) = match rest.split_once(';') {
            Some((number, params)) => (number, UriParams::parse(params, number.len() + 1)?),
            None => (rest, UriParams::new()),
        };
        let local = number.strip_prefix('+').unwrap_or(number);
        let global = local.len() != number.len();
        let allowed = |c: char| {
            c.is_ascii_digit() || is_separator(c) || (!global && (c.is_ascii_hexdigit() || matches!(c, '*' | '#')))
        };
        if let Some(at) = local.find(|c| !allowed(c)) {
            return Err(ValueError {
                what: "character that no telephone number may hold",
                at,
            });
        }
        if local.chars().all(is_separator) {
            return Err(ValueError {
                what: "telephone number without digits",
                at: 0,
            });
        }
        Ok(TelUri {
            number: number.into(),
            params,
        })
    }
}

const fn is_separator(c: char) -> bool {
    matches!(c, '-' | '.' | '(' | ')')
}

impl fmt::Display for TelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tel:{}{}", self.number, self.params)
    }
}
