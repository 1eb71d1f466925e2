// SPDX-License-Identifier: EUPL-1.2
//! One phone's WebSocket.
//!
//! A task of its own opens the socket and carries text both ways, so that nothing else waits for a slow server. It ends
//! when its owner lets go of it, with a close frame if the server still reads.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, error::CapacityError};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use super::http::{plain, tls_remedy};
use crate::net::dial::{DialError, Wire, dial, tls_cause};

/// Longest message that is read [octets]: the one that greets a phone lists everybody, and 5 000 people are more than
/// 1 MiB.
const LONGEST: usize = 4 * 1024 * 1024;
/// Messages of ours that may wait; then the server is given up.
const TO_SEND: usize = 64;
/// Messages of the server that may wait, 64 MiB at the worst; then it is not read.
const HEARD: usize = 16;
/// How long the server may take to open the socket.
const OPEN: Duration = Duration::from_secs(10);
/// How long the server may take to read a message.
const WRITE: Duration = Duration::from_secs(10);
/// How long a close may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long the server may be silent before it is asked.
const SILENCE: Duration = Duration::from_secs(30);
/// How long it may then take to answer.
const ANSWER: Duration = Duration::from_secs(15);

/// What happens on a socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// It is open.
    Opened,
    /// A text came.
    Text(String),
    /// The server closed it, with a code and a reason (RFC 6455 §7.4).
    Closed(Option<u16>, String),
    /// It could not be opened, or broke: why, without what is secret of its address.
    Failed(String),
    /// The server sent a message that is too long to be read: how long, and what the limit is.
    TooLong(String),
}

/// One socket. Dropping it closes it.
pub(super) struct Socket {
    texts: mpsc::Sender<String>,
    happenings: mpsc::Receiver<Happening>,
}

impl Socket {
    /// Opens a socket, in a task of its own.
    pub(super) fn open(url: String, subprotocols: Vec<String>, tls: Arc<rustls::ClientConfig>) -> Socket {
        let (texts, to_send) = mpsc::channel(TO_SEND);
        let (tell, happenings) = mpsc::channel(HEARD);
        tokio::spawn(async move {
            if let Err(last) = run(&url, &subprotocols, tls, to_send, &tell).await {
                // The owner may have let go.
                let _ = tell.send(last).await;
            }
        });
        Socket { texts, happenings }
    }

    /// Sends a text; false if the server has not read so many before it that it is given up.
    pub(super) fn send(&self, text: String) -> bool {
        self.texts.try_send(text).is_ok()
    }

    /// Waits for what happens next; `None` after the socket is closed. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Happening> {
        self.happenings.recv().await
    }
}

/// Carries texts until one side is done. The owner's letting go is `Ok`.
async fn run(
    url: &str,
    subprotocols: &[String],
    tls: Arc<rustls::ClientConfig>,
    to_send: mpsc::Receiver<String>,
    tell: &mpsc::Sender<Happening>,
) -> Result<(), Happening> {
    let url = Url::parse(url).map_err(|_| Happening::Failed("the signalling's address is none".to_owned()))?;
    let host = url.origin().ascii_serialization();
    let host = if host == "null" { shown(&url) } else { host };
    let opening = open(&url, subprotocols, tls);
    let opened = tokio::select! {
        opened = timeout(OPEN, opening) => opened,
        () = tell.closed() => return Ok(()),
    };
    let socket = match opened {
        Ok(Ok(socket)) => socket,
        Ok(Err(what)) => return Err(Happening::Failed(format!("{host}: {what}"))),
        Err(_) => return Err(Happening::Failed(format!("{host} did not open the signalling in time"))),
    };
    if tell.send(Happening::Opened).await.is_err() {
        return Ok(());
    }
    carry(socket, to_send, tell).await.map_err(|happening| match happening {
        Happening::Failed(what) => Happening::Failed(format!("{host}: {what}")),
        Happening::TooLong(what) => Happening::TooLong(format!("{host}: {what}")),
        other => other,
    })
}

/// Writes scheme, host and port of an address; the rest is secret.
fn shown(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or(""))
}

type Opened = WebSocketStream<Box<dyn Wire>>;

async fn open(url: &Url, subprotocols: &[String], tls: Arc<rustls::ClientConfig>) -> Result<Opened, String> {
    let wire = dial(url, &tls).await.map_err(|error| match &error {
        DialError::Tls(tls) => tls_cause(tls).map_or_else(|| error.to_string(), tls_remedy),
        _ => error.to_string(),
    })?;
    let mut request = url.as_str().into_client_request().map_err(|e| broken(&e))?;
    if !subprotocols.is_empty() {
        let mut value = HeaderValue::from_str(&subprotocols.join(",")).map_err(|_| "the ticket is none")?;
        value.set_sensitive(true);
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    let limits = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    match client_async_with_config(request, wire, Some(limits)).await {
        Ok((socket, _)) => Ok(socket),
        Err(e) => Err(broken(&e)),
    }
}

async fn carry(
    mut socket: Opened,
    mut to_send: mpsc::Receiver<String>,
    tell: &mpsc::Sender<Happening>,
) -> Result<(), Happening> {
    let failed = |what: &str| Err(Happening::Failed(what.to_owned()));
    let mut heard = Instant::now();
    let mut asked = false;
    loop {
        let until = heard + if asked { SILENCE + ANSWER } else { SILENCE };
        tokio::select! {
            text = to_send.recv() => {
                let Some(text) = text else {
                    farewell(socket).await;
                    return Ok(());
                };
                match timeout(WRITE, socket.send(Message::Text(text.into()))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(e)) => return failed(&broken(&e)),
                    Err(_) => return failed("the server reads nothing any more"),
                }
            }
            message = socket.next() => {
                heard = Instant::now();
                asked = false;
                let happening = match message {
                    Some(Ok(Message::Text(text))) => Happening::Text(text.as_str().to_owned()),
                    Some(Ok(Message::Close(frame))) => {
                        let code = frame.as_ref().map(|frame| u16::from(frame.code));
                        let reason = frame.map_or_else(String::new, |frame| plain(&frame.reason));
                        return Err(Happening::Closed(code, reason));
                    }
                    // Pings are answered by the library.
                    Some(Ok(_)) => continue,
                    Some(Err(e @ Error::Capacity(_))) => return Err(Happening::TooLong(broken(&e))),
                    Some(Err(e)) => return failed(&broken(&e)),
                    None => return failed("the server ended the connection"),
                };
                // While the owner is busy the server waits.
                if tell.send(happening).await.is_err() {
                    farewell(socket).await;
                    return Ok(());
                }
            }
            () = tokio::time::sleep_until(until) => {
                if asked {
                    return failed("the server was silent for 45 s");
                }
                asked = true;
                match timeout(WRITE, socket.send(Message::Ping(Bytes::new()))).await {
                    Ok(Ok(())) => {}
                    _ => return failed("the server reads nothing any more"),
                }
            }
        }
    }
}

/// Closes a socket as RFC 6455 §7.1.2 asks, if the server plays along.
async fn farewell(mut socket: Opened) {
    let parting = async {
        if socket.send(Message::Close(None)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _ = timeout(FAREWELL, parting).await;
}

/// Says what is wrong with a socket, in words without secrets.
fn broken(error: &Error) -> String {
    match error {
        Error::Http(response) if response.status() == 401 => {
            "401: the token was used before, or is older than 30 s".to_owned()
        }
        Error::Http(response) => format!(
            "answered {} instead of opening the signalling",
            response.status().as_u16()
        ),
        Error::Capacity(CapacityError::MessageTooLong { size, .. }) => {
            format!("sent a message of {size} octets, and 4 MiB is the limit")
        }
        Error::ConnectionClosed | Error::AlreadyClosed => "the server ended the connection".to_owned(),
        Error::Io(e) => e.to_string(),
        Error::Protocol(e) => format!("broke the WebSocket protocol: {e}"),
        Error::Utf8(_) => "sent a text that is none".to_owned(),
        _ => "the WebSocket broke".to_owned(),
    }
}
