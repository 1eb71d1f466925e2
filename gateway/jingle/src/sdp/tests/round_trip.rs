// SPDX-License-Identifier: EUPL-1.2
//! Any session survives SDP and XML, and anything at all is read without harm.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::content::description::{Description, Extension, Feedback, Payload, Source, SourceGroup};
use crate::content::transport::{Candidate, Fingerprint, Setup};
use crate::content::{Content, Group, Senders, Transport};

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Initiator), Just(Role::Responder)]
}

fn feedback() -> impl Strategy<Value = Feedback> {
    ("[a-z][a-z-]{0,8}", of("[a-z]{1,8}( [a-z]{1,4})?"))
        .prop_filter("the one with a number", |(kind, _)| kind != "trr-int")
        .prop_map(|(kind, subtype)| Feedback { kind, subtype })
}

fn payload() -> impl Strategy<Value = Payload> {
    let parameter = prop_oneof![
        ("[a-z-]{1,12}", "[a-zA-Z0-9/=-]{1,12}"),
        (Just(String::new()), "[0-9]{1,3}[-/,][0-9]{1,3}")
    ];
    (
        "[A-Za-z][A-Za-z0-9-]{0,12}",
        1u32..200_000,
        1u8..9,
        vec(parameter, 0..4),
        vec(feedback(), 0..3),
    )
        .prop_map(|(name, clockrate, channels, parameters, feedback)| Payload {
            name,
            clockrate,
            channels,
            parameters,
            feedback,
            ..Payload::default()
        })
}

fn description() -> impl Strategy<Value = Description> {
    let extension = (1u16..256, "[a-z]{2,5}:[a-z0-9:/.-]{1,40}", of(role())).prop_map(|(id, uri, senders)| Extension {
        id,
        uri,
        senders,
    });
    let source = (
        any::<u32>(),
        vec(("[a-z]{1,8}", of("[a-z0-9]{1,8}( [a-z0-9]{1,8})?")), 1..4),
    )
        .prop_map(|(ssrc, parameters)| Source { ssrc, parameters });
    let group = ("[A-Z]{1,5}", vec(any::<u32>(), 1..4)).prop_map(|(semantics, ssrcs)| SourceGroup { semantics, ssrcs });
    (
        "audio|video",
        vec(payload(), 1..6),
        vec(feedback(), 0..3),
        vec(extension, 0..4),
        any::<(bool, bool)>(),
        vec(source, 0..3),
        vec(group, 0..2),
        of(("[A-Z]{2}", any::<u32>())),
    )
        .prop_map(
            |(media, mut payloads, feedback, extensions, (mixed, rtcp_mux), mut sources, source_groups, bandwidth)| {
                for (id, payload) in (96..).zip(&mut payloads) {
                    payload.id = id;
                }
                sources.sort_by_key(|source| source.ssrc);
                sources.dedup_by_key(|source| source.ssrc);
                Description {
                    media,
                    payloads,
                    feedback,
                    extensions,
                    mixed,
                    rtcp_mux,
                    sources,
                    source_groups,
                    bandwidth,
                    ..Description::default()
                }
            },
        )
}

fn transport() -> impl Strategy<Value = Transport> {
    let candidate = (
        "[a-zA-Z0-9+/]{1,32}",
        1u16..=256,
        "udp|tcp",
        any::<u32>(),
        "[0-9]{1,3}\\.[0-9]{1,3}\\.1\\.2|[0-9a-f]{1,4}::1|[0-9a-f-]{8}\\.local",
        any::<u16>(),
        "host|srflx|prflx|relay",
        of(("10\\.0\\.[0-9]\\.1", any::<u16>())),
        (of("active|passive|so"), any::<u16>()),
    )
        .prop_map(
            |(foundation, component, protocol, priority, ip, port, kind, related, (tcp, generation))| Candidate {
                foundation,
                component,
                protocol,
                priority,
                ip,
                port,
                kind,
                related,
                tcp,
                generation,
            },
        );
    let setup = prop_oneof![Just(Setup::Active), Just(Setup::Passive), Just(Setup::Actpass)];
    let octets = vec(any::<u8>(), 1..40).prop_map(|octets| {
        octets
            .iter()
            .map(|octet| format!("{octet:02X}"))
            .collect::<Vec<_>>()
            .join(":")
    });
    (
        "[a-zA-Z0-9+/]{4,16}",
        "[a-zA-Z0-9+/]{22,32}",
        vec(("sha-[0-9]{1,3}", octets), 0..3),
        setup,
        vec(candidate, 0..5),
        any::<bool>(),
    )
        .prop_map(|(ufrag, pwd, fingerprints, setup, candidates, complete)| Transport {
            raw: false,
            ufrag: Some(ufrag),
            pwd: Some(pwd),
            fingerprints: fingerprints
                .into_iter()
                .map(|(hash, value)| Fingerprint {
                    hash,
                    value,
                    setup: Some(setup),
                })
                .collect(),
            candidates,
            complete,
        })
}

fn session() -> impl Strategy<Value = Session> {
    let senders = prop_oneof![
        Just(Senders::Both),
        Just(Senders::Initiator),
        Just(Senders::Responder),
        Just(Senders::None)
    ];
    let content = (senders, description(), transport());
    (vec(content, 1..4), any::<bool>()).prop_map(|(contents, bundle)| {
        let contents: Vec<Content> = contents
            .into_iter()
            .enumerate()
            .map(|(index, (senders, description, transport))| Content {
                creator: Role::Initiator,
                name: format!("mid{index}"),
                senders,
                description: Some(description),
                transport: Some(transport),
                refused: false,
            })
            .collect();
        let names = contents.iter().map(|content| content.name.clone()).collect();
        let groups = if bundle {
            vec![Group {
                semantics: "BUNDLE".into(),
                names,
            }]
        } else {
            Vec::new()
        };
        Session { contents, groups }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_survives_sdp(session in session(), author in role()) {
        prop_assert_eq!(read(&write(&session, author, 1), author), session);
    }

    #[test]
    fn a_session_survives_xml(session in session()) {
        for content in &session.contents {
            let text = String::from(&content.write());
            let element = text.parse().map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
            prop_assert_eq!(Content::read(&element), Some(content.clone()));
        }
        for group in &session.groups {
            let written = group.write();
            prop_assert_eq!(Group::read(&written), Some(group.clone()));
        }
    }

    #[test]
    fn any_octets_are_read(octets in vec(any::<u8>(), 0..2_000)) {
        read(&octets, Role::Initiator);
    }

    #[test]
    fn any_lines_are_read_and_what_was_read_is_stable(lines in vec("(m=audio [0-9]{1,6} X [0-9 ]{0,12}|a=[a-z-]{1,12}:[ -~]{0,40}|[ -~]{0,30})", 0..40), author in role()) {
        let first = read(lines.join("\r\n").as_bytes(), author);
        let again = read(&write(&first, author, 1), author);
        prop_assert_eq!(again.contents.len(), first.contents.len());
        for (again, first) in again.contents.iter().zip(&first.contents) {
            prop_assert_eq!(again.senders, first.senders);
            prop_assert_eq!(&again.transport, &first.transport);
        }
    }

    #[test]
    fn any_candidate_is_read(value in "[ -~]{0,80}") {
        if let Some(candidate) = Candidate::from_sdp(&value) {
            prop_assert_eq!(Candidate::from_sdp(&candidate.to_sdp()), Some(candidate));
        }
    }
}
