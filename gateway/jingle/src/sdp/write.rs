// SPDX-License-Identifier: EUPL-1.2
//! Contents to SDP.

use std::fmt::Write;

use super::Session;
use crate::content::description::{Description, Feedback, Payload};
use crate::content::{Content, Role, Transport};

/// Writes a session as `author` describes it; `version` counts the descriptions of a session.
pub fn write(session: &Session, author: Role, version: u64) -> Vec<u8> {
    let mut sdp = format!("v=0\r\no=- 1 {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
    for group in &session.groups {
        line(
            &mut sdp,
            format_args!("a=group:{} {}", group.semantics, group.names.join(" ")),
        );
    }
    for content in &session.contents {
        medium(&mut sdp, content, author);
    }
    sdp.into_bytes()
}

fn medium(sdp: &mut String, content: &Content, author: Role) {
    let fallback = Description {
        media: "application".into(),
        ..Description::default()
    };
    let description = content.description.as_ref().unwrap_or(&fallback);
    let transport = content.transport.as_ref();
    let raw = transport
        .filter(|transport| transport.raw)
        .and_then(|transport| transport.candidates.first());
    let port = if content.refused {
        0
    } else {
        raw.map_or(9, |candidate| candidate.port.max(1))
    };
    let address = raw
        .map(|candidate| candidate.ip.as_str())
        .filter(|ip| ip.parse::<std::net::IpAddr>().is_ok());
    let address = address.unwrap_or("0.0.0.0");
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    let ids: Vec<String> = description
        .payloads
        .iter()
        .map(|payload| payload.id.to_string())
        .collect();
    let ids = if ids.is_empty() { "0".to_owned() } else { ids.join(" ") };
    line(
        sdp,
        format_args!(
            "m={} {port} {} {ids}",
            description.media,
            profile(description, transport)
        ),
    );
    line(sdp, format_args!("c=IN {family} {address}"));
    if let Some((kind, rate)) = &description.bandwidth {
        line(sdp, format_args!("b={kind}:{rate}"));
    }
    line(sdp, format_args!("a=mid:{}", content.name));
    let direction = match (content.senders.include(author), content.senders.include(author.other())) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    };
    line(sdp, format_args!("a={direction}"));
    if let Some(transport) = transport {
        connection(sdp, transport);
    }
    if description.rtcp_mux {
        line(sdp, format_args!("a=rtcp-mux"));
    }
    for crypto in &description.cryptos {
        let session = crypto
            .session_params
            .as_ref()
            .map(|more| format!(" {more}"))
            .unwrap_or_default();
        line(
            sdp,
            format_args!(
                "a=crypto:{} {} {}{session}",
                crypto.tag, crypto.suite, crypto.key_params
            ),
        );
    }
    formats(sdp, description, author);
}

fn profile(description: &Description, transport: Option<&Transport>) -> &'static str {
    match transport {
        Some(transport) if !transport.fingerprints.is_empty() => "UDP/TLS/RTP/SAVPF",
        _ if !description.cryptos.is_empty() => "RTP/SAVPF",
        Some(transport) if transport.raw => "RTP/AVP",
        // What has no fingerprint yet will need one.
        _ => "UDP/TLS/RTP/SAVPF",
    }
}

fn connection(sdp: &mut String, transport: &Transport) {
    if let (Some(ufrag), Some(pwd)) = (&transport.ufrag, &transport.pwd) {
        line(sdp, format_args!("a=ice-ufrag:{ufrag}"));
        line(sdp, format_args!("a=ice-pwd:{pwd}"));
        line(sdp, format_args!("a=ice-options:trickle"));
    }
    for fingerprint in &transport.fingerprints {
        line(
            sdp,
            format_args!("a=fingerprint:{} {}", fingerprint.hash, fingerprint.value),
        );
    }
    if let Some(setup) = transport.setup() {
        line(sdp, format_args!("a=setup:{}", setup.name()));
    }
    for candidate in transport.candidates.iter().filter(|_| !transport.raw) {
        line(sdp, format_args!("a=candidate:{}", candidate.to_sdp()));
    }
    if transport.complete {
        line(sdp, format_args!("a=end-of-candidates"));
    }
}

fn formats(sdp: &mut String, description: &Description, author: Role) {
    for payload in &description.payloads {
        let channels = if payload.channels == 1 {
            String::new()
        } else {
            format!("/{}", payload.channels)
        };
        let Payload {
            id, name, clockrate, ..
        } = payload;
        line(sdp, format_args!("a=rtpmap:{id} {name}/{clockrate}{channels}"));
        let pair = |(name, value): &(String, String)| match name.is_empty() {
            true => value.clone(),
            false => format!("{name}={value}"),
        };
        let parameters: Vec<String> = payload.parameters.iter().map(pair).collect();
        if !parameters.is_empty() {
            line(sdp, format_args!("a=fmtp:{id} {}", parameters.join(";")));
        }
        for feedback in &payload.feedback {
            line(sdp, format_args!("a=rtcp-fb:{id} {}", words(feedback)));
        }
    }
    if let Some(ptime) = description.payloads.iter().find_map(|payload| payload.ptime) {
        line(sdp, format_args!("a=ptime:{ptime}"));
    }
    if let Some(maxptime) = description.payloads.iter().find_map(|payload| payload.maxptime) {
        line(sdp, format_args!("a=maxptime:{maxptime}"));
    }
    for feedback in &description.feedback {
        line(sdp, format_args!("a=rtcp-fb:* {}", words(feedback)));
    }
    if description.mixed {
        line(sdp, format_args!("a=extmap-allow-mixed"));
    }
    for extension in &description.extensions {
        let direction = match extension.senders {
            None => "",
            Some(role) if role == author => "/sendonly",
            Some(_) => "/recvonly",
        };
        line(
            sdp,
            format_args!("a=extmap:{}{direction} {}", extension.id, extension.uri),
        );
    }
    for group in &description.source_groups {
        let ssrcs: Vec<String> = group.ssrcs.iter().map(u32::to_string).collect();
        line(
            sdp,
            format_args!("a=ssrc-group:{} {}", group.semantics, ssrcs.join(" ")),
        );
    }
    for source in &description.sources {
        for (name, value) in &source.parameters {
            let value = value.as_ref().map(|value| format!(":{value}")).unwrap_or_default();
            line(sdp, format_args!("a=ssrc:{} {name}{value}", source.ssrc));
        }
    }
}

fn words(feedback: &Feedback) -> String {
    match &feedback.subtype {
        Some(subtype) => format!("{} {subtype}", feedback.kind),
        None => feedback.kind.clone(),
    }
}

fn line(sdp: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = write!(sdp, "{line}\r\n");
}
