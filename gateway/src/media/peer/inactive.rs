// SPDX-License-Identifier: EUPL-1.2
//! Sections of an SFU's offer that carry nothing now.
//!
//! COMPAT(webrtc 0.21): a section that was once inactive is stopped for good, but an SFU fills it again with the next
//! track. So the engine is shown such a section as one that sends, and the SFU is answered `inactive`.

use std::collections::HashSet;

/// Lists the `mid`s of the media sections that are inactive.
pub(super) fn sections(sdp: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    for section in parts(sdp) {
        if is_media(section) && section.lines().any(|line| line == "a=inactive") {
            found.extend(mid(section).map(str::to_owned));
        }
    }
    found
}

/// Shows inactive media sections as sending ones.
pub(super) fn hidden(offer: &str) -> String {
    rewrite(
        offer,
        |section| is_media(section) && section.lines().any(|line| line == "a=inactive"),
        "a=inactive",
        "a=sendonly",
    )
}

/// Answers those sections with `inactive`.
pub(super) fn shown(answer: &str, idle: &HashSet<String>) -> String {
    rewrite(
        answer,
        |section| is_media(section) && mid(section).is_some_and(|mid| idle.contains(mid)),
        "a=recvonly",
        "a=inactive",
    )
}

fn rewrite(sdp: &str, wanted: impl Fn(&str) -> bool, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for section in parts(sdp) {
        let change = wanted(section);
        for line in section.lines() {
            out.push_str(if change && line == from { to } else { line });
            out.push_str("\r\n");
        }
    }
    out
}

/// Cuts a description before each `m=` line.
fn parts(sdp: &str) -> impl Iterator<Item = &str> {
    let mut rest = sdp;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .get(1..)
            .and_then(|tail| tail.find("\nm="))
            .map_or(rest.len(), |at| at + 2);
        let (part, tail) = rest.split_at_checked(end)?;
        rest = tail;
        Some(part)
    })
}

fn is_media(section: &str) -> bool {
    section.starts_with("m=audio") || section.starts_with("m=video")
}

fn mid(section: &str) -> Option<&str> {
    section.lines().find_map(|line| line.strip_prefix("a=mid:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\ns=-\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\nm=audio 9 X 111\r\na=mid:1\r\na=inactive\r\nm=audio 9 X 111\r\na=mid:2\r\na=sendonly\r\n";

    #[test]
    fn an_inactive_section_is_hidden_from_the_engine_and_answered_as_inactive() {
        let idle = sections(OFFER);
        assert_eq!(idle, HashSet::from(["1".to_owned()]));
        let offer = hidden(OFFER);
        assert!(!offer.contains("a=inactive"));
        let answer = shown(&offer.replace("sendonly", "recvonly"), &idle);
        assert_eq!(answer, OFFER.replace("sendonly", "recvonly"));
        assert_eq!(hidden(""), "");
    }
}
