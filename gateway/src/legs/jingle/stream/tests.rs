// SPDX-License-Identifier: EUPL-1.2
//! The stream against a stand-in for a server: it speaks the few lines of XEP-0114 and does what a test asks.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use landbridge_jingle::own::Domain;
use landbridge_jingle::packet::Packet;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::link::Link;
use super::{Incoming, Outgoing, Settings, Trouble, Wire, keep, ways};
use crate::net::resolve::Resolver;

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' \
                      xmlns='jabber:component:accept' id='4711' from='meet.example'>";
/// SHA-1 of "4711" and "geheim".
const HASH: &str = "3eb93aac76ddf51f033f247799ebeaeb5e8d1155";
const GOOD: &str = "<message from='alice@a.example/x' to='1@meet.example'><body>good</body></message>";

fn domain() -> Domain {
    Domain::new("meet.example").unwrap()
}

/// The stand-in's side of one connection.
struct Server<Io> {
    io: Io,
    read: String,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Server<Io> {
    fn new(io: Io) -> Server<Io> {
        let read = String::new();
        Server { io, read }
    }

    async fn until(&mut self, what: &str) -> String {
        while !self.read.contains(what) {
            let mut chunk = [0u8; 4096];
            let n = self.io.read(&mut chunk).await.unwrap();
            assert!(n > 0, "closed before {what:?} came; read {:?}", self.read);
            self.read.push_str(&String::from_utf8_lossy(&chunk[..n]));
        }
        std::mem::take(&mut self.read)
    }

    async fn say(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }

    async fn admit(&mut self) {
        let header = self.until("'1.0'>").await;
        assert!(header.contains("meet.example"), "{header}");
        self.say(HEADER).await;
        self.until("</handshake>").await;
        self.say("<handshake/>").await;
    }
}

/// The gateway's side: what a driver has.
struct Ours {
    wire: Wire,
    incoming: mpsc::Receiver<Incoming>,
    troubles: Arc<Mutex<Vec<Trouble>>>,
}

impl Ours {
    /// Keeps a stream to the stand-in that listens here.
    async fn start() -> (Ours, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings {
            domain: domain(),
            server: ("127.0.0.1".into(), listener.local_addr().unwrap().port()),
            secret: "geheim".into(),
        };
        let (wire, wanted, heard, incoming) = ways();
        let troubles = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&troubles);
        let tell = move |trouble: Option<&Trouble>| told.lock().unwrap().extend(trouble.cloned());
        let resolver = Arc::new(Resolver::system());
        tokio::spawn(keep(settings, resolver, wanted, heard, tell));
        let ours = Ours {
            wire,
            incoming,
            troubles,
        };
        (ours, listener)
    }

    async fn next(&mut self) -> Incoming {
        let next = timeout(Duration::from_secs(10), self.incoming.recv()).await;
        next.expect("something happens").expect("the keeper lives")
    }

    async fn up(&mut self) -> u64 {
        match self.next().await {
            Incoming::Up(epoch) => {
                self.wire.up(epoch);
                epoch
            }
            other => panic!("{other:?}"),
        }
    }

    async fn body(&mut self) -> String {
        match self.next().await {
            Incoming::Stanza(stanza) => stanza.children().map(minidom::Element::text).collect(),
            other => panic!("{other:?}"),
        }
    }
}

async fn accept(listener: &TcpListener) -> Server<TcpStream> {
    Server::new(listener.accept().await.unwrap().0)
}

fn message(text: &str) -> Packet {
    let body = minidom::Element::builder("body", "jabber:component:accept").append(text);
    let from = domain().address("1", "landbridge").unwrap();
    Packet::message(
        from,
        jid::Jid::new("alice@a.example").unwrap(),
        "chat",
        None,
        vec![body.build()],
    )
    .unwrap()
}

#[tokio::test]
async fn the_component_logs_in_and_stanzas_go_both_ways() {
    let (mut ours, listener) = Ours::start().await;
    let mut server = accept(&listener).await;
    server.until("'1.0'>").await;
    server.say(HEADER).await;
    assert!(server.until("</handshake>").await.contains(HASH));
    server.say("<handshake/>").await;
    assert_eq!(ours.up().await, 1);
    server.say(&format!(" \n{GOOD}")).await;
    assert_eq!(ours.body().await, "good");
    assert!(ours.wire.send(message("hello")));
    let read = server.until("</message>").await;
    assert!(
        read.contains("hello") && read.contains("1@meet.example/landbridge"),
        "{read}"
    );
    let closing = tokio::spawn(ours.wire.close());
    server.until("</stream:stream>").await;
    server.say("</stream:stream>").await;
    timeout(Duration::from_secs(3), closing).await.unwrap().unwrap();
}

#[tokio::test]
async fn no_stanza_of_a_stranger_ends_the_stream() {
    let (mut ours, listener) = Ours::start().await;
    let mut server = accept(&listener).await;
    server.admit().await;
    ours.up().await;
    let wrap = |inside: &str| format!("<message from='eve@e.example/x' to='1@meet.example'>{inside}</message>");
    let attributes: String = (0..10_000).map(|n| format!(" a{n}='1'")).collect();
    for hostile in [
        wrap(&format!("<body>{}</body>", "x".repeat(512 * 1024))),
        wrap(&format!("<x xmlns='urn:x'{attributes}/>")),
        wrap(&format!("<x xmlns='urn:x' a='{}'/>", "v".repeat(9000))),
        wrap(&format!("<{0} xmlns='urn:x'></{0}>", "n".repeat(9000))),
        wrap(&format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000))),
        wrap(&"<a/>".repeat(20_000)),
        wrap("<undeclared:a/>"),
        wrap("<a b='1' b='2'/>"),
        wrap("<a></b>"),
        wrap("&bomb;"),
        wrap("\u{1}"),
        wrap("<!-- --><?php ?>"),
        "<presence from='' to='@@'/>".into(),
        "<iq type='result' id='nobody-asked'/>".into(),
        "<unknown xmlns='urn:x'><y/></unknown>".into(),
    ] {
        let begun = Instant::now();
        server.say(&hostile).await;
        server.say(GOOD).await;
        while ours.body().await != "good" {}
        let took = begun.elapsed();
        assert!(
            took < Duration::from_millis(500),
            "{took:?} for {}",
            &hostile[..80.min(hostile.len())]
        );
    }
    assert_eq!(*ours.troubles.lock().unwrap(), []);
}

#[tokio::test]
async fn a_restarted_server_has_us_back_and_nothing_old_is_sent_to_it() {
    let (mut ours, listener) = Ours::start().await;
    let mut server = accept(&listener).await;
    server.admit().await;
    ours.up().await;
    server.say("</stream:stream>").await;
    drop(server);
    let begun = Instant::now();
    // The driver has not heard yet: what it sends now was for the old stream.
    ours.wire.send(message("old"));
    assert!(matches!(ours.next().await, Incoming::Down));
    let mut server = accept(&listener).await;
    server.admit().await;
    assert_eq!(ours.up().await, 2);
    assert!(begun.elapsed() < Duration::from_secs(1));
    ours.wire.send(message("new"));
    let read = server.until("</message>").await;
    assert!(read.contains("new") && !read.contains("old"), "{read}");
    // The footer comes first, unless writing failed before it was read.
    assert_eq!(ours.troubles.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_server_objects_to_is_told_apart() {
    let (mut ours, listener) = Ours::start().await;
    for condition in ["conflict", "not-authorized", "host-unknown"] {
        let mut server = accept(&listener).await;
        server.until("'1.0'>").await;
        server.say(HEADER).await;
        let error = "<stream:error><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>no</text>";
        let condition = format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
        server
            .say(&format!("{error}{condition}</stream:error></stream:stream>"))
            .await;
    }
    let mut server = accept(&listener).await;
    server.admit().await;
    ours.up().await;
    let expected = [Trouble::Conflict, Trouble::NotAuthorized, Trouble::HostUnknown];
    assert_eq!(*ours.troubles.lock().unwrap(), expected);
}

/// Logs in over a pipe of this size, in virtual time, and runs the link until it breaks.
async fn broken_by<F>(size: usize, serve: impl FnOnce(Server<DuplexStream>) -> F, send: usize) -> Trouble
where
    F: Future<Output = ()> + Send + 'static,
{
    let (here, there) = tokio::io::duplex(size);
    let mut server = Server::new(there);
    let us = domain();
    let (link, ()) = tokio::join!(Link::open(here, &us, "geheim"), server.admit());
    tokio::spawn(serve(server));
    let (mut wire, mut wanted, heard, mut incoming) = ways();
    wire.up(1);
    for _ in 0..send {
        wire.send(message(&"x".repeat(1000)));
    }
    tokio::spawn(async move { while incoming.recv().await.is_some() {} });
    let mut link = link.expect("logged in");
    timeout(Duration::from_secs(20), link.run(1, &mut wanted, &heard))
        .await
        .expect("noticed")
        .expect("broken")
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_noticed_within_fifteen_seconds() {
    let begun = Instant::now();
    let silent = |mut server: Server<DuplexStream>| async move {
        while server.io.read(&mut [0u8; 1024]).await.is_ok_and(|n| n > 0) {}
    };
    assert_eq!(broken_by(64 * 1024, silent, 0).await, Trouble::Silent);
    assert!(begun.elapsed() <= Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_is_noticed_while_it_is_still_read() {
    let begun = Instant::now();
    let talking = |mut server: Server<DuplexStream>| async move {
        loop {
            if server.io.write_all(GOOD.as_bytes()).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    assert_eq!(broken_by(4096, talking, 100).await, Trouble::Stalled);
    assert!(begun.elapsed() <= Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_signs_of_life_is_kept() {
    let (here, there) = tokio::io::duplex(4096);
    let mut server = Server::new(there);
    let us = domain();
    let (link, ()) = tokio::join!(Link::open(here, &us, "geheim"), server.admit());
    tokio::spawn(async move {
        loop {
            let ping = server.until("</iq>").await;
            assert!(ping.contains("urn:xmpp:ping"), "{ping}");
            server.say(&ping).await;
        }
    });
    let (wire, mut wanted, heard, mut incoming) = ways();
    let mut link = link.unwrap();
    assert!(
        timeout(Duration::from_secs(120), link.run(1, &mut wanted, &heard))
            .await
            .is_err()
    );
    assert!(incoming.try_recv().is_err(), "our own question is none of the driver's");
    drop((wire, Outgoing::Close));
}
