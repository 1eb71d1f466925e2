// SPDX-License-Identifier: EUPL-1.2
//! Two deployments that share a room, with a border between them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use landbridge_codecs::Codec;
use landbridge_interop_tests::gateway::{MEETING, PIN};
use landbridge_interop_tests::joint_world::{Deployment, HE, JointWorld, Plan, SH, TH, Terms};
use landbridge_interop_tests::peers::border::media_by;
use landbridge_interop_tests::peers::hostile_partner::HostilePartner;
use landbridge_interop_tests::peers::metronome::Metronome;
use landbridge_interop_tests::peers::xmpp_server::Software::Prosody;
use serde_json::Value;

use super::{gateway_address, seconds};
use crate::Bench;
use crate::ears::Ears;
use crate::mouth::{Bursts, Mouth, Voice, Words, silence, speech};
use crate::numbers::{milliseconds, percentile};
use crate::report::{Row, Target};
use crate::sip::{Caller, payload_type};

/// One way across the border.
const BORDER: Duration = Duration::from_millis(20);
/// What is added to it at most, 95 of 100.
const ADDED_MS: f64 = 60.0;
/// Each in two deployments of its own: when their gateways tick is up to chance, and differs with every start.
const SPEAKERS: u64 = 8;
const BURSTS: u32 = 10;
const QUIET: u64 = 6;
const LATEST: Duration = Duration::from_millis(390);
/// The gateway takes four of one room in 20 s.
const BETWEEN_INVITATIONS: Duration = Duration::from_millis(5_200);
const SOON: Duration = Duration::from_secs(20);
/// Nobody else does this.
const ALONE: Result<f64, &str> = Err("none: no other system shares rooms so");

/// A deployment's people in numbers: a client in its network, and what it hears.
struct Crowd {
    ears: Arc<Ears>,
    caller: Caller,
    /// Where the gateway has its media.
    media: IpAddr,
}

impl Crowd {
    fn of(deployment: &Deployment) -> Crowd {
        deployment.within(|| {
            let ears = Arc::new(Ears::open());
            let caller = Caller::new(gateway_address(), &ears, false);
            let media = deployment.state.domain.address.parse().expect("it is an address");
            Crowd { ears, caller, media }
        })
    }

    fn join(&mut self) -> SocketAddr {
        let call = self
            .caller
            .call(&format!("{MEETING}*{PIN}"), Codec::Pcma)
            .unwrap_or_else(|why| panic!("{why}"));
        SocketAddr::new(self.media, self.caller.media(call).port())
    }
}

fn world(test: &str) -> JointWorld {
    let many = "max_people = 400\n";
    let plan = Plan::new().extra(TH, many).extra(SH, many);
    plan.lives(seconds(400)).start(test)
}

fn voice(to: SocketAddr, number: usize, phase: Duration, words: Words) -> Voice {
    Voice::new(to, Codec::Pcma, payload_type(Codec::Pcma), number, phase, words)
}

fn is_up(joint: &[Value]) -> bool {
    joint.iter().any(|link| link["state"] == "up" && link["media"] == true)
}

/// A phone's packet in to a phone's packet out across a border of 20 ms.
pub(crate) fn delay(bench: &mut Bench) {
    if cfg!(debug_assertions) {
        bench
            .report
            .note("this run was made with development builds, on a machine that did other work beside it");
    }
    let mut delays = Vec::new();
    let mut count = 0;
    for n in 0..SPEAKERS {
        let mut world = world("bench-joint-delay");
        world.border.delay(BORDER);
        let (mut th, mut sh) = (Crowd::of(world.th()), Crowd::of(world.sh()));
        let (speaker, listener) = (th.join(), sh.join());
        for deployment in &world.all {
            deployment.until_joint("sound", SOON, is_up);
        }
        let phase = Duration::from_micros(n * 20_000 / SPEAKERS);
        let bursts = Words::Bursts(Bursts::new(n + 1, BURSTS, seconds(QUIET)));
        let quiet = Words::Loop(silence(Codec::Pcma), 0);
        let mouth = Mouth::start(th.ears.socket(), vec![voice(speaker, 0, phase, bursts)]);
        let other = Mouth::start(sh.ears.socket(), vec![voice(listener, 1, phase, quiet)]);
        std::thread::sleep(seconds(QUIET) + Duration::from_millis(600) * BURSTS);
        let sent = mouth.stop();
        other.stop();
        let heard = sh
            .ears
            .heard(listener.port())
            .map(|heard| heard.onsets)
            .unwrap_or_default();
        count += sent[0].len();
        delays.extend(sent[0].iter().filter_map(|sent| {
            let heard = heard.iter().find(|heard| *heard >= sent)?;
            Some(*heard - *sent).filter(|delay| *delay < LATEST)
        }));
    }
    bench.report.note(format!(
        "delay across the border: {} of {count} bursts were heard; p5 {:.1} ms, p99 {:.1} ms",
        delays.len(),
        milliseconds(percentile(&mut delays, 5)),
        milliseconds(percentile(&mut delays, 99))
    ));
    for percent in [50, 95] {
        let what = format!("phone in Thuringia to phone in Schleswig-Holstein over a border of 20 ms, p{percent}");
        let row = Row::new(what, "ms", milliseconds(percentile(&mut delays, percent)), ALONE);
        bench
            .report
            .add(row.target(Target::AtMost(milliseconds(BORDER) + ADDED_MS)));
    }
}

/// From the invitation of a partner to both rosters and sound.
pub(crate) fn join(bench: &mut Bench) {
    let plan = Plan::new()
        .terms(Terms::open(TH, SH).invited())
        .terms(Terms::open(SH, TH).invited());
    let mut world = plan.lives(seconds(200)).start("bench-joint-join");
    world.border.delay(BORDER);
    let mut crowds = [Crowd::of(world.th()), Crowd::of(world.sh())];
    // Who says nothing at all for half a minute is hung up.
    let _mouths = crowds.each_mut().map(|crowd| {
        let words = Words::Loop(silence(Codec::Pcma), 0);
        let quiet = voice(crowd.join(), 0, Duration::ZERO, words);
        Mouth::start(crowd.ears.socket(), vec![quiet])
    });
    let mut took = Vec::new();
    for _ in 0..10 {
        let begin = Instant::now();
        let (status, text) = world.th().joint_order("invite", SH);
        assert_eq!(status, 202, "{text}");
        world.until_people(2, SOON);
        for deployment in &world.all {
            deployment.until_joint("sound", SOON, is_up);
        }
        took.push(begin.elapsed());
        world.sh().joint_order("part", TH);
        world.until_people(1, SOON);
        std::thread::sleep(BETWEEN_INVITATIONS);
    }
    for percent in [50, 95] {
        let what = format!("invitation of a partner to both rosters and sound, border of 20 ms, p{percent}");
        let row = Row::new(what, "s", percentile(&mut took, percent).as_secs_f64(), ALONE);
        bench.report.add(row.target(Target::AtMost(2.0)));
    }
}

/// What the border carries for 200 listeners, by what it carries for one.
pub(crate) fn listeners(bench: &mut Bench) {
    let mut octets = Vec::new();
    for count in [1, 200] {
        let mut world = world("bench-joint-listeners");
        let (mut th, mut sh) = (Crowd::of(world.th()), Crowd::of(world.sh()));
        let speaker = th.join();
        // Who says nothing at all for half a minute is hung up.
        let speech = Words::Loop(speech(Codec::Pcma, 1), 0);
        let mouth = Mouth::start(th.ears.socket(), vec![voice(speaker, 0, Duration::ZERO, speech)]);
        let quiet: Vec<Voice> = (0..count)
            .map(|n| voice(sh.join(), n, Duration::ZERO, Words::Loop(silence(Codec::Pcma), 0)))
            .collect();
        let others = Mouth::start(sh.ears.socket(), quiet);
        world.th().until_joint("sound", SOON, is_up);
        std::thread::sleep(seconds(5));
        world.border.zero();
        std::thread::sleep(seconds(11));
        let (packets, carried, streams) = media_by(&world.border.flows(), &TH.interface());
        bench.report.note(format!(
            "{count} listeners: {packets} packets and {carried} octets of sound in {streams} streams crossed in 10 s"
        ));
        octets.push(carried as f64);
        mouth.stop();
        others.stop();
    }
    let what = "sound across the border with 200 listeners, by that with one";
    let row = Row::new(what, "times", octets[1] / octets[0], ALONE);
    bench.report.add(row.target(Target::AtMost(1.10)));
}

/// A border that is cut for a minute, with 50 people on each side.
pub(crate) fn cut(bench: &mut Bench) {
    const PEOPLE: usize = 50;
    let mut world = world("bench-joint-cut");
    let mut crowds = [Crowd::of(world.th()), Crowd::of(world.sh())];
    let mut mouths = Vec::new();
    for (crowd, name) in crowds.iter_mut().zip([1, 2]) {
        let speak = |n: usize, to| match n {
            0..3 => voice(
                to,
                n,
                Duration::ZERO,
                Words::Loop(speech(Codec::Pcma, (n + name) as u64), 0),
            ),
            _ => voice(to, n, Duration::ZERO, Words::Loop(silence(Codec::Pcma), 0)),
        };
        let voices = (1..PEOPLE).map(|n| speak(n - 1, crowd.join())).collect();
        mouths.push(Mouth::start(crowd.ears.socket(), voices));
    }
    let listeners: Vec<Metronome> = world.all.iter().map(|d| d.within(|| Metronome::join(17_000))).collect();
    world.until_people(2 * PEOPLE, SOON);
    std::thread::sleep(seconds(3));
    let start = Instant::now();
    world.border.cut();
    let away = |people: &[Value]| people.iter().filter(|p| p["away"] == true).count();
    let marked = world.until_all("away", SOON, |people| away(people) == PEOPLE);
    std::thread::sleep(seconds(60).saturating_sub(start.elapsed()));
    let paces: Vec<_> = listeners
        .iter()
        .map(|listener| listener.pace(start.elapsed()))
        .collect();
    world.border.mend();
    let healed = world.until_all("one room", SOON, |people| {
        away(people) == 0 && people.len() == 2 * PEOPLE
    });
    let lost: u64 = paces.iter().map(|pace| pace.lost).sum();
    bench.report.note(format!(
        "while the border was cut, a listener on each side saw {paces:?}"
    ));
    bench.report.add(
        Row::new(
            "ticks lost on either side while the border is cut for 60 s, 2 × 50 people",
            "",
            lost as f64,
            ALONE,
        )
        .target(Target::AtMost(0.0)),
    );
    bench.report.add(
        Row::new("until far people are shown as away", "s", marked.as_secs_f64(), ALONE).target(Target::AtMost(2.5)),
    );
    bench.report.add(
        Row::new("from the repair to one room again", "s", healed.as_secs_f64(), ALONE).target(Target::AtMost(2.0)),
    );
    for mouth in mouths {
        mouth.stop();
    }
}

/// How even local ticks are while a partner sends 10 000 joins a second.
pub(crate) fn hostile(bench: &mut Bench) {
    let states = [(TH, Prosody), (SH, Prosody), (HE, Prosody)];
    let mut world = Plan::of(&states).lives(seconds(150)).start("bench-joint-hostile");
    world.all[2].gateway.signal("KILL");
    world.all[2].gateway.wait(seconds(5));
    let mut hostile = HostilePartner::start(&world.all[2]);
    let listener = world.th().within(|| Metronome::join(17_000));
    std::thread::sleep(seconds(12));
    let calm = listener.pace(seconds(8));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let life = now.map_or(0, |now| now.as_millis() as u64);
    let invite = "<invite authority='Hessen' home='th.example'/>";
    hostile.send(TH, &hostile.frame(TH, life, 1, invite).text());
    let there = hostile.life_there().to_string();
    let frames: Vec<String> = (0..800)
        .map(|n: u64| {
            let person = |k: u64| format!("<person id='{:032x}' name='Gast {k}' audio='true'/>", n * 100 + k);
            let news: String = (0..100).map(person).collect();
            let news = format!("<news first='{}'>{news}</news>", n * 100 + 1);
            hostile.frame(TH, life, n + 10, &news).with("toward", &there).text()
        })
        .collect();
    let answers = hostile.send_all(TH, &frames, "own", 100);
    let stormy = listener.pace(seconds(8));
    bench
        .report
        .note(format!("10 000 joins a second for 8 s were answered with {answers:?}"));
    bench
        .report
        .note(format!("a local listener: calm {calm:?}, under fire {stormy:?}"));
    let interval = |p99: Duration| 20.0 + milliseconds(p99);
    let what = "p99 of the time between two packets at a local listener, under fire by calm";
    let row = Row::new(what, "times", interval(stormy.p99) / interval(calm.p99), ALONE);
    bench.report.add(row.target(Target::AtMost(1.10)));
}
