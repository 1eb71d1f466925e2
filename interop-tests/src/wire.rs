// SPDX-License-Identifier: EUPL-1.2
//! SIP and RTP octet by octet, as good peers do not send them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Where the gateway listens for UDP and TCP.
pub const GATEWAY: &str = "127.0.0.1:5060";

/// One response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The whole message.
    pub text: String,
}

/// A SIP client that says what it is told, good or bad.
pub struct Client {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Client {
    /// Opens a client on an address of this machine.
    pub fn at(address: &str) -> Client {
        let socket = UdpSocket::bind(address).unwrap_or_else(|e| panic!("{address}: {e}"));
        let address = socket.local_addr().expect("a bound socket has an address");
        Client { socket, address }
    }

    /// Sends one datagram to the gateway.
    pub fn send(&self, bytes: &[u8]) {
        // A gateway that refuses a datagram (ICMP) shows at the next call; the test looks for that itself.
        let _ = self.socket.send_to(bytes, GATEWAY);
    }

    /// Returns every response that arrives within `wait`.
    pub fn answers(&self, wait: Duration) -> Vec<Answer> {
        let start = Instant::now();
        let mut answers = Vec::new();
        let mut buffer = [0; 65536];
        while let Some(left) = wait.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            self.socket
                .set_read_timeout(Some(left))
                .expect("a time-out above zero is valid");
            if let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
                answers.extend(answer(&buffer[..length]));
            }
        }
        answers
    }

    /// Waits for a final response to the transaction of this branch.
    pub fn final_answer(&self, branch: &str, limit: Duration) -> Option<Answer> {
        let start = Instant::now();
        while start.elapsed() < limit {
            let mut answers = self.answers(Duration::from_millis(50)).into_iter();
            if let Some(answer) = answers.find(|a| a.status >= 200 && a.text.contains(branch)) {
                return Some(answer);
            }
        }
        None
    }

    /// Calls `user` under a name, as it stands in the From field, stays for a while and hangs up; returns the answer.
    pub fn call_as(&self, name: &[u8], user: &str, body: &str, stay: Duration) -> Option<Answer> {
        let call = Call::new(user, &self.address.to_string(), "UDP");
        let invite = call.invite(body);
        let (before, after) = invite.split_once("From: ").expect("an INVITE has a From field");
        self.send(&[before.as_bytes(), b"From: ", name, b" ", after.as_bytes()].concat());
        let answer = self.final_answer(&call.branch, Duration::from_secs(5))?;
        let named = |text: String| {
            let (before, after) = text.split_once("From: ").expect("a request has a From field");
            [before.as_bytes(), b"From: ", name, b" ", after.as_bytes()].concat()
        };
        self.send(&named(call.ack(&answer)));
        if answer.status < 300 {
            std::thread::sleep(stay);
            self.send(&named(call.bye(&answer)));
            self.answers(Duration::from_millis(100));
        }
        Some(answer)
    }

    /// Calls `user` with a body, acknowledges the answer, hangs up if it is a good one, and returns it.
    pub fn call(&self, user: &str, body: &str) -> Option<Answer> {
        let call = Call::new(user, &self.address.to_string(), "UDP");
        self.send(call.invite(body).as_bytes());
        let answer = self.final_answer(&call.branch, Duration::from_secs(5))?;
        self.send(call.ack(&answer).as_bytes());
        if answer.status < 300 {
            self.send(call.bye(&answer).as_bytes());
            self.answers(Duration::from_millis(100));
        }
        Some(answer)
    }

    /// Returns its own address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The requests of one call.
pub struct Call {
    user: String,
    own: String,
    transport: &'static str,
    id: String,
    /// The branch of its INVITE, which its responses repeat.
    pub branch: String,
}

impl Call {
    /// Describes a call to `user` from an address over `UDP`, `TCP` or `TLS`.
    pub fn new(user: &str, own: &str, transport: &'static str) -> Call {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Call {
            user: user.into(),
            own: own.into(),
            transport,
            branch: format!("z9hG4bK{id}"),
            id,
        }
    }

    /// Writes the INVITE.
    pub fn invite(&self, body: &str) -> String {
        let typed = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let to = format!("<sip:{}@{GATEWAY}>", self.user);
        let via = format!("{};rport", self.branch);
        let contact = format!(
            "Contact: <sip:wire@{};transport={}>\r\n{typed}",
            self.own,
            self.transport.to_lowercase()
        );
        format!(
            "{}{contact}Content-Length: {}\r\n\r\n{body}",
            self.start("INVITE", 1, &via, &to),
            body.len()
        )
    }

    /// Writes the ACK of a final answer; for a refusal within its transaction (RFC 3261 §17.1.1.3).
    pub fn ack(&self, answer: &Answer) -> String {
        let via = if answer.status < 300 {
            format!("{}a;rport", self.branch)
        } else {
            format!("{};rport", self.branch)
        };
        format!(
            "{}Content-Length: 0\r\n\r\n",
            self.start("ACK", 1, &via, &to_of(answer))
        )
    }

    /// Writes the BYE.
    pub fn bye(&self, answer: &Answer) -> String {
        let via = format!("{}b;rport", self.branch);
        format!(
            "{}Content-Length: 0\r\n\r\n",
            self.start("BYE", 2, &via, &to_of(answer))
        )
    }

    fn start(&self, method: &str, number: u32, via: &str, to: &str) -> String {
        let Call {
            user,
            own,
            transport,
            id,
            ..
        } = self;
        format!(
            "{method} sip:{user}@{GATEWAY} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch={via}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:wire@{own}>;tag=w{id}\r\nTo: {to}\r\nCall-ID: {id}@wire\r\n\
             CSeq: {number} {method}\r\n"
        )
    }
}

/// Writes an audio offer that any gateway takes.
pub fn offer(address: &str, port: u16) -> String {
    format!(
        "v=0\r\no=wire 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
}

/// Writes an OPTIONS request, which every SIP server answers at once.
pub fn options(own: &str, transport: &str, branch: &str) -> String {
    format!(
        "OPTIONS sip:{GATEWAY} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:wire@{own}>;tag=o{branch}\r\nTo: <sip:{GATEWAY}>\r\nCall-ID: o{branch}@wire\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// Connects to the gateway by TCP, with time-outs for reading and writing.
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("TCP port {port}: {e}"));
    stream
        .set_read_timeout(Some(Duration::from_secs(3)))
        .expect("a time-out above zero is valid");
    stream
        .set_write_timeout(Some(Duration::from_secs(3)))
        .expect("a time-out above zero is valid");
    stream
}

/// Returns what a TCP peer sends until it closes, or until `limit`; the second value tells whether it closed.
pub fn read_until_closed(stream: &mut TcpStream, limit: Duration) -> (Vec<u8>, bool) {
    let start = Instant::now();
    let mut all = Vec::new();
    let mut buffer = [0; 65536];
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .expect("a time-out above zero is valid");
    while start.elapsed() < limit {
        match stream.read(&mut buffer) {
            Ok(0) => return (all, true),
            Ok(length) => all.extend_from_slice(&buffer[..length]),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return (all, true),
        }
    }
    (all, false)
}

/// Sends bytes over TLS to the gateway and returns what it sent back within two seconds.
pub fn over_tls(authority: &Path, bytes: &[u8]) -> String {
    let mut child = Command::new("timeout")
        .args([
            "-k",
            "1",
            "2",
            "openssl",
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-connect",
            "127.0.0.1:5061",
            "-CAfile",
        ])
        .arg(authority)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let mut input = child.stdin.take().expect("the pipe was asked for");
    let _ = input.write_all(bytes).and_then(|()| input.flush());
    let output = child.wait_with_output().expect("the child is ours");
    drop(input);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn answer(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let status = text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, text })
}

fn to_of(answer: &Answer) -> String {
    let line = answer
        .text
        .lines()
        .find_map(|l| l.strip_prefix("To:").or_else(|| l.strip_prefix("t:")));
    line.unwrap_or_default().trim().to_owned()
}
