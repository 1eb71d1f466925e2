// SPDX-License-Identifier: EUPL-1.2
//! HTTP/1.1, one request per connection: enough for the gateway's client, and nobody else comes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

/// Longest line and body [octets].
const LONGEST: u64 = 64 * 1024;

/// What was asked.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Value of the Authorization header.
    pub(crate) authorization: String,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
pub(crate) struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    /// Answers 200 with JSON.
    pub(crate) fn ok(body: &Value) -> Answer {
        let body = body.clone();
        Answer { status: 200, body }
    }

    /// Answers an error as OpenTalk writes them.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
        let body = json!({"code": code, "message": message});
        Answer { status, body }
    }
}

/// Answers for ever, each connection in a thread of its own.
pub(crate) fn serve(listener: &TcpListener, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    for stream in listener.incoming().flatten() {
        let answer = Arc::clone(&answer);
        std::thread::spawn(move || {
            // A connection that breaks is the client's business.
            let _ = exchange(&stream, &*answer);
        });
    }
}

fn exchange(mut stream: &TcpStream, answer: &dyn Fn(&Request) -> Answer) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.take(2 * LONGEST));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        authorization: String::new(),
        body: Vec::new(),
    };
    let mut length = 0u64;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => value.trim().clone_into(&mut request.authorization),
            _ => {}
        }
    }
    reader.take(length.min(LONGEST)).read_to_end(&mut request.body)?;
    let Answer { status, body } = answer(&request);
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} Stand-in\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
