// SPDX-License-Identifier: EUPL-1.2
//! A session description as the negotiation sees it, from bytes of any quality.

use std::collections::HashMap;
use std::net::IpAddr;

use sdp_types::{Connection, Media};

use super::crypto::CryptoLine;
use super::format::{Format, FormatKind};
use crate::media::words::Refusal;

/// Descriptions above this size are refused unread [bytes].
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// Descriptions with more m-lines are refused.
pub(crate) const MAX_MEDIA: usize = 32;
const MAX_ATTRIBUTES: usize = 1024;
const MAX_FORMATS: usize = 64;
const MAX_CRYPTO: usize = 16;

/// A session description, reduced to what decides an audio session.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) media: Vec<MediaLine>,
}

/// One m-line with everything that applies to it, session level included.
#[derive(Clone, Debug)]
pub(crate) struct MediaLine {
    pub(crate) kind: String,
    pub(crate) port: u16,
    pub(crate) proto: String,
    pub(crate) profile: Profile,
    /// The format list as received, for mirroring a refused line.
    pub(crate) fmt: String,
    pub(crate) formats: Vec<Format>,
    /// `None` for a host name or the unspecified address.
    pub(crate) address: Option<IpAddr>,
    /// The c= line holds 0.0.0.0 or ::, the hold of RFC 2543.
    pub(crate) unspecified: bool,
    pub(crate) direction: Direction,
    pub(crate) ptime_ms: Option<u16>,
    pub(crate) max_ptime_ms: Option<u16>,
    /// RFC 3605: port and, if given, address of RTCP.
    pub(crate) rtcp: Option<(u16, Option<IpAddr>)>,
    pub(crate) rtcp_mux: bool,
    pub(crate) mid: Option<String>,
    /// The usable crypto lines in the order of preference of the sender.
    pub(crate) crypto: Vec<CryptoLine>,
}

/// The transport profiles, folded by what they mean for encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// RTP/AVP, RTP/AVPF.
    Plain,
    /// RTP/SAVP, RTP/SAVPF.
    Secure,
    /// UDP/TLS/RTP/SAVP(F) and anything else.
    Other,
}

/// Who sends, seen from the side that wrote the description (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// Returns the same flow seen from the other side.
    pub(crate) fn reversed(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            same => same,
        }
    }

    /// Tells whether the writer sends.
    pub(crate) fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Tells whether the writer receives.
    pub(crate) fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// Returns the attribute name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn from_name(name: &str) -> Option<Direction> {
        [
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ]
        .into_iter()
        .find(|d| d.name() == name)
    }
}

impl Description {
    /// Parses a body; tolerant of what real phones get wrong, strict about size.
    pub(crate) fn parse(body: &[u8]) -> Result<Description, Refusal> {
        let text = normalise(body)?;
        let session = sdp_types::Session::parse(text.as_bytes()).map_err(|e| Refusal::BadSdp(e.to_string()))?;
        let session_direction = session
            .attributes
            .iter()
            .rev()
            .find_map(|a| Direction::from_name(&a.attribute));
        let media = session
            .medias
            .iter()
            .map(|media| {
                MediaLine::new(
                    media,
                    session.connection.as_ref(),
                    session_direction,
                    &session.attributes,
                )
            })
            .collect();
        Ok(Description { media })
    }
}

impl MediaLine {
    fn new(
        media: &Media,
        session: Option<&Connection>,
        direction: Option<Direction>,
        session_attributes: &[sdp_types::Attribute],
    ) -> MediaLine {
        let connection = media.connections.first().or(session);
        let ip = connection.and_then(connection_ip);
        let value = |name: &str| {
            media
                .attributes
                .iter()
                .find(|a| a.attribute.eq_ignore_ascii_case(name))
                .and_then(|a| a.value.as_deref())
        };
        let number = |name: &str| {
            value(name)
                .and_then(|v| v.trim().split(['.', ' ']).next()?.parse::<u16>().ok())
                .filter(|ms| *ms > 0)
        };
        let crypto_of = |attributes: &[sdp_types::Attribute]| -> Vec<CryptoLine> {
            attributes
                .iter()
                .filter(|a| a.attribute.eq_ignore_ascii_case("crypto"))
                .take(MAX_CRYPTO)
                .filter_map(|a| CryptoLine::parse(a.value.as_deref()?))
                .collect()
        };
        let mut crypto = crypto_of(&media.attributes);
        if crypto.is_empty() {
            // COMPAT(old gateways): RFC 4568 §5 allows a=crypto at media level alone, some write it at session level.
            crypto = crypto_of(session_attributes);
        }
        MediaLine {
            kind: media.media.to_ascii_lowercase(),
            port: media.port,
            proto: media.proto.clone(),
            profile: Profile::of(&media.proto),
            fmt: media.fmt.clone(),
            formats: formats(media),
            address: ip.filter(|ip| !ip.is_unspecified()),
            unspecified: ip.is_some_and(|ip| ip.is_unspecified()),
            direction: media
                .attributes
                .iter()
                .rev()
                .find_map(|a| Direction::from_name(&a.attribute.to_ascii_lowercase()))
                .or(direction)
                .unwrap_or(Direction::SendRecv),
            ptime_ms: number("ptime"),
            max_ptime_ms: number("maxptime"),
            rtcp: value("rtcp").and_then(parse_rtcp),
            rtcp_mux: media
                .attributes
                .iter()
                .any(|a| a.attribute.eq_ignore_ascii_case("rtcp-mux")),
            mid: value("mid")
                .map(|mid| mid.trim().to_owned())
                .filter(|mid| mid.len() <= 64),
            crypto,
        }
    }
}

impl Profile {
    fn of(proto: &str) -> Profile {
        match proto.to_ascii_uppercase().as_str() {
            "RTP/AVP" | "RTP/AVPF" => Profile::Plain,
            "RTP/SAVP" | "RTP/SAVPF" => Profile::Secure,
            _ => Profile::Other,
        }
    }
}

/// Makes a body fit for a strict parser: line ends, stray blanks, missing and repeated lines.
fn normalise(body: &[u8]) -> Result<String, Refusal> {
    if body.len() > MAX_BYTES {
        return Err(Refusal::BadSdp(format!(
            "{} bytes; at most {MAX_BYTES} are read",
            body.len()
        )));
    }
    let text = String::from_utf8_lossy(body);
    let mut out = String::with_capacity(body.len() + 64);
    out.push_str("v=0\r\n");
    let (mut media, mut attributes) = (0usize, 0usize);
    let mut seen = [false; 128];
    for line in text.split(['\r', '\n']) {
        let line = line.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0' || c == '\u{feff}');
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        let &[key] = key.as_bytes() else { continue };
        let key = key.to_ascii_lowercase();
        match key {
            b'v' => continue,
            b'm' => {
                media += 1;
                seen = [false; 128];
                if media > MAX_MEDIA {
                    return Err(Refusal::BadSdp(format!("more than {MAX_MEDIA} m-lines")));
                }
            }
            b'a' => {
                attributes += 1;
                if attributes > MAX_ATTRIBUTES {
                    return Err(Refusal::BadSdp(format!("more than {MAX_ATTRIBUTES} attributes")));
                }
                if value.is_empty() || value.starts_with(':') {
                    continue;
                }
            }
            b'c' | b'o' | b's' => {
                let slot = usize::from(key);
                if std::mem::replace(&mut seen[slot], true) {
                    continue;
                }
                if key == b'o' && value.split_ascii_whitespace().count() != 6 {
                    continue;
                }
                if key == b's' && value.is_empty() {
                    continue;
                }
            }
            // Nothing below decides anything for us, and much of it is written wrongly (b=AS:, t=, r=, k=).
            _ => continue,
        }
        out.push(char::from(key));
        out.push('=');
        if key == b'a' {
            out.push_str(value);
        } else {
            push_single_spaced(&mut out, value);
        }
        out.push_str("\r\n");
    }
    if media == 0 {
        return Err(Refusal::BadSdp("no m-line".to_owned()));
    }
    Ok(out)
}

fn push_single_spaced(out: &mut String, value: &str) {
    for (i, word) in value.split_ascii_whitespace().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

fn connection_ip(connection: &Connection) -> Option<IpAddr> {
    let host = connection.connection_address.split('/').next()?;
    host.trim_matches(['[', ']'])
        .parse::<IpAddr>()
        .ok()
        .map(|ip| ip.to_canonical())
}

fn parse_rtcp(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok()?;
    let address = words.nth(2).and_then(|host| host.parse::<IpAddr>().ok());
    Some((port, address))
}

fn formats(media: &Media) -> Vec<Format> {
    let maps: HashMap<u8, &str> = media
        .attributes
        .iter()
        .filter(|a| a.attribute.eq_ignore_ascii_case("rtpmap"))
        .filter_map(|a| {
            let (payload_type, encoding) = a.value.as_deref()?.trim().split_once(char::is_whitespace)?;
            Some((payload_type.parse().ok()?, encoding.trim()))
        })
        .collect();
    let mut formats: Vec<Format> = Vec::new();
    for payload_type in media
        .fmt
        .split_ascii_whitespace()
        .filter_map(|pt| pt.parse::<u8>().ok())
        .filter(|pt| *pt < 128)
        .take(MAX_FORMATS)
    {
        if formats.iter().any(|f| f.payload_type == payload_type) {
            continue;
        }
        let kind = match maps.get(&payload_type) {
            Some(encoding) => FormatKind::from_rtpmap(encoding),
            None => FormatKind::from_static(payload_type),
        };
        formats.push(Format { payload_type, kind });
    }
    formats
}
