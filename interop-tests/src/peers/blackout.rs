// SPDX-License-Identifier: EUPL-1.2
//! A connection that is cut without a word: packets of it are dropped in the namespace of the test (nftables).

use std::process::Command;

/// While it lives, one TCP connection to a port carries nothing, and neither end is told; others to the same port do.
pub struct Blackout {
    _private: (),
}

impl Blackout {
    /// Cuts the connections that a port of an address has now.
    pub fn of(address: &str, port: u16) -> Blackout {
        let peers = peer_ports(address, port);
        assert!(!peers.is_empty(), "nobody is connected to {address}:{port}");
        let mut rules = String::from("table inet blackout {\n chain input { type filter hook input priority 0;\n");
        for peer in peers {
            rules.push_str(&format!("tcp sport {port} tcp dport {peer} drop\n"));
            rules.push_str(&format!("tcp sport {peer} tcp dport {port} drop\n"));
        }
        rules.push_str("}\n}\n");
        nft(&rules);
        Blackout { _private: () }
    }
}

impl Drop for Blackout {
    fn drop(&mut self) {
        nft("delete table inet blackout\n");
    }
}

fn nft(rules: &str) {
    let done = Command::new("nft").arg(rules).output();
    let done = done.unwrap_or_else(|e| panic!("nft is missing ({e}); run interop-tests/tools/setup.sh test"));
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "nft: {errors}");
}

/// Returns the ports of those that are connected to a port of an address.
fn peer_ports(address: &str, port: u16) -> Vec<u16> {
    let octets: Vec<u8> = address.split('.').filter_map(|octet| octet.parse().ok()).collect();
    let server = format!(
        "{:02X}{:02X}{:02X}{:02X}:{port:04X}",
        octets[3], octets[2], octets[1], octets[0]
    );
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux tells its connections");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // The client's end: the server's address is remote, and the state is ESTABLISHED.
    let ours = rows.filter(|row| row.get(2) == Some(&server.as_str()) && row.get(3) == Some(&"01"));
    ours.filter_map(|row| u16::from_str_radix(row[1].split(':').nth(1)?, 16).ok())
        .collect()
}
