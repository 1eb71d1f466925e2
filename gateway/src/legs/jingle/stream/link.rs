// SPDX-License-Identifier: EUPL-1.2
//! One stream: header, handshake (XEP-0114), then stanzas both ways until it breaks.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use landbridge_jingle::own::Domain;
use landbridge_jingle::packet::{COMPONENT, Iq, Packet};
use minidom::Element;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};

use super::gate::Gate;
use super::trouble::Trouble;
use super::{Incoming, Outgoing, STREAM};

/// How long header and handshake may take, each.
const ANSWER: Duration = Duration::from_secs(5);
/// Silence after which the server is asked for a sign of life.
const QUIET: Duration = Duration::from_secs(5);
/// How long it may then take to give one, and how long it may take to read what we send.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often the clocks are looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// The beginning of the ids of our signs of life.
const LIFE: &str = "life-";
/// The namespace of pings (XEP-0199).
const PING: &str = "urn:xmpp:ping";

/// A stream on which the server knows us.
pub(super) struct Link<Io> {
    stream: XmlStream<Gate<Io>, Element>,
    domain: Domain,
    /// What is sent next; the stream takes one at a time.
    next: Option<Element>,
    /// What was read and waits for the driver.
    read: Option<Element>,
    /// Since when something waits to be written.
    writing: Option<Instant>,
    /// When the server was asked for a sign of life.
    asked: Option<Instant>,
    asked_times: u64,
}

/// What a turn of the loop brings.
enum Turn {
    Read(Option<Result<Element, ReadError>>),
    Written(std::io::Result<()>),
    Wanted(Option<Outgoing>),
    Delivered(bool),
    Tick,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Link<Io> {
    /// Logs in.
    pub(super) async fn open(io: Io, domain: &Domain, secret: &str) -> Result<Link<Io>, Trouble> {
        // Life is watched here: the reader's own clocks do not see what the gate drops.
        let never = Duration::from_secs(24 * 3600);
        let timeouts = Timeouts {
            read_timeout: never,
            response_timeout: never,
        };
        let header = StreamHeader {
            to: Some(domain.as_str().into()),
            ..StreamHeader::default()
        };
        let initiated = timeout(ANSWER, initiate_stream(Gate::new(io), COMPONENT, header, timeouts));
        let mut pending = initiated
            .await
            .map_err(|_| Trouble::Unanswered)?
            .map_err(|e| match e.kind() {
                // A server that closes at once, or speaks another protocol.
                std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData => Trouble::Unanswered,
                _ => Trouble::of_io(&e),
            })?;
        let id = pending.take_header().id.unwrap_or_default().into_owned();
        let mut link = Link {
            stream: pending.skip_features(),
            domain: domain.clone(),
            next: None,
            read: None,
            writing: None,
            asked: None,
            asked_times: 0,
        };
        timeout(ANSWER, link.shake_hands(&id, secret))
            .await
            .map_err(|_| Trouble::Unanswered)??;
        Ok(link)
    }

    async fn shake_hands(&mut self, id: &str, secret: &str) -> Result<(), Trouble> {
        // XEP-0114 §3: the hash is SHA-1 by the protocol; the stream runs on loopback or inside a tunnel.
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{id}{secret}").as_bytes());
        let hash: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        let handshake = Element::builder("handshake", COMPONENT).append(hash).build();
        // A server that does not know the component says so before it reads; then writing fails first.
        let sent = self.stream.send(&handshake).await;
        loop {
            match self.stream.next().await {
                Some(Ok(element)) if element.is("handshake", COMPONENT) => {
                    return sent.map_err(|e| Trouble::of_io(&e));
                }
                Some(Ok(element)) if element.is("error", STREAM) => return Err(Trouble::of_error(&element)),
                Some(Ok(_) | Err(ReadError::ParseError(_) | ReadError::SoftTimeout)) => {}
                Some(Err(ReadError::HardError(e))) => return Err(Trouble::of_io(&e)),
                Some(Err(ReadError::StreamFooterReceived)) | None => return Err(Trouble::Closed),
            }
        }
    }

    /// Carries stanzas until the stream breaks. `None` = we closed it.
    pub(super) async fn run(
        &mut self,
        epoch: u64,
        wanted: &mut mpsc::Receiver<Outgoing>,
        heard: &mpsc::Sender<Incoming>,
    ) -> Option<Trouble> {
        let mut clock = interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let turn = self.turn(wanted, heard, &mut clock).await;
            let trouble = match turn {
                Turn::Read(Some(Ok(element))) if element.is("error", STREAM) => Some(Trouble::of_error(&element)),
                Turn::Read(Some(Ok(element))) => {
                    if !self.is_sign_of_life(&element) {
                        self.read = Some(element);
                    }
                    None
                }
                Turn::Read(Some(Err(ReadError::ParseError(_)))) => {
                    metrics::counter!("landbridge_xmpp_dropped_total", "why" => "not_xmpp").increment(1);
                    None
                }
                Turn::Read(Some(Err(ReadError::SoftTimeout))) => None,
                Turn::Read(Some(Err(ReadError::HardError(e)))) | Turn::Written(Err(e)) => Some(Trouble::of_io(&e)),
                Turn::Read(Some(Err(ReadError::StreamFooterReceived)) | None) => Some(Trouble::Closed),
                Turn::Written(Ok(())) => {
                    self.writing = None;
                    None
                }
                Turn::Wanted(Some(Outgoing::Stanza(of, element))) => {
                    // What was meant for an older stream is not sent on this one: its sender sends it again.
                    if of == epoch {
                        self.send(element);
                    }
                    None
                }
                Turn::Wanted(Some(Outgoing::Close) | None) => {
                    self.close().await;
                    return None;
                }
                Turn::Delivered(true) => None,
                Turn::Delivered(false) => return None,
                Turn::Tick => self.tick(),
            };
            if trouble.is_some() {
                return trouble;
            }
        }
    }

    /// Waits for the next thing to do. Reading never waits for writing.
    async fn turn(
        &mut self,
        wanted: &mut mpsc::Receiver<Outgoing>,
        heard: &mpsc::Sender<Incoming>,
        clock: &mut Interval,
    ) -> Turn {
        let (may_read, may_take) = (self.read.is_none(), self.next.is_none());
        let is_writing = self.writing.is_some();
        let (stream, next, read) = (&mut self.stream, &mut self.next, &mut self.read);
        tokio::select! {
            biased;
            permit = heard.reserve(), if !may_read => match (permit, read.take()) {
                (Ok(permit), Some(element)) => {
                    permit.send(Incoming::Stanza(element));
                    Turn::Delivered(true)
                }
                _ => Turn::Delivered(false),
            },
            turn = poll_fn(|cx| poll(stream, next, is_writing, may_read, cx)) => turn,
            outgoing = wanted.recv(), if may_take => Turn::Wanted(outgoing),
            _ = clock.tick() => Turn::Tick,
        }
    }

    fn send(&mut self, element: Element) {
        self.next = Some(element);
        self.writing.get_or_insert_with(Instant::now);
    }

    /// Tells our own question, which came back by the server.
    fn is_sign_of_life(&self, element: &Element) -> bool {
        element.attr("from") == Some(self.domain.as_str()) && element.attr("id").is_some_and(|id| id.starts_with(LIFE))
    }

    /// Asks for a sign of life, or finds that there is none.
    fn tick(&mut self) -> Option<Trouble> {
        let now = Instant::now();
        if self.writing.is_some_and(|since| now - since > PATIENCE) {
            return Some(Trouble::Stalled);
        }
        let heard = self.stream.get_stream().heard();
        match self.asked {
            Some(asked) if heard >= asked => self.asked = None,
            // What waits for the driver keeps us from reading: that is not the server's silence.
            Some(asked) if now - asked > PATIENCE && self.read.is_none() => return Some(Trouble::Silent),
            Some(_) => {}
            None if now - heard > QUIET && self.next.is_none() => {
                self.asked = Some(now);
                self.asked_times += 1;
                // XEP-0199 to ourselves: the server must route it, whatever its own name is.
                let (id, ping) = (format!("{LIFE}{}", self.asked_times), Element::bare("ping", PING));
                let us = self.domain.itself();
                if let Some(ping) = Packet::iq(us.clone(), us.jid().clone(), Iq::Get, &id, Some(ping)) {
                    self.send(ping.into_element());
                }
            }
            None => {}
        }
        None
    }

    /// Sends what waits, then the footer; waits a moment for the server's.
    async fn close(&mut self) {
        let farewell = async {
            if let Some(element) = self.next.take() {
                self.stream.send(&element).await?;
            }
            self.stream.shutdown().await?;
            while let Some(Ok(_) | Err(ReadError::ParseError(_))) = self.stream.next().await {}
            Ok::<(), std::io::Error>(())
        };
        // Whatever goes wrong now ends the stream, too.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// Moves both directions on; returns what is to be told.
fn poll<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut XmlStream<Gate<Io>, Element>,
    next: &mut Option<Element>,
    is_writing: bool,
    may_read: bool,
    cx: &mut Context<'_>,
) -> Poll<Turn> {
    let mut stream = Pin::new(stream);
    if is_writing {
        if next.is_some()
            && let Poll::Ready(ready) = Sink::<&Element>::poll_ready(stream.as_mut(), cx)
        {
            let started = match (ready, next.take()) {
                (Ok(()), Some(element)) => stream.as_mut().start_send(&element),
                (ready, _) => ready,
            };
            if started.is_err() {
                return Poll::Ready(Turn::Written(started));
            }
        }
        if next.is_none()
            && let Poll::Ready(flushed) = Sink::<&Element>::poll_flush(stream.as_mut(), cx)
        {
            return Poll::Ready(Turn::Written(flushed));
        }
    }
    if may_read && let Poll::Ready(read) = stream.poll_next(cx) {
        return Poll::Ready(Turn::Read(read));
    }
    Poll::Pending
}
