// SPDX-License-Identifier: EUPL-1.2
//! `landbridge migrate`: from an Obelisk configuration to ours.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::{Config, obelisk};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Configuration of Obelisk 0.21; its variables OPENTALK_OBLSK_… win over the file, as they do in Obelisk.
    obelisk: PathBuf,
    /// File to write, readable by its owner alone.
    #[arg(short, long, default_value = "landbridge.toml")]
    output: PathBuf,
    /// Replace the output if it exists.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: Args) -> ExitCode {
    let text = match std::fs::read_to_string(&args.obelisk) {
        Ok(text) => text,
        Err(error) => {
            let file = args.obelisk.display();
            eprintln!("error: {file}: cannot be read: {error}; Obelisk's own is often /etc/opentalk/obelisk.toml");
            return ExitCode::from(2);
        }
    };
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
    let migration = match obelisk::migrate(&args.obelisk, &text, &variables, &token) {
        Ok(migration) => migration,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("error: {problem}"));
            return ExitCode::from(2);
        }
    };
    if let Err(error) = write(&args.output, &migration.text, args.force) {
        let remedy = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "choose another file with --output, or replace it with --force",
            _ => "choose another file with --output",
        };
        eprintln!("error: {}: {error}; {remedy}", args.output.display());
        return ExitCode::FAILURE;
    }
    migration.notes.iter().for_each(|note| eprintln!("{note}"));
    // What the old file said may be wrong here; the file is kept, since it can be corrected.
    let faults = Config::parse(&args.output, &migration.text).err().unwrap_or_default();
    faults.iter().for_each(|problem| eprintln!("to correct: {problem}"));
    let lost = migration.notes.iter().filter(|note| note.is_lost).count();
    println!(
        "{}: written. {lost} key(s) have no twin, {} thing(s) want a look. Next: landbridge check --config {0}",
        args.output.display(),
        migration.notes.len() - lost + faults.len(),
    );
    ExitCode::SUCCESS
}

/// Writes a file that holds secrets: no other user can read it at any time.
fn write(path: &Path, text: &str, force: bool) -> std::io::Result<()> {
    if force && path.is_file() {
        std::fs::remove_file(path)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_told_and_only_its_owner_reads_it() {
        let file = std::env::temp_dir().join(format!("landbridge-migrate-{}.toml", std::process::id()));
        std::fs::write(&file, "old").unwrap();
        let refused = write(&file, "new", false).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        write(&file, "new", true).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&file).unwrap();
    }
}
