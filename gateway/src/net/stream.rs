// SPDX-License-Identifier: EUPL-1.2
//! TCP and TLS connections: framing, deadlines, limits.
//!
//! Each connection has a reader and a writer of its own. Its outbox is bounded: a peer that does not read fills it,
//! and then loses this one connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use landbridge_sip::parse::{Frame, FramingLost, Limits, StreamFramer};
use landbridge_sip::ua::{Arrival, FlowId, SendId, Target, Transport};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Arrived, SipConfig, tls};

/// Messages that may wait for one slow connection.
const OUTBOX: usize = 256;
/// Messages of one connection that may wait in the shared inbox: one fast peer leaves room for all others.
const TURNS: usize = 32;
/// Connections at a time; more are closed at once.
const MAX_CONNECTIONS: usize = 8192;
/// Connections of the above that strangers do not get.
const RESERVED: usize = MAX_CONNECTIONS / 8;
/// Connections of one source that is no trunk's: an address, of IPv6 the first 64 bits.
const MAX_PER_SOURCE: usize = 64;
/// How long a connection may take to open, with its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a message that has begun may take to end.
const MESSAGE: Duration = Duration::from_secs(5);
/// How long a connection may be silent before its first message.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);
/// How long a connection may be silent later; the peer's keep-alives (RFC 5626) count.
const IDLE: Duration = Duration::from_secs(3600);
/// How long one write may take: a peer that does not read for this long is gone.
const WRITE: Duration = Duration::from_secs(10);

/// Opens, accepts and serves connections.
pub(crate) struct Connections {
    flows: Arc<AtomicU64>,
    inbox: mpsc::Sender<Arrived>,
    acceptor: Option<TlsAcceptor>,
    connector: TlsConnector,
    slots: Arc<Semaphore>,
    trusted: Vec<crate::config::Network>,
    per_source: Mutex<HashMap<IpAddr, usize>>,
}

/// The bounded way to one connection's writer.
#[derive(Clone)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<(Option<SendId>, Vec<u8>)>,
    hang_up: Arc<Notify>,
}

impl Outbox {
    /// Queues a message; when the queue is full the connection is closed and the message refused.
    pub(crate) fn send(&self, id: SendId, bytes: Vec<u8>) -> bool {
        let taken = self.queue.try_send((Some(id), bytes)).is_ok();
        if !taken {
            metrics::counter!("landbridge_sip_slow_connections_total").increment(1);
            self.hang_up.notify_one();
        }
        taken
    }
}

/// What is known of a connection when it is up.
struct Link {
    transport: Transport,
    local: SocketAddr,
    remote: SocketAddr,
    identities: Vec<String>,
}

impl Connections {
    pub(crate) fn new(
        config: &SipConfig,
        flows: Arc<AtomicU64>,
        inbox: mpsc::Sender<Arrived>,
    ) -> Result<Arc<Connections>, String> {
        let acceptor = match &config.tls {
            Some(files) if files.identity.is_some() => Some(TlsAcceptor::from(Arc::new(
                tls::server_config(files).map_err(|e| e.to_string())?,
            ))),
            _ => None,
        };
        let connector = tls::client_config(config.tls.as_ref()).map_err(|e| e.to_string())?;
        Ok(Arc::new(Connections {
            flows,
            inbox,
            acceptor,
            connector: TlsConnector::from(Arc::new(connector)),
            slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            trusted: config.trusted.clone(),
            per_source: Mutex::new(HashMap::new()),
        }))
    }

    /// Accepts connections for ever.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener, transport: Transport) {
        loop {
            let Ok((socket, remote)) = listener.accept().await else {
                // Out of file descriptors: wait for some to come back instead of spinning.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            // The last slots are for trunks and for connections of ours: strangers cannot shut them out.
            if self.slots.available_permits() <= RESERVED && !self.trusts(remote.ip()) {
                continue;
            }
            let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                continue;
            };
            let Some(source) = Source::take(&self, remote.ip()) else {
                continue;
            };
            tokio::spawn(Arc::clone(&self).serve_accepted(socket, remote, transport, slot, source));
        }
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(ip))
    }

    async fn serve_accepted(
        self: Arc<Self>,
        socket: TcpStream,
        remote: SocketAddr,
        transport: Transport,
        _slot: OwnedSemaphorePermit,
        _source: Source,
    ) {
        let Ok(local) = socket.local_addr() else { return };
        let _ = socket.set_nodelay(true);
        match (transport, &self.acceptor) {
            (Transport::Tls, Some(acceptor)) => {
                let stream = match timeout(HANDSHAKE, acceptor.accept(socket)).await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => {
                        tracing::info!(%error, "a TLS handshake failed");
                        return;
                    }
                    Err(_) => return,
                };
                let identities = identities(stream.get_ref().1.peer_certificates());
                self.serve(
                    stream,
                    Link {
                        transport,
                        local,
                        remote,
                        identities,
                    },
                    None,
                )
                .await;
            }
            (Transport::Tls, None) => {}
            _ => {
                self.serve(
                    socket,
                    Link {
                        transport,
                        local,
                        remote,
                        identities: Vec::new(),
                    },
                    None,
                )
                .await
            }
        }
    }

    /// Opens a connection in a task of its own and sends a first message over it.
    pub(crate) fn open(self: Arc<Self>, target: Target, id: SendId, bytes: Vec<u8>) {
        tokio::spawn(async move {
            let Ok(_slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                let _ = self.inbox.send(Arrived::Unreachable(vec![id])).await;
                return;
            };
            if let Err(error) = self.dial(&target, id, bytes).await {
                tracing::info!(%error, transport = target.transport.as_str(), "a SIP server cannot be reached");
                let _ = self.inbox.send(Arrived::Unreachable(vec![id])).await;
            }
        });
    }

    async fn dial(&self, target: &Target, id: SendId, bytes: Vec<u8>) -> Result<(), String> {
        let connect = timeout(HANDSHAKE, TcpStream::connect(target.address)).await;
        let socket = connect
            .map_err(|_| "no answer to the connection".to_owned())?
            .map_err(|e| e.to_string())?;
        let _ = socket.set_nodelay(true);
        let (transport, remote) = (target.transport, target.address);
        let local = socket.local_addr().map_err(|e| e.to_string())?;
        if transport != Transport::Tls {
            let link = Link {
                transport,
                local,
                remote,
                identities: Vec::new(),
            };
            self.serve(socket, link, Some((id, bytes))).await;
            return Ok(());
        }
        let host = target
            .tls_name
            .clone()
            .unwrap_or_else(|| target.address.ip().to_string());
        let name = ServerName::try_from(host.clone()).map_err(|_| format!("{host:?} cannot be in a certificate"))?;
        let handshake = timeout(HANDSHAKE, self.connector.connect(name, socket)).await;
        let stream = handshake
            .map_err(|_| "no answer to the TLS handshake".to_owned())?
            .map_err(|e| e.to_string())?;
        let mut identities = identities(stream.get_ref().1.peer_certificates());
        // The verified name itself, too: an address in the certificate is no DNS name.
        identities.push(host.to_ascii_lowercase());
        self.serve(
            stream,
            Link {
                transport,
                local,
                remote,
                identities,
            },
            Some((id, bytes)),
        )
        .await;
        Ok(())
    }

    /// Reads and writes until the connection ends, and tells the driver of its life.
    async fn serve<S>(&self, stream: S, link: Link, first: Option<(SendId, Vec<u8>)>)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let flow = FlowId(self.flows.fetch_add(1, Ordering::Relaxed));
        let (queue, mut outgoing) = mpsc::channel(OUTBOX);
        let outbox = Outbox {
            queue,
            hang_up: Arc::new(Notify::new()),
        };
        let hang_up = Arc::clone(&outbox.hang_up);
        if let Some((id, bytes)) = first {
            outbox.send(id, bytes);
        }
        let pongs = outbox.queue.clone();
        let Link {
            transport,
            remote,
            ref identities,
            ..
        } = link;
        let opened = Arrived::Opened {
            flow,
            transport,
            remote,
            identities: identities.clone(),
            outbox,
        };
        if self.inbox.send(opened).await.is_err() {
            return;
        }
        let (reader, writer) = split(stream);
        tokio::select! {
            () = self.read(reader, flow, &link, pongs) => {}
            () = write(writer, &mut outgoing) => {}
            () = hang_up.notified() => {}
        }
        let _ = self.inbox.send(Arrived::Closed(flow)).await;
        // What was not written finds another way at once instead of after its transaction's time.
        outgoing.close();
        let mut unsent = Vec::new();
        while let Some((id, _)) = outgoing.recv().await {
            unsent.extend(id);
        }
        if !unsent.is_empty() {
            let _ = self.inbox.send(Arrived::Unreachable(unsent)).await;
        }
    }

    async fn read<S: AsyncRead>(
        &self,
        mut reader: ReadHalf<S>,
        flow: FlowId,
        link: &Link,
        pongs: mpsc::Sender<(Option<SendId>, Vec<u8>)>,
    ) {
        let identity = (!link.identities.is_empty()).then(|| link.identities.join(","));
        let arrival = Arrival {
            flow,
            transport: link.transport,
            local: link.local,
            remote: link.remote,
            identity,
        };
        let turns = Arc::new(Semaphore::new(TURNS));
        let mut framer = StreamFramer::new(Limits::default());
        let mut buffer = vec![0; 16_384];
        let mut deadline = Instant::now() + FIRST_MESSAGE;
        let mut silence = FIRST_MESSAGE;
        loop {
            let length = match timeout_at(deadline, reader.read(&mut buffer)).await {
                Ok(Ok(length)) if length > 0 => length,
                _ => return,
            };
            let was_idle = framer.is_idle();
            framer.feed(buffer.get(..length).unwrap_or_default());
            while let Some(frame) = framer.next() {
                silence = IDLE;
                // Waits while the driver is behind: the peer's own TCP window closes, nobody else's.
                let turn = Arc::clone(&turns).acquire_owned().await.ok();
                let sent = match frame {
                    Ok(Frame::Message(message)) => {
                        self.inbox.send(Arrived::Message(arrival.clone(), message, turn)).await
                    }
                    // RFC 5626 §4.4.1: a double CRLF is answered by a single one.
                    Ok(Frame::Ping) => {
                        let _ = pongs.try_send((None, b"\r\n".to_vec()));
                        Ok(())
                    }
                    Ok(Frame::Pong) => Ok(()),
                    Ok(Frame::Malformed(error)) => {
                        self.inbox.send(Arrived::Malformed(arrival.clone(), error, turn)).await
                    }
                    Err(FramingLost(error)) => {
                        // Where a message ends is in doubt: answer what can be answered, then close.
                        if let Some(answer) = error.answer("lb") {
                            let _ = pongs.try_send((None, answer.to_bytes()));
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                        metrics::counter!("landbridge_sip_malformed_total").increment(1);
                        return;
                    }
                };
                if sent.is_err() {
                    return;
                }
            }
            if framer.is_idle() {
                deadline = Instant::now() + silence;
            } else if was_idle {
                deadline = Instant::now() + MESSAGE;
            }
        }
    }
}

async fn write<S: AsyncWrite>(mut writer: WriteHalf<S>, outgoing: &mut mpsc::Receiver<(Option<SendId>, Vec<u8>)>) {
    while let Some((_, bytes)) = outgoing.recv().await {
        let done = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        if !matches!(timeout(WRITE, done).await, Ok(Ok(()))) {
            return;
        }
    }
    let _ = timeout(WRITE, writer.shutdown()).await;
}

fn identities(chain: Option<&[rustls::pki_types::CertificateDer<'_>]>) -> Vec<String> {
    chain
        .and_then(|chain| chain.first())
        .map(tls::sip_identities)
        .unwrap_or_default()
}

/// Returns what one line is given: an IPv4 address, or the /64 of an IPv6 one.
fn line_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

/// One of the connections that a source may hold; given back when dropped.
struct Source {
    connections: Arc<Connections>,
    ip: IpAddr,
}

impl Source {
    fn take(connections: &Arc<Connections>, ip: IpAddr) -> Option<Source> {
        let is_trusted = connections.trusts(ip);
        let ip = line_of(ip);
        let mut held = connections.per_source.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(ip).or_insert(0);
        if *count >= MAX_PER_SOURCE && !is_trusted {
            return None;
        }
        *count += 1;
        Some(Source {
            connections: Arc::clone(connections),
            ip,
        })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let mut held = self
            .connections
            .per_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.ip);
            }
        }
    }
}
