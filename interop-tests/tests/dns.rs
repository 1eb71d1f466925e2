// SPDX-License-Identifier: EUPL-1.2
//! What partners publish, asked of a real name server with signed zones.
//!
//! Needs knotd and keymgr, and a network namespace of its own: `interop-tests/tools/test.sh dns`.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use landbridge_interop_tests::gateway::{landbridge, scratch};
use landbridge_interop_tests::process::Process;

const PORT: u16 = 15353;
const TLSA: &str = "TLSA 3 1 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A root of our own: `sh` has everything, `by` no TLSA; `open` is not signed; of `bogus` the root has a wrong digest.
fn zones(folder: &Path) {
    let soa = "@ SOA ns.example. hostmaster.example. 1 60 60 60 60\n@ NS ns.example.\n";
    let root = format!(
        "$ORIGIN .\n$TTL 60\n{soa}$ORIGIN example.\nns A 127.0.0.1\n\
         _xmpp-server._tcp.meet.sh SRV 0 5 5269 xmpp.sh\n_5269._tcp.xmpp.sh {TLSA}\n\
         _xmpp-server._tcp.meet.by SRV 0 5 5269 xmpp.by\nxmpp.by A 127.0.0.1\n\
         _xmpp-server._tcp.meet.mixed SRV 0 5 5269 xmpp.sh\n_xmpp-server._tcp.meet.mixed SRV 0 5 5269 xmpp.by\n\
         open NS ns\nbogus NS ns\n\
         bogus DS 12345 13 2 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
    );
    std::fs::write(folder.join("root.zone"), root).unwrap();
    for zone in ["open", "bogus"] {
        let text = format!(
            "$ORIGIN {zone}.example.\n$TTL 60\n{soa}_xmpp-server._tcp.meet SRV 0 5 5269 xmpp\n_5269._tcp.xmpp {TLSA}\n"
        );
        std::fs::write(folder.join(format!("{zone}.example.zone")), text).unwrap();
    }
    let here = folder.display();
    let conf = format!(
        "server:\n  rundir: {here}\n  listen: 127.0.0.1@{PORT}\nlog:\n  - target: stderr\n    any: info\n\
         database:\n  storage: {here}/db\npolicy:\n  - id: p\n    algorithm: ecdsap256sha256\n    ksk-lifetime: 0\n\
         template:\n  - id: default\n    storage: {here}\n    zonefile-sync: -1\n    journal-content: all\n    \
         zonefile-load: difference-no-serial\nzone:\n  - domain: .\n    file: root.zone\n    dnssec-signing: on\n    \
         dnssec-policy: p\n  - domain: open.example\n    file: open.example.zone\n  - domain: bogus.example\n    \
         file: bogus.example.zone\n    dnssec-signing: on\n    dnssec-policy: p\n"
    );
    std::fs::write(folder.join("knot.conf"), conf).unwrap();
    std::fs::create_dir_all(folder.join("db")).unwrap();
}

fn anchor(folder: &Path) {
    let keymgr = ["/usr/sbin/keymgr", "keymgr"]
        .into_iter()
        .find(|name| Path::new(name).exists());
    let done = Command::new(keymgr.unwrap_or("keymgr"))
        .args(["-c", "knot.conf", ".", "dnskey"])
        .current_dir(folder)
        .output()
        .unwrap();
    let key = String::from_utf8(done.stdout).unwrap();
    let key = key.split_once("DNSKEY ").unwrap().1;
    std::fs::write(folder.join("root.key"), format!(". 60 IN DNSKEY {key}")).unwrap();
}

#[test]
fn dnssec_says_of_each_partner_what_is_true_and_is_believed_by_our_own_root_alone() {
    let folder = scratch("dns");
    zones(&folder);
    let limit = Duration::from_secs(60);
    let mut knot = Process::start(&folder, "knot", limit, "/usr/sbin/knotd", &["-c", "knot.conf"]);
    knot.until("server started", Duration::from_secs(10));
    anchor(&folder);
    let config = |anchor: &str| {
        format!("[sip]\nlisten = [\"udp:127.0.0.1:15060\"]\n[dns]\nservers = [\"127.0.0.1:{PORT}\"]\n{anchor}")
    };
    std::fs::write(folder.join("landbridge.toml"), config("trust_anchor = \"root.key\"\n")).unwrap();
    let dane = |domain: &str| {
        let done = landbridge(&folder, &["federation", "dane", domain]);
        let text = String::from_utf8(done.stdout).unwrap();
        text.lines().next().unwrap_or_default().to_owned()
    };
    for (domain, state) in [
        ("meet.sh.example", "secure"),
        ("meet.by.example", "absent"),
        ("meet.mixed.example", "absent"),
        ("meet.none.example", "absent"),
        ("meet.open.example", "insecure"),
        ("meet.bogus.example", "bogus"),
    ] {
        assert_eq!(dane(domain), format!("{domain}: {state}"));
    }
    // The real root's key did not sign this one.
    std::fs::write(folder.join("landbridge.toml"), config("")).unwrap();
    assert_eq!(dane("meet.sh.example"), "meet.sh.example: bogus");
    knot.signal("TERM");
    std::fs::write(folder.join("landbridge.toml"), config("trust_anchor = \"root.key\"\n")).unwrap();
    knot.wait(Duration::from_secs(10));
    assert_eq!(dane("meet.sh.example"), "meet.sh.example: unknown");
}
