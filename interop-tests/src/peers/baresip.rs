// SPDX-License-Identifier: EUPL-1.2
//! baresip: the phone that speaks every transport, codec and SDES.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{Process, tail};
use crate::sound::Recording;

/// How long one phone may live.
const LIMIT: Duration = Duration::from_secs(180);

/// A phone before it is switched on.
pub struct Setup {
    folder: PathBuf,
    name: String,
    number: u16,
    source: String,
    codecs: Vec<&'static str>,
    transport: &'static str,
    encryption: Option<&'static str>,
    answers: bool,
    authority: Option<PathBuf>,
}

/// A running phone; it hangs up and ends when dropped.
pub struct Baresip {
    process: Process,
    folder: PathBuf,
    control: TcpStream,
    name: String,
    port: u16,
}

impl Setup {
    /// Describes phone `number` (1…) that plays a sine of `hz`.
    pub fn new(scratch: &Path, name: &str, number: u16, hz: f64) -> Setup {
        Setup {
            folder: scratch.join(format!("baresip-{name}")),
            name: name.to_owned(),
            number,
            source: format!("ausine,{hz}"),
            codecs: vec!["g711"],
            transport: "udp",
            encryption: None,
            answers: false,
            authority: None,
        }
    }

    /// Plays a WAV file instead of a sine.
    pub fn plays(mut self, file: &Path) -> Setup {
        self.source = format!("aufile,{}", file.display());
        self
    }

    /// Offers these codec modules, in order: `opus`, `g722`, `g711`.
    pub fn codecs(mut self, codecs: &[&'static str]) -> Setup {
        self.codecs = codecs.to_vec();
        self
    }

    /// Speaks `udp`, `tcp` or `tls`.
    pub fn transport(mut self, transport: &'static str) -> Setup {
        self.transport = transport;
        self
    }

    /// Trusts this certificate authority (PEM) for TLS.
    pub fn trusts(mut self, authority: &Path) -> Setup {
        self.authority = Some(authority.to_owned());
        self
    }

    /// Offers media encryption: `srtp` (optional), `srtp-mand` (RTP/SAVP).
    pub fn encryption(mut self, encryption: &'static str) -> Setup {
        self.encryption = Some(encryption);
        self
    }

    /// Answers calls by itself.
    pub fn answers(mut self) -> Setup {
        self.answers = true;
        self
    }

    /// Switches the phone on.
    pub fn start(self) -> Baresip {
        let (sip_port, control_port) = (15_000 + self.number * 10, 14_000 + self.number);
        let recordings = self.folder.join("rec");
        std::fs::create_dir_all(&recordings).expect("the scratch folder is writable");
        let mut account = format!("<sip:{}@127.0.0.1;transport={}>;regint=0", self.name, self.transport);
        if let Some(encryption) = self.encryption {
            let _ = write!(account, ";mediaenc={encryption}");
        }
        if self.answers {
            account.push_str(";answermode=auto");
        }
        // A last line without its end would lose its last letter.
        account.push('\n');
        let file = |name: &str, text: &str| {
            std::fs::write(self.folder.join(name), text).expect("the scratch folder is writable");
        };
        file("accounts", &account);
        file("contacts", "");
        file("uuid", &format!("00000000-0000-4000-8000-{:012}", self.number));
        file("config", &self.config(sip_port, control_port));
        let folder = self.folder.to_str().expect("the scratch path is UTF-8");
        let mut process = Process::start(&self.folder, "log", LIMIT, "baresip", &["-4", "-v", "-s", "-f", folder]);
        process.until("baresip is ready", Duration::from_secs(10));
        let control = connect(control_port);
        Baresip {
            process,
            folder: self.folder.clone(),
            control,
            name: self.name.clone(),
            port: sip_port,
        }
    }

    fn config(&self, sip_port: u16, control_port: u16) -> String {
        let n = self.number;
        let mut text = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{sip_port}\ncall_local_timeout 120\ncall_max_calls 4\n\
             audio_player aubridge,play{n}\naudio_source {}\naudio_alert aubridge,alert{n}\n\
             ausrc_srate 48000\nauplay_srate 48000\nausrc_channels 2\nauplay_channels 2\naudio_level no\n\
             ausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\naudio_buffer 20-160\n\
             rtp_ports {}-{}\nrtcp_mux no\njitter_buffer_delay 1-3\nrtp_stats yes\nrtp_timeout 60\nnet_interface 127.0.0.1\n\
             module_path /usr/lib/baresip/modules\nmodule aubridge.so\nmodule ausine.so\nmodule aufile.so\n\
             module sndfile.so\nsnd_path {}/rec\nmodule srtp.so\nmodule_tmp uuid.so\nmodule_tmp account.so\n\
             module_app contact.so\nmodule_app debug_cmd.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             ctrl_tcp_listen 127.0.0.1:{control_port}\nmenu_bell no\nringback_disabled yes\n\
             opus_bitrate 28000\nopus_inbandfec yes\nopus_stereo no\nopus_sprop_stereo no\n",
            self.source,
            20_000 + n * 20,
            20_018 + n * 20,
            self.folder.display(),
        );
        if let Some(authority) = &self.authority {
            let _ = writeln!(text, "sip_cafile {}\nsip_verify_server yes", authority.display());
        }
        for codec in &self.codecs {
            let _ = writeln!(text, "module {codec}.so");
        }
        text
    }
}

impl Baresip {
    /// Returns the address under which it can be called.
    pub fn uri(&self) -> String {
        format!("sip:{}@127.0.0.1:{}", self.name, self.port)
    }

    /// Dials and returns at once.
    pub fn dial(&mut self, uri: &str) {
        self.command("dial", uri);
    }

    /// Dials and waits until the call is answered.
    pub fn call(&mut self, uri: &str) {
        self.dial(uri);
        self.process.until("Call established", Duration::from_secs(10));
    }

    /// Presses keys, one each 200 ms (RFC 4733).
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.command("sndcode", &key.to_string());
            std::thread::sleep(Duration::from_millis(100));
            // Code 4 (end of transmission) lets the key go.
            self.command("sndcode", "\u{4}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Puts the call on hold.
    pub fn hold(&mut self) {
        self.command("hold", "");
    }

    /// Takes the call back from hold.
    pub fn resume(&mut self) {
        self.command("resume", "");
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    /// Waits for a line of its log.
    pub fn until(&mut self, text: &str, limit: Duration) -> String {
        self.process.until(text, limit)
    }

    /// Returns its log so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Returns what it last metered: bits per second of sound sent and received.
    pub fn rates(&self) -> (u32, u32) {
        let output = self.output();
        let rate = output.rsplit("audio=").next().unwrap_or_default();
        let mut numbers = rate.split([' ', '/']).map(|n| n.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// Vanishes without a word, as a phone whose cable is pulled.
    pub fn vanish(&self) {
        self.process.signal("KILL");
    }

    /// Returns what it has heard in its newest call.
    pub fn heard(&self) -> Recording {
        let recordings = std::fs::read_dir(self.folder.join("rec")).expect("the phone has a recordings folder");
        let mut files: Vec<PathBuf> = recordings.filter_map(|e| e.ok().map(|e| e.path())).collect();
        files.retain(|f| f.to_string_lossy().ends_with("dec.wav"));
        files.sort_by_key(|f| f.metadata().and_then(|m| m.modified()).ok());
        let newest = files
            .last()
            .unwrap_or_else(|| panic!("{} recorded nothing:\n{}", self.name, tail(&self.output())));
        Recording::read_growing(newest)
    }

    fn command(&mut self, command: &str, params: &str) {
        let json = serde_json::json!({ "command": command, "params": params, "token": "t" }).to_string();
        write!(self.control, "{}:{json},", json.len()).expect("the phone's control port is open");
        // Answers and events are read away so that the phone never blocks on us.
        let mut buffer = [0; 65536];
        self.control
            .set_read_timeout(Some(Duration::from_millis(10)))
            .expect("a time-out above zero is valid");
        while matches!(self.control.read(&mut buffer), Ok(n) if n > 0) {}
    }
}

fn connect(port: u16) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(e) if start.elapsed() > Duration::from_secs(5) => panic!("no control port {port}: {e}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
