// SPDX-License-Identifier: EUPL-1.2
//! What is sent: the `<description/>` of XEP-0167, with XEP-0293, 0294, 0339 and the keys of SDES.

use minidom::Element;

use super::Role;
use super::limits::{self, LOOKED_AT};
use crate::ns;
use crate::xml::Build;

/// What is sent in a content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// `audio`, `video`, or something else.
    pub media: String,
    /// The one source, where only one is named.
    pub ssrc: Option<u32>,
    /// Payload types, the preferred one first.
    pub payloads: Vec<Payload>,
    /// Feedback for all payload types.
    pub feedback: Vec<Feedback>,
    /// Header extensions.
    pub extensions: Vec<Extension>,
    /// One- and two-octet header extensions may be mixed (RFC 8285 §4.1.2).
    pub mixed: bool,
    /// RTP and RTCP share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// Sources.
    pub sources: Vec<Source>,
    /// Sources that belong together.
    pub source_groups: Vec<SourceGroup>,
    /// Whether SDES keys are demanded.
    pub encryption_required: bool,
    /// SDES keys (RFC 4568).
    pub cryptos: Vec<Crypto>,
    /// `b=`: kind and kbit/s.
    pub bandwidth: Option<(String, u32)>,
}

/// A payload type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payload {
    /// The number in RTP.
    pub id: u8,
    /// The encoding's name.
    pub name: String,
    /// Clock, in Hz.
    pub clockrate: u32,
    /// Channels, 1 unless said.
    pub channels: u8,
    /// Duration of a packet, in ms.
    pub ptime: Option<u16>,
    /// Longest duration of a packet, in ms.
    pub maxptime: Option<u16>,
    /// `a=fmtp`: names with values; a name that is empty stands for a value alone (`0-15`).
    pub parameters: Vec<(String, String)>,
    /// Feedback for this payload type.
    pub feedback: Vec<Feedback>,
}

/// RTCP feedback (XEP-0293).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// `nack`, `ccm`, `transport-cc`, … or `trr-int`.
    pub kind: String,
    /// `pli`, `fir`, …; milliseconds for `trr-int`.
    pub subtype: Option<String>,
}

/// An RTP header extension (XEP-0294).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub uri: String,
    /// Who sends it; `None` for both.
    pub senders: Option<Role>,
}

/// A source (XEP-0339).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub ssrc: u32,
    /// `cname`, `msid`, ….
    pub parameters: Vec<(String, Option<String>)>,
}

/// Sources that belong together (XEP-0339).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceGroup {
    /// `FID`, `SIM`, ….
    pub semantics: String,
    /// Their numbers.
    pub ssrcs: Vec<u32>,
}

/// A key for SRTP (RFC 4568).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Its number.
    pub tag: u16,
    /// `AES_CM_128_HMAC_SHA1_80`, ….
    pub suite: String,
    /// `inline:…`; never in a log.
    pub key_params: String,
    /// More.
    pub session_params: Option<String>,
}

impl Description {
    /// Tells whether it is sound.
    pub fn is_audio(&self) -> bool {
        self.media == "audio"
    }

    /// Reads a `<description/>`.
    pub fn read(element: &Element) -> Description {
        let media = element
            .attr("media")
            .and_then(|media| limits::token(media, limits::MID))
            .unwrap_or("application");
        let mut description = Description {
            media: media.to_ascii_lowercase(),
            ..Description::default()
        };
        description.ssrc = element.attr("ssrc").and_then(|ssrc| ssrc.parse().ok());
        for child in element.children().take(LOOKED_AT) {
            description.read_child(child);
        }
        description
    }

    fn read_child(&mut self, child: &Element) {
        if child.is("payload-type", ns::RTP) {
            push(&mut self.payloads, limits::PAYLOADS, Payload::read(child));
        } else if child.has_ns(ns::RTCP_FB) {
            push(&mut self.feedback, limits::FEEDBACK, Feedback::read(child));
        } else if child.is("rtp-hdrext", ns::HDREXT) {
            push(&mut self.extensions, limits::EXTENSIONS, Extension::read(child));
        } else if child.is("extmap-allow-mixed", ns::HDREXT) {
            self.mixed = true;
        } else if child.is("rtcp-mux", ns::RTP) {
            self.rtcp_mux = true;
        } else if child.is("source", ns::SSMA) {
            push(&mut self.sources, limits::SOURCES, Source::read(child));
        } else if child.is("ssrc-group", ns::SSMA) {
            push(&mut self.source_groups, limits::SOURCES, SourceGroup::read(child));
        } else if child.is("encryption", ns::RTP) {
            self.encryption_required = matches!(child.attr("required"), Some("1" | "true"));
            for crypto in child
                .children()
                .take(LOOKED_AT)
                .filter(|child| child.is("crypto", ns::RTP))
            {
                push(&mut self.cryptos, limits::CRYPTOS, Crypto::read(crypto));
            }
        } else if child.is("bandwidth", ns::RTP) {
            let kind = child.attr("type").and_then(|kind| limits::token(kind, limits::MID));
            self.bandwidth = kind.and_then(|kind| Some((kind.to_owned(), child.text().trim().parse().ok()?)));
        }
    }

    /// Writes it.
    pub fn write(&self) -> Element {
        let encryption = (self.encryption_required || !self.cryptos.is_empty()).then(|| {
            Build::new("encryption", ns::RTP)
                .attr_opt("required", self.encryption_required.then_some("1"))
                .children(self.cryptos.iter().map(Crypto::write))
                .build()
        });
        let bandwidth = self.bandwidth.as_ref();
        let bandwidth = bandwidth.map(|(kind, rate)| {
            Build::new("bandwidth", ns::RTP)
                .attr("type", kind)
                .text(rate.to_string())
                .build()
        });
        Build::new("description", ns::RTP)
            .attr("media", &self.media)
            .attr_opt("ssrc", self.ssrc.map(|ssrc| ssrc.to_string()))
            .children(self.payloads.iter().map(Payload::write))
            .children(self.feedback.iter().map(Feedback::write))
            .children(encryption)
            .children(bandwidth)
            .children(self.extensions.iter().map(Extension::write))
            .children(self.mixed.then(|| Build::new("extmap-allow-mixed", ns::HDREXT).build()))
            .children(self.rtcp_mux.then(|| Build::new("rtcp-mux", ns::RTP).build()))
            .children(self.sources.iter().map(Source::write))
            .children(self.source_groups.iter().map(SourceGroup::write))
            .build()
    }
}

impl Payload {
    fn read(element: &Element) -> Option<Payload> {
        let number = |name: &str| element.attr(name).and_then(|value| value.trim().parse().ok());
        let id: u8 = number("id")
            .and_then(|id| u8::try_from(id).ok())
            .filter(|id| *id < 128)?;
        let mut payload = Payload {
            id,
            name: element.attr("name").and_then(encoding).unwrap_or_default().to_owned(),
            clockrate: number("clockrate").unwrap_or_default(),
            channels: number("channels")
                .and_then(|n| u8::try_from(n).ok())
                .filter(|n| *n > 0)
                .unwrap_or(1),
            ptime: number("ptime").and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0),
            maxptime: number("maxptime")
                .and_then(|n| u16::try_from(n).ok())
                .filter(|n| *n > 0),
            ..Payload::default()
        };
        // XEP-0167 §4: static types may come without a name; RFC 3551 says which they are.
        if payload.name.is_empty() {
            let (name, clockrate) = known(id)?;
            payload.name = name.to_owned();
            payload.clockrate = if payload.clockrate == 0 {
                clockrate
            } else {
                payload.clockrate
            };
        }
        if payload.clockrate == 0 {
            payload.clockrate = known(id).map_or(8_000, |(_, clockrate)| clockrate);
        }
        for child in element.children().take(LOOKED_AT) {
            if child.is("parameter", ns::RTP) {
                push(&mut payload.parameters, limits::PARAMETERS, parameter(child));
            } else if child.has_ns(ns::RTCP_FB) {
                push(&mut payload.feedback, limits::FEEDBACK, Feedback::read(child));
            }
        }
        Some(payload)
    }

    fn write(&self) -> Element {
        let parameter = |(name, value): &(String, String)| {
            let name = Some(name).filter(|name| !name.is_empty());
            Build::new("parameter", ns::RTP)
                .attr_opt("name", name)
                .attr("value", value)
                .build()
        };
        Build::new("payload-type", ns::RTP)
            .attr("id", self.id.to_string())
            .attr("name", &self.name)
            .attr("clockrate", self.clockrate.to_string())
            .attr_opt("channels", (self.channels != 1).then(|| self.channels.to_string()))
            .attr_opt("ptime", self.ptime.map(|n| n.to_string()))
            .attr_opt("maxptime", self.maxptime.map(|n| n.to_string()))
            .children(self.parameters.iter().map(parameter))
            .children(self.feedback.iter().map(Feedback::write))
            .build()
    }
}

impl Feedback {
    fn read(element: &Element) -> Option<Feedback> {
        if element.name() == "rtcp-fb-trr-int" {
            let value: u32 = element.attr("value")?.trim().parse().ok()?;
            return Some(Feedback {
                kind: "trr-int".into(),
                subtype: Some(value.to_string()),
            });
        }
        let kind = limits::token(element.attr("type")?, limits::MID)?;
        let subtype = element
            .attr("subtype")
            .and_then(|subtype| limits::text(subtype.trim(), limits::NAME));
        (element.name() == "rtcp-fb").then(|| Feedback {
            kind: kind.into(),
            subtype: subtype.map(str::to_owned),
        })
    }

    fn write(&self) -> Element {
        if self.kind == "trr-int" {
            return Build::new("rtcp-fb-trr-int", ns::RTCP_FB)
                .attr_opt("value", self.subtype.as_ref())
                .build();
        }
        Build::new("rtcp-fb", ns::RTCP_FB)
            .attr("type", &self.kind)
            .attr_opt("subtype", self.subtype.as_ref())
            .build()
    }
}

impl Extension {
    fn read(element: &Element) -> Option<Extension> {
        let senders = element.attr("senders").and_then(Role::named);
        let id = element
            .attr("id")?
            .trim()
            .parse()
            .ok()
            .filter(|id| (1..=4096).contains(id))?;
        Some(Extension {
            id,
            uri: limits::token(element.attr("uri")?, limits::TEXT)?.to_owned(),
            senders,
        })
    }

    fn write(&self) -> Element {
        Build::new("rtp-hdrext", ns::HDREXT)
            .attr("id", self.id.to_string())
            .attr("uri", &self.uri)
            .attr_opt("senders", self.senders.map(Role::name))
            .build()
    }
}

impl Source {
    fn read(element: &Element) -> Option<Source> {
        let mut source = Source {
            ssrc: element.attr("ssrc")?.trim().parse().ok()?,
            parameters: Vec::new(),
        };
        for child in element
            .children()
            .take(LOOKED_AT)
            .filter(|child| child.name() == "parameter")
        {
            let name = child.attr("name").and_then(|name| limits::token(name, limits::NAME));
            let name = name.filter(|name| !name.contains(':'));
            let value = child
                .attr("value")
                .and_then(|value| limits::text(value, limits::TEXT))
                .map(str::to_owned);
            push(
                &mut source.parameters,
                limits::PARAMETERS,
                name.map(|name| (name.to_owned(), value)),
            );
        }
        Some(source)
    }

    fn write(&self) -> Element {
        let parameter = |(name, value): &(String, Option<String>)| {
            Build::new("parameter", ns::SSMA)
                .attr("name", name)
                .attr_opt("value", value.as_ref())
                .build()
        };
        Build::new("source", ns::SSMA)
            .attr("ssrc", self.ssrc.to_string())
            .children(self.parameters.iter().map(parameter))
            .build()
    }
}

impl SourceGroup {
    fn read(element: &Element) -> Option<SourceGroup> {
        let semantics = limits::token(element.attr("semantics")?, limits::MID)?.to_owned();
        let children = element
            .children()
            .take(LOOKED_AT)
            .filter(|child| child.name() == "source");
        let ssrcs: Vec<u32> = children
            .filter_map(|child| child.attr("ssrc")?.trim().parse().ok())
            .take(limits::SOURCES)
            .collect();
        (!ssrcs.is_empty()).then_some(SourceGroup { semantics, ssrcs })
    }

    fn write(&self) -> Element {
        let sources = self
            .ssrcs
            .iter()
            .map(|ssrc| Build::new("source", ns::SSMA).attr("ssrc", ssrc.to_string()).build());
        Build::new("ssrc-group", ns::SSMA)
            .attr("semantics", &self.semantics)
            .children(sources)
            .build()
    }
}

impl Crypto {
    fn read(element: &Element) -> Option<Crypto> {
        let word = |name: &str| {
            element
                .attr(name)
                .and_then(|value| limits::token(value, limits::TEXT))
                .map(str::to_owned)
        };
        Some(Crypto {
            tag: element.attr("tag")?.trim().parse().ok()?,
            suite: word("crypto-suite")?,
            key_params: word("key-params")?,
            session_params: element
                .attr("session-params")
                .and_then(|value| limits::text(value.trim(), limits::TEXT))
                .map(str::to_owned),
        })
    }

    fn write(&self) -> Element {
        Build::new("crypto", ns::RTP)
            .attr("tag", self.tag.to_string())
            .attr("crypto-suite", &self.suite)
            .attr("key-params", &self.key_params)
            .attr_opt("session-params", self.session_params.as_ref())
            .build()
    }
}

/// Takes the name of an encoding: a word without the `/` that ends it in SDP.
pub(crate) fn encoding(name: &str) -> Option<&str> {
    limits::token(name, limits::MID).filter(|name| !name.contains('/'))
}

/// Returns name and clock of a static payload type of RFC 3551 that is still met.
pub(crate) fn known(id: u8) -> Option<(&'static str, u32)> {
    Some(match id {
        0 => ("PCMU", 8_000),
        3 => ("GSM", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000),
        13 => ("CN", 8_000),
        18 => ("G729", 8_000),
        31 => ("H261", 90_000),
        34 => ("H263", 90_000),
        _ => return None,
    })
}

// `a=fmtp` joins parameters with `;`: neither part may contain one, and a name ends at its `=`.
fn parameter(element: &Element) -> Option<(String, String)> {
    let part = |name: &str| match element.attr(name).map(str::trim) {
        None | Some("") => Some(String::new()),
        Some(value) => limits::text(value, limits::TEXT)
            .filter(|value| !value.contains(';'))
            .map(str::to_owned),
    };
    let (name, value) = (part("name")?, part("value")?);
    let given = element.attr("value").is_some();
    // A name alone is a value alone: some write `0-15` on this side, some on that.
    match (name.is_empty(), given && !value.is_empty()) {
        (true, false) => None,
        (true, true) => (!value.contains('=')).then_some((String::new(), value)),
        (false, false) if !given => (!name.contains('=')).then_some((String::new(), name)),
        (false, _) => (!name.contains(['=', ' '])).then_some((name, value)),
    }
}

fn push<T>(list: &mut Vec<T>, most: usize, item: Option<T>) {
    if list.len() < most {
        list.extend(item);
    }
}
