// SPDX-License-Identifier: EUPL-1.2
//! Whom to believe: which address and which stream a leg listens to.
//!
//! Authenticate, then learn. An authenticated packet (SRTP) may move the address, for its sender proved the key. Plain
//! RTP is believed from the address of the session description; by the trunk's policy one other address is taken once
//! (symmetric RTP behind NAT, RFC 4961), and then the door is locked.

use std::net::SocketAddr;

use crate::media::Latch;

/// The address that packets of one leg come from and go to.
#[derive(Debug)]
pub(crate) struct Source {
    described: Option<SocketAddr>,
    learned: Option<SocketAddr>,
    /// The learned address may no longer change without authentication.
    locked: bool,
    latch: Latch,
}

impl Source {
    /// Begins with the address of the session description; `latch` says who else may claim it.
    pub(crate) fn new(described: Option<SocketAddr>, latch: Latch) -> Source {
        Source {
            described,
            learned: None,
            locked: false,
            latch,
        }
    }

    /// Takes the address of a new session description.
    pub(crate) fn redescribe(&mut self, described: Option<SocketAddr>) {
        if self.described != described {
            *self = Source::new(described, self.latch);
        }
    }

    /// Returns where to send to.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.learned.or(self.described)
    }

    /// Tells whether a plain packet from this address is believed, and learns from it.
    pub(crate) fn believes(&mut self, from: SocketAddr) -> bool {
        if self.locked {
            return self.learned == Some(from);
        }
        if self.described == Some(from) {
            (self.learned, self.locked) = (Some(from), true);
            return true;
        }
        let may_latch = match self.latch {
            Latch::Nobody => false,
            Latch::Signalling(ip) => from.ip() == ip,
            Latch::Anyone => true,
        };
        if !may_latch {
            return false;
        }
        match self.learned {
            // The described address may still claim its place until the latch has proved itself.
            Some(learned) => learned == from,
            None => {
                self.learned = Some(from);
                true
            }
        }
    }

    /// Ends the time in which the described address may still take over from a latched one.
    pub(crate) fn lock(&mut self) {
        self.locked |= self.learned.is_some();
    }

    /// Learns from an authenticated packet.
    pub(crate) fn authenticated(&mut self, from: SocketAddr) {
        (self.learned, self.locked) = (Some(from), true);
    }
}

/// The stream (SSRC) that a leg listens to, and the one that wants to follow it.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    current: Option<u32>,
    previous: Option<u32>,
    candidate: Option<(u32, u16, u8)>,
    one_sender: bool,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It belongs to the current stream.
    Current,
    /// It begins a new stream: decode afresh.
    New,
    /// It is a stray of another stream.
    Stray,
}

/// Packets in unbroken sequence that make a new stream the current one (RFC 3550 appendix A.1).
const PROBATION: u8 = 3;

impl Stream {
    /// Makes the judge of a transport that carries one sender alone, and proves it: a new stream is current at once.
    pub(crate) fn of_one_sender() -> Stream {
        Stream {
            one_sender: true,
            ..Stream::default()
        }
    }

    /// Returns the current stream.
    pub(crate) fn current(&self) -> Option<u32> {
        self.current
    }

    /// Judges one packet.
    pub(crate) fn judge(&mut self, ssrc: u32, sequence: u16) -> Verdict {
        match self.current {
            None => {
                self.current = Some(ssrc);
                Verdict::New
            }
            Some(current) if current == ssrc => {
                self.candidate = None;
                Verdict::Current
            }
            Some(current) if self.one_sender && self.previous != Some(ssrc) => {
                (self.previous, self.current, self.candidate) = (Some(current), Some(ssrc), None);
                Verdict::New
            }
            Some(current) => {
                let run = match self.candidate {
                    Some((candidate, last, run)) if candidate == ssrc && sequence == last.wrapping_add(1) => {
                        run.saturating_add(1)
                    }
                    _ => 1,
                };
                if run >= PROBATION {
                    (self.previous, self.current, self.candidate) = (Some(current), Some(ssrc), None);
                    return Verdict::New;
                }
                self.candidate = Some((ssrc, sequence, run));
                Verdict::Stray
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("literal")
    }

    #[test]
    fn without_trust_only_the_described_address_is_believed() {
        let mut source = Source::new(Some(address("192.0.2.1:5004")), Latch::Nobody);
        assert!(!source.believes(address("198.51.100.7:9")));
        assert!(!source.believes(address("192.0.2.1:5006")));
        assert!(source.believes(address("192.0.2.1:5004")));
        assert_eq!(source.remote(), Some(address("192.0.2.1:5004")));
    }

    #[test]
    fn a_trusted_phone_behind_nat_is_latched_once() {
        let mut source = Source::new(Some(address("10.0.0.5:5004")), Latch::Anyone);
        assert!(source.believes(address("192.0.2.1:7777")));
        assert!(!source.believes(address("198.51.100.7:9")));
        assert!(source.believes(address("192.0.2.1:7777")));
        source.lock();
        assert!(!source.believes(address("10.0.0.5:5004")));
        assert_eq!(source.remote(), Some(address("192.0.2.1:7777")));
    }

    #[test]
    fn on_an_open_trunk_only_the_signalling_address_may_latch() {
        let signalling = address("192.0.2.1:5060").ip();
        let mut source = Source::new(Some(address("10.0.0.5:5004")), Latch::Signalling(signalling));
        assert!(!source.believes(address("198.51.100.7:9")));
        assert!(source.believes(address("192.0.2.1:7777")));
    }

    #[test]
    fn the_described_address_takes_over_from_a_spray_that_came_first() {
        let mut source = Source::new(Some(address("192.0.2.1:5004")), Latch::Anyone);
        assert!(source.believes(address("198.51.100.7:9")));
        assert!(source.believes(address("192.0.2.1:5004")));
        assert!(!source.believes(address("198.51.100.7:9")));
    }

    #[test]
    fn a_new_stream_must_last_and_a_stray_is_not_heard() {
        let mut stream = Stream::default();
        assert_eq!(stream.judge(1, 10), Verdict::New);
        assert_eq!(stream.judge(2, 500), Verdict::Stray);
        assert_eq!(stream.judge(1, 11), Verdict::Current);
        assert_eq!(stream.judge(2, 501), Verdict::Stray);
        assert_eq!(stream.judge(2, 502), Verdict::Stray);
        assert_eq!(stream.judge(2, 503), Verdict::New);
        assert_eq!(stream.judge(1, 12), Verdict::Stray);
    }

    #[test]
    fn of_one_sender_a_new_stream_is_heard_at_once_and_a_late_packet_of_the_old_one_does_not_bring_it_back() {
        let mut stream = Stream::of_one_sender();
        assert_eq!(stream.judge(1, 10), Verdict::New);
        assert_eq!(stream.judge(2, 500), Verdict::New);
        assert_eq!(stream.judge(1, 11), Verdict::Stray);
        assert_eq!(stream.judge(2, 501), Verdict::Current);
        assert_eq!(stream.judge(3, 1), Verdict::New);
        for sequence in 502..504 {
            assert_eq!(stream.judge(2, sequence), Verdict::Stray);
        }
        assert_eq!(stream.judge(2, 504), Verdict::New);
    }
}
