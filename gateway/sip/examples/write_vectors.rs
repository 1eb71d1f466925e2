// SPDX-License-Identifier: EUPL-1.2
//! Writes the messages of RFC 4475 and RFC 5118 into a folder, as seeds of the fuzz targets that read messages.
//!
//! Run with `cargo run -p landbridge-sip --example write_vectors -- FOLDER`: FOLDER/TARGET/NAME.

#[path = "../tests/vectors/mod.rs"]
mod vectors;

use std::path::PathBuf;

/// Each target with the octet that it reads before the message.
const TARGETS: [(&str, &[u8]); 4] = [
    ("sip_datagram", &[]),
    ("sip_roundtrip", &[]),
    ("sip_stream", &[7]),
    ("sip_endpoint", &[0]),
];

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("usage: write_vectors FOLDER"));
    };
    for (target, before) in TARGETS {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        for vector in vectors::all() {
            std::fs::write(folder.join(vector.name), [before, &vector.bytes].concat())?;
        }
    }
    Ok(())
}
