// SPDX-License-Identifier: EUPL-1.2
//! `make joint-session`: two deployments, a border, a short session; tells what crossed the border and how to join.
//!
//! Run it through `examples/joint-session/demo.sh`, which builds, and gives it a network of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use landbridge_interop_tests::gateway::{MEETING, MODERATOR_PIN, PIN};
use landbridge_interop_tests::joint_world::{Deployment, JointWorld, Plan};
use landbridge_interop_tests::peers::border::{Flow, media_by};
use landbridge_interop_tests::xmpp_world::phone_hears;

/// What the telephones hum.
const ANNA_HZ: f64 = 440.0;
const BENT_HZ: f64 = 660.0;
/// How long the parties have for what they do.
const SOON: Duration = Duration::from_secs(20);
/// How long the session is watched.
const WATCHED: Duration = Duration::from_secs(5);

fn main() {
    let seconds = std::env::var("DEMO_SECONDS").ok().and_then(|text| text.parse().ok());
    let lives = Duration::from_secs(seconds.unwrap_or(3_500) + 60);
    println!("starting two deployments: names, XMPP servers, gateways, and a border between them …");
    let mut world = Plan::new().lives(lives).start("joint-session");
    let capture = world.border.record();
    let mut anna = world.th().phone("anna", 1, ANNA_HZ, "opus");
    let mut bent = world.sh().phone("bent", 1, BENT_HZ, "g711");
    println!("the rooms are joined after {:.1?}", world.until_up(SOON));
    let all = [ANNA_HZ, BENT_HZ];
    phone_hears(&anna, &[BENT_HZ], &all, SOON);
    phone_hears(&bent, &[ANNA_HZ], &all, SOON);
    println!("Anna in Thuringia and Bent in Schleswig-Holstein hear each other");
    anna.press("2");
    world.until_all("Anna's hand", SOON, |people| people.iter().any(|p| p["hand"] == 1));
    bent.press("1");
    world.until_all("Bent is mute", SOON, |people| people.iter().any(|p| p["muted"] == true));
    println!("Anna's hand is up and Bent is mute in both rooms");
    bent.press("1");
    world.border.zero();
    std::thread::sleep(WATCHED + Duration::from_secs(1));
    crossed(&world);
    how_to_join(&world, &capture.display().to_string());
    let begin = Instant::now();
    let rest = Duration::from_secs(seconds.unwrap_or(3_400));
    while begin.elapsed() < rest {
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Tells what crossed the border: streams and octets of sound, and each field of the frames with how often it was told.
fn crossed(world: &JointWorld) {
    let flows = world.border.flows();
    println!("\nWhat crossed the border");
    for deployment in &world.all {
        let interface = deployment.state.interface();
        let (packets, octets, streams) = media_by(&flows, &interface);
        let of_server = |flow: &&Flow| flow.by == interface && !flow.is_udp;
        let words: u64 = flows.iter().filter(of_server).map(|flow| flow.octets).sum();
        println!(
            "  from {}: {streams} streams of sound, {packets} packets, {octets} octets; {words} octets between the servers (TLS)",
            deployment.state.domain.name
        );
        let frames = deployment.frames();
        let fields = fields(&frames);
        let told: Vec<String> = fields.iter().map(|(field, count)| format!("{field} {count}")).collect();
        println!("    in {} sealed frames: {}", frames.len(), told.join(", "));
    }
    println!(
        "  no number, address, PIN or user agent is among them; `landbridge explain federation` says why each field leaves"
    );
}

/// Counts elements and attributes of frames.
fn fields(frames: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for frame in frames {
        for tag in frame.split('<').skip(1).filter(|tag| !tag.starts_with('/')) {
            let mut words = tag.split(['>', '/']).next().unwrap_or_default().split(' ');
            let element = words.next().unwrap_or_default().to_owned();
            let attributes = words.filter_map(|word| word.split_once('=').map(|(name, _)| format!("{element}@{name}")));
            for name in attributes
                .chain([element.clone()])
                .filter(|name| !name.contains("xmlns"))
            {
                *counts.entry(name).or_insert(0) += 1;
            }
        }
    }
    counts
}

fn how_to_join(world: &JointWorld, capture: &str) {
    println!("\nHow to join (PIN {PIN}, moderators {MODERATOR_PIN}; as the user who started this)");
    for Deployment { state, network, .. } in &world.all {
        let enter = format!("nsenter --target {} --net", network.pid());
        println!("  {}", state.authority);
        println!("    browser     {enter} chromium --no-sandbox 'http://127.0.0.1:8080/?meeting={MEETING}'");
        println!("    softphone   {enter} baresip -e '/dial sip:{MEETING}*{PIN}@127.0.0.1'");
        println!("    who is in   {enter} curl -s http://127.0.0.1:9090/api/rooms/{MEETING}");
        println!("    files       {}", world.folder().join(state.short).display());
    }
    let border = std::process::id();
    println!("  The border");
    println!("    watch       wireshark {capture}");
    println!(
        "    cut         nsenter --target {border} --net nft add table inet border '{{ chain forward {{ type filter hook forward priority 0; drop; }}; }}'"
    );
    println!("    mend        nsenter --target {border} --net nft delete table inet border\n");
}
