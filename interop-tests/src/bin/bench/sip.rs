// SPDX-License-Identifier: EUPL-1.2
//! The load client: one UDP socket, any number of calls, no more SIP than a call needs.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use landbridge_codecs::Codec;

use crate::ears::{Ears, PORT};

/// RFC 3261 T1: the first retransmission over UDP.
const T1: Duration = Duration::from_millis(500);
/// How long the far end may take for an answer, for its first sound and for the end.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often timers are looked at.
const ROUND: Duration = Duration::from_millis(2);

/// Places calls and keeps them.
pub(crate) struct Caller {
    socket: UdpSocket,
    port: u16,
    target: SocketAddr,
    ears: Arc<Ears>,
    hears: bool,
    calls: HashMap<u64, Call>,
    active: Vec<u64>,
    placed: u64,
    next_round: Instant,
}

/// One call, whatever became of it.
#[derive(Debug)]
pub(crate) struct Call {
    /// INVITE to first packet.
    pub(crate) to_packet: Option<Duration>,
    /// INVITE to first packet with sound.
    pub(crate) to_sound: Option<Duration>,
    /// INVITE to 200.
    pub(crate) to_answer: Option<Duration>,
    /// Whom to send RTP to.
    pub(crate) media: Option<SocketAddr>,
    /// Why it failed.
    pub(crate) failed: Option<String>,
    state: State,
    sent: Instant,
    hold: Option<Duration>,
    request: String,
    next_send: Instant,
    interval: Duration,
    dialog: Option<Dialog>,
}

#[derive(Debug, PartialEq)]
enum State {
    Inviting,
    Proceeding,
    Talking(Instant),
    Ending(Instant),
    Over,
}

#[derive(Debug)]
struct Dialog {
    contact: String,
    to: String,
}

/// Returns the payload type that the client offers for a codec.
pub(crate) fn payload_type(codec: Codec) -> u8 {
    codec.static_payload_type().unwrap_or(96)
}

impl Caller {
    /// Calls `target`; `hears` tells whether a call without sound has failed.
    pub(crate) fn new(target: SocketAddr, ears: &Arc<Ears>, hears: bool) -> Caller {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = socket.local_addr().expect("a bound socket has an address").port();
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
        let (calls, active, ears) = (HashMap::new(), Vec::new(), Arc::clone(ears));
        Caller {
            socket,
            port,
            target,
            ears,
            hears,
            calls,
            active,
            placed: 0,
            next_round: Instant::now(),
        }
    }

    /// Places `count` calls, one each `interval`, ends each after `hold`, and returns them all.
    pub(crate) fn run(mut self, user: &str, count: u32, interval: Duration, hold: Duration) -> Vec<Call> {
        let start = Instant::now();
        for n in 0..count {
            self.serve(start + interval * n);
            self.place(user, Codec::Pcma, Some(hold));
        }
        while !self.active.is_empty() {
            self.serve(Instant::now() + ROUND);
        }
        self.calls.into_values().collect()
    }

    /// Places one call that is kept until [`hang_up`](Caller::hang_up); returns its number once it is answered.
    pub(crate) fn call(&mut self, user: &str, codec: Codec) -> Result<u64, String> {
        let number = self.place(user, codec, None);
        while self.calls[&number].media.is_none() && self.calls[&number].failed.is_none() {
            self.serve(Instant::now() + ROUND);
        }
        match &self.calls[&number].failed {
            Some(why) => Err(why.clone()),
            None => Ok(number),
        }
    }

    /// Returns where a call's media go.
    pub(crate) fn media(&self, number: u64) -> SocketAddr {
        self.calls
            .get(&number)
            .and_then(|call| call.media)
            .expect("only answered calls have a number")
    }

    /// Ends all calls.
    pub(crate) fn hang_up(mut self) {
        let now = Instant::now();
        for number in self.active.clone() {
            self.bye(now, number);
        }
        while !self.active.is_empty() {
            self.serve(Instant::now() + ROUND);
        }
    }

    fn place(&mut self, user: &str, codec: Codec, hold: Option<Duration>) -> u64 {
        self.placed += 1;
        let (number, port, target) = (self.placed, self.port, self.target);
        let rtpmap = match codec {
            Codec::Opus => "96 opus/48000/2\r\na=fmtp:96 useinbandfec=1".to_owned(),
            _ => format!("{} {}/8000", payload_type(codec), codec.name()),
        };
        let sdp = format!(
            "v=0\r\no=- {number} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {PORT} RTP/AVP {} 101\r\na=rtpmap:{rtpmap}\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n",
            payload_type(codec)
        );
        let request = format!(
            "INVITE sip:{user}@{target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}i{number};rport\r\n\
             From: <sip:bench@127.0.0.1>;tag={port}f{number}\r\nTo: <sip:{user}@{target}>\r\nCall-ID: {number}-{port}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:bench@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        let sent = Instant::now();
        self.send(&request);
        let call = Call {
            to_packet: None,
            to_sound: None,
            to_answer: None,
            media: None,
            failed: None,
            state: State::Inviting,
            sent,
            hold,
            request,
            next_send: sent + T1,
            interval: T1,
            dialog: None,
        };
        self.calls.insert(number, call);
        self.active.push(number);
        number
    }

    /// Receives and keeps timers until a point in time.
    fn serve(&mut self, until: Instant) {
        let mut buffer = [0; 8192];
        loop {
            let now = Instant::now();
            if now >= self.next_round {
                self.next_round = now + ROUND;
                self.look_after(now);
            }
            let wait = until.min(self.next_round).saturating_duration_since(now);
            if wait.is_zero() {
                // Nothing is left unread while the schedule is late.
                self.socket.set_nonblocking(true).expect("a socket can be non-blocking");
                while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
                    self.received(Instant::now(), &String::from_utf8_lossy(&buffer[..length]));
                }
                self.socket.set_nonblocking(false).expect("a socket can block");
                if now >= until {
                    return;
                }
                continue;
            }
            self.socket
                .set_read_timeout(Some(wait))
                .expect("the time-out is above zero");
            if let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
                self.received(Instant::now(), &String::from_utf8_lossy(&buffer[..length]));
            }
        }
    }

    fn received(&mut self, now: Instant, message: &str) {
        let own = |id: &str| {
            id.split_once('-')
                .filter(|(_, port)| *port == self.port.to_string())?
                .0
                .parse()
                .ok()
        };
        let Some(number) = header(message, "Call-ID").and_then(own) else {
            return;
        };
        let (cseq, status) = (header(message, "CSeq").unwrap_or_default(), status(message));
        let Some(status) = status else {
            if message.starts_with("BYE ") {
                self.send(&ok(message));
                self.fail(number, "the far end hung up");
            }
            return;
        };
        if status >= 200 && cseq.ends_with("INVITE") {
            self.acknowledge(number, message, status);
        }
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        match call.state {
            State::Inviting | State::Proceeding if cseq.ends_with("INVITE") => match status {
                100..200 => call.state = State::Proceeding,
                200..300 => {
                    call.to_answer = Some(now - call.sent);
                    call.media = media(message);
                    call.dialog = Some(Dialog {
                        contact: uri(header(message, "Contact").unwrap_or_default()).to_owned(),
                        to: header(message, "To").unwrap_or_default().to_owned(),
                    });
                    call.state = State::Talking(now);
                }
                _ => {
                    let line = message.lines().next().unwrap_or_default().to_owned();
                    self.fail(number, &line);
                }
            },
            State::Ending(_) if cseq.ends_with("BYE") => self.over(number),
            _ => {}
        }
    }

    /// Keeps one round of timers: first sounds, hang-ups, retransmissions, the end of patience.
    fn look_after(&mut self, now: Instant) {
        for number in self.active.clone() {
            let Some(call) = self.calls.get_mut(&number) else {
                continue;
            };
            let mut again = false;
            match call.state {
                State::Inviting | State::Ending(_) if now >= call.next_send => {
                    again = true;
                    call.interval *= 2;
                    call.next_send = now + call.interval;
                }
                _ => {}
            }
            if again {
                let request = call.request.clone();
                self.send(&request);
            }
            let Some(call) = self.calls.get_mut(&number) else {
                continue;
            };
            match call.state {
                State::Inviting | State::Proceeding if now - call.sent > PATIENCE => {
                    self.fail(number, "no answer in 4 s")
                }
                State::Talking(answered) => {
                    if call.to_sound.is_none() && self.hears {
                        let firsts = call.media.and_then(|media| self.ears.firsts(media.port()));
                        let since = |at: Instant| at.saturating_duration_since(call.sent);
                        call.to_packet = firsts.map(|(packet, _)| since(packet));
                        call.to_sound = firsts.map(|(_, sound)| since(sound));
                    }
                    let has_all = call.to_sound.is_some() || !self.hears;
                    let is_held = call.hold.is_none_or(|hold| now - answered < hold);
                    if !is_held && (has_all || now - answered > PATIENCE) {
                        if !has_all {
                            call.failed = Some("no sound in 4 s".into());
                        }
                        self.bye(now, number);
                    }
                }
                State::Ending(since) if now - since > PATIENCE => self.fail(number, "no answer to BYE in 4 s"),
                _ => {}
            }
        }
    }

    fn acknowledge(&mut self, number: u64, message: &str, status: u16) {
        let port = self.port;
        let to = header(message, "To").unwrap_or_default();
        let contact = uri(header(message, "Contact").unwrap_or_default());
        // RFC 3261 §17.1.1.3: the ACK of a refusal keeps the INVITE's branch and Request-URI.
        let Some(call) = self.calls.get(&number) else { return };
        let invited = call.request.split(' ').nth(1).unwrap_or_default();
        let (target, branch) = if status < 300 { (contact, "a") } else { (invited, "i") };
        let ack = request("ACK", target, to, number, port, branch, "1 ACK");
        self.send(&ack);
        if status < 300 && matches!(self.calls[&number].state, State::Over) {
            let bye = request("BYE", contact, to, number, port, "b", "2 BYE");
            self.send(&bye);
        }
    }

    fn bye(&mut self, now: Instant, number: u64) {
        let port = self.port;
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        let Some(dialog) = &call.dialog else {
            return self.over(number);
        };
        call.request = request("BYE", &dialog.contact, &dialog.to, number, port, "b", "2 BYE");
        (call.state, call.interval, call.next_send) = (State::Ending(now), T1, now + T1);
        let request = call.request.clone();
        self.send(&request);
    }

    fn fail(&mut self, number: u64, why: &str) {
        if let Some(call) = self.calls.get_mut(&number) {
            call.failed.get_or_insert_with(|| why.to_owned());
        }
        self.over(number);
    }

    fn over(&mut self, number: u64) {
        self.active.retain(|active| *active != number);
        if let Some(call) = self.calls.get_mut(&number) {
            call.state = State::Over;
            if let Some(media) = call.media.filter(|_| call.hold.is_some()) {
                self.ears.forget(media.port());
            }
        }
    }

    fn send(&self, message: &str) {
        // A lost message is sent again by its timer.
        let _ = self.socket.send_to(message.as_bytes(), self.target);
    }
}

fn request(method: &str, target: &str, to: &str, number: u64, port: u16, branch: &str, cseq: &str) -> String {
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}{branch}{number};rport\r\n\
         From: <sip:bench@127.0.0.1>;tag={port}f{number}\r\nTo: {to}\r\nCall-ID: {number}-{port}\r\nCSeq: {cseq}\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

fn ok(request: &str) -> String {
    let mut text = "SIP/2.0 200 OK\r\n".to_owned();
    let kept = ["via:", "from:", "to:", "call-id:", "cseq:"];
    for line in request.lines().take_while(|line| !line.is_empty()) {
        if kept.iter().any(|name| line.to_ascii_lowercase().starts_with(name)) {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text + "Content-Length: 0\r\n\r\n"
}

fn status(message: &str) -> Option<u16> {
    message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

fn header<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    let lines = message.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn uri(name_addr: &str) -> &str {
    name_addr
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(name_addr, |(uri, _)| uri)
}

fn media(message: &str) -> Option<SocketAddr> {
    let port = message
        .lines()
        .find_map(|line| line.strip_prefix("m=audio "))?
        .split(' ')
        .next()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}
