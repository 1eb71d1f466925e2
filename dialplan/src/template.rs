// SPDX-License-Identifier: EUPL-1.2
//! Texts of an action with captures in braces: `sip:{1}@pbx.example.org`.

/// The longest text an action can make out of captures, in bytes.
const MAX_EXPANDED: usize = 512;

/// A text with places for captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Capture(String),
}

impl Template {
    /// Reads a template; the error is what is wrong and how to mend it.
    pub(crate) fn read(text: &str) -> Result<Template, (String, String)> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('{') {
            let Some((name, tail)) = tail.split_once('}') else {
                return Err((
                    format!("a '{{' without '}}' in {text:?}"),
                    "close the brace: {1}".into(),
                ));
            };
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(Part::Capture(name.to_owned()));
            rest = tail;
        }
        if rest.contains('}') {
            return Err((format!("a '}}' without '{{' in {text:?}"), "remove it".into()));
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(Template {
            text: text.to_owned(),
            parts,
        })
    }

    /// Returns the names of the captures it uses.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Capture(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// Fills in the captures, each passed through `escape`.
    pub(crate) fn expand(&self, captures: &[(String, String)], escape: fn(&str) -> String) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Capture(name) => {
                    let value = captures.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value);
                    // Only what the caller wrote is cut: the host behind it is the operator's word.
                    let room = MAX_EXPANDED.saturating_sub(text.len());
                    let escaped = escape(value);
                    let kept = escaped.char_indices().find(|(at, c)| at + c.len_utf8() > room);
                    text.push_str(
                        escaped
                            .get(..kept.map_or(escaped.len(), |(at, _)| at))
                            .unwrap_or_default(),
                    );
                }
            }
        }
        text
    }
}

/// Keeps a capture from breaking out of the user part of a URI (RFC 3261 §25.1: unreserved and user-unreserved).
pub(crate) fn escape_uri(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'+' => {
                text.push(char::from(byte))
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

/// Drops control characters and whatever could lead a reader astray.
pub(crate) fn plain(value: &str) -> String {
    let astray = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    value.chars().filter(|c| !astray(*c)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn captures_fill_their_places() {
        let template = Template::read("sip:{1}@{host}").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["1", "host"]);
        let captures = [
            ("1".to_owned(), "a@b;x".to_owned()),
            ("host".to_owned(), "h".to_owned()),
        ];
        assert_eq!(template.expand(&captures, escape_uri), "sip:a%40b%3Bx@h");
    }

    #[test]
    fn a_long_capture_is_cut_and_the_host_behind_it_stays() {
        let template = Template::read("xmpp:{1}@a.example").unwrap();
        for value in ["x".repeat(2000), "\u{10348}".repeat(128), "\u{10348}".repeat(2000)] {
            let text = template.expand(&[("1".to_owned(), value)], plain);
            assert!(text.ends_with("@a.example") && text.len() <= MAX_EXPANDED + 16);
        }
    }

    #[test]
    fn braces_must_pair() {
        assert!(Template::read("{1").is_err());
        assert!(Template::read("1}").is_err());
    }
}
