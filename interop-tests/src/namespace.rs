// SPDX-License-Identifier: EUPL-1.2
//! A network of its own: what a deployment sees, beside the network of the suite.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::Process;

/// How long one may last.
const LIMIT: Duration = Duration::from_secs(3_600);

/// A network namespace; it ends when dropped and the last program in it has ended.
pub struct Namespace {
    name: String,
    keeper: Process,
    inside: File,
    outside: File,
}

impl Namespace {
    /// Makes an empty network with a loopback interface.
    pub fn new(scratch: &Path, name: &str) -> Namespace {
        let words = ["--net", "bash", "-c", "ip link set lo up && echo up && exec sleep 3600"];
        let mut keeper = Process::start(scratch, &format!("network-{name}"), LIMIT, "unshare", &words);
        keeper.until("up", Duration::from_secs(5));
        let open = |path: &str| File::open(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        Namespace {
            name: name.to_owned(),
            inside: open(&format!("/proc/{}/ns/net", keeper.program_pid())),
            outside: open("/proc/thread-self/ns/net"),
            keeper,
        }
    }

    /// Does something with this thread in the network: sockets it opens and programs it starts are there for good.
    pub fn within<T>(&self, act: impl FnOnce() -> T) -> T {
        let back = Back(File::open("/proc/thread-self/ns/net").expect("a thread knows its network"));
        enter(&self.inside);
        let done = act();
        drop(back);
        done
    }

    /// Joins it with the network of the suite: `<name>0` there and `border` here.
    pub fn join_with_suite(&self) {
        let near = format!("{}0", self.name);
        // A namespace that has just ended takes its interfaces along a moment later.
        let _ = Command::new("ip").args(["link", "del", &near]).output();
        run(&format!(
            "ip link add {near} type veth peer name border netns {}",
            self.pid()
        ));
    }

    /// Returns the process that keeps it, for `nsenter --target`.
    pub fn pid(&self) -> u32 {
        self.keeper.program_pid()
    }

    /// Runs words of the shell in it.
    pub fn run(&self, words: &str) {
        self.within(|| run(words));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The border's end of the pair goes at once; the rest when nobody is in there any more.
        enter(&self.outside);
        let _ = Command::new("ip")
            .args(["link", "del", &format!("{}0", self.name)])
            .output();
    }
}

/// Runs words of the shell; panics with what they said when they fail.
pub fn run(words: &str) {
    let done = Command::new("bash")
        .args(["-ec", words])
        .output()
        .expect("bash is installed");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{words}: {errors}");
}

/// Puts the thread back where it was, also when it panics.
struct Back(File);

impl Drop for Back {
    fn drop(&mut self) {
        enter(&self.0);
    }
}

fn enter(network: &File) {
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("the suite runs with the rights of tools/ns.sh");
}
