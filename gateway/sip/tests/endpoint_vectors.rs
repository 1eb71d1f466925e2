// SPDX-License-Identifier: EUPL-1.2
//! The torture tests of RFC 4475 and RFC 5118 against an endpoint in the middle of a call.
#![allow(clippy::unwrap_used)]

mod endpoint_world;
mod vectors;

use std::time::Duration;

use endpoint_world::{ANSWER, Link, OFFER, World};
use landbridge_sip::parse::{Limits, datagram};
use landbridge_sip::ua::{CallId, Command, Event, Input, OfferReply};
use vectors::Vector;

#[test]
fn every_vector_of_rfc_4475_gets_the_answer_that_the_rfc_asks_for_and_disturbs_no_call() {
    let groups = [
        vectors::rfc4475_valid::all(),
        vectors::rfc4475_invalid::all(),
        vectors::rfc4475_beyond::all(),
    ];
    try_all(groups.into_iter().flatten().collect());
}

#[test]
fn every_vector_of_rfc_5118_gets_the_answer_that_the_rfc_asks_for_and_disturbs_no_call() {
    try_all(vectors::rfc5118::all());
}

fn try_all(vectors: Vec<Vector>) {
    assert!(vectors.len() > 10);
    let wrong: Vec<String> = vectors.iter().filter_map(|vector| wrong_answer(vector).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wrong_answer(vector: &Vector) -> Result<(), String> {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    world.endpoint();
    let stranger = world.scripted();
    world.peers[1].answers_after = Some(Duration::from_millis(20));
    world.call(0, 1, 7, OFFER);
    world.run(Duration::from_secs(1));
    let ours = world.incoming(1);
    let before = world.peers[1].statuses.len();

    let arrival = world.arrival(stranger, 1);
    let input = match datagram(&vector.bytes, &Limits::default()) {
        Ok(message) => Input::Received(arrival, message),
        Err(error) => Input::Malformed(arrival, error),
    };
    world.input(1, input);
    world.run(Duration::from_millis(100));
    let finals: Vec<u16> = world.peers[1].statuses[before..]
        .iter()
        .copied()
        .filter(|status| *status >= 200)
        .collect();
    let fits = match finals[..] {
        [] => vector.answers.is_empty(),
        [status, ..] => vector.answers.contains(&status),
    };
    if !fits {
        return Err(format!(
            "{} ({}): got {finals:?}, may get {:?}",
            vector.name, vector.section, vector.answers
        ));
    }

    // the running call can still be changed and ended
    world.command(
        0,
        Command::Offer {
            call: CallId(7),
            sdp: OFFER.to_vec(),
        },
    );
    world.run(Duration::from_secs(1));
    world.command(
        1,
        Command::AnswerOffer {
            call: ours,
            reply: OfferReply::Accept(ANSWER.to_vec()),
        },
    );
    world.run(Duration::from_secs(1));
    assert!(
        matches!(world.events(0).last(), Some(Event::OfferAnswered { .. })),
        "{}",
        vector.name
    );
    world.command(
        0,
        Command::HangUp {
            call: CallId(7),
            reason: None,
        },
    );
    world.run_dry(Duration::from_secs(400));
    world.assert_empty();
    Ok(())
}
