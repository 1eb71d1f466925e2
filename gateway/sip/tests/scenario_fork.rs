// SPDX-License-Identifier: EUPL-1.2
//! One INVITE, many answers (RFC 3261 §13.2.2.4), and many places for one request (RFC 3263 §4.3).
#![allow(clippy::unwrap_used)]

mod endpoint_world;

use std::time::Duration;

use endpoint_world::{ANSWER, Link, OFFER, World, answer, name};
use landbridge_sip::message::{HeaderName, StatusCode, Uri};
use landbridge_sip::ua::{CallId, Command, EndedBy, Event, Target, Transport};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_first_2xx_wins_and_every_other_fork_gets_ack_and_bye() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let proxy = world.scripted();
    let forks = [world.scripted(), world.scripted(), world.scripted()];
    world.call(0, proxy, 7, OFFER);
    world.run(Duration::from_millis(20));
    let invite = world.last_request(proxy);
    for (n, fork) in forks.into_iter().enumerate() {
        let contact = world.peers[fork].address;
        world.send(proxy, 0, answer(&invite, 180, &format!("fork{n}"), contact, None));
    }
    world.run(Duration::from_millis(50));
    for n in [1, 0, 2, 0] {
        let contact = world.peers[forks[n]].address;
        world.send(
            proxy,
            0,
            answer(&invite, 200, &format!("fork{n}"), contact, Some(ANSWER)),
        );
        world.run(Duration::from_millis(50));
    }
    assert_eq!(world.received(forks[1]), ["ACK"]);
    assert_eq!(world.received(forks[2]), ["ACK", "BYE"]);
    // its 2xx came twice, so its ACK went twice
    assert_eq!(world.received(forks[0]), ["ACK", "BYE", "ACK"]);
    assert_eq!(
        world
            .events(0)
            .iter()
            .filter(|e| matches!(e, Event::Answered { .. }))
            .count(),
        1
    );
    for n in [0, 2] {
        let bye = world.last_bye(forks[n]);
        let contact = world.peers[forks[n]].address;
        world.send(forks[n], 0, answer(&bye, 200, "x", contact, None));
    }
    world.command(
        0,
        Command::HangUp {
            call: CallId(7),
            reason: None,
        },
    );
    world.run(Duration::from_millis(50));
    let bye = world.last_request(forks[1]);
    assert_eq!(bye.headers.to().unwrap().tag(), Some("fork1"));
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn the_next_target_is_tried_after_an_error_after_503_and_after_silence() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let targets: Vec<usize> = (0..4).map(|_| world.scripted()).collect();
    world.names.insert("pbx.example".to_owned(), targets.clone());
    world.peers[targets[0]].unreachable = true;
    world.call_uri(0, Uri::parse("sip:100@pbx.example").unwrap(), 7, OFFER);
    world.run(Duration::from_millis(20));
    assert_eq!(world.received(targets[1]), ["INVITE"]);
    let invite = world.last_request(targets[1]);
    let contact = world.peers[targets[1]].address;
    world.send(targets[1], 0, answer(&invite, 503, "t", contact, None));
    world.run(Duration::from_millis(50));
    assert_eq!(world.received(targets[1]), ["INVITE", "ACK"]);
    assert!(world.received(targets[2]).iter().all(|m| m == "INVITE"));
    // silence: 64*T1
    world.run(SECOND * 33);
    let last = world.last_request(targets[3]);
    assert_ne!(
        last.headers.top_via().unwrap().branch(),
        invite.headers.top_via().unwrap().branch()
    );
    assert_eq!(last.headers.call_id(), invite.headers.call_id());
    let contact = world.peers[targets[3]].address;
    world.send(targets[3], 0, answer(&last, 486, "t", contact, None));
    world.run(SECOND);
    assert!(matches!(
        world.events(0).last(),
        Some(Event::Ended {
            by: EndedBy::Failed(StatusCode::BUSY_HERE, _),
            ..
        })
    ));
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_name_that_leads_nowhere_fails_the_call() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    world.call_uri(0, Uri::parse("sip:100@nowhere.example").unwrap(), 7, OFFER);
    assert!(matches!(
        world.events(0).last(),
        Some(Event::Ended {
            by: EndedBy::Failed(StatusCode::SERVICE_UNAVAILABLE, _),
            ..
        })
    ));
    world.run_dry(SECOND);
    world.assert_empty();
}

#[test]
fn a_great_request_tries_tcp_before_udp() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let callee = world.scripted();
    world.call(0, callee, 7, &[b'x'; 1400]);
    world.run(Duration::from_millis(20));
    assert_eq!(world.last_request(callee).headers.top_via().unwrap().transport(), "TCP");
    assert!(endpoint_world::text(&world.last_request(callee).headers, &HeaderName::Contact).contains("transport=tcp"));
}

#[test]
fn an_outbound_proxy_is_used_without_a_lookup_and_hops_are_counted_down() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let proxy = world.scripted();
    let via = Target {
        transport: Transport::Udp,
        address: world.peers[proxy].address,
        tls_name: None,
    };
    let from = landbridge_sip::message::NameAddr::new(world.uri(0));
    let call = |hops| Command::Call {
        call: CallId(7),
        to: Uri::parse("tel:+4912345").unwrap(),
        from: from.clone(),
        via: Some(via.clone()),
        sdp: OFFER.to_vec(),
        auth: None,
        max_forwards: Some(hops),
        headers: vec![("X-Trace".to_owned(), "a\r\nb".to_owned())],
    };
    world.command(0, call(0));
    assert!(matches!(
        world.events(0).last(),
        Some(Event::Ended {
            by: EndedBy::Failed(StatusCode::TOO_MANY_HOPS, _),
            ..
        })
    ));
    world.command(0, call(5));
    world.run(Duration::from_millis(20));
    let invite = world.last_request(proxy);
    assert_eq!(invite.uri.to_string(), "tel:+4912345");
    assert_eq!(invite.headers.max_forwards().unwrap(), Some(4));
    assert_eq!(
        invite.headers.iter().filter(|h| h.name().as_str() == "X-Trace").count(),
        1
    );
    assert_eq!(name(&invite.into()), "INVITE");
}
