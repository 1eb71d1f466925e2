// SPDX-License-Identifier: EUPL-1.2
//! Listens in on what goes to a media server, and notes when a voice begins: SRTP leaves the header readable, and with it
//! the level that the sender tells of each packet (RFC 6464).

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// `AF_PACKET` of Linux.
const PACKET: i32 = 17;
/// `ETH_P_IP` of Linux.
const IPV4: u16 = 0x0800;
/// Louder than this is a voice [-dBov].
const VOICE: u8 = 60;
/// Packets below that before the next onset counts.
const PAUSE: u32 = 5;

/// The moments at which voices began, by the UDP port that they came from.
type Onsets = Arc<Mutex<HashMap<u16, Vec<Instant>>>>;

/// The listening thread; it ends when dropped.
pub(crate) struct Wiretap {
    onsets: Onsets,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What one element of a stream's header extension said last.
#[derive(Default)]
struct Voice {
    quiet: u32,
    sequence: Option<u16>,
}

impl Wiretap {
    /// Listens to all that goes to one UDP port of this machine.
    pub(crate) fn on(port: u16) -> Wiretap {
        let protocol = Protocol::from(i32::from(IPV4.to_be()));
        let socket = Socket::new(Domain::from(PACKET), Type::DGRAM, Some(protocol))
            .expect("the bench is root in a network namespace of its own");
        // The kernel may grant less.
        let _ = SockRef::from(&socket).set_recv_buffer_size(4 << 20);
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a time-out above zero is valid");
        let (onsets, stop) = (Onsets::default(), Arc::new(AtomicBool::new(false)));
        let (noted, stopped) = (Arc::clone(&onsets), Arc::clone(&stop));
        let thread = std::thread::spawn(move || listen(socket, port, &noted, &stopped));
        Wiretap {
            onsets,
            stop,
            thread: Some(thread),
        }
    }

    /// Ends and returns when voices began, by the UDP port that they came from.
    pub(crate) fn stop(mut self) -> HashMap<u16, Vec<Instant>> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        std::mem::take(&mut *self.onsets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn listen(mut socket: Socket, port: u16, onsets: &Mutex<HashMap<u16, Vec<Instant>>>, stop: &AtomicBool) {
    let mut voices: HashMap<(u32, u8), Voice> = HashMap::new();
    let mut packet = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        let Ok(length) = socket.read(&mut packet) else { continue };
        let now = Instant::now();
        let Some((from, datagram)) = packet.get(..length).and_then(|packet| udp_to(port, packet)) else {
            continue;
        };
        let Some(rtp) = Rtp::read(datagram) else { continue };
        for (id, value) in rtp.octets() {
            let voice = voices.entry((rtp.ssrc, id)).or_default();
            // The loopback shows every packet twice: as it leaves and as it arrives.
            if voice.sequence.replace(rtp.sequence) == Some(rtp.sequence) {
                continue;
            }
            if value & 0x7f >= VOICE {
                voice.quiet += 1;
                continue;
            }
            if voice.quiet >= PAUSE {
                let mut onsets = onsets.lock().unwrap_or_else(PoisonError::into_inner);
                onsets.entry(from).or_default().push(now);
            }
            voice.quiet = 0;
        }
    }
}

/// Returns the sender's port and the payload of a UDP packet to a port.
fn udp_to(port: u16, packet: &[u8]) -> Option<(u16, &[u8])> {
    let header = 4 * usize::from(packet.first()? & 15);
    let udp = packet.get(header..).filter(|_| packet.get(9) == Some(&17))?;
    let number = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
    (number(2)? == port).then_some((number(0)?, udp.get(8..)?))
}

struct Rtp<'p> {
    sequence: u16,
    ssrc: u32,
    extension: &'p [u8],
}

impl<'p> Rtp<'p> {
    /// Reads the header of a packet that has an extension of one-octet elements (RFC 8285 §4.2).
    fn read(datagram: &'p [u8]) -> Option<Rtp<'p>> {
        let header = datagram.get(..12)?;
        if header[0] & 0xd0 != 0x90 || (64..96).contains(&(header[1] & 0x7f)) {
            return None;
        }
        let start = 12 + 4 * usize::from(header[0] & 15);
        let head = datagram.get(start..start + 4)?;
        let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
        Some(Rtp {
            sequence: u16::from_be_bytes([header[2], header[3]]),
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            extension: datagram
                .get(start + 4..start + 4 + 4 * words)
                .filter(|_| head[..2] == [0xbe, 0xde])?,
        })
    }

    /// Returns the elements of one octet; of those only a level ever changes.
    fn octets(&self) -> Vec<(u8, u8)> {
        let (mut found, mut rest) = (Vec::new(), self.extension);
        while let Some((first, after)) = rest.split_first() {
            let (id, length) = (first >> 4, usize::from(first & 15) + 1);
            if id == 0 {
                rest = after;
                continue;
            }
            if length == 1 {
                found.extend(after.first().map(|value| (id, *value)));
            }
            rest = after.get(length..).unwrap_or_default();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_packet_is_found_and_other_packets_are_not_mistaken() {
        let mut packet = vec![0x45; 20];
        packet[9] = 17;
        packet.extend([0x9c, 0x40, 0x1e, 0xca, 0, 0, 0, 0]);
        packet.extend([0x90, 111, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9]);
        packet.extend([0xbe, 0xde, 0, 2, 0x31, 1, 2, 0x10, 0x9e, 0, 0, 0]);
        let (from, datagram) = udp_to(7882, &packet).expect("a packet to the port");
        let rtp = Rtp::read(datagram).expect("an extension");
        assert_eq!((from, rtp.sequence, rtp.ssrc), (40_000, 7, 9));
        assert_eq!(rtp.octets(), [(1, 0x9e)]);
        assert!(udp_to(7881, &packet).is_none());
        for length in 0..packet.len() {
            let rtp = udp_to(7882, &packet[..length]).and_then(|(_, datagram)| Rtp::read(datagram));
            assert!(rtp.is_none_or(|rtp| rtp.octets().is_empty()));
        }
    }
}
