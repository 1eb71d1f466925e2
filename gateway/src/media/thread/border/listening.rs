// SPDX-License-Identifier: EUPL-1.2
//! What comes over a border: each source to the far person who has it.

use std::collections::HashMap;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Instant;

use bytes::Bytes;

use super::super::wire::FromBrowser;
use crate::call::LegId;
use crate::media::rtp::packet::Packet;
use crate::media::rtp::receipts::Receipts;
use crate::media::rtp::red;
use crate::media::rtp::rtcp::{Block, MAX_BLOCKS};
use crate::media::sdp::format;
use crate::media::words::BorderStream;

/// The sources that somebody has opened.
#[derive(Default)]
pub(super) struct Listening {
    open: HashMap<u32, Source>,
}

/// One far person's sound.
struct Source {
    far: LegId,
    sink: SyncSender<FromBrowser>,
    receipts: Option<Receipts>,
    /// Something came since the last report.
    heard: bool,
    newest: Option<u16>,
    /// Which of the 64 packets up to `newest` came: bit 0 is `newest` itself.
    seen: u64,
    packets: u64,
    octets: u64,
}

/// One packet as it was opened, and how loud its sender calls it.
pub(super) struct Opened<'a> {
    pub(super) packet: Packet<'a>,
    /// The plain text that the packet borrows from.
    pub(super) plain: &'a Bytes,
    pub(super) level: Option<u8>,
    /// Payload type of redundant audio data, when this is some.
    pub(super) red: Option<u8>,
    /// Payload type of Opus.
    pub(super) opus: u8,
}

/// What became of a packet.
pub(super) enum Taken {
    /// It was handed over, and so many older ones with it that were missing.
    Heard {
        recovered: u64,
    },
    Unknown,
    Malformed,
}

/// Far people at the same time; a partner's quota ends long before.
const MOST: usize = 4096;

impl Listening {
    /// Hands what comes under a source to a far person, and nothing more of the person's earlier one.
    pub(super) fn open(&mut self, far: LegId, ssrc: u32, sink: SyncSender<FromBrowser>) {
        if let Some(same) = self.open.get_mut(&ssrc).filter(|source| source.far == far) {
            // The leg may have ended and begun anew under the same name.
            same.sink = sink;
            return;
        }
        self.open.retain(|_, source| source.far != far);
        if self.open.len() >= MOST {
            tracing::warn!("too many people of one partner at the same time; one of them is not heard");
            return;
        }
        let source = Source {
            far,
            sink,
            receipts: None,
            heard: false,
            newest: None,
            seen: 0,
            packets: 0,
            octets: 0,
        };
        self.open.insert(ssrc, source);
    }

    /// Takes one packet.
    pub(super) fn take(&mut self, now: Instant, opened: &Opened<'_>) -> Taken {
        let packet = &opened.packet;
        let Some(source) = self.open.get_mut(&packet.ssrc) else {
            return Taken::Unknown;
        };
        let mut recovered = 0;
        let payload = if Some(packet.payload_type) == opened.red {
            let (timestamp, sequence) = (packet.timestamp, packet.sequence);
            let mut gone = false;
            let payload = red::read(packet.payload, opened.opus, |back, older| {
                let sequence = sequence.wrapping_sub(back);
                if source.missed(sequence) {
                    let packet = Packet {
                        sequence,
                        timestamp: timestamp.wrapping_sub(older.offset),
                        payload: older.payload,
                        marker: false,
                        ..*packet
                    };
                    recovered += 1;
                    gone |= !source.pass(now, &packet, opened);
                }
            });
            match payload {
                Some(payload) if !gone => payload,
                Some(_) => {
                    self.open.remove(&packet.ssrc);
                    return Taken::Unknown;
                }
                None => return Taken::Malformed,
            }
        } else if packet.payload_type == opened.opus {
            packet.payload
        } else {
            return Taken::Malformed;
        };
        source.count(now, packet);
        if !payload.is_empty() && !source.pass(now, &Packet { payload, ..*packet }, opened) {
            // The far person's leg has ended.
            self.open.remove(&packet.ssrc);
            return Taken::Unknown;
        }
        Taken::Heard { recovered }
    }

    /// Remembers a sender report.
    pub(super) fn sender_report(&mut self, now: Instant, ssrc: u32, ntp_middle: u32) {
        let source = self.open.get_mut(&ssrc);
        if let Some(receipts) = source.and_then(|source| source.receipts.as_mut()) {
            receipts.sender_report(now, ntp_middle);
        }
    }

    /// Writes a block for each source that was heard since the last report; returns how many.
    pub(super) fn report(&mut self, now: Instant, blocks: &mut [Block; MAX_BLOCKS]) -> usize {
        let heard = self.open.values_mut().filter(|source| source.heard);
        let reports = heard.filter_map(|source| {
            source.heard = false;
            source.receipts.as_mut().map(|receipts| receipts.report(now))
        });
        blocks
            .iter_mut()
            .zip(reports)
            .map(|(block, report)| *block = report)
            .count()
    }

    /// Lists the sources.
    pub(super) fn streams(&self) -> Vec<BorderStream> {
        let open = self.open.iter().map(|(ssrc, source)| BorderStream {
            leg: Some(source.far),
            ssrc: *ssrc,
            packets: source.packets,
            octets: source.octets,
        });
        open.collect()
    }
}

impl Source {
    /// Hands a packet over; returns whether anybody takes it.
    fn pass(&self, now: Instant, packet: &Packet<'_>, opened: &Opened<'_>) -> bool {
        let handed = self.sink.try_send(FromBrowser {
            arrived: now,
            payload_type: format::OPUS,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            ssrc: packet.ssrc,
            level: opened.level.map(|level| level & 0x7f),
            payload: opened.plain.slice_ref(packet.payload),
        });
        // A leg that does not keep up loses sound.
        !matches!(handed, Err(TrySendError::Disconnected(_)))
    }

    fn count(&mut self, now: Instant, packet: &Packet<'_>) {
        self.packets += 1;
        self.octets += packet.payload.len() as u64;
        self.heard = true;
        self.note(packet.sequence);
        self.receipts
            .get_or_insert_with(|| Receipts::new(now, packet.ssrc, packet.sequence, 48_000))
            .packet(now, packet.sequence, packet.timestamp);
    }

    /// Tells whether a packet of the last 64 never came, and marks it as come.
    fn missed(&mut self, sequence: u16) -> bool {
        let Some(newest) = self.newest else { return false };
        let back = newest.wrapping_sub(sequence) as i16;
        if back < 0 {
            // It comes before the packet that carries it is counted.
            self.note(sequence);
            return back > -64;
        }
        let bit = 1u64.checked_shl(u32::from(back.unsigned_abs())).unwrap_or(0);
        let missed = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        missed
    }

    fn note(&mut self, sequence: u16) {
        let Some(newest) = self.newest else {
            (self.newest, self.seen) = (Some(sequence), u64::MAX);
            return;
        };
        let step = sequence.wrapping_sub(newest) as i16;
        if step > 0 {
            self.seen = self.seen.checked_shl(step.unsigned_abs().into()).unwrap_or(0) | 1;
            self.newest = Some(sequence);
        } else if let Some(bit) = 1u64.checked_shl(step.unsigned_abs().into()) {
            self.seen |= bit;
        }
    }
}
