// SPDX-License-Identifier: EUPL-1.2
//! Redis, which LiveKit's nodes share.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{Process, tail};

/// A running Redis on 127.0.0.1 that keeps nothing; it ends when dropped.
pub struct Redis {
    process: Option<Process>,
    folder: PathBuf,
    port: u16,
    starts: u32,
}

impl Redis {
    /// Starts it and waits until it answers.
    pub fn start(scratch: &Path, port: u16) -> Redis {
        let mut redis = Redis {
            process: None,
            folder: scratch.to_owned(),
            port,
            starts: 0,
        };
        redis.start_again();
        redis
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("KILL");
            process.wait(Duration::from_secs(5));
        }
    }

    /// Starts it on the same port, empty.
    pub fn start_again(&mut self) {
        let name = format!("redis-{}-{}", self.port, self.starts);
        let port = self.port.to_string();
        let args = [
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--save",
            "",
            "--appendonly",
            "no",
        ];
        let mut process = Process::start(&self.folder, &name, Duration::from_secs(170), "redis-server", &args);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let alive = process.is_alive();
            if !alive || start.elapsed() > Duration::from_secs(10) {
                panic!("Redis does not answer (alive: {alive}):\n{}", tail(&process.output()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.starts += 1;
        self.process = Some(process);
    }
}
