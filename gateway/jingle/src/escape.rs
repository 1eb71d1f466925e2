// SPDX-License-Identifier: EUPL-1.2
//! What the node of an address cannot hold, escaped (XEP-0106), and SIP addresses as nodes.

/// Escapes `text` for use as a node; what has no need to be escaped stays (XEP-0106 §4.2).
pub fn escape(text: &str) -> String {
    let mut node = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match code_of(c) {
            // "the character \ … is escaped only if it begins one of the escape sequences"
            Some(code) if c != '\\' || begins_code(text.get(at..).unwrap_or_default()) => {
                node.push('\\');
                node.push_str(code);
            }
            _ => node.push(c),
        }
    }
    node
}

/// Undoes [`escape`]; a backslash that begins no escape sequence stays (XEP-0106 §4.3).
pub fn unescape(node: &str) -> String {
    let mut text = String::with_capacity(node.len());
    let mut rest = node;
    while let Some(c) = rest.chars().next() {
        let escaped = if c == '\\' {
            rest.get(1..3).and_then(char_of)
        } else {
            None
        };
        let (c, taken) = match escaped {
            Some(escaped) => (escaped, 3),
            None => (c, c.len_utf8()),
        };
        text.push(c);
        rest = rest.get(taken..).unwrap_or_default();
    }
    text
}

/// Writes a SIP address (`sip:4711@pbx.example`) as a node: `sip\3a4711\40pbx.example`.
pub fn node_of_sip(uri: &str) -> String {
    escape(uri)
}

/// Reads a SIP or telephone address out of a node; `None` if the node is none.
pub fn sip_of_node(node: &str) -> Option<String> {
    let uri = unescape(node);
    let (scheme, rest) = uri.split_once(':')?;
    let known = ["sip", "sips", "tel"]
        .iter()
        .any(|word| scheme.eq_ignore_ascii_case(word));
    let fit = !rest.is_empty()
        && !rest
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "<>\"".contains(c));
    (known && fit).then_some(uri)
}

const CODES: [(char, &str); 10] = [
    (' ', "20"),
    ('"', "22"),
    ('&', "26"),
    ('\'', "27"),
    ('/', "2f"),
    (':', "3a"),
    ('<', "3c"),
    ('>', "3e"),
    ('@', "40"),
    ('\\', "5c"),
];

fn code_of(c: char) -> Option<&'static str> {
    CODES.iter().find(|(plain, _)| *plain == c).map(|(_, code)| *code)
}

// Nodes are case-folded on their way, so both cases are read.
fn char_of(code: &str) -> Option<char> {
    CODES
        .iter()
        .find(|(_, known)| known.eq_ignore_ascii_case(code))
        .map(|(plain, _)| *plain)
}

fn begins_code(text: &str) -> bool {
    text.get(1..3).and_then(char_of).is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::own::Domain;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_specification_hold() {
        for (text, node) in [
            ("space cadet", r"space\20cadet"),
            ("call me \"ishmael\"", r"call\20me\20\22ishmael\22"),
            ("at&t guy", r"at\26t\20guy"),
            ("d'artagnan", r"d\27artagnan"),
            ("/.fanboy", r"\2f.fanboy"),
            ("::foo::", r"\3a\3afoo\3a\3a"),
            ("<foo>", r"\3cfoo\3e"),
            ("user@host", r"user\40host"),
            (r"c:\net", r"c\3a\net"),
            (r"c:\\net", r"c\3a\\net"),
            (r"c:\cool stuff", r"c\3a\cool\20stuff"),
            (r"c:\5commas", r"c\3a\5c5commas"),
        ] {
            assert_eq!(escape(text), node);
            assert_eq!(unescape(node), text);
        }
    }

    #[test]
    fn a_sip_address_goes_through_a_node() {
        let node = node_of_sip("sip:4711@pbx.example");
        assert_eq!(node, r"sip\3a4711\40pbx.example");
        let own = Domain::new("meet.example").unwrap().address(&node, "").unwrap();
        assert_eq!(sip_of_node(own.node().unwrap()).unwrap(), "sip:4711@pbx.example");
        assert_eq!(sip_of_node("tel\\3A+4930123").unwrap(), "tel:+4930123");
        for other in ["12345678", "xmpp\\3aa\\40b", "sip\\3a", "sip\\3aa\\20b"] {
            assert_eq!(sip_of_node(other), None);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_escaped_comes_back(text in "[\\\\0-9a-fA-F @:/<>'\"&äß🙂]{0,24}|.{0,40}") {
            prop_assert_eq!(unescape(&escape(&text)), text);
        }

        #[test]
        fn unescaping_is_total(node in ".{0,40}") {
            let _ = unescape(&node);
        }
    }
}
