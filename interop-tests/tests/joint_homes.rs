// SPDX-License-Identifier: EUPL-1.2
//! A joint session of two deployments whose meetings are at home in OpenTalk, with genuine roomservers and LiveKit servers.
//!
//! Needs prosody, the roomservers, livekit-server, Chromium, baresip, nftables and a network namespace of its own:
//! `interop-tests/tools/test.sh joint_homes`.

use std::time::Duration;

use landbridge_interop_tests::joint_world::{Deployment, JointWorld, Plan, SH, TH};
use landbridge_interop_tests::peers::baresip::Baresip;
use landbridge_interop_tests::peers::controller::Controller;
use landbridge_interop_tests::peers::livekit_person::{Person, is_muted};
use landbridge_interop_tests::peers::livekit_server::{self, LivekitServer};
use landbridge_interop_tests::peers::opentalk_person::OpentalkPerson;
use landbridge_interop_tests::peers::roomserver::{Generation, Meeting, Roomserver};
use landbridge_interop_tests::prompts::until_heard;
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);
/// What the phones of Thuringia and Schleswig-Holstein hum, then the people at their web pages.
const HUMS: [f64; 4] = [400.0, 610.0, 1270.0, 930.0];

/// OpenTalk, as one deployment has it.
struct Conference {
    meeting: Meeting,
    roomserver: Roomserver,
    _controller: Controller,
    _livekit: LivekitServer,
}

impl Conference {
    fn open(deployment: &Deployment, generation: Generation, number: u32) -> Conference {
        deployment.within(|| {
            let folder = deployment.folder();
            let livekit = livekit_server::Setup::new(folder, livekit_server::NEWEST)
                .address(deployment.state.domain.address)
                .start();
            let roomserver = Roomserver::start(folder, generation);
            let meeting = Meeting::new(number);
            let controller = Controller::start(folder, &roomserver, &meeting);
            Conference {
                meeting,
                roomserver,
                _controller: controller,
                _livekit: livekit,
            }
        })
    }

    /// The moderator's signalling, and her browser with sound.
    fn moderator(&self, deployment: &Deployment, hz: f64) -> (OpentalkPerson, Person) {
        deployment.within(|| {
            let folder = deployment.folder();
            let mut alice = OpentalkPerson::moderator(folder, &self.roomserver, &self.meeting, 160);
            alice.until_in();
            let mut web = Person::browser(folder, "web", &alice.credentials().door(), hz as u32, 150);
            web.until_in();
            (alice, web)
        })
    }
}

fn world(test: &str) -> JointWorld {
    let plan = Plan::new().no_meeting();
    let plan = plan.extra(TH, &Controller::section()).extra(SH, &Controller::section());
    plan.start(test)
}

fn hears(phone: &Baresip, who: &str, heard: &[f64]) {
    let (window, back) = (Duration::from_secs(2), Duration::ZERO);
    phone.heard().last(window, back).hears_exactly(who, heard, &HUMS);
}

#[test]
fn two_meetings_of_opentalk_are_one_for_phones_and_browsers_of_both_sides() {
    let world = world("joint-homes");
    let (th, sh) = (world.th(), world.sh());
    let at_th = Conference::open(th, Generation::First, 1);
    let at_sh = Conference::open(sh, Generation::Tenth, 2);
    let (mut alice, mut web_th) = at_th.moderator(th, HUMS[2]);
    let (bettina, mut web_sh) = at_sh.moderator(sh, HUMS[3]);
    let mut toni = th.phone("toni", 1, HUMS[0], "opus");
    th.until_people(2, SOON);
    let (mark_th, mark_sh) = (alice.mark(), bettina.mark());
    let mut svea = sh.phone("svea", 2, HUMS[1], "g711");

    // All are there on both sides: nobody twice, nobody missing.
    let took = world.until_people(4, SOON);
    println!("joined within {took:?} after the call");
    for deployment in [th, sh] {
        let far = deployment.until("two far people", SOON, |people| {
            people.iter().filter(|person| person["kind"] == "federated").count() == 2
        });
        assert_eq!(
            far.iter().filter(|person| person["kind"] == "browser").count(),
            1,
            "{far:?}"
        );
    }

    // By tone: phones hear far people without, browsers by their stand-ins.
    th.within(|| web_th.hears_exactly(&[HUMS[0], HUMS[1], HUMS[3]], &HUMS, SOON));
    sh.within(|| web_sh.hears_exactly(&[HUMS[0], HUMS[1], HUMS[2]], &HUMS, SOON));
    std::thread::sleep(Duration::from_secs(3));
    hears(&toni, "Toni's phone", &[HUMS[1], HUMS[2], HUMS[3]]);
    hears(&svea, "Svea's phone", &[HUMS[0], HUMS[2], HUMS[3]]);

    // Names, as the moderators see them.
    let comes = alice.puppet().until_after(mark_th, "Svea comes", SOON, |line| {
        let name = line["payload"]["peer_data"]["core"]["display_name"].as_str();
        name.is_some_and(|name| name.starts_with("svea"))
    });
    let comes = &comes["payload"];
    assert_eq!(comes["peer_data"]["core"]["display_name"], "svea (Schleswig-Holstein)");
    let svea_at_th = comes["participant_id"].as_str().expect("it has an id").to_owned();
    assert!(bettina.was_told(mark_sh, "core", "participant_connected"));

    // A hand, lowered by the other side's moderator.
    svea.press("2");
    let raised = alice.until("raise_hands", "hand_raised", SOON);
    assert_eq!(raised["participant"], svea_at_th.as_str());
    let from = svea.heard().duration();
    alice.send("raise_hands", &json!({ "action": "reset_raised_hands" }));
    until_heard(&svea, from, "de", "hand-lowered-by-moderator", SOON);

    // Muted by the other side's moderator, and open again by her own key.
    let from = svea.heard().duration();
    alice.mute(&svea_at_th);
    until_heard(&svea, from, "de", "muted-by-moderator", SOON);
    th.within(|| web_th.until_person(&svea_at_th, "is muted", SOON, is_muted));
    sh.within(|| web_sh.hears_exactly(&[HUMS[0], HUMS[2]], &HUMS, SOON));
    svea.press("1");
    th.within(|| web_th.hears_exactly(&[HUMS[0], HUMS[1], HUMS[3]], &HUMS, SOON));

    // Removed by the other side's moderator.
    let from = svea.heard().duration();
    alice.moderate("kick", &svea_at_th);
    until_heard(&svea, from, "de", "removed", SOON);
    svea.until("session closed", SOON);
    world.until_people(3, SOON);
    th.within(|| web_th.hears_exactly(&[HUMS[0], HUMS[3]], &HUMS, SOON));
    sh.within(|| web_sh.hears_exactly(&[HUMS[0], HUMS[2]], &HUMS, SOON));
    toni.hang_up();
    world.nobody_panicked();
}
