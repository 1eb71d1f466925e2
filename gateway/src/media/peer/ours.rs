// SPDX-License-Identifier: EUPL-1.2
//! Our own descriptions towards a peer: what the engine says of its transport, in sections of the peer's order.

use std::fmt::Write as _;

use super::connection::AUDIO_LEVEL;
use super::theirs::{Section, Setup};
use crate::media::sdp::description::Direction;

/// The engine's transport, read from the engine's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Here {
    pub(super) ufrag: String,
    password: String,
    fingerprint: String,
    candidates: Vec<String>,
}

impl Here {
    /// Reads what the engine wrote.
    pub(super) fn read(engine: &str) -> Option<Here> {
        let values = |name: &'static str| {
            engine
                .lines()
                .filter_map(move |line| line.trim_end().strip_prefix(name))
        };
        let mut candidates: Vec<String> = Vec::new();
        for candidate in values("a=candidate:") {
            // COMPAT(webrtc 0.21): it lists each once more for RTCP, which has no port of its own.
            let first = candidate.split_ascii_whitespace().nth(1) == Some("1");
            if first && !candidates.iter().any(|known| known == candidate) {
                candidates.push(candidate.to_owned());
            }
        }
        Some(Here {
            ufrag: values("a=ice-ufrag:").next()?.to_owned(),
            password: values("a=ice-pwd:").next()?.to_owned(),
            fingerprint: values("a=fingerprint:").next()?.to_owned(),
            candidates,
        })
    }
}

/// One description of ours.
pub(super) struct Ours<'a> {
    pub(super) here: &'a Here,
    pub(super) session_id: u64,
    pub(super) version: u64,
    pub(super) setup: Setup,
    pub(super) ssrc: u32,
    pub(super) direction: Direction,
    pub(super) mid: &'a str,
    pub(super) opus: u8,
    pub(super) digits: &'a [(u8, u32)],
    pub(super) level: Option<u8>,
    /// Payload type of redundant audio data (RFC 2198).
    pub(super) red: Option<u8>,
    pub(super) sections: &'a [Section],
    pub(super) bundled: bool,
}

impl Ours<'_> {
    /// Writes the description.
    pub(super) fn write(&self) -> String {
        let mut out = String::with_capacity(2048);
        // Writing to a string does not fail, here and below.
        let _ = write!(
            out,
            "v=0\r\no=- {} {} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
            self.session_id, self.version
        );
        if self.bundled {
            out.push_str("a=group:BUNDLE");
            for section in self.sections {
                let mid = match section {
                    Section::Sound => self.mid,
                    Section::Video { line, .. } => &line.mid,
                    Section::Refused { .. } => continue,
                };
                let _ = write!(out, " {mid}");
            }
            out.push_str("\r\n");
        }
        let _ = write!(
            out,
            "a=extmap-allow-mixed\r\na=msid-semantic:WMS *\r\na=ice-options:trickle\r\na=fingerprint:{}\r\n",
            self.here.fingerprint
        );
        for section in self.sections {
            match section {
                Section::Sound => self.write_sound(&mut out),
                Section::Video { line, parameters } => {
                    let formats: Vec<String> = line.codecs.iter().map(|(pt, _)| pt.to_string()).collect();
                    let _ = write!(out, "m=video 9 UDP/TLS/RTP/SAVPF {}\r\n", formats.join(" "));
                    self.write_transport(&mut out, &line.mid);
                    out.push_str("a=inactive\r\n");
                    for (pt, codec) in &line.codecs {
                        let _ = write!(out, "a=rtpmap:{pt} {codec}/90000\r\n");
                    }
                    for fmtp in parameters {
                        let _ = write!(out, "a=fmtp:{fmtp}\r\n");
                    }
                }
                Section::Refused {
                    kind,
                    proto,
                    formats,
                    mid,
                } => {
                    let _ = write!(out, "m={kind} 0 {proto} {formats}\r\nc=IN IP4 0.0.0.0\r\n");
                    if let Some(mid) = mid {
                        let _ = write!(out, "a=mid:{mid}\r\n");
                    }
                }
            }
        }
        out
    }

    fn write_sound(&self, out: &mut String) {
        let opus = self.opus;
        let _ = write!(out, "m=audio 9 UDP/TLS/RTP/SAVPF {opus}");
        for (pt, _) in self.digits {
            let _ = write!(out, " {pt}");
        }
        if let Some(red) = self.red {
            let _ = write!(out, " {red}");
        }
        out.push_str("\r\n");
        self.write_transport(out, self.mid);
        let _ = write!(
            out,
            "a={}\r\na=rtpmap:{opus} opus/48000/2\r\na=fmtp:{opus} minptime=10;useinbandfec=1\r\n",
            self.direction.name()
        );
        for (pt, rate) in self.digits {
            let _ = write!(out, "a=rtpmap:{pt} telephone-event/{rate}\r\na=fmtp:{pt} 0-15\r\n");
        }
        if let Some(red) = self.red {
            let _ = write!(out, "a=rtpmap:{red} red/48000/2\r\na=fmtp:{red} {opus}/{opus}\r\n");
        }
        if let Some(id) = self.level {
            let _ = write!(out, "a=extmap:{id} {AUDIO_LEVEL}\r\n");
        }
        let _ = write!(out, "a=msid:room landbridge\r\na=ssrc:{} cname:room\r\n", self.ssrc);
        for candidate in &self.here.candidates {
            let _ = write!(out, "a=candidate:{candidate}\r\n");
        }
        out.push_str("a=end-of-candidates\r\n");
    }

    fn write_transport(&self, out: &mut String, mid: &str) {
        let _ = write!(
            out,
            "c=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=setup:{}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=rtcp-mux\r\n",
            self.setup.name(),
            self.here.ufrag,
            self.here.password
        );
    }
}
