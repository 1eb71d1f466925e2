// SPDX-License-Identifier: EUPL-1.2
//! Both descriptions of a session: brought into one order, under the names that each side knows, with the DTLS roles
//! that were chosen.

use minidom::Element;

use super::{Session, Stage, rules};
use crate::content::transport::Setup;
use crate::content::{Content, Group, Transport, limits};
use crate::sdp;

impl Session {
    pub(super) fn describe_remote(&mut self) -> Vec<u8> {
        self.version = self.version.saturating_add(1);
        sdp::write(&self.remote, self.role.other(), self.version)
    }

    /// Brings our description into the order of what is known, with the creators that are known.
    pub(super) fn adopt(&self, read: sdp::Session) -> sdp::Session {
        let mut contents: Vec<Content> = Vec::new();
        let known = if self.local.contents.is_empty() {
            &self.remote.contents
        } else {
            &self.local.contents
        };
        let mut rest = read.contents;
        for known in known {
            let position = rest.iter().position(|content| content.name == known.name);
            let content = match position {
                Some(position) => Content {
                    creator: known.creator,
                    ..rest.remove(position)
                },
                None => Content {
                    refused: true,
                    ..known.clone()
                },
            };
            contents.push(content);
        }
        if self.stage == Stage::Active {
            let added = rest.into_iter().filter(|content| !content.refused);
            contents.extend(added.map(|content| Content {
                creator: self.role,
                ..content
            }));
            contents.truncate(limits::CONTENTS);
        }
        sdp::Session {
            contents,
            groups: read.groups,
        }
    }

    /// Returns a content under the name that the peer knows.
    pub(super) fn named(&self, content: &Content) -> Content {
        // COMPAT(stanza.js 12): takes a transport that says it is complete for one that says nothing else.
        let transport = content.transport.clone().map(|transport| Transport {
            complete: false,
            ..transport
        });
        Content {
            name: self.names.name(&content.name).to_owned(),
            transport,
            ..content.clone()
        }
    }

    /// Writes what is not refused under the names that the peer knows, and the groups of it.
    pub(super) fn outward(&self, contents: &[Content], groups: &[Group]) -> Vec<Element> {
        let taken = || contents.iter().filter(|content| !content.refused);
        let mut elements: Vec<Element> = taken().map(|content| self.named(content).write()).collect();
        for group in groups {
            let names = group
                .names
                .iter()
                .filter(|name| taken().any(|content| content.name == **name));
            let names: Vec<String> = names.map(|name| self.names.name(name).to_owned()).collect();
            if !names.is_empty() {
                elements.push(
                    Group {
                        semantics: group.semantics.clone(),
                        names,
                    }
                    .write(),
                );
            }
        }
        elements
    }

    pub(super) fn inward(&mut self, contents: Vec<Content>) -> Vec<Content> {
        let renamed = |content: Content| Content {
            name: self.names.mid(&content.name),
            ..content
        };
        contents.into_iter().map(renamed).collect()
    }

    pub(super) fn groups_inward(&mut self, groups: Vec<Group>) -> Vec<Group> {
        let renamed = |group: Group| {
            let names = group.names.iter().map(|name| self.names.mid(name)).collect();
            Group {
                semantics: group.semantics,
                names,
            }
        };
        groups.into_iter().map(renamed).collect()
    }

    /// Says in the peer's description who starts DTLS: chosen already, if it stands for an answer.
    pub(super) fn settle(&self, remote: &mut sdp::Session, is_answer: bool) {
        for content in &mut remote.contents {
            let Some(transport) = content.transport.as_mut() else {
                continue;
            };
            let chosen = setup_of(&self.local, &content.name).map(Setup::other);
            match (is_answer, transport.setup(), chosen) {
                (false, ..) => rules::decide(transport, Setup::Actpass),
                (true, Some(Setup::Active | Setup::Passive), _) => {}
                (true, _, Some(chosen @ (Setup::Active | Setup::Passive))) => rules::decide(transport, chosen),
                (true, ..) => rules::decide(transport, Setup::Active),
            }
        }
    }
}

/// Keeps the roles that were chosen: an offer that comes later only says that they may be chosen.
pub(super) fn keep_roles(new: &mut sdp::Session, old: &sdp::Session) {
    for content in new.contents.iter_mut().filter(|content| !content.refused) {
        let chosen = setup_of(old, &content.name).filter(|setup| matches!(setup, Setup::Active | Setup::Passive));
        if let (Some(transport), Some(chosen)) = (content.transport.as_mut(), chosen) {
            rules::decide(transport, chosen);
        }
    }
}

pub(super) fn setup_of(session: &sdp::Session, mid: &str) -> Option<Setup> {
    let content = session
        .contents
        .iter()
        .find(|content| content.name == mid && !content.refused)?;
    content.transport.as_ref()?.setup()
}
