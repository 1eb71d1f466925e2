// SPDX-License-Identifier: EUPL-1.2
//! Keeps a stream up: connects, logs in, and begins again when it breaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use landbridge_jingle::own::Domain;
use landbridge_sip::message::Host;
use landbridge_sip::ua::{Lookup, Transport};
use rand::Rng;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::link::Link;
use super::{Incoming, Outgoing, Trouble};
use crate::net::resolve::Resolver;

/// How long one address may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// The first wait before another try, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The wait while another connection holds the component: it may be our own of before, which the server still believes.
const CONFLICT_WAIT: Duration = Duration::from_millis(1500);
/// A stream that lived so long was a good one: the waits begin again.
const GOOD: Duration = Duration::from_secs(1);
/// How long the kernel keeps what nobody acknowledges.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Where the stream goes, and who we are.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Our domain.
    pub domain: Domain,
    /// The server's host and port.
    pub server: (String, u16),
    /// What we share with it.
    pub secret: String,
}

/// Keeps the stream up until its user closes it. `tell` learns each change: nothing, or why there is no stream.
pub(crate) async fn keep(
    settings: Settings,
    resolver: Arc<Resolver>,
    mut wanted: mpsc::Receiver<Outgoing>,
    heard: mpsc::Sender<Incoming>,
    tell: impl Fn(Option<&Trouble>),
) {
    let mut wait = FIRST_WAIT;
    for epoch in 1u64.. {
        let trouble = match open(&settings, &resolver).await {
            Ok(mut link) => {
                tell(None);
                if heard.send(Incoming::Up(epoch)).await.is_err() {
                    return;
                }
                let since = Instant::now();
                let Some(trouble) = link.run(epoch, &mut wanted, &heard).await else {
                    return;
                };
                if since.elapsed() >= GOOD {
                    wait = FIRST_WAIT;
                }
                if heard.send(Incoming::Down).await.is_err() {
                    return;
                }
                trouble
            }
            Err(trouble) => trouble,
        };
        metrics::counter!("landbridge_xmpp_stream_failures_total", "why" => trouble.as_str()).increment(1);
        tell(Some(&trouble));
        let pause = match trouble {
            Trouble::Conflict => CONFLICT_WAIT,
            _ => wait,
        };
        wait = (wait * 2).min(LONGEST_WAIT);
        if is_closed_while(jittered(pause), &mut wanted).await {
            return;
        }
    }
}

/// Waits; returns true if the stream is not wanted any more.
async fn is_closed_while(pause: Duration, wanted: &mut mpsc::Receiver<Outgoing>) -> bool {
    let closed = async {
        loop {
            match wanted.recv().await {
                // Meant for a stream that is no more.
                Some(Outgoing::Stanza(..)) => {}
                Some(Outgoing::Close) | None => return,
            }
        }
    };
    timeout(pause, closed).await.is_ok()
}

/// Spreads a wait by a quarter either way, so that many gateways do not come back at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.75..=1.25))
}

async fn open(settings: &Settings, resolver: &Resolver) -> Result<Link<TcpStream>, Trouble> {
    let io = connect(settings, resolver).await?;
    Link::open(io, &settings.domain, &settings.secret).await
}

/// Connects to the first address that accepts.
async fn connect(settings: &Settings, resolver: &Resolver) -> Result<TcpStream, Trouble> {
    let (host, port) = &settings.server;
    let mut trouble = Trouble::NoAddress;
    for address in addresses(host, *port, resolver).await {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(io)) => {
                prepare(&io);
                return Ok(io);
            }
            Ok(Err(error)) => trouble = Trouble::of_io(&error),
            Err(_) => trouble = Trouble::Unanswered,
        }
    }
    Err(trouble)
}

async fn addresses(host: &str, port: u16, resolver: &Resolver) -> Vec<SocketAddr> {
    let Ok(host) = Host::parse(host) else {
        return Vec::new();
    };
    let lookup = Lookup {
        host,
        port: Some(port),
        transport: Some(Transport::Tcp),
        secure: false,
    };
    let targets = resolver.resolve(&lookup).await;
    targets.into_iter().map(|target| target.address).collect()
}

/// Sends small stanzas at once, and lets the kernel notice a dead peer. Where it cannot be set, our own clocks do.
fn prepare(io: &TcpStream) {
    let _ = io.set_nodelay(true);
    let socket = socket2::SockRef::from(io);
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}
