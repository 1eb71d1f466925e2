// SPDX-License-Identifier: EUPL-1.2
//! One UDP socket that hears all legs, and notes what came from whom and when.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::alaw;

/// Where the ears listen: all calls share it, since every leg is told apart by its sender's port.
pub(crate) const PORT: u16 = 30_000;
/// Loudness from which a packet counts as the onset of a burst [16-bit sample].
const ONSET: i16 = 3_000;
/// Packets below that loudness before the next onset counts.
const PAUSE: u32 = 5;
/// Larger than the 10 000 packets a second of 200 legs need in any stall that matters.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The listening thread; it ends when dropped.
pub(crate) struct Ears {
    socket: UdpSocket,
    heard: Arc<Mutex<HashMap<u16, Heard>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What came from one sender's port.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Arrival of the first packet.
    pub(crate) first: Instant,
    /// Arrival of the first packet that is not digital silence (PCMA only).
    pub(crate) first_sound: Option<Instant>,
    /// RTP packets.
    pub(crate) packets: u64,
    /// Packets that are not digital silence (PCMA only).
    pub(crate) sounding: u64,
    /// Payload bytes.
    pub(crate) bytes: u64,
    /// Arrivals of packets in which a burst begins (PCMA only).
    pub(crate) onsets: Vec<Instant>,
    ssrc: u32,
    quiet: u32,
}

impl Ears {
    /// Opens the socket and starts to listen.
    pub(crate) fn open() -> Ears {
        let socket = UdpSocket::bind(("127.0.0.1", PORT)).expect("the bench has a network namespace of its own");
        // The kernel may grant less.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a time-out above zero is valid");
        let heard = Arc::new(Mutex::new(HashMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let listening = (
            socket.try_clone().expect("a socket can be cloned"),
            Arc::clone(&heard),
            Arc::clone(&stop),
        );
        let thread = std::thread::spawn(move || listen(&listening.0, &listening.1, &listening.2));
        Ears {
            socket,
            heard,
            stop,
            thread: Some(thread),
        }
    }

    /// Returns the socket, to speak from the port that listens.
    pub(crate) fn socket(&self) -> UdpSocket {
        self.socket.try_clone().expect("a socket can be cloned")
    }

    /// Returns what came from a port so far.
    pub(crate) fn heard(&self, port: u16) -> Option<Heard> {
        self.lock().get(&port).cloned()
    }

    /// Returns when the first packet and the first sound came from a port, once both have.
    pub(crate) fn firsts(&self, port: u16) -> Option<(Instant, Instant)> {
        self.lock()
            .get(&port)
            .and_then(|heard| Some((heard.first, heard.first_sound?)))
    }

    /// Forgets a port.
    pub(crate) fn forget(&self, port: u16) {
        self.lock().remove(&port);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u16, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(socket: &UdpSocket, heard: &Mutex<HashMap<u16, Heard>>, stop: &AtomicBool) {
    let mut packet = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut packet) else {
            continue;
        };
        let now = Instant::now();
        // RTP without contributing sources; RTCP has types above 191.
        let (Some(header), Some(payload)) = (packet.get(..12), packet.get(12..length)) else {
            continue;
        };
        if header[0] & 0xdf != 0x80 || header[1] >= 192 || payload.is_empty() {
            continue;
        }
        let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let leg = heard.entry(from.port()).or_insert_with(|| Heard::new(ssrc, now));
        if leg.ssrc != ssrc {
            *leg = Heard::new(ssrc, now);
        }
        leg.note(now, header[1] & 0x7f, payload);
    }
}

impl Heard {
    fn new(ssrc: u32, first: Instant) -> Heard {
        Heard {
            first,
            first_sound: None,
            packets: 0,
            sounding: 0,
            bytes: 0,
            onsets: Vec::new(),
            ssrc,
            quiet: 0,
        }
    }

    fn note(&mut self, now: Instant, payload_type: u8, payload: &[u8]) {
        self.packets += 1;
        self.bytes += payload.len() as u64;
        if payload_type != 8 {
            return;
        }
        if payload.iter().any(|code| !alaw::SILENCE.contains(code)) {
            self.sounding += 1;
            self.first_sound.get_or_insert(now);
        }
        if alaw::peak(payload) < ONSET {
            self.quiet += 1;
        } else {
            if self.quiet >= PAUSE {
                self.onsets.push(now);
            }
            self.quiet = 0;
        }
    }
}
