// SPDX-License-Identifier: EUPL-1.2
//! What of a browser's offer is let through: bounded size, and only candidates that may be talked to.

use std::net::IpAddr;

use crate::media::sdp::Description;
use crate::media::sdp::format::FormatKind;
use crate::media::words::Refusal;

/// Candidates read from one offer; what is beyond is ignored.
const MAX_CANDIDATES: usize = 20;

/// Checks an offer and drops candidates that nobody should be sent to; the peer-reflexive ones come by themselves.
pub(in crate::media) fn admit(offer: &[u8], loopback: bool) -> Result<String, Refusal> {
    let description = Description::parse(offer)?;
    let mut audio = description.media.iter().filter(|line| line.kind == "audio").peekable();
    if audio.peek().is_none() {
        return Err(Refusal::BadSdp("no audio line".to_owned()));
    }
    let opus = |kind: &FormatKind| matches!(kind, FormatKind::Audio(landbridge_codecs::Codec::Opus));
    if !audio.any(|line| line.formats.iter().any(|format| opus(&format.kind))) {
        return Err(Refusal::NoCommonCodec);
    }
    let text = std::str::from_utf8(offer).map_err(|_| Refusal::BadSdp("not UTF-8".to_owned()))?;
    if !text.contains("a=fingerprint:") || !text.contains("a=ice-ufrag:") {
        return Err(Refusal::BadSdp(
            "no a=fingerprint or no a=ice-ufrag; is this a browser's offer?".to_owned(),
        ));
    }
    let mut candidates = 0;
    let mut out = String::with_capacity(offer.len() + 64);
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(candidate) = line.strip_prefix("a=candidate:") {
            candidates += 1;
            if candidates > MAX_CANDIDATES || !is_admissible(candidate, loopback) {
                continue;
            }
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    Ok(out)
}

/// RFC 8839 §5.1: foundation component transport priority address port.
fn is_admissible(candidate: &str, loopback: bool) -> bool {
    let mut words = candidate.split_ascii_whitespace();
    let udp = words
        .nth(2)
        .is_some_and(|transport| transport.eq_ignore_ascii_case("udp"));
    let Some(Ok(ip)) = words.nth(1).map(str::parse::<IpAddr>) else {
        return false;
    };
    let port = words.next().and_then(|port| port.parse::<u16>().ok());
    udp && port.is_some_and(|port| port > 1023) && may_be_sent_to(ip.to_canonical(), loopback)
}

fn may_be_sent_to(ip: IpAddr, loopback: bool) -> bool {
    if ip.is_loopback() {
        return loopback;
    }
    match ip {
        IpAddr::V4(v4) => {
            !(v4.is_unspecified()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            // 6to4 (2002::/16), NAT64 (64:ff9b::/96) and site-local addresses hide others.
            !(v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || first == 0x2002
                || first == 0x64
                || first & 0xffc0 == 0xfec0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(candidates: &str) -> String {
        format!(
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Gs\r\na=ice-pwd:x\r\na=fingerprint:sha-256 00:11\r\na=rtpmap:111 opus/48000/2\r\n{candidates}"
        )
    }

    #[test]
    fn only_harmless_udp_candidates_pass_and_at_most_twenty() {
        for (ip, admitted) in [
            ("192.0.2.1", true),
            ("10.0.0.1", true),
            ("2001:db8::1", true),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("169.254.169.254", false),
            ("0.1.2.3", false),
            ("224.0.0.1", false),
            ("fe80::1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("7d6a.local", false),
        ] {
            let line = format!("a=candidate:1 1 udp 2113937151 {ip} 54321 typ host\r\n");
            assert_eq!(
                admit(offer(&line).as_bytes(), false)
                    .expect("good offer")
                    .contains("a=candidate"),
                admitted,
                "{ip}"
            );
        }
        let many = "a=candidate:1 1 udp 1 192.0.2.1 54321 typ host\r\n".repeat(100);
        assert_eq!(
            admit(offer(&many).as_bytes(), false)
                .expect("good offer")
                .matches("a=candidate")
                .count(),
            20
        );
        for line in [
            "a=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\n",
            "a=candidate:1 1 udp 1 192.0.2.1 53 typ host\r\n",
            "a=candidate:\r\n",
        ] {
            assert!(
                !admit(offer(line).as_bytes(), true)
                    .expect("good offer")
                    .contains("a=candidate"),
                "{line}"
            );
        }
    }

    #[test]
    fn an_offer_without_opus_audio_or_keys_is_refused() {
        assert!(admit(offer("").replace("opus", "ISAC").as_bytes(), false).is_err());
        assert!(admit(offer("").replace("audio", "video").as_bytes(), false).is_err());
        assert!(admit(offer("").replace("a=fingerprint", "a=x").as_bytes(), false).is_err());
        assert!(admit(b"hello", false).is_err());
    }
}
