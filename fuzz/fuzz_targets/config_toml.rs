// SPDX-License-Identifier: EUPL-1.2
//! Any text is a configuration or a list of faults with a reason each.
#![no_main]

use std::path::Path;

use landbridge::config::Config;

/// What may begin a path that leads out of the folder, which is missing: files that exist are not to be read.
const OUT: [&str; 5] = ["\"/", "'/", "\n/", "..", "\\"];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if OUT.iter().any(|out| text.contains(out)) {
        return;
    }
    if let Err(problems) = Config::parse(Path::new("/nowhere/landbridge.toml"), &text) {
        assert!(!problems.is_empty(), "refused without a reason");
        for problem in problems {
            assert!(
                !problem.what.is_empty() && problem.line <= text.split('\n').count(),
                "{problem}"
            );
        }
    }
});
