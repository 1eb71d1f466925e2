// SPDX-License-Identifier: EUPL-1.2
//! CANCEL and its races: RFC 3261 §9.
#![allow(clippy::unwrap_used)]

mod endpoint_world;

use std::time::Duration;

use endpoint_world::{ANSWER, Link, OFFER, World, answer, name, request};
use landbridge_sip::message::{HeaderName, Method, Request, StatusCode};
use landbridge_sip::ua::{CallId, Command, EndedBy, Event};

const SECOND: Duration = Duration::from_secs(1);

fn hang_up(call: u64) -> Command {
    Command::HangUp {
        call: CallId(call),
        reason: None,
    }
}

#[test]
fn a_ringing_call_is_cancelled_with_the_branch_of_its_invite() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    world.endpoint();
    world.call(0, 1, 7, OFFER);
    world.run(SECOND);
    world.command(0, hang_up(7));
    world.run(SECOND);
    assert_eq!(world.received(1), ["INVITE", "CANCEL", "ACK"]);
    assert_eq!(world.received(0), ["100 INVITE", "200 CANCEL", "487 INVITE"]);
    let branches: Vec<_> = world.peers[1]
        .inbox
        .iter()
        .map(|(_, m)| m.headers().top_via().unwrap().branch().unwrap().to_owned())
        .collect();
    assert!(branches.iter().all(|branch| *branch == branches[0]));
    assert!(matches!(
        world.events(1).last(),
        Some(Event::Ended {
            by: EndedBy::Cancelled,
            ..
        })
    ));
    assert!(matches!(
        world.events(0).last(),
        Some(Event::Ended { by: EndedBy::Local, .. })
    ));
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let callee = world.scripted();
    world.call(0, callee, 7, OFFER);
    world.command(0, hang_up(7));
    world.run(SECOND);
    assert!(world.received(callee).iter().all(|m| m == "INVITE"));
    let invite = world.last_request(callee);
    let contact = world.peers[callee].address;
    world.send(callee, 0, answer(&invite, 100, "", contact, None));
    world.run(Duration::from_millis(50));
    assert_eq!(world.received(callee).last().unwrap(), "CANCEL");
    let cancel = world.last_request(callee);
    world.send(callee, 0, answer(&cancel, 200, "t", contact, None));
    world.send(callee, 0, answer(&invite, 487, "t", contact, None));
    world.run(SECOND);
    assert_eq!(world.received(callee).last().unwrap(), "ACK");
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_2xx_that_crosses_the_cancel_is_acknowledged_and_ended_with_bye() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    world.endpoint();
    world.call(0, 1, 7, OFFER);
    world.run(SECOND);
    let call = world.incoming(1);
    world.command(
        1,
        Command::Answer {
            call,
            sdp: Some(ANSWER.to_vec()),
        },
    );
    world.command(0, hang_up(7));
    world.run(SECOND);
    let seen = world.received(1);
    for expected in ["CANCEL", "ACK", "BYE"] {
        assert!(seen.iter().any(|m| m == expected), "{seen:?}");
    }
    assert!(matches!(
        world.events(1).last(),
        Some(Event::Ended {
            by: EndedBy::Remote,
            ..
        })
    ));
    assert_eq!(
        world
            .events(0)
            .iter()
            .filter(|e| matches!(e, Event::Ended { .. }))
            .count(),
        1
    );
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_cancel_that_nobody_answers_ends_after_64_t1() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let callee = world.scripted();
    world.call(0, callee, 7, OFFER);
    world.run(Duration::from_millis(20));
    let ringing = answer(&world.last_request(callee), 180, "t", world.peers[callee].address, None);
    world.send(callee, 0, ringing);
    world.run(SECOND);
    world.command(0, hang_up(7));
    world.run_dry(SECOND * 40);
    world.assert_empty();
}

#[test]
fn a_cancel_for_nothing_gets_481() {
    let mut world = World::new(1, Link::CLEAN);
    let gateway = world.endpoint();
    let stranger = world.scripted();
    let cancel = request(
        "CANCEL sip:peer0@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKnothing
Max-Forwards: 70
From: <sip:a@192.0.2.2>;tag=1
To: <sip:peer0@192.0.2.1>
Call-ID: c1
CSeq: 1 CANCEL",
    );
    world.send(stranger, gateway, cancel);
    world.run(SECOND);
    assert_eq!(world.received(stranger), ["481 CANCEL"]);
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let caller = world.scripted();
    world.peers[0].answers_after = Some(Duration::from_millis(10));
    let invite = invite("z9hG4bK1");
    world.send(caller, 0, invite.clone());
    world.run(SECOND);
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.body.clear();
    cancel.headers.set(HeaderName::CSeq, "1 CANCEL").unwrap();
    world.send(caller, 0, cancel);
    world.run(Duration::from_millis(50));
    assert_eq!(world.received(caller).last().unwrap(), "200 CANCEL");
    assert!(!world.events(0).iter().any(|event| matches!(event, Event::Ended { .. })));
    let to = |m: &str| {
        let found = world.peers[caller].inbox.iter().find(|(_, x)| name(x) == m).unwrap();
        found.1.headers().to().unwrap().tag().map(str::to_owned)
    };
    assert_eq!(to("200 CANCEL"), to("200 INVITE"));
}

#[test]
fn a_reinvite_may_be_cancelled_and_the_call_goes_on() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    let caller = world.scripted();
    world.peers[0].answers_after = Some(Duration::from_millis(10));
    world.send(caller, 0, invite("z9hG4bK1"));
    world.run(Duration::from_millis(100));
    let ok = world.last_response(caller);
    let in_dialog = |method: Method, branch: &str, number: u32| {
        let mut request = invite(branch);
        request.method = method.clone();
        request
            .headers
            .set(HeaderName::CSeq, format!("{number} {method}"))
            .unwrap();
        request.headers.set_value(HeaderName::To, &ok.headers.to().unwrap());
        request
    };
    world.send(caller, 0, in_dialog(Method::Ack, "z9hG4bK2", 1));
    world.send(caller, 0, in_dialog(Method::Invite, "z9hG4bK3", 2));
    world.run(Duration::from_millis(100));
    assert!(matches!(world.events(0).last(), Some(Event::Reoffered { .. })));
    world.send(caller, 0, in_dialog(Method::Cancel, "z9hG4bK3", 2));
    world.run(Duration::from_millis(100));
    assert!(matches!(world.events(0).last(), Some(Event::OfferWithdrawn { .. })));
    let seen = world.received(caller);
    assert!(
        seen.contains(&"487 INVITE".to_owned()) && seen.contains(&"200 CANCEL".to_owned()),
        "{seen:?}"
    );
    let call = world.incoming(0);
    world.command(
        0,
        Command::AnswerOffer {
            call,
            reply: landbridge_sip::ua::OfferReply::Refuse(StatusCode::DECLINE),
        },
    );
    world.send(caller, 0, in_dialog(Method::Info, "z9hG4bK4", 3));
    world.run(Duration::from_millis(100));
    assert_eq!(world.received(caller).last().unwrap(), "415 INFO");
}

fn invite(branch: &str) -> Request {
    let mut invite = request(&format!(
        "INVITE sip:peer0@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.2:5060;branch={branch};rport
Max-Forwards: 70
From: <sip:a@192.0.2.2>;tag=1
To: <sip:peer0@192.0.2.1>
Call-ID: c1
CSeq: 1 INVITE
Contact: <sip:a@192.0.2.2>
Content-Type: application/sdp"
    ));
    invite.body = OFFER.to_vec();
    invite
}
