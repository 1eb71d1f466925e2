// SPDX-License-Identifier: EUPL-1.2
//! Deployments and the aliases of their rooms.

use std::fmt;
use std::str::FromStr;

/// Names a deployment: a DNS name in lower case, such as `conf.example.org` (RFC 1123 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deployment(String);

/// Names a room towards a partner: not its id, which would open it to guessing. 1 to 64 of `a`–`z`, `0`–`9`, `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomAlias(String);

/// Says why a name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Empty, or longer than the kind of name may be.
    Length,
    /// A character that the kind of name may not hold, or a hyphen at an end.
    Character,
}

impl Deployment {
    /// Returns the DNS name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoomAlias {
    /// Returns the alias.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Deployment {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Deployment, NameError> {
        if text.len() > 253 {
            return Err(NameError::Length);
        }
        let name = text.to_ascii_lowercase();
        name.split('.').try_for_each(|label| check_label(label, 63))?;
        Ok(Deployment(name))
    }
}

impl FromStr for RoomAlias {
    type Err = NameError;

    fn from_str(text: &str) -> Result<RoomAlias, NameError> {
        check_label(text, 64)?;
        Ok(RoomAlias(text.to_owned()))
    }
}

fn check_label(label: &str, longest: usize) -> Result<(), NameError> {
    if !(1..=longest).contains(&label.len()) {
        return Err(NameError::Length);
    }
    let plain = label
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain || label.starts_with('-') || label.ends_with('-') {
        Err(NameError::Character)
    } else {
        Ok(())
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoomAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameError::Length => "empty or too long",
            NameError::Character => "only a-z, 0-9 and inner hyphens are allowed",
        })
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_a_dns_name_in_any_case() {
        assert_eq!(
            "Conf.Example.ORG".parse::<Deployment>().map(|name| name.to_string()),
            Ok("conf.example.org".to_owned())
        );
        for text in ["", "a..b", "-a.b", "a b", "a.b.", "ü.de"] {
            assert!(text.parse::<Deployment>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_room_alias_is_plain_and_short() {
        assert!("crisis-team-2".parse::<RoomAlias>().is_ok());
        assert_eq!("".parse::<RoomAlias>(), Err(NameError::Length));
        assert_eq!("a".repeat(65).parse::<RoomAlias>(), Err(NameError::Length));
        assert_eq!("Room".parse::<RoomAlias>(), Err(NameError::Character));
    }
}
