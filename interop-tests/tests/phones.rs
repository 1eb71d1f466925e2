// SPDX-License-Identifier: EUPL-1.2
//! Real phones in a meeting: every transport, codec and cipher; the lobby by keys; who hears whom.
//!
//! Needs baresip, pjsua2, linphonec and a network namespace of its own: `interop-tests/tools/test.sh phones`.

use std::time::Duration;

use landbridge_interop_tests::gateway::{Gateway, MEETING, PIN, Setup, WEB, scratch};
use landbridge_interop_tests::peers::baresip;
use landbridge_interop_tests::peers::linphone::Linphone;
use landbridge_interop_tests::peers::python;
use landbridge_interop_tests::sound::{Recording, write_tone};

const SOON: Duration = Duration::from_secs(12);

fn direct(transport: &str, port: u16) -> String {
    format!("sip:{MEETING}*{PIN}@127.0.0.1:{port};transport={transport}")
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn pause(n: u64) {
    std::thread::sleep(seconds(n));
}

/// Two phones of one kind in the meeting: each hears the other and not itself.
fn pair_hears_each_other(test: &str, transport: &'static str, codec: &'static str, encryption: Option<&'static str>) {
    let gateway = Gateway::start(test);
    let (port, all) = (if transport == "tls" { 5061 } else { 5060 }, [440.0, 1000.0]);
    let phone = |name: &str, number: u16, hz: f64| {
        let mut setup = baresip::Setup::new(gateway.folder(), name, number, hz)
            .transport(transport)
            .codecs(&[codec]);
        if transport == "tls" {
            setup = setup.trusts(&gateway.authority());
        }
        if let Some(encryption) = encryption {
            setup = setup.encryption(encryption);
        }
        let mut phone = setup.start();
        phone.call(&direct(transport, port));
        phone
    };
    let alice = phone("alice", 1, all[0]);
    let bob = phone("bob", 2, all[1]);
    gateway.until_people(2, SOON);
    pause(6);
    alice
        .heard()
        .last(seconds(3), seconds(0))
        .hears_exactly("alice", &[all[1]], &all);
    bob.heard()
        .last(seconds(3), seconds(0))
        .hears_exactly("bob", &[all[0]], &all);
    if encryption.is_some() {
        for phone in [&alice, &bob] {
            assert!(
                phone.output().contains("SRTP is Enabled"),
                "no SRTP:\n{}",
                phone.output()
            );
        }
    }
    drop((alice, bob));
    gateway.until_people(0, SOON);
}

#[test]
fn pcma_over_udp() {
    pair_hears_each_other("pcma-udp", "udp", "g711", None);
}

#[test]
fn opus_over_tcp() {
    pair_hears_each_other("opus-tcp", "tcp", "opus", None);
}

#[test]
fn g722_over_tls_with_sdes() {
    pair_hears_each_other("g722-tls", "tls", "g722", Some("srtp-mand"));
}

#[test]
fn opus_over_tls_with_optional_sdes() {
    pair_hears_each_other("opus-tls", "tls", "opus", Some("srtp"));
}

#[test]
fn pcmu_over_udp_with_sdes() {
    let gateway = Setup::new(&scratch("pcmu-sdes"))
        .trunk("encryption = \"prefer\"\nlanguage = \"de\"\ncodecs = [\"pcmu\"]")
        .start();
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0)
        .encryption("srtp-mand")
        .start();
    alice.call(&direct("udp", 5060));
    let mut bob = baresip::Setup::new(gateway.folder(), "bob", 2, 1000.0).start();
    bob.call(&direct("udp", 5060));
    gateway.until_people(2, SOON);
    pause(6);
    alice
        .heard()
        .last(seconds(3), seconds(0))
        .hears_exactly("alice", &[1000.0], &[440.0, 1000.0]);
    bob.heard()
        .last(seconds(3), seconds(0))
        .hears_exactly("bob", &[440.0], &[440.0, 1000.0]);
    assert!(alice.output().contains("PCMU") && alice.output().contains("SRTP is Enabled"));
}

#[test]
fn a_trunk_that_requires_encryption_refuses_a_phone_without() {
    let gateway = Setup::new(&scratch("require"))
        .trunk("encryption = \"require\"\nlanguage = \"de\"")
        .start();
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    alice.dial(&direct("udp", 5060));
    alice.until("488", SOON);
    assert!(gateway.people().is_empty());
    let mut bob = baresip::Setup::new(gateway.folder(), "bob", 2, 440.0)
        .transport("tls")
        .trusts(&gateway.authority())
        .encryption("srtp-mand")
        .start();
    bob.call(&direct("tls", 5061));
    gateway.until_people(1, SOON);
}

#[test]
fn phones_of_four_codecs_each_hear_exactly_the_other_three() {
    let gateway = Gateway::start("four");
    // No sum or difference of three of them is near a fourth, so that no distortion looks like a voice.
    let all = [400.0, 610.0, 870.0, 1270.0];
    let codecs = ["g711", "g722", "opus", "g711"];
    let phones: Vec<_> = (0..4)
        .map(|n| {
            let name = format!("phone{n}");
            let setup = baresip::Setup::new(gateway.folder(), &name, n as u16 + 1, all[n]).codecs(&[codecs[n]]);
            let mut phone = setup.start();
            phone.call(&direct("udp", 5060));
            phone
        })
        .collect();
    gateway.until_people(4, SOON);
    pause(7);
    for (n, phone) in phones.iter().enumerate() {
        let others: Vec<f64> = all.iter().copied().filter(|hz| *hz != all[n]).collect();
        phone
            .heard()
            .last(seconds(4), seconds(0))
            .hears_exactly(&format!("phone {n}"), &others, &all);
    }
}

#[test]
fn meeting_id_and_pin_by_keys_in_german() {
    let gateway = Gateway::start("keys");
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    alice.call("sip:konferenz@127.0.0.1:5060");
    pause(2);
    alice.press(MEETING);
    pause(1);
    alice.press(PIN);
    gateway.until_people(1, SOON);
    assert!(alice.heard().rms() > -40.0, "prompts were heard");
    assert!(!gateway.log().contains(PIN), "a PIN is never logged");
}

#[test]
fn language_by_key_then_a_burst_before_the_prompt_ends() {
    let gateway = Setup::new(&scratch("burst")).trunk("encryption = \"prefer\"").start();
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0)
        .codecs(&["opus"])
        .start();
    alice.call("sip:conference@127.0.0.1:5060");
    // Whoever chooses a language takes breath; digits without a pause are a machine's.
    alice.press("2");
    pause(1);
    alice.press(&format!("{MEETING}{PIN}"));
    gateway.until_people(1, SOON);
}

#[test]
fn three_wrong_pins_end_the_call_and_nobody_got_in() {
    let gateway = Gateway::start("wrong");
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    alice.call("sip:konferenz@127.0.0.1:5060");
    for _ in 0..3 {
        alice.press(MEETING);
        alice.press("1111111111");
        pause(2);
    }
    alice.until("session closed", seconds(25));
    assert!(gateway.people().is_empty());
    assert!(!gateway.log().contains("1111111111"), "not even a wrong PIN is logged");
}

#[test]
fn keys_mute_and_raise_a_hand() {
    let gateway = Gateway::start("incall");
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    let mut bob = baresip::Setup::new(gateway.folder(), "bob", 2, 1000.0).start();
    alice.call(&direct("udp", 5060));
    bob.call(&direct("udp", 5060));
    gateway.until_people(2, SOON);
    bob.press("1");
    gateway.until("bob is muted", SOON, |people| people.iter().any(|p| p["muted"] == true));
    pause(5);
    alice
        .heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("alice", &[], &[1000.0]);
    bob.press("2");
    gateway.until("bob's hand is up", SOON, |people| people.iter().any(|p| p["hand"] == 1));
    bob.press("1");
    bob.press("2");
    gateway.until("bob speaks again, hand down", SOON, |people| {
        people.iter().all(|p| p["muted"] == false && p["hand"].is_null())
    });
    pause(4);
    alice
        .heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("alice", &[1000.0], &[440.0, 1000.0]);
}

#[test]
fn a_held_phone_hears_nothing_and_is_back_after_resume() {
    let gateway = Setup::new(&scratch("hold")).media("timeout = \"4s\"").start();
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    let mut bob = baresip::Setup::new(gateway.folder(), "bob", 2, 1000.0).start();
    alice.call(&direct("udp", 5060));
    bob.call(&direct("udp", 5060));
    gateway.until_people(2, SOON);
    alice.hold();
    // Longer than the media time-out: a held leg does not end by it.
    pause(7);
    gateway.until_people(2, seconds(1));
    bob.heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("bob", &[], &[440.0]);
    assert_eq!(alice.rates(), (0, 0), "nothing is sent to a phone that holds");
    alice.resume();
    pause(5);
    // baresip's recorder does not survive the hold, its meter does.
    let (sent, received) = alice.rates();
    assert!(sent > 10_000 && received > 10_000, "{sent} and {received} bit/s");
    bob.heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("bob", &[440.0], &[440.0, 1000.0]);
}

#[test]
fn pjsip_joins_and_hears() {
    let gateway = Gateway::start("pjsua");
    write_tone(&gateway.folder().join("pjsua-tone.wav"), 660.0, 16_000, 30);
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    alice.call(&direct("udp", 5060));
    let folder = gateway.folder().to_string_lossy().into_owned();
    let args = [
        folder.as_str(),
        "sip:konferenz@127.0.0.1:5060",
        "8",
        &format!("{MEETING}{PIN}"),
    ]
    .map(str::to_owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut pjsua = python::start(gateway.folder(), "pjsua.py", seconds(60), &args);
    pjsua.until("DTMF-SENT", seconds(30));
    gateway.until_people(2, SOON);
    pause(5);
    alice
        .heard()
        .last(seconds(3), seconds(0))
        .hears_exactly("alice", &[660.0], &[440.0, 660.0]);
    pjsua.wait(seconds(20));
    let heard = Recording::read_growing(&gateway.folder().join("pjsua-heard.wav"));
    heard
        .last(seconds(3), seconds(1))
        .hears_exactly("pjsua", &[440.0], &[440.0, 660.0]);
}

#[test]
fn linphone_joins_by_keys_and_hears() {
    let gateway = Gateway::start("linphone");
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0).start();
    alice.call(&direct("udp", 5060));
    let mut linphone = Linphone::start(gateway.folder(), 770.0);
    linphone.call("sip:konferenz@127.0.0.1:5060");
    linphone.press(&format!("{MEETING}{PIN}"));
    gateway.until_people(2, seconds(25));
    pause(5);
    alice
        .heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("alice", &[770.0], &[440.0, 770.0]);
    linphone
        .heard()
        .last(seconds(3), seconds(2))
        .hears_exactly("linphone", &[440.0], &[440.0, 770.0]);
}

#[test]
fn aiortc_joins_over_whip_and_leaves_by_delete() {
    let gateway = Gateway::start("whip");
    write_tone(&gateway.folder().join("whip-tone.wav"), 880.0, 48_000, 60);
    let mut alice = baresip::Setup::new(gateway.folder(), "alice", 1, 440.0)
        .codecs(&["g722"])
        .start();
    alice.call(&direct("udp", 5060));
    let folder = gateway.folder().to_string_lossy().into_owned();
    let url = format!("{WEB}/whip/{MEETING}?name=aiortc");
    let mut peer = python::start(gateway.folder(), "whip.py", seconds(60), &[&folder, &url, PIN, "8"]);
    peer.until("CONNECTED", seconds(20));
    gateway.until_people(2, SOON);
    pause(6);
    alice
        .heard()
        .last(seconds(3), seconds(0))
        .hears_exactly("alice", &[880.0], &[440.0, 880.0]);
    peer.until("ENDED 200", SOON);
    gateway.until_people(1, SOON);
    let heard = Recording::read_growing(&gateway.folder().join("whip-heard.wav"));
    heard
        .last(seconds(3), seconds(1))
        .hears_exactly("aiortc", &[440.0], &[440.0, 880.0]);
    let mut stranger = python::start(
        gateway.folder(),
        "whip.py",
        seconds(60),
        &[&folder, &url, "0000000000", "1"],
    );
    stranger.until("REFUSED 403", seconds(20));
}
