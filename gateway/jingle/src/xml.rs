// SPDX-License-Identifier: EUPL-1.2
//! Elements as we write them: names from us, text from anyone, and never a character that XML 1.0 forbids.

use std::borrow::Cow;

use minidom::{Element, Node, rxml};

/// Builds an element; what is not permitted in XML becomes U+FFFD in texts and values.
#[derive(Debug)]
pub struct Build(Element);

impl Build {
    /// Starts an element of this name and namespace, both of them ours.
    pub fn new(name: &'static str, namespace: &'static str) -> Build {
        Build(Element::bare(name, namespace))
    }

    /// Adds an attribute; `name` is ours, the value may be anybody's.
    pub fn attr(mut self, name: &'static str, value: impl AsRef<str>) -> Build {
        if let Ok(name) = rxml::NcName::try_from(name) {
            self.0
                .set_attr(rxml::Namespace::NONE, name, clean(value.as_ref()).into_owned());
        }
        self
    }

    /// Adds an attribute if there is a value.
    pub fn attr_opt(self, name: &'static str, value: Option<impl AsRef<str>>) -> Build {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Appends a child.
    pub fn child(mut self, child: impl Into<Element>) -> Build {
        self.0.append_child(child.into());
        self
    }

    /// Appends children in their order.
    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Build {
        for child in children {
            self.0.append_child(child);
        }
        self
    }

    /// Appends text.
    pub fn text(mut self, text: impl AsRef<str>) -> Build {
        self.0.append_text(clean(text.as_ref()).into_owned());
        self
    }

    /// Ends the element.
    pub fn build(self) -> Element {
        self.0
    }
}

impl From<Build> for Element {
    fn from(build: Build) -> Element {
        build.0
    }
}

/// Replaces what XML 1.0 §2.2 does not permit by U+FFFD.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(permitted) {
        return Cow::Borrowed(text);
    }
    let replaced = |c| if permitted(c) { c } else { char::REPLACEMENT_CHARACTER };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// Cuts `text` behind at most `most` octets, at a character's border.
pub fn bounded(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

/// Cleans the element and everything in it, and counts the octets it takes on the wire, at most; `None` is an element
/// that has no wire form (a name that is no name, or deeper than [`DEPTH`]).
pub(crate) fn tidy(element: &mut Element) -> Option<usize> {
    tidy_at(element, 0)
}

/// Deepest nesting of elements that we send.
pub const DEPTH: usize = 32;

fn tidy_at(element: &mut Element, depth: usize) -> Option<usize> {
    if depth > DEPTH || <&rxml::NcNameStr>::try_from(element.name()).is_err() {
        return None;
    }
    // Prefixes that a peer declared have no business in our stanzas: the writer declares what is needed.
    element.prefixes = Default::default();
    let namespace = element.ns();
    if clean(&namespace) != namespace.as_str() {
        return None;
    }
    // `<name xmlns='…'>` and `</name>`
    let mut size = 2usize
        .saturating_mul(element.name().len())
        .saturating_add(escaped(&namespace))
        .saturating_add(16);
    for ((namespace, name), value) in element.attrs_mut().iter_mut() {
        if let Cow::Owned(cleaned) = clean(value) {
            *value = cleaned;
        }
        let declared = if namespace.is_none() {
            0
        } else {
            namespace.len().saturating_add(32)
        };
        size = size
            .saturating_add(name.len() + 4)
            .saturating_add(declared)
            .saturating_add(escaped(value));
    }
    for node in element.nodes_mut() {
        match node {
            Node::Element(child) => size = size.saturating_add(tidy_at(child, depth + 1)?),
            Node::Text(text) => {
                if let Cow::Owned(cleaned) = clean(text) {
                    *text = cleaned;
                }
                size = size.saturating_add(escaped(text));
            }
        }
    }
    Some(size)
}

fn escaped(text: &str) -> usize {
    text.bytes()
        .map(|byte| {
            if matches!(byte, b'<' | b'>' | b'&' | b'\'' | b'"' | b'\r' | b'\n' | b'\t') {
                6
            } else {
                1
            }
        })
        .sum()
}

fn permitted(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn forbidden_characters_are_replaced_wherever_they_stand() {
        let mut element = Build::new("a", "urn:x")
            .attr("b", "x\0y")
            .child(Build::new("c", "urn:y").text("\u{1}\u{fffe}z"))
            .build();
        element.append_text("\u{b}");
        assert!(tidy(&mut element).is_some());
        let text = String::from(&element);
        assert!(!text.contains('\0') && !text.contains('\u{1}') && !text.contains('\u{b}') && text.contains('z'));
    }

    #[test]
    fn the_count_is_no_less_than_the_wire_form() {
        let text = "<a xmlns='urn:a' x='&lt;&#10;'><p:b xmlns:p='urn:b' p:q='1'>t&amp;t</p:b><c/></a>";
        let mut element: Element = text.parse().unwrap();
        let count = tidy(&mut element).unwrap();
        assert!(count >= String::from(&element).len());
        assert!(count < 4 * text.len());
    }

    #[test]
    fn a_name_that_is_none_and_endless_depth_are_refused() {
        assert_eq!(tidy(&mut Element::bare("a b", "urn:x")), None);
        let mut deep = Element::bare("a", "urn:x");
        for _ in 0..40 {
            let inner = std::mem::replace(&mut deep, Element::bare("a", "urn:x"));
            deep.append_child(inner);
        }
        assert_eq!(tidy(&mut deep), None);
    }

    #[test]
    fn a_bound_falls_between_characters() {
        assert_eq!(bounded("aßb", 2), "a");
        assert_eq!(bounded("aßb", 9), "aßb");
    }
}
