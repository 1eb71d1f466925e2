// SPDX-License-Identifier: EUPL-1.2
//! Calls with calls in virtual time.
//!
//! - `calling`: how calls begin and end
//! - `changing`: what happens while they last
//! - `security`: RFC 8842, each rule broken once
//! - `stream`: the stream breaks
//! - `hostile`: strangers

#![allow(clippy::unwrap_used)]

mod calling;
mod changing;
mod hostile;
mod security;
mod stream;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;

use super::{CallEvent, CallId, Calls, CallsInput, CallsOutput, Command, Offered, Options, Taken};
use crate::own::{Domain, Own};

/// Two components that talk to each other over a channel that loses and repeats what it is told to.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) sides: [Side; 2],
    wire: VecDeque<(usize, Element)>,
    /// Of 256 stanzas, how many come twice.
    pub(super) twice: u8,
    random: u64,
}

/// One component and what its gateway was told.
pub(super) struct Side {
    pub(super) calls: Calls,
    pub(super) own: Own,
    pub(super) offered: Vec<(CallId, Offered)>,
    pub(super) events: Vec<(CallId, CallEvent)>,
    pub(super) sent: Vec<Element>,
    /// What is sent gets lost.
    pub(super) deaf: bool,
}

pub(super) const ALICE: usize = 0;
pub(super) const ROOM: usize = 1;

impl World {
    pub(super) fn new(seed: u64) -> World {
        let side = |name: &str, seed| {
            let domain = Domain::new(name).unwrap();
            Side {
                own: domain.address("1", "x").unwrap(),
                calls: Calls::new(
                    domain,
                    seed,
                    Options {
                        transfer: true,
                        ..Options::default()
                    },
                ),
                offered: Vec::new(),
                events: Vec::new(),
                sent: Vec::new(),
                deaf: false,
            }
        };
        let sides = [side("alice.example", seed), side("meet.example", seed + 1)];
        World {
            now: Instant::now(),
            sides,
            wire: VecDeque::new(),
            twice: 0,
            random: seed,
        }
    }

    pub(super) fn handle(&mut self, side: usize, input: CallsInput<'_>) -> Taken {
        let taken = self.sides[side].calls.handle(self.now, input);
        self.drain(side);
        taken
    }

    pub(super) fn command(&mut self, side: usize, call: CallId, command: Command) {
        let _ = self.handle(side, CallsInput::Command(call, command));
        self.run();
    }

    /// Alice calls the room.
    pub(super) fn place(&mut self, to: &str, sdp: &str) -> CallId {
        let call = self.sides[ALICE].calls.reserve();
        let (to, from) = (Jid::new(to).unwrap(), self.sides[ALICE].own.clone());
        let _ = self.handle(
            ALICE,
            CallsInput::Place {
                call,
                to,
                from,
                sdp: sdp.into(),
            },
        );
        self.run();
        call
    }

    /// Alice calls the room, which answers.
    pub(super) fn connect(&mut self) -> (CallId, CallId) {
        let call = self.place("12345678@meet.example", &offer("alice"));
        let room = self.sides[ROOM].offered.last().unwrap().0;
        self.command(
            ROOM,
            room,
            Command::Accept {
                sdp: answer("room").into(),
            },
        );
        (call, room)
    }

    pub(super) fn run(&mut self) {
        while let Some((to, element)) = self.wire.pop_front() {
            let again = self.random() < self.twice;
            for _ in 0..=u8::from(again) {
                let _ = self.handle(to, CallsInput::Stanza(&element));
            }
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some((side, at)) = [ALICE, ROOM]
            .into_iter()
            .filter_map(|side| Some((side, self.sides[side].calls.deadline()?)))
            .min_by_key(|(_, at)| *at)
            .filter(|(_, at)| *at <= until)
        {
            assert!(at >= self.now || self.sides[side].calls.deadline() == Some(at));
            self.now = self.now.max(at);
            let _ = self.handle(side, CallsInput::Timeout);
            self.run();
        }
        self.now = until;
    }

    fn drain(&mut self, side: usize) {
        while let Some(output) = self.sides[side].calls.poll() {
            match output {
                CallsOutput::Send(packet) => {
                    let element = packet.into_element();
                    assert!(String::from(&element).len() < 256 * 1024);
                    self.sides[side].sent.push(element.clone());
                    if !self.sides[side].deaf {
                        self.wire.push_back((1 - side, element));
                    }
                }
                CallsOutput::Offered(id, offered) => self.sides[side].offered.push((id, offered)),
                CallsOutput::Event(id, event) => self.sides[side].events.push((id, event)),
            }
        }
    }

    fn random(&mut self) -> u8 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 56) as u8
    }
}

impl Side {
    pub(super) fn events_of(&self, call: CallId) -> Vec<&CallEvent> {
        self.events
            .iter()
            .filter(|(id, _)| *id == call)
            .map(|(_, event)| event)
            .collect()
    }

    pub(super) fn last(&self, call: CallId) -> &CallEvent {
        self.events_of(call).last().unwrap()
    }

    /// Counts the Jingle actions of this name that were sent.
    pub(super) fn acts(&self, action: &str) -> usize {
        let is = |stanza: &&Element| stanza.children().any(|child| child.attr("action") == Some(action));
        self.sent.iter().filter(is).count()
    }
}

/// An offer as a browser makes it.
pub(super) fn offer(who: &str) -> String {
    session(who, "actpass", "sendrecv")
}

/// An answer to it.
pub(super) fn answer(who: &str) -> String {
    session(who, "active", "sendrecv")
}

pub(super) fn session(who: &str, setup: &str, direction: &str) -> String {
    format!(
        "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=extmap-allow-mixed\r\n{}",
        medium("audio", "0", who, setup, direction)
    )
}

pub(super) fn medium(media: &str, mid: &str, who: &str, setup: &str, direction: &str) -> String {
    let digits: u8 = who.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let fingerprint = vec![format!("{digits:02X}"); 32].join(":");
    format!(
        "m={media} 9 UDP/TLS/RTP/SAVPF 111 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:{who}4\r\n\
         a=ice-pwd:{who}By5Wm1LxTvb7CdP2TzQ9\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:{setup}\r\na=mid:{mid}\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na={direction}\r\n\
         a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
         a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:126 telephone-event/48000\r\na=fmtp:126 0-15\r\n\
         a=candidate:1 1 udp 2130706431 10.55.0.1 50000 typ host\r\na=candidate:2 1 udp 1694498815 198.51.100.7 50001 \
         typ srflx raddr 10.55.0.1 rport 50000\r\n"
    )
}
