// SPDX-License-Identifier: EUPL-1.2
//! Holds requests, responses, and either.

use super::{HeaderName, Headers, Method, NameAddr, StatusCode, Uri};

/// Holds a request (RFC 3261 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The header fields, without Content-Length: the writer counts the body.
    pub headers: Headers,
    /// The body as octets.
    pub body: Vec<u8>,
}

impl Request {
    /// Makes a request without header fields and body.
    pub fn new(method: Method, uri: impl Into<Uri>) -> Request {
        Request {
            method,
            uri: uri.into(),
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// Appends the request as it stands on the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.uri.to_string().as_bytes());
        out.extend_from_slice(b" SIP/2.0\r\n");
        write_rest(&self.headers, &self.body, out);
    }

    /// Gives the request as it stands on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024 + self.body.len());
        self.write(&mut out);
        out
    }
}

/// Holds a response (RFC 3261 §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase; what is not UTF-8 was replaced when it was read.
    pub reason: String,
    /// The header fields, without Content-Length: the writer counts the body.
    pub headers: Headers,
    /// The body as octets.
    pub body: Vec<u8>,
}

impl Response {
    /// Makes a response with the usual reason phrase, without header fields and body.
    pub fn new(status: StatusCode) -> Response {
        Response {
            status,
            reason: status.reason().to_owned(),
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// Answers a request: Via, From, To, Call-ID and CSeq are its own (RFC 3261 §8.2.6.2).
    ///
    /// `to_tag` is added to a To that has none.
    pub fn to_request(request: &Request, status: StatusCode, to_tag: Option<&str>) -> Response {
        let mut response = Response::new(status);
        response.headers.copy_from(&request.headers, &HeaderName::Via);
        response.headers.copy_from(&request.headers, &HeaderName::From);
        let to = request
            .headers
            .text(&HeaderName::To)
            .and_then(|t| NameAddr::parse(&t).ok());
        match (to, to_tag) {
            (Some(to), Some(tag)) if to.tag().is_none() => {
                response.headers.push_value(HeaderName::To, &to.with_tag(tag));
            }
            _ => response.headers.copy_from(&request.headers, &HeaderName::To),
        }
        response.headers.copy_from(&request.headers, &HeaderName::CallId);
        response.headers.copy_from(&request.headers, &HeaderName::CSeq);
        response
    }

    /// Appends the response as it stands on the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"SIP/2.0 ");
        out.extend_from_slice(self.status.to_string().as_bytes());
        out.push(b' ');
        // A reason phrase may come from outside; it must not end its line.
        out.extend(
            self.reason
                .bytes()
                .map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }),
        );
        out.extend_from_slice(b"\r\n");
        write_rest(&self.headers, &self.body, out);
    }

    /// Gives the response as it stands on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024 + self.body.len());
        self.write(&mut out);
        out
    }
}

/// Holds a request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// Gives the header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(m) => &m.headers,
            Message::Response(m) => &m.headers,
        }
    }

    /// Gives the header fields to change.
    pub fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Message::Request(m) => &mut m.headers,
            Message::Response(m) => &mut m.headers,
        }
    }

    /// Gives the body.
    pub fn body(&self) -> &[u8] {
        match self {
            Message::Request(m) => &m.body,
            Message::Response(m) => &m.body,
        }
    }

    /// Gives the request, if this is one.
    pub fn as_request(&self) -> Option<&Request> {
        match self {
            Message::Request(m) => Some(m),
            Message::Response(_) => None,
        }
    }

    /// Gives the response, if this is one.
    pub fn as_response(&self) -> Option<&Response> {
        match self {
            Message::Response(m) => Some(m),
            Message::Request(_) => None,
        }
    }

    /// Appends the message as it stands on the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Message::Request(m) => m.write(out),
            Message::Response(m) => m.write(out),
        }
    }

    /// Gives the message as it stands on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(m) => m.to_bytes(),
            Message::Response(m) => m.to_bytes(),
        }
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Message {
        Message::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Message {
        Message::Response(response)
    }
}

/// Writes the header fields, a Content-Length that counts the body, and the body.
fn write_rest(headers: &Headers, body: &[u8], out: &mut Vec<u8>) {
    for header in headers.iter().filter(|h| *h.name() != HeaderName::ContentLength) {
        out.extend_from_slice(header.name().as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(header.value());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}
