// SPDX-License-Identifier: EUPL-1.2
//! The table, on the terminal and in `docs/bench.md`.

use std::fmt::Write as _;
use std::path::Path;

use crate::cost::{first_line, machine};

/// One line of the table.
pub(crate) struct Row {
    what: String,
    unit: &'static str,
    ours: f64,
    /// The rival's figure, or why there is none.
    rival: Result<f64, &'static str>,
    target: Option<Target>,
}

/// What our figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// All that was found out.
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
    load: String,
}

impl Row {
    /// Compares two figures of one unit.
    pub(crate) fn new(what: impl Into<String>, unit: &'static str, ours: f64, rival: Result<f64, &'static str>) -> Row {
        Row {
            what: what.into(),
            unit,
            ours,
            rival,
            target: None,
        }
    }

    /// Sets the target.
    pub(crate) fn target(mut self, target: Target) -> Row {
        self.target = Some(target);
        self
    }

    fn is_met(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtMost(most) => self.ours <= most,
            Target::AtLeast(least) => self.ours >= least,
        })
    }

    fn line(&self) -> String {
        let unit = self.unit;
        let (rival, ratio) = match self.rival {
            Ok(rival) => (
                format!("{} {unit}", short(rival)),
                if rival > 0.0 {
                    format!("{:.2}", self.ours / rival)
                } else {
                    "–".into()
                },
            ),
            Err(why) => (why.to_owned(), "–".into()),
        };
        let target = match self.target {
            Some(Target::AtMost(most)) => format!("≤ {} {unit}", short(most)),
            Some(Target::AtLeast(least)) => format!("≥ {} {unit}", short(least)),
            None => "–".into(),
        };
        let met = self
            .is_met()
            .map_or("", |met| if met { ", met" } else { ", **missed**" });
        format!(
            "| {} | {} {unit} | {rival} | {ratio} | {target}{met} |",
            self.what,
            short(self.ours)
        )
    }
}

impl Report {
    /// Begins a report.
    pub(crate) fn new() -> Report {
        Report {
            rows: Vec::new(),
            notes: Vec::new(),
            load: machine().2,
        }
    }

    /// Adds a line and prints it.
    pub(crate) fn add(&mut self, row: Row) {
        println!("{}", row.line());
        self.rows.push(row);
    }

    /// Adds a remark and prints it.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        println!("  {text}");
        self.notes.push(text);
    }

    /// Tells how many targets were missed.
    pub(crate) fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.is_met() == Some(false)).count()
    }

    /// Writes the page.
    pub(crate) fn write(&self, path: &Path, binary: &str) -> std::io::Result<()> {
        let mut page = PREFACE.to_owned();
        let (model, cores, load) = machine();
        let date = first_line("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
        let revision = std::env::var("REVISION").unwrap_or_else(|_| "unknown".into());
        let debian = |package: &str| first_line("dpkg-query", &["-W", "-f=${Version}", package]);
        let rows = [
            ("Date", date),
            (
                "Machine",
                format!("{cores} × {model}, Linux {}", first_line("uname", &["-r"])),
            ),
            ("Load average", format!("{} at the start, {load} at the end", self.load)),
            (
                "Landbridge",
                format!("{}, revision {revision}", first_line(binary, &["--version"])),
            ),
            ("Janus", debian("janus")),
            ("baresip", debian("baresip-core")),
            ("SIPp", debian("sip-tester")),
        ];
        for (name, value) in rows {
            let _ = writeln!(page, "- {name}: {value}");
        }
        page.push_str("\n| What | Landbridge | Rival | Ratio (ours / rival) | Target |\n|---|---|---|---|---|\n");
        for row in &self.rows {
            page.push_str(&row.line());
            page.push('\n');
        }
        page.push_str("\n## Notes of this run\n\n");
        for note in &self.notes {
            let _ = writeln!(page, "- {note}");
        }
        page.push_str(METHOD);
        std::fs::write(path, page)
    }
}

fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

const PREFACE: &str = "<!-- SPDX-License-Identifier: EUPL-1.2 -->
# Measurements

Written by `make bench`: every figure below comes from the run described here, ours and the rival's from the same run
with the same client. To repeat it: `make bench` on a machine that does nothing else (Debian 12, about 9 minutes after
the build, two cores or more).

";

const METHOD: &str = "
## How it is measured

Everything runs in a network namespace of its own, over loopback. The program under test runs on core 0, the client on
core 1, all with real-time priority where that is allowed, so that other work on the machine disturbs little. The client is in `interop-tests/src/bin/bench`; it speaks SIP and RTP over plain UDP and shares no code with
the gateway but the codecs.

- **Call set-up**: 200 calls, 15 a second, PCMA, from sending INVITE to the arrival of the first RTP packet that is not
  digital silence. The gateway answers with the greeting of its lobby; baresip answers by itself with a tone. Three
  calls before them are not counted: the first caller pays for the decoding of a prompt.
- **Calls per second**: a fresh process per step, calls of 1 s at a constant rate for 5 s. A call fails when it has no
  answer, no sound or no end within 4 s each; the figure is the highest rate at which at most 1 % fail. The client sends no media and receives
  what is sent. SIPp's `uas` scenario answers without any media and is an upper bound, not a peer.
- **CPU and memory per leg**: 20 people in one room, all sending speech-like sound every 20 ms; CPU time of the whole
  process over 20 s divided by 20, and the growth of its resident memory since idle divided by 20. Landbridge mixes at 48 kHz and
  keeps a floor of the loudest speakers; Janus mixes everybody, PCMA in a room of 16 kHz (its shipped setting) and
  Opus in a room of 48 kHz, at our bit rate and its default complexity (4; ours is 5). Its AudioBridge has no G.722.
- **Listeners**: one speaker, then 20 and 200 people who send silence; the difference divided by 180.
- **Added delay**: 10 rooms of two PCMA legs at phases spread over the 20 ms, bursts of a tone at random samples; from sending the packet in
  which the burst begins to the arrival of the packet in which it begins again at the other leg. Janus runs with its
  default prebuffering (6 packets) and, as a second figure, with the least (1).
- **Idle memory**: `VmRSS` 5 s after the program is ready, everything configured (SIP over UDP, TCP and TLS, page, API).
";
