// SPDX-License-Identifier: EUPL-1.2
//! The strangers among themselves, without the gateway: when this suite fails, no other one proves anything.

use std::path::Path;
use std::time::Duration;

use landbridge_interop_tests::gateway::scratch;
use landbridge_interop_tests::peers::linphone::Linphone;
use landbridge_interop_tests::peers::{baresip, python};
use landbridge_interop_tests::sound::{Recording, write_tone};

const BOTH: [f64; 2] = [440.0, 1000.0];

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn bob(folder: &Path, codecs: &[&'static str]) -> baresip::Baresip {
    baresip::Setup::new(folder, "bob", 2, BOTH[1])
        .codecs(codecs)
        .answers()
        .start()
}

#[test]
fn two_baresips_hear_each_other_in_every_codec() {
    for codec in ["g711", "g722", "opus"] {
        let folder = scratch(&format!("peers-{codec}"));
        let bob = bob(&folder, &[codec]);
        let mut alice = baresip::Setup::new(&folder, "alice", 1, BOTH[0])
            .codecs(&[codec])
            .start();
        alice.call(&bob.uri());
        std::thread::sleep(seconds(4));
        alice
            .heard()
            .last(seconds(2), seconds(0))
            .hears_exactly("alice", &[BOTH[1]], &BOTH);
        bob.heard()
            .last(seconds(2), seconds(0))
            .hears_exactly("bob", &[BOTH[0]], &BOTH);
    }
}

#[test]
fn a_digit_a_hold_and_a_hang_up_arrive() {
    let folder = scratch("peers-keys");
    let mut bob = bob(&folder, &["g711"]);
    let mut alice = baresip::Setup::new(&folder, "alice", 1, BOTH[0]).start();
    alice.call(&bob.uri());
    std::thread::sleep(seconds(1));
    alice.press("7");
    bob.until("received event: '7'", seconds(5));
    alice.hold();
    std::thread::sleep(seconds(3));
    // baresip asks for silence and goes on humming itself.
    assert!(bob.output().contains("a=sendonly"), "no hold arrived");
    alice.resume();
    std::thread::sleep(seconds(3));
    bob.heard()
        .last(seconds(1), seconds(0))
        .hears_exactly("bob", &[BOTH[0]], &BOTH);
    alice.hang_up();
    bob.until("session closed", seconds(5));
}

#[test]
fn linphone_and_baresip_hear_each_other() {
    let folder = scratch("peers-linphone");
    let bob = bob(&folder, &["g711"]);
    let mut linphone = Linphone::start(&folder, BOTH[0]);
    linphone.call(&bob.uri());
    std::thread::sleep(seconds(5));
    bob.heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("bob", &[BOTH[0]], &BOTH);
    linphone
        .heard()
        .last(seconds(2), seconds(2))
        .hears_exactly("linphone", &[BOTH[1]], &BOTH);
}

#[test]
fn pjsip_and_baresip_hear_each_other() {
    let folder = scratch("peers-pjsip");
    let bob = bob(&folder, &["g711"]);
    write_tone(&folder.join("pjsua-tone.wav"), BOTH[0], 16_000, 30);
    let text = folder.to_string_lossy().into_owned();
    let mut pjsua = python::start(&folder, "pjsua.py", seconds(30), &[&text, &bob.uri(), "5"]);
    pjsua.until("CONNECTED", seconds(10));
    std::thread::sleep(seconds(4));
    bob.heard()
        .last(seconds(2), seconds(0))
        .hears_exactly("bob", &[BOTH[0]], &BOTH);
    pjsua.wait(seconds(20));
    let heard = Recording::read_growing(&folder.join("pjsua-heard.wav"));
    heard
        .last(seconds(2), seconds(1))
        .hears_exactly("pjsua", &[BOTH[1]], &BOTH);
}
