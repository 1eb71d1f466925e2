// SPDX-License-Identifier: EUPL-1.2
//! Many phones that come into a LiveKit room at once, and what is left of those that came and went.

use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{Gateway, Setup, scratch};
use landbridge_interop_tests::peers::controller::Controller;
use landbridge_interop_tests::peers::livekit_server::LivekitServer;
use landbridge_interop_tests::peers::opentalk_person::OpentalkPerson;
use landbridge_interop_tests::peers::roomserver::{Generation, Meeting, Roomserver};

use super::{direct, gateway_address, seconds};
use crate::cost::{Cost, open_files, udp_ports};
use crate::report::{Row, Target};
use crate::sip::Caller;
use crate::{Bench, SERVER, hall};

const JOINS: u32 = 200;
const WITHIN: Duration = Duration::from_secs(20);
/// By then all must be in: the room's other people, and the rest of the machine, want their share.
const PATIENCE: Duration = Duration::from_secs(40);
const CYCLES: u32 = 1_000;
/// Not counted: what a process takes once, and keeps for its busiest moment, it takes now.
const BEFORE: u32 = 500;
const RATE: u32 = 20;
/// How long a phone stays.
const STAY: Duration = Duration::from_millis(2_500);
/// Ports drain for 30 s after their call.
const DRAIN: u64 = 33;
const NONE: &str = "no rival";

/// 200 joins in 20 s, of a LiveKit room and of an OpenTalk meeting.
pub(crate) fn at_once(bench: &mut Bench) {
    let server = hall::server(bench.folder);
    {
        let gateway = hall::gateway("joins", &server);
        crowd(bench, "a LiveKit room", &server, hall::ROOM, &hall::direct(), &gateway);
    }
    let roomserver = Roomserver::start(bench.folder, Generation::Tenth);
    let meeting = Meeting::new(1);
    let _controller = Controller::start(bench.folder, &roomserver, &meeting);
    let gateway = Setup::new(&scratch("bench-joins-opentalk"))
        .no_meeting()
        .extra(&Controller::section())
        .media("timeout = \"90s\"")
        .ports("40000-59999")
        .on_core(SERVER)
        .start();
    let mut moderator = OpentalkPerson::moderator(bench.folder, &roomserver, &meeting, 90);
    moderator.until_in();
    let room = moderator.credentials().room;
    crowd(bench, "an OpenTalk meeting", &server, &room, &direct(0), &gateway);
    // The roomserver ends a connection that is over its limit, and the gateway says that it comes back.
    let warnings = gateway.log().matches(" WARN").count();
    bench.report.note(format!(
        "joins: the roomserver allows 10 messages a second; the gateway warned of {warnings} lost connections or refusals"
    ));
}

fn crowd(bench: &mut Bench, what: &str, server: &LivekitServer, room: &str, user: &str, gateway: &Gateway) {
    let caller = Caller::new(gateway_address(), &bench.ears, false);
    let (user, start) = (user.to_owned(), Instant::now());
    let calls = std::thread::spawn(move || caller.run(&user, JOINS, WITHIN / JOINS, PATIENCE + seconds(2)));
    let (mut most, mut last) = (0, Duration::ZERO);
    while start.elapsed() < PATIENCE && most < JOINS as usize {
        let count = hall::speaking(server, room).len();
        if count > most {
            (most, last) = (count, start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    let calls = calls.join().unwrap_or_default();
    let failed = calls.iter().filter(|call| call.failed.is_some()).count();
    let row = Row::new(
        format!("phones in {what}, of {JOINS} that dialled within 20 s"),
        "phones",
        most as f64,
        Err(NONE),
    );
    bench.report.add(row.target(Target::AtLeast(f64::from(JOINS))));
    bench.report.note(format!(
        "joins: {most} of {JOINS} sent their sound to {what} {:.1} s after the first INVITE; {failed} calls failed",
        last.as_secs_f64()
    ));
    if most < JOINS as usize {
        let log = gateway.log();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        println!("   the gateway's last words, backwards:\n{}", last.join("\n"));
    }
}

/// What 1 000 joins and leaves leave behind.
pub(crate) fn leak(bench: &mut Bench) {
    let server = hall::server(bench.folder);
    let gateway = hall::setup("leak", &server).one_heap().start();
    let come_and_go = |count: u32| {
        let caller = Caller::new(gateway_address(), &bench.ears, false);
        let calls = caller.run(&hall::direct(), count, seconds(1) / RATE, STAY);
        let failed = calls.iter().filter(|call| call.failed.is_some()).count();
        std::thread::sleep(seconds(DRAIN));
        let pid = gateway.pid();
        (
            failed,
            Cost::of(pid).resident as f64,
            open_files(pid),
            udp_ports(40_000..=59_999),
        )
    };
    let before = come_and_go(BEFORE);
    let after = come_and_go(CYCLES);
    let row = Row::new(
        format!("memory left by {CYCLES} joins and leaves of a LiveKit room"),
        "kB",
        after.1 - before.1,
        Err(NONE),
    );
    bench.report.add(row.target(Target::AtMost(4_096.0)));
    let row = Row::new(
        "the same, open files",
        "files",
        after.2 as f64 - before.2 as f64,
        Err(NONE),
    );
    bench.report.add(row.target(Target::AtMost(0.0)));
    let row = Row::new("the same, media ports in use", "ports", after.3 as f64, Err(NONE));
    bench.report.add(row.target(Target::AtMost(0.0)));
    bench.report.note(format!(
        "leak: {} of {BEFORE} and {} of {CYCLES} calls failed; the server saw {} people come; resident {:.1} MB before, {:.1} MB \
         after; {} people left in the room",
        before.0,
        after.0,
        server.log().matches("participant active").count(),
        before.1 / 1_024.0,
        after.1 / 1_024.0,
        server.people(hall::ROOM).len(),
    ));
}
