// SPDX-License-Identifier: EUPL-1.2
//! Strangers who send what nobody should, by XMPP and by SIP: the stream to the server stays, other calls lose nothing, and
//! it costs the gateway next to no time.
//!
//! Needs prosody, ejabberd, slixmpp, aiortc, baresip and a network namespace of its own:
//! `interop-tests/tools/test.sh xmpp_hostile`.

use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{Gateway, MEETING, PIN};
use landbridge_interop_tests::peers::baresip::Baresip;
use landbridge_interop_tests::peers::jingle_person::JinglePerson;
use landbridge_interop_tests::peers::nuisances;
use landbridge_interop_tests::peers::xmpp_person::XmppPerson;
use landbridge_interop_tests::peers::xmpp_server::Software::{Ejabberd, Prosody};
use landbridge_interop_tests::wire::{Client, offer};
use landbridge_interop_tests::xmpp_world::{PHONE_HZ, Plan, World, phone_hears};

const ALICE_HZ: f64 = 400.0;
const ALL: [f64; 2] = [PHONE_HZ, ALICE_HZ];
const SOON: Duration = Duration::from_secs(12);
/// What one nuisance may cost this build of the gateway, which is hardly optimised; a cost that grows with the square of
/// anything is far beyond it.
const COST: Duration = Duration::from_millis(150);
/// The longest pause in what a client hears that nobody takes for a fault.
const PAUSE_MS: u64 = 400;

/// Returns the processor time that a process has used; Linux counts hundredths of seconds.
fn used(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the gateway runs");
    // The name in parentheses may hold blanks; utime and stime are the 12th and 13th field behind it.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks: u64 = fields[11..=12]
        .iter()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(10 * ticks)
}

/// The share of a processor that the gateway uses for the calls that go on.
fn usual_load(gateway: &Gateway) -> f64 {
    let (before, begin) = (used(gateway.pid()), Instant::now());
    std::thread::sleep(Duration::from_secs(5));
    (used(gateway.pid()) - before).as_secs_f64() / begin.elapsed().as_secs_f64()
}

/// What the others notice while something is done: pauses, a lost stream, time that it costs.
struct Watch {
    phone: Baresip,
    alice: JinglePerson,
    load: f64,
    /// What was wrong so far.
    wrong: Vec<String>,
}

impl Watch {
    fn start(world: &World) -> Watch {
        let phone = world.phone();
        let mut alice = JinglePerson::start(world.folder(), "alice", world.people(), ALICE_HZ, 280);
        alice.call(&world.room_with_pin(), "");
        alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
        phone_hears(&phone, &[ALICE_HZ], &ALL, SOON);
        std::thread::sleep(Duration::from_secs(4));
        Watch {
            phone,
            alice,
            load: usual_load(&world.gateway),
            wrong: Vec::new(),
        }
    }

    fn during(&mut self, world: &World, what: &str, done: impl FnOnce()) {
        let gateway = &world.gateway;
        let failures = gateway.metric("landbridge_xmpp_stream_failures_total");
        let from = self.phone.heard().duration();
        let mark = self.alice.puppet().mark();
        let (before, begin) = (used(gateway.pid()), Instant::now());
        done();
        std::thread::sleep(Duration::from_millis(1500));
        let usual = Duration::from_secs_f64(self.load * begin.elapsed().as_secs_f64());
        let cost = (used(gateway.pid()) - before).saturating_sub(usual);
        let gaps = self.phone.heard().part(from, Duration::from_secs(60)).gaps(ALICE_HZ);
        let (pause, _) = self.alice.pauses(mark);
        let up = gateway.metric("landbridge_xmpp_stream_up");
        let failed = gateway.metric("landbridge_xmpp_stream_failures_total") - failures;
        println!("{what}: {cost:?}, the phone missed {gaps:?}, alice at most {pause} ms, streams lost {failed}");
        let mut blame = |is_wrong: bool, text: String| {
            if is_wrong {
                self.wrong.push(format!("{what}: {text}"));
            }
        };
        blame(cost > COST, format!("cost {cost:?}"));
        blame(gaps > Duration::from_millis(100), format!("the phone missed {gaps:?}"));
        blame(pause > PAUSE_MS, format!("alice missed {pause} ms"));
        blame(up < 1.0 || failed > 0.0, "the stream was closed".into());
    }

    fn judge(self, world: &World) {
        let log = world.gateway.log();
        assert!(!log.contains("panicked"), "{log}");
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
    }
}

/// All nuisances, one after the other, of somebody at the same server.
fn nuisances_do_no_harm(plan: Plan, test: &str, of: &[&str]) {
    let world = plan.start(test);
    let mut watch = Watch::start(&world);
    let mut mallory = XmppPerson::start(world.folder(), "mallory", world.people(), 280);
    let dialled = watch.alice.until_event(0, "dialled", SOON);
    let sid = dialled["sid"].as_str().unwrap_or_default().to_owned();
    let alice = format!("{}/test", watch.alice.jid());
    for (name, file) in nuisances::write(world.folder(), &world.room(), &sid, &alice) {
        if !of.is_empty() && !of.contains(&name.as_str()) {
            continue;
        }
        watch.during(&world, &name, || {
            mallory.step(&format!("file {}", file.display()));
            // The server hands it all on before it answers what comes behind it.
            let mark = mallory.puppet().mark();
            let ping = format!("behind-{name}");
            let to = world.people().name;
            mallory.step(&format!(
                "raw <iq type='get' to='{to}' id='{ping}'><ping xmlns='urn:xmpp:ping'/></iq>"
            ));
            mallory.until_comes(mark, &[&ping], Duration::from_secs(20));
        });
    }
    phone_hears(&watch.phone, &[ALICE_HZ], &ALL, SOON);
    watch.alice.hears_exactly(&[PHONE_HZ], &ALL, SOON);
    // Somebody who behaves is served at once.
    let mut bob = JinglePerson::start(world.folder(), "bob", world.people(), 1270.0, 60);
    bob.call(&world.room_with_pin(), "");
    world.gateway.until("bob is in", SOON, |people| people.len() >= 3);
    watch.judge(&world);
}

#[test]
fn nuisances_through_ejabberd_do_no_harm() {
    // It passes on whatever size there is.
    nuisances_do_no_harm(Plan::new(Ejabberd), "xmpp-nuisances-ejabberd", &[]);
}

#[test]
fn nuisances_through_prosody_do_no_harm() {
    // It ends the stream of a client whose stanza is too large.
    let small = [
        "presences",
        "iqs",
        "results",
        "foreign",
        "proposals",
        "trickle",
        "payloads",
        "attributes",
        "many",
        "chat",
    ];
    nuisances_do_no_harm(Plan::new(Prosody), "xmpp-nuisances-prosody", &small);
}

/// Names with every trick, on telephones: nothing of them reaches the stream that XML forbids.
#[test]
fn names_of_telephones_do_no_harm() {
    let world = Plan::new(Prosody).start("xmpp-names");
    let mut watch = Watch::start(&world);
    let mut reader = XmppPerson::start(world.folder(), "dora", world.people(), 120);
    reader.join(&format!("{}/reader", world.room()), PIN);
    let long = format!("\"{}\"", "ä".repeat(2000));
    let names: [&[u8]; 18] = [
        "\"\u{202e}live\u{202c}\"".as_bytes(),
        "\"\u{feff}\u{200b}\u{2060}\"".as_bytes(),
        "\"\u{fffe}\u{ffff}\"".as_bytes(),
        b"\"\x01\x02\x1b[31m\"",
        b"\"a\x00b\"",
        b"\"\xff\xfe\xc0\x80\"",
        b"\"\xed\xa0\x80\"",
        b"\"</body></message></stream:stream>\"",
        b"\"]]>&amp;&#0;&bogus;\"",
        b"\"<!DOCTYPE x [<!ENTITY a 'b'>]>\"",
        "\"\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{1f3f4}\u{e0067}\u{e007f}\"".as_bytes(),
        "\"Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{36b}\u{33d}\u{34f}\u{334}\u{319}\"".as_bytes(),
        b"\"reader\"",
        b"\"Mira\"",
        b"\"   \"",
        b"\"a/b@c\\\\d\"",
        "\"\u{2028}\u{2029}\u{85}\"".as_bytes(),
        long.as_bytes(),
    ];
    let client = Client::at("127.0.0.1:0");
    let user = format!("{MEETING}*{PIN}");
    for (number, name) in names.into_iter().enumerate() {
        let body = offer("127.0.0.1", 30_000 + 2 * number as u16);
        let text = String::from_utf8_lossy(name)
            .chars()
            .take(30)
            .collect::<String>()
            .escape_debug()
            .to_string();
        watch.during(&world, &text, || {
            client.call_as(name, &user, &body, Duration::from_millis(300));
        });
    }
    world.gateway.until("the callers are gone", SOON, |people| {
        people.iter().filter(|p| p["kind"] == "phone").count() <= 1
    });
    let mark = reader.puppet().mark();
    reader.step(&format!("groupchat {} still here", world.room()));
    reader.until_reads(mark, &world.room(), "still here", SOON);
    watch.judge(&world);
}
