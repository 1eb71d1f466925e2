// SPDX-License-Identifier: EUPL-1.2
//! The border between deployments: the suite's own network routes, delays, cuts, and counts what passes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::namespace::run;
use crate::peers::puppet::Puppet;
use crate::peers::python;

/// How long one may last.
const LIMIT: Duration = Duration::from_secs(3_600);

/// A deployment's place beside the border.
#[derive(Clone, Debug)]
pub struct Place {
    /// The border's interface towards it.
    pub interface: String,
    /// What lies behind it, as IPv4 prefix.
    pub prefix: String,
    /// What lies behind it, as IPv6 prefix.
    pub prefix6: String,
    /// The deployment's hardware address there.
    pub mac: String,
}

/// The running border; it ends when dropped.
pub struct Border {
    puppet: Puppet,
    folder: PathBuf,
    is_cut: bool,
}

/// Some packets in one direction between two addresses.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// The border's interface by which they came.
    pub by: String,
    /// Whether they are UDP, not TCP.
    pub is_udp: bool,
    /// Ports of source and destination.
    pub ports: (u16, u16),
    /// All of them.
    pub packets: u64,
    /// Their size with all headers from IP on.
    pub octets: u64,
    /// Those that are RTP.
    pub media: u64,
    /// Size of those that are RTP, from IP on.
    pub media_octets: u64,
    /// Packets by SSRC.
    pub streams: Vec<(String, u64)>,
}

impl Border {
    /// Routes between these places and watches.
    pub fn start(scratch: &Path, places: &[Place]) -> Border {
        let folder = scratch.to_str().expect("the scratch path is UTF-8");
        let sides: Vec<String> = places
            .iter()
            .map(|p| format!("{}={},{},{}", p.interface, p.prefix, p.prefix6, p.mac))
            .collect();
        let mut args = vec![folder];
        args.extend(sides.iter().map(String::as_str));
        let process = python::start_as(scratch, "border", "border.py", LIMIT, &args);
        let mut puppet = Puppet::new(scratch, "border", process);
        puppet.until("watches", Duration::from_secs(10), |line| {
            line.get("watching").is_some()
        });
        Border {
            puppet,
            folder: scratch.to_owned(),
            is_cut: false,
        }
    }

    /// Drops everything from now on; nobody is told.
    pub fn cut(&mut self) {
        if !self.is_cut {
            run("nft -f - <<< 'table inet border { chain forward { type filter hook forward priority 0; drop; }; }'");
            self.is_cut = true;
            self.act("cut");
        }
    }

    /// Lets everything pass again.
    pub fn mend(&mut self) {
        if self.is_cut {
            run("nft delete table inet border");
            self.is_cut = false;
            self.act("mend");
        }
    }

    /// Has each packet arrive this much later.
    pub fn delay(&mut self, by: Duration) {
        self.act(&format!("delay {}", by.as_millis()));
    }

    /// Loses this share [%] of the packets; only together with a delay.
    pub fn loss(&mut self, percent: f64) {
        self.act(&format!("loss {percent}"));
    }

    /// Writes packets to a file from now on, which wireshark can read; returns its path.
    pub fn record(&mut self) -> PathBuf {
        self.act("pcap on");
        self.folder.join("border.pcap")
    }

    /// Begins to count at zero.
    pub fn zero(&mut self) {
        self.act("zero");
    }

    /// Returns what passed so far, as of half a second ago.
    pub fn flows(&self) -> Vec<Flow> {
        let told = self.puppet.told();
        let newest = told.iter().rev().find_map(|line| line["tap"].as_array());
        newest.into_iter().flatten().map(flow).collect()
    }

    fn act(&mut self, step: &str) {
        let mark = self.puppet.mark();
        self.puppet.step(step);
        self.puppet
            .until_after(mark, step, Duration::from_secs(5), |line| line["did"] == step);
    }
}

impl Drop for Border {
    fn drop(&mut self) {
        if self.is_cut {
            run("nft delete table inet border || true");
        }
    }
}

/// Sums up what came by an interface: packets and octets of media, and how many streams it was.
pub fn media_by(flows: &[Flow], interface: &str) -> (u64, u64, usize) {
    let ours = flows.iter().filter(|flow| flow.by == interface && flow.is_udp);
    ours.fold((0, 0, 0), |(packets, octets, streams), flow| {
        let heard = flow.streams.iter().filter(|(_, packets)| *packets > 3).count();
        (packets + flow.media, octets + flow.media_octets, streams + heard)
    })
}

fn flow(told: &Value) -> Flow {
    let number = |key: &str| told[key].as_u64().unwrap_or_default();
    let port = |key: &str| u16::try_from(number(key)).unwrap_or_default();
    let streams = told["ssrc"].as_object().into_iter().flatten();
    Flow {
        by: told["by"].as_str().unwrap_or_default().to_owned(),
        is_udp: told["kind"] == "udp",
        ports: (port("source"), port("target")),
        packets: number("packets"),
        octets: number("octets"),
        media: number("media"),
        media_octets: number("media_octets"),
        streams: streams
            .map(|(ssrc, packets)| (ssrc.clone(), packets.as_u64().unwrap_or_default()))
            .collect(),
    }
}
