// SPDX-License-Identifier: EUPL-1.2
//! The table, on the terminal and in `docs/bench.md`.

use std::fmt::Write as _;
use std::path::Path;

use crate::cost::{first_line, machine};
use crate::pages::{Page, SETTING};

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

    /// Writes a page.
    pub(crate) fn write(&self, about: &Page, folder: &Path, binary: &str) -> std::io::Result<()> {
        let mut page = format!(
            "<!-- SPDX-License-Identifier: EUPL-1.2 -->\n# {}\n\n\
             Written by `make bench`: every figure below comes from the run described here, ours and the rival's from the\n\
             same run with the same client. To repeat it: `make bench` on a machine that does nothing else (Debian 12, two\n\
             cores or more), or `interop-tests/tools/bench.sh {}` for this page alone, about {} minutes after the build.\n\n",
            about.title,
            about
                .measurements
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(" "),
            about.minutes,
        );
        let (model, cores, load) = machine();
        let date = first_line("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
        let revision = std::env::var("REVISION").unwrap_or_else(|_| "unknown".into());
        let mut rows = vec![
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
        ];
        rows.extend((about.programs)());
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
        page.push_str(SETTING);
        page.push_str(about.method);
        std::fs::write(folder.join(about.file), page)
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
