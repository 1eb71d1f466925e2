// SPDX-License-Identifier: EUPL-1.2
//! Python peers: aiortc over WHIP, the PJSIP stack, LiveKit's SDK, a client of OpenTalk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::Process;

/// Returns the cache folder that `tools/setup.sh` fills.
pub fn cache() -> PathBuf {
    let base = std::env::var("XDG_CACHE_HOME").map(PathBuf::from);
    base.unwrap_or_else(|_| PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cache"))
        .join("landbridge")
}

/// Starts one of the scripts beside this file's crate.
pub fn start(scratch: &Path, script: &str, limit: Duration, args: &[&str]) -> Process {
    start_as(scratch, script, script, limit, args)
}

/// Starts one of the scripts under a name of its own, where several run at once.
pub fn start_as(scratch: &Path, name: &str, script: &str, limit: Duration, args: &[&str]) -> Process {
    start_in(scratch, name, script, limit, args, &[])
}

/// Starts one of the scripts with extra environment.
pub fn start_in(
    scratch: &Path,
    name: &str,
    script: &str,
    limit: Duration,
    args: &[&str],
    env: &[(&str, &str)],
) -> Process {
    let python = cache().join("venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing; run interop-tests/tools/setup.sh test",
        python.display()
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
    let mut all = vec!["-u", path.to_str().expect("the path is UTF-8")];
    all.extend(args);
    let python = python.to_str().expect("the path is UTF-8");
    Process::start_in(scratch, scratch, name, limit, python, &all, env)
}
