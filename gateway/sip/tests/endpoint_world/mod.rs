// SPDX-License-Identifier: EUPL-1.2
//! A network in memory with virtual time: endpoints and scripted peers joined by links that lose, repeat and reorder.
#![allow(dead_code, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use landbridge_sip::message::{HeaderName, Headers, Message, NameAddr, Request, Response, StatusCode, Uri};
use landbridge_sip::parse::{Limits, datagram};
use landbridge_sip::ua::{
    Arrival, CallId, Command, Destination, Endpoint, EndpointConfig, Event, FlowId, Input, Local, Output, SendId,
    Target, Transport,
};

pub(crate) const OFFER: &[u8] =
    b"v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
pub(crate) const ANSWER: &[u8] =
    b"v=0\r\no=b 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n";

/// How the links behave; chances are of 100.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    pub(crate) loss: u64,
    pub(crate) repeat: u64,
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
}

impl Link {
    pub(crate) const CLEAN: Link = Link {
        loss: 0,
        repeat: 0,
        delay: Duration::from_millis(10),
        jitter: Duration::ZERO,
    };
}

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// `None` for a peer that the test plays itself.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) inbox: Vec<(Instant, Message)>,
    pub(crate) sent: Vec<(Instant, Message)>,
    /// The status codes of all responses sent.
    pub(crate) statuses: Vec<u16>,
    /// Rings and answers every call that comes in, after this long.
    pub(crate) answers_after: Option<Duration>,
    pub(crate) unreachable: bool,
}

struct Packet {
    from: usize,
    to: usize,
    bytes: Vec<u8>,
}

/// Decides, by sender and message, what the network swallows.
pub(crate) type DropIf = Box<dyn FnMut(usize, &Message) -> bool>;

pub(crate) struct World {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) link: Link,
    pub(crate) transport: Transport,
    pub(crate) peers: Vec<Peer>,
    pub(crate) names: BTreeMap<String, Vec<usize>>,
    random: u64,
    wire: BTreeMap<(Instant, u64), Packet>,
    later: BTreeMap<(Instant, u64), (usize, Command)>,
    count: u64,
    pub(crate) drop_if: Option<DropIf>,
}

pub(crate) fn config(address: SocketAddr) -> EndpointConfig {
    let local = |transport| Local {
        transport,
        bound: address,
        host: None,
        is_named: false,
        port: address.port(),
    };
    EndpointConfig::new("test", vec![local(Transport::Udp), local(Transport::Tcp)])
}

impl World {
    pub(crate) fn new(seed: u64, link: Link) -> World {
        let start = Instant::now();
        World {
            start,
            now: start,
            link,
            transport: Transport::Udp,
            peers: Vec::new(),
            names: BTreeMap::new(),
            random: seed,
            wire: BTreeMap::new(),
            later: BTreeMap::new(),
            count: 0,
            drop_if: None,
        }
    }

    /// Adds an endpoint at 192.0.2.n:5060.
    pub(crate) fn endpoint(&mut self) -> usize {
        self.endpoint_with(|_| {})
    }

    pub(crate) fn endpoint_with(&mut self, adjust: impl FnOnce(&mut EndpointConfig)) -> usize {
        let peer = self.scripted();
        let mut config = config(self.peers[peer].address);
        adjust(&mut config);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.draw().to_be_bytes());
        self.peers[peer].endpoint = Some(Endpoint::new(config, seed));
        peer
    }

    /// Adds a peer that the test plays.
    pub(crate) fn scripted(&mut self) -> usize {
        let n = self.peers.len();
        let address = SocketAddr::from(([192, 0, 2, u8::try_from(n + 1).unwrap()], 5060));
        self.peers.push(Peer {
            address,
            endpoint: None,
            events: Vec::new(),
            inbox: Vec::new(),
            sent: Vec::new(),
            statuses: Vec::new(),
            answers_after: None,
            unreachable: false,
        });
        n
    }

    pub(crate) fn draw(&mut self) -> u64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn uri(&self, peer: usize) -> Uri {
        let suffix = if self.transport == Transport::Tcp {
            ";transport=tcp"
        } else {
            ""
        };
        Uri::parse(&format!("sip:peer{peer}@{}{suffix}", self.peers[peer].address)).unwrap()
    }

    /// Makes `from` call `to`.
    pub(crate) fn call(&mut self, from: usize, to: usize, call: u64, sdp: &[u8]) {
        let uri = self.uri(to);
        self.call_uri(from, uri, call, sdp);
    }

    pub(crate) fn call_uri(&mut self, from: usize, to: Uri, call: u64, sdp: &[u8]) {
        let caller = NameAddr::new(self.uri(from)).with_display("Caller");
        self.command(
            from,
            Command::Call {
                call: CallId(call),
                to,
                from: caller,
                via: None,
                sdp: sdp.to_vec(),
                auth: None,
                max_forwards: None,
                headers: Vec::new(),
            },
        );
    }

    pub(crate) fn command(&mut self, peer: usize, command: Command) {
        self.input(peer, Input::Command(command));
    }

    pub(crate) fn command_at(&mut self, after: Duration, peer: usize, command: Command) {
        self.count += 1;
        self.later.insert((self.now + after, self.count), (peer, command));
    }

    pub(crate) fn input(&mut self, peer: usize, input: Input) {
        let now = self.now;
        if let Some(endpoint) = &mut self.peers[peer].endpoint {
            endpoint.handle(now, input);
        }
        self.drain(peer);
    }

    /// Lets a scripted peer send.
    pub(crate) fn send(&mut self, from: usize, to: usize, message: impl Into<Message>) {
        self.transmit(from, to, message.into().to_bytes());
    }

    /// Delivers everything that happens within `span`.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until nothing more would ever happen; panics after `limit`.
    pub(crate) fn run_dry(&mut self, limit: Duration) {
        let end = self.now + limit;
        while self.step(end) {}
        for (n, peer) in self.peers.iter().enumerate() {
            if let Some(endpoint) = &peer.endpoint {
                assert_eq!(
                    endpoint.deadline(),
                    None,
                    "peer {n} still waits: {:?}",
                    endpoint.stats()
                );
            }
        }
    }

    pub(crate) fn assert_empty(&self) {
        for (n, peer) in self.peers.iter().enumerate() {
            if let Some(endpoint) = &peer.endpoint {
                let s = endpoint.stats();
                let held = [
                    s.client_transactions,
                    s.server_transactions,
                    s.calls,
                    s.dialogs,
                    s.lookups,
                    s.timers,
                ];
                assert_eq!(held, [0; 6], "peer {n} holds {endpoint:?}");
            }
        }
    }

    pub(crate) fn events(&self, peer: usize) -> Vec<&Event> {
        self.peers[peer].events.iter().map(|(_, event)| event).collect()
    }

    pub(crate) fn incoming(&self, peer: usize) -> CallId {
        self.events(peer)
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::Offered(offered) => Some(offered.call),
                _ => None,
            })
            .expect("a call came in")
    }

    pub(crate) fn count_sent(&self, peer: usize, what: &str) -> usize {
        self.peers[peer]
            .sent
            .iter()
            .filter(|(_, message)| name(message) == what)
            .count()
    }

    pub(crate) fn received(&self, peer: usize) -> Vec<String> {
        self.peers[peer]
            .inbox
            .iter()
            .map(|(_, message)| name(message))
            .collect()
    }

    pub(crate) fn last_request(&self, peer: usize) -> Request {
        self.peers[peer]
            .inbox
            .iter()
            .rev()
            .find_map(|(_, m)| m.as_request().cloned())
            .expect("a request came in")
    }

    pub(crate) fn last_response(&self, peer: usize) -> Response {
        self.peers[peer]
            .inbox
            .iter()
            .rev()
            .find_map(|(_, m)| m.as_response().cloned())
            .expect("a response came in")
    }

    fn step(&mut self, end: Instant) -> bool {
        let wire = self.wire.keys().next().map(|(at, _)| *at);
        let later = self.later.keys().next().map(|(at, _)| *at);
        let timers = self.peers.iter().filter_map(|p| p.endpoint.as_ref()?.deadline()).min();
        let Some(next) = [wire, later, timers]
            .into_iter()
            .flatten()
            .min()
            .filter(|at| *at <= end)
        else {
            return false;
        };
        self.now = self.now.max(next);
        if wire == Some(next) {
            let (_, packet) = self.wire.pop_first().unwrap();
            self.deliver(packet);
        } else if later == Some(next) {
            let (_, (peer, command)) = self.later.pop_first().unwrap();
            self.command(peer, command);
        } else {
            for peer in 0..self.peers.len() {
                let due = self.peers[peer].endpoint.as_ref().and_then(Endpoint::deadline);
                if due.is_some_and(|at| at <= self.now) {
                    self.input(peer, Input::Timeout);
                }
            }
        }
        true
    }

    fn deliver(&mut self, packet: Packet) {
        let message = datagram(&packet.bytes, &Limits::default())
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&packet.bytes)));
        let arrival = self.arrival(packet.from, packet.to);
        self.peers[packet.to].inbox.push((self.now, message.clone()));
        self.input(packet.to, Input::Received(arrival, message));
    }

    pub(crate) fn arrival(&self, from: usize, to: usize) -> Arrival {
        let flow = match self.transport {
            Transport::Udp => 1,
            _ => 100 + u64::try_from(from.min(to) * 100 + from.max(to)).unwrap(),
        };
        Arrival {
            flow: FlowId(flow),
            transport: self.transport,
            local: self.peers[to].address,
            remote: self.peers[from].address,
            identity: None,
        }
    }

    fn drain(&mut self, peer: usize) {
        loop {
            let Some(output) = self.peers[peer].endpoint.as_mut().and_then(Endpoint::poll) else {
                return;
            };
            match output {
                Output::Send { id, to, bytes } => self.dispatch(peer, id, &to, bytes),
                Output::Resolve { query, lookup } => {
                    let found = self.names.get(&lookup.host.to_string()).cloned().unwrap_or_default();
                    let targets = found
                        .into_iter()
                        .map(|n| Target {
                            transport: self.transport,
                            address: self.peers[n].address,
                            tls_name: None,
                        })
                        .collect();
                    self.input(peer, Input::Resolved { query, targets });
                }
                Output::Event(event) => self.note(peer, event),
            }
        }
    }

    fn dispatch(&mut self, from: usize, id: SendId, to: &Destination, bytes: Vec<u8>) {
        let address = match to {
            Destination::Flow { remote, .. } => *remote,
            Destination::Target(target) => target.address,
        };
        let text = String::from_utf8_lossy(&bytes);
        self.peers[from].statuses.extend(
            text.strip_prefix("SIP/2.0 ")
                .map(|rest| rest[..3].parse::<u16>().unwrap()),
        );
        match datagram(&bytes, &Limits::default()) {
            Ok(message) => self.peers[from].sent.push((self.now, message)),
            // a refusal repeats what could not be read
            Err(_) if text.starts_with("SIP/2.0 400") || text.starts_with("SIP/2.0 505") => return,
            Err(error) => panic!("{error}: {text}"),
        }
        match self.peers.iter().position(|peer| peer.address == address) {
            Some(to) if !self.peers[to].unreachable => self.transmit(from, to, bytes),
            Some(_) => self.input(from, Input::SendFailed(id)),
            None => {}
        }
    }

    fn transmit(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        if let Some(drop_if) = &mut self.drop_if {
            let message = datagram(&bytes, &Limits::default()).unwrap();
            if drop_if(from, &message) {
                return;
            }
        }
        let copies = if self.draw() % 100 < self.link.repeat { 2 } else { 1 };
        for _ in 0..copies {
            if self.draw() % 100 < self.link.loss {
                continue;
            }
            let jitter = self.draw() % (1 + u64::try_from(self.link.jitter.as_micros()).unwrap());
            let at = self.now + self.link.delay + Duration::from_micros(jitter);
            self.count += 1;
            self.wire.insert(
                (at, self.count),
                Packet {
                    from,
                    to,
                    bytes: bytes.clone(),
                },
            );
        }
    }

    fn note(&mut self, peer: usize, event: Event) {
        self.peers[peer].events.push((self.now, event.clone()));
        if let (Event::Offered(offered), Some(after)) = (&event, self.peers[peer].answers_after) {
            let call = offered.call;
            self.command_at(
                Duration::from_millis(1),
                peer,
                Command::Ring {
                    call,
                    status: StatusCode::RINGING,
                    sdp: None,
                },
            );
            self.command_at(
                after,
                peer,
                Command::Answer {
                    call,
                    sdp: Some(ANSWER.to_vec()),
                },
            );
        }
    }
}

/// Names a message: `INVITE`, or `200 INVITE`.
pub(crate) fn name(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => format!("{} {}", response.status, response.headers.cseq().unwrap().method),
    }
}

/// Reads a request that a test writes with bare line feeds.
pub(crate) fn request(text: &str) -> Request {
    let text = text.trim_start().replace('\n', "\r\n");
    let text = if text.contains("\r\n\r\n") {
        text
    } else {
        format!("{}\r\n\r\n", text.trim_end())
    };
    match datagram(text.as_bytes(), &Limits::default()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

/// Answers a request as a scripted peer at `contact`.
pub(crate) fn answer(request: &Request, status: u16, tag: &str, contact: SocketAddr, sdp: Option<&[u8]>) -> Response {
    let mut response = Response::to_request(request, StatusCode::new(status).unwrap(), Some(tag));
    response
        .headers
        .push(HeaderName::Contact, format!("<sip:{contact}>"))
        .unwrap();
    if let Some(sdp) = sdp {
        response
            .headers
            .push(HeaderName::ContentType, "application/sdp")
            .unwrap();
        response.body = sdp.to_vec();
    }
    response
}

pub(crate) fn text(headers: &Headers, name: &HeaderName) -> String {
    headers.text(name).unwrap_or_default().into_owned()
}

impl World {
    /// Returns the last BYE that a scripted peer got.
    pub(crate) fn last_bye(&self, peer: usize) -> Request {
        let bye = self.peers[peer]
            .inbox
            .iter()
            .rev()
            .find(|(_, message)| name(message) == "BYE")
            .expect("a BYE came in");
        bye.1.as_request().cloned().unwrap()
    }
}
