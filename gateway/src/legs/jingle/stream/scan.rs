// SPDX-License-Identifier: EUPL-1.2
//! Finds the borders of stanzas in a stream of octets, and counts what makes one too big, before anything is built.
//!
//! All marks of XML are ASCII, and no octet of a longer UTF-8 sequence is: octets can be looked at one by one.

/// Longest stanza that is read [octets]; servers let 256 KiB (clients) to 512 KiB (other servers) through.
pub(super) const LONGEST: usize = 256 * 1024;
/// Elements inside each other, the stanza included.
const DEPTH: u32 = 32;
/// Attributes and namespace declarations of one element.
const ATTRIBUTES: u32 = 64;
/// Elements of one stanza.
const ELEMENTS: u32 = 4096;

/// What an octet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing.
    None,
    /// The stream's header.
    Header,
    /// A stanza.
    Stanza,
    /// The stream.
    Footer,
}

/// Why a stanza is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    TooLong,
    TooDeep,
    TooManyAttributes,
    TooManyElements,
    /// A document type, a comment or a processing instruction (RFC 6120 §11.1), or no XML.
    NotXmpp,
}

impl Unfit {
    /// Returns the word for metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Unfit::TooLong => "too_long",
            Unfit::TooDeep => "too_deep",
            Unfit::TooManyAttributes => "too_many_attributes",
            Unfit::TooManyElements => "too_many_elements",
            Unfit::NotXmpp => "not_xmpp",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between tags.
    Content,
    /// Behind `<`.
    Opened,
    StartTag {
        slash: bool,
    },
    /// In a value of a start tag, until this quotation mark.
    Quoted(u8),
    EndTag,
    /// Behind `<!`.
    Bang,
    /// In a comment, behind so many `-`.
    Comment(u8),
    /// In a CDATA section, behind so many `]`.
    Cdata(u8),
    Declaration,
    Instruction {
        question: bool,
    },
}

/// Walks one stream.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    depth: u32,
    attributes: u32,
    elements: u32,
    unfit: Option<Unfit>,
}

impl Scanner {
    /// Starts before the stream's header.
    pub(super) fn new() -> Scanner {
        Scanner {
            state: State::Content,
            depth: 0,
            attributes: 0,
            elements: 0,
            unfit: None,
        }
    }

    /// Tells whether the walk is between two stanzas.
    pub(super) fn is_between(&self) -> bool {
        self.depth == 1 && self.state == State::Content
    }

    /// Takes why the stanza that just ended is not to be read, and starts afresh.
    pub(super) fn verdict(&mut self) -> Option<Unfit> {
        self.elements = 0;
        self.unfit.take()
    }

    /// Says that the stanza which is walked through is not to be read.
    pub(super) fn refuse(&mut self, why: Unfit) {
        self.unfit.get_or_insert(why);
    }

    /// Tells whether the stanza which is walked through is refused already.
    pub(super) fn is_refused(&self) -> bool {
        self.unfit.is_some()
    }

    /// Takes the next octet.
    pub(super) fn step(&mut self, octet: u8) -> Mark {
        let mut mark = Mark::None;
        self.state = match (self.state, octet) {
            (State::Content, b'<') => State::Opened,
            (State::Content, _) => State::Content,
            (State::Opened, b'/') => State::EndTag,
            (State::Opened, b'!') => State::Bang,
            (State::Opened, b'?') => State::Instruction { question: false },
            (State::Opened, _) => {
                self.attributes = 0;
                State::StartTag { slash: false }
            }
            (State::StartTag { slash }, b'>') => {
                mark = self.opened(slash);
                State::Content
            }
            (State::StartTag { .. }, quote @ (b'"' | b'\'')) => {
                self.attributes = self.attributes.saturating_add(1);
                if self.attributes > ATTRIBUTES {
                    self.refuse(Unfit::TooManyAttributes);
                }
                State::Quoted(quote)
            }
            (State::StartTag { .. }, octet) => State::StartTag { slash: octet == b'/' },
            (State::Quoted(quote), octet) if octet == quote => State::StartTag { slash: false },
            (State::EndTag, b'>') => {
                mark = self.closed();
                State::Content
            }
            (State::Bang, b'-') => {
                self.refuse(Unfit::NotXmpp);
                State::Comment(0)
            }
            (State::Bang, b'[') => State::Cdata(0),
            (State::Bang, _) => {
                self.refuse(Unfit::NotXmpp);
                State::Declaration
            }
            (State::Comment(2..), b'>') | (State::Cdata(2..), b'>') | (State::Declaration, b'>') => State::Content,
            (State::Comment(seen), b'-') => State::Comment(seen.saturating_add(1)),
            (State::Comment(_), _) => State::Comment(0),
            (State::Cdata(seen), b']') => State::Cdata(seen.saturating_add(1)),
            (State::Cdata(_), _) => State::Cdata(0),
            (State::Instruction { question: true }, b'>') => {
                // The XML declaration stands before the header and is none of a stanza's.
                if self.depth > 0 {
                    self.refuse(Unfit::NotXmpp);
                }
                State::Content
            }
            (State::Instruction { .. }, octet) => State::Instruction {
                question: octet == b'?',
            },
            (state @ (State::Quoted(_) | State::EndTag | State::Declaration), _) => state,
        };
        mark
    }

    fn opened(&mut self, is_empty: bool) -> Mark {
        self.elements = self.elements.saturating_add(1);
        if self.elements > ELEMENTS {
            self.refuse(Unfit::TooManyElements);
        }
        // The stream's own element does not count.
        if self.depth > DEPTH {
            self.refuse(Unfit::TooDeep);
        }
        match (self.depth, is_empty) {
            (0, true) => Mark::Footer,
            (1, true) => Mark::Stanza,
            (_, true) => Mark::None,
            (depth, false) => {
                self.depth = depth.saturating_add(1);
                if depth == 0 { Mark::Header } else { Mark::None }
            }
        }
    }

    fn closed(&mut self) -> Mark {
        self.depth = self.depth.saturating_sub(1);
        match self.depth {
            0 => Mark::Footer,
            1 => Mark::Stanza,
            _ => Mark::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' id='1'>";

    /// Returns the stanzas of a stream with the verdict on each.
    fn walk(text: &str) -> Vec<(String, Option<Unfit>)> {
        let mut scanner = Scanner::new();
        let (mut held, mut found) = (Vec::new(), Vec::new());
        for octet in text.bytes() {
            let was_between = scanner.is_between();
            let mark = scanner.step(octet);
            if !(was_between && scanner.is_between()) {
                held.push(octet);
            }
            match mark {
                Mark::Header => held.clear(),
                Mark::Stanza => {
                    let text = String::from_utf8_lossy(&std::mem::take(&mut held)).into_owned();
                    found.push((text, scanner.verdict()));
                }
                Mark::Footer => found.push(("footer".to_owned(), None)),
                Mark::None => {}
            }
        }
        found
    }

    #[test]
    fn stanzas_are_found_whatever_stands_in_their_text_and_values() {
        let stanzas = [
            "<message to='a@b'><body>1 &lt; 2 > 1</body></message>",
            "<presence from=\"it's/a>b\"/>",
            "<iq><q xmlns='/>'><![CDATA[</iq>]]></q></iq>",
        ];
        let text = format!(
            "{HEADER} {}\n {} \n{}</stream:stream>",
            stanzas[0], stanzas[1], stanzas[2]
        );
        let expected: Vec<_> = stanzas
            .iter()
            .chain(&["footer"])
            .map(|s| ((*s).to_owned(), None))
            .collect();
        assert_eq!(walk(&text), expected);
    }

    #[test]
    fn a_stanza_that_is_too_much_is_told_and_the_next_is_found() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        let attributes: String = (0..10_000).map(|n| format!(" a{n}='1'")).collect();
        for (stanza, why) in [
            (deep, Unfit::TooDeep),
            (format!("<iq{attributes}/>"), Unfit::TooManyAttributes),
            (format!("<iq>{}</iq>", "<c/>".repeat(5000)), Unfit::TooManyElements),
            ("<iq><!-- <a> --></iq>".to_owned(), Unfit::NotXmpp),
            ("<iq><?php echo ?></iq>".to_owned(), Unfit::NotXmpp),
        ] {
            let found = walk(&format!("{HEADER}{stanza}<iq/>"));
            assert_eq!(found, [(stanza, Some(why)), ("<iq/>".to_owned(), None)]);
        }
    }

    #[test]
    fn as_deep_and_as_many_as_allowed_passes() {
        let stanza = format!("{}{}", "<a>".repeat(32), "</a>".repeat(32));
        assert_eq!(walk(&format!("{HEADER}{stanza}")), [(stanza, None)]);
    }
}
