// SPDX-License-Identifier: EUPL-1.2
//! SDP to contents.

use super::Session;
use crate::content::description::{self, Crypto, Description, Extension, Feedback, Payload, Source, SourceGroup};
use crate::content::transport::{self, Fingerprint, Setup};
use crate::content::{Content, Group, Role, Senders, Transport, limits};

/// Reads a session as `author` describes it. Total: lines that are not understood are left out; contents come out as
/// created by the initiator.
pub fn read(sdp: &[u8], author: Role) -> Session {
    let text = String::from_utf8_lossy(sdp.get(..limits::SDP.min(sdp.len())).unwrap_or_default());
    let mut head = Section::default();
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        let line = line.trim_end();
        if let Some(medium) = line.strip_prefix("m=") {
            if sections.len() == limits::CONTENTS {
                break;
            }
            sections.push(Section {
                medium,
                lines: Vec::new(),
            });
        } else if line.len() > 2 {
            sections.last_mut().unwrap_or(&mut head).lines.push(line);
        }
    }
    let contents = sections
        .iter()
        .enumerate()
        .map(|(index, section)| section.content(index, &head, author))
        .collect();
    let groups = head.values("group").filter_map(|value| {
        let mut words = value.split_ascii_whitespace().map(str::to_owned);
        Some(Group {
            semantics: words.next()?,
            names: words.take(limits::CONTENTS).collect(),
        })
    });
    Session {
        contents,
        groups: groups.take(limits::GROUPS).collect(),
    }
}

#[derive(Default)]
struct Section<'a> {
    medium: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    /// Returns the values of `a=name:value`.
    fn values<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        self.lines.iter().filter_map(move |line| {
            let (key, value) = line.strip_prefix("a=")?.split_once(':')?;
            (key == name).then_some(value.trim())
        })
    }

    fn has(&self, flag: &str) -> bool {
        self.lines.iter().any(|line| line.strip_prefix("a=") == Some(flag))
    }

    fn content(&self, index: usize, head: &Section<'_>, author: Role) -> Content {
        let mut words = self.medium.split_ascii_whitespace();
        let media = words
            .next()
            .and_then(|word| limits::token(word, limits::MID))
            .unwrap_or("application");
        let refused = words.next().is_none_or(|port| port.split('/').next() == Some("0"));
        let ids: Vec<u8> = words.skip(1).filter_map(|id| id.parse().ok()).collect();
        let mid = self
            .values("mid")
            .find_map(|mid| limits::token(mid, limits::MID))
            .map(str::to_owned);
        let direction = ["sendrecv", "sendonly", "recvonly", "inactive"];
        let direction = direction
            .into_iter()
            .find(|name| self.has(name))
            .or(direction.into_iter().find(|name| head.has(name)));
        let senders = match direction {
            Some("sendonly") => Senders::of(author, true, false),
            Some("recvonly") => Senders::of(author, false, true),
            Some("inactive") => Senders::None,
            _ => Senders::Both,
        };
        Content {
            creator: Role::Initiator,
            name: mid.unwrap_or_else(|| index.to_string()),
            senders,
            description: Some(self.description(media, &ids, head, author)),
            transport: Some(self.transport(head)),
            refused,
        }
    }

    fn description(&self, media: &str, ids: &[u8], head: &Section<'_>, author: Role) -> Description {
        let whole = |name| self.values(name).find_map(|value| value.parse().ok());
        let (ptime, maxptime): (Option<u16>, Option<u16>) = (whole("ptime"), whole("maxptime"));
        let mut payloads: Vec<Payload> = ids
            .iter()
            .take(limits::PAYLOADS)
            .filter_map(|id| self.payload(*id, (ptime, maxptime)))
            .collect();
        let mut feedback = Vec::new();
        for (id, value) in self.values("rtcp-fb").filter_map(|value| value.split_once(' ')) {
            let (kind, subtype) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
            let subtype = Some(subtype.trim().to_owned()).filter(|subtype| !subtype.is_empty());
            let item = Feedback {
                kind: kind.to_owned(),
                subtype,
            };
            let list = match id.parse::<u8>() {
                Err(_) => Some(&mut feedback),
                Ok(id) => payloads
                    .iter_mut()
                    .find(|payload| payload.id == id)
                    .map(|payload| &mut payload.feedback),
            };
            list.filter(|list| list.len() < limits::FEEDBACK)
                .into_iter()
                .for_each(|list| list.push(item.clone()));
        }
        let bandwidth = self.lines.iter().find_map(|line| {
            let (kind, rate) = line.strip_prefix("b=")?.split_once(':')?;
            Some((kind.to_owned(), rate.trim().parse().ok()?))
        });
        Description {
            media: media.to_ascii_lowercase(),
            ssrc: None,
            payloads,
            feedback,
            extensions: self
                .values("extmap")
                .filter_map(|value| extension(value, author))
                .take(limits::EXTENSIONS)
                .collect(),
            mixed: self.has("extmap-allow-mixed") || head.has("extmap-allow-mixed"),
            rtcp_mux: self.has("rtcp-mux"),
            sources: self.sources(),
            source_groups: self
                .values("ssrc-group")
                .filter_map(source_group)
                .take(limits::SOURCES)
                .collect(),
            encryption_required: false,
            cryptos: self.values("crypto").filter_map(crypto).take(limits::CRYPTOS).collect(),
            bandwidth,
        }
    }

    fn payload(&self, id: u8, (ptime, maxptime): (Option<u16>, Option<u16>)) -> Option<Payload> {
        let of_id = |value: &'a str| {
            let (number, rest) = value.split_once(' ')?;
            (number.parse() == Ok(id)).then_some(rest.trim())
        };
        let (name, clockrate, channels) = match self.values("rtpmap").find_map(of_id) {
            Some(map) => {
                let mut parts = map.split('/');
                let name = description::encoding(parts.next()?)?;
                let clockrate = parts.next()?.parse().ok()?;
                (
                    name,
                    clockrate,
                    parts
                        .next()
                        .and_then(|n| n.parse().ok())
                        .filter(|n| *n > 0)
                        .unwrap_or(1),
                )
            }
            None => description::known(id).map(|(name, clockrate)| (name, clockrate, 1))?,
        };
        let parameters = self
            .values("fmtp")
            .filter_map(of_id)
            .flat_map(|list| list.split(';'))
            .filter_map(|pair| {
                let pair = limits::text(pair.trim(), limits::TEXT)?;
                // `111/111` and `0-15` have no name; so has what only looks like one.
                Some(
                    match pair
                        .split_once('=')
                        .filter(|(name, _)| !name.is_empty() && !name.contains(' '))
                    {
                        Some((name, value)) => (name.to_owned(), value.trim().to_owned()),
                        None => (String::new(), pair.to_owned()),
                    },
                )
            });
        Some(Payload {
            id,
            name: name.to_owned(),
            clockrate,
            channels,
            ptime,
            maxptime,
            parameters: parameters.take(limits::PARAMETERS).collect(),
            feedback: Vec::new(),
        })
    }

    fn sources(&self) -> Vec<Source> {
        let mut sources: Vec<Source> = Vec::new();
        for value in self.values("ssrc") {
            let Some((ssrc, attribute)) = value.split_once(' ') else {
                continue;
            };
            let Ok(ssrc) = ssrc.parse() else { continue };
            let (name, value) = match attribute.trim().split_once(':') {
                Some((name, value)) => (name, limits::text(value.trim(), limits::TEXT).map(str::to_owned)),
                None => (attribute.trim(), None),
            };
            let Some(name) = limits::token(name, limits::NAME) else {
                continue;
            };
            let position = sources.iter().position(|source| source.ssrc == ssrc);
            let position = position.unwrap_or_else(|| {
                sources.push(Source {
                    ssrc,
                    parameters: Vec::new(),
                });
                sources.len() - 1
            });
            if let Some(source) = sources.get_mut(position)
                && source.parameters.len() < limits::PARAMETERS
            {
                source.parameters.push((name.to_owned(), value));
            }
            if sources.len() > limits::SOURCES {
                sources.pop();
                break;
            }
        }
        // RFC 8830 has the stream for the whole medium; XEP-0339, like browsers before it, for each source.
        let stream = self.values("msid").find_map(|value| limits::text(value, limits::TEXT));
        for source in sources
            .iter_mut()
            .filter(|source| source.parameters.iter().all(|(name, _)| name != "msid"))
        {
            source
                .parameters
                .extend(stream.map(|stream| ("msid".to_owned(), Some(stream.to_owned()))));
        }
        sources
    }

    fn transport(&self, head: &Section<'_>) -> Transport {
        let word = |name| {
            let value = self
                .values(name)
                .next()
                .map(str::to_owned)
                .or_else(|| head.values(name).next().map(str::to_owned));
            value.filter(|value| limits::token(value, limits::TEXT).is_some())
        };
        let setup = word("setup").and_then(|setup| Setup::named(&setup));
        let fingerprint = |value: &str| {
            let (hash, value) = value.split_once(' ')?;
            Some(Fingerprint {
                hash: hash.to_ascii_lowercase(),
                value: transport::octets(value)?,
                setup,
            })
        };
        let mut fingerprints: Vec<Fingerprint> = self
            .values("fingerprint")
            .filter_map(fingerprint)
            .take(limits::FINGERPRINTS)
            .collect();
        if fingerprints.is_empty() {
            fingerprints = head
                .values("fingerprint")
                .filter_map(fingerprint)
                .take(limits::FINGERPRINTS)
                .collect();
        }
        Transport {
            raw: false,
            ufrag: word("ice-ufrag"),
            pwd: word("ice-pwd"),
            fingerprints,
            candidates: self
                .values("candidate")
                .filter_map(transport::Candidate::from_sdp)
                .take(limits::CANDIDATES)
                .collect(),
            complete: self.has("end-of-candidates"),
        }
    }
}

fn extension(value: &str, author: Role) -> Option<Extension> {
    let (id, uri) = value.split_once(' ')?;
    let (id, direction) = id.split_once('/').unwrap_or((id, ""));
    let senders = match direction {
        "sendonly" => Some(author),
        "recvonly" => Some(author.other()),
        _ => None,
    };
    let uri = limits::token(uri.split_ascii_whitespace().next()?, limits::TEXT)?;
    Some(Extension {
        id: id.parse().ok().filter(|id| (1..=4096).contains(id))?,
        uri: uri.to_owned(),
        senders,
    })
}

fn source_group(value: &str) -> Option<SourceGroup> {
    let (semantics, ssrcs) = value.split_once(' ')?;
    let ssrcs: Vec<u32> = ssrcs
        .split_ascii_whitespace()
        .filter_map(|ssrc| ssrc.parse().ok())
        .take(limits::SOURCES)
        .collect();
    (!ssrcs.is_empty()).then(|| SourceGroup {
        semantics: semantics.to_owned(),
        ssrcs,
    })
}

fn crypto(value: &str) -> Option<Crypto> {
    let mut words = value.splitn(4, ' ');
    Some(Crypto {
        tag: words.next()?.parse().ok()?,
        suite: limits::token(words.next()?, limits::TEXT)?.to_owned(),
        key_params: limits::token(words.next()?, limits::TEXT)?.to_owned(),
        session_params: words
            .next()
            .and_then(|more| limits::text(more.trim(), limits::TEXT))
            .map(str::to_owned),
    })
}
