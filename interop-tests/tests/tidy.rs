// SPDX-License-Identifier: EUPL-1.2
//! The rules of the house (ARCHITECTURE.md), kept by reading the sources.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files that may be longer than 600 lines, each with its reason.
const LONG: [(&str, &str); 0] = [];

/// Words that say nothing about what a module holds.
const EMPTY_NAMES: [&str; 5] = ["common", "util", "utils", "helpers", "manager"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
}

/// Lists the files that git knows, or that are new and not ignored, with one of these endings.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is installed");
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let wanted = |name: &&str| endings.iter().any(|ending| name.ends_with(ending));
    let found: Vec<PathBuf> = names
        .lines()
        .filter(wanted)
        .map(PathBuf::from)
        .filter(|f| root().join(f).exists())
        .collect();
    assert!(!found.is_empty(), "no {endings:?} files found: is this a git checkout?");
    found
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// Returns the lines of code: without comments and without what follows `#[cfg(test)]` modules.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// Finds Rust files outside `door` that name one of `packages` in a path (`name::`) or a `use`.
fn named_outside(packages: &[&str], door: &[&str]) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files(&[".rs"]) {
        let name = file.to_string_lossy().into_owned();
        if door.iter().any(|d| name.starts_with(d)) {
            continue;
        }
        let text = read(&file);
        for line in code(&text) {
            for package in packages {
                let path = format!("{package}::");
                let used = line.match_indices(&path).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if used {
                    broken.push(format!("{name}: {line}"));
                }
            }
        }
    }
    broken
}

#[test]
fn every_source_file_names_its_licence() {
    let all = files(&[".rs", ".sh", ".py", ".mjs", ".js", ".css", ".html", ".xml"]);
    let unnamed: Vec<String> = all
        .into_iter()
        .filter(|file| {
            !read(file)
                .lines()
                .take(3)
                .any(|line| line.contains("SPDX-License-Identifier: EUPL-1.2"))
        })
        .map(|file| file.display().to_string())
        .collect();
    assert_none("add the line SPDX-License-Identifier: EUPL-1.2", &unnamed);
}

#[test]
fn no_module_has_an_empty_name() {
    let empty = |file: &PathBuf| {
        file.components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            EMPTY_NAMES.contains(&part.trim_end_matches(".rs"))
        })
    };
    let broken: Vec<String> = files(&[".rs"])
        .into_iter()
        .filter(empty)
        .map(|f| f.display().to_string())
        .collect();
    assert_none("name a module for what it holds", &broken);
}

#[test]
fn files_are_short_or_say_why_not() {
    let mut broken = Vec::new();
    for file in files(&[".rs", ".js", ".mjs", ".py", ".sh"]) {
        let lines = read(&file).lines().count();
        let name = file.to_string_lossy().into_owned();
        if lines > 600 && !LONG.iter().any(|(long, _)| *long == name) {
            broken.push(format!("{name}: {lines} lines"));
        }
    }
    assert_none("split the file, or list it in LONG with its reason", &broken);
}

#[test]
fn each_package_has_one_door() {
    let tests = "interop-tests/";
    assert_none(
        "only codecs names the codecs",
        &named_outside(&["opus", "audio_codec"], &["codecs/", tests, "fuzz/"]),
    );
    assert_none(
        "only the tests of gateway/sip name rsip",
        &named_outside(&["rsip"], &["gateway/sip/", tests]),
    );
    assert_none(
        "only media/peer and the bench's crowd name webrtc",
        &named_outside(
            &["webrtc", "rtc"],
            &["gateway/src/media/peer", "interop-tests/src/bin/bench/crowd.rs"],
        ),
    );
    assert_none(
        "only media/rtp/srtp.rs names rtc_srtp",
        &named_outside(&["rtc_srtp"], &["gateway/src/media/rtp/srtp"]),
    );
    assert_none(
        "only legs/livekit names LiveKit's packages",
        &named_outside(&["livekit_protocol", "livekit_token"], &["gateway/src/legs/livekit"]),
    );
    assert_none(
        "only legs/livekit and legs/opentalk ask other servers over HTTP",
        &named_outside(
            &["reqwest", "tokio_tungstenite"],
            &["gateway/src/legs/livekit", "gateway/src/legs/opentalk", tests],
        ),
    );
    assert_none(
        "only legs/jingle opens XMPP streams",
        &named_outside(&["tokio_xmpp"], &["gateway/src/legs/jingle"]),
    );
    assert_none(
        "only gateway/jingle names XMPP's stanzas",
        &named_outside(&["xmpp_parsers", "xso"], &["gateway/jingle/"]),
    );
    let elements = [
        "federation/src/wire/",
        "gateway/jingle/",
        "gateway/src/legs/jingle",
        "gateway/src/config/invite.rs",
        "gateway/src/config/",
        "gateway/src/call/invite.rs",
        tests,
        "fuzz/",
    ];
    assert_none(
        "only gateway/jingle, legs/jingle, [xmpp] and the frames between deployments name addresses and elements of XMPP",
        &named_outside(&["minidom", "jid"], &elements),
    );
    let io = [
        "tokio",
        "mio",
        "axum",
        "rustls",
        "hickory_resolver",
        "std::net::UdpSocket",
        "std::net::TcpStream",
    ];
    assert_none(
        "only gateway has I/O",
        &named_outside(&io, &["gateway/src/", "gateway/tests/", tests]),
    );
}

#[test]
fn no_leg_imports_another_leg() {
    let legs = ["echo", "jingle", "livekit", "opentalk", "sip", "whip"];
    let mut broken = Vec::new();
    for leg in legs {
        for other in legs.iter().filter(|other| **other != leg) {
            let here = format!("gateway/src/legs/{leg}/");
            for file in files(&[".rs"])
                .into_iter()
                .filter(|f| f.to_string_lossy().starts_with(&here))
            {
                let text = read(&file);
                let names = [format!("legs::{other}"), format!("super::{other}")];
                broken.extend(
                    code(&text)
                        .filter(|line| names.iter().any(|name| line.contains(name.as_str())))
                        .map(|line| format!("{}: {line}", file.display())),
                );
            }
        }
    }
    assert_none("legs meet in call, not in each other", &broken);
}

#[test]
fn nothing_unfinished_calls_itself_done() {
    let marks = [
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
        ["#[", "ignore"].concat(),
    ];
    let mut broken = Vec::new();
    for file in files(&[".rs"]) {
        let text = read(&file);
        let unfinished = |line: &&str| marks.iter().any(|mark| line.contains(mark.as_str()));
        broken.extend(
            code(&text)
                .filter(unfinished)
                .map(|line| format!("{}: {line}", file.display())),
        );
    }
    assert_none("finish it, or say in the docs that it is not there", &broken);
}

#[test]
fn only_the_command_line_prints() {
    let mut broken = Vec::new();
    for file in files(&[".rs"]) {
        let name = file.to_string_lossy().into_owned();
        let library = [
            "codecs/src",
            "dialplan/src",
            "federation/src",
            "gateway/jingle/src",
            "gateway/opentalk/src",
            "gateway/sip/src",
            "gateway/src",
        ];
        if !library.iter().any(|l| name.starts_with(l)) || name.starts_with("gateway/src/cli/") {
            continue;
        }
        let text = read(&file);
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test = name.contains("/tests")
            || name.contains("/scenes/")
            || name.ends_with("_tests.rs")
            || name.ends_with("tests.rs");
        let prints = |line: &&str| line.starts_with("println!") || line.starts_with("eprintln!");
        if !is_test && code(product).any(|line| prints(&line)) {
            broken.push(name);
        }
    }
    assert_none("log through tracing", &broken);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for file in files(&[".md"]) {
        let folder = root().join(file.parent().unwrap_or(Path::new("")));
        let text = read(&file);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !outside && !folder.join(target).exists() {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert_none("the link leads nowhere", &broken);
}
