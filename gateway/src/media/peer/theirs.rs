// SPDX-License-Identifier: EUPL-1.2
//! What a peer's offer or answer says: which section carries the sound, over which transport, and what else it holds.
//!
//! The engine is shown one section of it, written anew: sound that flows both ways.
//! COMPAT(webrtc 0.21): it stops a section for good that was once inactive, leaves sections out that it does not know,
//! and rejects what is not in a bundle.

use std::fmt::Write as _;

use super::candidates::{MAX_CANDIDATES, Reach, is_admissible};
use super::connection::AUDIO_LEVEL;
use crate::media::sdp::Description;
use crate::media::sdp::description::{Direction, MediaLine};
use crate::media::sdp::format::FormatKind;
use crate::media::words::{Refusal, VideoLine};

/// Who begins the DTLS handshake (RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Actpass,
    Active,
    Passive,
}

impl Setup {
    /// Returns the attribute value.
    pub(super) fn name(self) -> &'static str {
        match self {
            Setup::Actpass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
        }
    }
}

/// The transport that a peer offers for its bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transport {
    pub(super) ufrag: String,
    pub(super) password: String,
    /// Hash function and value (RFC 8122 §5).
    pub(super) fingerprint: String,
    pub(super) setup: Setup,
}

/// The sound section of a peer.
#[derive(Clone, Debug)]
pub(super) struct Sound {
    pub(super) mid: String,
    pub(super) opus: u8,
    /// Payload types and clock rates of RFC 4733 events.
    pub(super) digits: Vec<(u8, u32)>,
    pub(super) direction: Direction,
    /// Id of the RFC 6464 level.
    pub(super) level: Option<u8>,
    /// Where the peer says it (RFC 5576).
    pub(super) ssrc: Option<u32>,
    /// Payload type of redundant audio data (RFC 2198).
    pub(super) red: Option<u8>,
}

/// One section as the answer will mirror it.
#[derive(Clone, Debug)]
pub(super) enum Section {
    Sound,
    Video {
        line: VideoLine,
        /// `a=fmtp` values of its codecs.
        parameters: Vec<String>,
    },
    Refused {
        kind: String,
        proto: String,
        formats: String,
        mid: Option<String>,
    },
}

/// What a peer's description says.
#[derive(Clone, Debug)]
pub(in crate::media) struct Theirs {
    pub(super) transport: Transport,
    pub(super) candidates: Vec<String>,
    /// Candidates that may not be talked to.
    pub(super) dropped: usize,
    pub(super) sound: Sound,
    pub(super) sections: Vec<Section>,
    /// The sound is in a bundle (RFC 9143).
    pub(super) bundled: bool,
}

/// Longest ufrag, password, mid and fmtp value [bytes]; RFC 8839 §5.4 allows 256 for the first two.
const MAX_VALUE: usize = 256;
/// Formats kept of one video section.
const MAX_VIDEO_FORMATS: usize = 8;

impl Theirs {
    /// Reads a description; refuses what has no sound for us or no keys.
    pub(in crate::media) fn read(body: &[u8], reach: &Reach) -> Result<Theirs, Refusal> {
        let description = Description::parse(body)?;
        let text = std::str::from_utf8(body).map_err(|_| bad("not UTF-8"))?;
        let (session, parts) = cut(text);
        if parts.len() != description.media.len() {
            return Err(bad("m-lines that cannot be counted"));
        }
        let bundle = bundle_of(&session);
        let lines: Vec<(&MediaLine, &Part<'_>)> = description.media.iter().zip(&parts).collect();
        let alive = |line: &MediaLine, part: &Part<'_>| line.port != 0 || part.value("bundle-only").is_some();
        if !lines.iter().any(|(line, _)| line.kind == "audio") {
            return Err(bad("no audio line"));
        }
        let (at, line, part, opus) = lines
            .iter()
            .enumerate()
            .filter(|(_, (line, part))| line.kind == "audio" && alive(line, part))
            .find_map(|(at, (line, part))| Some((at, *line, *part, opus_of(line)?)))
            .ok_or(Refusal::NoCommonCodec)?;
        let mid = usable_mid(line).ok_or_else(|| bad("no usable a=mid"))?;
        let bundled = bundle.contains(&mid.as_str());
        // RFC 9143 §7.2: the transport is that of the first section of the bundle; some repeat it in each.
        let of_bundle = |mid: Option<&String>| bundled && mid.is_some_and(|mid| bundle.contains(&mid.as_str()));
        let tagged = lines
            .iter()
            .filter(|(line, part)| of_bundle(line.mid.as_ref()) && alive(line, part))
            .min_by_key(|(line, _)| {
                bundle
                    .iter()
                    .position(|mid| Some(*mid) == line.mid.as_deref())
                    .unwrap_or(usize::MAX)
            })
            .map_or(part, |(_, part)| *part);
        let places = [tagged, part, &session];
        let transport = transport(&places)?;
        let (mut candidates, mut dropped) = (Vec::new(), 0);
        let shared = lines
            .iter()
            .enumerate()
            .filter(|(i, (line, _))| *i == at || of_bundle(line.mid.as_ref()))
            .map(|(_, (_, part))| *part);
        for candidate in std::iter::once(&session)
            .chain(shared)
            .flat_map(|part| part.values("candidate"))
        {
            if !is_admissible(candidate, reach) || candidates.len() >= MAX_CANDIDATES {
                dropped += 1;
            } else if !candidates.iter().any(|known| known == candidate) {
                candidates.push(candidate.to_owned());
            }
        }
        let sections = lines
            .iter()
            .enumerate()
            .map(|(i, (line, part))| {
                if i == at {
                    return Section::Sound;
                }
                video_of(line, part)
                    .filter(|_| of_bundle(line.mid.as_ref()) && alive(line, part))
                    .unwrap_or_else(|| Section::Refused {
                        kind: line.kind.clone(),
                        proto: line.proto.clone(),
                        formats: line.fmt.clone(),
                        mid: usable_mid(line),
                    })
            })
            .collect();
        Ok(Theirs {
            transport,
            candidates,
            dropped,
            sound: Sound {
                mid,
                opus,
                digits: digits_of(line),
                direction: line.direction,
                level: part.values("extmap").find_map(level_id),
                ssrc: part
                    .values("ssrc")
                    .find_map(|ssrc| ssrc.split(' ').next()?.parse().ok()),
                red: part.values("rtpmap").find_map(red_of),
            },
            sections,
            bundled,
        })
    }

    /// Tells whether the peer begins the DTLS handshake, so that we are its server.
    pub(in crate::media) fn is_active(&self) -> bool {
        self.transport.setup == Setup::Active
    }

    /// Turns video sections into refused ones.
    pub(super) fn refuse_video(&mut self) {
        for section in &mut self.sections {
            if let Section::Video { line, .. } = section {
                let formats: Vec<String> = line.codecs.iter().map(|(pt, _)| pt.to_string()).collect();
                *section = Section::Refused {
                    kind: "video".to_owned(),
                    proto: "UDP/TLS/RTP/SAVPF".to_owned(),
                    formats: formats.join(" "),
                    mid: Some(line.mid.clone()),
                };
            }
        }
    }

    /// Lists the sections whose candidates lead to the sound: its own, and those of its bundle.
    pub(super) fn mids(&self) -> Vec<String> {
        let video = self.video().into_iter().map(|line| line.mid);
        std::iter::once(self.sound.mid.clone()).chain(video).collect()
    }

    /// Lists the video sections.
    pub(super) fn video(&self) -> Vec<VideoLine> {
        self.sections
            .iter()
            .filter_map(|section| match section {
                Section::Video { line, .. } => Some(line.clone()),
                _ => None,
            })
            .collect()
    }

    /// Writes what the engine is shown; candidates are told apart, so that a bad one costs only itself.
    pub(in crate::media) fn for_engine(&self) -> String {
        let Theirs { transport, sound, .. } = self;
        let mut out = String::with_capacity(1024);
        let formats = std::iter::once(sound.opus).chain(sound.digits.iter().map(|(pt, _)| *pt));
        let formats: Vec<String> = formats.map(|pt| pt.to_string()).collect();
        // Writing to a string does not fail.
        let _ = write!(
            out,
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mid}\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=sendrecv\r\na=rtcp-mux\r\n\
             a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=ice-options:trickle\r\na=fingerprint:{fingerprint}\r\n\
             a=setup:{setup}\r\na=rtpmap:{opus} opus/48000/2\r\n",
            mid = sound.mid,
            formats = formats.join(" "),
            ufrag = transport.ufrag,
            password = transport.password,
            fingerprint = transport.fingerprint,
            setup = transport.setup.name(),
            opus = sound.opus,
        );
        for (pt, rate) in &sound.digits {
            let _ = write!(out, "a=rtpmap:{pt} telephone-event/{rate}\r\n");
        }
        if let Some(ssrc) = sound.ssrc {
            let _ = write!(out, "a=msid:peer sound\r\na=ssrc:{ssrc} cname:peer\r\n");
        }
        if let Some(id) = sound.level {
            let _ = write!(out, "a=extmap:{id} {AUDIO_LEVEL}\r\n");
        }
        out
    }
}

/// Lists the DTLS fingerprints of a session description (RFC 8122 §5), each as hash function and value: `sha-256 AB:CD…`.
/// Weak ones and malformed ones are left out.
pub fn fingerprints(sdp: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(sdp);
    let (session, parts) = cut(&text);
    let mut found: Vec<String> = Vec::new();
    for value in std::iter::once(&session)
        .chain(&parts)
        .flat_map(|part| part.values("fingerprint"))
    {
        if let Some(value) = fingerprint(value).filter(|value| !found.contains(value)) {
            found.push(value);
        }
    }
    found
}

/// One m-line with its attributes, or what stands before the first.
#[derive(Default)]
struct Part<'a> {
    attributes: Vec<&'a str>,
}

impl<'a> Part<'a> {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter_map(move |attribute| {
            let (found, value) = attribute.split_once(':').unwrap_or((attribute, ""));
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn value(&self, name: &'static str) -> Option<&'a str> {
        self.values(name).next()
    }
}

/// Cuts a description at its m-lines, as `Description::parse` does.
fn cut(text: &str) -> (Part<'_>, Vec<Part<'_>>) {
    let (mut session, mut parts) = (Part::default(), Vec::<Part<'_>>::new());
    for line in text.split(['\r', '\n']) {
        let line = line.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0' || c == '\u{feff}');
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        match key.trim() {
            "m" | "M" => parts.push(Part::default()),
            "a" | "A" => parts.last_mut().unwrap_or(&mut session).attributes.push(value.trim()),
            _ => {}
        }
    }
    (session, parts)
}

fn bundle_of<'a>(session: &Part<'a>) -> Vec<&'a str> {
    session
        .values("group")
        .filter_map(|group| group.strip_prefix("BUNDLE"))
        .next()
        .map(|mids| mids.split_ascii_whitespace().collect())
        .unwrap_or_default()
}

fn transport(places: &[&Part<'_>]) -> Result<Transport, Refusal> {
    let find = |name| places.iter().find_map(|part| part.value(name));
    let credential = |name, least: usize| {
        find(name).filter(|value| {
            // RFC 8839 §5.4: ice-char is ALPHA, DIGIT, "+" and "/"; some use more of ASCII.
            (least..=MAX_VALUE).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
        })
    };
    let (Some(ufrag), Some(password)) = (credential("ice-ufrag", 1), credential("ice-pwd", 1)) else {
        return Err(bad(
            "no usable a=ice-ufrag and a=ice-pwd; is this a WebRTC description?",
        ));
    };
    let fingerprint = places
        .iter()
        .flat_map(|part| part.values("fingerprint"))
        .find_map(fingerprint)
        .ok_or_else(|| bad("no usable a=fingerprint"))?;
    let setup = match find("setup").map(str::to_ascii_lowercase).as_deref() {
        // COMPAT(clients before RFC 8842): without a role it is ours to choose.
        Some("actpass") | None => Setup::Actpass,
        Some("active") => Setup::Active,
        Some("passive") => Setup::Passive,
        Some(_) => return Err(bad("an a=setup that means no connection")),
    };
    Ok(Transport {
        ufrag: ufrag.to_owned(),
        password: password.to_owned(),
        fingerprint,
        setup,
    })
}

/// Reads `a=rtpmap:63 red/48000/2`.
fn red_of(rtpmap: &str) -> Option<u8> {
    let (payload_type, encoding) = rtpmap.split_once(' ')?;
    let payload_type = payload_type.parse::<u8>().ok().filter(|pt| *pt < 128)?;
    let is_red = encoding.trim().to_ascii_lowercase().starts_with("red/48000");
    is_red.then_some(payload_type)
}

/// RFC 8122 §5: a hash function and as many octets as it gives; weak ones are not believed.
pub(super) fn fingerprint(value: &str) -> Option<String> {
    let (name, octets) = value.split_once(' ')?;
    let (name, octets) = (name.to_ascii_lowercase(), octets.trim().to_ascii_uppercase());
    let length = match name.as_str() {
        "sha-256" => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        _ => return None,
    };
    let mut count = 0;
    for octet in octets.split(':') {
        u8::from_str_radix(octet, 16).ok().filter(|_| octet.len() == 2)?;
        count += 1;
    }
    (count == length).then(|| format!("{name} {octets}"))
}

fn usable_mid(line: &MediaLine) -> Option<String> {
    line.mid
        .clone()
        .filter(|mid| !mid.is_empty() && !mid.contains(|c: char| c.is_whitespace() || c.is_control()))
}

fn opus_of(line: &MediaLine) -> Option<u8> {
    line.formats
        .iter()
        .find(|format| format.kind == FormatKind::Audio(landbridge_codecs::Codec::Opus))
        .map(|format| format.payload_type)
}

fn digits_of(line: &MediaLine) -> Vec<(u8, u32)> {
    let rate = |kind| match kind {
        FormatKind::TelephoneEvent(rate @ (8000 | 48_000)) => Some(rate),
        _ => None,
    };
    line.formats
        .iter()
        .filter_map(|format| Some((format.payload_type, rate(format.kind)?)))
        .take(2)
        .collect()
}

fn level_id(extmap: &str) -> Option<u8> {
    let mut words = extmap.split_ascii_whitespace();
    let id = words.next()?.split('/').next()?.parse::<u8>().ok()?;
    // RFC 8285 §4.2: the one-byte form knows the ids 1 to 14.
    (words.next() == Some(AUDIO_LEVEL) && (1..=14).contains(&id)).then_some(id)
}

fn video_of(line: &MediaLine, part: &Part<'_>) -> Option<Section> {
    if line.kind != "video" {
        return None;
    }
    let codecs: Vec<(u8, String)> = part
        .values("rtpmap")
        .filter_map(|map| {
            let (pt, encoding) = map.split_once(' ')?;
            let name = encoding.trim().split('/').next()?.to_ascii_uppercase();
            let known = matches!(name.as_str(), "VP8" | "H264");
            Some((pt.parse::<u8>().ok().filter(|pt| known && *pt < 128)?, name))
        })
        .take(MAX_VIDEO_FORMATS)
        .collect();
    if codecs.is_empty() {
        return None;
    }
    let parameters = part
        .values("fmtp")
        .filter(|fmtp| {
            let of = fmtp.split(' ').next().and_then(|pt| pt.parse::<u8>().ok());
            fmtp.len() <= MAX_VALUE && codecs.iter().any(|(pt, _)| Some(*pt) == of)
        })
        .take(MAX_VIDEO_FORMATS)
        .map(str::to_owned)
        .collect();
    let mid = usable_mid(line)?;
    Some(Section::Video {
        line: VideoLine { mid, codecs },
        parameters,
    })
}

pub(super) fn bad(what: &str) -> Refusal {
    Refusal::BadSdp(what.to_owned())
}
