// SPDX-License-Identifier: EUPL-1.2
//! An XMPP client for load: one plain stream to the organisation's server, no more XMPP than a call needs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use landbridge_interop_tests::peers::names::Domain;

/// How long the server may take for one step of the login.
const PATIENCE: Duration = Duration::from_secs(10);

/// One client that is online.
pub(crate) struct XmppClient {
    socket: TcpStream,
    stanzas: Receiver<String>,
    /// Its full address.
    pub(crate) jid: String,
}

impl XmppClient {
    /// Comes online with an account of the domain's server.
    pub(crate) fn connect(domain: Domain, name: &str) -> XmppClient {
        let mut socket = TcpStream::connect((domain.address, 5222)).expect("the server takes clients");
        socket
            .set_nodelay(true)
            .and_then(|()| socket.set_read_timeout(Some(PATIENCE)))
            .expect("a connected socket takes options");
        let header = format!(
            "<stream:stream to='{}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
            domain.name
        );
        let mut step = |say: &str, until: &str| {
            socket.write_all(say.as_bytes()).expect("the server reads");
            let (mut heard, mut buffer) = (String::new(), [0; 4096]);
            while !heard.contains(until) {
                let read = socket.read(&mut buffer).unwrap_or(0);
                assert!(read > 0, "the server does not say {until}, but {heard}");
                heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            heard
        };
        step(&header, "</stream:features>");
        let secret = base64::engine::general_purpose::STANDARD.encode(format!("\0{name}\0pw-{name}"));
        let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>");
        step(&auth, "<success");
        step(&header, "</stream:features>");
        let bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind></iq>";
        let bound = step(bind, "</iq>");
        let jid = between(&bound, "<jid>", "</jid>")
            .expect("a bound client has an address")
            .to_owned();
        socket.set_read_timeout(None).expect("a connected socket takes options");
        let (sender, stanzas) = channel();
        let reader = socket.try_clone().expect("a socket can be shared");
        std::thread::spawn(move || read(reader, &sender));
        XmppClient { socket, stanzas, jid }
    }

    /// Sends a stanza.
    pub(crate) fn send(&mut self, stanza: &str) {
        self.socket.write_all(stanza.as_bytes()).expect("the server reads");
    }

    /// Waits for the next stanza, until a time.
    pub(crate) fn next(&self, until: Instant) -> Option<String> {
        self.stanzas
            .recv_timeout(until.saturating_duration_since(Instant::now()))
            .ok()
    }
}

/// Returns what stands between two texts.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

/// Returns the value of an attribute of the first element with this name.
pub(crate) fn attribute<'a>(xml: &'a str, element: &str, name: &str) -> Option<&'a str> {
    let tag = between(xml, &format!("<{element} "), ">")?;
    ["'", "\""]
        .into_iter()
        .find_map(|quote| between(tag, &format!("{name}={quote}"), quote))
}

/// Cuts the stream into stanzas.
fn read(mut socket: TcpStream, to: &Sender<String>) {
    let (mut text, mut buffer) = (String::new(), vec![0; 65_536]);
    while let Ok(read @ 1..) = socket.read(&mut buffer) {
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        while let Some(end) = stanza_end(&text) {
            let rest = text.split_off(end);
            if to.send(std::mem::replace(&mut text, rest)).is_err() {
                return;
            }
        }
    }
}

/// Finds the end of the first element; a server escapes what could be taken for a tag.
fn stanza_end(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    while let Some(open) = text[at..].find('<') {
        let close = at + open + text[at + open..].find('>')?;
        let tag = &text[at + open..=close];
        if tag.starts_with("</") {
            depth -= 1;
        } else if !tag.ends_with("/>") {
            depth += 1;
        }
        at = close + 1;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_are_cut_where_they_end() {
        let text = "<iq id='1'><a b='c'/></iq><message/>";
        let end = stanza_end(text).expect("a whole stanza");
        assert_eq!(&text[..end], "<iq id='1'><a b='c'/></iq>");
        assert_eq!(stanza_end(&text[end..]), Some("<message/>".len()));
        assert_eq!(stanza_end("<iq><a>"), None);
        assert_eq!(attribute("<x a='1' b=\"2\">", "x", "b"), Some("2"));
    }
}
