// SPDX-License-Identifier: EUPL-1.2
//! A phone that writes down when each packet comes: what a listener misses, and how even the gateway's ticks are.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::gateway::{MEETING, PIN};
use crate::wire::{Answer, Call, Client, offer};

/// How long a listener waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call that listens and sends silence; it hangs up when dropped.
pub struct Metronome {
    client: Client,
    call: Call,
    answer: Answer,
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<Arrival>>>,
    thread: Option<JoinHandle<()>>,
}

/// What came in a while.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Packets.
    pub packets: usize,
    /// Sequence numbers that are missing.
    pub lost: u64,
    /// How far from 20 ms the times between two packets are, of 99 in 100 at most.
    pub p99: Duration,
    /// The longest time between two packets.
    pub longest: Duration,
}

#[derive(Clone, Copy)]
struct Arrival {
    at: Instant,
    sequence: u16,
}

impl Metronome {
    /// Calls the meeting from the network of this thread; `port` and the one below are free.
    pub fn join(port: u16) -> Metronome {
        let client = Client::at(&format!("127.0.0.1:{port}"));
        let socket = UdpSocket::bind(("127.0.0.1", port + 1)).unwrap_or_else(|e| panic!("{port}: {e}"));
        let call = Call::new(&format!("{MEETING}*{PIN}"), &client.address().to_string(), "UDP");
        client.send(call.invite(&offer("127.0.0.1", port + 1)).as_bytes());
        let answer = client
            .final_answer(&call.branch, PATIENCE)
            .expect("the gateway answers");
        assert!(answer.status < 300, "{}", answer.text);
        client.send(call.ack(&answer).as_bytes());
        let (stop, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let to = media_of(&answer);
        let (stopped, log) = (Arc::clone(&stop), Arc::clone(&heard));
        let thread = std::thread::spawn(move || listen(&socket, to, &stopped, &log));
        Metronome {
            client,
            call,
            answer,
            stop,
            heard,
            thread: Some(thread),
        }
    }

    /// Tells how the packets of the last `length` came.
    pub fn pace(&self, length: Duration) -> Pace {
        let heard = self.heard.lock().expect("no thread panics with it").clone();
        let begin = Instant::now().checked_sub(length);
        let recent: Vec<Arrival> = heard.into_iter().filter(|packet| Some(packet.at) >= begin).collect();
        let mut pace = Pace {
            packets: recent.len(),
            ..Pace::default()
        };
        let mut uneven: Vec<Duration> = Vec::with_capacity(recent.len());
        for pair in recent.windows(2) {
            let between = pair[1].at - pair[0].at;
            pace.longest = pace.longest.max(between);
            uneven.push(between.abs_diff(Duration::from_millis(20)));
            let step = pair[1].sequence.wrapping_sub(pair[0].sequence);
            pace.lost += u64::from(step.saturating_sub(1)).min(1_000);
        }
        uneven.sort_unstable();
        pace.p99 = uneven.get(uneven.len() * 99 / 100).copied().unwrap_or_default();
        pace
    }
}

impl Drop for Metronome {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.client.send(self.call.bye(&self.answer).as_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Lets this thread go before all others where that is allowed: the gateway's evenness is to be seen, not the listener's.
fn go_first() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    if let Ok(priority) = ThreadPriorityValue::try_from(20u8) {
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(priority), policy);
    }
}

fn listen(socket: &UdpSocket, to: Option<(String, u16)>, stop: &AtomicBool, heard: &Mutex<Vec<Arrival>>) {
    go_first();
    socket
        .set_read_timeout(Some(Duration::from_millis(10)))
        .expect("a time-out above zero is valid");
    let (mut buffer, mut sequence, mut next) = ([0; 2048], 0u16, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        if let Ok(length) = socket.recv(&mut buffer)
            && length >= 12
            && buffer[1] & 0x7f == 8
        {
            let arrival = Arrival {
                at: Instant::now(),
                sequence: u16::from_be_bytes([buffer[2], buffer[3]]),
            };
            heard.lock().expect("no thread panics with it").push(arrival);
        }
        if let Some((host, port)) = &to
            && Instant::now() >= next
        {
            let mut packet = vec![0x80, 8];
            packet.extend(sequence.to_be_bytes());
            packet.extend((u32::from(sequence) * 160).to_be_bytes());
            packet.extend([0, 0, 0, 7]);
            packet.extend([0xd5; 160]);
            let _ = socket.send_to(&packet, (host.as_str(), *port));
            sequence = sequence.wrapping_add(1);
            next += Duration::from_millis(20);
        }
    }
}

fn media_of(answer: &Answer) -> Option<(String, u16)> {
    let find = |start: &str| {
        answer
            .text
            .lines()
            .find_map(|line| line.strip_prefix(start).map(str::to_owned))
    };
    let host = find("c=IN IP4 ")?.trim().to_owned();
    let port = find("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some((host, port))
}
