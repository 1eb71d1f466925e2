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
    let blocks = u8::from(block.is_some());
    let words = if sender.is_some() { 6 } else { 1 } + 6 * u16::from(blocks);
    w.put(&[0x80 | blocks, if sender.is_some() { SR } else { RR }]);
    w.put(&words.to_be_bytes());
    w.u32(ssrc);
    if let Some(info) = sender {
        w.put(&info.ntp.to_be_bytes());
        w.u32(info.timestamp);
        w.u32(info.packets);
        w.u32(info.bytes);
    }
    if let Some(block) = block {
        w.u32(block.ssrc);
        w.u32((u32::from(block.fraction_lost) << 24) | (block.lost & 0xff_ffff));
        w.u32(block.highest);
        w.u32(block.jitter);
        w.u32(block.last_report);
        w.u32(block.delay);
    }
    // One chunk: SSRC, CNAME of 16 bytes, and two zero bytes that end the list on a word.
    w.put(&[0x81, SDES, 0, 6]);
    w.u32(ssrc);
    w.put(&[1, 16]);
    w.put(cname);
    w.put(&[0, 0]);
    if bye {
        w.put(&[0x81, BYE, 0, 1]);
        w.u32(ssrc);
    }
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
    out: &'a mut [u8; MAX],
    len: usize,
}

impl Writer<'_> {
    /// Appends; the longest compound (108 bytes) fits by construction.
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
