// SPDX-License-Identifier: EUPL-1.2
//! What is agreed for one medium (`<content/>`): its description and its transport, between XML and SDP.
//!
//! - [`description`]: payload types, feedback, header extensions, sources (XEP-0167, 0293, 0294, 0339)
//! - [`transport`]: credentials, candidates, fingerprints (XEP-0176, 0177, 0320)
//!
//! Readers are total: what is unknown, unreadable or beyond the bounds of [`limits`] is left out.

pub mod description;
pub mod limits;
pub mod transport;

use minidom::Element;

pub use description::Description;
pub use transport::Transport;

use crate::ns;
use crate::xml::Build;

/// Which side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Who began it.
    Initiator,
    /// Who was called.
    Responder,
}

impl Role {
    /// Returns the other side.
    pub fn other(self) -> Role {
        match self {
            Role::Initiator => Role::Responder,
            Role::Responder => Role::Initiator,
        }
    }

    /// Returns the attribute's value.
    pub fn name(self) -> &'static str {
        match self {
            Role::Initiator => "initiator",
            Role::Responder => "responder",
        }
    }

    /// Reads an attribute's value.
    pub fn named(name: &str) -> Option<Role> {
        [Role::Initiator, Role::Responder]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// Who sends (XEP-0166 §7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Senders {
    /// Both.
    #[default]
    Both,
    /// The session's initiator.
    Initiator,
    /// Its responder.
    Responder,
    /// Nobody.
    None,
}

impl Senders {
    /// Returns the attribute's value.
    pub fn name(self) -> &'static str {
        match self {
            Senders::Both => "both",
            Senders::Initiator => "initiator",
            Senders::Responder => "responder",
            Senders::None => "none",
        }
    }

    /// Reads the attribute; without it, both send.
    pub fn read(element: &Element) -> Senders {
        let all = [Senders::Both, Senders::Initiator, Senders::Responder, Senders::None];
        let name = element.attr("senders").unwrap_or_default();
        all.into_iter()
            .find(|senders| senders.name() == name)
            .unwrap_or_default()
    }

    /// Tells whether `role` sends.
    pub fn include(self, role: Role) -> bool {
        match self {
            Senders::Both => true,
            Senders::Initiator => role == Role::Initiator,
            Senders::Responder => role == Role::Responder,
            Senders::None => false,
        }
    }

    /// Makes the value for who of `author` and the other side sends.
    pub fn of(author: Role, author_sends: bool, other_sends: bool) -> Senders {
        match (author_sends, other_sends, author) {
            (true, true, _) => Senders::Both,
            (false, false, _) => Senders::None,
            (true, false, Role::Initiator) | (false, true, Role::Responder) => Senders::Initiator,
            (true, false, Role::Responder) | (false, true, Role::Initiator) => Senders::Responder,
        }
    }
}

/// One medium of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Who brought it into the session; with the name it says which one is meant.
    pub creator: Role,
    /// Its name; `a=mid` in SDP.
    pub name: String,
    /// Who sends.
    pub senders: Senders,
    /// What is sent; absent in changes that are not about it, and if its application is not RTP.
    pub description: Option<Description>,
    /// How it is sent.
    pub transport: Option<Transport>,
    /// Not taken: port 0 in SDP, left out in Jingle.
    pub refused: bool,
}

impl Content {
    /// Reads a `<content/>`; without a usable name it is none.
    pub fn read(element: &Element) -> Option<Content> {
        let name = limits::text(element.attr("name")?, limits::NAME)?;
        let creator = element.attr("creator").and_then(Role::named).unwrap_or(Role::Initiator);
        let children = || element.children().take(limits::LOOKED_AT);
        let description = children()
            .find(|child| child.is("description", ns::RTP))
            .map(Description::read);
        Some(Content {
            creator,
            name: name.to_owned(),
            senders: Senders::read(element),
            description,
            transport: children().find_map(Transport::read),
            refused: false,
        })
    }

    /// Writes it whole.
    pub fn write(&self) -> Element {
        self.head()
            .attr("senders", self.senders.name())
            .children(self.description.as_ref().map(Description::write))
            .children(self.transport.as_ref().map(Transport::write))
            .build()
    }

    /// Writes its name, and this transport in it.
    pub fn write_transport(&self, transport: &Transport) -> Element {
        self.head().child(transport.write()).build()
    }

    /// Writes its name, who sends, and nothing else (`content-modify`).
    pub fn write_senders(&self) -> Element {
        self.head().attr("senders", self.senders.name()).build()
    }

    /// Writes its name alone (`content-remove`, `content-reject`).
    pub fn write_name(&self) -> Element {
        self.head().build()
    }

    fn head(&self) -> Build {
        Build::new("content", ns::JINGLE)
            .attr("creator", self.creator.name())
            .attr("name", &self.name)
    }
}

/// Media that belong together (XEP-0338), such as `BUNDLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the group means.
    pub semantics: String,
    /// Names of the contents.
    pub names: Vec<String>,
}

impl Group {
    /// Reads a `<group/>`.
    pub fn read(element: &Element) -> Option<Group> {
        if !element.is("group", ns::GROUPING) {
            return None;
        }
        let semantics = limits::token(element.attr("semantics")?, limits::NAME)?;
        let named = |child: &Element| Some(limits::text(child.attr("name")?, limits::NAME)?.to_owned());
        let children = element
            .children()
            .take(limits::LOOKED_AT)
            .filter(|child| child.is("content", ns::GROUPING));
        Some(Group {
            semantics: semantics.to_owned(),
            names: children.filter_map(named).take(limits::CONTENTS).collect(),
        })
    }

    /// Writes it.
    pub fn write(&self) -> Element {
        let names = self
            .names
            .iter()
            .map(|name| Build::new("content", ns::GROUPING).attr("name", name).build());
        Build::new("group", ns::GROUPING)
            .attr("semantics", &self.semantics)
            .children(names)
            .build()
    }
}

/// Contents' names beside the `a=mid` that stands for them: a name may be any text, a mid is a token.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<(String, String)>);

impl Names {
    /// Returns the mid for a name, making one if needed.
    pub fn mid(&mut self, name: &str) -> String {
        if let Some((_, mid)) = self.0.iter().find(|(known, _)| known == name) {
            return mid.clone();
        }
        let taken = |mid: &str| self.0.iter().any(|(_, known)| known == mid);
        let mut mid = name.to_owned();
        if limits::token(name, limits::MID).is_none() || taken(name) {
            mid = format!("m{}", self.0.len());
            while taken(&mid) {
                mid.push('x');
            }
        }
        // A session that renames its contents again and again gets no table without end.
        if self.0.len() < limits::CONTENTS.saturating_mul(4) {
            self.0.push((name.to_owned(), mid.clone()));
        }
        mid
    }

    /// Returns the name for a mid.
    pub fn name<'a>(&'a self, mid: &'a str) -> &'a str {
        self.0
            .iter()
            .find(|(_, known)| known == mid)
            .map_or(mid, |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_sends_is_the_same_from_both_sides() {
        for author in [Role::Initiator, Role::Responder] {
            for (ours, theirs) in [(true, true), (true, false), (false, true), (false, false)] {
                let senders = Senders::of(author, ours, theirs);
                assert_eq!(
                    (senders.include(author), senders.include(author.other())),
                    (ours, theirs)
                );
                let element = Build::new("content", ns::JINGLE)
                    .attr("senders", senders.name())
                    .build();
                assert_eq!(Senders::read(&element), senders);
            }
        }
    }

    #[test]
    fn a_name_that_is_no_token_gets_a_mid_of_its_own() {
        let mut names = Names::default();
        assert_eq!(names.mid("audio"), "audio");
        let mid = names.mid("this is the audio");
        assert!(limits::token(&mid, limits::MID).is_some());
        assert_eq!(names.mid("this is the audio"), mid);
        assert_eq!(names.name(&mid), "this is the audio");
        assert_ne!(names.mid(&mid.clone()), mid);
        for i in 0..10_000 {
            names.mid(&format!("n {i}"));
        }
        assert!(names.0.len() <= 64);
    }

    #[test]
    fn a_content_without_a_name_is_none() {
        assert!(Content::read(&Build::new("content", ns::JINGLE).attr("creator", "initiator").build()).is_none());
        assert!(Content::read(&Build::new("content", ns::JINGLE).attr("name", "a\nb").build()).is_none());
        let content = Content::read(&Build::new("content", ns::JINGLE).attr("name", "a b").build()).unwrap();
        assert_eq!((content.creator, content.senders), (Role::Initiator, Senders::Both));
    }
}
