// SPDX-License-Identifier: EUPL-1.2
//! Stands in front of the XML reader and lets whole stanzas through, only such as the reader survives.
//!
//! The reader ends the stream for good at one value of more than 8 KiB or one name that it holds for ill-formed, and
//! strangers choose values and names. So each stanza is held until it is whole, counted on the way, and read once on
//! trial; whatever would break the stream is dropped and counted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use minidom::rxml::error::EndOrError;
use minidom::rxml::{self, Parse};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::scan::{LONGEST, Mark, Scanner, Unfit};

/// Longest header of a stream [octets].
const LONGEST_HEADER: usize = 8 * 1024;
/// What is read at a time [octets].
const CHUNK: usize = 16 * 1024;

/// One connection, seen through the gate.
pub(super) struct Gate<Io> {
    io: Io,
    scanner: Scanner,
    /// The stream's header: what a stanza is read behind on trial.
    header: Vec<u8>,
    /// What is not whole yet.
    held: Vec<u8>,
    /// What may be read.
    open: BytesMut,
    is_at_end: bool,
    heard: Instant,
}

impl<Io> Gate<Io> {
    /// Stands in front of a new connection.
    pub(super) fn new(io: Io) -> Gate<Io> {
        Gate {
            io,
            scanner: Scanner::new(),
            header: Vec::new(),
            held: Vec::new(),
            open: BytesMut::new(),
            is_at_end: false,
            heard: Instant::now(),
        }
    }

    /// Returns when the other side was heard last, of whatever it sent.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// Sorts what came.
    fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        for octet in octets {
            let was_between = self.scanner.is_between();
            let mark = self.scanner.step(*octet);
            // White space between stanzas is a sign of life and nothing else.
            let is_space = was_between && self.scanner.is_between();
            if !is_space && !self.scanner.is_refused() {
                self.held.push(*octet);
                if self.held.len() > LONGEST {
                    self.scanner.refuse(Unfit::TooLong);
                }
            }
            match mark {
                Mark::None if self.header.is_empty() && self.held.len() > LONGEST_HEADER => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the stream's header is too long",
                    ));
                }
                Mark::None => {}
                Mark::Header => {
                    self.open.extend_from_slice(&self.held);
                    self.header = std::mem::take(&mut self.held);
                    self.scanner.verdict();
                }
                Mark::Footer => {
                    self.open.extend_from_slice(&self.held);
                    self.held.clear();
                }
                Mark::Stanza => self.whole(),
            }
        }
        // What was refused gives its memory back at once.
        if self.scanner.is_refused() && !self.held.is_empty() {
            self.held = Vec::new();
        }
        Ok(())
    }

    /// Decides about a whole stanza.
    fn whole(&mut self) {
        let unfit = self.scanner.verdict();
        let unfit = unfit.or_else(|| (!is_readable(&self.header, &self.held)).then_some(Unfit::NotXmpp));
        match unfit {
            None => self.open.extend_from_slice(&self.held),
            Some(why) => {
                metrics::counter!("landbridge_xmpp_dropped_total", "why" => why.as_str()).increment(1);
                tracing::debug!(why = why.as_str(), "a stanza was dropped unread");
            }
        }
        self.held.clear();
    }
}

/// Reads a stanza on trial, behind the stream's header and by the reader's own rules.
fn is_readable(header: &[u8], stanza: &[u8]) -> bool {
    let mut parser = rxml::Parser::default();
    let mut depth = 0u32;
    for part in [header, stanza] {
        let mut rest = part;
        loop {
            match parser.parse(&mut rest, false) {
                Ok(Some(rxml::Event::StartElement(..))) => depth = depth.saturating_add(1),
                Ok(Some(rxml::Event::EndElement(..))) => depth = depth.saturating_sub(1),
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(EndOrError::NeedMoreData) => break,
                Err(_) => return false,
            }
        }
    }
    depth == 1
}

impl<Io: AsyncRead + Unpin> AsyncBufRead for Gate<Io> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let gate = self.get_mut();
        while gate.open.is_empty() && !gate.is_at_end {
            let mut chunk = [0u8; CHUNK];
            let mut buffer = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut gate.io).poll_read(cx, &mut buffer))?;
            match buffer.filled() {
                [] => gate.is_at_end = true,
                octets => {
                    gate.heard = Instant::now();
                    gate.take(octets)?;
                }
            }
        }
        Poll::Ready(Ok(&gate.open))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let gate = self.get_mut();
        gate.open.advance(amount.min(gate.open.len()));
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Gate<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let open = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = open.len().min(buffer.remaining());
        buffer.put_slice(open.get(..amount).unwrap_or_default());
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Gate<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
