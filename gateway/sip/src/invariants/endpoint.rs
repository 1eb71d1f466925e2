// SPDX-License-Identifier: EUPL-1.2
//! What must hold for an endpoint, whatever is sent to it and whatever the gateway wants meanwhile.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::message::{Host, Message, Method, NameAddr, Request, Response, SipUri, StatusCode, Uri};
use crate::parse::{self, Limits};
use crate::ua::{
    Arrival, CallId, Command, Endpoint, EndpointConfig, Event, FlowId, Input, Local, OfferReply, Output, QueryId,
    SendId, Target, Transport,
};

/// Holds: an endpoint keeps to its limits, writes only what can be read, never spins, and is empty once all calls are
/// hung up and all time has passed.
///
/// An octet 0xff ends a step. In a step the first octet says how much time passes (three bits) and what happens (five
/// bits), the rest is a datagram or a body; an octet 0xfe in it stands for the tag that the endpoint gave last.
pub fn sip_endpoint(start: Instant, bytes: &[u8]) {
    let mut scene = Scene::new(start);
    for step in bytes.split(|b| *b == END_OF_STEP).take(MAX_STEPS) {
        let Some((what, rest)) = step.split_first() else {
            continue;
        };
        scene.pass(SPANS[usize::from(what >> 5)]);
        scene.play(what & 0x1f, rest);
        scene.keeps_its_limits();
    }
    for call in std::mem::take(&mut scene.calls) {
        scene.command(Command::HangUp { call, reason: None });
    }
    scene.pass(Duration::from_secs(10_000));
    let stats = scene.endpoint.stats();
    let held = [
        stats.client_transactions,
        stats.server_transactions,
        stats.calls,
        stats.dialogs,
        stats.lookups,
        stats.timers,
    ];
    assert_eq!(held, [0; 6], "left behind: {:?}", scene.endpoint);
}

const END_OF_STEP: u8 = 0xff;
const TAG: u8 = 0xfe;
const MAX_STEPS: usize = 48;
const MAX_TRANSACTIONS: usize = 16;
const MAX_CALLS: usize = 4;
/// Early dialogs of one call, and the call's own.
const DIALOGS_PER_CALL: usize = 9;
/// Timers may be due one after the other, but not without end.
const MAX_ALARMS: usize = 20_000;
const SPANS: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_millis(1),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(4),
    Duration::from_secs(33),
    Duration::from_secs(200),
    Duration::from_secs(2000),
];
const SDP: &[u8] =
    b"v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
/// What an endpoint writes may be longer than what it reads, by the headers that it adds.
const LENIENT: Limits = Limits {
    start_line: 1 << 20,
    headers: 1 << 12,
    header: 1 << 20,
    head: 1 << 20,
    body: 1 << 20,
};

struct Scene {
    endpoint: Endpoint,
    now: Instant,
    calls: Vec<CallId>,
    placed: u64,
    /// The last request and the last INVITE that the endpoint sent.
    request: Option<Request>,
    invite: Option<Request>,
    tag: Vec<u8>,
    sent: SendId,
    query: Option<QueryId>,
}

impl Scene {
    fn new(start: Instant) -> Scene {
        let local = |transport| Local {
            transport,
            bound: us(),
            is_named: false,
            host: None,
            port: 5060,
        };
        let mut config = EndpointConfig::new("fuzz", vec![local(Transport::Udp), local(Transport::Tcp)]);
        config.max_transactions = MAX_TRANSACTIONS;
        config.max_calls = MAX_CALLS;
        config.session_expires = 90;
        Scene {
            endpoint: Endpoint::new(config, [7; 32]),
            now: start,
            calls: Vec::new(),
            placed: 0,
            request: None,
            invite: None,
            tag: Vec::new(),
            sent: SendId(0),
            query: None,
        }
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..MAX_ALARMS {
            match self.endpoint.deadline().filter(|at| *at <= end) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.handle(Input::Timeout);
                }
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("a timer that is always due: {:?}", self.endpoint);
    }

    fn play(&mut self, what: u8, rest: &[u8]) {
        let call = self.calls.last().copied().unwrap_or(CallId(1));
        let ringing = StatusCode::RINGING;
        let bytes = self.with_tag(rest);
        match what {
            1 => self.receive(Transport::Tcp, &bytes),
            2 => self.place(Host::V4([192, 0, 2, 9].into()), bytes),
            3 => self.place(Host::Name("callee.example.org".into()), bytes),
            4 => self.answered(self.request.clone(), &bytes),
            18 => self.answered(self.invite.clone(), &bytes),
            5 => self.command(Command::Ring {
                call,
                status: ringing,
                sdp: None,
            }),
            6 => self.command(Command::Ring {
                call,
                status: StatusCode::SESSION_PROGRESS,
                sdp: Some(SDP.to_vec()),
            }),
            7 => self.command(Command::Answer {
                call,
                sdp: Some(SDP.to_vec()),
            }),
            8 => self.command(Command::Reject {
                call,
                status: StatusCode::BUSY_HERE,
                reason: String::from_utf8_lossy(&bytes).into_owned(),
                headers: Vec::new(),
            }),
            9 => self.command(Command::Offer {
                call,
                sdp: SDP.to_vec(),
            }),
            10 => self.command(Command::AnswerOffer {
                call,
                reply: OfferReply::Accept(SDP.to_vec()),
            }),
            11 => self.command(Command::AnswerOffer {
                call,
                reply: OfferReply::Refuse(StatusCode::NOT_ACCEPTABLE_HERE),
            }),
            12 => self.command(Command::HangUp { call, reason: None }),
            13 => self.handle(Input::SendFailed(self.sent)),
            14 => self.handle(Input::FlowClosed(FlowId(2))),
            15 => self.resolved(&bytes),
            16 => self.command(Command::Answer { call, sdp: None }),
            17 => {
                let before = self.calls.pop();
                self.calls.splice(0..0, before);
            }
            _ => self.receive(Transport::Udp, &bytes),
        }
    }

    fn with_tag(&self, rest: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(rest.len() + 32);
        for byte in rest {
            if *byte == TAG {
                out.extend_from_slice(&self.tag);
            } else {
                out.push(*byte);
            }
        }
        out
    }

    fn receive(&mut self, transport: Transport, bytes: &[u8]) {
        let arrival = Arrival {
            flow: FlowId(if transport == Transport::Udp { 1 } else { 2 }),
            transport,
            local: us(),
            remote: peer(),
            identity: None,
        };
        match parse::datagram(bytes, &Limits::default()) {
            Ok(message) => self.handle(Input::Received(arrival, message)),
            Err(error) => self.handle(Input::Malformed(arrival, error)),
        }
    }

    fn place(&mut self, host: Host, sdp: Vec<u8>) {
        self.placed += 1;
        let call = CallId(self.placed);
        self.calls.push(call);
        self.command(Command::Call {
            call,
            to: Uri::Sip(SipUri::new(false, host).with_user("bob")),
            from: NameAddr::new(SipUri::new(false, Host::V4([192, 0, 2, 1].into())).with_user("alice")),
            via: None,
            sdp,
            auth: crate::digest::Login::new("alice", "secret", None).ok(),
            max_forwards: None,
            headers: Vec::new(),
        });
    }

    /// Answers a request of the endpoint: a status, header fields, an empty line and a body as the octets say.
    fn answered(&mut self, request: Option<Request>, bytes: &[u8]) {
        let (Some(request), Some((status, rest))) = (request, bytes.split_first_chunk::<3>()) else {
            return;
        };
        let status = str::from_utf8(status).ok().and_then(|s| s.parse().ok());
        let Some(status) = status.and_then(StatusCode::new) else {
            return;
        };
        let mut wire = Response::to_request(&request, status, Some("peer")).to_bytes();
        // in place of the empty line, and of the Content-Length before it
        let head = wire
            .windows(16)
            .rposition(|w| w.eq_ignore_ascii_case(b"content-length: "))
            .unwrap_or(wire.len().saturating_sub(2));
        wire.truncate(head);
        wire.extend_from_slice(rest);
        self.receive(Transport::Udp, &wire);
    }

    fn resolved(&mut self, bytes: &[u8]) {
        let Some(query) = self.query.take() else { return };
        let target = |byte: &u8| Target {
            transport: if byte & 1 == 0 { Transport::Udp } else { Transport::Tcp },
            address: peer(),
            tls_name: None,
        };
        let targets = bytes.iter().take(8).map(target).collect();
        self.handle(Input::Resolved { query, targets });
    }

    fn command(&mut self, command: Command) {
        self.handle(Input::Command(command));
    }

    fn handle(&mut self, input: Input) {
        self.endpoint.handle(self.now, input);
        while let Some(output) = self.endpoint.poll() {
            match output {
                Output::Send { id, bytes, .. } => self.note(id, &bytes),
                Output::Resolve { query, .. } => {
                    // one lookup is left open at a time; the gateway's resolver gives each an answer, too
                    if let Some(query) = self.query.replace(query) {
                        self.endpoint.handle(
                            self.now,
                            Input::Resolved {
                                query,
                                targets: Vec::new(),
                            },
                        );
                    }
                }
                Output::Event(Event::Offered(offered)) => self.calls.push(offered.call),
                Output::Event(_) => {}
            }
        }
    }

    fn note(&mut self, id: SendId, bytes: &[u8]) {
        self.sent = id;
        match parse::datagram(bytes, &LENIENT) {
            Ok(Message::Request(request)) => {
                if request.method == Method::Invite {
                    self.invite = Some(request.clone());
                }
                self.request = Some(request);
            }
            Ok(Message::Response(response)) => {
                if let Some(tag) = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned)) {
                    self.tag = tag.into_bytes();
                }
            }
            // a refusal repeats what could not be read
            Err(_)
                if [b"SIP/2.0 400", b"SIP/2.0 505"]
                    .iter()
                    .any(|head| bytes.starts_with(*head)) => {}
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(bytes)),
        }
    }

    fn keeps_its_limits(&self) {
        let stats = self.endpoint.stats();
        assert!(stats.server_transactions <= MAX_TRANSACTIONS, "{stats:?}");
        assert!(stats.client_transactions <= MAX_TRANSACTIONS, "{stats:?}");
        assert!(stats.calls <= MAX_CALLS, "{stats:?}");
        assert!(stats.dialogs <= MAX_CALLS * DIALOGS_PER_CALL, "{stats:?}");
    }
}

fn us() -> SocketAddr {
    ([192, 0, 2, 1], 5060).into()
}

fn peer() -> SocketAddr {
    ([192, 0, 2, 9], 5060).into()
}
