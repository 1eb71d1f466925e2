// SPDX-License-Identifier: EUPL-1.2
//! Redundant audio data (RFC 2198): a packet carries the ones before it once more.

/// One block that was sent before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Older<'a> {
    /// How much earlier its timestamp is.
    pub(crate) offset: u32,
    pub(crate) payload: &'a [u8],
}

/// The earliest timestamp that can be told: 14 bits.
pub(crate) const MOST_OFFSET: u32 = 0x3fff;
/// Blocks taken from one packet.
pub(crate) const MOST_BLOCKS: usize = 4;

const MOST_LENGTH: usize = 0x3ff;

/// Writes older blocks, the oldest first, and the payload itself; `None` when they do not fit.
pub(crate) fn write(older: &[Older<'_>], payload_type: u8, payload: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut len = 0usize;
    let mut put = |bytes: &[u8]| {
        let room = out.get_mut(len..len.checked_add(bytes.len())?)?;
        room.copy_from_slice(bytes);
        len += bytes.len();
        Some(())
    };
    for block in older {
        if block.offset > MOST_OFFSET || block.payload.len() > MOST_LENGTH {
            return None;
        }
        let rest = block.offset << 10 | block.payload.len() as u32;
        let [_, high, middle, low] = rest.to_be_bytes();
        put(&[0x80 | (payload_type & 0x7f), high, middle, low])?;
    }
    put(&[payload_type & 0x7f])?;
    for block in older {
        put(block.payload)?;
    }
    put(payload)?;
    Some(len)
}

/// Reads a packet: tells each older block, the oldest first, with how many packets back it was, and returns the payload
/// itself. `None` when it is malformed, holds too much, or another payload type than the one agreed upon.
pub(crate) fn read<'a>(packet: &'a [u8], payload_type: u8, mut older: impl FnMut(u16, Older<'a>)) -> Option<&'a [u8]> {
    let (mut blocks, mut count, mut at) = ([(0u32, 0usize); MOST_BLOCKS], 0usize, 0usize);
    loop {
        let first = *packet.get(at)?;
        if first & 0x7f != payload_type {
            return None;
        }
        at += 1;
        if first & 0x80 == 0 {
            break;
        }
        let [high, middle, low] = *packet.get(at..at + 3)? else {
            return None;
        };
        let rest = u32::from_be_bytes([0, high, middle, low]);
        *blocks.get_mut(count)? = (rest >> 10, (rest & 0x3ff) as usize);
        (count, at) = (count + 1, at + 3);
    }
    let lengths: usize = blocks.iter().take(count).map(|(_, len)| len).sum();
    let payload = packet.get(at.checked_add(lengths)?..)?;
    for (back, (offset, len)) in (1..=count as u16).rev().zip(blocks) {
        let block = packet.get(at..at + len)?;
        at += len;
        if len > 0 {
            older(back, Older { offset, payload: block });
        }
    }
    Some(payload)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_written_is_read_back_with_its_place() {
        let blocks = [
            Older {
                offset: 1920,
                payload: b"first",
            },
            Older {
                offset: 960,
                payload: b"second!",
            },
        ];
        let mut out = [0; 64];
        let len = write(&blocks, 111, b"third", &mut out).unwrap();
        assert_eq!(len, 4 + 4 + 1 + 5 + 7 + 5);
        let mut found = Vec::new();
        let payload = read(&out[..len], 111, |back, older| found.push((back, older)));
        assert_eq!(payload, Some(b"third".as_slice()));
        assert_eq!(found, [(2, blocks[0]), (1, blocks[1])]);
        assert_eq!(read(&out[..len], 96, |_, _| panic!("another codec")), None);
        for cut in 0..len - 5 {
            assert_eq!(read(&out[..cut], 111, |_, _| ()), None, "{cut}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_written_and_a_tower_of_blocks_is_not_read() {
        let far = Older {
            offset: MOST_OFFSET + 1,
            payload: b"x",
        };
        assert_eq!(write(&[far], 111, b"y", &mut [0; 64]), None);
        assert_eq!(write(&[], 111, &[0; 70], &mut [0; 64]), None);
        let tower: Vec<u8> = std::iter::repeat_n([0x80 | 111, 0, 4, 1], 10).flatten().collect();
        assert_eq!(read(&tower, 111, |_, _| panic!("nothing is told")), None);
    }
}
