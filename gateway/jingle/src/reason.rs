// SPDX-License-Identifier: EUPL-1.2
//! Why a session ends (XEP-0166 §7.4), as a word of its own.
//!
//! | Reason | Means to us | SIP, roughly (RFC 3261) |
//! |---|---|---|
//! | `success`, `gone` | hung up | BYE |
//! | `cancel` | the caller gave up | CANCEL |
//! | `decline` | the callee does not want to | 603 |
//! | `busy` | the callee is on another call | 486 |
//! | `timeout`, `expired` | nobody answered, or the path is silent | 480, 408 |
//! | `connectivity-error`, `failed-transport` | ICE found no path | 503 |
//! | `security-error` | fingerprints or roles broke RFC 8842 | 488 |
//! | `incompatible-parameters`, `failed-application`, `unsupported-applications`, `unsupported-transports`, `media-error` | no codec or transport in common | 488 |
//! | `alternative-session` | the call goes on elsewhere | 302 |
//! | `general-error` | anything else | 500 |

use minidom::Element;

use crate::ns;
use crate::xml::{self, Build};

/// The conditions of XEP-0166 §7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The call goes on in another session.
    AlternativeSession,
    /// On another call.
    Busy,
    /// The caller gave up.
    Cancel,
    /// No path was found.
    ConnectivityError,
    /// Not wanted.
    Decline,
    /// Lasted too long.
    Expired,
    /// The application did not start.
    FailedApplication,
    /// The transport did not start.
    FailedTransport,
    /// Something else went wrong.
    GeneralError,
    /// The party has left.
    Gone,
    /// No parameters in common.
    IncompatibleParameters,
    /// Sound or picture do not work.
    MediaError,
    /// A security rule was broken.
    SecurityError,
    /// All is well, the call is over.
    Success,
    /// Nobody answered in time.
    Timeout,
    /// None of the media is known.
    UnsupportedApplications,
    /// None of the transports is known.
    UnsupportedTransports,
}

/// Most octets of a text beside a reason.
pub const MOST_TEXT: usize = 256;

impl Reason {
    /// Lists all of them.
    pub const ALL: [Reason; 17] = [
        Reason::AlternativeSession,
        Reason::Busy,
        Reason::Cancel,
        Reason::ConnectivityError,
        Reason::Decline,
        Reason::Expired,
        Reason::FailedApplication,
        Reason::FailedTransport,
        Reason::GeneralError,
        Reason::Gone,
        Reason::IncompatibleParameters,
        Reason::MediaError,
        Reason::SecurityError,
        Reason::Success,
        Reason::Timeout,
        Reason::UnsupportedApplications,
        Reason::UnsupportedTransports,
    ];

    /// Returns the element's name.
    pub fn name(self) -> &'static str {
        match self {
            Reason::AlternativeSession => "alternative-session",
            Reason::Busy => "busy",
            Reason::Cancel => "cancel",
            Reason::ConnectivityError => "connectivity-error",
            Reason::Decline => "decline",
            Reason::Expired => "expired",
            Reason::FailedApplication => "failed-application",
            Reason::FailedTransport => "failed-transport",
            Reason::GeneralError => "general-error",
            Reason::Gone => "gone",
            Reason::IncompatibleParameters => "incompatible-parameters",
            Reason::MediaError => "media-error",
            Reason::SecurityError => "security-error",
            Reason::Success => "success",
            Reason::Timeout => "timeout",
            Reason::UnsupportedApplications => "unsupported-applications",
            Reason::UnsupportedTransports => "unsupported-transports",
        }
    }

    /// Finds a reason by its element's name.
    pub fn named(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Reads a `<reason/>`; an unknown condition is [`Reason::GeneralError`].
    pub fn read(element: &Element) -> Reason {
        let known = |child: &Element| child.has_ns(ns::JINGLE).then(|| Reason::named(child.name())).flatten();
        element
            .children()
            .take(MOST_CHILDREN)
            .find_map(known)
            .unwrap_or(Reason::GeneralError)
    }

    /// Writes a `<reason/>` with a text for people, cut at [`MOST_TEXT`] octets.
    pub fn write(self, text: Option<&str>) -> Element {
        let text = text.map(|text| {
            Build::new("text", ns::JINGLE)
                .text(xml::bounded(text, MOST_TEXT))
                .build()
        });
        Build::new("reason", ns::JINGLE)
            .child(Build::new(self.name(), ns::JINGLE))
            .children(text)
            .build()
    }
}

const MOST_CHILDREN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_as_it_was_written() {
        for reason in Reason::ALL {
            assert_eq!(Reason::read(&reason.write(Some("because"))), reason);
        }
        assert_eq!(Reason::read(&Element::bare("reason", ns::JINGLE)), Reason::GeneralError);
        let long = Reason::Busy.write(Some(&"ß".repeat(1_000)));
        assert!(
            long.get_child("text", ns::JINGLE)
                .is_some_and(|text| text.text().len() <= MOST_TEXT)
        );
    }
}
