// SPDX-License-Identifier: EUPL-1.2
//! Holds the `;name=value` parameters of a header value.

use crate::parse::ValueError;
use crate::parse::scan::{Scan, is_token, is_token_text, write_quoted};
use std::fmt::{self, Write as _};

/// Holds header parameters in their order (RFC 3261 §7.3.1); names match in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<Param>);

/// More parameters than this make a value unreadable; each name is compared with those before it.
pub(crate) const MOST_PARAMS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Param {
    name: String,
    value: Option<String>,
    quoted: bool,
}

impl Params {
    /// Makes an empty list.
    pub const fn new() -> Self {
        Params(Vec::new())
    }

    /// Gives a parameter's value: `None` if absent, `Some(None)` if it has no value.
    pub fn get(&self, name: &str) -> Option<Option<&str>> {
        self.0
            .iter()
            .find(|p| p.name.eq_ignore_ascii_case(name))
            .map(|p| p.value.as_deref())
    }

    /// Gives the value of a parameter that has one.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name).flatten()
    }

    /// Tells whether the parameter is there, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a parameter, in place if it is there already; the writer quotes a value that is not a token.
    ///
    /// Fails when the name is not a token or the value holds CR, LF or NUL.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), ValueError> {
        if !is_token_text(name.as_bytes()) {
            return Err(ValueError {
                what: "parameter name is not a token",
                at: 0,
            });
        }
        if let Some(at) = value.and_then(|v| v.bytes().position(|b| matches!(b, b'\r' | b'\n' | 0))) {
            return Err(ValueError {
                what: "line break or NUL in parameter value",
                at,
            });
        }
        let value = value.map(str::to_owned);
        match self.0.iter_mut().find(|p| p.name.eq_ignore_ascii_case(name)) {
            Some(param) => {
                *param = Param {
                    name: name.to_owned(),
                    value,
                    quoted: false,
                }
            }
            None => self.0.push(Param {
                name: name.to_owned(),
                value,
                quoted: false,
            }),
        }
        Ok(())
    }

    /// Sets a parameter that stands in quotes even where a token would do.
    pub(crate) fn set_quoted(&mut self, name: &'static str, value: &str) {
        self.remove(name);
        let value = Some(value.to_owned());
        self.0.push(Param {
            name: name.to_owned(),
            value,
            quoted: true,
        });
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|p| !p.name.eq_ignore_ascii_case(name));
    }

    /// Walks over names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|p| (p.name.as_str(), p.value.as_deref()))
    }

    /// Tells how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads `*( SEMI generic-param )` up to what cannot belong to it.
    pub(crate) fn scan(scan: &mut Scan<'_>) -> Result<Params, ValueError> {
        let mut params = Params::new();
        while scan.eat_spaced(b';') {
            let name = scan.token("parameter without a name")?;
            if params.contains(name) || params.len() >= MOST_PARAMS {
                return Err(scan.error("parameter given twice, or too many"));
            }
            let mut quoted = false;
            let value = if scan.eat_spaced(b'=') {
                if scan.peek() == Some(b'"') {
                    quoted = true;
                    Some(scan.quoted()?.into_owned())
                } else {
                    let value = scan.take_while(is_value);
                    if value.is_empty() {
                        return Err(scan.error("parameter without a value after ="));
                    }
                    Some(value.to_owned())
                }
            } else {
                None
            };
            params.0.push(Param {
                name: name.to_owned(),
                value,
                quoted,
            });
        }
        Ok(params)
    }
}

/// A token, or an address whose brackets and colons are not token characters.
const fn is_value(b: u8) -> bool {
    is_token(b) || matches!(b, b'[' | b']' | b':' | b'/' | b'@' | b'$' | b'&') || b >= 0x80
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for param in &self.0 {
            f.write_char(';')?;
            f.write_str(&param.name)?;
            if let Some(value) = &param.value {
                f.write_char('=')?;
                if !param.quoted && !value.is_empty() && value.bytes().all(is_value) {
                    f.write_str(value)?;
                } else {
                    write_quoted(value, f)?;
                }
            }
        }
        Ok(())
    }
}
