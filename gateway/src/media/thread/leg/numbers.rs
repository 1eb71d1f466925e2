// SPDX-License-Identifier: EUPL-1.2
//! What is known and counted of a leg.

use super::super::uplink::Uplink;
use super::super::wire::Wire;
use super::{Leg, Since};
use crate::media::words::LegStats;

impl Leg {
    /// Adds what happened since the last call.
    pub(in crate::media::thread) fn count_into(&mut self, since: &mut Since) {
        let (all, sum) = match &self.uplink {
            Some(uplink) => (uplink.forwarded(), &mut since.forwarded),
            None if self.is_track => (self.frames_decoded, &mut since.decoded),
            None => (0, &mut since.forwarded),
        };
        *sum += all.saturating_sub(self.counted);
        self.counted = all;
    }

    /// Returns what is known.
    pub(in crate::media::thread) fn stats(&self) -> LegStats {
        let session = self.session.as_ref();
        let mut stats = LegStats {
            codec: session.map(|session| session.codec),
            encryption: "none".to_owned(),
            playout: self.playout.as_ref().map(|(_, playout)| playout.stats()),
            packets_sent: self.out.packets,
            bytes_sent: self.out.bytes,
            packets_received: self.browser_packets,
            packets_forwarded: self.uplink.as_ref().map_or(0, Uplink::forwarded),
            frames_decoded: self.frames_decoded,
            dropped_foreign: 0,
            dropped_unauthenticated: 0,
            dropped_malformed: 0,
            dropped_other_stream: 0,
            rtt: None,
            remote_loss_percent: self.loss_percent(),
            ssrc: self.out.ssrc,
            remote_ssrc: self.stream.current(),
            remote: None,
            held: session.is_some_and(|session| session.held),
            video: session.map(|session| session.video.clone()).unwrap_or_default(),
        };
        match &self.wire {
            Wire::Browser(_) => stats.encryption = "DTLS-SRTP".to_owned(),
            Wire::Phone(phone) => {
                if phone.is_peer() {
                    stats.encryption = "DTLS-SRTP".to_owned();
                } else if let Some(keys) = session.and_then(|session| session.keys.as_ref()) {
                    stats.encryption = format!("SRTP {}", keys.suite.name());
                }
                stats.packets_received += phone.counts.accepted;
                stats.dropped_foreign = phone.counts.foreign;
                stats.dropped_unauthenticated = phone.counts.unauthenticated;
                stats.dropped_malformed = phone.counts.malformed;
                stats.dropped_other_stream = phone.counts.other_stream;
                stats.rtt = phone.rtt;
                stats.remote = phone.remote();
            }
        }
        stats
    }
}
