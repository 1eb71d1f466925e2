// SPDX-License-Identifier: EUPL-1.2
//! What one stream sent last, so that the next packet can carry it once more (RFC 2198).

use super::super::numbering::Numbers;
use crate::media::rtp::red::{self, Older};

/// The last packets of one stream, the newest first.
#[derive(Default)]
pub(super) struct History {
    sent: [Sent; DEPTH],
    count: usize,
}

struct Sent {
    sequence: u16,
    timestamp: u32,
    len: usize,
    payload: [u8; LONGEST],
}

/// Packets that may be carried once more.
pub(super) const DEPTH: usize = 2;
/// A longer payload is not repeated [bytes]; one block tells its length in ten bits.
const LONGEST: usize = 400;

impl Default for Sent {
    fn default() -> Sent {
        Sent {
            sequence: 0,
            timestamp: 0,
            len: 0,
            payload: [0; LONGEST],
        }
    }
}

impl History {
    /// Writes a payload behind up to `depth` of its predecessors; `None` when there are none that fit.
    pub(super) fn write(
        &self,
        depth: usize,
        numbers: Numbers,
        opus: u8,
        payload: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let mut older = [Older::default(); DEPTH];
        let mut count = 0;
        let near = self.sent.iter().take(self.count.min(depth.min(DEPTH)));
        for (place, (sent, back)) in older.iter_mut().zip(near.zip(1u16..)) {
            // A receiver takes for granted that they are the last ones, without a gap.
            let offset = numbers.timestamp.wrapping_sub(sent.timestamp);
            if sent.sequence != numbers.sequence.wrapping_sub(back) || offset > red::MOST_OFFSET || sent.len == 0 {
                break;
            }
            *place = Older {
                offset,
                payload: sent.payload.get(..sent.len)?,
            };
            count += 1;
        }
        let older = older.get_mut(..count).filter(|older| !older.is_empty())?;
        older.reverse();
        red::write(older, opus, payload, out)
    }

    /// Remembers what was sent, in order.
    pub(super) fn remember(&mut self, numbers: Numbers, payload: &[u8]) {
        let newest = self.sent.first().map_or(0, |sent| sent.sequence);
        if self.count > 0 && (numbers.sequence.wrapping_sub(newest) as i16) <= 0 {
            return;
        }
        self.sent.rotate_right(1);
        if let Some(sent) = self.sent.first_mut() {
            (sent.sequence, sent.timestamp) = (numbers.sequence, numbers.timestamp);
            sent.len = 0;
            if let Some(room) = sent.payload.get_mut(..payload.len()) {
                room.copy_from_slice(payload);
                sent.len = payload.len();
            }
        }
        self.count = (self.count + 1).min(DEPTH);
    }
}
