// SPDX-License-Identifier: EUPL-1.2
//! Stanzas that nobody should send, in files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::peers::python;

/// Writes them for the address of a meeting and the session `sid` of `peer` there, and returns the files by name.
pub fn write(scratch: &Path, room: &str, sid: &str, peer: &str) -> Vec<(String, PathBuf)> {
    let folder = scratch.join("nuisances");
    std::fs::create_dir_all(&folder).expect("the scratch folder is writable");
    let text = folder.to_str().expect("the scratch path is UTF-8");
    let mut process = python::start(
        scratch,
        "nuisances.py",
        Duration::from_secs(30),
        &[text, room, sid, peer],
    );
    let status = process.wait(Duration::from_secs(30));
    assert!(status.success(), "{}", process.output());
    let names = process.output();
    names
        .lines()
        .map(|name| (name.to_owned(), folder.join(format!("{name}.xml"))))
        .collect()
}
