// SPDX-License-Identifier: EUPL-1.2
//! Which way messages take: connections that serve both ways, connections that are gone, phones behind NAT, proxies.
#![allow(clippy::unwrap_used)]

mod endpoint_world;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use endpoint_world::{ANSWER, Link, OFFER, World, answer};
use landbridge_sip::digest::Login;
use landbridge_sip::message::{HeaderName, Host, Message, NameAddr, Request, StatusCode};
use landbridge_sip::ua::{
    Arrival, CallId, Command, Destination, Endpoint, EndpointConfig, Event, FlowId, Input, Local, OfferReply, Output,
    SendId, Target, Transport,
};

const SECOND: Duration = Duration::from_secs(1);

/// A single endpoint whose outputs the test looks at itself.
struct Alone {
    world: World,
    now: Instant,
}

impl Alone {
    fn new() -> Alone {
        let mut world = World::new(1, Link::CLEAN);
        world.endpoint();
        let now = world.now;
        Alone { world, now }
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        let endpoint = self.world.peers[0].endpoint.as_mut().unwrap();
        endpoint.handle(self.now, input);
        std::iter::from_fn(|| endpoint.poll()).collect()
    }

    fn sends(&mut self, input: Input) -> Vec<(SendId, Destination, String)> {
        let outputs = self.input(input).into_iter();
        let sent = outputs.filter_map(|output| match output {
            Output::Send { id, to, bytes } => Some((id, to, String::from_utf8(bytes).unwrap())),
            _ => None,
        });
        sent.collect()
    }
}

fn arrival(transport: Transport, flow: u64, remote: &str) -> Arrival {
    let local = "192.0.2.1:5060".parse().unwrap();
    Arrival {
        flow: FlowId(flow),
        transport,
        local,
        remote: remote.parse().unwrap(),
        identity: None,
    }
}

fn invite(via: &str, contact: &str, extra: &str) -> Request {
    let mut invite = endpoint_world::request(&format!(
        "INVITE sip:100@192.0.2.1 SIP/2.0
Via: SIP/2.0/{via}
Max-Forwards: 70
From: <sip:a@example.org>;tag=1
To: <sip:100@192.0.2.1>
Call-ID: c1
CSeq: 1 INVITE
Contact: <{contact}>
Content-Type: application/sdp{extra}"
    ));
    invite.body = OFFER.to_vec();
    invite
}

/// Runs a call in from `request` to its ACK; returns the To header of its dialog as well.
fn call_in(arrival: &Arrival, request: &Request) -> (Alone, CallId, String) {
    let mut alone = Alone::new();
    let outputs = alone.input(Input::Received(arrival.clone(), Message::Request(request.clone())));
    let call = outputs.iter().find_map(|output| match output {
        Output::Event(Event::Offered(offered)) => Some(offered.call),
        _ => None,
    });
    let call = call.unwrap();
    let sent = alone.sends(Input::Command(Command::Answer {
        call,
        sdp: Some(ANSWER.to_vec()),
    }));
    let to = sent[0].2.lines().find(|line| line.starts_with("To:")).unwrap()[3..]
        .trim()
        .to_owned();
    alone.ack(arrival, request, &to, 1);
    (alone, call, to)
}

impl Alone {
    fn ack(&mut self, arrival: &Arrival, invite: &Request, to: &str, cseq: u32) {
        let mut ack = invite.clone();
        ack.method = landbridge_sip::message::Method::Ack;
        ack.headers.set(HeaderName::CSeq, format!("{cseq} ACK")).unwrap();
        ack.headers.set(HeaderName::To, to).unwrap();
        let via = ack.headers.top_via().unwrap();
        let branch = format!("z9hG4bKack{cseq}");
        let again = landbridge_sip::message::Via::new(via.transport(), via.host().clone(), via.port(), &branch);
        ack.headers.set_value(HeaderName::Via, &again);
        self.input(Input::Received(arrival.clone(), Message::Request(ack)));
    }

    fn bye(&mut self, call: CallId) -> (Destination, String) {
        let sent = self.sends(Input::Command(Command::HangUp { call, reason: None }));
        let (_, to, text) = sent.into_iter().find(|(_, _, text)| text.starts_with("BYE")).unwrap();
        (to, text)
    }
}

/// Runs a call in from `request` to its ACK, hangs up, and returns where the BYE went and what it said.
fn bye_of(arrival: &Arrival, request: &Request) -> (Destination, String) {
    let (mut alone, call, _) = call_in(arrival, request);
    alone.bye(call)
}

#[test]
fn a_bye_goes_back_over_the_connection_of_the_phone() {
    let arrival = arrival(Transport::Tcp, 9, "198.51.100.7:40000");
    let request = invite(
        "TCP 10.0.0.5:5060;branch=z9hG4bK1",
        "sip:a@10.0.0.5:5060;transport=tcp",
        "",
    );
    let (to, text) = bye_of(&arrival, &request);
    assert_eq!(
        to,
        Destination::Flow {
            flow: FlowId(9),
            remote: arrival.remote
        }
    );
    assert!(
        text.starts_with("BYE sip:a@10.0.0.5:5060;transport=tcp SIP/2.0"),
        "{text}"
    );
}

#[test]
fn a_bye_goes_over_the_connection_by_which_a_phone_came_back() {
    let first = arrival(Transport::Tcp, 9, "198.51.100.7:40000");
    let contact = "sip:a@10.0.0.5:5060;transport=tcp";
    let request = invite("TCP 10.0.0.5:5060;branch=z9hG4bK1", contact, "");
    let (mut alone, call, to) = call_in(&first, &request);
    let again = arrival(Transport::Tcp, 11, "198.51.100.7:40007");
    let mut reinvite = invite("TCP 10.0.0.5:5060;branch=z9hG4bK2", contact, "");
    reinvite.headers.set(HeaderName::To, to.as_str()).unwrap();
    reinvite.headers.set(HeaderName::CSeq, "2 INVITE").unwrap();
    alone.input(Input::Received(again.clone(), Message::Request(reinvite.clone())));
    alone.input(Input::Command(Command::AnswerOffer {
        call,
        reply: OfferReply::Accept(ANSWER.to_vec()),
    }));
    alone.ack(&again, &reinvite, &to, 2);
    let flow = Destination::Flow {
        flow: FlowId(11),
        remote: again.remote,
    };
    assert_eq!(alone.bye(call).0, flow);
}

#[test]
fn a_socket_on_all_addresses_shows_the_one_that_the_peer_reached_unless_the_operator_named_a_host() {
    for (is_named, shown) in [(false, "<sip:100@192.0.2.1"), (true, "<sip:100@sip.example.org")] {
        let local = Local {
            transport: Transport::Udp,
            bound: "0.0.0.0:5060".parse().unwrap(),
            host: Some(Host::parse("sip.example.org").unwrap()),
            is_named,
            port: 5060,
        };
        let mut alone = Alone::new();
        alone.world.peers[0].endpoint = Some(Endpoint::new(EndpointConfig::new("test", vec![local]), [1; 32]));
        let request = invite("UDP 198.51.100.7:5060;branch=z9hG4bK1", "sip:a@198.51.100.7", "");
        let udp = arrival(Transport::Udp, 1, "198.51.100.7:5060");
        let outputs = alone.input(Input::Received(udp, Message::Request(request)));
        let call = outputs.iter().find_map(|output| match output {
            Output::Event(Event::Offered(offered)) => Some(offered.call),
            _ => None,
        });
        let sent = alone.sends(Input::Command(Command::Answer {
            call: call.unwrap(),
            sdp: Some(ANSWER.to_vec()),
        }));
        assert!(sent[0].2.contains(&format!("Contact: {shown}")), "{}", sent[0].2);
    }
}

#[test]
fn a_bye_finds_a_phone_behind_nat_and_the_contact_of_one_that_is_not() {
    let udp = arrival(Transport::Udp, 1, "198.51.100.7:40000");
    let behind = invite("UDP 10.0.0.5:5060;branch=z9hG4bK1;rport", "sip:a@10.0.0.5:5060", "");
    assert_eq!(
        bye_of(&udp, &behind).0,
        Destination::Flow {
            flow: FlowId(1),
            remote: udp.remote
        }
    );
    let open = invite(
        "UDP 198.51.100.7:5070;branch=z9hG4bK1;rport",
        "sip:a@198.51.100.7:5070",
        "",
    );
    let address: SocketAddr = "198.51.100.7:5070".parse().unwrap();
    let target = Target {
        transport: Transport::Udp,
        address,
        tls_name: None,
    };
    assert_eq!(bye_of(&udp, &open).0, Destination::Target(target));
}

#[test]
fn a_bye_takes_the_recorded_route() {
    let udp = arrival(Transport::Udp, 1, "198.51.100.7:5060");
    let routed = invite(
        "UDP 198.51.100.7:5060;branch=z9hG4bK1",
        "sip:a@10.0.0.5",
        "\nRecord-Route: <sip:198.51.100.9:5080;lr>",
    );
    let (to, text) = bye_of(&udp, &routed);
    let address: SocketAddr = "198.51.100.9:5080".parse().unwrap();
    assert_eq!(
        to,
        Destination::Target(Target {
            transport: Transport::Udp,
            address,
            tls_name: None
        })
    );
    assert!(
        text.starts_with("BYE sip:a@10.0.0.5 SIP/2.0") && text.contains("Route: <sip:198.51.100.9:5080;lr>"),
        "{text}"
    );
}

#[test]
fn a_response_whose_connection_is_gone_opens_one_to_the_port_of_the_via() {
    let mut alone = Alone::new();
    let tls = arrival(Transport::Tls, 9, "198.51.100.7:40000");
    let request = invite("TLS pbx.example:5071;branch=z9hG4bK1", "sips:a@pbx.example", "");
    let outputs = alone.input(Input::Received(tls, Message::Request(request)));
    let call = outputs.iter().find_map(|output| match output {
        Output::Event(Event::Offered(offered)) => Some(offered.call),
        _ => None,
    });
    alone.input(Input::FlowClosed(FlowId(9)));
    let answer = Command::Answer {
        call: call.unwrap(),
        sdp: Some(ANSWER.to_vec()),
    };
    let sent = alone.sends(Input::Command(answer));
    let again = alone.sends(Input::SendFailed(sent[0].0));
    let address: SocketAddr = "198.51.100.7:5071".parse().unwrap();
    let target = Target {
        transport: Transport::Tls,
        address,
        tls_name: Some("pbx.example".to_owned()),
    };
    assert_eq!(again[0].1, Destination::Target(target));
    assert_eq!(again[0].2, sent[0].2);
}

#[test]
fn an_identity_or_lookup_is_asked_for_names_only() {
    let mut alone = Alone::new();
    let from = NameAddr::parse("<sip:gw@192.0.2.1>").unwrap();
    let call = |call, to: &str| {
        Input::Command(Command::Call {
            call: CallId(call),
            to: to.parse().unwrap(),
            from: from.clone(),
            via: None,
            sdp: OFFER.to_vec(),
            auth: None,
            max_forwards: None,
            headers: Vec::new(),
        })
    };
    let outputs = alone.input(call(1, "sips:a@pbx.example"));
    let [Output::Resolve { lookup, .. }] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        (lookup.host.to_string().as_str(), lookup.transport, lookup.secure),
        ("pbx.example", Some(Transport::Tls), true)
    );
    let sent = alone.sends(call(2, "sip:a@[2001:db8::1]:5080"));
    let address: SocketAddr = "[2001:db8::1]:5080".parse().unwrap();
    assert_eq!(
        sent[0].1,
        Destination::Target(Target {
            transport: Transport::Udp,
            address,
            tls_name: None
        })
    );
}

#[test]
fn a_challenge_inside_a_call_is_not_answered_to_a_host_that_did_not_challenge_before() {
    let mut world = World::new(3, Link::CLEAN);
    world.endpoint();
    let callee = world.scripted();
    let (to, from) = (world.uri(callee), NameAddr::new(world.uri(0)));
    world.command(
        0,
        Command::Call {
            call: CallId(7),
            to,
            from,
            via: None,
            sdp: OFFER.to_vec(),
            auth: Some(Login::new("alice", "secret", None).unwrap()),
            max_forwards: None,
            headers: Vec::new(),
        },
    );
    world.run(Duration::from_millis(20));
    let contact = world.peers[callee].address;
    let invite = world.last_request(callee);
    world.send(callee, 0, answer(&invite, 200, "t", contact, Some(ANSWER)));
    world.run(Duration::from_millis(50));
    world.command(
        0,
        Command::Offer {
            call: CallId(7),
            sdp: OFFER.to_vec(),
        },
    );
    world.run(Duration::from_millis(50));
    let reinvite = world.last_request(callee);
    let mut challenge = answer(&reinvite, 401, "t", contact, None);
    challenge
        .headers
        .push(HeaderName::WwwAuthenticate, "Digest realm=\"x\", nonce=\"n\"")
        .unwrap();
    world.send(callee, 0, challenge);
    world.run(SECOND);
    assert!(matches!(
        world.events(0).last(),
        Some(Event::OfferRefused {
            status: StatusCode::UNAUTHORIZED,
            ..
        })
    ));
    assert!(
        world.peers[0]
            .sent
            .iter()
            .all(|(_, m)| !m.headers().contains(&HeaderName::Authorization))
    );
}
