// SPDX-License-Identifier: EUPL-1.2
//! States what must hold for anything from outside; fuzz targets and property tests call these.
//!
//! Each function panics when its invariant is broken, and only then.

use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;

use crate::calls::{CallEvent, Calls, CallsInput, CallsOutput, Command, Options};
use crate::content::Role;
use crate::own::Domain;
use crate::packet::MOST_OCTETS;
use crate::sdp;

/// Holds: any octets are a session, and its description is read as what it was written from.
pub fn jingle_sdp(octets: &[u8]) {
    for author in [Role::Initiator, Role::Responder] {
        let first = sdp::read(octets, author);
        let wire = sdp::write(&first, author, 1);
        let again = sdp::read(&wire, author);
        assert_eq!(again.contents.len(), first.contents.len(), "other media after writing");
        for (again, first) in again.contents.iter().zip(&first.contents) {
            assert_eq!(again.senders, first.senders, "others send after writing");
            assert_eq!(again.transport, first.transport, "another transport after writing");
        }
    }
}

/// Holds: whatever stanzas come, what is sent is ours, bounded and well-formed; nobody is told of an answer without a
/// fingerprint and a role; and when time has passed nothing is left.
///
/// Each line is a stanza; `now` is any time. Lines that are no XML are skipped.
pub fn jingle_stanzas(octets: &[u8], now: Instant) {
    play(octets, now);
}

/// Plays the stanzas; returns how often a call was offered, changed and accepted.
fn play(octets: &[u8], now: Instant) -> [usize; 3] {
    let mut told = [0; 3];
    let Some(domain) = Domain::new("meet.example") else {
        return told;
    };
    let mut calls = Calls::new(domain.clone(), 7, Options::default());
    let (placed, from) = (calls.reserve(), domain.address("1", ""));
    if let (Some(from), Ok(to)) = (from, Jid::new("bob@b.example/x")) {
        let sdp = OFFER.as_bytes().to_vec();
        let _ = calls.handle(
            now,
            CallsInput::Place {
                call: placed,
                to,
                from,
                sdp,
            },
        );
        drain(&mut calls, now, &domain, &mut told);
    }
    for line in octets.split(|octet| *octet == b'\n').take(64) {
        let Ok(stanza) = String::from_utf8_lossy(line).parse::<Element>() else {
            continue;
        };
        let _ = calls.handle(now, CallsInput::Stanza(&stanza));
        drain(&mut calls, now, &domain, &mut told);
    }
    let mut later = now;
    for _ in 0..1_000 {
        let Some(deadline) = calls.deadline() else { break };
        later = later.max(deadline);
        let _ = calls.handle(later, CallsInput::Timeout);
        drain(&mut calls, later, &domain, &mut told);
    }
    assert!(calls.deadline().is_none(), "a deadline that does not pass");
    assert!(
        later <= now + Duration::from_secs(600),
        "something is remembered for long"
    );
    told
}

fn drain(calls: &mut Calls, now: Instant, domain: &Domain, told: &mut [usize; 3]) {
    while let Some(output) = calls.poll() {
        match output {
            CallsOutput::Send(packet) => {
                assert_eq!(
                    packet.from().jid().domain().as_str(),
                    domain.as_str(),
                    "a sender that is not ours"
                );
                let wire = String::from(&packet.into_element());
                assert!(wire.len() <= MOST_OCTETS, "a stanza of {} octets", wire.len());
                assert!(wire.parse::<Element>().is_ok(), "a stanza that is none: {wire}");
            }
            CallsOutput::Offered(call, offered) => {
                told[0] += 1;
                secure(&offered.sdp, &["actpass", "active", "passive"]);
                let _ = calls.handle(
                    now,
                    CallsInput::Command(
                        call,
                        Command::Accept {
                            sdp: ANSWER.as_bytes().to_vec(),
                        },
                    ),
                );
            }
            CallsOutput::Event(call, event) => match event {
                CallEvent::Accepted { sdp, .. } | CallEvent::Answered { sdp } => {
                    told[2] += 1;
                    secure(&sdp, &["active", "passive"]);
                }
                CallEvent::Reoffered { sdp } => {
                    told[1] += 1;
                    secure(&sdp, &["actpass"]);
                    let answer = Command::Answer {
                        sdp: ANSWER.as_bytes().to_vec(),
                    };
                    let _ = calls.handle(now, CallsInput::Command(call, answer));
                }
                _ => {}
            },
        }
    }
}

fn secure(sdp: &[u8], setups: &[&str]) {
    let text = String::from_utf8_lossy(sdp);
    let media = text
        .split("\r\nm=")
        .skip(1)
        .filter(|medium| medium.split(' ').nth(1) != Some("0"));
    let mut any = false;
    for medium in media {
        any = true;
        assert!(medium.contains("\r\na=fingerprint:"), "no fingerprint: {text}");
        let setup = medium.lines().find_map(|line| line.strip_prefix("a=setup:"));
        assert!(
            setup.is_some_and(|setup| setups.contains(&setup)),
            "who starts DTLS: {text}"
        );
    }
    assert!(any, "no media: {text}");
}

const OFFER: &str = "v=0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
    a=ice-ufrag:ours\r\na=ice-pwd:oursoursoursoursoursours\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n\
    a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
const ANSWER: &str = "v=0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
    a=ice-ufrag:ours\r\na=ice-pwd:oursoursoursoursoursours\r\na=fingerprint:sha-256 AA:BB\r\na=setup:active\r\n\
    a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const BASE: &str = include_str!("../../../fuzz/seeds/jingle_stanzas/call");

    #[test]
    fn the_seed_is_a_call() {
        assert_eq!(play(BASE.as_bytes(), Instant::now()), [1, 4, 1]);
        assert!(BASE.lines().all(|line| line.parse::<Element>().is_ok()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn stanzas_out_of_order_and_broken_do_no_harm(
            order in vec(0usize..16, 1..30),
            swaps in vec((0usize..16, 0usize..2_000, "[ -~]{0,6}"), 0..6),
        ) {
            let mut lines: Vec<String> = BASE.lines().map(str::to_owned).collect();
            for (line, at, text) in swaps {
                let count = lines.len();
                let line = &mut lines[line % count];
                let at = at % line.len().max(1);
                let end = (at + text.len()).min(line.len());
                line.replace_range(at..end, &text);
            }
            let played: Vec<&str> = order.iter().map(|index| lines[index % lines.len()].as_str()).collect();
            jingle_stanzas(played.join("\n").as_bytes(), Instant::now());
        }

        #[test]
        fn any_octets_are_sdp(octets in vec(any::<u8>(), 0..1_500)) {
            jingle_sdp(&octets);
        }
    }
}
