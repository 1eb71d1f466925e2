// SPDX-License-Identifier: EUPL-1.2
//! RTP packets: parse and build (RFC 3550 §5.1).

/// Length of the fixed header [bytes].
pub(crate) const HEADER: usize = 12;
/// Length of a header extension that holds one byte [bytes].
pub(crate) const EXTENSION: usize = 8;

/// A received packet, borrowed from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload: &'a [u8],
}

/// What a datagram on a media port is (RFC 7983, RFC 5761 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Rtp,
    Rtcp,
    Neither,
}

/// Tells RTP, RTCP and everything else apart by the first two bytes.
pub(crate) fn sort(datagram: &[u8]) -> Sort {
    match datagram {
        [first, second, ..] if first >> 6 == 2 => {
            if (192..=223).contains(second) {
                Sort::Rtcp
            } else {
                Sort::Rtp
            }
        }
        _ => Sort::Neither,
    }
}

/// Reads the synchronisation source of an RTP datagram, encrypted or not.
pub(crate) fn ssrc(datagram: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(datagram.get(8..12)?.try_into().ok()?))
}

/// Reads the first byte of a header extension from a decrypted datagram (RFC 8285, both forms).
pub(crate) fn extension(datagram: &[u8], wanted: u8) -> Option<u8> {
    let first = *datagram.first()?;
    if first & 0x10 == 0 {
        return None;
    }
    let start = HEADER + 4 * usize::from(first & 0x0f);
    let (profile, words) = (datagram.get(start..start + 2)?, datagram.get(start + 2..start + 4)?);
    let words = usize::from(u16::from_be_bytes(words.try_into().ok()?));
    let mut rest = datagram.get(start + 4..start + 4 + 4 * words)?;
    let short = match profile {
        [0xbe, 0xde] => true,
        [0x10, low] if low >> 4 == 0 => false,
        _ => return None,
    };
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == 0 {
            rest = tail;
            continue;
        }
        let (id, len, tail) = if short {
            if byte >> 4 == 15 {
                return None;
            }
            (byte >> 4, usize::from(byte & 0x0f) + 1, tail)
        } else {
            let (&len, tail) = tail.split_first()?;
            (byte, usize::from(len), tail)
        };
        let value = tail.get(..len)?;
        if id == wanted {
            return value.first().copied();
        }
        rest = tail.get(len..)?;
    }
    None
}

impl<'a> Packet<'a> {
    /// Parses a decrypted datagram; `None` when it is not well formed.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Packet<'a>> {
        let (&first, &second) = (datagram.first()?, datagram.get(1)?);
        if first >> 6 != 2 {
            return None;
        }
        let sequence = u16::from_be_bytes(datagram.get(2..4)?.try_into().ok()?);
        let timestamp = u32::from_be_bytes(datagram.get(4..8)?.try_into().ok()?);
        let ssrc = ssrc(datagram)?;
        let mut start = HEADER + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            let words = u16::from_be_bytes(datagram.get(start + 2..start + 4)?.try_into().ok()?);
            start += 4 + 4 * usize::from(words);
        }
        let mut end = datagram.len();
        if first & 0x20 != 0 {
            let padding = usize::from(*datagram.last()?);
            if padding == 0 {
                return None;
            }
            end = end.checked_sub(padding)?;
        }
        Some(Packet {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            sequence,
            timestamp,
            ssrc,
            payload: datagram.get(start..end)?,
        })
    }
}

/// What goes into the header of a packet that we send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl Outgoing {
    /// Writes header, a header extension of one byte (its id from 1 to 14, and the byte; RFC 8285 §4.2) and payload into
    /// `out` and returns the length; 0 when `out` is too short.
    pub(crate) fn write(&self, extension: Option<(u8, u8)>, payload: &[u8], out: &mut [u8]) -> usize {
        let start = HEADER + if extension.is_some() { EXTENSION } else { 0 };
        let len = start + payload.len();
        let Some(out) = out.get_mut(..len) else { return 0 };
        out[0] = 0x80;
        if let Some((id, byte)) = extension {
            out[0] |= 0x10;
            out[HEADER..start].copy_from_slice(&[0xbe, 0xde, 0, 1, id << 4, byte, 0, 0]);
        }
        out[1] = (self.payload_type & 0x7f) | (u8::from(self.marker) << 7);
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out[start..].copy_from_slice(payload);
        len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let header = Outgoing {
            payload_type: 111,
            marker: true,
            sequence: 65_535,
            timestamp: 0xdead_beef,
            ssrc: 7,
        };
        let mut buffer = [0; 64];
        let len = header.write(None, b"sound", &mut buffer);
        let packet = Packet::parse(&buffer[..len]).expect("own packet");
        assert_eq!(
            (packet.payload_type, packet.marker, packet.sequence),
            (111, true, 65_535)
        );
        assert_eq!(
            (packet.timestamp, packet.ssrc, packet.payload),
            (0xdead_beef, 7, b"sound".as_slice())
        );
    }

    #[test]
    fn contributing_sources_extensions_and_padding_are_stepped_over() {
        let mut datagram = vec![0xb2, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        datagram.extend([0; 8]);
        datagram.extend([0xbe, 0xde, 0, 1, 0x10, 0x85, 0, 0]);
        datagram.extend([1, 2, 3, 0, 0, 3]);
        assert_eq!(Packet::parse(&datagram).expect("well formed").payload, &[1, 2, 3]);
    }

    #[test]
    fn one_byte_in_a_header_extension_is_written_and_read_back() {
        let header = Outgoing {
            payload_type: 111,
            marker: false,
            sequence: 1,
            timestamp: 2,
            ssrc: 7,
        };
        let mut buffer = [0; 64];
        let len = header.write(Some((3, 0x94)), b"sound", &mut buffer);
        assert_eq!(
            Packet::parse(&buffer[..len]).expect("own packet").payload,
            b"sound".as_slice()
        );
        assert_eq!(extension(&buffer[..len], 3), Some(0x94));
        assert_eq!(extension(&buffer[..len], 4), None);
        let long = [
            0x90, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, 2, 9, 0, 4, 2, 0x85, 1, 0, 0,
        ];
        assert_eq!(extension(&long, 4), Some(0x85));
        for cut in 0..long.len() {
            let _ = extension(&long[..cut], 4);
        }
    }

    #[test]
    fn no_truncation_and_no_lie_about_lengths_panics() {
        let mut datagram = vec![0xbf, 0x88, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        datagram.extend([0xff; 100]);
        for len in 0..datagram.len() {
            let _ = Packet::parse(&datagram[..len]);
        }
        assert_eq!(Packet::parse(&[0xa0, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 200]), None);
    }
}
