// SPDX-License-Identifier: EUPL-1.2
//! linphonec: a classic softphone, steered by lines on its standard input.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{kill, tail};
use crate::sound::{Recording, write_tone};

/// A running linphonec.
pub struct Linphone {
    child: Child,
    folder: PathBuf,
}

impl Linphone {
    /// Starts it; it will play a tone of `hz` and record what it hears.
    pub fn start(scratch: &Path, hz: f64) -> Linphone {
        let folder = scratch.join("linphone");
        for sub in ["home/.local/share/linphone", "home/.config/linphone"] {
            std::fs::create_dir_all(folder.join(sub)).expect("the scratch folder is writable");
        }
        write_tone(&folder.join("tone.wav"), hz, 48_000, 60);
        std::fs::write(
            folder.join("rc"),
            "[sip]\nsip_port=5100\nsip_tcp_port=5100\nsip_tls_port=-1\ndefault_proxy=-1\n\
             contact=\"linphone\" <sip:linphone@127.0.0.1:5100>\nguess_hostname=1\nregister_only_when_network_is_up=0\n\
             [rtp]\naudio_rtp_port=31000\nvideo_rtp_port=31010\n[sound]\nuse_files=1\n",
        )
        .expect("the scratch folder is writable");
        let log = File::create(folder.join("log")).expect("the scratch folder is writable");
        let rc = folder.join("rc");
        let child = Command::new("timeout")
            .args(["-k", "2", "60", "linphonec", "-c", &rc.to_string_lossy()])
            .env("HOME", folder.join("home"))
            .stdin(Stdio::piped())
            .stderr(log.try_clone().expect("a file handle can be cloned"))
            .stdout(log)
            .spawn()
            .unwrap_or_else(|e| panic!("linphonec is missing ({e}); run interop-tests/tools/setup.sh test"));
        let mut phone = Linphone { child, folder };
        std::thread::sleep(Duration::from_secs(2));
        // Without this line it has no listening point.
        phone.say("ports sip 5100");
        let tone = phone.folder.join("tone.wav").to_string_lossy().into_owned();
        let record = phone.folder.join("heard.wav").to_string_lossy().into_owned();
        phone.say(&format!("soundcard use files {tone}"));
        phone.say(&format!("record {record}"));
        phone
    }

    /// Calls and waits until it is connected.
    pub fn call(&mut self, uri: &str) {
        self.say(&format!("call {uri}"));
        let start = Instant::now();
        while !self.output().contains("connected") && !self.output().contains("Media streams established") {
            assert!(
                start.elapsed() < Duration::from_secs(15),
                "linphonec is not connected:\n{}",
                tail(&self.output())
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        let tone = self.folder.join("tone.wav").to_string_lossy().into_owned();
        self.say(&format!("play {tone}"));
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.say(&key.to_string());
        }
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.say("terminate");
    }

    /// Ends it and returns what it heard.
    pub fn heard(mut self) -> Recording {
        self.say("terminate");
        self.say("quit");
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(50));
        }
        Recording::read_growing(&self.folder.join("heard.wav"))
    }

    /// Returns its log so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.join("log")).unwrap_or_default()).into_owned()
    }

    fn say(&mut self, line: &str) {
        if let Some(input) = self.child.stdin.as_mut() {
            let _ = writeln!(input, "{line}");
            let _ = input.flush();
        }
        std::thread::sleep(Duration::from_millis(400));
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        kill("TERM", self.child.id());
        let _ = self.child.wait();
    }
}
