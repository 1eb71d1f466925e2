// SPDX-License-Identifier: EUPL-1.2
//! Addresses of XMPP: a JID behind `xmpp:`, as it stands in stanzas, so without percent escapes.
//!
//! A node may carry an address of another kind, escaped by XEP-0106: `sip\3a+49361555\40pbx@meet.example`.

/// What comes with a JID.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Jid<'t> {
    /// The node, as written; empty for a domain alone.
    pub(crate) node: &'t str,
    /// The domain, as written.
    pub(crate) domain: &'t str,
    /// The digits of the resource or of `?pin=`, if that is all they hold.
    pub(crate) pin: Option<&'t str>,
}

/// Characters that no node holds, and how they are written (XEP-0106 §3).
const ESCAPES: [(char, &str); 10] = [
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

impl<'t> Jid<'t> {
    /// Takes a JID apart; total (RFC 7622 §3.1: first the resource, then the node).
    pub(crate) fn read(text: &'t str) -> Jid<'t> {
        let (text, query) = text.split_once('?').unwrap_or((text, ""));
        let (bare, resource) = text.split_once('/').unwrap_or((text, ""));
        let (node, domain) = bare.split_once('@').unwrap_or(("", bare));
        let asked = query.split([';', '&']).find_map(|field| field.strip_prefix("pin="));
        let is_pin = |text: &&str| (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        Jid {
            node,
            domain,
            pin: [asked, Some(resource)].into_iter().flatten().find(is_pin),
        }
    }

    /// Returns the telephone address that the node carries, if it carries one.
    pub(crate) fn carried(&self) -> Option<String> {
        let text = unescaped(self.node);
        let (scheme, _) = text.split_once(':')?;
        ["sip", "sips", "tel"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
            .then_some(text)
    }
}

/// Undoes XEP-0106; what is no escape stays as it is.
fn unescaped(node: &str) -> String {
    let mut text = String::with_capacity(node.len());
    let mut rest = node;
    while let Some((before, tail)) = rest.split_once('\\') {
        text.push_str(before);
        let meant = tail
            .get(..2)
            .and_then(|code| ESCAPES.iter().find(|(_, escape)| escape.eq_ignore_ascii_case(code)));
        match meant {
            Some((c, _)) => {
                text.push(*c);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                text.push('\\');
                rest = tail;
            }
        }
    }
    text + rest
}

/// Keeps a capture inside the node of a JID: XEP-0106, and percent escapes for what ends a node in a URI (RFC 5122 §2.2).
pub(crate) fn escape_node(value: &str) -> String {
    let mut node = String::with_capacity(value.len());
    for c in value.chars().filter(|c| !c.is_control()) {
        match ESCAPES.iter().find(|(unfit, _)| *unfit == c) {
            Some((_, escape)) => {
                node.push('\\');
                node.push_str(escape);
            }
            None if matches!(c, '?' | '#' | '%') => node.push_str(&format!("%{:02X}", u32::from(c))),
            None => node.push(c),
        }
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jid_is_node_domain_and_perhaps_a_pin() {
        for (text, node, domain, pin) in [
            ("alice@a.example", "alice", "a.example", None),
            ("alice@a.example/dino.1a2b", "alice", "a.example", None),
            ("1234@meet.example/4711", "1234", "meet.example", Some("4711")),
            ("1234@meet.example?pin=4711", "1234", "meet.example", Some("4711")),
            ("1234@meet.example?call;pin=4711", "1234", "meet.example", Some("4711")),
            ("a.example", "", "a.example", None),
            ("a.example/x@y", "", "a.example", None),
            ("a@b@c", "a", "b@c", None),
            ("@", "", "", None),
            ("", "", "", None),
        ] {
            assert_eq!(Jid::read(text), Jid { node, domain, pin }, "{text}");
        }
    }

    #[test]
    fn escapes_of_xep_0106_are_undone_and_nothing_else_is() {
        for (node, text) in [
            (r"space\20cadet", "space cadet"),
            (r"sip\3a+49361555\40pbx", "sip:+49361555@pbx"),
            (r"\5c3a", r"\3a"),
            (r"\zz\4", r"\zz\4"),
            ("\\\u{e4}\u{e4}", "\\\u{e4}\u{e4}"),
            (r"d\27artagnan", "d'artagnan"),
        ] {
            assert_eq!(unescaped(node), text, "{node}");
        }
    }

    #[test]
    fn no_capture_leaves_its_node() {
        assert_eq!(escape_node("a@b/c?d#e%f:g\\h\r\n"), r"a\40b\2fc%3Fd%23e%25f\3ag\5ch");
        for c in ['@', '/', '?', '#', ':', ' ', '<'] {
            assert!(!escape_node(&c.to_string()).contains(c));
        }
    }
}
