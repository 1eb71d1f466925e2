// SPDX-License-Identifier: EUPL-1.2
//! Calls between two cores: set-up, tear-down, loss, and what is left when they end.
#![allow(clippy::unwrap_used)]

mod endpoint_world;

use std::time::Duration;

use endpoint_world::{ANSWER, Link, OFFER, World};
use landbridge_sip::message::{HeaderName, Reason, StatusCode};
use landbridge_sip::ua::{CallId, Command, EndedBy, Event, Transport};

const SECOND: Duration = Duration::from_secs(1);

fn two(link: Link) -> World {
    let mut world = World::new(1, link);
    world.endpoint();
    world.endpoint();
    world.peers[1].answers_after = Some(Duration::from_millis(100));
    world
}

#[test]
fn a_call_rings_is_answered_confirmed_and_ended_by_the_caller() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = two(Link::CLEAN);
        world.transport = transport;
        world.call(0, 1, 7, OFFER);
        world.run(SECOND);
        let call = CallId(7);
        assert!(
            matches!(world.events(0)[..], [
            Event::Ringing { status: StatusCode::RINGING, .. },
            Event::Answered { sdp: Some(sdp), .. },
        ] if sdp == ANSWER),
            "{:?}",
            world.events(0)
        );
        assert!(
            matches!(&world.events(1)[..], [Event::Offered(offered), Event::Confirmed { sdp: None, .. }]
            if offered.sdp.as_deref() == Some(OFFER))
        );
        let reason = Reason::new("Q.850", Some(16), Some("done"));
        world.command(
            0,
            Command::HangUp {
                call,
                reason: reason.clone(),
            },
        );
        world.run(SECOND);
        let Some(Event::Ended {
            by: EndedBy::Remote,
            reason: told,
            ..
        }) = world.events(1).last().copied()
        else {
            panic!()
        };
        assert_eq!(*told, reason);
        assert!(matches!(
            world.events(0).last(),
            Some(Event::Ended { by: EndedBy::Local, .. })
        ));
        world.run_dry(SECOND * 100);
        world.assert_empty();
        assert_eq!(world.received(1), ["INVITE", "ACK", "BYE"]);
        assert_eq!(world.received(0), ["100 INVITE", "180 INVITE", "200 INVITE", "200 BYE"]);
    }
}

#[test]
fn the_callee_may_hang_up_as_well() {
    let mut world = two(Link::CLEAN);
    world.call(0, 1, 7, OFFER);
    world.run(SECOND);
    let call = world.incoming(1);
    world.command(1, Command::HangUp { call, reason: None });
    world.run(SECOND);
    assert!(matches!(
        world.events(0).last(),
        Some(Event::Ended {
            by: EndedBy::Remote,
            ..
        })
    ));
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_refused_call_tells_the_status_and_the_words() {
    let mut world = two(Link::CLEAN);
    world.peers[1].answers_after = None;
    world.call(0, 1, 7, OFFER);
    world.run(SECOND);
    let call = world.incoming(1);
    let headers = vec![
        ("Retry-After".to_owned(), "60".to_owned()),
        ("Via".to_owned(), "forged".to_owned()),
    ];
    world.command(
        1,
        Command::Reject {
            call,
            status: StatusCode::BUSY_HERE,
            reason: "In a meeting".into(),
            headers,
        },
    );
    world.run(SECOND);
    let Some(Event::Ended {
        by: EndedBy::Failed(status, words),
        ..
    }) = world.events(0).last().copied()
    else {
        panic!()
    };
    assert_eq!((*status, words.as_str()), (StatusCode::BUSY_HERE, "In a meeting"));
    let response = world.last_response(0);
    assert_eq!(response.headers.retry_after().unwrap(), Some(60));
    assert_eq!(response.headers.all(&HeaderName::Via).count(), 1);
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn thirty_percent_loss_with_repeats_and_disorder_always_converges_and_leaves_nothing() {
    let link = Link {
        loss: 30,
        repeat: 20,
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(700),
    };
    let mut answered = 0;
    for seed in 0..300 {
        let mut world = World::new(seed, link);
        world.endpoint();
        world.endpoint();
        world.peers[1].answers_after = Some(Duration::from_millis(50));
        world.call(0, 1, 7, OFFER);
        world.run(SECOND * 45);
        if world
            .events(0)
            .iter()
            .any(|event| matches!(event, Event::Answered { .. }))
        {
            answered += 1;
            assert!(
                world
                    .events(1)
                    .iter()
                    .any(|event| matches!(event, Event::Confirmed { .. } | Event::Ended { .. })),
                "seed {seed}"
            );
        }
        world.command(
            usize::try_from(seed % 2).unwrap(),
            Command::HangUp {
                call: if seed % 2 == 0 { CallId(7) } else { world.incoming(1) },
                reason: None,
            },
        );
        world.run_dry(SECOND * 400);
        world.assert_empty();
        for peer in 0..2 {
            let ended = world
                .events(peer)
                .iter()
                .filter(|event| matches!(event, Event::Ended { .. }))
                .count();
            assert!(ended <= 1, "seed {seed}: peer {peer} was told {ended} times");
        }
        assert!(
            world.events(0).iter().any(|event| matches!(event, Event::Ended { .. })),
            "seed {seed}"
        );
    }
    assert!(answered >= 295, "only {answered} of 300 calls were answered");
}

#[test]
fn the_2xx_is_repeated_until_the_ack_and_given_up_with_bye_after_64_t1() {
    let mut world = two(Link::CLEAN);
    world.call(0, 1, 7, OFFER);
    world.drop_if = Some(Box::new(|from, message| {
        from == 0 && endpoint_world::name(message) == "ACK"
    }));
    world.run(SECOND * 31);
    let sent: Vec<u128> = world.peers[1]
        .sent
        .iter()
        .filter(|(_, message)| endpoint_world::name(message) == "200 INVITE")
        .map(|(at, _)| (*at - world.start).as_millis())
        .collect();
    let first = sent[0];
    let after: Vec<u128> = sent.iter().map(|at| at - first).collect();
    assert_eq!(after, [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500]);
    // every repetition of the 2xx is acknowledged again
    assert_eq!(world.count_sent(0, "ACK"), after.len());
    world.run(SECOND * 3);
    assert!(matches!(
        world.events(1).last(),
        Some(Event::Ended {
            by: EndedBy::Timeout,
            ..
        })
    ));
    assert!(matches!(
        world.events(0).last(),
        Some(Event::Ended {
            by: EndedBy::Remote,
            ..
        })
    ));
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_callee_that_hangs_up_before_the_ack_waits_for_it() {
    let mut world = two(Link::CLEAN);
    let mut lost = 0;
    world.drop_if = Some(Box::new(move |from, message| {
        let ack = from == 0 && endpoint_world::name(message) == "ACK";
        lost += usize::from(ack);
        ack && lost == 1
    }));
    world.call(0, 1, 7, OFFER);
    world.run(Duration::from_millis(150));
    let call = world.incoming(1);
    world.command(1, Command::HangUp { call, reason: None });
    world.run(Duration::from_millis(300));
    assert_eq!(world.count_sent(1, "BYE"), 0);
    world.run(SECOND);
    assert_eq!(world.count_sent(1, "BYE"), 1);
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn a_silent_callee_times_out_after_64_t1() {
    let mut world = World::new(1, Link::CLEAN);
    world.endpoint();
    world.scripted();
    world.call(0, 1, 7, OFFER);
    world.run(SECOND * 60);
    let (at, event) = world.peers[0].events.last().unwrap();
    assert!(matches!(
        event,
        Event::Ended {
            by: EndedBy::Failed(StatusCode::REQUEST_TIMEOUT, _),
            ..
        }
    ));
    assert_eq!(*at - world.start, SECOND * 32);
    assert_eq!(world.count_sent(0, "INVITE"), 7);
    world.run_dry(SECOND);
    world.assert_empty();
}

#[test]
fn nobody_rings_for_ever() {
    let mut world = two(Link::CLEAN);
    world.peers[1].answers_after = None;
    world.call(0, 1, 7, OFFER);
    world.run(SECOND);
    let call = world.incoming(1);
    world.command(
        1,
        Command::Ring {
            call,
            status: StatusCode::RINGING,
            sdp: None,
        },
    );
    world.run(SECOND * 178);
    assert_eq!(world.count_sent(1, "180 INVITE"), 3);
    world.run(SECOND * 3);
    assert!(matches!(world.events(1).last(), Some(Event::Ended { .. })));
    assert!(matches!(world.events(0).last(), Some(Event::Ended { .. })));
    world.run_dry(SECOND * 100);
    world.assert_empty();
}

#[test]
fn one_seed_gives_one_history() {
    let history = |seed| {
        let link = Link {
            loss: 20,
            repeat: 10,
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(300),
        };
        let mut world = World::new(seed, link);
        world.endpoint();
        world.endpoint();
        world.peers[1].answers_after = Some(Duration::from_millis(50));
        world.call(0, 1, 7, OFFER);
        world.run(SECOND * 30);
        let start = world.start;
        world.peers[0]
            .sent
            .iter()
            .map(|(at, m)| (*at - start, m.to_bytes()))
            .collect::<Vec<_>>()
    };
    assert_eq!(history(5), history(5));
    assert_ne!(history(5), history(6));
}
