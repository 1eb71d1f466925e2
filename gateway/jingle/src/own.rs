// SPDX-License-Identifier: EUPL-1.2
//! Our domain and the addresses in it: the only thing that a stanza of ours may name as its sender.
//!
//! A server closes the whole stream for one stanza whose `from` is not the component's. So the sender has a type of its
//! own, [`Own`], and only a [`Domain`] makes one.

use std::fmt;

use jid::{DomainPart, Jid, NodePart, ResourcePart};

/// The domain of our component (XEP-0114).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain(DomainPart);

impl Domain {
    /// Takes the component's name as configured; `None` if it is no domain.
    pub fn new(name: &str) -> Option<Domain> {
        let domain = DomainPart::new(name).ok()?.into_owned();
        // The server compares what it was configured with; prepared forms are lower case.
        domain
            .as_str()
            .eq_ignore_ascii_case(name.trim_end_matches('.'))
            .then_some(Domain(domain))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the component itself as an address.
    pub fn itself(&self) -> Own {
        Own(Jid::from(self.0.clone()))
    }

    /// Makes an address of ours; empty parts are absent. `None` if a part is not permitted (RFC 7622 §3).
    pub fn address(&self, node: &str, resource: &str) -> Option<Own> {
        let node = if node.is_empty() {
            None
        } else {
            Some(NodePart::new(node).ok()?.into_owned())
        };
        let resource = if resource.is_empty() {
            None
        } else {
            Some(ResourcePart::new(resource).ok()?.into_owned())
        };
        Some(Own(Jid::from_parts(node.as_deref(), &self.0, resource.as_deref())))
    }

    /// Returns `jid` as an address of ours, if it is one.
    pub fn own(&self, jid: &Jid) -> Option<Own> {
        (jid.domain().as_str() == self.0.as_str()).then(|| Own(jid.clone()))
    }

    /// Reads the value of a stanza's `to`; without one, the stanza is for the component itself.
    pub fn addressed(&self, to: Option<&str>) -> Option<Own> {
        match to {
            Some(to) => self.own(&Jid::new(to).ok()?),
            None => Some(self.itself()),
        }
    }
}

/// An address in our domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Own(Jid);

impl Own {
    /// Returns the address as any other.
    pub fn jid(&self) -> &Jid {
        &self.0
    }

    /// Returns the part before the `@`.
    pub fn node(&self) -> Option<&str> {
        self.0.node().map(|node| node.as_str())
    }

    /// Returns the part behind the `/`.
    pub fn resource(&self) -> Option<&str> {
        self.0.resource().map(|resource| resource.as_str())
    }

    /// Returns the address without its resource.
    pub fn bare(&self) -> Own {
        Own(Jid::from(self.0.to_bare()))
    }

    /// Returns the address with this resource; `None` if it is not permitted.
    pub fn with_resource(&self, resource: &str) -> Option<Own> {
        Some(Own(Jid::from(self.0.to_bare().with_resource_str(resource).ok()?)))
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_of_ours_lies_in_our_domain() {
        let domain = Domain::new("meet.example").unwrap();
        assert_eq!(
            domain.address("12345678", "landbridge").unwrap().to_string(),
            "12345678@meet.example/landbridge"
        );
        assert_eq!(domain.address("", "").unwrap(), domain.itself());
        assert_eq!(domain.address("a b", ""), None);
        assert_eq!(domain.own(&Jid::new("x@evil.example").unwrap()), None);
        assert_eq!(domain.own(&Jid::new("x@sub.meet.example").unwrap()), None);
        assert_eq!(
            domain.addressed(Some("X@Meet.Example/r")).unwrap().to_string(),
            "x@meet.example/r"
        );
        assert_eq!(domain.addressed(None).unwrap(), domain.itself());
        assert_eq!(domain.addressed(Some("@@")), None);
        assert_eq!(Domain::new("not a domain"), None);
    }

    #[test]
    fn bare_and_full_forms_are_made_of_each_other() {
        let room = Domain::new("meet.example").unwrap().address("1", "x").unwrap();
        assert_eq!((room.node(), room.resource()), (Some("1"), Some("x")));
        assert_eq!(room.bare().resource(), None);
        assert_eq!(room.bare().with_resource("x").unwrap(), room);
    }
}
