// SPDX-License-Identifier: EUPL-1.2
//! Names and certificates of the XMPP servers: a name server with their addresses and services, and an authority that
//! all of them trust.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::peers::python;
use crate::process::Process;

/// Where the name server answers (UDP); everything that reads `/etc/resolv.conf` needs port 53.
pub const RESOLVER: &str = "127.0.0.54";

/// A domain of a test with its own address: `a.example` is 127.0.0.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: &'static str,
    /// The address of its server.
    pub address: &'static str,
}

/// The first domain.
pub const A: Domain = Domain {
    name: "a.example",
    address: "127.0.0.2",
};
/// The second domain, on another server.
pub const B: Domain = Domain {
    name: "b.example",
    address: "127.0.0.3",
};

/// How long it may run.
const LIMIT: Duration = Duration::from_secs(3_600);

/// A running name server; it ends when dropped.
pub struct Names {
    _process: Process,
}

impl Names {
    /// Starts it and makes the certificates of both domains in the scratch folder.
    pub fn start(scratch: &Path) -> Names {
        certificates(scratch, &[A, B]);
        Names::of(scratch, &[A, B])
    }

    /// Starts it for domains that have their certificates.
    pub fn of(scratch: &Path, domains: &[Domain]) -> Names {
        let zones: Vec<String> = domains.iter().map(|d| format!("{}={}", d.name, d.address)).collect();
        let listen = format!("{RESOLVER}:53");
        let mut args = vec![listen.as_str()];
        args.extend(zones.iter().map(String::as_str));
        let mut process = python::start_as(scratch, "names", "names.py", LIMIT, &args);
        process.until("listening", Duration::from_secs(10));
        Names { _process: process }
    }
}

/// Returns the certificate authority (PEM) of the servers.
pub fn authority(scratch: &Path) -> PathBuf {
    scratch.join("xmpp-ca.pem")
}

/// Returns the words before a command that shall see the names and the authority of the test wherever it looks.
pub(crate) fn own_etc(scratch: &Path) -> [String; 2] {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/own_etc.sh");
    [&script, scratch].map(|path| path.to_str().expect("the path is UTF-8").to_owned())
}

/// Makes an authority, and for each domain a key, a certificate and both in one file.
pub fn certificates(scratch: &Path, domains: &[Domain]) {
    if authority(scratch).exists() {
        return;
    }
    let script = "
        set -e
        key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30'
        openssl req -x509 $key -subj '/CN=authority of the XMPP servers' -keyout xmpp-ca.key -out new-ca.pem
        for d; do
          openssl req $key -subj /CN=$d -keyout $d.key -out $d.csr
          printf 'subjectAltName=DNS:%s,DNS:*.%s\\nextendedKeyUsage=serverAuth,clientAuth\\n' $d $d >$d.san
          openssl x509 -req -in $d.csr -CA new-ca.pem -CAkey xmpp-ca.key -CAcreateserial -days 30 -extfile $d.san -out $d.crt
          cat $d.crt $d.key >$d.pem
        done
        # Where a server gives up root's rights, it still has to read them.
        chmod a+r *.key *.pem *.crt
        mv new-ca.pem xmpp-ca.pem
    ";
    let done = Command::new("bash")
        .args(["-c", script, "certificates"])
        .args(domains.iter().map(|domain| domain.name))
        .current_dir(scratch)
        .output()
        .expect("bash is installed");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl failed: {errors}");
}
