// SPDX-License-Identifier: EUPL-1.2
//! What is said on the socket.
//!
//! The types are our own and tolerant: OpenTalk's change often. What is unknown is skipped, what is missing or of another
//! shape is as if it were absent, and a list loses only the entry that is wrong.

/// What the server tells after the phone has entered.
pub(crate) mod events;
/// What the server tells when the phone enters.
pub(crate) mod join;
/// What we say.
pub(crate) mod say;

use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Longest id, in bytes: they are UUIDs.
const LONGEST_ID: usize = 64;
/// Longest name that is kept, in characters.
const LONGEST_NAME: usize = 200;
/// Longest time that is believed, one year.
const LONGEST_TIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// One message of the server.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// Which module speaks.
    pub(crate) namespace: String,
    /// What kind of message it is; empty in the namespace `error`.
    pub(crate) message: String,
    /// When it was sent, by the server's clock.
    pub(crate) at: Option<Timestamp>,
    payload: Value,
}

impl Envelope {
    /// Reads a message, if it is one.
    pub(crate) fn parse(text: &str) -> Option<Envelope> {
        #[derive(Deserialize)]
        struct Outer {
            namespace: String,
            #[serde(default, deserialize_with = "lenient")]
            timestamp: Option<String>,
            #[serde(default)]
            payload: Value,
        }
        let outer: Outer = serde_json::from_str(text).ok()?;
        let message = outer.payload.get("message").and_then(Value::as_str).unwrap_or("");
        Some(Envelope {
            message: message.to_owned(),
            namespace: outer.namespace,
            at: outer.timestamp.as_deref().and_then(time),
            payload: outer.payload,
        })
    }

    /// Reads what the message says; of a payload of another shape nothing is left.
    pub(crate) fn read<T: DeserializeOwned + Default>(self) -> T {
        T::deserialize(self.payload).unwrap_or_default()
    }
}

/// Says how long after `at`, when its message was sent, a time is; zero if it has passed. Both are of the server's
/// clock, so ours does not matter.
pub(crate) fn until(at: Option<Timestamp>, then: Option<&str>) -> Option<Duration> {
    let wait = then.and_then(time)?.duration_since(at?);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(LONGEST_TIME))
}

/// Reads a time of RFC 3339.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// An id that is short enough to be one; the default, an empty one, is nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) String);

impl Id {
    /// Tells whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        if text.len() > LONGEST_ID {
            return Err(serde::de::Error::custom("longer than an id"));
        }
        Ok(Id(text))
    }
}

/// Cleans a name of somebody else: no control characters, and not too long.
pub(crate) fn clean_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

/// Reads a value, or takes the default if it is of another shape.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).unwrap_or_default())
}

/// Reads a list and leaves out the entries that are of another shape, and what is more than `MOST`.
pub(crate) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned, const MOST: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let Value::Array(values) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let readable = values.into_iter().filter_map(|value| T::deserialize(value).ok());
    Ok(readable.take(MOST).collect())
}

/// Reads an object's entries and leaves out those of another shape, and what is more than `MOST`.
pub(crate) fn entries<'de, D: Deserializer<'de>, T: DeserializeOwned, const MOST: usize>(
    deserializer: D,
) -> Result<Vec<(Id, T)>, D::Error> {
    let Value::Object(values) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let readable = values.into_iter().filter_map(|(key, value)| {
        let id = (key.len() <= LONGEST_ID).then_some(Id(key))?;
        Some((id, T::deserialize(value).ok()?))
    });
    Ok(readable.take(MOST).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_message_is_none() {
        for text in ["", "{", "[]", "3", "null", "{\"payload\":{}}", "{\"namespace\":7}"] {
            assert!(Envelope::parse(text).is_none(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(Envelope::parse(&deep).is_none());
    }

    #[test]
    fn a_list_loses_only_the_entry_that_is_wrong() {
        #[derive(Default, Deserialize)]
        struct Payload {
            #[serde(default, deserialize_with = "list::<_, _, 2>")]
            ids: Vec<Id>,
        }
        let long = "x".repeat(65);
        let text = format!("{{\"namespace\":\"n\",\"payload\":{{\"ids\":[\"a\",7,\"{long}\",\"b\",\"c\"]}}}}");
        let payload: Payload = Envelope::parse(&text).unwrap().read();
        assert_eq!(payload.ids, [Id("a".into()), Id("b".into())]);
    }

    #[test]
    fn how_long_something_takes_is_told_by_the_servers_clock_alone() {
        let text = r#"{"namespace":"n","timestamp":"2026-11-23T10:40:07.5Z","payload":{}}"#;
        let envelope = Envelope::parse(text).unwrap();
        let after = |then| until(envelope.at, Some(then));
        assert_eq!(after("2026-11-23T10:40:09Z"), Some(Duration::from_millis(1500)));
        assert_eq!(after("2026-11-23T10:40:00Z"), Some(Duration::ZERO));
        assert_eq!(after("9999-01-01T00:00:00Z"), Some(LONGEST_TIME));
        assert_eq!(after("soon"), None);
    }
}
