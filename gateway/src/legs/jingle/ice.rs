// SPDX-License-Identifier: EUPL-1.2
//! STUN and TURN servers, as the XMPP server tells them (XEP-0215).

use std::time::{Duration, Instant};

use jid::Jid;
use landbridge_jingle::external::{self, IceServerInfo, IceServerKind, IceServerTransport};
use landbridge_jingle::own::Domain;
use landbridge_jingle::packet::{Iq, Packet};
use minidom::Element;

use crate::media::IceServer;

/// How often the server is asked.
const AGAIN: Duration = Duration::from_secs(3600);
/// How long it has to answer, before it is asked another time.
const PATIENCE: Duration = Duration::from_secs(60);
/// The beginning of our questions' ids.
const ID: &str = "ice-";

/// Asks, and remembers what was said.
pub(super) struct IceServers {
    domain: Domain,
    /// Who is asked.
    server: Option<Jid>,
    /// Whether the operator was told that there is no answer.
    is_told: bool,
    due: Option<Instant>,
    asked: u64,
    /// The servers of the last answer.
    servers: Vec<IceServer>,
}

impl IceServers {
    /// Knows none yet.
    pub(super) fn new(domain: Domain, services_from: Option<&str>) -> IceServers {
        // A component is not told its server's own name; it is the domain above in every common set-up. Domains that have
        // no dot belong to nobody whom we could ask.
        let above = || domain.as_str().split_once('.').map(|(_, above)| above);
        let server = services_from.or_else(|| above().filter(|above| above.contains('.')));
        IceServers {
            server: server.and_then(|server| Jid::new(server).ok()),
            is_told: false,
            domain,
            due: None,
            asked: 0,
            servers: Vec::new(),
        }
    }

    /// Returns what is known.
    pub(super) fn known(&self) -> Vec<IceServer> {
        self.servers.clone()
    }

    /// Returns when [`IceServers::question`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Is told that there is a stream: the servers may be others.
    pub(super) fn stream_up(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// Asks, if it is time to.
    pub(super) fn question(&mut self, now: Instant) -> Option<Packet> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = now.checked_add(PATIENCE);
        self.asked = self.asked.saturating_add(1);
        let id = format!("{ID}{}", self.asked);
        let us = self.domain.itself();
        Packet::iq(us, self.server.clone()?, Iq::Get, &id, Some(external::question()))
    }

    /// Takes an answer; returns false if it is none of ours.
    pub(super) fn answered(&mut self, now: Instant, iq: &Element) -> bool {
        let current = format!("{ID}{}", self.asked);
        let from_server =
            iq.attr("from").is_some() && iq.attr("from") == self.server.as_ref().map(|server| server.as_str());
        if iq.attr("id") != Some(&current) || !from_server {
            return false;
        }
        let mut again = AGAIN;
        match iq.attr("type") {
            Some("result") => {
                let services: Vec<IceServerInfo> = iq.children().flat_map(external::services).collect();
                self.servers = services.iter().filter_map(usable).collect();
                again = services.iter().filter_map(left).fold(AGAIN, Duration::min);
                tracing::debug!(
                    servers = self.servers.len(),
                    "the XMPP server told its STUN and TURN servers"
                );
            }
            Some("error") => {
                self.servers.clear();
                if !std::mem::replace(&mut self.is_told, true) {
                    tracing::info!(
                        "the XMPP server tells no STUN and TURN servers (XEP-0215); with Prosody, external_service_access has \
                         to name both the component and the users' domains"
                    );
                }
            }
            _ => return false,
        }
        self.due = now.checked_add(again);
        true
    }
}

/// Returns for how long a service's credentials may still be told to a call that begins: they have to last for it.
fn left(info: &IceServerInfo) -> Option<Duration> {
    let ends: jiff::Timestamp = info.expires.as_deref()?.parse().ok()?;
    let left = ends.duration_since(jiff::Timestamp::now()).unsigned_abs();
    Some((left / 2).max(PATIENCE))
}

/// Turns a service into a URL of RFC 7064 or RFC 7065.
fn usable(info: &IceServerInfo) -> Option<IceServer> {
    let host = match info.host.parse::<std::net::Ipv6Addr>() {
        Ok(ip) => format!("[{ip}]"),
        Err(_) => info.host.clone(),
    };
    let port = info.port;
    let url = match (info.kind, info.transport) {
        (IceServerKind::Stun, IceServerTransport::Udp) => format!("stun:{host}:{port}"),
        // Only the server's view of a UDP socket helps ICE.
        (IceServerKind::Stun, _) => return None,
        (IceServerKind::Turn, IceServerTransport::Udp) => format!("turn:{host}:{port}?transport=udp"),
        (IceServerKind::Turn, IceServerTransport::Tcp) => format!("turn:{host}:{port}?transport=tcp"),
        (IceServerKind::Turn, IceServerTransport::Tls) => format!("turns:{host}:{port}?transport=tcp"),
    };
    Some(IceServer {
        urls: vec![url],
        username: info.username.clone().unwrap_or_default(),
        credential: info.password.clone().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::call::house::now;

    #[test]
    fn the_server_is_asked_once_an_hour_and_nobody_else_answers() {
        let mut ice = IceServers::new(Domain::new("meet.a.example").unwrap(), None);
        let start = now();
        assert!(ice.question(start).is_none());
        ice.stream_up(start);
        let question = ice.question(start).unwrap().into_element();
        assert_eq!(question.attr("to"), Some("a.example"));
        assert!(ice.question(start).is_none());
        let answer = |from: &str| -> Element {
            format!(
                "<iq xmlns='jabber:component:accept' type='result' id='ice-1' from='{from}'>\
                 <services xmlns='urn:xmpp:extdisco:2'><service type='stun' host='::1' port='3478'/>\
                 <service type='turn' host='turn.a.example' transport='udp' username='u' password='p'/></services></iq>"
            )
            .parse()
            .unwrap()
        };
        assert!(!ice.answered(start, &answer("eve@e.example/x")));
        assert!(ice.answered(start, &answer("a.example")));
        let urls: Vec<_> = ice.known().into_iter().flat_map(|server| server.urls).collect();
        assert_eq!(urls, ["stun:[::1]:3478", "turn:turn.a.example:3478?transport=udp"]);
        assert_eq!(ice.deadline(), start.checked_add(AGAIN));
    }
}
