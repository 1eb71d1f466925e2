// SPDX-License-Identifier: EUPL-1.2
//! Peers that say anything at any time: no panic, bounded tables, nothing left behind.
#![allow(clippy::unwrap_used)]

mod endpoint_world;

use std::time::Duration;

use endpoint_world::{ANSWER, Link, OFFER, World};
use landbridge_sip::message::{CSeq, HeaderName, Message, Method, StatusCode};
use landbridge_sip::ua::{CallId, Command, Event, OfferReply};

const METHODS: [Method; 8] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Info,
    Method::Update,
    Method::Prack,
    Method::Options,
];

#[test]
fn replayed_and_twisted_messages_neither_break_an_endpoint_nor_stay_in_it() {
    for seed in 0..150 {
        let link = Link {
            loss: 10,
            repeat: 10,
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(50),
        };
        let mut world = World::new(seed, link);
        for _ in 0..2 {
            world.endpoint_with(|config| {
                config.max_transactions = 64;
                config.max_calls = 16;
                config.session_expires = 90;
            });
        }
        let mut next_call = 1;
        for _ in 0..120 {
            let peer = usize::try_from(world.draw() % 2).unwrap();
            match world.draw() % 4 {
                0 => {
                    let offer: &[u8] = if world.draw().is_multiple_of(4) { b"" } else { OFFER };
                    world.call(peer, 1 - peer, next_call, offer);
                    next_call += 1;
                }
                1 => random_command(&mut world, peer),
                _ => twisted_replay(&mut world, peer),
            }
            let span = Duration::from_millis(world.draw() % 900);
            world.run(span);
            for peer in 0..2 {
                let stats = world.peers[peer].endpoint.as_ref().unwrap().stats();
                assert!(
                    stats.server_transactions <= 64 && stats.client_transactions <= 64,
                    "{stats:?}"
                );
                assert!(stats.calls <= 16 && stats.dialogs <= 16 * 9, "{stats:?}");
            }
        }
        hang_up_all(&mut world);
        world.run_dry(Duration::from_secs(2_000));
        world.assert_empty();
    }
}

fn calls(world: &World, peer: usize) -> Vec<CallId> {
    let of = |event: &Event| match event {
        Event::Offered(offered) => Some(offered.call),
        Event::Ringing { call, .. } | Event::Answered { call, .. } => Some(*call),
        _ => None,
    };
    world.events(peer).into_iter().filter_map(of).collect()
}

fn hang_up_all(world: &mut World) {
    for peer in 0..2 {
        let mut all = calls(world, peer);
        all.extend((1..=130).map(CallId));
        for call in all {
            world.command(peer, Command::HangUp { call, reason: None });
        }
    }
}

fn random_command(world: &mut World, peer: usize) {
    let calls = calls(world, peer);
    if calls.is_empty() {
        return;
    }
    let pick = usize::try_from(world.draw()).unwrap_or(0) % calls.len();
    let call = calls[pick];
    let sdp = ANSWER.to_vec();
    let command = match world.draw() % 8 {
        0 => Command::Ring {
            call,
            status: StatusCode::RINGING,
            sdp: None,
        },
        1 => Command::Ring {
            call,
            status: StatusCode::SESSION_PROGRESS,
            sdp: Some(sdp),
        },
        2 => Command::Answer { call, sdp: Some(sdp) },
        3 => Command::Reject {
            call,
            status: StatusCode::BUSY_HERE,
            reason: String::new(),
            headers: Vec::new(),
        },
        4 => Command::Offer { call, sdp },
        5 => Command::AnswerOffer {
            call,
            reply: OfferReply::Accept(sdp),
        },
        6 => Command::AnswerOffer {
            call,
            reply: OfferReply::Refuse(StatusCode::NOT_ACCEPTABLE_HERE),
        },
        _ => Command::HangUp { call, reason: None },
    };
    world.command(peer, command);
}

/// Sends something that was on the wire before, with another method, status, number or tag.
fn twisted_replay(world: &mut World, from: usize) {
    let sent = &world.peers[from].sent;
    if sent.is_empty() {
        return;
    }
    let count = sent.len();
    let pick = usize::try_from(world.draw() % u64::try_from(count).unwrap()).unwrap();
    let mut message = world.peers[from].sent[pick].1.clone();
    let draw = world.draw();
    let number = message
        .headers()
        .cseq()
        .map_or(1, |c| c.number)
        .saturating_add(u32::try_from(draw % 3).unwrap());
    match &mut message {
        Message::Request(request) => {
            let method = METHODS[usize::try_from(draw % 8).unwrap()].clone();
            request.method = method.clone();
            request.headers.set_value(HeaderName::CSeq, &CSeq::new(number, method));
            if draw & 16 != 0 {
                let via = format!("SIP/2.0/UDP 192.0.2.{}:5060;branch=z9hG4bK{draw:x};rport", from + 1);
                request.headers.set(HeaderName::Via, via).unwrap();
            }
        }
        Message::Response(response) => {
            let status = [100, 180, 183, 200, 302, 401, 408, 422, 481, 487, 491, 500, 503, 603];
            response.status = StatusCode::new(status[usize::try_from(draw % 14).unwrap()]).unwrap();
            if draw & 64 != 0 {
                response.headers.set(HeaderName::RSeq, "9").unwrap();
                response.headers.set(HeaderName::Require, "100rel").unwrap();
            }
        }
    }
    if draw & 32 != 0 {
        message
            .headers_mut()
            .set(HeaderName::To, format!("<sip:x@192.0.2.9>;tag={:x}", draw % 5))
            .unwrap();
    }
    world.send(from, 1 - from, message);
}
