// SPDX-License-Identifier: EUPL-1.2
//! Why there is no stream, told apart so that the operator knows what to do.

use std::fmt;
use std::io;

use minidom::Element;

/// The namespace of stream errors' conditions (RFC 6120 §4.9.2).
const CONDITIONS: &str = "urn:ietf:params:xml:ns:xmpp-streams";

/// Why there is no stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server's name gives no address.
    NoAddress,
    /// Nobody accepts the connection.
    Refused,
    /// The connection takes too long, or the server does not speak XMPP on it.
    Unanswered,
    /// The secret is wrong.
    NotAuthorized,
    /// Another connection holds the component.
    Conflict,
    /// The server does not know the component.
    HostUnknown,
    /// Another error of the stream: its condition.
    Stream(String),
    /// The server closed the stream.
    Closed,
    /// The connection broke.
    Broken(io::ErrorKind),
    /// The server does not answer any more.
    Silent,
    /// The server does not read any more.
    Stalled,
}

impl Trouble {
    /// Reads a stream error (RFC 6120 §4.9).
    pub(super) fn of_error(error: &Element) -> Trouble {
        let is_condition = |child: &&Element| child.ns() == CONDITIONS && child.name() != "text";
        match error.children().find(is_condition).map(Element::name) {
            Some("not-authorized") => Trouble::NotAuthorized,
            Some("conflict") => Trouble::Conflict,
            Some("host-unknown" | "host-gone") => Trouble::HostUnknown,
            Some(other) => Trouble::Stream(other.chars().take(64).collect()),
            None => Trouble::Stream("undefined-condition".to_owned()),
        }
    }

    /// Names an error of the connection.
    pub(super) fn of_io(error: &io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Trouble::Refused,
            io::ErrorKind::TimedOut => Trouble::Unanswered,
            // The connection ended without the stream's footer.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Trouble::Closed,
            kind => Trouble::Broken(kind),
        }
    }

    /// Returns the word for metrics.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Trouble::NoAddress => "no_address",
            Trouble::Refused => "refused",
            Trouble::Unanswered => "unanswered",
            Trouble::NotAuthorized => "not_authorized",
            Trouble::Conflict => "conflict",
            Trouble::HostUnknown => "host_unknown",
            Trouble::Stream(_) => "stream_error",
            Trouble::Closed => "closed",
            Trouble::Broken(_) => "broken",
            Trouble::Silent => "silent",
            Trouble::Stalled => "stalled",
        }
    }

    /// Says what the operator can do; empty if there is nothing but to wait.
    fn remedy(&self) -> &'static str {
        match self {
            Trouble::NoAddress => "check [xmpp] server and the name servers",
            Trouble::Refused => "is the XMPP server running, and does it listen for components on [xmpp] server?",
            Trouble::Unanswered => "is [xmpp] server the port for components (usually 5347, ejabberd 5275 or 8888)?",
            Trouble::NotAuthorized => {
                "make [xmpp] secret the same as the server's component_secret (ejabberd: password)"
            }
            Trouble::Conflict => {
                "an older connection is still open there: set component_conflict_resolve = \"kick_old\" in Prosody, \
                 and let only one gateway serve this component"
            }
            Trouble::HostUnknown => "add the component of [xmpp] component to the server's configuration",
            _ => "",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::NoAddress => f.write_str("the XMPP server's name has no address"),
            Trouble::Refused => f.write_str("the XMPP server refuses the connection"),
            Trouble::Unanswered => f.write_str("the XMPP server does not answer"),
            Trouble::NotAuthorized => f.write_str("the XMPP server says that the secret is wrong"),
            Trouble::Conflict => f.write_str("the XMPP server says that the component is connected already"),
            Trouble::HostUnknown => f.write_str("the XMPP server does not know the component"),
            Trouble::Stream(condition) => write!(f, "the XMPP server ended the stream: {condition}"),
            Trouble::Closed => f.write_str("the XMPP server closed the stream"),
            Trouble::Broken(kind) => write!(f, "the connection to the XMPP server broke: {kind}"),
            Trouble::Silent => f.write_str("the XMPP server has fallen silent"),
            Trouble::Stalled => f.write_str("the XMPP server has stopped reading"),
        }?;
        match self.remedy() {
            "" => Ok(()),
            remedy => write!(f, "; {remedy}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stream_errors_are_told_apart_and_have_a_remedy() {
        let error = |condition: &str| {
            let text = format!(
                "<e:error xmlns:e='http://etherx.jabber.org/streams'><text xmlns='{CONDITIONS}'>x</text>\
                 <{condition} xmlns='{CONDITIONS}'/></e:error>"
            );
            Trouble::of_error(&text.parse().unwrap())
        };
        assert_eq!(error("not-authorized"), Trouble::NotAuthorized);
        assert!(error("conflict").to_string().contains("kick_old"));
        assert!(error("host-unknown").to_string().contains("component"));
        assert_eq!(error("system-shutdown"), Trouble::Stream("system-shutdown".into()));
    }
}
