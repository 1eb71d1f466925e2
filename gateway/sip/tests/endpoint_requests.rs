// SPDX-License-Identifier: EUPL-1.2
//! What an endpoint answers to requests that begin no call: RFC 3261 §8.2, and to too many of them.
#![allow(clippy::unwrap_used)]

mod endpoint_world;

use std::net::SocketAddr;
use std::time::Duration;

use endpoint_world::{Link, OFFER, World, name, request};
use landbridge_sip::message::{HeaderName, Message, Request, StatusCode};
use landbridge_sip::ua::{CallId, Command, Destination, Event, Input, Output};

const SECOND: Duration = Duration::from_secs(1);

fn ask(method: &str, uri: &str, branch: &str, extra: &str) -> Request {
    request(&format!(
        "{method} {uri} SIP/2.0
Via: SIP/2.0/UDP 192.0.2.2:5060;branch={branch};rport
Max-Forwards: 70
From: <sip:a@192.0.2.2>;tag=1
To: <sip:gw@192.0.2.1>
Call-ID: {branch}
CSeq: 1 {method}
Contact: <sip:a@192.0.2.2>{extra}"
    ))
}

/// Sends one request to a fresh endpoint and returns its final response.
fn final_response(request: Request) -> landbridge_sip::message::Response {
    let mut world = World::new(1, Link::CLEAN);
    let gateway = world.endpoint();
    let peer = world.scripted();
    world.send(peer, gateway, request);
    world.run(Duration::from_millis(100));
    let response = world.last_response(peer);
    world.run_dry(SECOND * 400);
    world.assert_empty();
    response
}

#[test]
fn options_tells_what_is_allowed_accepted_and_supported() {
    let response = final_response(ask("OPTIONS", "sip:gw@192.0.2.1", "z9hG4bK1", ""));
    assert_eq!(response.status, StatusCode::OK);
    for header in [HeaderName::Allow, HeaderName::Accept, HeaderName::Supported] {
        assert!(response.headers.contains(&header), "{header}");
    }
    assert!(response.headers.to().unwrap().tag().is_some());
    let via = response.headers.top_via().unwrap();
    assert_eq!(
        (via.received().unwrap().to_string(), via.rport()),
        ("192.0.2.2".to_owned(), Some(5060))
    );
}

#[test]
fn what_is_not_done_here_gets_the_status_that_says_so() {
    let uri = "sip:gw@192.0.2.1";
    for (method, uri, extra, status) in [
        ("REGISTER", uri, "", 405),
        ("SUBSCRIBE", uri, "", 405),
        ("MESSAGE", uri, "", 405),
        ("REFER", uri, "", 405),
        ("DANCE", uri, "", 501),
        ("OPTIONS", "mailto:gw@192.0.2.1", "", 416),
        ("OPTIONS", uri, "\nRequire: teleport, timer", 420),
        ("BYE", uri, "", 481),
        ("INFO", uri, "", 481),
        ("UPDATE", uri, "", 481),
        ("PRACK", uri, "\nRAck: 1 1 INVITE", 481),
    ] {
        let response = final_response(ask(method, uri, "z9hG4bK1", extra));
        assert_eq!(response.status.code(), status, "{method} {uri}");
        match status {
            405 | 501 => assert!(response.headers.contains(&HeaderName::Allow), "{method}"),
            420 => assert_eq!(
                endpoint_world::text(&response.headers, &HeaderName::Unsupported),
                "teleport"
            ),
            _ => {}
        }
    }
}

#[test]
fn a_body_of_another_kind_or_packed_gets_415_with_what_is_accepted() {
    let mut strange = ask("INVITE", "sip:gw@192.0.2.1", "z9hG4bK1", "\nContent-Type: text/plain");
    strange.body = b"hello".to_vec();
    let response = final_response(strange);
    assert_eq!(response.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(response.headers.contains(&HeaderName::Accept));
    let mut packed = ask(
        "INVITE",
        "sip:gw@192.0.2.1",
        "z9hG4bK1",
        "\nContent-Type: application/sdp\nContent-Encoding: gzip",
    );
    packed.body = b"hello".to_vec();
    let response = final_response(packed);
    assert_eq!(response.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(response.headers.contains(&HeaderName::AcceptEncoding));
}

#[test]
fn a_request_in_an_unknown_dialog_gets_481_and_an_ack_gets_nothing() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let peer = world.scripted();
    for (n, method) in ["INVITE", "BYE", "INFO", "UPDATE", "OPTIONS", "ACK"]
        .into_iter()
        .enumerate()
    {
        let mut request = ask(method, "sip:gw@192.0.2.1", &format!("z9hG4bK{n}"), "");
        request
            .headers
            .set(HeaderName::To, "<sip:gw@192.0.2.1>;tag=nobody")
            .unwrap();
        world.send(peer, 0, request);
        world.run(Duration::from_millis(50));
    }
    let seen = world.received(peer);
    for method in ["INVITE", "BYE", "INFO", "UPDATE", "OPTIONS"] {
        assert!(seen.contains(&format!("481 {method}")), "{seen:?}");
    }
    assert!(!seen.iter().any(|m| m.ends_with("ACK")));
}

#[test]
fn a_request_that_comes_two_ways_is_served_once_and_refused_once() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let peer = world.scripted();
    let one = ask("INVITE", "sip:gw@192.0.2.1", "z9hG4bKone", "");
    let mut two = one.clone();
    two.headers
        .set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKtwo;rport")
        .unwrap();
    world.send(peer, 0, one);
    world.send(peer, 0, two);
    world.run(SECOND);
    assert_eq!(world.events(0).len(), 1);
    assert_eq!(world.received(peer), ["100 INVITE", "482 INVITE"]);
}

#[test]
fn our_own_invite_that_comes_back_unchanged_is_a_loop_and_with_another_uri_a_spiral() {
    for spiral in [false, true] {
        let mut world = World::new(1, Link::CLEAN);
        world.endpoint();
        let proxy = world.scripted();
        world.call(0, proxy, 7, OFFER);
        world.run(Duration::from_millis(20));
        let mut looped = world.last_request(proxy);
        let via = landbridge_sip::message::Via::parse("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKproxy;rport").unwrap();
        looped.headers.push_front_value(HeaderName::Via, &via);
        if spiral {
            looped.uri = world.uri(0);
        }
        world.send(proxy, 0, looped);
        world.run(Duration::from_millis(50));
        assert_eq!(world.received(proxy).contains(&"482 INVITE".to_owned()), !spiral);
        assert_eq!(matches!(world.events(0).last(), Some(Event::Offered(_))), spiral);
    }
}

#[test]
fn a_full_table_answers_503_with_retry_after_and_keeps_nothing_more() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint_with(|config| {
        config.max_transactions = 20;
        config.max_calls = 5;
    });
    let peer = world.scripted();
    for n in 0..200 {
        let method = if n % 2 == 0 { "INVITE" } else { "OPTIONS" };
        world.send(peer, 0, ask(method, "sip:gw@192.0.2.1", &format!("z9hG4bK{n}"), ""));
    }
    world.run(Duration::from_millis(100));
    let stats = world.peers[0].endpoint.as_ref().unwrap().stats();
    assert!(
        stats.server_transactions <= 20 && stats.calls == 5 && stats.dialogs == 5,
        "{stats:?}"
    );
    assert!(stats.overloaded >= 180);
    let response = world.last_response(peer);
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers.retry_after().unwrap(), Some(5));
    for call in world.peers[0].events.clone() {
        if let (_, Event::Offered(offered)) = call {
            world.command(
                0,
                Command::HangUp {
                    call: offered.call,
                    reason: None,
                },
            );
        }
    }
    world.run_dry(SECOND * 400);
    world.assert_empty();
}

#[test]
fn a_response_goes_to_rport_else_to_the_port_of_the_via_from_the_socket_that_was_asked() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let mut send = |via: &str, branch: &str| -> SocketAddr {
        let mut request = ask("OPTIONS", "sip:gw@192.0.2.1", branch, "");
        request
            .headers
            .set(HeaderName::Via, format!("SIP/2.0/UDP {via};branch={branch}"))
            .unwrap();
        let arrival = landbridge_sip::ua::Arrival {
            flow: landbridge_sip::ua::FlowId(9),
            transport: landbridge_sip::ua::Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "198.51.100.7:40000".parse().unwrap(),
            identity: None,
        };
        let now = world.now;
        let endpoint = world.peers[0].endpoint.as_mut().unwrap();
        endpoint.handle(now, Input::Received(arrival, Message::Request(request)));
        match endpoint.poll() {
            Some(Output::Send {
                to: Destination::Flow { flow, remote },
                ..
            }) if flow.0 == 9 => remote,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        send("10.0.0.1:5070;rport", "z9hG4bK1").to_string(),
        "198.51.100.7:40000"
    );
    assert_eq!(send("10.0.0.1:5070", "z9hG4bK2").to_string(), "198.51.100.7:5070");
    assert_eq!(send("10.0.0.1", "z9hG4bK3").to_string(), "198.51.100.7:5060");
    assert_eq!(
        send("10.0.0.1;maddr=224.0.1.75", "z9hG4bK4").to_string(),
        "198.51.100.7:5060"
    );
}

#[test]
fn an_older_request_in_a_dialog_gets_500_and_a_second_invite_too() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let peer = world.scripted();
    world.peers[0].answers_after = Some(Duration::from_millis(10));
    let mut invite = ask(
        "INVITE",
        "sip:gw@192.0.2.1",
        "z9hG4bK1",
        "\nContent-Type: application/sdp",
    );
    invite.body = OFFER.to_vec();
    invite.headers.set(HeaderName::CSeq, "10 INVITE").unwrap();
    world.send(peer, 0, invite.clone());
    world.run(Duration::from_millis(100));
    let ok = world.last_response(peer);
    let mut send = |method: &str, number: u32| {
        let mut next = ask(method, "sip:gw@192.0.2.1", &format!("z9hG4bK{method}{number}"), "");
        next.headers.set(HeaderName::CallId, "z9hG4bK1").unwrap();
        next.headers
            .set(HeaderName::CSeq, format!("{number} {method}"))
            .unwrap();
        next.headers.set_value(HeaderName::To, &ok.headers.to().unwrap());
        world.send(peer, 0, next);
        world.run(Duration::from_millis(50));
        name(&world.last_response(peer).into())
    };
    assert_eq!(send("ACK", 10), "200 INVITE");
    assert_eq!(send("INFO", 9), "500 INFO");
    assert_eq!(send("INVITE", 11), "100 INVITE");
    assert_eq!(send("INVITE", 12), "500 INVITE");
    assert_eq!(send("BYE", 13), "487 INVITE");
    assert!(world.received(peer).contains(&"200 BYE".to_owned()));
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_call_id_of_the_wrong_range_is_refused() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let uri = world.uri(0);
    world.call_uri(0, uri, CallId::INCOMING | 1, OFFER);
    assert!(matches!(world.events(0).last(), Some(Event::Ended { .. })));
    world.assert_empty();
}
