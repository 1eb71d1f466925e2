// SPDX-License-Identifier: EUPL-1.2
//! Measures what a call costs the core: INVITE, 200, ACK, BYE, 200 at one endpoint, messages given and taken as bytes.
//!
//! Run with `cargo run --release -p landbridge-sip --example calls_per_second`.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::time::{Duration, Instant};

use landbridge_sip::message::Message;
use landbridge_sip::parse::{Limits, datagram};
use landbridge_sip::ua::{Arrival, Command, Endpoint, EndpointConfig, Event, FlowId, Input, Local, Output, Transport};

const CALLS: u32 = 60_000;
const SDP: &str = "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn main() {
    let local = Local {
        transport: Transport::Udp,
        bound: ([192, 0, 2, 1], 5060).into(),
        host: None,
        is_named: false,
        port: 5060,
    };
    let mut config = EndpointConfig::new("calls-per-second", vec![local]);
    config.max_transactions = 1_000_000;
    config.max_calls = 100_000;
    let mut endpoint = Endpoint::new(config, [7; 32]);
    let begin = Instant::now();
    let (mut reading, mut working) = (Duration::ZERO, Duration::ZERO);
    let mut outputs = Vec::new();
    // each call takes 1 ms of virtual time, so that transactions age and leave as they do in operation
    for n in 0..CALLS {
        let now = begin + Duration::from_millis(u64::from(n));
        let mut tag = String::new();
        for method in ["INVITE", "ACK", "BYE"] {
            let bytes = request(method, n, &tag);
            let start = Instant::now();
            let Ok(message) = datagram(&bytes, &Limits::default()) else {
                panic!("the request is well formed")
            };
            let read = Instant::now();
            endpoint.handle(now, Input::Received(arrival(), message));
            while let Some(output) = endpoint.poll() {
                if let Output::Event(Event::Offered(offered)) = &output {
                    let command = Command::Answer {
                        call: offered.call,
                        sdp: Some(SDP.as_bytes().to_vec()),
                    };
                    endpoint.handle(now, Input::Command(command));
                }
                outputs.push(output);
            }
            working += read.elapsed();
            reading += read - start;
            for output in outputs.drain(..) {
                match output {
                    Output::Send { bytes, .. } if bytes.starts_with(b"SIP/2.0 200") && method == "INVITE" => {
                        tag = to_tag(&bytes)
                    }
                    _ => {}
                }
            }
        }
    }
    let per_second = f64::from(CALLS) / (reading + working).as_secs_f64();
    println!(
        "{per_second:.0} calls/s on one core: {:.1} µs reading and {:.1} µs working per call",
        micros(reading),
        micros(working)
    );
    println!("{:?}", endpoint.stats());
}

fn micros(total: Duration) -> f64 {
    total.as_secs_f64() * 1e6 / f64::from(CALLS)
}

fn arrival() -> Arrival {
    Arrival {
        flow: FlowId(1),
        transport: Transport::Udp,
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([192, 0, 2, 2], 5060).into(),
        identity: None,
    }
}

fn to_tag(bytes: &[u8]) -> String {
    match datagram(bytes, &Limits::default()) {
        Ok(Message::Response(response)) => response
            .headers
            .to()
            .ok()
            .and_then(|to| to.tag().map(str::to_owned))
            .unwrap_or_default(),
        _ => String::new(),
    }
}

fn request(method: &str, n: u32, tag: &str) -> Vec<u8> {
    let to_tag = if tag.is_empty() {
        String::new()
    } else {
        format!(";tag={tag}")
    };
    let cseq = if method == "BYE" { 2 } else { 1 };
    let body = if method == "INVITE" { SDP } else { "" };
    format!(
        "{method} sip:1234567890@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK{method}{n};rport\r\n\
         Max-Forwards: 70\r\nFrom: \"Phone\" <sip:phone@192.0.2.2>;tag=f{n}\r\nTo: <sip:1234567890@192.0.2.1>{to_tag}\r\n\
         Call-ID: call{n}@192.0.2.2\r\nCSeq: {cseq} {method}\r\nContact: <sip:phone@192.0.2.2:5060>\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nUser-Agent: phone\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
