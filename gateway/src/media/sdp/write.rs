// SPDX-License-Identifier: EUPL-1.2
//! Our own lines: answers and offers as text.

use std::fmt::Write as _;
use std::net::IpAddr;

use landbridge_codecs::Codec;

use super::crypto::{CryptoLine, Suite};
use super::description::{Description, MediaLine};
use super::format;
use super::negotiate::{Local, Session};
use crate::media::words::Encryption;

/// Writes an answer that mirrors the offer line by line.
pub(crate) fn answer(
    offer: &Description,
    taken: usize,
    session: &Session,
    crypto_tag: Option<u32>,
    local: &Local<'_>,
) -> String {
    let mut out = head(local);
    for (index, line) in offer.media.iter().enumerate() {
        if index == taken {
            answer_line(&mut out, line, session, crypto_tag, local);
        } else {
            // RFC 3264 §6: a refused line keeps its place, its protocol and at least one format.
            let format = line.fmt.split_ascii_whitespace().next().unwrap_or("0");
            push(&mut out, format_args!("m={} 0 {} {}", line.kind, line.proto, format));
            if let Some(mid) = &line.mid {
                push(&mut out, format_args!("a=mid:{mid}"));
            }
        }
    }
    out
}

/// Writes an offer with every codec of the policy.
pub(crate) fn offer(local: &Local<'_>) -> String {
    let policy = local.policy;
    let opus = policy.codecs.contains(&Codec::Opus);
    let proto = if policy.encryption == Encryption::Require {
        "RTP/SAVP"
    } else {
        "RTP/AVP"
    };
    let mut out = head(local);
    let mut formats = String::new();
    for codec in &policy.codecs {
        let _ = write!(formats, " {}", format::own_payload_type(*codec));
    }
    let _ = write!(formats, " {}", format::EVENTS_8000);
    if opus {
        let _ = write!(formats, " {}", format::EVENTS_48000);
    }
    push(&mut out, format_args!("m=audio {} {proto}{formats}", local.port));
    for codec in &policy.codecs {
        codec_lines(&mut out, format::own_payload_type(*codec), *codec);
    }
    digit_lines(&mut out, format::EVENTS_8000, 8000);
    if opus {
        digit_lines(&mut out, format::EVENTS_48000, 48_000);
    }
    push(&mut out, format_args!("a=ptime:{}", policy.ptime_ms.clamp(10, 60)));
    push(&mut out, format_args!("a=rtcp:{}", local.port.saturating_add(1)));
    push(&mut out, format_args!("a=rtcp-mux"));
    if policy.encryption != Encryption::Off {
        for (tag, suite) in (1u32..).zip(Suite::ALL) {
            push(
                &mut out,
                format_args!("a=crypto:{}", CryptoLine::write(tag, suite, local.keys.of(suite))),
            );
        }
    }
    push(&mut out, format_args!("a=sendrecv"));
    out
}

fn head(local: &Local<'_>) -> String {
    let family = match local.address {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    };
    let mut out = String::with_capacity(1024);
    push(&mut out, format_args!("v=0"));
    push(
        &mut out,
        format_args!(
            "o=landbridge {} {} IN {family} {}",
            local.session_id, local.version, local.address
        ),
    );
    push(&mut out, format_args!("s=-"));
    push(&mut out, format_args!("c=IN {family} {}", local.address));
    push(&mut out, format_args!("t=0 0"));
    out
}

fn answer_line(out: &mut String, line: &MediaLine, session: &Session, crypto_tag: Option<u32>, local: &Local<'_>) {
    let mut formats = format!(" {}", session.payload_type);
    for (payload_type, _) in &session.digits {
        let _ = write!(formats, " {payload_type}");
    }
    let noise = session.comfort_noise.first().filter(|_| session.codec != Codec::Opus);
    if let Some(payload_type) = noise {
        let _ = write!(formats, " {payload_type}");
    }
    push(out, format_args!("m=audio {} {}{formats}", local.port, line.proto));
    codec_lines(out, session.payload_type, session.codec);
    for (payload_type, rate) in &session.digits {
        digit_lines(out, *payload_type, *rate);
    }
    if let Some(payload_type) = noise {
        push(out, format_args!("a=rtpmap:{payload_type} CN/8000"));
    }
    push(out, format_args!("a=ptime:{}", session.ptime_ms));
    if let (Some(tag), Some(keys)) = (crypto_tag, &session.keys) {
        push(
            out,
            format_args!("a=crypto:{}", CryptoLine::write(tag, keys.suite, &keys.local)),
        );
    }
    if session.rtcp_mux {
        push(out, format_args!("a=rtcp-mux"));
    } else {
        push(out, format_args!("a=rtcp:{}", local.port.saturating_add(1)));
    }
    if let Some(mid) = &line.mid {
        push(out, format_args!("a=mid:{mid}"));
    }
    push(out, format_args!("a={}", session.direction.name()));
}

fn codec_lines(out: &mut String, payload_type: u8, codec: Codec) {
    push(out, format_args!("a=rtpmap:{payload_type} {}", format::rtpmap(codec)));
    if codec == Codec::Opus {
        // RFC 7587 §7: mono both ways, with forward error correction.
        push(
            out,
            format_args!("a=fmtp:{payload_type} useinbandfec=1;stereo=0;sprop-stereo=0"),
        );
    }
}

fn digit_lines(out: &mut String, payload_type: u8, rate: u32) {
    push(out, format_args!("a=rtpmap:{payload_type} telephone-event/{rate}"));
    push(out, format_args!("a=fmtp:{payload_type} 0-15"));
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = out.write_fmt(line);
    out.push_str("\r\n");
}
