// SPDX-License-Identifier: EUPL-1.2
//! How it is sent: ICE over UDP (XEP-0176), plain UDP (XEP-0177), and DTLS fingerprints (XEP-0320).

use minidom::Element;

use super::limits::{self, LOOKED_AT};
use crate::ns;
use crate::xml::Build;

/// How a content is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transport {
    /// Plain UDP, without ICE.
    pub raw: bool,
    /// The name of ICE.
    pub ufrag: Option<String>,
    /// The password of ICE; never in a log.
    pub pwd: Option<String>,
    /// Fingerprints of the certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// Where the peer may be reached.
    pub candidates: Vec<Candidate>,
    /// No more candidates will follow.
    pub complete: bool,
}

/// A fingerprint of a certificate, and who starts DTLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// `sha-256`, ….
    pub hash: String,
    /// Hexadecimal octets with colons, upper case.
    pub value: String,
    /// Who starts; `None` if it was not said.
    pub setup: Option<Setup>,
}

/// Who starts DTLS (RFC 4145 §4, RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The author starts.
    Active,
    /// The other side starts.
    Passive,
    /// The other side chooses; only an offer may say so.
    Actpass,
    /// Not now.
    Holdconn,
}

/// A candidate (RFC 8839 §5.1, XEP-0176 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Candidates of the same kind share it.
    pub foundation: String,
    /// 1 for RTP, 2 for RTCP.
    pub component: u16,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// Higher is better.
    pub priority: u32,
    /// An address, or a name of mDNS.
    pub ip: String,
    /// Its port.
    pub port: u16,
    /// `host`, `srflx`, `prflx`, `relay`.
    pub kind: String,
    /// Where it comes from.
    pub related: Option<(String, u16)>,
    /// `active`, `passive` or `so` of a TCP candidate.
    pub tcp: Option<String>,
    /// Counts restarts of ICE.
    pub generation: u16,
}

impl Transport {
    /// Reads a `<transport/>`, if it is one of ours.
    pub fn read(element: &Element) -> Option<Transport> {
        let raw = element.has_ns(ns::RAW_UDP);
        if element.name() != "transport" || !(raw || element.has_ns(ns::ICE_UDP)) {
            return None;
        }
        let word = |name: &str| {
            element
                .attr(name)
                .and_then(|value| limits::token(value, limits::TEXT))
                .map(str::to_owned)
        };
        let mut transport = Transport {
            raw,
            ufrag: word("ufrag"),
            pwd: word("pwd"),
            ..Transport::default()
        };
        for child in element.children().take(LOOKED_AT) {
            if child.name() == "candidate" && transport.candidates.len() < limits::CANDIDATES {
                transport.candidates.extend(Candidate::read(child, raw));
            } else if child.is("fingerprint", ns::DTLS) && transport.fingerprints.len() < limits::FINGERPRINTS {
                transport.fingerprints.extend(Fingerprint::read(child));
            } else if child.name() == "gathering-complete" {
                transport.complete = true;
            }
        }
        Some(transport)
    }

    /// Writes it.
    pub fn write(&self) -> Element {
        let namespace = if self.raw { ns::RAW_UDP } else { ns::ICE_UDP };
        Build::new("transport", namespace)
            .attr_opt("ufrag", self.ufrag.as_ref())
            .attr_opt("pwd", self.pwd.as_ref())
            .children(self.fingerprints.iter().map(Fingerprint::write))
            .children(self.candidates.iter().map(|candidate| candidate.write(namespace)))
            .children(
                self.complete
                    .then(|| Build::new("gathering-complete", namespace).build()),
            )
            .build()
    }

    /// Tells whether ICE and DTLS can start with it.
    pub fn is_secure(&self) -> bool {
        !self.raw && self.ufrag.is_some() && self.pwd.is_some() && !self.fingerprints.is_empty()
    }

    /// Returns who starts DTLS, as the first fingerprint has it.
    pub fn setup(&self) -> Option<Setup> {
        self.fingerprints.first().and_then(|fingerprint| fingerprint.setup)
    }
}

impl Fingerprint {
    fn read(element: &Element) -> Option<Fingerprint> {
        let hash = limits::token(element.attr("hash")?, limits::MID)?.to_ascii_lowercase();
        let setup = element.attr("setup").and_then(Setup::named);
        Some(Fingerprint {
            hash,
            value: octets(&element.text())?,
            setup,
        })
    }

    fn write(&self) -> Element {
        Build::new("fingerprint", ns::DTLS)
            .attr("hash", &self.hash)
            .attr_opt("setup", self.setup.map(Setup::name))
            .text(&self.value)
            .build()
    }
}

/// Takes hexadecimal octets with colons (RFC 8122 §5), in upper case.
pub(crate) fn octets(text: &str) -> Option<String> {
    let text = text.trim();
    let is_octet = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    (text.len() <= limits::TEXT && text.split(':').all(is_octet)).then(|| text.to_ascii_uppercase())
}

impl Setup {
    /// Returns the attribute's value.
    pub fn name(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::Actpass => "actpass",
            Setup::Holdconn => "holdconn",
        }
    }

    /// Returns what the other side is then.
    pub fn other(self) -> Setup {
        match self {
            Setup::Active => Setup::Passive,
            Setup::Passive => Setup::Active,
            other => other,
        }
    }

    /// Reads the attribute's value.
    pub fn named(name: &str) -> Option<Setup> {
        [Setup::Active, Setup::Passive, Setup::Actpass, Setup::Holdconn]
            .into_iter()
            .find(|setup| setup.name() == name)
    }
}

impl Candidate {
    fn read(element: &Element, raw: bool) -> Option<Candidate> {
        let word = |name: &'static str| element.attr(name).and_then(|value| limits::token(value, limits::NAME));
        let related = word("rel-addr").zip(element.attr("rel-port").and_then(|port| port.trim().parse().ok()));
        let component = element
            .attr("component")?
            .trim()
            .parse()
            .ok()
            .filter(|n| (1..=256).contains(n))?;
        let (priority, kind) = if raw {
            (1, "host")
        } else {
            (element.attr("priority")?.trim().parse().ok()?, word("type")?)
        };
        Some(Candidate {
            foundation: word("foundation")
                .filter(|word| word.len() <= 32)
                .unwrap_or("1")
                .to_owned(),
            component,
            protocol: word("protocol").unwrap_or("udp").to_ascii_lowercase(),
            priority,
            ip: word("ip")?.to_owned(),
            port: element.attr("port")?.trim().parse().ok()?,
            kind: kind.to_owned(),
            related: related.map(|(address, port)| (address.to_owned(), port)),
            tcp: word("tcptype").map(str::to_owned),
            generation: element
                .attr("generation")
                .and_then(|n| n.trim().parse().ok())
                .unwrap_or(0),
        })
    }

    fn write(&self, namespace: &'static str) -> Element {
        // Unique in a transport, and the same each time it is sent.
        let id = format!("{}-{}-{}", self.foundation, self.component, self.port);
        let related = self.related.as_ref();
        Build::new("candidate", namespace)
            .attr("component", self.component.to_string())
            .attr("foundation", &self.foundation)
            .attr("generation", self.generation.to_string())
            .attr("id", id)
            .attr("ip", &self.ip)
            .attr("network", "0")
            .attr("port", self.port.to_string())
            .attr("priority", self.priority.to_string())
            .attr("protocol", &self.protocol)
            .attr_opt("rel-addr", related.map(|(address, _)| address))
            .attr_opt("rel-port", related.map(|(_, port)| port.to_string()))
            .attr_opt("tcptype", self.tcp.as_ref())
            .attr("type", &self.kind)
            .build()
    }

    /// Reads the value behind `a=candidate:` (RFC 8839 §5.1).
    pub fn from_sdp(value: &str) -> Option<Candidate> {
        let value = value.trim();
        if value.len() > limits::TEXT {
            return None;
        }
        let mut words = value.split_ascii_whitespace();
        let mut word = || words.next().and_then(|word| limits::token(word, limits::NAME));
        let (foundation, component, protocol, priority) = (word()?, word()?, word()?, word()?);
        let (ip, port, typ, kind) = (word()?, word()?, word()?, word()?);
        if typ != "typ" || foundation.len() > 32 {
            return None;
        }
        let mut candidate = Candidate {
            foundation: foundation.to_owned(),
            component: component.parse().ok().filter(|n| (1..=256).contains(n))?,
            protocol: protocol.to_ascii_lowercase(),
            priority: priority.parse().ok()?,
            ip: ip.to_owned(),
            port: port.parse().ok()?,
            kind: kind.to_owned(),
            related: None,
            tcp: None,
            generation: 0,
        };
        let (mut address, mut related_port) = (None, None);
        while let (Some(name), Some(value)) = (word(), word()) {
            match name {
                "raddr" => address = Some(value.to_owned()),
                "rport" => related_port = value.parse().ok(),
                "tcptype" => candidate.tcp = Some(value.to_owned()),
                "generation" => candidate.generation = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        candidate.related = address.zip(related_port);
        Some(candidate)
    }

    /// Writes the value behind `a=candidate:`.
    pub fn to_sdp(&self) -> String {
        let Candidate {
            foundation,
            component,
            protocol,
            priority,
            ip,
            port,
            kind,
            ..
        } = self;
        let mut value = format!("{foundation} {component} {protocol} {priority} {ip} {port} typ {kind}");
        if let Some((address, port)) = &self.related {
            value.push_str(&format!(" raddr {address} rport {port}"));
        }
        if let Some(tcp) = &self.tcp {
            value.push_str(&format!(" tcptype {tcp}"));
        }
        if self.generation != 0 {
            value.push_str(&format!(" generation {}", self.generation));
        }
        value
    }
}
