// SPDX-License-Identifier: EUPL-1.2
//! Sockets, TLS, DNS: nowhere else.
//!
//! One task drives the SIP core. Every socket has tasks of its own, joined to the driver by bounded queues: a flood
//! is dropped at its own socket, and a peer that never reads loses its own connection.
//!
//! ```text
//! UDP socket ──┐                          ┌── UDP socket (try_send)
//! TCP, TLS  ───┼─ inbox ─▶ driver ─ poll ─┼── connection's outbox ─▶ its writer
//! commands  ───┘           (the core)     ├── resolver task
//!                                         └── Switchboard (events)
//! ```

/// What partners publish for their servers (DANE).
pub mod dane;
/// Connections to servers: look-up, TCP, and TLS where the address asks for it.
pub mod dial;
/// Where a request goes: RFC 3263 on hickory-resolver.
pub mod resolve;
/// TCP and TLS connections: framing, deadlines, limits.
pub mod stream;
/// TLS 1.2 with AEAD and 1.3; names by RFC 5922.
pub mod tls;
/// UDP sockets.
mod udp;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use landbridge_sip::message::Message;
use landbridge_sip::parse::ParseError;
use landbridge_sip::ua::{
    Arrival, Command, Destination, Endpoint, EndpointConfig, Event, FlowId, Input, Output, QueryId, SendId, Target,
    Transport,
};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use resolve::Resolver;
use stream::{Connections, Outbox};
use tls::TlsFiles;

/// Messages that may wait for the driver; more are dropped (UDP) or held back (streams).
const INBOX: usize = 2048;
/// Commands that may wait for the driver.
const COMMANDS: usize = 4096;

/// Where SIP is spoken, and as whom.
#[derive(Clone, Debug)]
pub struct SipConfig {
    /// Transport and address of each listener.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Host that Via and Contact show instead of the address.
    pub public_name: Option<String>,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// Most calls at a time.
    pub max_calls: usize,
    /// Sources that are never counted against the per-source limit of connections.
    pub trusted: Vec<crate::config::Network>,
}

/// Takes what the core has to say; called on the driver's task, so it must not wait.
pub trait Switchboard: Send {
    /// Handles one event.
    fn event(&mut self, event: Event);
}

/// Speaks to the driver.
#[derive(Clone)]
pub struct SipHandle {
    commands: mpsc::Sender<Command>,
    /// The addresses the listeners are bound to, in the order of the configuration.
    pub bound: Arc<Vec<(Transport, SocketAddr)>>,
}

impl SipHandle {
    /// Hands a command to the core. While the driver is behind, the command waits in a task of its own: a hang-up that
    /// were lost would leave its dialog up.
    pub fn send(&self, command: Command) {
        use mpsc::error::TrySendError;
        if let Err(TrySendError::Full(command)) = self.commands.try_send(command) {
            metrics::counter!("landbridge_sip_commands_waited_total").increment(1);
            let commands = self.commands.clone();
            // At most a few commands of each call, and calls are bounded.
            tokio::spawn(async move { commands.send(command).await });
        }
    }
}

/// One connection's place in the inbox, given back when its message is taken out.
pub(crate) type Turn = tokio::sync::OwnedSemaphorePermit;

/// What a socket brings to the driver.
pub(crate) enum Arrived {
    Message(Arrival, Message, Option<Turn>),
    Malformed(Arrival, ParseError, Option<Turn>),
    Opened {
        flow: FlowId,
        transport: Transport,
        remote: SocketAddr,
        identities: Vec<String>,
        outbox: Outbox,
    },
    Closed(FlowId),
    Unreachable(Vec<SendId>),
}

/// Opens the listeners and starts the driver.
///
/// Fails with the listener that could not be bound, and why.
pub async fn start(
    config: SipConfig,
    resolver: Arc<Resolver>,
    switchboard: impl FnOnce(SipHandle) -> Box<dyn Switchboard>,
) -> Result<SipHandle, String> {
    let (inbox_tx, inbox) = mpsc::channel(INBOX);
    let (commands_tx, commands) = mpsc::channel(COMMANDS);
    let flows = Arc::new(AtomicU64::new(1));
    let connections = Connections::new(&config, Arc::clone(&flows), inbox_tx.clone())?;
    let mut udp = Vec::new();
    let mut bound = Vec::new();
    let mut tasks = JoinSet::new();
    for &(transport, address) in &config.listen {
        let fault = |e: std::io::Error| {
            format!(
                "[sip] listen: cannot bind {} {address}: {e}; is another server there?",
                transport.as_str()
            )
        };
        let local = match transport {
            Transport::Udp => {
                let flow = FlowId(flows.fetch_add(1, Ordering::Relaxed));
                let socket = Arc::new(udp::bind(address).map_err(fault)?);
                let local = socket.local_addr().map_err(fault)?;
                tasks.spawn(udp::receive(Arc::clone(&socket), flow, local, inbox_tx.clone()));
                udp.push(UdpFlow { flow, local, socket });
                local
            }
            Transport::Tcp | Transport::Tls => {
                let listener = TcpListener::bind(address).await.map_err(fault)?;
                let local = listener.local_addr().map_err(fault)?;
                tasks.spawn(Arc::clone(&connections).accept(listener, transport));
                local
            }
        };
        tracing::info!(transport = transport.as_str(), %local, "listening for SIP");
        bound.push((transport, local));
    }
    let mut seed = [0u8; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| "the system gives no random numbers".to_owned())?;
    let endpoint = Endpoint::new(endpoint_config(&config, &bound), seed);
    let handle = SipHandle {
        commands: commands_tx,
        bound: Arc::new(bound),
    };
    let driver = Driver {
        endpoint,
        udp,
        streams: HashMap::new(),
        connections,
        resolver,
        inbox,
        inbox_tx,
        commands,
        answers: JoinSet::new(),
        switchboard: switchboard(handle.clone()),
        _tasks: tasks,
    };
    tokio::spawn(driver.run());
    Ok(handle)
}

fn endpoint_config(config: &SipConfig, bound: &[(Transport, SocketAddr)]) -> EndpointConfig {
    use landbridge_sip::message::Host;
    use landbridge_sip::ua::Local;
    let host = config.public_name.as_deref().and_then(|name| Host::parse(name).ok());
    let is_named = host.is_some();
    let local = |&(transport, bound): &(Transport, SocketAddr)| {
        let host = host
            .clone()
            .or_else(|| bound.ip().is_unspecified().then(|| Host::from(own_address(bound.ip()))));
        Local {
            transport,
            bound,
            host,
            is_named,
            port: bound.port(),
        }
    };
    let agent = concat!("Landbridge/", env!("CARGO_PKG_VERSION"));
    let mut endpoint = EndpointConfig::new(agent, bound.iter().map(local).collect());
    endpoint.max_calls = config.max_calls;
    endpoint
}

/// Returns the address that others see, for a listener on all addresses: the source of the default route.
///
/// Connecting a UDP socket asks the routing table and sends nothing; the targets are documentation addresses.
fn own_address(any: IpAddr) -> IpAddr {
    let (far, loopback): (SocketAddr, IpAddr) = match any {
        IpAddr::V4(_) => ((Ipv4Addr::new(192, 0, 2, 1), 9).into(), Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => (
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
            Ipv6Addr::LOCALHOST.into(),
        ),
    };
    address_towards(far).unwrap_or(loopback)
}

/// Asks the system which of our addresses a far end will see; sends nothing.
pub fn address_towards(far: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = if far.is_ipv6() {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(far)?;
    Ok(socket.local_addr()?.ip())
}

struct UdpFlow {
    flow: FlowId,
    local: SocketAddr,
    socket: Arc<UdpSocket>,
}

struct StreamFlow {
    transport: Transport,
    remote: SocketAddr,
    identities: Vec<String>,
    outbox: Outbox,
}

/// Feeds the core with what arrives and does what it asks for.
struct Driver {
    endpoint: Endpoint,
    udp: Vec<UdpFlow>,
    streams: HashMap<FlowId, StreamFlow>,
    connections: Arc<Connections>,
    resolver: Arc<Resolver>,
    inbox: mpsc::Receiver<Arrived>,
    inbox_tx: mpsc::Sender<Arrived>,
    commands: mpsc::Receiver<Command>,
    answers: JoinSet<(QueryId, Vec<Target>)>,
    switchboard: Box<dyn Switchboard>,
    _tasks: JoinSet<()>,
}

impl Driver {
    async fn run(mut self) {
        loop {
            let deadline = self
                .endpoint
                .deadline()
                .unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
            let input = tokio::select! {
                Some(arrived) = self.inbox.recv() => match self.arrived(arrived) {
                    Some(input) => input,
                    None => continue,
                },
                command = self.commands.recv() => match command {
                    Some(command) => Input::Command(command),
                    None => return,
                },
                Some(answer) = self.answers.join_next() => match answer {
                    Ok((query, targets)) => Input::Resolved { query, targets },
                    Err(_) => continue,
                },
                () = tokio::time::sleep_until(deadline.into()) => Input::Timeout,
            };
            self.endpoint.handle(Instant::now(), input);
            self.drain();
        }
    }

    /// Keeps the table of connections, and turns what arrived into the core's input.
    fn arrived(&mut self, arrived: Arrived) -> Option<Input> {
        match arrived {
            Arrived::Message(arrival, message, turn) => {
                drop(turn);
                Some(Input::Received(arrival, message))
            }
            Arrived::Malformed(arrival, error, turn) => {
                drop(turn);
                metrics::counter!("landbridge_sip_malformed_total").increment(1);
                tracing::debug!(%error, transport = arrival.transport.as_str(), "malformed SIP message");
                Some(Input::Malformed(arrival, error))
            }
            Arrived::Opened {
                flow,
                transport,
                remote,
                identities,
                outbox,
            } => {
                self.streams.insert(
                    flow,
                    StreamFlow {
                        transport,
                        remote,
                        identities,
                        outbox,
                    },
                );
                None
            }
            Arrived::Closed(flow) => {
                self.streams.remove(&flow);
                Some(Input::FlowClosed(flow))
            }
            Arrived::Unreachable(sends) => {
                for send in sends {
                    self.endpoint.handle(Instant::now(), Input::SendFailed(send));
                    self.drain();
                }
                None
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                Output::Send { id, to, bytes } => self.send(id, to, bytes),
                Output::Resolve { query, lookup } => {
                    let resolver = Arc::clone(&self.resolver);
                    self.answers
                        .spawn(async move { (query, resolver.resolve(&lookup).await) });
                }
                Output::Event(event) => self.switchboard.event(event),
            }
        }
    }

    fn send(&mut self, id: SendId, to: Destination, bytes: Vec<u8>) {
        let sent = match to {
            Destination::Flow { flow, remote } => match self.udp.iter().find(|udp| udp.flow == flow) {
                Some(udp) => udp::send(&udp.socket, &bytes, remote),
                None => self
                    .streams
                    .get(&flow)
                    .is_some_and(|stream| stream.outbox.send(id, bytes)),
            },
            Destination::Target(target) => match target.transport {
                Transport::Udp => self
                    .udp_towards(target.address.ip())
                    .is_some_and(|udp| udp::send(&udp.socket, &bytes, target.address)),
                Transport::Tcp | Transport::Tls => {
                    let open = self.streams.values().find(|stream| stream.serves(&target));
                    match open {
                        Some(stream) => stream.outbox.send(id, bytes),
                        None => {
                            Arc::clone(&self.connections).open(target, id, bytes);
                            true
                        }
                    }
                }
            },
        };
        if !sent {
            // Fed back through the inbox: the core is being drained right now.
            let _ = self.inbox_tx.try_send(Arrived::Unreachable(vec![id]));
        }
    }

    fn udp_towards(&self, to: IpAddr) -> Option<&UdpFlow> {
        let same = |udp: &&UdpFlow| udp.local.is_ipv6() == to.is_ipv6();
        let near = |udp: &&UdpFlow| same(udp) && udp.local.ip().is_loopback() == to.is_loopback();
        self.udp.iter().find(near).or_else(|| self.udp.iter().find(same))
    }
}

impl StreamFlow {
    /// Tells whether a connection may carry a request to a target: same address, and over TLS a verified name
    /// (RFC 5923 §8: an alias needs the identity, an address alone proves nothing).
    fn serves(&self, target: &Target) -> bool {
        let named = |name: &String| {
            self.identities
                .iter()
                .any(|identity| identity.eq_ignore_ascii_case(name))
        };
        self.transport == target.transport
            && match (&target.tls_name, target.transport) {
                (Some(name), Transport::Tls) => named(name),
                _ => self.remote == target.address,
            }
    }
}
