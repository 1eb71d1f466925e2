// SPDX-License-Identifier: EUPL-1.2
//! STUN and TURN servers as the XMPP server tells them (XEP-0215).

use minidom::Element;

use crate::ns;
use crate::xml::{self, Build};

/// A server for ICE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServerInfo {
    /// What it does.
    pub kind: IceServerKind,
    /// Name or address, as given.
    pub host: String,
    /// Port; the protocol's default if none was given.
    pub port: u16,
    /// How it is reached.
    pub transport: IceServerTransport,
    /// Credentials, if any; never in a log.
    pub username: Option<String>,
    /// Credentials, if any; never in a log.
    pub password: Option<String>,
    /// When the credentials end (XEP-0082), as given.
    pub expires: Option<String>,
}

/// What a server for ICE does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceServerKind {
    /// STUN (RFC 8489).
    Stun,
    /// TURN (RFC 8656).
    Turn,
}

/// How a server for ICE is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceServerTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS, for the `stuns` and `turns` types.
    Tls,
}

/// Makes the question for all services, the child of an iq of type `get` to the server.
pub fn question() -> Element {
    Build::new("services", ns::EXTDISCO).build()
}

/// Reads the answer's child: at most 16 services; other types than STUN and TURN, and what is unreadable, are left out.
pub fn services(answer: &Element) -> Vec<IceServerInfo> {
    if !answer.is("services", ns::EXTDISCO) {
        return Vec::new();
    }
    let services = answer
        .children()
        .take(MOST_LOOKED_AT)
        .filter(|child| child.is("service", ns::EXTDISCO));
    services.filter_map(service).take(MOST_SERVICES).collect()
}

const MOST_SERVICES: usize = 16;
const MOST_LOOKED_AT: usize = 64;
const MOST_TEXT: usize = 512;

fn service(element: &Element) -> Option<IceServerInfo> {
    let (kind, secure) = match element.attr("type")? {
        "stun" => (IceServerKind::Stun, false),
        "stuns" => (IceServerKind::Stun, true),
        "turn" => (IceServerKind::Turn, false),
        "turns" => (IceServerKind::Turn, true),
        _ => return None,
    };
    let transport = match (secure, element.attr("transport")) {
        (true, _) => IceServerTransport::Tls,
        (false, Some("tcp")) => IceServerTransport::Tcp,
        (false, Some("udp") | None) => IceServerTransport::Udp,
        (false, Some(_)) => return None,
    };
    let text = |name: &str| {
        let value = element
            .attr(name)
            .filter(|value| !value.is_empty() && value.len() <= MOST_TEXT)?;
        // A value with a blank or worse would end up in a URI or a log.
        (!value.chars().any(|c| c.is_control())).then(|| xml::clean(value).into_owned())
    };
    let default = if secure { 5349 } else { 3478 };
    let port = match element.attr("port") {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => default,
    };
    let host = text("host").filter(|host| !host.contains(char::is_whitespace))?;
    Some(IceServerInfo {
        kind,
        host,
        port,
        transport,
        username: text("username"),
        password: text("password"),
        expires: text("expires"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn prosody_s_answer_is_read() {
        // mod_external_services of Prosody 0.12
        let answer: Element = "<services xmlns='urn:xmpp:extdisco:2'>\
            <service type='stun' transport='udp' port='3478' host='turn.a.example'/>\
            <service type='turn' restricted='1' transport='udp' port='3478' host='turn.a.example' \
             username='1700086400' password='c2VjcmV0' expires='2026-11-24T18:00:00Z'/>\
            <service type='turns' transport='tcp' port='5349' host='turn.a.example'/>\
            <service type='ftp' host='x' port='1'/><service type='stun' host='a b'/><service type='turn' host='x' port='0'/>\
            </services>"
            .parse()
            .unwrap();
        let found = services(&answer);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].kind, found[0].port), (IceServerKind::Stun, 3478));
        assert_eq!(found[1].username.as_deref(), Some("1700086400"));
        assert_eq!(found[2].transport, IceServerTransport::Tls);
        assert_eq!(services(&question()), Vec::new());
    }

    #[test]
    fn ten_thousand_services_are_sixteen() {
        let mut answer = question();
        for _ in 0..10_000 {
            answer.append_child(
                Build::new("service", ns::EXTDISCO)
                    .attr("type", "stun")
                    .attr("host", "h")
                    .build(),
            );
        }
        assert_eq!(services(&answer).len(), MOST_SERVICES);
    }
}
