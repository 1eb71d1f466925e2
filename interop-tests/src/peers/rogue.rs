// SPDX-License-Identifier: EUPL-1.2
//! A server that should not be one: it says nothing, nonsense, or far too much.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::peers::python;
use crate::process::{Process, tail};

/// A running rogue on 127.0.0.1; it ends when dropped.
pub struct Rogue {
    process: Process,
    folder: PathBuf,
    port: u16,
}

impl Rogue {
    /// Starts it and waits until it answers.
    pub fn start(scratch: &Path, port: u16) -> Rogue {
        let folder = scratch.to_str().expect("the scratch path is UTF-8");
        let args = [folder, &port.to_string()];
        let mut process = python::start_as(scratch, "rogue", "rogue.py", Duration::from_secs(170), &args);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let alive = process.is_alive();
            if !alive || start.elapsed() > Duration::from_secs(10) {
                panic!(
                    "the rogue does not answer (alive: {alive}):\n{}",
                    tail(&process.output())
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Rogue {
            process,
            folder: scratch.to_owned(),
            port,
        }
    }

    /// Returns its address.
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes what it does with a WebSocket: `silence`, `garbage`, `unknown`, `huge`, `flood`, `close`, `refuse 500`.
    pub fn behave(&self, how: &str) {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("rogue.do"))
            .expect("the scratch folder is writable");
        writeln!(file, "{how}").expect("the scratch folder is writable");
    }

    /// Returns who came, one JSON object a line.
    pub fn log(&self) -> String {
        self.process.output()
    }
}
