// SPDX-License-Identifier: EUPL-1.2
//! Changing a running session: re-INVITE, glare, late offers, refresh, early media, digits, credentials.
#![allow(clippy::unwrap_used)]

mod endpoint_world;

use std::time::Duration;

use endpoint_world::{ANSWER, Link, OFFER, World, answer, name};
use landbridge_sip::digest::Login;
use landbridge_sip::message::{HeaderName, Method, NameAddr, StatusCode};
use landbridge_sip::ua::{CallId, Command, EndedBy, Event, OfferReply};

const SECOND: Duration = Duration::from_secs(1);
const HOLD: &[u8] = b"v=0\r\no=a 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=sendonly\r\n";

/// Two endpoints in a call: the caller's id, the callee's id.
fn connected(adjust: impl Fn(&mut landbridge_sip::ua::EndpointConfig)) -> (World, CallId, CallId) {
    let mut world = World::new(3, Link::CLEAN);
    world.endpoint_with(&adjust);
    world.endpoint_with(&adjust);
    world.peers[1].answers_after = Some(Duration::from_millis(20));
    world.call(0, 1, 7, OFFER);
    world.run(SECOND);
    let callee = world.incoming(1);
    (world, CallId(7), callee)
}

#[test]
fn a_reinvite_is_offered_answered_and_confirmed_in_both_directions() {
    let (mut world, caller, callee) = connected(|_| {});
    for (from, to, ours, theirs) in [(0, 1, caller, callee), (1, 0, callee, caller)] {
        world.command(
            from,
            Command::Offer {
                call: ours,
                sdp: HOLD.to_vec(),
            },
        );
        world.run(SECOND);
        assert!(matches!(world.events(to).last(), Some(Event::Reoffered { sdp: Some(sdp), .. }) if sdp == HOLD));
        world.command(
            to,
            Command::AnswerOffer {
                call: theirs,
                reply: OfferReply::Accept(ANSWER.to_vec()),
            },
        );
        world.run(SECOND);
        assert!(matches!(world.events(from).last(), Some(Event::OfferAnswered { sdp, .. }) if sdp == ANSWER));
        assert!(matches!(
            world.events(to).last(),
            Some(Event::Confirmed { sdp: None, .. })
        ));
    }
    world.command(
        0,
        Command::HangUp {
            call: caller,
            reason: None,
        },
    );
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_refused_offer_leaves_the_call_up() {
    let (mut world, caller, callee) = connected(|_| {});
    world.command(
        0,
        Command::Offer {
            call: caller,
            sdp: HOLD.to_vec(),
        },
    );
    world.run(SECOND);
    world.command(
        1,
        Command::AnswerOffer {
            call: callee,
            reply: OfferReply::Refuse(StatusCode::NOT_ACCEPTABLE_HERE),
        },
    );
    world.run(SECOND);
    assert!(matches!(
        world.events(0).last(),
        Some(Event::OfferRefused {
            status: StatusCode::NOT_ACCEPTABLE_HERE,
            ..
        })
    ));
    world.command(
        1,
        Command::Offer {
            call: callee,
            sdp: HOLD.to_vec(),
        },
    );
    world.run(SECOND);
    assert!(matches!(world.events(0).last(), Some(Event::Reoffered { .. })));
}

#[test]
fn offers_that_cross_get_491_and_both_are_made_in_the_end() {
    for seed in 0..50 {
        let mut world = World::new(
            seed,
            Link {
                jitter: Duration::from_millis(3),
                ..Link::CLEAN
            },
        );
        world.endpoint();
        world.endpoint();
        world.peers[1].answers_after = Some(Duration::from_millis(20));
        world.call(0, 1, 7, OFFER);
        world.run(SECOND);
        let ids = [CallId(7), world.incoming(1)];
        world.command(
            0,
            Command::Offer {
                call: ids[0],
                sdp: HOLD.to_vec(),
            },
        );
        world.command(
            1,
            Command::Offer {
                call: ids[1],
                sdp: HOLD.to_vec(),
            },
        );
        let glare_at = world.now;
        for _ in 0..100 {
            world.run(Duration::from_millis(100));
            for (peer, call) in ids.into_iter().enumerate() {
                if matches!(world.events(peer).last(), Some(Event::Reoffered { .. })) {
                    let reply = OfferReply::Accept(ANSWER.to_vec());
                    world.command(peer, Command::AnswerOffer { call, reply });
                }
            }
        }
        for peer in 0..2 {
            assert_eq!(world.count_sent(peer, "491 INVITE"), 1, "seed {seed}");
            let answered = world
                .events(peer)
                .iter()
                .filter(|e| matches!(e, Event::OfferAnswered { .. }))
                .count();
            assert_eq!(answered, 1, "seed {seed}");
        }
        // RFC 3261 §14.1: the owner of the Call-ID waits 2.1 to 4 s, the other 0 to 2 s
        let again = |peer: usize| {
            let invites: Vec<_> = world.peers[peer]
                .sent
                .iter()
                .filter(|(_, m)| name(m) == "INVITE")
                .collect();
            invites.last().unwrap().0 - glare_at
        };
        assert!(again(0) >= Duration::from_millis(2_100), "{:?}", again(0));
        assert!(again(1) <= Duration::from_millis(2_200), "{:?}", again(1));
    }
}

#[test]
fn a_call_without_an_offer_gets_ours_in_the_2xx_and_answers_in_the_ack() {
    let mut world = World::new(3, Link::CLEAN);
    world.endpoint();
    world.endpoint();
    world.call(0, 1, 7, b"");
    world.run(SECOND);
    let callee = world.incoming(1);
    assert!(matches!(world.events(1).last(), Some(Event::Offered(offered)) if offered.sdp.is_none()));
    assert!(!world.last_request(1).headers.has_option("100rel"));
    // an offer may not go into an unreliable response
    world.command(
        1,
        Command::Ring {
            call: callee,
            status: StatusCode::SESSION_PROGRESS,
            sdp: Some(OFFER.to_vec()),
        },
    );
    world.run(Duration::from_millis(100));
    assert!(world.last_response(0).body.is_empty());
    world.command(
        1,
        Command::Answer {
            call: callee,
            sdp: Some(OFFER.to_vec()),
        },
    );
    world.run(Duration::from_millis(100));
    assert!(matches!(world.events(0).last(), Some(Event::Answered { sdp: Some(sdp), .. }) if sdp == OFFER));
    world.run(SECOND * 2);
    world.command(
        0,
        Command::AnswerOffer {
            call: CallId(7),
            reply: OfferReply::Accept(ANSWER.to_vec()),
        },
    );
    world.run(SECOND);
    assert!(matches!(world.events(1).last(), Some(Event::Confirmed { sdp: Some(sdp), .. }) if sdp == ANSWER));
    world.command(
        1,
        Command::HangUp {
            call: callee,
            reason: None,
        },
    );
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn the_session_is_refreshed_at_half_time_by_update_and_ends_when_the_peer_vanishes() {
    let (mut world, _, _) = connected(|config| config.session_expires = 90);
    world.run(SECOND * 46);
    assert_eq!(world.count_sent(0, "UPDATE"), 1);
    assert_eq!(world.count_sent(1, "200 UPDATE"), 1);
    world.run(SECOND * 400);
    assert!(world.count_sent(0, "UPDATE") >= 8);
    assert!(
        !world
            .events(0)
            .iter()
            .any(|e| matches!(e, Event::Ended { .. } | Event::OfferAnswered { .. }))
    );
    let now = world.now;
    world.drop_if = Some(Box::new(|_, _| true));
    world.run(SECOND * 100);
    for peer in 0..2 {
        let (at, event) = world.peers[peer].events.last().unwrap();
        assert!(
            matches!(
                event,
                Event::Ended {
                    by: EndedBy::Timeout,
                    ..
                }
            ),
            "{event:?}"
        );
        assert!(*at - now <= SECOND * 90);
    }
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_session_interval_below_90_s_gets_422() {
    let mut world = World::new(3, Link::CLEAN);
    world.endpoint();
    let caller = world.scripted();
    let mut invite = bare_invite();
    invite.headers.push(HeaderName::SessionExpires, "60").unwrap();
    world.send(caller, 0, invite);
    world.run(SECOND);
    let response = world.last_response(caller);
    assert_eq!(response.status, StatusCode::SESSION_INTERVAL_TOO_SMALL);
    assert_eq!(response.headers.min_se().unwrap(), Some(90));
}

#[test]
fn a_caller_that_requires_100rel_gets_reliable_early_media_and_the_answer_after_prack() {
    let mut world = World::new(3, Link::CLEAN);
    world.endpoint();
    let caller = world.scripted();
    let mut invite = bare_invite();
    invite.headers.push(HeaderName::Require, "100rel").unwrap();
    world.send(caller, 0, invite.clone());
    world.run(SECOND);
    let call = world.incoming(0);
    world.command(
        0,
        Command::Ring {
            call,
            status: StatusCode::SESSION_PROGRESS,
            sdp: Some(ANSWER.to_vec()),
        },
    );
    world.command(0, Command::Answer { call, sdp: None });
    world.run(SECOND * 2);
    // repeated, and the 2xx waits
    assert!(world.count_sent(0, "183 INVITE") >= 2);
    assert_eq!(world.count_sent(0, "200 INVITE"), 0);
    let progress = world.last_response(caller);
    let rseq = progress.headers.rseq().unwrap().unwrap();
    let mut prack = invite.clone();
    prack.method = Method::Prack;
    prack.body.clear();
    prack.headers.remove(&HeaderName::Require);
    prack.headers.remove(&HeaderName::ContentType);
    prack
        .headers
        .set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKprack")
        .unwrap();
    prack.headers.set(HeaderName::CSeq, "2 PRACK").unwrap();
    prack.headers.set(HeaderName::RAck, format!("{rseq} 1 INVITE")).unwrap();
    prack.headers.set_value(HeaderName::To, &progress.headers.to().unwrap());
    world.send(caller, 0, prack);
    world.run(Duration::from_millis(100));
    assert_eq!(world.count_sent(0, "200 PRACK"), 1);
    assert_eq!(world.count_sent(0, "200 INVITE"), 1);
    assert!(world.last_response(caller).body.is_empty());
}

#[test]
fn a_caller_acknowledges_reliable_ringing_with_prack_once() {
    let mut world = World::new(3, Link::CLEAN);
    world.endpoint();
    let callee = world.scripted();
    world.call(0, callee, 7, OFFER);
    world.run(Duration::from_millis(20));
    let invite = world.last_request(callee);
    assert!(invite.headers.has_option("100rel"));
    let mut progress = answer(&invite, 183, "t", world.peers[callee].address, Some(ANSWER));
    progress.headers.push(HeaderName::Require, "100rel").unwrap();
    progress.headers.push(HeaderName::RSeq, "17").unwrap();
    world.send(callee, 0, progress.clone());
    world.send(callee, 0, progress);
    world.run(Duration::from_millis(50));
    let pracks: Vec<_> = world.peers[callee]
        .inbox
        .iter()
        .filter(|(_, m)| name(m) == "PRACK")
        .collect();
    assert_eq!(pracks.len(), 1);
    assert_eq!(
        pracks[0].1.headers().rack().unwrap().unwrap().to_string(),
        "17 1 INVITE"
    );
    let prack = world.last_request(callee);
    let contact = world.peers[callee].address;
    world.send(callee, 0, answer(&prack, 200, "t", contact, None));
    // the 2xx has no description: the reliable 183 brought the answer
    world.send(callee, 0, answer(&invite, 200, "t", contact, None));
    world.run(Duration::from_millis(50));
    assert!(matches!(world.events(0).last(), Some(Event::Answered { sdp: Some(sdp), .. }) if sdp == ANSWER));
}

#[test]
fn digits_come_by_info() {
    let (mut world, _, callee) = connected(|_| {});
    let mut info = bare_invite();
    let invite = world.peers[1].inbox[0].1.clone();
    let ok = world.peers[0]
        .inbox
        .iter()
        .find(|(_, m)| name(m) == "200 INVITE")
        .unwrap()
        .1
        .clone();
    for name in [HeaderName::From, HeaderName::CallId] {
        info.headers.remove(&name);
        info.headers.copy_from(invite.headers(), &name);
    }
    info.headers.set_value(HeaderName::To, &ok.headers().to().unwrap());
    info.method = Method::Info;
    info.headers.set(HeaderName::CSeq, "50 INFO").unwrap();
    info.headers
        .set(HeaderName::ContentType, "application/dtmf-relay")
        .unwrap();
    info.body = b"Signal=#\r\nDuration=160\r\n".to_vec();
    world.send(0, 1, info);
    world.run(SECOND);
    assert!(matches!(world.events(1).last(),
        Some(Event::Digit { call, digit: '#', duration: Some(160) }) if *call == callee));
    assert_eq!(world.count_sent(1, "200 INFO"), 1);
}

#[test]
fn a_challenge_is_answered_once_and_never_for_a_stranger_inside_the_call() {
    let mut world = World::new(3, Link::CLEAN);
    world.endpoint();
    let callee = world.scripted();
    let to = world.uri(callee);
    let from = NameAddr::new(world.uri(0));
    let login = Login::new("alice", "secret", None).unwrap();
    world.command(
        0,
        Command::Call {
            call: CallId(7),
            to,
            from,
            via: None,
            sdp: OFFER.to_vec(),
            auth: Some(login),
            max_forwards: None,
            headers: Vec::new(),
        },
    );
    world.run(Duration::from_millis(20));
    let contact = world.peers[callee].address;
    let first = world.last_request(callee);
    let mut challenge = answer(&first, 401, "t", contact, None);
    challenge
        .headers
        .push(
            HeaderName::WwwAuthenticate,
            "Digest realm=\"x\", nonce=\"n1\", qop=\"auth\"",
        )
        .unwrap();
    world.send(callee, 0, challenge);
    world.run(Duration::from_millis(50));
    let second = world.last_request(callee);
    assert!(second.headers.contains(&HeaderName::Authorization));
    assert_eq!(
        second.headers.cseq().unwrap().number,
        first.headers.cseq().unwrap().number + 1
    );
    assert_eq!(second.headers.call_id(), first.headers.call_id());
    assert_ne!(
        second.headers.top_via().unwrap().branch(),
        first.headers.top_via().unwrap().branch()
    );
    let mut again = answer(&second, 401, "t", contact, None);
    again
        .headers
        .push(
            HeaderName::WwwAuthenticate,
            "Digest realm=\"x\", nonce=\"n2\", qop=\"auth\"",
        )
        .unwrap();
    world.send(callee, 0, again);
    world.run(Duration::from_millis(50));
    assert!(matches!(
        world.events(0).last(),
        Some(Event::Ended {
            by: EndedBy::Failed(StatusCode::UNAUTHORIZED, _),
            ..
        })
    ));
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

fn bare_invite() -> landbridge_sip::message::Request {
    let mut invite = endpoint_world::request(
        "INVITE sip:peer0@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKbare
Max-Forwards: 70
From: <sip:a@192.0.2.2>;tag=1
To: <sip:peer0@192.0.2.1>
Call-ID: c1
CSeq: 1 INVITE
Contact: <sip:a@192.0.2.2>
Content-Type: application/sdp",
    );
    invite.body = OFFER.to_vec();
    invite
}
