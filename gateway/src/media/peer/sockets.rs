// SPDX-License-Identifier: EUPL-1.2
//! The engine's sockets: the media thread reads them and carries the sound, the engine gets the rest and sends for
//! itself. So a packet of sound costs what it costs on a phone, and no flood of signalling delays it.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, Transmit,
};

use super::runtime::FromHere;
use crate::media::thread::{Datagram, Port};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Datagrams that wait for the engine; it takes them at once, unless it is flooded.
const WAITING: usize = 64;

/// What engine and leg share of their sockets.
#[derive(Default)]
pub(super) struct Sockets {
    ports: Mutex<Vec<Port>>,
    /// Where the last DTLS record went, and from where: the way that ICE has found.
    way: Mutex<Option<(SocketAddr, SocketAddr)>>,
    /// The engine sends the sound.
    by_engine: AtomicBool,
}

impl Sockets {
    /// Hands out the sockets to read.
    pub(super) fn take(&self) -> Vec<Port> {
        std::mem::take(&mut *self.ports.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the way of the DTLS handshake: from, to; `None` when it went over a relay.
    pub(super) fn way(&self) -> Option<(SocketAddr, SocketAddr)> {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the engine send the sound.
    pub(super) fn leave_to_engine(&self) {
        self.by_engine.store(true, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sockets")
    }
}

/// Runs a connection on tokio, with UDP sockets that somebody else reads.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) inner: FromHere,
    pub(super) sockets: Arc<Sockets>,
}

impl Runtime for Shared {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        self.inner.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let (inbox, receiver) = mpsc::channel(WAITING);
        let local = socket.local_addr()?;
        let port = Port {
            socket: socket.try_clone()?,
            local,
            inbox,
        };
        let mut ports = self.sockets.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.push(port);
        Ok(Arc::new(Socket {
            socket,
            local,
            inbox: Mutex::new(receiver),
            sockets: self.sockets.clone(),
        }))
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.inner.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        self.inner.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }
}

/// The engine's end of one socket.
#[derive(Debug)]
struct Socket {
    socket: std::net::UdpSocket,
    local: SocketAddr,
    inbox: Mutex<mpsc::Receiver<Datagram>>,
    sockets: Arc<Sockets>,
}

impl std::fmt::Debug for Datagram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Datagram({} bytes)", self.bytes.len())
    }
}

impl AsyncUdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let len = transmit.contents.len();
        match transmit.contents.first() {
            // RFC 7983 §7: RTP and RTCP. Under the same keys the leg counts its packets by itself.
            Some(128..=191) if !self.sockets.by_engine.load(Ordering::Relaxed) => return Poll::Ready(Ok(len)),
            Some(20..=63) => {
                let mut way = self.sockets.way.lock().unwrap_or_else(PoisonError::into_inner);
                *way = Some((self.local, transmit.destination));
            }
            _ => {}
        }
        match self.socket.send_to(transmit.contents, transmit.destination) {
            // All that the engine sends is sent again when it is lost.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Ready(Ok(len)),
            sent => Poll::Ready(sent),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            let Some(datagram) = std::task::ready!(inbox.poll_recv(cx)) else {
                // The leg is gone: nothing comes any more.
                return Poll::Pending;
            };
            let len = datagram.bytes.len();
            let Some(room) = buffer.get_mut(..len).filter(|room| !room.is_empty()) else {
                continue;
            };
            room.copy_from_slice(&datagram.bytes);
            *meta = RecvMeta::default();
            (meta.addr, meta.len, meta.stride) = (datagram.from, len, len);
            return Poll::Ready(Ok(1));
        }
    }
}
