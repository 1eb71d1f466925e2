// SPDX-License-Identifier: EUPL-1.2
//! The XMPP servers that people and the gateway connect to: Prosody or ejabberd, one for each domain.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::peers::names::Domain;
use crate::peers::{ejabberd, prosody};
use crate::process::{Process, tail};

/// People with an account on each server; the password is `pw-` and the name.
pub const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dora", "mallory", "moderator"];
/// Where each server takes components.
pub const COMPONENT_PORT: u16 = 5347;
/// What a component proves itself with.
pub const SECRET: &str = "a-secret-of-the-tests";

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Software {
    /// Prosody 0.12.
    Prosody,
    /// ejabberd 23.01.
    Ejabberd,
}

/// Which of two components of one name a server keeps; only Prosody knows the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The one that was there; Prosody's default.
    KickNew,
    /// The one that comes.
    KickOld,
}

/// A server before it is started.
#[derive(Clone)]
pub struct Setup {
    pub(crate) folder: PathBuf,
    pub(crate) software: Software,
    pub(crate) domain: Domain,
    pub(crate) conflict: Conflict,
}

/// A running server; it ends when dropped.
pub struct XmppServer {
    process: Option<Process>,
    setup: Setup,
    starts: u32,
}

impl Setup {
    /// Describes the server of a domain; the name server and its certificates are there already.
    pub fn new(scratch: &Path, software: Software, domain: Domain) -> Setup {
        Setup {
            folder: scratch.to_owned(),
            software,
            domain,
            conflict: Conflict::KickOld,
        }
    }

    /// Keeps another one of two components with the same name.
    pub fn conflict(mut self, conflict: Conflict) -> Setup {
        self.conflict = conflict;
        self
    }

    /// Starts it and waits until it takes clients and components.
    pub fn start(self) -> XmppServer {
        let mut server = XmppServer {
            process: None,
            setup: self,
            starts: 0,
        };
        server.start_again();
        server
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{name}", self.domain.name))
    }

    pub(crate) fn component(&self) -> String {
        format!("meet.{}", self.domain.name)
    }

    pub(crate) fn text(path: &Path) -> String {
        path.to_str().expect("the scratch path is UTF-8").to_owned()
    }
}

impl XmppServer {
    /// Starts the server of a domain as usual.
    pub fn start(scratch: &Path, software: Software, domain: Domain) -> XmppServer {
        Setup::new(scratch, software, domain).start()
    }

    /// Returns its domain.
    pub fn domain(&self) -> Domain {
        self.setup.domain
    }

    /// Returns the gateway's section for a component of this server.
    pub fn section(&self) -> String {
        self.section_with("")
    }

    /// Returns the gateway's section for a component of this server, with more lines.
    pub fn section_with(&self, lines: &str) -> String {
        format!(
            "[xmpp]\ncomponent = \"{}\"\nserver = \"{}:{COMPONENT_PORT}\"\nsecret = \"{SECRET}\"\n{lines}\n",
            self.setup.component(),
            self.setup.domain.address
        )
    }

    /// Returns the address of a node at the gateway's component.
    pub fn at_component(&self, node: &str) -> String {
        format!("{node}@{}", self.setup.component())
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Ends it as an operator does.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Freezes it: connections stay open and nobody answers; `CONT` lets it go on.
    pub fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Starts it with the same accounts, and waits until it takes clients and components.
    pub fn start_again(&mut self) {
        let setup = &self.setup;
        let name = format!("{}-server-{}", setup.domain.name, self.starts);
        let start = Instant::now();
        let mut process = match setup.software {
            Software::Prosody => prosody::start(setup, &name),
            Software::Ejabberd => ejabberd::start(setup, &name),
        };
        let taken = |port: u16| TcpStream::connect((setup.domain.address, port)).is_ok();
        while ![5222, 5269, COMPONENT_PORT].into_iter().all(taken) {
            let alive = process.is_alive();
            if !alive || start.elapsed() > Duration::from_secs(20) {
                let log = tail(&process.output());
                panic!("{:?} does not answer (alive: {alive}):\n{log}", setup.software);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if setup.software == Software::Ejabberd && self.starts == 0 {
            ejabberd::register(setup);
        }
        self.starts += 1;
        self.process = Some(process);
    }

    /// Returns each stanza that its component sent to other servers, a line each, as it was before TLS; Prosody alone.
    pub fn sent_by_component(&self) -> Vec<String> {
        let text = std::fs::read(self.setup.file("sent.xml")).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// Returns what this run of it logged.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    fn end(&mut self, signal: &str) {
        if let Some(mut process) = self.process.take() {
            process.signal(signal);
            process.wait(Duration::from_secs(10));
        }
    }
}
