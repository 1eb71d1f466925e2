// SPDX-License-Identifier: EUPL-1.2
//! Reads a start line and header fields, and goes on after a fault to salvage what an answer needs.

use super::{Limits, ParseError, Salvage, check};
use crate::message::{HeaderName, Headers, Message, Method, Request, Response, StatusCode, Uri};

/// Holds what a message begins with.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) start: Option<Start>,
    pub(super) headers: Headers,
    /// Content-Length, if there was exactly one that is a number.
    pub(super) length: Option<usize>,
    /// Octets up to and with the empty line.
    pub(super) end: usize,
    pub(super) fault: Option<Fault>,
    method: Option<Method>,
    is_response: bool,
}

#[derive(Debug)]
pub(super) enum Start {
    Request(Method, Uri),
    Response(StatusCode, String),
}

/// Says what was wrong first.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) what: &'static str,
    pub(super) field: Option<HeaderName>,
    pub(super) at: usize,
    pub(super) status: Option<StatusCode>,
    pub(super) framing_lost: bool,
}

impl Fault {
    pub(super) fn bad(what: &'static str, at: usize) -> Fault {
        Fault {
            what,
            field: None,
            at,
            status: Some(StatusCode::BAD_REQUEST),
            framing_lost: false,
        }
    }

    fn framing(what: &'static str, at: usize) -> Fault {
        Fault {
            framing_lost: true,
            ..Fault::bad(what, at)
        }
    }

    fn with_status(self, status: StatusCode) -> Fault {
        Fault {
            status: Some(status),
            ..self
        }
    }
}

impl Head {
    /// Reads from the first octet of the start line; `bytes` may go on behind the empty line.
    pub(super) fn read(bytes: &[u8], limits: &Limits) -> Head {
        let mut head = Head {
            start: None,
            headers: Headers::new(),
            length: None,
            end: bytes.len(),
            fault: None,
            method: None,
            is_response: false,
        };
        let Some(line) = line_end(bytes, 0).filter(|end| *end <= limits.start_line) else {
            head.note(
                Fault::framing("start line too long or not ended", 0).with_status(StatusCode::REQUEST_URI_TOO_LONG),
            );
            head.method = leading_method(bytes);
            return head;
        };
        head.read_start(slice(bytes, 0, line));
        head.read_fields(bytes, line.saturating_add(2), limits);
        head
    }

    /// Makes the message, or says why there is none.
    pub(super) fn finish(mut self, body: &[u8]) -> Result<Message, ParseError> {
        if self.fault.is_none() {
            let method = match &self.start {
                Some(Start::Request(method, _)) => Some(method),
                _ => None,
            };
            self.fault = check::fault(method, &self.headers);
        }
        match (self.fault.take(), self.start.take()) {
            (None, Some(Start::Request(method, uri))) => Ok(Message::Request(Request {
                method,
                uri,
                headers: self.headers,
                body: body.to_vec(),
            })),
            (None, Some(Start::Response(status, reason))) => Ok(Message::Response(Response {
                status,
                reason,
                headers: self.headers,
                body: body.to_vec(),
            })),
            (Some(fault), _) => Err(self.refuse(fault)),
            (None, None) => Err(self.refuse(Fault::bad("no start line", 0))),
        }
    }

    /// Makes the error for `fault`, with what was salvaged.
    pub(super) fn refuse(&self, fault: Fault) -> ParseError {
        let mut headers = Headers::new();
        headers.copy_from(&self.headers, &HeaderName::Via);
        for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
            if let Some(value) = self.headers.get(&name) {
                headers.push_parsed(name, value.into());
            }
        }
        let salvage = Salvage {
            method: self.method.clone(),
            is_response: self.is_response,
            headers,
        };
        ParseError {
            what: fault.what,
            field: fault.field,
            at: fault.at,
            status: fault.status.filter(|_| !self.is_response),
            framing_lost: fault.framing_lost,
            salvage: Box::new(salvage),
        }
    }

    /// Keeps the first fault, but one that loses the framing goes before others.
    pub(super) fn note(&mut self, fault: Fault) {
        let replaces = match &self.fault {
            None => true,
            Some(first) => fault.framing_lost && !first.framing_lost,
        };
        if replaces {
            self.fault = Some(fault);
        }
    }

    fn read_start(&mut self, line: &[u8]) {
        if line.get(..4).is_some_and(|s| s.eq_ignore_ascii_case(b"SIP/")) {
            self.is_response = true;
            if let Some(at) = line.iter().position(|b| matches!(b, b'\r' | b'\n' | 0)) {
                self.note(Fault::framing("CR, LF or NUL in the start line", at));
                return;
            }
            match status_line(line) {
                Ok(start) => self.start = Some(start),
                Err(fault) => self.note(fault),
            }
            return;
        }
        self.method = leading_method(line);
        if let Some(at) = line.iter().position(|b| matches!(b, b'\r' | b'\n' | 0)) {
            self.note(Fault::framing("CR, LF or NUL in the start line", at));
            return;
        }
        match request_line(line) {
            Ok(start) => self.start = Some(start),
            Err(fault) => self.note(fault),
        }
    }

    fn read_fields(&mut self, bytes: &[u8], mut at: usize, limits: &Limits) {
        let mut fields = 0_usize;
        let mut lengths = 0_usize;
        loop {
            let Some(mut end) = line_end(bytes, at) else {
                self.note(Fault::framing("header fields not ended by an empty line", at));
                return;
            };
            if end == at {
                self.end = end + 2;
                return;
            }
            while matches!(bytes.get(end + 2), Some(b' ' | b'\t')) {
                match line_end(bytes, end + 2) {
                    Some(next) => end = next,
                    None => {
                        self.note(Fault::framing("header fields not ended by an empty line", at));
                        return;
                    }
                }
                if end - at > limits.header {
                    break;
                }
            }
            fields += 1;
            let too_much = if end - at > limits.header {
                Some("header field too long")
            } else if fields > limits.headers {
                Some("too many header fields")
            } else if end > limits.head {
                Some("header fields too long together")
            } else {
                None
            };
            if let Some(what) = too_much {
                self.note(Fault::framing(what, at).with_status(StatusCode::MESSAGE_TOO_LARGE));
                return;
            }
            match field(slice(bytes, at, end)) {
                Ok((HeaderName::ContentLength, value)) => {
                    lengths += 1;
                    self.read_length(&value, lengths, at);
                }
                Ok((name, value)) => self.headers.push_parsed(name, value),
                Err(what) => self.note(Fault::framing(what, at)),
            }
            at = end + 2;
        }
    }

    /// RFC 3261 §20.14, §18.3: a second or unreadable length leaves no way to know the end.
    fn read_length(&mut self, value: &[u8], count: usize, at: usize) {
        let fault = |what| Fault {
            field: Some(HeaderName::ContentLength),
            ..Fault::framing(what, at)
        };
        if count > 1 {
            self.length = None;
            self.note(fault("given twice"));
            return;
        }
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        match std::str::from_utf8(value)
            .ok()
            .filter(|_| digits)
            .map(str::parse::<usize>)
        {
            Some(Ok(length)) => self.length = Some(length),
            Some(Err(_)) => {
                self.note(fault("too large").with_status(StatusCode::MESSAGE_TOO_LARGE));
            }
            None => self.note(fault("not a number")),
        }
    }
}

/// Reads `Method SP Request-URI SP SIP-Version`; RFC 3261 §7.1 allows no other space.
fn request_line(line: &[u8]) -> Result<Start, Fault> {
    let text = std::str::from_utf8(line).map_err(|e| Fault::bad("start line is not UTF-8", e.valid_up_to()))?;
    let (method, rest) = text.split_once(' ').ok_or(Fault {
        status: None,
        ..Fault::bad("not SIP", 0)
    })?;
    let offset = method.len() + 1;
    let (uri, version) = rest.rsplit_once(' ').ok_or(Fault {
        status: None,
        ..Fault::bad("not SIP", offset)
    })?;
    let at = offset + uri.len() + 1;
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        if version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/")) {
            return Err(Fault::bad("version is not SIP/2.0", at).with_status(StatusCode::VERSION_NOT_SUPPORTED));
        }
        return Err(Fault::bad("start line does not end with SIP/2.0", at));
    }
    let method = Method::parse(method).map_err(|e| Fault::bad(e.what, e.at))?;
    let uri = Uri::parse(uri).map_err(|e| Fault::bad(e.what, offset + e.at))?;
    // RFC 3261 §19.1.1: a Request-URI has no headers.
    if uri.as_sip().is_some_and(|u| u.has_headers()) {
        return Err(Fault::bad("Request-URI with headers", offset));
    }
    Ok(Start::Request(method, uri))
}

/// Reads `SIP-Version SP Status-Code SP Reason-Phrase`; the last space may lack.
fn status_line(line: &[u8]) -> Result<Start, Fault> {
    let Some((version, rest)) = line.split_at_checked(8) else {
        return Err(Fault::bad("status line too short", 0));
    };
    if !version.eq_ignore_ascii_case(b"SIP/2.0 ") {
        return Err(Fault::bad("version is not SIP/2.0", 0));
    }
    let (code, reason) = rest.split_at_checked(3).unwrap_or((rest, b""));
    let status = std::str::from_utf8(code)
        .ok()
        .filter(|c| c.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|c| c.parse().ok())
        .and_then(StatusCode::new);
    let reason = match reason.split_first() {
        None => Some(reason),
        Some((b' ', reason)) => Some(reason),
        Some(_) => None,
    };
    match (status, reason) {
        (Some(status), Some(reason)) => Ok(Start::Response(status, String::from_utf8_lossy(reason).into_owned())),
        _ => Err(Fault::bad("status code not from 100 to 699", 8)),
    }
}

/// Reads `name [space] ":" value` and undoes folding (RFC 3261 §7.3.1).
fn field(line: &[u8]) -> Result<(HeaderName, Box<[u8]>), &'static str> {
    let colon = line
        .iter()
        .position(|b| *b == b':')
        .ok_or("header field without a colon")?;
    let (name, value) = (slice(line, 0, colon), slice(line, colon + 1, line.len()));
    let name = name.trim_ascii_end();
    let name = HeaderName::parse(name).ok_or("header name is not a token")?;
    Ok((name, unfold(value)?))
}

/// Makes one space of each line break with the space around it.
fn unfold(value: &[u8]) -> Result<Box<[u8]>, &'static str> {
    const BARE: &str = "CR or LF alone in a header field";
    let value = trim(value);
    if !value.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return Ok(value.into());
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((b, tail)) = rest.split_first() {
        match b {
            b'\r' => {
                let [b'\n', b' ' | b'\t', ..] = tail else {
                    return Err(BARE);
                };
                while matches!(out.last(), Some(b' ' | b'\t')) {
                    out.pop();
                }
                out.push(b' ');
                let space = tail.iter().position(|b| !matches!(b, b'\r' | b'\n' | b' ' | b'\t'));
                let (skipped, next) = tail
                    .split_at_checked(space.unwrap_or(tail.len()))
                    .unwrap_or((tail, b""));
                if !only_folds(skipped) {
                    return Err(BARE);
                }
                rest = next;
            }
            b'\n' => return Err(BARE),
            _ => {
                out.push(*b);
                rest = tail;
            }
        }
    }
    Ok(out.into_boxed_slice())
}

/// Tells whether each CR is followed by LF, and each LF by space, in what starts behind a CR.
fn only_folds(skipped: &[u8]) -> bool {
    let mut before = b'\r';
    for b in skipped {
        let fits = match b {
            b'\n' => before == b'\r',
            b'\r' => matches!(before, b' ' | b'\t'),
            _ => before != b'\r',
        };
        if !fits {
            return false;
        }
        before = *b;
    }
    matches!(before, b' ' | b'\t')
}

/// Takes space off both ends, folding too, but leaves a bare CR or LF to be found.
fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    loop {
        value = match value {
            [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] => rest,
            [b'\r', b'\n', rest @ ..] if matches!(rest.first(), Some(b' ' | b'\t')) => rest,
            [rest @ .., b'\r', b'\n'] => rest,
            _ => return value,
        };
    }
}

/// Finds the CRLF that ends the line which starts at `from`.
fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let lf = at + rest.iter().position(|b| *b == b'\n')?;
        match lf.checked_sub(1).filter(|cr| *cr >= from) {
            Some(cr) if bytes.get(cr) == Some(&b'\r') => return Some(cr),
            _ => at = lf + 1,
        }
    }
}

fn leading_method(line: &[u8]) -> Option<Method> {
    let end = line.iter().take(128).position(|b| *b == b' ')?;
    std::str::from_utf8(slice(line, 0, end))
        .ok()
        .and_then(|m| Method::parse(m).ok())
}

fn slice(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    bytes.get(from..to).unwrap_or(b"")
}
