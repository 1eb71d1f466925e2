// SPDX-License-Identifier: EUPL-1.2
//! RTCP compounds: build and parse (RFC 3550 §6).

/// One report block: how a stream arrives at the far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) ssrc: u32,
    /// Lost since the last report [1/256].
    pub(crate) fraction_lost: u8,
    pub(crate) lost: u32,
    pub(crate) highest: u32,
    /// Jitter [timestamp units].
    pub(crate) jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report.
    pub(crate) last_report: u32,
    /// Time since that report arrived [1/65536 s].
    pub(crate) delay: u32,
}

/// What a sender says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SenderInfo {
    /// NTP time, 32.32 fixed point.
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
}

/// One thing said in a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Sender(u32, SenderInfo),
    Report(Block),
    Bye(u32),
}

/// Longest compound that [`write`] builds [bytes].
pub(crate) const MAX: usize = 128;

/// Writes SR (or RR when nothing was sent), SDES with a CNAME, and BYE when asked; returns the length.
pub(crate) fn write(
    ssrc: u32,
    sender: Option<SenderInfo>,
    block: Option<Block>,
    cname: &[u8; 16],
    bye: bool,
    out: &mut [u8; MAX],
) -> usize {
    let mut w = Writer { out, len: 0 };
    w.report(ssrc, sender, block.as_slice());
    w.farewell(ssrc, cname, bye);
    w.len
}

/// Longest compound that [`write_many`] builds [bytes]; what would be longer leaves reports out.
pub(crate) const MAX_MANY: usize = 1200;
/// Blocks of one report (RFC 3550 §6.4.1: five bits), as many as fit beside a few senders.
pub(crate) const MAX_BLOCKS: usize = 24;

/// Writes the report of one that receives and sends many streams: RR with a block for each stream received, an SR for each
/// stream sent, SDES, and BYE when asked; returns the length.
pub(crate) fn write_many(
    ssrc: u32,
    blocks: &[Block],
    senders: impl Iterator<Item = (u32, SenderInfo)>,
    cname: &[u8; 16],
    bye: bool,
    out: &mut [u8; MAX_MANY],
) -> usize {
    let mut w = Writer { out, len: 0 };
    w.report(ssrc, None, blocks.get(..MAX_BLOCKS).unwrap_or(blocks));
    for (stream, info) in senders {
        if w.len + SENDER + FAREWELL > MAX_MANY {
            break;
        }
        w.report(stream, Some(info), &[]);
    }
    w.farewell(ssrc, cname, bye);
    w.len
}

/// Reads a compound and tells what it says; stops at the first malformed part. Returns whether anything was well formed.
pub(crate) fn read(compound: &[u8], mut said: impl FnMut(Said)) -> bool {
    let mut rest = compound;
    let mut good = false;
    while let Some((part, after)) = split(rest) {
        rest = after;
        good = true;
        let count = usize::from(part[0] & 0x1f);
        let body = &part[4..];
        let blocks = match part[1] {
            SR => {
                if let (Some(ssrc), Some(info)) = (u32_at(body, 0), sender_info(body)) {
                    said(Said::Sender(ssrc, info));
                }
                body.get(24..)
            }
            RR => body.get(4..),
            BYE => {
                for i in 0..count {
                    if let Some(ssrc) = u32_at(body, 4 * i) {
                        said(Said::Bye(ssrc));
                    }
                }
                None
            }
            _ => None,
        };
        for bytes in blocks.unwrap_or_default().chunks_exact(24).take(count) {
            if let Some(block) = block(bytes) {
                said(Said::Report(block));
            }
        }
    }
    good
}

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
/// An SR without blocks; SDES with BYE [bytes].
const SENDER: usize = 28;
const FAREWELL: usize = 36;

fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = *rest.first()?;
    let words = u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?);
    let len = 4 + 4 * usize::from(words);
    (first >> 6 == 2 && rest.len() >= len).then(|| rest.split_at(len))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn sender_info(body: &[u8]) -> Option<SenderInfo> {
    let ntp = u64::from_be_bytes(body.get(4..12)?.try_into().ok()?);
    Some(SenderInfo {
        ntp,
        timestamp: u32_at(body, 12)?,
        packets: u32_at(body, 16)?,
        bytes: u32_at(body, 20)?,
    })
}

fn block(bytes: &[u8]) -> Option<Block> {
    let loss = u32_at(bytes, 4)?;
    Some(Block {
        ssrc: u32_at(bytes, 0)?,
        fraction_lost: (loss >> 24) as u8,
        lost: loss & 0xff_ffff,
        highest: u32_at(bytes, 8)?,
        jitter: u32_at(bytes, 12)?,
        last_report: u32_at(bytes, 16)?,
        delay: u32_at(bytes, 20)?,
    })
}

struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    /// Appends SR, or RR when nothing was sent.
    fn report(&mut self, ssrc: u32, sender: Option<SenderInfo>, blocks: &[Block]) {
        let words = if sender.is_some() { 6 } else { 1 } + 6 * blocks.len() as u16;
        let count = blocks.len() as u8 & 0x1f;
        self.put(&[0x80 | count, if sender.is_some() { SR } else { RR }]);
        self.put(&words.to_be_bytes());
        self.u32(ssrc);
        if let Some(info) = sender {
            self.put(&info.ntp.to_be_bytes());
            self.u32(info.timestamp);
            self.u32(info.packets);
            self.u32(info.bytes);
        }
        for block in blocks {
            self.u32(block.ssrc);
            self.u32((u32::from(block.fraction_lost) << 24) | (block.lost & 0xff_ffff));
            self.u32(block.highest);
            self.u32(block.jitter);
            self.u32(block.last_report);
            self.u32(block.delay);
        }
    }

    /// Appends SDES, and BYE when asked.
    fn farewell(&mut self, ssrc: u32, cname: &[u8; 16], bye: bool) {
        // One chunk: SSRC, CNAME of 16 bytes, and two zero bytes that end the list on a word.
        self.put(&[0x81, SDES, 0, 6]);
        self.u32(ssrc);
        self.put(&[1, 16]);
        self.put(cname);
        self.put(&[0, 0]);
        if bye {
            self.put(&[0x81, BYE, 0, 1]);
            self.u32(ssrc);
        }
    }

    /// Appends; the longest compound fits by construction.
    fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.out.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let info = SenderInfo {
            ntp: 0x0102_0304_0506_0708,
            timestamp: 9,
            packets: 10,
            bytes: 11,
        };
        let block = Block {
            ssrc: 5,
            fraction_lost: 64,
            lost: 25,
            highest: 99,
            jitter: 3,
            last_report: 4,
            delay: 8,
        };
        let mut out = [0; MAX];
        let len = write(1, Some(info), Some(block), b"0123456789abcdef", true, &mut out);
        let mut all = Vec::new();
        assert!(read(&out[..len], |said| all.push(said)));
        assert_eq!(all, [Said::Sender(1, info), Said::Report(block), Said::Bye(1)]);
        assert_eq!(len % 4, 0);
        let len = write(1, None, None, b"0123456789abcdef", false, &mut out);
        all.clear();
        assert!(read(&out[..len], |said| all.push(said)));
        assert!(all.is_empty());
    }

    #[test]
    fn the_report_of_many_streams_fits_and_is_read_back() {
        let blocks = [Block {
            ssrc: 5,
            ..Block::default()
        }; 40];
        let info = SenderInfo {
            ntp: 1,
            timestamp: 2,
            packets: 3,
            bytes: 4,
        };
        let mut out = [0; MAX_MANY];
        let len = write_many(
            1,
            &blocks,
            (10..99).map(|ssrc| (ssrc, info)),
            b"0123456789abcdef",
            true,
            &mut out,
        );
        let mut all = Vec::new();
        assert!(read(&out[..len], |said| all.push(said)) && len <= MAX_MANY && len % 4 == 0);
        assert_eq!(
            all.iter().filter(|said| matches!(said, Said::Report(_))).count(),
            MAX_BLOCKS
        );
        assert!(
            all.contains(&Said::Sender(10, info)) && all.last() == Some(&Said::Bye(1)),
            "{all:?}"
        );
    }

    #[test]
    fn truncated_and_lying_compounds_do_not_panic() {
        let mut out = [0; MAX];
        let block = Block::default();
        let len = write(1, None, Some(block), b"0123456789abcdef", true, &mut out);
        for cut in 0..len {
            read(&out[..cut], |_| ());
        }
        assert!(!read(&[0x9f, 200, 0xff, 0xff, 0, 0], |_| panic!("nothing is said")));
        assert!(read(&[0x9f, 203, 0, 0], |_| panic!("nobody leaves")));
    }
}
